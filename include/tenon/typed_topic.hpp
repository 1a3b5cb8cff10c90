// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedTopic<Msg>: from one writer to any number of readers through shared memory. The writer never waits; each reader sees
/// every message, in order, or is told exactly how many it lost. Where nothing may be lost, or each message is for one
/// receiver only, take TypedQueue; where only the latest value counts, SharedObject.
///
///     auto ticks = tenon::TypedTopic<Tick>::create("/ticks", tenon::Capacity{1024});   // the writer
///     ticks.send(tick);
///
///     auto ticks = tenon::TypedTopic<Tick>::open("/ticks");                            // each reader
///     Tick tick = ticks.receive();
///     if (ticks.lost_before() != 0) start_over();

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "carrier/capacity.hpp"
#include "carrier/in_place.hpp"
#include "carrier/shared_channel.hpp"
#include "carrier/topic_ring.hpp"
#include "carrier/verbs.hpp"
#include "carrier/waitable.hpp"
#include "memory/address.hpp"
#include "memory/format.hpp"
#include "memory/segment.hpp"
#include "payload/fixed_string.hpp"  // what a payload has instead of std::string
#include "payload/layout.hpp"
#include "payload/payload.hpp"
#include "payload/well_formed.hpp"
#include "sync/factories.hpp"
#include "sync/owned_word.hpp"
#include "sys/error.hpp"
#include "sys/futex.hpp"
#include "sys/mapping.hpp"

namespace tenon {

/// What has happened in a topic since it was made.
struct TopicCounters {
    std::uint64_t sent = 0;
    std::uint64_t repaired = 0;  ///< writers that died, and whose role was taken over
};

namespace detail {
struct SendsNothing {};
}  // namespace detail

/// TypedTopic<const Msg> is attached read-only: it needs no more than the right to read, never writes to the segment, and has
/// what readers need, but no descriptor to poll. A Mode at its creation that lets others read and not write makes the writer
/// wake them at each message, for the price of a system call; under any other they look every 5 ms.
///
/// Writer   The first handle that sends is the writer, until it is closed. Another one is refused with EBUSY, telling who it
///          is; one whose process has died is replaced at once, and the topic goes on where it stopped.
/// Readers  Every handle is one, at a place of its own: at first, what is sent after it was opened; see skip_to(). They are any
///          number, and the writer's cost does not depend on it.
/// Lost     What a reader has not received when `capacity` more were sent is overwritten. It goes on at the oldest message that
///          is there or, while the writer is running on, a quarter of the ring behind that. A capacity that the writer fills
///          while one message is copied is too small: then there may be nothing to receive.
/// Sharing  one thread sends and one receives, through the same handle or two. A forked child is a reader of its own, which goes
///          on at its parent's place; it is not the writer.
/// Crash    Killed at any instruction, the writer leaves whole messages: those whose send() returned, and no half one. The
///          oldest one, which it had begun to overwrite, is lost. A reader's death concerns nobody.
/// Waiting  receive() waits for messages, send() for nothing. There is no try_borrow(): a writer that never waits would
///          overwrite what is borrowed.
/// Limits   alignment up to 4096; any size for which there is memory.
template <class T>
class TypedTopic
    : private carrier::SharedChannel,
      public sync::Factories<TypedTopic<T>, Capacity>,
      public std::conditional_t<std::is_const_v<T>, detail::SendsNothing, carrier::SenderVerbs<TypedTopic<T>, T>>,
      public carrier::ReceiverVerbs<TypedTopic<T>, std::remove_const_t<T>> {
    using Value = std::remove_const_t<T>;
    using Channel = carrier::SharedChannel;
    using Result = carrier::Result;
    using Ring = carrier::TopicRing<sizeof(Value), alignof(Value), Channel::Machine>;
    using Control = typename Ring::Control;
    using Found = typename Ring::Found;
    friend class sync::Factories<TypedTopic, Capacity>;
    friend class carrier::SenderVerbs<TypedTopic, Value>;
    friend class carrier::ReceiverVerbs<TypedTopic, Value>;
    friend class tenon::Loan<TypedTopic, Value>;
    static_assert(require_payload<Value>());
    static_assert(alignof(Value) <= 4096,
                  "tenon::TypedTopic: alignments above 4096, the size of a page, cannot be kept");
    static constexpr bool read_only = std::is_const_v<T>;

public:
    using Message = Value;
    using Loan = tenon::Loan<TypedTopic, Value>;

    // create, open, open_for, open_until, open_or_create, anonymous, attach, remove: see sync/factories.hpp, with a Capacity.
    // send, try_send, try_send_for, try_send_until, receive, next, try_receive, ...: see carrier/verbs.hpp. There is always
    // room: try_send() fails only for who cannot be the writer.

    /// Empty handles, from a failed factory or moved from, test false; nothing else may be asked of them.
    TypedTopic() noexcept = default;
    TypedTopic(TypedTopic&&) noexcept = default;
    TypedTopic& operator=(TypedTopic&& other) noexcept {
        if (this != &other) {
            close();
            Channel::operator=(std::move(other));
            ring_ = other.ring_;
            reading_ = other.reading_;
            page_ = std::move(other.page_);
        }
        return *this;
    }
    ~TypedTopic() { close(); }
    using Channel::operator bool;

    // ---- writing

    /// Room for the next message, where it will be read. From here on the oldest one is gone.
    /// Throws  what send() throws.
    [[nodiscard]] Loan loan() requires(!read_only) {
        Loan made = lend();
        if (!made) [[unlikely]] {
            refuse_to_send(made.result());
        }
        return made;
    }
    [[nodiscard]] Loan try_loan() noexcept requires(!read_only) { return lend(); }

    /// Sends all of them, in their order; sleepers are woken once.
    /// Returns  how many: none for who cannot be the writer.
    [[nodiscard]] std::size_t try_send_many(std::span<const Value> messages) noexcept requires(!read_only) {
        if (messages.empty() || become_writer().outcome != Outcome::done) {
            return 0;
        }
        for (const Value& message : messages) {
            ring_.put(roles().writing, &message);
        }
        tell_readers();
        return messages.size();
    }

    // ---- reading

    /// Receives as many as are there and fit. A loss is told before the first of them: lost_before().
    /// Returns  how many; try_receive() says why not more.
    [[nodiscard]] std::size_t try_receive_many(std::span<Value> room) noexcept {
        if (room.empty() || get(&room[0], carrier::at_once).outcome != Outcome::done) {
            return 0;
        }
        std::size_t count = 1;
        for (; count < room.size() && ring_.take(reading_, &room[count]); ++count) {
            if (!is_well_formed(room[count])) {
                ring_.untake(reading_);  // the next call says so
                break;
            }
        }
        Ring::end_batch(reading_, count);
        return count;
    }

    /// Goes to another place in the stream. What is passed over does not count as lost.
    void skip_to(From where) noexcept { ring_.join(reading_, where); }

    /// How many messages this handle has lost in all.
    [[nodiscard]] std::uint64_t lost() const noexcept { return reading_.lost; }
    /// How many of them just before the message that was received last; of several together, before the first.
    [[nodiscard]] std::uint64_t lost_before() const noexcept { return Ring::lost_before(reading_); }
    /// How many messages were sent, and not received here, at some moment of this call. More than capacity(): some are lost.
    [[nodiscard]] std::uint64_t behind() const noexcept {
        const std::uint64_t ahead = ring_.count() - reading_.next;
        return static_cast<std::int64_t>(ahead) > 0 ? ahead : 0;
    }

    // ---- about it

    [[nodiscard]] std::uint32_t capacity() const noexcept { return ring_.capacity(); }
    [[nodiscard]] TopicCounters counters() const noexcept {
        return {ring_.count(), ring_.control().repaired.load(std::memory_order_relaxed)};
    }

    /// How this handle waits for messages.
    using Channel::set_waiting;

    /// A descriptor that poll(2) and epoll(7) call readable when there may be a message: then receive until there is none. As
    /// long as nobody asks for it, it costs nobody anything. A forked child asks for its own.
    /// Throws  std::system_error: EMFILE (telling fs.inotify.max_user_instances).
    [[nodiscard]] int descriptor() requires(!read_only) { return Channel::descriptor(); }

    /// For wait_any(): whether there is a message.
    [[nodiscard]] carrier::Waitable waitable() const noexcept {
        return {-1, 0, this, [](const void* topic) noexcept {
                    const auto& self = *static_cast<const TypedTopic*>(topic);
                    return self.ring_.has_message(self.reading_) || self.has_ended();
                }};
    }

    /// The object stays when its last user leaves, until remove().
    void persist() requires(!read_only) { Channel::persist(); }
    using Channel::name;
    using Channel::native_handle;

private:
    static constexpr bool can_create = !read_only;
    static constexpr memory::Access access = read_only ? memory::Access::read_only : memory::Access::read_write;
    static constexpr std::size_t alignment = alignof(Value) < memory::cache_line ? memory::cache_line : alignof(Value);
    static constexpr std::size_t slots_offset = memory::round_up(sizeof(Control), alignment);

    /// What this process knows as the writer. The kernel empties it in a forked child, which is not.
    struct Roles {
        typename Ring::Writing writing;
        typename Ring::Word* loaned_place;
        bool is_writer;
        bool is_loaned;
        bool needs_more;  // the kernel has no barrier for others to call, or:
        bool wakes_unannounced;
    };

    static memory::SegmentSpec spec(Capacity capacity) {
        if (capacity.count == 0 || capacity.count == memory::SegmentSpec::any_capacity) {
            sys::throw_error(EINVAL, "TypedTopic::create", "a capacity of " + std::to_string(capacity.count));
        }
        return spec_of(capacity.count);
    }
    static memory::SegmentSpec spec() noexcept { return spec_of(memory::SegmentSpec::any_capacity); }
    static memory::SegmentSpec spec_of(std::uint32_t capacity) noexcept {
        memory::SegmentSpec made{memory::Kind::topic, fingerprint<Value>, layout_words<Value>, capacity,
                                 slots_offset,        alignment,          Ring::slot_size};
        made.openers_take_seats = false;
        return made;
    }
    static auto builder(Mode mode, Capacity /*capacity*/) noexcept {
        return [mode](void* object) {  // the slots: zero pages
            const bool others_only_read = ((mode.bits >> 1) & 0222 & ~mode.bits) != 0;
            (::new (object) Control{})->unannounced_readers.store(others_only_read ? 1 : 0, std::memory_order_relaxed);
        };
    }
    static void settle(void* object, std::uint32_t /*capacity*/, std::uint32_t seat) noexcept {
        auto& control = *static_cast<Control*>(object);
        settle_role(control.writer, control.repaired, seat);
    }

    explicit TypedTopic(memory::Segment segment)
        : Channel{std::move(segment)},
          ring_{static_cast<Control*>(segment_.object()),
                reinterpret_cast<typename Ring::Word*>(static_cast<std::byte*>(segment_.object()) + slots_offset),
                segment_.capacity()} {
        if constexpr (!read_only) {
            page_ = sys::map_wiped_on_fork(sizeof(Roles));
        }
        skip_to(From::now);
    }

    [[nodiscard]] Roles& roles() const noexcept { return *static_cast<Roles*>(page_.address()); }

    // ---- writing

    Result put(const Value& message, std::int64_t /*until*/) noexcept {
        auto& writing = roles().writing;
        if (writing.place == nullptr) [[unlikely]] {
            if (const Result role = become_writer(); role.outcome != Outcome::done) {
                return role;
            }
        }
        ring_.put(writing, &message);
        tell_readers();
        return Outcome::done;
    }

    void tell_readers() noexcept {
        Roles& mine = roles();
        if (mine.needs_more) [[unlikely]] {
            tell_others();
        }
        ring_.control().arrived.signal_lightly(sys::all_sleepers, [this] { touch_descriptors(); });
        if (mine.writing.next % 64 == 0) [[unlikely]] {
            publish_processor();
        }
    }
    /// What a light signal does not reach.
    [[gnu::cold, gnu::noinline]] void tell_others() noexcept {
        Machine::fence(std::memory_order_seq_cst);
        if (roles().wakes_unannounced) {
            ring_.wake_unannounced();
        }
    }
    void publish_processor() noexcept {
        ring_.control().writer_processor.store(Machine::processor() + 1, std::memory_order_relaxed);
    }

    /// Takes the role, if it is free or its holder dead.
    [[gnu::cold, gnu::noinline]] Result become_writer() noexcept {
        Roles& mine = roles();
        if (mine.is_writer) {
            return mine.is_loaned ? Result::failed(EBUSY) : Outcome::done;
        }
        auto& control = ring_.control();
        const Result taken = take_role(control.writer, control.repaired, settle);
        if (taken.outcome == Outcome::done) {
            mine.wakes_unannounced = control.unannounced_readers.load(std::memory_order_relaxed) != 0;
            mine.needs_more = !Machine::join_heavy_fences() || mine.wakes_unannounced;
            mine.is_writer = true;
            publish_processor();
            ring_.resume(mine.writing);
        }
        return taken;
    }

    Loan lend() noexcept {
        if (const Result role = become_writer(); role.outcome != Outcome::done) {
            return Loan{role};
        }
        Roles& mine = roles();
        ring_.begin(mine.writing);
        mine.is_loaned = true;
        mine.loaned_place = std::exchange(mine.writing.place, nullptr);  // so that send() comes by and sees it
        return Loan{*this, {reinterpret_cast<Value*>(mine.loaned_place), mine.writing.next}};
    }
    /// Returns  false where it is the parent's, and this a forked child.
    bool end_loan(std::uint64_t ticket) noexcept {
        Roles& mine = roles();
        if (!mine.is_loaned || mine.writing.next != ticket) {
            return false;
        }
        mine.is_loaned = false;
        mine.writing.place = mine.loaned_place;
        return true;
    }
    void send_loan(const Value* /*message*/, std::uint64_t ticket) noexcept {
        if (end_loan(ticket)) {
            ring_.publish(roles().writing);
            tell_readers();
        }
    }
    void drop_loan(const Value* /*message*/, std::uint64_t ticket) noexcept { end_loan(ticket); }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_send(Result result) const {
        throw std::system_error{result.code(true),
                                "send \"" + name() + "\"" +
                                    (roles().is_loaned ? ": a message that was lent is not sent yet"
                                                       : holder_of(ring_.control().writer, "writer", result))};
    }

    // ---- reading

    Result get(Value* room, std::int64_t until) noexcept {
        if (ring_.take(reading_, room)) [[likely]] {
            return is_well_formed(*room) ? Outcome::done : Outcome::corrupted;
        }
        return get_slowly(room, until);
    }

    [[gnu::cold, gnu::noinline]] Result get_slowly(Value* room, std::int64_t until) noexcept {
        Found found = Found::nothing;
        bool ended = false;
        const auto look = [&] {
            found = ring_.receive(reading_, room);
            return found != Found::nothing || ended;
        };
        if (!look()) {
            const auto examine = [&] { ended = has_ended(); };
            if (until != carrier::at_once) {
                wait(until, look, examine);
            } else if constexpr (read_only) {
                examine();
                look();
            } else if (arrivals_.is_wanted()) {
                static_cast<void>(arrivals_.arm(ring_.control().arrived, file(), look));
            }
        }
        switch (found) {
            case Found::message: return is_well_formed(*room) ? Outcome::done : Outcome::corrupted;
            case Found::garbage: return Outcome::corrupted;
            case Found::nothing: break;
        }
        return ended ? Outcome::closed : Outcome::empty;
    }

    template <class Look, class Examine>
    void wait(std::int64_t until, Look look, Examine examine) noexcept {
        const auto where_is_the_writer = [this] {
            const std::uint32_t there = ring_.control().writer_processor.load(std::memory_order_relaxed);
            return there == 0                          ? sync::Where::unknown
                   : there == Machine::processor() + 1 ? sync::Where::here
                                                       : sync::Where::elsewhere;
        };
        if constexpr (read_only) {
            typename Ring::Unannounced arrived{ring_};
            static_cast<void>(
                message_waiter_.wait(arrived, until, look, examine, where_is_the_writer, {}, reading_.next));
        } else {
            static_cast<void>(message_waiter_.wait(ring_.control().arrived, until, look, examine, where_is_the_writer,
                                                   {}, reading_.next));
        }
    }

    /// Whether nobody can send any more: for who does not count as a user. The others are what it lives for.
    [[nodiscard]] bool has_ended() const noexcept { return read_only && segment_.is_buried(); }

    void close() noexcept {
        if (segment_) {
            if constexpr (!read_only) {
                if (roles().is_writer) {
                    ring_.control().writer.give_back();
                }
            }
            segment_.close();
            page_.reset();
        }
    }

    Ring ring_;
    sys::Mapping page_;                           // Roles
    alignas(64) typename Ring::Reading reading_;  // one thread may send while another one receives
};

}  // namespace tenon
