// SPDX-License-Identifier: BSL-1.0
// The producer puts the numbers 1 to COUNT (10000) into the ring, each once, waiting while it is full.
//
//     producer_consumer-producer [COUNT]
//
// Killed with -9 at any instruction and started again, it goes on with the number that is due: where it was is read
// from the ring, in the same update that puts the item in. Several producers may work at a time.

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "ring.hpp"

int main(int argc, char** argv) try {
    const std::uint64_t last = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000;
    Belt belt;

    for (bool more = true; more;) {
        await(belt.spaces);  // P
        const bool put = belt.ring.update([&](Ring& ring) {
            const std::uint64_t next = ring.put_in + 1;
            const bool was_put = next <= last && ring.put({next, next * next});
            ring.finished = ring.put_in >= last;
            more = !ring.finished;
            return was_put;
        });
        if (put) V(belt.items);
    }

    // The last one out takes the ring away, so the producer stays until it is empty.
    Ring ring{};
    for (auto seen = belt.ring.load(ring); ring.taken_out != ring.put_in; seen = belt.ring.load(ring)) {
        belt.ring.wait_changed(seen);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "producer: %s\n", error.what());
    return 1;
}
