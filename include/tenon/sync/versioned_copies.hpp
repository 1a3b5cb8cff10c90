// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The heart of SharedObject: two copies of a value and one committed version. Version v stands in copy v & 1. A writer
/// fills the other copy and then commits v + 1 with one instruction, which gives up the lock as well.
///
///     writer (owns the word, version v)             reader
///     w1  writing = v + 1          release          r1  r = version            acquire
///     w2  fence                    release          r2  words of copy r & 1    relaxed
///     w3  words of copy (v+1) & 1  relaxed          r3  fence                  acquire
///     w4  version = v + 1, free    release          r4  writing - r < 2 ? whole : again   relaxed
///
/// Whole.   w4 pairs with r1: the words of version r were written before. Copy r & 1 is next touched by the writer of
///          r + 2. If r2 saw any word of it, then fence w2 pairs with fence r3, and r4 sees w1 of r + 2 (or later):
///          again. A reader has therefore from one commit until the second next begins to write, which is more than one
///          whole period of a writer that never rests; it retries only when it is slower than that.
/// Damage.  w1 is a release for is_impossible() alone: who sees it sees the commit before it as well.
/// Waiting. A reader never waits for anybody and writes nothing. Writers exclude each other by the word (owned_word.hpp).
/// Deaths.  A writer killed before w4 leaves version v and its copy alone, `writing` at v + 1 or v, and a half-filled
///          other copy that nobody reads; the next writer fills it from the start. Killed at w4: committed or not.
///          There is nothing to repair but the owner in the word. A reader's death leaves nothing.
/// Hostile  Words, version and `writing` may be anything: an index is only ever version & 1.
/// Source   two meta pages as in LMDB; sequence locks: Boehm, Can Seqlocks Get Along With Programming Language Memory
///          Models?, MSPC 2012.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "hardware.hpp"
#include "owned_word.hpp"
#include "word_copy.hpp"

namespace tenon::sync {

/// One cache line in front of the copies. Part of the segment format.
template <class Machine = Hardware>
struct alignas(64) VersionedControl {
    OwnedWord<Machine> word;                                      // offset 0
    typename Machine::template Atomic<std::uint64_t> writing{0};  // offset 16: the version that is or was being written
    /// offset 24: 1 when readers may sleep who cannot announce it, their mapping being read-only: writers always wake.
    typename Machine::template Atomic<std::uint32_t> unannounced_readers{0};
};

static_assert(sizeof(VersionedControl<>) == 64);

/// Control and copies of a value of `size` bytes, one behind the other in shared memory.
template <std::size_t size, class Machine = Hardware>
class VersionedCopies {
    static constexpr std::size_t stride = (size + 63) / 64 * 64;  // each copy begins on a cache line of its own

public:
    using Version = typename OwnedWord<Machine>::Version;
    static constexpr std::size_t memory_size = sizeof(VersionedControl<Machine>) + 2 * stride;

    VersionedCopies() noexcept = default;
    explicit VersionedCopies(VersionedControl<Machine>* control) noexcept : control_{control} {}

    [[nodiscard]] OwnedWord<Machine>& word() const noexcept { return control_->word; }

    /// Fills in version 0, before anybody else can see the memory. `unannounced_readers`: see VersionedControl.
    void initialise(const void* from, bool unannounced_readers) const noexcept {
        copy_in<Machine>(copy(0), from, size);
        control_->unannounced_readers.store(unannounced_readers ? 1 : 0, std::memory_order_relaxed);
    }

    /// Copies the latest version to `to`, whole. Calls `refuse()`, which throws, when no writer can have left what it finds.
    /// Returns  its number.
    template <class Refuse>
    Version load(void* to, Refuse refuse) const {
        Version version;
        while (!try_load(to, version)) {
            if (is_impossible()) refuse();
            Machine::pause();
        }
        return version;
    }

    /// One attempt.
    /// Returns  false when writers overtook the reader twice; `to` is a mixture then.
    [[nodiscard]] bool try_load(void* to, Version& version) const noexcept {
        version = control_->word.version();                                      // r1
        copy_out<Machine>(copy(version), to, size);                              // r2
        Machine::fence(std::memory_order_acquire);                               // r3
        return control_->writing.load(std::memory_order_relaxed) - version < 2;  // r4
    }

    /// The latest version, for the owner of the word, while nobody can write.
    [[gnu::always_inline]] void read_owned(Version version, void* to) const noexcept {
        copy_out<Machine>(copy(version), to, size);
    }

    /// Writes and commits version `last + 1`, and gives up the word. For the owner of the word, `last` being the version
    /// that take() gave it.
    [[gnu::always_inline]] void commit(Version last, const void* from) const noexcept {
        const Version next = last + 1;
        control_->writing.store(next, std::memory_order_release);  // w1
        Machine::fence(std::memory_order_release);                 // w2
        copy_in<Machine>(copy(next), from, size);                  // w3
        const bool unannounced = control_->unannounced_readers.load(std::memory_order_relaxed) != 0;
        control_->word.commit(next);  // w4
        if (unannounced) [[unlikely]] {
            control_->word.wake_unannounced();
        }
    }

private:
    /// Whether `writing` is neither the version nor the one after it, the version being the same before and after the
    /// look: no writer leaves that.
    [[nodiscard, gnu::cold, gnu::noinline]] bool is_impossible() const noexcept {
        const Version before = control_->word.version();
        const Version written = control_->writing.load(std::memory_order_relaxed);
        Machine::fence(std::memory_order_acquire);
        return control_->word.version() == before && written - before >= 2;
    }

    [[nodiscard]] SharedWord<Machine>* copy(Version version) const noexcept {
        auto* const first = reinterpret_cast<std::byte*>(control_ + 1);
        return reinterpret_cast<SharedWord<Machine>*>(first + (version & 1) * stride);
    }

    VersionedControl<Machine>* control_ = nullptr;
};

}  // namespace tenon::sync
