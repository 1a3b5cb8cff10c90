// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The limits that the administrator sets under /proc/sys, for the words of an error.
///
///     sys::shown_limit("/proc/sys/kernel/msgmax")   // "/proc/sys/kernel/msgmax is 8192"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// The number in such a file; UINT64_MAX when it cannot be read: then the kernel's own refusal has to do.
inline std::uint64_t kernel_limit(const char* path) noexcept {
    const FileDescriptor file{uninterrupted([&] { return ::open(path, O_RDONLY | O_CLOEXEC); })};
    char text[32];
    const auto length = file ? uninterrupted([&] { return ::read(file.get(), text, sizeof text); }) : -1;
    if (length <= 0 || text[0] < '0' || text[0] > '9') {
        return UINT64_MAX;
    }
    std::uint64_t number = 0;
    for (::ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) {
        number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
    }
    return number;
}

/// "PATH is NUMBER".
inline std::string shown_limit(const char* path) {
    const std::uint64_t limit = kernel_limit(path);
    return std::string{path} + (limit == UINT64_MAX ? " cannot be read" : " is " + std::to_string(limit));
}

}  // namespace tenon::sys
