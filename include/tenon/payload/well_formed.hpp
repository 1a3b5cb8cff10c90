// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fields.hpp"
#include "known.hpp"
#include "payload.hpp"  // vouched_payload

#include <cstddef>
#include <cstring>
#include <type_traits>

/// What a value that came from another process must be looked at for before anybody uses it: a std::variant's index beyond
/// its alternatives would send std::visit anywhere, and a bool must be 0 or 1. Everything else that may cross is harmless
/// whatever its bytes. Types without such a field cost nothing.
///
///     if (!tenon::is_well_formed(order)) refuse();

namespace tenon {

namespace detail {

template <class T>
consteval bool has_discriminant();

template <class... T>
consteval bool any_discriminant(Types<T...>) {
    return (false || ... || has_discriminant<std::remove_cv_t<T>>());
}

/// Whether a T holds a bool, an optional or a variant, at any depth.
template <class T>
consteval bool has_discriminant() {
    using Whole = std::remove_cv_t<std::remove_all_extents_t<T>>;
    if constexpr (std::is_same_v<Whole, bool> || known<Whole> == Known::optional || known<Whole> == Known::variant) {
        return true;
    } else if constexpr (known<Whole> == Known::array || known<Whole> == Known::fixed_vector) {
        return any_discriminant(typename Arguments<Whole>::types{});
    } else if constexpr (known<Whole> == Known::none && !vouched_payload<Whole> && std::is_aggregate_v<Whole> &&
                         !std::is_union_v<Whole>) {
        if constexpr (Fields<Whole>::seen == FieldsSeen::all && Fields<Whole>::count != 0) {
            return any_discriminant(field_types<Whole, Fields<Whole>::count>());
        }
    }
    return false;
}

}  // namespace detail

/// Whether every variant, optional and bool in `value` is in a state that the language allows. Of a vouched class, whose
/// author knows it, nothing is asked.
template <class T>
[[nodiscard]] bool is_well_formed(const T& value) noexcept {
    if constexpr (!detail::has_discriminant<T>()) {
        return true;
    } else if constexpr (std::is_same_v<T, bool>) {
        unsigned char byte;
        std::memcpy(&byte, &value, 1);
        return byte <= 1;
    } else if constexpr (known<T> == Known::optional) {
        // The flag is the first byte behind the value, in every library that has one for trivially copyable types.
        unsigned char engaged;
        std::memcpy(&engaged, reinterpret_cast<const unsigned char*>(&value) + sizeof(typename T::value_type), 1);
        return engaged == 0 || (engaged == 1 && is_well_formed(*value));
    } else if constexpr (known<T> == Known::variant) {
        return []<class... A>(const T& variant, detail::Types<A...>) {
            std::size_t index = 0;
            return variant.valueless_by_exception() ||
                   (variant.index() < sizeof...(A) && (true && ... && [&] {
                        return index++ != variant.index() || is_well_formed(*reinterpret_cast<const A*>(&variant));
                    }()));
        }(value, typename detail::Arguments<T>::types{});
    } else if constexpr (std::is_array_v<T> || known<T> == Known::array || known<T> == Known::fixed_vector) {
        for (const auto& element : value) {
            if (!is_well_formed(element)) return false;
        }
        return true;
    } else {
        return detail::Spread<Fields<T>::count>::over(
            value, [](auto /*declared*/, const auto&... fields) { return (true && ... && is_well_formed(fields)); });
    }
}

}  // namespace tenon
