// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fields.hpp"
#include "known.hpp"
#include "payload.hpp"
#include "text.hpp"
#include "type_name.hpp"

#include <bit>     // std::endian
#include <cfloat>  // LDBL_MANT_DIG
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>  // std::index_sequence

/// The layout of a payload, computed while compiling: a fingerprint for programs to compare, and
/// the same in words for people to read. Both are alike from g++ and clang++. The fingerprint says
/// nothing of names: a renamed field still fits, a moved, resized or retyped one does not.
///
///     if (header.fingerprint != tenon::fingerprint<Order>)
///         throw_mismatch(tenon::layout_difference(tenon::layout_words<Order>, their_words));
///
/// The words, one line a field, offsets in bytes from the start of the whole:
///
///     Order size 24 align 8
///       id u64 at 0 size 8
///       customer struct (Customer) at 8 size 16
///       customer.age u32 at 8 size 4
///
/// The fingerprint is FNV-1a (64 bits) over numbers of 8 bytes, lowest first: layout_format_version,
/// 1 for little endian or 2 for big, the node of the whole, its size, and its alignment or 8,
/// whichever is more (below 8 the architectures differ without effect on the fields). A node is again
/// FNV-1a over its kind (LayoutKind), its size, and by kind: the element's node and the extent of an
/// array, list or text; the held types' nodes; the period's numerator and denominator; the field
/// count, then the offset and node of each field.

namespace tenon {

/// Changes whenever a layout's fingerprint would be computed otherwise.
inline constexpr std::uint32_t layout_format_version = 1;

/// What a field is, by meaning and width, not by spelling: `long` of 8 bytes is `signed_integer`.
enum class LayoutKind : std::uint64_t {
    opaque = 1,
    boolean = 2,
    character = 3,
    signed_integer = 4,
    unsigned_integer = 5,
    binary_float = 6,
    wide_character = 7,
    unicode_character = 8,
    structure = 16,
    array = 17,
    text = 18,
    list = 19,
    optional = 20,
    variant = 21,
    complex = 22,
    bits = 23,
    duration = 24,
    time_point = 25,
    calendar = 26,
    descriptor = 27
};

namespace detail {

template <class T>
consteval LayoutKind layout_kind() {
    if constexpr (std::is_enum_v<T>)
        return layout_kind<std::underlying_type_t<T>>();
    else if constexpr (std::is_same_v<T, bool>)
        return LayoutKind::boolean;
    else if constexpr (std::is_same_v<T, char>)
        return LayoutKind::character;
    else if constexpr (std::is_same_v<T, wchar_t>)
        return LayoutKind::wide_character;
    else if constexpr (std::is_same_v<T, char8_t> || std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>)
        return LayoutKind::unicode_character;
    else if constexpr (std::is_floating_point_v<T>)
        return LayoutKind::binary_float;
    else if constexpr (is_number<T>)
        return T(-1) < T(0) ? LayoutKind::signed_integer : LayoutKind::unsigned_integer;
    else if constexpr (std::is_array_v<T>)
        return LayoutKind::array;
    else {
        switch (vouched_payload<T> ? Known::none : known<T>) {
            case Known::optional: return LayoutKind::optional;
            case Known::variant: return LayoutKind::variant;
            case Known::duration: return LayoutKind::duration;
            case Known::time_point: return LayoutKind::time_point;
            case Known::calendar: return LayoutKind::calendar;
            case Known::complex: return LayoutKind::complex;
            case Known::array: return LayoutKind::array;
            case Known::bitset: return LayoutKind::bits;
            case Known::fixed_string: return LayoutKind::text;
            case Known::fixed_vector: return LayoutKind::list;
            case Known::descriptor: return LayoutKind::descriptor;
            default: return std::is_aggregate_v<T> && !vouched_payload<T> ? LayoutKind::structure : LayoutKind::opaque;
        }
    }
}

/// The width that a number of this type really has: a long double of 80 bits lies in 12 or 16 bytes.
template <class T>
consteval std::size_t number_bits() {
    if constexpr (std::is_same_v<T, long double>)
        return LDBL_MANT_DIG == 64 ? 80 : LDBL_MANT_DIG == 53 ? 64 : 128;
    else
        return 8 * sizeof(T);
}

/// Element type and extent of T[N], std::array<T, N>, FixedVector<T, N> and the like.
template <class T>
struct Row {
    using element = typename decltype(nth_type<0>(typename Arguments<T>::types{}))::type;
    static constexpr std::size_t extent = Arguments<T>::number;
};
template <class T, std::size_t N>
struct Row<T[N]> {
    using element = T;
    static constexpr std::size_t extent = N;
};

struct Fnv {
    std::uint64_t hash = 0xcbf29ce484222325;

    constexpr void add(std::uint64_t number) {
        for (int byte = 0; byte < 8; ++byte) {
            hash = (hash ^ (number & 0xff)) * 0x100000001b3;
            number >>= 8;
        }
    }
};

template <class T>
consteval std::uint64_t layout_node();
template <class T>
inline constexpr std::uint64_t node = layout_node<std::remove_cv_t<T>>();

template <class... T>
consteval void add_nodes(Fnv& sum, Types<T...>) {
    sum.add(sizeof...(T));
    (sum.add(node<T>), ...);
}
template <class T, std::size_t... I, class... F>
consteval void add_fields(Fnv& sum, std::index_sequence<I...>, Types<F...>) {
    sum.add(sizeof...(F));
    ((sum.add(field_offset<T, I>), sum.add(node<F>)), ...);
}

template <class T>
consteval std::uint64_t layout_node() {
    constexpr LayoutKind kind = layout_kind<T>();
    Fnv sum;
    sum.add(static_cast<std::uint64_t>(kind));
    sum.add(sizeof(T));
    if constexpr (kind == LayoutKind::binary_float)
        sum.add(number_bits<T>());
    else if constexpr (kind == LayoutKind::array || kind == LayoutKind::list) {
        sum.add(node<typename Row<T>::element>);
        sum.add(Row<T>::extent);
    } else if constexpr (kind == LayoutKind::text || kind == LayoutKind::bits)
        sum.add(Arguments<T>::number);
    else if constexpr (kind == LayoutKind::structure) {
        if constexpr (Fields<T>::count == 0)
            sum.add(0);
        else
            add_fields<T>(sum, std::make_index_sequence<Fields<T>::count>{}, field_types<T, Fields<T>::count>());
    } else if constexpr (kind == LayoutKind::duration || kind == LayoutKind::time_point) {
        sum.add(node<typename T::rep>);
        sum.add(static_cast<std::uint64_t>(T::period::num));
        sum.add(static_cast<std::uint64_t>(T::period::den));
    } else if constexpr (kind == LayoutKind::optional || kind == LayoutKind::variant || kind == LayoutKind::complex)
        add_nodes(sum, held_types<T>());
    return sum.hash;
}

template <class T>
consteval std::uint64_t whole_fingerprint() {
    Fnv sum;
    sum.add(layout_format_version);
    sum.add(std::endian::native == std::endian::little ? 1 : 2);
    sum.add(node<T>);
    sum.add(sizeof(T));
    sum.add(alignof(T) < 8 ? 8 : alignof(T));
    return sum.hash;
}

/// The kind in a few characters: u32, f64[3], text[32], optional<i32>.
template <class T>
constexpr void write_kind(Pen& pen);

template <class... T>
constexpr void write_kinds(Pen& pen, Types<T...>) {
    std::size_t before = 0;
    ((pen.put(before++ == 0 ? std::string_view{} : std::string_view{","}), write_kind<std::remove_cv_t<T>>(pen)), ...);
}

template <class T>
constexpr void write_extents(Pen& pen) {
    if constexpr (layout_kind<T>() == LayoutKind::array) {
        pen.put('[');
        pen.put(std::uint64_t{Row<T>::extent});
        pen.put(']');
        write_extents<std::remove_cv_t<typename Row<T>::element>>(pen);
    }
}
template <class T>
consteval auto innermost() {
    if constexpr (layout_kind<T>() == LayoutKind::array)
        return innermost<std::remove_cv_t<typename Row<T>::element>>();
    else
        return std::type_identity<T>{};
}

template <class T>
constexpr void write_kind(Pen& pen) {
    constexpr LayoutKind kind = layout_kind<T>();
    if constexpr (kind == LayoutKind::array) {
        write_kind<typename decltype(innermost<T>())::type>(pen);
        write_extents<T>(pen);
    } else if constexpr (kind == LayoutKind::boolean)
        pen.put("bool");
    else if constexpr (kind == LayoutKind::character)
        pen.put("char");
    else if constexpr (kind == LayoutKind::structure)
        pen.put("struct");
    else if constexpr (kind == LayoutKind::opaque)
        pen.put("opaque");
    else if constexpr (kind == LayoutKind::calendar)
        pen.put("calendar");
    else if constexpr (kind == LayoutKind::descriptor)
        pen.put("fd");
    else if constexpr (kind == LayoutKind::text || kind == LayoutKind::bits) {
        pen.put(kind == LayoutKind::text ? "text[" : "bits[");
        pen.put(std::uint64_t{Arguments<T>::number});
        pen.put(']');
    } else if constexpr (kind == LayoutKind::list) {
        pen.put("list<");
        write_kind<std::remove_cv_t<typename Row<T>::element>>(pen);
        pen.put(">[");
        pen.put(std::uint64_t{Row<T>::extent});
        pen.put(']');
    } else if constexpr (kind == LayoutKind::duration || kind == LayoutKind::time_point) {
        pen.put(kind == LayoutKind::duration ? "duration<" : "time_point<");
        write_kind<typename T::rep>(pen);
        pen.put(',');
        pen.put(static_cast<std::uint64_t>(T::period::num));
        pen.put('/');
        pen.put(static_cast<std::uint64_t>(T::period::den));
        pen.put('>');
    } else if constexpr (kind == LayoutKind::optional || kind == LayoutKind::variant || kind == LayoutKind::complex) {
        pen.put(kind == LayoutKind::optional ? "optional<" : kind == LayoutKind::variant ? "variant<" : "complex<");
        write_kinds(pen, held_types<T>());
        pen.put('>');
    } else {
        pen.put(kind == LayoutKind::signed_integer     ? "i"
                : kind == LayoutKind::unsigned_integer ? "u"
                : kind == LayoutKind::binary_float     ? "f"
                : kind == LayoutKind::wide_character   ? "wchar"
                                                       : "char");
        pen.put(std::uint64_t{number_bits<T>()});
    }
}

/// The way to a field, from the innermost step outwards: legs[].from.x, trip<Leg>.from
struct Way {
    enum class Step { field, element, held };

    const Way* outer;
    Step step;
    std::string_view name;

    constexpr void write(Pen& pen) const {
        if (outer != nullptr) outer->write(pen);
        if (step == Step::element) {
            pen.put("[]");
        } else if (step == Step::held) {
            pen.put('<');
            pen.put(name);
            pen.put('>');
        } else {
            if (outer != nullptr) pen.put('.');
            pen.put(name);
        }
    }
};

template <class T>
constexpr void write_line(Pen& pen, const Way& way, std::size_t offset) {
    using Innermost = typename decltype(innermost<T>())::type;
    constexpr LayoutKind kind = layout_kind<Innermost>();
    pen.put("  ");
    way.write(pen);
    pen.put(' ');
    write_kind<T>(pen);
    if constexpr (kind == LayoutKind::time_point) {
        pen.put(" (");
        pen.put(type_name<typename Innermost::clock>);
        pen.put(')');
    } else if constexpr (kind == LayoutKind::structure || kind == LayoutKind::opaque || kind == LayoutKind::calendar ||
                         std::is_enum_v<Innermost>) {
        pen.put(" (");
        pen.put(type_name<Innermost>);
        pen.put(')');
    }
    pen.put(" at ");
    pen.put(std::uint64_t{offset});
    pen.put(" size ");
    pen.put(std::uint64_t{sizeof(T)});
    pen.put('\n');
}

/// The fields inside a T, one line each; those of an array once, for its first element. What stands
/// inside an optional, a variant or a list has its offset from the start of the held type.
template <class T>
constexpr void write_inside(Pen& pen, const Way* way, std::size_t offset);

template <class T, std::size_t... I, class... F>
constexpr void write_fields(Pen& pen, const Way* outer, std::size_t offset, std::index_sequence<I...>, Types<F...>) {
    (
        [&] {
            const Way way{outer, Way::Step::field, field_name<T, I>};
            write_line<std::remove_cv_t<F>>(pen, way, offset + field_offset<T, I>);
            write_inside<std::remove_cv_t<F>>(pen, &way, offset + field_offset<T, I>);
        }(),
        ...);
}
template <class... H>
constexpr void write_held(Pen& pen, const Way* outer, Types<H...>) {
    (
        [&] {
            const Way way{outer, Way::Step::held, type_name<std::remove_cv_t<H>>};
            write_inside<std::remove_cv_t<H>>(pen, &way, 0);
        }(),
        ...);
}

template <class T>
constexpr void write_inside(Pen& pen, const Way* way, std::size_t offset) {
    constexpr LayoutKind kind = layout_kind<T>();
    if constexpr (kind == LayoutKind::structure) {
        if constexpr (Fields<T>::count != 0)
            write_fields<T>(pen, way, offset, std::make_index_sequence<Fields<T>::count>{},
                            field_types<T, Fields<T>::count>());
    } else if constexpr (kind == LayoutKind::array || kind == LayoutKind::list) {
        const Way element{way, Way::Step::element, {}};
        write_inside<std::remove_cv_t<typename Row<T>::element>>(pen, &element, kind == LayoutKind::list ? 0 : offset);
    } else if constexpr (kind == LayoutKind::optional || kind == LayoutKind::variant)
        write_held(pen, way, held_types<T>());
}

template <class T>
struct WholeLayout {
    static constexpr void write(Pen& pen) {
        constexpr LayoutKind kind = layout_kind<T>();
        pen.put(type_name<T>);
        if constexpr (kind != LayoutKind::structure && kind != LayoutKind::opaque) {
            pen.put(' ');
            write_kind<T>(pen);
        }
        pen.put(" size ");
        pen.put(std::uint64_t{sizeof(T)});
        pen.put(" align ");
        pen.put(std::uint64_t{alignof(T)});
        pen.put('\n');
        write_inside<T>(pen, nullptr, 0);
    }
};

template <class T>
inline constexpr auto layout_text = written<WholeLayout<T>>();

}  // namespace detail

/// A number that two programs share exactly when T's bytes mean the same to both.
template <SocketPayload T>
inline constexpr std::uint64_t fingerprint = detail::whole_fingerprint<T>();

/// The layout for people to read, one line a field, each ended by a newline; lives as long as the program.
template <SocketPayload T>
inline constexpr std::string_view layout_words = detail::layout_text<T>.view();

}  // namespace tenon
