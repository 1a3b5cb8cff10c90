// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "fields.hpp"
#include "known.hpp"
#include "text.hpp"
#include "type_name.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

/// What may cross from one process to another: bytes that mean the same on both sides. A Payload is
/// trivially copyable, has no vtable, and at no depth holds a pointer or a reference. Aggregates are
/// walked field by field; a class with private members is refused until its author vouches for it:
///
///     template <> inline constexpr bool tenon::vouched_payload<Money> = true;   // I hold no pointer
///
///     static_assert(tenon::require_payload<Order>());   // a refusal is a sentence with the field's path

namespace tenon {

/// An author's word that a class which cannot be seen into holds no pointer or reference. It must
/// still be trivially copyable and have no virtual function. Specialise it as true, before first use.
template <class T>
inline constexpr bool vouched_payload = false;

/// Why a type is refused.
enum class Refusal {
    none,
    inside,  // something that it holds is refused
    pointer,
    function_pointer,
    member_pointer,
    reference,
    null_pointer,
    virtual_functions,
    string,
    sequence,
    associative,
    owner,
    view,
    callable,
    atomic,
    pair,
    tuple,
    not_trivially_copyable,
    vouched_not_trivially_copyable,
    vouched_virtual_functions,
    closed_class,
    union_type,
    unnamed_union,
    bit_field,
    base_with_fields,
    too_many_fields,
    uncountable_fields,
    const_or_volatile,
    volatile_field,
    array,
    unknown_length,
    incomplete,
    no_object,
    descriptor,
    held_descriptor
};

namespace detail {

// __extension__, which keeps -Wpedantic quiet, goes with a typedef only.
__extension__ typedef __int128 Int128;            // NOLINT(modernize-use-using)
__extension__ typedef unsigned __int128 UInt128;  // NOLINT(modernize-use-using)

template <class T>
inline constexpr bool is_number =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, Int128> || std::is_same_v<T, UInt128>;

/// How it travels: over a TypedSocket a descriptor may cross too, but not `held` in an optional and the like.
enum class Road { any, socket, held };

template <class T, Road road>
consteval Refusal judge();

/// The verdict on something held, which may be const.
template <class T, Road road = Road::any>
inline constexpr Refusal verdict = judge<T, road>();
template <class T, Road road>
inline constexpr Refusal verdict<const T, road> = verdict<T, road>;
template <class T, Road road>
inline constexpr Refusal verdict<volatile T, road> = Refusal::volatile_field;
template <class T, Road road>
inline constexpr Refusal verdict<const volatile T, road> = Refusal::volatile_field;

/// The road of what a known T holds.
template <class T, Road road>
inline constexpr Road road_inside = road == Road::socket&& known<T> != Known::array ? Road::held : road;

template <Road road, class... T>
consteval bool all_may_cross(Types<T...>) {
    return ((verdict<T, road> == Refusal::none) && ...);
}
template <class... T>
consteval bool some_reference(Types<T...>) {
    return (std::is_reference_v<T> || ...);
}

consteval Refusal refusal_of(Known never) {
    switch (never) {
        case Known::string: return Refusal::string;
        case Known::sequence: return Refusal::sequence;
        case Known::associative: return Refusal::associative;
        case Known::owner: return Refusal::owner;
        case Known::view: return Refusal::view;
        case Known::atomic: return Refusal::atomic;
        case Known::pair: return Refusal::pair;
        case Known::tuple: return Refusal::tuple;
        case Known::callable: return Refusal::callable;
        default: return Refusal::none;
    }
}

template <class T, Road road>
consteval Refusal judge_aggregate() {
    using Walk = Fields<T>;
    if constexpr (Walk::seen == FieldsSeen::too_many)
        return Refusal::too_many_fields;
    else if constexpr (Walk::seen == FieldsSeen::unnamed_union)
        return Refusal::unnamed_union;
    else if constexpr (Walk::seen == FieldsSeen::base_with_fields)
        return Refusal::base_with_fields;
    else if constexpr (Walk::seen == FieldsSeen::uncountable)
        return std::is_trivially_copyable_v<T> ? Refusal::uncountable_fields : Refusal::not_trivially_copyable;
    else {
        using Held = decltype(field_types<T, Walk::count>());
        if constexpr (!all_may_cross<road>(Held{}))
            return Refusal::inside;
        else if constexpr (!Walk::named)
            return Refusal::bit_field;
        else
            return std::is_trivially_copyable_v<T> ? Refusal::none : Refusal::not_trivially_copyable;
    }
}

template <class T, Road road>
consteval Refusal judge_class() {
    if constexpr (!requires { sizeof(T); })
        return Refusal::incomplete;
    else if constexpr (vouched_payload<T>)
        return std::is_polymorphic_v<T>           ? Refusal::vouched_virtual_functions
               : !std::is_trivially_copyable_v<T> ? Refusal::vouched_not_trivially_copyable
                                                  : Refusal::none;
    else if constexpr (std::is_union_v<T>)
        return Refusal::union_type;
    else if constexpr (std::is_polymorphic_v<T>)
        return Refusal::virtual_functions;
    else if constexpr (known<T> == Known::descriptor)
        return road == Road::socket ? Refusal::none
               : road == Road::held ? Refusal::held_descriptor
                                    : Refusal::descriptor;
    else if constexpr (may_cross(known<T>)) {
        if constexpr (!all_may_cross<road_inside<T, road>>(held_types<T>()))
            return Refusal::inside;
        else
            return std::is_trivially_copyable_v<T> ? Refusal::none : Refusal::not_trivially_copyable;
    } else if constexpr (known<T> != Known::none)
        return refusal_of(known<T>);
    else if constexpr (std::is_aggregate_v<T>)
        return judge_aggregate<T, road>();
    else if constexpr (!std::is_trivially_copyable_v<T>)
        return Refusal::not_trivially_copyable;
    else
        return std::is_empty_v<T> ? Refusal::none : Refusal::closed_class;
}

template <class T, Road road>
consteval Refusal judge() {
    if constexpr (is_number<T>) return std::is_enum_v<T> && !requires {
            sizeof(T);
        }
    ? Refusal::incomplete : Refusal::none;
    else if constexpr (std::is_reference_v<T>) return Refusal::reference;
    else if constexpr (std::is_pointer_v<T>) return std::is_function_v<std::remove_pointer_t<T>>
        ? Refusal::function_pointer
        : Refusal::pointer;
    else if constexpr (std::is_member_pointer_v<T>) return Refusal::member_pointer;
    else if constexpr (std::is_null_pointer_v<T>) return Refusal::null_pointer;
    else if constexpr (std::is_unbounded_array_v<T>) return Refusal::unknown_length;
    else if constexpr (std::is_array_v<T>) return verdict<std::remove_all_extents_t<T>, road> == Refusal::none
        ? Refusal::none
        : Refusal::inside;
    else if constexpr (std::is_class_v<T> || std::is_union_v<T>) return judge_class<T, road>();
    else return Refusal::no_object;
}

/// The verdict on T as a payload of its own.
template <class T, Road road = Road::any>
inline constexpr Refusal whole_verdict = verdict<T, road>;
template <class T, Road road>
    requires(!std::is_same_v<T, std::remove_cv_t<T>>)
inline constexpr Refusal whole_verdict<T, road> = Refusal::const_or_volatile;
template <class T, Road road>
    requires std::is_bounded_array_v<T>
inline constexpr Refusal whole_verdict<T, road> = Refusal::array;

}  // namespace detail

/// T may cross as it is. In a class body prefer require_payload, whose refusal is a sentence.
template <class T>
concept Payload = detail::whole_verdict<T>
== Refusal::none;

template <class T>
inline constexpr bool accepted_payload = Payload<T>;

/// T may cross over a TypedSocket: a Payload, or one with descriptors (passed_fd.hpp) among its fields.
template <class T>
concept SocketPayload = Payload<T> || detail::whole_verdict<T, detail::Road::socket>
== Refusal::none;

/// Where a refused field is, in a compiler's message: by its path; or, where the compiler does not
/// show text, by its address `&shadow.value.customer.name` in Whole; or by its number in the last In.
template <Text path>
struct At;
template <class Whole, detail::Pointer address>
struct In;
template <std::size_t number>
struct FieldNumber;
template <class Whole>
struct Itself;

/// The compiler's message when a type is refused: `Where` names the field by its path, `Held` is its
/// type, `why` picks the sentence.
template <class Held, Refusal why, class... Where>
struct Refused {
    static_assert(
        why != Refusal::pointer,
        "this may not cross to another process: a pointer is an address that means nothing there; put the value itself, or an index into an array of the payload, in its place");
    static_assert(
        why != Refusal::function_pointer,
        "this may not cross to another process: a pointer to a function is an address that means nothing there; put an enum that names the action in its place");
    static_assert(
        why != Refusal::member_pointer,
        "this may not cross to another process: a pointer to member means something only in the program that made it; put an enum that names the member in its place");
    static_assert(
        why != Refusal::reference,
        "this may not cross to another process: a reference is an address that means nothing there; hold the value itself");
    static_assert(
        why != Refusal::null_pointer,
        "this may not cross to another process: std::nullptr_t is a pointer, which means nothing there; leave it out, or use a bool or std::optional");
    static_assert(
        why != Refusal::virtual_functions,
        "this may not cross to another process: a class with virtual functions holds a pointer to its vtable, which is at another address there; use a struct without virtual functions, with an enum or a std::variant of structs for the cases");
    static_assert(
        why != Refusal::string,
        "this may not cross to another process: a std::string keeps its characters in this process's heap; use tenon::FixedString<N>");
    static_assert(
        why != Refusal::sequence,
        "this may not cross to another process: the container keeps its elements in this process's heap; use tenon::FixedVector<T, N>, std::array<T, N> or T[N]");
    static_assert(
        why != Refusal::associative,
        "this may not cross to another process: the container keeps its nodes in this process's heap; use a tenon::FixedVector<Entry, N> of structs with a key and a value");
    static_assert(
        why != Refusal::owner,
        "this may not cross to another process: a smart pointer owns an object in this process's heap; hold the object itself, or a std::optional of it");
    static_assert(
        why != Refusal::view,
        "this may not cross to another process: a view holds a pointer to what somebody else owns; copy what it shows into a tenon::FixedString<N>, a tenon::FixedVector<T, N> or a value");
    static_assert(
        why != Refusal::callable,
        "this may not cross to another process: what it wraps lives in this process only; use a std::variant of structs, or an enum that names the action");
    static_assert(
        why != Refusal::atomic,
        "this may not cross to another process: a std::atomic cannot be copied, and tenon does the synchronising; use the plain type");
    static_assert(
        why != Refusal::pair,
        "this may not cross to another process: a std::pair is not trivially copyable; use a struct with two named fields");
    static_assert(
        why != Refusal::tuple,
        "this may not cross to another process: a std::tuple is not trivially copyable and its layout is no promise; use a struct with named fields");
    static_assert(
        why != Refusal::not_trivially_copyable,
        "this may not cross to another process: it is not trivially copyable, so its bytes alone are not the object; remove its own copy, move and destructor, or hold a plain struct of what it stands for");
    static_assert(
        why != Refusal::vouched_not_trivially_copyable,
        "this may not cross to another process although it is vouched for: it is not trivially copyable, so its bytes alone are not the object; remove its own copy, move and destructor");
    static_assert(
        why != Refusal::vouched_virtual_functions,
        "this may not cross to another process although it is vouched for: it has virtual functions and so a pointer to its vtable; use a class without virtual functions");
    static_assert(
        why != Refusal::closed_class,
        "this may not cross to another process: it has private members or constructors, so nobody can see whether it holds a pointer; if it holds none, vouch for it: template <> inline constexpr bool tenon::vouched_payload<TheClass> = true;");
    static_assert(
        why != Refusal::union_type,
        "this may not cross to another process: nobody can see which member of a union is alive; use std::variant, or vouch for it: template <> inline constexpr bool tenon::vouched_payload<TheUnion> = true;");
    static_assert(
        why != Refusal::unnamed_union,
        "this may not cross to another process: it holds an unnamed union, and nobody can see which member is alive; use std::variant");
    static_assert(
        why != Refusal::bit_field,
        "this may not cross to another process: it holds a bit-field, whose place is each compiler's own choice; use whole integers, or one integer with masks");
    static_assert(
        why != Refusal::base_with_fields,
        "this may not cross to another process: it inherits fields from a base class, and the two cannot be walked together; make the base its first field");
    static_assert(
        why != Refusal::too_many_fields,
        "this may not cross to another process: it has more than 64 fields of its own; group some of them in a nested struct");
    static_assert(
        why != Refusal::uncountable_fields,
        "this may not cross to another process: its fields cannot be counted, because some have no default value; give each field one, or vouch for it: template <> inline constexpr bool tenon::vouched_payload<TheClass> = true;");
    static_assert(
        why != Refusal::const_or_volatile,
        "this may not cross to another process: the payload type itself is const or volatile; name the plain type");
    static_assert(
        why != Refusal::volatile_field,
        "this may not cross to another process: volatile makes nothing safe between processes, and tenon does the synchronising; use the plain type");
    static_assert(
        why != Refusal::array,
        "this may not cross to another process: an array alone has no name and cannot be assigned; wrap it in a struct, or use std::array<T, N>");
    static_assert(
        why != Refusal::unknown_length,
        "this may not cross to another process: an array of unknown length has no size; give it one, or use tenon::FixedVector<T, N>");
    static_assert(why != Refusal::incomplete,
                  "this may not cross to another process: it is only declared so far; include its definition first");
    static_assert(why != Refusal::no_object,
                  "this may not cross to another process: it is no object type; use a struct");
    static_assert(
        why != Refusal::descriptor,
        "this may not cross to another process: its number means nothing there, and a descriptor crosses only over a TypedSocket; send it there, and what else there is here");
    static_assert(
        why != Refusal::held_descriptor,
        "this may not cross to another process: a descriptor inside an optional, a variant or a list may be there or not, and those of a message are counted; make it a field of its own, or an array, in which PassedFd{} stands for none");

    static constexpr bool said = true;
};

namespace detail {

template <std::size_t N>
struct Number {
    static constexpr void write(Pen& pen) { pen.put(std::uint64_t{N}); }
};

template <Text>
consteval bool shows_text() {
    constexpr std::string_view name = __PRETTY_FUNCTION__;
    return position_of(name, "\"shown\"") != name.size();
}

template <class T, Refusal why, Text path, class... Where>
consteval void refuse() {
    if constexpr (shows_text<Text{"shown"}>())
        static_assert(Refused<T, why, At<path>>::said);
    else
        static_assert(Refused<T, why, Where...>::said);
}

template <std::string_view const& view>
inline constexpr auto text_of = [] {
    Text<view.size()> text;
    for (std::size_t i = 0; i < view.size(); ++i) text.chars[i] = view[i];
    return text;
}();

template <Road road, std::size_t I = 0, class First, class... Rest>
consteval std::size_t first_refused(Types<First, Rest...>) {
    if constexpr (verdict<First, road> != Refusal::none)
        return I;
    else
        return first_refused<road, I + 1>(Types<Rest...>{});
}

/// Follows a refused T, which is at `Here` inside Root, down to the field that is to blame.
template <Road road, class Root, Pointer Here, Text path, class... Outer>
consteval void explain_at();

template <Road road, class T, Refusal why, Text path, class... Outer>
consteval void explain() {
    if constexpr (why != Refusal::inside)
        refuse<T, why, path, Outer..., Itself<T>>();
    else
        explain_at<road, T, Pointer{&std::as_const(shadow<T>.value)}, path, Outer...>();
}

template <Road road, class Root, Pointer Here, Text path, class... Outer>
consteval void explain_at() {
    using T = std::remove_const_t<std::remove_reference_t<decltype(*Here.to)>>;
    if constexpr (verdict<T, road> != Refusal::inside)
        refuse<T, verdict<T, road>, path, Outer..., In<Root, Here>>();
    else if constexpr (std::is_array_v<T>)
        explain_at<road, Root, Pointer{&(*Here.to)[0]}, path + Text{"[0]"}, Outer...>();
    else if constexpr (may_cross(known<T>)) {
        constexpr Road inside = road_inside<T, road>;
        constexpr std::size_t i = first_refused<inside>(held_types<T>());
        using Part = typename decltype(nth_type<i>(held_types<T>()))::type;
        explain<inside, Part, verdict<Part, inside>, path + Text{" > "} + type_name_text<Part>, Outer...,
                In<Root, Here>>();
    } else {
        using Walk = Fields<T>;
        constexpr std::size_t i = first_refused<road>(field_types<T, Walk::count>());
        if constexpr (Walk::named && !std::is_volatile_v<typename Walk::template type<i>>)
            explain_at<road, Root, Pointer{pick<i>(Spread<Walk::count>::over(*Here.to, TakeAddresses{}))},
                       path + Text{"."} + text_of<field_name<T, i>>, Outer...>();
        else {
            using Part = typename Walk::template type<i>;
            explain<road, Part, verdict<Part, road>, path + Text{".field_"} + written<Number<i + 1>>(), Outer...,
                    In<Root, Here>, FieldNumber<i + 1>>();
        }
    }
}

}  // namespace detail

/// True for a Payload; for anything else the program does not compile, and the compiler prints which
/// field is refused, its type, why, and what to do instead.
template <class T>
[[nodiscard]] consteval bool require_payload() {
    if constexpr (!Payload<T>)
        detail::explain<detail::Road::any, T, detail::whole_verdict<T>, detail::type_name_text<T>>();
    return true;
}

/// The same for what crosses over a TypedSocket.
template <class T>
[[nodiscard]] consteval bool require_socket_payload() {
    if constexpr (!SocketPayload<T>)
        detail::explain<detail::Road::socket, T, detail::whole_verdict<T, detail::Road::socket>,
                        detail::type_name_text<T>>();
    return true;
}

}  // namespace tenon
