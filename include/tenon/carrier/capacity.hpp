// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How many messages something holds.

#include <cstdint>

namespace tenon {

/// A number of messages.
struct Capacity {
    std::uint32_t count;
    explicit constexpr Capacity(std::uint32_t messages) noexcept : count{messages} {}
};

}  // namespace tenon
