// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE semaphore_guard
#include "tenon/semaphore_guard.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

using namespace std::chrono_literals;
using support::unique_key;
using support::unique_name;
using tenon::Permits;
using tenon::Semaphore;
using tenon::SemaphoreGuard;
using tenon::SysvSemaphore;

}  // namespace

BOOST_AUTO_TEST_CASE(a_guard_holds_one_permit_for_its_scope) {
    auto old = SysvSemaphore::create(unique_key(), Permits{1});
    {
        SemaphoreGuard sut{old};
        BOOST_TEST(!!sut);
        BOOST_TEST(!old.try_acquire());
    }
    BOOST_TEST(old.approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE(a_guard_gives_back_when_an_exception_leaves_its_scope) {
    auto slots = Semaphore::anonymous(Permits{1});
    try {
        SemaphoreGuard sut{slots};
        throw 1;
    } catch (int) {}
    BOOST_TEST(slots.approximate_available() == 1U);
}

BOOST_AUTO_TEST_CASE(a_guard_over_two_kinds_takes_both_or_none) {
    auto slots = Semaphore::anonymous(Permits{4});
    auto old = SysvSemaphore::create(unique_key(), Permits{1});
    {
        SemaphoreGuard both{slots, old};
        BOOST_TEST(slots.approximate_available() == 3U);
        BOOST_TEST(old.approximate_available() == 0);
        SemaphoreGuard late{tenon::Deadline::after(10ms), slots, old};
        BOOST_TEST(!late);
        BOOST_TEST(slots.approximate_available() == 3U);
    }
    BOOST_TEST(slots.approximate_available() == 4U);
    BOOST_TEST(old.approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE(guards_that_name_their_semaphores_in_opposite_orders_do_not_deadlock) {
    auto fork = Semaphore::anonymous(Permits{1});
    auto knife = SysvSemaphore::create(unique_key(), Permits{1});
    auto spoon = Semaphore::anonymous(Permits{1});
    auto eats = [&](auto&... tools) {
        return [&] {
            for (int i = 0; i < 1000; ++i) {
                SemaphoreGuard guard{tools...};
            }
            return true;
        };
    };
    support::Child first{eats(fork, knife, spoon)};
    support::Child second{eats(spoon, knife, fork)};
    support::Child third{eats(knife, spoon, fork)};
    BOOST_TEST(first.succeeds());
    BOOST_TEST(second.succeeds());
    BOOST_TEST(third.succeeds());
    BOOST_TEST(fork.approximate_available() == 1U);
    BOOST_TEST(knife.approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE(one_semaphore_named_twice_is_refused_even_by_two_handles) {
    const auto name = unique_name();
    auto first = Semaphore::create(name, Permits{2});
    auto second = Semaphore::open(name);
    BOOST_TEST(support::refusal_of([&] {
                   return SemaphoreGuard{first, second}, 0;
               }).is(std::errc::resource_deadlock_would_occur));
    const auto key = unique_key();
    auto old = SysvSemaphore::create(key, Permits{2});
    auto same = tenon::SysvSemaphore::open(key);
    BOOST_TEST(support::refusal_of([&] {
                   return SemaphoreGuard{old, same}, 0;
               }).is(std::errc::resource_deadlock_would_occur));
    BOOST_TEST(first.approximate_available() == 2U);
    BOOST_TEST(old.approximate_available() == 2);
}

BOOST_AUTO_TEST_CASE(release_ends_the_guard_early_and_tells_errors) {
    const auto key = unique_key();
    auto old = SysvSemaphore::create(key, Permits{1});
    auto slots = Semaphore::anonymous(Permits{1});
    SemaphoreGuard sut{old, slots};
    SysvSemaphore::remove(key);
    BOOST_TEST(support::refusal_of([&] { return sut.release(), 0; }).says("semop"));
    BOOST_TEST(!sut);
    BOOST_TEST(slots.approximate_available() == 1U);  // the other one was given back all the same
}

BOOST_AUTO_TEST_CASE(the_permits_of_a_guard_that_was_killed_come_back) {
    auto slots = Semaphore::anonymous(Permits{1});
    auto old = SysvSemaphore::create(unique_key(), Permits{1});
    support::in_child_that_dies([&] { new SemaphoreGuard{slots, old}; });
    SemaphoreGuard sut{tenon::Deadline::after(10s), old, slots};
    BOOST_TEST(!!sut);
}

BOOST_AUTO_TEST_CASE(a_child_that_leaves_the_scope_of_an_inherited_guard_gives_nothing_back) {
    auto old = SysvSemaphore::create(unique_key(), Permits{1});
    {
        SemaphoreGuard sut{old};
        BOOST_TEST(support::in_child([&] {
            sut.release();
            return true;
        }));
        BOOST_TEST(old.approximate_available() == 0);
    }
    BOOST_TEST(old.approximate_available() == 1);
}
