// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Text that is known while compiling: a string which can be a template argument, and the pen that
/// writes it. Layouts, type names and refusals are made of it. Not for text that changes at run
/// time: that is FixedString.
///
///     constexpr tenon::Text greeting{"hello"};          // Text<5>
///     static_assert((greeting + tenon::Text{"!"}).view() == "hello!");

namespace tenon {

/// `size` characters and a closing NUL. All members are public so that it is a structural type.
template <std::size_t N>
struct Text {
    char chars[N + 1]{};

    constexpr Text() = default;
    constexpr Text(const char (&literal)[N + 1]) {
        for (std::size_t i = 0; i < N; ++i) chars[i] = literal[i];
    }

    [[nodiscard]] static constexpr std::size_t size() { return N; }
    [[nodiscard]] constexpr std::string_view view() const { return {chars, N}; }
};

template <std::size_t N>
Text(const char (&)[N]) -> Text<N - 1>;

template <std::size_t A, std::size_t B>
[[nodiscard]] constexpr Text<A + B> operator+(const Text<A>& a, const Text<B>& b) {
    Text<A + B> both;
    for (std::size_t i = 0; i < A; ++i) both.chars[i] = a.chars[i];
    for (std::size_t i = 0; i < B; ++i) both.chars[A + i] = b.chars[i];
    return both;
}

/// Where `part` first is in `text`, or text.size(). (string_view's own find compares addresses, which
/// is no constant expression under some sanitizers.)
[[nodiscard]] constexpr std::size_t position_of(std::string_view text, std::string_view part) {
    for (std::size_t at = 0; at + part.size() <= text.size(); ++at) {
        std::size_t same = 0;
        while (same < part.size() && text[at + same] == part[same]) ++same;
        if (same == part.size()) return at;
    }
    return text.size();
}

/// Writes text into `out`; without one it only counts, so that the same writer can first measure
/// and then write.
struct Pen {
    char* out = nullptr;
    std::size_t size = 0;

    constexpr void put(char c) {
        if (out != nullptr) out[size] = c;
        ++size;
    }
    constexpr void put(std::string_view text) {
        if (out == nullptr) {
            size += text.size();
            return;
        }
        for (char c : text) out[size++] = c;
    }
    constexpr void put(std::uint64_t number) {
        std::uint64_t unit = 1;
        while (number / unit >= 10) unit *= 10;
        for (; unit != 0; unit /= 10) put(static_cast<char>('0' + number / unit % 10));
    }
};

/// What `Writer::write(Pen&)` writes, as Text of the right length.
template <class Writer>
[[nodiscard]] consteval auto written() {
    constexpr std::size_t length = [] {
        Pen pen;
        Writer::write(pen);
        return pen.size;
    }();
    Text<length> text;
    Pen pen{text.chars, 0};
    Writer::write(pen);
    return text;
}

}  // namespace tenon
