// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "payload.hpp"

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <stdexcept>  // std::length_error, std::out_of_range
#include <string>     // their text
#include <type_traits>

/// A sequence of at most N elements that lies wholly inside the object, so that it may cross to
/// another process. For a sequence of always N elements take std::array or T[N]. Elements beyond the
/// end are value-initialised. The stored size may come from a hostile peer: it is brought within N
/// whenever it is read, so that nothing outside the object is ever touched.
///
///     struct Route { tenon::FixedVector<Stop, 16> stops; };
///     route.stops.push_back({.x = 1});                     // throws when all 16 are there
///     if (!route.stops.try_push_back(stop)) ++left_out;
///     for (const Stop& stop : route.stops) visit(stop);

namespace tenon {

template <class T, std::size_t N>
class FixedVector {
    static_assert(require_payload<T>());
    static_assert(
        std::is_default_constructible_v<T> && std::is_copy_assignable_v<T>,
        "tenon::FixedVector<T, N>: T must have a default value and be assignable, because all N elements always exist");
    static_assert(N >= 1, "tenon::FixedVector<T, N>: N must be at least 1");

public:
    using value_type = T;
    using size_type = std::size_t;
    using difference_type = std::ptrdiff_t;
    using reference = T&;
    using const_reference = const T&;
    using iterator = T*;
    using const_iterator = const T*;

    constexpr FixedVector() = default;

    /// Throw std::length_error that says both lengths when there are more than N elements.
    constexpr FixedVector(std::initializer_list<T> elements) {
        assign(std::span<const T>{elements.begin(), elements.size()});
    }
    constexpr explicit FixedVector(std::span<const T> elements) { assign(elements); }
    constexpr FixedVector& operator=(std::initializer_list<T> elements) {
        assign(std::span<const T>{elements.begin(), elements.size()});
        return *this;
    }
    /// The same; when it throws, nothing changed. `elements` may be a part of this vector.
    constexpr FixedVector& assign(std::span<const T> elements) {
        check(elements.size());
        put(0, elements);
        return *this;
    }
    /// As many of the elements as fit, from the first.
    [[nodiscard]] static constexpr FixedVector truncated(std::span<const T> elements) {
        FixedVector result;
        result.assign_truncated(elements);
        return result;
    }
    constexpr FixedVector& assign_truncated(std::span<const T> elements) {
        put(0, elements.first(bounded(elements.size())));
        return *this;
    }

    /// Throw std::length_error when the whole would be longer than N; then nothing changed.
    constexpr T& push_back(const T& element) {
        const std::size_t n = size();
        check(n + 1);
        items_[n] = element;
        size_ = n + 1;
        return items_[n];
    }
    template <class... A>
        requires std::constructible_from<T, A...> || requires(A&&... a) { T{static_cast<A&&>(a)...}; }
    constexpr T& emplace_back(A&&... arguments) {
        if constexpr (std::constructible_from<T, A...>)
            return push_back(T(static_cast<A&&>(arguments)...));
        else
            return push_back(T{static_cast<A&&>(arguments)...});
    }
    constexpr FixedVector& append(std::span<const T> elements) {
        const std::size_t n = size();
        if (elements.size() > N - n) refuse_length(n + elements.size());
        put(n, elements);
        return *this;
    }
    /// False when there is no room; then nothing changed.
    [[nodiscard]] constexpr bool try_push_back(const T& element) {
        const std::size_t n = size();
        if (n == N) return false;
        items_[n] = element;
        size_ = n + 1;
        return true;
    }

    /// Throws std::out_of_range when empty.
    constexpr void pop_back() { cut(last()); }
    constexpr void clear() { cut(0); }
    /// Throws std::length_error when `n` is more than N; new elements are copies of `fill`.
    constexpr void resize(std::size_t n, const T& fill = T()) {
        check(n);
        const T element = fill;
        const std::size_t before = size();
        cut(n < before ? n : before);
        for (std::size_t i = before; i < n; ++i) items_[i] = element;
        size_ = n;
    }
    /// Takes one element out and moves the later ones down. Throws std::out_of_range.
    constexpr void erase_at(std::size_t index) {
        const std::size_t n = size();
        for (std::size_t i = checked(index); i + 1 < n; ++i) items_[i] = items_[i + 1];
        cut(n - 1);
    }

    [[nodiscard]] constexpr std::size_t size() const noexcept { return bounded(stored()); }
    [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] constexpr bool full() const noexcept { return size() == N; }
    [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }
    [[nodiscard]] static constexpr std::size_t max_size() noexcept { return N; }

    [[nodiscard]] constexpr T* data() noexcept { return items_; }
    [[nodiscard]] constexpr const T* data() const noexcept { return items_; }

    [[nodiscard]] constexpr iterator begin() noexcept { return items_; }
    [[nodiscard]] constexpr iterator end() noexcept { return items_ + size(); }
    [[nodiscard]] constexpr const_iterator begin() const noexcept { return items_; }
    [[nodiscard]] constexpr const_iterator end() const noexcept { return items_ + size(); }
    [[nodiscard]] constexpr const_iterator cbegin() const noexcept { return begin(); }
    [[nodiscard]] constexpr const_iterator cend() const noexcept { return end(); }

    /// One element; throw std::out_of_range that says the index and the size.
    [[nodiscard]] constexpr T& operator[](std::size_t i) { return items_[checked(i)]; }
    [[nodiscard]] constexpr const T& operator[](std::size_t i) const { return items_[checked(i)]; }
    [[nodiscard]] constexpr T& at(std::size_t i) { return items_[checked(i)]; }
    [[nodiscard]] constexpr const T& at(std::size_t i) const { return items_[checked(i)]; }
    [[nodiscard]] constexpr T& front() { return items_[checked(0)]; }
    [[nodiscard]] constexpr const T& front() const { return items_[checked(0)]; }
    [[nodiscard]] constexpr T& back() { return items_[last()]; }
    [[nodiscard]] constexpr const T& back() const { return items_[last()]; }

private:
    std::uint64_t size_ = 0;  // from a peer it may be anything; 8 bytes, so that 32-bit programs agree
    T items_[N]{};

    /// Reads the size once: what was checked is what is used, even while a peer writes.
    [[nodiscard]] constexpr std::uint64_t stored() const noexcept {
        if (std::is_constant_evaluated()) return size_;
        return *const_cast<const volatile std::uint64_t*>(&size_);
    }
    [[nodiscard]] static constexpr std::size_t bounded(std::uint64_t n) noexcept {
        return n < N ? static_cast<std::size_t>(n) : N;
    }

    constexpr void put(std::size_t from, std::span<const T> elements) {
        const std::size_t end = from + elements.size();
        for (std::size_t i = 0; i < elements.size(); ++i) items_[from + i] = elements[i];
        cut(end);
    }
    constexpr void cut(std::size_t n) {
        size_ = n;
        for (std::size_t i = n; i < N; ++i) items_[i] = T();
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
        throw std::length_error("tenon::FixedVector<T, " + std::to_string(N) + ">: a sequence of " + std::to_string(n) +
                                " elements is longer than the " + std::to_string(N) + " that fit");
    }
    [[noreturn]] static void refuse_index(std::size_t i, std::size_t n) {
        throw std::out_of_range("tenon::FixedVector<T, " + std::to_string(N) + ">: index " + std::to_string(i) +
                                " is not below the size " + std::to_string(n));
    }
};

template <class T, std::size_t A, std::size_t B>
    requires std::equality_comparable<T>
[[nodiscard]] constexpr bool operator==(const FixedVector<T, A>& a, const FixedVector<T, B>& b) {
    const std::span<const T> x{a};
    const std::span<const T> y{b};
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i)
        if (!(x[i] == y[i])) return false;
    return true;
}
template <class T, std::size_t A, std::size_t B>
    requires std::three_way_comparable<T>
[[nodiscard]] constexpr std::compare_three_way_result_t<T> operator<=>(const FixedVector<T, A>& a,
                                                                       const FixedVector<T, B>& b) {
    const std::span<const T> x{a};
    const std::span<const T> y{b};
    for (std::size_t i = 0; i < x.size() && i < y.size(); ++i)
        if (const auto order = x[i] <=> y[i]; order != 0) return order;
    return x.size() <=> y.size();
}

/// The elements between brackets: [1, 2, 3]
template <class T, std::size_t N, class Traits>
    requires requires(std::basic_ostream<char, Traits>& out, const T& element) { out << element; }
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const FixedVector<T, N>& elements) {
    out << "[";
    std::size_t before = 0;
    for (const T& element : elements) {
        if (before++ != 0) out << ", ";
        out << element;
    }
    return out << "]";
}

}  // namespace tenon

template <class T, std::size_t N>
    requires requires(const T& element) { std::hash<T>{}(element); }
struct std::hash<tenon::FixedVector<T, N>> {
    [[nodiscard]] std::size_t operator()(const tenon::FixedVector<T, N>& elements) const {
        std::size_t sum = elements.size();
        for (const T& element : elements) sum = sum * 31 + std::hash<T>{}(element);
        return sum;
    }
};
