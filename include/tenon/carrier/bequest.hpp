// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How an end is handed to a program that this one starts: its descriptor under a number, and in the environment, under a
/// name, which number it is and what travels there. So a program that was compiled with another layout is refused.
///
///     TENON_FD_orders=3 pipe receiver 1f2e3d4c5b6a7988
///     Order size 24 align 8
///     ...

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../memory/errc.hpp"
#include "../payload/layout.hpp"
#include "../payload/layout_difference.hpp"
#include "../sys/error.hpp"
#include "../sys/file_descriptor.hpp"

namespace tenon::carrier {

/// What an end is, for the comparison on the other side.
struct Bequest {
    std::string kind;  // "pipe receiver"; "descriptor" for what brings its own checks
    std::uint64_t fingerprint = 0;
    std::string words;

    template <class Msg>
    static Bequest of(std::string_view kind) {
        constexpr std::size_t most_words = 32'768;  // of the 131,072 bytes that one variable may have
        return {std::string{kind}, tenon::fingerprint<Msg>, std::string{layout_words<Msg>.substr(0, most_words)}};
    }
};

inline constexpr std::string_view bequest_prefix = "TENON_FD_";

/// Throws  EINVAL unless `name` is 1 to 64 letters, digits and underscores.
inline void check_bequest_name(std::string_view name) {
    bool fine = !name.empty() && name.size() <= 64;
    for (const char c : name) {
        fine = fine && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    }
    if (!fine) {
        sys::throw_error(EINVAL, "a given end is named by 1 to 64 letters, digits and underscores, not", name);
    }
}

/// The variable that tells of it.
inline std::string bequest_variable(std::string_view name, int descriptor, const Bequest& bequest) {
    std::string hex;
    for (int shift = 60; shift >= 0; shift -= 4) {
        hex += "0123456789abcdef"[(bequest.fingerprint >> shift) & 15];
    }
    return std::string{bequest_prefix} + std::string{name} + "=" + std::to_string(descriptor) + " " + bequest.kind +
           " " + hex + "\n" + bequest.words;
}

namespace detail {

/// The descriptor that the variable tells of.
inline int find_bequest(std::string_view name, const Bequest& wanted) {
    check_bequest_name(name);
    const char* const variable = std::getenv((std::string{bequest_prefix} + std::string{name}).c_str());
    if (variable == nullptr) {
        sys::throw_error(ENOENT, "nothing was given to this program as", name);
    }
    const std::string_view text{variable};
    const std::string_view head = text.substr(0, text.find('\n'));
    const std::size_t first = head.find(' ');
    const std::size_t last = head.rfind(' ');
    const std::string shown = "\"" + std::string{name} + "\"";
    if (first == head.npos || first == last) {
        memory::throw_error(errc::corrupted, shown);
    }
    const std::string_view kind = head.substr(first + 1, last - first - 1);
    if (kind != wanted.kind) {
        memory::throw_error(errc::kind_mismatch, shown + " is a " + std::string{kind} + ", not a " + wanted.kind);
    }
    const std::string fingerprint{head.substr(last + 1)};
    if (std::strtoull(fingerprint.c_str(), nullptr, 16) != wanted.fingerprint) {
        const std::string_view theirs = head.size() == text.size() ? std::string_view{} : text.substr(head.size() + 1);
        memory::throw_error(errc::layout_mismatch, shown + "\n" + layout_difference(wanted.words, theirs));
    }
    return std::atoi(std::string{head.substr(0, first)}.c_str());
}

inline sys::FileDescriptor take_descriptor(std::string_view name, int descriptor) {
    const int flags = sys::checked(::fcntl(descriptor, F_GETFD), "fcntl(F_GETFD)", name);
    if ((flags & FD_CLOEXEC) != 0) {
        sys::throw_error(EBUSY, "it was taken already:", name);
    }
    sys::checked(::fcntl(descriptor, F_SETFD, FD_CLOEXEC), "fcntl(F_SETFD)", name);
    return sys::FileDescriptor{descriptor};
}

}  // namespace detail

/// Takes what was given to this program under that name; from here on it is closed on exec.
/// Throws  ENOENT when there is none; errc::kind_mismatch, errc::layout_mismatch; EBUSY when it was taken already.
inline sys::FileDescriptor take_bequest(std::string_view name, const Bequest& wanted) {
    return detail::take_descriptor(name, detail::find_bequest(name, wanted));
}

/// As take_bequest(), of what has to be an end of a pipe; `access` is O_RDONLY or O_WRONLY.
/// Throws  errc::kind_mismatch when it is something else; then it stays open.
inline sys::FileDescriptor take_pipe_bequest(std::string_view name, const Bequest& wanted, int access) {
    const int descriptor = detail::find_bequest(name, wanted);
    const auto status = sys::status(descriptor, name);
    const int flags = sys::checked(::fcntl(descriptor, F_GETFL), "fcntl(F_GETFL)", name);
    if (!S_ISFIFO(status.st_mode) || (flags & O_ACCMODE) != access) {
        memory::throw_error(errc::kind_mismatch, "\"" + std::string{name} + "\" is called a " + wanted.kind +
                                                     ", and descriptor " + std::to_string(descriptor) + " is " +
                                                     (S_ISFIFO(status.st_mode) ? "another end of a pipe" : "no pipe"));
    }
    return detail::take_descriptor(name, descriptor);
}

}  // namespace tenon::carrier
