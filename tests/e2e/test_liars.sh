#!/bin/sh
# Workers that lie are found by replays, banned and told so; the weights are those of the job alone.
. "$(dirname "$0")/market.sh"
market_open "$1"

banned() { grep -q "key $(key_hex liar) is banned" "$dir/broker.log"; }

liar_check() { # WHAT
    job_wait
    same_params "$1"
    banned || fail "$1: the liar was not banned"
    [ "$(job_number rejected)" -ge 1 ] || fail "$1: no result was rejected"
    code=0
    wait "$(pid_of liar)" || code=$?
    [ "$code" -eq 7 ] || fail "$1: the liar ended with $code"
    grep -q 'this key is banned: .*a replay differed' "$dir/liar.log" ||
        fail "$1: the liar was not told"
}

market_end() {
    for name in w1 w2 house broker; do
        [ -f "$dir/$name.pid" ] && finish TERM $name
    done
    rm -rf "$dir/broker" "$dir/house" "$dir/w1" "$dir/w2" "$dir/liar" "$dir"/liar.* "$dir/fetched"
}

# One of three lies from the start: its first results are all replayed before they count.
job_write first 8 4 0.1
train_alone first
broker_start
for name in house w1 w2; do
    worker_start $name
done
worker_start liar --drill lie
job_submit first
liar_check "lies from the start"
[ "$(job_number rewinds)" -eq 0 ] || fail "a result that was to be replayed first was used"
market_end

# One that is honest until its results count at once. With one shard the lie is in the weights before
# it is found, and the job goes back to before it.
for share in 1.0 0.5; do
    job_write later 40 1 $share
    train_alone later
    broker_start
    worker_start house
    worker_start liar --drill lie-after:10
    job_submit later
    liar_check "lies after 10 tasks, replay $share"
    [ "$(job_number rewinds)" -ge 1 ] || fail "replay $share: the lie was used, and nothing was undone"
    rm -rf "$dir/alone-later"
    market_end
done
