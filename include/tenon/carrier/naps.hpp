// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Waiting for what the kernel cannot wait for: looking again after a little while.
///
///     for (Naps naps{until}; !is_there();) if (!naps.sleep()) return late;

#include <cstdint>

#include "../sys/clock.hpp"

namespace tenon::carrier {

/// Sleeps for 20 microseconds, then twice as long each time up to a millisecond, and never beyond `until`
/// (sys::monotonic_now; 0: not at all).
class Naps {
public:
    explicit Naps(std::int64_t until) noexcept : until_{until} {}
    /// Returns  false, without sleeping, when the time has come.
    [[nodiscard]] bool sleep() noexcept {
        const std::int64_t now = until_ == 0 ? 0 : sys::monotonic_now();
        if (now >= until_) {
            return false;
        }
        sys::sleep_until(until_ - now < length_ ? until_ : now + length_);
        length_ = length_ < 500'000 ? length_ * 2 : 1'000'000;
        return true;
    }

private:
    std::int64_t until_;
    std::int64_t length_ = 20'000;
};

}  // namespace tenon::carrier
