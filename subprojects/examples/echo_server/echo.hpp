// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the server sends back as it came, and where.

#include <cstdint>
#include <tenon/typed_socket.hpp>

struct Message {
    std::uint32_t client;
    std::uint32_t number;
};

inline constexpr const char* socket_path = "echo.sock";
