// SPDX-License-Identifier: BSL-1.0
#pragma once
/// futex(2): sleeping on a 32-bit word of shared memory until somebody wakes it. The word is compared and the caller
/// put to sleep in one step; sleepers are told apart by a mask, so that one word can serve several kinds of them.
/// Works on read-only mappings too. Shared between processes (never FUTEX_PRIVATE_FLAG).

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>  // timespec
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>

namespace tenon::sys {

/// Everybody who sleeps on the word.
inline constexpr int all_sleepers = INT_MAX;
/// The mask that matches every other one.
inline constexpr std::uint32_t any_sleeper = FUTEX_BITSET_MATCH_ANY;

/// Sleeps while `*word == expected`, until a wake whose mask shares a bit with `mask`, or until `deadline` (absolute,
/// CLOCK_MONOTONIC; nullptr is for ever). May return early for no reason: look at the word again.
inline void futex_wait(const std::uint32_t* word, std::uint32_t expected, std::uint32_t mask,
                       const ::timespec* deadline) noexcept {
    const int saved = errno;
    ::syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, deadline, nullptr, mask);
    errno = saved;
}

/// Wakes up to `count` sleepers whose mask shares a bit with `mask`.
/// Returns  how many were woken.
inline int futex_wake(const std::uint32_t* word, int count, std::uint32_t mask = any_sleeper) noexcept {
    const int saved = errno;
    const long woken = ::syscall(SYS_futex, word, FUTEX_WAKE_BITSET, count, nullptr, nullptr, mask);
    errno = saved;
    return woken < 0 ? 0 : static_cast<int>(woken);
}

}  // namespace tenon::sys
