// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Copying between private and shared memory that another process may be writing or reading at the same moment: through
/// relaxed atomic words, so that it is no data race. What was copied may be a mixture; the caller's protocol finds out.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hardware.hpp"

namespace tenon::sync {

inline constexpr std::size_t word_size = sizeof(std::uint64_t);

template <class Machine>
using SharedWord = typename Machine::template Atomic<std::uint64_t>;

namespace detail {

template <class Machine>
inline std::uint64_t get(const SharedWord<Machine>& from) noexcept {
    return from.load(std::memory_order_relaxed);
}
inline std::uint64_t get(const unsigned char* from) noexcept {
    std::uint64_t word;
    std::memcpy(&word, from, word_size);
    return word;
}
template <class Machine>
inline void put(SharedWord<Machine>& to, std::uint64_t word) noexcept {
    to.store(word, std::memory_order_relaxed);
}
inline void put(unsigned char* to, std::uint64_t word) noexcept { std::memcpy(to, &word, word_size); }

}  // namespace detail

// Both copy eight words a turn, through eight values and not through an array: that would be memory, and wide accesses to
// what was just written narrowly, or the other way round, stall the processor.

/// Copies `bytes` bytes out of shared words into private memory.
template <class Machine>
inline void copy_out(const SharedWord<Machine>* from, void* to, std::size_t bytes) noexcept {
    using detail::get, detail::put;
    auto* out = static_cast<unsigned char*>(to);
    for (; bytes >= 8 * word_size; bytes -= 8 * word_size, from += 8, out += 8 * word_size) {
        const std::uint64_t a = get<Machine>(from[0]), b = get<Machine>(from[1]), c = get<Machine>(from[2]),
                            d = get<Machine>(from[3]), e = get<Machine>(from[4]), f = get<Machine>(from[5]),
                            g = get<Machine>(from[6]), h = get<Machine>(from[7]);
        put(out, a), put(out + 8, b), put(out + 16, c), put(out + 24, d);
        put(out + 32, e), put(out + 40, f), put(out + 48, g), put(out + 56, h);
    }
    for (; bytes >= word_size; bytes -= word_size, ++from, out += word_size) {
        put(out, get<Machine>(*from));
    }
    if (bytes != 0) {
        const std::uint64_t word = get<Machine>(*from);
        std::memcpy(out, &word, bytes);
    }
}

/// Copies `bytes` bytes of private memory into shared words; the last word is filled up with zeros.
template <class Machine>
inline void copy_in(SharedWord<Machine>* to, const void* from, std::size_t bytes) noexcept {
    using detail::get, detail::put;
    const auto* in = static_cast<const unsigned char*>(from);
    for (; bytes >= 8 * word_size; bytes -= 8 * word_size, to += 8, in += 8 * word_size) {
        const std::uint64_t a = get(in), b = get(in + 8), c = get(in + 16), d = get(in + 24), e = get(in + 32),
                            f = get(in + 40), g = get(in + 48), h = get(in + 56);
        put<Machine>(to[0], a), put<Machine>(to[1], b), put<Machine>(to[2], c), put<Machine>(to[3], d);
        put<Machine>(to[4], e), put<Machine>(to[5], f), put<Machine>(to[6], g), put<Machine>(to[7], h);
    }
    for (; bytes >= word_size; bytes -= word_size, ++to, in += word_size) {
        put<Machine>(*to, get(in));
    }
    if (bytes != 0) {
        std::uint64_t word = 0;
        std::memcpy(&word, in, bytes);
        put<Machine>(*to, word);
    }
}

}  // namespace tenon::sync
