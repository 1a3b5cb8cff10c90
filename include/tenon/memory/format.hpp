// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The segment format, version 1: what stands where in the memory of every shared object, for any build and any
/// language. Little- or big-endian as the machine is (the fingerprint says which). All offsets from the first byte.
///
///     0    SegmentHeader     64 bytes, constant once the state is ready
///     64   SegmentLife       64 bytes, seldom written
///     128  layout in words   UTF-8 text, words_size bytes
///     ...  participants      participants_count entries of 32 bytes, from participants_offset
///     ...  the object        object_size bytes, from object_offset

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tenon::memory {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::size_t cache_line = 64;  // decreed, not asked of the compiler: it is part of the format
inline constexpr std::uint64_t segment_magic = 0x0a'0d'4e'4f'4e'45'54'89;  // bytes 89 "TENON" 0d 0a, little-endian

/// What lives in a segment.
enum class Kind : std::uint32_t {
    shared_object = 1,
    semaphore = 2,
    signal_semaphore = 3,
    robust_lock = 4,
    queue_one_to_one = 5,
    queue = 6,
    topic = 7,
    envelope_queue = 8,
};

constexpr const char* name_of(Kind kind) noexcept {
    switch (kind) {
        case Kind::shared_object: return "SharedObject";
        case Kind::semaphore: return "Semaphore";
        case Kind::signal_semaphore: return "SignalSemaphore";
        case Kind::robust_lock: return "RobustLock";
        case Kind::queue_one_to_one: return "TypedQueue, one to one";
        case Kind::queue: return "TypedQueue";
        case Kind::topic: return "TypedTopic";
        case Kind::envelope_queue: return "TypedQueue of envelopes";
    }
    return "an unknown kind";
}

enum class State : std::uint32_t {
    blank = 0,   ///< fresh zero pages
    ready = 1,   ///< complete; stored last, with release
    buried = 2,  ///< its name is gone: the last user left
};

struct SegmentHeader {
    std::uint64_t magic;
    std::uint32_t format;
    std::atomic<std::uint32_t> state;  // store(ready, release) pairs with every opener's load(acquire)
    std::uint64_t fingerprint;         // of the payload's layout
    std::uint64_t total_size;
    std::uint32_t kind;
    std::uint32_t capacity;  // permits, slots; 0 where there is nothing to count
    std::uint64_t object_offset;
    std::uint32_t words_size;
    std::uint32_t participants_offset;
    std::uint32_t participants_count;
    std::uint32_t creator;  // pid, for people to read
};

struct SegmentLife {
    std::atomic<std::uint32_t> persistent;  // 1: stays when the last user leaves
    std::uint32_t reserved[15];
};

/// One place in the table of participants. Whether the place is taken, and its taker alive, is told by a lock on byte
/// `index` of the presence bytes (attendance.hpp), never by this memory.
struct ParticipantEntry {
    std::atomic<std::uint32_t> pid;
    std::uint32_t processor;  // reserved: where it last ran
    std::atomic<std::uint64_t> start_time;
    std::atomic<std::uint64_t> namespaces;
    std::uint64_t reserved;
};

inline constexpr std::size_t words_offset = sizeof(SegmentHeader) + sizeof(SegmentLife);
inline constexpr std::uint32_t default_participants = 128;
inline constexpr std::uint32_t most_participants = 1023;  // a lock word has ten bits for its owner, 0 is nobody
inline constexpr std::uint32_t most_words = 1U << 20;

static_assert(sizeof(SegmentHeader) == 64 && sizeof(SegmentLife) == 64 && sizeof(ParticipantEntry) == 32);
static_assert(offsetof(SegmentHeader, state) == 12 && offsetof(SegmentHeader, object_offset) == 40);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::is_standard_layout_v<SegmentHeader> && std::is_standard_layout_v<SegmentLife>);

constexpr std::size_t round_up(std::size_t value, std::size_t alignment) noexcept {
    return (value + alignment - 1) / alignment * alignment;
}

}  // namespace tenon::memory
