// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedQueue<Msg, one_to_one>: from one sender to one receiver through shared memory, without a system call as long as
/// nobody has to sleep, and without an instruction that waits for another processor. For more senders or receivers take
/// TypedQueue<Msg>.
///
///     auto ticks = tenon::TypedQueue<Tick, tenon::one_to_one>::create("/ticks", tenon::Capacity{1024});
///     ticks.send(tick);
///
///     auto ticks = tenon::TypedQueue<Tick, tenon::one_to_one>::open("/ticks");
///     Tick tick = ticks.receive();

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../memory/format.hpp"
#include "../memory/segment.hpp"
#include "../payload/layout.hpp"
#include "../payload/well_formed.hpp"
#include "../sys/futex.hpp"
#include "../sys/mapping.hpp"
#include "capacity.hpp"
#include "counters.hpp"
#include "in_place.hpp"
#include "one_to_one_ring.hpp"
#include "over.hpp"
#include "shared_queue.hpp"
#include "verbs.hpp"

namespace tenon {

/// One sender, one receiver, and the fastest road between them.
///
/// Roles    The first handle that sends is the sender, the first that receives the receiver, until it is closed. Another one
///          is refused with EBUSY, telling who it is; whose process has died is replaced at once, and the queue goes on
///          where it stopped. A handle may be both.
/// Order    first in, first out.
/// Sharing  one thread sends and one receives, through the same handle or two. A forked child may take over a role that its
///          parent has given up.
/// Crash    Killed at any instruction: a message whose send() returned arrives once; one that was not finished never does; one
///          whose receive() did not return is there for the next receiver.
/// Blocking send() waits while the queue is full, and receive() while it is empty, for somebody who may come yet: the queue
///          does not end when one side goes.
/// Limits   alignment up to 4096; any size for which there is memory.
template <class Msg>
class TypedQueue<Msg, one_to_one> : public carrier::SharedQueue<TypedQueue<Msg, one_to_one>, Msg> {
    using Base = carrier::SharedQueue<TypedQueue, Msg>;
    using typename Base::Machine;
    using Receiving = carrier::ReceiverVerbs<TypedQueue, Msg>;
    using Result = carrier::Result;
    friend Base;
    friend class sync::Factories<TypedQueue, Capacity>;
    friend class carrier::SenderVerbs<TypedQueue, Msg>;
    friend Receiving;
    friend class tenon::Loan<TypedQueue, Msg>;
    friend class tenon::Borrowed<TypedQueue, Msg>;

public:
    using typename Base::Borrowed;
    using typename Base::Loan;

    /// Empty handles, from a failed factory or moved from, test false; nothing else may be asked of them.
    TypedQueue() noexcept = default;
    TypedQueue(TypedQueue&&) noexcept = default;
    TypedQueue& operator=(TypedQueue&& other) noexcept {
        if (this != &other) {
            close();
            Base::operator=(std::move(other));
            ring_ = other.ring_;
            page_ = std::move(other.page_);
        }
        return *this;
    }
    ~TypedQueue() { close(); }

    /// Sends as many of them as there is room for, in their order.
    /// Returns  how many; try_send() of the next one says why not more.
    [[nodiscard]] std::size_t try_send_many(std::span<const Msg> messages) noexcept {
        Cursors& mine = cursors();
        if (mine.sending.next == mine.sending.limit && become_sender().outcome != Outcome::done) {
            return 0;
        }
        const std::size_t count =
            ring_.put_many(mine.sending, reinterpret_cast<const std::byte*>(messages.data()), messages.size());
        if (count != 0) {
            tell_receiver();
        }
        return count;
    }

    /// Receives as many as are there and fit.
    /// Returns  how many; try_receive() says why not more.
    [[nodiscard]] std::size_t try_receive_many(std::span<Msg> room) noexcept {
        if constexpr (detail::has_discriminant<Msg>()) {  // each is looked at
            return Receiving::try_receive_many(room);
        } else {
            Cursors& mine = cursors();
            if (mine.receiving.next == mine.receiving.check && become_receiver().outcome != Outcome::done) {
                return 0;
            }
            const std::size_t count =
                ring_.take_many(mine.receiving, reinterpret_cast<std::byte*>(room.data()), room.size());
            if (count != 0) {
                tell_sender();
            } else if (!room.empty()) {
                static_cast<void>(find_nothing());
            }
            return count;
        }
    }

    // ---- about it

    [[nodiscard]] std::uint32_t capacity() const noexcept { return ring_.capacity(); }
    [[nodiscard]] QueueCounters counters() const noexcept {
        const auto& control = ring_.control();
        QueueCounters result;
        result.received = control.taken.load(std::memory_order_acquire);
        result.sent = control.sent.load(std::memory_order_acquire);
        result.full = control.full.load(std::memory_order_relaxed);
        result.empty = control.empty.load(std::memory_order_relaxed);
        result.repaired = control.repaired.load(std::memory_order_relaxed);
        return result;
    }

private:
    using Ring = carrier::OneToOneRing<sizeof(Msg), alignof(Msg), Machine>;
    using Control = typename Ring::Control;
    static constexpr std::size_t slots_offset = memory::round_up(sizeof(Control), Base::alignment);

    /// What this process knows of its roles. The kernel empties it in a forked child, which has none.
    struct Cursors {
        alignas(64) typename Ring::Sending sending;
        bool is_sender;
        bool is_loaned;
        bool sender_needs_fence;
        alignas(64) typename Ring::Receiving receiving;
        bool is_receiver;
        bool is_borrowed;
        bool receiver_needs_fence;
    };

    static memory::SegmentSpec spec_of(std::uint32_t capacity) noexcept {
        return {memory::Kind::queue_one_to_one,
                fingerprint<Msg>,
                layout_words<Msg>,
                capacity,
                slots_offset,
                Base::alignment,
                Ring::slot_size};
    }
    static auto builder(Mode /*mode*/, Capacity /*capacity*/) noexcept {
        return [](void* object) { ::new (object) Control{}; };  // the slots: zero pages
    }
    static void settle(void* object, std::uint32_t /*capacity*/, std::uint32_t seat) noexcept {
        auto& control = *static_cast<Control*>(object);
        for (auto* const role : {&control.sender, &control.receiver}) {
            Base::settle_role(*role, control.repaired, seat);
        }
    }

    explicit TypedQueue(memory::Segment segment)
        : Base{std::move(segment)},
          ring_{static_cast<Control*>(this->segment_.object()),
                reinterpret_cast<typename Ring::Word*>(static_cast<std::byte*>(this->segment_.object()) + slots_offset),
                this->segment_.capacity()},
          page_{sys::map_wiped_on_fork(sizeof(Cursors))} {}

    [[nodiscard]] Cursors& cursors() const noexcept { return *static_cast<Cursors*>(page_.address()); }

    // ---- sending

    Result put(const Msg& message, std::int64_t until) noexcept {
        auto& sending = cursors().sending;
        if (sending.next == sending.limit) [[unlikely]] {
            if (const Result room = find_room(until); room.outcome != Outcome::done) {
                return room;
            }
        }
        ring_.put(sending, &message);
        tell_receiver();
        return Outcome::done;
    }

    void tell_receiver() noexcept {
        if (cursors().sender_needs_fence) [[unlikely]] {
            Machine::fence(std::memory_order_seq_cst);
        }
        ring_.control().arrived.signal_lightly(sys::all_sleepers, [this] { this->touch_descriptors(); });
    }

    /// Where the limit is used up.
    [[gnu::noinline]] Result find_room(std::int64_t until) noexcept {
        if (const Result role = become_sender(); role.outcome != Outcome::done) {
            return role;
        }
        auto& sending = cursors().sending;
        auto& control = ring_.control();
        if (ring_.look_for_room(sending)) {
            control.sender_processor.store(Machine::processor() + 1, std::memory_order_relaxed);
            return Outcome::done;
        }
        control.full.store(control.full.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        const auto look = [&] { return ring_.look_for_room(sending); };
        if (until == carrier::at_once) {
            const bool found = this->rooms_.is_wanted() && this->rooms_.arm(control.room, this->file(), look);
            return found ? Outcome::done : Outcome::full;
        }
        const bool found = this->room_waiter_.wait(
            control.room, until, look, [] {},
            [&] { return Base::where_is_the_other(control.sender_processor, control.receiver_processor); }, {},
            sending.next);
        return found ? Outcome::done : Outcome::full;
    }

    /// Takes the role, if it is free or its holder dead.
    Result become_sender() noexcept {
        Cursors& mine = cursors();
        if (mine.is_sender) [[likely]] {
            return mine.is_loaned ? Result::failed(EBUSY) : Outcome::done;
        }
        const Result taken = take_role(ring_.control().sender);
        if (taken.outcome == Outcome::done) {
            ring_.resume(mine.sending);
            mine.sender_needs_fence = !Machine::join_heavy_fences();
            ring_.control().sender_processor.store(Machine::processor() + 1, std::memory_order_relaxed);
            mine.is_sender = true;
        }
        return taken;
    }

    Loan lend(std::int64_t until) noexcept {
        Cursors& mine = cursors();
        if (mine.sending.next == mine.sending.limit) {
            if (const Result room = find_room(until); room.outcome != Outcome::done) {
                return Loan{room};
            }
        }
        mine.is_loaned = true;
        loaned_limit_ = std::exchange(mine.sending.limit, mine.sending.next);  // so that send() comes by and sees it
        return Loan{*this, {reinterpret_cast<Msg*>(Ring::message(mine.sending.place)), mine.sending.next}};
    }
    void end_loan() noexcept {
        Cursors& mine = cursors();
        mine.is_loaned = false;
        mine.sending.limit = loaned_limit_;
    }
    void send_loan(const Msg* /*message*/, std::uint64_t ticket) noexcept {
        if (is_my_loan(ticket)) {
            end_loan();
            ring_.publish(cursors().sending);
            tell_receiver();
        }
    }
    void drop_loan(const Msg* /*message*/, std::uint64_t ticket) noexcept {
        if (is_my_loan(ticket)) {
            end_loan();
        }
    }
    /// Else this is a forked child, and it is the parent's; or the queue was closed meanwhile.
    [[nodiscard]] bool is_my_loan(std::uint64_t ticket) const noexcept {
        return page_ && cursors().is_loaned && cursors().sending.next == ticket;
    }

    // ---- receiving

    Result get(Msg* room, std::int64_t until) noexcept {
        Cursors& mine = cursors();
        const bool is_there = mine.receiving.next != mine.receiving.check
                                  ? ring_.has_arrived(mine.receiving)
                                  : mine.is_receiver && !mine.is_borrowed && ring_.look_for_message(mine.receiving);
        if (!is_there) [[unlikely]] {
            if (const Result found = find_message(until); found.outcome != Outcome::done) {
                return found;
            }
        }
        ring_.copy_message(mine.receiving, room);
        if (is_there) {  // a stream: where each message is waited for it is not worth it
            ring_.own(mine.receiving);
        }
        ring_.take(mine.receiving);
        tell_sender();
        return is_well_formed(*room) ? Outcome::done : Outcome::corrupted;
    }

    void tell_sender() noexcept {
        if (cursors().receiver_needs_fence) [[unlikely]] {
            Machine::fence(std::memory_order_seq_cst);
        }
        ring_.control().room.signal_lightly(sys::all_sleepers, [this] { this->touch_descriptors(); });
    }

    [[gnu::noinline]] Result find_message(std::int64_t until) noexcept {
        if (const Result role = become_receiver(); role.outcome != Outcome::done) {
            return role;
        }
        auto& receiving = cursors().receiving;
        auto& control = ring_.control();
        if (ring_.look_for_message(receiving)) {
            control.receiver_processor.store(Machine::processor() + 1, std::memory_order_relaxed);
            return Outcome::done;
        }
        if (until == carrier::at_once) {
            return find_nothing() ? Outcome::done : Outcome::empty;
        }
        count_empty();
        const bool found = this->message_waiter_.wait(
            control.arrived, until,
            [&] {
                const bool is_there = ring_.look_for_message(receiving);
                if (!is_there) {
                    ring_.expect_message(receiving);
                }
                return is_there;
            },
            [] {}, [&] { return Base::where_is_the_other(control.receiver_processor, control.sender_processor); }, {},
            receiving.next);
        return found ? Outcome::done : Outcome::empty;
    }

    void count_empty() noexcept {
        auto& count = ring_.control().empty;
        count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    /// Says so to who polls the descriptor, if anybody does.
    /// Returns  whether there was a message after all.
    bool find_nothing() noexcept {
        count_empty();
        return this->arrivals_.is_wanted() && this->arrivals_.arm(ring_.control().arrived, this->file(), [this] {
            return ring_.look_for_message(cursors().receiving);
        });
    }

    Result become_receiver() noexcept {
        Cursors& mine = cursors();
        if (mine.is_receiver) [[likely]] {
            return mine.is_borrowed ? Result::failed(EBUSY) : Outcome::done;
        }
        const Result taken = take_role(ring_.control().receiver);
        if (taken.outcome == Outcome::done) {
            ring_.resume(mine.receiving);
            mine.receiver_needs_fence = !Machine::join_heavy_fences();
            ring_.control().receiver_processor.store(Machine::processor() + 1, std::memory_order_relaxed);
            mine.is_receiver = true;
        }
        return taken;
    }

    Borrowed let_borrow(std::int64_t until) noexcept {
        Cursors& mine = cursors();
        auto& receiving = mine.receiving;
        if (receiving.next == receiving.check || !ring_.has_arrived(receiving)) {
            if (const Result found = find_message(until); found.outcome != Outcome::done) {
                return Borrowed{found};
            }
        }
        const auto* const message = reinterpret_cast<const Msg*>(Ring::message(receiving.place));
        if (!is_well_formed(*message)) {
            ring_.take(receiving);
            tell_sender();
            return Borrowed{Outcome::corrupted};
        }
        mine.is_borrowed = true;
        borrowed_check_ = std::exchange(receiving.check, receiving.next);
        return Borrowed{*this, {message, receiving.next}};
    }
    void end_borrowing(const Msg* /*message*/, std::uint64_t ticket) noexcept {
        if (page_ && cursors().is_borrowed && cursors().receiving.next == ticket) {
            Cursors& mine = cursors();
            mine.is_borrowed = false;
            mine.receiving.check = borrowed_check_;
            ring_.own(mine.receiving);
            ring_.take(mine.receiving);
            tell_sender();
        }
    }

    // ---- roles

    Result take_role(typename Base::Role& role) noexcept {
        return Base::take_role(role, ring_.control().repaired, settle);
    }
    [[nodiscard]] bool has_message() const noexcept { return ring_.has_message(); }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_send(Result result) const {
        throw std::system_error{result.code(true),
                                "send \"" + this->name() + "\"" +
                                    (cursors().is_loaned ? ": a message that was lent is not sent yet"
                                                         : this->holder_of(ring_.control().sender, "sender", result))};
    }
    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_receive(Result result) const {
        throw std::system_error{
            result.code(false),
            "receive \"" + this->name() + "\"" +
                (cursors().is_borrowed ? ": a message that was borrowed is not given back yet"
                                       : this->holder_of(ring_.control().receiver, "receiver", result))};
    }

    void close() noexcept {
        if (this->segment_) {
            if (this->segment_.attendance().seat_is_ours()) {
                const std::uint32_t seat = this->segment_.seat(settle);
                auto& control = ring_.control();
                for (auto* const role : {&control.sender, &control.receiver}) {
                    if (role->is_owned_by(seat)) {
                        role->give_back();
                    }
                }
            }
            this->segment_.close();
            page_.reset();
        }
    }

    Ring ring_;
    sys::Mapping page_;  // Cursors
    std::uint64_t loaned_limit_ = 0;
    std::uint64_t borrowed_check_ = 0;
};

}  // namespace tenon
