// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Who a process is, so that nobody else is ever taken for it: pid, start time and pid namespace together are unique
/// until the machine restarts. And a descriptor for a process, pidfd_open(2), which becomes readable when it ends.

#include <fcntl.h>
#include <signal.h>  // kill
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// A process of this machine. Start time in clock ticks since boot (proc(5), stat field 22), 0 when it is not known;
/// the pid namespace as its inode number, 0 when it is not known.
struct ProcessIdentity {
    std::uint32_t pid = 0;
    std::uint64_t start_time = 0;
    std::uint64_t pid_namespace = 0;
    friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) noexcept = default;
};

namespace detail {

/// What this header needs of /proc/PID/stat.
struct ProcessStatus {
    bool readable = false;
    char state = '?';
    long threads = 0;
    std::uint64_t start_time = 0;
};

/// `path` is "/proc/self/stat" or "/proc/PID/stat".
inline ProcessStatus read_process_status(const char* path) noexcept {
    ProcessStatus result;
    FileDescriptor file{uninterrupted([&] { return ::open(path, O_RDONLY | O_CLOEXEC); })};
    char text[1024];
    const auto length = file ? uninterrupted([&] { return ::read(file.get(), text, sizeof text - 1); }) : -1;
    if (length <= 0) {
        return result;
    }
    text[length] = '\0';
    const char* at = std::strrchr(text, ')');  // the command's name may hold anything, blanks and brackets too
    if (at == nullptr) {
        return result;
    }
    std::uint64_t number = 0;
    for (int field = 2; *at != '\0'; ++at) {
        if (*at == ' ') {
            ++field;
            number = 0;
            if (field == 3) {
                result.state = at[1];
            }
        } else if (*at >= '0' && *at <= '9') {
            number = number * 10 + static_cast<std::uint64_t>(*at - '0');
            if (field == 20) {
                result.threads = static_cast<long>(number);
            } else if (field == 22) {
                result.start_time = number;
                result.readable = true;
            }
        }
    }
    return result;
}

inline std::uint64_t own_pid_namespace() noexcept {
    struct ::stat status {};
    return ::stat("/proc/self/ns/pid", &status) == 0 ? static_cast<std::uint64_t>(status.st_ino) : 0;
}

}  // namespace detail

/// The identity of the calling process.
inline ProcessIdentity this_process() noexcept {
    return {static_cast<std::uint32_t>(::getpid()), detail::read_process_status("/proc/self/stat").start_time,
            detail::own_pid_namespace()};
}

/// Whether that process has certainly ended: no such pid, another process under its pid, or a zombie without threads.
/// False whenever it cannot be known (another pid namespace, a /proc that hides it).
inline bool has_ended(const ProcessIdentity& process) noexcept {
    const auto pid = static_cast<::pid_t>(process.pid);
    if (pid <= 0 || process.pid_namespace == 0 || process.pid_namespace != detail::own_pid_namespace()) {
        return false;
    }
    if (::kill(pid, 0) == -1 && errno == ESRCH) {
        return true;
    }
    char path[32] = "/proc/";
    std::size_t end = 6;  // the length of "/proc/"
    for (std::uint32_t unit = 1'000'000'000; unit != 0; unit /= 10) {
        if (process.pid >= unit) {
            path[end++] = static_cast<char>('0' + process.pid / unit % 10);
        }
    }
    std::memcpy(path + end, "/stat", 6);
    const auto status = detail::read_process_status(path);
    if (!status.readable) {
        return false;
    }
    const bool zombie = (status.state == 'Z' || status.state == 'X') && status.threads <= 1;
    return zombie || (process.start_time != 0 && status.start_time != process.start_time);
}

/// The calling thread, unique in its pid namespace while it runs.
inline std::uint32_t this_thread() noexcept { return static_cast<std::uint32_t>(::syscall(SYS_gettid)); }

/// A descriptor that poll(2) reports readable once the process has ended.
/// Throws  ESRCH when there is no such process.
inline FileDescriptor open_pidfd(::pid_t pid) {
    return FileDescriptor{static_cast<int>(checked(::syscall(SYS_pidfd_open, pid, 0U), "pidfd_open"))};
}

}  // namespace tenon::sys
