// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Copying between private and shared memory that another process may be writing or reading at the same moment: through
/// relaxed atomic words, so that it is no data race. What was copied may be a mixture; the caller's protocol finds out.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

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
/// In one store: whoever reads the message next may read sixteen bytes at once, and a processor hands on to such a load only what
/// one store has written; otherwise it waits until both have left for the cache.
inline void put(unsigned char* to, std::uint64_t first, std::uint64_t second) noexcept {
    using Pair [[gnu::vector_size(2 * word_size)]] = std::uint64_t;
    const Pair pair{first, second};
    std::memcpy(to, &pair, sizeof pair);
}

}  // namespace detail

// Both copy eight words a turn, and the rest without a loop, which a compiler would leave as one. Through values and not
// through an array: that would be memory, and wide accesses to what was just written narrowly, or the other way round, stall
// the processor.

/// Copies `bytes` bytes out of shared words into private memory.
template <class Machine>
[[gnu::always_inline]] inline void copy_out(const SharedWord<Machine>* from, void* to, std::size_t bytes) noexcept {
    using detail::get, detail::put;
    auto* out = static_cast<unsigned char*>(to);
    for (; bytes >= 8 * word_size; bytes -= 8 * word_size, from += 8, out += 8 * word_size) {
        const std::uint64_t a = get<Machine>(from[0]), b = get<Machine>(from[1]), c = get<Machine>(from[2]),
                            d = get<Machine>(from[3]), e = get<Machine>(from[4]), f = get<Machine>(from[5]),
                            g = get<Machine>(from[6]), h = get<Machine>(from[7]);
        put(out, a, b), put(out + 16, c, d), put(out + 32, e, f), put(out + 48, g, h);
    }
    if (bytes >= 4 * word_size) {
        const std::uint64_t a = get<Machine>(from[0]), b = get<Machine>(from[1]), c = get<Machine>(from[2]),
                            d = get<Machine>(from[3]);
        put(out, a, b), put(out + 16, c, d);
        bytes -= 4 * word_size, from += 4, out += 4 * word_size;
    }
    if (bytes >= 2 * word_size) {
        const std::uint64_t a = get<Machine>(from[0]), b = get<Machine>(from[1]);
        put(out, a, b);
        bytes -= 2 * word_size, from += 2, out += 2 * word_size;
    }
    if (bytes >= word_size) {
        put(out, get<Machine>(*from));
        bytes -= word_size, ++from, out += word_size;
    }
    if (bytes != 0) {
        const std::uint64_t word = get<Machine>(*from);
        std::memcpy(out, &word, bytes);
    }
}

/// Makes the cache lines, which begin at `line`, the reader's own: it stores in each a word that it has found there, and nobody may
/// write them meanwhile. A line that two processors share must be taken from the other one before it is written, which processors
/// do one line after the other; one that only the other has is fetched, many at a time. So the next writer waits four times less,
/// ten times where the processors are far apart, and the reader not at all (measured on AMD's Zen 4).
template <class Machine, std::size_t lines>
[[gnu::always_inline]] inline void own_lines(SharedWord<Machine>* line) noexcept {
    for (std::size_t i = 0; i < lines; ++i, line += 64 / word_size) {
        SharedWord<Machine>& last = line[64 / word_size - 1];
        last.store(last.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
}

/// Copies `bytes` bytes of private memory into shared words; the last word is filled up with zeros.
template <class Machine>
[[gnu::always_inline]] inline void copy_in(SharedWord<Machine>* to, const void* from, std::size_t bytes) noexcept {
    using detail::get, detail::put;
    const auto* in = static_cast<const unsigned char*>(from);
    for (; bytes >= 8 * word_size; bytes -= 8 * word_size, to += 8, in += 8 * word_size) {
        const std::uint64_t a = get(in), b = get(in + 8), c = get(in + 16), d = get(in + 24), e = get(in + 32),
                            f = get(in + 40), g = get(in + 48), h = get(in + 56);
        put<Machine>(to[0], a), put<Machine>(to[1], b), put<Machine>(to[2], c), put<Machine>(to[3], d);
        put<Machine>(to[4], e), put<Machine>(to[5], f), put<Machine>(to[6], g), put<Machine>(to[7], h);
    }
    if (bytes >= 4 * word_size) {
        const std::uint64_t a = get(in), b = get(in + 8), c = get(in + 16), d = get(in + 24);
        put<Machine>(to[0], a), put<Machine>(to[1], b), put<Machine>(to[2], c), put<Machine>(to[3], d);
        bytes -= 4 * word_size, to += 4, in += 4 * word_size;
    }
    if (bytes >= 2 * word_size) {
        const std::uint64_t a = get(in), b = get(in + 8);
        put<Machine>(to[0], a), put<Machine>(to[1], b);
        bytes -= 2 * word_size, to += 2, in += 2 * word_size;
    }
    if (bytes >= word_size) {
        put<Machine>(*to, get(in));
        bytes -= word_size, ++to, in += word_size;
    }
    if (bytes != 0) {
        std::uint64_t word = 0;
        std::memcpy(&word, in, bytes);
        put<Machine>(*to, word);
    }
}

/// The same into and out of words that nobody else touches meanwhile: there they are memory like any other.
template <class Machine, std::size_t bytes>
[[gnu::always_inline]] inline void copy_in_alone(SharedWord<Machine>* to, const void* from) noexcept {
    if constexpr (std::is_same_v<Machine, Hardware> && bytes <= 16 * word_size) {
        // A message was written field by field just now: narrow loads get at it. Wide stores are fewer.
        const auto* const in = static_cast<const unsigned char*>(from);
        auto* const out = reinterpret_cast<unsigned char*>(to);
        std::size_t done = 0;
        for (; done + 2 * word_size <= bytes; done += 2 * word_size) {
            detail::put(out + done, detail::get(in + done), detail::get(in + done + word_size));
        }
        std::memcpy(out + done, in + done, bytes - done);
    } else if constexpr (std::is_same_v<Machine, Hardware>) {
        std::memcpy(static_cast<void*>(to), from, bytes);
    } else {
        copy_in<Machine>(to, from, bytes);
    }
}
template <class Machine, std::size_t bytes>
[[gnu::always_inline]] inline void copy_out_alone(const SharedWord<Machine>* from, void* to) noexcept {
    if constexpr (std::is_same_v<Machine, Hardware>) {
        std::memcpy(to, static_cast<const void*>(from), bytes);
    } else {
        copy_out<Machine>(from, to, bytes);
    }
}

}  // namespace tenon::sync
