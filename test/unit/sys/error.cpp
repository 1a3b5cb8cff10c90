// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_error
#include "tenon/sys/error.hpp"

#include <boost/test/unit_test.hpp>

#include "support/errors.hpp"

namespace sys = tenon::sys;
using support::refusal_of;

BOOST_AUTO_TEST_CASE(an_error_names_the_call_the_object_and_the_reason) {
    const auto refusal = refusal_of([] { sys::throw_error(ENOENT, "shm_open", "/orders"); });
    BOOST_TEST(refusal.text == "shm_open \"/orders\": No such file or directory");
    BOOST_TEST(refusal.is(std::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(an_error_about_nothing_that_has_a_name_does_without) {
    BOOST_TEST(refusal_of([] { sys::throw_error(EPERM, "unlock"); }).text == "unlock: Operation not permitted");
}

BOOST_AUTO_TEST_CASE(checked_passes_a_result_on_and_throws_for_minus_one) {
    BOOST_TEST(sys::checked(0, "call") == 0);
    BOOST_TEST(sys::checked(7L, "call") == 7L);
    BOOST_TEST(sys::checked(-2, "call") == -2);
    errno = EACCES;
    const auto refusal = refusal_of([] { return sys::checked(-1L, "call", "name"); });
    BOOST_TEST(refusal.is(std::errc::permission_denied));
    BOOST_TEST(refusal.says("call \"name\": "));
}

BOOST_AUTO_TEST_CASE(a_returned_code_is_the_error_whatever_errno_says) {
    errno = EACCES;
    BOOST_CHECK_NO_THROW(sys::checked_code(0, "call"));
    BOOST_TEST(refusal_of([] { sys::checked_code(ENOSPC, "call"); }).is(std::errc::no_space_on_device));
}

BOOST_AUTO_TEST_CASE(a_call_is_repeated_for_as_long_as_signals_interrupt_it) {
    int calls = 0;
    const int result = sys::uninterrupted([&] {
        errno = EINTR;
        return ++calls < 4 ? -1 : 5;
    });
    BOOST_TEST(result == 5);
    BOOST_TEST(calls == 4);
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_otherwise_is_not_repeated) {
    int calls = 0;
    const long result = sys::uninterrupted([&] {
        ++calls;
        errno = EAGAIN;
        return -1L;
    });
    BOOST_TEST(result == -1L);
    BOOST_TEST(calls == 1);
    BOOST_TEST(errno == EAGAIN);
}
