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
#include "../sys/sysv_key.hpp"
#include "../sys/sysv_semaphore.hpp"
#include "deadline.hpp"
#include "semaphore_verbs.hpp"

namespace tenon {

namespace sync {

/// One set: found or made, attended, removed. The birth is serialised by the gate of the companion file; the values are
/// set by one semop(), never by SETVAL, which would race and would wipe the undo values of all processes.
class SysvSet {
public:
    SysvSet() noexcept = default;
    SysvSet(SysvSet&& other) noexcept { take(other); }
    SysvSet& operator=(SysvSet&& other) noexcept {
        if (this != &other) {
            close();
            take(other);
        }
        return *this;
    }
    ~SysvSet() { close(); }

    static SysvSet create(SysvKey key, const Permits* permits, std::size_t count, Mode mode) {
        const Address address{key};
        address.check();
        SysvSet made{address};
        const memory::Gate gate = made.companion_->open_or_create(mode, sys::end_of_time);
        try {
            made.id_ = make(address, count, mode, *made.companion_, gate.get());
            made.initialise(permits, count);
            made.attend(gate.get());
        } catch (...) {
            made.attendance_ = memory::Attendance{};
            if (made.id_ != -1) {
                ::semctl(made.id_, 0, IPC_RMID);
                made.companion_->write(gate.get(), {});
            }
            made.companion_->unlink_unused(gate.get());
            throw;
        }
        return made;
    }

    /// `count`: how many semaphores it must have at least.
    static SysvSet open(SysvKey key, std::size_t count, Mode most, Owner owner) {
        const Address address{key};
        address.check();
        SysvSet found{address};
        memory::Gate gate;
        for (int previous = -1;; previous = found.id_) {
            gate = memory::Gate{};
            gate = found.companion_->open(owner, most, sys::end_of_time);
            found.id_ = ::semget(key.value(), 0, 0);
            // A set without the file may have been born, file and all, between our two questions; but not if the file is
            // missing still: then a C program made it.
            if (gate || found.id_ == -1 || found.id_ == previous) {
                break;
            }
        }
        if (found.id_ == -1) {
            const int error = errno;
            if (gate && error == ENOENT && !memory::anyone_else_present(gate.get())) {
                found.companion_->unlink();  // its set was removed from outside
            }
            sys::throw_error(error, "semget", address.text());
        }
        const auto status = sys::sysv_semaphore_status(found.id_, address.text());
        memory::check_trust(status.sem_perm.uid, status.sem_perm.mode, owner, most, address.text());
        if (status.sem_nsems < count) {
            memory::throw_error(errc::capacity_mismatch, "\"" + address.text() + "\" has " +
                                                             std::to_string(status.sem_nsems) + " semaphores, not " +
                                                             std::to_string(count));
        }
        found.size_ = status.sem_nsems;
        const auto record = gate ? found.companion_->read(gate.get()) : memory::CompanionFile::Record{};
        if (record.creator != 0 && (record.id == found.id_ || is_untouched(found.id_, status))) {
            if (status.sem_otime == 0) {  // its creator would hold the gate, were it alive
                memory::throw_error(errc::owner_died, "\"" + address.text() + "\" was never initialised");
            }
            found.attend(gate.get());
        }
        return found;
    }

    static SysvSet open_or_create(SysvKey key, const Permits* permits, std::size_t count, Mode mode) {
        for (int half_born = 0;;) {
            try {
                return open(key, count, Mode{mode.bits | owner_writes.bits}, Owner::caller());
            } catch (const std::system_error& refused) {
                if (refused.code() == errc::owner_died ? ++half_born > 3  // and it is not ours to replace
                                                       : refused.code() != std::errc::no_such_file_or_directory) {
                    throw;
                }
            }
            try {
                return create(key, permits, count, mode);
            } catch (const std::system_error& taken) {
                if (taken.code() != std::errc::file_exists) {
                    throw;
                }
            }
        }
    }

    static void remove(SysvKey key) {
        const Address address{key};
        address.check();
        const memory::CompanionFile companion{memory::SysvObject::semaphores, address};
        const memory::Gate gate = companion.open(Owner::caller(), Mode{0777}, sys::end_of_time);
        const int id = ::semget(key.value(), 0, 0);
        if (id == -1) {
            const int error = errno;
            if (gate && error == ENOENT && !memory::anyone_else_present(gate.get())) {
                companion.unlink();  // a remove() was killed half-way
            }
            sys::throw_error(error, "semget", address.text());
        }
        sys::remove_sysv_semaphores(id, address.text());
        if (gate) {
            companion.unlink();
        }
    }

    [[nodiscard]] int id() const noexcept { return id_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] explicit operator bool() const noexcept { return id_ != -1; }

    /// The set becomes one that nobody removes by leaving.
    void persist() const noexcept {
        if (companion_ != nullptr && companion_->is(attendance_.identity())) {
            companion_->unlink();
        }
    }

private:
    explicit SysvSet(const Address& address)
        : companion_{new memory::CompanionFile{memory::SysvObject::semaphores, address}}, name_{address.text()} {}

    void take(SysvSet& other) noexcept {
        attendance_ = std::move(other.attendance_);
        companion_ = std::exchange(other.companion_, nullptr);
        id_ = std::exchange(other.id_, -1);
        size_ = std::exchange(other.size_, 0);
        name_ = std::move(other.name_);
    }

    void close() noexcept {
        attendance_.leave([this](int /*descriptor*/) {
            if (companion_->is(attendance_.identity()) && ::semctl(id_, 0, IPC_RMID) == 0) {  // not after persist()
                companion_->unlink();
            }
        });
        delete std::exchange(companion_, nullptr);
        id_ = -1;
    }

    /// A fresh set for the key; called behind the gate. Buries one that nobody uses.
    static int make(const Address& address, std::size_t count, Mode mode, const memory::CompanionFile& companion,
                    int gate) {
        const auto pid = static_cast<std::uint32_t>(::getpid());
        for (;;) {
            const int existing = ::semget(address.key().value(), 0, 0);
            if (existing != -1) {
                if (memory::anyone_else_present(gate) || !is_abandoned(existing, companion.read(gate), address)) {
                    sys::throw_error(EEXIST, "semget", address.text());
                }
                sys::remove_sysv_semaphores(existing, address.text());
            }
            companion.write(gate, {pid, -1});
            const int id = ::semget(address.key().value(), static_cast<int>(count),
                                    IPC_CREAT | IPC_EXCL | static_cast<int>(mode.bits));
            if (id != -1) {
                companion.write(gate, {pid, id});
                return id;
            }
            const int error = errno;
            companion.write(gate, {});
            if (error != EEXIST) {  // else: a program that knows no gate was faster
                sys::throw_error(error, "semget", address.text());
            }
        }
    }

    /// Whether the companion file names it, or its creator died before it could write that down.
    static bool is_abandoned(int id, const memory::CompanionFile::Record& made, const Address& address) {
        const auto status = sys::sysv_semaphore_status(id, address.text());
        return status.sem_perm.cuid == ::geteuid() && made.creator != 0 &&
               (made.id == id || (made.id == -1 && is_untouched(id, status)));
    }

    /// Whether nobody ever did anything to the set: neither semop() nor SETVAL.
    static bool is_untouched(int id, const ::semid_ds& status) noexcept {
        bool untouched = status.sem_otime == 0;
        for (int i = 0; untouched && i < static_cast<int>(status.sem_nsems); ++i) {
            untouched = ::semctl(id, i, GETVAL) == 0 && ::semctl(id, i, GETPID) == 0;
        }
        return untouched;
    }

    /// Sets all values at once, and with them sem_otime, by which openers know that it was done.
    void initialise(const Permits* permits, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            if (permits[i].count > 32'767) {  // SEMVMX
                sys::throw_error(ERANGE, "semop of " + std::to_string(permits[i].count) + " permits (at most 32767)",
                                 name_);
            }
        }
        auto* const operations = new ::sembuf[count];
        for (std::size_t i = 0; i < count; ++i) {
            operations[i] = {static_cast<unsigned short>(i), static_cast<short>(permits[i].count),
                             0};  // 0: waits for 0, which it is
        }
        try {
            sys::operate_sysv_semaphores(id_, operations, count, name_);
        } catch (...) {
            delete[] operations;
            throw;
        }
        delete[] operations;
        size_ = count;
    }

    void attend(int gate) {
        attendance_ = memory::Attendance{sys::reopen(gate, O_RDWR)};
        attendance_.attend_as_reader();
    }

    memory::Attendance attendance_;
    memory::CompanionFile* companion_ = nullptr;
    int id_ = -1;
    std::size_t size_ = 0;
    std::string name_;
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
