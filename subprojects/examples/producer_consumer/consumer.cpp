// SPDX-License-Identifier: BSL-1.0
// The consumer takes the items out of the ring in their order, each once, and prints their numbers until the producer
// has finished and the ring is empty. Several consumers may work at a time: each item goes to one of them.
//
// Killed with -9 it may have taken one item that it did not live to print: what is taken is gone. Work that must not be
// lost with its consumer belongs into the update itself, for instance as a sum that is kept in the shared struct.

#include <cstdio>
#include <exception>
#include <stdexcept>

#include "ring.hpp"

int main() try {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // each line at once, into a pipe too
    Belt belt;

    for (bool more = true; more;) {
        await(belt.items);  // P
        const std::optional<Item> item = belt.ring.update([&](Ring& ring) {
            const std::optional<Item> taken = ring.take();
            more = !ring.finished || ring.put_in != ring.taken_out;
            return taken;
        });
        if (item) {
            if (item->square != item->number * item->number) throw std::runtime_error{"a torn item"};
            std::printf("%llu\n", static_cast<unsigned long long>(item->number));
            V(belt.spaces);
        }
    }
    V(belt.items);  // another consumer may wait for one that will not come
} catch (const std::exception& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return 1;
}
