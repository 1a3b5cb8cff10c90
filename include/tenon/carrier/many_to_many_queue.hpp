// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedQueue<Msg>: messages through shared memory from any number of senders to any number of receivers, each message to one
/// of them. Where there is one of each, TypedQueue<Msg, one_to_one> is faster; where all receivers shall see everything, take
/// TypedTopic.
///
///     auto orders = tenon::TypedQueue<Order>::create("/orders", tenon::Capacity{1024});
///     orders.send(order);                                   // sleeps while full
///
///     auto orders = tenon::TypedQueue<Order>::open("/orders");
///     Order order = orders.receive();

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "../memory/format.hpp"
#include "../memory/segment.hpp"
#include "../payload/layout.hpp"
#include "../payload/well_formed.hpp"
#include "capacity.hpp"
#include "counters.hpp"
#include "crowd_channel.hpp"
#include "in_place.hpp"
#include "many_to_many_ring.hpp"
#include "over.hpp"
#include "shared_queue.hpp"
#include "verbs.hpp"

namespace tenon {

/// Any number of senders and receivers, who come and go.
///
/// Order    first in, first out, in the order in which the senders took their places; so of each sender too. Several receivers
///          finish in any order.
/// Sharing  any thread of any process may call any member at any time, but moving or destroying a handle needs it alone.
/// Crash    Killed at any instruction: a message whose send() returned arrives; one that was not finished never does, and its
///          place is passed over; one whose receive() did not return, or that is borrowed, goes to another receiver, behind
///          those that were taken meanwhile. Found out by whoever waits, within milliseconds. A process that is stopped while it
///          sends holds up what was sent after, and is not robbed.
/// Blocking send() waits while the queue is full, and receive() while it is empty, for somebody who may come yet.
template <class Msg>
class TypedQueue<Msg, many_to_many>
    : public carrier::SharedQueue<TypedQueue<Msg, many_to_many>, Msg,
                                  carrier::CrowdChannel<TypedQueue<Msg, many_to_many>>> {
    using Crowd = carrier::CrowdChannel<TypedQueue>;
    using Base = carrier::SharedQueue<TypedQueue, Msg, Crowd>;
    using typename Base::Machine;
    using Result = carrier::Result;
    using Ring = carrier::ManyToManyRing<sizeof(Msg), alignof(Msg), Machine>;
    using Control = typename Ring::Control;
    using Claim = typename Ring::Claim;
    friend Base;
    friend Crowd;
    friend class sync::Factories<TypedQueue, Capacity>;
    friend class carrier::SenderVerbs<TypedQueue, Msg>;
    friend class carrier::ReceiverVerbs<TypedQueue, Msg>;
    friend class tenon::Loan<TypedQueue, Msg>;
    friend class tenon::Borrowed<TypedQueue, Msg>;

public:
    using typename Base::Borrowed;
    using typename Base::Loan;

    /// Empty handles, from a failed factory or moved from, test false; nothing else may be asked of them.
    TypedQueue() noexcept = default;

    [[nodiscard]] std::uint32_t capacity() const noexcept { return ring_.capacity(); }
    /// sent and received are off by those who are at work at this moment.
    [[nodiscard]] QueueCounters counters() const noexcept {
        const auto& control = ring_.control();
        QueueCounters result;
        result.received = ring_.count_taken();
        result.sent = ring_.count_sent();
        result.full = control.full.load(std::memory_order_relaxed);
        result.empty = control.empty.load(std::memory_order_relaxed);
        result.repaired = control.repaired.load(std::memory_order_relaxed);
        return result;
    }

private:
    static constexpr std::size_t slots_offset = memory::round_up(sizeof(Control), Base::alignment);

    static memory::SegmentSpec spec_of(std::uint32_t capacity) noexcept {
        return {memory::Kind::queue, fingerprint<Msg>, layout_words<Msg>, capacity,
                slots_offset,        Base::alignment,  Ring::slot_size};
    }
    static auto builder(Mode /*mode*/, Capacity /*capacity*/) noexcept {
        return [](void* object) { ::new (object) Control{}; };  // the slots: zero pages
    }
    static Ring ring(void* object, std::uint32_t capacity) noexcept {
        return {static_cast<Control*>(object),
                reinterpret_cast<typename Ring::Word*>(static_cast<std::byte*>(object) + slots_offset), capacity};
    }
    static void settle(void* object, std::uint32_t capacity, std::uint32_t seat) noexcept {
        ring(object, capacity).settle(seat);
    }

    explicit TypedQueue(memory::Segment segment) noexcept
        : Base{std::move(segment)}, ring_{ring(this->segment_.object(), this->segment_.capacity())} {}

    // ---- sending

    Result put(const Msg& message, std::int64_t until) noexcept {
        Claim claim;
        const Result result = find_room(claim, until);
        if (result.outcome == Outcome::done) [[likely]] {
            sync::copy_in<Machine>(Ring::message(claim), &message, sizeof message);
            Ring::publish(claim);
            this->tell(ring_.control().arrived);
            if (ring_.is_milestone(claim)) [[unlikely]] {
                Base::say_where(ring_.control().sender_processor);
            }
        }
        return result;
    }

    Result find_room(Claim& claim, std::int64_t until) noexcept {
        if (const Result present = this->attend(); present.outcome != Outcome::done) [[unlikely]] {
            return present;
        }
        claim = ring_.claim_room(this->seat());
        return claim ? Result{Outcome::done} : wait_for_room(claim, until);
    }
    [[gnu::cold, gnu::noinline]] Result wait_for_room(Claim& claim, std::int64_t until) noexcept {
        auto& control = ring_.control();
        control.full.fetch_add(1, std::memory_order_relaxed);
        const auto look = [&] { return static_cast<bool>(claim = ring_.claim_room(this->seat())); };
        const auto look_gently = [&] { return ring_.has_room() && look(); };
        if (until == carrier::at_once) {
            this->repair_now_and_then();
            return this->rooms_.is_wanted() && this->rooms_.arm(control.room, this->file(), look) ? Outcome::done
                                                                                                  : Outcome::full;
        }
        if (!this->room_waiter_.wait(
                control.room, until, look_gently, [this] { this->repair(); },
                [&] { return Base::where_is_the_other(control.sender_processor, control.receiver_processor); },
                [this] { return ring_.is_held_up_by_receiver(); }, control.tail.load(std::memory_order_relaxed))) {
            return Outcome::full;
        }
        if (ring_.has_room()) {  // a wake-up for two may have found us alone
            this->tell(control.room);
        }
        return Outcome::done;
    }

    Loan lend(std::int64_t until) noexcept {
        Claim claim;
        const Result result = find_room(claim, until);
        if (result.outcome != Outcome::done) {
            return Loan{result};
        }
        this->take_in_hand();
        return Loan{*this, {reinterpret_cast<Msg*>(Ring::message(claim)), ticket_of(claim)}};
    }
    void send_loan(const Msg* message, std::uint64_t ticket) noexcept {
        const Claim claim = claim_of(message, ticket);
        if (is_mine(claim, Ring::is_writing)) {
            Ring::publish(claim);
            this->tell(ring_.control().arrived);
        }
    }
    void drop_loan(const Msg* message, std::uint64_t ticket) noexcept {
        const Claim claim = claim_of(message, ticket);
        if (is_mine(claim, Ring::is_writing)) {
            ring_.abandon(claim);
            this->tell(ring_.control().arrived);
        }
    }

    // ---- receiving

    Result get(Msg* room, std::int64_t until) noexcept {
        Claim claim;
        const Result result = find_message(claim, until);
        if (result.outcome != Outcome::done) [[unlikely]] {
            return result;
        }
        sync::copy_out_alone<Machine, sizeof *room>(Ring::message(claim), room);
        Ring::free(claim);
        this->tell(ring_.control().room);
        if (ring_.is_milestone(claim)) [[unlikely]] {
            Base::say_where(ring_.control().receiver_processor);
        }
        return is_well_formed(*room) ? Outcome::done : Outcome::corrupted;
    }

    Claim claim_message() noexcept {
        return ring_.claim_message(this->seat(), [this] { this->tell(ring_.control().room); });
    }
    Result find_message(Claim& claim, std::int64_t until) noexcept {
        if (const Result present = this->attend(); present.outcome != Outcome::done) [[unlikely]] {
            return present;
        }
        claim = claim_message();
        return claim ? Result{Outcome::done} : wait_for_message(claim, until);
    }
    [[gnu::cold, gnu::noinline]] Result wait_for_message(Claim& claim, std::int64_t until) noexcept {
        auto& control = ring_.control();
        control.empty.fetch_add(1, std::memory_order_relaxed);
        const auto look = [&] { return static_cast<bool>(claim = claim_message()); };
        if (until == carrier::at_once) {
            this->repair_now_and_then();
            const auto look_well = [&] { return look() || (this->repair() && look()); };
            return this->arrivals_.is_wanted() && this->arrivals_.arm(control.arrived, this->file(), look_well)
                       ? Outcome::done
                       : Outcome::empty;
        }
        if (!this->message_waiter_.wait(
                control.arrived, until, look, [this] { this->repair(); },
                [&] { return Base::where_is_the_other(control.receiver_processor, control.sender_processor); },
                [this] { return ring_.is_held_up_by_sender(); }, control.head.load(std::memory_order_relaxed))) {
            return Outcome::empty;
        }
        if (ring_.has_message()) {
            this->tell(control.arrived);
        }
        return Outcome::done;
    }

    Borrowed let_borrow(std::int64_t until) noexcept {
        Claim claim;
        const Result result = find_message(claim, until);
        if (result.outcome != Outcome::done) {
            return Borrowed{result};
        }
        const auto* const message = reinterpret_cast<const Msg*>(Ring::message(claim));
        if (!is_well_formed(*message)) {
            Ring::free(claim);
            this->tell(ring_.control().room);
            return Borrowed{Outcome::corrupted};
        }
        this->take_in_hand();
        return Borrowed{*this, {message, ticket_of(claim)}};
    }
    void end_borrowing(const Msg* message, std::uint64_t ticket) noexcept {
        const Claim claim = claim_of(message, ticket);
        if (is_mine(claim, Ring::is_taking)) {
            Ring::free(claim);
            this->tell(ring_.control().room);
        }
    }

    /// Lets go of it. False for what this process has inherited from its parent, and after the queue was closed.
    template <class IsSeats>
    [[nodiscard]] bool is_mine(const Claim& claim, IsSeats is_seats) noexcept {
        return this->segment_.attendance().seat_is_ours() && is_seats(claim, this->seat()) && this->let_go();
    }
    static std::uint64_t ticket_of(const Claim& claim) noexcept { return claim.lap; }
    static Claim claim_of(const Msg* message, std::uint64_t ticket) noexcept {
        auto* const slot = reinterpret_cast<std::byte*>(const_cast<Msg*>(message)) - Ring::message_offset;
        return {reinterpret_cast<typename Ring::Word*>(slot), ticket};
    }

    /// Whoever only asks finds out about the dead too.
    [[nodiscard]] bool has_message() const noexcept {
        return ring_.has_message() || (this->repair() && ring_.has_message());
    }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_send(Result result) const {
        throw std::system_error{result.code(true), "send \"" + this->name() + "\""};
    }
    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_receive(Result result) const {
        throw std::system_error{result.code(false), "receive \"" + this->name() + "\""};
    }

    Ring ring_;
};

}  // namespace tenon
