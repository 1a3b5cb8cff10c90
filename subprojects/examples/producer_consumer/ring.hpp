// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the producer and the consumer share: a ring of sixteen items, and two semaphores that say when to look at it.
//
// What is true stands in the ring, and each step of it is one update(): done, or not done, whoever is killed when. The
// semaphores only wake. A V that its process did not live to give is therefore no harm: who waits for it looks by itself
// after a tenth of a second. With the ring in plain shared memory, as in C, a death between the copy, the index and
// the V loses an item or shows it twice, and a death inside the mutex stops everybody.

#include <chrono>
#include <cstdint>
#include <optional>
#include <tenon/semaphore_guard.hpp>
#include <tenon/shared_object.hpp>

struct Item {
    std::uint64_t number;
    std::uint64_t square;  // of the number: who finds another value has a torn item
};

struct Ring {
    static constexpr std::uint64_t size = 16;
    std::uint64_t put_in;     // how many, ever
    std::uint64_t taken_out;  // how many of them
    bool finished;            // the producer has put in the last one
    Item items[size];

    [[nodiscard]] bool put(const Item& item) {
        if (put_in - taken_out >= size) return false;
        items[put_in++ % size] = item;
        return true;
    }
    [[nodiscard]] std::optional<Item> take() {
        if (put_in == taken_out) return std::nullopt;
        return items[taken_out++ % size];
    }
};

/// Started in either order: whoever comes first makes all three.
struct Belt {
    tenon::SharedObject<Ring> ring = tenon::SharedObject<Ring>::open_or_create("/belt");
    tenon::SignalSemaphore items = tenon::SignalSemaphore::open_or_create("/belt.items", tenon::Permits{0});
    tenon::SignalSemaphore spaces = tenon::SignalSemaphore::open_or_create("/belt.spaces", tenon::Permits{Ring::size});
};

/// P, for a tenth of a second at most; either way it is time to look at the ring.
inline void await(tenon::SignalSemaphore& signal) {
    static_cast<void>(signal.try_acquire_for(std::chrono::milliseconds{100}));
}
