// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_robust_lock
#include "tenon/sync/robust_lock.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::refusal_of;
using support::unique_name;
using tenon::LockState;
using tenon::RobustLock;

/// Locks `name` in a process that is killed with it.
void die_with(const std::string& name) {
    support::in_child_that_dies([&] {
        static auto held = RobustLock::open(name);
        held.lock();
    });
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_has_it_and_the_others_are_turned_away) {
    const auto name = unique_name();
    auto sut = RobustLock::create(name);
    auto other = RobustLock::open(name);
    std::thread{[&] { sut.lock(); }}.join();  // by another thread: one that waited for itself would get EDEADLK
    BOOST_TEST(!other.try_lock());
    BOOST_TEST((other.try_lock_for(0s) == LockState::not_taken));
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST((other.try_lock_for(20ms) == LockState::not_taken));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 20ms));
    BOOST_TEST((other.try_lock_until(tenon::Deadline::after(1ms)) == LockState::not_taken));
    sut.unlock();
    BOOST_TEST((other.try_lock_until(tenon::Deadline::never()) == LockState::clean));
    BOOST_TEST(refusal_of([&] { sut.lock(); }).is(std::errc::resource_deadlock_would_occur));  // through either handle
    other.unlock();
}

BOOST_AUTO_TEST_CASE(that_a_holder_died_is_told_until_somebody_says_all_is_well) {
    const auto name = unique_name();
    auto sut = RobustLock::create(name);
    die_with(name);
    BOOST_TEST((sut.lock() == LockState::holder_died));
    {
        auto next = std::move(sut);
        sut = RobustLock::open(name);
    }  // closed without an unlock: nobody said that all is well
    BOOST_TEST((sut.try_lock_for(10s) == LockState::holder_died));
    sut.unlock();
    BOOST_TEST((sut.lock() == LockState::clean));
    sut.unlock();
}

BOOST_AUTO_TEST_CASE(a_second_death_is_told_as_well) {
    const auto name = unique_name();
    auto sut = RobustLock::create(name);
    die_with(name);
    die_with(name);
    BOOST_TEST((sut.try_lock_for(10s) == LockState::holder_died));
    sut.unlock();
    die_with(name);
    BOOST_TEST(sut.try_lock());  // who only tries gets it too
    sut.unlock();
    BOOST_TEST((sut.lock() == LockState::clean));
}

BOOST_AUTO_TEST_CASE(a_sleeper_gets_the_lock_of_a_holder_that_is_killed_and_not_of_one_that_is_stopped) {
    const auto name = unique_name();
    auto sut = RobustLock::create(name);
    Child holder{[&] {
        auto held = RobustLock::open(name);
        held.lock();
        ::raise(SIGSTOP);
        return true;
    }};
    int status = 0;
    ::waitpid(holder.pid(), &status, WUNTRACED);
    BOOST_TEST((sut.try_lock_for(50ms) == LockState::not_taken));
    std::thread killer{[&] {
        std::this_thread::sleep_for(10ms);
        holder.kill_now();
    }};
    BOOST_TEST((sut.lock() == LockState::holder_died));
    killer.join();
}

BOOST_AUTO_TEST_CASE(unlocking_what_one_does_not_have_is_refused_by_name) {
    const auto name = unique_name();
    auto sut = RobustLock::create(name);
    BOOST_TEST(refusal_of([&] { sut.unlock(); }).text == "unlock \"" + name + "\": Operation not permitted");
    auto other = RobustLock::open(name);
    sut.lock();
    BOOST_TEST(refusal_of([&] { other.unlock(); }).is(std::errc::operation_not_permitted));
    BOOST_TEST(in_child([&] { return refusal_of([&] { sut.unlock(); }).is(std::errc::operation_not_permitted); }));
    BOOST_TEST(!other.try_lock());
    sut.unlock();
}

BOOST_AUTO_TEST_CASE(a_thread_that_locks_twice_is_told_instead_of_deadlocked) {
    auto sut = RobustLock::anonymous();
    sut.lock();
    BOOST_TEST(refusal_of([&] { sut.lock(); }).is(std::errc::resource_deadlock_would_occur));
    BOOST_TEST(refusal_of([&] { return sut.try_lock_for(1h); }).is(std::errc::resource_deadlock_would_occur));
    BOOST_TEST(!sut.try_lock());
    sut.unlock();
    sut.lock();
    sut.unlock();
}

BOOST_AUTO_TEST_CASE(the_guards_of_the_standard_library_take_it) {
    const auto name = unique_name();
    auto sut = RobustLock::create(name);
    auto other = RobustLock::open(name);
    {
        const std::lock_guard guard{sut};
        BOOST_TEST(!other.try_lock());
    }
    {
        const std::unique_lock guard{other, std::try_to_lock};
        BOOST_TEST(guard.owns_lock());
        BOOST_TEST(!sut.try_lock());
    }
    auto second = RobustLock::anonymous();
    const std::scoped_lock both{sut, second};
    BOOST_TEST(!other.try_lock());
}

BOOST_AUTO_TEST_CASE(threads_of_one_handle_exclude_each_other) {
    auto sut = RobustLock::anonymous();
    int count = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 5000; ++k) {
                const std::lock_guard guard{sut};
                ++count;  // not atomic: two at once would lose one
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    BOOST_TEST(count == 20'000);
}

BOOST_AUTO_TEST_CASE(a_moved_handle_is_empty_and_the_lock_goes_along) {
    static_assert(std::is_nothrow_move_constructible_v<RobustLock> && std::is_nothrow_move_assignable_v<RobustLock>);
    static_assert(!std::is_copy_constructible_v<RobustLock>);
    auto first = RobustLock::anonymous();
    first.lock();
    auto second = std::move(first);
    BOOST_TEST(!first);
    BOOST_CHECK_NO_THROW(second.unlock());
}
