// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_clock
#include "tenon/sys/clock.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "support/child.hpp"

namespace sys = tenon::sys;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(the_clock_never_runs_backwards_and_is_that_of_steady_clock) {
    const auto before = std::chrono::steady_clock::now().time_since_epoch() / 1ns;
    const auto first = sys::monotonic_now();
    const auto second = sys::monotonic_now();
    const auto after = std::chrono::steady_clock::now().time_since_epoch() / 1ns;
    BOOST_TEST(before <= first);
    BOOST_TEST(first <= second);
    BOOST_TEST(second <= after);
}

BOOST_AUTO_TEST_CASE(another_process_reads_the_same_clock) {
    const auto before = sys::monotonic_now();
    BOOST_TEST(support::in_child([&] { return sys::monotonic_now() >= before; }));
}

BOOST_AUTO_TEST_CASE(nanoseconds_become_seconds_and_a_rest) {
    const ::timespec sut = sys::to_timespec(3'000'000'007);
    BOOST_TEST(sut.tv_sec == 3);
    BOOST_TEST(sut.tv_nsec == 7);
    BOOST_TEST(sys::to_timespec(sys::end_of_time).tv_nsec < 1'000'000'000);
    BOOST_TEST(sys::to_timespec(0).tv_sec == 0);
}

BOOST_AUTO_TEST_CASE(signals_do_not_shorten_a_sleep) {
    struct ::sigaction quiet {};
    quiet.sa_handler = [](int) {};
    struct ::sigaction before {};
    ::sigaction(SIGUSR1, &quiet, &before);
    support::Child pest{[sleeper = ::getpid()] {
        for (;;) {
            ::kill(sleeper, SIGUSR1);
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }};
    const auto until = sys::monotonic_now() + 40'000'000;
    sys::sleep_until(until);
    BOOST_TEST(sys::monotonic_now() >= until);
    sys::sleep_until(0);  // long ago: returns
    pest.kill_now();
    ::sigaction(SIGUSR1, &before, nullptr);
}
