#!/bin/sh
# The shape of files: at most 600 lines of 100 columns, functions of at most 70 lines, every header
# with a comment that says what it is for, an include guard of its own, and no marks of unfinished
# work. Tables may be wide (*.def, a row is one line) and those of test vectors long.
#
#   style.sh [ROOT]
set -eu
cd "${1:-.}"
faults=0

files=$(find src kernels bench tests -name '*.[ch]' -o -name '*.cl' -o -name '*.cu' -o -name '*.def' | sort)
# shellcheck disable=SC2086 # one path per word; the tree holds no blanks in names
awk '
    function fault(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
    FNR == 1 { long_told = 0; guard = ""; function_line = 0; header = FILENAME ~ /\.(h|def)$/ }
    FNR == 1 && header && !/^\/\*/ { fault("a header begins with a comment that says what it is for") }
    FNR == 601 && FILENAME !~ /vectors/ { fault("longer than 600 lines; is it one thing?") }
    length($0) > 100 && FILENAME !~ /vectors|\.def$/ { fault("longer than 100 columns") }
    /\t/ && FILENAME !~ /\.def$/ { fault("a tab") }
    /[ \t]$/ { fault("blanks at the end of the line") }
    /^\{/ { function_line = FNR }
    /^\}/ {
        if (function_line && FNR - function_line > 71)
            fault("a function of " (FNR - function_line - 1) " lines, 70 at most")
        function_line = 0
    }
    header && FILENAME ~ /\.h$/ && FILENAME !~ /_text\.h$/ {
        if (guard == "" && /^#/) {
            guard = $2
            if ($1 != "#ifndef" || guard !~ /^GM_[A-Z0-9_]+_H$/)
                fault("the first directive of a header is its guard, #ifndef GM_..._H")
            else if (guard in guards)
                fault("the guard " guard " is also that of " guards[guard])
            guards[guard] = FILENAME
        }
    }
    END { exit bad }
' $files || faults=1

# The words are written so that this file does not hold them.
# shellcheck disable=SC2086
marks=$(grep -nEs '\b(TO''DO|FIX''ME|X''XX|HA''CK|not imple''mented)\b' $files \
    run scripts/* cmake/* docs/*.md README.md || true)
if [ -n "$marks" ]; then
    printf '%s\n    unfinished work is named in the documentation or not at all\n' "$marks"
    faults=1
fi
exit $faults
