// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The ring of TypedTopic: one writer, which never waits and knows nothing of its readers, and any number of readers, which
/// write nothing. Both work in whole cache lines of one message; neither looks at an index while readers keep up.
///
/// States    position n (from 0) stands in slot n % capacity: the message, and behind it, in the slot's last word, its stamp.
///           A stamp only ever grows, and only the writer changes it:
///
///               2n + 1   n is being written, and what stood there, n - capacity, is gone
///               2n + 2   n stands there
///
///     writer, of n                               reader, which wants r
///     w1  stamp = 2n + 1          release        r1  stamp                        acquire
///     w2  fence                   release            below 2r + 2: not sent yet;  above: overtaken
///     w3  the words of n          relaxed        r2  the words                    relaxed
///     w4  stamp = 2n + 2          release        r3  fence                        acquire
///     w5  written = n + 1         release        r4  stamp again: the same? it is r, whole; else: overtaken   relaxed
///
/// Whole     w4 pairs with r1: the words of r were written before. If r2 has seen a word of r + capacity, or of a later one,
///           then the fences w2 and r3 pair, and r4 sees w1 of that one. On x86 no step is more than a plain instruction.
/// Lost      A reader goes from r to r + 1 with r in hand, and to any other position only in go_on(), which counts those in
///           between: none is passed over in silence, and none counted that could still come. Who sees w1 of n sees w5 of
///           all before n, as w1 is a release; so who is overtaken knows where the writer is.
/// Going on  The oldest message that is there is `written` - capacity, or the one after it while that one is overwritten. When
///           the writer stands still meanwhile, a reader goes on there and loses no more than it must. When it moves, that one
///           will be gone in a moment, and the reader would chase the end of the ring and be overtaken at every step: then it
///           leaves the writer a quarter of the ring to go before they meet again (at the next attempt a half, then all but
///           the newest). What a slow reader loses depends on its speed alone; the distance makes it lose seldom, and more at
///           once, so that the look at `written`, which costs as much as some dozens of messages, is seldom too.
/// Joining   at `written`, or one more where a writer died, or is, between w4 and w5.
/// Deaths    Of the writer, before w4: the message never was; n - capacity is lost to who had not read it. After w4: it is sent;
///           sleepers who were not woken look by themselves. Its successor (the role is an OwnedWord) takes the last `written`,
///           and the stamp at it, by read-modify-write, and writes the next position anew from w1. Of a reader: nothing.
/// Hostile   A slot follows from a position by % and nothing else; every loop has an end. A reader whose own position cannot
///           be, as its slot is older than a lap before it, says so and goes on from the newest.
/// Source    sequence locks: Boehm, Can Seqlocks Get Along With Programming Language Memory Models?, MSPC 2012.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "../sync/event.hpp"
#include "../sync/hardware.hpp"
#include "../sync/owned_word.hpp"
#include "../sync/word_copy.hpp"
#include "../sys/futex.hpp"

namespace tenon {

/// Where a reader of a topic begins.
enum class From : std::uint8_t {
    newest,  ///< the last message that was sent, then all that follow
    oldest,  ///< the oldest one that is still there
    now,     ///< the next one that will be sent
};

namespace carrier {

/// In front of the slots. Part of the segment format.
template <class Machine = sync::Hardware>
struct TopicControl {
    template <class T>
    using Atomic = typename Machine::template Atomic<T>;

    alignas(64) sync::OwnedWord<Machine> writer;  // 0
    Atomic<std::uint64_t> repaired{0};            // 16   roles that were taken over from the dead
    /// 24: 1 when readers may sleep who cannot announce it, their mapping being read-only: the writer always wakes.
    Atomic<std::uint32_t> unannounced_readers{0};

    alignas(64) Atomic<std::uint64_t> written{0};  // 64   how many messages; the writer's
    Atomic<std::uint32_t> writer_processor{0};     // 72   where it last ran
    alignas(64) sync::Event<Machine> arrived;      // 128  what readers sleep on
};

template <std::size_t size, std::size_t alignment = 1, class Machine = sync::Hardware>
class TopicRing {
public:
    using Control = TopicControl<Machine>;
    using Word = sync::SharedWord<Machine>;

private:
    static constexpr std::size_t unit = alignment < 64 ? 64 : alignment;
    static constexpr std::size_t message_words = (size + sync::word_size - 1) / sync::word_size;

public:
    static constexpr std::size_t slot_size = ((message_words + 1) * sync::word_size + unit - 1) / unit * unit;

    /// Private. All zeros is: not the writer; the memory of these may vanish in a forked child.
    struct Writing {
        std::uint64_t next;  // position
        Word* place;         // of next; none: not ready to write
    };

    struct Reading {
        std::uint64_t next = 0;  // position
        Word* place = nullptr;   // of next
        std::uint64_t lost = 0;
        std::uint64_t gap = 0;         // how many were lost last, just before
        std::uint64_t gap_end = 0;     // this position
        std::uint64_t gap_before = 0;  // and before the message that was received last before them
    };

    enum class Found : std::uint8_t { message, nothing, garbage };

    TopicRing() noexcept = default;
    TopicRing(Control* control, Word* words, std::uint32_t capacity) noexcept
        : control_{control}, words_{words}, end_{words + stride * capacity}, capacity_{capacity} {}

    [[nodiscard]] Control& control() const noexcept { return *control_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    // ---- the writer. Its role is held.

    /// Takes up where the last writer stopped.
    void resume(Writing& w) const noexcept {
        std::uint64_t next = control_->written.fetch_add(0, std::memory_order_acq_rel);
        if (stamp(place_of(next)).fetch_add(0, std::memory_order_acq_rel) == done(next)) {
            control_->written.store(++next, std::memory_order_release);
        }
        w = {next, place_of(next)};
    }

    /// Opens the slot at w.place: what stood there is gone.
    void begin(const Writing& w) const noexcept {
        stamp(w.place).store(done(w.next) - 1, std::memory_order_release);  // w1
        Machine::fence(std::memory_order_release);                          // w2
    }

    /// What has been written at w.place since begin() is sent.
    void publish(Writing& w) const noexcept {
        stamp(w.place).store(done(w.next), std::memory_order_release);  // w4
        control_->written.store(++w.next, std::memory_order_release);   // w5
        w.place = after(w.place);
    }

    void put(Writing& w, const void* message) const noexcept {
        Writing here = w;  // in registers, whatever the fence makes the compiler forget
        begin(here);
        sync::copy_in<Machine>(here.place, message, size);  // w3
        publish(here);
        w = here;
    }

    /// Wakes those who cannot announce that they sleep.
    [[gnu::cold, gnu::noinline]] void wake_unannounced() const noexcept {
        Machine::wake(low_half_of_written(), sys::all_sleepers, sys::any_sleeper);
    }

    // ---- readers

    /// Where one begins who joins now.
    void join(Reading& r, From from) const noexcept {
        const std::uint64_t end = count();
        std::uint64_t next = end;
        if (from == From::newest) {
            next = end == 0 ? 0 : end - 1;
        } else if (from == From::oldest && end < capacity_) {
            next = 0;
        } else if (from == From::oldest) {
            next = end - capacity_;
            next += stands(next) ? 0 : 1;
        }
        r.next = next;
        r.place = place_of(next);
        r.gap = r.gap_end = r.gap_before = 0;
    }

    /// Receives the next message if it is there and nobody overtakes: all that a reader who keeps up needs.
    [[nodiscard]] bool take(Reading& r, void* room) const noexcept {
        Word* const place = r.place;
        const std::uint64_t wanted = done(r.next);
        if (stamp(place).load(std::memory_order_acquire) != wanted) {  // r1
            return false;
        }
        sync::copy_out<Machine>(place, room, size);                                 // r2
        Machine::fence(std::memory_order_acquire);                                  // r3
        if (stamp(place).load(std::memory_order_relaxed) != wanted) [[unlikely]] {  // r4
            return false;
        }
        ++r.next;
        r.place = after(place);
        return true;
    }

    /// As take(), and goes on behind what was lost. Nothing: none has come, or each was overwritten while it was copied.
    [[nodiscard]] Found receive(Reading& r, void* room) const noexcept {
        for (int attempt = 0; attempt < most_attempts; ++attempt) {
            if (take(r, room)) {
                return Found::message;
            }
            const std::int64_t ahead = laps_ahead(r);
            if (ahead < -2 * std::int64_t{capacity_}) {
                join(r, From::now);
                return Found::garbage;
            }
            if (ahead < 0) {
                return Found::nothing;
            }
            if (ahead > 0) {
                go_on(r, attempt);
            }
        }
        return Found::nothing;
    }

    /// Takes back what was taken last.
    void untake(Reading& r) const noexcept { r.place = place_of(--r.next); }

    /// How many were lost just before the message that was received last.
    [[nodiscard]] static std::uint64_t lost_before(const Reading& r) noexcept {
        if (r.gap != 0 && r.next == r.gap_end) {
            return r.gap_before;
        }
        return r.next - 1 == r.gap_end ? r.gap : 0;
    }

    /// The last `number` messages were received together, and lost_before() is of the first of them.
    static void end_batch(Reading& r, std::size_t number) noexcept {
        if (r.gap != 0 && r.next - number == r.gap_end) {
            r.gap_end = r.next - 1;
        }
    }

    /// Whether receive() would find something.
    [[nodiscard]] bool has_message(const Reading& r) const noexcept { return laps_ahead(r) >= 0; }

    // ---- anybody

    /// How many messages were sent.
    [[nodiscard]] std::uint64_t count() const noexcept {
        const std::uint64_t end = control_->written.load(std::memory_order_acquire);
        return stands(end) ? end + 1 : end;
    }

    /// What a reader sleeps on who cannot write: the number of messages. The same verbs as an Event has.
    class Unannounced {
    public:
        using Ticket = std::uint32_t;
        static constexpr bool needs_barrier = false;  // what it sleeps on is what changes: the kernel compares
        explicit Unannounced(const TopicRing& ring) noexcept : ring_{&ring} {}
        [[nodiscard]] Ticket announce() const noexcept {
            return static_cast<Ticket>(ring_->control_->written.load(std::memory_order_acquire));
        }
        void sleep(Ticket ticket, std::int64_t until) const noexcept {
            // Where the creator did not know of such readers, nobody wakes them.
            const bool is_woken = ring_->control_->unannounced_readers.load(std::memory_order_relaxed) != 0;
            const std::int64_t longest = Machine::now() + 5'000'000;
            Machine::sleep(ring_->low_half_of_written(), ticket, sys::any_sleeper,
                           is_woken || until < longest ? until : longest);
        }

    private:
        const TopicRing* ring_;
    };

private:
    static constexpr std::size_t stride = slot_size / sync::word_size;
    static constexpr int most_attempts = 4;

    /// The stamp of a position that stands; in the slot's last word.
    [[nodiscard]] static constexpr std::uint64_t done(std::uint64_t position) noexcept { return 2 * position + 2; }
    [[nodiscard]] static Word& stamp(Word* place) noexcept { return place[stride - 1]; }

    [[nodiscard]] Word* after(Word* place) const noexcept {
        place += stride;
        return place == end_ ? words_ : place;
    }
    [[nodiscard]] Word* place_of(std::uint64_t position) const noexcept {
        return words_ + stride * (position % capacity_);
    }
    [[nodiscard]] bool stands(std::uint64_t position) const noexcept {
        return stamp(place_of(position)).load(std::memory_order_acquire) == done(position);
    }
    /// How far the slot's stamp is ahead of the one that the reader waits for.
    [[nodiscard]] static std::int64_t laps_ahead(const Reading& r) noexcept {
        return static_cast<std::int64_t>(stamp(r.place).load(std::memory_order_acquire) - done(r.next));
    }
    [[nodiscard]] const std::uint32_t* low_half_of_written() const noexcept {
        return reinterpret_cast<const std::uint32_t*>(&control_->written) +
               (std::endian::native == std::endian::big ? 1 : 0);
    }

    /// For whom the writer has overtaken: counts what is lost, and stands before what is left.
    [[gnu::cold, gnu::noinline]] void go_on(Reading& r, int attempt) const noexcept {
        const std::uint64_t end = control_->written.load(std::memory_order_acquire);
        std::uint64_t to = end - capacity_;
        to += stands(to) ? 0 : 1;
        const std::uint64_t later = control_->written.load(std::memory_order_acquire);
        if (later != end) {
            to = later - capacity_ + distance(attempt);
        }
        if (static_cast<std::int64_t>(to - r.next) <= 0) {  // only a scribbler makes it so
            to = r.next + 1;
        }
        const std::uint64_t lost = to - r.next;
        if (r.gap != 0 && r.gap_end == r.next) {
            r.gap += lost;
        } else {
            r.gap_before = lost_before(r);
            r.gap = lost;
        }
        r.lost += lost;
        r.next = r.gap_end = to;
        r.place = place_of(to);
    }

    /// What is left to a writer that moves: a quarter of the ring, a half, all but the newest.
    [[nodiscard]] std::uint64_t distance(int attempt) const noexcept {
        const std::uint64_t most = capacity_ - 1;
        const std::uint64_t some = capacity_ < 4 ? 1 : capacity_ / 4;
        return attempt < 2 && some << attempt < most ? some << attempt : most;
    }

    Control* control_ = nullptr;
    Word* words_ = nullptr;
    Word* end_ = nullptr;
    std::uint32_t capacity_ = 0;
};

}  // namespace carrier
}  // namespace tenon
