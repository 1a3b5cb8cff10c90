// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How a shared object is named, and who may touch it. The address chooses the memory: "/name" is POSIX shared memory,
/// a SysvKey is a System V segment. The type that lives there does not change.

#include <limits.h>  // NAME_MAX
#include <sys/types.h>
#include <unistd.h>  // geteuid

#include <string>
#include <string_view>

#include "../sys/error.hpp"
#include "../sys/sysv_key.hpp"

namespace tenon {

/// The permission bits of a new object, or the most that an opener tolerates on one that exists (shm_overview(7)).
struct Mode {
    ::mode_t bits;
    explicit constexpr Mode(::mode_t permission_bits) noexcept : bits{permission_bits} {}
};

/// For the owner alone: what every object is created with unless another Mode is given.
inline constexpr Mode private_mode{0600};
/// What an opener tolerates unless another Mode is given: others may read, only the owner may write.
inline constexpr Mode owner_writes{0755};

/// The user to whom an existing object must belong for the caller to open it: the caller or root, unless named.
struct Owner {
    ::uid_t user;
    explicit constexpr Owner(::uid_t trusted_user) noexcept : user{trusted_user} {}
    static Owner caller() noexcept { return Owner{::geteuid()}; }
};

/// The name of a shared object. Any text may be put into one; who uses it calls check().
class Address {
public:
    /// A POSIX name: a slash, then 1 to 255 bytes without a slash.
    Address(std::string_view name) : name_{name} {}
    Address(const char* name) : name_{name} {}
    Address(const std::string& name) : name_{name} {}
    Address(SysvKey key) : name_{key.text()}, key_{key}, is_key_{true} {}

    [[nodiscard]] bool is_key() const noexcept { return is_key_; }
    [[nodiscard]] SysvKey key() const noexcept { return key_; }
    /// The POSIX name, or the key in words.
    [[nodiscard]] const std::string& text() const noexcept { return name_; }

    /// Throws  EINVAL, ENAMETOOLONG where this cannot be the name of anything.
    void check() const {
        if (is_key_) {
            if (key_.value() == IPC_PRIVATE) {
                refuse(EINVAL, "key 0 (IPC_PRIVATE) names nothing: use anonymous()");
            }
            return;
        }
        std::string shown = "name \"" + name_.substr(0, 64) + (name_.size() > 64 ? "...\"" : "\"");
        for (std::size_t nul; (nul = shown.find('\0')) != shown.npos;) {
            shown.replace(nul, 1, "\\0");  // what() would end there
        }
        if (name_.empty()) {
            refuse(EINVAL, shown + " is empty: write \"/name\"");
        }
        if (name_.front() != '/') {
            refuse(EINVAL, shown + " must begin with a slash: write \"/name\"");
        }
        if (name_.size() - 1 > NAME_MAX) {
            refuse(ENAMETOOLONG, shown + " has " + std::to_string(name_.size() - 1) +
                                     " bytes after its slash, at most " + std::to_string(NAME_MAX) + " are allowed");
        }
        const std::string_view rest = std::string_view{name_}.substr(1);
        if (rest.empty() || rest == "." || rest == "..") {
            refuse(EINVAL, shown + " names a directory");
        }
        if (rest.find('/') != rest.npos || rest.find('\0') != rest.npos) {
            refuse(EINVAL, shown + " holds a second slash or a NUL");
        }
    }

private:
    [[noreturn]] static void refuse(int error, const std::string& why) {
        throw std::system_error{error, std::generic_category(), why};
    }
    std::string name_;
    SysvKey key_{IPC_PRIVATE};
    bool is_key_ = false;
};

}  // namespace tenon
