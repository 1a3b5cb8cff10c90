// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "text.hpp"

#include <cstddef>
#include <string_view>

/// The name of a type, known while compiling and spelled alike by g++ and clang++: inline and
/// unnamed namespaces and enclosing functions are left out, `long unsigned int` is `unsigned long`.
/// For people to read: two types may have one name, so never tell types apart by it alone.
///
///     static_assert(tenon::type_name<Order> == "shop::Order");

namespace tenon {
namespace detail {

template <class T>
consteval const char* pretty() {
    return __PRETTY_FUNCTION__;
}

template <class T>
consteval std::string_view raw_type_name() {
    constexpr std::string_view sample = pretty<int>();
    constexpr std::size_t front = position_of(sample, "= int") + 2;
    constexpr std::size_t back = sample.size() - front - 3;
    constexpr std::string_view whole = pretty<T>();
    return whole.substr(front, whole.size() - front - back);
}

constexpr bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// Where the last `::` of a qualified name is.
constexpr std::size_t last_scope(std::string_view name) {
    std::size_t at = name.size();
    while (name[at - 1] != ':') --at;
    return at - 2;
}

/// Rewrites one compiler's spelling of a type into the common one, in place of the words as they come.
template <std::size_t Room>
struct TypeSpelling {
    char chars[Room + 1]{};
    std::size_t size = 0;

    constexpr explicit TypeSpelling(std::string_view raw) {
        while (!raw.empty()) {
            if (is_name_char(raw.front())) {
                std::size_t length = 1;
                while (length < raw.size() && is_name_char(raw[length])) ++length;
                word(raw.substr(0, length));
                raw.remove_prefix(length);
            } else {
                raw.remove_prefix(sign(raw));
            }
        }
        end_integer();
    }

private:
    int longs_ = 0;
    bool short_ = false;
    bool char_ = false;
    bool signed_ = false;
    bool unsigned_ = false;
    bool integer_ = false;

    constexpr void append(std::string_view text) {
        for (char c : text) chars[size++] = c;
    }

    constexpr void word(std::string_view text) {
        const bool was_integer = integer_;
        integer_ = true;
        if (text == "long")
            ++longs_;
        else if (text == "short")
            short_ = true;
        else if (text == "char")
            char_ = true;
        else if (text == "signed")
            signed_ = true;
        else if (text == "unsigned")
            unsigned_ = true;
        else if (text != "int" && !(text == "double" && longs_ == 1)) {
            integer_ = was_integer;
            end_integer();
            if (size != 0 && is_name_char(chars[size - 1])) append(" ");
            if (text.front() >= '0' && text.front() <= '9')  // 8UL, 8ul and 8 are one number
                while (text.back() == 'u' || text.back() == 'U' || text.back() == 'l' || text.back() == 'L')
                    text.remove_suffix(1);
            append(text);
            return;
        }
        if (text == "double") {
            longs_ = 0;
            integer_ = false;
            append("long double");
        }
    }

    constexpr void end_integer() {
        if (!integer_) return;
        if (size != 0 && is_name_char(chars[size - 1])) append(" ");
        if (unsigned_)
            append("unsigned ");
        else if (signed_ && char_)
            append("signed ");
        append(char_ ? "char" : short_ ? "short" : longs_ == 0 ? "int" : longs_ == 1 ? "long" : "long long");
        longs_ = 0;
        short_ = char_ = signed_ = unsigned_ = integer_ = false;
    }

    /// One sign, or one of the prefixes that are left out; returns how much was used.
    constexpr std::size_t sign(std::string_view raw) {
        for (std::string_view unnamed : {"{anonymous}::", "(anonymous namespace)::", "<unnamed>::"})
            if (raw.starts_with(unnamed)) return unnamed.size();
        if (raw.front() == ' ') return 1;
        end_integer();
        if (raw.starts_with("::")) {
            if (size != 0 && chars[size - 1] == ')') {
                drop_function();
                return 2;
            }
            const std::string_view so_far{chars, size};
            for (std::string_view inlined : {"std::__cxx11", "std::__1", "std::chrono::_V2"})
                if (so_far.ends_with(inlined)) {
                    size -= inlined.size() - last_scope(inlined);
                    break;
                }
            append("::");
            return 2;
        }
        if (raw.front() == ',')
            append(", ");
        else
            append(raw.substr(0, 1));
        return 1;
    }

    /// Takes back `scope::function(arguments)`, which g++ puts before the name of a local type.
    constexpr void drop_function() {
        int depth = 0;
        while (size != 0) {
            const char c = chars[size - 1];
            if (c == ')' || c == '>' || c == ']')
                ++depth;
            else if (c == '(' || c == '[' || c == '<') {
                if (depth == 0) return;
                --depth;
            } else if (depth == 0 && c == ' ')
                return;
            --size;
        }
    }
};

template <class T>
inline constexpr auto type_name_text = [] {
    constexpr std::string_view raw = raw_type_name<T>();
    constexpr TypeSpelling<2 * raw.size() + 16> spelled{raw};
    Text<spelled.size> text;
    for (std::size_t i = 0; i < spelled.size; ++i) text.chars[i] = spelled.chars[i];
    return text;
}();

}  // namespace detail

template <class T>
inline constexpr std::string_view type_name = detail::type_name_text<T>.view();

}  // namespace tenon
