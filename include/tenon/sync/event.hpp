// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What sleepers wait on: a word that says "somebody may sleep" and a number that changes with each signal. No count of
/// sleepers that a death could falsify, and no system call while nobody sleeps.
///
///     sleeper                                     signaller
///     1. ticket = announce()    (sets the flag)   1. changes what is waited for
///     2. looks once more                          2. signal(): reads the flag; set: new number, FUTEX_WAKE
///     3. sleep(ticket)
///
/// No wake-up is lost: step 1 of both is a seq_cst operation, and so is the flag's load, so either the sleeper's second
/// look sees the change or the signaller sees the flag; then the number changes before the wake, and a sleeper that was
/// about to sleep does not. A signaller that wakes all clears the flag with the same step. One that wakes some clears it only
/// when it found nobody asleep; it then wakes once more, for whoever fell asleep in between. A signaller killed between change and wake costs its sleepers the rest of their
/// slice: nobody sleeps longer than Patience allows without looking again.
///
/// signal_lightly() leaves the signaller's fence out, and its loads and stores are ordinary ones. Then the sleeper calls
/// Machine::heavy_fence() between announce() and its second look: either the signaller's change is older than that barrier
/// in the signaller's own processor, and the look sees it, or its load of the flag is younger, and sees the flag. (A first, short
/// sleep may go without: see waiting.hpp.)
///
/// Who polls a descriptor says so by a flag of its own, announce_poller(). A signaller that finds it calls what it was given
/// to touch the descriptors, and then clears it, unless the word has changed meanwhile: one that is stopped or killed in
/// between has not silenced the others. Who polls sets it anew when it has found nothing, and then looks once more.

#include <atomic>
#include <cstdint>

#include "../sys/futex.hpp"
#include "hardware.hpp"

namespace tenon::sync {

template <class Machine = Hardware>
class Event {
public:
    using Ticket = std::uint32_t;
    static constexpr bool needs_barrier = true;  // between announce() and the second look, where signals are light

    /// Says that the caller is about to sleep. What it waits for must be looked at again after this.
    Ticket announce() noexcept { return word_.fetch_or(sleepers, std::memory_order_seq_cst) | sleepers; }

    /// Says that the caller is about to poll its descriptor.
    void announce_poller() noexcept {
        std::uint32_t seen = word_.load(std::memory_order_relaxed);
        while (!word_.compare_exchange_weak(seen, (seen | pollers) + one_more, std::memory_order_seq_cst)) {}
    }

    /// Sleeps until a signal given since announce(), until `until`, or for no reason.
    void sleep(Ticket ticket, std::int64_t until) noexcept {
        Machine::sleep(address(), ticket, sys::any_sleeper, until);
    }

    /// Wakes up to `count` sleepers. What they wait for was changed before by a seq_cst operation of the caller.
    void signal(int count) noexcept {
        if ((word_.load(std::memory_order_seq_cst) & sleepers) != 0) [[unlikely]] {
            wake(count);
        }
    }

    /// As signal(), where sleepers and pollers use a heavy fence, and what changed was changed by any store.
    template <class Touch>
    void signal_lightly(int count, Touch touch_descriptors) noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler keeps the order too
        const std::uint32_t seen = word_.load(std::memory_order_relaxed);
        if ((seen & (sleepers | pollers)) != 0) [[unlikely]] {
            signal_slowly(seen, count, touch_descriptors);
        }
    }

private:
    static constexpr std::uint32_t sleepers = 1;
    static constexpr std::uint32_t pollers = 2;
    static constexpr std::uint32_t one_more = 4;

    [[nodiscard]] const std::uint32_t* address() const noexcept {
        return reinterpret_cast<const std::uint32_t*>(&word_);
    }

    template <class Touch>
    [[gnu::cold, gnu::noinline]] void signal_slowly(std::uint32_t seen, int count, Touch touch_descriptors) noexcept {
        if ((seen & sleepers) != 0) {
            wake(count);
        }
        std::uint32_t before = word_.load(std::memory_order_seq_cst);
        if ((seen & before & pollers) != 0) {
            touch_descriptors();
            word_.compare_exchange_strong(before, before & ~pollers, std::memory_order_seq_cst);
        }
    }

    void wake(int count) noexcept {
        if (count == sys::all_sleepers) {  // nobody is left for whom the flag would stand
            std::uint32_t seen = word_.load(std::memory_order_relaxed);
            while (!word_.compare_exchange_weak(seen, (seen & ~sleepers) + one_more, std::memory_order_seq_cst)) {}
            Machine::wake(address(), sys::all_sleepers, sys::any_sleeper);
            return;
        }
        word_.fetch_add(one_more, std::memory_order_seq_cst);
        if (Machine::wake(address(), count, sys::any_sleeper) != 0) {
            return;
        }
        std::uint32_t seen = word_.load(std::memory_order_relaxed);
        if ((seen & sleepers) != 0 &&
            word_.compare_exchange_strong(seen, (seen & ~sleepers) + one_more, std::memory_order_seq_cst)) {
            Machine::wake(address(), sys::all_sleepers, sys::any_sleeper);
        }
    }

    typename Machine::template Atomic<std::uint32_t> word_{0};
};

static_assert(sizeof(Event<>) == 4);

}  // namespace tenon::sync
