// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The one source of chance in a test: printed, and replayed with TENON_SEED.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace support {

/// The same in the whole process, and in its children once it was asked for.
inline std::uint64_t seed() {
    static const std::uint64_t chosen = [] {
        const char* const wanted = std::getenv("TENON_SEED");
        const std::uint64_t number =
            wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : std::random_device{}() % 1'000'000;
        std::fprintf(stderr, "TENON_SEED=%llu\n", static_cast<unsigned long long>(number));
        return number;
    }();
    return chosen;
}

}  // namespace support
