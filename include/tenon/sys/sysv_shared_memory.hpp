// SPDX-License-Identifier: BSL-1.0
#pragma once
/// System V shared memory, shmget(2), shmat(2), shmctl(2).

#include <sys/ipc.h>
#include <sys/shm.h>

#include <cstddef>
#include <utility>

#include "error.hpp"

namespace tenon::sys {

/// A segment attached to the address space; the destructor detaches it. Empty after a move.
class SysvAttachment {
public:
    SysvAttachment() noexcept = default;
    explicit SysvAttachment(void* address) noexcept : address_{address} {}
    SysvAttachment(SysvAttachment&& other) noexcept : address_{std::exchange(other.address_, nullptr)} {}
    SysvAttachment& operator=(SysvAttachment&& other) noexcept {
        if (this != &other) {
            reset();
            address_ = std::exchange(other.address_, nullptr);
        }
        return *this;
    }
    SysvAttachment(const SysvAttachment&) = delete;
    SysvAttachment& operator=(const SysvAttachment&) = delete;
    ~SysvAttachment() { reset(); }

    [[nodiscard]] void* address() const noexcept { return address_; }
    [[nodiscard]] explicit operator bool() const noexcept { return address_ != nullptr; }

    void reset() noexcept {
        if (address_ != nullptr) {
            ::shmdt(std::exchange(address_, nullptr));
        }
    }

private:
    void* address_ = nullptr;
};

/// Finds (flags 0) or makes (IPC_CREAT | IPC_EXCL | mode) a segment and returns its identifier.
/// Throws  ENOENT, EEXIST, EINVAL (SHMMAX, or smaller than asked), ENOSPC (SHMALL or SHMMNI reached), EACCES.
inline int get_sysv_shared_memory(::key_t key, std::size_t size, int flags, std::string_view name) {
    return checked(::shmget(key, size, flags), "shmget", name);
}

inline SysvAttachment attach_sysv_shared_memory(int id, int flags, std::string_view name) {
    void* const address = ::shmat(id, nullptr, flags);
    if (address == reinterpret_cast<void*>(-1)) {
        throw_error(errno, "shmat", name);
    }
    return SysvAttachment{address};
}

inline ::shmid_ds sysv_shared_memory_status(int id, std::string_view name) {
    ::shmid_ds result{};
    checked(::shmctl(id, IPC_STAT, &result), "shmctl(IPC_STAT)", name);
    return result;
}

/// Sets the permission bits of a segment.
inline void set_sysv_shared_memory_mode(int id, ::mode_t mode, std::string_view name) {
    ::shmid_ds status = sysv_shared_memory_status(id, name);
    status.shm_perm.mode = static_cast<unsigned short>(mode);
    checked(::shmctl(id, IPC_SET, &status), "shmctl(IPC_SET)", name);
}

/// Frees the key at once and the memory when the last process has detached.
inline void remove_sysv_shared_memory(int id, std::string_view name) {
    checked(::shmctl(id, IPC_RMID, nullptr), "shmctl(IPC_RMID)", name);
}

}  // namespace tenon::sys
