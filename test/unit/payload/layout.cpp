// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE layout
#include <boost/test/unit_test.hpp>

#include <tenon/payload/fixed_string.hpp>
#include <tenon/payload/fixed_vector.hpp>
#include <tenon/payload/layout.hpp>

#include <array>
#include <bit>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

using tenon::fingerprint;
using tenon::layout_words;

namespace {

enum class Colour : short { red };
struct Point {
    float x, y;
    alignas(16) Colour colour;
};
class Money {
public:
    [[nodiscard]] std::int64_t cents() const { return cents_; }

private:
    std::int64_t cents_ = 0;
};

}  // namespace

template <>
inline constexpr bool tenon::vouched_payload<Money> = true;

namespace {

struct Trip {
    tenon::FixedVector<Point, 4> stops;
    std::optional<Point> last;
    std::variant<std::int32_t, Point> either;
    Point grid[2][3];
    std::array<std::array<double, 3>, 2> matrix;
    tenon::FixedString<32> source;
    Money money;
    std::chrono::milliseconds waited;
    std::chrono::system_clock::time_point when;
    std::chrono::year_month_day day;
    std::complex<float> wave;
    std::bitset<70> bits;
    std::byte byte;
    const bool flag;
    char16_t sign;
    char text[4];
};

// Pairs that differ in one thing.
struct Base {
    std::int32_t a;
    std::int64_t b;
};
struct OtherNames {
    std::int32_t first;
    std::int64_t second;
};
struct OtherSpelling {
    int a;
    long long b;
};
struct OtherEnum {
    Colour a;
};
struct PlainShort {
    short a;
};
struct OtherSign {
    std::uint32_t a;
    std::int64_t b;
};
struct OtherKind {
    float a;
    std::int64_t b;
};
struct OtherOrder {
    std::int64_t b;
    std::int32_t a;
};
struct OtherPlace {
    std::int32_t a;
    alignas(16) std::int64_t b;
};
struct OtherAlign {
    alignas(32) std::int32_t a;
    std::int64_t b;
};
struct Nested {
    struct {
        std::int32_t a;
    } in;
    std::int64_t b;
};
struct OneMore {
    std::int32_t a;
    std::int32_t padding;
    std::int64_t b;
};
struct Extent2 {
    std::int32_t a[2][6];
};
struct Extent3 {
    std::int32_t a[3][4];
};
struct Extent12 {
    std::int32_t a[12];
};
struct StdArray12 {
    std::array<std::int32_t, 12> a;
};
struct Chars {
    char a[4];
};
struct Bytes {
    std::uint8_t a[4];
};

}  // namespace

// The very text, so that all compilers are held to the same one.
BOOST_AUTO_TEST_CASE(words_are_the_same_from_every_compiler) {
    BOOST_TEST(layout_words<Trip> ==
               "Trip size 592 align 16\n"
               "  stops list<struct>[4] at 0 size 144\n"
               "  stops[].x f32 at 0 size 4\n"
               "  stops[].y f32 at 4 size 4\n"
               "  stops[].colour i16 (Colour) at 16 size 2\n"
               "  last optional<struct> at 144 size 48\n"
               "  last<Point>.x f32 at 0 size 4\n"
               "  last<Point>.y f32 at 4 size 4\n"
               "  last<Point>.colour i16 (Colour) at 16 size 2\n"
               "  either variant<i32,struct> at 192 size 48\n"
               "  either<Point>.x f32 at 0 size 4\n"
               "  either<Point>.y f32 at 4 size 4\n"
               "  either<Point>.colour i16 (Colour) at 16 size 2\n"
               "  grid struct[2][3] (Point) at 240 size 192\n"
               "  grid[][].x f32 at 240 size 4\n"
               "  grid[][].y f32 at 244 size 4\n"
               "  grid[][].colour i16 (Colour) at 256 size 2\n"
               "  matrix f64[2][3] at 432 size 48\n"
               "  source text[32] at 480 size 36\n"
               "  money opaque (Money) at 520 size 8\n"
               "  waited duration<i64,1/1000> at 528 size 8\n"
               "  when time_point<i64,1/1000000000> (std::chrono::system_clock) at 536 size 8\n"
               "  day calendar (std::chrono::year_month_day) at 544 size 4\n"
               "  wave complex<f32> at 548 size 8\n"
               "  bits bits[70] at 560 size 16\n"
               "  byte u8 (std::byte) at 576 size 1\n"
               "  flag bool at 577 size 1\n"
               "  sign char16 at 578 size 2\n"
               "  text char[4] at 580 size 4\n");
}

// Were these to change, layout_format_version would have to change with them.
BOOST_AUTO_TEST_CASE(fingerprints_are_the_same_from_every_compiler) {
    if constexpr (std::endian::native == std::endian::little) {
        BOOST_TEST(fingerprint<Trip> == 0xab4d2b2ce5397852u);
        // by the formula that the header gives, worked out by hand in another language:
        // h(1, 1, h(16, 16, 2, 0, h(4, 4), 8, h(4, 8)), 16, 8)
        BOOST_TEST(fingerprint<Base> == 0xd776bcf68c6e9d49u);
    }
}

BOOST_AUTO_TEST_CASE(names_and_spelling_do_not_count) {
    BOOST_TEST(fingerprint<OtherNames> == fingerprint<Base>);
    BOOST_TEST(fingerprint<OtherSpelling> == fingerprint<Base>);
    BOOST_TEST(fingerprint<OtherEnum> == fingerprint<PlainShort>);
    BOOST_TEST(fingerprint<StdArray12> == fingerprint<Extent12>);
    BOOST_TEST(fingerprint<long> == (sizeof(long) == 8 ? fingerprint<long long> : fingerprint<int>));
}

BOOST_AUTO_TEST_CASE(each_difference_of_the_layout_counts) {
    const std::uint64_t all[] = {fingerprint<Base>,       fingerprint<OtherSign>,  fingerprint<OtherKind>,
                                 fingerprint<OtherOrder>, fingerprint<OtherPlace>, fingerprint<OtherAlign>,
                                 fingerprint<Nested>,     fingerprint<OneMore>,    fingerprint<Extent2>,
                                 fingerprint<Extent3>,    fingerprint<Extent12>,   fingerprint<Chars>,
                                 fingerprint<Bytes>};
    for (const auto& one : all)
        for (const auto& other : all) BOOST_TEST((one == other) == (&one == &other));
}

BOOST_AUTO_TEST_CASE(what_known_types_hold_counts) {
    BOOST_TEST((fingerprint<std::optional<int>> != fingerprint<std::optional<float>>));
    BOOST_TEST((fingerprint<std::variant<int, float>> != fingerprint<std::variant<float, int>>));
    BOOST_TEST((fingerprint<std::complex<float>> != fingerprint<std::array<float, 2>>));
    BOOST_TEST((fingerprint<std::chrono::milliseconds> != fingerprint<std::chrono::microseconds>));
    BOOST_TEST((fingerprint<std::chrono::milliseconds> != fingerprint<std::int64_t>));
    BOOST_TEST((fingerprint<std::bitset<70>> != fingerprint<std::bitset<71>>));
    BOOST_TEST((fingerprint<tenon::FixedString<32>> != fingerprint<tenon::FixedString<31>>));
    BOOST_TEST((fingerprint<tenon::FixedVector<int, 2>> != fingerprint<tenon::FixedVector<float, 2>>));
    BOOST_TEST((fingerprint<std::array<int, 0>> != fingerprint<std::array<float, 0>>));
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_no_struct_has_words_too) {
    BOOST_TEST(layout_words<double> == "double f64 size 8 align 8\n");
    BOOST_TEST((layout_words<std::optional<Base>> == "std::optional<Base> optional<struct> size 24 align 8\n"
                                                     "  <Base>.a i32 at 0 size 4\n"
                                                     "  <Base>.b i64 at 8 size 8\n"));
}

BOOST_AUTO_TEST_CASE(words_and_fingerprint_are_made_while_compiling) {
    static_assert(fingerprint<Base> != 0 && layout_words<Base>.size() == 61 && tenon::layout_format_version == 1);
    BOOST_TEST(layout_words<Base> == "Base size 16 align 8\n  a i32 at 0 size 4\n  b i64 at 8 size 8\n");
}
