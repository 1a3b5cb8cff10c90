// SPDX-License-Identifier: BSL-1.0
#pragma once
/// memfd_create(2): shared memory without a name, which a child inherits or a socket carries. Once sealed, its size can
/// never change again, so that no peer can truncate it under another's feet (SIGBUS).

#include <fcntl.h>
#include <sys/mman.h>

#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// `label` is what /proc/PID/maps shows; it need not be unique.
inline FileDescriptor create_memfd(const char* label) {
    return FileDescriptor{checked(::memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create", label)};
}

/// The seals of a file: F_SEAL_SHRINK and others; 0 for one that knows no seals.
inline int seals(int descriptor) noexcept {
    const int result = ::fcntl(descriptor, F_GET_SEALS);
    return result < 0 ? 0 : result;
}

/// Fixes the size for ever, and the set of seals with it.
inline void seal_size(int descriptor) {
    checked(::fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "fcntl(F_ADD_SEALS)");
}

}  // namespace tenon::sys
