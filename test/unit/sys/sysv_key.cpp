// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_sysv_key
#include "tenon/sys/sysv_key.hpp"

#include <boost/test/unit_test.hpp>

#include "support/errors.hpp"

using support::refusal_of;
using tenon::SysvKey;

BOOST_AUTO_TEST_CASE(a_key_is_told_in_hexadecimal) {
    BOOST_TEST(SysvKey{1234}.text() == "key 0x4d2");
    BOOST_TEST(SysvKey{0}.text() == "key 0x0");
    BOOST_TEST(SysvKey{-1}.text() == "key 0xffffffff");
    BOOST_TEST(SysvKey{0x10}.text() == "key 0x10");
}

BOOST_AUTO_TEST_CASE(a_key_of_a_path_is_that_of_ftok) {
    BOOST_TEST(SysvKey::from_path("/", 'A').value() == ::ftok("/", 'A'));
    BOOST_TEST((SysvKey::from_path("/", 'A') == SysvKey::from_path("/", 'A')));
    BOOST_TEST((SysvKey::from_path("/", 'A') != SysvKey::from_path("/", 'B')));
    BOOST_TEST((SysvKey::from_path("/", 'A') != SysvKey::from_path("/proc", 'A')));
}

BOOST_AUTO_TEST_CASE(the_path_of_a_key_must_exist) {
    const auto refusal = refusal_of([] { return SysvKey::from_path("/no/such/file", 'A').value(); });
    BOOST_TEST(refusal.text == "ftok \"/no/such/file\": No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_key_is_a_constant) {
    static_assert(SysvKey{5}.value() == 5);
    static_assert(SysvKey{5} == SysvKey{5} && SysvKey{5} != SysvKey{6});
    static_assert(!std::is_convertible_v<int, SysvKey>);
    BOOST_TEST(true);
}
