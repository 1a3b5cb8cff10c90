// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE type_name
#include <boost/test/unit_test.hpp>

#include <tenon/payload/type_name.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

using tenon::type_name;

namespace shop {
struct Order {};
template <class... T>
struct Box {};
template <std::size_t N>
struct Many {};
template <auto N>
struct Any {};
enum class Colour { red };
namespace {
struct Hidden {};
}  // namespace
template <class T>
auto local() {
    struct Inner {};
    return Inner{};
}
}  // namespace shop

// The same text is expected from every compiler: that is what these names are for.
BOOST_AUTO_TEST_CASE(integers_have_one_spelling) {
    BOOST_TEST(type_name<unsigned long> == "unsigned long");
    BOOST_TEST(type_name<long long unsigned> == "unsigned long long");
    BOOST_TEST(type_name<short unsigned> == "unsigned short");
    BOOST_TEST(type_name<short> == "short");
    BOOST_TEST(type_name<int> == "int");
    BOOST_TEST(type_name<signed char> == "signed char");
    BOOST_TEST(type_name<unsigned char> == "unsigned char");
    BOOST_TEST(type_name<char> == "char");
    BOOST_TEST(type_name<long double> == "long double");
    BOOST_TEST(type_name<double> == "double");
}

BOOST_AUTO_TEST_CASE(user_types_are_qualified) {
    BOOST_TEST(type_name<shop::Order> == "shop::Order");
    BOOST_TEST(type_name<shop::Colour> == "shop::Colour");
    BOOST_TEST(type_name<const shop::Order> == "const shop::Order");
}

BOOST_AUTO_TEST_CASE(template_arguments_are_spelled_alike) {
    BOOST_TEST((type_name<shop::Box<unsigned long, shop::Box<long double>>> ==
                "shop::Box<unsigned long, shop::Box<long double>>"));
    BOOST_TEST(type_name<shop::Many<8>> == "shop::Many<8>");
    BOOST_TEST(type_name<shop::Any<8UL>> == "shop::Any<8>");
    BOOST_TEST(type_name<shop::Any<-8>> == "shop::Any<-8>");
    BOOST_TEST(type_name<std::optional<const char*>> == "std::optional<const char*>");
}

BOOST_AUTO_TEST_CASE(inline_and_unnamed_namespaces_are_left_out) {
    BOOST_TEST(type_name<shop::Hidden> == "shop::Hidden");
    BOOST_TEST(type_name<shop::Box<shop::Hidden>> == "shop::Box<shop::Hidden>");
    BOOST_TEST(type_name<std::string> == "std::basic_string<char>");
    BOOST_TEST(type_name<std::chrono::system_clock> == "std::chrono::system_clock");
}

BOOST_AUTO_TEST_CASE(enclosing_functions_are_left_out) {
    struct Local {};
    BOOST_TEST(type_name<Local> == "Local");
    BOOST_TEST(type_name<shop::Box<Local>> == "shop::Box<Local>");
    BOOST_TEST(type_name<decltype(shop::local<int>())> == "Inner");
}

BOOST_AUTO_TEST_CASE(pointers_references_and_arrays_are_readable) {
    BOOST_TEST(type_name<const int*> == "const int*");
    BOOST_TEST(type_name<unsigned long&> == "unsigned long&");
    BOOST_TEST(type_name<char[3][4]> == "char[3][4]");
    BOOST_TEST(type_name<void (*)(int)> == "void(*)(int)");
}
