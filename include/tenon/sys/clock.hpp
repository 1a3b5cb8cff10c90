// SPDX-License-Identifier: BSL-1.0
#pragma once
/// CLOCK_MONOTONIC, clock_gettime(2), in nanoseconds: the one clock that all processes of a machine share and that
/// nobody sets.

#include <errno.h>  // EINTR
#include <time.h>

#include <cstdint>

namespace tenon::sys {

/// A point of time that never comes.
inline constexpr std::int64_t end_of_time = INT64_MAX;

/// Nanoseconds since an arbitrary start, the same for every process.
inline std::int64_t monotonic_now() noexcept {
    ::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

inline ::timespec to_timespec(std::int64_t nanoseconds) noexcept {
    ::timespec result{};
    result.tv_sec = static_cast<::time_t>(nanoseconds / 1'000'000'000);
    result.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    return result;
}

/// Sleeps until that time; a signal does not shorten it.
inline void sleep_until(std::int64_t nanoseconds) noexcept {
    const ::timespec until = to_timespec(nanoseconds);
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {}
}

}  // namespace tenon::sys
