// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A robust lock and a version number in one 64-bit word, so that publishing a version and giving up the lock is one
/// instruction: there is no moment at which a death could separate them.
///
///     bits 0-9    the owner's seat + 1, 0 while it is free
///     bit  10     somebody may sleep who waits for the lock
///     bit  11     somebody may sleep who waits for another version
///     bits 12-63  the version
///
/// Who may write: anybody sets the flags; who finds the owner 0 may enter its own seat; the owner alone changes the
/// version and clears the owner, with the same store; and for a dead owner whoever holds its estate (attendance.hpp)
/// clears the owner and leaves the version. A seat is never taken anew while its estate is administered, so the number
/// that is cleared is the dead one's.
///
/// Memory order: take() is an acquire that pairs with the release of commit(), give_back() and settle(), so an owner
/// sees what all former owners wrote. version() is an acquire that pairs with commit(): who sees version n sees what was
/// written for it.
///
/// Deaths: before take(): nothing happened. Between take() and commit(): the owner's number stays; whoever wants the
/// lock asks the kernel before each sleep, and at least every 20 ms, whether that owner lives. After commit(): done;
/// sleepers who were not woken yet look by themselves within 20 ms.

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>

#include "../sys/error.hpp"
#include "../sys/futex.hpp"
#include "hardware.hpp"
#include "patience.hpp"

namespace tenon::sync {

namespace detail {
inline std::atomic<std::uint32_t> threads_seen{0};
inline constinit thread_local std::uint32_t thread_number = 0;
}  // namespace detail

/// A number for the calling thread, never 0, that no other thread of this process has.
inline std::uint32_t this_thread_number() noexcept {
    if (detail::thread_number == 0) [[unlikely]] {
        detail::thread_number = detail::threads_seen.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    return detail::thread_number;
}

template <class Machine = Hardware>
class OwnedWord {
public:
    using Version = std::uint64_t;
    static constexpr int version_shift = 12;
    static constexpr std::int64_t at_once = 0;  // a time that has passed: take() tries once

    /// The latest version that was committed.
    [[nodiscard]] Version version() const noexcept { return word_.load(std::memory_order_acquire) >> version_shift; }

    /// The seat of whoever has it at this moment; `nobody` while it is free.
    [[nodiscard]] std::uint32_t owner() const noexcept {
        return static_cast<std::uint32_t>(word_.load(std::memory_order_relaxed) & owner_mask) - 1;
    }
    static constexpr std::uint32_t nobody = UINT32_MAX;

    [[nodiscard]] bool is_owned_by(std::uint32_t seat) const noexcept {
        return (word_.load(std::memory_order_relaxed) & owner_mask) == seat + 1;
    }

    /// Takes the lock for `seat` if it is free.
    /// Returns  false, and nothing changed, when somebody has it.
    [[nodiscard]] bool try_take(std::uint32_t seat, Version& version) noexcept { return try_take(seat, version, 0); }

    /// Takes the lock for `seat`, sleeping until `until` at the latest. A dead owner is found and replaced; `mark` is
    /// or-ed into the version then.
    /// `people` answers is_dead(seat), is_this_process(seat), and administer(seat) with something that tests true.
    /// Throws  EDEADLK when the calling thread has the lock already.
    template <class People>
    [[nodiscard]] bool take(std::uint32_t seat, Version& version, std::int64_t until, const People& people,
                            Version mark = 0) {
        if (try_take(seat, version)) [[likely]] {
            return true;
        }
        return take_slowly(seat, version, until, people, mark);
    }

    /// Publishes `version` and gives up the lock, in one step. Only for the owner.
    void commit(Version version) noexcept {
        holder_.store(0, std::memory_order_relaxed);
        const std::uint64_t old = word_.exchange(version << version_shift, std::memory_order_acq_rel);
        if ((old & (lock_sleepers_flag | version_sleepers_flag)) != 0) [[unlikely]] {
            wake_after(old);
        }
    }

    /// Gives up the lock; the version stays. Only for the owner.
    void give_back() noexcept {
        holder_.store(0, std::memory_order_relaxed);
        const std::uint64_t old = word_.fetch_and(~(owner_mask | lock_sleepers_flag), std::memory_order_acq_rel);
        if ((old & lock_sleepers_flag) != 0) [[unlikely]] {
            wake_after(lock_sleepers_flag);
        }
    }

    /// Clears a dead owner. Only under the estate of `seat`.
    void settle(std::uint32_t seat, Version mark = 0) noexcept {
        std::uint64_t seen = word_.load(std::memory_order_relaxed);
        while ((seen & owner_mask) == seat + 1) {
            holder_.store(0, std::memory_order_relaxed);
            if (word_.compare_exchange_weak(seen, (seen & ~owner_mask) | (mark << version_shift),
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
                Machine::wake(low_half(), 1, lock_sleepers);
                return;
            }
        }
    }

    /// Sleeps until the version is not `seen`, or until `until`; looks again now and then, in case that the one who
    /// committed died before it could wake anybody. `announce`: whether the word may be written to ask for a wake-up;
    /// `longest`: between two looks. Before each sleep calls `check()`, which may throw.
    /// Returns  whether it changed.
    template <class Check>
    [[nodiscard]] bool wait_changed(Version seen, std::int64_t until, bool announce, std::int64_t longest,
                                    Check check) {
        const std::int64_t start = Machine::now();
        const Patience patience{start, longest};
        for (std::int64_t now = start;; now = Machine::now()) {
            std::uint64_t word = word_.load(std::memory_order_acquire);
            if (word >> version_shift != seen) {
                return true;
            }
            if (now >= until) {
                return false;
            }
            check();
            if (announce && (word & version_sleepers_flag) == 0) {
                if (!word_.compare_exchange_weak(word, word | version_sleepers_flag, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed)) {
                    continue;
                }
                word |= version_sleepers_flag;
            }
            Machine::sleep(low_half(), static_cast<std::uint32_t>(word), version_sleepers,
                           patience.next_look(now, until));
        }
    }

    /// Wakes those who wait for another version and could not announce it.
    [[gnu::cold, gnu::noinline]] void wake_unannounced() noexcept {
        Machine::wake(low_half(), sys::all_sleepers, version_sleepers);
    }

private:
    static constexpr std::uint64_t owner_mask = 0x3ff;
    static constexpr std::uint64_t lock_sleepers_flag = 0x400;
    static constexpr std::uint64_t version_sleepers_flag = 0x800;
    static constexpr std::uint32_t lock_sleepers = 1;  // futex masks
    static constexpr std::uint32_t version_sleepers = 2;
    static constexpr int spins = 64;  // about 1.5 microseconds: longer than an update of a few hundred bytes takes

    /// The half that holds owner, flags and the version's lowest bits; the kernel sleeps on 32 bits.
    [[nodiscard]] const std::uint32_t* low_half() const noexcept {
        return reinterpret_cast<const std::uint32_t*>(&word_) + (std::endian::native == std::endian::big ? 1 : 0);
    }

    [[nodiscard]] bool try_take(std::uint32_t seat, Version& version, std::uint64_t flags) noexcept {
        std::uint64_t seen = word_.load(std::memory_order_relaxed);
        while ((seen & owner_mask) == 0) {
            if (word_.compare_exchange_weak(seen, seen | flags | (seat + 1), std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
                version = seen >> version_shift;
                holder_.store(std::uint64_t{seat + 1} << 32 | this_thread_number(), std::memory_order_relaxed);
                return true;
            }
        }
        return false;
    }

    /// Wakes those of whom the flags in `old` tell. Of several lockers one: it takes the lock with the flag set again, for
    /// those behind it.
    [[gnu::cold, gnu::noinline]] void wake_after(std::uint64_t old) noexcept {
        if ((old & lock_sleepers_flag) != 0) {
            Machine::wake(low_half(), 1, lock_sleepers);
        }
        if ((old & version_sleepers_flag) != 0) {
            Machine::wake(low_half(), sys::all_sleepers, version_sleepers);
        }
    }

    /// Seat and thread are read together: only this thread can have written its own number beside a seat of its process,
    /// and it clears both before it gives the lock up.
    template <class People>
    [[nodiscard]] bool is_held_by_this_thread(std::uint32_t seat, const People& people) const {
        const std::uint64_t holder = holder_.load(std::memory_order_relaxed);
        const auto holder_seat = static_cast<std::uint32_t>(holder >> 32) - 1;
        return static_cast<std::uint32_t>(holder) == this_thread_number() &&
               (holder_seat == seat || people.is_this_process(holder_seat));
    }

    template <class People>
    [[nodiscard, gnu::cold, gnu::noinline]] bool take_slowly(std::uint32_t seat, Version& version, std::int64_t until,
                                                             const People& people, Version mark) {
        for (int spin = until == at_once ? spins : 0; spin < spins; ++spin) {
            Machine::pause();
            if (try_take(seat, version, 0)) {
                return true;
            }
        }
        const std::int64_t start = Machine::now();
        const Patience patience{start};
        bool slept = false;
        for (std::int64_t now = start;; now = Machine::now()) {
            if (try_take(seat, version, lock_sleepers_flag)) {
                return true;
            }
            std::uint64_t word = word_.load(std::memory_order_relaxed);
            const auto owner = static_cast<std::uint32_t>(word & owner_mask);
            bool free = owner == 0;
            if (!free && people.is_dead(owner - 1)) {
                if (const auto estate = people.administer(owner - 1)) {
                    settle(owner - 1, mark);
                    free = true;
                }
            }
            if (free && try_take(seat, version, lock_sleepers_flag)) {
                return true;
            }
            if (now >= until) {
                if (slept) {  // the wake-up that we leave with may have been meant for another
                    Machine::wake(low_half(), 1, lock_sleepers);
                }
                return false;
            }
            if (free) {
                continue;
            }
            if (is_held_by_this_thread(seat, people)) {
                sys::throw_error(EDEADLK, "lock taken twice by one thread");
            }
            if ((word & lock_sleepers_flag) == 0) {
                if (!word_.compare_exchange_weak(word, word | lock_sleepers_flag, std::memory_order_relaxed)) {
                    continue;
                }
                word |= lock_sleepers_flag;
            }
            Machine::sleep(low_half(), static_cast<std::uint32_t>(word), lock_sleepers, patience.next_look(now, until));
            slept = true;
        }
    }

    typename Machine::template Atomic<std::uint64_t> word_{0};
    typename Machine::template Atomic<std::uint64_t> holder_{
        0};  // the owner's seat + 1, and this_thread_number() below it
};

static_assert(sizeof(OwnedWord<>) == 16);

}  // namespace tenon::sync
