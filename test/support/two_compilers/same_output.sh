#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
# same_output.sh COMPILER_A COMPILER_B INCLUDE_DIR FILE: the program prints the same whoever compiled it.
set -eu
if [ $# -ne 4 ]; then
    echo "usage: same_output.sh COMPILER_A COMPILER_B INCLUDE_DIR FILE" >&2
    exit 2
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
# the compilers are not quoted: they may hold options too
$1 -std=c++20 -I"$3" "$4" -o "$place/a"
$2 -std=c++20 -I"$3" "$4" -o "$place/b"
"$place/a" >"$place/a.txt"
"$place/b" >"$place/b.txt"
test -s "$place/a.txt"
diff "$place/a.txt" "$place/b.txt"
