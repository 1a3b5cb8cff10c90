# SPDX-License-Identifier: BSL-1.0
# Counting what does not depend on the clock. Sourced by `instructions`, `sysv_semaphore` and `zero_cost`.

# need TOOL...: ends the script when one is missing.
need() {
    for tool; do
        command -v "$tool" >/dev/null || {
            echo "$0: $tool is missing (Debian: apt-get install $tool)" >&2
            exit 2
        }
    done
}

# programs DIRECTORY NAME...: the directory where the programs are; an empty one is replaced by a temporary one, into
# which they are compiled.
programs() {
    directory=$1
    shift
    if [ -z "$directory" ]; then
        directory=$(mktemp -d) || exit 2
        trap 'rm -rf "$directory"' EXIT
        trap 'exit 130' INT TERM
        for name; do
            ${CXX:-c++} -std=c++20 -O3 -I"$bench/../include" "$bench/$name.cpp" -o "$directory/$name" || exit 2
        done
    fi
}

# instructions_of COMMAND...: user instructions from beginning to end.
instructions_of() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
        sed -n 's/.*Collected *: *//p'
}

# per_turn SMALL LARGE TURNS: what one turn adds, two digits.
per_turn() {
    awk "BEGIN { printf \"%.2f\", ($2 - $1) / $3 }"
}

# calls_of COMMAND...: lines "name count", sorted.
calls_of() {
    strace -f -c -o /dev/fd/3 "$@" 3>&1 >/dev/null |
        awk '$4 ~ /^[0-9]+$/ && $NF != "total" { print $NF, $4 }' | sort
}

# calls_added TURNS COMMAND...: "name count" of what so many more turns call; the command takes their number last.
calls_added() {
    added=$1
    shift
    { calls_of "$@" $added | sed 's/ / -/'; calls_of "$@" $((2 * added)); } |
        awk '{ sum[$1] += $2 } END { for (name in sum) if (sum[name] != 0) print name, sum[name] }' | sort
}
