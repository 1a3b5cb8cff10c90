// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What the lock-free algorithms stand on: atomics, a pause, and sleeping on a word. They take it as a template
/// parameter, so that a test can put a scheduler in its place which drives every step.

#include <atomic>
#include <cstdint>

#include "../sys/clock.hpp"
#include "../sys/futex.hpp"
#include "../sys/membarrier.hpp"
#include "../sys/processor.hpp"

namespace tenon::sync {

/// The machine itself.
struct Hardware {
    template <class T>
    using Atomic = std::atomic<T>;

    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }

    /// A fence for others too: theirs can be left out between a store and a load if they have joined. See membarrier.hpp.
    static bool join_heavy_fences() noexcept { return sys::register_for_barriers(); }
    static bool heavy_fence() noexcept { return sys::barrier_everywhere(); }

    static void pause() noexcept { sys::pause(); }
    static void will_read(const void* address) noexcept { sys::will_read(address); }
    static void will_write(const void* address) noexcept { sys::will_write(address); }
    static void yield() noexcept { sys::yield(); }
    static std::uint32_t processor() noexcept { return sys::current_processor(); }

    /// Sleeps while `word` holds `expected`, until woken or until `until` (sys::monotonic_now); may return early.
    static void sleep(const std::uint32_t* word, std::uint32_t expected, std::uint32_t mask,
                      std::int64_t until) noexcept {
        if (until == sys::end_of_time) {
            sys::futex_wait(word, expected, mask, nullptr);
        } else {
            const ::timespec deadline = sys::to_timespec(until);
            sys::futex_wait(word, expected, mask, &deadline);
        }
    }
    static int wake(const std::uint32_t* word, int count, std::uint32_t mask) noexcept {
        return sys::futex_wake(word, count, mask);
    }
    static std::int64_t now() noexcept { return sys::monotonic_now(); }
};

}  // namespace tenon::sync
