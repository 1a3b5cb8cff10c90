// SPDX-License-Identifier: BSL-1.0
// A System V message queue, the sending side: each line of the input is a message. Start the receiver in another terminal,
// before or after, or when this program has ended.
//
// The C program calls ftok, msgget, msgsnd, and casts its struct to a pointer. What can no longer go wrong:
//   - sizeof(struct) where the size of the text was meant, so that each message drags four or eight bytes more along;
//   - a receiver with another struct, or another program's queue that ftok() happens to give the same key: refused;
//   - the queue for everybody to read and write (0666): it is its owner's.

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "message.hpp"

int main() try {
    auto messages = Messages::open_or_create(messages_key());
    messages.persist();  // it stays when we leave; otherwise the last one out removes it

    for (std::string line; std::getline(std::cin, line);) {
        if (!line.empty()) messages.send({line});
    }
    messages.send({});
} catch (const std::exception& error) {
    std::fprintf(stderr, "sender: %s\n", error.what());
    return 1;
}
