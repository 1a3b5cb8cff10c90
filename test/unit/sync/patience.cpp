// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_patience
#include "tenon/sync/patience.hpp"

#include <boost/test/unit_test.hpp>

#include "tenon/sys/clock.hpp"

using tenon::sync::Patience;

namespace {
constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t never = tenon::sys::end_of_time;
}  // namespace

BOOST_AUTO_TEST_CASE(the_first_look_comes_after_a_millisecond) {
    const Patience sut{1000 * ms};
    BOOST_TEST(sut.next_look(1000 * ms, never) == 1001 * ms);
    BOOST_TEST(sut.next_look(1003 * ms, never) == 1004 * ms);
}

BOOST_AUTO_TEST_CASE(later_looks_come_after_a_quarter_of_the_wait_so_far) {
    const Patience sut{1000 * ms};
    BOOST_TEST(sut.next_look(1008 * ms, never) == 1010 * ms);
    BOOST_TEST(sut.next_look(1040 * ms, never) == 1050 * ms);
}

BOOST_AUTO_TEST_CASE(no_look_is_further_away_than_20_milliseconds_or_what_was_asked_for) {
    const Patience sut{0};
    BOOST_TEST(sut.next_look(80 * ms, never) == 100 * ms);
    BOOST_TEST(sut.next_look(3'600'000 * ms, never) == 3'600'020 * ms);
    const Patience eager{0, 2 * ms};
    BOOST_TEST(eager.next_look(0, never) == 1 * ms);
    BOOST_TEST(eager.next_look(80 * ms, never) == 82 * ms);
}

BOOST_AUTO_TEST_CASE(no_look_is_later_than_the_deadline) {
    const Patience sut{0};
    BOOST_TEST(sut.next_look(0, 5) == 5);
    BOOST_TEST(sut.next_look(80 * ms, 90 * ms) == 90 * ms);
    BOOST_TEST(sut.next_look(80 * ms, 101 * ms) == 100 * ms);
}
