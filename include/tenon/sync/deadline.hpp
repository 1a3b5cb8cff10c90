// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A point of time on the clock that nobody sets. Waits take a Deadline, made once from std::chrono, so that signals and
/// spurious wake-ups never lengthen them. Not stored in shared memory, never defaulted.
///
///     const auto deadline = tenon::Deadline::after(5ms);

#include <cstdint>
#include <semaphore>  // std::chrono: durations and clocks, at two thirds of the price of <chrono>, which adds calendars and streams

#include "../sys/clock.hpp"

namespace tenon {

/// An absolute time of CLOCK_MONOTONIC, or never. Durations beyond its range mean never; negative ones mean now.
class Deadline {
public:
    static constexpr Deadline never() noexcept { return Deadline{sys::end_of_time}; }
    static constexpr Deadline of_monotonic(std::int64_t nanoseconds) noexcept { return Deadline{nanoseconds}; }

    template <class Rep, class Period>
    static Deadline after(const std::chrono::duration<Rep, Period>& duration) noexcept {
        return after_from(sys::monotonic_now(), duration);
    }

    /// A time of another clock is turned into a duration from now, once.
    template <class Clock, class Duration>
    static Deadline at(const std::chrono::time_point<Clock, Duration>& time) noexcept {
        using Seconds = std::chrono::duration<double>;
        const auto now = Clock::now();
        const Seconds ahead = Seconds{time.time_since_epoch()} - Seconds{now.time_since_epoch()};
        if (ahead.count() > 1e9) {  // the exact difference might overflow
            return never();
        }
        return ahead.count() < -1 ? of_monotonic(sys::monotonic_now()) : after(time - now);
    }

    [[nodiscard]] constexpr bool is_never() const noexcept { return nanoseconds_ == sys::end_of_time; }
    [[nodiscard]] constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }
    [[nodiscard]] bool has_passed() const noexcept { return !is_never() && sys::monotonic_now() >= nanoseconds_; }

private:
    explicit constexpr Deadline(std::int64_t nanoseconds) noexcept : nanoseconds_{nanoseconds} {}

    template <class Rep, class Period>
    static constexpr Deadline after_from(std::int64_t now,
                                         const std::chrono::duration<Rep, Period>& duration) noexcept {
        // Compared as seconds in floating point: a conversion to nanoseconds could overflow.
        const auto seconds = std::chrono::duration_cast<std::chrono::duration<double>>(duration).count();
        if (!(seconds > 0)) {
            return Deadline{now};
        }
        if (seconds >= static_cast<double>(sys::end_of_time - now) / 1e9 - 1) {
            return never();
        }
        auto rounded = std::chrono::duration_cast<std::chrono::nanoseconds>(duration);
        if (rounded < duration) {
            ++rounded;  // never early
        }
        return Deadline{now + rounded.count()};
    }

    std::int64_t nanoseconds_;
};

}  // namespace tenon
