#!/bin/sh
# The sources are formatted as .clang-format says. Another version of clang-format breaks lines in
# other places, so the check is for version 14 (Debian 12) alone.
set -eu
command -v clang-format >/dev/null 2>&1 || { echo "clang-format is not installed"; exit 77; }
clang-format --version | grep -q 'version 14\.' || { clang-format --version; exit 77; }
find src kernels tests bench -name '*.[ch]' | sort | xargs clang-format --dry-run -Werror
