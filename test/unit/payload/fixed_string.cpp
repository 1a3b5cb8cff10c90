// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE fixed_string
#include <boost/test/unit_test.hpp>

#include <tenon/payload/fixed_string.hpp>
#include <tenon/payload/payload.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <ranges>
#include <sstream>
#include <unordered_set>

using tenon::FixedString;

namespace {

struct Telemetry {
    std::uint64_t tick;
    FixedString<32> source;
};

/// What a hostile peer can do: any bytes where the string lies.
template <std::size_t N>
FixedString<N> scribbled(unsigned char byte) {
    FixedString<N> text;
    std::memset(static_cast<void*>(&text), byte, sizeof text);
    return text;
}

template <class E, class F>
std::string message(F f) {
    try {
        f();
    } catch (const E& error) {
        return error.what();
    }
    return "nothing was thrown";
}

}  // namespace

static_assert(std::is_trivially_copyable_v<FixedString<32>> && tenon::Payload<FixedString<32>> &&
              tenon::Payload<Telemetry>);
static_assert(std::is_standard_layout_v<FixedString<32>> && sizeof(FixedString<32>) == 36 &&
              alignof(FixedString<32>) == 4);
static_assert(std::ranges::contiguous_range<FixedString<8>> && std::ranges::sized_range<FixedString<8>>);
static_assert(std::is_nothrow_convertible_v<FixedString<8>, std::string_view>);
static_assert(!std::is_constructible_v<FixedString<8>, std::nullptr_t> &&
              !std::is_constructible_v<FixedString<8>, int>);

BOOST_AUTO_TEST_CASE(a_field_is_set_by_a_designated_initialiser_and_by_assignment) {
    Telemetry t{.tick = 1, .source = "imu0"};
    BOOST_TEST(t.source == "imu0");
    t.source = "imu1";
    BOOST_TEST(t.source.size() == 4U);
    t.source = std::string("imu2");
    BOOST_TEST(t.source == std::string("imu2"));
    t.source = std::string_view("imu3");
    BOOST_TEST(("imu3" == t.source));
    t.source = {};
    BOOST_TEST(t.source.empty());
}

BOOST_AUTO_TEST_CASE(everything_works_while_compiling) {
    constexpr auto sut = [] {
        FixedString<8> s = "ab";
        s += "cd";
        s += 'e';
        s.pop_back();
        s.push_back('x');
        s[0] = 'A';
        s.resize(6, '!');
        return s;
    }();
    static_assert(sut == "Abcdx!" && sut.size() == 6 && sut.front() == 'A' && sut.back() == '!' && sut.at(1) == 'b');
    static_assert(sut < "B" && sut > FixedString<3>("AA") && sut != FixedString<8>() && sut.find("dx") == 3);
    static_assert(sut.starts_with("Ab") && sut.ends_with("x!") && sut.contains("cd") && sut.substr(1, 2) == "bc");
    static_assert(FixedString<4>::truncated("abcdef") == "abcd" && FixedString<4>::capacity() == 4);
    BOOST_TEST(sut.str() == "Abcdx!");
}

BOOST_AUTO_TEST_CASE(a_text_of_exactly_n_bytes_fits) {
    FixedString<4> sut;
    sut = "abcd";
    BOOST_TEST(sut == "abcd");
}

BOOST_AUTO_TEST_CASE(too_long_an_assignment_says_both_lengths) {
    FixedString<4> sut = "abcd";
    const auto what = message<std::length_error>([&] { sut = "abcdefg"; });
    BOOST_TEST(what.find("7 bytes") != what.npos);
    BOOST_TEST(what.find("the 4 that fit") != what.npos);
    BOOST_TEST(sut == "abcd");
    BOOST_CHECK_THROW(FixedString<4>("abcde"), std::length_error);
}

BOOST_AUTO_TEST_CASE(too_long_an_append_says_both_lengths_and_changes_nothing) {
    FixedString<4> sut = "abc";
    const auto what = message<std::length_error>([&] { sut += "de"; });
    BOOST_TEST(what.find("5 bytes") != what.npos);
    BOOST_TEST(sut == "abc");
    BOOST_CHECK_THROW(sut.resize(5), std::length_error);
    sut.push_back('d');
    BOOST_CHECK_THROW(sut.push_back('e'), std::length_error);
    BOOST_TEST(sut == "abcd");
}

BOOST_AUTO_TEST_CASE(truncation_never_breaks_a_utf8_character) {
    const std::string euro = "ab\xe2\x82\xac";  // a, b, and a sign of three bytes
    BOOST_TEST(FixedString<5>::truncated(euro) == euro);
    BOOST_TEST(FixedString<4>::truncated(euro) == "ab");
    BOOST_TEST(FixedString<3>::truncated(euro) == "ab");
    BOOST_TEST(FixedString<2>::truncated(euro) == "ab");
    BOOST_TEST(FixedString<4>::truncated("\xf0\x9f\x98\x80").size() == 4U);
    BOOST_TEST(FixedString<3>::truncated("\xf0\x9f\x98\x80").empty());
    FixedString<6> sut = "abc";
    sut.append_truncated(euro);
    BOOST_TEST(sut == "abcab");
}

BOOST_AUTO_TEST_CASE(truncating_what_is_no_utf8_takes_what_fits) {
    BOOST_TEST(FixedString<8>::truncated(std::string(20, '\x80')).size() == 8U);
}

BOOST_AUTO_TEST_CASE(an_index_beyond_the_end_throws_and_says_index_and_size) {
    FixedString<8> sut = "abc";
    const auto what = message<std::out_of_range>([&] { static_cast<void>(sut[3]); });
    BOOST_TEST(what.find("index 3") != what.npos);
    BOOST_TEST(what.find("size 3") != what.npos);
    BOOST_CHECK_THROW(static_cast<void>(sut.at(7)), std::out_of_range);
    sut.clear();
    BOOST_CHECK_THROW(static_cast<void>(sut.front()), std::out_of_range);
    BOOST_CHECK_THROW(static_cast<void>(sut.back()), std::out_of_range);
    BOOST_CHECK_THROW(sut.pop_back(), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(unused_bytes_are_zero_after_every_change) {
    FixedString<16> sut = "a long secret";
    sut = "b";
    FixedString<16> fresh = "b";
    BOOST_TEST(std::memcmp(&sut, &fresh, sizeof sut) == 0);
    sut.resize(12, 'x');
    sut.resize(1);
    BOOST_TEST(std::memcmp(&sut, &fresh, sizeof sut) == 0);
    sut += "cd";
    sut.pop_back();
    sut.pop_back();
    BOOST_TEST(std::memcmp(&sut, &fresh, sizeof sut) == 0);
}

BOOST_AUTO_TEST_CASE(a_scribbled_length_never_leads_outside) {
    for (const auto byte : std::to_array<unsigned char>({0xff, 0x80, 0x7f, 0x41})) {
        auto sut = scribbled<8>(byte);
        BOOST_TEST(sut.size() == 8U);
        BOOST_TEST(sut.view().size() == 8U);
        BOOST_TEST(static_cast<std::size_t>(std::ranges::distance(sut)) == 8U);
        BOOST_TEST(sut.str() == std::string(8, static_cast<char>(byte)));
        BOOST_TEST(sut.back() == static_cast<char>(byte));
        BOOST_CHECK_THROW(static_cast<void>(sut[8]), std::out_of_range);
        BOOST_CHECK_THROW(sut.push_back('x'), std::length_error);
        auto copy = sut;
        copy.append_truncated("more");
        BOOST_TEST(copy.size() == 8U);
        copy = sut;
        copy.pop_back();
        BOOST_TEST(copy.size() == 7U);
        copy = sut;
        copy = "fine";
        BOOST_TEST(copy == "fine");
        BOOST_TEST(std::hash<FixedString<8>>{}(sut) == std::hash<std::string>{}(sut.str()));
    }
}

BOOST_AUTO_TEST_CASE(a_part_of_itself_can_be_assigned_and_appended) {
    FixedString<8> sut = "abcdef";
    sut = sut.view().substr(2, 3);
    BOOST_TEST(sut == "cde");
    sut += sut.view();
    BOOST_TEST(sut == "cdecde");
}

BOOST_AUTO_TEST_CASE(a_text_may_hold_nul) {
    FixedString<8> sut = std::string_view("a\0b", 3);
    BOOST_TEST(sut.size() == 3U);
    BOOST_TEST(sut == std::string_view("a\0b", 3));
}

BOOST_AUTO_TEST_CASE(strings_of_different_capacity_compare_by_their_text) {
    BOOST_TEST(FixedString<4>("ab") == FixedString<9>("ab"));
    BOOST_TEST((FixedString<4>("ab") < FixedString<9>("abc")));
    BOOST_TEST((std::string_view("abc") > FixedString<9>("ab")));
}

BOOST_AUTO_TEST_CASE(a_stream_prints_the_text_and_keeps_its_width) {
    std::ostringstream out;
    out.width(6);
    out << FixedString<8>("abc") << '|';
    BOOST_TEST(out.str() == "   abc|");
}

BOOST_AUTO_TEST_CASE(a_set_of_strings_finds_them_again) {
    std::unordered_set<FixedString<8>> set{"a", "b"};
    BOOST_TEST(set.contains("a"));
    BOOST_TEST(!set.contains("c"));
}

BOOST_AUTO_TEST_CASE(algorithms_work_on_it_as_a_range) {
    FixedString<8> sut = "bca";
    std::ranges::sort(sut);
    BOOST_TEST(sut == "abc");
}
