// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How to wait for something that another process does in shared memory: by looking again and again, by sleeping, or first
/// the one and then the other.
///
///     orders.set_waiting(tenon::Waiting::spin);   // this handle; others wait as they like

#include <atomic>
#include <cstdint>
#include <utility>

#include "event.hpp"
#include "gathering.hpp"
#include "hardware.hpp"
#include "patience.hpp"

namespace tenon {

enum class Waiting : std::uint8_t {
    adaptive,  ///< looks for some microseconds while the other side runs on another processor, and sleeps then; lets the messages
               ///< of a fast stream gather for up to ten microseconds, which makes it faster still
    spin,   ///< looks until it is there: the least delay, for the price of a processor
    sleep,  ///< sleeps at once: the least processor time
};

namespace sync {

struct Never {
    bool operator()() const noexcept { return false; }
};

/// Where the other side last ran.
enum class Where : std::uint8_t { unknown, here, elsewhere };

template <class Machine = Hardware>
class Waiter {
public:
    Waiter() noexcept = default;
    Waiter(const Waiter& other) noexcept : policy_{other.policy_} {}
    Waiter& operator=(const Waiter& other) noexcept {
        policy_ = other.policy_;
        return *this;
    }
    ~Waiter() = default;

    void set(Waiting policy) noexcept { policy_ = policy; }
    [[nodiscard]] Waiting policy() const noexcept { return policy_; }

    /// Waits until `look()` is true, or `until`. When a sleep was in vain, calls `examine()`, which sees to what the dead have left;
    /// `other_side()` says where that one last ran; `is_held_up()`, whether somebody has begun what is waited for, so that it is
    /// worth a look soon whether he still lives. Sleeping: an Event, or what can announce() and sleep() like one.
    /// `position`: how far the caller has come in its stream, see gathering.hpp.
    /// Returns  what look() said last.
    template <class Sleeping, class Look, class Examine, class OtherSide, class IsHeldUp = Never>
    [[nodiscard]] bool wait(Sleeping& event, std::int64_t until, Look look, Examine examine, OtherSide other_side,
                            IsHeldUp is_held_up = {}, std::uint64_t position = 0) noexcept {
        if (policy_ == Waiting::spin) {
            return spin(until, look, examine);
        }
        Where other = other_side();
        if (policy_ == Waiting::adaptive && other == Where::elsewhere) {
            for (int rest = gathering_.begin(position); rest > 0; --rest) {
                Machine::pause();
            }
            const int spins = spins_.load(std::memory_order_relaxed);
            for (int i = 1; i <= spins; ++i) {
                // With more processes than processors, who is waited for may be waiting for this processor.
                if (i % spins_before_yield == 0) {
                    Machine::yield();
                } else {
                    Machine::pause();
                }
                if (look()) {
                    gathering_.end(i);
                    spins_.store(spins < most_spins / 2 ? spins * 2 : most_spins, std::memory_order_relaxed);
                    return true;
                }
            }
            spins_.store(spins / 2 > fewest_spins ? spins / 2 : fewest_spins, std::memory_order_relaxed);
        }
        // The barrier interrupts a processor that is at work. A store leaves it within a fraction of a microsecond anyway: so the
        // first, short sleep does without, having looked on for longer than that.
        const bool is_adaptive = policy_ == Waiting::adaptive;
        bool is_light = is_adaptive && other == Where::elsewhere;
        bool may_hand_over = is_adaptive && other == Where::here;
        for (std::int64_t now = Machine::now();; now = Machine::now(), other = other_side(), is_light = false) {
            if (look()) {
                return true;
            }
            if (now >= until) {
                examine();
                return look();
            }
            if (std::exchange(may_hand_over, false) && hand_over(now, look)) {
                return true;
            }
            const auto ticket = event.announce();
            // On one processor, a switch from one to the other was barrier enough. Should the other side be moving away at
            // this very moment, or the kernel have no barrier to offer, the slice of patience ends what was missed.
            if (Sleeping::needs_barrier && other != Where::here && !is_light) {
                Machine::heavy_fence();
            }
            if (look()) {
                return true;
            }
            for (int i = is_light ? looks_instead : 0; i > 0; --i) {
                Machine::pause();
                if (look()) {
                    return true;
                }
            }
            // The shorter slice costs two settings of the processor's timer, more than the sleep itself.
            const std::int64_t slice = is_held_up() ? Patience::shortest : is_light ? light_slice : Patience::usual;
            event.sleep(ticket, until - now < slice ? until : now + slice);
            if (look()) {
                return true;
            }
            examine();
        }
    }

private:
    static constexpr int most_spins = 2'000;  // about what a sleep and a wake-up cost: never more than twice the best
    static constexpr int fewest_spins = 50;
    static constexpr int spins_before_yield = 128;
    static constexpr int looks_instead = 64;                   // with a pause each: more than a microsecond
    static constexpr std::int64_t light_slice = 5'000'000;     // nanoseconds
    static constexpr std::int64_t longest_hand_over = 50'000;  // nanoseconds: some switches to and fro
    static constexpr int most_failures = 12;

    /// On one processor: the other side may run at once, and come to the answer without that anybody sleeps. Where nothing came of
    /// it, or a third process ran instead, this is not tried again so soon.
    template <class Look>
    [[nodiscard]] bool hand_over(std::int64_t now, Look look) noexcept {
        if (const int left = hold_off_.load(std::memory_order_relaxed); left > 0) {
            hold_off_.store(left - 1, std::memory_order_relaxed);
            return false;
        }
        Machine::yield();
        const bool found = look();
        const int failures = failures_.load(std::memory_order_relaxed);
        if (found && Machine::now() - now < longest_hand_over) {
            failures_.store(0, std::memory_order_relaxed);
        } else {
            failures_.store(failures < most_failures ? failures + 1 : failures, std::memory_order_relaxed);
            hold_off_.store(1 << failures, std::memory_order_relaxed);
        }
        return found;
    }

    template <class Look, class Examine>
    [[nodiscard]] bool spin(std::int64_t until, Look look, Examine examine) noexcept {
        for (std::uint32_t i = 1;; ++i) {
            Machine::pause();
            if (look()) {
                return true;
            }
            if (i % 64 == 0 && until != sys::end_of_time && Machine::now() >= until) {
                return look();
            }
            if (i % 65'536 == 0) {
                examine();
            }
        }
    }

    Waiting policy_ = Waiting::adaptive;
    Gathering gathering_;
    std::atomic<int> failures_{0};        // of hand_over(), in a row
    std::atomic<int> hold_off_{0};        // waits without it
    std::atomic<int> spins_{most_spins};  // several threads may wait through one handle
};

}  // namespace sync
}  // namespace tenon
