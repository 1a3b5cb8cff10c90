// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What has happened in a queue since it was made. Anybody who has it open may ask, while it runs.

#include <cstdint>

namespace tenon {

/// Each is exact at some moment of the call.
struct QueueCounters {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t full = 0;      ///< attempts to send that found no room
    std::uint64_t empty = 0;     ///< attempts to receive that found no message
    std::uint64_t repaired = 0;  ///< what the dead had left, and others put right
};

}  // namespace tenon
