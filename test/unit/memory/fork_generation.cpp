// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE memory_fork_generation
#include "tenon/memory/fork_generation.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <latch>
#include <thread>
#include <vector>

#include "support/child.hpp"

using support::in_child;
using tenon::memory::fork_generation;

BOOST_AUTO_TEST_CASE(threads_that_are_the_first_to_ask_get_one_number) {
    std::vector<std::uint64_t> seen(8);
    std::latch start{8};
    std::vector<std::thread> threads;
    for (auto& number : seen) {
        threads.emplace_back([&] {
            start.arrive_and_wait();
            number = fork_generation();
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (const auto number : seen) {
        BOOST_TEST(number != 0U);
        BOOST_TEST(number == fork_generation());
    }
}

BOOST_AUTO_TEST_CASE(a_child_and_a_grandchild_have_other_numbers) {
    const auto mine = fork_generation();
    BOOST_TEST(in_child([&] {
        const auto childs = fork_generation();
        const bool stable = childs == fork_generation();
        return stable && childs != mine && in_child([&] {
                   const auto grandchilds = fork_generation();
                   return grandchilds != childs && grandchilds != mine;
               });
    }));
    BOOST_TEST(fork_generation() == mine);
}

BOOST_AUTO_TEST_CASE(a_grandchild_whose_parent_never_asked_differs_from_who_did) {
    const auto mine = fork_generation();
    BOOST_TEST(in_child([&] { return in_child([&] { return fork_generation() != mine; }); }));
}

BOOST_AUTO_TEST_CASE(threads_of_a_child_agree_as_well) {
    const auto mine = fork_generation();
    BOOST_TEST(in_child([&] {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
        std::latch start{2};
        std::thread one{[&] { start.arrive_and_wait(), first = fork_generation(); }};
        std::thread two{[&] { start.arrive_and_wait(), second = fork_generation(); }};
        one.join();
        two.join();
        return first == second && first != mine && first == fork_generation();
    }));
}

BOOST_AUTO_TEST_CASE(a_raw_clone_is_noticed_too) {
    const auto mine = fork_generation();
    const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) {
        ::_exit(fork_generation() != mine ? 0 : 1);
    }
    int status = -1;
    ::waitpid(static_cast<::pid_t>(pid), &status, 0);
    BOOST_TEST(status == 0);
    BOOST_TEST(fork_generation() == mine);
}
