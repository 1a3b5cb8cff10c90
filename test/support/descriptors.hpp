// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Which descriptors are open, and what it is to have none left.

#include <fcntl.h>
#include <sys/resource.h>

#include <vector>

#include "tenon/sys/file_descriptor.hpp"

namespace support {

/// How many descriptors below 256 are open now, and how many of them exec() would leave so.
struct DescriptorCount {
    DescriptorCount() {
        for (int descriptor = 0; descriptor < 256; ++descriptor) {
            const int flags = ::fcntl(descriptor, F_GETFD);
            open += flags != -1 ? 1 : 0;
            surviving_exec += flags != -1 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
        }
    }
    int open = 0;
    int surviving_exec = 0;
};

/// Opens descriptors until the kernel refuses, in a child, whose limit stays low; closed in the end.
struct Exhausted {
    Exhausted() {
        const ::rlimit few{64, 64};
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int one; (one = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1;) {
            open.emplace_back(one);
        }
    }
    std::vector<tenon::sys::FileDescriptor> open;
};

}  // namespace support
