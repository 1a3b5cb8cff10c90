// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How every shared object is made and found: the named constructors that all front doors inherit, so that they read the
/// same everywhere. `Parameters` are what a new object needs to be told (Permits, Capacity, nothing).
///
///     auto slots = tenon::Semaphore::create("/slots", tenon::Permits{4});
///     auto same  = tenon::Semaphore::open("/slots", error);   // a std::error_code in place of exceptions
///
/// Self has, for its friend Factories: access, can_create, spec(parameters...) for a new object and spec() for any,
/// builder(mode, parameters...), settle(object, capacity, seat), and a constructor from a memory::Segment.

#include <system_error>

#include "../memory/address.hpp"
#include "../memory/errc.hpp"
#include "../memory/segment.hpp"
#include "deadline.hpp"

namespace tenon::sync {

/// The functions that need can_create are templates only because Self is not complete yet when its base is.
template <class Self, class... Parameters>
class Factories {
    using Segment = memory::Segment;

public:
    /// Makes a new object.
    /// Throws  std::system_error: EEXIST when the name is in use, ENOSPC, EACCES, ENAMETOOLONG...
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self create(const Address& address, Parameters... parameters, Mode mode = private_mode) {
        return Self{Segment::create(address, Self::spec(parameters...), mode, Self::builder(mode, parameters...),
                                    Self::settle)};
    }

    /// Attaches an object that exists. `most` is the most permissive mode that is tolerated on it, `owner` the user to
    /// whom it may belong beside the caller and root.
    /// Throws  std::system_error: ENOENT, EACCES, errc::layout_mismatch (printing both layouts), errc::untrusted...
    [[nodiscard]] static Self open(const Address& address, Mode most = owner_writes, Owner owner = Owner::caller()) {
        return Self{Segment::open(address, Self::spec(), {Self::access, most, owner}, Self::settle)};
    }

    /// As open(), waiting for the object to appear.
    /// Throws  what open() threw last, once the time has passed.
    template <class Rep, class Period>
    [[nodiscard]] static Self open_for(const Address& address, const std::chrono::duration<Rep, Period>& duration,
                                       Mode most = owner_writes, Owner owner = Owner::caller()) {
        return open_until(address, Deadline::after(duration), most, owner);
    }
    [[nodiscard]] static Self open_until(const Address& address, Deadline deadline, Mode most = owner_writes,
                                         Owner owner = Owner::caller()) {
        return Self{Segment::open_when_there(address, Self::spec(), {Self::access, most, owner, deadline.nanoseconds()},
                                             Self::settle)};
    }

    /// Attaches the object, or makes it. One that nobody uses and that does not fit is replaced.
    /// Throws  as create() and open(); errc::capacity_mismatch when it exists, in use, with other parameters.
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self open_or_create(const Address& address, Parameters... parameters,
                                             Mode mode = private_mode) {
        return Self{Segment::open_or_create(address, Self::spec(parameters...), mode, tolerating(mode),
                                            Self::builder(mode, parameters...), Self::settle)};
    }

    /// Makes an object without a name, for children to inherit or for a descriptor to carry; its size is sealed.
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self anonymous(Parameters... parameters) {
        return Self{
            Segment::anonymous(Self::spec(parameters...), Self::builder(private_mode, parameters...), Self::settle)};
    }

    /// Attaches the object behind a descriptor that was inherited or received; the descriptor stays the caller's.
    [[nodiscard]] static Self attach(int descriptor) {
        return Self{Segment::attach(descriptor, Self::spec(), {Self::access}, Self::settle)};
    }

    /// Takes the name away from an object that was asked to persist. Who uses it keeps it.
    static void remove(const Address& address) { Segment::remove(address); }

    // The same with a trailing std::error_code&: an empty handle, and the reason, instead of the exception.

    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self create(const Address& address, Parameters... parameters, std::error_code& error) {
        return create(address, parameters..., private_mode, error);
    }
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self create(const Address& address, Parameters... parameters, Mode mode,
                                     std::error_code& error) {
        return memory::reporting(error, [&] { return create(address, parameters..., mode); });
    }
    [[nodiscard]] static Self open(const Address& address, std::error_code& error) {
        return open(address, owner_writes, Owner::caller(), error);
    }
    [[nodiscard]] static Self open(const Address& address, Mode most, std::error_code& error) {
        return open(address, most, Owner::caller(), error);
    }
    [[nodiscard]] static Self open(const Address& address, Mode most, Owner owner, std::error_code& error) {
        return memory::reporting(error, [&] { return open(address, most, owner); });
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self open_for(const Address& address, const std::chrono::duration<Rep, Period>& duration,
                                       std::error_code& error) {
        return open_until(address, Deadline::after(duration), error);
    }
    [[nodiscard]] static Self open_until(const Address& address, Deadline deadline, std::error_code& error) {
        return memory::reporting(error, [&] { return open_until(address, deadline); });
    }
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self open_or_create(const Address& address, Parameters... parameters, std::error_code& error) {
        return open_or_create(address, parameters..., private_mode, error);
    }
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self open_or_create(const Address& address, Parameters... parameters, Mode mode,
                                             std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(address, parameters..., mode); });
    }
    template <class Concrete = Self>
        requires(Concrete::can_create)
    [[nodiscard]] static Self anonymous(Parameters... parameters, std::error_code& error) {
        return memory::reporting(error, [&] { return anonymous(parameters...); });
    }
    [[nodiscard]] static Self attach(int descriptor, std::error_code& error) {
        return memory::reporting(error, [&] { return attach(descriptor); });
    }
    static void remove(const Address& address, std::error_code& error) {
        memory::reporting(error, [&] { return remove(address), true; });
    }

protected:
    /// Who asks for a mode when creating tolerates the same when opening.
    static memory::Approach tolerating(Mode mode) noexcept {
        return {Self::access, Mode{mode.bits | owner_writes.bits}};
    }
};

}  // namespace tenon::sync
