#!/bin/sh
# One job gives the same weights alone, and on a market with 1, 3 and 8 workers.
. "$(dirname "$0")/market.sh"
market_open "$1"

job_write small 8 8 0.25
train_alone small

broker_start
worker_start house
for count in 1 3 8; do
    i=1
    while [ "$i" -le "$count" ]; do
        [ -f "$dir/w$i.pid" ] || worker_start "w$i"
        i=$((i + 1))
    done
    job_submit small
    job_wait
    same_params "$count workers"
    [ "$(job_number rejected)" -eq 0 ] || fail "an honest result was rejected"
done
