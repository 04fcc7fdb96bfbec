#!/bin/sh
# The program's gradients and loss curves against PyTorch in float64: compare_torch.sh GRADMILL
# Skipped where /usr/bin/python3 has no torch (Debian: python3-torch).
set -eu
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    echo "SKIPPED: /usr/bin/python3 cannot import torch"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 tests/cli/compare_torch.py "$1" "$folder"
