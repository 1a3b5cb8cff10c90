// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The competitors of SharedObject, written by hand as one would for one's own program: none of them survives the death
/// of a writer with its value whole. A sequence lock for one writer, in three ways of copying, and a struct beside a mutex.
/// Source   Boehm, Can Seqlocks Get Along With Programming Language Memory Models?, MSPC 2012.

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bench {

/// Relaxed atomic words, one after the other.
struct WordByWord {
    template <std::size_t count>
    static void out(const std::atomic<std::uint64_t>* from, std::uint64_t* to) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = from[i].load(std::memory_order_relaxed);
        }
    }
    template <std::size_t count>
    static void in(std::atomic<std::uint64_t>* to, const std::uint64_t* from) noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            to[i].store(from[i], std::memory_order_relaxed);
        }
    }
};

/// Relaxed atomic words, eight a turn, each in a register of its own: left alone, g++ gathers them into vectors, by way of
/// the stack or not, and takes two to four times as long.
struct EightWords {
    template <std::size_t count>
    static void out(const std::atomic<std::uint64_t>* from, std::uint64_t* to) noexcept {
        static_assert(count % 8 == 0);
        for (std::size_t i = 0; i < count; i += 8) {
            const std::uint64_t a = get(from[i]), b = get(from[i + 1]), c = get(from[i + 2]), d = get(from[i + 3]),
                                e = get(from[i + 4]), f = get(from[i + 5]), g = get(from[i + 6]), h = get(from[i + 7]);
            put(to + i, a), put(to + i + 1, b), put(to + i + 2, c), put(to + i + 3, d);
            put(to + i + 4, e), put(to + i + 5, f), put(to + i + 6, g), put(to + i + 7, h);
        }
    }
    template <std::size_t count>
    static void in(std::atomic<std::uint64_t>* to, const std::uint64_t* from) noexcept {
        static_assert(count % 8 == 0);
        constexpr auto relaxed = std::memory_order_relaxed;
        for (std::size_t i = 0; i < count; i += 8) {
            const std::uint64_t a = in_register(from[i]), b = in_register(from[i + 1]), c = in_register(from[i + 2]),
                                d = in_register(from[i + 3]), e = in_register(from[i + 4]),
                                f = in_register(from[i + 5]), g = in_register(from[i + 6]),
                                h = in_register(from[i + 7]);
            to[i].store(a, relaxed), to[i + 1].store(b, relaxed), to[i + 2].store(c, relaxed),
                to[i + 3].store(d, relaxed);
            to[i + 4].store(e, relaxed), to[i + 5].store(f, relaxed), to[i + 6].store(g, relaxed),
                to[i + 7].store(h, relaxed);
        }
    }

private:
    static std::uint64_t in_register(std::uint64_t word) noexcept {
        asm("" : "+r"(word));
        return word;
    }
    static void put(std::uint64_t* to, std::uint64_t word) noexcept { std::memcpy(to, &word, sizeof word); }
    static std::uint64_t get(const std::atomic<std::uint64_t>& word) noexcept {
        return in_register(word.load(std::memory_order_relaxed));
    }
};

/// memcpy: vector instructions, and a data race in the eyes of the language.
struct PlainMemcpy {
    template <std::size_t count>
    static void out(const std::atomic<std::uint64_t>* from, std::uint64_t* to) noexcept {
        std::memcpy(to, static_cast<const void*>(from), count * sizeof *to);
    }
    template <std::size_t count>
    static void in(std::atomic<std::uint64_t>* to, const std::uint64_t* from) noexcept {
        std::memcpy(static_cast<void*>(to), from, count * sizeof *from);
    }
};

template <class T, class Copy>
class SequenceLock {
    static constexpr std::size_t count = sizeof(T) / sizeof(std::uint64_t);
    static_assert(sizeof(T) % sizeof(std::uint64_t) == 0);

public:
    T load() const noexcept {
        T value;
        for (;;) {
            const std::uint64_t before = sequence_.load(std::memory_order_acquire);
            if (before % 2 == 1) {
                continue;
            }
            Copy::template out<count>(words_, reinterpret_cast<std::uint64_t*>(&value));
            std::atomic_thread_fence(std::memory_order_acquire);
            if (sequence_.load(std::memory_order_relaxed) == before) {
                return value;
            }
        }
    }
    /// For one writer.
    void store(const T& value) noexcept {
        const std::uint64_t before = sequence_.load(std::memory_order_relaxed);
        sequence_.store(before + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        Copy::template in<count>(words_, reinterpret_cast<const std::uint64_t*>(&value));
        sequence_.store(before + 2, std::memory_order_release);
    }

private:
    alignas(64) std::atomic<std::uint64_t> sequence_{0};
    alignas(64) std::atomic<std::uint64_t> words_[count]{};
};

/// A T that is changed in place under a mutex which processes share.
template <class T, int robustness>
class Mutexed {
public:
    Mutexed() {
        ::pthread_mutexattr_t attributes;
        ::pthread_mutexattr_init(&attributes);
        ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        ::pthread_mutexattr_setrobust(&attributes, robustness);
        ::pthread_mutex_init(&mutex_, &attributes);
        ::pthread_mutexattr_destroy(&attributes);
    }
    /// Returns  false when the mutex cannot be had any more. A value that a dead owner left is used as it stands.
    template <class Change>
    bool update(Change change) noexcept {
        const int error = ::pthread_mutex_lock(&mutex_);
        if (error != 0) [[unlikely]] {
            if (error != EOWNERDEAD || ::pthread_mutex_consistent(&mutex_) != 0) {
                return false;
            }
        }
        change(value_);
        ::pthread_mutex_unlock(&mutex_);
        return true;
    }

private:
    ::pthread_mutex_t mutex_;
    alignas(64) T value_{};
};
template <class T>
using PlainMutexed = Mutexed<T, PTHREAD_MUTEX_STALLED>;
template <class T>
using RobustMutexed = Mutexed<T, PTHREAD_MUTEX_ROBUST>;

}  // namespace bench
