# SPDX-License-Identifier: BSL-1.0
# shellcheck shell=sh disable=SC2086,SC2154
# The steps that test/run, subprojects/examples/run and .ci/run have in common; sourced, POSIX sh, with
# the root of the tree as working directory and steps_dir naming this one.
#
#   need TOOL...              installs what is missing, or says what is missing and ends
#   lock_build DIR            one run at a time in a build directory
#   configure DIR SOURCE ...  a configured build directory, whatever state the last run left it in
#   watched COMMAND...        runs it so that Ctrl-C ends it at once and leaves nothing half made
#   run_tests DIR ...         `meson test`, then the line `N passed, N failed` from what it recorded

set -u
export LC_ALL=C

say() { printf '==> %s\n' "$*"; }
complain() { printf 'error: %s\n' "$*" >&2; }

# ---- what has to be there -------------------------------------------------------------------------------

# Each tool has a probe, the Debian package, and what to look for elsewhere. A compiler that the caller has
# chosen (CXX) is taken at his word.
probe() {
    case $1 in
    c++) command -v "${CXX%% *}" ;;
    boost-test)  # header and library; either Boost version will do, and their dev packages exclude each other
        echo '#include <boost/test/tree/test_unit.hpp>' |
            $CXX -x c++ -DBOOST_TEST_DYN_LINK -fsyntax-only - &&
            echo 'int main() {}' | $CXX -x c++ - -lboost_unit_test_framework -o /dev/null ;;
    boost-interprocess) echo '#include <boost/interprocess/creation_tags.hpp>' | $CXX -x c++ -fsyntax-only - ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

package_of() {
    case $1 in
    c++) echo g++ ;;
    ninja) echo ninja-build ;;
    boost-test) first_known libboost-test1.81-dev libboost-test-dev ;;
    boost-interprocess) first_known libboost1.81-dev libboost-dev ;;
    clang++) echo clang ;;
    *) echo "$1" ;;
    esac
}

first_known() {  # the first package that apt knows
    for package_; do
        if apt-cache show "$package_" >/dev/null 2>&1; then echo "$package_"; return; fi
    done
    echo "$1"
}

at_least() {  # at_least TOOL HAS WANTS
    [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ] && return
    complain "$1 $2 is too old: $3 or newer is needed"
    exit 1
}

missing_tools() {
    for tool_; do probe "$tool_" || printf '%s ' "$tool_"; done
}

need() {
    : "${CXX:=g++}"
    export CXX
    probe c++ || install_packages c++  # first, because other probes compile something
    missing=$(missing_tools "$@")
    if [ -n "$missing" ]; then
        say "missing: $missing"
        install_packages $missing
        missing=$(missing_tools "$@")
        if [ -n "$missing" ]; then
            complain "still missing: $missing"
            exit 1
        fi
    fi
    at_least meson "$(meson --version)" 1.0.1
    case $($CXX --version) in
    *clang*) at_least "$CXX" "$($CXX -dumpversion)" 14 ;;
    *) at_least "$CXX" "$($CXX -dumpversion)" 12 ;;
    esac
}

install_packages() {
    as_root=
    if ! command -v apt-get >/dev/null; then
        complain "needed: $* (a C++20 compiler, Meson 1.0.1, Ninja, pkg-config; for the tests Boost.Test, CMake" \
            "and git). This system has no apt-get, so please install them with its own package manager."
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        as_root=sudo
        if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            complain "needed: $*. Neither root nor sudo is at hand; please have an administrator run:" \
                "apt-get install $(for tool_; do package_of "$tool_"; done | tr '\n' ' ')"
            exit 1
        fi
    fi
    # Which package carries Boost.Test is a question to apt's lists, so they come first, and only once.
    if [ -z "${lists_are_fresh-}" ]; then
        say 'apt-get update'
        apt_get update || complain 'apt-get update failed; trying with the lists that are there'
        lists_are_fresh=yes
    fi
    packages=$(for tool_; do package_of "$tool_"; done | sort -u | tr '\n' ' ')
    say "apt-get install $packages"
    if ! apt_get install --no-install-recommends $packages; then
        complain "apt-get could not install: $packages"
        exit 1
    fi
}

apt_get() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# What the tests are built with: optimised as users build, without what only a debugger reads, which takes a compiler a
# third of its time.
test_options='-Dauto_features=enabled -Ddebug=false'

# ---- building -------------------------------------------------------------------------------------------

# Ctrl-C ends what runs now, and then this script. The child is in the background because a shell that waits
# for a foreground child looks at its traps only when that child is done, and `meson test` takes one Ctrl-C
# as "give up this one test". A shell's background children ignore SIGINT, and theirs would inherit that: undone.
if env --default-signal=INT true 2>/dev/null; then with_sigint='env --default-signal=INT'; else with_sigint=; fi

watched() {
    child=
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM HUP
    $with_sigint "$@" </dev/null &
    child=$!
    wait "$child"
    watched_status=$?
    trap - INT TERM HUP
    return "$watched_status"
}

interrupted() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null
        wait "$child"
    fi
    complain 'interrupted; the next run picks up from here'
    exit "$1"
}

# The lock is held by every process that still works in the directory: after a kill -9 of this script the
# next run waits for the orphaned compiler instead of racing with it. Meson closes descriptors in the tests
# that it starts, so a stray test cannot hold it.
lock_build() {
    mkdir -p "$1"
    command -v flock >/dev/null || return 0
    exec 9>"$1.lock"
    if ! flock -n 9; then
        say "another run is at work in $1; waiting for it"
        flock 9
    fi
}

# The stamp beside the directory says what it was configured with. It is there only while the directory is
# whole: an interrupted `meson setup` leaves none, an interrupted regeneration has taken it away, and another
# compiler, option or place (the tree was moved or copied) does not match. In each case: from scratch.
configure() {
    build=$1
    stamp=$1.configured
    shift
    wanted=$(echo "$PWD $*"; meson --version; command -v "${CXX%% *}"; echo "$CXX ${CXXFLAGS-} ${LDFLAGS-}"; $CXX --version)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -f "$build/build.ninja" ]; then
        mv "$stamp" "$stamp.busy"
        watched ninja -C "$build" build.ninja || { mv "$stamp.busy" "$stamp"; return 1; }
        mv "$stamp.busy" "$stamp"
        return 0
    fi
    say "configuring $build"
    rm -rf "$build" "$stamp" "$stamp.busy"
    watched meson setup "$build" "$@" || return 1
    echo "$wanted" >"$stamp"
}

# ---- testing --------------------------------------------------------------------------------------------

# Counts are of Boost.Test cases where a test is a Boost.Test executable, else of Meson tests. A build that
# fails, or a run that tests nothing, is one failure.
run_tests() {
    build=$1
    shift
    rm -f "$build"/meson-logs/tally*.json
    watched meson test -C "$build" --logbase tally --print-errorlogs "$@"
    status=$?
    if [ "$status" = 125 ]; then
        complain 'the build failed; see above'
        echo '0 passed, 1 failed'
        return 1
    fi
    python3 "$steps_dir/tally" "$build"/meson-logs/tally*.json
}
