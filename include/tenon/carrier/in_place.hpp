// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Messages that are written, or read, where they stand in shared memory, without a copy.
///
///     auto slot = orders.loan();
///     slot->price = 7;
///     slot.send();                                                  // dropped without it: nothing is sent
///
///     if (auto order = orders.try_borrow()) use(order->price);      // its place goes back at the end of the scope

#include <cstdint>
#include <system_error>
#include <utility>

#include "outcome.hpp"

namespace tenon {

namespace detail {

/// What a queue has put into a handle's hands until that lets go of it; or why it has not.
template <class Queue, class Held, bool to_send>
class InHand {
public:
    InHand() noexcept = default;
    InHand(Queue& queue, const Held& held) noexcept : queue_{&queue}, held_{held} {}
    explicit InHand(carrier::Result why_not) noexcept : result_{why_not} {}
    InHand(InHand&& other) noexcept : queue_{other.let_go()}, held_{other.held_}, result_{other.result_} {}
    InHand& operator=(InHand&& other) noexcept {
        std::swap(queue_, other.queue_);
        std::swap(held_, other.held_);
        std::swap(result_, other.result_);
        return *this;
    }

    /// Whether there is anything in hand.
    [[nodiscard]] explicit operator bool() const noexcept { return queue_ != nullptr; }
    /// Why there is nothing; `done` where there is, or was.
    [[nodiscard]] Outcome outcome() const noexcept { return result_.outcome; }
    [[nodiscard]] std::error_code error() const noexcept { return result_.code(to_send); }
    [[nodiscard]] carrier::Result result() const noexcept { return result_; }

protected:
    ~InHand() = default;

    /// Returns  the queue, to which it goes back; once.
    [[nodiscard]] Queue* let_go() noexcept { return std::exchange(queue_, nullptr); }

private:
    Queue* queue_ = nullptr;

protected:
    Held held_{};

private:
    carrier::Result result_ = Outcome::done;
};

/// Where a message stands, and by which the queue knows it again.
template <class Msg>
struct Place {
    Msg* message = nullptr;
    std::uint64_t ticket = 0;
};

}  // namespace detail

/// Room for one message in the queue. What stands in it at first is whatever was there. The queue handle stays where it is
/// as long as there is a loan.
template <class Queue, class Msg>
class [[nodiscard]] Loan : public detail::InHand<Queue, detail::Place<Msg>, true> {
public:
    using detail::InHand<Queue, detail::Place<Msg>, true>::InHand;
    Loan(Loan&&) noexcept = default;
    Loan& operator=(Loan&&) noexcept = default;
    ~Loan() { drop(); }

    [[nodiscard]] Msg& operator*() const noexcept { return *this->held_.message; }
    [[nodiscard]] Msg* operator->() const noexcept { return this->held_.message; }

    /// Sends the message as it stands. Once.
    void send() noexcept {
        if (Queue* const queue = this->let_go()) {
            queue->send_loan(this->held_.message, this->held_.ticket);
        }
    }
    /// Gives the room back, unsent. Once.
    void drop() noexcept {
        if (Queue* const queue = this->let_go()) {
            queue->drop_loan(this->held_.message, this->held_.ticket);
        }
    }
};

/// One message, where it stands. It is this handle's until the end of the scope; when the process dies before that, another
/// receiver gets it. A peer that breaks the rules can change it meanwhile: who does not trust the peers receives a copy.
template <class Queue, class Msg>
class [[nodiscard]] Borrowed : public detail::InHand<Queue, detail::Place<const Msg>, false> {
public:
    using detail::InHand<Queue, detail::Place<const Msg>, false>::InHand;
    Borrowed(Borrowed&&) noexcept = default;
    Borrowed& operator=(Borrowed&&) noexcept = default;
    ~Borrowed() { give_back(); }

    [[nodiscard]] const Msg& operator*() const noexcept { return *this->held_.message; }
    [[nodiscard]] const Msg* operator->() const noexcept { return this->held_.message; }

    /// Gives the place back before the end of the scope: the message is taken.
    void give_back() noexcept {
        if (Queue* const queue = this->let_go()) {
            queue->end_borrowing(this->held_.message, this->held_.ticket);
        }
    }
};

}  // namespace tenon
