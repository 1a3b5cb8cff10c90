// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The message of `zero_cost`, and how both sides of the comparison fill it and check it.

#include <cstdint>

namespace bench {

struct Message {
    std::uint64_t words[8];
};
static_assert(sizeof(Message) == 64);

/// No word of any message is like another.
inline void fill(Message& message, std::uint64_t sequence) noexcept {
    for (std::uint64_t i = 0; i < 8; ++i) {
        message.words[i] = 8 * sequence + i;
    }
}

inline bool is_message(const Message& message, std::uint64_t sequence) noexcept {
    std::uint64_t difference = 0;
    for (std::uint64_t i = 0; i < 8; ++i) {
        difference |= message.words[i] ^ (8 * sequence + i);
    }
    return difference == 0;
}

/// How many messages one process sends to itself before it receives them: what every mechanism has room for, the POSIX
/// queue being the narrowest (10, /proc/sys/fs/mqueue/msg_max).
inline constexpr std::uint64_t burst = 8;

}  // namespace bench
