#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
# consume.sh WAY TENON: builds and runs test/consumer/stranger in a scratch directory, where it comes by tenon in
# the WAY that a user chose: subproject, wrap, pkg-config, cmake or include. Ends with 77 (skipped) when a tool
# of the user's, not of ours, is missing.

set -eu
way=$1
tenon=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
cp -r "$tenon/test/consumer/stranger" "$scratch/stranger"
cd "$scratch"
# What the user of this machine has set for the build around us is not the stranger's.
unset CXXFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_PATH MESON_TESTTHREADS 2>/dev/null || true

fail() { echo "error: $*" >&2; exit 1; }
wants() { command -v "$1" >/dev/null || { echo "skipped: no $1"; exit 77; }; }

copy_of_tenon() {  # what a clone would hold: neither builds nor history
    mkdir -p "$1"
    (cd "$tenon" && tar -cf - --exclude=./.git --exclude='./build*' .) | tar -xf - -C "$1"
}

installed_tenon() {  # what `ninja install` leaves, moved to another place to see that it can be
    meson setup build-tenon "$tenon" --prefix="$scratch/prefix" >setup.log || { cat setup.log; exit 1; }
    (cd build-tenon && ninja install >../install.log) || { cat install.log; exit 1; }
    [ -f prefix/share/pkgconfig/tenon.pc ] || fail 'no tenon.pc in share/'
    rm -rf build-tenon
}

built_by_meson() {
    meson setup build stranger
    ninja -C build
    ./build/stranger
}

# tenon came as part of the stranger's build: it must have brought its headers, and nothing else.
brought_nothing() {
    python3 - build <<'END'
import json, sys
info = {part: json.load(open(f'{sys.argv[1]}/meson-info/intro-{part}.json'))
        for part in ('targets', 'tests', 'installed', 'dependencies')}
targets = [t['name'] for t in info['targets']]
tests = [t['name'] for t in info['tests']]
installed = [p for p in info['installed'] if 'tenon' in p]
boost = [d['name'] for d in info['dependencies'] if 'boost' in d['name'].lower()]
print('targets', targets, 'tests', tests, 'installed', installed, 'boost', boost)
sys.exit(targets != ['stranger'] or tests != ['stranger'] or installed != [] or boost != [])
END
}

case $way in
subproject)
    copy_of_tenon stranger/subprojects/tenon
    built_by_meson
    brought_nothing || fail 'tenon brought more than its headers'
    ;;
wrap)
    wants git
    # The README's own text; only where it is fetched from is replaced, by a clone on this machine.
    [ -f "$tenon/README.md" ] || { echo 'skipped: no README.md yet'; exit 77; }
    mkdir -p stranger/subprojects
    awk '/^```/ { inside = 0 } inside { print } /^```ini/ { inside = 1 }' "$tenon/README.md" >wrap
    grep -q '^\[wrap-git\]' wrap || fail 'README.md has no ```ini block with a [wrap-git]'
    copy_of_tenon origin
    (
        cd origin
        git init -q
        git -c core.autocrlf=false add -A
        git -c user.name=test -c user.email=test@localhost commit -q -m 'as it stands'
    )
    commit=$(git -C origin rev-parse HEAD)
    sed -e "s|^url *=.*|url = file://$scratch/origin|" -e "s|^revision *=.*|revision = $commit|" \
        -e '/^depth/d' wrap >stranger/subprojects/tenon.wrap
    cat stranger/subprojects/tenon.wrap
    built_by_meson
    brought_nothing || fail 'tenon brought more than its headers'
    ;;
pkg-config)
    installed_tenon
    export PKG_CONFIG_PATH="$scratch/prefix/share/pkgconfig"
    # By hand, as in any Makefile; and from Meson.
    # shellcheck disable=SC2046  # flags are words
    $CXX -std=c++20 $(pkg-config --cflags --libs tenon) stranger/stranger.cpp -o by_hand
    ./by_hand
    built_by_meson
    ;;
cmake)
    wants cmake
    installed_tenon
    mv prefix elsewhere
    cmake -G Ninja -S stranger -B build "-DCMAKE_PREFIX_PATH=$scratch/elsewhere"
    cmake --build build
    ./build/stranger
    ! cmake -G Ninja -S stranger -B other "-DCMAKE_PREFIX_PATH=$scratch/elsewhere" -DWANTED=99.0 >other.log 2>&1 ||
        fail 'find_package(tenon 99.0) was satisfied'
    grep -q 'version: 0' other.log || { cat other.log; fail 'find_package(tenon 99.0) failed for another reason'; }
    ;;
include)
    $CXX -std=c++20 -I "$tenon/include" stranger/stranger.cpp -o stranger/stranger
    ./stranger/stranger
    ;;
*) fail "no such way: $way" ;;
esac >log 2>&1 || { cat log; exit 1; }

grep -q '^stranger: exchanged$' log || { cat log; fail 'the program did not say what it should'; }
[ "${way}" = include ] || tail -n 3 log
