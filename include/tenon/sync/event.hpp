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
/// about to sleep does not. The flag is cleared only by a signaller that found nobody asleep; it then wakes once more,
/// for whoever fell asleep in between. A signaller killed between change and wake costs its sleepers the rest of their
/// slice: nobody sleeps longer than Patience allows without looking again.

#include <atomic>
#include <cstdint>

#include "../sys/futex.hpp"
#include "hardware.hpp"

namespace tenon::sync {

template <class Machine = Hardware>
class Event {
public:
    using Ticket = std::uint32_t;

    /// Says that the caller is about to sleep. What it waits for must be looked at again after this.
    Ticket announce() noexcept { return word_.fetch_or(sleepers, std::memory_order_seq_cst) | sleepers; }

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

private:
    static constexpr std::uint32_t sleepers = 1;

    [[nodiscard]] const std::uint32_t* address() const noexcept {
        return reinterpret_cast<const std::uint32_t*>(&word_);
    }

    void wake(int count) noexcept {
        word_.fetch_add(2, std::memory_order_seq_cst);
        if (Machine::wake(address(), count, sys::any_sleeper) != 0) {
            return;
        }
        std::uint32_t seen = word_.load(std::memory_order_relaxed);
        if ((seen & sleepers) != 0 &&
            word_.compare_exchange_strong(seen, (seen & ~sleepers) + 2, std::memory_order_seq_cst)) {
            Machine::wake(address(), sys::all_sleepers, sys::any_sleeper);
        }
    }

    typename Machine::template Atomic<std::uint32_t> word_{0};
};

static_assert(sizeof(Event<>) == 4);

}  // namespace tenon::sync
