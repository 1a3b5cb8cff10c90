// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_unix_address
#include "tenon/carrier/unix_address.hpp"

#include <boost/test/unit_test.hpp>
#include <string_view>

#include "support/errors.hpp"

using support::refusal_of;
using tenon::UnixAddress;
using namespace std::string_literals;

namespace {

auto refusal(const std::string& text) {
    return refusal_of([&] { return UnixAddress{text}.native(); });
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_path_ends_with_a_nul) {
    const UnixAddress sut{"/run/answers.sock"};
    const auto native = sut.native();
    BOOST_TEST(!sut.is_abstract());
    BOOST_TEST(native.address.sun_family == AF_UNIX);
    BOOST_TEST(std::string_view{native.address.sun_path} == "/run/answers.sock");
    BOOST_TEST(native.size == offsetof(::sockaddr_un, sun_path) + 18);
}

BOOST_AUTO_TEST_CASE(an_abstract_name_begins_with_a_nul) {
    const UnixAddress sut{"@answers"};
    const auto native = sut.native();
    BOOST_TEST(sut.is_abstract());
    BOOST_TEST(sut.text() == "@answers");
    BOOST_TEST((std::string_view{native.address.sun_path, 8} == "\0answers"s));
    BOOST_TEST(native.size == offsetof(::sockaddr_un, sun_path) + 8);
}

BOOST_AUTO_TEST_CASE(the_longest_name_is_taken_and_the_next_is_refused_with_the_limit) {
    BOOST_TEST(UnixAddress{"/" + std::string(106, 'x')}.native().size == sizeof(::sockaddr_un));
    BOOST_TEST(UnixAddress{"@" + std::string(107, 'x')}.native().size == sizeof(::sockaddr_un));
    for (const std::string& text : {"/" + std::string(107, 'x'), "@" + std::string(108, 'x')}) {
        BOOST_TEST(refusal(text).is(std::errc::filename_too_long));
        BOOST_TEST(refusal(text).says("has 108 bytes, and sun_path has room for 107"));
    }
    BOOST_TEST(refusal(std::string(100'000, 'x')).text.size() < 300U);
}

BOOST_AUTO_TEST_CASE(what_can_be_no_address_is_refused) {
    for (const std::string& text : {""s, "@"s}) {
        BOOST_TEST(refusal(text).is(std::errc::invalid_argument));
        BOOST_TEST(refusal(text).says("is empty: write a path, or \"@name\""));
    }
    for (const std::string& text : {"/run/\0x"s, "@a\0"s, "\0abc"s}) {
        BOOST_TEST(refusal(text).is(std::errc::invalid_argument));
        BOOST_TEST(refusal(text).says("\\0"));
        BOOST_TEST(refusal(text).says("holds a NUL"));
    }
}
