// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The file by which a listening socket is found: made with its permissions, replacing one that a dead server left, and
/// taken away by who made it. Nothing else that is at the path is touched.
///
///     1  bind(2) refuses a path that exists
///     2  a socket there is asked with connect(2) from a datagram socket, of which its owner, if there is one, sees nothing:
///        ECONNREFUSED says that nobody has it open; or that its owner is in the middle of bind(2), where the file can be seen
///        before the kernel knows whose it is
///     3  so whoever binds, or has asked again and unlinks, does it while holding flock(2) of the file PATH.lock
///     4  PATH.lock, which no other user may open and so none can keep locked, goes with its holder; whoever waited for the
///        lock of a file that is no longer there begins anew

#include <fcntl.h>
#include <limits.h>    // PATH_MAX
#include <sys/file.h>  // flock
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "../memory/address.hpp"
#include "../memory/fork_generation.hpp"
#include "../sys/clock.hpp"
#include "../sys/error.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/unix_socket.hpp"
#include "unix_address.hpp"

namespace tenon::carrier {

/// Unlinks the path when it goes: in the process that made it, and only while the file is still that one.
class UnixPath {
public:
    UnixPath() noexcept = default;

    /// Binds the socket. An abstract name needs no more.
    /// Throws  EADDRINUSE when a living server has the address, EEXIST when something else is at the path, or at PATH.lock
    ///         where that is needed; EACCES, ENOENT...
    static UnixPath bind(int socket, const UnixAddress& address, Mode mode) {
        const sys::UnixSocketAddress native = address.native();
        UnixPath made;
        made.group_ = ::getegid();
        if (address.is_abstract()) {
            sys::checked(::bind(socket, native.get(), native.size), "bind", address.text());
            return made;
        }
        const std::string path = from_anywhere(address.text());
        // The file gets the socket's mode less the umask: never more than is wanted, and the rest below.
        sys::checked(::fchmod(socket, mode.bits & 0777), "fchmod", address.text());
        for (bool is_bound = false; !is_bound;) {
            const bool found_dead = is_dead(native, address.text());
            std::optional<Claim> claim;
            try {
                claim.emplace(address.text());
            } catch (const std::system_error& refused) {
                // Where we cannot have it, nobody who would unlink ours has it: but for one who keeps it locked.
                if (found_dead || refused.code() == std::errc::address_in_use) {
                    throw;
                }
            }
            if (claim && is_dead(native, address.text())) {
                sys::checked(::unlink(address.text().c_str()), "unlink", address.text());
            }
            is_bound = ::bind(socket, native.get(), native.size) == 0;
            if (!is_bound && errno != EADDRINUSE) {
                sys::throw_error(errno, "bind", address.text());
            }
        }
        made.settle(path, mode);
        return made;
    }
    UnixPath(UnixPath&& other) noexcept { *this = std::move(other); }
    UnixPath& operator=(UnixPath&& other) noexcept {
        if (this != &other) {
            remove();
            path_ = std::move(other.path_);
            other.path_.clear();
            generation_ = other.generation_;
            device_ = other.device_;
            inode_ = other.inode_;
            group_ = other.group_;
        }
        return *this;
    }
    ~UnixPath() { remove(); }

    /// The group of the file, to which its mode refers.
    [[nodiscard]] ::gid_t group() const noexcept { return group_; }

    /// While the socket is still open: so it is never taken for a dead one.
    void remove() noexcept {
        struct ::stat status {};
        if (!path_.empty() && generation_ == memory::fork_generation() && ::lstat(path_.c_str(), &status) == 0 &&
            status.st_dev == device_ && status.st_ino == inode_) {
            ::unlink(path_.c_str());
        }
        path_.clear();
    }

private:
    /// The right to change what is at the path. Killed, its holder leaves an empty PATH.lock to the next.
    class Claim {
    public:
        explicit Claim(const std::string& path) : path_{path + ".lock"} {
            constexpr std::int64_t second = 1'000'000'000;  // others hold it for microseconds
            for (const std::int64_t until = sys::monotonic_now() + second;;) {
                file_ = sys::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
                const auto status = sys::status(file_.get(), path_);
                if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0077) != 0 ||
                    status.st_size != 0) {
                    sys::throw_error(EEXIST, "bind: what is there is no lock of ours and stays", path_);
                }
                if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) {
                    if (is_there()) {
                        return;
                    }
                    continue;
                }
                if (errno != EWOULDBLOCK && errno != EINTR) {
                    sys::throw_error(errno, "flock", path_);
                }
                const std::int64_t now = sys::monotonic_now();
                if (now >= until) {
                    sys::throw_error(EADDRINUSE,
                                     "bind: another server begins or ends there, and keeps this locked:", path_);
                }
                sys::sleep_until(now + 1'000'000);
            }
        }
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        ~Claim() {
            if (is_there()) {
                ::unlink(path_.c_str());
            }
        }

    private:
        [[nodiscard]] bool is_there() const noexcept {
            struct ::stat held {};
            struct ::stat there {};
            return ::fstat(file_.get(), &held) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
                   held.st_dev == there.st_dev && held.st_ino == there.st_ino;
        }

        std::string path_;
        sys::FileDescriptor file_;  // and with it the lock
    };

    /// What leads there even from another working directory, where that can be said.
    static std::string from_anywhere(const std::string& path) {
        char directory[PATH_MAX];
        if (path.front() == '/' || ::getcwd(directory, sizeof directory) == nullptr ||
            std::strlen(directory) + 1 + path.size() >= sizeof directory) {
            return path;
        }
        return std::string{directory} + "/" + path;
    }

    void settle(const std::string& path, Mode mode) {
        struct ::stat status {};
        sys::checked(::lstat(path.c_str(), &status), "lstat", path);
        if (!S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid()) {
            sys::throw_error(EEXIST, "somebody put another file in the place of the socket", path);
        }
        generation_ = memory::fork_generation();
        device_ = status.st_dev;
        inode_ = status.st_ino;
        group_ = status.st_gid;
        path_ = path;
        if ((status.st_mode & 0777) != (mode.bits & 0777)) {
            const sys::FileDescriptor file = sys::open(path.c_str(), O_PATH | O_NOFOLLOW);
            const auto same = sys::status(file.get(), path);
            if (same.st_dev == device_ && same.st_ino == inode_) {
                const std::string shown = "/proc/self/fd/" + std::to_string(file.get());  // O_PATH knows no fchmod()
                sys::checked(::chmod(shown.c_str(), mode.bits & 0777), "chmod", path);
            }
        }
    }

    /// Whether a socket of ours is there that nobody has open; false when the path has become free.
    static bool is_dead(const sys::UnixSocketAddress& native, const std::string& path) {
        struct ::stat status {};
        if (::lstat(path.c_str(), &status) == -1) {
            if (errno == ENOENT) {
                return false;
            }
            sys::throw_error(errno, "lstat", path);
        }
        if (!S_ISSOCK(status.st_mode)) {
            sys::throw_error(EEXIST, "bind: what is there is no socket and stays", path);
        }
        const sys::FileDescriptor probe = sys::create_unix_socket(SOCK_DGRAM | SOCK_NONBLOCK);
        const int error = ::connect(probe.get(), native.get(), native.size) == 0 ? 0 : errno;
        if (error == ENOENT) {
            return false;
        }
        if (error != ECONNREFUSED) {
            sys::throw_error(EADDRINUSE, "bind: a living server is there:", path);
        }
        if (status.st_uid != ::geteuid()) {
            sys::throw_error(
                EADDRINUSE,
                "bind: a dead server of user " + std::to_string(status.st_uid) + " left its socket there:", path);
        }
        return true;
    }

    std::string path_;
    std::uint64_t generation_ = 0;
    ::dev_t device_ = 0;
    ::ino_t inode_ = 0;
    ::gid_t group_ = 0;
};

}  // namespace tenon::carrier
