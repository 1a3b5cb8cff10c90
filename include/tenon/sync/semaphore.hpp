// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Semaphore: so many permits, taken with P and given back with V by the same process, in shared memory: no system call
/// while nobody waits, and the permits of a killed holder come back to the others. For signals from one process to
/// another, where V is not preceded by P, take SignalSemaphore.
///
///     auto slots = tenon::Semaphore::create("/slots", tenon::Permits{4});
///     P(slots);
///     V(slots);

#include <cstdint>
#include <new>
#include <utility>

#include "../memory/segment.hpp"
#include "deadline.hpp"
#include "factories.hpp"
#include "permits.hpp"
#include "semaphore_verbs.hpp"

namespace tenon {

/// A counting semaphore in shared memory whose permits know their holders.
///
/// Sharing  any thread of any process, concurrently. A permit belongs to the handle: another thread may give it back
///          through the same handle. A forked child holds none of its parent's.
/// Crash    the permits of a killed holder come back, within about a millisecond where somebody waits.
/// Limits   1 to 65,535 permits; taking one looks at each in turn until one is free.
/// Source   Dijkstra, EWD 123; futex(2).
class Semaphore : public sync::Factories<Semaphore, Permits>, public sync::SemaphoreVerbs<Semaphore> {
    friend sync::Factories<Semaphore, Permits>;
    friend sync::SemaphoreVerbs<Semaphore>;

public:
    static constexpr std::uint32_t most_permits = 65'535;

    Semaphore() noexcept = default;
    Semaphore(Semaphore&& other) noexcept : segment_{std::move(other.segment_)}, permits_{other.permits_} {}
    Semaphore& operator=(Semaphore&& other) noexcept {
        if (this != &other) {
            close();
            segment_ = std::move(other.segment_);
            permits_ = other.permits_;
        }
        return *this;
    }
    ~Semaphore() { close(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(segment_); }

    /// V: gives one permit back and wakes one who waits.
    /// Throws  EPERM when this handle holds none.
    void release() {
        if (!permits_.give_back(segment_.seat(settle))) {
            sys::throw_error(EPERM, "V without P", segment_.name());
        }
    }

    [[nodiscard]] std::uint32_t capacity() const noexcept { return segment_.capacity(); }
    /// How many permits were free a moment ago.
    [[nodiscard]] std::uint32_t approximate_available() const noexcept { return permits_.free_ones(); }

    /// Stays when its last user leaves, until remove().
    void persist() { segment_.persist(); }
    [[nodiscard]] const std::string& name() const noexcept { return segment_.name(); }
    /// The descriptor of the memory, -1 for System V: attach() takes it in another process.
    [[nodiscard]] int native_handle() const noexcept { return segment_.descriptor(); }
    /// The same for all handles to one semaphore.
    [[nodiscard]] const memory::Identity& identity() const noexcept { return segment_.identity(); }

private:
    static constexpr bool can_create = true;
    static constexpr memory::Access access = memory::Access::read_write;

    static memory::SegmentSpec spec(Permits permits) {
        if (permits.count == 0 || permits.count > most_permits) {
            sys::throw_error(EINVAL, "Semaphore of " + std::to_string(permits.count) + " permits (1 to " +
                                         std::to_string(most_permits) + " are possible)");
        }
        return spec_of(permits.count);
    }
    static memory::SegmentSpec spec() noexcept { return spec_of(memory::SegmentSpec::any_capacity); }
    static memory::SegmentSpec spec_of(std::uint32_t capacity) noexcept {
        return {memory::Kind::semaphore, 1, "Semaphore\n", capacity, sizeof(sync::PermitsControl<>), memory::cache_line,
                sizeof(std::uint32_t)};
    }
    static auto builder(Mode /*mode*/, Permits /*permits*/) noexcept {
        return [](void* object) { ::new (object) sync::PermitsControl<>{}; };  // the words: zero pages
    }
    static sync::PermitTable<> table(void* object, std::uint32_t capacity) noexcept {
        return {static_cast<sync::PermitsControl<>*>(object), capacity};
    }
    static void settle(void* object, std::uint32_t capacity, std::uint32_t seat) noexcept {
        table(object, capacity).settle(seat);
    }

    explicit Semaphore(memory::Segment segment) noexcept
        : segment_{std::move(segment)}, permits_{table(segment_.object(), segment_.capacity())} {}

    [[nodiscard]] bool take(std::int64_t until) {
        const std::uint32_t seat = segment_.seat(settle);
        return permits_.try_take(seat) || permits_.take(seat, until, segment_);
    }

    void close() noexcept {
        if (segment_) {
            if (segment_.attendance().seat_is_ours()) {
                permits_.settle(segment_.seat(settle));  // what is still held goes back first
            }
            segment_.close();
        }
    }

    memory::Segment segment_;
    sync::PermitTable<> permits_;
};

}  // namespace tenon
