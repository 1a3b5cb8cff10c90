// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A file descriptor that has one owner, and what any descriptor can be asked: its status, a private duplicate,
/// and a fresh open file description of the same file.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "error.hpp"

namespace tenon::sys {

/// Owns a descriptor; the destructor closes it. Empty (-1) after a move.
class FileDescriptor {
public:
    FileDescriptor() noexcept = default;
    explicit FileDescriptor(int descriptor) noexcept : descriptor_{descriptor} {}
    FileDescriptor(FileDescriptor&& other) noexcept : descriptor_{other.release()} {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        reset(other.release());
        return *this;
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }

    /// Hands the descriptor to the caller, who closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

    /// Closes what is owned. Never retries: on Linux the descriptor is gone even when close() reports EINTR.
    void reset(int descriptor = -1) noexcept {
        const int old = std::exchange(descriptor_, descriptor);
        if (old >= 0) {
            const int saved = errno;
            ::close(old);
            errno = saved;
        }
    }

private:
    int descriptor_ = -1;
};

/// open(2), close-on-exec.
inline FileDescriptor open(const char* path, int flags, ::mode_t mode = 0) {
    return FileDescriptor{checked(uninterrupted([&] { return ::open(path, flags | O_CLOEXEC, mode); }), "open", path)};
}

/// Another descriptor for the same open file description, close-on-exec. Source: fcntl(2), F_DUPFD_CLOEXEC.
inline FileDescriptor duplicate(int descriptor) {
    return FileDescriptor{checked(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)")};
}

/// A new open file description of the file behind `descriptor`, even when its name is gone. Needs /proc.
/// Returns an empty descriptor, with errno set, when the kernel refuses.
inline FileDescriptor try_reopen(int descriptor, int flags) noexcept {
    char path[32] = "/proc/self/fd/";
    char digits[12];
    std::size_t count = 0;
    auto rest = static_cast<unsigned>(descriptor);
    do {
        digits[count++] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    std::size_t end = 14;  // the length of "/proc/self/fd/"
    while (count != 0) {
        path[end++] = digits[--count];
    }
    path[end] = '\0';
    return FileDescriptor{uninterrupted([&] { return ::open(path, flags | O_CLOEXEC); })};
}

/// As try_reopen(); throws where that returns an empty descriptor.
inline FileDescriptor reopen(int descriptor, int flags) {
    FileDescriptor fresh = try_reopen(descriptor, flags);
    checked(fresh.get(), "open", "/proc/self/fd");
    return fresh;
}

/// fstat(2). `name` is for the error's text.
inline struct ::stat status(int descriptor, std::string_view name = {}) {
    struct ::stat result {};
    checked(::fstat(descriptor, &result), "fstat", name);
    return result;
}

/// Makes the file `size` bytes long and reserves its memory now, so that a full file system is an error here and not
/// a SIGBUS later. Throws ENOSPC when there is no room. Source: fallocate(2).
inline void reserve(int descriptor, std::size_t size, std::string_view name = {}) {
    checked(uninterrupted([&] { return ::fallocate(descriptor, 0, 0, static_cast<::off_t>(size)); }), "fallocate",
            name);
}

}  // namespace tenon::sys
