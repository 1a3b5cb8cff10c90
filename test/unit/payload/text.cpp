// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE text
#include <boost/test/unit_test.hpp>

#include <tenon/payload/text.hpp>

#include <cstdint>

namespace {

template <tenon::Text T>
struct Tagged {};

struct Sentence {
    static constexpr void write(tenon::Pen& pen) {
        pen.put("n=");
        pen.put(UINT64_MAX);
        pen.put(',');
        pen.put(std::uint64_t{0});
        pen.put(std::uint64_t{10});
    }
};

}  // namespace

static_assert(std::is_same_v<Tagged<"ab">, Tagged<tenon::Text{"a"} + tenon::Text{"b"}>>);
static_assert(!std::is_same_v<Tagged<"ab">, Tagged<"ba">>);

BOOST_AUTO_TEST_CASE(texts_join) {
    constexpr auto sut = tenon::Text{"ab"} + tenon::Text{""} + tenon::Text{"c"};
    static_assert(sut.size() == 3);
    BOOST_TEST(sut.view() == "abc");
    BOOST_TEST(sut.chars[3] == '\0');
}

BOOST_AUTO_TEST_CASE(a_writer_gets_exactly_the_room_that_it_needs) {
    constexpr auto sut = tenon::written<Sentence>();
    BOOST_TEST(sut.view() == "n=18446744073709551615,010");
}

BOOST_AUTO_TEST_CASE(position_of_finds_the_first_or_says_the_size) {
    BOOST_TEST(tenon::position_of("abcbc", "bc") == 1U);
    BOOST_TEST(tenon::position_of("abc", "cd") == 3U);
    BOOST_TEST(tenon::position_of("a", "abc") == 1U);
    BOOST_TEST(tenon::position_of("", "a") == 0U);
}
