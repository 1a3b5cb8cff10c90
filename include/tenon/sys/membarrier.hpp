// SPDX-License-Identifier: BSL-1.0
#pragma once
/// membarrier(2): one process pays for the memory barriers of all others, so that they need none on their fast road. Before
/// it goes to sleep the slow side calls barrier_everywhere(); the fast sides are processes that have registered.
///
///     fast: store what changed; load the sleeper's flag       (no fence)
///     slow: store the flag; barrier_everywhere(); look once more whether it changed
///
/// Source   membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED (Linux 4.16).

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace tenon::sys {

namespace detail {
inline bool membarrier(int command) noexcept {
    const int saved = errno;
    const bool done = ::syscall(SYS_membarrier, command, 0, 0) == 0;
    errno = saved;
    return done;
}
}  // namespace detail

/// Lets others' barrier_everywhere() reach the threads of this process. Once for a process, and once more in a forked child.
/// Returns  false where the kernel does not know it, or a sandbox forbids it: then the process needs fences of its own.
inline bool register_for_barriers() noexcept { return detail::membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED); }

/// A full barrier in every running thread of every registered process, and here. About a microsecond; ten when a processor
/// has to be interrupted for it.
/// Returns  false where the kernel refused: then there was a barrier only here, if at all.
inline bool barrier_everywhere() noexcept { return detail::membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED); }

}  // namespace tenon::sys
