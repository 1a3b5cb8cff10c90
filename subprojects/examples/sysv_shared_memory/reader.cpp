// SPDX-License-Identifier: BSL-1.0
// System V shared memory, the reading side: prints the message whenever there is a new one, until the writer's last word.
//
// What can no longer go wrong, compared with the C program:
//   - a reader that is started first waits for the writer; it does not attach a segment that is not filled yet;
//   - a reader that was compiled with another struct, or that finds somebody else's segment under the key, is told so
//     when it attaches, instead of printing bytes that mean something else;
//   - it sleeps until something changes: no polling, no sleep(1), no message that is seen a second late;
//   - it cannot write by accident: load() returns a copy, and const makes the mapping itself read-only.
// A struct is not a queue: of messages that come faster than the reader looks, it sees the latest.

#include <chrono>
#include <cstdio>
#include <exception>
#include <tenon/shared_object.hpp>

#include "message.hpp"

int main() try {
    auto shared = tenon::SharedObject<const Message>::open_for(message_key, std::chrono::seconds{10});

    Message now{};
    for (auto seen = shared.load(now); now.counter != last_word; seen = shared.load(now)) {
        if (now.counter > 0) {
            std::printf("%d: %s\n", now.counter, now.message.str().c_str());
            std::fflush(stdout);
        }
        shared.wait_changed(seen);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "reader: %s\n", error.what());
    return 1;
}
