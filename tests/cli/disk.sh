#!/bin/sh
# A full disk ends a run with exit code 4 and leaves nothing half-written under a final name.
# disk.sh GRADMILL
set -eu
. tests/cli/lib.sh
job_write job 2

# limited BLOCKS ARGUMENT...: no file may grow beyond so many blocks of 512 bytes.
limited() {
    blocks=$1
    shift
    status=0
    (ulimit -f "$blocks" && exec "$gradmill" "$@") >said.txt 2>&1 || status=$?
    [ $status = 4 ] || { cat said.txt; fail "gradmill $*: exit code $status, expected 4"; }
}
clean() {
    found=$(find "$1" -name '*.safetensors*' -o -name 'config.json.*' | head -n 1)
    [ -z "$found" ] || fail "left behind: $found"
}

limited 20 train job.json --out early # the data does not fit
clean early
limited 60 train job.json --out late # the data fits, the model does not
clean late
grep -q 'model.safetensors' said.txt || { cat said.txt; fail "the file is not named"; }
limited 60 grad job.json --out g.safetensors
clean .
[ "$(params job.json late --resume)" = "$(params job.json whole)" ] || fail "another result"

# The same with a file system that is really full, where we may mount one.
mkdir small
if mount -t tmpfs -o size=96k tmpfs small 2>/dev/null; then
    trap 'umount small; rm -rf "$folder"' EXIT
    expect 4 'small/' train job.json --out small/out
    clean small
else
    echo "may not mount a small file system: only the size limit was tried"
fi
