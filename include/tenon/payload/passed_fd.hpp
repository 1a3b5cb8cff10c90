// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A descriptor as a field of a message: an open file, shared memory, another socket. It crosses over a TypedSocket only,
/// where the kernel gives it a number of the receiver's own (unix(7), SCM_RIGHTS); at any depth of structs and arrays.
///
///     struct Frame { std::uint64_t number; tenon::PassedFd pixels; };
///     socket.send(Frame{1, tenon::PassedFd{memory.native_handle()}});   // lent: stays the sender's
///     Frame frame = socket.receive();
///     tenon::sys::FileDescriptor pixels = socket.take(frame.pixels);    // the receiver's own

namespace tenon {

/// The number of a descriptor, which it does not own; less than 0 is none.
class PassedFd {
public:
    constexpr PassedFd() noexcept = default;
    constexpr explicit PassedFd(int descriptor) noexcept : descriptor_{descriptor} {}

    [[nodiscard]] constexpr int get() const noexcept { return descriptor_; }
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return descriptor_ >= 0; }

private:
    int descriptor_ = -1;
};

}  // namespace tenon
