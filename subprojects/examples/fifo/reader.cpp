// SPDX-License-Identifier: BSL-1.0
// A named pipe, the reading side: makes it, prints what comes, and removes it when the last writer has gone.
//
// Killed with -9 it leaves the name behind. The next reader takes it over; in C its mkfifo() fails with EEXIST, or is not
// checked, and then a file or another user's pipe of that name will do as well.

#include <cstdio>
#include <exception>

#include "reading.hpp"

int main() try {
    auto readings = tenon::TypedFifo<Reading>::Receiver::create(readings_path);
    while (const auto reading = readings.next()) {
        std::printf("%d: %.1f\n", reading->number, reading->celsius);
        std::fflush(stdout);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "reader: %s\n", error.what());
    return 1;
}
