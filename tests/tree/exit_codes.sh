#!/bin/sh
# The tables of docs/exit-codes.md come from src/base/status.def.
#
#   exit_codes.sh           says how they differ
#   exit_codes.sh --write   writes them anew
set -eu
page=docs/exit-codes.md
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT

rows() {
    sed -n 's/^GM_STATUS(\([A-Z_]*\), \([0-9]*\), \([0-9]*\), "\(.*\)")$/\3\t\1\t\2\t\4/p' src/base/status.def
}

awk -v rows="$(rows | sort -n -k1,1 -k3,3)" '
    /^<!-- statuses end -->$/ { inside = 0 }
    !inside { print }
    /^<!-- statuses begin -->$/ {
        inside = 1
        print "| exit code | status | number | meaning |\n|---|---|---|---|"
        n = split(rows, line, "\n")
        for (i = 1; i <= n; i++) {
            split(line[i], field, "\t")
            printf "| %s | %s | %s | %s |\n", field[1], field[2], field[3], field[4]
        }
    }
' "$page" >"$fresh"

listed=$(grep -c '^GM_STATUS(' src/base/status.def)
[ "$(rows | wc -l)" -eq "$listed" ] || { echo "a line of status.def cannot be read"; exit 1; }
if [ "${1:-}" = --write ]; then
    cp "$fresh" "$page"
elif ! diff -u "$page" "$fresh"; then
    echo "$page is not what status.def says: sh tests/tree/exit_codes.sh --write"
    exit 1
fi
