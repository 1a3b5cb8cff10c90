// SPDX-License-Identifier: BSL-1.0
#pragma once
/// mmap(2) and munmap(2): memory of a file seen in the address space, shared with every other process that maps it.

#include <sys/mman.h>

#include <cstddef>
#include <utility>

#include "error.hpp"

namespace tenon::sys {

enum class Protection : int { read = PROT_READ, read_write = PROT_READ | PROT_WRITE };

/// Owns one mapping; the destructor unmaps it. Empty after a move.
class Mapping {
public:
    Mapping() noexcept = default;
    Mapping(void* address, std::size_t size) noexcept : address_{address}, size_{size} {}
    Mapping(Mapping&& other) noexcept
        : address_{std::exchange(other.address_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
    Mapping& operator=(Mapping&& other) noexcept {
        if (this != &other) {
            reset();
            address_ = std::exchange(other.address_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { reset(); }

    [[nodiscard]] void* address() const noexcept { return address_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] explicit operator bool() const noexcept { return address_ != nullptr; }

    void reset() noexcept {
        if (address_ != nullptr) {
            ::munmap(std::exchange(address_, nullptr), std::exchange(size_, 0));
        }
    }

private:
    void* address_ = nullptr;
    std::size_t size_ = 0;
};

/// Private memory, zeroed, that a forked child finds zeroed again: madvise(2), MADV_WIPEONFORK.
inline Mapping map_wiped_on_fork(std::size_t size) {
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) {
        throw_error(errno, "mmap");
    }
    Mapping mapping{address, size};
    checked(::madvise(address, size, MADV_WIPEONFORK), "madvise(MADV_WIPEONFORK)");
    return mapping;
}

/// Maps the first `size` bytes of the file, shared. `name` is for the error's text.
inline Mapping map_shared(int descriptor, std::size_t size, Protection protection, std::string_view name = {}) {
    void* const address = ::mmap(nullptr, size, static_cast<int>(protection), MAP_SHARED, descriptor, 0);
    if (address == MAP_FAILED) {
        throw_error(errno, "mmap", name);
    }
    return Mapping{address, size};
}

}  // namespace tenon::sys
