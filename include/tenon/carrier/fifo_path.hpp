// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The name of a FIFO in the file system: made, found, checked, and taken away by who made it.
///
/// Presence. Each user holds a shared flock(2) on its description. So a FIFO that nobody holds was left behind by a killed
///           maker, and whoever creates it anew takes it over: it is empty, since what is in a FIFO goes with its last user.

#include <fcntl.h>
#include <sys/file.h>  // flock
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "../memory/address.hpp"
#include "../memory/companion_file.hpp"  // check_trust
#include "../memory/errc.hpp"
#include "../memory/fork_generation.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/pipe.hpp"

namespace tenon::carrier {

class FifoPath {
public:
    FifoPath() noexcept = default;
    FifoPath(FifoPath&& other) noexcept { *this = std::move(other); }
    FifoPath& operator=(FifoPath&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(place_, other.place_);
        std::swap(maker_, other.maker_);
        return *this;
    }
    ~FifoPath() { remove_own(); }

    /// Makes the FIFO, or takes over one that a killed process of the same user has left.
    /// Throws  EEXIST when it is in use, or when what is there is no FIFO or another user's.
    static FifoPath create(const std::string& path, Mode mode) {
        FifoPath made;
        made.path_ = path;
        const bool fresh = sys::make_fifo(path, mode.bits);
        made.place_ = look_at(path);
        const auto status = sys::status(made.place_.get(), path);
        if (!fresh && (!S_ISFIFO(status.st_mode) || status.st_uid != ::geteuid() || !made.is_abandoned())) {
            sys::throw_error(EEXIST,
                             S_ISFIFO(status.st_mode) ? "mkfifo" : "mkfifo: what is there is no FIFO, and stays", path);
        }
        made.maker_ = memory::fork_generation();
        if ((status.st_mode & 07777) != mode.bits) {  // the umask, or the last maker, wanted otherwise
            sys::checked(::chmod(made.through_proc().c_str(), mode.bits), "chmod", path);
        }
        return made;
    }

    /// Finds it.
    /// Throws  ENOENT; errc::kind_mismatch when it is no FIFO; errc::untrusted.
    static FifoPath open(const std::string& path, Mode most, Owner owner) {
        FifoPath found;
        found.path_ = path;
        found.place_ = look_at(path);
        const auto status = sys::status(found.place_.get(), path);
        if (!S_ISFIFO(status.st_mode)) {
            memory::throw_error(errc::kind_mismatch, "\"" + path + "\" is no FIFO");
        }
        memory::check_trust(status.st_uid, status.st_mode, owner, most, path);
        return found;
    }

    [[nodiscard]] const std::string& text() const noexcept { return path_; }

    /// A description of the FIFO; -1 with errno set, ENXIO when it is for writing, does not wait, and nobody reads.
    [[nodiscard]] sys::FileDescriptor try_connect(int flags) const noexcept {
        return sys::try_reopen(place_.get(), flags);
    }

    /// From here on it is in use by this description.
    void attend(int descriptor) const {
        sys::checked(sys::uninterrupted([&] { return ::flock(descriptor, LOCK_SH); }), "flock", path_);
    }

    /// Takes the name away if this process made it and it still leads to what was made.
    void remove_own() noexcept {
        if (maker_ != 0 && std::exchange(maker_, 0) == memory::fork_generation()) {
            struct ::stat named {};
            struct ::stat made {};
            if (::lstat(path_.c_str(), &named) == 0 && ::fstat(place_.get(), &made) == 0 &&
                named.st_dev == made.st_dev && named.st_ino == made.st_ino) {
                ::unlink(path_.c_str());
            }
        }
    }

private:
    static sys::FileDescriptor look_at(const std::string& path) { return sys::open(path.c_str(), O_PATH | O_NOFOLLOW); }
    [[nodiscard]] std::string through_proc() const { return "/proc/self/fd/" + std::to_string(place_.get()); }

    [[nodiscard]] bool is_abandoned() const {
        const sys::FileDescriptor probe = try_connect(O_RDONLY | O_NONBLOCK);
        return probe && ::flock(probe.get(), LOCK_EX | LOCK_NB) == 0;
    }

    std::string path_;
    sys::FileDescriptor place_;  // O_PATH: what was found under the name, whatever becomes of the name
    std::uint64_t maker_ = 0;    // the process that made it
};

}  // namespace tenon::carrier
