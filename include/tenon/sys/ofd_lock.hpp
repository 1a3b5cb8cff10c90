// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Open-file-description locks on single bytes, fcntl(2): advisory, held by the description (so shared with a forked
/// child and with duplicates), and released by the kernel when its last descriptor is closed, however that happens.
/// Bytes past the end of the file may be locked. And a lock of the same kind on the whole file, flock(2), which may be
/// exclusive without the right to write.

#include <fcntl.h>
#include <sys/file.h>  // flock
#include <unistd.h>

#include "error.hpp"

namespace tenon::sys {

/// Many may hold a byte shared (needs a readable descriptor), or one exclusively (a writable one).
enum class LockKind : short { shared = F_RDLCK, exclusive = F_WRLCK };

namespace detail {
inline struct ::flock byte_range(int kind, ::off_t first, ::off_t count) noexcept {
    struct ::flock range {};
    range.l_type = static_cast<short>(kind);
    range.l_whence = SEEK_SET;
    range.l_start = first;
    range.l_len = count;
    return range;
}
}  // namespace detail

/// Locks a byte if nobody else holds it in a way that conflicts.
/// Returns  false when somebody does.
inline bool try_lock_byte(int descriptor, ::off_t byte, LockKind kind) {
    auto range = detail::byte_range(static_cast<int>(kind), byte, 1);
    const int result = ::fcntl(descriptor, F_OFD_SETLK, &range);
    if (result == -1 && (errno == EAGAIN || errno == EACCES)) {
        return false;
    }
    checked(result, "fcntl(F_OFD_SETLK)");
    return true;
}

/// Gives `count` bytes back.
inline void unlock_bytes(int descriptor, ::off_t first, ::off_t count) noexcept {
    auto range = detail::byte_range(F_UNLCK, first, count);
    ::fcntl(descriptor, F_OFD_SETLK, &range);
}

/// Whether a description other than this one holds any of the `count` bytes, shared or exclusively. When the kernel
/// cannot be asked, the answer is yes: nobody is taken for dead by mistake.
inline bool locked_by_others(int descriptor, ::off_t first, ::off_t count) noexcept {
    auto range = detail::byte_range(F_WRLCK, first, count);
    return ::fcntl(descriptor, F_OFD_GETLK, &range) == -1 || range.l_type != F_UNLCK;
}

/// Where the first lock of another description begins among `count` bytes from `first`; -1 when there is none.
/// `kind`: exclusive asks for locks of either kind, shared for exclusive ones.
inline ::off_t first_lock_of_others(int descriptor, ::off_t first, ::off_t count, LockKind kind) noexcept {
    auto range = detail::byte_range(static_cast<int>(kind), first, count);
    return ::fcntl(descriptor, F_OFD_GETLK, &range) == -1 || range.l_type == F_UNLCK ? -1 : range.l_start;
}

/// The whole file for one description, while this lives; it has nothing to do with the locks of bytes.
class FileLock {
public:
    explicit FileLock(int descriptor) noexcept : descriptor_{descriptor} {}
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() {
        if (is_held_) {
            ::flock(descriptor_, LOCK_UN);  // not by closing alone: a forked child may have the description too
        }
    }
    /// Returns  false when another description holds it, or the system refused.
    [[nodiscard]] bool try_lock() noexcept {
        is_held_ = uninterrupted([this] { return ::flock(descriptor_, LOCK_EX | LOCK_NB); }) == 0;
        return is_held_;
    }

private:
    int descriptor_;
    bool is_held_ = false;
};

}  // namespace tenon::sys
