// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Who is present, by the kernel's word. Every user of a shared object holds a lock of its own on one byte of a file (the
/// object's own file, or a companion file where the memory is a System V segment); the kernel releases it when the
/// process ends, however it ends, and keeps it while the process is merely stopped. Nothing here trusts shared memory.
///
///     byte 0            the gate: held for an instant by who opens, closes, buries
///     byte 7            readers, shared by all of them
///     byte 8 + i        seat i: its participant's presence
///     byte 2048 + i     the estate of seat i: held by who takes the seat, or who settles what its dead left
///
/// Why nobody speaks for a living or a new participant: a seat is taken, and the affairs of its dead are settled, only
/// under the lock of its estate. Who holds that and finds the seat's holder dead knows that nobody takes the seat
/// meanwhile. A forked child shares its parent's description, and so keeps the parent's locks alive: therefore a holder
/// is dead when its lock is gone or when the process that wrote its name beside it is.

#include <fcntl.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "../sys/clock.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/ofd_lock.hpp"
#include "../sys/process.hpp"
#include "errc.hpp"
#include "fork_generation.hpp"
#include "format.hpp"

namespace tenon::memory {

inline constexpr ::off_t gate_byte = 0;
inline constexpr ::off_t readers_byte = 7;
inline constexpr ::off_t first_seat_byte = 8;
inline constexpr ::off_t first_estate_byte = 2048;
static_assert(first_seat_byte + most_participants < first_estate_byte);

/// Waits for the gate until `until` (sys::monotonic_now). The holder is somebody between two system calls; when it dies
/// the kernel opens the gate.
/// Returns  false when the time came first.
inline bool enter_gate(int descriptor, std::int64_t until) {
    std::int64_t nap = 20'000;  // 20 microseconds, doubled up to 1 ms
    while (!sys::try_lock_byte(descriptor, gate_byte, sys::LockKind::exclusive)) {
        const std::int64_t now = sys::monotonic_now();
        if (now >= until) {
            return false;
        }
        sys::sleep_until(until - now < nap ? until : now + nap);
        nap = nap < 500'000 ? nap * 2 : 1'000'000;
    }
    return true;
}

/// As enter_gate(), for a user who may not write and so cannot hold it: waits until nobody does.
inline bool await_gate(int descriptor, std::int64_t until) {
    while (sys::locked_by_others(descriptor, gate_byte, 1)) {
        const std::int64_t now = sys::monotonic_now();
        if (now >= until) {
            return false;
        }
        sys::sleep_until(until - now < 50'000 ? until : now + 50'000);
    }
    return true;
}

/// Whether any description but this one keeps the object in use.
inline bool anyone_else_present(int descriptor) noexcept {
    return sys::locked_by_others(descriptor, readers_byte, 1 + static_cast<::off_t>(most_participants));
}

/// The table of participants as one process sees it: entries that anyone may scribble over, copied before use.
struct ParticipantTable {
    ParticipantEntry* entries = nullptr;
    std::uint32_t count = 0;

    [[nodiscard]] sys::ProcessIdentity identity(std::uint32_t seat) const noexcept {
        const ParticipantEntry& entry = entries[seat];
        return {entry.pid.load(std::memory_order_relaxed), entry.start_time.load(std::memory_order_relaxed),
                entry.namespaces.load(std::memory_order_relaxed)};
    }
    void enter(std::uint32_t seat, const sys::ProcessIdentity& who) const noexcept {
        ParticipantEntry& entry = entries[seat];
        entry.pid.store(who.pid, std::memory_order_relaxed);
        entry.start_time.store(who.start_time, std::memory_order_relaxed);
        entry.namespaces.store(who.namespaces, std::memory_order_relaxed);
    }
    /// Whether somebody has sat there whose affairs were not settled since.
    [[nodiscard]] bool was_taken(std::uint32_t seat) const noexcept {
        return entries[seat].pid.load(std::memory_order_relaxed) != 0;
    }
    /// Nothing is left of who sat there. Under the seat's estate.
    void clear(std::uint32_t seat) const noexcept { enter(seat, {}); }
};

/// A byte that is held through a description of its own. Given back by unlocking it, not by closing alone: a child that
/// another thread forks meanwhile keeps the description open.
class HeldByte {
public:
    HeldByte() noexcept = default;
    HeldByte(sys::FileDescriptor description, ::off_t byte) noexcept
        : description_{std::move(description)}, byte_{byte} {}
    HeldByte(HeldByte&&) noexcept = default;
    HeldByte& operator=(HeldByte&& other) noexcept {
        std::swap(description_, other.description_);
        std::swap(byte_, other.byte_);
        return *this;
    }
    ~HeldByte() {
        if (description_) {
            sys::unlock_bytes(description_.get(), byte_, 1);
        }
    }
    [[nodiscard]] int get() const noexcept { return description_.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(description_); }

private:
    sys::FileDescriptor description_;
    ::off_t byte_ = 0;
};

/// The gate, held.
using Gate = HeldByte;

/// The right to settle the affairs of a seat whose holder is dead. Empty where it was refused.
using Estate = HeldByte;

/// Holds the gate through `description`; empty when the time came first.
inline Gate hold_gate(sys::FileDescriptor description, std::int64_t until) {
    if (!enter_gate(description.get(), until)) {
        return {};
    }
    return Gate{std::move(description), gate_byte};
}

/// Tells one object from another, whatever the handle: the numbers of a file, or of a member of a System V set.
struct Identity {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    friend bool operator==(const Identity&, const Identity&) noexcept = default;
};

/// One user's presence at one object.
class Attendance {
public:
    static constexpr std::uint32_t no_seat = UINT32_MAX;

    Attendance() noexcept = default;
    /// Takes a description of the file that nothing else uses: not the one that was mapped either, for a mapping keeps
    /// its description alive, and with it the locks, in every child that inherits the mapping.
    explicit Attendance(sys::FileDescriptor description) : file_{std::move(description)} {
        const auto status = sys::status(file_.get());
        identity_ = {status.st_dev, status.st_ino};
    }
    Attendance(Attendance&& other) noexcept
        : file_{std::move(other.file_)},
          identity_{other.identity_},
          seat_{std::exchange(other.seat_, no_seat)},
          generation_{other.generation_.exchange(0, std::memory_order_relaxed)} {}
    Attendance& operator=(Attendance&& other) noexcept {
        file_ = std::move(other.file_);
        identity_ = other.identity_;
        seat_ = std::exchange(other.seat_, no_seat);
        generation_.store(other.generation_.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
        return *this;
    }
    ~Attendance() = default;

    [[nodiscard]] int descriptor() const noexcept { return file_.get(); }
    [[nodiscard]] const Identity& identity() const noexcept { return identity_; }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(file_); }

    /// Presence without a seat: keeps the object alive and owns nothing in it.
    void attend_as_reader() { static_cast<void>(try_attend_as_reader(sys::end_of_time)); }
    /// Returns  false when at `until` somebody who may write the file still has the byte exclusively.
    [[nodiscard]] bool try_attend_as_reader(std::int64_t until) {
        while (!sys::try_lock_byte(file_.get(), readers_byte, sys::LockKind::shared)) {
            const std::int64_t now = sys::monotonic_now();
            if (now >= until) {
                return false;
            }
            sys::sleep_until(until - now < 20'000 ? until : now + 20'000);
        }
        generation_.store(fork_generation(), std::memory_order_release);
        return true;
    }

    /// Takes a seat. `settle(seat)` is called before anybody can act under it, to clear what a dead predecessor left.
    /// Throws  errc::too_many_participants.
    template <class Settle>
    void take_seat(const ParticipantTable& table, Settle settle) {
        seat_ = take_seat(file_.get(), table, settle);
        generation_.store(fork_generation(), std::memory_order_release);
    }

    /// The caller's seat. In a forked child, which is a participant of its own, and for who attended as a reader so far, the
    /// first call takes a new seat.
    template <class Settle>
    std::uint32_t seat(const ParticipantTable& table, Settle settle) {
        if (generation_.load(std::memory_order_acquire) != fork_generation() || seat_ == no_seat) [[unlikely]] {
            join_again(table, settle);
        }
        return seat_;
    }

    /// The seat, for whom seat_is_ours(). Of a forked child it is the parent's until seat() was called.
    [[nodiscard]] std::uint32_t own_seat() const noexcept { return seat_; }

    /// The fork_generation() of the process that took the seat.
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_relaxed); }

    /// Whether the seat is held by this process, and not by the parent that it was forked from.
    [[nodiscard]] bool seat_is_ours() const {
        return generation_.load(std::memory_order_acquire) == fork_generation() && seat_ != no_seat;
    }

    /// Whether the holder of another seat is certainly dead. About 0.3 microseconds while it lives.
    [[nodiscard]] bool is_dead(std::uint32_t seat, const ParticipantTable& table) const noexcept {
        return seat != seat_ && is_dead(file_.get(), seat, table);
    }

    /// The estate of a seat whose holder is dead. Empty when it lives after all, or somebody else is at it.
    /// Throws  EMFILE, ENFILE: without a descriptor to spare nobody's death can be settled.
    [[nodiscard]] Estate administer(std::uint32_t seat, const ParticipantTable& table) const {
        sys::FileDescriptor description = sys::try_reopen(file_.get(), O_RDWR);
        if (!description && (errno == EMFILE || errno == ENFILE)) {
            sys::throw_error(errno, "open", "/proc/self/fd");
        }
        const ::off_t byte = first_estate_byte + static_cast<::off_t>(seat);
        if (!description || !sys::try_lock_byte(description.get(), byte, sys::LockKind::exclusive)) {
            return {};
        }
        Estate estate{std::move(description), byte};
        return is_dead(estate.get(), seat, table) ? std::move(estate) : Estate{};
    }

    /// Ends this presence; calls `bury(descriptor)`, behind the gate, when nobody else is present. A forked child that
    /// still holds the inherited description counts as present.
    template <class Bury>
    void leave(Bury bury) noexcept {
        if (!file_) {
            return;
        }
        try {
            constexpr std::int64_t patience = 1'000'000'000;  // a holder stopped in the gate will look for itself later
            sys::FileDescriptor description = sys::try_reopen(file_.get(), O_RDWR);
            if (!description && generation_.load(std::memory_order_acquire) == fork_generation()) {
                // No descriptor to spare, or no right to write: the one at hand will do, unless it is our parent's too.
                description = std::move(file_);
                sys::unlock_bytes(description.get(), readers_byte, 1 + static_cast<::off_t>(most_participants));
            }
            if (description) {
                bool inside = enter_gate(description.get(), sys::monotonic_now() + patience);
                file_.reset();
                // Who gave up at the gate tries it once more, now that it is not present any longer; who comes out of it
                // looks once more: of two who leave, one slowly, the later one sees that the other has gone.
                inside = inside || sys::try_lock_byte(description.get(), gate_byte, sys::LockKind::exclusive);
                while (inside) {
                    {
                        const HeldByte held{std::move(description), gate_byte};
                        if (!anyone_else_present(held.get())) {
                            bury(held.get());
                            break;
                        }
                        description = sys::try_reopen(held.get(), O_RDWR);
                    }
                    inside = description && !anyone_else_present(description.get()) &&
                             enter_gate(description.get(), sys::monotonic_now() + patience);
                }
            }
        } catch (...) {  // a reader's descriptor cannot hold the gate: then it cannot bury either
        }
        file_.reset();
        seat_ = no_seat;
    }

private:
    static bool is_dead(int descriptor, std::uint32_t seat, const ParticipantTable& table) noexcept {
        return seat >= table.count ||  // nobody can sit there: the number is garbage
               !sys::locked_by_others(descriptor, first_seat_byte + static_cast<::off_t>(seat), 1) ||
               sys::has_ended(table.identity(seat));
    }

    template <class Settle>
    static std::uint32_t take_seat(int descriptor, const ParticipantTable& table, Settle settle) {
        for (std::uint32_t seat = 0; seat < table.count; ++seat) {
            const ::off_t estate = first_estate_byte + static_cast<::off_t>(seat);
            if (!sys::try_lock_byte(descriptor, estate, sys::LockKind::exclusive)) {
                continue;
            }
            const bool mine =
                sys::try_lock_byte(descriptor, first_seat_byte + static_cast<::off_t>(seat), sys::LockKind::exclusive);
            if (mine) {
                table.enter(seat, sys::this_process());
                settle(seat);
            }
            sys::unlock_bytes(descriptor, estate, 1);
            if (mine) {
                return seat;
            }
        }
        throw_error(errc::too_many_participants, std::to_string(table.count) + " participants");
    }

    template <class Settle>
    [[gnu::cold, gnu::noinline]] void join_again(const ParticipantTable& table, Settle settle) {
        const std::uint64_t now = fork_generation();
        // One thread of the child at a time. The lock holds the number of its process: one that was copied locked, from
        // a parent in the middle of this, counts as free.
        std::uint64_t holder = joining_.load(std::memory_order_relaxed);
        while (holder == now || !joining_.compare_exchange_weak(holder, now, std::memory_order_acquire)) {
            sys::sleep_until(sys::monotonic_now() + 20'000);
            holder = joining_.load(std::memory_order_relaxed);
        }
        struct Unlock {
            std::atomic<std::uint64_t>& lock;
            ~Unlock() { lock.store(0, std::memory_order_release); }
        } unlock{joining_};
        if (generation_.load(std::memory_order_acquire) == now && seat_ != no_seat) {
            return;  // another thread did it
        }
        sys::FileDescriptor fresh = sys::reopen(file_.get(), O_RDWR);
        const std::uint32_t seat = take_seat(fresh.get(), table, settle);
        file_ = std::move(fresh);
        seat_ = seat;
        generation_.store(now, std::memory_order_release);
    }

    sys::FileDescriptor file_;
    Identity identity_;
    std::uint32_t seat_ = no_seat;
    std::atomic<std::uint64_t> generation_{0};  // of the process that took the seat
    std::atomic<std::uint64_t> joining_{0};     // generation of the process of which a thread joins again
};

}  // namespace tenon::memory
