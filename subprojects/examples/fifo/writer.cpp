// SPDX-License-Identifier: BSL-1.0
// A named pipe, the writing side: each number of the input is a reading. Start the reader in another terminal, before or
// after: within ten seconds the two find each other.
//
// What can no longer go wrong, compared with the C program (mkfifo, open, write, close, unlink):
//   - open() hangs for ever because nobody reads: here it waits as long as we say, for the name and for the reader;
//   - several writers mix their messages, or the reader gets them in pieces: each message is one packet;
//   - a reader compiled with another struct prints nonsense: here whoever of the two comes second is refused;
//   - a reader that dies takes the writer with it by SIGPIPE: here send() throws, and says why.

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>

#include "reading.hpp"

int main() try {
    auto readings = tenon::TypedFifo<Reading>::Sender::open_for(readings_path, std::chrono::seconds{10});
    Reading reading{};
    while (std::cin >> reading.celsius) {
        reading.number += 1;
        readings.send(reading);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "writer: %s\n", error.what());
    return 1;
}
