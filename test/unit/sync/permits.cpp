// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_permits
#include "tenon/sync/permits.hpp"

#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "tenon/sys/clock.hpp"

namespace {

namespace sys = tenon::sys;
constexpr std::uint32_t nobody = UINT32_MAX;

/// Answers what the kernel would be asked.
struct People {
    std::atomic<std::uint32_t> dead{nobody};
    std::atomic<bool> estate_is_free{true};
    mutable std::atomic<int> questions{0};

    [[nodiscard]] bool is_dead(std::uint32_t seat) const {
        ++questions;
        return seat == dead.load();
    }
    [[nodiscard]] bool administer(std::uint32_t) const { return estate_is_free.load(); }
};

/// Three permits as they stand in memory.
struct Three {
    tenon::sync::PermitsControl<> control;
    tenon::sync::PermitTable<>::Word words[3] = {};
    tenon::sync::PermitTable<> sut{&control, 3};
};

}  // namespace

BOOST_AUTO_TEST_CASE(as_many_are_taken_as_there_are_and_each_by_its_holder_given_back) {
    Three it;
    BOOST_TEST(it.sut.try_take(0));
    BOOST_TEST(it.sut.try_take(5));
    BOOST_TEST(it.sut.free_ones() == 1U);
    BOOST_TEST(it.sut.try_take(0));
    BOOST_TEST(!it.sut.try_take(1));
    BOOST_TEST(!it.sut.give_back(1));
    BOOST_TEST(it.sut.give_back(5));
    BOOST_TEST(!it.sut.give_back(5));
    BOOST_TEST(it.sut.free_ones() == 1U);
    BOOST_TEST(it.words[1].load() == 0U);
    BOOST_TEST(it.words[0].load() == 1U);  // seat 0 is written as 1
}

BOOST_AUTO_TEST_CASE(settling_gives_back_all_of_one_seat) {
    Three it;
    BOOST_TEST(it.sut.try_take(4));
    BOOST_TEST(it.sut.try_take(0));
    BOOST_TEST(it.sut.try_take(4));
    BOOST_TEST(it.sut.settle(4));
    BOOST_TEST(!it.sut.settle(4));
    BOOST_TEST(it.sut.free_ones() == 2U);
    BOOST_TEST(it.sut.give_back(0));
}

BOOST_AUTO_TEST_CASE(a_table_without_permits_has_none) {
    tenon::sync::PermitsControl<> control;
    const tenon::sync::PermitTable<> sut{&control, 0};
    BOOST_TEST(!sut.try_take(0));
    BOOST_TEST(!sut.give_back(0));
    BOOST_TEST(sut.free_ones() == 0U);
    BOOST_TEST(!sut.take(0, 0, People{}));
}

BOOST_AUTO_TEST_CASE(the_living_are_waited_for_in_vain_but_never_too_short) {
    Three it;
    const People people;
    while (it.sut.try_take(0)) {}
    BOOST_TEST(!it.sut.take(1, 0, people));
    BOOST_TEST(people.questions.load() == 1);  // one holder of three: asked about once
    const auto until = sys::monotonic_now() + 20'000'000;
    BOOST_TEST(!it.sut.take(1, until, people));
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(it.sut.free_ones() == 0U);
}

BOOST_AUTO_TEST_CASE(the_permits_of_the_dead_come_back_even_to_who_tries_once) {
    Three it;
    People people;
    BOOST_TEST(it.sut.try_take(0));
    BOOST_TEST(it.sut.try_take(7));
    BOOST_TEST(it.sut.try_take(7));
    people.dead = 7;
    BOOST_TEST(it.sut.take(1, 0, people));
    BOOST_TEST(it.sut.free_ones() == 1U);
    BOOST_TEST(!it.sut.give_back(7));
}

BOOST_AUTO_TEST_CASE(nothing_comes_back_while_somebody_else_settles_it) {
    Three it;
    People people;
    while (it.sut.try_take(7)) {}
    people.dead = 7;
    people.estate_is_free = false;
    BOOST_TEST(!it.sut.take(1, sys::monotonic_now() + 5'000'000, people));
    BOOST_TEST(it.sut.free_ones() == 0U);
}

BOOST_AUTO_TEST_CASE(a_sleeper_gets_the_permit_of_who_dies_meanwhile) {
    Three it;
    People people;
    while (it.sut.try_take(7)) {}
    std::thread killer{[&] {
        while (people.questions.load() < 3) {
            std::this_thread::yield();
        }
        people.dead = 7;
    }};
    BOOST_TEST(it.sut.take(1, sys::end_of_time, people));
    killer.join();
    BOOST_TEST(it.sut.free_ones() == 2U);
}

BOOST_AUTO_TEST_CASE(garbage_in_the_words_is_a_holder_that_nobody_is) {
    Three it;
    People people;
    for (auto& word : it.words) {
        word = 0xdead'beef;
    }
    BOOST_TEST(!it.sut.take(1, 0, people));
    people.dead = 0xdead'beee;  // as a seat that the table of participants does not have
    BOOST_TEST(it.sut.take(1, 0, people));
    BOOST_TEST(it.sut.free_ones() == 2U);
}

BOOST_AUTO_TEST_CASE(six_threads_are_never_more_than_three_inside) {
    Three it;
    const People people;
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (std::uint32_t seat = 0; seat < 6; ++seat) {
        threads.emplace_back([&, seat] {
            for (int i = 0; i < 5000; ++i) {
                refused += it.sut.take(seat, sys::end_of_time, people) ? 0 : 1;
                const int now = ++inside;
                if (now > most) {
                    most = now;
                }
                --inside;
                refused += it.sut.give_back(seat) ? 0 : 1;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    BOOST_TEST(most.load() <= 3);
    BOOST_TEST(refused.load() == 0);
    BOOST_TEST(it.sut.free_ones() == 3U);
}
