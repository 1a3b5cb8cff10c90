// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the client asks, what the server answers, and where they meet.

#include <cstdint>
#include <tenon/typed_socket.hpp>

struct Request {
    tenon::FixedString<80> text;
};
struct Answer {
    tenon::FixedString<80> text;
    std::uint32_t letters;
};

inline constexpr const char* socket_path = "capitals.sock";
