// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The ring of TypedQueue<Envelope<Header, Element>>: messages of any length, one behind the other, each in one piece. For any
/// number of senders and receivers.
///
/// Memory is counted in units of 64 bytes, positions from 0 up for ever; position p is unit p % units. A message takes whole
/// units; one that would run over the end of the memory begins at its start, and a filler takes the rest. Its first two words
/// are its record:
///
///     word 0   bits 0-2 the state, bits 3-12 the seat of whoever writes or takes it
///     word 1   bits 0-31 how many units, bits 32-63 how many elements
///
///     freed <= head <= tail <= freed + units
///     tail    OwnedWord: the owner writes a record at its version, and commits the version behind it
///     head    OwnedWord: the owner marks the record at its version as being taken, and commits the version behind it
///     freed   who has finished a message moves it over all that is finished, by compare-and-swap from one record to the next
///
/// States   writing(seat) -> full -> taking(seat) -> done; writing -> voided -> done; filler -> done.
///          A record that names a seat is changed by that seat alone, or under the estate of its dead holder.
/// Order    Records become visible with tail's commit (release; head's owner acquires). full is a release that pairs with the
///          taker's acquire; done is a release, and freed's compare-and-swap hands it on to the next writer, who acquires.
///          First in, first out, in the order of the tail's owners.
/// Deaths   owning tail or head: the word is taken over with its old version (owned_word.hpp), and what was not committed is done
///          again. Between the mark `taking` and head's commit: settle() makes it an orphan, which head's next owner finds.
///          writing: settle() voids it. taking: settle() makes it an orphan, and the next receiver looks for it, because `orphans`
///          was set. done, and freed not moved: whoever finishes next moves it, or a sender that finds no room.
/// Hostile  a length is a private copy, and brought within the memory and the positions around it before it is used.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../sync/event.hpp"
#include "../sync/hardware.hpp"
#include "../sync/owned_word.hpp"
#include "../sync/word_copy.hpp"

namespace tenon::carrier {

/// In front of the units. Part of the segment format.
template <class Machine = sync::Hardware>
struct EnvelopeControl {
    template <class T>
    using Atomic = typename Machine::template Atomic<T>;

    alignas(64) sync::OwnedWord<Machine> tail;    // 0    the senders'
    Atomic<std::uint64_t> sent{0};                // 16
    Atomic<std::uint32_t> sender_processor{0};    // 24   where one of them last ran
    alignas(64) sync::OwnedWord<Machine> head;    // 64   the receivers'
    Atomic<std::uint64_t> taken{0};               // 80
    Atomic<std::uint32_t> receiver_processor{0};  // 88
    alignas(64) Atomic<std::uint64_t> freed{0};   // 128
    alignas(64) sync::Event<Machine> arrived;     // 192  receivers sleep on it
    alignas(64) sync::Event<Machine> room;        // 256  senders sleep on it
    Atomic<std::uint32_t> orphans{0};             // 260  1: there may be some
    alignas(64) Atomic<std::uint64_t> full{0};    // 320  attempts that found no room
    Atomic<std::uint64_t> empty{0};               // 328  attempts that found no message
    Atomic<std::uint64_t> repaired{0};            // 336  messages that were put right for the dead
};

template <class Machine = sync::Hardware>
class EnvelopeRing {
public:
    using Control = EnvelopeControl<Machine>;
    using Word = sync::SharedWord<Machine>;
    static constexpr std::size_t unit_size = 64;

    enum class Found : std::uint8_t { done, nothing, busy, corrupted };

    struct Claim {
        Word* record = nullptr;
        std::uint32_t elements = 0;
        std::uint32_t units = 0;
    };

    EnvelopeRing() noexcept = default;
    EnvelopeRing(Control* control, Word* memory, std::uint32_t units) noexcept
        : control_{control}, memory_{memory}, units_{units} {}

    [[nodiscard]] Control& control() const noexcept { return *control_; }
    [[nodiscard]] std::uint32_t units() const noexcept { return units_; }

    // ---- senders

    /// A place of so many units, for `seat`; waits for other senders, until then, and not for room.
    /// `people`: see OwnedWord::take(), which may throw.
    template <class People>
    [[nodiscard]] Found claim_room(Claim& claim, std::uint32_t seat, std::uint32_t units, std::uint32_t elements,
                                   std::int64_t until, const People& people) const {
        std::uint64_t position = 0;
        if (!control_->tail.take(seat, position, until, people)) {
            return Found::busy;
        }
        const std::uint64_t rest = units_ - position % units_;
        const std::uint64_t wanted = units <= rest ? units : rest + units;
        if (room_from(position) < wanted && (!free_what_is_done() || room_from(position) < wanted)) {
            control_->tail.give_back();
            return Found::nothing;
        }
        if (units > rest) {
            write_record(position, State::filler, 0, static_cast<std::uint32_t>(rest), 0);
            position += rest;
        }
        claim = {write_record(position, State::writing, seat, units, elements), elements, units};
        control_->tail.commit(position + units);
        return Found::done;
    }

    void publish(const Claim& claim) const noexcept {
        control_->sent.fetch_add(1, std::memory_order_relaxed);
        claim.record->store(word(State::full), std::memory_order_release);
    }
    static void abandon(const Claim& claim) noexcept {
        claim.record->store(word(State::voided), std::memory_order_release);
    }

    // ---- receivers

    /// The next message, for `seat`; waits for other receivers, until then, and not for a message.
    template <class People>
    [[nodiscard]] Found claim_message(Claim& claim, std::uint32_t seat, std::int64_t until,
                                      const People& people) const {
        if (!has_message()) {
            return Found::nothing;
        }
        std::uint64_t position = 0;
        if (!control_->head.take(seat, position, until, people)) {
            return Found::busy;
        }
        if (control_->orphans.load(std::memory_order_relaxed) != 0 && adopt(claim, seat, position)) {
            control_->head.give_back();
            return Found::done;
        }
        bool passed = false;
        const auto leave = [&](Found found) {
            passed ? control_->head.commit(position) : control_->head.give_back();
            if (passed) {
                free_what_is_done();
            }
            return found;
        };
        for (;;) {
            const std::uint64_t end = control_->tail.version();
            if (position == end) {
                return leave(Found::nothing);
            }
            Word* const record = record_at(position);
            const State state = state_of(record->load(std::memory_order_acquire));
            const std::uint64_t lengths = record[1].load(std::memory_order_relaxed);
            const std::uint32_t units = units_of(lengths);
            if (!fits(position, units, end)) {
                return leave(Found::corrupted);
            }
            switch (state) {
                case State::full:
                case State::orphan:
                    claim = {record, static_cast<std::uint32_t>(lengths >> 32), units};
                    record->store(word(State::taking, seat), std::memory_order_relaxed);
                    control_->head.commit(position + units);
                    return Found::done;
                case State::filler:
                case State::voided:
                    record->store(word(State::done), std::memory_order_release);
                    position += units;
                    passed = true;
                    break;
                default: return leave(Found::nothing);  // its sender is at work
            }
        }
    }

    /// The message has been read.
    void free(const Claim& claim) const noexcept {
        control_->taken.fetch_add(1, std::memory_order_relaxed);
        claim.record->store(word(State::done), std::memory_order_release);
        free_what_is_done();
    }

    // ---- the dead

    /// Puts right what the holder of `seat` has left. For the holder itself when it leaves, and under the estate of a dead one.
    void settle(std::uint32_t seat) const noexcept {
        control_->tail.settle(seat);
        control_->head.settle(seat);
        for_each_between(control_->tail.version(), [&](Word* record, std::uint64_t seen, std::uint64_t /*lengths*/) {
            if (seat_of(seen) == seat && (state_of(seen) == State::writing || state_of(seen) == State::taking)) {
                record->store(word(state_of(seen) == State::writing ? State::voided : State::orphan),
                              std::memory_order_release);
                control_->repaired.fetch_add(1, std::memory_order_relaxed);
            }
            return true;
        });
        control_->orphans.fetch_or(1,
                                   std::memory_order_seq_cst);  // what is there, or the dead one had begun to look for
        control_->arrived.signal(sys::all_sleepers);
    }

    // ---- about it

    /// Whether claim_message() has something to look at.
    [[nodiscard]] bool has_message() const noexcept {
        return control_->head.version() != control_->tail.version() ||
               control_->orphans.load(std::memory_order_relaxed) != 0;
    }

private:
    enum class State : std::uint8_t { done, writing, full, taking, voided, filler, orphan };

    [[nodiscard]] static constexpr std::uint64_t word(State state, std::uint32_t seat = 0) noexcept {
        return std::uint64_t{seat} << 3 | static_cast<std::uint64_t>(state);
    }
    [[nodiscard]] static State state_of(std::uint64_t word) noexcept { return static_cast<State>(word & 7); }
    [[nodiscard]] static std::uint32_t seat_of(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> 3) & 0x3ff;
    }
    [[nodiscard]] static std::uint32_t units_of(std::uint64_t lengths) noexcept {
        return static_cast<std::uint32_t>(lengths);
    }
    [[nodiscard]] Word* record_at(std::uint64_t position) const noexcept {
        return memory_ + position % units_ * (unit_size / sync::word_size);
    }
    Word* write_record(std::uint64_t position, State state, std::uint32_t seat, std::uint32_t units,
                       std::uint32_t elements) const noexcept {
        Word* const record = record_at(position);
        record[1].store(std::uint64_t{elements} << 32 | units, std::memory_order_relaxed);
        record->store(word(state, seat), std::memory_order_relaxed);
        return record;
    }

    /// Whether a record of so many units can stand there.
    [[nodiscard]] bool fits(std::uint64_t position, std::uint32_t units, std::uint64_t end) const noexcept {
        return units != 0 && units <= units_ - position % units_ && units <= end - position && end - position <= units_;
    }
    /// How many units are free behind `position`; 0 when the numbers make no sense.
    [[nodiscard]] std::uint64_t room_from(std::uint64_t position) const noexcept {
        const std::uint64_t used = position - control_->freed.load(std::memory_order_acquire);
        return used <= units_ ? units_ - used : 0;
    }

    /// Returns  whether anything was freed.
    bool free_what_is_done() const noexcept {
        bool any = false;
        std::uint64_t position = control_->freed.load(std::memory_order_acquire);
        for (;;) {
            const std::uint64_t end = control_->head.version();
            Word* const record = record_at(position);
            const std::uint64_t seen = record->load(std::memory_order_acquire);
            const std::uint32_t units = units_of(record[1].load(std::memory_order_relaxed));
            if (position == end || state_of(seen) != State::done || !fits(position, units, end)) {
                const std::uint64_t now = control_->freed.load(std::memory_order_acquire);
                if (now == position) {
                    return any;
                }
                position = now;  // another has moved it, and what was read may have been of a later message
                continue;
            }
            if (control_->freed.compare_exchange_strong(position, position + units, std::memory_order_acq_rel,
                                                        std::memory_order_acquire)) {
                position += units;
                any = true;
            }
        }
    }

    /// Calls `visit(record, word, lengths)` for every record from `freed` to `end`, until it returns false.
    template <class Visit>
    void for_each_between(std::uint64_t end, Visit visit) const noexcept {
        std::uint64_t position = control_->freed.load(std::memory_order_acquire);
        while (end - position <= units_ && position != end) {
            Word* const record = record_at(position);
            const std::uint64_t seen = record->load(std::memory_order_acquire);
            const std::uint64_t lengths = record[1].load(std::memory_order_relaxed);
            const std::uint64_t freed = control_->freed.load(std::memory_order_acquire);
            if (freed - position - 1 < units_) {  // it was freed meanwhile, and perhaps used again
                position = freed;
                continue;
            }
            if (!fits(position, units_of(lengths), end) || !visit(record, seen, lengths)) {
                return;
            }
            position += units_of(lengths);
        }
    }

    /// A message whose receiver has died. Under the head.
    [[gnu::cold, gnu::noinline]] bool adopt(Claim& claim, std::uint32_t seat, std::uint64_t end) const noexcept {
        control_->orphans.exchange(0, std::memory_order_seq_cst);  // who takes a flag sees what it stood for
        bool found = false;
        for_each_between(end, [&](Word* record, std::uint64_t seen, std::uint64_t lengths) {
            if (state_of(seen) != State::orphan) {
                return true;
            }
            record->store(word(State::taking, seat), std::memory_order_relaxed);
            claim = {record, static_cast<std::uint32_t>(lengths >> 32), units_of(lengths)};
            control_->orphans.fetch_or(1, std::memory_order_relaxed);  // there may be more
            found = true;
            return false;
        });
        return found;
    }

    Control* control_ = nullptr;
    Word* memory_ = nullptr;
    std::uint32_t units_ = 0;
};

}  // namespace tenon::carrier
