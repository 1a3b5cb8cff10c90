// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What a refused call said.

#include <string>
#include <system_error>
#include <utility>

namespace support {

struct Refusal {
    std::error_code code;
    std::string text;

    template <class Code>
    [[nodiscard]] bool is(Code wanted) const {
        return code == wanted;
    }
    [[nodiscard]] bool says(std::string_view words) const { return text.find(words) != std::string::npos; }
};

/// Runs `call`; no code when it was not refused.
template <class Call>
Refusal refusal_of(Call call) {
    try {
        static_cast<void>(call());
    } catch (const std::system_error& error) {
        return {error.code(), error.what()};
    }
    return {{}, "was not refused"};
}

}  // namespace support
