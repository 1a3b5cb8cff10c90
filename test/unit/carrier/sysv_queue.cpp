// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_sysv_queue
#include "tenon/carrier/sysv_queue.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/kernel_queues.hpp"
#include "support/machine.hpp"
#include "tenon/payload/fixed_string.hpp"
#include "tenon/typed_queue.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::Interruptions;
using support::Order;
using support::refusal_of;
using support::unique_key;
using tenon::Capacity;
using tenon::errc;
using tenon::MessageType;
using tenon::Outcome;
using tenon::SysvKey;
namespace sys = tenon::sys;

struct Login {
    int user;
};
struct Logout {
    int user;
    tenon::FixedString<12> why;
};
struct Tick {};
using Event = std::variant<Login, Logout, Tick>;
using Orders = tenon::TypedQueue<Order, tenon::over::sysv>;
using Events = tenon::TypedQueue<Event, tenon::over::sysv>;

static_assert(tenon::MessageSender<Orders, Order> && tenon::MessageReceiver<Orders, Order>);
static_assert(tenon::MessageSender<Events, Event> && tenon::MessageReceiver<Events, Event>);

/// Puts bytes into the queue as a C program does.
template <std::size_t size>
void send_in_c(int id, long type) {
    const sys::SysvEnvelope<size> envelope{type, {}};
    BOOST_REQUIRE(::msgsnd(id, &envelope, size, 0) == 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_come_in_their_order_and_unchanged) {
    auto sut = Orders::create(unique_key());
    support::check_that_messages_come_in_order(sut);
}

BOOST_AUTO_TEST_CASE(full_and_late_are_values_and_the_queue_stays_as_it_was) {
    auto sut = Orders::create(unique_key(), Capacity{2});
    support::check_that_it_is_full_in_the_end(sut);
    support::check_that_late_senders_and_receivers_change_nothing(sut);
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_or_for_a_message_gets_it) {
    auto sut = Orders::create(unique_key(), Capacity{1});
    support::check_that_who_waits_gets_it(sut);
}

BOOST_AUTO_TEST_CASE(a_signal_neither_fails_nor_shortens_nor_ends_a_wait) {
    auto sut = Orders::create(unique_key(), Capacity{1});
    const Interruptions interruptions;
    support::check_that_who_sleeps_sleeps_on(sut);
    BOOST_TEST(sut.receive().id == 3U);
    const auto start = sys::monotonic_now();
    BOOST_TEST((sut.try_receive_for(20ms).outcome() == Outcome::late));
    BOOST_TEST(sys::monotonic_now() - start >= 20'000'000);
    BOOST_TEST(interruptions.count() > 10);
}

BOOST_AUTO_TEST_CASE(types_are_selected_by_the_kernel) {
    auto sut = Orders::create(unique_key());
    sut.send({5, false}, MessageType{5});
    sut.send({1, false});
    BOOST_TEST(!!sut.try_send({3, false}, MessageType{3}));
    BOOST_TEST(!!sut.try_send_for({9, false}, 1s, MessageType{9}));
    BOOST_TEST(!!sut.try_send_until({2, false}, std::chrono::steady_clock::now(), MessageType{2}));
    BOOST_TEST((sut.try_receive(MessageType{4}).outcome() == Outcome::empty));
    BOOST_TEST((sut.try_receive_for(2ms, MessageType{4}).outcome() == Outcome::late));
    BOOST_TEST(sut.receive(MessageType{3}).id == 3U);
    BOOST_TEST(sut.receive_highest().id == 1U);
    BOOST_TEST((sut.try_receive_highest(MessageType{1}).outcome() == Outcome::empty));
    BOOST_TEST(sut.receive_highest(MessageType{5}).id == 2U);
    BOOST_TEST(sut.try_receive_highest().value().id == 5U);
    BOOST_TEST(sut.try_receive_until(tenon::Deadline::never(), MessageType{9}).value().id == 9U);
    BOOST_TEST((sut.try_receive_highest().outcome() == Outcome::empty));
}

BOOST_AUTO_TEST_CASE(a_type_that_is_not_above_zero_is_refused) {
    const auto key = unique_key();
    auto sut = Orders::create(key);
    sut.send({1, false});
    for (const long number : {0L, -1L, LONG_MIN}) {
        const MessageType type{number};
        const auto refusal = refusal_of([&] { return sut.send({}, type), 0; });
        BOOST_TEST(refusal.is(std::errc::invalid_argument));
        BOOST_TEST(refusal.says("send of type " + std::to_string(number) + " (a type is above 0) \"" + key.text()));
        BOOST_TEST(refusal_of([&] { return sut.receive(type); }).says("receive of type "));
        BOOST_TEST(refusal_of([&] { return sut.receive_highest(type); }).is(std::errc::invalid_argument));
        BOOST_TEST((sut.try_send({}, type).error() == std::errc::invalid_argument));
        BOOST_TEST((sut.try_receive(type).error() == std::errc::invalid_argument));
        BOOST_TEST((sut.try_receive_for(1ms, type).error() == std::errc::invalid_argument));
        BOOST_TEST((sut.try_receive_highest(type).error() == std::errc::invalid_argument));
    }
    BOOST_TEST(sut.approximate_size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_alternatives_of_a_variant_travel_in_their_own_bytes_and_are_selected) {
    auto sut = Events::create(unique_key());
    sut.send(Event{Logout{1, "bored"}});
    sut.send(Login{2});
    BOOST_TEST(!!sut.try_send(Tick{}));
    BOOST_TEST(!!sut.try_send_for(Login{3}, 1s));
    BOOST_TEST(!!sut.try_send_until(Logout{4, "late"}, tenon::Deadline::never()));
    BOOST_TEST(sys::sysv_queue_status(sut.native_handle(), "").__msg_cbytes ==
               2 * sizeof(Login) + 2 * sizeof(Logout) + sizeof(Tick));
    const Event first = sut.receive_highest();  // alternatives declared first come first
    BOOST_TEST(std::get<Login>(first).user == 2);
    static_cast<void>(sut.receive<Tick>());
    BOOST_TEST((sut.try_receive<Tick>().outcome() == Outcome::empty));
    BOOST_TEST((sut.try_receive_for<Tick>(2ms).outcome() == Outcome::late));
    BOOST_TEST(std::get<Logout>(sut.receive()).why == "bored");
    BOOST_TEST(sut.try_receive_until<Logout>(tenon::Deadline::never()).value().user == 4);
    BOOST_TEST(sut.try_receive<Login>()->user == 3);
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
}

BOOST_AUTO_TEST_CASE(what_a_c_program_put_there_is_taken_out_and_the_queue_goes_on) {
    const auto key = unique_key();
    auto sut = Orders::create(key);
    const int id = sut.native_handle();
    send_in_c<3>(id, 7);
    send_in_c<sizeof(Order) + 1>(id, 8);
    send_in_c<1000>(id, 9);
    sut.send({1, true});
    const auto shorter = refusal_of([&] { return sut.receive(); });
    BOOST_TEST(shorter.is(errc::corrupted));
    BOOST_TEST(shorter.says("receive \"" + key.text() + "\": a message of 3 bytes and type 7, not of 16 bytes: "));
    const auto longer = refusal_of([&] { return sut.receive(); });
    BOOST_TEST(longer.is(errc::corrupted));
    BOOST_TEST(longer.says(": a message of more than 16 bytes and type 8, not of 16 bytes: "));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
    BOOST_TEST(sut.receive().id == 1U);
}

BOOST_AUTO_TEST_CASE(a_bool_that_is_neither_is_corrupted) {
    auto sut = Orders::create(unique_key());
    sys::SysvEnvelope<sizeof(Order)> envelope{1, {}};
    std::memset(envelope.bytes, 0x55, sizeof envelope.bytes);
    BOOST_REQUIRE(::msgsnd(sut.native_handle(), &envelope, sizeof(Order), 0) == 0);
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
}

BOOST_AUTO_TEST_CASE(a_type_that_is_no_alternative_and_an_alternative_of_another_size_are_corrupted) {
    auto sut = Events::create(unique_key());
    send_in_c<sizeof(Login)>(sut.native_handle(), 4);
    send_in_c<sizeof(Login) + 1>(sut.native_handle(), 1);
    send_in_c<sizeof(Logout)>(sut.native_handle(), 1);
    sut.send(Login{1});
    BOOST_TEST(
        refusal_of([&] { return sut.receive(); }).says("a message of 4 bytes and type 4, which is no alternative's: "));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
    BOOST_TEST((sut.try_receive<Login>().outcome() == Outcome::corrupted));
    BOOST_TEST(sut.receive<Login>().user == 1);
}

BOOST_AUTO_TEST_CASE(who_sleeps_in_a_queue_that_is_removed_is_told_that_it_is_closed) {
    const auto key = unique_key();
    auto sut = Orders::create(key);
    Child receiver{[&] { return refusal_of([&] { return sut.receive(); }).is(errc::closed); }};
    Child waiter{[&] { return sut.try_receive_for(20s).outcome() == Outcome::closed; }};
    ::usleep(50'000);
    receiver.signal(SIGSTOP);
    Orders::remove(key);
    receiver.signal(SIGCONT);
    BOOST_TEST(receiver.succeeds());
    BOOST_TEST(waiter.succeeds());
    const auto refusal = refusal_of([&] { return sut.send({}), 0; });
    BOOST_TEST(refusal.text == "send \"" + key.text() + "\": Broken pipe");
    BOOST_TEST((sut.try_send({}).outcome() == Outcome::closed));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::closed));
    std::error_code error;
    sut.send({}, error);
    BOOST_TEST((error == std::errc::broken_pipe));
}

BOOST_AUTO_TEST_CASE(a_sender_that_sleeps_in_a_full_queue_that_is_removed_is_told_too) {
    const auto key = unique_key();
    auto sut = Orders::create(key, Capacity{1});
    sut.send({});
    Child sender{[&] { return refusal_of([&] { return sut.send({}), 0; }).is(std::errc::broken_pipe); }};
    ::usleep(50'000);
    ::msgctl(sut.native_handle(), IPC_RMID, nullptr);
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(it_is_looked_at_for_want_of_a_descriptor) {
    auto sut = Orders::create(unique_key());
    const tenon::carrier::Waitable waitable = sut.waitable();
    BOOST_TEST(waitable.descriptor == -1);
    BOOST_TEST(!waitable.look(waitable.endpoint));
    sut.send({});
    BOOST_TEST(waitable.look(waitable.endpoint));
    ::msgctl(sut.native_handle(), IPC_RMID, nullptr);
    BOOST_TEST(waitable.look(waitable.endpoint));
}

BOOST_AUTO_TEST_CASE(an_empty_handle_carries_nothing) {
    Orders sut;
    BOOST_TEST((sut.try_send({}).error() == std::errc::invalid_argument));
    BOOST_TEST((sut.try_receive().error() == std::errc::invalid_argument));
}
