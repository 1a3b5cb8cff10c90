// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_futex
#include "tenon/sys/futex.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "support/child.hpp"
#include "tenon/sys/clock.hpp"
#include "tenon/sys/mapping.hpp"
#include "tenon/sys/memfd.hpp"

namespace {

namespace sys = tenon::sys;
using namespace std::chrono_literals;
using support::Child;

/// Wakes until somebody was asleep.
/// Returns  how many were.
int wake_surely(const std::uint32_t* word, int count, std::uint32_t mask) {
    int woken = 0;
    while ((woken = sys::futex_wake(word, count, mask)) == 0) {
        std::this_thread::sleep_for(1ms);
    }
    return woken;
}

/// One page of a file, mapped.
struct Page {
    sys::FileDescriptor file = [] {
        auto made = sys::create_memfd("tenon-test");
        sys::reserve(made.get(), 4096);
        return made;
    }();
    sys::Mapping mapping = sys::map_shared(file.get(), 4096, sys::Protection::read_write);
    [[nodiscard]] std::uint32_t* word() const { return static_cast<std::uint32_t*>(mapping.address()); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_word_that_has_changed_already_does_not_let_one_sleep) {
    const std::uint32_t word = 1;
    sys::futex_wait(&word, 0, sys::any_sleeper, nullptr);  // for ever, were it to sleep
    BOOST_TEST(word == 1U);
}

BOOST_AUTO_TEST_CASE(a_sleep_in_vain_is_never_too_short) {
    const std::uint32_t word = 0;
    const auto until = sys::monotonic_now() + 20'000'000;
    const ::timespec deadline = sys::to_timespec(until);
    sys::futex_wait(&word, 0, sys::any_sleeper, &deadline);
    BOOST_TEST(sys::monotonic_now() >= until);
    sys::futex_wait(&word, 0, sys::any_sleeper, &deadline);  // has passed: returns
}

BOOST_AUTO_TEST_CASE(a_wake_is_for_those_whose_mask_shares_a_bit) {
    const std::uint32_t word = 0;
    std::thread one{[&] { sys::futex_wait(&word, 0, 1, nullptr); }};
    std::thread two{[&] { sys::futex_wait(&word, 0, 2, nullptr); }};
    BOOST_TEST(wake_surely(&word, sys::all_sleepers, 2) == 1);
    two.join();
    BOOST_TEST(sys::futex_wake(&word, sys::all_sleepers, 2 | 4) == 0);
    BOOST_TEST(wake_surely(&word, sys::all_sleepers, 1 | 4) == 1);
    one.join();
}

BOOST_AUTO_TEST_CASE(no_more_are_woken_than_asked_for) {
    const std::uint32_t word = 0;
    std::thread one{[&] { sys::futex_wait(&word, 0, 1, nullptr); }};
    std::thread two{[&] { sys::futex_wait(&word, 0, 1, nullptr); }};
    BOOST_TEST(wake_surely(&word, 1, 1) == 1);
    BOOST_TEST(wake_surely(&word, 1, 1) == 1);
    one.join();
    two.join();
    BOOST_TEST(sys::futex_wake(&word, sys::all_sleepers) == 0);
}

BOOST_AUTO_TEST_CASE(another_process_sleeps_on_a_mapping_for_reading_and_is_woken) {
    const Page page;
    Child sleeper{[&] {
        const auto mapping = sys::map_shared(page.file.get(), 4096, sys::Protection::read);
        sys::futex_wait(static_cast<const std::uint32_t*>(mapping.address()), 0, sys::any_sleeper, nullptr);
        return true;
    }};
    BOOST_TEST(wake_surely(page.word(), sys::all_sleepers, sys::any_sleeper) == 1);
    BOOST_TEST(sleeper.succeeds());
}

BOOST_AUTO_TEST_CASE(a_killed_sleeper_is_not_counted) {
    const Page page;
    {
        Child sleeper{[&] {
            sys::futex_wait(page.word(), 0, 1, nullptr);
            return true;
        }};
        std::this_thread::sleep_for(20ms);
    }
    BOOST_TEST(sys::futex_wake(page.word(), sys::all_sleepers) == 0);
}

BOOST_AUTO_TEST_CASE(errno_stays_and_a_word_that_is_not_mapped_wakes_nobody) {
    const std::uint32_t word = 1;
    errno = ENOSPC;
    sys::futex_wait(&word, 0, sys::any_sleeper, nullptr);
    BOOST_TEST(errno == ENOSPC);
    BOOST_TEST(sys::futex_wake(nullptr, 1) == 0);
    BOOST_TEST(errno == ENOSPC);
}
