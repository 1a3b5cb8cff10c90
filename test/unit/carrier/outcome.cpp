// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_outcome
#include "tenon/carrier/outcome.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

#include "support/errors.hpp"

namespace {

using support::refusal_of;
using tenon::errc;
using tenon::Outcome;
using tenon::Received;
using tenon::Sent;
using tenon::carrier::Result;

struct Order {
    int number;
    explicit Order(int n) noexcept : number{n} {}  // not default constructible
};

constexpr Outcome all[] = {Outcome::done,        Outcome::full,      Outcome::empty, Outcome::late,
                           Outcome::half_closed, Outcome::closed,    Outcome::died,  Outcome::reset,
                           Outcome::mismatched,  Outcome::corrupted, Outcome::failed};

bool is(std::error_code code, std::errc wanted) { return code == wanted; }
bool is(std::error_code code, errc wanted) { return code == make_error_code(wanted); }

}  // namespace

BOOST_AUTO_TEST_CASE(every_outcome_has_a_name_of_its_own) {
    std::set<std::string> names;
    for (const Outcome outcome : all) {
        BOOST_TEST(!name_of(outcome).empty());
        names.emplace(name_of(outcome));
    }
    BOOST_TEST(names.size() == std::size(all));
    BOOST_TEST(name_of(Outcome::done) == "done");
    BOOST_TEST(name_of(Outcome::failed) == "failed");
    BOOST_TEST(name_of(Outcome::half_closed) == "half closed");
}

BOOST_AUTO_TEST_CASE(a_result_that_nobody_filled_is_a_failure) {
    BOOST_TEST(name_of(Result{}.outcome) == "failed");
    BOOST_TEST(!Sent{Result{}});
}

BOOST_AUTO_TEST_CASE(each_outcome_but_done_has_an_error_code) {
    for (const bool sending : {true, false}) {
        for (const Outcome outcome : all) {
            const Result result = outcome == Outcome::failed ? Result::failed(EMFILE) : Result{outcome};
            BOOST_TEST(!result.code(sending) == (outcome == Outcome::done), name_of(outcome));
        }
        BOOST_TEST(is(Result{Outcome::full}.code(sending), std::errc::resource_unavailable_try_again));
        BOOST_TEST(is(Result{Outcome::empty}.code(sending), std::errc::resource_unavailable_try_again));
        BOOST_TEST(is(Result{Outcome::late}.code(sending), std::errc::timed_out));
        BOOST_TEST(is(Result{Outcome::reset}.code(sending), std::errc::connection_reset));
        BOOST_TEST(is(Result{Outcome::mismatched}.code(sending), errc::layout_mismatch));
        BOOST_TEST(is(Result{Outcome::corrupted}.code(sending), errc::corrupted));
        BOOST_TEST(is(Result::failed(EMFILE).code(sending), std::errc::too_many_files_open));
    }
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_gone_is_a_broken_pipe_to_a_sender_and_closed_to_a_receiver) {
    for (const Outcome outcome : {Outcome::half_closed, Outcome::closed, Outcome::died}) {
        BOOST_TEST(is(Result{outcome}.code(true), std::errc::broken_pipe));
        BOOST_TEST(is(Result{outcome}.code(false), errc::closed));
    }
}

BOOST_AUTO_TEST_CASE(sent_is_true_only_when_it_was_sent) {
    for (const Outcome outcome : all) {
        const Sent sut{Result{outcome}};
        BOOST_TEST(static_cast<bool>(sut) == (outcome == Outcome::done));
        BOOST_TEST((sut.outcome() == outcome));
    }
    BOOST_TEST(is(Sent{Result::failed(EBUSY)}.error(), std::errc::device_or_resource_busy));
}

BOOST_AUTO_TEST_CASE(received_is_used_like_an_optional) {
    const Received<Order> sut{[](Order* room) {
        *room = Order{7};
        return Result{Outcome::done};
    }};
    BOOST_TEST_REQUIRE(sut.has_value());
    BOOST_TEST(static_cast<bool>(sut));
    BOOST_TEST((*sut).number == 7);
    BOOST_TEST(sut->number == 7);
    BOOST_TEST(sut.value().number == 7);
    BOOST_TEST(!sut.error());
    Received<Order> mutable_one{Order{1}};
    mutable_one->number = 2;
    (*mutable_one).number += 3;
    BOOST_TEST(mutable_one.value().number == 5);
}

BOOST_AUTO_TEST_CASE(value_throws_why_there_is_none) {
    const Received<Order> sut{Result{Outcome::closed}};
    BOOST_TEST(!sut);
    BOOST_TEST(!sut.has_value());
    BOOST_TEST(is(sut.error(), errc::closed));
    const auto refusal = refusal_of([&] { return sut.value().number; });
    BOOST_TEST(refusal.is(make_error_code(errc::closed)));
    BOOST_TEST(refusal.says("no message"));
    BOOST_TEST(refusal_of([] {
                   return Received<Order>{Result::failed(EMFILE)}.value().number;
               }).is(std::errc::too_many_files_open));
}
