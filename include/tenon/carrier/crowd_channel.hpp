// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What a channel of many senders and many receivers needs besides: a seat for each process, fences where others cannot make
/// them, and an eye on the dead.
///
/// Self has, for its friend CrowdChannel:  static void settle(void* object, std::uint32_t capacity, std::uint32_t seat) noexcept

#include <atomic>
#include <cstdint>
#include <utility>

#include "outcome.hpp"
#include "shared_channel.hpp"

namespace tenon::carrier {

template <class Self>
class CrowdChannel : public SharedChannel {
protected:
    CrowdChannel() noexcept = default;
    CrowdChannel(CrowdChannel&& other) noexcept
        : SharedChannel{std::move(other)}, needs_fence_{other.needs_fence_}, in_hand_{other.in_hand_.exchange(0)} {}
    CrowdChannel& operator=(CrowdChannel&& other) noexcept {
        if (this != &other) {
            close();
            SharedChannel::operator=(std::move(other));
            needs_fence_ = other.needs_fence_;
            in_hand_ = other.in_hand_.exchange(0);
        }
        return *this;
    }
    ~CrowdChannel() { close(); }
    explicit CrowdChannel(memory::Segment segment) noexcept
        : SharedChannel{std::move(segment)}, needs_fence_{!Machine::join_heavy_fences()} {}

    /// A forked child takes a seat at its first message.
    Result attend() noexcept {
        if (segment_.attendance().seat_is_ours()) [[likely]] {
            return Outcome::done;
        }
        return result_of([this]() -> Result {
            // In the one thread that takes it, and before the others see it.
            static_cast<void>(segment_.seat([this](void* object, std::uint32_t capacity, std::uint32_t seat) noexcept {
                needs_fence_ = !Machine::join_heavy_fences();
                in_hand_ = 0;
                Self::settle(object, capacity, seat);
            }));
            touch_descriptors();  // who sat there before may have left something
            return Outcome::done;
        });
    }
    /// After attend().
    [[nodiscard]] std::uint32_t seat() const noexcept { return segment_.attendance().own_seat(); }

    /// Says that something has changed for those who wait on `event`.
    void tell(sync::Event<Machine>& event) noexcept {
        if (needs_fence_) [[unlikely]] {
            Machine::fence(std::memory_order_seq_cst);
        }
        event.signal_lightly(1, [this] { touch_descriptors(); });
    }

    /// Puts right what the dead have left. Returns  whether there was anything.
    bool repair() const noexcept { return segment_.settle_dead(Self::settle); }
    /// Whoever only looks, and never waits, finds out about the dead too.
    void repair_now_and_then() noexcept {
        if (attempts_.fetch_add(1, std::memory_order_relaxed) % 1024 == 1023) {
            repair();
        }
    }

    /// A message is lent or borrowed from here on.
    void take_in_hand() noexcept { in_hand_.fetch_add(1, std::memory_order_relaxed); }
    /// And no longer. False in a forked child, where it is the parent's still.
    [[nodiscard]] bool let_go() noexcept {
        if (!segment_.attendance().seat_is_ours()) {
            return false;
        }
        in_hand_.fetch_sub(1, std::memory_order_relaxed);
        return true;
    }

private:
    void close() noexcept {
        if (segment_) {
            if (segment_.attendance().seat_is_ours() && in_hand_ != 0) {
                Self::settle(segment_.object(), segment_.capacity(), seat());  // what is in hand goes back first
            }
            segment_.close();
        }
    }

    bool needs_fence_ = false;
    std::atomic<std::uint32_t> in_hand_{0};
    std::atomic<std::uint32_t> attempts_{0};
};

}  // namespace tenon::carrier
