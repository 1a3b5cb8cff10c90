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

/// Copies `bytes` bytes out of shared words into private memory. Eight words a turn, all loaded before the first is
/// stored: small constant sizes then need neither a loop nor a check for overlap, at any level of optimisation.
template <class Machine>
inline void copy_out(const SharedWord<Machine>* from, void* to, std::size_t bytes) noexcept {
    auto* out = static_cast<unsigned char*>(to);
    for (; bytes >= 8 * word_size; bytes -= 8 * word_size, from += 8, out += 8 * word_size) {
        const std::uint64_t words[8] = {
            from[0].load(std::memory_order_relaxed), from[1].load(std::memory_order_relaxed),
            from[2].load(std::memory_order_relaxed), from[3].load(std::memory_order_relaxed),
            from[4].load(std::memory_order_relaxed), from[5].load(std::memory_order_relaxed),
            from[6].load(std::memory_order_relaxed), from[7].load(std::memory_order_relaxed)};
        std::memcpy(out, words, sizeof words);
    }
    for (; bytes >= word_size; bytes -= word_size, ++from, out += word_size) {
        const std::uint64_t word = from->load(std::memory_order_relaxed);
        std::memcpy(out, &word, word_size);
    }
    if (bytes != 0) {
        const std::uint64_t word = from->load(std::memory_order_relaxed);
        std::memcpy(out, &word, bytes);
    }
}

/// Copies `bytes` bytes of private memory into shared words; the last word is filled up with zeros.
template <class Machine>
inline void copy_in(SharedWord<Machine>* to, const void* from, std::size_t bytes) noexcept {
    const auto* in = static_cast<const unsigned char*>(from);
    for (; bytes >= 8 * word_size; bytes -= 8 * word_size, to += 8, in += 8 * word_size) {
        std::uint64_t words[8];
        std::memcpy(words, in, sizeof words);
        to[0].store(words[0], std::memory_order_relaxed), to[1].store(words[1], std::memory_order_relaxed);
        to[2].store(words[2], std::memory_order_relaxed), to[3].store(words[3], std::memory_order_relaxed);
        to[4].store(words[4], std::memory_order_relaxed), to[5].store(words[5], std::memory_order_relaxed);
        to[6].store(words[6], std::memory_order_relaxed), to[7].store(words[7], std::memory_order_relaxed);
    }
    for (; bytes != 0; ++to) {
        const std::size_t count = bytes < word_size ? bytes : word_size;
        std::uint64_t word = 0;
        std::memcpy(&word, in, count);
        to->store(word, std::memory_order_relaxed);
        in += count;
        bytes -= count;
    }
}

}  // namespace tenon::sync
