// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_shared_queue
/// What the two queues in shared memory do alike. What only one of them does: one_to_one_queue.cpp, many_to_many_queue.cpp.
#include "tenon/carrier/shared_queue.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/kernel_queues.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "tenon/sys/memfd.hpp"
#include "tenon/sys/pipe.hpp"
#include "tenon/sys/poll.hpp"
#include "tenon/typed_queue.hpp"
#include "tenon/wait_any.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::Order;
using support::refusal_of;
using support::Sized;
using support::unique_key;
using support::unique_name;
using tenon::Address;
using tenon::Capacity;
using tenon::errc;
using tenon::Outcome;
using tenon::Waiting;
namespace sys = tenon::sys;

struct OneToOne {
    template <class Msg>
    using Queue = tenon::TypedQueue<Msg, tenon::one_to_one>;
    template <class Msg>
    using Other = tenon::TypedQueue<Msg>;
    static constexpr const char* kind = "TypedQueue, one to one";
    static constexpr const char* other_kind = "TypedQueue";
};
struct ManyToMany {
    template <class Msg>
    using Queue = tenon::TypedQueue<Msg>;
    template <class Msg>
    using Other = tenon::TypedQueue<Msg, tenon::one_to_one>;
    static constexpr const char* kind = "TypedQueue";
    static constexpr const char* other_kind = "TypedQueue, one to one";
};
using Kinds = std::tuple<OneToOne, ManyToMany>;

static_assert(tenon::MessageSender<tenon::TypedQueue<Order, tenon::one_to_one>, Order>);
static_assert(tenon::MessageReceiver<tenon::TypedQueue<Order, tenon::one_to_one>, Order>);
static_assert(tenon::MessageSender<tenon::TypedQueue<Order>, Order>);
static_assert(tenon::MessageReceiver<tenon::TypedQueue<Order>, Order>);

using Note = Sized<64>;

struct OtherOrder {
    std::uint64_t id = 0;
    std::uint8_t urgent = 0;
};
struct alignas(64) OfLines {
    std::uint64_t words[24];
};
struct alignas(4096) OfPages {
    std::uint64_t words[1024];
};
using Choice = std::variant<std::uint64_t, double>;

template <class Msg>
Msg numbered(std::uint64_t number) {
    Msg message{};
    for (std::uint64_t& word : message.words) {
        word = number++;
    }
    return message;
}

bool is_aligned(const void* address, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

bool is_readable(int descriptor) {
    ::pollfd one{descriptor, POLLIN, 0};
    return sys::try_poll_until(&one, 1, 0) == 1;
}

/// Waits, by the descriptor alone, until there is a message.
template <class Queue>
auto receive_by_polling(Queue& queue) {
    for (;;) {
        if (auto message = queue.try_receive()) {
            return message;
        }
        ::pollfd one{queue.descriptor(), POLLIN, 0};
        sys::try_poll_until(&one, 1, sys::end_of_time);
    }
}

/// From here on the kernel kills this process for any system call but its last. Reading the clock is none where the clock is
/// good; elsewhere it cannot be helped.
/// Returns  false where the kernel has no filters.
bool forbid_system_calls() {
    constexpr auto equal = static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_K);
    constexpr auto answer = static_cast<std::uint16_t>(BPF_RET | BPF_K);
    ::sock_filter filter[] = {
        {static_cast<std::uint16_t>(BPF_LD | BPF_W | BPF_ABS), 0, 0, offsetof(::seccomp_data, nr)},
        {equal, 3, 0, SYS_exit_group},
        {equal, 2, 0, SYS_clock_gettime},
        {equal, 1, 0, SYS_sigaltstack},  // AddressSanitizer's, before the last
        {answer, 0, 0, SECCOMP_RET_KILL_PROCESS},
        {answer, 0, 0, SECCOMP_RET_ALLOW}};
    const ::sock_fprog program{std::size(filter), filter};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Several messages at a time, several times around the ring; on the heap, for they may be large.
template <class Queue, class Msg>
bool crosses_whole(std::uint32_t capacity) {
    auto sut = Queue::anonymous(Capacity{capacity});
    const auto sent = std::make_unique<Msg>();
    const auto received = std::make_unique<Msg>();
    std::uint32_t next = 0;
    std::uint32_t awaited = 0;
    const std::uint32_t rounds = capacity < 10 ? 12 : 7;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const std::uint32_t some = 1 + round * 37 % capacity;
        for (std::uint32_t i = 0; i < some; ++i) {
            sent->fill(3, next++);
            if (!sut.try_send(*sent)) {
                return false;
            }
        }
        for (std::uint32_t i = 0; i < some; ++i) {
            if (sut.try_receive_many({received.get(), 1}) != 1 || !received->is(3, awaited++)) {
                return false;
            }
        }
        if (sut.try_receive_many({received.get(), 1}) != 0) {
            return false;
        }
    }
    for (std::uint32_t i = 0; i < capacity; ++i) {
        sent->fill(3, next++);
        if (!sut.try_send(*sent)) {
            return false;
        }
    }
    return sut.try_send(*sent).outcome() == Outcome::full && sut.borrow()->is(3, awaited);
}
template <class Queue, class Msg>
bool crosses_whole() {
    return crosses_whole<Queue, Msg>(1) && crosses_whole<Queue, Msg>(3) && crosses_whole<Queue, Msg>(1000);
}

/// Whether so many messages come whole and in their order.
template <class Queue>
bool receives_in_order(Queue& queue, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (!queue.receive().is(1, i)) {
            return false;
        }
    }
    return true;
}
template <class Queue>
void send_in_order(Queue& queue, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        queue.send(Note::of(1, i));
    }
}

}  // namespace

// ---- birth

BOOST_AUTO_TEST_CASE_TEMPLATE(a_queue_is_found_by_name_or_key_and_gone_with_its_last_user, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const support::Census before;
    for (const Address& address : {Address{unique_name()}, Address{unique_key()}}) {
        auto sut = Queue::create(address, Capacity{4});
        BOOST_TEST(!!sut);
        BOOST_TEST(sut.name() == address.text());
        BOOST_TEST((sut.native_handle() == -1) == address.is_key());
        auto other = Queue::open(address);
        BOOST_TEST(other.capacity() == 4U);
        sut.send({1, true});
        sut = Queue{};
        BOOST_TEST(!sut);
        BOOST_TEST(other.receive().id == 1U);
        other = Queue{};
        BOOST_TEST(refusal_of([&] { return Queue::open(address); }).is(std::errc::no_such_file_or_directory));
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_capacity_is_refused_and_both_are_told, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const auto name = unique_name();
    const auto sut = Queue::create(name, Capacity{4});
    const auto refusal = refusal_of([&] { return Queue::open_or_create(name, Capacity{5}); });
    BOOST_TEST(refusal.is(errc::capacity_mismatch));
    BOOST_TEST(refusal.says("\"" + name + "\" has 4, not 5"));
    BOOST_TEST(!!Queue::open_or_create(name, Capacity{4}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_capacity_that_cannot_be_is_refused, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    for (const std::uint32_t count : {0U, UINT32_MAX}) {
        const auto refusal = refusal_of([&] { return Queue::create(unique_name(), Capacity{count}); });
        BOOST_TEST(refusal.is(std::errc::invalid_argument));
        BOOST_TEST(refusal.says("a capacity of " + std::to_string(count)));
    }
    std::error_code error;
    BOOST_TEST(!Queue::anonymous(Capacity{0}, error));
    BOOST_TEST((error == std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_layout_is_refused_and_both_are_printed, Kind, Kinds) {
    const auto name = unique_name();
    const auto sut = Kind::template Queue<Order>::create(name, Capacity{4});
    const auto refusal = refusal_of([&] { return Kind::template Queue<OtherOrder>::open(name); });
    BOOST_TEST(refusal.is(errc::layout_mismatch));
    BOOST_TEST(refusal.says("our layout:\n"));
    BOOST_TEST(refusal.says("->   urgent u8 at 8 size 1"));
    BOOST_TEST(refusal.says("->   urgent bool at 8 size 1"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_kind_is_refused_and_both_are_told, Kind, Kinds) {
    using Other = typename Kind::template Other<Order>;
    const auto name = unique_name();
    const auto sut = Kind::template Queue<Order>::create(name, Capacity{4});
    for (const auto& refusal : {refusal_of([&] { return Other::open(name); }),
                                refusal_of([&] { return Other::open_or_create(name, Capacity{4}); })}) {
        BOOST_TEST(refusal.is(errc::kind_mismatch));
        BOOST_TEST(refusal.says("is a " + std::string{Kind::kind} + ", not a " + Kind::other_kind + ": "));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_factory_also_tells_by_a_code, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const auto name = unique_name();
    std::error_code error;
    BOOST_TEST(!Queue::open(name, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(!Queue::open_for(name, 1ms, error));
    Queue::remove(name, error);
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    const auto sut = Queue::create(name, Capacity{4}, error);
    BOOST_TEST(!!sut);
    BOOST_TEST(!error);
    BOOST_TEST(!Queue::create(name, Capacity{4}, error));
    BOOST_TEST((error == std::errc::file_exists));
    BOOST_TEST(!!Queue::open_or_create(name, Capacity{4}, error));
    BOOST_TEST(!error);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_waits_for_a_queue_to_appear_gets_it, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const auto name = unique_name();
    Child peer{[&] { return Queue::open_for(name, 1h).receive().id == 1; }};
    ::usleep(20'000);
    auto sut = Queue::create(name, Capacity{4});
    sut.send({1, false});
    BOOST_TEST(peer.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_queue_without_a_name_is_attached_by_its_descriptor, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const support::Census before;
    {
        auto sut = Queue::anonymous(Capacity{4});
        sut.send({1, false});
        const int descriptor = sut.native_handle();
        BOOST_TEST(in_child([&] {
            auto mine = Queue::attach(descriptor);
            return mine.capacity() == 4 && mine.receive().id == 1;
        }));
        auto again = Queue::attach(descriptor);
        sut.send({2, false});
        BOOST_TEST(again.receive().id == 2U);
        BOOST_TEST(refusal_of([&] { return Kind::template Other<Order>::attach(descriptor); }).is(errc::kind_mismatch));
        const auto file = sys::create_memfd("tenon-test");
        BOOST_TEST(refusal_of([&] { return Queue::attach(file.get()); }).is(errc::untrusted));
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_asked_to_persist_stays_with_its_messages_until_it_is_removed, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const support::Census before;
    for (const Address& address : {Address{unique_name()}, Address{unique_key()}}) {
        {
            auto sut = Queue::create(address, Capacity{4});
            sut.persist();
            sut.send({1, false});
            sut.send({2, false});
        }
        BOOST_TEST(Queue::open(address).receive().id == 1U);
        BOOST_TEST(Queue::open(address).receive().id == 2U);
        BOOST_TEST(refusal_of([&] { return Queue::create(address, Capacity{4}); }).is(std::errc::file_exists));
        auto user = Queue::open(address);
        Queue::remove(address);
        user.send({3, false});
        BOOST_TEST(user.receive().id == 3U);
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_killed_last_user_left_is_gone_on_with_or_replaced, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const auto name = unique_name();
    const auto leave = [&] {
        support::in_child_that_dies([&] { (new Queue{Queue::create(name, Capacity{4})})->send({7, false}); });
        BOOST_TEST(support::exists(name));
    };
    leave();
    BOOST_TEST(Queue::open(name).receive().id == 7U);
    BOOST_TEST(!support::exists(name));
    leave();
    BOOST_TEST((Queue::create(name, Capacity{3}).try_receive().outcome() == Outcome::empty));
    BOOST_TEST(!support::exists(name));
    leave();
    BOOST_TEST(Queue::open_or_create(name, Capacity{3}).capacity() == 3U);
    BOOST_TEST(!support::exists(name));
}

// ---- what crosses

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_of_any_size_cross_rings_of_any_capacity, Kind, Kinds) {
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<1>>, Sized<1>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<8>>, Sized<8>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<13>>, Sized<13>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<48>>, Sized<48>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<56>>, Sized<56>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<57>>, Sized<57>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<64>>, Sized<64>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<72>>, Sized<72>>()));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Sized<4096>>, Sized<4096>>()));
    using Megabyte = Sized<1U << 20U>;
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Megabyte>, Megabyte>(1)));
    BOOST_TEST((crosses_whole<typename Kind::template Queue<Megabyte>, Megabyte>(3)));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_stand_where_their_alignment_wants_them, Kind, Kinds) {
    const auto check = [](auto queue) {
        using Msg = typename decltype(queue)::Message;
        for (std::uint64_t i = 0; i < 7; ++i) {
            auto slot = queue.loan();
            BOOST_TEST(is_aligned(&*slot, alignof(Msg)));
            *slot = numbered<Msg>(i);
            slot.send();
            queue.send(numbered<Msg>(i + 1));
            {
                const auto message = queue.borrow();
                BOOST_TEST(is_aligned(&*message, alignof(Msg)));
                BOOST_TEST(std::memcmp(&*message, &*std::make_unique<Msg>(numbered<Msg>(i)), sizeof(Msg)) == 0);
            }
            const Msg received = queue.receive();
            BOOST_TEST(std::memcmp(&received, &*std::make_unique<Msg>(numbered<Msg>(i + 1)), sizeof(Msg)) == 0);
        }
    };
    for (const std::uint32_t capacity : {2U, 3U}) {
        check(Kind::template Queue<OfLines>::anonymous(Capacity{capacity}));
        check(Kind::template Queue<OfPages>::anonymous(Capacity{capacity}));
        check(Kind::template Queue<OfLines>::create(unique_name(), Capacity{capacity}));
        check(Kind::template Queue<OfPages>::create(unique_name(), Capacity{capacity}));
        check(Kind::template Queue<OfPages>::create(unique_key(), Capacity{capacity}));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_come_in_order_and_full_empty_and_late_are_values, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    auto sut = Queue::anonymous(Capacity{5});
    support::check_that_messages_come_in_order(sut);
    auto two = Queue::anonymous(Capacity{2});
    support::check_that_it_is_full_in_the_end(two);
    support::check_that_late_senders_and_receivers_change_nothing(two);
    BOOST_TEST((two.try_receive_for(0s).outcome() == Outcome::late));
    BOOST_TEST((two.try_receive_until(tenon::Deadline::after(-1s)).outcome() == Outcome::late));
    BOOST_TEST(!!two.try_send_for({9, false}, 0s));
    BOOST_TEST(two.receive().id == 9U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(two_processes_pass_messages_on_in_every_way_of_waiting, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Note>;
    for (const Waiting policy : {Waiting::adaptive, Waiting::spin, Waiting::sleep}) {
        for (const std::uint32_t capacity : {1U, 3U, 1000U}) {
            const std::uint32_t count = policy == Waiting::spin ? 300 : capacity == 1 ? 2'000 : 20'000;
            auto sut = Queue::anonymous(Capacity{capacity});
            sut.set_waiting(policy);
            Child receiver{[&] { return receives_in_order(sut, count); }};
            send_in_order(sut, count);
            BOOST_TEST(receiver.succeeds());
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_question_and_its_answer_meet_whoever_sleeps, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Note>;
    for (const Waiting policy : {Waiting::adaptive, Waiting::spin, Waiting::sleep}) {
        const std::uint32_t count = policy == Waiting::spin ? 100 : 5'000;
        auto questions = Queue::anonymous(Capacity{4});
        auto answers = Queue::anonymous(Capacity{4});
        questions.set_waiting(policy);
        answers.set_waiting(policy);
        Child peer{[&] {
            for (std::uint32_t i = 0; i < count; ++i) {
                answers.send(Note::of(2, questions.receive().number()));
            }
            return true;
        }};
        for (std::uint32_t i = 0; i < count; ++i) {
            questions.send(Note::of(1, i));
            BOOST_REQUIRE(answers.receive().is(2, i));
        }
        BOOST_TEST(peer.succeeds());
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_is_asleep_is_woken_by_a_message_and_by_room, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    for (const Waiting policy : {Waiting::adaptive, Waiting::sleep}) {
        auto sut = Queue::anonymous(Capacity{1});
        sut.set_waiting(policy);
        Child receiver{[&] { return sut.receive().id == 1 && sut.try_receive_for(1h).value().id == 2; }};
        support::wait_until_asleep(receiver);
        sut.send({1, false});
        sut.send({2, false});
        BOOST_TEST(receiver.succeeds());
        sut.send({3, false});
        auto other = Queue::anonymous(Capacity{1});
        Child sender{[&] {
            other.set_waiting(policy);
            other.send({4, false});
            other.send({5, false});
            return !!other.try_send_for({6, false}, 1h);
        }};
        support::wait_until_asleep(sender);
        BOOST_TEST(other.receive().id == 4U);
        BOOST_TEST(other.receive().id == 5U);
        BOOST_TEST(other.receive().id == 6U);
        BOOST_TEST(sender.succeeds());
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiting_in_vain_is_never_too_short_whatever_the_policy, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{1});
    for (const Waiting policy : {Waiting::adaptive, Waiting::spin, Waiting::sleep}) {
        sut.set_waiting(policy);
        auto start = sys::monotonic_now();
        BOOST_TEST((sut.try_receive_for(15ms).outcome() == Outcome::late));
        BOOST_TEST((sut.borrow_for(15ms).outcome() == Outcome::late));
        BOOST_TEST(sys::monotonic_now() - start >= 30'000'000);
        sut.send({1, false});
        start = sys::monotonic_now();
        BOOST_TEST((sut.try_send_for({2, false}, 15ms).outcome() == Outcome::late));
        BOOST_TEST((sut.try_loan_for(15ms).outcome() == Outcome::late));
        BOOST_TEST(sys::monotonic_now() - start >= 30'000'000);
        BOOST_TEST(sut.receive().id == 1U);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_signal_neither_fails_nor_shortens_nor_ends_a_wait, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    auto there = Queue::anonymous(Capacity{1});
    auto back = Queue::anonymous(Capacity{1});
    for (const Waiting policy : {Waiting::adaptive, Waiting::sleep}) {
        there.set_waiting(policy);
        back.set_waiting(policy);
        const support::Interruptions interruptions;
        Child peer{[&] {
            const support::Interruptions more;
            sys::sleep_until(sys::monotonic_now() + 20'000'000);
            back.send({1, false});
            sys::sleep_until(sys::monotonic_now() + 20'000'000);
            return there.receive().id == 2 && there.receive().id == 3;
        }};
        BOOST_TEST(back.receive().id == 1U);
        there.send({2, false});
        there.send({3, false});  // sleeps until 2 is taken
        BOOST_TEST(peer.succeeds());
        const auto start = sys::monotonic_now();
        BOOST_TEST((back.try_receive_for(20ms).outcome() == Outcome::late));
        BOOST_TEST(sys::monotonic_now() - start >= 20'000'000);
        BOOST_TEST(interruptions.count() > 10);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batches_go_as_far_as_they_fit, Kind, Kinds) {
    const auto check = [](auto queue) {
        using Msg = typename decltype(queue)::Message;
        std::vector<Msg> batch(9);
        std::vector<Msg> room(9);
        std::uint32_t next = 0;
        std::uint32_t awaited = 0;
        BOOST_TEST(queue.try_send_many({}) == 0U);
        BOOST_TEST(queue.try_receive_many({}) == 0U);
        BOOST_TEST(queue.try_receive_many(room) == 0U);
        for (std::uint32_t round = 0; round < 20; ++round) {
            for (std::uint32_t i = 0; i < batch.size(); ++i) {
                batch[i].fill(1, next + i);
            }
            BOOST_TEST(queue.try_send_many(std::span{batch}.first(2)) == 2U);
            BOOST_TEST(queue.try_send_many(std::span{batch}.subspan(2)) == 3U);
            BOOST_TEST(queue.try_send_many(batch) == 0U);
            next += 5;
            BOOST_TEST(queue.approximate_size() == 5U);
            BOOST_TEST(queue.try_receive_many(std::span{room}.first(1)) == 1U);
            BOOST_TEST(queue.try_receive_many(std::span{room}.subspan(1)) == 4U);
            for (std::uint32_t i = 0; i < 5; ++i) {
                BOOST_REQUIRE(room[i].is(1, awaited++));
            }
        }
    };
    check(Kind::template Queue<Sized<16>>::anonymous(Capacity{5}));
    check(Kind::template Queue<Sized<56>>::anonymous(Capacity{5}));
    check(Kind::template Queue<Sized<64>>::anonymous(Capacity{5}));
    check(Kind::template Queue<Sized<200>>::anonymous(Capacity{5}));
}

// ---- in place

BOOST_AUTO_TEST_CASE_TEMPLATE(a_message_is_read_where_it_was_written, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{2});
    for (std::uint64_t i = 0; i < 5; ++i) {
        auto slot = sut.loan();
        BOOST_TEST(!!slot);
        BOOST_TEST((slot.outcome() == Outcome::done));
        BOOST_TEST(!slot.error());
        slot->id = i;
        slot->urgent = true;
        const Order* const place = &*slot;
        slot.send();
        BOOST_TEST(!slot);
        slot.send();  // nothing more
        slot.drop();
        BOOST_TEST(sut.approximate_size() == 1U);
        auto message = sut.try_borrow();
        BOOST_TEST(&*message == place);
        BOOST_TEST(message->id == i);
        message.give_back();
        BOOST_TEST(!message);
        message.give_back();
        BOOST_TEST(sut.approximate_size() == 0U);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_loan_that_is_dropped_sends_nothing, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{3});
    for (std::uint64_t i = 1; i < 10; ++i) {
        sut.loan()->id = 99;
        {
            auto slot = sut.try_loan();
            slot->id = 98;
            slot.drop();
        }
        BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
        BOOST_TEST(sut.approximate_size() == 0U);
        sut.loan()->id = 97;
        sut.send({i, false});
        BOOST_TEST(sut.approximate_size() == 1U);
        BOOST_TEST(sut.receive().id == i);
        const tenon::QueueCounters now = sut.counters();
        BOOST_TEST(now.sent == i);
        BOOST_TEST(now.received == i);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_loan_and_a_borrowed_message_are_moved_and_ended_once, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    auto sut = Queue::anonymous(Capacity{2});
    auto slot = sut.loan();
    slot->id = 5;
    auto moved = std::move(slot);
    BOOST_TEST(!slot);
    BOOST_TEST(!!moved);
    typename Queue::Loan third{tenon::carrier::Result{Outcome::full}};
    third = std::move(moved);
    third.send();
    auto message = sut.borrow();
    auto kept = std::move(message);
    BOOST_TEST(!message);
    BOOST_TEST(kept->id == 5U);
    typename Queue::Borrowed other{tenon::carrier::Result{Outcome::empty}};
    other = std::move(kept);
    other.give_back();
    BOOST_TEST(sut.approximate_size() == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_borrowed_keeps_its_place, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{1});
    sut.send({1, false});
    {
        const auto message = sut.borrow();
        BOOST_TEST((sut.try_send({2, false}).outcome() == Outcome::full));
        BOOST_TEST((sut.try_send_for({2, false}, 2ms).outcome() == Outcome::late));
        BOOST_TEST(message->id == 1U);
    }
    BOOST_TEST(!!sut.try_send({2, false}));
    const auto full = sut.try_loan();
    BOOST_TEST(!full);
    BOOST_TEST((full.outcome() == Outcome::full));
    BOOST_TEST((full.error() == std::errc::resource_unavailable_try_again));
    BOOST_TEST(sut.borrow_for(1h)->id == 2U);
    const auto none = sut.try_borrow();
    BOOST_TEST(!none);
    BOOST_TEST((none.outcome() == Outcome::empty));
    BOOST_TEST((none.error() == std::errc::resource_unavailable_try_again));
    BOOST_TEST((sut.borrow_until(tenon::Deadline::after(2ms)).outcome() == Outcome::late));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(loan_and_borrow_wait_for_the_other_side, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{1});
    Child peer{[&] {
        ::usleep(10'000);
        for (std::uint64_t i = 0; i < 5; ++i) {
            auto slot = i % 2 == 0 ? sut.loan() : sut.try_loan_for(1h);
            slot->id = i;
            slot.send();
        }
        return true;
    }};
    for (std::uint64_t i = 0; i < 5; ++i) {
        BOOST_TEST((i % 2 == 0 ? sut.borrow() : sut.borrow_for(1h))->id == i);
        ::usleep(2'000);
    }
    BOOST_TEST(peer.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_peer_has_garbled_is_corrupted_and_the_queue_goes_on, Kind, Kinds) {
    const auto check = [](auto queue, auto good) {
        const auto garble = [&] {
            auto slot = queue.loan();
            std::memset(static_cast<void*>(&*slot), 0x55, sizeof *slot);
            slot.send();
        };
        using Msg = typename decltype(queue)::Message;
        garble();
        BOOST_TEST((queue.try_receive().outcome() == Outcome::corrupted));
        garble();
        BOOST_TEST(refusal_of([&] { return queue.receive(); }).is(errc::corrupted));
        garble();
        const auto borrowed = queue.try_borrow();
        BOOST_TEST(!borrowed);
        BOOST_TEST((borrowed.outcome() == Outcome::corrupted));
        garble();
        BOOST_TEST(refusal_of([&] { return queue.borrow().outcome(); }).is(errc::corrupted));
        queue.send(good);
        garble();
        queue.send(good);
        std::vector<Msg> room(3, good);
        BOOST_TEST(queue.try_receive_many(room) == 1U);
        BOOST_TEST(queue.try_receive_many(room) == 1U);
        BOOST_TEST((queue.try_receive().outcome() == Outcome::empty));
        BOOST_TEST(queue.approximate_size() == 0U);
    };
    check(Kind::template Queue<Order>::anonymous(Capacity{3}), Order{1, true});
    check(Kind::template Queue<Choice>::anonymous(Capacity{3}), Choice{2.5});
}

// ---- about it

BOOST_AUTO_TEST_CASE_TEMPLATE(counters_are_read_by_anybody_who_has_it_open, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const auto name = unique_name();
    auto sut = Queue::create(name, Capacity{3});
    const auto watcher = Queue::open(name);
    const auto now = [&] { return watcher.counters(); };
    BOOST_TEST((now().sent == 0 && now().received == 0 && now().full == 0 && now().empty == 0 && now().repaired == 0));
    for (std::uint64_t i = 0; i < 4; ++i) {
        BOOST_TEST((sut.try_send({i, false}).outcome() == (i < 3 ? Outcome::done : Outcome::full)));
        BOOST_TEST(watcher.approximate_size() == (i < 3 ? i + 1 : 3));
    }
    BOOST_TEST(now().sent == 3U);
    BOOST_TEST(now().full == 1U);
    for (std::uint64_t i = 0; i < 5; ++i) {
        static_cast<void>(sut.try_receive());
    }
    BOOST_TEST(now().received == 3U);
    BOOST_TEST(now().empty == 2U);
    static_cast<void>(sut.try_receive_for(1ms));
    BOOST_TEST(now().empty == 3U);
    BOOST_TEST(now().repaired == 0U);
    BOOST_TEST(watcher.approximate_size() == 0U);
    BOOST_TEST(sut.capacity() == 3U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_moved_handle_goes_on_where_it_was, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    const support::Census before;
    {
        auto first = Queue::create(unique_name(), Capacity{4});
        first.send({1, false});
        first.send({2, false});
        BOOST_TEST(first.receive().id == 1U);
        auto second = std::move(first);
        BOOST_TEST(!first);  // NOLINT: what a moved-from handle says
        second.send({3, false});
        auto third = Queue::create(unique_name(), Capacity{2});
        third.send({9, false});
        third = std::move(second);
        BOOST_TEST(third.capacity() == 4U);
        third.send({4, false});
        BOOST_TEST(third.receive().id == 2U);
        BOOST_TEST(third.receive().id == 3U);
        BOOST_TEST(third.receive().id == 4U);
        const int descriptor = third.descriptor();
        auto fourth = std::move(third);
        BOOST_TEST(fourth.descriptor() == descriptor);
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(wait_any_tells_which_queue_has_a_message, Kind, Kinds) {
    auto one = Kind::template Queue<Order>::anonymous(Capacity{2});
    auto two = Kind::template Other<Note>::anonymous(Capacity{2});
    const auto first = [&](auto time) { return tenon::wait_any_for(time, one, two); };
    BOOST_TEST(!first(0s).has_value());  // as soon as it is there, and not after a look
    BOOST_TEST(!first(5ms).has_value());
    two.send(Note::of(1, 1));
    BOOST_TEST(first(1h).value() == 1U);
    one.send({1, false});
    BOOST_TEST(first(0s).value() == 0U);
    BOOST_TEST(one.receive().id == 1U);
    BOOST_TEST(first(0s).value() == 1U);
    BOOST_TEST(two.receive().is(1, 1));
    one.loan().drop();
    BOOST_TEST(!first(0s).has_value());  // an attempt would say `empty`
    std::thread sender{[&] {
        std::this_thread::sleep_for(10ms);
        one.send({2, false});
    }};
    BOOST_TEST(tenon::wait_any(tenon::Deadline::never(), two, one).value() == 1U);
    sender.join();
    BOOST_TEST(one.receive().id == 2U);
}

// ---- descriptors

BOOST_AUTO_TEST_CASE_TEMPLATE(the_descriptor_is_readable_when_there_may_be_a_message, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    for (const bool has_key : {false, true}) {
        for (auto* const make :
             {+[](bool key) { return Queue::create(key ? Address{unique_key()} : unique_name(), Capacity{2}); },
              +[](bool /*key*/) { return Queue::anonymous(Capacity{2}); }}) {
            auto sut = make(has_key);
            const int descriptor = sut.descriptor();
            BOOST_TEST(sut.descriptor() == descriptor);
            BOOST_TEST((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
            BOOST_TEST(is_readable(descriptor));  // there may be
            BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
            BOOST_TEST(!is_readable(descriptor));
            for (std::uint64_t i = 0; i < 3; ++i) {
                sut.send({i, false});
                BOOST_TEST(is_readable(descriptor));
                sut.send({i, false});
                BOOST_TEST(sut.receive().id == i);
                BOOST_TEST(is_readable(descriptor));
                Order room[3];
                BOOST_TEST(sut.try_receive_many(room) == 1U);
                BOOST_TEST(sut.try_receive_many(room) == 0U);
                BOOST_TEST(!is_readable(descriptor));
            }
            BOOST_TEST(!sut.try_borrow());
            BOOST_TEST(!is_readable(descriptor));
            auto slot = sut.loan();
            BOOST_TEST(!is_readable(descriptor));
            slot.send();
            BOOST_TEST(is_readable(descriptor));
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_room_descriptor_is_readable_when_there_may_be_room, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{2});
    const int descriptor = sut.room_descriptor();
    BOOST_TEST(is_readable(descriptor));
    while (sut.try_send({1, false})) {}
    BOOST_TEST(!is_readable(descriptor));
    static_cast<void>(sut.receive());
    BOOST_TEST(is_readable(descriptor));
    sut.send({1, false});
    const Order batch[] = {{1, false}, {2, false}};
    BOOST_TEST(sut.try_send_many(batch) == 0U);
    BOOST_TEST((sut.try_send({1, false}).outcome() == Outcome::full));
    BOOST_TEST(!is_readable(descriptor));
    sut.borrow().give_back();
    BOOST_TEST(is_readable(descriptor));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_forked_child_polls_by_a_descriptor_of_its_own, Kind, Kinds) {
    using Queue = typename Kind::template Queue<Order>;
    auto questions = Queue::anonymous(Capacity{2});
    auto answers = Queue::anonymous(Capacity{2});
    const int before = questions.descriptor();
    Child peer{[&] {
        for (std::uint64_t i = 0; i < 200; ++i) {
            answers.send({receive_by_polling(questions)->id + 1, false});
        }
        return questions.descriptor() >= 0;
    }};
    for (std::uint64_t i = 0; i < 200; ++i) {
        questions.send({i, false});
        BOOST_REQUIRE(receive_by_polling(answers)->id == i + 1);
    }
    BOOST_TEST(peer.succeeds());
    BOOST_TEST(questions.descriptor() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_hundred_thousand_messages_with_epoll_as_the_only_wait, Kind, Kinds) {
    constexpr std::uint32_t count = 100'000;
    auto sut = Kind::template Queue<Note>::anonymous(Capacity{64});
    auto end = sys::create_pipe();
    const sys::FileDescriptor alarm{::eventfd(0, EFD_CLOEXEC)};
    Child sender{[&] {
        const sys::FileDescriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
        ::epoll_event wanted{EPOLLIN, {}};
        bool fine = ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, sut.room_descriptor(), &wanted) == 0;
        for (std::uint32_t i = 0; i < count && fine; ++i) {
            while (!sut.try_send(Note::of(1, i))) {
                ::epoll_event event;
                fine = ::epoll_wait(epoll.get(), &event, 1, -1) == 1 && fine;
            }
            if (i % 64 == i / 64 % 64) {  // bursts of any length: everybody sleeps now and then
                ::sched_yield();
            }
            if (i == count / 2) {
                const std::uint64_t one = 1;
                fine = ::write(alarm.get(), &one, sizeof one) == sizeof one && fine;
            }
        }
        return ::write(end.write_end.get(), "!", 1) == 1 && fine;
    }};
    const sys::FileDescriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
    const int descriptors[] = {sut.descriptor(), alarm.get(), end.read_end.get()};
    for (const int one : descriptors) {
        ::epoll_event wanted{EPOLLIN, {}};
        wanted.data.fd = one;
        BOOST_REQUIRE(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, one, &wanted) == 0);
    }
    std::uint32_t next = 0;
    bool alarmed = false;
    bool ended = false;
    while (next < count || !alarmed || !ended) {
        ::epoll_event events[3];
        const int ready = ::epoll_wait(epoll.get(), events, 3, -1);
        BOOST_REQUIRE(ready >= 1);
        for (int i = 0; i < ready; ++i) {
            if (events[i].data.fd == descriptors[1]) {
                std::uint64_t number = 0;
                alarmed = ::read(alarm.get(), &number, sizeof number) == sizeof number;
            } else if (events[i].data.fd == descriptors[2]) {
                char byte = 0;
                ended = ::read(end.read_end.get(), &byte, 1) == 1;
            } else {
                while (const auto message = sut.try_receive()) {
                    BOOST_REQUIRE(message->is(1, next++));
                }
            }
        }
    }
    BOOST_TEST(sender.succeeds());
    BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
}

// ---- what it costs

BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_enters_the_kernel_while_nobody_sleeps, Kind, Kinds) {
    const auto stays_out = [](auto make) {
        return in_child([&] {
            auto sut = make();
            using Msg = typename decltype(sut)::Message;
            const Msg message = Msg::of(1, 2);
            sut.send(message);  // all that is made at the first use
            bool fine = sut.receive().is(1, 2);
            if (!forbid_system_calls()) {
                return true;  // not here
            }
            for (int i = 0; i < 1'000; ++i) {
                sut.send(message);
                fine = fine && sut.try_send(message) && sut.try_send_for(message, 1h);
                auto slot = sut.loan();
                *slot = message;
                slot.send();
                sut.loan().drop();
                fine = fine && sut.receive().is(1, 2) && sut.try_receive() && sut.borrow()->is(1, 2);
                Msg room[4];
                fine = fine && sut.try_receive_many(room) == 1 && sut.try_send_many(room) == 4;
                fine = fine && sut.try_receive_many(room) == 4 && sut.approximate_size() == 0;
            }
            ::_exit(fine ? 0 : 1);  // before the queue is closed
            return false;
        });
    };
    BOOST_TEST(stays_out([] { return Kind::template Queue<Sized<48>>::anonymous(Capacity{8}); }));
    BOOST_TEST(stays_out([] { return Kind::template Queue<Sized<64>>::anonymous(Capacity{8}); }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_idle_receiver_uses_no_processor, Kind, Kinds) {
    auto sut = Kind::template Queue<Order>::anonymous(Capacity{2});
    const auto used = [] {
        ::timespec time{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return time.tv_sec * 1'000'000'000L + time.tv_nsec;
    };
    const auto before = used();
    BOOST_TEST((sut.try_receive_for(300ms).outcome() == Outcome::late));
    BOOST_WARN_MESSAGE(used() - before < 15'000'000, "more than a twentieth of a processor, to wait");
}
