// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A struct of which every word follows from one number, so that a torn one shows.

#include <cstddef>
#include <cstdint>

namespace crash {

template <std::size_t words>
struct Pattern {
    std::uint64_t tick;
    std::uint64_t echoes[words - 1];

    [[nodiscard]] static Pattern of(std::uint64_t tick) noexcept {
        Pattern made{tick, {}};
        for (std::size_t i = 0; i < words - 1; ++i) {
            made.echoes[i] = echo(tick, i);
        }
        return made;
    }
    [[nodiscard]] bool is_whole() const noexcept {
        bool whole = true;
        for (std::size_t i = 0; i < words - 1; ++i) {
            whole = whole && echoes[i] == echo(tick, i);
        }
        return whole;
    }

private:
    static std::uint64_t echo(std::uint64_t tick, std::size_t i) noexcept {
        return tick * 0x9e37'79b9'7f4a'7c15U + (i + 1) * 0x1'0000'0001U;
    }
};

using Reading = Pattern<8>;

}  // namespace crash
