// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Unix domain sockets, unix(7), close-on-exec: made, bound, connected, what they know of the other side, and how a
/// descriptor that nobody asked for is got rid of. Addresses are the kernel's own; who wants to write them as text takes
/// carrier/unix_address.hpp.

#include <poll.h>
#include <sys/ioctl.h>  // FIONREAD
#include <sys/socket.h>
#include <sys/time.h>  // timeval
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>  // std::nothrow
#include <string_view>
#include <utility>

#include "clock.hpp"
#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// Who made the other end: the process that called connect(2) or listen(2), as it was then. Told by the kernel.
struct PeerCredentials {
    ::pid_t pid = 0;  // 0: of a pid namespace that cannot be seen from here
    ::uid_t uid = static_cast<::uid_t>(-1);
    ::gid_t gid = static_cast<::gid_t>(-1);
    friend bool operator==(const PeerCredentials&, const PeerCredentials&) noexcept = default;
};

struct UnixSocketAddress {
    ::sockaddr_un address{};
    ::socklen_t size = 0;

    [[nodiscard]] const ::sockaddr* get() const noexcept { return reinterpret_cast<const ::sockaddr*>(&address); }
};

/// The longest path, or name behind the NUL of an abstract one.
inline constexpr std::size_t most_unix_name = sizeof(::sockaddr_un::sun_path) - 1;

/// `type`: SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM; with SOCK_NONBLOCK if wanted.
inline FileDescriptor create_unix_socket(int type) {
    return FileDescriptor{checked(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0), "socket(AF_UNIX)")};
}

struct UnixSocketPair {
    FileDescriptor left;
    FileDescriptor right;
};

inline UnixSocketPair create_unix_socket_pair(int type) {
    int ends[2];
    checked(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair(AF_UNIX)");
    return {FileDescriptor{ends[0]}, FileDescriptor{ends[1]}};
}

/// accept4(2). Returns an empty descriptor, with errno set, when there is nobody or the system refuses.
inline FileDescriptor try_accept(int listening) noexcept {
    return FileDescriptor{uninterrupted([&] { return ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC); })};
}

/// connect(2), waiting for room among those who wait to be accepted until then (sys::monotonic_now).
/// Returns  0, or the error: EAGAIN when the time came first.
inline int try_connect_until(int descriptor, const UnixSocketAddress& address, std::int64_t until) noexcept {
    for (;;) {
        ::timeval left{};  // 0 is for ever
        if (until != end_of_time) {
            const std::int64_t rest = until - monotonic_now();
            left.tv_sec = static_cast<::time_t>(rest > 0 ? rest / 1'000'000'000 : 0);
            left.tv_usec = static_cast<::suseconds_t>(rest > 0 ? rest % 1'000'000'000 / 1'000 + 1 : 1);
            if (left.tv_usec == 1'000'000) {
                --left.tv_usec;
            }
        }
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left);
        const int error = ::connect(descriptor, address.get(), address.size) == 0 ? 0 : errno;
        if (error == EINTR) {
            continue;
        }
        left = {};
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left);
        return error;
    }
}

/// A number that the socket can be asked for: SO_TYPE, SO_DOMAIN, SO_SNDBUF, SO_ERROR.
inline int socket_option(int descriptor, int option, std::string_view name = {}) {
    int value = 0;
    ::socklen_t size = sizeof value;
    checked(::getsockopt(descriptor, SOL_SOCKET, option, &value, &size), "getsockopt", name);
    return value;
}

/// SO_PEERCRED.
inline PeerCredentials peer_credentials(int descriptor) {
    ::ucred peer{};
    ::socklen_t size = sizeof peer;
    checked(::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size), "getsockopt(SO_PEERCRED)");
    return {peer.pid, peer.uid, peer.gid};
}

/// Whether the peer was a member of that group, by its main group or by another. Source: SO_PEERGROUPS, Linux 4.13.
inline bool peer_is_in_group(int descriptor, ::gid_t group) noexcept {
    constexpr std::size_t most = 65'536;  // NGROUPS_MAX
    ::ucred peer{};
    ::socklen_t size = sizeof peer;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.gid == group) {
        return true;
    }
    ::gid_t none = 0;
    size = 0;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, &none, &size) == 0 || errno != ERANGE ||
        size > most * sizeof(::gid_t)) {
        return false;
    }
    auto* const groups = new (std::nothrow)::gid_t[size / sizeof(::gid_t)];
    bool found = false;
    if (groups != nullptr && ::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
        for (std::size_t i = 0; i < size / sizeof(::gid_t); ++i) {
            found = found || groups[i] == group;
        }
    }
    delete[] groups;
    return found;
}

/// How many bytes can be received at once; 0 when that cannot be known.
inline int bytes_waiting(int descriptor) noexcept {
    int count = 0;
    return ::ioctl(descriptor, FIONREAD, &count) == 0 ? count : 0;
}

// ---- descriptors that are passed

/// The most descriptors that the kernel lets one message carry (SCM_MAX_FD).
inline constexpr std::size_t most_descriptors = 253;

namespace detail {

// Newer than the C library of Debian 12. SPARC and PA-RISC, which number their options otherwise, are left without.
inline constexpr bool has_common_numbers = SO_BUSY_POLL == 46;
inline constexpr int pass_pidfd = has_common_numbers ? 76 : -1;   // SO_PASSPIDFD, Linux 6.5
inline constexpr int pass_rights = has_common_numbers ? 83 : -1;  // SO_PASSRIGHTS, Linux 6.16
inline constexpr int passed_pidfd = 4;                            // SCM_PIDFD

/// An older kernel does not know all of them (ENOPROTOOPT).
inline void try_set(int descriptor, int option, int value) noexcept {
    const int saved = errno;
    ::setsockopt(descriptor, SOL_SOCKET, option, &value, sizeof value);
    errno = saved;
}

}  // namespace detail

/// Whoever tries to pass a descriptor to this socket, or to one that is accepted from it, gets EPERM. Before Linux 6.16
/// nothing happens: the kernel throws away what is received without room for it, and then closes it as close(2) would.
inline void refuse_descriptors(int socket) noexcept { detail::try_set(socket, detail::pass_rights, 0); }
/// As every new socket does.
inline void admit_descriptors(int socket) noexcept { detail::try_set(socket, detail::pass_rights, 1); }

/// From now on nothing but passed descriptors comes beside the bytes: no credentials, labels, pidfds and times, whatever
/// the socket was told before.
inline void drop_extras(int socket) noexcept {
    for (const int option : {SO_PASSCRED, SO_PASSSEC, SO_TIMESTAMP, detail::pass_pidfd}) {
        detail::try_set(socket, option, 0);
    }
}

/// Closes a descriptor that somebody else has chosen: of a socket with SO_LINGER, close(2) would sleep for as long as he
/// likes.
inline void close_at_once(FileDescriptor descriptor) noexcept {
    const int saved = errno;
    constexpr ::linger none{};
    ::setsockopt(descriptor.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);  // ENOTSOCK where it is none
    errno = saved;
}

/// Calls `take` with each descriptor that was passed with a message, as a FileDescriptor. One that was not asked for
/// (SO_PASSPIDFD) is closed.
template <class Take>
void take_descriptors(::msghdr& received, Take take) {
    for (::cmsghdr* part = CMSG_FIRSTHDR(&received); part != nullptr; part = CMSG_NXTHDR(&received, part)) {
        const bool passed = part->cmsg_type == SCM_RIGHTS;
        if (part->cmsg_level != SOL_SOCKET || !(passed || part->cmsg_type == detail::passed_pidfd)) {
            continue;
        }
        for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
            int number;
            std::memcpy(&number, reinterpret_cast<const std::byte*>(part) + at, sizeof number);
            FileDescriptor fresh{number};
            if (passed) {
                take(std::move(fresh));
            }
        }
    }
}

/// As recv(2); what descriptors were passed with the bytes are closed, at once.
inline ::ssize_t receive_bytes_only(int socket, void* room, std::size_t size, int flags) noexcept {
    alignas(::cmsghdr) std::byte control[CMSG_SPACE(sizeof(int) * most_descriptors)];
    ::iovec bytes{room, size};
    ::msghdr what{};
    what.msg_iov = &bytes;
    what.msg_iovlen = 1;
    what.msg_control = control;
    what.msg_controllen = sizeof control;
    const ::ssize_t got = ::recvmsg(socket, &what, flags | MSG_CMSG_CLOEXEC);
    if (got >= 0) {
        take_descriptors(what, [](FileDescriptor passed) { close_at_once(std::move(passed)); });
    }
    return got;
}

/// Nothing more crosses, in either direction, for whoever holds this socket; what was on its way here is thrown away.
inline void shut_down(int socket) noexcept {
    ::shutdown(socket, SHUT_RDWR);
    std::byte rest[4096];
    while (receive_bytes_only(socket, rest, sizeof rest, MSG_DONTWAIT) > 0 || bytes_waiting(socket) > 0) {}
}

}  // namespace tenon::sys
