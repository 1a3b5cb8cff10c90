// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What the queues of messages of one size in shared memory have in common.
///
/// Self has, for its friend SharedQueue:
///     Loan lend(std::int64_t until) noexcept; Borrowed let_borrow(std::int64_t until) noexcept;
///     counters(), capacity(), and what Factories and the verbs ask for.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "../memory/address.hpp"
#include "../memory/segment.hpp"
#include "../payload/payload.hpp"
#include "../sync/factories.hpp"
#include "../sys/error.hpp"
#include "capacity.hpp"
#include "counters.hpp"
#include "in_place.hpp"
#include "shared_channel.hpp"
#include "verbs.hpp"
#include "waitable.hpp"

namespace tenon::carrier {

template <class Self, class Msg, class Channel = SharedChannel>
class SharedQueue : public Channel,
                    public sync::Factories<Self, Capacity>,
                    public SenderVerbs<Self, Msg>,
                    public ReceiverVerbs<Self, Msg> {
    static_assert(require_payload<Msg>());
    static_assert(alignof(Msg) <= 4096, "tenon::TypedQueue: alignments above 4096, the size of a page, cannot be kept");

public:
    using Message = Msg;
    using Loan = tenon::Loan<Self, Msg>;
    using Borrowed = tenon::Borrowed<Self, Msg>;

    // create, open, open_for, open_until, open_or_create, anonymous, attach, remove: see sync/factories.hpp, with a Capacity.
    // send, try_send, try_send_for, try_send_until, receive, next, try_receive, ...: see carrier/verbs.hpp.

    // ---- in place

    /// Room for a message, where its receiver will read it. Waits while the queue is full.
    /// Throws  what send() throws.
    [[nodiscard]] Loan loan() {
        Loan made = self().lend(sys::end_of_time);
        if (!made) [[unlikely]] {
            self().refuse_to_send(made.result());
        }
        return made;
    }
    [[nodiscard]] Loan try_loan() noexcept { return self().lend(at_once); }
    template <class Rep, class Period>
    [[nodiscard]] Loan try_loan_for(const std::chrono::duration<Rep, Period>& duration) noexcept {
        return try_loan_until(Deadline::after(duration));
    }
    [[nodiscard]] Loan try_loan_until(Deadline deadline) noexcept {
        Loan made = self().lend(deadline.nanoseconds());
        return made.outcome() == Outcome::full ? Loan{Outcome::late} : std::move(made);
    }

    /// The next message, where it stands. Waits while the queue is empty.
    /// Throws  what receive() throws.
    [[nodiscard]] Borrowed borrow() {
        Borrowed message = self().let_borrow(sys::end_of_time);
        if (!message) [[unlikely]] {
            self().refuse_to_receive(message.result());
        }
        return message;
    }
    [[nodiscard]] Borrowed try_borrow() noexcept { return self().let_borrow(at_once); }
    template <class Rep, class Period>
    [[nodiscard]] Borrowed borrow_for(const std::chrono::duration<Rep, Period>& duration) noexcept {
        return borrow_until(Deadline::after(duration));
    }
    [[nodiscard]] Borrowed borrow_until(Deadline deadline) noexcept {
        Borrowed message = self().let_borrow(deadline.nanoseconds());
        return message.outcome() == Outcome::empty ? Borrowed{Outcome::late} : std::move(message);
    }

    // ---- about it

    /// How many messages were in it at some moment of this call.
    [[nodiscard]] std::size_t approximate_size() const noexcept {
        const QueueCounters now = self().counters();
        const std::uint64_t size = now.sent - now.received;
        return size <= self().capacity() ? static_cast<std::size_t>(size) : 0;  // they moved between the two looks
    }

    /// For wait_any(): whether there is a message.
    [[nodiscard]] Waitable waitable() const noexcept {
        return {-1, 0, this, [](const void* queue) noexcept {
                    return static_cast<const SharedQueue*>(queue)->self().has_message();
                }};
    }

protected:
    using typename Channel::Machine;
    static constexpr bool can_create = true;
    static constexpr memory::Access access = memory::Access::read_write;
    /// Of what begins a slot.
    static constexpr std::size_t alignment = alignof(Msg) < memory::cache_line ? memory::cache_line : alignof(Msg);

    static memory::SegmentSpec spec(Capacity capacity) {
        if (capacity.count == 0 || capacity.count == memory::SegmentSpec::any_capacity) {
            sys::throw_error(EINVAL, "TypedQueue::create", "a capacity of " + std::to_string(capacity.count));
        }
        return Self::spec_of(capacity.count);
    }
    static memory::SegmentSpec spec() noexcept { return Self::spec_of(memory::SegmentSpec::any_capacity); }

    SharedQueue() noexcept = default;
    SharedQueue(SharedQueue&&) noexcept = default;
    SharedQueue& operator=(SharedQueue&&) noexcept = default;
    ~SharedQueue() = default;
    explicit SharedQueue(memory::Segment segment) noexcept : Channel{std::move(segment)} {}

private:
    Self& self() noexcept { return static_cast<Self&>(*this); }
    [[nodiscard]] const Self& self() const noexcept { return static_cast<const Self&>(*this); }
};

}  // namespace tenon::carrier
