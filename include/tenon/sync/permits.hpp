// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The heart of Semaphore: one word for each permit, naming the seat that holds it. Taking and giving back are one
/// compare-and-swap each, so no death can fall between a permit and the record of who has it.
///
///     word = 0          free
///     word = seat + 1   held by the participant of that seat
///
/// Who may write: anybody turns 0 into its own seat + 1; a holder turns its own back into 0; whoever holds the estate of
/// a dead holder's seat turns the dead one's into 0 (attendance.hpp: nobody takes that seat meanwhile).
/// Memory order: take is an acquire that pairs with the release of give_back and settle. give_back and take are seq_cst
/// towards the event, as event.hpp asks for.
/// Deaths: the holder's number stays. Who finds no permit free asks the kernel which holders live, before it says no or
/// goes to sleep. A sleeper's death leaves nothing (event.hpp).
/// Hostile: the count of words is a private copy that was checked against the mapping; a word is compared, never followed.

#include <atomic>
#include <cstdint>

#include "event.hpp"
#include "hardware.hpp"
#include "patience.hpp"

namespace tenon::sync {

/// One cache line in front of the words. Part of the segment format.
template <class Machine = Hardware>
struct alignas(64) PermitsControl {
    Event<Machine> returned;  // offset 0
};

template <class Machine = Hardware>
class PermitTable {
public:
    using Word = typename Machine::template Atomic<std::uint32_t>;

    PermitTable() noexcept = default;
    PermitTable(PermitsControl<Machine>* control, std::uint32_t count) noexcept : control_{control}, count_{count} {}

    /// `look`: the order of the loads; seq_cst after announce(), as event.hpp asks for.
    [[nodiscard]] bool try_take(std::uint32_t seat, std::memory_order look = std::memory_order_relaxed) const noexcept {
        for (std::uint32_t i = 0; i < count_; ++i) {
            std::uint32_t seen = words()[i].load(look);
            if (seen == 0 && words()[i].compare_exchange_strong(seen, seat + 1, std::memory_order_seq_cst,
                                                                std::memory_order_relaxed)) {
                return true;
            }
        }
        return false;
    }

    /// Takes a permit for `seat`, sleeping until `until` at the latest. `people`: see OwnedWord::take().
    template <class People>
    [[nodiscard, gnu::cold, gnu::noinline]] bool take(std::uint32_t seat, std::int64_t until,
                                                      const People& people) const {
        const std::int64_t start = Machine::now();
        const Patience patience{start};
        for (std::int64_t now = start;; now = Machine::now()) {
            if (try_take(seat) || (settle_dead(people) && try_take(seat))) {
                return true;
            }
            if (now >= until) {
                return false;
            }
            const auto ticket = control_->returned.announce();
            if (try_take(seat, std::memory_order_seq_cst)) {
                return true;
            }
            control_->returned.sleep(ticket, patience.next_look(now, until));
        }
    }

    /// Gives one permit of `seat` back.
    /// Returns  false when it has none.
    [[nodiscard]] bool give_back(std::uint32_t seat) const noexcept {
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (clear(words()[i], seat)) {
                control_->returned.signal(1);
                return true;
            }
        }
        return false;
    }

    /// Gives back all that a seat holds: for its own holder when it leaves, and under the estate of a dead one.
    /// Returns  whether there was anything.
    bool settle(std::uint32_t seat) const noexcept {
        bool any = false;
        for (std::uint32_t i = 0; i < count_; ++i) {
            any = clear(words()[i], seat) || any;
        }
        if (any) {
            control_->returned.signal(sys::all_sleepers);
        }
        return any;
    }

    /// How many are free at some moment of this call.
    [[nodiscard]] std::uint32_t free_ones() const noexcept {
        std::uint32_t free = 0;
        for (std::uint32_t i = 0; i < count_; ++i) {
            free += words()[i].load(std::memory_order_relaxed) == 0 ? 1 : 0;
        }
        return free;
    }

private:
    /// The loads are acquire, so that a thread sees what another one of the same seat did to earlier words.
    [[nodiscard]] static bool clear(Word& word, std::uint32_t seat) noexcept {
        std::uint32_t seen = word.load(std::memory_order_acquire);
        return seen == seat + 1 &&
               word.compare_exchange_strong(seen, 0, std::memory_order_seq_cst, std::memory_order_acquire);
    }

    /// Returns  whether the dead gave anything back.
    template <class People>
    bool settle_dead(const People& people) const {
        bool any = false;
        std::uint32_t asked = 0;  // neighbours often have one holder
        for (std::uint32_t i = 0; i < count_; ++i) {
            const std::uint32_t holder = words()[i].load(std::memory_order_relaxed);
            if (holder == 0 || holder == asked) {
                continue;
            }
            asked = holder;
            if (people.is_dead(holder - 1)) {
                if (const auto estate = people.administer(holder - 1)) {
                    any = settle(holder - 1) || any;
                }
            }
        }
        return any;
    }

    [[nodiscard]] Word* words() const noexcept { return reinterpret_cast<Word*>(control_ + 1); }

    PermitsControl<Machine>* control_ = nullptr;
    std::uint32_t count_ = 0;
};

}  // namespace tenon::sync
