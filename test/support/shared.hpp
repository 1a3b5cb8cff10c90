// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Memory that the processes of a test share.

#include <sys/mman.h>

#include <atomic>
#include <cstddef>

#include "tenon/sys/error.hpp"

namespace support {

/// Numbers that a parent and its children count in together; zeros at first.
template <class T>
class Shared {
public:
    explicit Shared(std::size_t count) : count_{count} {
        void* const room =
            ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        tenon::sys::checked(room == MAP_FAILED ? -1 : 0, "mmap");
        items_ = static_cast<std::atomic<T>*>(room);
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { ::munmap(items_, count_ * sizeof(T)); }
    [[nodiscard]] std::atomic<T>& operator[](std::size_t index) const noexcept { return items_[index]; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }

private:
    std::size_t count_;
    std::atomic<T>* items_ = nullptr;
};

}  // namespace support
