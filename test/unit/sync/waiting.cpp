// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_waiting
#include "tenon/sync/waiting.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "support/child.hpp"
#include "support/interruptions.hpp"
#include "support/shared.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using tenon::Waiting;
using tenon::sync::Event;
using tenon::sync::Where;
using Waiter = tenon::sync::Waiter<>;

constexpr std::int64_t millisecond = 1'000'000;
constexpr Waiting all_policies[] = {Waiting::adaptive, Waiting::spin, Waiting::sleep};
constexpr Where everywhere[] = {Where::unknown, Where::here, Where::elsewhere};

const auto nothing = [] {};

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_there_already_is_not_waited_for) {
    for (const Waiting policy : all_policies) {
        for (const Where where : everywhere) {
            Event event;
            Waiter sut;
            sut.set(policy);
            BOOST_TEST((sut.policy() == policy));
            int examined = 0;
            const auto is_there = [] { return true; };
            const auto examine = [&] { ++examined; };
            const auto other = [&] { return where; };
            BOOST_TEST(sut.wait(event, sys::end_of_time, is_there, examine, other));
            BOOST_TEST(sut.wait(event, 0, is_there, examine, other));
            BOOST_TEST(examined == 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_never_comes_is_late_and_not_too_early) {
    for (const Waiting policy : all_policies) {
        for (const Where where : everywhere) {
            Event event;
            Waiter sut;
            sut.set(policy);
            const auto until = sys::monotonic_now() + 15 * millisecond;
            BOOST_TEST(!sut.wait(
                event, until, [] { return false; }, nothing, [&] { return where; }));
            BOOST_TEST(sys::monotonic_now() >= until);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_time_that_has_passed_looks_and_examines_and_does_not_sleep) {
    Event event;
    Waiter sut;
    int looks = 0;
    int examined = 0;
    const auto look = [&] { return ++looks, examined > 0; };  // what the dead have left counts
    BOOST_TEST(sut.wait(
        event, sys::monotonic_now() - 1, look, [&] { ++examined; }, [] { return Where::here; }));
    BOOST_TEST(looks == 2);
    BOOST_TEST(examined == 1);
}

BOOST_AUTO_TEST_CASE(who_sleeps_in_vain_examines_now_and_then) {
    for (const Waiting policy : {Waiting::adaptive, Waiting::sleep}) {
        Event event;
        Waiter sut;
        sut.set(policy);
        int examined = 0;
        BOOST_TEST(sut.wait(
            event, sys::end_of_time, [&] { return examined == 3; }, [&] { ++examined; },
            [] { return Where::unknown; }));
        BOOST_TEST(examined == 3);
    }
}

BOOST_AUTO_TEST_CASE(who_spins_examines_now_and_then_too) {
    Event event;
    Waiter sut;
    sut.set(Waiting::spin);
    int examined = 0;
    BOOST_TEST(sut.wait(
        event, sys::end_of_time, [&] { return examined == 2; }, [&] { ++examined; }, [] { return Where::unknown; }));
}

BOOST_AUTO_TEST_CASE(only_who_may_meet_the_other_side_on_another_processor_looks_before_it_sleeps) {
    const auto looks_before_sleep = [](Waiting policy, Where where) {
        Event event;
        Waiter sut;
        sut.set(policy);
        int looks = 0;
        bool has_slept = false;
        static_cast<void>(sut.wait(
            event, sys::end_of_time,
            [&] {
                looks += has_slept ? 0 : 1;
                return has_slept;
            },
            [&] { has_slept = true; }, [&] { return where; }));
        return looks;
    };
    BOOST_TEST(looks_before_sleep(Waiting::adaptive, Where::elsewhere) > 100);
    BOOST_TEST(looks_before_sleep(Waiting::adaptive, Where::here) < 10);
    BOOST_TEST(looks_before_sleep(Waiting::adaptive, Where::unknown) < 10);
    BOOST_TEST(looks_before_sleep(Waiting::sleep, Where::elsewhere) < 10);
}

BOOST_AUTO_TEST_CASE(who_spins_in_vain_again_and_again_spins_less) {
    Event event;
    Waiter sut;
    const auto looks_of_a_wait = [&] {
        int looks = 0;
        static_cast<void>(sut.wait(
            event, sys::monotonic_now() + millisecond, [&] { return ++looks, false; }, nothing,
            [] { return Where::elsewhere; }));
        return looks;
    };
    const int first = looks_of_a_wait();
    int last = first;
    for (int i = 0; i < 10; ++i) {
        last = looks_of_a_wait();
    }
    BOOST_TEST(last < first / 4);
    for (int i = 0; i < 10; ++i) {  // and more again when that is rewarded
        int looks = 0;
        BOOST_TEST(sut.wait(
            event, sys::end_of_time, [&] { return ++looks > 20; }, nothing, [] { return Where::elsewhere; }));
    }
    BOOST_TEST(looks_of_a_wait() > last * 4);
}

BOOST_AUTO_TEST_CASE(two_processes_hand_over_whatever_the_policies_and_no_wake_is_lost) {
    struct Meeting {
        Event<> event;
        std::atomic<std::uint32_t> value{0};
    };
    for (const Waiting mine : all_policies) {
        for (const Waiting theirs : all_policies) {
            const std::uint32_t rounds = mine == Waiting::spin || theirs == Waiting::spin ? 100 : 5'000;
            const support::Shared<Meeting*> room{64};  // a page of shared memory
            auto& meeting = *::new (static_cast<void*>(&room[0])) Meeting;
            const auto advance = [&](Waiting policy, std::uint32_t first) {
                static_cast<void>(sys::register_for_barriers());
                Waiter sut;
                sut.set(policy);
                for (std::uint32_t i = first; i < 2 * rounds; i += 2) {
                    if (!sut.wait(
                            meeting.event, sys::end_of_time, [&] { return meeting.value.load() == i; }, nothing,
                            [] { return Where::elsewhere; })) {
                        return false;
                    }
                    meeting.value.store(i + 1, std::memory_order_release);
                    meeting.event.signal_lightly(2, nothing);
                }
                return true;
            };
            Child other{[&] { return advance(theirs, 1); }};
            BOOST_TEST(advance(mine, 0));
            BOOST_TEST(other.succeeds());
        }
    }
}

BOOST_AUTO_TEST_CASE(signals_neither_end_a_wait_nor_make_it_early) {
    for (const Waiting policy : all_policies) {
        const support::Interruptions interruptions{std::chrono::microseconds{300}};
        Event event;
        Waiter sut;
        sut.set(policy);
        const auto until = sys::monotonic_now() + 20 * millisecond;
        BOOST_TEST(!sut.wait(
            event, until, [] { return false; }, nothing, [] { return Where::unknown; }));
        BOOST_TEST(sys::monotonic_now() >= until);
        BOOST_TEST(interruptions.count() > 0);
    }
}

BOOST_AUTO_TEST_CASE(a_copy_waits_in_the_same_way) {
    Waiter first;
    first.set(Waiting::sleep);
    const Waiter second = first;
    BOOST_TEST((second.policy() == Waiting::sleep));
    Waiter third;
    third = first;
    BOOST_TEST((third.policy() == Waiting::sleep));
}

BOOST_AUTO_TEST_CASE(on_one_processor_the_other_side_is_let_run_first) {
    Event event;
    Waiter sut;
    int looks = 0;
    const auto waits = [&] {  // it is there at the second look: after the hand-over
        looks = 0;
        return sut.wait(
            event, sys::end_of_time, [&] { return ++looks > 1; }, nothing, [] { return Where::here; });
    };
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(waits());
    }
    // In vain it is not tried again and again.
    int examined = 0;
    for (int i = 0; i < 20; ++i) {
        static_cast<void>(sut.wait(
            event, sys::monotonic_now() + 100'000, [] { return false; }, [&] { ++examined; },
            [] { return Where::here; }));
    }
    BOOST_TEST(examined >= 20);
}

BOOST_AUTO_TEST_CASE(a_wake_up_that_the_short_first_sleep_has_missed_is_not_missed_for_long) {
    Event event;
    Waiter sut;
    int examined = 0;
    const auto start = sys::monotonic_now();
    BOOST_TEST(sut.wait(
        event, sys::end_of_time, [&] { return examined == 1; }, [&] { ++examined; }, [] { return Where::elsewhere; }));
    BOOST_TEST(sys::monotonic_now() - start >= 4 * millisecond);
    BOOST_TEST(examined == 1);
}
