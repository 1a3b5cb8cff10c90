// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE known
#include <boost/test/unit_test.hpp>

#include <tenon/payload/fixed_string.hpp>
#include <tenon/payload/fixed_vector.hpp>
#include <tenon/payload/known.hpp>

#include <any>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using tenon::Known;
using tenon::known;

namespace mine {
template <class T>
struct optional {
    T value;
};
struct Order {
    int id;
};
}  // namespace mine

template <Known expected, class... T>
constexpr bool all_are = ((known<T> == expected) && ...);

BOOST_AUTO_TEST_CASE(what_may_cross_is_known) {
    BOOST_TEST((all_are<Known::optional, std::optional<int>, std::optional<mine::Order>>));
    BOOST_TEST((all_are<Known::variant, std::variant<int>, std::variant<int, float, mine::Order>>));
    BOOST_TEST((all_are<Known::array, std::array<int, 3>, std::array<int, 0>, std::array<std::array<int, 2>, 2>>));
    BOOST_TEST((all_are<Known::duration, std::chrono::milliseconds, std::chrono::duration<double>>));
    BOOST_TEST((all_are<Known::time_point, std::chrono::steady_clock::time_point, std::chrono::sys_days>));
    BOOST_TEST((all_are<Known::calendar, std::chrono::year_month_day, std::chrono::weekday,
                        std::chrono::hh_mm_ss<std::chrono::seconds>>));
    BOOST_TEST((all_are<Known::complex, std::complex<float>, std::complex<double>>));
    BOOST_TEST((all_are<Known::bitset, std::bitset<7>>));
    BOOST_TEST((all_are<Known::fixed_string, tenon::FixedString<7>>));
    BOOST_TEST((all_are<Known::fixed_vector, tenon::FixedVector<int, 7>>));
    BOOST_TEST(tenon::may_cross(Known::optional));
    BOOST_TEST(tenon::may_cross(Known::fixed_vector));
}

BOOST_AUTO_TEST_CASE(what_never_may_is_known) {
    BOOST_TEST((all_are<Known::string, std::string, std::wstring>));
    BOOST_TEST((all_are<Known::sequence, std::vector<int>, std::deque<int>, std::list<int>, std::vector<bool>>));
    BOOST_TEST((all_are<Known::associative, std::map<int, int>, std::set<int>, std::unordered_map<int, int>>));
    BOOST_TEST((all_are<Known::owner, std::unique_ptr<int>, std::shared_ptr<int>, std::weak_ptr<int>>));
    BOOST_TEST(
        (all_are<Known::view, std::string_view, std::span<int>, std::span<int, 3>, std::reference_wrapper<int>>));
    BOOST_TEST((all_are<Known::atomic, std::atomic<int>, std::atomic_flag>));
    BOOST_TEST((all_are<Known::pair, std::pair<int, int>>));
    BOOST_TEST((all_are<Known::tuple, std::tuple<int, int>, std::tuple<>>));
    BOOST_TEST((all_are<Known::callable, std::function<void()>, std::any>));
    BOOST_TEST(!tenon::may_cross(Known::string));
    BOOST_TEST(!tenon::may_cross(Known::callable));
    BOOST_TEST(!tenon::may_cross(Known::none));
}

BOOST_AUTO_TEST_CASE(a_class_of_the_same_name_elsewhere_is_not_known) {
    BOOST_TEST((all_are<Known::none, mine::optional<int>, mine::Order, int, int*, std::monostate>));
}
