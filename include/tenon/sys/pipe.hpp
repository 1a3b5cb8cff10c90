// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Pipes and FIFOs, pipe(2), fifo(7), in packet mode: each write of at most PIPE_BUF bytes is one packet, and a read
/// returns one packet. Whole, whoever else writes.

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "error.hpp"
#include "file_descriptor.hpp"
#include "kernel_limit.hpp"

namespace tenon::sys {

/// What one packet may hold everywhere. Source: pipe(7), PIPE_BUF.
inline constexpr std::size_t packet_size = 4096;

/// What one packet occupies of a pipe's capacity, and where the kernel cuts a longer write.
inline std::size_t packet_room() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

struct PipeEnds {
    FileDescriptor read_end;
    FileDescriptor write_end;
};

/// pipe2(2) with O_DIRECT: packets.
inline PipeEnds create_pipe() {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC | O_DIRECT), "pipe2");
    return {FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
}

/// Turns a write end into one that writes packets, and waits, or does not, when there is no room.
inline void set_packet_mode(int write_end, bool waits, std::string_view name) {
    checked(::fcntl(write_end, F_SETFL, O_DIRECT | (waits ? 0 : O_NONBLOCK)), "fcntl(O_DIRECT)", name);
}

/// How many packets fit.
inline std::size_t pipe_capacity(int descriptor) {
    return static_cast<std::size_t>(checked(::fcntl(descriptor, F_GETPIPE_SZ), "fcntl(F_GETPIPE_SZ)")) / packet_room();
}

/// Room for that many packets at least. Returns  false, with errno set, when the kernel refuses.
[[nodiscard]] inline bool try_set_pipe_capacity(int descriptor, std::size_t packets) noexcept {
    if (packets > INT32_MAX / packet_room()) {  // the kernel takes 32 bits, and ignores the others
        errno = EINVAL;
        return false;
    }
    return ::fcntl(descriptor, F_SETPIPE_SZ, static_cast<int>(packets * packet_room())) != -1;
}

/// As try_set_pipe_capacity().
/// Throws  EPERM above the limits that the administrator has set, EINVAL above 2 GiB; EBUSY when more is in it. The text
///         tells the limits.
inline void set_pipe_capacity(int descriptor, std::size_t packets, std::string_view name) {
    if (!try_set_pipe_capacity(descriptor, packets)) {
        const int error = errno;
        throw_error(error,
                    "fcntl(F_SETPIPE_SZ) to " + std::to_string(packets * packet_room()) + " bytes (" +
                        shown_limit("/proc/sys/fs/pipe-max-size") + ", of all pipes of a user " +
                        shown_limit("/proc/sys/fs/pipe-user-pages-soft") + " pages)",
                    name);
    }
}

/// How many bytes wait to be read; 0 also when the kernel refuses.
inline std::size_t bytes_in_pipe(int descriptor) noexcept {
    int count = 0;
    return ::ioctl(descriptor, FIONREAD, &count) == -1 || count < 0 ? 0 : static_cast<std::size_t>(count);
}

/// mkfifo(3). Returns  false when something has that name already.
/// Throws  EACCES, ENOENT, ENAMETOOLONG, ENOSPC...
inline bool make_fifo(const std::string& path, ::mode_t mode) {
    if (::mkfifo(path.c_str(), mode) == -1) {
        if (errno == EEXIST) {
            return false;
        }
        throw_error(errno, "mkfifo", path);
    }
    return true;
}

/// A write to a pipe without readers raises SIGPIPE, whose default action ends the process. Replaces that default by a
/// handler that does nothing, so that the write fails with EPIPE; a handler or SIG_IGN of the program's own stays. Not
/// inherited through exec. Source: pipe(7), signal(7).
inline void survive_broken_pipes() noexcept {
    struct ::sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
        action.sa_handler == SIG_DFL) {
        action = {};
        action.sa_handler = [](int) {};
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGPIPE, &action, nullptr);
    }
}

}  // namespace tenon::sys
