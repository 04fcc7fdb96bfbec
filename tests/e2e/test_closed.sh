#!/bin/sh
# Keys: whoever pins another key than the broker's gets no session; a lease and a job are of use to
# their owner alone. Takes the program and the thief (thief.c).
. "$(dirname "$0")/market.sh"
market_open "$1"
thief=$2

# refused CODE TEXT COMMAND...: it ends with that code and says that.
refused() {
    expected=$1
    text=$2
    shift 2
    code=0
    "$@" >"$dir/refused.out" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || fail "$*: ended with $code, expected $expected"
    grep -q "$text" "$dir/refused.out" || fail "$*: does not say \"$text\": $(cat "$dir/refused.out")"
    say "ok: refused, $code: $(tail -n 1 "$dir/refused.out")"
}

job_write secret 30 2 0.1 256
broker_start --heartbeat 5s
worker_start house
key_make stranger

# The pinned key is another's.
wrong="--broker $address --broker-key $dir/house.key.pub --key $dir/requester.key"
refused 7 "does not hold the pinned key" "$gradmill" status $wrong
refused 7 "does not hold the pinned key" "$gradmill" submit "$dir/secret.json" $wrong
refused 7 "does not hold the pinned key" "$gradmill" worker --dir "$dir/other" $wrong

# No key, and one that others can read.
right="--broker $address --broker-key $dir/broker.key.pub"
refused 4 "$dir/none.key: cannot open: No such file" "$gradmill" worker $right --key "$dir/none.key"
cp "$dir/stranger.key" "$dir/open.key"
chmod 0644 "$dir/open.key"
refused 7 "$dir/open.key" "$gradmill" status $right --key "$dir/open.key"
refused 2 "broker-key" "$gradmill" status --broker "$address" --key "$dir/requester.key"

# Another worker's lease.
job_submit secret
worker_start a
code=3
while [ "$code" -eq 3 ]; do # leases are short: only of a worker that stands still it can be said
    kill -STOP "$(pid_of a)"
    if holds_lease a; then
        newest=$(find "$dir/a/receipts" -name 'lease-*.cose' -exec ls -t {} + | head -n 1)
        code=0
        "$thief" "$address" "$dir/broker.key.pub" "$dir/stranger.key" "$dir/a.key" "$newest" ||
            code=$?
    fi
    kill -CONT "$(pid_of a)"
    job_over && fail "the job is over before its worker was found at work"
done
[ "$code" -eq 0 ] || fail "a lease was of use to another key"
say "ok: a lease is of no use to another key"

# Another requester's job.
for verb in "status $job" "cancel $job" "fetch $job --out $dir/stolen"; do
    refused 4 "no such job" "$gradmill" $verb $right --key "$dir/stranger.key"
done
[ -z "$("$gradmill" status $right --key "$dir/stranger.key" --json)" ] ||
    fail "another requester's job is listed"
job_wait
