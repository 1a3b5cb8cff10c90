// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE fields
#include <boost/test/unit_test.hpp>

#include <tenon/payload/fields.hpp>

#include <array>
#include <cstddef>

using tenon::field_name;
using tenon::field_offset;
using tenon::Fields;
using tenon::FieldsSeen;

namespace {

struct Point {
    int x;
    char label[5];
};
struct Order {
    Point from;
    alignas(32) int weight;
    int table[2][3];
    Point via[2];
};
struct Price {  // has no default value
    explicit Price(int cents) : cents_(cents) {}

private:
    [[maybe_unused]] int cents_;
};
struct WithPrice {
    int before[3];
    Price price;
    Point after;
};
struct WithDefaults {
    Price price = Price(3);
    int count = 1;
};
struct WithReference {
    int a;
    int& r;
    const int& c;
    char text[3];
};
struct WithUnnamedUnion {
    int kind;
    union {
        int whole;
        float part;
    };
};
struct WithBitField {
    int whole;
    int part : 3;
};
struct Empty {};
struct OnEmptyBase : Empty {
    int x, y;
};
struct OnBase : Point {
    int z;
};
struct OnBaseAlone : Point {};
struct WithEmpties {
    Empty one;
    [[no_unique_address]] Empty two;
    std::array<int, 0> none;
    int x;
};
struct Huge {
    char bytes[67108864];
    int last;
};
struct Awkward {  // hides its address
    int value;
    Awkward* operator&() { return nullptr; }
};
struct WithAwkward {
    int a;
    Awkward b;
};

struct Sixteen {
    char f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, last;
};
struct SixtyThree {
    int f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
        f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45,
        f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, last;
};
struct SixtyFour {
    int f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
        f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45,
        f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, f62, last;
};
struct SixtyFive {
    int f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
        f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45,
        f46, f47, f48, f49, f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, f62, f63, last;
};

template <class T, FieldsSeen seen, std::size_t count>
constexpr bool sees = Fields<T>::seen == seen&& Fields<T>::count == count;

template <class T, std::size_t I, class Field>
constexpr bool is_field = std::is_same_v<typename Fields<T>::template type<I>, Field>;

}  // namespace

BOOST_AUTO_TEST_CASE(fields_are_counted_without_brace_elision) {
    static_assert(sees<Point, FieldsSeen::all, 2> && sees<Order, FieldsSeen::all, 4>);
    static_assert(sees<WithEmpties, FieldsSeen::all, 4> && sees<Empty, FieldsSeen::all, 0>);
    static_assert(sees<Huge, FieldsSeen::all, 2>);
    BOOST_TEST(Fields<Order>::count == 4U);
}

BOOST_AUTO_TEST_CASE(fields_without_a_default_value_are_counted) {
    static_assert(sees<WithPrice, FieldsSeen::all, 3> && sees<WithDefaults, FieldsSeen::all, 2>);
    static_assert(is_field<WithPrice, 0, int[3]> && is_field<WithPrice, 1, Price> && is_field<WithPrice, 2, Point>);
    BOOST_TEST((field_name<WithPrice, 1> == "price"));
    BOOST_TEST((field_offset<WithPrice, 1> == offsetof(WithPrice, price)));
}

BOOST_AUTO_TEST_CASE(types_are_as_declared) {
    static_assert(is_field<Order, 0, Point> && is_field<Order, 1, int> && is_field<Order, 2, int[2][3]> &&
                  is_field<Order, 3, Point[2]>);
    static_assert(is_field<WithReference, 1, int&> && is_field<WithReference, 2, const int&>);
    BOOST_TEST(Fields<WithReference>::count == 4U);
}

BOOST_AUTO_TEST_CASE(names_and_offsets_are_those_of_the_source) {
    BOOST_TEST((field_name<Order, 0> == "from"));
    BOOST_TEST((field_name<Order, 3> == "via"));
    BOOST_TEST((field_offset<Order, 0> == offsetof(Order, from)));
    BOOST_TEST((field_offset<Order, 1> == offsetof(Order, weight)));
    BOOST_TEST((field_offset<Order, 2> == offsetof(Order, table)));
    BOOST_TEST((field_offset<Order, 3> == offsetof(Order, via)));
    BOOST_TEST((field_offset<Huge, 1> == 67108864U));
    BOOST_TEST((field_name<WithAwkward, 1> == "b"));
    BOOST_TEST((field_offset<WithAwkward, 1> == 4U));
}

BOOST_AUTO_TEST_CASE(local_types_are_walked_too) {
    struct Local {
        char first;
        long second;
    };
    BOOST_TEST((field_name<Local, 1> == "second"));
    BOOST_TEST((field_offset<Local, 1> == offsetof(Local, second)));
}

BOOST_AUTO_TEST_CASE(sixty_four_fields_are_seen_and_one_more_is_said_to_be_too_many) {
    static_assert(sees<SixtyThree, FieldsSeen::all, 63> && sees<SixtyFour, FieldsSeen::all, 64>);
    static_assert(sees<Sixteen, FieldsSeen::all, 16>);
    static_assert(Fields<SixtyFive>::seen == FieldsSeen::too_many);
    BOOST_TEST((field_name<SixtyFour, 62> == "f62"));
    BOOST_TEST((field_name<SixtyFour, 63> == "last"));
    BOOST_TEST((field_offset<SixtyFour, 63> == 252U));
    BOOST_TEST((field_name<SixtyThree, 62> == "last"));
    BOOST_TEST((field_name<Sixteen, 15> == "last"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_bound_is_seen_before_it_is_an_error) {
    static_assert(Fields<WithUnnamedUnion>::seen == FieldsSeen::unnamed_union);
    static_assert(Fields<OnBase>::seen == FieldsSeen::base_with_fields &&
                  Fields<OnBaseAlone>::seen == FieldsSeen::base_with_fields);
    static_assert(!Fields<WithBitField>::named && !Fields<WithReference>::named && Fields<Order>::named);
    BOOST_TEST(Fields<WithBitField>::count == 2U);
}

BOOST_AUTO_TEST_CASE(empty_bases_are_no_fields) {
    static_assert(sees<OnEmptyBase, FieldsSeen::all, 2>);
    BOOST_TEST((field_name<OnEmptyBase, 1> == "y"));
}
