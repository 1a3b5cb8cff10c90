// SPDX-License-Identifier: BSL-1.0
#pragma once
/// System V semaphores with their traps closed: created and initialised in one step for everybody else, removed when the
/// last user leaves, and every error told. Exactly the system calls of the C program: one semop() for P, one for V.
///
///     auto old = tenon::SysvSemaphore::create(tenon::SysvKey{9999}, tenon::Permits{1});
///     P(old);  critical();  V(old);
///
/// SysvSemaphore        permits that one process takes and gives back: SEM_UNDO gives them back when it is killed.
/// SysvSignalSemaphore  signals from one process to another. No SEM_UNDO: its counter, one for each process, would run
///                      out (ERANGE) after 32,000 one-way signals, and would take signals back at exit.
/// SysvSemaphoreSet     several semaphores under one key, operated on all at once.
///
/// Sets that a C program made can be opened too; they are never removed but by remove().
/// Source   semop(2), semget(2), sysvipc(7).

#include <sys/ipc.h>
#include <sys/sem.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <system_error>
#include <type_traits>  // integral_constant
#include <utility>

#include "../memory/address.hpp"
#include "../memory/attendance.hpp"
#include "../memory/companion_file.hpp"
#include "../memory/errc.hpp"
#include "../memory/kernel_object.hpp"
#include "../sys/sysv_key.hpp"
#include "../sys/sysv_semaphore.hpp"
#include "deadline.hpp"
#include "semaphore_verbs.hpp"

namespace tenon {

namespace sync {

/// The calls of a set, for KernelObject. The values are set by one semop(), never by SETVAL, which would race and would
/// wipe the undo values of all processes.
struct SysvSetKernel {
    struct Handle {
        int id = -1;
        std::size_t size = 0;
    };
    struct Wanted {
        const Permits* permits;
        std::size_t count;
    };
    struct Status {
        ::uid_t creator;
        ::uid_t owner;
        ::mode_t mode;
        std::size_t size;
        bool was_operated_on;
    };
    static constexpr bool keeps_details = false;
    static constexpr memory::CompanionOf companion = memory::CompanionOf::semaphores;
    static constexpr const char* find_call = "semget";

    static bool is_there(const Handle& set) noexcept { return set.id != -1; }
    static std::int32_t number(const Handle& set) noexcept { return set.id; }
    static Handle find(const Address& address) noexcept { return {::semget(address.key().value(), 0, 0), 0}; }
    static Handle make(const Address& address, const Wanted& wanted, Mode mode) noexcept {
        return {::semget(address.key().value(), static_cast<int>(wanted.count),
                         IPC_CREAT | IPC_EXCL | static_cast<int>(mode.bits)),
                wanted.count};
    }
    [[noreturn]] static void refuse(int error, const Address& address, const Wanted& /*wanted*/) {
        sys::throw_error(error, "semget", address.text());
    }
    static Status status(const Handle& set, const std::string& name) {
        const auto seen = sys::sysv_semaphore_status(set.id, name);
        return {seen.sem_perm.cuid, seen.sem_perm.uid, seen.sem_perm.mode, seen.sem_nsems, seen.sem_otime != 0};
    }

    /// finish() sets sem_otime.
    static bool is_finished(const Status& status) noexcept { return status.was_operated_on; }

    /// Whether nobody ever did anything to the set: neither semop() nor SETVAL.
    static bool is_untouched(const Handle& set, const Status& status,
                             const memory::CompanionFile::Details& /*details*/) noexcept {
        bool untouched = !status.was_operated_on;
        for (int i = 0; untouched && i < static_cast<int>(status.size); ++i) {
            untouched = ::semctl(set.id, i, GETVAL) == 0 && ::semctl(set.id, i, GETPID) == 0;
        }
        return untouched;
    }

    /// Sets all values at once, and with them sem_otime, by which openers know that it was done.
    static void finish(const Handle& set, const Wanted& wanted, Mode /*mode*/, const std::string& name) {
        for (std::size_t i = 0; i < wanted.count; ++i) {
            if (wanted.permits[i].count > 32'767) {  // SEMVMX
                sys::throw_error(
                    ERANGE, "semop of " + std::to_string(wanted.permits[i].count) + " permits (at most 32767)", name);
            }
        }
        auto* const operations = new ::sembuf[wanted.count];
        for (std::size_t i = 0; i < wanted.count; ++i) {
            operations[i] = {static_cast<unsigned short>(i), static_cast<short>(wanted.permits[i].count),
                             0};  // 0: waits for 0, which it is
        }
        try {
            sys::operate_sysv_semaphores(set.id, operations, wanted.count, name);
        } catch (...) {
            delete[] operations;
            throw;
        }
        delete[] operations;
    }

    static void remove(const Address& address, const Handle& set) {
        sys::remove_sysv_semaphores(set.id, address.text());
    }
    static bool try_remove(const Address& /*address*/, const Handle& set) noexcept {
        return ::semctl(set.id, 0, IPC_RMID) == 0;
    }
};

/// One set: found or made, attended, removed.
class SysvSet : public memory::KernelObject<SysvSetKernel> {
    using Object = memory::KernelObject<SysvSetKernel>;

    static auto having(std::size_t count) noexcept {
        return [count](const Found& found) {
            if (found.status.size < count) {
                memory::throw_error(errc::capacity_mismatch, "\"" + found.name + "\" has " +
                                                                 std::to_string(found.status.size) +
                                                                 " semaphores, not " + std::to_string(count));
            }
            found.handle.size = found.status.size;
        };
    }

public:
    SysvSet() noexcept = default;

    static SysvSet create(SysvKey key, const Permits* permits, std::size_t count, Mode mode) {
        return SysvSet{Object::create(key, {permits, count}, mode)};
    }
    /// `count`: how many semaphores it must have at least.
    static SysvSet open(SysvKey key, std::size_t count, Mode most, Owner owner) {
        return SysvSet{Object::open(key, {most, owner}, having(count))};
    }
    static SysvSet open_or_create(SysvKey key, const Permits* permits, std::size_t count, Mode mode) {
        return SysvSet{Object::open_or_create(key, {permits, count}, mode, having(count))};
    }
    static void remove(SysvKey key) { Object::remove(key); }

    [[nodiscard]] int id() const noexcept { return handle().id; }
    [[nodiscard]] std::size_t size() const noexcept { return handle().size; }

private:
    explicit SysvSet(Object object) noexcept : Object{std::move(object)} {}
};

inline const std::string no_name;

/// What a SysvSemaphore and a member of a set do: one semop() each. `Index` is a number, or a constant.
template <short flags, class Index>
class SysvVerbs {
public:
    /// P: takes one permit, sleeping until there is one.
    /// Throws  EIDRM when the semaphore is removed meanwhile.
    void acquire() { operate({index_, -1, flags}); }
    /// Returns  false, and nothing changed, when none is free.
    [[nodiscard]] bool try_acquire() {
        ::sembuf operation{index_, -1, flags | IPC_NOWAIT};
        return sys::try_operate_sysv_semaphores(id_, &operation, 1, *name_);
    }
    /// P, sleeping until then at the latest; never gives up early. 0 looks once.
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& duration) {
        return try_acquire_until(Deadline::after(duration));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& time) {
        return try_acquire_until(Deadline::at(time));
    }
    [[nodiscard]] bool try_acquire_until(Deadline deadline) {
        if (deadline.is_never()) {
            acquire();
            return true;
        }
        ::sembuf operation{index_, -1, flags};
        return sys::operate_sysv_semaphores_until(id_, &operation, 1, deadline.nanoseconds(), *name_);
    }
    /// V: gives one permit. Throws ERANGE above 32,767.
    void release() { operate({index_, 1, flags}); }

    /// How many permits were free a moment ago.
    [[nodiscard]] int approximate_available() const { return sys::sysv_semaphore_value(id_, index_, *name_); }
    /// The same for all handles to one semaphore.
    [[nodiscard]] memory::Identity identity() const noexcept {
        return {(std::uint64_t{1} << 63) | index_, static_cast<std::uint64_t>(id_)};
    }

protected:
    SysvVerbs() noexcept = default;
    SysvVerbs(int id, Index index, const std::string* name) noexcept : id_{id}, index_{index}, name_{name} {}

    int id_ = -1;
    [[no_unique_address]] Index index_{};
    const std::string* name_ = &no_name;

private:
    /// One call and one branch, as in C; what else may happen is out of the way.
    void operate(::sembuf operation) {
        if (::semop(id_, &operation, 1) == -1) [[unlikely]] {
            operate_again(operation);
        }
    }
    [[gnu::cold, gnu::noinline]] void operate_again(::sembuf operation) {
        if (errno != EINTR) {
            sys::throw_error(errno, "semop", *name_);
        }
        sys::operate_sysv_semaphores(id_, &operation, 1, *name_);
    }
};

}  // namespace sync

/// A set of one semaphore, or the first of a set; `flags` are those of semop(2).
template <short flags>
class BasicSysvSemaphore : public sync::SysvVerbs<flags, std::integral_constant<unsigned short, 0>> {
public:
    /// Makes a new semaphore. Throws EEXIST when the key is in use, ENOSPC when the system's limit is reached, ERANGE.
    [[nodiscard]] static BasicSysvSemaphore create(SysvKey key, Permits permits, Mode mode = private_mode) {
        return BasicSysvSemaphore{sync::SysvSet::create(key, &permits, 1, mode)};
    }
    /// Finds one; see Factories::open for `most` and `owner`. Throws ENOENT, EACCES, errc::owner_died, errc::untrusted.
    [[nodiscard]] static BasicSysvSemaphore open(SysvKey key, Mode most = owner_writes, Owner owner = Owner::caller()) {
        return BasicSysvSemaphore{sync::SysvSet::open(key, 1, most, owner)};
    }
    /// Finds it or makes it; the permits are for a new one.
    [[nodiscard]] static BasicSysvSemaphore open_or_create(SysvKey key, Permits permits, Mode mode = private_mode) {
        return BasicSysvSemaphore{sync::SysvSet::open_or_create(key, &permits, 1, mode)};
    }
    /// Removes the semaphore from the system, whoever uses it: their calls fail with EIDRM or EINVAL.
    static void remove(SysvKey key) { sync::SysvSet::remove(key); }

    [[nodiscard]] static BasicSysvSemaphore create(SysvKey key, Permits permits, std::error_code& error) {
        return memory::reporting(error, [&] { return create(key, permits); });
    }
    [[nodiscard]] static BasicSysvSemaphore create(SysvKey key, Permits permits, Mode mode, std::error_code& error) {
        return memory::reporting(error, [&] { return create(key, permits, mode); });
    }
    [[nodiscard]] static BasicSysvSemaphore open(SysvKey key, std::error_code& error) {
        return memory::reporting(error, [&] { return open(key); });
    }
    [[nodiscard]] static BasicSysvSemaphore open(SysvKey key, Mode most, std::error_code& error) {
        return memory::reporting(error, [&] { return open(key, most); });
    }
    [[nodiscard]] static BasicSysvSemaphore open_or_create(SysvKey key, Permits permits, std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(key, permits); });
    }
    [[nodiscard]] static BasicSysvSemaphore open_or_create(SysvKey key, Permits permits, Mode mode,
                                                           std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(key, permits, mode); });
    }
    static void remove(SysvKey key, std::error_code& error) {
        memory::reporting(error, [&] { return remove(key), true; });
    }

    BasicSysvSemaphore() noexcept = default;
    BasicSysvSemaphore(BasicSysvSemaphore&& other) noexcept : BasicSysvSemaphore{std::move(other.set_)} {
        other.id_ = -1;
    }
    BasicSysvSemaphore& operator=(BasicSysvSemaphore&& other) noexcept {
        set_ = std::move(other.set_);
        other.id_ = -1;
        this->id_ = set_.id();
        this->name_ = &set_.name();
        return *this;
    }
    ~BasicSysvSemaphore() = default;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(set_); }

    /// Stays when its last user leaves, until remove().
    void persist() const noexcept { set_.persist(); }
    [[nodiscard]] const std::string& name() const noexcept { return set_.name(); }
    /// The identifier for semctl(2) and friends.
    [[nodiscard]] int native_handle() const noexcept { return set_.id(); }

private:
    explicit BasicSysvSemaphore(sync::SysvSet set) noexcept : set_{std::move(set)} {
        this->id_ = set_.id();
        this->name_ = &set_.name();
    }

    sync::SysvSet set_;
};

/// Permits that one process takes and gives back. What a process took and did not give back comes back when it ends,
/// however it ends (SEM_UNDO). A forked child starts with none: it must not give back what its parent took.
using SysvSemaphore = BasicSysvSemaphore<SEM_UNDO>;

/// Signals that one process gives and another takes. Nothing is undone when one of them ends.
using SysvSignalSemaphore = BasicSysvSemaphore<0>;

/// Several semaphores under one key. operate() does several operations at once or none of them, sleeping until all are
/// possible: no order in which two programs could deadlock.
///
///     auto set = tenon::SysvSemaphoreSet::create(key, {tenon::Permits{1}, tenon::Permits{0}});
///     set.operate({set.take(0), set.give(1)});
///     P(set[0]);
class SysvSemaphoreSet {
public:
    /// One semaphore of the set, with the verbs of all semaphores and with undo. Valid while the set is.
    class Member : public sync::SysvVerbs<SEM_UNDO, unsigned short> {
        friend class SysvSemaphoreSet;
        using SysvVerbs::SysvVerbs;
    };

    /// What operate() does to one semaphore.
    class Operation {
    public:
        /// Without SEM_UNDO: for signals, which nobody takes back.
        [[nodiscard]] constexpr Operation as_signal() const noexcept {
            return Operation{operation_.sem_num, operation_.sem_op, 0};
        }

    private:
        friend class SysvSemaphoreSet;
        constexpr Operation(unsigned short index, short change, short flags) noexcept
            : operation_{index, change, flags} {}
        ::sembuf operation_;
    };
    static_assert(sizeof(Operation) == sizeof(::sembuf));

    [[nodiscard]] static SysvSemaphoreSet create(SysvKey key, std::initializer_list<Permits> permits,
                                                 Mode mode = private_mode) {
        return SysvSemaphoreSet{sync::SysvSet::create(key, permits.begin(), permits.size(), mode)};
    }
    [[nodiscard]] static SysvSemaphoreSet open(SysvKey key, Mode most = owner_writes, Owner owner = Owner::caller()) {
        return SysvSemaphoreSet{sync::SysvSet::open(key, 1, most, owner)};
    }
    [[nodiscard]] static SysvSemaphoreSet open_or_create(SysvKey key, std::initializer_list<Permits> permits,
                                                         Mode mode = private_mode) {
        return SysvSemaphoreSet{sync::SysvSet::open_or_create(key, permits.begin(), permits.size(), mode)};
    }
    static void remove(SysvKey key) { sync::SysvSet::remove(key); }
    [[nodiscard]] static SysvSemaphoreSet create(SysvKey key, std::initializer_list<Permits> permits,
                                                 std::error_code& error) {
        return memory::reporting(error, [&] { return create(key, permits); });
    }
    [[nodiscard]] static SysvSemaphoreSet open(SysvKey key, std::error_code& error) {
        return memory::reporting(error, [&] { return open(key); });
    }
    [[nodiscard]] static SysvSemaphoreSet open_or_create(SysvKey key, std::initializer_list<Permits> permits,
                                                         std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(key, permits); });
    }

    SysvSemaphoreSet() noexcept = default;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(set_); }

    [[nodiscard]] std::size_t size() const noexcept { return set_.size(); }
    /// Throws  std::system_error (EINVAL) for an index that the set does not have.
    [[nodiscard]] Member operator[](std::size_t index) const { return Member{set_.id(), checked(index), &set_.name()}; }

    [[nodiscard]] Operation take(std::size_t index, short permits = 1) const {
        return {checked(index), static_cast<short>(-permits), SEM_UNDO};
    }
    [[nodiscard]] Operation give(std::size_t index, short permits = 1) const {
        return {checked(index), permits, SEM_UNDO};
    }
    /// Waits until no permit is free.
    [[nodiscard]] Operation await_zero(std::size_t index) const { return {checked(index), 0, 0}; }

    /// All of them or none, sleeping until all are possible. Throws EIDRM, ERANGE, E2BIG (more than SEMOPM).
    void operate(std::initializer_list<Operation> operations) {
        Batch batch{operations, 0};
        sys::operate_sysv_semaphores(set_.id(), batch.data(), batch.size(), set_.name());
    }
    /// Returns  false, and nothing changed, when not all are possible at once.
    [[nodiscard]] bool try_operate(std::initializer_list<Operation> operations) {
        Batch batch{operations, IPC_NOWAIT};
        return sys::try_operate_sysv_semaphores(set_.id(), batch.data(), batch.size(), set_.name());
    }
    [[nodiscard]] bool try_operate_until(Deadline deadline, std::initializer_list<Operation> operations) {
        if (deadline.is_never()) {
            operate(operations);
            return true;
        }
        Batch batch{operations, 0};
        return sys::operate_sysv_semaphores_until(set_.id(), batch.data(), batch.size(), deadline.nanoseconds(),
                                                  set_.name());
    }
    template <class Rep, class Period>
    [[nodiscard]] bool try_operate_for(const std::chrono::duration<Rep, Period>& duration,
                                       std::initializer_list<Operation> operations) {
        return try_operate_until(Deadline::after(duration), operations);
    }

    void persist() const noexcept { set_.persist(); }
    [[nodiscard]] const std::string& name() const noexcept { return set_.name(); }
    [[nodiscard]] int native_handle() const noexcept { return set_.id(); }

private:
    /// The operations as semop(2) wants them: at most SEMOPM (500) of them, usually few.
    class Batch {
    public:
        Batch(std::initializer_list<Operation> operations, short flags) : size_{operations.size()} {
            if (size_ > most) {
                sys::throw_error(
                    E2BIG, "semop of " + std::to_string(size_) + " operations (at most " + std::to_string(most) + ")");
            }
            std::size_t i = 0;
            for (const Operation& operation : operations) {
                operations_[i] = operation.operation_;
                operations_[i].sem_flg = static_cast<short>(operations_[i].sem_flg | flags);
                ++i;
            }
        }
        [[nodiscard]] ::sembuf* data() noexcept { return operations_; }
        [[nodiscard]] std::size_t size() const noexcept { return size_; }

    private:
        static constexpr std::size_t most = 64;
        ::sembuf operations_[most];
        std::size_t size_;
    };

    explicit SysvSemaphoreSet(sync::SysvSet set) noexcept : set_{std::move(set)} {}

    [[nodiscard]] unsigned short checked(std::size_t index) const {
        if (index >= set_.size()) {
            sys::throw_error(EINVAL, "semaphore " + std::to_string(index) + " of " + std::to_string(set_.size()),
                             set_.name());
        }
        return static_cast<unsigned short>(index);
    }

    sync::SysvSet set_;
};

}  // namespace tenon
