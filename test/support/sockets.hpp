// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What tests of sockets need: a directory of their own, and peers that do not play by the rules.

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include "machine.hpp"
#include "tenon/carrier/unix_address.hpp"
#include "tenon/sys/unix_socket.hpp"

namespace support {

/// A fresh directory, removed with the files in it by who made it.
class Directory {
public:
    Directory() {
        char name[] = "/tmp/tenon-test.XXXXXX";
        if (::mkdtemp(name) == nullptr) {
            throw std::system_error{errno, std::generic_category(), "mkdtemp"};
        }
        path_ = name;
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() {
        if (::getpid() == test_process) {
            for (const std::string& entry : entries(path_)) {
                ::unlink((path_ + "/" + entry).c_str());
            }
            ::rmdir(path_.c_str());
        }
    }
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

inline std::string unique_abstract_name() { return "@" + unique_name().substr(1); }

inline std::size_t open_descriptors() { return entries("/proc/self/fd").size(); }

/// A connected socket that has said nothing.
inline tenon::sys::FileDescriptor raw_connection(const std::string& address, int type = SOCK_SEQPACKET) {
    tenon::sys::FileDescriptor socket = tenon::sys::create_unix_socket(type);
    const auto native = tenon::UnixAddress{address}.native();
    tenon::sys::checked(::connect(socket.get(), native.get(), native.size), "connect", address);
    return socket;
}

/// A listening socket, and nobody who greets.
inline tenon::sys::FileDescriptor raw_listener(const std::string& address, int type = SOCK_SEQPACKET) {
    tenon::sys::FileDescriptor socket = tenon::sys::create_unix_socket(type);
    const auto native = tenon::UnixAddress{address}.native();
    tenon::sys::checked(::bind(socket.get(), native.get(), native.size), "bind", address);
    tenon::sys::checked(::listen(socket.get(), 8), "listen", address);
    return socket;
}

/// sendmsg(2) with those descriptors.
inline ::ssize_t raw_send(int socket, const void* bytes, std::size_t size, const std::vector<int>& descriptors = {}) {
    ::iovec piece{const_cast<void*>(bytes), size};
    ::msghdr what{};
    what.msg_iov = &piece;
    what.msg_iovlen = 1;
    std::vector<std::size_t> control(CMSG_SPACE(sizeof(int) * descriptors.size()) / sizeof(std::size_t) + 1);
    if (!descriptors.empty()) {
        what.msg_control = control.data();
        what.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
        ::cmsghdr* const head = CMSG_FIRSTHDR(&what);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
        std::memcpy(CMSG_DATA(head), descriptors.data(), sizeof(int) * descriptors.size());
    }
    return ::sendmsg(socket, &what, MSG_NOSIGNAL);
}

}  // namespace support
