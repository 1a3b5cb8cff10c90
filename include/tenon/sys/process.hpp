// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Who a process is, so that nobody else is ever taken for it: pid, start time and namespaces together are unique until
/// the machine restarts. And a descriptor for a process, pidfd_open(2), which becomes readable when it ends.

#include <fcntl.h>
#include <signal.h>  // kill
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// A process of this machine. Start time in clock ticks since boot (proc(5), stat field 22), 0 when it is not known; the
/// inode numbers of its pid namespace (upper half) and time namespace, in which pid and start time mean something.
struct ProcessIdentity {
    std::uint32_t pid = 0;
    std::uint64_t start_time = 0;
    std::uint64_t namespaces = 0;
    friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) noexcept = default;
};

namespace detail {

/// What this header needs of /proc/PID/stat.
struct ProcessStatus {
    bool readable = false;
    std::uint32_t pid = 0;
    char state = '?';
    std::uint64_t flags = 0;
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
    for (const char* digit = text; *digit >= '0' && *digit <= '9'; ++digit) {
        result.pid = result.pid * 10 + static_cast<std::uint32_t>(*digit - '0');
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
            if (field == 9) {
                result.flags = number;
            } else if (field == 20) {
                result.threads = static_cast<long>(number);
            } else if (field == 22) {
                result.start_time = number;
                result.readable = true;
            }
        }
    }
    return result;
}

/// "/proc/PID" and what of it is wanted: up to 15 characters.
struct ProcessPath {
    ProcessPath(std::uint32_t pid, std::string_view rest) noexcept {
        std::size_t end = 6;  // the length of "/proc/"
        for (std::uint32_t unit = 1'000'000'000; unit != 0; unit /= 10) {
            if (pid >= unit) {
                text[end++] = static_cast<char>('0' + pid / unit % 10);
            }
        }
        std::memcpy(text + end, rest.data(), rest.size());
    }
    char text[32] = "/proc/";
};

/// What /proc/PID/stat says.
inline ProcessStatus process_status(std::uint32_t pid) noexcept {
    return read_process_status(ProcessPath{pid, "/stat"}.text);
}

/// Whether that process has given up its memory, and with it what it executes, as each does before it closes what it has
/// open. Needs no descriptor. False when it cannot be known.
inline bool has_no_memory(std::uint32_t pid) noexcept {
    char text[32];
    const ::ssize_t length = ::readlink("/proc/self", text, sizeof text);  // of our namespace?
    const ProcessPath self{static_cast<std::uint32_t>(::getpid()), ""};
    if (length <= 0 || std::string_view{text, static_cast<std::size_t>(length)} != self.text + 6) {
        return false;
    }
    struct ::stat status {};
    return ::stat(ProcessPath{pid, ""}.text, &status) == 0 &&
           ::readlink(ProcessPath{pid, "/exe"}.text, text, sizeof text) == -1 && errno == ENOENT;
}

inline std::uint64_t own_namespaces() noexcept {
    struct ::stat pids {};
    struct ::stat times {};
    if (::stat("/proc/self/ns/pid", &pids) != 0) {
        return 0;
    }
    ::stat("/proc/self/ns/time", &times);  // 0 before Linux 5.6, which has none
    return (static_cast<std::uint64_t>(pids.st_ino) << 32) | (static_cast<std::uint64_t>(times.st_ino) & 0xffff'ffff);
}

/// What /proc says of the caller; not readable when it is the /proc of another pid namespace.
inline ProcessStatus own_status() noexcept {
    ProcessStatus result = read_process_status("/proc/self/stat");
    result.readable = result.readable && result.pid == static_cast<std::uint32_t>(::getpid());
    return result;
}

}  // namespace detail

/// The identity of the calling process.
inline ProcessIdentity this_process() noexcept {
    const auto status = detail::own_status();
    return {static_cast<std::uint32_t>(::getpid()), status.readable ? status.start_time : 0, detail::own_namespaces()};
}

/// Whether that process has certainly ended: no such pid, another process under its pid, or a zombie without threads.
/// False whenever it cannot be known (another namespace, a /proc that hides it or that is another namespace's).
inline bool has_ended(const ProcessIdentity& process) noexcept {
    const auto pid = static_cast<::pid_t>(process.pid);
    if (pid <= 0 || process.namespaces == 0 || process.namespaces != detail::own_namespaces()) {
        return false;
    }
    if (::kill(pid, 0) == -1 && errno == ESRCH) {
        return true;
    }
    if (process.start_time == 0 || !detail::own_status().readable) {
        return false;
    }
    const auto status = detail::process_status(process.pid);
    if (!status.readable) {
        return false;
    }
    const bool zombie = (status.state == 'Z' || status.state == 'X') && status.threads <= 1;
    return zombie || status.start_time != process.start_time;
}

/// Whether the process of that number has ended, or is past the point from which none returns: its descriptors are closed
/// after that. False whenever it cannot be known. Meant for the moment in which a peer has gone: later the number may be
/// another's.
inline bool has_ended_or_is_ending(::pid_t pid) noexcept {
    if (pid <= 0) {
        return false;
    }
    const auto is_gone = [pid] { return ::kill(pid, 0) == -1 && errno == ESRCH; };
    if (is_gone()) {
        return true;
    }
    constexpr std::uint64_t exiting = 0x4;  // PF_EXITING of the kernel's sched.h
    const auto number = static_cast<std::uint32_t>(pid);
    const auto own = detail::own_status();
    const auto status = own.readable ? detail::process_status(number) : own;
    if (!status.readable) {  // for want of a free descriptor, or waited for meanwhile by its parent
        return detail::has_no_memory(number) || is_gone();
    }
    return status.state == 'Z' || status.state == 'X' || (status.flags & exiting) != 0;
}

/// The calling thread, unique in its pid namespace while it runs.
inline std::uint32_t this_thread() noexcept { return static_cast<std::uint32_t>(::syscall(SYS_gettid)); }

/// A descriptor that poll(2) reports readable once the process has ended.
/// Throws  ESRCH when there is no such process.
inline FileDescriptor open_pidfd(::pid_t pid) {
    return FileDescriptor{static_cast<int>(checked(::syscall(SYS_pidfd_open, pid, 0U), "pidfd_open"))};
}

}  // namespace tenon::sys
