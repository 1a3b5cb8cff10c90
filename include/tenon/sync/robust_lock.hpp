// SPDX-License-Identifier: BSL-1.0
#pragma once
/// RobustLock: mutual exclusion between processes for something that tenon does not know (a file, a device). When its
/// holder is killed the next one gets it, and is told. For a struct take SharedObject, which needs no repair at all.
///
///     auto lock = tenon::RobustLock::open_or_create("/printer");
///     if (lock.lock() == tenon::LockState::holder_died) reset_printer();
///     lock.unlock();   // or std::lock_guard, where the state does not matter

#include <cstdint>
#include <new>
#include <utility>

#include "../memory/segment.hpp"
#include "deadline.hpp"
#include "factories.hpp"
#include "owned_word.hpp"

namespace tenon {

/// How a lock was found.
enum class LockState {
    not_taken,    ///< somebody has it
    clean,        ///< taken; the last holder gave it back
    holder_died,  ///< taken; the last holder died with it, and what it guards may be half done
};

/// A lock in shared memory that survives its holders. Meets Lockable, for std::lock_guard and std::unique_lock.
///
/// Sharing  any thread of any process, concurrently. A thread that locks twice gets EDEADLK, not a deadlock.
/// Crash    the lock of a killed holder is given to the next, within about a millisecond where somebody waits.
/// Source   pthread_mutexattr_setrobust(3), whose list of pointers in shared memory it avoids.
class RobustLock : public sync::Factories<RobustLock> {
    friend sync::Factories<RobustLock>;

public:
    RobustLock() noexcept = default;
    RobustLock(RobustLock&&) noexcept = default;
    RobustLock& operator=(RobustLock&& other) noexcept {
        if (this != &other) {
            close();
            segment_ = std::move(other.segment_);
        }
        return *this;
    }
    ~RobustLock() { close(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(segment_); }

    /// Takes the lock, sleeping until it is free. The state holder_died stays until an unlock().
    LockState lock() { return take(sys::end_of_time); }
    /// Returns  whether it was taken at once.
    [[nodiscard]] bool try_lock() { return take(sync::OwnedWord<>::at_once) != LockState::not_taken; }
    /// Returns  not_taken when the time came first; 0 looks once.
    template <class Rep, class Period>
    [[nodiscard]] LockState try_lock_for(const std::chrono::duration<Rep, Period>& duration) {
        return take(Deadline::after(duration).nanoseconds());
    }
    [[nodiscard]] LockState try_lock_until(Deadline deadline) { return take(deadline.nanoseconds()); }

    /// Gives the lock back, and says by this that what it guards is whole.
    /// Throws  EPERM when this handle does not have it.
    void unlock() {
        if (!word().is_owned_by(segment_.seat(settle))) {
            sys::throw_error(EPERM, "unlock", segment_.name());
        }
        word().commit(0);
    }

    /// Stays when its last user leaves, until remove().
    void persist() { segment_.persist(); }
    [[nodiscard]] const std::string& name() const noexcept { return segment_.name(); }
    /// The descriptor of the memory, -1 for System V: attach() takes it in another process.
    [[nodiscard]] int native_handle() const noexcept { return segment_.descriptor(); }

private:
    static constexpr bool can_create = true;
    static constexpr memory::Access access = memory::Access::read_write;
    static constexpr std::uint64_t died = 1;  // as a version of the word

    static memory::SegmentSpec spec() noexcept {
        return {memory::Kind::robust_lock, 1, "RobustLock\n", 0, memory::cache_line, memory::cache_line};
    }
    static auto builder(Mode /*mode*/) noexcept {
        return [](void* object) { ::new (object) sync::OwnedWord<>{}; };
    }
    static void settle(void* object, std::uint32_t /*capacity*/, std::uint32_t seat) noexcept {
        static_cast<sync::OwnedWord<>*>(object)->settle(seat, died);
    }

    explicit RobustLock(memory::Segment segment) noexcept : segment_{std::move(segment)} {}

    [[nodiscard]] sync::OwnedWord<>& word() const noexcept {
        return *static_cast<sync::OwnedWord<>*>(segment_.object());
    }

    [[nodiscard]] LockState take(std::int64_t until) {
        std::uint64_t version = 0;
        if (!word().take(segment_.seat(settle), version, until, segment_, died)) {
            return LockState::not_taken;
        }
        return version == died ? LockState::holder_died : LockState::clean;
    }

    void close() noexcept {
        if (segment_) {
            if (segment_.attendance().seat_is_ours()) {
                word().settle(segment_.seat(settle));  // a lock that is still held goes back first
            }
            segment_.close();
        }
    }

    memory::Segment segment_;
};

}  // namespace tenon
