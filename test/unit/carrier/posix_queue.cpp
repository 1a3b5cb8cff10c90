// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_posix_queue
#include "tenon/carrier/posix_queue.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/kernel_queues.hpp"
#include "support/machine.hpp"
#include "tenon/typed_queue.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::Interruptions;
using support::Order;
using support::refusal_of;
using support::unique_name;
using tenon::Capacity;
using tenon::errc;
using tenon::Outcome;
using tenon::Priority;
namespace sys = tenon::sys;

using Orders = tenon::TypedQueue<Order, tenon::over::posix>;

static_assert(tenon::MessageSender<Orders, Order> && tenon::MessageReceiver<Orders, Order>);

}  // namespace

BOOST_AUTO_TEST_CASE(messages_come_in_their_order_and_unchanged) {
    auto sut = Orders::create(unique_name(), Capacity{5});
    support::check_that_messages_come_in_order(sut);
}

BOOST_AUTO_TEST_CASE(higher_priorities_overtake_and_equal_ones_keep_their_order) {
    auto sut = Orders::create(unique_name(), Capacity{10});
    sut.send({1, false});
    sut.send({2, false}, Priority{7});
    BOOST_TEST(!!sut.try_send({3, false}, Priority{7}));
    BOOST_TEST(!!sut.try_send_for({4, false}, 1s, Priority{32'767}));
    BOOST_TEST(!!sut.try_send_until({5, false}, std::chrono::steady_clock::now(), Priority{1}));
    Priority of;
    BOOST_TEST(sut.receive(of).id == 4U);
    BOOST_TEST(of.level == 32'767U);
    BOOST_TEST(sut.try_receive(of).value().id == 2U);
    BOOST_TEST(of.level == 7U);
    BOOST_TEST(sut.receive().id == 3U);
    BOOST_TEST(sut.try_receive_for(1s, of).value().id == 5U);
    BOOST_TEST(of.level == 1U);
    BOOST_TEST(sut.try_receive_until(tenon::Deadline::never(), of).value().id == 1U);
    BOOST_TEST(of.level == 0U);
    BOOST_TEST((sut.try_receive(of).outcome() == Outcome::empty));
    BOOST_TEST((sut.try_receive_for(1ms, of).outcome() == Outcome::late));
}

BOOST_AUTO_TEST_CASE(a_priority_that_is_too_high_is_refused_with_the_highest) {
    const auto name = unique_name();
    auto sut = Orders::create(name, Capacity{1});
    const auto refusal = refusal_of([&] { return sut.send({}, Priority{32'768}), 0; });
    BOOST_TEST(refusal.is(std::errc::invalid_argument));
    BOOST_TEST(refusal.says("send of priority 32768 (at most 32767, sysconf(_SC_MQ_PRIO_MAX) - 1) \"" + name + "\": "));
    BOOST_TEST((sut.try_send({}, Priority{UINT_MAX}).error() == std::errc::invalid_argument));
    BOOST_TEST((sut.try_send_for({}, 1ms, Priority{32'768}).error() == std::errc::invalid_argument));
    BOOST_TEST(sut.approximate_size() == 0U);
}

BOOST_AUTO_TEST_CASE(full_and_late_are_values_and_the_queue_stays_as_it_was) {
    auto sut = Orders::create(unique_name(), Capacity{2});
    support::check_that_it_is_full_in_the_end(sut);
    BOOST_TEST((sut.try_send({3, false}, Priority{9}).outcome() == Outcome::full));
    support::check_that_late_senders_and_receivers_change_nothing(sut);
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_or_for_a_message_gets_it) {
    auto sut = Orders::create(unique_name(), Capacity{1});
    support::check_that_who_waits_gets_it(sut);
}

BOOST_AUTO_TEST_CASE(of_two_who_wait_for_one_message_the_other_waits_on_and_is_late) {
    auto sut = Orders::create(unique_name(), Capacity{4});
    const auto wait = [&] { return sut.try_receive_for(300ms).outcome() == Outcome::done; };
    Child first{wait};
    Child second{wait};
    ::usleep(50'000);
    sut.send({1, false});
    const bool one = first.succeeds();
    BOOST_TEST(one != second.succeeds());
}

BOOST_AUTO_TEST_CASE(a_signal_neither_fails_nor_shortens_nor_ends_a_wait) {
    auto sut = Orders::create(unique_name(), Capacity{1});
    const Interruptions interruptions;
    support::check_that_who_sleeps_sleeps_on(sut);
    const auto start = sys::monotonic_now();
    BOOST_TEST((sut.try_send_for({4, false}, 20ms).outcome() == Outcome::late));
    BOOST_TEST(sut.receive().id == 3U);
    BOOST_TEST((sut.try_receive_for(20ms).outcome() == Outcome::late));
    BOOST_TEST(sys::monotonic_now() - start >= 40'000'000);
    BOOST_TEST(interruptions.count() > 10);
}

BOOST_AUTO_TEST_CASE(what_a_c_program_put_there_is_taken_out_and_the_queue_goes_on) {
    const auto name = unique_name();
    auto sut = Orders::create(name, Capacity{4});
    char garbage[sizeof(Order)];
    std::memset(garbage, 0x55, sizeof garbage);
    BOOST_REQUIRE(::mq_send(sut.native_handle(), garbage, 3, 0) == 0);
    BOOST_REQUIRE(::mq_send(sut.native_handle(), garbage, 0, 0) == 0);
    BOOST_REQUIRE(::mq_send(sut.native_handle(), garbage, sizeof garbage, 0) == 0);
    sut.send({1, true});
    const auto refusal = refusal_of([&] { return sut.receive(); });
    BOOST_TEST(refusal.is(errc::corrupted));
    BOOST_TEST(refusal.says("receive \"" + name + "\": a message of 3 bytes, not of 16: "));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
    Priority of;
    BOOST_TEST(refusal_of([&] { return sut.receive(of); }).says(": a message of 16 bytes: "));  // its bool is neither
    BOOST_TEST(sut.receive().id == 1U);
}

BOOST_AUTO_TEST_CASE(who_uses_a_queue_whose_name_is_removed_keeps_it) {
    const auto name = unique_name();
    auto sut = Orders::create(name, Capacity{2});
    Child receiver{[&] { return sut.receive().id == 1; }};
    ::usleep(20'000);
    Orders::remove(name);
    auto heir = Orders::create(name, Capacity{2});
    sut.send({1, false});
    BOOST_TEST(receiver.succeeds());
    sut = Orders{};
    BOOST_TEST(!!Orders::open(name));
}

BOOST_AUTO_TEST_CASE(its_descriptor_can_be_polled) {
    auto sut = Orders::create(unique_name(), Capacity{2});
    const tenon::carrier::Waitable waitable = sut.waitable();
    BOOST_TEST(waitable.descriptor == sut.native_handle());
    BOOST_TEST(sys::poll_until(waitable.descriptor, waitable.events, 0) == 0);
    sut.send({});
    BOOST_TEST(sys::poll_until(waitable.descriptor, waitable.events, 0) == POLLIN);
}

BOOST_AUTO_TEST_CASE(an_empty_handle_carries_nothing) {
    Orders sut;
    BOOST_TEST((sut.try_send({}).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((sut.try_receive().error() == std::errc::bad_file_descriptor));
}
