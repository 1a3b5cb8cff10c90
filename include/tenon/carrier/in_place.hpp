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

/// Room for one message in the queue. What stands in it at first is whatever was there. The queue handle stays where it is
/// as long as there is a loan.
template <class Queue, class Msg>
class [[nodiscard]] Loan {
public:
    Loan() noexcept = default;
    Loan(Queue& queue, Msg* room, std::uint64_t ticket) noexcept : queue_{&queue}, room_{room}, ticket_{ticket} {}
    explicit Loan(carrier::Result why_not) noexcept : result_{why_not} {}
    Loan(Loan&& other) noexcept
        : queue_{std::exchange(other.queue_, nullptr)},
          room_{other.room_},
          ticket_{other.ticket_},
          result_{other.result_} {}
    Loan& operator=(Loan&& other) noexcept {
        std::swap(queue_, other.queue_);
        std::swap(room_, other.room_);
        std::swap(ticket_, other.ticket_);
        std::swap(result_, other.result_);
        return *this;
    }
    ~Loan() { drop(); }

    /// Whether there is room in hand.
    [[nodiscard]] explicit operator bool() const noexcept { return queue_ != nullptr; }
    [[nodiscard]] Msg& operator*() const noexcept { return *room_; }
    [[nodiscard]] Msg* operator->() const noexcept { return room_; }
    /// Why there is none; `done` where there is, or was.
    [[nodiscard]] Outcome outcome() const noexcept { return result_.outcome; }
    [[nodiscard]] std::error_code error() const noexcept { return result_.code(true); }
    [[nodiscard]] carrier::Result result() const noexcept { return result_; }

    /// Sends the message as it stands. Once.
    void send() noexcept {
        if (Queue* const queue = std::exchange(queue_, nullptr)) {
            queue->send_loan(room_, ticket_);
        }
    }
    /// Gives the room back, unsent. Once.
    void drop() noexcept {
        if (Queue* const queue = std::exchange(queue_, nullptr)) {
            queue->drop_loan(room_, ticket_);
        }
    }

private:
    Queue* queue_ = nullptr;
    Msg* room_ = nullptr;
    std::uint64_t ticket_ = 0;
    carrier::Result result_ = Outcome::done;
};

/// One message, where it stands. It is this handle's until the end of the scope; when the process dies before that, another
/// receiver gets it. A peer that breaks the rules can change it meanwhile: who does not trust the peers receives a copy.
template <class Queue, class Msg>
class [[nodiscard]] Borrowed {
public:
    Borrowed() noexcept = default;
    Borrowed(Queue& queue, const Msg* message, std::uint64_t ticket) noexcept
        : queue_{&queue}, message_{message}, ticket_{ticket} {}
    explicit Borrowed(carrier::Result why_not) noexcept : result_{why_not} {}
    Borrowed(Borrowed&& other) noexcept
        : queue_{std::exchange(other.queue_, nullptr)},
          message_{other.message_},
          ticket_{other.ticket_},
          result_{other.result_} {}
    Borrowed& operator=(Borrowed&& other) noexcept {
        std::swap(queue_, other.queue_);
        std::swap(message_, other.message_);
        std::swap(ticket_, other.ticket_);
        std::swap(result_, other.result_);
        return *this;
    }
    ~Borrowed() { give_back(); }

    [[nodiscard]] explicit operator bool() const noexcept { return queue_ != nullptr; }
    [[nodiscard]] const Msg& operator*() const noexcept { return *message_; }
    [[nodiscard]] const Msg* operator->() const noexcept { return message_; }
    /// Why there is none; `done` where there is, or was.
    [[nodiscard]] Outcome outcome() const noexcept { return result_.outcome; }
    [[nodiscard]] std::error_code error() const noexcept { return result_.code(false); }
    [[nodiscard]] carrier::Result result() const noexcept { return result_; }

    /// Gives the place back before the end of the scope: the message is taken.
    void give_back() noexcept {
        if (Queue* const queue = std::exchange(queue_, nullptr)) {
            queue->end_borrowing(message_, ticket_);
        }
    }

private:
    Queue* queue_ = nullptr;
    const Msg* message_ = nullptr;
    std::uint64_t ticket_ = 0;
    carrier::Result result_ = Outcome::done;
};

}  // namespace tenon
