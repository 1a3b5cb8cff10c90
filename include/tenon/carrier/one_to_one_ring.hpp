// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The ring of TypedQueue<Msg, one_to_one>: one sender, one receiver, both wait-free, and one store for each message that
/// makes it sent or taken.
///
/// States    position n (from 0) stands in slot n % capacity. It is free, sent, or taken, and changes by these stores only:
///
///     the sender     writes the message, then  stamp[slot] = n + 1   (messages up to 56 bytes: in their cache line)
///                                         or   sent = n + 1          (larger ones)
///     the receiver   copies it, then           taken = n + 1
///
/// Room      the sender may write n when taken > n - capacity. It keeps a private limit, and looks only when that is used up:
///           first at `freed`, which the receiver brings up to `taken` every now and then, so that the line with `taken`
///           stays with the receiver; then, where that does not help, at `taken` itself.
/// Order     stamp and sent: release, paired with the receiver's acquire: who sees the number sees the message. taken and
///           freed: release, paired with the sender's acquire: who sees the number writes after the copy. The message itself is
///           plain memory: the two never work on one slot at a time.
/// Lines     A line goes from the sender to the receiver and comes back when the ring has gone round. The receiver makes those
///           of a stream its own (word_copy.hpp), and the sender asks for the lines of the next messages, so that they are
///           under way together; who waits for a number looks at the message's line too, which then comes beside it.
/// Deaths    before its store, nothing happened: the successor does it again. After it, it is done. The sender's successor
///           starts at `sent`, which follows the stamps by one store, and looks on over the stamps that stand already; the
///           receiver's starts at `taken`. `freed` may lag, never lead.
/// Who       the roles are OwnedWords: one sender and one receiver at a time, and the dead are found out (owned_word.hpp).
/// Hostile   a slot follows from the private position; a limit from elsewhere is brought into [n, n + capacity].

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../sync/event.hpp"
#include "../sync/hardware.hpp"
#include "../sync/owned_word.hpp"
#include "../sync/word_copy.hpp"

namespace tenon::carrier {

/// In front of the slots. Part of the segment format. Each line has one writer.
template <class Machine = sync::Hardware>
struct OneToOneControl {
    template <class T>
    using Atomic = typename Machine::template Atomic<T>;

    alignas(64) sync::OwnedWord<Machine> sender;  // 0
    sync::OwnedWord<Machine> receiver;            // 16
    Atomic<std::uint64_t> repaired{0};            // 32   roles that were taken over from the dead

    alignas(64) Atomic<std::uint64_t> sent{0};    // 64   the sender's
    Atomic<std::uint64_t> full{0};                // 72   attempts that found no room
    Atomic<std::uint32_t> sender_processor{0};    // 80   where it last ran
    alignas(64) Atomic<std::uint64_t> taken{0};   // 128  the receiver's
    Atomic<std::uint64_t> empty{0};               // 136  attempts that found no message
    Atomic<std::uint32_t> receiver_processor{0};  // 144
    alignas(64) Atomic<std::uint64_t> freed{0};   // 192  the receiver's, seldom
    alignas(64) sync::Event<Machine> arrived;     // 256  what the receiver sleeps on
    alignas(64) sync::Event<Machine> room;        // 320  what the sender sleeps on
};

template <std::size_t size, std::size_t alignment = 1, class Machine = sync::Hardware,
          bool is_stamped = ((alignment < sync::word_size ? sync::word_size : alignment) + size <= 64)>
class OneToOneRing {
    static constexpr std::size_t line_words = 8;
    static constexpr std::size_t unit = alignment < 64 ? 64 : alignment;
    static constexpr std::size_t message_offset = !is_stamped                   ? 0
                                                  : alignment < sync::word_size ? sync::word_size
                                                                                : alignment;

public:
    using Control = OneToOneControl<Machine>;
    using Word = sync::SharedWord<Machine>;

    /// From one slot to the next: whole lines, so that the two sides meet in a line only at one message.
    static constexpr std::size_t slot_size = (message_offset + size + unit - 1) / unit * unit;
    static constexpr std::size_t stride = slot_size / sync::word_size;

    /// Private. All zeros is: nothing known yet, look; the memory of these may vanish in a forked child.
    struct Sending {
        std::uint64_t next;   // position
        std::uint64_t limit;  // up to there
        Word* place;          // of next
    };
    struct Receiving {
        std::uint64_t next;
        std::uint64_t check;  // there, look at the sender's number, or at our own affairs
        Word* place;
    };

    OneToOneRing() noexcept = default;
    OneToOneRing(Control* control, Word* words, std::uint32_t capacity) noexcept
        : control_{control}, words_{words}, end_{words + stride * capacity}, capacity_{capacity} {}

    [[nodiscard]] Control& control() const noexcept { return *control_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    /// Of the slot at `place`.
    [[nodiscard]] static Word* message(Word* place) noexcept { return place + message_offset / sync::word_size; }

    // ---- the sender. Its role is held.

    /// Takes up where the last sender stopped.
    void resume(Sending& s) const noexcept {
        const std::uint64_t taken = control_->taken.load(std::memory_order_acquire);
        std::uint64_t next = control_->sent.load(std::memory_order_acquire);
        next = next - taken <= capacity_ ? next : taken;  // nobody but a scribbler makes it otherwise
        if constexpr (is_stamped) {
            while (next - taken < capacity_ && stamp(place_of(next)).load(std::memory_order_acquire) == next + 1) {
                ++next;
            }
            control_->sent.store(next, std::memory_order_release);
        }
        s = {next, next, place_of(next)};
    }

    /// Whether there is room for one message: looks, where the private limit is used up.
    [[nodiscard]] bool look_for_room(Sending& s) const noexcept {
        if (s.next != s.limit) {
            return true;
        }
        std::uint64_t used = s.next - control_->freed.load(std::memory_order_acquire);
        if (used >= capacity_) {
            used = s.next - control_->taken.load(std::memory_order_acquire);
            if (used >= capacity_) {  // or a number that cannot be: then none until it can
                return false;
            }
        }
        s.limit = s.next + (capacity_ - used);
        return true;
    }

    /// What has been written at s.place, and behind it, is sent.
    void publish(Sending& s) const noexcept {
        const std::uint64_t next = s.next + 1;
        Word* const place = s.place;
        s.next = next;
        s.place = after(place);
        if constexpr (is_stamped) {
            stamp(place).store(next, std::memory_order_release);
            control_->sent.store(next, std::memory_order_relaxed);
        } else {
            control_->sent.store(next, std::memory_order_release);
        }
    }

    /// For s.next != s.limit.
    void put(Sending& s, const void* message) const noexcept {
        will_write_soon(s.place);
        sync::copy_in_alone<Machine, size>(OneToOneRing::message(s.place), message);
        publish(s);
    }

    /// As many of `count` messages as there is room for; larger ones become visible together.
    std::size_t put_many(Sending& s, const std::byte* messages, std::size_t count) const noexcept {
        std::size_t done = 0;
        while (done < count && look_for_room(s)) {
            std::size_t some = s.limit - s.next < count - done ? s.limit - s.next : count - done;
            done += some;
            std::uint64_t next = s.next;
            Word* place = s.place;
            if constexpr (are_packed) {
                const std::size_t row = slots_to_the_end(place, some);
                std::memcpy(static_cast<void*>(place), messages, row * slot_size);
                std::memcpy(static_cast<void*>(words_), messages + row * slot_size, (some - row) * slot_size);
                messages += some * slot_size;
                next += some;
                place = after(place, some);
            } else {
                for (; some != 0; --some, messages += size, place = after(place)) {
                    will_write_soon(place);
                    sync::copy_in_alone<Machine, size>(message(place), messages);
                    ++next;
                    if constexpr (is_stamped) {
                        stamp(place).store(next, std::memory_order_release);
                    }
                }
            }
            control_->sent.store(next, std::memory_order_release);
            s.next = next;
            s.place = place;
        }
        return done;
    }

    // ---- the receiver. Its role is held.

    void resume(Receiving& r) const noexcept {
        const std::uint64_t next = control_->taken.load(std::memory_order_acquire);
        control_->freed.store(next, std::memory_order_release);
        r = {next, next, place_of(next)};
    }

    /// Whether there is a message at r.place.
    [[nodiscard]] bool look_for_message(Receiving& r) const noexcept {
        if constexpr (is_stamped) {
            if (r.next == r.check) {
                control_->freed.store(r.next, std::memory_order_release);
                r.check = r.next + portion();
            }
            return has_arrived(r);
        } else {
            if (r.next != r.check) {
                return true;
            }
            const std::uint64_t ready = control_->sent.load(std::memory_order_acquire) - r.next;
            if (ready == 0 || ready > capacity_) {  // more there cannot be
                return false;
            }
            control_->freed.store(r.next, std::memory_order_release);
            r.check = r.next + (ready < portion() ? ready : portion());
            return true;
        }
    }

    /// After a look in vain: the message will not have to be fetched when its number has been.
    void expect_message(const Receiving& r) const noexcept {
        if constexpr (!is_stamped) {
            Machine::will_read(r.place);
        }
    }

    /// The same for r.next != r.check, without a look at anything but the message.
    [[nodiscard]] bool has_arrived(const Receiving& r) const noexcept {
        if constexpr (is_stamped) {
            return stamp(r.place).load(std::memory_order_acquire) == r.next + 1;
        } else {
            return true;
        }
    }

    void copy_message(const Receiving& r, void* room) const noexcept {
        sync::copy_out_alone<Machine, size>(message(r.place), room);
    }
    /// Before take(): for the sender's sake, see own_lines().
    static void own(const Receiving& r) noexcept { sync::own_lines<Machine, owned_lines>(r.place); }

    /// For whoever has no role.
    [[nodiscard]] bool has_message() const noexcept {
        const std::uint64_t taken = control_->taken.load(std::memory_order_acquire);
        if constexpr (is_stamped) {
            return stamp(place_of(taken)).load(std::memory_order_acquire) == taken + 1;
        } else {
            return control_->sent.load(std::memory_order_acquire) != taken;
        }
    }

    /// The message at r.place has been taken.
    void take(Receiving& r) const noexcept {
        const std::uint64_t next = r.next + 1;
        r.next = next;
        r.place = after(r.place);
        control_->taken.store(next, std::memory_order_release);
    }

    /// As many messages as are there, and no more than `count`; taken together.
    std::size_t take_many(Receiving& r, std::byte* room, std::size_t count) const noexcept {
        std::size_t done = 0;
        while (done < count && look_for_message(r)) {
            std::size_t some = r.check - r.next < count - done ? r.check - r.next : count - done;
            const std::size_t before = done;
            if constexpr (are_packed) {
                const std::size_t row = slots_to_the_end(r.place, some);
                std::memcpy(room, static_cast<const void*>(r.place), row * slot_size);
                std::memcpy(room + row * slot_size, static_cast<const void*>(words_), (some - row) * slot_size);
                for (std::size_t i = 0; i < some; ++i, r.place = after(r.place)) {
                    own(r);
                }
                room += some * slot_size;
                r.next += some;
                done += some;
            } else {
                for (; some != 0 && has_arrived(r); --some, ++done, room += size) {
                    sync::copy_out_alone<Machine, size>(message(r.place), room);
                    own(r);
                    r.place = after(r.place);
                    ++r.next;
                }
            }
            control_->taken.store(r.next, std::memory_order_release);  // before the next look, which may free them
            if (done == before) {
                break;
            }
        }
        return done;
    }

private:
    static constexpr std::size_t lines = stride / line_words;
    static constexpr std::size_t owned_lines =
        lines <= 64 ? lines : 0;  // larger ones leave the caches before they come again

    /// Whether a row of messages is a row of slots; only the real machine copies more than a message at once.
    static constexpr bool are_packed = !is_stamped && size == slot_size && std::is_same_v<Machine, sync::Hardware>;

    [[nodiscard]] std::size_t slots_to_the_end(const Word* place, std::size_t most) const noexcept {
        const std::size_t count = static_cast<std::size_t>(end_ - place) / stride;
        return count < most ? count : most;
    }
    [[nodiscard]] Word* after(Word* place, std::size_t count) const noexcept {
        const std::size_t left = static_cast<std::size_t>(end_ - place) / stride;
        return count < left ? place + count * stride : words_ + (count - left) * stride;
    }

    /// Fetches lines that are some messages away.
    static void will_write_soon(Word* place) noexcept {
        if constexpr (lines <= 4) {
            for (std::size_t i = 0; i < lines; ++i) {
                Machine::will_write(place + (8 * lines + i) * line_words);
            }
        }
    }

    [[nodiscard]] static Word& stamp(Word* place) noexcept { return place[0]; }
    [[nodiscard]] Word* after(Word* place) const noexcept {
        place += stride;
        return place == end_ ? words_ : place;
    }
    [[nodiscard]] Word* place_of(std::uint64_t position) const noexcept {
        return words_ + stride * (position % capacity_);
    }
    /// How often the receiver says what it has freed: the sender looks for room as often at the most.
    [[nodiscard]] std::uint64_t portion() const noexcept { return capacity_ < 8 ? 1 : capacity_ / 8; }

    Control* control_ = nullptr;
    Word* words_ = nullptr;
    Word* end_ = nullptr;
    std::uint32_t capacity_ = 0;
};

}  // namespace tenon::carrier
