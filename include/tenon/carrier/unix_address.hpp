// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Where a Unix domain socket is found: "/run/answers.sock" is a path, "@answers" a name of the abstract name space, which
/// is no file, has no permissions and goes with its socket. A path that begins with @ is written "./@...".

#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "../sys/error.hpp"
#include "../sys/unix_socket.hpp"

namespace tenon {

/// Any text may be put into one; who uses it calls native(), which checks.
class UnixAddress {
public:
    UnixAddress(std::string_view text) : text_{text} {}
    UnixAddress(const char* text) : text_{text} {}
    UnixAddress(const std::string& text) : text_{text} {}

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool is_abstract() const noexcept { return !text_.empty() && text_.front() == '@'; }

    /// As the kernel wants it.
    /// Throws  EINVAL, ENAMETOOLONG where this cannot be the address of anything.
    [[nodiscard]] sys::UnixSocketAddress native() const {
        const std::string_view name = std::string_view{text_}.substr(is_abstract() ? 1 : 0);
        std::string shown = "socket address \"" + text_.substr(0, 128) + (text_.size() > 128 ? "...\"" : "\"");
        for (std::size_t nul; (nul = shown.find('\0')) != shown.npos;) {
            shown.replace(nul, 1, "\\0");  // what() would end there
        }
        if (name.empty()) {
            sys::throw_error(EINVAL, shown + " is empty: write a path, or \"@name\" for the abstract name space");
        }
        if (name.find('\0') != name.npos) {
            sys::throw_error(EINVAL, shown + " holds a NUL");
        }
        if (name.size() > sys::most_unix_name) {
            sys::throw_error(ENAMETOOLONG, shown + " has " + std::to_string(name.size()) +
                                               " bytes, and sun_path has room for " +
                                               std::to_string(sys::most_unix_name));
        }
        sys::UnixSocketAddress native;
        native.address.sun_family = AF_UNIX;
        std::memcpy(native.address.sun_path + (is_abstract() ? 1 : 0), name.data(), name.size());
        native.size = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + name.size() + 1);
        return native;  // the one byte more is the NUL in front of an abstract name, or behind a path
    }

private:
    std::string text_;
};

}  // namespace tenon
