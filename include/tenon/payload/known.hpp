// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fields.hpp"
#include "type_name.hpp"

#include <cstddef>
#include <string_view>
#include <type_traits>

/// The class templates whose meaning is known by name, without including their headers: those that
/// may cross although their members are private, and those that never may. Not for your own
/// classes: vouch for those (payload.hpp).
///
///     static_assert(tenon::known<std::optional<int>> == tenon::Known::optional);
///     static_assert(tenon::known<std::string> == tenon::Known::string);

namespace tenon {

enum class Known {
    none,
    optional,
    variant,
    duration,
    time_point,
    calendar,
    complex,
    array,
    bitset,
    fixed_string,
    fixed_vector,
    descriptor,  // may cross, a descriptor only over a TypedSocket
    string,
    sequence,
    associative,
    owner,
    view,
    atomic,
    pair,
    tuple,
    callable  // never
};

namespace detail {

/// What a class template was given: its type arguments, and its one number.
template <class T>
struct Arguments {
    static constexpr bool is_template = false;
};
template <template <class...> class C, class... A>
struct Arguments<C<A...>> {
    static constexpr bool is_template = true;
    static constexpr std::size_t number = 0;
    using types = Types<A...>;
};
template <template <class, std::size_t> class C, class A, std::size_t N>
struct Arguments<C<A, N>> {
    static constexpr bool is_template = true;
    static constexpr std::size_t number = N;
    using types = Types<A>;
};
template <template <std::size_t> class C, std::size_t N>
struct Arguments<C<N>> {
    static constexpr bool is_template = true;
    static constexpr std::size_t number = N;
    using types = Types<>;
};

struct KnownName {
    std::string_view name;
    Known known;
};
inline constexpr KnownName known_names[] = {
    {"optional", Known::optional},
    {"variant", Known::variant},
    {"chrono::duration", Known::duration},
    {"chrono::time_point", Known::time_point},
    {"chrono::hh_mm_ss", Known::calendar},
    {"complex", Known::complex},
    {"array", Known::array},
    {"bitset", Known::bitset},
    {"basic_string", Known::string},
    {"vector", Known::sequence},
    {"deque", Known::sequence},
    {"list", Known::sequence},
    {"forward_list", Known::sequence},
    {"valarray", Known::sequence},
    {"stack", Known::sequence},
    {"queue", Known::sequence},
    {"priority_queue", Known::sequence},
    {"set", Known::associative},
    {"map", Known::associative},
    {"multiset", Known::associative},
    {"multimap", Known::associative},
    {"unordered_set", Known::associative},
    {"unordered_map", Known::associative},
    {"unordered_multiset", Known::associative},
    {"unordered_multimap", Known::associative},
    {"unique_ptr", Known::owner},
    {"shared_ptr", Known::owner},
    {"weak_ptr", Known::owner},
    {"basic_string_view", Known::view},
    {"span", Known::view},
    {"reference_wrapper", Known::view},
    {"initializer_list", Known::view},
    {"atomic", Known::atomic},
    {"atomic_ref", Known::view},
    {"pair", Known::pair},
    {"tuple", Known::tuple},
    {"function", Known::callable},
};

template <class T>
consteval Known known_by_name() {
    constexpr std::string_view full = type_name<T>;
    if constexpr (Arguments<T>::is_template) {
        std::string_view name = full.substr(0, position_of(full, "<"));
        if (name == "tenon::FixedString") return Known::fixed_string;
        if (name == "tenon::FixedVector") return Known::fixed_vector;
        if (!name.starts_with("std::")) return Known::none;
        name.remove_prefix(5);
        for (const KnownName& entry : known_names)
            if (entry.name == name) return entry.known;
    } else {
        for (std::string_view name :
             {"year", "month", "day", "weekday", "weekday_indexed", "weekday_last", "month_day", "month_day_last",
              "month_weekday", "month_weekday_last", "year_month", "year_month_day", "year_month_day_last",
              "year_month_weekday", "year_month_weekday_last"})
            if (full.starts_with("std::chrono::") && full.substr(13) == name) return Known::calendar;
        if (full == "tenon::PassedFd") return Known::descriptor;
        if (full == "std::any") return Known::callable;
        if (full == "std::atomic_flag") return Known::atomic;
    }
    return Known::none;
}

}  // namespace detail

/// What T is known as; Known::none for everything else.
template <class T>
inline constexpr Known known = Known::none;
template <class T>
    requires std::is_class_v<T>
inline constexpr Known known<T> = detail::known_by_name<T>();

/// Whether a known type may cross when its arguments may.
[[nodiscard]] constexpr bool may_cross(Known known) { return known != Known::none && known < Known::string; }

namespace detail {

/// The types that a T holds, for a T that is known and may cross.
template <class T>
consteval auto held_types() {
    if constexpr (known<T> == Known::duration)
        return Types<typename T::rep>{};
    else if constexpr (known<T> == Known::time_point)
        return Types<typename T::rep>{};
    else if constexpr (known<T> == Known::calendar || known<T> == Known::bitset || known<T> == Known::fixed_string ||
                       known<T> == Known::descriptor)
        return Types<>{};
    else
        return typename Arguments<T>::types{};
}

}  // namespace detail
}  // namespace tenon
