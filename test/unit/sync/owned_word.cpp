// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_owned_word
#include "tenon/sync/owned_word.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "support/errors.hpp"

namespace {

namespace sys = tenon::sys;
using support::refusal_of;
using Word = tenon::sync::OwnedWord<>;

/// Answers what the kernel would be asked.
struct People {
    std::atomic<std::uint32_t> dead{UINT32_MAX};
    std::atomic<bool> estate_is_free{true};
    std::uint32_t ours = UINT32_MAX;
    mutable std::atomic<int> questions{0};

    [[nodiscard]] bool is_dead(std::uint32_t seat) const {
        ++questions;
        return seat == dead.load();
    }
    [[nodiscard]] bool administer(std::uint32_t) const { return estate_is_free.load(); }
    [[nodiscard]] bool is_this_process(std::uint32_t seat) const { return seat == ours; }
};

constexpr std::int64_t never = sys::end_of_time;
const auto no_check = [] {};

}  // namespace

BOOST_AUTO_TEST_CASE(one_takes_commits_and_the_next_sees_the_version) {
    Word sut;
    std::uint64_t version = 99;
    BOOST_TEST(sut.try_take(0, version));
    BOOST_TEST(version == 0U);
    BOOST_TEST(sut.is_owned_by(0));
    BOOST_TEST(!sut.is_owned_by(1));
    BOOST_TEST(!sut.try_take(1, version));
    sut.commit(5);
    BOOST_TEST(sut.version() == 5U);
    BOOST_TEST(!sut.is_owned_by(0));
    BOOST_TEST(sut.try_take(1022, version));
    BOOST_TEST(version == 5U);
    BOOST_TEST(sut.is_owned_by(1022));
    sut.give_back();
    BOOST_TEST(sut.version() == 5U);
    BOOST_TEST(sut.try_take(1, version));
}

BOOST_AUTO_TEST_CASE(the_living_are_waited_for_in_vain_but_never_too_short) {
    Word sut;
    const People people;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(0, version));
    BOOST_TEST(!sut.take(1, version, Word::at_once, people));
    const auto until = sys::monotonic_now() + 20'000'000;
    BOOST_TEST(!sut.take(1, version, until, people));
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(people.questions.load() >= 2);
    BOOST_TEST(sut.is_owned_by(0));
}

BOOST_AUTO_TEST_CASE(a_dead_owner_is_replaced_even_by_who_tries_once) {
    Word sut;
    People people;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(7, version));
    people.dead = 7;
    BOOST_TEST(sut.take(1, version, Word::at_once, people));
    BOOST_TEST(version == 0U);
    BOOST_TEST(sut.is_owned_by(1));
}

BOOST_AUTO_TEST_CASE(the_mark_of_a_dead_owner_is_seen_by_the_next) {
    Word sut;
    People people;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(7, version));
    sut.commit(4);
    BOOST_TEST(sut.try_take(7, version));
    people.dead = 7;
    BOOST_TEST(sut.take(1, version, Word::at_once, people, 1));
    BOOST_TEST(version == 5U);  // 4, with bit 0 set
}

BOOST_AUTO_TEST_CASE(nobody_is_replaced_while_somebody_else_settles_it) {
    Word sut;
    People people;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(7, version));
    people.dead = 7;
    people.estate_is_free = false;
    BOOST_TEST(!sut.take(1, version, sys::monotonic_now() + 5'000'000, people));
    BOOST_TEST(sut.is_owned_by(7));
}

BOOST_AUTO_TEST_CASE(settling_clears_that_owner_only) {
    Word sut;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(7, version));
    sut.settle(6);
    BOOST_TEST(sut.is_owned_by(7));
    sut.settle(7);
    BOOST_TEST(!sut.is_owned_by(7));
    sut.settle(7);
    BOOST_TEST(sut.version() == 0U);
}

BOOST_AUTO_TEST_CASE(a_sleeper_takes_over_from_an_owner_that_dies_meanwhile) {
    Word sut;
    People people;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(7, version));
    std::thread killer{[&] {
        while (people.questions.load() < 3) {
            std::this_thread::yield();
        }
        people.dead = 7;
    }};
    BOOST_TEST(sut.take(1, version, never, people));
    killer.join();
    BOOST_TEST(sut.is_owned_by(1));
}

BOOST_AUTO_TEST_CASE(a_thread_that_takes_twice_is_told) {
    Word sut;
    People people;
    people.ours = 0;
    std::uint64_t version = 0;
    BOOST_TEST(sut.try_take(0, version));
    BOOST_TEST(
        refusal_of([&] { return sut.take(0, version, never, people); }).is(std::errc::resource_deadlock_would_occur));
    BOOST_TEST(!sut.take(0, version, Word::at_once, people));  // who tries does not deadlock
    std::thread other{[&] {                                    // nor does another thread
        std::uint64_t mine = 0;
        if (!sut.take(0, mine, sys::monotonic_now() + 5'000'000, people)) {
            sut.commit(3);
        }
    }};
    other.join();
    BOOST_TEST(sut.version() == 3U);
    people.ours = 5;
    BOOST_TEST(sut.try_take(0, version));  // by a process whose thread has our number
    BOOST_TEST(!sut.take(1, version, sys::monotonic_now() + 5'000'000, people));
}

BOOST_AUTO_TEST_CASE(four_threads_exclude_each_other) {
    Word sut;
    const People people;
    std::uint64_t count = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t seat = 0; seat < 4; ++seat) {
        threads.emplace_back([&, seat] {
            for (int i = 0; i < 20'000; ++i) {
                std::uint64_t version = 0;
                if (sut.take(seat, version, never, people)) {
                    ++count;  // not atomic: two at once would lose one
                    i % 2 == 0 ? sut.commit(version + 1) : sut.give_back();
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    BOOST_TEST(count == 80'000U);
    BOOST_TEST(sut.version() == 40'000U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_another_version_sees_the_commit) {
    Word sut;
    std::uint64_t version = 0;
    for (const bool announced : {true, false}) {
        const auto seen = sut.version();
        std::thread writer{[&] {
            std::uint64_t last = 0;
            while (!sut.try_take(0, last)) {}
            std::this_thread::yield();
            sut.commit(last + 1);
            if (!announced) {
                sut.wake_unannounced();
            }
        }};
        BOOST_TEST(sut.wait_changed(seen, never, announced, 1'000'000, no_check));
        writer.join();
        BOOST_TEST(sut.version() == seen + 1);
    }
    const auto until = sys::monotonic_now() + 20'000'000;
    BOOST_TEST(!sut.wait_changed(sut.version(), until, true, 20'000'000, no_check));
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(sut.wait_changed(77, 0, true, 20'000'000, no_check));
    BOOST_TEST(!sut.wait_changed(sut.version(), 0, true, 20'000'000, no_check));
    BOOST_TEST(sut.try_take(1, version));  // asking for a wake-up takes no lock
    sut.give_back();
}

BOOST_AUTO_TEST_CASE(the_check_before_a_sleep_may_end_the_wait) {
    Word sut;
    BOOST_CHECK_THROW(static_cast<void>(sut.wait_changed(0, never, true, 1'000'000, [] { throw 5; })), int);
}

BOOST_AUTO_TEST_CASE(threads_have_numbers_of_their_own) {
    const auto mine = tenon::sync::this_thread_number();
    std::uint32_t other = 0;
    std::thread{[&] { other = tenon::sync::this_thread_number(); }}.join();
    BOOST_TEST(mine != 0U);
    BOOST_TEST(other != 0U);
    BOOST_TEST(other != mine);
    BOOST_TEST(tenon::sync::this_thread_number() == mine);
}
