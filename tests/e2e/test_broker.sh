#!/bin/sh
# What can be wrong around a broker: its port, its folder, its records, who connects to it, its disk.
# Takes the program and the vandal (vandal.c).
. "$(dirname "$0")/market.sh"
market_open "$1"
vandal=$2

# refused CODE TEXT OPTIONS...: a broker that does not start, and says why.
refused() {
    expected=$1
    text=$2
    shift 2
    code=0
    timeout 60 "$gradmill" broker --key "$dir/broker.key" --house "$dir/house.key.pub" "$@" \
        >"$dir/refused.out" 2>&1 || code=$?
    [ "$code" -eq "$expected" ] || fail "broker $*: ended with $code: $(cat "$dir/refused.out")"
    grep -q "$text" "$dir/refused.out" || fail "broker $*: does not say \"$text\": $(cat "$dir/refused.out")"
    say "ok: refused, $code: $(cat "$dir/refused.out")"
}

told() { job_text text | grep -q "$1"; }

job_write noisy 60 2 0.1 64
train_alone noisy
broker_start
worker_start house
worker_start w

refused 4 "$address: cannot listen: Address in use" --listen "$address" --dir "$dir/second"
refused 6 "$dir/broker/state.db: .*in use" --listen tcp://127.0.0.1:0 --dir "$dir/broker"
refused 4 "$dir/text.txt/x: cannot create folder" --listen tcp://127.0.0.1:0 --dir "$dir/text.txt/x"

# Garbage on both ports while a job runs.
job_submit noisy
port=${address##*:}
throws=0
until job_over; do
    "$vandal" "$port" 48 || fail "garbage closed a port"
    throws=$((throws + 48))
done
job_wait
same_params "garbage thrown $throws times"
[ "$(job_number reissued)" -eq 0 ] || say "reissued: $(job_number reissued)"
rm -rf "$dir/fetched"

# Too little room for blobs: no leases, and the reason can be read; more room, and it goes on.
finish TERM broker
broker_start --disk 300KiB
job_submit noisy
until_true told "paused: the broker's"
say "ok: $(job_text text)"
finish KILL broker
broker_start --disk 8MiB
job_wait
same_params "a quota that was raised"
rm -rf "$dir/fetched"

# Records that are not what they were.
finish TERM broker
cp -R "$dir/broker" "$dir/broken"
echo "no database" >"$dir/broken/state.db"
refused 3 "$dir/broken/state.db: .*not a database" --listen tcp://127.0.0.1:0 --dir "$dir/broken"
cp "$dir/broker/state.db" "$dir/broken/state.db"
dd if=/dev/zero of="$dir/broken/state.db" bs=1024 seek=6 count=40 conv=notrunc 2>/dev/null
refused 3 "$dir/broken/state.db: " --listen tcp://127.0.0.1:0 --dir "$dir/broken"

# A disk that is full, of which only root can make a small one.
mkdir "$dir/small"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=12m tmpfs "$dir/small" 2>/dev/null; then
    mounted=$dir/small
    rm -rf "$dir/broker"
    broker_start --dir "$dir/small"
    job_submit noisy
    until_true job_at 5
    dd if=/dev/zero of="$dir/small/filler" bs=64k count=1000 2>/dev/null
    until_true told "paused: the broker's disk or quota is full"
    say "ok: $(job_text text)"
    rm "$dir/small/filler"
    job_wait
    same_params "a disk that was full for a while"
else
    say "skipped: a full disk needs root and a tmpfs"
fi
