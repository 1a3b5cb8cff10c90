// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The one instruction that C++ has no word for. The only header whose text depends on the processor.

namespace tenon::sys {

/// Tells the processor that this is a waiting loop: cheaper for its neighbour, and it sees the change sooner.
inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

}  // namespace tenon::sys
