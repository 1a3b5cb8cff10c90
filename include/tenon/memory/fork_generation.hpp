// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Notices a fork() at the price of two loads: a number that no ancestor of the process ever had. It stands in a page that the kernel empties in every child (madvise(2), MADV_WIPEONFORK), so that raw
/// clone() calls are seen as well. Plain memory remembers the highest number of the line of ancestors.
///
///     if (memory::fork_generation() != generation_) join_again();

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "../sys/error.hpp"

namespace tenon::memory {

namespace detail {

struct ForkGeneration {
    std::atomic<std::atomic<std::uint64_t>*> page{nullptr};  // null until the first use
    std::atomic<std::uint64_t> highest{0};                   // copied to children, counts on there
};

inline constinit ForkGeneration fork_state{};

/// Maps the page at the first use, and numbers a process that has no number yet.
[[gnu::cold, gnu::noinline]] inline std::uint64_t renew_fork_generation() {
    auto* page = fork_state.page.load(std::memory_order_acquire);
    if (page == nullptr) {
        const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        void* const fresh = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED) {
            sys::throw_error(errno, "mmap");
        }
        if (::madvise(fresh, size, MADV_WIPEONFORK) == -1) {
            const int error = errno;
            ::munmap(fresh, size);
            sys::throw_error(error, "madvise(MADV_WIPEONFORK)");
        }
        auto* mine = static_cast<std::atomic<std::uint64_t>*>(fresh);  // zero pages hold zero atomics
        if (fork_state.page.compare_exchange_strong(page, mine, std::memory_order_acq_rel)) {
            page = mine;
        } else {
            ::munmap(fresh, size);  // another thread was first
        }
    }
    const std::uint64_t next = fork_state.highest.fetch_add(1, std::memory_order_relaxed) + 1;
    std::uint64_t none = 0;
    page->compare_exchange_strong(none, next, std::memory_order_acq_rel);
    return page->load(std::memory_order_acquire);
}

}  // namespace detail

/// The number of this process. Throws std::system_error only at the first call.
inline std::uint64_t fork_generation() {
    if (const auto* page = detail::fork_state.page.load(std::memory_order_acquire)) [[likely]] {
        if (const std::uint64_t number = page->load(std::memory_order_relaxed)) [[likely]] {
            return number;
        }
    }
    return detail::renew_fork_generation();
}

}  // namespace tenon::memory
