// SPDX-License-Identifier: BSL-1.0
#pragma once
/// inotify(7), for one purpose: a descriptor that becomes readable when another process touches a file that both have open,
/// or when it closes it, as the kernel does for one that dies. It is what shared memory has in place of a descriptor to poll:
/// no name, no daemon, no right that the file does not give.
///
///     FileDescriptor touched = watch_for_touches(file);   // here: poll, epoll
///     touch(file);                                        // there: one read of one byte
///
/// Limits   fs.inotify.max_user_instances (128 for each user by default), RLIMIT_NOFILE.

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/resource.h>  // RLIMIT_NOFILE
#include <unistd.h>

#include <cerrno>
#include <string>

#include "error.hpp"
#include "file_descriptor.hpp"
#include "kernel_limit.hpp"

namespace tenon::sys {

namespace detail {
/// The limit behind an EMFILE: the process's own when it can have no descriptor of any kind.
inline std::string limit_of_watches(int descriptor) {
    if (const FileDescriptor another{::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)}) {
        return shown_limit("/proc/sys/fs/inotify/max_user_instances");
    }
    ::rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    return "RLIMIT_NOFILE is " + std::to_string(files.rlim_cur);
}
}  // namespace detail

/// A descriptor that poll(2) calls readable after somebody has read from the file behind `descriptor`, or closed it.
/// Throws  EMFILE, telling fs.inotify.max_user_instances or RLIMIT_NOFILE; ENOMEM, ENOSPC.
inline FileDescriptor watch_for_touches(int descriptor) {
    FileDescriptor watching{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!watching) {
        const int error = errno;
        throw_error(error, "inotify_init1", error == EMFILE ? detail::limit_of_watches(descriptor) : std::string{});
    }
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    checked(::inotify_add_watch(watching.get(), path.c_str(), IN_ACCESS | IN_CLOSE), "inotify_add_watch", path);
    return watching;
}

/// Makes every watcher's descriptor readable. The file has a byte at least, and is open for reading.
inline void touch(int descriptor) noexcept {
    const int saved = errno;
    char byte;
    while (::pread(descriptor, &byte, 1, 0) == -1 && errno == EINTR) {}
    errno = saved;
}

/// Takes what has made `watching` readable. The kernel keeps no second event that is like the last, so one read is all as a
/// rule; what it leaves keeps the descriptor readable.
inline void forget_touches(int watching) noexcept {
    const int saved = errno;
    alignas(::inotify_event) char events[512];
    while (::read(watching, events, sizeof events) == -1 && errno == EINTR) {}
    errno = saved;
}

}  // namespace tenon::sys
