#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Builds a good house and then breaks one law at a time: house.py must name each, and nothing else."""
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from house import violations  # noqa: E402

TOP = '// SPDX-License-Identifier: BSL-1.0\n#pragma once\n'
GOOD = {
    'include/tenon/payload/rule.hpp': TOP + '''
#if __cplusplus < 202002L || !defined(__linux__)
#error "tenon needs C++20 and Linux"
#endif
#include <concepts>
// #define is only spoken of here, and "#include <boost/any.hpp>" too
constexpr auto spoken = R"(
#define NOTHING
)"; constexpr long big = 1'000'000; constexpr char quote = '"';
''',
    'include/tenon/sys/mapping.hpp': TOP + '''#include <sys/mman.h>  // mmap
#if defined(__SANITIZE_THREAD__)
inline int watched = 1;
#endif
''',
    'include/tenon/sys/processor.hpp': TOP + '#if defined(__x86_64__)\nint a;\n#elif defined(__arm__)\n#endif\n',
    'include/tenon/memory/segment.hpp': TOP + '#include <tenon/sys/mapping.hpp>\n#include "../payload/rule.hpp"\n',
    'include/tenon/shared_object.hpp': TOP + '#include <tenon/memory/segment.hpp>\n',
    'include/tenon/integration/asio.hpp': TOP + '#include <boost/asio.hpp>\n#include <tenon/shared_object.hpp>\n',
    'test/unit/payload/rule.cpp': '// SPDX-License-Identifier: BSL-1.0\n',
    'meson.build': '# SPDX-License-Identifier: BSL-1.0\n',
    'README.md': 'SPDX-License-Identifier: BSL-1.0\n',
    'build/rubbish.txt': 'no licence, and no matter',
}
LISTED = [name for name in GOOD if name.endswith(('.hpp', '.cpp'))]

# Each: what is added (or, without text, removed), what else is listed, the sentence that must come.
BROKEN = {
    'header nobody listed': ({'include/tenon/sys/new.hpp': TOP}, [], 'is not in the list'),
    'test nobody listed': ({'test/unit/new.cpp': '// SPDX-License-Identifier: BSL-1.0\n'}, [], 'is not in the list'),
    'listed, not there': ({}, ['include/tenon/sys/gone.hpp'], 'is listed, but is not there'),
    'listed twice': ({}, ['include/tenon/sys/mapping.hpp'], 'is listed twice'),
    'top level': ({'CMakeLists.txt': '# SPDX-License-Identifier: BSL-1.0\n'}, [], 'does not belong at the top'),
    'no licence': ({'test/run': '#!/bin/sh\n'}, [], 'no line SPDX'),
    'unknown room': ({'include/tenon/detail/a.hpp': TOP}, ['include/tenon/detail/a.hpp'], 'no room detail/'),
    'higher floor': ({'include/tenon/memory/segment.hpp': TOP + '#include <tenon/sync/lock.hpp>\n',
                      'include/tenon/sync/lock.hpp': TOP}, ['include/tenon/sync/lock.hpp'], 'not on a lower floor'),
    'higher floor by a relative path': ({'include/tenon/memory/segment.hpp': TOP + '#include "../sync/lock.hpp"\n',
                                         'include/tenon/sync/lock.hpp': TOP}, ['include/tenon/sync/lock.hpp'],
                                        'not on a lower floor'),
    'sys knows payload': ({'include/tenon/sys/mapping.hpp': TOP + '#include <tenon/payload/rule.hpp>\n'}, [],
                          'not on a lower floor'),
    'payload knows sys': ({'include/tenon/payload/rule.hpp': TOP + '#include <tenon/sys/mapping.hpp>\n'}, [],
                          'not on a lower floor'),
    'a floor knows the roof': ({'include/tenon/memory/segment.hpp': TOP + '#include <tenon/integration/asio.hpp>\n'},
                               [], ['not on a lower floor', 'includes itself']),
    'outside library': ({'include/tenon/shared_object.hpp': TOP + '#include <boost/any.hpp>\n'}, [], 'neither C++20'),
    'header that is not there': ({'include/tenon/shared_object.hpp': TOP + '#include <tenon/sys/gone.hpp>\n'}, [],
                                 'does not exist'),
    'macro': ({'include/tenon/shared_object.hpp': TOP + '#define TENON 1\n'}, [], '#define TENON 1 has no place'),
    'conditional': ({'include/tenon/shared_object.hpp': TOP + '#ifdef NDEBUG\nint a;\n#endif\n'}, [], 'ODR trap'),
    'conditional include': ({'include/tenon/shared_object.hpp': TOP + '#if __cplusplus > 202002L\n#include <expected>\n'
                             '#endif\n'}, [], ['ODR trap', 'neither C++20']),
    'macro behind a sanitizer': ({'include/tenon/shared_object.hpp':
                                  TOP + '#if defined(__SANITIZE_THREAD__) && defined(FAST)\nint a;\n#endif\n'},
                                 [], 'ODR trap'),
    'processor asked elsewhere': ({'include/tenon/shared_object.hpp':
                                   TOP + '#if defined(__x86_64__)\nint a;\n#endif\n'}, [], 'ODR trap'),
    'two errors': ({'include/tenon/shared_object.hpp': TOP + '#ifndef A\n#error a\n#endif\n#ifndef B\n#error b\n#endif\n'},
                   [], 'more than one #error'),
    'no pragma': ({'include/tenon/shared_object.hpp': '// SPDX-License-Identifier: BSL-1.0\n'}, [], '#pragma once'),
    'circle': ({'include/tenon/sys/mapping.hpp': TOP + '#include <tenon/sys/other.hpp>\n',
                'include/tenon/sys/other.hpp': TOP + '#include <tenon/sys/mapping.hpp>\n'},
               ['include/tenon/sys/other.hpp'], 'includes itself'),
}


def judged(files, listed):
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in files.items():
            path = Path(scratch) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [f'{name}:{number}: {sentence}' for name, number, sentence in violations(Path(scratch), listed)]


def main():
    bad = 0
    found = judged(GOOD, LISTED)
    if found:
        bad += 1
        print('the good house was blamed:', *found, sep='\n  ')
    for case, (files, more, expected) in BROKEN.items():
        expected = [expected] if isinstance(expected, str) else expected
        found = judged({**GOOD, **files}, LISTED + more)
        if len(found) != len(expected) or not all(any(part in line for line in found) for part in expected):
            bad += 1
            print(f'{case}: expected {expected}, found', *found, sep='\n  ')
    print(f'{len(BROKEN)} broken houses, {bad} misjudged')
    return 1 if bad else 0


sys.exit(main())
