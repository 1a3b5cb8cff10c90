// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_naps
#include "tenon/carrier/naps.hpp"

#include <boost/test/unit_test.hpp>

#include "support/interruptions.hpp"

namespace {

using tenon::carrier::Naps;
namespace sys = tenon::sys;

constexpr std::int64_t millisecond = 1'000'000;

}  // namespace

BOOST_AUTO_TEST_CASE(without_time_there_is_no_nap) {
    Naps none{0};
    BOOST_TEST(!none.sleep());
    Naps past{sys::monotonic_now() - 1};
    BOOST_TEST(!past.sleep());
    Naps long_past{-1};
    BOOST_TEST(!long_past.sleep());
}

BOOST_AUTO_TEST_CASE(naps_last_until_the_time_has_come_and_not_less) {
    const std::int64_t until = sys::monotonic_now() + 20 * millisecond;
    Naps sut{until};
    int count = 0;
    while (sut.sleep()) {
        ++count;
    }
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(count >= 1);
    BOOST_TEST(!sut.sleep());
}

BOOST_AUTO_TEST_CASE(naps_grow_to_a_millisecond_and_go_on_for_ever_where_there_is_no_end) {
    Naps sut{sys::end_of_time};
    const std::int64_t start = sys::monotonic_now();
    for (int i = 0; i < 6; ++i) {  // 20 + 40 + ... + 640
        BOOST_TEST(sut.sleep());
    }
    BOOST_TEST(sys::monotonic_now() - start >= 1'260'000);
    const std::int64_t later = sys::monotonic_now();
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(sut.sleep());
    }
    BOOST_TEST(sys::monotonic_now() - later >= 5 * millisecond);
}

BOOST_AUTO_TEST_CASE(signals_do_not_shorten_a_nap) {
    std::int64_t slept = 0;
    {
        const support::Interruptions interruptions{std::chrono::microseconds{200}};
        Naps sut{sys::end_of_time};
        for (int i = 0; i < 6; ++i) {
            static_cast<void>(sut.sleep());
        }
        const std::int64_t start = sys::monotonic_now();
        for (int i = 0; i < 10; ++i) {
            static_cast<void>(sut.sleep());
        }
        slept = sys::monotonic_now() - start;
    }
    BOOST_TEST(slept >= 10 * millisecond);
}
