#!/bin/sh
# Twenty times a worker or the broker is killed, with SIGKILL and at a moment that a seed draws, and
# started again with what it left on its disk. The weights are those of the job alone.
. "$(dirname "$0")/market.sh"
market_open "$1"

kills_wanted=20
steps=40
seed=${GM_E2E_SEED:-$(date +%s)}
say "seed $seed (GM_E2E_SEED)"

draw() { # LIMIT: $drawn, less than it
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    drawn=$((seed / 65536 % $1))
}

job_write killed $steps 2 0.3 256
train_alone killed
loss_alone=$(sed -n 's/.*"event":"done".*"loss_last":\([^,]*\),.*/\1/p' "$dir/alone.json")

market_start() {
    broker_start --heartbeat 200ms
    for name in house w1 w2 w3; do
        worker_start $name
    done
    job_submit killed
}

broker_kill() {
    finish KILL broker
    broker_start --heartbeat 200ms
}

name_of() { echo house w1 w2 w3 | cut -d ' ' -f $(($1 + 1)); }

# Stops workers, from one that was drawn on, until one holds a lease: $victim, stopped. Leases are
# short: only of one that stands still it can be said.
holder_stop() {
    draw 4
    while :; do
        victim=$(name_of "$drawn")
        kill -STOP "$(pid_of "$victim")"
        holds_lease "$victim" && return
        kill -CONT "$(pid_of "$victim")"
        job_over && return
        drawn=$(((drawn + 1) % 4))
    done
}

# Of five: three times somebody who holds a lease, once the broker while somebody does, once whoever
# is drawn.
victim_kill() {
    case $((kills % 5)) in
    0 | 1 | 2)
        holder_stop
        ;;
    3)
        holder_stop
        holds_lease "$victim" && held=$((held + 1))
        broker_kill
        broker_kills=$((broker_kills + 1))
        kill -CONT "$(pid_of "$victim")"
        return
        ;;
    4)
        draw 4
        victim=$(name_of "$drawn")
        kill -STOP "$(pid_of "$victim")"
        ;;
    esac
    holds_lease "$victim" && held=$((held + 1))
    finish KILL "$victim"
    worker_start "$victim"
}

job_check() {
    job_wait
    same_params "$kills kills, $held while a lease was held, $broker_kills of the broker"
    job_at $steps || fail "the job ended after step $at of $steps"
    ask status "$job" --json | grep -q "\"loss_last\":$loss_alone," ||
        fail "the last loss is not that of the job alone, $loss_alone"
    [ "$(job_number rejected)" -eq 0 ] || fail "an honest result was rejected"
    rm -rf "$dir/fetched"
}

kills=0
held=0
broker_kills=0
market_start
while [ "$kills" -lt "$kills_wanted" ]; do
    draw 20
    sleep "0.$(printf %02d "$drawn")"
    if job_over; then # a fast machine: once more
        job_check
        job_submit killed
    fi
    victim_kill
    kills=$((kills + 1))
done
[ $((held * 2)) -ge "$kills" ] || fail "only $held of $kills died while a lease was held"
job_check
