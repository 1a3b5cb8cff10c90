// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_one_to_one_queue
/// The two roles: who has them, who is refused, and who takes over. What it does as the other queue in shared memory does:
/// shared_queue.cpp.
#include "tenon/carrier/one_to_one_queue.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <thread>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/shared.hpp"
#include "tenon/typed_queue.hpp"
#include "tenon/wait_any.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::in_child_that_dies;
using support::refusal_of;
using support::Sized;
using support::unique_name;
using tenon::Capacity;
using tenon::Outcome;

template <class Msg>
using Queue = tenon::TypedQueue<Msg, tenon::one_to_one>;
using Small = Sized<48>;  // shares its cache line with its stamp
using Large = Sized<64>;

/// Whether these messages of sender 1 are there, in their order, and no more.
template <class Msg>
bool holds(Queue<Msg>& queue, std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto message = queue.try_receive();
        if (!message || !message->is(1, first + i)) {
            return false;
        }
    }
    return queue.try_receive().outcome() == Outcome::empty;
}

std::string names(pid_t pid, const char* role) { return ": process " + std::to_string(pid) + " is its " + role; }

// The format that the README tells.
using Control = tenon::carrier::OneToOneControl<>;
static_assert(offsetof(Control, sender) == 0 && offsetof(Control, receiver) == 16 && offsetof(Control, repaired) == 32);
static_assert(offsetof(Control, sent) == 64 && offsetof(Control, full) == 72 &&
              offsetof(Control, sender_processor) == 80);
static_assert(offsetof(Control, taken) == 128 && offsetof(Control, empty) == 136 &&
              offsetof(Control, receiver_processor) == 144);
static_assert(offsetof(Control, freed) == 192 && offsetof(Control, arrived) == 256 && offsetof(Control, room) == 320);
static_assert(sizeof(Control) == 384);

}  // namespace

using Messages = std::tuple<Small, Large>;

BOOST_AUTO_TEST_CASE(another_sender_and_another_receiver_are_refused_and_told_who_is_first) {
    const auto name = unique_name();
    auto sut = Queue<Small>::create(name, Capacity{4});
    sut.send(Small::of(1, 0));
    BOOST_TEST(sut.receive().is(1, 0));
    auto second = Queue<Small>::open(name);
    const auto refusals = [&](pid_t first) {
        const auto sending = refusal_of([&] { return second.send(Small::of(1, 1)), 0; });
        const auto receiving = refusal_of([&] { return second.receive(); });
        const auto lending = refusal_of([&] { return second.loan().outcome(); });
        const auto borrowing = refusal_of([&] { return second.borrow().outcome(); });
        std::error_code error;
        second.send(Small::of(1, 1), error);
        Small room[2];
        return sending.is(std::errc::device_or_resource_busy) &&
               sending.says("send \"" + name + "\"" + names(first, "sender")) &&
               receiving.is(std::errc::device_or_resource_busy) &&
               receiving.says("receive \"" + name + "\"" + names(first, "receiver")) &&
               lending.says(names(first, "sender")) && borrowing.says(names(first, "receiver")) &&
               error == std::errc::device_or_resource_busy &&
               second.try_send(room[0]).error() == std::errc::device_or_resource_busy &&
               second.try_receive().outcome() == Outcome::failed && second.try_send_many(room) == 0 &&
               second.try_receive_many(room) == 0 && second.try_send_for(room[0], 1h).outcome() == Outcome::failed &&
               second.borrow_for(1h).error() == std::errc::device_or_resource_busy;
    };
    const pid_t parent = ::getpid();
    BOOST_TEST(refusals(parent));
    BOOST_TEST(in_child([&] {
        second = Queue<Small>::open(name);
        return refusals(parent);
    }));
    BOOST_TEST(sut.counters().repaired == 0U);
    sut.send(Small::of(1, 1));
    BOOST_TEST(holds(sut, 1, 1));
}

BOOST_AUTO_TEST_CASE(roles_are_free_again_when_their_handle_is_closed) {
    const auto name = unique_name();
    const auto watcher = Queue<Small>::create(name, Capacity{4});
    for (std::uint32_t i = 0; i < 5; ++i) {
        auto sender = Queue<Small>::open(name);
        auto receiver = Queue<Small>::open(name);
        sender.send(Small::of(1, 2 * i));
        sender.send(Small::of(1, 2 * i + 1));
        BOOST_TEST(receiver.receive().is(1, 2 * i));
        receiver = Queue<Small>{};
        sender = Queue<Small>::open(name);  // what it had is given back
        BOOST_TEST(sender.receive().is(1, 2 * i + 1));
    }
    BOOST_TEST(watcher.counters().repaired == 0U);
    BOOST_TEST(watcher.counters().sent == 10U);
}

BOOST_AUTO_TEST_CASE(who_only_looks_has_no_role) {
    const auto name = unique_name();
    auto watcher = Queue<Small>::create(name, Capacity{4});
    BOOST_TEST(!tenon::wait_any_for(0s, watcher));
    BOOST_TEST(in_child([&] {
        auto other = Queue<Small>::open(name);
        other.send(Small::of(1, 0));
        other.send(Small::of(1, 1));
        return other.receive().is(1, 0);
    }));
    BOOST_TEST(watcher.approximate_size() == 1U);
    BOOST_TEST(tenon::wait_any_for(0s, watcher).has_value());
    BOOST_TEST(holds(watcher, 1, 1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_role_of_a_dead_process_is_taken_at_once_and_the_queue_goes_on, Msg, Messages) {
    const auto name = unique_name();
    auto sut = Queue<Msg>::create(name, Capacity{5});
    std::uint32_t next = 0;
    std::uint32_t awaited = 0;
    for (std::uint32_t round = 0; round < 12; ++round) {
        in_child_that_dies([&] {
            auto& sender = *new Queue<Msg>{Queue<Msg>::open(name)};
            for (std::uint32_t i = 0; i < 3; ++i) {
                sender.send(Msg::of(1, next + i));
            }
        });
        next += 3;
        in_child_that_dies([&] {
            auto& receiver = *new Queue<Msg>{Queue<Msg>::open(name)};
            if (!receiver.receive().is(1, awaited)) {
                ::pause();  // until the watchdog
            }
        });
        ++awaited;
        auto heir = Queue<Msg>::open(name);
        heir.send(Msg::of(1, next++));
        while (awaited != next) {
            BOOST_REQUIRE(heir.receive().is(1, awaited++));
        }
        BOOST_TEST((heir.try_receive().outcome() == Outcome::empty));
    }
    BOOST_TEST(sut.counters().repaired == 24U);
    BOOST_TEST(sut.counters().sent == next);
    BOOST_TEST(sut.counters().received == next);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_killed_process_had_in_hand_was_neither_sent_nor_received, Msg, Messages) {
    const auto name = unique_name();
    auto sut = Queue<Msg>::create(name, Capacity{2});
    for (std::uint32_t round = 0; round < 5; ++round) {
        in_child_that_dies([&] {
            auto& sender = *new Queue<Msg>{Queue<Msg>::open(name)};
            sender.send(Msg::of(1, round));
            auto& slot = *new typename Queue<Msg>::Loan{sender.loan()};
            slot->fill(9, 9);
        });
        in_child_that_dies([&] {
            auto& receiver = *new Queue<Msg>{Queue<Msg>::open(name)};
            const auto& message = *new typename Queue<Msg>::Borrowed{receiver.borrow()};
            if (!message->is(1, round)) {
                ::pause();
            }
        });
        auto heir = Queue<Msg>::open(name);
        BOOST_TEST(holds(heir, round, 1));
    }
    BOOST_TEST(sut.approximate_size() == 0U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_killed_sender_gets_what_its_successor_sends) {
    const auto name = unique_name();
    auto sut = Queue<Small>::create(name, Capacity{2});
    Child receiver{[&] { return sut.receive().is(1, 0) && sut.receive().is(1, 1); }};
    in_child_that_dies([&] { (new Queue<Small>{Queue<Small>::open(name)})->send(Small::of(1, 0)); });
    support::wait_until_asleep(receiver);
    sut.send(Small::of(1, 1));
    BOOST_TEST(receiver.succeeds());
}

BOOST_AUTO_TEST_CASE(a_stopped_process_keeps_its_role) {
    const auto name = unique_name();
    auto sut = Queue<Small>::create(name, Capacity{2});
    const support::Shared<int> may_go_on{1};
    Child sender{[&] {
        auto mine = Queue<Small>::open(name);
        mine.send(Small::of(1, 0));
        while (may_go_on[0] == 0) {
            ::usleep(100);
        }
        mine.send(Small::of(1, 1));
        return true;
    }};
    BOOST_TEST(sut.receive().is(1, 0));
    sender.signal(SIGSTOP);
    const auto refusal = refusal_of([&] { return sut.send(Small::of(9, 9)), 0; });
    BOOST_TEST(refusal.says(names(sender.pid(), "sender")));
    may_go_on[0] = 1;
    sender.signal(SIGCONT);
    BOOST_TEST(sender.succeeds());
    BOOST_TEST(holds(sut, 1, 1));
}

// ---- fork

BOOST_AUTO_TEST_CASE(a_child_is_refused_while_its_parent_has_the_role_and_takes_over_when_it_has_closed) {
    auto sut = Queue<Small>::anonymous(Capacity{4});
    const pid_t parent = ::getpid();
    sut.send(Small::of(1, 0));
    sut.send(Small::of(1, 1));
    BOOST_TEST(sut.receive().is(1, 0));
    auto back = Queue<Small>::anonymous(Capacity{4});
    Child child{[&] {
        const auto sending = refusal_of([&] { return sut.send(Small::of(9, 9)), 0; });
        const auto receiving = refusal_of([&] { return sut.receive(); });
        const bool refused = sending.is(std::errc::device_or_resource_busy) && sending.says(names(parent, "sender")) &&
                             receiving.says(names(parent, "receiver"));
        back.send(Small::of(2, refused ? 0 : 1));
        while (!sut.try_send(Small::of(1, 2))) {
            ::usleep(1'000);
        }
        return holds(sut, 1, 2);
    }};
    BOOST_TEST(back.receive().is(2, 0));
    sut = Queue<Small>{};
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(a_child_that_leaves_takes_no_role_from_its_parent) {
    auto sut = Queue<Small>::anonymous(Capacity{4});
    sut.send(Small::of(1, 0));
    auto slot = sut.loan();
    slot->fill(1, 1);
    BOOST_TEST(in_child([&] {
        slot.send();  // is the parent's: nothing happens
        const auto mine = std::move(sut);
        return mine.approximate_size() == 1;
    }));
    slot.send();
    {
        auto message = sut.borrow();
        BOOST_TEST(message->is(1, 0));
        BOOST_TEST(in_child([&] {
            message.give_back();
            return sut.approximate_size() == 2;
        }));
    }
    BOOST_TEST(holds(sut, 1, 1));
    BOOST_TEST(sut.counters().repaired == 0U);
}

BOOST_AUTO_TEST_CASE(a_role_that_a_dead_child_took_through_its_parents_handle_comes_back) {
    auto sut = Queue<Small>::anonymous(Capacity{4});
    in_child_that_dies([&] { sut.send(Small::of(1, 0)); });
    sut.send(Small::of(1, 1));
    in_child_that_dies([&] {
        if (!sut.receive().is(1, 0)) {
            ::pause();
        }
    });
    BOOST_TEST(holds(sut, 1, 1));
    BOOST_TEST(sut.counters().repaired == 2U);
}

// ---- in place

BOOST_AUTO_TEST_CASE(while_a_message_is_in_hand_the_same_side_can_begin_no_other) {
    auto sut = Queue<Small>::anonymous(Capacity{4});
    {
        auto slot = sut.loan();
        slot->fill(1, 0);
        BOOST_TEST((sut.try_send(Small::of(9, 9)).error() == std::errc::device_or_resource_busy));
        BOOST_TEST((sut.try_loan().error() == std::errc::device_or_resource_busy));
        const auto batch = Small::of(9, 9);
        BOOST_TEST(sut.try_send_many({&batch, 1}) == 0U);
        slot.send();
    }
    sut.send(Small::of(1, 1));
    sut.send(Small::of(1, 2));
    {
        const auto message = sut.borrow();
        BOOST_TEST((sut.try_receive().error() == std::errc::device_or_resource_busy));
        BOOST_TEST((sut.try_borrow().error() == std::errc::device_or_resource_busy));
        Small room;
        BOOST_TEST(sut.try_receive_many({&room, 1}) == 0U);
        sut.send(Small::of(1, 3));  // the other side goes on
        BOOST_TEST(message->is(1, 0));
    }
    BOOST_TEST(holds(sut, 1, 3));
}

BOOST_AUTO_TEST_CASE(a_message_in_hand_of_a_queue_that_was_closed_ends_quietly) {
    const auto name = unique_name();
    auto sut = Queue<Small>::create(name, Capacity{4});
    auto other = Queue<Small>::open(name);
    sut.send(Small::of(1, 0));
    {
        auto slot = sut.loan();
        const auto message = sut.borrow();
        sut = Queue<Small>{};
        slot.send();
    }
    BOOST_TEST(holds(other, 0, 1));
}

// ---- threads

BOOST_AUTO_TEST_CASE_TEMPLATE(one_thread_sends_and_one_receives_through_the_same_handle, Msg, Messages) {
    constexpr std::uint32_t count = 50'000;
    for (const std::uint32_t capacity : {1U, 7U, 1000U}) {
        auto sut = Queue<Msg>::anonymous(Capacity{capacity});
        const std::uint32_t some = capacity == 1 ? count / 10 : count;
        std::thread sender{[&] {
            for (std::uint32_t i = 0; i < some; ++i) {
                if (i % 3 == 0) {
                    auto slot = sut.loan();
                    *slot = Msg::of(1, i);
                    slot.send();
                } else {
                    sut.send(Msg::of(1, i));
                }
            }
        }};
        bool in_order = true;
        for (std::uint32_t i = 0; i < some; ++i) {
            in_order = (i % 5 == 0 ? *sut.borrow() : sut.receive()).is(1, i) && in_order;
        }
        sender.join();
        BOOST_TEST(in_order);
        BOOST_TEST(sut.counters().received == some);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batches_cross_between_two_processes, Msg, Messages) {
    constexpr std::uint32_t count = 50'000;
    for (const std::uint32_t capacity : {1U, 7U, 1000U}) {
        auto sut = Queue<Msg>::anonymous(Capacity{capacity});
        const std::uint32_t some = capacity == 1 ? count / 20 : count;
        Child sender{[&] {
            std::vector<Msg> batch(64);
            for (std::uint32_t next = 0; next < some;) {
                const std::uint32_t size = std::min(1 + next % 64, some - next);
                for (std::uint32_t i = 0; i < size; ++i) {
                    batch[i].fill(1, next + i);
                }
                const std::size_t sent = sut.try_send_many(std::span{batch}.first(size));
                next += static_cast<std::uint32_t>(sent);
                if (sent == 0) {
                    sut.send(Msg::of(1, next++));  // waits
                }
            }
            return true;
        }};
        std::vector<Msg> room(50);
        std::uint32_t next = 0;
        while (next < some) {
            const std::size_t received = sut.try_receive_many(std::span{room}.first(1 + next % 50));
            for (std::size_t i = 0; i < received; ++i) {
                BOOST_REQUIRE(room[i].is(1, next++));
            }
            if (received == 0) {
                BOOST_REQUIRE(sut.receive().is(1, next++));
            }
        }
        BOOST_TEST(sender.succeeds());
    }
}
