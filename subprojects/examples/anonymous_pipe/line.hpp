// SPDX-License-Identifier: BSL-1.0
#pragma once
// What goes through the pipes, and what is done with it at their other ends.

#include <cstdio>
#include <tenon/typed_pipe.hpp>

struct Line {
    int number;
    tenon::FixedString<80> text;
};

/// Prints line after line until the last sender has closed its end.
inline int print_all(const char* who, tenon::TypedPipe<Line>::Receiver lines) {
    while (const auto line = lines.next()) {
        std::printf("%s: %d %s\n", who, line->number, line->text.str().c_str());
        std::fflush(stdout);
    }
    std::printf("%s: the end\n", who);
    return 0;
}
