// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_kernel_limit
#include "tenon/sys/kernel_limit.hpp"

#include <boost/test/unit_test.hpp>

namespace sys = tenon::sys;

BOOST_AUTO_TEST_CASE(a_limit_is_the_number_in_its_file) {
    const auto limit = sys::kernel_limit("/proc/sys/kernel/msgmax");
    BOOST_TEST(limit > 0U);
    BOOST_TEST(limit != UINT64_MAX);
    BOOST_TEST(sys::shown_limit("/proc/sys/kernel/msgmax") == "/proc/sys/kernel/msgmax is " + std::to_string(limit));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_limits_nothing) {
    BOOST_TEST(sys::kernel_limit("/proc/sys/kernel/no_such_limit") == UINT64_MAX);
    BOOST_TEST(sys::kernel_limit("/dev/null") == UINT64_MAX);
    BOOST_TEST(sys::kernel_limit("/proc/version") == UINT64_MAX);
    BOOST_TEST(sys::shown_limit("/dev/null") == "/dev/null cannot be read");
}
