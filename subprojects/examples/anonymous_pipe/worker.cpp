// SPDX-License-Identifier: BSL-1.0
// The other program: takes the pipe that it was given as "lines". Without one, or with a pipe of another struct, it says
// so and ends; the C program would read from whatever descriptor 3 happens to be.

#include <exception>

#include "line.hpp"

int main() try {
    return print_all("worker", tenon::TypedPipe<Line>::Receiver::inherited("lines"));
} catch (const std::exception& error) {
    std::fprintf(stderr, "worker: %s\n", error.what());
    return 1;
}
