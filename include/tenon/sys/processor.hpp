// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Which processor this is, and the few instructions that C++ has no word for. The only header whose text depends on the
/// kind of processor.

#include <sched.h>

#include <cstdint>

namespace tenon::sys {

/// The number of the processor that the caller runs on, at this moment. About a nanosecond where the C library has it from
/// the kernel's restartable sequences.
inline std::uint32_t current_processor() noexcept { return static_cast<std::uint32_t>(::sched_getcpu()); }

/// Tells the processor that this is a waiting loop: cheaper for its neighbour, and it sees the change sooner.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/// Asks for the cache line at `address`, which is to be read soon.
inline void will_read(const void* address) noexcept { __builtin_prefetch(address); }

/// Asks for the cache line at `address`, which is to be written soon. An address where there is no memory does no harm.
inline void will_write(const void* address) noexcept {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));  // __builtin_prefetch() asks to read
#else
    __builtin_prefetch(address, 1);
#endif
}

/// Lets another process run on this processor, if one waits for it. Source: sched_yield(2), which cannot fail on Linux.
inline void yield() noexcept { ::sched_yield(); }

}  // namespace tenon::sys
