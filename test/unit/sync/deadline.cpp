// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_deadline
#include "tenon/sync/deadline.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <limits>

using namespace std::chrono_literals;
using tenon::Deadline;
namespace sys = tenon::sys;

namespace {

/// How many nanoseconds lie between now and the deadline, at least.
std::int64_t away(const Deadline& deadline) { return deadline.nanoseconds() - sys::monotonic_now(); }

}  // namespace

BOOST_AUTO_TEST_CASE(never_does_not_pass) {
    static_assert(Deadline::never().is_never());
    static_assert(!std::is_default_constructible_v<Deadline>);
    BOOST_TEST(!Deadline::never().has_passed());
    BOOST_TEST(Deadline::never().nanoseconds() == sys::end_of_time);
}

BOOST_AUTO_TEST_CASE(zero_and_less_is_now) {
    for (const auto past : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        const auto before = sys::monotonic_now();
        const auto sut = Deadline::after(past);
        BOOST_TEST(sut.nanoseconds() >= before);
        BOOST_TEST(sut.has_passed());
    }
    BOOST_TEST(Deadline::after(std::chrono::hours::min()).has_passed());
    BOOST_TEST(Deadline::after(std::chrono::duration<double>{-1e300}).has_passed());
    BOOST_TEST(Deadline::after(std::chrono::duration<double>{std::nan("")}).has_passed());
}

BOOST_AUTO_TEST_CASE(more_than_the_clock_can_say_is_never) {
    using Years = std::chrono::duration<std::int64_t, std::ratio<31'556'952>>;
    BOOST_TEST(Deadline::after(std::chrono::nanoseconds::max()).is_never());
    BOOST_TEST(Deadline::after(std::chrono::milliseconds::max()).is_never());
    BOOST_TEST(Deadline::after(std::chrono::hours::max()).is_never());
    BOOST_TEST(Deadline::after(Years{300}).is_never());
    BOOST_TEST(Deadline::after(Years::max()).is_never());
    BOOST_TEST(Deadline::after(std::chrono::duration<double>{1e300}).is_never());
    BOOST_TEST(Deadline::after(std::chrono::duration<double>{std::numeric_limits<double>::infinity()}).is_never());
    BOOST_TEST(!Deadline::after(Years{200}).is_never());
}

BOOST_AUTO_TEST_CASE(a_deadline_is_never_early) {
    const auto before = sys::monotonic_now();
    BOOST_TEST(Deadline::after(5ms).nanoseconds() >= before + 5'000'000);
    BOOST_TEST(Deadline::after(std::chrono::duration<double>{1.5}).nanoseconds() >= before + 1'500'000'000);
    using Picoseconds = std::chrono::duration<std::int64_t, std::pico>;
    const auto start = sys::monotonic_now();
    const auto sut = Deadline::after(Picoseconds{1});  // rounded up to a nanosecond
    BOOST_TEST(sut.nanoseconds() >= start + 1);
    BOOST_TEST(!Deadline::after(1h).has_passed());
    BOOST_TEST(away(Deadline::after(std::chrono::duration<float, std::ratio<3600>>{1.0F})) > 3'500'000'000'000);
}

BOOST_AUTO_TEST_CASE(times_of_other_clocks_are_taken_as_a_distance_from_now) {
    const auto system = std::chrono::system_clock::now() + 1h;
    const auto before = sys::monotonic_now();
    const auto sut = Deadline::at(system);
    BOOST_TEST(sut.nanoseconds() - before > 3'590'000'000'000);
    BOOST_TEST(Deadline::at(std::chrono::system_clock::now() - 1h).has_passed());
    BOOST_TEST(Deadline::at(std::chrono::system_clock::time_point{}).has_passed());
    const auto steady = std::chrono::steady_clock::now() + 50ms;
    BOOST_TEST(Deadline::at(steady).nanoseconds() >= steady.time_since_epoch() / 1ns);
    BOOST_TEST(Deadline::at(std::chrono::time_point_cast<std::chrono::seconds>(system)).nanoseconds() > before);
    BOOST_TEST(!Deadline::at(std::chrono::steady_clock::time_point::max()).has_passed());
}

// A bug, reported: the distance from now is computed in the clock's own integers and overflows.
BOOST_AUTO_TEST_CASE(the_first_and_the_last_time_of_a_clock_are_now_and_never) {
    using Hours = std::chrono::time_point<std::chrono::system_clock, std::chrono::hours>;
    BOOST_TEST(Deadline::at(std::chrono::steady_clock::time_point::min()).has_passed());
    BOOST_TEST(Deadline::at(std::chrono::system_clock::time_point::min()).has_passed());
    BOOST_TEST(Deadline::at(Hours::min()).has_passed());
    BOOST_TEST(Deadline::at(Hours::max()).is_never());
}

BOOST_AUTO_TEST_CASE(a_monotonic_time_is_taken_as_it_is) {
    static_assert(Deadline::of_monotonic(5).nanoseconds() == 5);
    BOOST_TEST(Deadline::of_monotonic(5).has_passed());
    BOOST_TEST(Deadline::of_monotonic(sys::end_of_time).is_never());
}
