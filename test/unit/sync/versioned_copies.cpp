// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_versioned_copies
#include "tenon/sync/versioned_copies.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <thread>

namespace {

struct Value {
    std::uint64_t words[12];
};
constexpr std::size_t size = sizeof(Value) - 4;  // not a whole number of words

/// Control and copies as they stand in memory.
struct Memory {
    using Copies = tenon::sync::VersionedCopies<size>;
    alignas(64) std::byte bytes[Copies::memory_size] = {};
    Copies sut{::new (static_cast<void*>(bytes)) tenon::sync::VersionedControl<>};

    Memory() {
        const Value first = of(0);
        sut.initialise(&first, false);
    }
    static Value of(std::uint64_t number) {
        Value made{};
        for (auto& word : made.words) {
            word = number;
        }
        return made;
    }
    /// Calls for help are counted.
    std::uint64_t load(Value& to) {
        return sut.load(&to, [&] { ++impossible; });
    }
    int impossible = 0;

    /// Returns  whether all of `value` is of one number.
    static bool is_whole(const Value& value, std::uint64_t number) {
        const Value wanted = of(number);
        return std::memcmp(&value, &wanted, size) == 0;
    }
    void publish(std::uint64_t number) {
        std::uint64_t last = 0;
        while (!sut.word().try_take(0, last)) {}
        const Value value = of(number);
        sut.commit(last, &value);
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_version_is_zero_and_each_commit_is_the_next) {
    Memory it;
    Value seen{};
    BOOST_TEST(it.load(seen) == 0U);
    BOOST_TEST(Memory::is_whole(seen, 0));
    for (std::uint64_t number = 1; number < 6; ++number) {
        it.publish(number);
        BOOST_TEST(it.load(seen) == number);
        BOOST_TEST(Memory::is_whole(seen, number));
    }
}

BOOST_AUTO_TEST_CASE(a_reader_sees_the_last_commit_while_the_next_is_written) {
    Memory it;
    it.publish(1);
    std::uint64_t version = 0;
    BOOST_TEST(it.sut.word().try_take(0, version));
    auto* const control = reinterpret_cast<tenon::sync::VersionedControl<>*>(it.bytes);
    control->writing = 2;  // a writer that was killed, half way through its copy
    std::memset(it.bytes + sizeof *control, 0xee, 40);
    Value seen{};
    BOOST_TEST(it.load(seen) == 1U);
    BOOST_TEST(Memory::is_whole(seen, 1));
    it.sut.word().settle(0);
    it.publish(7);
    BOOST_TEST(it.load(seen) == 2U);
    BOOST_TEST(Memory::is_whole(seen, 7));
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_overtaken_twice_is_told) {
    Memory it;
    it.publish(1);
    auto* const control = reinterpret_cast<tenon::sync::VersionedControl<>*>(it.bytes);
    Value seen{};
    std::uint64_t version = 0;
    for (const auto& [writing, whole] : {std::pair{1, true}, {2, true}, {3, false}, {4, false}, {0, false}}) {
        control->writing = static_cast<std::uint64_t>(writing);
        BOOST_TEST(it.sut.try_load(&seen, version) == whole);
    }
}

BOOST_AUTO_TEST_CASE(readers_see_only_whole_values_and_versions_never_run_backwards) {
    Memory it;
    std::atomic<bool> done{false};
    std::thread writer{[&] {
        for (std::uint64_t number = 1; number <= 100'000; ++number) {
            it.publish(number);
        }
        done = true;
    }};
    std::uint64_t last = 0;
    bool fine = true;
    while (!done) {
        Value seen{};
        const auto version = it.load(seen);
        fine = fine && version >= last && Memory::is_whole(seen, version);
        last = version;
    }
    writer.join();
    BOOST_TEST(fine);
    Value seen{};
    BOOST_TEST(it.load(seen) == 100'000U);
    BOOST_TEST(it.impossible == 0);
}

BOOST_AUTO_TEST_CASE(damage_that_no_writer_would_repair_is_told) {
    Memory it;
    it.publish(1);
    reinterpret_cast<tenon::sync::VersionedControl<>*>(it.bytes)->writing = 77;
    Value seen{};
    BOOST_CHECK_THROW(it.sut.load(&seen, [] { throw 5; }), int);
    it.publish(2);  // a writer repairs it after all
    BOOST_TEST(it.load(seen) == 2U);
    BOOST_TEST(Memory::is_whole(seen, 2));
}

BOOST_AUTO_TEST_CASE(the_owner_reads_what_it_owns) {
    Memory it;
    it.publish(3);
    std::uint64_t version = 0;
    BOOST_TEST(it.sut.word().try_take(0, version));
    Value seen{};
    it.sut.read_owned(version, &seen);
    BOOST_TEST(Memory::is_whole(seen, 3));
}
