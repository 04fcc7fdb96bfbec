# A market of real processes on the loopback, for the tests beside this file:
#
#   . "$(dirname "$0")/market.sh"
#   market_open "$1"                      the gradmill binary
#   job_write job 12 4 0.5                name, steps, shards, replay
#   broker_start; worker_start house; worker_start a
#   job_submit job; job_wait; market_fetch
#
# Everything lies in $dir, which goes with the last process when the script ends well and stays,
# named, when it does not. No test waits for a time: all wait for what they expect, with a deadline.
set -u

mounted= # a file system that goes with the test
patience_s=${GM_E2E_PATIENCE_S:-240}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "FAILED: $*"
    exit 1
}

# ---- processes ----

# Starts `gradmill ARGS` as NAME; its output is in $dir/NAME.log.
start() {
    name=$1
    shift
    : >>"$dir/$name.log"
    "$gradmill" "$@" >>"$dir/$name.log" 2>&1 &
    echo $! >"$dir/$name.pid"
}

pid_of() { cat "$dir/$1.pid"; }

runs() { kill -0 "$(pid_of "$1")" 2>/dev/null; }

# Ends NAME by a signal and waits for it; the exit code is $code.
finish() {
    kill "-$1" "$(pid_of "$2")" 2>/dev/null
    code=0
    wait "$(pid_of "$2")" 2>/dev/null || code=$?
    rm -f "$dir/$2.pid"
}

market_close() {
    result=$?
    trap - EXIT
    for file in "$dir"/*.pid; do
        [ -f "$file" ] && kill -KILL "$(cat "$file")" 2>/dev/null
    done
    wait
    [ -z "$mounted" ] || umount -l "$mounted"
    # What a sanitizer found in a process that ended unseen.
    if grep -E 'ERROR: [A-Za-z]*Sanitizer|WARNING: ThreadSanitizer|runtime error: ' \
        "$dir"/*.log "$dir"/*/*.log 2>/dev/null >&2; then
        result=1
    fi
    if [ "$result" -ne 0 ] && [ "$result" -ne 77 ]; then
        for file in "$dir"/*.log; do
            [ -f "$file" ] && say "---- $file" && tail -n 20 "$file" >&2
        done
        say "its files are kept in $dir"
    else
        rm -rf "$dir"
    fi
    exit "$result"
}

# until CONDITION...: tries the command until it succeeds.
until_true() {
    tries=$((patience_s * 20))
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "waited $patience_s s in vain for: $*"
        sleep 0.05
    done
}

# ---- the market ----

market_open() {
    gradmill=$1
    dir=$(mktemp -d "${TMPDIR:-/tmp}/gradmill-e2e-XXXXXX")
    trap market_close EXIT
    trap 'exit 1' INT TERM HUP
    address=tcp://127.0.0.1:0
    key_make broker
    key_make house
    key_make requester
}

key_make() { "$gradmill" key new "$dir/$1.key" >/dev/null || fail "no key for $1"; }

key_hex() { sed -n '/^[0-9a-f]\{64\}/p' "$dir/$1.key.pub" | head -n 1; }

# The first time on a port of the system's choice, from then on on the same one.
broker_start() {
    : >"$dir/broker.log"
    start broker broker --listen "$address" --dir "$dir/broker" --key "$dir/broker.key" \
        --house "$dir/house.key.pub" --heartbeat 400ms --json "$@"
    until_true broker_ready
    address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$dir/broker.log" | tail -n 1)
}

broker_ready() {
    grep -q '"event":"ready"' "$dir/broker.log" && return 0
    runs broker || fail "the broker did not start"
    return 1
}

# worker_start NAME [OPTIONS]: with a key and a folder of that name.
worker_start() {
    worker=$1
    shift
    [ -f "$dir/$worker.key" ] || key_make "$worker"
    excess_count "$worker"
    echo "$excess" >"$dir/$worker.excess"
    start "$worker" worker --broker "$address" --broker-key "$dir/broker.key.pub" \
        --key "$dir/$worker.key" --dir "$dir/$worker" --threads 1 "$@"
}

# How many more leases than receipts a worker has: $excess. A lease is held while this is more than it
# was when the worker started: what a killed one left behind stays. No process is started for it:
# leases last milliseconds.
excess_count() {
    set -- "$dir/$1"/receipts/lease-*.cose "$dir/$1"/receipts/receipt-*.cose
    excess=0
    for token in "$@"; do
        case $token in
        *\**) ;;
        */lease-*) excess=$((excess + 1)) ;;
        *) excess=$((excess - 1)) ;;
        esac
    done
}

holds_lease() {
    excess_count "$1"
    read -r excess_before <"$dir/$1.excess"
    [ "$excess" -gt "$excess_before" ]
}

ask() { # VERB [ARGUMENTS]: as the requester
    verb=$1
    shift
    "$gradmill" "$verb" "$@" --broker "$address" --broker-key "$dir/broker.key.pub" \
        --key "$dir/requester.key"
}

# ---- jobs ----

# job_write NAME STEPS SHARDS REPLAY [BATCH]: a GPT of a few thousand weights over made-up text.
job_write() {
    [ -f "$dir/text.txt" ] || text_make >"$dir/text.txt"
    cat >"$dir/config.json" <<END
{ "model_type": "gpt2", "vocab_size": 256, "n_positions": 16, "n_embd": 16, "n_layer": 1,
  "n_head": 2, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
  "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0 }
END
    cat >"$dir/$1.json" <<END
{ "name": "$1", "model": { "config": "config.json", "init_seed": 7 },
  "data": { "kind": "bytes", "path": "text.txt", "validation": 0.1 },
  "train": { "steps": $2, "batch": ${5:-8}, "seq": 16, "shards": $3, "seed": 3, "clip_norm": 1.0,
             "dropout": 0, "optimizer": { "name": "adamw", "lr": 1e-2 },
             "schedule": { "name": "constant" } },
  "verify": { "replay": $4 }, "profile": "exact-f32/1" }
END
}

text_make() {
    awk 'BEGIN { for (i = 1; i <= 900; i++)
        print "line", i, "of", i * i % 97, "says that", i % 7, "and", i % 11, "differ" }'
}

# What the job gives alone: $alone, and $loss_alone of the first step.
train_alone() {
    "$gradmill" train "$dir/$1.json" --out "$dir/alone-$1" --threads 1 --json >"$dir/alone.json" ||
        fail "training alone ended with $?"
    alone=$(text_field params <"$dir/alone.json")
    [ -n "$alone" ] || fail "training alone named no params"
}

job_submit() {
    job=$(ask submit "$dir/$1.json" --json | text_field job)
    [ -n "$job" ] || fail "no job was submitted"
}

text_field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | tail -n 1; }
number_field() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" | tail -n 1; }

# job_text FIELD, job_number FIELD: of `gradmill status`; nothing while the broker is away.
job_text() { ask status "$job" --json 2>/dev/null | text_field "$1"; }
job_number() { ask status "$job" --json 2>/dev/null | number_field "$1"; }

job_over() {
    state=$(job_text state)
    [ -n "$state" ] && [ "$state" != running ]
}

job_at() { # STEP: it has got that far
    at=$(job_number step)
    [ -n "$at" ] && [ "$at" -ge "$1" ]
}

job_wait() {
    until_true job_over
    [ "$state" = done ] || fail "the job is $state: $(job_text text)"
}

# The params of the market: $params.
market_fetch() {
    params=$(ask fetch "$job" --out "$dir/fetched" --json | text_field params)
    [ -n "$params" ] || fail "no weights were fetched"
}

same_params() { # WHAT
    market_fetch
    [ "$params" = "$alone" ] || fail "$1: params $params, alone $alone"
    say "ok: $1: the params of the job alone"
}
