// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedQueue<Envelope<Header, Element>>: messages of any length, each a header and a row of elements, written and read where
/// they stand in shared memory. For messages of one size TypedQueue<Msg> is faster.
///
///     using Frames = tenon::TypedQueue<tenon::Envelope<FrameInfo, std::byte>>;
///     auto frames = Frames::create("/frames", tenon::Room{256 << 20});
///     auto frame = frames.loan(width * height);
///     frame.header() = {width, height};
///     draw(frame.elements());                                    // a std::span<std::byte>
///     frame.send();
///
///     auto frame = Frames::open("/frames").borrow();
///     show(frame.header(), frame.elements());

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../memory/format.hpp"
#include "../memory/segment.hpp"
#include "../payload/layout.hpp"
#include "../payload/payload.hpp"
#include "../payload/well_formed.hpp"
#include "../sync/deadline.hpp"
#include "../sync/factories.hpp"
#include "capacity.hpp"
#include "counters.hpp"
#include "crowd_channel.hpp"
#include "envelope_ring.hpp"
#include "in_place.hpp"
#include "outcome.hpp"
#include "over.hpp"
#include "verbs.hpp"
#include "waitable.hpp"

namespace tenon {

/// What a TypedQueue of it carries: a Header, followed by as many Elements as each message says.
template <class Header, class Element>
struct Envelope {
    Header header;
    Element element;
};

namespace detail {

/// A place in the ring that is a handle's for a while. `constant`: to read only.
template <class Queue, bool constant>
class EnvelopeInHand : public InHand<Queue, typename Queue::Claim, !constant> {
    using Header = std::conditional_t<constant, const typename Queue::Header, typename Queue::Header>;
    using Element = std::conditional_t<constant, const typename Queue::Element, typename Queue::Element>;

public:
    using InHand<Queue, typename Queue::Claim, !constant>::InHand;
    EnvelopeInHand(EnvelopeInHand&&) noexcept = default;
    EnvelopeInHand& operator=(EnvelopeInHand&&) noexcept = default;
    ~EnvelopeInHand() {
        if (Queue* const queue = this->let_go()) {
            queue->let_go_of(this->held_, constant);
        }
    }

    [[nodiscard]] Header& header() const noexcept { return *reinterpret_cast<Header*>(at(Queue::header_offset)); }
    [[nodiscard]] std::span<Element> elements() const noexcept {
        return {reinterpret_cast<Element*>(at(Queue::elements_offset)), this->held_.elements};
    }

private:
    [[nodiscard]] std::byte* at(std::size_t offset) const noexcept {
        return reinterpret_cast<std::byte*>(this->held_.record) + offset;
    }
};

}  // namespace detail

/// Any number of senders and receivers, who come and go; each message to one receiver.
///
/// Order    first in, first out, in the order in which the senders took their places.
/// Sharing  any thread of any process may call any member at any time, but moving or destroying a handle needs it alone, and
///          without loans or borrowed messages.
/// Crash    as TypedQueue<Msg>: what was sent arrives, what was not finished is passed over, what was not finished reading
///          goes to another receiver.
/// Limits   largest() elements: half of the Room. Alignment up to 64.
template <class HeaderType, class ElementType>
class TypedQueue<Envelope<HeaderType, ElementType>, many_to_many>
    : public carrier::CrowdChannel<TypedQueue<Envelope<HeaderType, ElementType>, many_to_many>>,
      public sync::Factories<TypedQueue<Envelope<HeaderType, ElementType>, many_to_many>, Room> {
    using Crowd = carrier::CrowdChannel<TypedQueue>;
    using typename Crowd::Machine;
    using Result = carrier::Result;
    using Ring = carrier::EnvelopeRing<Machine>;
    using Control = typename Ring::Control;
    using Found = typename Ring::Found;
    using Claim = typename Ring::Claim;
    friend Crowd;
    friend class sync::Factories<TypedQueue, Room>;
    friend class detail::EnvelopeInHand<TypedQueue, true>;
    friend class detail::EnvelopeInHand<TypedQueue, false>;
    static_assert(require_payload<HeaderType>() && require_payload<ElementType>());
    static_assert(alignof(HeaderType) <= 64 && alignof(ElementType) <= 64,
                  "tenon::TypedQueue of envelopes: alignments above 64, the size of a cache line, cannot be kept");

public:
    using Header = HeaderType;
    using Element = ElementType;

    /// Room for a message. What is not sent in the end is passed over.
    class [[nodiscard]] Loan : public detail::EnvelopeInHand<TypedQueue, false> {
    public:
        using detail::EnvelopeInHand<TypedQueue, false>::EnvelopeInHand;
        /// Sends the message as it stands. Once.
        void send() noexcept {
            if (TypedQueue* const queue = this->let_go()) {
                queue->send_loan(this->held_);
            }
        }
    };
    /// A message, where it stands; it is this handle's until the end of the scope. A peer that breaks the rules can change it
    /// meanwhile.
    class [[nodiscard]] Borrowed : public detail::EnvelopeInHand<TypedQueue, true> {
    public:
        using detail::EnvelopeInHand<TypedQueue, true>::EnvelopeInHand;
    };
    /// A copy of a message.
    struct Copy {
        Header header;
        std::vector<Element> elements;
    };

    // create, open, open_for, open_until, open_or_create, anonymous, attach, remove: see sync/factories.hpp, with a Room.

    /// Empty handles, from a failed factory or moved from, test false; nothing else may be asked of them.
    TypedQueue() noexcept = default;

    // ---- sending

    /// Room for a message of `count` elements, which hold whatever was there. Waits while there is none.
    /// Throws  std::system_error: EMSGSIZE above largest(), and what the system refuses.
    [[nodiscard]] Loan loan(std::size_t count) {
        Loan made = lend(count, sys::end_of_time);
        if (!made) [[unlikely]] {
            refuse(made.result(), true, count);
        }
        return made;
    }
    [[nodiscard]] Loan try_loan(std::size_t count) noexcept { return lend(count, carrier::at_once); }
    template <class Rep, class Period>
    [[nodiscard]] Loan try_loan_for(std::size_t count, const std::chrono::duration<Rep, Period>& duration) noexcept {
        return try_loan_until(count, Deadline::after(duration));
    }
    [[nodiscard]] Loan try_loan_until(std::size_t count, Deadline deadline) noexcept {
        Loan made = lend(count, deadline.nanoseconds());
        return made.outcome() == Outcome::full ? Loan{Outcome::late} : std::move(made);
    }

    /// Sends a copy of them. Throws as loan().
    void send(const Header& header, std::span<const Element> elements) {
        Loan made = loan(elements.size());
        fill(made, header, elements);
    }
    Sent try_send(const Header& header, std::span<const Element> elements) noexcept {
        return send_in(try_loan(elements.size()), header, elements);
    }
    template <class Rep, class Period>
    Sent try_send_for(const Header& header, std::span<const Element> elements,
                      const std::chrono::duration<Rep, Period>& duration) noexcept {
        return try_send_until(header, elements, Deadline::after(duration));
    }
    Sent try_send_until(const Header& header, std::span<const Element> elements, Deadline deadline) noexcept {
        return send_in(try_loan_until(elements.size(), deadline), header, elements);
    }

    // ---- receiving

    /// The next message, where it stands. Waits while there is none.
    /// Throws  std::system_error: errc::corrupted, and what the system refuses.
    [[nodiscard]] Borrowed borrow() {
        Borrowed message = let_borrow(sys::end_of_time);
        if (!message) [[unlikely]] {
            refuse(message.result(), false, 0);
        }
        return message;
    }
    [[nodiscard]] Borrowed try_borrow() noexcept { return let_borrow(carrier::at_once); }
    template <class Rep, class Period>
    [[nodiscard]] Borrowed borrow_for(const std::chrono::duration<Rep, Period>& duration) noexcept {
        return borrow_until(Deadline::after(duration));
    }
    [[nodiscard]] Borrowed borrow_until(Deadline deadline) noexcept {
        Borrowed message = let_borrow(deadline.nanoseconds());
        return message.outcome() == Outcome::empty ? Borrowed{Outcome::late} : std::move(message);
    }

    /// The next message, copied. Throws as borrow(), and std::bad_alloc; then the message stays.
    [[nodiscard]] Copy receive() {
        const Borrowed message = borrow();
        return {message.header(), {message.elements().begin(), message.elements().end()}};
    }

    // ---- about it

    /// The most elements that a message can have.
    [[nodiscard]] std::size_t largest() const noexcept {
        const std::size_t bytes = std::size_t{ring_.units()} / 2 * Ring::unit_size;
        const std::size_t count = bytes < elements_offset ? 0 : (bytes - elements_offset) / sizeof(Element);
        return count < UINT32_MAX ? count : UINT32_MAX;
    }
    /// How much memory it has for messages, in bytes.
    [[nodiscard]] std::uint64_t room() const noexcept { return std::uint64_t{ring_.units()} * Ring::unit_size; }
    /// How many messages were in it at some moment of this call.
    [[nodiscard]] std::size_t approximate_size() const noexcept {
        const QueueCounters now = counters();
        return now.sent > now.received ? static_cast<std::size_t>(now.sent - now.received) : 0;
    }
    /// sent and received may leave out what somebody counted who was killed at that moment.
    [[nodiscard]] QueueCounters counters() const noexcept {
        const auto& control = ring_.control();
        QueueCounters result;
        result.received = control.taken.load(std::memory_order_relaxed);
        result.sent = control.sent.load(std::memory_order_relaxed);
        result.full = control.full.load(std::memory_order_relaxed);
        result.empty = control.empty.load(std::memory_order_relaxed);
        result.repaired = control.repaired.load(std::memory_order_relaxed);
        return result;
    }
    /// For wait_any(): whether there is a message.
    [[nodiscard]] carrier::Waitable waitable() const noexcept {
        return {-1, 0, this,
                [](const void* queue) noexcept { return static_cast<const TypedQueue*>(queue)->ring_.has_message(); }};
    }

private:
    static constexpr bool can_create = true;
    static constexpr memory::Access access = memory::Access::read_write;
    static constexpr std::size_t header_offset = memory::round_up(2 * sync::word_size, alignof(Header));
    static constexpr std::size_t elements_offset = memory::round_up(header_offset + sizeof(Header), alignof(Element));
    using Parts = Envelope<Header, Element>;

    static memory::SegmentSpec spec(Room room) {
        const std::uint64_t units = (room.bytes + Ring::unit_size - 1) / Ring::unit_size;
        const std::uint64_t fewest = 2 * ((elements_offset + sizeof(Element) + Ring::unit_size - 1) / Ring::unit_size);
        if (units < fewest || units >= memory::SegmentSpec::any_capacity) {
            sys::throw_error(EINVAL, "TypedQueue::create",
                             "room for " + std::to_string(room.bytes) + " bytes (" +
                                 std::to_string(fewest * Ring::unit_size) + " to 256 GiB are possible)");
        }
        return spec_of(static_cast<std::uint32_t>(units));
    }
    static memory::SegmentSpec spec() noexcept { return spec_of(memory::SegmentSpec::any_capacity); }
    static memory::SegmentSpec spec_of(std::uint32_t units) noexcept {
        return {memory::Kind::envelope_queue, fingerprint<Parts>, layout_words<Parts>, units, sizeof(Control),
                memory::cache_line,           Ring::unit_size};
    }
    static auto builder(Mode /*mode*/, Room /*room*/) noexcept {
        return [](void* object) { ::new (object) Control{}; };
    }
    static Ring ring(void* object, std::uint32_t units) noexcept {
        return {static_cast<Control*>(object),
                reinterpret_cast<typename Ring::Word*>(static_cast<std::byte*>(object) + sizeof(Control)), units};
    }
    static void settle(void* object, std::uint32_t units, std::uint32_t seat) noexcept {
        ring(object, units).settle(seat);
    }

    explicit TypedQueue(memory::Segment segment) noexcept
        : Crowd{std::move(segment)}, ring_{ring(this->segment_.object(), this->segment_.capacity())} {}

    /// Others hold the word for the time of a few stores: who wants it at once waits for that.
    static std::int64_t for_the_others(std::int64_t until) noexcept {
        return until == carrier::at_once ? Machine::now() + 1'000'000 : until;
    }

    Loan lend(std::size_t count, std::int64_t until) noexcept {
        if (count > largest()) {
            return Loan{Result::failed(EMSGSIZE)};
        }
        const std::size_t bytes = elements_offset + count * sizeof(Element);
        const auto units = static_cast<std::uint32_t>((bytes + Ring::unit_size - 1) / Ring::unit_size);
        Claim claim;
        const Result result =
            find(until, Outcome::full, ring_.control().room, this->room_waiter_, this->rooms_, ring_.control().full,
                 ring_.control().sender_processor, ring_.control().receiver_processor, [&] {
                     return ring_.claim_room(claim, this->seat(), units, static_cast<std::uint32_t>(count),
                                             for_the_others(until), this->segment_);
                 });
        if (result.outcome != Outcome::done) {
            return Loan{result};
        }
        this->take_in_hand();
        return Loan{*this, claim};
    }

    Borrowed let_borrow(std::int64_t until) noexcept {
        Claim claim;
        const Result result =
            find(until, Outcome::empty, ring_.control().arrived, this->message_waiter_, this->arrivals_,
                 ring_.control().empty, ring_.control().receiver_processor, ring_.control().sender_processor,
                 [&] { return ring_.claim_message(claim, this->seat(), for_the_others(until), this->segment_); });
        if (result.outcome != Outcome::done) {
            return Borrowed{result};
        }
        this->take_in_hand();
        Borrowed message{*this, claim};
        if (elements_offset + std::size_t{claim.elements} * sizeof(Element) >
                std::size_t{claim.units} * Ring::unit_size ||
            !is_well_formed(message.header()) ||
            !std::all_of(message.elements().begin(), message.elements().end(),
                         [](const Element& element) { return is_well_formed(element); })) {
            return Borrowed{Outcome::corrupted};  // and it is gone
        }
        return message;
    }

    /// Attempts until one succeeds, or the time has come.
    template <class Event, class Waiter, class Readiness, class Counter, class Processor, class Attempt>
    Result find(std::int64_t until, Outcome in_vain, Event& event, Waiter& waiter, Readiness& readiness,
                Counter& failures, Processor& mine, const Processor& theirs, Attempt attempt) noexcept {
        if (const Result present = this->attend(); present.outcome != Outcome::done) [[unlikely]] {
            return present;
        }
        Result failure = Outcome::done;
        const auto look = [&]() noexcept {  // true at the end of the matter, whichever
            Found found = Found::nothing;
            failure = Crowd::result_of([&]() -> Result {
                found = attempt();
                return Outcome::done;
            });
            if (found == Found::corrupted) {
                failure = Outcome::corrupted;
            }
            return found == Found::done || failure.outcome != Outcome::done;
        };
        if (!look()) {
            failures.fetch_add(1, std::memory_order_relaxed);
            if (until == carrier::at_once) {
                this->repair_now_and_then();
                if (!readiness.is_wanted() || !readiness.arm(event, this->file(), look)) {
                    return in_vain;
                }
            } else {
                if (!waiter.wait(
                        event, until, look, [this] { this->repair(); },
                        [&] { return Crowd::where_is_the_other(mine, theirs); })) {
                    return in_vain;
                }
                this->tell(event);  // a wake-up for two may have found us alone
            }
        }
        return failure;
    }

    void send_loan(const Claim& claim) noexcept {
        if (this->let_go()) {
            ring_.publish(claim);
            this->tell(ring_.control().arrived);
        }
    }
    void let_go_of(const Claim& claim, bool was_borrowed) noexcept {
        if (!this->let_go()) {
            return;
        }
        if (was_borrowed) {
            ring_.free(claim);
            this->tell(ring_.control().room);
        } else {
            Ring::abandon(claim);
            this->tell(ring_.control().arrived);
        }
    }

    static void fill(Loan& made, const Header& header, std::span<const Element> elements) noexcept {
        made.header() = header;
        if (!elements.empty()) {
            std::memcpy(made.elements().data(), elements.data(), elements.size_bytes());
        }
        made.send();
    }
    static Sent send_in(Loan made, const Header& header, std::span<const Element> elements) noexcept {
        if (made) {
            fill(made, header, elements);
        }
        return made.result();
    }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse(Result result, bool sending, std::size_t count) const {
        std::string text = (sending ? "send \"" : "receive \"") + this->name() + "\"";
        if (result.outcome == Outcome::failed && result.system_error == EMSGSIZE) {
            text += ": " + std::to_string(count) + " elements, and " + std::to_string(largest()) + " are the most";
        }
        throw std::system_error{result.code(sending), text};
    }

    Ring ring_;
};

}  // namespace tenon
