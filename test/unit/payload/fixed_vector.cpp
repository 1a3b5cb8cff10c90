// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE fixed_vector
#include <boost/test/unit_test.hpp>

#include <tenon/payload/fixed_string.hpp>
#include <tenon/payload/fixed_vector.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <ranges>
#include <sstream>
#include <vector>

using tenon::FixedVector;

namespace {

struct Stop {
    int x = 0;
    tenon::FixedString<12> name;
};
struct Route {
    FixedVector<Stop, 3> stops;
};

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

static_assert(std::is_trivially_copyable_v<FixedVector<int, 3>> && tenon::Payload<FixedVector<int, 3>> &&
              tenon::Payload<Route>);
static_assert(tenon::Payload<FixedVector<FixedVector<Stop, 2>, 2>>);
static_assert(std::is_standard_layout_v<FixedVector<int, 3>> && sizeof(FixedVector<int, 4>) == 24);
static_assert(std::ranges::contiguous_range<FixedVector<int, 3>> && std::ranges::sized_range<FixedVector<int, 3>>);

BOOST_AUTO_TEST_CASE(everything_works_while_compiling) {
    constexpr auto sut = [] {
        FixedVector<int, 4> v{1, 2};
        v.push_back(3);
        v.emplace_back(4);
        v.erase_at(0);
        v.pop_back();
        v.resize(4, 9);
        v[0] = 7;
        return v;
    }();
    static_assert(sut == FixedVector<int, 8>{7, 3, 9, 9} && sut.full() && sut.front() == 7 && sut.back() == 9 &&
                  sut.at(1) == 3);
    static_assert(sut > FixedVector<int, 4>{7, 3} && sut < FixedVector<int, 4>{8});
    BOOST_TEST(std::accumulate(sut.begin(), sut.end(), 0) == 28);
}

BOOST_AUTO_TEST_CASE(a_field_holds_structs) {
    Route route{.stops = {{.x = 1, .name = "a"}, {.x = 2, .name = "b"}}};
    route.stops.push_back({.x = 3, .name = "c"});
    BOOST_TEST(route.stops.size() == 3U);
    BOOST_TEST(route.stops.back().name == "c");
    Stop fourth{.x = 4, .name = "d"};
    BOOST_TEST(!route.stops.try_push_back(fourth));
    BOOST_TEST(route.stops.back().x == 3);
    route.stops.clear();
    BOOST_TEST(route.stops.try_push_back(fourth));
    route.stops.emplace_back(5, "e");
    BOOST_TEST(route.stops[1].name == "e");
}

BOOST_AUTO_TEST_CASE(too_long_an_assignment_says_both_lengths) {
    FixedVector<int, 3> sut{1, 2};
    const std::vector<int> five(5);
    const auto what = message<std::length_error>([&] { sut.assign(five); });
    BOOST_TEST(what.find("5 elements") != what.npos);
    BOOST_TEST(what.find("the 3 that fit") != what.npos);
    BOOST_TEST((sut == FixedVector<int, 3>{1, 2}));
    BOOST_CHECK_THROW((FixedVector<int, 3>{1, 2, 3, 4}), std::length_error);
    BOOST_CHECK_THROW(sut.append(std::array{7, 8}), std::length_error);
    BOOST_CHECK_THROW(sut.resize(4), std::length_error);
    BOOST_TEST((sut == FixedVector<int, 3>{1, 2}));
}

BOOST_AUTO_TEST_CASE(a_full_vector_refuses_and_stays_unchanged) {
    FixedVector<int, 2> sut{1, 2};
    BOOST_CHECK_THROW(sut.push_back(3), std::length_error);
    BOOST_TEST(!sut.try_push_back(3));
    BOOST_TEST((sut == FixedVector<int, 2>{1, 2}));
}

BOOST_AUTO_TEST_CASE(the_truncating_form_takes_what_fits) {
    const std::vector<int> five{1, 2, 3, 4, 5};
    BOOST_TEST((FixedVector<int, 3>::truncated(five) == FixedVector<int, 3>{1, 2, 3}));
    BOOST_TEST((FixedVector<int, 8>::truncated(five).size() == 5U));
}

BOOST_AUTO_TEST_CASE(an_index_beyond_the_end_throws_and_says_index_and_size) {
    FixedVector<int, 4> sut{1, 2};
    const auto what = message<std::out_of_range>([&] { static_cast<void>(sut[2]); });
    BOOST_TEST(what.find("index 2") != what.npos);
    BOOST_TEST(what.find("size 2") != what.npos);
    BOOST_CHECK_THROW(sut.erase_at(2), std::out_of_range);
    sut.clear();
    BOOST_CHECK_THROW(static_cast<void>(sut.front()), std::out_of_range);
    BOOST_CHECK_THROW(static_cast<void>(sut.back()), std::out_of_range);
    BOOST_CHECK_THROW(sut.pop_back(), std::out_of_range);
}

BOOST_AUTO_TEST_CASE(unused_elements_are_value_initialised_after_every_change) {
    const FixedVector<int, 4> one{1};
    FixedVector<int, 4> sut{1, 2, 3};
    sut.erase_at(2);
    sut.pop_back();
    BOOST_TEST(std::memcmp(&sut, &one, sizeof sut) == 0);
    sut = {5, 6, 7, 8};
    sut = {1};
    BOOST_TEST(std::memcmp(&sut, &one, sizeof sut) == 0);
    sut.resize(4, 9);
    sut.resize(1);
    BOOST_TEST(std::memcmp(&sut, &one, sizeof sut) == 0);
}

BOOST_AUTO_TEST_CASE(a_scribbled_size_never_leads_outside) {
    for (int byte : {0xff, 0x80, 0x7f, 0x04}) {
        FixedVector<int, 4> sut;
        std::memset(static_cast<void*>(&sut), byte, sizeof sut);
        BOOST_TEST(sut.size() == 4U);
        BOOST_TEST(sut.full());
        BOOST_TEST(static_cast<std::size_t>(std::ranges::distance(sut)) == 4U);
        BOOST_TEST(std::span<const int>(sut).size() == 4U);
        BOOST_CHECK_THROW(static_cast<void>(sut[4]), std::out_of_range);
        BOOST_CHECK_THROW(sut.push_back(1), std::length_error);
        auto copy = sut;
        copy.erase_at(3);
        BOOST_TEST(copy.size() == 3U);
        copy = sut;
        copy.pop_back();
        BOOST_TEST(copy.size() == 3U);
    }
}

BOOST_AUTO_TEST_CASE(a_part_of_itself_can_be_assigned) {
    FixedVector<int, 6> sut{1, 2, 3, 4, 5};
    sut.assign(std::span<const int>(sut).subspan(2, 2));
    BOOST_TEST((sut == FixedVector<int, 6>{3, 4}));
    sut.append(sut);
    BOOST_TEST((sut == FixedVector<int, 6>{3, 4, 3, 4}));
    sut.resize(6, sut[1]);
    BOOST_TEST(sut.back() == 4);
}

BOOST_AUTO_TEST_CASE(it_becomes_a_span_and_sorts_as_a_range) {
    FixedVector<int, 6> sut{3, 1, 2};
    std::span<int> all{sut};
    std::span<const int> seen{std::as_const(sut)};
    std::ranges::sort(sut);
    BOOST_TEST(all[0] == 1);
    BOOST_TEST(seen.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_stream_prints_the_elements_between_brackets) {
    std::ostringstream out;
    out << FixedVector<int, 3>{1, 2} << FixedVector<int, 3>{};
    BOOST_TEST(out.str() == "[1, 2][]");
}

BOOST_AUTO_TEST_CASE(equal_vectors_have_one_hash) {
    const std::hash<FixedVector<int, 4>> hash;
    BOOST_TEST(hash({1, 2}) == hash({1, 2}));
    BOOST_TEST(hash({1, 2}) != hash({2, 1}));
}
