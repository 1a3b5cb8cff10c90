// SPDX-License-Identifier: BSL-1.0
#pragma once
/// System V semaphores, semget(2), semop(2), semctl(2).

#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>  // timespec

#include <cstddef>
#include <cstdint>
#include <string>

#include "clock.hpp"
#include "error.hpp"

namespace tenon::sys {

/// Finds (flags 0, count 0) or makes (IPC_CREAT | IPC_EXCL | mode) a set and returns its identifier.
/// Throws  ENOENT, EEXIST, EINVAL (count above SEMMSL), ENOSPC (SEMMNI or SEMMNS reached), EACCES.
inline int get_sysv_semaphores(::key_t key, int count, int flags, std::string_view name) {
    return checked(::semget(key, count, flags), "semget", name);
}

/// Performs all operations at once or none, sleeping for as long as that takes.
/// Throws  EIDRM when the set is removed meanwhile, ERANGE when a value or an undo counter would overflow, EFBIG, EACCES.
inline void operate_sysv_semaphores(int id, ::sembuf* operations, std::size_t count, const std::string& name) {
    while (::semop(id, operations, count) == -1) [[unlikely]] {
            if (errno != EINTR) {
                throw_error(errno, "semop", name);
            }
        }
}

/// Performs all operations, which say IPC_NOWAIT, if that is possible at once.
/// Returns  false when it is not.
inline bool try_operate_sysv_semaphores(int id, ::sembuf* operations, std::size_t count, const std::string& name) {
    if (::semop(id, operations, count) == -1) {
        if (errno != EAGAIN) {
            throw_error(errno, "semop", name);
        }
        return false;
    }
    return true;
}

/// As operate_sysv_semaphores(), sleeping until `until` (monotonic_now) at the latest.
/// Returns  false when the time came and nothing changed.
inline bool operate_sysv_semaphores_until(int id, ::sembuf* operations, std::size_t count, std::int64_t until,
                                          const std::string& name) {
    for (;;) {
        const std::int64_t left = until - monotonic_now();
        const ::timespec timeout = to_timespec(left < 0 ? 0 : left);
        if (::semtimedop(id, operations, count, &timeout) == 0) {
            return true;
        }
        if (errno == EAGAIN && monotonic_now() >= until) {
            return false;
        }
        if (errno != EINTR && errno != EAGAIN) {
            throw_error(errno, "semtimedop", name);
        }
    }
}

/// The current value of one semaphore of the set.
inline int sysv_semaphore_value(int id, int index, std::string_view name) {
    return checked(::semctl(id, index, GETVAL), "semctl(GETVAL)", name);
}

inline ::semid_ds sysv_semaphore_status(int id, std::string_view name) {
    union {  // semctl(2) asks its callers to declare it
        int value;
        ::semid_ds* status;
    } argument{};
    ::semid_ds result{};
    argument.status = &result;
    checked(::semctl(id, 0, IPC_STAT, argument), "semctl(IPC_STAT)", name);
    return result;
}

/// Removes the set at once; sleepers wake with EIDRM.
inline void remove_sysv_semaphores(int id, std::string_view name) {
    checked(::semctl(id, 0, IPC_RMID), "semctl(IPC_RMID)", name);
}

}  // namespace tenon::sys
