// SPDX-License-Identifier: BSL-1.0
#pragma once
/// System V message queues, msgget(2), msgop(2), msgctl(2): bytes behind a positive `long`, by which the kernel can select.
/// For typed messages take tenon::TypedQueue<Msg, over::sysv>.
///
///     const int id = sys::get_sysv_queue(key, IPC_CREAT | IPC_EXCL | 0600, "key 0x4d2");

#include <sys/ipc.h>
#include <sys/msg.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "error.hpp"
#include "kernel_limit.hpp"

namespace tenon::sys {

inline constexpr const char* sysv_largest_message = "/proc/sys/kernel/msgmax";
inline constexpr const char* sysv_most_bytes = "/proc/sys/kernel/msgmnb";
inline constexpr const char* sysv_most_queues = "/proc/sys/kernel/msgmni";

/// What msgsnd(2) and msgrcv(2) take: any number of bytes at once behind the type, wherever Msg would be aligned.
template <std::size_t size>
struct SysvEnvelope {
    long type;
    unsigned char bytes[size];
};

/// Finds (flags 0) or makes (IPC_CREAT | IPC_EXCL | mode) a queue and returns its identifier.
/// Throws  ENOENT, EEXIST, EACCES; ENOSPC, telling msgmni.
inline int get_sysv_queue(::key_t key, int flags, std::string_view name) {
    const int id = ::msgget(key, flags);
    if (id == -1) {
        const int error = errno;
        throw_error(error, error == ENOSPC ? "msgget (" + shown_limit(sysv_most_queues) + ")" : "msgget", name);
    }
    return id;
}

inline ::msqid_ds sysv_queue_status(int id, std::string_view name) {
    ::msqid_ds result{};
    checked(::msgctl(id, IPC_STAT, &result), "msgctl(IPC_STAT)", name);
    return result;
}

/// Sets owner, mode and msg_qbytes to what `status` says.
/// Throws  EPERM for more bytes than msgmnb without CAP_SYS_RESOURCE, telling both.
inline void set_sysv_queue(int id, ::msqid_ds status, std::string_view name) {
    if (::msgctl(id, IPC_SET, &status) == -1) {
        const int error = errno;
        throw_error(error,
                    error == EPERM ? "msgctl(IPC_SET) of " + std::to_string(status.msg_qbytes) + " bytes (" +
                                         shown_limit(sysv_most_bytes) + ")"
                                   : "msgctl(IPC_SET)",
                    name);
    }
}

/// Removes the queue at once, and the messages in it; sleepers wake with EIDRM.
inline void remove_sysv_queue(int id, std::string_view name) {
    checked(::msgctl(id, IPC_RMID, nullptr), "msgctl(IPC_RMID)", name);
}

/// Throws EMSGSIZE, telling msgmax, for messages that no queue takes.
inline void check_sysv_message_size(std::size_t size, std::string_view name) {
    if (size > kernel_limit(sysv_largest_message)) {
        throw_error(
            EMSGSIZE,
            "msgsnd of messages of " + std::to_string(size) + " bytes (" + shown_limit(sysv_largest_message) + ")",
            name);
    }
}

/// Throws EMSGSIZE, telling msgmnb, for a queue of so few bytes that no such message has room in it: msgsnd(2) would wait
/// for ever.
[[noreturn]] inline void refuse_sysv_queue_without_room(std::uint64_t bytes, std::size_t size, std::string_view name) {
    throw_error(EMSGSIZE,
                "a queue of " + std::to_string(bytes) + " bytes has no room for a message of " + std::to_string(size) +
                    " (" + shown_limit(sysv_most_bytes) + ")",
                name);
}

}  // namespace tenon::sys
