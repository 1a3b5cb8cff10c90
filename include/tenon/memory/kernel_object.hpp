// SPDX-License-Identifier: BSL-1.0
#pragma once
/// One object that the kernel keeps and that cannot hold our locks: a set of System V semaphores, a message queue. How it is
/// born, found, attended, buried and removed, the same for all of them, beside a companion file. For memory see segment.hpp.
///
/// Birth.   Behind the gate of the companion file, in this order, so that a creator which dies anywhere leaves what the next
///          one can tell from somebody else's work:
///            1. the record says who is about to make it, and that it is not made: {pid, -1}
///            2. the details (of a queue: its layout)
///            3. the object, exclusively
///            4. the record names it: {pid, number}
///            5. finish(): initial values, limits, mode
///            6. the creator attends
///          Killed before 3: there is no object. Between 3 and 4: an object that nobody used, and a record without a number.
///          Between 4 and 5: an object that is_finished() refuses. After that: a whole object that nobody uses.
/// Death.   The last user removes it, then the file. Killed between the two, it leaves a file without an object, which
///          says nothing. A last user that is killed leaves the object: open() goes on with it, create() replaces it,
///          where a new one is possible; with the file that it left, whose mode becomes the new one's.
/// Foreign. What no record names is another program's. It is never removed by leaving.
///
/// `Kernel` tells the calls:
///     Handle, Wanted, Status         a found object; what a new one needs to be told; what the kernel says of one
///     keeps_details                  whether the file says what the object is; then nothing else is opened or removed
///     companion, find_call           its CompanionOf; for messages
///     find(address) noexcept         an empty Handle with errno set where there is none
///     make(address, wanted, mode)    noexcept, exclusively; an empty Handle with errno set
///     refuse(error, address, wanted) throws what make() was refused with
///     is_there(handle), number(handle)
///     status(handle, name)           with creator, owner, mode
///     is_untouched(handle, status, details), is_finished(status)
///     finish(handle, wanted, mode, name)
///     remove(address, handle)        throws;  try_remove(address, handle) noexcept
///     check_possible(handle, wanted, address)   where it has that: throws when it is known that there is no making another
///                                    one in the place of that one, so that it is not removed for nothing

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../sys/clock.hpp"
#include "../sys/error.hpp"
#include "../sys/file_descriptor.hpp"
#include "address.hpp"
#include "attendance.hpp"
#include "companion_file.hpp"
#include "errc.hpp"

namespace tenon::memory {

/// What is tolerated of an object that exists, and how long its gate is waited for.
struct Tolerance {
    Mode most = owner_writes;
    Owner trusted = Owner::caller();
    std::int64_t until = sys::end_of_time;
};

template <class Kernel>
class KernelObject {
public:
    using Handle = typename Kernel::Handle;
    using Wanted = typename Kernel::Wanted;
    using Status = typename Kernel::Status;

    /// An object as open() found it, for its judge.
    struct Found {
        Handle& handle;
        const Status& status;
        const CompanionFile& companion;
        int file;  // the companion; -1 when there is none
        const std::string& name;
    };

    KernelObject() noexcept = default;
    KernelObject(KernelObject&& other) noexcept { take(other); }
    KernelObject& operator=(KernelObject&& other) noexcept {
        if (this != &other) {
            close();
            take(other);
        }
        return *this;
    }
    ~KernelObject() { close(); }

    /// Makes a new one. Replaces one of ours that nobody uses and that was not asked to stay.
    /// Throws  EEXIST, and what the kernel refuses; then nothing is left of the new one.
    static KernelObject create(const Address& address, const Wanted& wanted, Mode mode) {
        address.check();
        KernelObject made{address};
        const Gate gate = made.companion_->open_or_create(mode, sys::end_of_time, Mode{0777});
        try {
            const auto pid = static_cast<std::uint32_t>(::getpid());
            made.handle_ = make(address, wanted, mode, *made.companion_, gate.get());
            made.companion_->write(gate.get(), {pid, Kernel::number(made.handle_)});
            Kernel::finish(made.handle_, wanted, mode, address.text());
            made.attend(gate.get(), sys::end_of_time);
        } catch (...) {
            made.attendance_ = Attendance{};
            if (Kernel::is_there(made.handle_)) {
                Kernel::try_remove(address, made.handle_);
                made.companion_->forget(gate.get());
                made.handle_ = Handle{};
            }
            made.companion_->unlink_unused(gate.get());
            throw;
        }
        return made;
    }

    /// Finds one. `judge(Found)` throws when it is not what its user needs.
    /// Throws  ENOENT, EACCES, errc::untrusted, errc::owner_died for one that was never finished; errc::corrupted for
    ///         another program's where the kernel keeps no details of it; errc::not_ready when somebody has shut it up until
    ///         the time was over.
    template <class Judge>
    static KernelObject open(const Address& address, const Tolerance& tolerance, Judge judge) {
        address.check();
        KernelObject found{address};
        const std::string& name = address.text();
        Gate gate;
        for (std::int32_t previous = -1;;) {
            gate = Gate{};
            gate = found.companion_->open(tolerance.trusted, tolerance.most, tolerance.until);
            found.handle_ = Kernel::find(address);
            if (gate || !Kernel::is_there(found.handle_)) {
                break;
            }
            // One without the file may have been born, file and all, between our two questions; but not if the file is
            // missing still: then another program made it.
            const std::int32_t number = Kernel::number(found.handle_);
            if (number == previous) {
                break;
            }
            previous = number;
        }
        if (!Kernel::is_there(found.handle_)) {
            const int error = errno;
            if (gate && error == ENOENT && !anyone_else_present(gate.get())) {
                found.companion_->unlink();  // the object was removed from outside
            }
            sys::throw_error(error, Kernel::find_call, name);
        }
        const Status status = Kernel::status(found.handle_, name);
        check_trust(status.owner, status.mode, tolerance.trusted, tolerance.most, name);
        const bool ours = gate && is_ours(found.handle_, status, *found.companion_, gate.get());
        if (!ours && Kernel::keeps_details) {
            throw_error(errc::corrupted, "\"" + name + "\" was not made by tenon");
        }
        judge(Found{found.handle_, status, *found.companion_, gate.get(), name});
        if (ours) {
            if (!Kernel::is_finished(status) || found.companion_->read(gate.get()).id == -1) {
                throw_error(errc::owner_died, "\"" + name + "\" was never initialised");
            }
            found.attend(gate.get(), tolerance.until);
        }
        return found;
    }

    /// As open(), waiting for the object to appear until tolerance.until.
    template <class Judge>
    static KernelObject open_when_there(const Address& address, const Tolerance& tolerance, Judge judge) {
        for (std::int64_t nap = 1'000'000;; nap = nap < 8'000'000 ? nap * 2 : 10'000'000) {
            try {
                return open(address, tolerance, judge);
            } catch (const std::system_error& refused) {
                const std::int64_t now = sys::monotonic_now();
                if (refused.code() != std::errc::no_such_file_or_directory || now >= tolerance.until) {
                    throw;
                }
                sys::sleep_until(tolerance.until - now < nap ? tolerance.until : now + nap);
            }
        }
    }

    /// Attaches one without asking what it is or who made it, and without keeping it in being.
    template <class Judge>
    static KernelObject open_foreign(const Address& address, const Tolerance& tolerance, Judge judge) {
        address.check();
        KernelObject found;
        found.name_ = address.text();
        found.handle_ = Kernel::find(address);
        if (!Kernel::is_there(found.handle_)) {
            sys::throw_error(errno, Kernel::find_call, address.text());
        }
        const Status status = Kernel::status(found.handle_, address.text());
        check_trust(status.owner, status.mode, tolerance.trusted, tolerance.most, address.text());
        judge(found.handle_, status);
        return found;
    }

    /// Finds it, or makes it. What was never finished is replaced; so is what does not fit, where nobody uses it and there
    /// are details to tell that.
    template <class Judge>
    static KernelObject open_or_create(const Address& address, const Wanted& wanted, Mode mode, Judge judge) {
        for (int attempts = 0;;) {
            std::error_code why;
            try {
                return open(address, {Mode{mode.bits | owner_writes.bits}}, judge);
            } catch (const std::system_error& refused) {
                why = refused.code();
                const bool misfit = Kernel::keeps_details && (why == errc::layout_mismatch || why == errc::corrupted ||
                                                              why == errc::capacity_mismatch ||
                                                              why == errc::version_mismatch || why == errc::untrusted);
                if (why == errc::owner_died || misfit) {
                    if (++attempts > 3) {  // and it is not ours to replace
                        throw;
                    }
                } else if (why != std::errc::no_such_file_or_directory) {
                    throw;
                }
            }
            try {
                return create(address, wanted, mode);
            } catch (const std::system_error& taken) {
                if (taken.code() != std::errc::file_exists) {
                    throw;
                }
            }
        }
    }

    /// Takes it from the system, whoever uses it.
    static void remove(const Address& address) {
        address.check();
        const CompanionFile companion{Kernel::companion, address};
        const Gate gate = companion.open(Owner::caller(), Mode{0777}, sys::end_of_time);
        const Handle handle = Kernel::find(address);
        if (!Kernel::is_there(handle)) {
            const int error = errno;
            if (gate && error == ENOENT && !anyone_else_present(gate.get())) {
                companion.unlink();  // a remove() was killed half-way
            }
            sys::throw_error(error, Kernel::find_call, address.text());
        }
        if (Kernel::keeps_details &&
            !(gate && is_ours(handle, Kernel::status(handle, address.text()), companion, gate.get()))) {
            throw_error(errc::corrupted, "\"" + address.text() + "\" was not made by tenon");
        }
        Kernel::remove(address, handle);
        if (gate) {
            companion.unlink();
        }
    }

    [[nodiscard]] const Handle& handle() const noexcept { return handle_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] explicit operator bool() const noexcept { return Kernel::is_there(handle_); }

    /// It becomes one that nobody removes by leaving. Of a foreign one that is so already.
    void persist() const noexcept(!Kernel::keeps_details) {
        if constexpr (Kernel::keeps_details) {
            if (companion_ != nullptr) {
                companion_->make_persistent(attendance_.descriptor());
            }
        } else if (companion_ != nullptr && companion_->is(attendance_.identity())) {
            companion_->unlink();
        }
    }

    /// Leaves; the last one buries.
    void close() noexcept {
        const std::int32_t number = Kernel::is_there(handle_) ? Kernel::number(handle_) : -1;
        handle_ = Handle{};  // a descriptor to spare for what follows
        attendance_.leave([&](int file) { bury(file, number); });
        delete std::exchange(companion_, nullptr);
    }

private:
    using Record = CompanionFile::Record;

    explicit KernelObject(const Address& address)
        : companion_{new CompanionFile{Kernel::companion, address}}, address_{address}, name_{address.text()} {}

    void take(KernelObject& other) noexcept {
        attendance_ = std::move(other.attendance_);
        companion_ = std::exchange(other.companion_, nullptr);
        handle_ = std::exchange(other.handle_, Handle{});
        address_ = std::move(other.address_);
        name_ = std::move(other.name_);
    }

    /// Behind the gate, nobody else present. What stands there now is removed if its record is ours: after an ipcrm(1) it
    /// may be a later one, whose users came and went under the same file.
    void bury(int file, std::int32_t number) const noexcept {
        const Record record = companion_->read(file);
        if (!companion_->is(attendance_.identity()) || record.creator == 0 ||
            (Kernel::keeps_details && companion_->is_persistent(file))) {
            return;
        }
        const Handle standing = Kernel::find(address_);
        if (!Kernel::is_there(standing)) {
            if (errno == ENOENT) {
                companion_->unlink();
            }
            return;
        }
        const std::int32_t found = Kernel::number(standing);
        if ((found == record.id || found == number) && Kernel::try_remove(address_, standing)) {
            companion_->unlink();
        }
    }

    /// A fresh one, of which the record says that it is about to be made; called behind the gate. Buries one that nobody uses.
    static Handle make(const Address& address, const Wanted& wanted, Mode mode, const CompanionFile& companion,
                       int gate) {
        const auto pid = static_cast<std::uint32_t>(::getpid());
        for (;;) {
            if (const Handle existing = Kernel::find(address); Kernel::is_there(existing)) {
                if (anyone_else_present(gate) || !is_abandoned(existing, companion, gate, address)) {
                    sys::throw_error(EEXIST, Kernel::find_call, address.text());
                }
                if constexpr (requires { Kernel::check_possible(existing, wanted, address); }) {
                    Kernel::check_possible(existing, wanted, address);
                }
                Kernel::remove(address, existing);
            } else if (errno != ENOENT) {  // it is there, and not for us
                sys::throw_error(errno == EACCES ? EEXIST : errno, Kernel::find_call, address.text());
            }
            companion.set_mode(gate, mode);
            companion.write(gate, {pid, -1});
            if constexpr (Kernel::keeps_details) {
                try {
                    companion.write_details(gate, wanted.details, wanted.words);
                } catch (...) {
                    companion.forget(gate);
                    throw;
                }
            }
            Handle made = Kernel::make(address, wanted, mode);
            if (Kernel::is_there(made)) {
                return made;
            }
            const int error = errno;
            companion.forget(gate);
            if (error != EEXIST) {  // else: a program that knows no gate was faster
                Kernel::refuse(error, address, wanted);
            }
        }
    }

    /// Whether the file names it, or its creator died before it could write that down.
    static bool is_ours(const Handle& handle, const Status& status, const CompanionFile& companion, int gate) {
        const Record record = companion.read(gate);
        return record.creator != 0 &&
               (record.id == Kernel::number(handle) ||
                (record.id == -1 && Kernel::is_untouched(handle, status, companion.read_details(gate))));
    }

    static bool is_abandoned(const Handle& handle, const CompanionFile& companion, int gate, const Address& address) {
        const Status status = Kernel::status(handle, address.text());
        // Who may write the file, and so may have written our record, may do as he likes with the object too.
        const ::mode_t writers = sys::status(gate, address.text()).st_mode & 0022U;
        const bool is_believed = !Kernel::is_finished(status) || (writers & ~status.mode) == 0;
        return status.creator == ::geteuid() && is_believed && is_ours(handle, status, companion, gate) &&
               !(Kernel::keeps_details && companion.is_persistent(gate));
    }

    void attend(int gate, std::int64_t until) {
        attendance_ = Attendance{sys::reopen(gate, O_RDWR)};
        if (!attendance_.try_attend_as_reader(until)) {
            attendance_ = Attendance{};
            throw_error(errc::not_ready, "\"" + name_ + "\": somebody has locked its file");
        }
    }

    Handle handle_;  // first: the hot paths of its users read it
    Attendance attendance_;
    CompanionFile* companion_ = nullptr;
    Address address_{""};
    std::string name_;
};

}  // namespace tenon::memory
