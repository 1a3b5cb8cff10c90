// SPDX-License-Identifier: BSL-1.0
// A System V message queue, the receiving side: prints the messages up to the last one, and removes the queue.

#include <chrono>
#include <cstdio>
#include <exception>

#include "message.hpp"

int main() try {
    auto messages = Messages::open_for(messages_key(), std::chrono::seconds{10});
    for (Message message = messages.receive(); !message.text.empty(); message = messages.receive()) {
        std::printf("%s\n", message.text.str().c_str());
        std::fflush(stdout);
    }
    Messages::remove(messages_key());  // in C it is there until somebody thinks of ipcrm
} catch (const std::exception& error) {
    std::fprintf(stderr, "receiver: %s\n", error.what());
    return 1;
}
