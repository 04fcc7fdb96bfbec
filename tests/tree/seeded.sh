#!/bin/sh
# seeded.sh PROGRAM WHAT TEXT: the test seeded/WHAT fails, and TEXT is why.
set -eu
program=$1
what=$2
text=$3
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if "$program" --filter "seeded/$what" >"$said" 2>&1; then
    cat "$said"
    echo "the seeded fault passed as clean"
    exit 1
fi
grep -q "$text" "$said" || { cat "$said"; echo "failed, but not for \"$text\""; exit 1; }
grep "$text" "$said" | head -n 1
