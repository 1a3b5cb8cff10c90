// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The channels that bench/queues.cpp compares, all with the same three members, so that one loop measures every one of them:
///
///     explicit Channel(std::size_t capacity);   before the fork; what it is given where it has no choice is in its name
///     void send(const Msg&); void receive(Msg&);  both wait, spinning with `pause` where the peer's own waiting is left to us
///
/// The rings of others stand in shared memory, made by their own constructors.

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>

#include <tenon/typed_queue.hpp>
#include <tenon/typed_topic.hpp>

#include "harness.hpp"
#include "queues_ck.h"

namespace bench {

inline void relax() noexcept { __builtin_ia32_pause(); }

/// A T in memory that is shared after a fork; all of its pages are there.
template <class T>
class Populated {
public:
    template <class... Arguments>
    explicit Populated(std::size_t extra, Arguments&&... arguments) : size_{sizeof(T) + extra} {
        void* const memory =
            ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED) {
            give_up("mmap");
        }
        value_ = ::new (memory) T(std::forward<Arguments>(arguments)...);
    }
    Populated(const Populated&) = delete;
    Populated& operator=(const Populated&) = delete;
    ~Populated() { ::munmap(value_, size_); }
    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return value_; }

private:
    std::size_t size_;
    T* value_;
};

// ---- ours

template <class Msg, class How, tenon::Waiting waiting = tenon::Waiting::spin>
class Ours {
public:
    explicit Ours(std::size_t capacity)
        : queue_{tenon::TypedQueue<Msg, How>::anonymous(tenon::Capacity{static_cast<std::uint32_t>(capacity)})} {
        queue_.set_waiting(waiting);
    }
    void send(const Msg& message) { queue_.send(message); }
    void receive(Msg& message) { message = queue_.receive(); }
    std::size_t send_many(const Msg* messages, std::size_t count) { return queue_.try_send_many({messages, count}); }
    std::size_t receive_many(Msg* messages, std::size_t count) { return queue_.try_receive_many({messages, count}); }

private:
    tenon::TypedQueue<Msg, How> queue_;
};

// ---- boost::lockfree::spsc_queue: its capacity is part of its type here, as in its fastest form

template <class Msg, std::size_t fixed_capacity>
class BoostRing {
public:
    explicit BoostRing(std::size_t /*capacity*/) {}
    void send(const Msg& message) {
        while (!queue_->push(message)) {
            relax();
        }
    }
    void receive(Msg& message) {
        while (!queue_->pop(message)) {
            relax();
        }
    }
    std::size_t send_many(const Msg* messages, std::size_t count) { return queue_->push(messages, count); }
    std::size_t receive_many(Msg* messages, std::size_t count) { return queue_->pop(messages, count); }

private:
    Populated<boost::lockfree::spsc_queue<Msg, boost::lockfree::capacity<fixed_capacity>>> queue_{0};
};

// ---- ck_ring, whose entries are the messages themselves

template <class Msg>
class CkRing {
    static_assert(sizeof(Msg) == 64);

public:
    explicit CkRing(std::size_t capacity) : ring_{ck_bytes(static_cast<unsigned>(capacity), sizeof(Msg))} {
        ck_make(&*ring_, static_cast<unsigned>(capacity));
    }
    void send(const Msg& message) {
        while (!ck_send_64(&*ring_, &message)) {
            relax();
        }
    }
    void receive(Msg& message) {
        while (!ck_receive_64(&*ring_, &message)) {
            relax();
        }
    }

private:
    struct alignas(64) Memory {};
    Populated<Memory> ring_;
};

// ---- boost::interprocess::message_queue

template <class Msg>
class BoostMessageQueue {
public:
    explicit BoostMessageQueue(std::size_t capacity)
        : name_{"tenon-bench-" + std::to_string(::getpid())},
          queue_{boost::interprocess::create_only, name_.c_str(), capacity, sizeof(Msg)} {
        boost::interprocess::message_queue::remove(name_.c_str());
    }
    void send(const Msg& message) { queue_.send(&message, sizeof message, 0); }
    void receive(Msg& message) {
        std::size_t size = 0;
        unsigned priority = 0;
        queue_.receive(&message, sizeof message, size, priority);
    }

private:
    std::string name_;
    boost::interprocess::message_queue queue_;
};

// ---- Vyukov's bounded ring, as one writes it after his description: not crash-safe, and nobody sleeps in it

template <class Msg>
class VyukovRing {
public:
    explicit VyukovRing(std::size_t capacity) : mask_{capacity - 1}, ring_{capacity * sizeof(Slot)} {
        for (std::size_t i = 0; i < capacity; ++i) {
            ::new (static_cast<void*>(slots() + i)) Slot{};
            slots()[i].turn.store(i, std::memory_order_relaxed);
        }
    }
    void send(const Msg& message) {
        for (int attempts = 1;; ++attempts) {
            std::uint64_t at = ring_->tail.load(std::memory_order_relaxed);
            Slot& slot = slots()[at & mask_];
            const auto turns = static_cast<std::int64_t>(slot.turn.load(std::memory_order_acquire) - at);
            if (turns == 0) {
                if (ring_->tail.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
                    slot.message = message;
                    slot.turn.store(at + 1, std::memory_order_release);
                    return;
                }
            } else if (turns < 0) {
                rest(attempts);
            }
        }
    }
    void receive(Msg& message) {
        for (int attempts = 1;; ++attempts) {
            std::uint64_t at = ring_->head.load(std::memory_order_relaxed);
            Slot& slot = slots()[at & mask_];
            const auto turns = static_cast<std::int64_t>(slot.turn.load(std::memory_order_acquire) - (at + 1));
            if (turns == 0) {
                if (ring_->head.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
                    message = slot.message;
                    slot.turn.store(at + mask_ + 1, std::memory_order_release);
                    return;
                }
            } else if (turns < 0) {
                rest(attempts);
            }
        }
    }

private:
    struct alignas(64) Slot {
        std::atomic<std::uint64_t> turn{0};
        Msg message;
    };
    struct Ring {
        alignas(64) std::atomic<std::uint64_t> tail{0};
        alignas(64) std::atomic<std::uint64_t> head{0};
    };
    /// With more processes than processors, who only spins waits for somebody whom it keeps from running.
    static void rest(int attempts) noexcept {
        if (attempts % 256 == 0) {
            ::sched_yield();
        } else {
            relax();
        }
    }
    [[nodiscard]] Slot* slots() const { return reinterpret_cast<Slot*>(&*ring_ + 1); }

    std::size_t mask_;
    Populated<Ring> ring_;
};

}  // namespace bench
