#!/bin/sh
# Proves that style.sh and docs.sh find what they look for.
set -eu
style=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)/style.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/src" "$root/kernels" "$root/bench" "$root/tests"

header() {
    printf '/* What it is for. */\n#ifndef GM_%s_H\n#define GM_%s_H\nint a;\n#endif\n' "$1" "$1"
}
lines() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "    a++;" }'
}
expect_fault() {
    if sh "$style" "$root" >/dev/null; then
        echo "self-test: not found: $1"
        exit 1
    fi
    rm -f "$root"/src/bad*
}

header GOOD >"$root/src/good.h"
{ printf 'int f(void)\n{\n'; lines 70; echo '}'; lines 500; } >"$root/src/good.c"
sh "$style" "$root"

header GOOD >"$root/src/bad.h"; expect_fault "a guard used twice"
echo 'int a;' >"$root/src/bad.h"; expect_fault "a header without comment"
printf '/* x */\n#include <stdio.h>\n' >"$root/src/bad.h"; expect_fault "a header without guard"
lines 601 >"$root/src/bad.c"; expect_fault "a long file"
awk 'BEGIN { printf "int %0100d;\n", 0 }' >"$root/src/bad.c"; expect_fault "a long line"
{ printf 'int f(void)\n{\n'; lines 71; echo '}'; } >"$root/src/bad.c"; expect_fault "a long function"
printf '/* TO''DO */\n' >"$root/src/bad.c"; expect_fault "unfinished work"
printf 'int a; \n' >"$root/src/bad.c"; expect_fault "a blank at the end"
echo "self-test: every fault was found"

docs=$(dirname "$style")/docs.sh
# shellcheck disable=SC2016 # backquotes as text
printf 'See `src/good.h`, `src/*.c` and [this](src/good.c).\n' >"$root/README.md"
sh "$docs" "$root"
# shellcheck disable=SC2016
for text in '`src/gone.h`' '[that](src/gone.h)'; do
    echo "$text" >"$root/README.md"
    if sh "$docs" "$root" >/dev/null; then
        echo "self-test: not found: $text"
        exit 1
    fi
done
echo "self-test: every dead pointer was found"
