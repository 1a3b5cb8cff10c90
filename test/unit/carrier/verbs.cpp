// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_verbs
#include "tenon/carrier/verbs.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace {

using namespace std::chrono_literals;
using support::refusal_of;
using tenon::Deadline;
using tenon::errc;
using tenon::Outcome;
using tenon::carrier::at_once;
using tenon::carrier::Result;
namespace sys = tenon::sys;

struct Order {
    int number;
    explicit Order(int n) noexcept : number{n} {}
};

/// Takes and gives as many messages as it was told to, then answers `then`; keeps until when it was asked to wait.
class Fake : public tenon::carrier::SenderVerbs<Fake, Order>, public tenon::carrier::ReceiverVerbs<Fake, Order> {
    friend tenon::carrier::SenderVerbs<Fake, Order>;
    friend tenon::carrier::ReceiverVerbs<Fake, Order>;

public:
    explicit Fake(int fine, Result then) : fine_{fine}, then_{then} {}
    [[nodiscard]] std::string name() const { return "fake"; }

    std::vector<int> sent;
    std::vector<std::int64_t> asked;

private:
    Result put(const Order& order, std::int64_t until) noexcept {
        asked.push_back(until);
        if (fine_-- <= 0) {
            return then_;
        }
        sent.push_back(order.number);
        return Outcome::done;
    }
    Result get(Order* room, std::int64_t until) noexcept {
        asked.push_back(until);
        if (fine_-- <= 0) {
            return then_;
        }
        *room = Order{++number_};
        return Outcome::done;
    }

    int fine_;
    Result then_;
    int number_ = 0;
};

/// Has its own shorter way and its own words.
class Fluent : public tenon::carrier::SenderVerbs<Fluent, int> {
    friend tenon::carrier::SenderVerbs<Fluent, int>;

public:
    [[nodiscard]] std::string name() const { return "fluent"; }
    int short_ways = 0;

private:
    static Result put(const int& /*message*/, std::int64_t /*until*/) noexcept { return Outcome::full; }
    Result put_waiting(const int& message) noexcept {
        ++short_ways;
        return message == 0 ? Result{Outcome::closed} : Result{Outcome::done};
    }
    [[noreturn]] static void refuse_to_send(Result result) {
        throw std::system_error{result.code(true), "in my own words"};
    }
};

static_assert(tenon::MessageSender<Fake, Order>);
static_assert(tenon::MessageReceiver<Fake, Order>);
static_assert(!tenon::MessageSender<Fake, std::string>);
static_assert(!tenon::MessageReceiver<int, Order>);

}  // namespace

BOOST_AUTO_TEST_CASE(send_and_receive_wait_for_ever_and_try_does_not_wait) {
    Fake sut{4, Outcome::full};
    sut.send(Order{1});
    BOOST_TEST(static_cast<bool>(sut.try_send(Order{2})));
    BOOST_TEST(sut.receive().number == 1);
    BOOST_TEST(sut.try_receive()->number == 2);
    BOOST_TEST(sut.asked == (std::vector<std::int64_t>{sys::end_of_time, at_once, sys::end_of_time, at_once}),
               boost::test_tools::per_element());
    BOOST_TEST(sut.sent == (std::vector<int>{1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(full_and_empty_are_late_only_where_there_was_a_deadline) {
    Fake full{0, Outcome::full};
    BOOST_TEST(name_of(full.try_send(Order{1}).outcome()) == "full");
    BOOST_TEST(name_of(full.try_send_for(Order{1}, 1ms).outcome()) == "late");
    BOOST_TEST(name_of(full.try_send_until(Order{1}, Deadline::after(1ms)).outcome()) == "late");
    Fake empty{0, Outcome::empty};
    BOOST_TEST(name_of(empty.try_receive().outcome()) == "empty");
    BOOST_TEST(name_of(empty.try_receive_for(1ms).outcome()) == "late");
    BOOST_TEST(name_of(empty.try_receive_until(std::chrono::steady_clock::now()).outcome()) == "late");
}

BOOST_AUTO_TEST_CASE(every_other_outcome_passes_through_unchanged) {
    for (const Outcome outcome : {Outcome::closed, Outcome::died, Outcome::reset, Outcome::corrupted}) {
        Fake sut{0, outcome};
        BOOST_TEST((sut.try_send(Order{1}).outcome() == outcome));
        BOOST_TEST((sut.try_send_for(Order{1}, 1s).outcome() == outcome));
        BOOST_TEST((sut.try_receive().outcome() == outcome));
        BOOST_TEST((sut.try_receive_for(1s).outcome() == outcome));
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_is_made_once_and_is_absolute) {
    Fake sut{100, Outcome::full};
    const std::int64_t before = sys::monotonic_now();
    static_cast<void>(sut.try_send_for(Order{1}, 10s));
    static_cast<void>(sut.try_receive_for(std::chrono::duration<double>{10.0}));
    for (const std::int64_t until : sut.asked) {
        BOOST_TEST(until >= before + 10'000'000'000);
    }
    sut.asked.clear();
    static_cast<void>(sut.try_send_until(Order{1}, Deadline::of_monotonic(77)));
    static_cast<void>(sut.try_receive_until(Deadline::never()));
    BOOST_TEST(sut.asked == (std::vector<std::int64_t>{77, sys::end_of_time}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_duration_of_nothing_or_less_is_now_and_a_huge_one_never) {
    Fake sut{100, Outcome::full};
    static_cast<void>(sut.try_send_for(Order{1}, 0ms));
    static_cast<void>(sut.try_send_for(Order{1}, -5s));
    const std::int64_t after = sys::monotonic_now();
    for (const std::int64_t until : sut.asked) {
        BOOST_TEST(until <= after);
    }
    sut.asked.clear();
    static_cast<void>(sut.try_send_for(Order{1}, std::chrono::hours::max()));
    BOOST_TEST(sut.asked.at(0) == sys::end_of_time);
}

BOOST_AUTO_TEST_CASE(send_throws_with_the_name_and_the_reason) {
    Fake sut{0, Outcome::closed};
    const auto sending = refusal_of([&] { return sut.send(Order{1}), true; });
    BOOST_TEST(sending.is(std::errc::broken_pipe));
    BOOST_TEST(sending.says("send \"fake\": Broken pipe"));
    const auto receiving = refusal_of([&] { return sut.receive().number; });
    BOOST_TEST(receiving.is(make_error_code(errc::closed)));
    BOOST_TEST(receiving.says("receive \"fake\": "));
    std::error_code error;
    sut.send(Order{1}, error);
    BOOST_TEST((error == std::errc::broken_pipe));
}

BOOST_AUTO_TEST_CASE(the_error_code_form_clears_what_was_in_it) {
    Fake sut{1, Outcome::closed};
    std::error_code error = std::make_error_code(std::errc::io_error);
    sut.send(Order{1}, error);
    BOOST_TEST(!error);
}

BOOST_AUTO_TEST_CASE(many_stop_at_the_first_that_cannot_go) {
    const std::array<Order, 5> batch{Order{1}, Order{2}, Order{3}, Order{4}, Order{5}};
    Fake sender{3, Outcome::full};
    BOOST_TEST(sender.try_send_many(batch) == 3);
    BOOST_TEST(sender.asked.size() == 4);
    BOOST_TEST(sender.sent == (std::vector<int>{1, 2, 3}), boost::test_tools::per_element());
    std::array<Order, 5> room{Order{0}, Order{0}, Order{0}, Order{0}, Order{0}};
    Fake receiver{2, Outcome::empty};
    BOOST_TEST(receiver.try_receive_many(room) == 2);
    BOOST_TEST(room[1].number == 2);
    BOOST_TEST(room[2].number == 0);
    BOOST_TEST(receiver.try_send_many(std::span<const Order>{}) == 0);
    BOOST_TEST(receiver.try_receive_many(std::span<Order>{}) == 0);
    BOOST_TEST(receiver.asked.size() == 3);
}

BOOST_AUTO_TEST_CASE(an_endpoint_may_have_a_shorter_way_and_better_words) {
    Fluent sut;
    sut.send(1);
    BOOST_TEST(sut.short_ways == 1);
    BOOST_TEST(refusal_of([&] { return sut.send(0), true; }).says("in my own words"));
    BOOST_TEST(name_of(sut.try_send(1).outcome()) == "full");
    BOOST_TEST(sut.short_ways == 2);
}
