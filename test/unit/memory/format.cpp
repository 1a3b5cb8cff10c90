// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE memory_format
#include "tenon/memory/format.hpp"

#include <bit>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>

#include "support/machine.hpp"
#include "tenon/memory/segment.hpp"

namespace memory = tenon::memory;

/// Offsets are written out as numbers here: the README documents them, and other languages read by them.
BOOST_AUTO_TEST_CASE(any_language_can_read_a_segment_by_its_byte_offsets) {
    const auto name = support::unique_name();
    const memory::SegmentSpec spec{memory::Kind::robust_lock, 0x1122334455667788, "words\n", 5, 24, 64, 8, 3};
    const auto sut = memory::Segment::create(
        name, spec, tenon::private_mode, [](void* object) { std::memcpy(object, "object", 6); },
        [](void*, std::uint32_t, std::uint32_t) {});
    const auto file = tenon::sys::open_shared_memory(name, O_RDONLY);
    unsigned char bytes[512] = {};
    const auto size = ::pread(file.get(), bytes, sizeof bytes, 0);
    const auto u32 = [&](std::size_t offset) {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes + offset, sizeof value);
        return value;
    };
    const auto u64 = [&](std::size_t offset) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes + offset, sizeof value);
        return value;
    };
    BOOST_TEST(u64(0) == 0x0a0d4e4f4e455489U);
    if constexpr (std::endian::native == std::endian::little) {
        BOOST_TEST(std::memcmp(bytes, "\x89TENON\r\n", 8) == 0);
    }
    BOOST_TEST(u32(8) == 1U);                                        // format
    BOOST_TEST(u32(12) == 1U);                                       // state: ready
    BOOST_TEST(u64(16) == 0x1122334455667788U);                      // fingerprint
    BOOST_TEST(u64(24) == static_cast<std::uint64_t>(size));         // total size
    BOOST_TEST(u32(32) == 4U);                                       // kind
    BOOST_TEST(u32(36) == 5U);                                       // capacity
    BOOST_TEST(u64(40) == 320U);                                     // the object: 192 + 3 * 32, rounded up to 64
    BOOST_TEST(u32(48) == 6U);                                       // size of the words
    BOOST_TEST(u32(52) == 192U);                                     // participants
    BOOST_TEST(u32(56) == 3U);                                       // how many
    BOOST_TEST(u32(60) == static_cast<std::uint32_t>(::getpid()));   // creator
    BOOST_TEST(u32(64) == 0U);                                       // persistent: no
    BOOST_TEST(std::memcmp(bytes + 128, "words\n", 7) == 0);         // the layout in words, zeros behind
    BOOST_TEST(u32(192) == static_cast<std::uint32_t>(::getpid()));  // seat 0
    BOOST_TEST(u64(200) == tenon::sys::this_process().start_time);
    BOOST_TEST(u64(208) == tenon::sys::this_process().namespaces);
    BOOST_TEST(std::memcmp(bytes + 320, "object", 7) == 0);
    BOOST_TEST(size == 320 + 24 + 5 * 8);
}

BOOST_AUTO_TEST_CASE(each_kind_has_a_name_and_garbage_has_one_too) {
    BOOST_TEST(memory::name_of(memory::Kind::shared_object) == "SharedObject");
    BOOST_TEST(memory::name_of(memory::Kind::semaphore) == "Semaphore");
    BOOST_TEST(memory::name_of(memory::Kind::signal_semaphore) == "SignalSemaphore");
    BOOST_TEST(memory::name_of(memory::Kind::robust_lock) == "RobustLock");
    BOOST_TEST(memory::name_of(static_cast<memory::Kind>(0xffff'ffff)) == "an unknown kind");
}

BOOST_AUTO_TEST_CASE(rounding_up_never_rounds_down) {
    static_assert(memory::round_up(0, 64) == 0 && memory::round_up(1, 64) == 64);
    static_assert(memory::round_up(64, 64) == 64 && memory::round_up(65, 64) == 128);
    static_assert(memory::round_up(4097, 4096) == 8192);
    BOOST_TEST(memory::round_up(7, 1) == 7U);
}
