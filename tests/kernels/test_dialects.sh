#!/bin/sh
# Does every text of kernels/ compile as opencl or cuda? usage: test_dialects.sh opencl|cuda
# Run in the root of the tree. Exits with 77 where the compiler is missing.
set -eu

dialect=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
    echo "SKIPPED: $1"
    exit 77
}

case $dialect in
opencl) suffix=cl
    command -v clang >/dev/null || skip "clang is not installed" ;;
cuda) suffix=cu
    command -v nvcc >/dev/null || skip "nvcc is not installed" ;;
*)
    echo "usage: $0 opencl|cuda" >&2
    exit 2 ;;
esac

compile() { # TEXT [OPTION...]
    text=$1
    shift
    case $dialect in
    opencl)
        clang -x cl -cl-std=CL1.2 -target spir64 -Wall -Wextra -Werror -fsyntax-only -I. "$@" "$text" ;;
    cuda) nvcc -ptx -fmad=false -Werror all-warnings -I. "$@" -o "$work/out.ptx" "$text" ;;
    esac
}

failed=0
check() { # NAME TEXT [OPTION...]
    name=$1
    shift
    compile "$@" || { echo "FAILED: $name as $dialect"; failed=1; }
}

# Each header must stand alone; one kernel file, which includes what it uses, is one text.
for header in kernels/dialect.h kernels/num/*.h; do
    echo "#include \"$header\"" >>"$work/all.$suffix"
done
for header in kernels/dialect.h kernels/num/*.h kernels/*.cl; do
    [ -e "$header" ] || continue
    if [ "$dialect" = opencl ]; then
        echo "#include \"$header\"" >"$work/one.$suffix"
        check "$header" "$work/one.$suffix"
    else
        echo "#include \"$header\"" >>"$work/all.$suffix"
    fi
done
check "all of kernels/" "$work/all.$suffix"
if [ "$dialect" = opencl ]; then
    check "all of kernels/, dividing in binary64" "$work/all.$suffix" -DGM_DIVIDE_IN_F64
fi

# What a text means, not only that it compiles: nothing fused that is not written so.
cat >"$work/meaning.$suffix" <<'END'
#include "kernels/num/bits.h"
GM_KERNEL void gm_k_meaning(GM_GLOBAL const float *x, GM_GLOBAL float *y GM_ITEM_PARAMS)
{
    gm_u64 i = GM_ID(0);
    y[i] = x[0] * x[1] + GM_DIV(x[2], GM_SQRT(x[3]));
}
END
if [ "$dialect" = cuda ]; then
    check "a product and a sum" "$work/meaning.$suffix"
    if grep -E 'fma|mad\.f32|ftz|approx' "$work/out.ptx"; then
        echo "FAILED: the compiler fused or approximated"
        failed=1
    fi
else
    clang -x cl -cl-std=CL1.2 -target spir64 -O2 -S -emit-llvm -I. -o "$work/out.ll" \
        "$work/meaning.$suffix"
    if grep -E 'fmuladd|fma|fast|contract' "$work/out.ll"; then
        echo "FAILED: the compiler may fuse a product and a sum"
        failed=1
    fi
fi
exit $failed
