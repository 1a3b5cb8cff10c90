// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Waiting for descriptors, ppoll(2), until a time of the monotonic clock.

#include <poll.h>

#include <cstddef>
#include <cstdint>

#include "clock.hpp"
#include "error.hpp"

namespace tenon::sys {

/// Waits until one of them has what it asks for, an error or a hang-up, or the time has come. 0 looks once.
/// Returns  how many have something; 0 when the time came first; -1 with errno set (EINVAL, ENOMEM).
inline int try_poll_until(::pollfd* descriptors, std::size_t count, std::int64_t until) noexcept {
    for (;;) {
        ::timespec left{};
        if (until != end_of_time) {
            const std::int64_t now = until <= 0 ? until : monotonic_now();
            left = to_timespec(until <= now ? 0 : until - now);
        }
        const int ready = ::ppoll(descriptors, count, until == end_of_time ? nullptr : &left, nullptr);
        if (ready > 0 || (ready == -1 && errno != EINTR)) {
            return ready;
        }
        if (ready == 0 && monotonic_now() >= until) {
            return 0;
        }
    }
}

/// As above, for one descriptor; POLLHUP, POLLERR and POLLNVAL are always waited for.
/// Returns  what it has; 0 when the time came first, and not before. Where the kernel refuses (RLIMIT_NOFILE is 0, no
///          memory) it sleeps for a millisecond at most and says `events` and POLLNVAL: the caller has to look for itself.
inline short poll_until(int descriptor, short events, std::int64_t until) noexcept {
    ::pollfd one{descriptor, events, 0};
    const int ready = try_poll_until(&one, 1, until);
    if (ready >= 0) {
        return ready > 0 ? one.revents : static_cast<short>(0);
    }
    const std::int64_t now = until <= 0 ? 0 : monotonic_now();
    if (now >= until) {
        return 0;
    }
    constexpr std::int64_t nap = 1'000'000;
    sleep_until(until - now < nap ? until : now + nap);
    return static_cast<short>(events | POLLNVAL);
}

}  // namespace tenon::sys
