// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The verbs of every semaphore, written once: P and V are Dijkstra's, acquire and release the same, and blocking is trying
/// until it works.
///
///     if (semaphore.try_acquire_for(5ms)) { work(); semaphore.release(); }

#include <concepts>
#include <cstdint>

#include "../memory/attendance.hpp"
#include "deadline.hpp"

namespace tenon {

/// How many permits.
struct Permits {
    std::uint32_t count;
    explicit constexpr Permits(std::uint32_t number) noexcept : count{number} {}
};

/// What SemaphoreGuard, P and V work on.
template <class S>
concept SemaphoreLike = requires(S& semaphore, Deadline deadline) {
    semaphore.acquire();
    { semaphore.try_acquire() } -> std::same_as<bool>;
    { semaphore.try_acquire_until(deadline) } -> std::same_as<bool>;
    semaphore.release();
    { semaphore.identity() } -> std::convertible_to<memory::Identity>;
};

/// P: takes one permit, sleeping until there is one.
template <SemaphoreLike S>
void P(S& semaphore) {
    semaphore.acquire();
}

/// V: gives one permit back.
template <SemaphoreLike S>
void V(S& semaphore) {
    semaphore.release();
}

namespace sync {

/// The verbs that follow from Self::take(until), `until` being a time of sys::monotonic_now(), 0 for "at once".
template <class Self>
class SemaphoreVerbs {
public:
    /// P: takes one permit, sleeping until there is one.
    void acquire() { static_cast<void>(self().take(sys::end_of_time)); }

    /// Takes a permit if one is free.
    /// Returns  false, and nothing changed, when none is.
    [[nodiscard]] bool try_acquire() { return self().take(0); }

    /// P, sleeping until then at the latest; never gives up early. 0 looks once.
    /// Returns  false when the time came and nothing changed.
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& duration) {
        return self().take(Deadline::after(duration).nanoseconds());
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& time) {
        return self().take(Deadline::at(time).nanoseconds());
    }
    [[nodiscard]] bool try_acquire_until(Deadline deadline) { return self().take(deadline.nanoseconds()); }

private:
    Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace sync
}  // namespace tenon
