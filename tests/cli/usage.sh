#!/bin/sh
# Help for every verb, and clear refusals of what is not understood: usage.sh GRADMILL
set -eu
. tests/cli/lib.sh

expect 0 'usage: gradmill VERB' --help
verbs=$(sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p' said.txt)
for verb in $(sed -n 's/^GM_VERB(\(.*\))$/\1/p' "$sources/src/cli/verbs.def"); do
    echo "$verbs" | grep -qx "$verb" || fail "gradmill --help does not list $verb"
    expect 0 "usage: gradmill $verb" "$verb" --help
    grep -q '^options:' said.txt || fail "$verb --help lists no options"
    expect 0 "usage: gradmill $verb" "$verb" -h
    expect 2 'unknown option --no-such-option' "$verb" --no-such-option
done

expect 2 'usage: gradmill VERB'
expect 2 'unknown verb "trian"' trian
expect 0 '^gradmill [0-9]' --version
expect 2 'unexpected argument "two"' train one two --out here
expect 2 'usage: gradmill train' train
expect 2 -- '--out is needed' train job.json
expect 2 'more.*than\|needs a value' train job.json --out
expect 2 'takes no value' train job.json --out here --json=yes
expect 2 -- '--threads' train job.json --out here --threads many
expect 2 -- '--memory' train job.json --out here --memory 5furlongs
expect 2 'expected new or show' key make file
expect 2 -- '--temperature' generate here --prompt a --temperature warm
[ ! -e here ] || fail "a wrong command line made a folder"

# The environment stands in for a flag, and the flag goes first.
job_write job 1
GRADMILL_OUT=there GRADMILL_THREADS=many expect 2 -- '--threads' train job.json
GRADMILL_OUT=there GRADMILL_THREADS=many expect 0 'params' train job.json --threads 1
[ -f there/model.safetensors ] || fail "GRADMILL_OUT was not looked at"

# A full disk behind standard output is no success.
if [ -w /dev/full ]; then
    "$gradmill" key new key >/dev/null
    status=0
    "$gradmill" key show key >/dev/full 2>err.txt || status=$?
    [ $status = 4 ] || fail "writing to a full device ended with $status"
fi
