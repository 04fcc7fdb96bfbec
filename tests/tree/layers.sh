#!/bin/sh
# Every #include of src/ and kernels/, and every library that CMake links, against the arrows of
# layers.txt.
#
#   layers.sh              checks the tree in the current folder
#   layers.sh --self-test  proves that forbidden includes are found
set -eu
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)

# layers_check ROOT TABLE: one line per fault, exit code 1 when there is one.
layers_check() {
    (cd "$1" && find src kernels -name '*.[ch]' -o -name '*.def' -o -name '*.cl') | sort |
        (cd "$1" && xargs awk -f "$here/layers.awk" -v table="$2")
}

# links_check ROOT TABLE: the same for CMake.
links_check() {
    (cd "$1" && find src -name CMakeLists.txt | sort | xargs awk -f "$here/links.awk" -v table="$2")
}

self_test() {
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mkdir -p "$root/src/base" "$root/src/core/ops" "$root/src/worker" "$root/src/broker" \
        "$root/kernels/num"
    printf 'layer kernels:\nlayer base:\nlayer core: base kernels\nlayer worker: base core\n' >"$root/table"
    printf 'layer broker: base core\nlibrary nng/: worker\nfile src/broker/odd.c: worker\n' >>"$root/table"
    printf '#include "base/a.h"\n#include <stdio.h>\n' >"$root/src/base/a.c"
    printf '#include "core/ops/b.h"\n#include "base/a.h"\n' >"$root/src/core/ops/b.c"
    printf '#include "worker/w.h"\n' >"$root/src/broker/odd.c"
    printf '#include <nng/nng.h>\n' >"$root/src/worker/w.c"
    printf '#include "kernels/num/exp.h"\n' >"$root/src/core/c.c"
    layers_check "$root" "$root/table" || { echo "self-test: an allowed include was refused"; return 1; }
    # Each of these alone must be found.
    for fault in 'src/base/x.c:"core/b.h"' 'src/worker/x.c:"broker/b.h"' 'src/broker/x.c:"worker/w.h"' \
        'src/broker/x.c:<nng/nng.h>' 'kernels/num/x.h:"base/a.h"' 'src/core/x.c:"../worker/w.h"' \
        'src/core/x.c:"local.h"' 'src/core/x.c:"nowhere/b.h"' 'src/base/x.c:"kernels/num/exp.h"'; do
        file=$root/${fault%%:*}
        printf '#  include %s\n' "${fault#*:}" >"$file"
        if layers_check "$root" "$root/table" >/dev/null; then
            echo "self-test: not found: $fault"
            return 1
        fi
        rm "$file"
    done
    mkdir -p "$root/src/links"
    printf 'gm_library(NAME gm_base FOLDER base\n  SOURCES a.c)\n' >"$root/src/links/CMakeLists.txt"
    printf 'gm_library(NAME gm_core FOLDER core # gm_worker\n  DEPENDS gm_base)\n' >>"$root/src/links/CMakeLists.txt"
    links_check "$root" "$root/table" || { echo "self-test: an allowed link was refused"; return 1; }
    printf 'gm_library(NAME gm_worker FOLDER worker)\ngm_library(NAME gm_x FOLDER broker\n  DEPENDS gm_base\n  PRIVATE gm_worker)\n' \
        >>"$root/src/links/CMakeLists.txt"
    if links_check "$root" "$root/table" >/dev/null; then
        echo "self-test: not found: the broker links the worker"
        return 1
    fi
    echo "self-test: every forbidden include was found"
}

case ${1:-} in
    --self-test) self_test ;;
    *)
        faults=0
        layers_check . "$here/layers.txt" || faults=1
        links_check . "$here/layers.txt" || faults=1
        exit $faults
        ;;
esac
