// SPDX-License-Identifier: BSL-1.0
#pragma once
/// POSIX shared memory, shm_overview(7): files of the tmpfs under /dev/shm, known by "/name".
///
/// A new object has no name at first and gets one when it is complete: create_unnamed(), fill, publish(). Nobody ever
/// opens half an object, and a creator that dies leaves nothing behind. (shm_open(O_CREAT) could not do that.)

#include <fcntl.h>
#include <limits.h>    // NAME_MAX
#include <sys/mman.h>  // shm_open
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// Where glibc and musl keep POSIX shared memory.
inline constexpr const char* shared_memory_directory = "/dev/shm";

/// Opens an existing object, O_RDONLY or O_RDWR; never follows a symbolic link, never blocks on a FIFO in its place.
/// ENOENT when there is none.
inline FileDescriptor open_shared_memory(const std::string& name, int access) {
    return FileDescriptor{checked(
        uninterrupted([&] { return ::shm_open(name.c_str(), access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0); }),
        "shm_open", name)};
}

/// A new object without a name, for its owner alone; it vanishes with its last descriptor unless it is published.
/// `name` is for the error's text. Source: open(2), O_TMPFILE.
inline FileDescriptor create_unnamed_shared_memory(std::string_view name) {
    return FileDescriptor{
        checked(uninterrupted([&] { return ::open(shared_memory_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }),
                "open(O_TMPFILE)", name)};
}

/// Sets the permission bits to exactly these, whatever the umask.
inline void set_mode(int descriptor, ::mode_t mode, std::string_view name) {
    checked(::fchmod(descriptor, mode), "fchmod", name);
}

/// Gives an unnamed object its name, atomically.
/// Returns  false when the name is taken.
inline bool publish_shared_memory(int descriptor, const std::string& name) {
    const std::string from = "/proc/self/fd/" + std::to_string(descriptor);
    const std::string to = shared_memory_directory + name;
    const int result = ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW);
    if (result == -1 && errno == EEXIST) {
        return false;
    }
    checked(result, "linkat", name);
    return true;
}

/// Takes the name away; who has the object open keeps it.
inline void unlink_shared_memory(const std::string& name) { checked(::shm_unlink(name.c_str()), "shm_unlink", name); }

}  // namespace tenon::sys
