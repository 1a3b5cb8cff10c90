// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE typed_topic
#include "tenon/typed_topic.hpp"

#include <sys/epoll.h>
#include <sys/mman.h>

#include <array>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <list>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/shared.hpp"
#include "support/users.hpp"
#include "tenon/typed_queue.hpp"
#include "tenon/wait_any.hpp"

namespace {

using namespace std::chrono_literals;
using support::Census;
using support::Child;
using support::in_child;
using support::refusal_of;
using support::Sized;
using support::unique_name;
using tenon::Capacity;
using tenon::errc;
using tenon::From;
using tenon::Outcome;
using tenon::TypedTopic;
using tenon::Waiting;
namespace sys = tenon::sys;

struct Tick {
    std::uint64_t number = 0;
    std::uint64_t same = 0;
};
struct Tock {
    std::uint64_t number = 0;
    double same = 0;
};
struct Choice {
    std::uint64_t number;
    bool is_it;
};
template <std::size_t alignment>
struct alignas(alignment) Aligned {
    std::uint64_t number;
};

static_assert(tenon::MessageSender<TypedTopic<Tick>, Tick>);
static_assert(tenon::MessageReceiver<TypedTopic<Tick>, Tick>);
static_assert(!tenon::MessageSender<TypedTopic<const Tick>, Tick>);
static_assert(tenon::MessageReceiver<TypedTopic<const Tick>, Tick>);
static_assert(std::is_nothrow_move_constructible_v<TypedTopic<Tick>> &&
              std::is_nothrow_move_assignable_v<TypedTopic<Tick>>);
static_assert(!std::is_copy_constructible_v<TypedTopic<Tick>>);

/// Of any handle that sends.
template <class Topic>
void send(Topic& topic, std::uint64_t first, std::uint64_t last) {
    for (; first <= last; ++first) {
        topic.send({first, first});
    }
}

/// Receives without waiting, and checks, until there is nothing: `expected` is the number of the next one.
/// Returns  whether each followed the one before, or the loss told.
template <class Topic>
bool drain(Topic& topic, std::uint64_t& expected) {
    while (auto tick = topic.try_receive()) {
        expected += topic.lost_before();
        if (tick->number != expected || tick->same != expected) {
            return false;
        }
        ++expected;
    }
    return true;
}

/// The same, waiting until number `last` has come.
template <class Topic>
bool follow(Topic& topic, std::uint64_t expected, std::uint64_t last) {
    const std::uint64_t lost = topic.lost();
    const std::uint64_t first = expected;
    std::uint64_t received = 0;
    while (expected <= last) {
        const Tick tick = topic.receive();
        expected += topic.lost_before();
        if (tick.number != expected || tick.same != expected) {
            return false;
        }
        ++expected;
        ++received;
    }
    return received + topic.lost() - lost == last + 1 - first;
}

}  // namespace

// ---- order and loss

BOOST_AUTO_TEST_CASE(every_reader_sees_every_message_in_order) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{8});
    auto first = TypedTopic<Tick>::open(name);
    auto second = TypedTopic<const Tick>::open(name);
    send(sut, 1, 5);
    for (std::uint64_t n = 1; n <= 5; ++n) {
        BOOST_TEST(first.receive().number == n);
        BOOST_TEST(second.receive().number == n);
        BOOST_TEST(sut.receive().number == n);
    }
    BOOST_TEST((first.try_receive().outcome() == Outcome::empty));
    BOOST_TEST((second.try_receive().outcome() == Outcome::empty));
    BOOST_TEST(first.lost() == 0U);
    BOOST_TEST(first.capacity() == 8U);
}

BOOST_AUTO_TEST_CASE(what_is_lost_is_counted_exactly) {
    for (const std::uint32_t capacity : {1U, 3U, 8U, 100U}) {
        auto sut = TypedTopic<Tick>::anonymous(Capacity{capacity});
        auto reader = TypedTopic<Tick>::attach(sut.native_handle());
        send(sut, 1, capacity + 7);
        BOOST_TEST(reader.behind() == capacity + 7);
        BOOST_TEST(reader.receive().number == 8U);
        BOOST_TEST(reader.lost_before() == 7U);
        std::uint64_t expected = 9;
        BOOST_TEST(drain(reader, expected));
        BOOST_TEST(expected == capacity + 8);
        BOOST_TEST(reader.lost_before() == (capacity == 1 ? 7U : 0U));
        BOOST_TEST(reader.lost() == 7U);
        BOOST_TEST(reader.behind() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(several_are_sent_and_received_at_once_and_a_loss_is_told_before_the_first) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{4});
    auto reader = TypedTopic<Tick>::attach(sut.native_handle());
    const Tick batch[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}};
    BOOST_TEST(sut.try_send_many(batch) == 6U);
    Tick room[3];
    BOOST_TEST(reader.try_receive_many(room) == 3U);
    BOOST_TEST(room[0].number == 3U);
    BOOST_TEST(room[2].number == 5U);
    BOOST_TEST(reader.lost_before() == 2U);
    BOOST_TEST(reader.try_receive_many(room) == 1U);
    BOOST_TEST(room[0].number == 6U);
    BOOST_TEST(reader.lost_before() == 0U);
    BOOST_TEST(reader.try_receive_many(room) == 0U);
    BOOST_TEST(reader.try_receive_many(std::span<Tick>{}) == 0U);
    BOOST_TEST(sut.try_send_many(std::span<const Tick>{}) == 0U);
}

BOOST_AUTO_TEST_CASE(who_joins_late_chooses_where_to_begin) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    send(sut, 1, 6);
    auto reader = TypedTopic<Tick>::open(name);
    BOOST_TEST((reader.try_receive().outcome() == Outcome::empty));  // from now on, unless he says otherwise
    reader.skip_to(From::newest);
    BOOST_TEST(reader.receive().number == 6U);
    BOOST_TEST(!reader.try_receive());
    reader.skip_to(From::oldest);
    BOOST_TEST(reader.receive().number == 3U);
    reader.skip_to(From::now);
    BOOST_TEST(!reader.try_receive());
    sut.send({7, 7});
    BOOST_TEST(reader.receive().number == 7U);
    BOOST_TEST(reader.lost() == 0U);
}

BOOST_AUTO_TEST_CASE(nothing_that_is_sent_after_open_is_missed) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    send(sut, 1, 2);
    auto reader = TypedTopic<const Tick>::open(name);
    send(sut, 3, 4);
    BOOST_TEST(reader.receive().number == 3U);
}

BOOST_AUTO_TEST_CASE(try_send_never_finds_it_full) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{1});
    for (std::uint64_t n = 1; n < 10; ++n) {
        BOOST_TEST(!!sut.try_send({n, n}));
        BOOST_TEST(!!sut.try_send_for({n, n}, 0ms));
        BOOST_TEST(!!sut.try_send_until({n, n}, tenon::Deadline::never()));
    }
    BOOST_TEST(sut.counters().sent == 27U);
}

// ---- in place

BOOST_AUTO_TEST_CASE(a_message_is_written_where_it_will_be_read) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{2});
    {
        auto slot = sut.loan();
        slot->number = slot->same = 1;
        BOOST_TEST(!sut.try_receive());
        const auto refusal = refusal_of([&] { return sut.send({2, 2}), 0; });
        BOOST_TEST(refusal.is(std::errc::device_or_resource_busy));
        BOOST_TEST(refusal.says("a message that was lent is not sent yet"));
        BOOST_TEST((sut.try_loan().error() == std::errc::device_or_resource_busy));
        const Tick two{2, 2};
        BOOST_TEST(sut.try_send_many({&two, 1}) == 0U);
        slot.send();
        slot.send();  // once
    }
    BOOST_TEST(sut.receive().number == 1U);
    { auto dropped = sut.try_loan(); }
    BOOST_TEST(!sut.try_receive());
    sut.send({2, 2});
    BOOST_TEST(sut.receive().number == 2U);
    BOOST_TEST(sut.lost() == 0U);
}

BOOST_AUTO_TEST_CASE(the_oldest_message_is_gone_from_the_loan_on) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{2});
    send(sut, 1, 2);
    auto slot = sut.loan();
    BOOST_TEST(sut.receive().number == 2U);
    BOOST_TEST(sut.lost_before() == 1U);
}

BOOST_AUTO_TEST_CASE(a_loan_that_a_child_inherits_is_the_parents) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{2});
    auto slot = sut.loan();
    slot->number = slot->same = 1;
    BOOST_TEST(in_child([&] {
        slot.send();
        return !sut.try_receive();
    }));
    BOOST_TEST(!sut.try_receive());
    slot.send();
    BOOST_TEST(sut.receive().number == 1U);
}

// ---- the writer

BOOST_AUTO_TEST_CASE(a_second_writer_is_refused_and_told_who_the_first_is) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    sut.send({1, 1});
    {
        auto second = TypedTopic<Tick>::open(name);
        const auto refusal = refusal_of([&] { return second.send({2, 2}), 0; });
        BOOST_TEST(refusal.is(std::errc::device_or_resource_busy));
        BOOST_TEST(refusal.says("send \"" + name + "\": process " + std::to_string(::getpid()) + " is its writer"));
        BOOST_TEST((second.try_send({2, 2}).error() == std::errc::device_or_resource_busy));
        BOOST_TEST((second.try_send_for({2, 2}, 1ms).error() == std::errc::device_or_resource_busy));
        const Tick two{2, 2};
        BOOST_TEST(second.try_send_many({&two, 1}) == 0U);
        BOOST_TEST(!second.try_loan());
    }
    const auto parent = std::to_string(::getpid());
    BOOST_TEST(in_child([&] {
        auto other = TypedTopic<Tick>::open(name);
        return refusal_of([&] { return other.send({2, 2}), 0; }).says("process " + parent + " is its writer");
    }));
    sut.send({2, 2});
    BOOST_TEST(sut.counters().sent == 2U);
}

BOOST_AUTO_TEST_CASE(a_role_that_was_given_up_is_free) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    {
        auto first = TypedTopic<Tick>::open(name);
        send(first, 1, 2);
    }
    send(sut, 3, 4);
    std::uint64_t expected = 1;
    BOOST_TEST(drain(sut, expected));
    BOOST_TEST(expected == 5U);
    BOOST_TEST(sut.counters().repaired == 0U);
}

BOOST_AUTO_TEST_CASE(a_dead_writer_is_replaced_at_once_and_nothing_it_sent_is_lost) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{8});
    support::in_child_that_dies([&] {
        auto& writer = *new auto{TypedTopic<Tick>::open(name)};  // nobody closes it
        send(writer, 1, 3);
    });
    send(sut, 4, 6);
    std::uint64_t expected = 1;
    BOOST_TEST(drain(sut, expected));
    BOOST_TEST(expected == 7U);
    BOOST_TEST(sut.counters().repaired == 1U);
}

BOOST_AUTO_TEST_CASE(a_writer_killed_in_the_middle_of_a_message_leaves_the_others_and_its_successor_writes_it_anew) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    auto behind = TypedTopic<Tick>::open(name);
    support::in_child_that_dies([&] {
        auto writer = TypedTopic<Tick>::open(name);
        send(writer, 1, 4);
        auto slot = writer.loan();
        slot->number = 77;
        ::raise(SIGKILL);
    });
    auto late = TypedTopic<Tick>::open(name);
    std::uint64_t expected = 1;
    BOOST_TEST(drain(behind, expected));
    BOOST_TEST(expected == 5U);
    BOOST_TEST(behind.lost() == 1U);  // the one that was being overwritten
    send(sut, 5, 5);
    BOOST_TEST(behind.receive().number == 5U);
    BOOST_TEST(late.receive().number == 5U);
    BOOST_TEST(late.lost() == 0U);
}

BOOST_AUTO_TEST_CASE(writers_that_are_killed_at_random_leave_an_unbroken_row) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{64});
    const support::Shared<std::uint64_t> acknowledged{1};
    constexpr int kills = 30;
    std::atomic<bool> done{false};
    std::uint64_t last = 0;
    bool fine = true;
    std::thread reader{[&] {
        while (!done) {
            const auto tick = sut.try_receive_for(5ms);
            if (tick) {
                fine = fine && tick->number == tick->same && tick->number > last &&
                       tick->number == last + 1 + sut.lost_before();
                last = tick->number;
            }
        }
        std::uint64_t expected = last + 1;
        fine = fine && drain(sut, expected);
        last = expected - 1;
    }};
    for (int i = 0; i < kills; ++i) {
        Child writer{[&] {
            auto mine = TypedTopic<Tick>::open(name);
            for (std::uint64_t n = mine.counters().sent + 1;; ++n) {
                mine.send({n, n});
                acknowledged[0] = n;
            }
            return false;
        }};
        const std::uint64_t before = acknowledged[0];
        while (acknowledged[0] < before + 100) {}
        ::usleep(200);
        writer.kill_now();
    }
    done = true;
    reader.join();
    BOOST_TEST(fine);
    BOOST_TEST(last >= acknowledged[0]);
    BOOST_TEST(last <= acknowledged[0] + 1);
    BOOST_TEST(sut.counters().sent == last);
    BOOST_TEST(sut.counters().repaired >= static_cast<std::uint64_t>(kills - 1));
}

// ---- fork

BOOST_AUTO_TEST_CASE(a_forked_child_reads_on_from_its_parents_place) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{8});
    send(sut, 1, 4);
    BOOST_TEST(sut.receive().number == 1U);
    BOOST_TEST(in_child([&] {
        std::uint64_t expected = 2;
        return drain(sut, expected) && expected == 5;
    }));
    std::uint64_t expected = 2;
    BOOST_TEST(drain(sut, expected));
    BOOST_TEST(expected == 5U);
}

BOOST_AUTO_TEST_CASE(a_forked_child_of_the_writer_is_refused_until_that_one_is_dead) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{8});
    const support::Shared<int> state{1};
    support::in_child_that_dies([&] {
        auto writer = TypedTopic<Tick>::open(name);
        send(writer, 1, 2);
        const auto parent = std::to_string(::getpid());
        const pid_t child = ::fork();
        if (child == 0) {
            const bool refused = refusal_of([&] {
                                     return writer.send({3, 3}), 0;
                                 }).says("process " + parent + " is its writer");
            state[0] = refused ? 1 : -1;
            const auto until = sys::monotonic_now() + 20'000'000'000;
            while (!writer.try_send({3, 3}) && sys::monotonic_now() < until) {}  // until the parent has died
            sut = {};                                                            // before the last user leaves
            writer = {};
            state[0] = state[0] * 2;
            ::_exit(0);
        }
        while (state[0] == 0) {
            ::usleep(1000);
        }
    });
    while (std::abs(state[0]) < 2) {
        ::usleep(1000);
    }
    BOOST_TEST(state[0] == 2);
    std::uint64_t expected = 1;
    BOOST_TEST(drain(sut, expected));
    BOOST_TEST(expected == 4U);
}

BOOST_AUTO_TEST_CASE(a_child_that_closes_what_it_inherited_takes_nothing_from_its_parent) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{8});
    sut.send({1, 1});
    BOOST_TEST(in_child([&] {
        sut = {};
        return support::exists(name);
    }));
    sut.send({2, 2});
    BOOST_TEST(!TypedTopic<Tick>::open(name).try_send({3, 3}));
    sut = {};
    BOOST_TEST(!support::exists(name));
}

// ---- readers

BOOST_AUTO_TEST_CASE(two_hundred_readers_see_everything) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{64});
    std::list<TypedTopic<Tick>> readers;
    for (int i = 0; i < 200; ++i) {
        readers.push_back(TypedTopic<Tick>::open(name));
    }
    send(sut, 1, 50);
    for (auto& reader : readers) {
        std::uint64_t expected = 1;
        BOOST_TEST_REQUIRE(drain(reader, expected));
        BOOST_TEST_REQUIRE(expected == 51U);
    }
}

BOOST_AUTO_TEST_CASE(two_hundred_reading_processes_sleep_and_are_woken) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{64});
    const support::Shared<int> ready{1};
    std::list<Child> readers;
    for (int i = 0; i < 200; ++i) {
        readers.emplace_back([&] {
            auto reader = TypedTopic<Tick>::open(name);
            reader.set_waiting(Waiting::sleep);
            ++ready[0];
            return follow(reader, 1, 20) && reader.lost() == 0;
        });
    }
    while (ready[0] != 200) {
        ::usleep(1000);
    }
    send(sut, 1, 20);
    for (auto& reader : readers) {
        BOOST_TEST(reader.succeeds());
    }
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_killed_or_stopped_concerns_nobody) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    Child asleep{[&] { return TypedTopic<Tick>::open(name).receive().number == 0; }};
    Child stopped{[&] {
        auto reader = TypedTopic<Tick>::open(name);
        ::raise(SIGSTOP);
        return follow(reader, 1, 1000) && reader.lost() >= 996;
    }};
    support::wait_until_asleep(asleep);
    int status = 0;
    BOOST_TEST(::waitpid(stopped.pid(), &status, WUNTRACED) == stopped.pid());
    asleep.kill_now();
    send(sut, 1, 1000);
    stopped.signal(SIGCONT);
    BOOST_TEST(stopped.succeeds());
}

BOOST_AUTO_TEST_CASE(a_slow_reader_loses_messages_and_their_count_is_exact) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{128});
    constexpr std::uint64_t last = 400'000;
    const support::Shared<int> ready{1};
    Child slow{[&] {
        ++ready[0];
        return follow(sut, 1, last) && sut.behind() == 0;
    }};
    Child sleeper{[&] {
        sut.set_waiting(Waiting::sleep);
        ++ready[0];
        return follow(sut, 1, last);
    }};
    while (ready[0] != 2) {
        ::usleep(100);
    }
    send(sut, 1, last);
    BOOST_TEST(slow.succeeds());
    BOOST_TEST(sleeper.succeeds());
}

// ---- read-only readers

BOOST_AUTO_TEST_CASE(a_reader_without_the_right_to_write_sees_everything) {
    if (!support::can_become_another()) {
        return;
    }
    for (const bool told : {true, false}) {  // whether the creator knows of such readers
        const auto name = unique_name();
        auto sut = TypedTopic<Tick>::create(name, Capacity{8}, tenon::Mode{told ? 0644U : 0600U});
        if (!told) {
            BOOST_REQUIRE(::chmod(("/dev/shm" + name).c_str(), 0644) == 0);
        }
        const support::Shared<int> ready{1};
        Child reader{[&] {
            sut = {};  // or it would count as a user for ever
            if (!support::become(support::nobody) || !refusal_of([&] {
                                                          return TypedTopic<Tick>::open(name, tenon::owner_writes,
                                                                                        tenon::Owner{0});
                                                      }).is(std::errc::permission_denied)) {
                return false;
            }
            auto topic = TypedTopic<const Tick>::open(name, tenon::owner_writes, tenon::Owner{0});
            topic.set_waiting(Waiting::sleep);
            ++ready[0];
            return follow(topic, 1, 3) && topic.next().outcome() == Outcome::closed &&
                   topic.try_receive().outcome() == Outcome::closed &&
                   refusal_of([&] { return topic.receive(); }).is(errc::closed);
        }};
        while (ready[0] == 0) {
            ::usleep(1000);
        }
        support::wait_until_asleep(reader);
        send(sut, 1, 1);
        support::wait_until_asleep(reader);
        send(sut, 2, 3);
        sut = {};
        BOOST_TEST(reader.succeeds());
        BOOST_TEST(!support::exists(name));
    }
}

BOOST_AUTO_TEST_CASE(read_only_readers_wait_in_every_manner) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{64}, tenon::Mode{0644});
    auto reader = TypedTopic<const Tick>::open(name);
    for (const Waiting waiting : {Waiting::adaptive, Waiting::spin, Waiting::sleep}) {
        reader.set_waiting(waiting);
        reader.skip_to(From::now);
        const std::uint64_t first = sut.counters().sent + 1;
        std::thread writer{[&] {
            for (std::uint64_t n = first; n < first + 20; ++n) {
                ::usleep(500);
                sut.send({n, n});
            }
        }};
        BOOST_TEST(follow(reader, first, first + 19));
        writer.join();
        const auto start = sys::monotonic_now();
        BOOST_TEST((reader.try_receive_for(10ms).outcome() == Outcome::late));
        BOOST_TEST(sys::monotonic_now() - start >= 10'000'000);
    }
}

// ---- waiting

BOOST_AUTO_TEST_CASE(sleepers_are_woken_however_they_wait) {
    for (const Waiting waiting : {Waiting::adaptive, Waiting::spin, Waiting::sleep}) {
        auto sut = TypedTopic<Tick>::anonymous(Capacity{64});
        const support::Shared<int> ready{1};
        std::list<Child> readers;
        for (int i = 0; i < 3; ++i) {
            readers.emplace_back([&] {
                sut.set_waiting(waiting);
                ++ready[0];
                return follow(sut, 1, 30) && sut.lost() == 0;
            });
        }
        while (ready[0] != 3) {
            ::usleep(100);
        }
        for (std::uint64_t n = 1; n <= 30; ++n) {
            sut.send({n, n});
            ::usleep(static_cast<unsigned>(n % 3 * 700));
        }
        for (auto& reader : readers) {
            BOOST_TEST(reader.succeeds());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_question_and_its_answer_travel_by_two_topics) {
    auto questions = TypedTopic<Tick>::anonymous(Capacity{4});
    auto answers = TypedTopic<Tick>::anonymous(Capacity{4});
    constexpr std::uint64_t rounds = 3000;
    Child peer{[&] {
        for (std::uint64_t n = 1; n <= rounds; ++n) {
            if (questions.receive().number != n) {
                return false;
            }
            answers.send({n, n});
        }
        return true;
    }};
    bool fine = true;
    for (std::uint64_t n = 1; n <= rounds; ++n) {
        questions.send({n, n});
        fine = fine && answers.receive().number == n;
    }
    BOOST_TEST(fine);
    BOOST_TEST(peer.succeeds());
}

BOOST_AUTO_TEST_CASE(deadlines_are_kept_and_signals_do_not_lengthen_or_end_them) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{4});
    const support::Interruptions interruptions;
    for (const Waiting waiting : {Waiting::adaptive, Waiting::spin, Waiting::sleep}) {
        sut.set_waiting(waiting);
        const auto start = sys::monotonic_now();
        BOOST_TEST((sut.try_receive_for(20ms).outcome() == Outcome::late));
        BOOST_TEST(sys::monotonic_now() - start >= 20'000'000);
        BOOST_TEST((sut.try_receive_for(0ms).outcome() == Outcome::late));
        BOOST_TEST((sut.try_receive_until(std::chrono::system_clock::now() - 1s).outcome() == Outcome::late));
    }
    BOOST_TEST(interruptions.count() > 0);
    sut.send({1, 1});
    BOOST_TEST(!!sut.try_receive_for(0ms));
}

BOOST_AUTO_TEST_CASE(a_descriptor_in_epoll_misses_nothing) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{1024});
    constexpr std::uint64_t last = 20'000;
    const support::Shared<int> ready{1};
    std::list<Child> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            const sys::FileDescriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
            ::epoll_event event{EPOLLIN, {}};
            if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, sut.descriptor(), &event) != 0) {
                return false;
            }
            ++ready[0];
            std::uint64_t expected = 1;
            while (expected <= last) {
                if (::epoll_wait(epoll.get(), &event, 1, 20'000) != 1 || !drain(sut, expected)) {
                    return false;
                }
            }
            return expected == last + 1;
        });
    }
    while (ready[0] != 2) {
        ::usleep(100);
    }
    for (std::uint64_t n = 1; n <= last; ++n) {
        sut.send({n, n});
        if (n % 500 == 0) {
            ::usleep(static_cast<unsigned>(n % 1000));
        }
    }
    for (auto& reader : readers) {
        BOOST_TEST(reader.succeeds());
    }
}

BOOST_AUTO_TEST_CASE(wait_any_tells_which_of_two_topics_has_something) {
    auto first = TypedTopic<Tick>::anonymous(Capacity{4});
    auto second = TypedTopic<Tick>::anonymous(Capacity{4});
    BOOST_TEST(!tenon::wait_any_for(5ms, first, second));
    second.send({1, 1});
    BOOST_TEST((tenon::wait_any_for(10s, first, second) == std::size_t{1}));
    BOOST_TEST(!!second.try_receive());
    BOOST_TEST(!tenon::wait_any_for(0ms, first, second));
    Child peer{[&] {
        ::usleep(10'000);
        return !!first.try_send({1, 1});
    }};
    BOOST_TEST((tenon::wait_any_for(10s, first, second) == std::size_t{0}));
    BOOST_TEST(peer.succeeds());
}

// ---- sizes

using Sizes = boost::mpl::list<Sized<1>, Sized<48>, Sized<56>, Sized<57>, Sized<64>, Sized<4096>, Sized<1 << 20>>;

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_of_every_size_arrive_whole, Message, Sizes) {
    const auto name = unique_name();
    auto sut = TypedTopic<Message>::create(name, Capacity{3});
    auto reader = TypedTopic<const Message>::open(name);
    const auto out = std::make_unique<Message>();
    const auto in = std::make_unique<Message>();
    for (std::uint32_t n = 1; n <= 7; ++n) {
        out->fill(1, n);
        BOOST_TEST(sut.try_send_many({out.get(), 1}) == 1U);
        if (n < 3 || n == 7) {
            BOOST_TEST(reader.try_receive_many({in.get(), 1}) == 1U);
            BOOST_TEST(in->is(1, n < 7 ? n : 5));
        }
    }
    BOOST_TEST(reader.lost_before() == 2U);
    auto slot = sut.loan();
    slot->fill(2, 8);
    slot.send();
    reader.skip_to(From::newest);
    BOOST_TEST(reader.try_receive_many({in.get(), 1}) == 1U);
    BOOST_TEST(in->is(2, 8));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(no_reader_gets_a_torn_message, Message, Sizes) {
    auto sut = TypedTopic<Message>::anonymous(Capacity{5});
    const support::Shared<int> done{2};
    std::list<Child> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            const auto in = std::make_unique<Message>();
            bool fine = true;
            ++done[0];
            while (done[1] == 0) {
                if (sut.try_receive_many({in.get(), 1}) == 1) {
                    fine = fine && in->is_whole();
                }
            }
            return fine;
        });
    }
    while (done[0] != 2) {
        ::usleep(100);
    }
    const auto out = std::make_unique<Message>();
    const auto until = sys::monotonic_now() + 50'000'000;
    for (std::uint32_t n = 1; sys::monotonic_now() < until; ++n) {
        out->fill(1, n);
        sut.send(*out);
    }
    done[1] = 1;
    for (auto& reader : readers) {
        BOOST_TEST(reader.succeeds());
    }
}

using Alignments = boost::mpl::list<Aligned<8>, Aligned<16>, Aligned<64>, Aligned<128>, Aligned<4096>>;

BOOST_AUTO_TEST_CASE_TEMPLATE(a_message_in_place_is_aligned, Message, Alignments) {
    auto sut = TypedTopic<Message>::anonymous(Capacity{3});
    for (std::uint64_t n = 1; n <= 4; ++n) {
        auto slot = sut.loan();
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(&*slot) % alignof(Message) == 0U);
        slot->number = n;
        slot.send();
        BOOST_TEST(sut.receive().number == n);
    }
}

// ---- birth and life

BOOST_AUTO_TEST_CASE(who_asks_for_something_else_is_refused) {
    const auto name = unique_name();
    auto sut = TypedTopic<Tick>::create(name, Capacity{4});
    const auto capacity = refusal_of([&] { return TypedTopic<Tick>::open_or_create(name, Capacity{5}); });
    BOOST_TEST(capacity.is(errc::capacity_mismatch));
    BOOST_TEST(capacity.says("has 4, not 5"));
    BOOST_TEST(refusal_of([&] { return TypedTopic<Tock>::open(name); }).is(errc::layout_mismatch));
    BOOST_TEST(refusal_of([&] { return TypedTopic<const Tock>::open(name); }).is(errc::layout_mismatch));
    const auto kind = refusal_of([&] { return tenon::TypedQueue<Tick>::open(name); });
    BOOST_TEST(kind.is(errc::kind_mismatch));
    BOOST_TEST(kind.says("is a TypedTopic, not a TypedQueue"));
    BOOST_TEST(refusal_of([&] { return TypedTopic<Tick>::create(name, Capacity{4}); }).is(std::errc::file_exists));
    BOOST_TEST(refusal_of([&] {
                   return TypedTopic<Tick>::create(unique_name(), Capacity{0});
               }).is(std::errc::invalid_argument));
    std::error_code error;
    BOOST_TEST(!TypedTopic<Tick>::open("/tenon-test.none", error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(a_topic_lives_in_a_system_v_segment_too) {
    const auto key = support::unique_key();
    auto sut = TypedTopic<Tick>::create(key, Capacity{4});
    auto reader = TypedTopic<Tick>::open(key);
    auto only_reader = TypedTopic<const Tick>::open(key);
    Child peer{[&] { return reader.receive().number == 1 && only_reader.receive().number == 1; }};
    sut.send({1, 1});
    BOOST_TEST(peer.succeeds());
    BOOST_TEST(!reader.try_send({2, 2}));
    BOOST_TEST(reader.descriptor() >= 0);
}

BOOST_AUTO_TEST_CASE(what_persists_stays_with_its_messages) {
    const auto name = unique_name();
    {
        auto sut = TypedTopic<Tick>::create(name, Capacity{4});
        sut.persist();
        send(sut, 1, 6);
    }
    {
        auto sut = TypedTopic<Tick>::open(name);
        sut.skip_to(From::oldest);
        BOOST_TEST(sut.receive().number == 3U);
        send(sut, 7, 7);
        BOOST_TEST(sut.counters().sent == 7U);
    }
    TypedTopic<Tick>::remove(name);
    BOOST_TEST(!support::exists(name));
}

BOOST_AUTO_TEST_CASE(the_last_user_takes_it_away_though_he_only_read) {
    const Census before;
    const auto name = unique_name();
    {
        auto reader = [&] {
            auto sut = TypedTopic<Tick>::create(name, Capacity{4});
            auto opened = TypedTopic<Tick>::open(name);
            send(sut, 1, 2);
            return opened;
        }();
        BOOST_TEST(support::exists(name));
        std::uint64_t expected = 1;
        BOOST_TEST(drain(reader, expected));
        BOOST_TEST(expected == 3U);
    }
    BOOST_TEST(!support::exists(name));
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(every_descriptor_is_closed_by_exec) {
    const support::DescriptorCount before;
    auto sut = TypedTopic<Tick>::anonymous(Capacity{4});
    const auto reader = TypedTopic<const Tick>::attach(sut.native_handle());
    static_cast<void>(sut.descriptor());
    const support::DescriptorCount after;
    BOOST_TEST(after.open > before.open);
    BOOST_TEST(after.surviving_exec == before.surviving_exec);
}

BOOST_AUTO_TEST_CASE(handles_move_with_their_place_and_their_role) {
    auto sut = TypedTopic<Tick>::anonymous(Capacity{4});
    send(sut, 1, 2);
    BOOST_TEST(sut.receive().number == 1U);
    auto moved = std::move(sut);
    BOOST_TEST(!sut);
    send(moved, 3, 3);
    sut = std::move(moved);
    BOOST_TEST(sut.receive().number == 2U);
    BOOST_TEST(sut.receive().number == 3U);
}

BOOST_AUTO_TEST_CASE(what_a_peer_garbled_is_told_and_the_next_one_comes) {
    auto sut = TypedTopic<Choice>::anonymous(Capacity{8});
    const auto garbled = [&] {
        auto slot = sut.loan();
        std::memset(static_cast<void*>(&*slot), 5, sizeof *slot);
        slot.send();
    };
    garbled();
    sut.send({2, true});
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
    BOOST_TEST(sut.receive().number == 2U);
    sut.send({3, true});
    garbled();
    Choice room[4];
    BOOST_TEST(sut.try_receive_many(room) == 1U);
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
}
