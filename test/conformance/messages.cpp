// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE messages
/// One suite over everything that carries messages: what one sender and one receiver are promised does not depend on what is
/// between them. What they send: messages_sizes.cpp. Among several processes, with deaths: messages_processes.cpp. Interrupted
/// by signals: messages_signals.cpp.
#include <boost/test/unit_test.hpp>
#include <span>
#include <thread>

#include "conformance/carriers.hpp"
#include "tenon/wait_any.hpp"

using namespace conformance;
using std::chrono::steady_clock;
using support::refusal_of;

namespace {

/// A carrier of another kind, for what is done with two.
template <class Carrier>
using Other = std::conditional_t<std::is_same_v<Carrier, Pipe>, Fifo, Pipe>;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(every_verb_of_the_concepts_carries_a_message, Carrier, EveryCarrier) {
    auto line = Carrier::template connect<Note>();
    static_assert(tenon::MessageSender<decltype(line.sender), Note>);
    static_assert(tenon::MessageReceiver<decltype(line.receiver), Note>);
    for (std::uint32_t i = 0; i < 50; ++i) {
        BOOST_REQUIRE(every_verb_carries(line.sender, line.receiver, Note::of(5, i), same_bytes<64>));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_come_in_the_order_in_which_they_were_sent, Carrier, EveryCarrier) {
    auto line = Carrier::template connect<Note>();
    std::uint32_t sent = 0;
    std::uint32_t received = 0;
    for (std::uint32_t round = 0; round < 500; ++round) {
        for (std::uint32_t i = 0; i < 1 + round % 7; ++i) {
            line.sender.send(Note::of(0, sent++));
        }
        for (std::uint32_t i = 0; i < 1 + round % 7; ++i) {
            BOOST_REQUIRE(line.receiver.receive().is(0, received++));
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(full_is_a_value_and_changes_nothing, Carrier, AllCarriers) {
    auto line = Carrier::template connect<Note>();
    std::uint32_t before = 0;
    for (int round = 0; round < 3; ++round) {
        const std::uint32_t count = fill(line.sender);
        BOOST_TEST(count >= before);  // the first time a greeting may take room
        before = count;
        BOOST_TEST(count >= 4U);
        const auto more = Note::of(9, 9);
        BOOST_TEST(name_of(line.sender.try_send(more).outcome()) == "full");
        BOOST_TEST(name_of(line.sender.try_send_for(more, 2ms).outcome()) == "late");
        BOOST_TEST(name_of(line.sender.try_send_until(more, tenon::Deadline::after(-1s)).outcome()) == "late");
        BOOST_TEST(line.sender.try_send_many(std::span{&more, 1}) == 0U);
        BOOST_TEST((line.sender.try_send(more).error() == std::errc::resource_unavailable_try_again));
        BOOST_TEST(holds(line.receiver, count));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(empty_is_a_value_and_changes_nothing, Carrier, EveryCarrier) {
    auto line = Carrier::template connect<Note>();
    for (std::uint32_t round = 0; round < 3; ++round) {
        auto room = Note::of(9, 9);
        BOOST_TEST(name_of(line.receiver.try_receive().outcome()) == "empty");
        BOOST_TEST(name_of(line.receiver.try_receive_for(2ms).outcome()) == "late");
        BOOST_TEST(name_of(line.receiver.try_receive_until(tenon::Deadline::after(-1s)).outcome()) == "late");
        BOOST_TEST(line.receiver.try_receive_many(std::span{&room, 1}) == 0U);
        BOOST_TEST(room.is(9, 9));
        BOOST_TEST(refusal_of([&] {
                       return line.receiver.try_receive().value();
                   }).is(std::errc::resource_unavailable_try_again));
        line.sender.send(Note::of(0, round));
        BOOST_TEST(holds(line.receiver, 1, round));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiting_in_vain_is_never_too_short, Carrier, AllCarriers) {
    auto line = Carrier::template connect<Note>();
    const auto lasts = [](auto attempt) {
        const auto start = steady_clock::now();
        const auto result = attempt();
        return result.outcome() == Outcome::late && steady_clock::now() - start >= 15ms;
    };
    auto& receiver = line.receiver;
    BOOST_TEST(lasts([&] { return receiver.try_receive_for(15ms); }));
    BOOST_TEST(lasts([&] { return receiver.try_receive_for(std::chrono::duration<double>{0.015}); }));
    BOOST_TEST(lasts([&] { return receiver.try_receive_until(tenon::Deadline::after(15ms)); }));
    BOOST_TEST(lasts([&] { return receiver.try_receive_until(steady_clock::now() + 15ms); }));
    const std::uint32_t count = fill(line.sender);
    auto& sender = line.sender;
    const auto more = Note::of(9, 9);
    BOOST_TEST(lasts([&] { return sender.try_send_for(more, 15ms); }));
    BOOST_TEST(lasts([&] { return sender.try_send_for(more, std::chrono::duration<double>{0.015}); }));
    BOOST_TEST(lasts([&] { return sender.try_send_until(more, tenon::Deadline::after(15ms)); }));
    BOOST_TEST(lasts([&] { return sender.try_send_until(more, steady_clock::now() + 15ms); }));
    BOOST_TEST(holds(receiver, count));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(no_time_at_all_looks_once, Carrier, AllCarriers) {
    auto line = Carrier::template connect<Note>();
    const auto past = steady_clock::now() - 1s;
    BOOST_TEST(name_of(line.receiver.try_receive_for(0s).outcome()) == "late");
    BOOST_TEST(bool{line.sender.try_send_for(Note::of(0, 0), 0s)});
    BOOST_TEST(bool{line.sender.try_send_for(Note::of(0, 1), -1h)});
    BOOST_TEST(bool{line.sender.try_send_until(Note::of(0, 2), past)});
    BOOST_TEST(line.receiver.try_receive_for(0s).value().is(0, 0));
    BOOST_TEST(line.receiver.try_receive_for(-1h).value().is(0, 1));
    BOOST_TEST(line.receiver.try_receive_until(past).value().is(0, 2));
    BOOST_TEST(name_of(line.receiver.try_receive_until(past).outcome()) == "late");
    const std::uint32_t count = fill(line.sender);
    BOOST_TEST(name_of(line.sender.try_send_for(Note::of(9, 9), 0s).outcome()) == "late");
    BOOST_TEST(name_of(line.sender.try_send_until(Note::of(9, 9), past).outcome()) == "late");
    BOOST_TEST(holds(line.receiver, count));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiting_ends_when_there_is_a_message_or_room, Carrier, AllCarriers) {
    auto line = Carrier::template connect<Note>();
    const auto soon = [](auto act) { return std::thread{[act] { std::this_thread::sleep_for(10ms), act(); }}; };
    const auto send = [&] { line.sender.send(Note::of(0, 1)); };
    std::thread other = soon(send);
    BOOST_TEST(line.receiver.receive().is(0, 1));
    other.join();
    other = soon(send);
    BOOST_TEST(line.receiver.try_receive_for(1h).value().is(0, 1));
    other.join();
    std::uint32_t count = fill(line.sender);
    bool in_order = true;     // told afterwards: Boost.Test belongs to one thread
    const auto drain = [&] {  // all: what counts as room differs
        for (std::uint32_t i = 0; i < count; ++i) {
            in_order = line.receiver.receive().is(0, i) && in_order;
        }
    };
    other = soon(drain);
    line.sender.send(Note::of(0, count));
    other.join();
    BOOST_TEST(holds(line.receiver, 1, count));
    count = fill(line.sender);
    other = soon(drain);
    BOOST_TEST(bool{line.sender.try_send_for(Note::of(0, count), 1h)});
    other.join();
    BOOST_TEST(in_order);
    BOOST_TEST(holds(line.receiver, 1, count));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_moved_end_goes_on_where_it_was, Carrier, EveryCarrier) {
    auto line = Carrier::template connect<Note>();
    line.sender.send(Note::of(0, 0));
    BOOST_TEST(name_of(line.sender.try_send(Note::of(0, 1)).outcome()) == "done");
    BOOST_TEST(line.receiver.try_receive().value().is(0, 0));
    auto sender = std::move(line.sender);
    auto receiver = std::move(line.receiver);
    sender.send(Note::of(0, 2));
    BOOST_TEST(bool{sender.try_send(Note::of(0, 3))});
    auto second = Carrier::template connect<Note>();
    second.sender = std::move(sender);
    second.receiver = std::move(receiver);
    second.sender.send(Note::of(0, 4));
    BOOST_TEST(holds(second.receiver, 4, 1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(wait_any_tells_which_of_two_different_carriers_has_a_message, Carrier, EveryCarrier) {
    auto one = Carrier::template connect<Note>();
    auto two = Other<Carrier>::template connect<Money>();
    const auto first = [&](auto time) { return tenon::wait_any_for(time, one.receiver, two.receiver); };
    // A greeting is something to receive: what it was is known after a look.
    BOOST_TEST(name_of(one.receiver.try_receive().outcome()) == "empty");
    BOOST_TEST(name_of(two.receiver.try_receive().outcome()) == "empty");
    const auto start = steady_clock::now();
    BOOST_TEST(!first(5ms).has_value());
    BOOST_TEST((steady_clock::now() - start >= 5ms));
    two.sender.send(Money{5});
    BOOST_TEST(first(10s).value() == 1U);
    BOOST_TEST(first(0s).value() == 1U);
    one.sender.send(Note::of(0, 0));
    BOOST_TEST(first(0s).value() == 0U);
    BOOST_TEST(tenon::wait_any_for(0s, two.receiver, one.receiver).value() == 0U);
    BOOST_TEST(two.receiver.receive().cents() == 5);
    BOOST_TEST(first(0s).value() == 0U);
    BOOST_TEST(holds(one.receiver, 1));
    BOOST_TEST(!first(0s).has_value());
    std::thread later{[&] {
        std::this_thread::sleep_for(10ms);
        one.sender.send(Note::of(0, 1));
    }};
    BOOST_TEST(tenon::wait_any(tenon::Deadline::never(), two.receiver, one.receiver).value() == 1U);
    later.join();
    BOOST_TEST(holds(one.receiver, 1, 1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(wait_any_tells_where_there_is_room, Carrier, AllCarriers) {
    if constexpr (Carrier::sender_can_wait) {
        auto one = Carrier::template connect<Note>();
        auto two = Other<Carrier>::template connect<Note>();
        BOOST_TEST(tenon::wait_any_for(10s, one.sender, two.receiver).value() == 0U);
        const std::uint32_t count = fill(one.sender);
        BOOST_TEST(name_of(two.receiver.try_receive().outcome()) == "empty");
        BOOST_TEST(!tenon::wait_any_for(2ms, two.receiver, one.sender).has_value());
        BOOST_TEST(holds(one.receiver, count));
        BOOST_TEST(tenon::wait_any_for(10s, two.receiver, one.sender).value() == 1U);
    }
}
