// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How long to sleep before looking whether whoever is waited for still lives: a futex does not wake its sleepers when
/// somebody dies. The first look comes after 1 ms, later ones after a quarter of what was waited so far, at most 20 ms:
/// nobody waits for the dead longer than that, and a long wait costs 50 looks of less than a microsecond a second.

#include <cstdint>

namespace tenon::sync {

class Patience {
public:
    static constexpr std::int64_t shortest = 1'000'000;
    static constexpr std::int64_t usual = 20'000'000;

    /// `longest`: between two looks, in nanoseconds.
    explicit Patience(std::int64_t now, std::int64_t longest = usual) noexcept : start_{now}, longest_{longest} {}

    /// When to wake up for the next look: never later than `deadline` (both sys::monotonic_now).
    [[nodiscard]] std::int64_t next_look(std::int64_t now, std::int64_t deadline) const noexcept {
        const std::int64_t quarter = (now - start_) / 4;
        const std::int64_t slice = quarter < shortest ? shortest : quarter > longest_ ? longest_ : quarter;
        return deadline - now < slice ? deadline : now + slice;
    }

private:
    std::int64_t start_;
    std::int64_t longest_;
};

}  // namespace tenon::sync
