// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_many_to_many_queue
/// A crowd at one queue, and what becomes of the messages that its dead had in hand. What it does as the other queue in shared
/// memory does: shared_queue.cpp.
#include "tenon/carrier/many_to_many_queue.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/kernel_queues.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/shared.hpp"
#include "tenon/sys/poll.hpp"
#include "tenon/typed_queue.hpp"
#include "tenon/wait_any.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::in_child_that_dies;
using support::refusal_of;
using support::Sized;
using support::Tally;
using support::unique_name;
using tenon::Capacity;
using tenon::Outcome;
using tenon::Waiting;
namespace sys = tenon::sys;

using Note = Sized<64>;
using Queue = tenon::TypedQueue<Note>;

/// A child that holds what `take` gave it, until it is killed.
class Holder {
public:
    template <class Take>
    Holder(const std::string& name, Take take)
        : child_{[this, &name, take] {
              auto queue = Queue::open(name);
              const auto held = take(queue);
              is_holding_[0] = 1;
              for (;;) {
                  ::pause();
              }
              return false;
          }} {
        while (is_holding_[0] == 0) {
            ::usleep(100);
        }
    }
    void die() { child_.kill_now(); }

private:
    support::Shared<int> is_holding_{1};
    Child child_;
};

const auto take_loan = [](Queue& queue) {
    auto slot = queue.loan();
    slot->fill(9, 9);
    return slot;
};
const auto take_message = [](Queue& queue) { return queue.borrow(); };

bool is_readable(int descriptor, std::int64_t until = 0) {
    ::pollfd one{descriptor, POLLIN, 0};
    return sys::try_poll_until(&one, 1, until) == 1;
}

// The format that the README tells.
using Control = tenon::carrier::ManyToManyControl<>;
static_assert(offsetof(Control, tail) == 0 && offsetof(Control, head) == 64 && offsetof(Control, arrived) == 128);
static_assert(offsetof(Control, room) == 192 && offsetof(Control, orphans) == 196 && offsetof(Control, full) == 256);
static_assert(offsetof(Control, sender_processor) == 264 && offsetof(Control, empty) == 320 &&
              offsetof(Control, receiver_processor) == 328);
static_assert(offsetof(Control, repaired) == 384 && offsetof(Control, unsent) == 392 &&
              offsetof(Control, orphaned) == 400 && offsetof(Control, passed) == 408);
static_assert(sizeof(Control) == 448);

}  // namespace

// ---- order

BOOST_AUTO_TEST_CASE(messages_come_in_the_order_in_which_their_senders_took_places) {
    auto sut = Queue::anonymous(Capacity{4});
    auto first = sut.loan();
    auto second = sut.loan();
    sut.send(Note::of(1, 2));
    second->fill(1, 1);
    second.send();
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));  // the first is on its way
    first->fill(1, 0);
    first.send();
    for (std::uint32_t i = 0; i < 3; ++i) {
        BOOST_TEST(sut.receive().is(1, i));
    }
}

BOOST_AUTO_TEST_CASE(several_messages_are_borrowed_at_a_time_and_given_back_in_any_order) {
    auto sut = Queue::anonymous(Capacity{3});
    for (std::uint32_t round = 0; round < 4; ++round) {
        for (std::uint32_t i = 0; i < 3; ++i) {
            sut.send(Note::of(1, i));
        }
        auto a = sut.borrow();
        auto b = sut.borrow();
        auto c = sut.borrow();
        BOOST_TEST((a->is(1, 0) && b->is(1, 1) && c->is(1, 2)));
        BOOST_TEST((sut.try_borrow().outcome() == Outcome::empty));
        c.give_back();
        BOOST_TEST((sut.try_send(Note::of(1, 9)).outcome() == Outcome::full));  // places are taken in their order too
        a.give_back();
        b.give_back();
    }
    BOOST_TEST(sut.counters().received == 12U);
}

BOOST_AUTO_TEST_CASE(a_crowd_of_processes_loses_and_doubles_nothing) {
    constexpr std::uint32_t each = 10'000;
    for (const std::uint32_t capacity : {1U, 3U, 64U}) {
        const std::uint32_t count = capacity == 1 ? each / 10 : each;
        auto sut = Queue::anonymous(Capacity{capacity});
        Tally tally{3, count};
        std::deque<Child> senders;
        std::deque<Child> receivers;
        for (std::uint32_t i = 0; i < 3; ++i) {
            senders.emplace_back([&, i] {
                for (std::uint32_t number = 0; number < count; ++number) {
                    sut.send(Note::of(i, number));
                }
                return true;
            });
            receivers.emplace_back([&] {
                std::int64_t last[3] = {-1, -1, -1};
                for (;;) {
                    const Note message = sut.receive();
                    if (message.is(77, 77)) {
                        return true;
                    }
                    if (!tally.take(message) || message.number() <= last[message.sender()]) {
                        return false;
                    }
                    last[message.sender()] = message.number();
                }
            });
        }
        for (Child& sender : senders) {
            BOOST_TEST(sender.succeeds());
        }
        for (int i = 0; i < 3; ++i) {
            sut.send(Note::of(77, 77));
        }
        for (Child& receiver : receivers) {
            BOOST_TEST(receiver.succeeds());
        }
        BOOST_TEST(tally.arrived(1) == 3 * count);
        BOOST_TEST(sut.counters().sent == 3 * count + 3);
        BOOST_TEST(sut.counters().received == 3 * count + 3);
    }
}

BOOST_AUTO_TEST_CASE(a_crowd_of_threads_shares_one_handle) {
    constexpr std::uint32_t count = 10'000;
    auto sut = Queue::anonymous(Capacity{16});
    Tally tally{2, count};
    std::atomic<bool> fine{true};
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < 2; ++i) {
        threads.emplace_back([&, i] {
            for (std::uint32_t number = 0; number < count; ++number) {
                auto slot = sut.loan();
                if (number % 3 == 0) {
                    slot.drop();
                    sut.send(Note::of(i, number));
                } else {
                    *slot = Note::of(i, number);
                    slot.send();
                }
            }
        });
        threads.emplace_back([&] {
            for (std::uint32_t number = 0; number < count; ++number) {
                const bool good = number % 2 == 0 ? tally.take(*sut.borrow()) : tally.take(sut.receive());
                if (!good) {
                    fine = false;
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    BOOST_TEST(fine.load());
    BOOST_TEST(tally.arrived(1) == 2 * count);
    BOOST_TEST(sut.approximate_size() == 0U);
    BOOST_TEST(sut.counters().sent == 2 * count);
}

// ---- loans that are dropped

BOOST_AUTO_TEST_CASE(a_dropped_loan_is_passed_over_and_wakes_nobody_for_nothing) {
    auto sut = Queue::anonymous(Capacity{4});
    Child receiver{[&] { return sut.receive().is(1, 0) && sut.receive().is(1, 1); }};
    support::wait_until_asleep(receiver);
    for (int i = 0; i < 20; ++i) {
        sut.loan().drop();
        ::usleep(500);
    }
    sut.send(Note::of(1, 0));
    auto in_between = sut.loan();
    sut.send(Note::of(1, 1));
    support::wait_until_asleep(receiver);
    in_between.drop();
    BOOST_TEST(receiver.succeeds());
    BOOST_TEST(sut.counters().sent == 2U);
    BOOST_TEST(sut.counters().received == 2U);
    BOOST_TEST(sut.approximate_size() == 0U);
    BOOST_TEST(sut.counters().repaired == 0U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_gets_it_when_places_without_a_message_are_passed_over) {
    auto sut = Queue::anonymous(Capacity{2});
    sut.loan().drop();
    sut.loan().drop();
    Child sender{[&] { return !!sut.try_send_for(Note::of(1, 0), 1h); }};
    support::wait_until_asleep(sender);
    BOOST_TEST(sut.receive().is(1, 0));
    BOOST_TEST(sender.succeeds());
}

// ---- deaths

BOOST_AUTO_TEST_CASE(a_borrowed_message_of_a_killed_process_is_delivered_to_another_once) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    for (std::uint32_t round = 1; round <= 5; ++round) {
        sut.send(Note::of(1, 0));
        sut.send(Note::of(1, 1));
        Holder victim{name, take_message};
        BOOST_TEST(sut.receive().is(1, 1));
        Child heir{[&] { return sut.receive().is(1, 0); }};  // found out while it waits
        support::wait_until_asleep(heir);
        victim.die();
        BOOST_TEST(heir.succeeds());
        BOOST_TEST((sut.try_receive_for(5ms).outcome() == Outcome::late));
        const tenon::QueueCounters now = sut.counters();
        BOOST_TEST(now.sent == 2 * round);
        BOOST_TEST(now.received == 2 * round);
        BOOST_TEST(now.repaired == round);
        BOOST_TEST(sut.approximate_size() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(the_loan_of_a_killed_process_is_passed_over) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    for (std::uint32_t round = 1; round <= 5; ++round) {
        sut.send(Note::of(1, 0));
        Holder victim{name, take_loan};
        sut.send(Note::of(1, 1));
        BOOST_TEST(sut.receive().is(1, 0));
        BOOST_TEST((sut.try_receive_for(5ms).outcome() == Outcome::late));
        victim.die();
        BOOST_TEST(sut.receive().is(1, 1));
        BOOST_TEST(sut.counters().sent == 2 * round);
        BOOST_TEST(sut.counters().received == 2 * round);
        BOOST_TEST(sut.counters().repaired == round);
    }
}

BOOST_AUTO_TEST_CASE(who_never_waits_finds_out_about_the_dead_too) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    const auto receive_by_trying = [&] {
        for (;;) {
            if (const auto message = sut.try_receive()) {
                return message->number();
            }
        }
    };
    {
        Holder victim{name, take_loan};
        sut.send(Note::of(1, 1));
        victim.die();
    }
    BOOST_TEST(receive_by_trying() == 1U);
    sut.send(Note::of(1, 2));
    { Holder victim{name, take_message}; }
    BOOST_TEST(receive_by_trying() == 2U);
}

BOOST_AUTO_TEST_CASE(wait_any_finds_out_about_the_dead) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    sut.send(Note::of(1, 0));
    Holder victim{name, take_message};
    BOOST_TEST(!tenon::wait_any_for(5ms, sut));
    victim.die();
    BOOST_TEST(tenon::wait_any_for(1h, sut).has_value());
    BOOST_TEST(sut.receive().is(1, 0));
    Holder second{name, take_loan};
    sut.send(Note::of(1, 1));
    BOOST_TEST(!tenon::wait_any_for(5ms, sut));
    second.die();
    BOOST_TEST(tenon::wait_any_for(1h, sut).has_value());
    BOOST_TEST(sut.receive().is(1, 1));
}

BOOST_AUTO_TEST_CASE(who_only_polls_is_told_of_a_death) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    for (std::uint32_t round = 0; round < 20; ++round) {
        std::optional<Holder> victim;
        if (round % 2 == 0) {
            sut.send(Note::of(1, round));
            victim.emplace(name, take_message);
        } else {
            victim.emplace(name, take_loan);
            sut.send(Note::of(1, round));
        }
        const int descriptor = sut.descriptor();
        while (is_readable(descriptor)) {
            BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
        }
        victim->die();
        for (;;) {
            is_readable(descriptor, sys::end_of_time);
            if (const auto message = sut.try_receive()) {
                BOOST_TEST(message->is(1, round));
                break;
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(room_that_a_killed_process_had_taken_comes_back) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{1});
    for (int round = 0; round < 5; ++round) {
        Holder victim{name, take_loan};
        BOOST_TEST((sut.try_send(Note::of(1, 0)).outcome() == Outcome::full));
        Child sender{[&] { return !!sut.try_send_for(Note::of(1, 0), 1h); }};
        Child receiver{[&] { return sut.receive().is(1, 0); }};
        support::wait_until_asleep(sender);
        victim.die();
        BOOST_TEST(sender.succeeds());
        BOOST_TEST(receiver.succeeds());
    }
}

BOOST_AUTO_TEST_CASE(nobody_is_robbed_who_is_only_stopped) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    support::Shared<int> step{1};
    Child slow{[&] {
        auto mine = Queue::open(name);
        auto message = mine.borrow();
        auto slot = mine.loan();
        step[0] = 1;
        while (step[0] != 2) {
            ::usleep(100);
        }
        slot->fill(1, message->number() + 1);
        message.give_back();
        slot.send();
        return true;
    }};
    sut.send(Note::of(1, 0));
    while (step[0] != 1) {
        ::usleep(100);
    }
    slow.signal(SIGSTOP);
    BOOST_TEST((sut.try_receive_for(60ms).outcome() == Outcome::late));
    BOOST_TEST(sut.counters().repaired == 0U);
    slow.signal(SIGCONT);
    step[0] = 2;
    BOOST_TEST(sut.receive().is(1, 1));
    BOOST_TEST(slow.succeeds());
}

BOOST_AUTO_TEST_CASE(after_everybody_was_killed_the_next_one_goes_on) {
    const auto name = unique_name();
    in_child_that_dies([&] {
        auto& maker = *new Queue{Queue::create(name, Capacity{4})};
        for (std::uint32_t i = 0; i < 3; ++i) {
            maker.send(Note::of(1, i));
        }
        static_cast<void>(new Queue::Borrowed{maker.borrow()});
        static_cast<void>(new Queue::Loan{maker.loan()});
    });
    auto sut = Queue::open(name);
    BOOST_TEST(sut.receive().is(1, 0));  // the one that was in hand comes before all others
    BOOST_TEST(sut.receive().is(1, 1));
    BOOST_TEST(sut.receive().is(1, 2));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
    for (std::uint32_t i = 0; i < 4; ++i) {
        BOOST_TEST(!!sut.try_send(Note::of(1, i)));
    }
}

// ---- closing and fork

BOOST_AUTO_TEST_CASE(what_a_closed_handle_had_in_hand_goes_back) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    auto other = Queue::open(name);
    sut.send(Note::of(1, 0));
    {
        auto slot = other.loan();
        const auto message = other.borrow();
        sut.send(Note::of(1, 1));
        other = Queue{};
        slot.send();  // is no longer there
    }
    BOOST_TEST(sut.receive().is(1, 0));
    BOOST_TEST(sut.receive().is(1, 1));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
    BOOST_TEST(sut.approximate_size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_child_is_a_user_of_its_own) {
    auto sut = Queue::anonymous(Capacity{4});
    sut.send(Note::of(1, 0));
    BOOST_TEST(in_child([&] {
        const bool fine = sut.receive().is(1, 0);
        sut.send(Note::of(1, 1));
        return fine;
    }));
    BOOST_TEST(sut.receive().is(1, 1));
    in_child_that_dies([&] { static_cast<void>(new Queue::Loan{sut.loan()}); });
    sut.send(Note::of(1, 2));
    BOOST_TEST(sut.receive().is(1, 2));
    BOOST_TEST(sut.counters().repaired == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_child_inherits_in_hand_is_its_parents_still) {
    auto sut = Queue::anonymous(Capacity{4});
    sut.send(Note::of(1, 0));
    auto slot = sut.loan();
    auto message = sut.borrow();
    BOOST_TEST(in_child([&] {
        slot.send();
        message.give_back();
        return sut.counters().repaired == 0;
    }));
    BOOST_TEST(in_child([&] {
        sut.send(Note::of(1, 2));  // now it has a seat of its own
        auto mine = sut.loan();
        slot.drop();
        message.give_back();
        mine->fill(1, 3);
        mine.send();
        return true;
    }));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
    slot->fill(1, 1);
    slot.send();
    BOOST_TEST(message->is(1, 0));
    message.give_back();
    for (std::uint32_t i = 1; i <= 3; ++i) {
        BOOST_TEST(sut.receive().is(1, i));
    }
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
}

BOOST_AUTO_TEST_CASE(threads_of_a_child_take_one_seat) {
    auto sut = Queue::anonymous(Capacity{8});
    BOOST_TEST(in_child([&] {
        std::vector<std::thread> threads;
        for (std::uint32_t i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] { sut.send(Note::of(i, 0)); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        return true;
    }));
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < 4; ++i) {
        const Note message = sut.receive();
        BOOST_TEST(message.is_whole());
        sum += message.sender();
    }
    BOOST_TEST(sum == 6U);
}

BOOST_AUTO_TEST_CASE(a_child_for_whom_there_is_no_seat_is_told_so) {
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{4});
    std::vector<Queue> others;
    while (others.size() + 1 < tenon::memory::default_participants) {
        others.push_back(Queue::open(name));
    }
    BOOST_TEST(refusal_of([&] { return Queue::open(name); }).is(tenon::errc::too_many_participants));
    BOOST_TEST(in_child([&] {
        const std::error_code refused{EUSERS, std::generic_category()};
        return sut.try_send(Note::of(1, 0)).error() == refused && sut.try_receive().error() == refused &&
               sut.try_loan().error() == refused && sut.borrow_for(1h).error() == refused;
    }));
    others.pop_back();
    BOOST_TEST(in_child([&] { return !!sut.try_send(Note::of(1, 0)); }));
}

// ---- waiting

BOOST_AUTO_TEST_CASE(signals_neither_fail_nor_end_a_wait) {
    auto sut = tenon::TypedQueue<support::Order>::anonymous(Capacity{1});
    const support::Interruptions interruptions;
    support::check_that_who_sleeps_sleeps_on(sut);
    BOOST_TEST(sut.receive().id == 3U);
    BOOST_TEST(interruptions.count() > 10);
}

BOOST_AUTO_TEST_CASE(each_of_several_sleepers_is_woken_by_a_message_of_its_own) {
    for (const Waiting policy : {Waiting::adaptive, Waiting::sleep}) {
        auto sut = Queue::anonymous(Capacity{8});
        sut.set_waiting(policy);
        for (int round = 0; round < 10; ++round) {
            std::deque<Child> sleepers;
            for (int i = 0; i < 4; ++i) {
                sleepers.emplace_back([&] { return sut.receive().is_whole(); });
            }
            support::wait_until_asleep(sleepers.back());
            const std::vector<Note> batch(4, Note::of(1, 0));
            BOOST_TEST(sut.try_send_many(batch) == 4U);
            for (Child& sleeper : sleepers) {
                BOOST_TEST(sleeper.succeeds());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(several_who_only_poll_miss_nothing) {
    constexpr std::uint32_t count = 20'000;
    auto sut = Queue::anonymous(Capacity{32});
    Tally tally{2, count};
    std::deque<Child> receivers;
    for (int i = 0; i < 3; ++i) {
        receivers.emplace_back([&] {
            const int descriptor = sut.descriptor();
            for (;;) {
                is_readable(descriptor, sys::end_of_time);
                while (const auto message = sut.try_receive()) {
                    if (message->is(77, 77)) {
                        return true;
                    }
                    if (!tally.take(*message)) {
                        return false;
                    }
                }
            }
        });
    }
    std::deque<Child> senders;
    for (std::uint32_t i = 0; i < 2; ++i) {
        senders.emplace_back([&, i] {
            const int descriptor = sut.room_descriptor();
            for (std::uint32_t number = 0; number < count; ++number) {
                while (!sut.try_send(Note::of(i, number))) {
                    is_readable(descriptor, sys::end_of_time);
                }
            }
            return true;
        });
    }
    for (Child& sender : senders) {
        BOOST_TEST(sender.succeeds());
    }
    for (int i = 0; i < 3; ++i) {
        sut.send(Note::of(77, 77));
    }
    for (Child& receiver : receivers) {
        BOOST_TEST(receiver.succeeds());
    }
    BOOST_TEST(tally.arrived(1) == 2 * count);
}
