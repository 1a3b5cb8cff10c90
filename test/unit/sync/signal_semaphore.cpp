// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_signal_semaphore
#include "tenon/sync/signal_semaphore.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

using namespace std::chrono_literals;
using support::refusal_of;
using support::unique_name;
using tenon::P;
using tenon::Permits;
using tenon::SignalSemaphore;
using tenon::V;

BOOST_AUTO_TEST_CASE(v_needs_no_p_and_signals_are_counted) {
    auto sut = SignalSemaphore::anonymous(Permits{0});
    BOOST_TEST(!sut.try_acquire());
    V(sut);
    V(sut);
    BOOST_TEST(sut.approximate_available() == 2U);
    P(sut);
    P(sut);
    BOOST_TEST(!sut.try_acquire());
}

BOOST_AUTO_TEST_CASE(the_count_ends_at_the_greatest_number_and_says_so) {
    const auto name = unique_name();
    auto sut = SignalSemaphore::create(name, Permits{UINT32_MAX - 1});
    V(sut);
    const auto refusal = refusal_of([&] { V(sut); });
    BOOST_TEST(refusal.is(std::errc::value_too_large));
    BOOST_TEST(refusal.says("V \"" + name + "\": "));
    BOOST_TEST(sut.approximate_available() == UINT32_MAX);
    P(sut);
    BOOST_CHECK_NO_THROW(V(sut));
}

BOOST_AUTO_TEST_CASE(a_signal_stays_given_when_its_giver_closes) {
    const auto name = unique_name();
    auto sut = SignalSemaphore::create(name, Permits{0});
    {
        auto giver = SignalSemaphore::open(name);
        V(giver);
    }
    BOOST_TEST(sut.try_acquire());
}

BOOST_AUTO_TEST_CASE(a_forked_child_signals_its_parent_and_is_answered) {
    auto sut = SignalSemaphore::anonymous(Permits{0});
    auto answer = SignalSemaphore::anonymous(Permits{0});
    support::Child child{[&] {
        V(sut);
        return answer.try_acquire_for(60s);
    }};
    P(sut);
    V(answer);
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(each_of_two_sleepers_gets_one_of_two_signals) {
    auto sut = SignalSemaphore::anonymous(Permits{0});
    const auto take_one = [&] {
        P(sut);
        return true;
    };
    support::Child first{take_one};
    support::Child second{take_one};
    ::usleep(10'000);
    V(sut);
    V(sut);
    BOOST_TEST(first.succeeds());
    BOOST_TEST(second.succeeds());
    BOOST_TEST(sut.approximate_available() == 0U);
}

BOOST_AUTO_TEST_CASE(a_moved_handle_is_empty) {
    static_assert(std::is_nothrow_move_constructible_v<SignalSemaphore>);
    static_assert(std::is_nothrow_move_assignable_v<SignalSemaphore> && !std::is_copy_constructible_v<SignalSemaphore>);
    auto first = SignalSemaphore::anonymous(Permits{1});
    auto second = std::move(first);
    BOOST_TEST(!first);
    BOOST_TEST(second.try_acquire());
}
