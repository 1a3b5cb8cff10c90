// SPDX-License-Identifier: BSL-1.0
// System V shared memory, the writing side: each line of the input becomes the message, and the counter counts them.
// Start the reader in another terminal, before or after.
//
// The C program calls shmget, shmat, strcpy, shmdt and shmctl, and checks some of them. What can no longer go wrong:
//   - a reader sees counter and message of one line, never half of the next one, and no sleep() in between is needed;
//   - a line of more than 256 bytes is an error that says so; it does not run over the end of the segment;
//   - two writers count correctly, and one that is killed between two instructions leaves the last message whole;
//   - the segment is for its owner alone (not 0666), and the last one out removes it: nothing for ipcs to show.

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <tenon/shared_object.hpp>

#include "message.hpp"

int main() try {
    auto shared = tenon::SharedObject<Message>::open_or_create(message_key);

    for (std::string line; std::getline(std::cin, line);) {
        shared.update([&](Message& m) {
            m.counter = m.counter == last_word ? 1 : m.counter + 1;
            m.message = line;
        });
    }
    shared.update([](Message& m) { m.counter = last_word; });
} catch (const std::exception& error) {
    std::fprintf(stderr, "writer: %s\n", error.what());
    return 1;
}
