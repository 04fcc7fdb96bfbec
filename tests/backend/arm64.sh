#!/bin/sh
# Builds the multiplication for arm64 with the cross compiler and runs its test under qemu-user, so
# that the NEON level is held to the same bits on a machine of another kind. Exit code 77: the tools
# are not here.
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

flags="-std=c17 -O2 -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes
       -Wmissing-prototypes -ffp-contract=off -fno-math-errno -fno-strict-aliasing
       -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DGM_TEST_PLAIN -Isrc -I. -Itests"
cpu=src/backends/cpu
sources="$cpu/fpmode.c $cpu/gemm.c $cpu/gemm_levels.c $cpu/gemm_pack.c $cpu/gemm_micro_scalar.c
         $cpu/gemm_micro_neon.c src/base/cpu.c src/base/mem.c src/base/status.c
         tests/gm_test_plain.c tests/backend/pool_alone.c tests/backend/test_gemm.c"

# Lists of words, split on purpose.
# shellcheck disable=SC2086
"$compiler" $flags $sources -static -o "$work/test" -lm
"$emulator" "$work/test"
