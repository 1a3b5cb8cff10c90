// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The ring of TypedQueue<Msg>: any number of senders and receivers, none of whom can take a message or a place with it into
/// its grave.
///
/// Positions are counted in laps: lap << bits | index. Position p stands in slot `index`, whose word says everything about it:
///
///     bits 0-2    the state        free -> writing -> full -> taking -> free, of the next lap
///     bits 3-12   the seat of whoever is writing or taking
///     bits 13-63  the lap
///
/// Who moves it
///     sender      free(lap) -> writing(lap, seat)     compare-and-swap, acquire: pairs with the release that freed it
///                 writing -> full(lap)                store, release: pairs with the receiver's acquire
///                 writing -> void(lap)                store: a loan that was dropped
///     receiver    full(lap) -> taking(lap, seat)      compare-and-swap, acquire
///                 taking -> free(lap + 1)             store, release
///                 void(lap) -> free(lap + 1)          compare-and-swap, release
///     settle()    of a dead seat, under its estate:   writing -> void, taking -> orphan(lap)
///     receiver    orphan(lap) -> taking(lap, seat)    compare-and-swap, acquire
/// A word that names a seat is touched by that seat alone, or by whoever holds the estate of its dead holder: nobody is
/// robbed who is only slow, and who was stopped for an hour goes on as if nothing had been.
///
/// `tail` and `head` are hints, no claims: the first position that may be free to write, or to take. Every position before a
/// hint has been claimed, because it is set to p + 1 only by who claimed p, having seen those from the hint to p claimed. A
/// late store may set a hint back, and the dead may not have set it at all: the next claimant sees by the laps of the slots
/// how far it is behind, walks over what is claimed already and sets it right.
///
/// Order    Positions are claimed one after the other, so messages are taken in the order of their claims: first in, first
///          out, for all. A message whose receiver died comes again later, behind others.
/// Deaths   sender, before its first store: nothing. As `writing`: the slot becomes void, and receivers pass over it. As `full`:
///          sent. Receiver, as `taking`: an orphan, which the next receiver takes before all others. Between `orphans` = 0 and
///          the look around, the flag is lost; its seat's settlement sets it again.
/// Hostile  an index is brought below the capacity, and every walk ends after a lap.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "../sync/event.hpp"
#include "../sync/hardware.hpp"
#include "../sync/word_copy.hpp"

namespace tenon::carrier {

/// In front of the slots. Part of the segment format.
template <class Machine = sync::Hardware>
struct ManyToManyControl {
    template <class T>
    using Atomic = typename Machine::template Atomic<T>;

    alignas(64) Atomic<std::uint64_t> tail{0};      // 0    the senders'
    alignas(64) Atomic<std::uint64_t> head{0};      // 64   the receivers'
    alignas(64) sync::Event<Machine> arrived;       // 128  receivers sleep on it, senders look at it
    alignas(64) sync::Event<Machine> room;          // 192  senders sleep on it, receivers look at it
    Atomic<std::uint32_t> orphans{0};               // 196  1: there may be some
    alignas(64) Atomic<std::uint64_t> full{0};      // 256  attempts that found no room
    Atomic<std::uint32_t> sender_processor{0};      // 264  where one of them last ran
    alignas(64) Atomic<std::uint64_t> empty{0};     // 320  attempts that found no message
    Atomic<std::uint32_t> receiver_processor{0};    // 328
    alignas(64) Atomic<std::uint64_t> repaired{0};  // 384  slots that were put right for the dead
    Atomic<std::uint64_t> unsent{0};                // 392  positions without a message
    Atomic<std::uint64_t> orphaned{0};              // 400  messages that wait for another receiver
    Atomic<std::uint64_t> passed{0};                // 408  of `unsent`, those that receivers have passed over
};

template <std::size_t size, std::size_t alignment, class Machine = sync::Hardware>
class ManyToManyRing {
public:
    using Control = ManyToManyControl<Machine>;
    using Word = sync::SharedWord<Machine>;

    static constexpr std::size_t message_offset = alignment < sync::word_size ? sync::word_size : alignment;
    static constexpr std::size_t slot_size = (message_offset + size + 63) / 64 * 64;

    /// A slot in hand.
    struct Claim {
        Word* slot = nullptr;
        std::uint64_t lap = 0;
        [[nodiscard]] explicit operator bool() const noexcept { return slot != nullptr; }
    };

    ManyToManyRing() noexcept = default;
    ManyToManyRing(Control* control, Word* slots, std::uint32_t capacity) noexcept
        : control_{control},
          slots_{slots},
          capacity_{capacity},
          bits_{static_cast<int>(std::bit_width(capacity - 1U))} {}

    [[nodiscard]] Control& control() const noexcept { return *control_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    /// One of 64: time to say where one runs.
    [[nodiscard]] bool is_milestone(const Claim& claim) const noexcept {
        return static_cast<std::size_t>(claim.slot - slots_) % (64 * slot_size / sync::word_size) == 0;
    }
    [[nodiscard]] static Word* message(const Claim& claim) noexcept {
        return claim.slot + message_offset / sync::word_size;
    }

    // ---- senders

    /// The next place to write, for `seat`; none when the ring is full.
    [[nodiscard]] Claim claim_room(std::uint32_t seat) const noexcept {
        std::uint64_t position = bounded(control_->tail.load(std::memory_order_relaxed));
        for (std::uint64_t steps = 0; steps <= 2 * std::uint64_t{capacity_}; ++steps) {
            Word* const slot = slot_of(position);
            const std::uint64_t lap = position >> bits_;
            std::uint64_t seen = word(State::free, lap);  // without a look: that would fetch the line twice
            if (slot->compare_exchange_strong(seen, word(State::writing, lap, seat), std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
                advance(control_->tail, after(position));
                if constexpr (lines <= 4) {  // those of some messages later
                    for (std::size_t i = 0; i < lines; ++i) {
                        Machine::will_write(slot + (4 * lines + i) * line_words);
                    }
                }
                return {slot, lap};
            }
            const std::int64_t ahead = laps_ahead(seen, lap);
            if (ahead < 0) {
                return {};
            }
            position = ahead > 0 ? later(catch_up(position, ahead), control_->tail) : after(position);
        }
        return {};
    }

    /// Whether the claim is this seat's: a forked child has its parent's too.
    [[nodiscard]] static bool is_writing(const Claim& claim, std::uint32_t seat) noexcept {
        return load(*claim.slot) == word(State::writing, claim.lap, seat);
    }
    static void publish(const Claim& claim) noexcept {
        claim.slot->store(word(State::full, claim.lap), std::memory_order_release);
    }
    void abandon(const Claim& claim) const noexcept {
        control_->unsent.fetch_add(1, std::memory_order_relaxed);
        claim.slot->store(word(State::voided, claim.lap), std::memory_order_release);
    }

    // ---- receivers

    /// The next message, for `seat`; none when there is none. Calls `freed()` for each void that it passes over.
    template <class Freed>
    [[nodiscard]] Claim claim_message(std::uint32_t seat, Freed freed) const noexcept {
        if (control_->orphans.load(std::memory_order_relaxed) != 0) [[unlikely]] {
            if (const Claim orphan = adopt(seat)) {
                return orphan;
            }
        }
        std::uint64_t position = bounded(control_->head.load(std::memory_order_relaxed));
        for (std::uint64_t steps = 0; steps <= 2 * std::uint64_t{capacity_}; ++steps) {
            Word* const slot = slot_of(position);
            const std::uint64_t lap = position >> bits_;
            std::uint64_t seen = slot->load(std::memory_order_relaxed);
            if (seen == word(State::full, lap) &&
                slot->compare_exchange_strong(seen, word(State::taking, lap, seat), std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
                advance(control_->head, after(position));
                return {slot, lap};
            }
            const std::int64_t ahead = laps_ahead(seen, lap);
            if (ahead < 0) {
                return {};
            }
            if (ahead > 0) {
                position = later(catch_up(position, ahead), control_->head);
                continue;
            }
            switch (state_of(seen)) {
                case State::taking:
                case State::orphan: break;
                case State::voided:
                    if (slot->compare_exchange_strong(seen, word(State::free, lap + 1), std::memory_order_acq_rel,
                                                      std::memory_order_relaxed)) {
                        control_->passed.fetch_add(1, std::memory_order_relaxed);
                        advance(control_->head, after(position));
                        freed();
                    }
                    break;
                default: return {};  // free, or its sender is at work
            }
            position = after(position);
        }
        return {};
    }

    [[nodiscard]] static bool is_taking(const Claim& claim, std::uint32_t seat) noexcept {
        return load(*claim.slot) == word(State::taking, claim.lap, seat);
    }
    static void free(const Claim& claim) noexcept {
        sync::own_lines<Machine, (lines <= 64 ? lines - 1 : 0)>(claim.slot +
                                                                line_words);  // the first one is, by the claim
        claim.slot->store(word(State::free, claim.lap + 1), std::memory_order_release);
    }

    // ---- the dead

    /// Puts right what the holder of `seat` has left. For the holder itself when it leaves, and under the estate of a dead one.
    void settle(std::uint32_t seat) const noexcept {
        for (std::uint32_t index = 0; index < capacity_; ++index) {
            Word* const slot = slot_of(index);
            const std::uint64_t seen = slot->load(std::memory_order_acquire);  // an heir gets the message from here
            if (seat_of(seen) != seat) {
                continue;
            }
            const std::uint64_t lap = seen >> lap_shift;
            if (state_of(seen) == State::writing) {
                abandon({slot, lap});
            } else if (state_of(seen) == State::taking) {
                control_->orphaned.fetch_add(1, std::memory_order_relaxed);
                slot->store(word(State::orphan, lap), std::memory_order_release);
            } else {
                continue;
            }
            control_->repaired.fetch_add(1, std::memory_order_relaxed);
        }
        // Whatever is there, or the dead one had begun to look for. Added to the flag, and not put in its place: who takes it then
        // sees what every settler has done, and not the last one's alone.
        control_->orphans.fetch_or(1, std::memory_order_seq_cst);
        control_->arrived.signal(sys::all_sleepers);
    }

    // ---- about it

    [[nodiscard]] std::uint64_t count_sent() const noexcept { return count(control_->tail) - load(control_->unsent); }
    [[nodiscard]] std::uint64_t count_taken() const noexcept {
        return count(control_->head) - load(control_->passed) - load(control_->orphaned);
    }
    /// Whether claim_message() would find one.
    [[nodiscard]] bool has_message() const noexcept {
        if (control_->orphans.load(std::memory_order_relaxed) != 0) {
            for (std::uint32_t index = 0; index < capacity_; ++index) {
                if (state_of(load(*slot_of(index))) == State::orphan) {
                    return true;
                }
            }
        }
        std::uint64_t position = bounded(load(control_->head));
        for (std::uint64_t steps = 0; steps <= 2 * std::uint64_t{capacity_}; ++steps) {
            const std::uint64_t seen = load(*slot_of(position));
            const std::int64_t ahead = laps_ahead(seen, position >> bits_);
            const State state = state_of(seen);
            if (ahead < 0 || (ahead == 0 && (state == State::free || state == State::writing))) {
                return false;
            }
            if (ahead == 0 && state == State::full) {
                return true;
            }
            position = ahead > 0 ? catch_up(position, ahead) : after(position);
        }
        return false;
    }
    /// Whether those who wait wait for somebody who is in the middle: of writing the next message, or of taking what stands in
    /// the next place.
    [[nodiscard]] bool is_held_up_by_sender() const noexcept { return state_at(control_->head) == State::writing; }
    [[nodiscard]] bool is_held_up_by_receiver() const noexcept { return state_at(control_->tail) == State::taking; }
    [[nodiscard]] bool has_room() const noexcept {
        const std::uint64_t position = bounded(control_->tail.load(std::memory_order_relaxed));
        return laps_ahead(slot_of(position)->load(std::memory_order_relaxed), position >> bits_) >= 0;
    }

private:
    enum class State : std::uint8_t { free, writing, full, taking, voided, orphan };
    static constexpr int seat_shift = 3;
    static constexpr int lap_shift = 13;
    static constexpr int lap_bits = 64 - lap_shift;
    static constexpr std::size_t line_words = 8;
    static constexpr std::size_t lines = slot_size / sync::word_size / line_words;

    [[nodiscard]] static constexpr std::uint64_t word(State state, std::uint64_t lap, std::uint32_t seat = 0) noexcept {
        return lap << lap_shift | std::uint64_t{seat} << seat_shift | static_cast<std::uint64_t>(state);
    }
    [[nodiscard]] static State state_of(std::uint64_t word) noexcept { return static_cast<State>(word & 7); }
    [[nodiscard]] static std::uint32_t seat_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> seat_shift) & 0x3ff;
    }
    /// By how many laps a slot is ahead; laps are counted in 51 bits, and compared as on a clock.
    [[nodiscard]] static std::int64_t laps_ahead(std::uint64_t word, std::uint64_t lap) noexcept {
        return static_cast<std::int64_t>(((word >> lap_shift) - lap) << lap_shift) >> lap_shift;
    }

    [[nodiscard]] State state_at(const Word& hint) const noexcept {
        return state_of(slot_of(bounded(load(hint)))->load(std::memory_order_relaxed));
    }
    [[nodiscard]] std::uint32_t index_of(std::uint64_t position) const noexcept {
        return static_cast<std::uint32_t>(position & ((std::uint64_t{1} << bits_) - 1));
    }
    /// What stands in a hint may be anything.
    [[nodiscard]] std::uint64_t bounded(std::uint64_t position) const noexcept {
        return index_of(position) < capacity_ ? position : position >> bits_ << bits_;
    }
    [[nodiscard]] std::uint64_t after(std::uint64_t position) const noexcept {
        return index_of(position) + 1 == capacity_ ? ((position >> bits_) + 1) << bits_ : position + 1;
    }
    [[nodiscard]] Word* slot_of(std::uint64_t position) const noexcept {
        return slots_ + index_of(position) * (slot_size / sync::word_size);
    }
    /// From a position whose slot is so many laps ahead: the first one that may not have been claimed yet. In the lap before that
    /// one the slot was, and with it all before.
    [[nodiscard]] std::uint64_t catch_up(std::uint64_t position, std::int64_t ahead) const noexcept {
        return after(position + (static_cast<std::uint64_t>(ahead - 1) << bits_));
    }
    [[nodiscard]] std::uint64_t later(std::uint64_t position, const Word& hint) const noexcept {
        const std::uint64_t hinted = bounded(load(hint));
        return static_cast<std::int64_t>(hinted - position) > 0 ? hinted : position;
    }
    static void advance(Word& hint, std::uint64_t to) noexcept {
        if (static_cast<std::int64_t>(to - hint.load(std::memory_order_relaxed)) > 0) {
            hint.store(to, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] static std::uint64_t load(const Word& from) noexcept { return from.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t count(const Word& hint) const noexcept {
        const std::uint64_t position = bounded(load(hint));
        return (position >> bits_) * capacity_ + index_of(position);
    }

    /// A message whose receiver has died.
    [[nodiscard, gnu::cold, gnu::noinline]] Claim adopt(std::uint32_t seat) const noexcept {
        control_->orphans.exchange(0, std::memory_order_acq_rel);  // who takes a flag sees what it stood for
        for (std::uint32_t index = 0; index < capacity_; ++index) {
            Word* const slot = slot_of(index);
            std::uint64_t seen = slot->load(std::memory_order_relaxed);
            const std::uint64_t lap = seen >> lap_shift;
            if (state_of(seen) == State::orphan &&
                slot->compare_exchange_strong(seen, word(State::taking, lap, seat), std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
                control_->orphans.fetch_or(1, std::memory_order_relaxed);  // there may be more
                control_->orphaned.fetch_sub(1, std::memory_order_relaxed);
                return {slot, lap};
            }
        }
        return {};
    }

    Control* control_ = nullptr;
    Word* slots_ = nullptr;
    std::uint32_t capacity_ = 0;
    int bits_ = 0;
};

}  // namespace tenon::carrier
