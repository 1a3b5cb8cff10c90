#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The laws of the house that a program can check: house.py ROOT LISTED...

LISTED are the headers and test programs that Meson knows, relative to ROOT. Prints each violation as
`file:line: sentence` and exits 1 when there was one.
"""
import posixpath
import re
import sys
from pathlib import Path

# Who may include whom: a header includes its own room, or a room on a lower floor.
FLOORS = {'payload': 0, 'sys': 0, 'memory': 1, 'sync': 2, 'carrier': 3, '': 4, 'testing': 5, 'integration': 6}

DOT_FILES = {'.ci', '.clang-format', '.clang-tidy', '.editorconfig', '.gitignore'}  # others are an editor's own
TOP_LEVEL = {'meson.build', 'include', 'test', 'bench', 'subprojects', 'README.md'}

STANDARD = set('''
    algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes
    climits clocale cmath compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef
    cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem format
    forward_list fstream functional future initializer_list iomanip ios iosfwd iostream istream iterator latch
    limits list locale map memory memory_resource mutex new numbers numeric optional ostream queue random ranges
    ratio regex scoped_allocator semaphore set shared_mutex source_location span sstream stack stdexcept
    stop_token streambuf string string_view strstream syncstream system_error thread tuple type_traits typeindex
    typeinfo unordered_map unordered_set utility valarray variant vector version'''.split())

GLIBC = set('''
    aio.h alloca.h assert.h byteswap.h ctype.h dirent.h dlfcn.h elf.h endian.h err.h errno.h error.h execinfo.h
    fcntl.h features.h fenv.h float.h grp.h inttypes.h langinfo.h libgen.h limits.h link.h locale.h malloc.h
    math.h mntent.h mqueue.h netdb.h poll.h pthread.h pwd.h sched.h semaphore.h setjmp.h signal.h spawn.h
    stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h syslog.h termios.h time.h
    ucontext.h unistd.h utime.h wchar.h'''.split())
GLIBC_ROOMS = ('sys/', 'linux/', 'asm/', 'asm-generic/', 'arpa/', 'net/', 'netinet/', 'bits/', 'sanitizer/')
INTRINSICS = {'immintrin.h', 'x86intrin.h', 'emmintrin.h', 'arm_acle.h'}

# What a conditional may ask, unless all it guards is an #error: whether a sanitizer watches.
SANITIZER = {'defined', '__has_feature', 'thread_sanitizer', 'address_sanitizer', 'memory_sanitizer',
             'undefined_behavior_sanitizer', '__SANITIZE_THREAD__', '__SANITIZE_ADDRESS__'}

# And in the one header that exists for it: which processor this is. All files of one program agree on that.
PROCESSOR_HEADER = 'include/tenon/sys/processor.hpp'
PROCESSOR = {'__x86_64__', '__i386__', '__aarch64__', '__arm__', '__riscv'}

COMMENT_OR_STRING = re.compile(
    r'R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.S)
INCLUDE = re.compile(r'#\s*include\s*([<"])([^>"]+)[>"]')


def without_comments(text):
    """The text with comments and raw strings blanked, lines kept. 1'000 is no character literal."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group()) if match.group()[0] in '/R' else match.group()
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", '_', text)
    return COMMENT_OR_STRING.sub(blank, text)


def includes(path):
    """(line number, '<' or '"', name) of each include."""
    for number, line in enumerate(without_comments(path.read_text()).split('\n'), 1):
        match = INCLUDE.match(line.strip())
        if match:
            yield number, match.group(1), match.group(2)


def our_name(header, quote, name):
    """The included header as a path below include/, or None when it is not ours."""
    if quote == '"':
        return posixpath.normpath(posixpath.join(posixpath.dirname(header), name))
    return name if name.startswith('tenon/') else None


def room(header):
    inside = header.split('/')[1:]
    return inside[0] if len(inside) > 1 else ''


def check_includes(root, header):
    here = room(header)
    if here not in FLOORS:
        yield 1, f'there is no room {here}/ in the house; FLOORS in test/headers/house.py has the plan'
        return
    for number, quote, name in includes(root / 'include' / header):
        ours = our_name(header, quote, name)
        if ours is None:
            system = name in STANDARD | GLIBC | INTRINSICS or name.startswith(GLIBC_ROOMS)
            if not system and here != 'integration':
                yield number, f'<{name}> is neither C++20 nor Linux/glibc; only integration/ may include it'
            continue
        there = room(ours)
        if not (root / 'include' / ours).exists():
            yield number, f'{ours} does not exist'
        elif there == here:
            if here == 'integration':
                yield number, 'integration/ headers do not include each other: one outside library each'
        elif FLOORS.get(there, 99) >= FLOORS[here]:
            yield number, f'{here or "a front door"} may not include {ours}: not on a lower floor'


def check_cycles(root, headers):
    graph = {header: [ours for _, quote, name in includes(root / 'include' / header)
                      if (ours := our_name(header, quote, name))] for header in headers}
    done, trail = set(), []

    def visit(header):
        if header in trail:
            yield 'include/' + header, 1, 'includes itself: ' + ' > '.join(trail[trail.index(header):] + [header])
        elif header not in done:
            trail.append(header)
            for next_header in graph.get(header, []):
                yield from visit(next_header)
            done.add(trail.pop())

    for header in headers:
        yield from visit(header)


def check_directives(path):
    """Only #pragma once, #include, one #error, and what a sanitizer needs."""
    lines = without_comments(path.read_text()).split('\n')
    askable = SANITIZER | (PROCESSOR if str(path).endswith(PROCESSOR_HEADER) else set())
    once = errors = 0
    conditionals = []  # [line, asks only what is askable, bodies hold nothing but #error]
    number = 0
    while number < len(lines):
        line, start = lines[number].strip(), number + 1
        while line.endswith('\\') and number + 1 < len(lines):
            number += 1
            line = line[:-1] + ' ' + lines[number].strip()
        number += 1
        match = re.match(r'#\s*(\w+)\s*(.*)', line)
        if not match:
            if line and conditionals:
                conditionals[-1][2] = False
            continue
        directive, rest = match.groups()
        if directive == 'pragma' and rest.strip() == 'once':
            once += 1
        elif directive == 'error':
            errors += 1
        elif directive in ('if', 'ifdef', 'ifndef'):
            conditionals.append([start, set(re.findall(r'[A-Za-z_]\w*', rest)) <= askable, True])
        elif directive in ('elif', 'else') and conditionals:
            conditionals[-1][1] &= set(re.findall(r'[A-Za-z_]\w*', rest)) <= askable
            conditionals[-1][2] = False
        elif directive == 'endif' and conditionals:
            opened, asks_askable, only_error = conditionals.pop()
            if not asks_askable and not only_error:
                yield opened, 'behaviour depends on a macro: an ODR trap'
        elif directive == 'include':
            if conditionals:
                conditionals[-1][2] = False
        else:
            yield start, f'#{directive} {rest}'.strip() + ' has no place in a header'
    if once != 1:
        yield 1, f'#pragma once is there {once} times'
    if errors > 1:
        yield 1, 'more than one #error'


def own_files(root):
    """Every file that is ours: no build directory, nothing fetched."""
    for path in sorted(root.iterdir()):
        if path.name in ('__pycache__', 'packagecache') or path.name.startswith('build') or path.is_symlink():
            continue
        if path.name.startswith('.') and path.name not in DOT_FILES:
            continue
        if path.is_dir():
            if not (path / 'meson-private').exists():
                yield from own_files(path)
        else:
            yield path


def check_licence(root):
    fetched = [wrap.with_suffix('') for wrap in root.glob('subprojects/*.wrap')]
    for path in own_files(root):
        # Data in which no comment can stand, and bytes that are no text, are covered by the README.
        if path.suffix in ('.json', '.bin', '.png') or any(place in path.parents for place in fetched):
            continue
        try:
            text = path.read_text(encoding='utf-8')
        except UnicodeDecodeError:
            continue
        if 'SPDX-License-Identifier: BSL-1.0' not in text:
            yield str(path.relative_to(root)), 1, 'no line SPDX-License-Identifier: BSL-1.0'


def check_lists(root, listed):
    present = {str(path.relative_to(root)) for path in (root / 'include').rglob('*')
               if path.suffix in ('.hpp', '.h', '.ipp')}
    for suite in ('unit', 'conformance', 'crash', 'model', 'hostile', 'stress', 'reject'):
        present |= {str(path.relative_to(root)) for path in (root / 'test' / suite).rglob('*.cpp')}
    for name in sorted(present - set(listed)):
        where = 'include/meson.build' if name.startswith('include/') else 'test/meson.build'
        yield name, 1, f'is not in the list in {where}'
    for name in sorted(set(listed) - present):
        yield name, 1, 'is listed, but is not there'
    for name in sorted({name for name in listed if listed.count(name) > 1}):
        yield name, 1, 'is listed twice'


def check_top_level(root):
    for path in sorted(root.iterdir()):
        if not path.name.startswith(('.', 'build')) and not path.is_symlink() and path.name not in TOP_LEVEL:
            yield path.name, 1, 'does not belong at the top level'


def violations(root, listed):
    headers = sorted(str(path.relative_to(root / 'include')) for path in (root / 'include').rglob('*.hpp'))
    yield from check_lists(root, listed)
    yield from check_top_level(root)
    yield from check_licence(root)
    yield from check_cycles(root, headers)
    for header in headers:
        for number, sentence in check_includes(root, header):
            yield 'include/' + header, number, sentence
        for number, sentence in check_directives(root / 'include' / header):
            yield 'include/' + header, number, sentence


def main():
    found = list(violations(Path(sys.argv[1]), sys.argv[2:]))
    for name, number, sentence in found:
        print(f'{name}:{number}: {sentence}')
    print(f'{len(found)} violations')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
