#!/bin/sh
# scripts/install-deps says what it would do, before it does it, on machines made up of a few fake
# commands: one that has everything, one that lacks a package, one without root, one that is no
# Debian.
set -eu
script=$PWD/scripts/install-deps
machine=$(mktemp -d)
trap 'rm -rf "$machine"' EXIT

# command_new NAME BODY
command_new() {
    printf '#!/bin/sh\n%s\n' "$2" >"$machine/$1"
    chmod +x "$machine/$1"
}
for tool in sh sed mktemp rm cat printf env; do
    ln -s "$(command -v $tool)" "$machine/$tool"
done

fail() {
    echo "$1"
    cat "$machine/said"
    exit 1
}

# run_expect CODE TEXT ARGS...
run_expect() {
    code=$1
    text=$2
    shift 2
    result=0
    PATH=$machine sh "$script" "$@" >"$machine/said" 2>&1 || result=$?
    [ "$result" -eq "$code" ] || fail "exit code $result, expected $code, for: $*"
    grep -q -- "$text" "$machine/said" || fail "not said: $text"
}

run_expect 1 "no Debian system" --check

state=$machine/state
command_new dpkg-query "[ -e $state/\$4 ] || exit 1; echo installed"
command_new dpkg 'echo amd64'
command_new id 'echo 1000'
command_new apt-cache 'exit 1'
command_new apt-get "echo \"apt-get \$*\" >>$machine/calls
for word in \"\$@\"; do case \$word in -* | install | update) ;; *) : >$state/\$word ;; esac; done"
mkdir "$state"

run_expect 1 "missing: gcc libc6-dev cmake ninja-build" --check
[ ! -e "$machine/calls" ] || fail "--check must install nothing"
run_expect 1 "not root, and there is no sudo" --tests
[ ! -e "$machine/calls" ] || fail "without root nothing can be installed"
run_expect 1 "unknown option" --everything

command_new id 'echo 0'
run_expect 0 "installing (without recommended packages): gcc"
grep -q 'apt-get .*update' "$machine/calls" || fail "a machine without package lists needs them"
grep -q 'apt-get .*install -y --no-install-recommends gcc' "$machine/calls" || fail "not installed"

rm "$machine/calls"
run_expect 0 "everything is installed"
run_expect 0 "everything is installed" --check
[ ! -e "$machine/calls" ] || fail "with everything there, apt-get must not run: it may be offline"

rm "$state/libnng-dev"
command_new id 'echo 1000'
command_new sudo "echo sudo >>$machine/calls; exec \"\$@\""
command_new apt-cache 'exit 0'
run_expect 0 "recommended packages): libnng-dev"
grep -q sudo "$machine/calls" || fail "sudo was not used"
if grep -q update "$machine/calls"; then fail "lists that know the package are not fetched again"; fi

rm "$state/libcbor-dev"
command_new apt-get 'echo "E: no network"; exit 100'
run_expect 1 "E: no network"
run_expect 1 "apt-get update failed"
echo "install-deps: as described"
