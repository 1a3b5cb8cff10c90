// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The file by which a listening socket is found: made with its permissions, replacing one that a dead server left, and
/// taken away by who made it. Nothing else that is at the path is touched.
///
///     1  bind(2) refuses a path that exists
///     2  a socket there is asked with connect(2) from a datagram socket, of which its owner, if there is one, sees nothing:
///        ECONNREFUSED says that nobody has it open
///     3  only who holds flock(2) of the directory, and has asked again, unlinks it: so nobody unlinks a fresh one, which can
///        be at the path only after the dead one was unlinked

#include <fcntl.h>
#include <sys/file.h>  // flock
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
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
    /// Throws  EADDRINUSE when a living server has the address, EEXIST when something else is at the path; EACCES, ENOENT...
    static UnixPath bind(int socket, const UnixAddress& address, Mode mode) {
        const sys::UnixSocketAddress native = address.native();
        UnixPath made;
        made.group_ = ::getegid();
        if (address.is_abstract()) {
            sys::checked(::bind(socket, native.get(), native.size), "bind", address.text());
            return made;
        }
        // The file gets the socket's mode less the umask: never more than is wanted, and the rest below.
        sys::checked(::fchmod(socket, mode.bits & 0777), "fchmod", address.text());
        while (::bind(socket, native.get(), native.size) == -1) {
            if (errno != EADDRINUSE) {
                sys::throw_error(errno, "bind", address.text());
            }
            if (!is_dead(native, address.text())) {
                continue;  // gone meanwhile
            }
            const sys::FileDescriptor lock = lock_directory(address.text());
            if (is_dead(native, address.text())) {
                sys::checked(::unlink(address.text().c_str()), "unlink", address.text());
            }
            if (::bind(socket, native.get(), native.size) == 0) {
                break;
            }
        }
        made.settle(address.text(), mode);
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

    /// The lock goes with the descriptor.
    static sys::FileDescriptor lock_directory(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        const std::string directory = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
        sys::FileDescriptor lock = sys::open(directory.c_str(), O_RDONLY | O_DIRECTORY);
        constexpr std::int64_t second = 1'000'000'000;  // others hold it for microseconds, or mean harm
        for (const std::int64_t until = sys::monotonic_now() + second; ::flock(lock.get(), LOCK_EX | LOCK_NB) == -1;) {
            if (errno != EWOULDBLOCK && errno != EINTR) {
                sys::throw_error(errno, "flock", directory);
            }
            const std::int64_t now = sys::monotonic_now();
            if (now >= until) {
                sys::throw_error(
                    EADDRINUSE,
                    "bind: a dead server left its socket there, and another process keeps the directory locked:", path);
            }
            sys::sleep_until(now + 1'000'000);
        }
        return lock;
    }

    std::string path_;
    std::uint64_t generation_ = 0;
    ::dev_t device_ = 0;
    ::ino_t inode_ = 0;
    ::gid_t group_ = 0;
};

}  // namespace tenon::carrier
