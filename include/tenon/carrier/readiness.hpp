// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A descriptor to poll for something that happens in shared memory. It is readable whenever there may be something: at
/// first, after each touch, and when a user has left or died, until an attempt has found nothing; what may be late is its
/// becoming unreadable.
///
///     poll says readable -> attempts until one finds nothing; that one calls arm(), and looks once more

#include <atomic>
#include <cstdint>
#include <utility>

#include "../memory/fork_generation.hpp"
#include "../sync/event.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/inotify.hpp"

namespace tenon::carrier {

template <class Machine = sync::Hardware>
class Readiness {
public:
    Readiness() noexcept = default;
    Readiness(Readiness&& other) noexcept { *this = std::move(other); }
    Readiness& operator=(Readiness&& other) noexcept {
        watching_ = std::move(other.watching_);
        generation_.store(other.generation_.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
        return *this;
    }
    ~Readiness() = default;

    /// The descriptor. A forked child, in which the inherited one still belongs to the parent, gets one of its own.
    /// `file`: the segment's. Throws what inotify refuses.
    int descriptor(int file) {
        const std::uint64_t generation = memory::fork_generation();
        if (generation_.load(std::memory_order_relaxed) != generation) {
            sys::FileDescriptor fresh = sys::watch_for_touches(file);
            watching_ = std::move(fresh);
            generation_.store(generation, std::memory_order_release);  // for is_wanted() in other threads
            sys::touch(file);
        }
        return watching_.get();
    }

    /// Whether anybody polls here.
    [[nodiscard]] bool is_wanted() const noexcept {
        return generation_.load(std::memory_order_acquire) == memory::fork_generation();
    }

    /// After nothing was found: from here on the next signal makes it readable. Then `look()`, once more, and where that
    /// finds something it stays readable.
    /// Returns  what look() said.
    template <class Look>
    bool arm(sync::Event<Machine>& event, int file, Look look) noexcept {
        sys::forget_touches(watching_.get());
        event.announce_poller();
        Machine::heavy_fence();
        if (!look()) {
            return false;
        }
        sys::touch(file);
        return true;
    }

private:
    sys::FileDescriptor watching_;
    std::atomic<std::uint64_t> generation_{0};
};

}  // namespace tenon::carrier
