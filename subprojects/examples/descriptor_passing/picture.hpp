// SPDX-License-Identifier: BSL-1.0
#pragma once
// What is shared, and the messages by which it is handed over.

#include <cstdint>
#include <tenon/shared_object.hpp>
#include <tenon/typed_socket.hpp>

struct Picture {
    static constexpr int width = 32;
    static constexpr int height = 8;
    char pixels[height][width];
};

struct Handover {
    tenon::FixedString<32> title;
    tenon::PassedFd memory;  // a number here, another one there: the kernel sees to it
};
struct Finished {
    std::uint32_t drawn;  // pixels
};

inline constexpr const char* socket_path = "handover.sock";
