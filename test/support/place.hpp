// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Paths in the file system.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "machine.hpp"
#include "tenon/sys/file_descriptor.hpp"

namespace support {

/// Whether anything has that path; what a link leads to does not count.
inline bool is_there(const std::string& path) {
    struct ::stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

/// A path of its own, free in the end.
struct Place {
    ~Place() {
        ::unlink(path.c_str());
        ::rmdir(path.c_str());
    }
    [[nodiscard]] bool is_taken() const { return is_there(path); }
    [[nodiscard]] ::mode_t mode() const {
        return tenon::sys::status(tenon::sys::open(path.c_str(), O_PATH).get()).st_mode;
    }
    std::string path = "/tmp" + unique_name();
};

}  // namespace support
