#!/bin/sh
# SIGTERM lets a worker finish what it promised, or give it back; a second one ends it at once. A demo
# that is stopped leaves no process behind.
. "$(dirname "$0")/market.sh"
market_open "$1"

waits_for_work() { grep -q '"event":"ready"' "$dir/$1.log" && grep -q . "$dir/$1.log"; }

now_ms() { date +%s%N | sed 's/......$//'; }

broker_start
worker_start house
worker_start idle --json

# An idle one, in the middle of a question that waits at the broker.
until_true waits_for_work idle
job_write busy 200 2 0.1 256
start_ms=$(now_ms)
finish TERM idle
took_ms=$(($(now_ms) - start_ms))
[ "$code" -eq 0 ] || fail "an idle worker ended with $code"
[ "$took_ms" -lt 2000 ] || fail "an idle worker took $took_ms ms to end"
say "ok: an idle worker ends within $took_ms ms of SIGTERM"

# One that holds a lease: it is done or given back, not left to run out.
worker_start a
job_submit busy
until_true holds_lease a
finish TERM a
[ "$code" -eq 0 ] || fail "a busy worker ended with $code"
grep -q 'drained' "$dir/a.log" || fail "a busy worker did not say that it drained"
! grep -q 'its worker is silent' "$dir/broker.log" || fail "a drained worker left its lease behind"
say "ok: a busy worker finishes its lease or gives it back"

# One whose owner wants the machine back gives its lease back, asks for none, and goes on when told to.
worker_start s
until_true holds_lease s
kill -USR1 "$(pid_of s)"
until_true grep -q 'suspended' "$dir/s.log"
kill -CONT "$(pid_of s)"
receipts() { find "$dir/s" -name 'receipt-*.cose' | wc -l; }
before=$(receipts)
works_again() { [ "$(receipts)" -gt "$before" ]; }
until_true works_again
finish TERM s
[ "$code" -eq 0 ] || fail "a worker that was suspended ended with $code"
say "ok: a suspended worker gives its lease back, and works again when told to"

# One whose broker does not answer is told twice.
worker_start b
until_true holds_lease b
kill -STOP "$(pid_of broker)"
kill -TERM "$(pid_of b)"
until_true grep -q . "$dir/b.log"
sleep 0.2 # two signals of a kind that are pending at once are one
finish TERM b
[ "$code" -eq 143 ] || fail "a second SIGTERM ended the worker with $code"
kill -CONT "$(pid_of broker)"
say "ok: the second SIGTERM ends at once"

# The broker, too, ends in order, and the house worker without one.
finish TERM broker
[ "$code" -eq 0 ] || fail "the broker ended with $code"
kill -TERM "$(pid_of house)"
sleep 0.2
finish TERM house

# Ctrl-C during a demo.
"$gradmill" demo --steps 5000 --dir "$dir/demo" >"$dir/demo.log" 2>&1 &
echo $! >"$dir/demo.pid"
demo_works() { [ -n "$(find "$dir/demo" -name 'receipt-*.cose' 2>/dev/null | head -n 1)" ]; }
until_true demo_works
finish INT demo
[ "$code" -eq 9 ] || fail "a stopped demo ended with $code"
for process in /proc/[0-9]*; do
    line=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline") || continue
    case $line in
    *"$dir/demo"*) fail "left behind: $line" ;;
    esac
done
say "ok: a stopped demo leaves no process behind"
