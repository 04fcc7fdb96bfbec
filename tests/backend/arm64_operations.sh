#!/bin/sh
# Builds the CPU device for arm64 with the cross compiler and runs the known answers of all operations
# under qemu-user, so that a machine of another kind gives the same bits. Exit code 77: the tools are
# not here.
set -eu

compiler=${GM_ARM64_CC:-aarch64-linux-gnu-gcc}
emulator=${GM_ARM64_RUN:-qemu-aarch64}
for tool in "$compiler" "$emulator"; do
    if ! command -v "$tool" > /dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags="-std=c17 -O2 -Wall -Wextra -Wpedantic -ffp-contract=off -fno-math-errno -fno-strict-aliasing
       -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DGM_TEST_PLAIN -Isrc -I. -Itests
       -I$work/host -DGM_GOLDEN_OPERATIONS=\"tests/golden/operations.txt\""
# Two types are all that is wanted of hwloc: topology_alone.c takes its place.
mkdir "$work/host"
cat > "$work/host/hwloc.h" << 'END'
typedef struct hwloc_topology *hwloc_topology_t;
typedef struct hwloc_bitmap_s *hwloc_cpuset_t;
END

cpu=src/backends/cpu
for level in scalar neon; do
    for source in $cpu/level_*.c; do
        # shellcheck disable=SC2086
        "$compiler" $flags -DGM_CPU_LEVEL=$level -c "$source" \
            -o "$work/$level-$(basename "$source" .c).o"
    done
done
sources="$cpu/buffer.c $cpu/cpu.c $cpu/fast_matmul.c $cpu/fpmode.c $cpu/gemm.c $cpu/gemm_levels.c
         $cpu/gemm_micro_neon.c $cpu/gemm_micro_scalar.c $cpu/gemm_pack.c $cpu/launch.c
         $cpu/levels.c $cpu/memory.c $cpu/prepared.c $cpu/selftest.c
         src/backend/exec.c src/backend/exec_scan.c src/backend/registry.c src/backend/lower*.c
         src/core/autodiff.c src/core/builder.c src/core/check.c src/core/finish.c src/core/op.c
         src/core/plan*.c src/core/program.c src/core/tensor.c src/core/ops/*.c
         src/base/bytes.c src/base/cpu.c src/base/mem.c src/base/status.c
         src/trust/blake3.c src/trust/blake3_lanes.c src/trust/blake3_portable.c
         src/trust/blake3_tree.c src/trust/cbor_head.c src/trust/hash.c
         tests/gm_test_plain.c tests/backend/pool_alone.c tests/backend/topology_alone.c
         tests/backend/kit.c tests/backend/kit_ops.c tests/backend/reference_layers.c
         tests/backend/reference_simple.c tests/backend/golden.c tests/backend/test_golden.c"

# Lists of words and of files, split on purpose.
# shellcheck disable=SC2086
"$compiler" $flags $sources "$work"/*.o -static -o "$work/test" -lm
"$emulator" "$work/test"
