#!/bin/sh
# Looks for the calls of banned.txt in src/, kernels/, bench/ and tests/.
#
#   banned.sh              checks the tree in the current folder
#   banned.sh --self-test  proves that each kind is found, and prose about it is not
set -eu
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)

# banned_check ROOT: one line per fault, exit code 1 when there is one.
banned_check() (
    cd "$1"
    code=$(mktemp)
    trap 'rm -f "$code"' EXIT
    find src kernels bench tests -name '*.[ch]' -o -name '*.cl' -o -name '*.cu' | sort |
        LC_ALL=C xargs awk -f "$here/code.awk" >"$code"
    faults=0
    tab=$(printf '\t')
    while IFS=$tab read -r pattern allowed reason; do
        case $pattern in '' | '#'*) continue ;; esac
        case $reason in *conditionals.txt) allowed=$(conditionals_allowed "$allowed") ;; esac
        found=$(grep -E "$pattern" "$code" | allowed_drop "$allowed" || true)
        if [ -n "$found" ]; then
            printf '%s\n    %s\n' "$found" "$reason"
            faults=1
        fi
    done <"$here/banned.txt"
    return $faults
)

# Drops the lines whose path (before the first colon) matches.
allowed_drop() {
    awk -v allowed="$1" '{ path = $0; sub(/:.*/, "", path); if (allowed == "-" || path !~ allowed) print }'
}

conditionals_allowed() {
    printf '%s' "$1"
    awk -F '\t' '!/^#/ && NF > 0 { gsub(/\./, "[.]", $1); printf "|^%s$", $1 }' "$here/conditionals.txt"
}

self_test() {
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mkdir -p "$root/src/core" "$root/src/cli" "$root/kernels" "$root/bench" "$root/tests"
    cat >"$root/src/core/good.c" <<'END'
/* strcpy(a, b) in prose; never system("x"),
   nor exit(1) over two lines */
const char *text = "printf(1) \" exp(2)"; // rand()
int my_exit(int a); int gm_num_exp(int b); char quote = '"'; int f = gm_time(0);
END
    echo 'int main(void) { printf("x"); exit(1); }' >"$root/src/cli/main.c"
    banned_check "$root" || { echo "self-test: something allowed was refused"; return 1; }
    while read -r fault; do
        printf 'const char *a = "/*"; /* " */\n%s\n' "$fault" >"$root/src/core/bad.c"
        if banned_check "$root" >/dev/null; then
            echo "self-test: not found: $fault"
            return 1
        fi
    done <<'END'
strcpy(a, b);
x = atoi (text);
p = malloc(n);
n = rand();
system(text);
if (x) exit(2);
fprintf(stdout, "x");
y = expf(x);
y = log(x);
t = time(NULL);
t = gm_clock_unix_s();
usleep(10);
#ifdef __x86_64__
  #  if FOO
long double x;
END
    echo "self-test: every banned call was found"
}

case ${1:-} in
    --self-test) self_test ;;
    *) banned_check . ;;
esac
