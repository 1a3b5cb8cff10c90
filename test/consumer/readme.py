#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""readme.py COMPILER TENON: compiles every C++ block of README.md, and runs the two programs on its first page.

A block with a main() is a program; its first line is a comment with its file name. The others are fragments of a
function, or of a file (```cpp global), and are compiled between the lines of PRELUDE."""
import pathlib, re, subprocess, sys, tempfile

PRELUDE = '''
#include <chrono>
#include <iostream>
#include <tenon/semaphore_guard.hpp>
#include <tenon/shared_object.hpp>
using namespace std::chrono_literals;
struct Telemetry { std::uint64_t tick; double position[3]; tenon::FixedString<32> source; };
struct Order { std::uint64_t id; double price; };
class Money {
public:
    std::int64_t cents() const { return cents_; }

private:
    std::int64_t cents_ = 0;
};
inline void critical() {}
'''

compiler, tenon = sys.argv[1].split(), pathlib.Path(sys.argv[2])
text = (tenon / 'README.md').read_text()
blocks = re.findall(r'^```cpp( global)?\n(.*?)^```', text, re.M | re.S)
flags = ['-std=c++20', '-Wall', '-Wextra', '-Werror', f'-I{tenon}/include']
failures = 0

with tempfile.TemporaryDirectory() as place:
    place = pathlib.Path(place)
    programs = []
    for number, (scope, code) in enumerate(blocks):
        named = re.match(r'// (\w+)\.cpp\n', code)
        name = named.group(1) if named else f'fragment{number}'
        if not named:
            code = PRELUDE + (code if scope else f'void fragment() {{\n{code}}}\n') + 'int main() {}\n'
        source = place / f'{name}.cpp'
        source.write_text(code)
        built = subprocess.run([*compiler, *flags, '-O1', source, '-o', place / name], stderr=subprocess.PIPE, text=True)
        print(f'block {number} ({name}):', 'compiles' if built.returncode == 0 else built.stderr)
        failures += built.returncode != 0
        if named:
            programs.append(name)
    if programs != ['writer', 'reader']:
        sys.exit(f'expected the programs writer and reader, found {programs}')
    if failures:
        sys.exit(f'{failures} blocks of README.md do not compile')
    for first, second in (programs, programs[::-1]):
        # nothing of another run may be in the way: the object is this test's own
        here = {'writer': None, 'reader': None}
        for name in (first, second):
            here[name] = subprocess.Popen([place / name], stdout=subprocess.PIPE, text=True)
        said = here['reader'].communicate(timeout=20)[0]
        here['writer'].wait(timeout=20)
        print(f'{first} first:', said.strip())
        if said != 'imu0 tick 1\n' or any(p.returncode for p in here.values()):
            sys.exit('the programs on the first page do not do what they should')
        if pathlib.Path('/dev/shm/telemetry').exists():
            sys.exit('the programs on the first page left /dev/shm/telemetry behind')
