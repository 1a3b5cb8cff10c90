// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The number by which System V objects are found, sysvipc(7). Shared memory, semaphores and message queues each have
/// their own set of keys: one number may name one of each.

#include <sys/ipc.h>
#include <sys/types.h>

#include <string>

#include "error.hpp"

namespace tenon {

/// A System V key. 0 (IPC_PRIVATE) names nothing and is refused by all who take one.
///
///     auto key  = tenon::SysvKey{1234};
///     auto same = tenon::SysvKey::from_path(".", 'A');  // ftok(".", 'A')
class SysvKey {
public:
    explicit constexpr SysvKey(::key_t value) noexcept : value_{value} {}

    /// ftok(3). The path must exist. Different files may give the same key: an inode has more bits than ftok() uses.
    static SysvKey from_path(const std::string& path, char project) {
        return SysvKey{sys::checked(::ftok(path.c_str(), project), "ftok", path)};
    }

    [[nodiscard]] constexpr ::key_t value() const noexcept { return value_; }
    friend constexpr bool operator==(SysvKey, SysvKey) noexcept = default;

    /// For messages: "key 0x4d2".
    [[nodiscard]] std::string text() const {
        std::string digits;
        auto rest = static_cast<unsigned>(value_);
        do {
            digits.insert(digits.begin(), "0123456789abcdef"[rest % 16]);
            rest /= 16;
        } while (rest != 0);
        return "key 0x" + digits;
    }

private:
    ::key_t value_;
};

}  // namespace tenon
