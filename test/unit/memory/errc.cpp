// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE memory_errc
#include "tenon/memory/errc.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <stdexcept>

#include "support/errors.hpp"

using support::refusal_of;
using tenon::errc;
using tenon::memory::reporting;

BOOST_AUTO_TEST_CASE(each_code_has_words_of_its_own) {
    std::set<std::string> words;
    for (int value = 1; value <= static_cast<int>(errc::closed); ++value) {
        const auto text = tenon::error_category().message(value);
        BOOST_TEST(text.find("unknown") == std::string::npos);
        BOOST_TEST(words.insert(text).second);
    }
    BOOST_TEST(tenon::error_category().message(99) == "unknown error 99");
    BOOST_TEST(tenon::error_category().name() == "tenon");
}

BOOST_AUTO_TEST_CASE(a_code_is_an_error_code_and_none_of_the_systems) {
    static_assert(std::is_error_code_enum_v<errc>);
    const std::error_code sut = errc::layout_mismatch;  // its number is that of EPERM
    BOOST_TEST((sut == errc::layout_mismatch));
    BOOST_TEST((sut != errc::version_mismatch));
    BOOST_TEST((sut != std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_CASE(what_is_thrown_says_who_and_why) {
    const auto refusal = refusal_of([] { tenon::memory::throw_error(errc::owner_died, "\"/orders\""); });
    BOOST_TEST(refusal.is(errc::owner_died));
    BOOST_TEST(refusal.text == "\"/orders\": its owner died before it was finished");
}

BOOST_AUTO_TEST_CASE(reporting_turns_an_exception_into_a_code_and_an_empty_handle) {
    std::error_code error = errc::corrupted;
    BOOST_TEST(reporting(error, [] { return 5; }) == 5);
    BOOST_TEST(!error);
    BOOST_TEST(reporting(error, []() -> int { throw std::system_error{make_error_code(errc::gone)}; }) == 0);
    BOOST_TEST((error == errc::gone));
    BOOST_CHECK_THROW(reporting(error, []() -> int { throw std::logic_error{"mine"}; }), std::logic_error);
}
