#!/bin/sh
# Small: an idle worker, a broker's disk over a long job; and a job that no worker has the memory or
# the disk for waits, says why, and goes on when one comes.
. "$(dirname "$0")/market.sh"
market_open "$1"

resident_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(pid_of "$1")/status"; }
disk_kib() { du -sk "$@" | awk '{ sum += $1 } END { print sum }'; }
ready() { grep -q '"event":"ready"' "$dir/$1.log"; }
told() { job_text text | grep -q "$1"; }

job_write long 240 2 0.1
train_alone long
broker_start
worker_start house
worker_start idle --json --threads 0
until_true ready idle

# An instrumented build is larger by what its instruments take.
small=$(resident_kib idle)
if ! grep -q -e __asan_init -e __tsan_init "$gradmill"; then
    [ "$small" -lt 30720 ] || fail "an idle worker takes $small KiB"
    say "ok: an idle worker takes $small KiB, the broker $(resident_kib broker) KiB"
fi

job_submit long
until_true job_at 40
early=$(disk_kib "$dir/broker/blobs")
until_true job_at 200
late=$(disk_kib "$dir/broker/blobs")
records=$(disk_kib "$dir"/broker/state.db*)
job_wait
same_params "240 steps"
[ "$late" -le $((early * 2 + 1024)) ] || fail "blobs grew from $early KiB to $late KiB"
[ "$records" -le 40960 ] || fail "the broker's records take $records KiB"
say "ok: blobs $early KiB at step 40, $late KiB at step 200; records $records KiB"
after=$(resident_kib idle)
say "after it the worker takes $after KiB, the broker $(resident_kib broker) KiB"
finish TERM idle

# Too little memory for a gradient: not offered, and the job says so.
job_write wide 3 2 0.1 512
train_alone wide
finish TERM house
worker_start house --memory 8MiB
worker_start small --memory 8MiB
job_submit wide
until_true told 'waits for a worker with [0-9]* MiB of memory'
say "ok: $(job_text text)"
[ ! -e "$dir/small/receipts" ] || ! holds_lease small || fail "it was offered what it cannot do"
worker_start large
until_true told 'waits for a house worker with [0-9]* MiB of memory'
say "ok: $(job_text text)"
finish TERM house
worker_start house
job_wait
same_params "workers with more memory"
for name in small large house; do
    finish TERM $name
done

# Too little disk for the data set: the lease is given back with the reason, and others do it.
worker_start cramped --disk 10KiB
worker_start house --disk 10KiB
job_submit wide
until_true told 'last failure: .* of the quota of 10.0 KiB'
say "ok: $(job_text text)"
finish TERM house
worker_start house
job_wait
same_params "a house worker with more disk"
