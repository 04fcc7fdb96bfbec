#!/bin/sh
# The same weights however they are trained: threads, levels, stops and kills. train.sh GRADMILL
set -eu
. tests/cli/lib.sh

job_write job 30
want=$(params job.json alone --threads 1)
[ ${#want} = 64 ] || fail "no params"
if command -v b3sum >/dev/null; then
    [ "$(b3sum --no-names alone/model.safetensors)" = "$want" ] ||
        fail "params is not the BLAKE3 of model.safetensors"
else
    echo "b3sum is not here: params were not compared with it"
fi
cmp alone/config.json config.json
[ "$(ls alone | tr '\n' ' ')" = "config.json model.safetensors " ] ||
    fail "more than the result was left in the folder: $(ls alone)"

same() {
    [ "$2" = "$want" ] || fail "$1: params $2, expected $want"
}
for threads in 2 3; do
    same "$threads threads" "$(params job.json "threads-$threads" --threads $threads)"
done
available=$(levels job.json)
case $available in *scalar*) ;; *) fail "the scalar level is not there" ;; esac
for level in $available; do
    same "level $level" "$(params job.json "level-$level" --level "$level" --threads 2)"
done

# stop_at STEP DIR SIGNAL...: starts or resumes, and sends the signals after that step was shown.
stop_at() {
    step=$1
    dir=$2
    shift 2
    mkfifo steps
    "$gradmill" train job.json --json --resume --out "$dir" >steps 2>err.txt &
    process=$!
    exec 3<steps
    rm steps
    while read -r line <&3; do
        case $line in *'"step":'$step,*) break ;; *'"event":"done"'*) fail "step $step is past" ;; esac
    done
    for name in "$@"; do kill -s "$name" $process; done
    exec 3<&-
    status=0
    wait $process || status=$?
}

stop_at 7 stopped INT
[ $status = 9 ] || { cat err.txt; fail "SIGINT: exit code $status"; }
grep -q 'stopped after step' err.txt || fail "SIGINT: no word about it"
[ ! -e stopped/model.safetensors ] || fail "a stopped run left a model"
expect 4 'interrupted run is here' train job.json --out stopped
stop_at 12 stopped TERM
[ $status = 9 ] || fail "SIGTERM: exit code $status"
same "stopped and resumed" "$(params job.json stopped --resume)"
[ ! -e stopped/state ] || fail "the checkpoint was not removed"

# Killed in the midst of saving, too: the checkpoint before must still do.
stop_at 2 killed KILL
stop_at 4 killed INT
stop_at 9 killed KILL
stop_at 11 killed INT KILL
stop_at 14 killed INT KILL
stop_at 20 killed KILL
same "killed and resumed" "$(params job.json killed --resume)"

# A checkpoint belongs to its job; a result is not overwritten.
stop_at 5 other INT
job_write changed 31
expect 7 'belongs to another job' train changed.json --resume --out other
expect 4 'exists already' train job.json --out alone
expect 4 'exists already' train job.json --resume --out alone
same "after refusals" "$(json params trained.txt)"
