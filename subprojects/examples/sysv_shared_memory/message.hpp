// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the writer and the reader share: struct { int counter; char message[256]; } under key 1234, as in the C programs.

#include <tenon/payload/fixed_string.hpp>
#include <tenon/sys/sysv_key.hpp>

inline constexpr tenon::SysvKey message_key{1234};
inline constexpr int last_word = -1;  // as the counter: nothing more will come

struct Message {
    int counter;
    tenon::FixedString<256> message;
};
