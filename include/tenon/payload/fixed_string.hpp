// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <stdexcept>  // std::length_error, std::out_of_range
#include <string>     // their text
#include <string_view>
#include <type_traits>

/// A string of at most N bytes that lies wholly inside the object, so that it may cross to another
/// process. For text without a bound, or text that only this process reads, std::string is better.
/// Bytes beyond the text are zero. The stored length may come from a hostile peer: it is brought
/// within N whenever it is read, so that nothing outside the object is ever touched.
///
///     struct Telemetry { std::uint64_t tick; tenon::FixedString<32> source; };
///     Telemetry t{.tick = 1, .source = "imu0"};
///     t.source = name;                                          // throws when name is too long
///     t.source = tenon::FixedString<32>::truncated(name);       // takes what fits

namespace tenon {

template <std::size_t N>
class FixedString {
    static_assert(N >= 1 && N <= 0xffffffff, "tenon::FixedString<N>: N must be from 1 to 4294967295 bytes");

public:
    using value_type = char;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using reference = char&;
    using const_reference = const char&;
    using iterator = char*;
    using const_iterator = const char*;

    static constexpr std::size_t npos = std::string_view::npos;

    constexpr FixedString() noexcept = default;

    /// Throws std::length_error that says both lengths when `text` is longer than N; then nothing changed.
    template <class S>
        requires(std::is_convertible_v<const S&, std::string_view> && !std::is_null_pointer_v<S> &&
                 !std::is_same_v<S, FixedString>)
    constexpr FixedString(const S& text) { assign(text); }
    template <class S>
        requires(std::is_convertible_v<const S&, std::string_view> && !std::is_null_pointer_v<S> &&
                 !std::is_same_v<S, FixedString>)
    constexpr FixedString& operator=(const S& text) {
        assign(text);
        return *this;
    }
    constexpr FixedString& assign(std::string_view text) {
        check(text.size());
        put(0, text);
        return *this;
    }

    /// As many bytes of `text` as fit, without a broken UTF-8 character at the end.
    [[nodiscard]] static constexpr FixedString truncated(std::string_view text) noexcept {
        FixedString result;
        result.assign_truncated(text);
        return result;
    }
    constexpr FixedString& assign_truncated(std::string_view text) noexcept {
        put(0, text.substr(0, fitting(text, N)));
        return *this;
    }

    /// Throw std::length_error when the whole would be longer than N; then nothing changed.
    constexpr FixedString& append(std::string_view text) {
        const std::size_t before = size();
        if (text.size() > N - before) refuse_length(text.size() > npos - before ? npos : before + text.size());
        put(before, text);
        return *this;
    }
    constexpr FixedString& operator+=(std::string_view text) { return append(text); }
    constexpr FixedString& operator+=(char c) { return append({&c, 1}); }
    constexpr void push_back(char c) { append({&c, 1}); }
    constexpr FixedString& append_truncated(std::string_view text) noexcept {
        const std::size_t before = size();
        put(before, text.substr(0, fitting(text, N - before)));
        return *this;
    }

    /// Throws std::out_of_range when empty.
    constexpr void pop_back() {
        const std::size_t n = size();
        if (n == 0) refuse_index(0, 0);
        cut(n - 1);
    }
    constexpr void clear() noexcept { cut(0); }
    /// Throws std::length_error when `n` is more than N; new bytes are `fill`.
    constexpr void resize(std::size_t n, char fill = 0) {
        check(n);
        const std::size_t before = size();
        cut(n < before ? n : before);
        for (std::size_t i = before; i < n; ++i) bytes_[i] = fill;
        size_ = static_cast<std::uint32_t>(n);
    }

    [[nodiscard]] constexpr std::size_t size() const noexcept { return bounded(stored()); }
    [[nodiscard]] constexpr std::size_t length() const noexcept { return size(); }
    [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }
    [[nodiscard]] static constexpr std::size_t max_size() noexcept { return N; }

    [[nodiscard]] constexpr std::string_view view() const noexcept { return {bytes_, size()}; }
    constexpr operator std::string_view() const noexcept { return view(); }
    [[nodiscard]] std::string str() const { return std::string{view()}; }

    /// The first byte. The text is not closed by NUL: take view() or str() for C functions.
    [[nodiscard]] constexpr const char* data() const noexcept { return bytes_; }
    [[nodiscard]] constexpr char* data() noexcept { return bytes_; }

    [[nodiscard]] constexpr iterator begin() noexcept { return bytes_; }
    [[nodiscard]] constexpr iterator end() noexcept { return bytes_ + size(); }
    [[nodiscard]] constexpr const_iterator begin() const noexcept { return bytes_; }
    [[nodiscard]] constexpr const_iterator end() const noexcept { return bytes_ + size(); }
    [[nodiscard]] constexpr const_iterator cbegin() const noexcept { return begin(); }
    [[nodiscard]] constexpr const_iterator cend() const noexcept { return end(); }

    /// One byte; throw std::out_of_range that says the index and the size.
    [[nodiscard]] constexpr char& operator[](std::size_t i) { return bytes_[checked(i)]; }
    [[nodiscard]] constexpr char operator[](std::size_t i) const { return bytes_[checked(i)]; }
    [[nodiscard]] constexpr char& at(std::size_t i) { return bytes_[checked(i)]; }
    [[nodiscard]] constexpr char at(std::size_t i) const { return bytes_[checked(i)]; }
    [[nodiscard]] constexpr char& front() { return bytes_[checked(0)]; }
    [[nodiscard]] constexpr char front() const { return bytes_[checked(0)]; }
    [[nodiscard]] constexpr char& back() { return bytes_[last()]; }
    [[nodiscard]] constexpr char back() const { return bytes_[last()]; }

    [[nodiscard]] constexpr bool starts_with(std::string_view text) const noexcept { return view().starts_with(text); }
    [[nodiscard]] constexpr bool ends_with(std::string_view text) const noexcept { return view().ends_with(text); }
    [[nodiscard]] constexpr bool contains(std::string_view text) const noexcept { return find(text) != npos; }
    [[nodiscard]] constexpr std::size_t find(std::string_view text, std::size_t from = 0) const noexcept {
        return view().find(text, from);
    }
    /// Throws std::out_of_range when `from` is beyond the end.
    [[nodiscard]] constexpr std::string_view substr(std::size_t from = 0, std::size_t n = npos) const {
        return view().substr(from, n);
    }

private:
    std::uint32_t size_ = 0;  // from a peer it may be anything
    char bytes_[N]{};

    /// Reads the length once: what was checked is what is used, even while a peer writes.
    [[nodiscard]] constexpr std::size_t stored() const noexcept {
        if (std::is_constant_evaluated()) return size_;
        return *const_cast<const volatile std::uint32_t*>(&size_);
    }
    [[nodiscard]] static constexpr std::size_t bounded(std::size_t n) noexcept { return n < N ? n : N; }

    /// Writes `text`, which fits, at `from`, and zeroes what is beyond. `text` may be a part of this string.
    constexpr void put(std::size_t from, std::string_view text) noexcept {
        std::size_t end = from;
        for (char c : text) bytes_[end++] = c;
        cut(end);
    }
    constexpr void cut(std::size_t n) noexcept {
        size_ = static_cast<std::uint32_t>(n);
        for (std::size_t i = n; i < N; ++i) bytes_[i] = 0;
    }

    /// How much of `text` fits into `room` without breaking a UTF-8 character.
    [[nodiscard]] static constexpr std::size_t fitting(std::string_view text, std::size_t room) noexcept {
        if (text.size() <= room) return text.size();
        std::size_t n = room;
        while (n != 0 && room - n < 4 && is_continuation(text[n])) --n;
        return is_continuation(text[n]) ? room : n;
    }
    [[nodiscard]] static constexpr bool is_continuation(char c) noexcept {
        return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    }

    [[nodiscard]] constexpr std::size_t checked(std::size_t i) const {
        const std::size_t n = size();
        if (i >= n) refuse_index(i, n);
        return i;
    }
    [[nodiscard]] constexpr std::size_t last() const {
        const std::size_t n = size();
        if (n == 0) refuse_index(0, 0);
        return n - 1;
    }
    static constexpr void check(std::size_t n) {
        if (n > N) refuse_length(n);
    }
    [[noreturn]] static void refuse_length(std::size_t n) {
        throw std::length_error("tenon::FixedString<" + std::to_string(N) + ">: a text of " + std::to_string(n) +
                                " bytes is longer than the " + std::to_string(N) + " that fit");
    }
    [[noreturn]] static void refuse_index(std::size_t i, std::size_t n) {
        throw std::out_of_range("tenon::FixedString<" + std::to_string(N) + ">: index " + std::to_string(i) +
                                " is not below the size " + std::to_string(n));
    }
};

namespace detail {

template <class S>
inline constexpr bool is_fixed_string = false;
template <std::size_t N>
inline constexpr bool is_fixed_string<FixedString<N>> = true;

template <class S>
concept OtherText = std::is_convertible_v<const S&, std::string_view> && !is_fixed_string<S>;

}  // namespace detail

template <std::size_t A, std::size_t B>
[[nodiscard]] constexpr bool operator==(const FixedString<A>& a, const FixedString<B>& b) noexcept {
    return a.view() == b.view();
}
template <std::size_t A, std::size_t B>
[[nodiscard]] constexpr std::strong_ordering operator<=>(const FixedString<A>& a, const FixedString<B>& b) noexcept {
    return a.view() <=> b.view();
}
template <std::size_t N, detail::OtherText S>
[[nodiscard]] constexpr bool operator==(const FixedString<N>& a, const S& b) {
    return a.view() == std::string_view(b);
}
template <std::size_t N, detail::OtherText S>
[[nodiscard]] constexpr std::strong_ordering operator<=>(const FixedString<N>& a, const S& b) {
    return a.view() <=> std::string_view(b);
}

template <std::size_t N, class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const FixedString<N>& text) {
    return out << std::basic_string_view<char, Traits>(text.data(), text.size());
}

}  // namespace tenon

template <std::size_t N>
struct std::hash<tenon::FixedString<N>> {
    [[nodiscard]] std::size_t operator()(const tenon::FixedString<N>& text) const noexcept {
        return std::hash<std::string_view>{}(text.view());
    }
};
