// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_event
#include "tenon/sync/event.hpp"

#include <sys/mman.h>

#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "support/child.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using Event = tenon::sync::Event<>;

/// An event and what is waited for, shared with children.
struct Shared {
    Event event;
    std::atomic<int> value{0};

    void wait_for(int wanted) {
        while (value.load() != wanted) {
            const auto ticket = event.announce();
            if (value.load() == wanted) {
                return;
            }
            event.sleep(ticket, sys::end_of_time);
        }
    }
    void set(int next, int count) {
        value.store(next);
        event.signal(count);
    }
};

struct InSharedMemory {
    ~InSharedMemory() { ::munmap(shared, 4096); }
    Shared* shared = ::new (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_signal_between_announcement_and_sleep_is_not_lost) {
    Event sut;
    const auto ticket = sut.announce();
    sut.signal(1);
    sut.sleep(ticket, sys::end_of_time);  // for ever, were it lost
    BOOST_TEST(sut.announce() != ticket);
}

BOOST_AUTO_TEST_CASE(a_signal_without_sleepers_makes_no_difference) {
    Event sut;
    const auto ticket = sut.announce();
    sut.signal(1);  // nobody was asleep: the flag is cleared
    Event fresh;
    fresh.signal(1);
    fresh.signal(1);
    BOOST_TEST(fresh.announce() == ticket);
}

BOOST_AUTO_TEST_CASE(a_sleep_without_a_signal_ends_with_its_time_and_not_before) {
    Event sut;
    const auto ticket = sut.announce();
    const auto until = sys::monotonic_now() + 20'000'000;
    while (sys::monotonic_now() < until) {
        sut.sleep(ticket, until);
    }
    BOOST_TEST(sys::monotonic_now() >= until);
}

BOOST_AUTO_TEST_CASE(two_processes_hand_over_10000_times_and_no_wake_is_lost) {
    const InSharedMemory sut;
    Child other{[&] {
        for (int i = 0; i < 10'000; ++i) {
            sut.shared->wait_for(2 * i + 1);
            sut.shared->set(2 * i + 2, 1);
        }
        return true;
    }};
    for (int i = 0; i < 10'000; ++i) {
        sut.shared->set(2 * i + 1, 1);
        sut.shared->wait_for(2 * i + 2);
    }
    BOOST_TEST(other.succeeds());
}

BOOST_AUTO_TEST_CASE(a_signal_for_all_wakes_all) {
    const InSharedMemory sut;
    for (int round = 1; round <= 200; ++round) {
        std::vector<std::thread> sleepers;
        for (int i = 0; i < 4; ++i) {
            sleepers.emplace_back([&] { sut.shared->wait_for(round); });
        }
        sut.shared->set(round, sys::all_sleepers);
        for (auto& sleeper : sleepers) {
            sleeper.join();
        }
    }
    BOOST_TEST(sut.shared->value.load() == 200);
}

BOOST_AUTO_TEST_CASE(killed_sleepers_do_not_swallow_a_signal) {
    const InSharedMemory sut;
    for (int round = 1; round <= 10; ++round) {
        {
            Child killed{[&] {
                sut.shared->wait_for(round);
                return true;
            }};
            ::usleep(3000);
        }
        Child sleeper{[&] {
            sut.shared->wait_for(round);
            return true;
        }};
        ::usleep(3000);
        sut.shared->set(round, 1);
        BOOST_TEST(sleeper.succeeds());
    }
}
