// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How many messages something holds, or how many bytes of them.

#include <cstdint>

namespace tenon {

/// A number of messages.
struct Capacity {
    std::uint32_t count;
    explicit constexpr Capacity(std::uint32_t messages) noexcept : count{messages} {}
};

/// Memory for messages of any length, in bytes.
struct Room {
    std::uint64_t bytes;
    explicit constexpr Room(std::uint64_t size) noexcept : bytes{size} {}
};

}  // namespace tenon
