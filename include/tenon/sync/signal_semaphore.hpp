// SPDX-License-Identifier: BSL-1.0
#pragma once
/// SignalSemaphore: a count that one process raises and another lowers, in shared memory: "an item is there". Its permits
/// have no holder, so nothing comes back when somebody dies; for mutual exclusion take Semaphore.
///
///     auto items = tenon::SignalSemaphore::create("/items", tenon::Permits{0});
///     V(items);   // the producer
///     P(items);   // the consumer

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "../memory/segment.hpp"
#include "deadline.hpp"
#include "event.hpp"
#include "factories.hpp"
#include "hardware.hpp"
#include "patience.hpp"
#include "semaphore_verbs.hpp"

namespace tenon {

namespace sync {

/// The count and its event. One store each way: killed before it, nothing happened; killed after it, but before the
/// wake-up call, a sleeper looks by itself within 20 ms. Part of the segment format.
template <class Machine = Hardware>
struct alignas(64) SignalCount {
    Event<Machine> raised;                                      // offset 0
    typename Machine::template Atomic<std::uint32_t> count{0};  // offset 4

    [[nodiscard]] bool try_take() noexcept {
        std::uint32_t seen = count.load(std::memory_order_seq_cst);
        while (seen != 0) {
            if (count.compare_exchange_weak(seen, seen - 1, std::memory_order_seq_cst)) {
                return true;
            }
        }
        return false;
    }

    /// Returns  false when the count is at its end.
    [[nodiscard]] bool give() noexcept {
        std::uint32_t seen = count.load(std::memory_order_relaxed);
        do {
            if (seen == UINT32_MAX) {
                return false;
            }
        } while (!count.compare_exchange_weak(seen, seen + 1, std::memory_order_seq_cst, std::memory_order_relaxed));
        raised.signal(1);
        return true;
    }

    [[nodiscard, gnu::cold, gnu::noinline]] bool take(std::int64_t until) noexcept {
        const std::int64_t start = Machine::now();
        const Patience patience{start};
        for (std::int64_t now = start; now < until; now = Machine::now()) {
            const auto ticket = raised.announce();
            if (try_take()) {
                return true;
            }
            raised.sleep(ticket, patience.next_look(now, until));
        }
        return try_take();
    }
};

static_assert(sizeof(SignalCount<>) == 64);

}  // namespace sync

/// A counting semaphore in shared memory for signals.
///
/// Sharing  any thread of any process, concurrently, children included.
/// Crash    a signal was given, or not; nothing is taken back.
/// Source   Dijkstra, EWD 123; futex(2).
class SignalSemaphore : public sync::Factories<SignalSemaphore, Permits>, public sync::SemaphoreVerbs<SignalSemaphore> {
    friend sync::Factories<SignalSemaphore, Permits>;
    friend sync::SemaphoreVerbs<SignalSemaphore>;

public:
    SignalSemaphore() noexcept = default;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(segment_); }

    /// V: raises the count and wakes one who waits.
    /// Throws  EOVERFLOW at 4,294,967,295.
    void release() {
        if (!count().give()) {
            sys::throw_error(EOVERFLOW, "V", segment_.name());
        }
    }

    /// The count a moment ago.
    [[nodiscard]] std::uint32_t approximate_available() const noexcept {
        return count().count.load(std::memory_order_relaxed);
    }

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

    static memory::SegmentSpec spec(Permits /*initial*/ = Permits{0}) noexcept {
        return {
            memory::Kind::signal_semaphore, 1, "SignalSemaphore\n", 0, sizeof(sync::SignalCount<>), memory::cache_line};
    }
    static auto builder(Mode /*mode*/, Permits initial) noexcept {
        return [initial](void* object) {
            (::new (object) sync::SignalCount<>{})->count.store(initial.count, std::memory_order_relaxed);
        };
    }
    static void settle(void* /*object*/, std::uint32_t /*capacity*/, std::uint32_t /*seat*/) noexcept {
    }  // nobody owns anything

    explicit SignalSemaphore(memory::Segment segment) noexcept : segment_{std::move(segment)} {}

    [[nodiscard]] sync::SignalCount<>& count() const noexcept {
        return *static_cast<sync::SignalCount<>*>(segment_.object());
    }
    [[nodiscard]] bool take(std::int64_t until) noexcept { return count().try_take() || count().take(until); }

    memory::Segment segment_;
};

}  // namespace tenon
