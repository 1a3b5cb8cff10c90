#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""readme.py COMPILER TENON: compiles every C++ block of README.md, and runs the two programs on its first page.

A block with a main() is a program; its first line is a comment with its file name. The others are fragments of a
function, or of a file (```cpp global), and are compiled between the lines of PRELUDE."""
import pathlib, re, subprocess, sys, tempfile

PRELUDE = '''
#include <array>
#include <chrono>
#include <iostream>
#include <span>
#include <unistd.h>
#include <variant>
#include <tenon/semaphore_guard.hpp>
#include <tenon/shared_object.hpp>
#include <tenon/spawn.hpp>
#include <tenon/typed_fifo.hpp>
#include <tenon/typed_pipe.hpp>
#include <tenon/typed_queue.hpp>
#include <tenon/typed_socket.hpp>
#include <tenon/typed_topic.hpp>
#include <tenon/wait_any.hpp>
using namespace std::chrono_literals;
struct Telemetry { std::uint64_t tick; double position[3]; tenon::FixedString<32> source; };
struct Order { std::uint64_t id; double price; };
struct Request { std::uint64_t id; };
struct Answer { std::uint64_t id; double price; };
struct Frame { std::uint64_t number; tenon::PassedFd pixels; };
struct Size { std::uint32_t width; std::uint32_t height; };
struct Login { tenon::FixedString<16> user; };
struct Logout { tenon::FixedString<16> user; };
template <class Msg> void handle(const Msg&) {}
inline void idle() {}
inline void draw(std::span<std::byte>) {}
inline void watch(int) {}
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
    programs, parts = [], {True: [], False: []}
    for number, (scope, code) in enumerate(blocks):
        named = re.match(r'// (\w+)\.cpp\n', code)
        if named:
            programs.append((named.group(1), code))
            continue
        body = f'#line 1 "README.md, C++ block {number}"\n{code}'
        parts[bool(scope)].append(body if scope else f'void fragment{number}() {{\n{body}}}\n')
    # The fragments are one file: the headers are read once.
    programs.append(('fragments', PRELUDE + ''.join(parts[True] + parts[False]) + 'int main() {}\n'))
    for name, code in programs:
        source = place / f'{name}.cpp'
        source.write_text(code)
        built = subprocess.run([*compiler, *flags, source, '-o', place / name], stderr=subprocess.PIPE, text=True)
        print(f'{name}:', 'compiles' if built.returncode == 0 else built.stderr)
        failures += built.returncode != 0
    programs = [name for name, code in programs[:-1]]
    if programs != ['writer', 'reader']:
        sys.exit(f'expected the programs writer and reader, found {programs}')
    if failures:
        sys.exit('README.md does not compile')
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
