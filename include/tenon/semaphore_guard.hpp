// SPDX-License-Identifier: BSL-1.0
#pragma once
/// SemaphoreGuard: P on entry, V on exit, on every path; over several semaphores of any kind all or none, so that there is
/// no order in which two programs can deadlock. Includes all semaphores.
///
///     { tenon::SemaphoreGuard guard{old}; critical(); }
///     { tenon::SemaphoreGuard both{slots, old}; }

#include <cstddef>
#include <cstdint>
#include <utility>

#include "memory/attendance.hpp"
#include "memory/fork_generation.hpp"
#include "sync/deadline.hpp"
#include "sync/robust_lock.hpp"
#include "sync/semaphore.hpp"
#include "sync/semaphore_verbs.hpp"
#include "sync/signal_semaphore.hpp"
#include "sync/sysv_semaphore.hpp"
#include "sys/clock.hpp"
#include "sys/error.hpp"

namespace tenon {

/// Holds one permit of each of its semaphores for the length of a scope. They must outlive it.
///
/// Order    A guard of several sleeps only on one of them and only while it holds none; so no two guards, whatever order
///          their semaphores are named in, wait for each other.
/// Throws   what acquire() throws, holding nothing then; EDEADLK when one semaphore is named twice.
template <SemaphoreLike... Semaphores>
    requires(sizeof...(Semaphores) > 0)
class SemaphoreGuard {
public:
    /// P on all of them, sleeping until that is possible.
    explicit SemaphoreGuard(Semaphores&... semaphores) : SemaphoreGuard{Deadline::never(), semaphores...} {}

    /// As above, until `deadline` at the latest: the guard tests false when the time came first, and holds nothing.
    explicit SemaphoreGuard(Deadline deadline, Semaphores&... semaphores) : slots_{Slot::of(semaphores)...} {
        if constexpr (count > 1) {
            refuse_twins();
        }
        held_ = acquire_all(deadline);
    }
    SemaphoreGuard(const SemaphoreGuard&) = delete;
    SemaphoreGuard& operator=(const SemaphoreGuard&) = delete;

    /// V on all. Never throws: a semaphore that was removed meanwhile has no permit to give back. release() tells.
    ~SemaphoreGuard() {
        try {
            release();
        } catch (...) {  // a destructor has nobody to tell
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return held_; }

    /// V on all, now. Throws what one of them threw, having released the others.
    void release() {
        if (std::exchange(held_, false) && memory::fork_generation() == generation_) {  // a child holds nothing
            release_first(0, count);
        }
    }

private:
    static constexpr std::size_t count = sizeof...(Semaphores);

    /// One semaphore, whatever its type.
    struct Slot {
        void* semaphore;
        void (*acquire)(void*);
        bool (*try_acquire)(void*);
        bool (*try_acquire_until)(void*, Deadline);
        void (*release)(void*);
        memory::Identity (*identity)(void*);

        template <class S>
        static constexpr Slot of(S& semaphore) noexcept {
            return {&semaphore,
                    [](void* s) { static_cast<S*>(s)->acquire(); },
                    [](void* s) { return static_cast<S*>(s)->try_acquire(); },
                    [](void* s, Deadline deadline) { return static_cast<S*>(s)->try_acquire_until(deadline); },
                    [](void* s) { static_cast<S*>(s)->release(); },
                    [](void* s) -> memory::Identity { return static_cast<S*>(s)->identity(); }};
        }
    };

    void refuse_twins() const {
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t k = i + 1; k < count; ++k) {
                if (slots_[i].identity(slots_[i].semaphore) == slots_[k].identity(slots_[k].semaphore)) {
                    sys::throw_error(EDEADLK, "SemaphoreGuard: one semaphore named twice");
                }
            }
        }
    }

    bool acquire_all(Deadline deadline) {
        std::size_t first = 0;  // the one to sleep on
        for (std::int64_t nap = 0;; nap = nap < 1'000'000 ? nap * 2 + 10'000 : nap) {
            Slot& waited = slots_[first];
            if (deadline.is_never()) {
                waited.acquire(waited.semaphore);
            } else if (!waited.try_acquire_until(waited.semaphore, deadline)) {
                return false;
            }
            std::size_t taken = 1;
            try {
                while (taken < count && try_at(first + taken)) {
                    ++taken;
                }
            } catch (...) {
                release_first(first, taken);
                throw;
            }
            if (taken == count) {
                return true;
            }
            release_first(first, taken);
            first = (first + taken) % count;
            if (deadline.has_passed()) {
                return false;
            }
            if (nap != 0) {  // two guards that keep taking turns at failing step out of each other's way
                sys::sleep_until(sys::monotonic_now() + nap +
                                 static_cast<std::int64_t>(sys::this_thread() % 7) * 3'000);
            }
        }
    }

    bool try_at(std::size_t position) {
        Slot& slot = slots_[position % count];
        return slot.try_acquire(slot.semaphore);
    }

    /// Gives back `taken` of them, counted from `first`, the last one first.
    void release_first(std::size_t first, std::size_t taken) {
        while (taken != 0) {
            Slot& slot = slots_[(first + --taken) % count];
            try {
                slot.release(slot.semaphore);
            } catch (...) {
                release_first(first, taken);
                throw;
            }
        }
    }

    Slot slots_[count];
    std::uint64_t generation_ = memory::fork_generation();
    bool held_ = false;
};

template <SemaphoreLike... Semaphores>
SemaphoreGuard(Semaphores&...) -> SemaphoreGuard<Semaphores...>;
template <SemaphoreLike... Semaphores>
SemaphoreGuard(Deadline, Semaphores&...) -> SemaphoreGuard<Semaphores...>;

}  // namespace tenon
