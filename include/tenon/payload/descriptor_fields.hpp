// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The descriptors among the fields of a message: how many there can be, and each of them in the order of their places.
/// Types without any cost nothing. For the carriers; programs hardly need it themselves.
///
///     static_assert(tenon::descriptor_count<Frame> == 1);
///     tenon::for_each_descriptor(frame, [](tenon::PassedFd& field) { field = tenon::PassedFd{}; });

#include <cstddef>
#include <type_traits>

#include "fields.hpp"
#include "known.hpp"
#include "passed_fd.hpp"
#include "payload.hpp"  // vouched_payload

namespace tenon {

namespace detail {

template <class T>
consteval std::size_t count_descriptors();

template <class... T>
consteval std::size_t sum_of_descriptors(Types<T...>) {
    return (std::size_t{0} + ... + count_descriptors<std::remove_cv_t<T>>());
}

template <class T>
consteval std::size_t count_descriptors() {
    if constexpr (std::is_same_v<T, PassedFd>) {
        return 1;
    } else if constexpr (std::is_array_v<T>) {
        return std::extent_v<T> * count_descriptors<std::remove_cv_t<std::remove_extent_t<T>>>();
    } else if constexpr (known<T> == Known::array) {
        return Arguments<T>::number * sum_of_descriptors(typename Arguments<T>::types{});
    } else if constexpr (known<T> == Known::none && !vouched_payload<T> && std::is_aggregate_v<T> &&
                         !std::is_union_v<T>) {
        if constexpr (Fields<T>::seen == FieldsSeen::all && Fields<T>::count != 0) {
            return sum_of_descriptors(field_types<T, Fields<T>::count>());
        }
    }
    return 0;
}

}  // namespace detail

/// How many descriptors a T can carry.
template <class T>
inline constexpr std::size_t descriptor_count = detail::count_descriptors<T>();

/// Calls `visit` with each PassedFd in `value`, those that are none included.
template <class T, class Visit>
void for_each_descriptor(T& value, Visit visit) {
    using Plain = std::remove_const_t<T>;
    if constexpr (descriptor_count<Plain> == 0) {
        static_cast<void>(value);
    } else if constexpr (std::is_same_v<Plain, PassedFd>) {
        visit(value);
    } else if constexpr (std::is_array_v<Plain> || known<Plain> == Known::array) {
        for (auto& element : value) {
            for_each_descriptor(element, visit);
        }
    } else {
        detail::Spread<Fields<Plain>::count>::over(
            value, [&](auto /*declared*/, auto&... fields) { (for_each_descriptor(fields, visit), ...); });
    }
}

}  // namespace tenon
