// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE payload
#include <boost/test/unit_test.hpp>

#include <tenon/payload/fixed_string.hpp>
#include <tenon/payload/fixed_vector.hpp>
#include <tenon/payload/payload.hpp>

#include <sys/types.h>  // pid_t
#include <time.h>       // timespec

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

using tenon::Payload;

namespace {

enum class Colour : short { red };
enum Plain { one };
struct Empty {};
struct Point {
    int x = 0;
    double y = 0;
};
class Money {
public:
    Money() = default;
    explicit Money(long cents) : cents_(cents) {}
    [[nodiscard]] long cents() const { return cents_; }

private:
    long cents_ = 0;
};
class Secret {
public:
    [[nodiscard]] int value() const { return value_; }

private:
    int value_ = 0;
};
class Price {  // has no default value
public:
    explicit Price(long cents) : cents_(cents) {}
    [[nodiscard]] long cents() const { return cents_; }

private:
    long cents_;
};
union Number {
    int whole;
    float part;
};
union Vouched {
    int whole;
    float part;
};
struct Recursive {
    Recursive* next;
};
struct NotYet;

}  // namespace

template <>
inline constexpr bool tenon::vouched_payload<Money> = true;
template <>
inline constexpr bool tenon::vouched_payload<Price> = true;
template <>
inline constexpr bool tenon::vouched_payload<Vouched> = true;

namespace {

struct Everything {
    bool flag;
    char c;
    signed char sc;
    wchar_t w;
    char8_t c8;
    char32_t c32;
    short s;
    long long ll;
    float f;
    long double ld;
    Colour colour;
    Plain plain;
    std::byte byte;
    pid_t pid;
    timespec time;
    Empty empty;
    Point points[2][3];
    std::array<Point, 4> more;
    std::array<int, 0> none;
    std::optional<Point> maybe;
    std::variant<std::monostate, int, Point> either;
    std::chrono::nanoseconds duration;
    std::chrono::steady_clock::time_point when;
    std::chrono::year_month_day day;
    std::complex<double> wave;
    std::bitset<100> bits;
    tenon::FixedString<16> name;
    tenon::FixedVector<Point, 3> list;
    Money money;
    Vouched vouched;
    const int constant;
    char huge[67108864];
    __extension__ __int128 wide;
    __extension__ unsigned __int128 uwide;
};

struct WithPrices {
    Point point;
    Price prices[2];
    char name[8];
    tenon::FixedVector<Point, 3> list;
};
struct WithPriceAndHuge {
    Price price;
    char huge[67108864];
};

template <class T>
struct Holds {
    int id;
    T field;
};
template <class T>
concept RefusedEverywhere =
    !Payload<T> && !Payload<Holds<T>> && !Payload<Holds<Holds<T>>> && !Payload<std::optional<T>> &&
    !Payload<std::array<T, 2>> && !Payload<Holds<T[2]>> && !Payload<std::variant<int, T>>;

template <class T>
constexpr int chosen(const T&) {
    return 0;
}
template <Payload T>
constexpr int chosen(const T&) {
    return 1;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_of_field_is_accepted) {
    static_assert(Payload<Everything> && tenon::require_payload<Everything>() && tenon::accepted_payload<Everything>);
    static_assert(Payload<int> && Payload<double> && Payload<Colour> && Payload<std::byte> && Payload<Empty>);
    BOOST_TEST(Payload<Everything>);
}

BOOST_AUTO_TEST_CASE(vouched_fields_need_no_default_value) {
    BOOST_TEST(Payload<WithPrices>);
    BOOST_TEST(!Payload<WithPriceAndHuge>);  // its fields cannot be counted
}

BOOST_AUTO_TEST_CASE(what_holds_an_address_is_refused_at_every_depth) {
    BOOST_TEST(RefusedEverywhere<int*>);
    BOOST_TEST(RefusedEverywhere<void*>);
    BOOST_TEST(RefusedEverywhere<const char*>);
    BOOST_TEST(RefusedEverywhere<void (*)()>);
    BOOST_TEST(RefusedEverywhere<int Point::*>);
    BOOST_TEST(RefusedEverywhere<void (Point::*)()>);
    BOOST_TEST(RefusedEverywhere<std::nullptr_t>);
    BOOST_TEST(RefusedEverywhere<std::string_view>);
    BOOST_TEST(RefusedEverywhere<std::reference_wrapper<int>>);
    BOOST_TEST(RefusedEverywhere<Recursive>);
    BOOST_TEST((!Payload<int&> && !Payload<Holds<int&>> && !Payload<Holds<const int&>> && !Payload<Holds<int&&>>));
}

BOOST_AUTO_TEST_CASE(what_is_not_its_bytes_is_refused_at_every_depth) {
    BOOST_TEST(RefusedEverywhere<std::string>);
    BOOST_TEST(RefusedEverywhere<std::unique_ptr<int>>);
    BOOST_TEST((RefusedEverywhere<std::pair<int, int>>));
    BOOST_TEST(RefusedEverywhere<Secret>);
    BOOST_TEST(RefusedEverywhere<Number>);
}

BOOST_AUTO_TEST_CASE(what_is_no_whole_object_is_refused) {
    BOOST_TEST(!Payload<const Point>);
    BOOST_TEST(!Payload<volatile int>);
    BOOST_TEST(!Payload<int[3]>);
    BOOST_TEST(!Payload<int[]>);
    BOOST_TEST(!Payload<void>);
    BOOST_TEST(!Payload<int()>);
    BOOST_TEST(!Payload<NotYet>);
}

BOOST_AUTO_TEST_CASE(overloads_can_be_chosen_by_the_concept) {
    BOOST_TEST(chosen(Point{}) == 1);
    BOOST_TEST(chosen(std::string{}) == 0);
    BOOST_TEST(chosen(Holds<char*>{}) == 0);
}
