// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The verbs of everything that carries messages, written once, and the two concepts that they make up. A function
/// written for one carrier runs on all:
///
///     template <tenon::MessageReceiver<Order> In>
///     void work(In& in) { while (auto order = in.try_receive_for(1s)) handle(*order); }

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <system_error>
#include <type_traits>

#include "../sync/deadline.hpp"
#include "../sys/clock.hpp"
#include "outcome.hpp"

namespace tenon {

/// Takes messages from its caller. try_send() does not wait, _for and _until wait for room until then, send() for ever.
template <class E, class Msg>
concept MessageSender = requires(E& endpoint, const Msg& message, Deadline deadline) {
    endpoint.send(message);
    { endpoint.try_send(message).outcome() } -> std::same_as<Outcome>;
    { endpoint.try_send_for(message, std::chrono::seconds{1}).outcome() } -> std::same_as<Outcome>;
    { endpoint.try_send_until(message, deadline).outcome() } -> std::same_as<Outcome>;
};

/// Gives messages to its caller.
template <class E, class Msg>
concept MessageReceiver = requires(E& endpoint, Deadline deadline) {
    { endpoint.receive() } -> std::convertible_to<Msg>;
    { *endpoint.try_receive() } -> std::convertible_to<const Msg&>;
    { *endpoint.try_receive_for(std::chrono::seconds{1}) } -> std::convertible_to<const Msg&>;
    { *endpoint.try_receive_until(deadline) } -> std::convertible_to<const Msg&>;
    { endpoint.try_receive().outcome() } -> std::same_as<Outcome>;
};

namespace carrier {

/// Only one look: for put() and get().
inline constexpr std::int64_t at_once = 0;

/// What follows from Self's
///     Result put(const Msg&, std::int64_t until) noexcept   until: sys::monotonic_now, at_once, or sys::end_of_time
///     name(), for messages
/// put() says `full`, whatever the time was. SenderVerbs is a friend of Self.
template <class Self, class Msg>
class SenderVerbs {
public:
    /// Sends one message, sleeping while there is no room.
    /// Throws  std::system_error: EPIPE when nobody is left to receive it, and what the system refuses.
    void send(const Msg& message) {
        const Result result = self().put_waiting(message);
        if (result.outcome != Outcome::done) [[unlikely]] {
            self().refuse_to_send(result);
        }
    }
    /// As send(), telling through `error` instead of throwing.
    void send(const Msg& message, std::error_code& error) noexcept { error = self().put_waiting(message).code(true); }

    /// Sends it if that is possible at once; otherwise nothing happened.
    Sent try_send(const Msg& message) noexcept { return self().put(message, at_once); }

    /// Sends it, waiting for room until then at the latest, and never giving up early. 0 looks once.
    template <class Rep, class Period>
    Sent try_send_for(const Msg& message, const std::chrono::duration<Rep, Period>& duration) noexcept {
        return try_send_until(message, Deadline::after(duration));
    }
    template <class Clock, class Duration>
    Sent try_send_until(const Msg& message, const std::chrono::time_point<Clock, Duration>& time) noexcept {
        return try_send_until(message, Deadline::at(time));
    }
    Sent try_send_until(const Msg& message, Deadline deadline) noexcept {
        const Result result = self().put(message, deadline.nanoseconds());
        return result.outcome == Outcome::full ? Result{Outcome::late} : result;
    }

    /// Sends as many of them as is possible at once, in their order.
    /// Returns  how many; try_send() of the next one says why not more.
    [[nodiscard]] std::size_t try_send_many(std::span<const Msg> messages) noexcept {
        std::size_t count = 0;
        while (count < messages.size() && self().put(messages[count], at_once).outcome == Outcome::done) {
            ++count;
        }
        return count;
    }

protected:
    // Self may have its own of these: a shorter way to wait for ever, and better words.
    Result put_waiting(const Msg& message) noexcept { return self().put(message, sys::end_of_time); }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_send(Result result) const {
        throw std::system_error{result.code(true), "send \"" + static_cast<const Self&>(*this).name() + "\""};
    }

private:
    Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// What follows from Self's
///     Result get(Msg*, std::int64_t until) noexcept
///     name(), for messages
/// get() says `empty`, whatever the time was. ReceiverVerbs is a friend of Self.
template <class Self, class Msg>
class ReceiverVerbs {
public:
    /// Receives one message, sleeping while there is none.
    /// Throws  std::system_error: errc::closed when nobody is left who could send one, errc::corrupted, and what the
    ///         system refuses.
    [[nodiscard]] Msg receive() requires std::is_trivially_default_constructible_v<Msg> {
        Msg message;  // in no inner block: from there g++ 13 would copy it to the caller
        receive_into(&message);
        return message;
    }
    [[nodiscard]] Msg receive() {
        union Room {
            Msg message;
            Room() noexcept {}
        } room;
        receive_into(&room.message);
        return room.message;
    }

    /// Waits for the next message, for ever; without one at the end, and then outcome() says which end it was.
    ///     while (auto order = orders.next()) handle(*order);
    Received<Msg> next() noexcept { return try_receive_until(Deadline::never()); }

    /// Receives one if there is one.
    Received<Msg> try_receive() noexcept {
        return Received<Msg>{[this](Msg* room) { return self().get(room, at_once); }};
    }

    /// Receives one, waiting until then at the latest, and never giving up early. 0 looks once.
    template <class Rep, class Period>
    Received<Msg> try_receive_for(const std::chrono::duration<Rep, Period>& duration) noexcept {
        return try_receive_until(Deadline::after(duration));
    }
    template <class Clock, class Duration>
    Received<Msg> try_receive_until(const std::chrono::time_point<Clock, Duration>& time) noexcept {
        return try_receive_until(Deadline::at(time));
    }
    Received<Msg> try_receive_until(Deadline deadline) noexcept {
        return Received<Msg>{[this, deadline](Msg* room) {
            const Result result = self().get(room, deadline.nanoseconds());
            return result.outcome == Outcome::empty ? Result{Outcome::late} : result;
        }};
    }

    /// Receives as many as are there and fit.
    /// Returns  how many; try_receive() says why not more.
    [[nodiscard]] std::size_t try_receive_many(std::span<Msg> room) noexcept {
        std::size_t count = 0;
        while (count < room.size() && self().get(&room[count], at_once).outcome == Outcome::done) {
            ++count;
        }
        return count;
    }

protected:
    // Self may have its own of these: a shorter way to wait for ever, and better words.
    Result get_waiting(Msg* room) noexcept { return self().get(room, sys::end_of_time); }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_receive(Result result) const {
        throw std::system_error{result.code(false), "receive \"" + static_cast<const Self&>(*this).name() + "\""};
    }

private:
    void receive_into(Msg* room) {
        const Result result = self().get_waiting(room);
        if (result.outcome != Outcome::done) [[unlikely]] {
            self().refuse_to_receive(result);
        }
    }

    Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace carrier
}  // namespace tenon
