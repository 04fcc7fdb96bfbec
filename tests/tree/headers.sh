#!/bin/sh
# Every header compiles alone: it includes what it uses.
#
#   headers.sh COMPILER
set -eu
compiler=$1
flags="-std=c17 -fsyntax-only -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I src -I ."
flags="$flags $(pkg-config --cflags hwloc sqlite3 jansson libcbor libsodium)"
unit=$(mktemp -d)
trap 'rm -rf "$unit"' EXIT
faults=0
checked=0

# *_text.h is text that several files include with other macros set; internal to its folder.
for header in $(find src kernels -name '*.h' ! -name '*_text.h' | sort); do
    echo "#include \"${header#src/}\"" >"$unit/alone.c"
    echo 'extern int gm_alone;' >>"$unit/alone.c"
    # shellcheck disable=SC2086
    if ! "$compiler" $flags "$unit/alone.c" 2>"$unit/said"; then
        echo "$header does not compile alone:"
        head -n 5 "$unit/said"
        faults=1
    fi
    checked=$((checked + 1))
done
echo "$checked headers"

# A header that needs another's types must be found.
mkdir "$unit/bad"
printf '#ifndef A\n#define A\nsize_t a(void);\n#endif\n' >"$unit/bad/bad.h"
echo '#include "bad/bad.h"' >"$unit/alone.c"
# shellcheck disable=SC2086
if "$compiler" $flags -I "$unit" "$unit/alone.c" 2>/dev/null; then
    echo "self-test: a header that does not stand alone was not found"
    faults=1
fi
[ "$checked" -gt 0 ] && exit $faults
