// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE wait_any
#include "tenon/wait_any.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/machine.hpp"
#include "tenon/typed_pipe.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::refusal_of;
using tenon::Deadline;
using tenon::TypedPipe;
using tenon::wait_any;
using tenon::wait_any_for;
using tenon::carrier::Waitable;
using Clock = std::chrono::steady_clock;

struct Order {
    int number;
};
struct Picture {
    std::array<std::uint8_t, 50'000> bytes;
};
using Pipe = TypedPipe<Order>;

/// An endpoint without a descriptor: the kernel cannot be asked.
class Fake {
public:
    void become_ready() { is_ready_ = true; }
    [[nodiscard]] Waitable waitable() const noexcept {
        return {-1, 0, this, [](const void* self) noexcept {
                    const auto& fake = *static_cast<const Fake*>(self);
                    ++fake.looks_;
                    return fake.is_ready_.load();
                }};
    }
    [[nodiscard]] int looks() const { return looks_; }

private:
    std::atomic<bool> is_ready_{false};
    mutable std::atomic<int> looks_{0};
};
static_assert(tenon::carrier::HasWaitable<Fake>);
static_assert(tenon::carrier::HasWaitable<Pipe::Receiver>);
static_assert(tenon::carrier::HasWaitable<Pipe::Sender>);
static_assert(!tenon::carrier::HasWaitable<Order>);

}  // namespace

BOOST_AUTO_TEST_CASE(it_names_the_one_that_has_something_in_each_position) {
    auto a = Pipe::make();
    auto b = Pipe::make();
    auto c = Pipe::make();
    Pipe* const all[] = {&a, &b, &c};
    for (std::size_t i = 0; i < 3; ++i) {
        all[i]->sender.send({1});
        BOOST_TEST(wait_any(Deadline::never(), a.receiver, b.receiver, c.receiver).value() == i);
        BOOST_TEST(all[i]->receiver.receive().number == 1);
    }
}

BOOST_AUTO_TEST_CASE(of_several_it_names_the_first) {
    auto a = Pipe::make();
    auto b = Pipe::make();
    auto c = Pipe::make();
    b.sender.send({1});
    c.sender.send({1});
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, b.receiver, c.receiver).value() == 1);
    a.sender.send({1});
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, b.receiver, c.receiver).value() == 0);
}

BOOST_AUTO_TEST_CASE(without_anything_the_time_comes_and_not_early) {
    auto a = Pipe::make();
    const Fake fake;
    const auto lasts = [](auto wait) {
        const auto start = Clock::now();
        return !wait().has_value() && Clock::now() - start >= 20ms;
    };
    BOOST_TEST(lasts([&] { return wait_any_for(20ms, a.receiver); }));
    BOOST_TEST(lasts([&] { return wait_any_for(20ms, fake); }));
    BOOST_TEST(lasts([&] { return wait_any_for(20ms, a.receiver, fake); }));
}

BOOST_AUTO_TEST_CASE(zero_looks_once) {
    auto a = Pipe::make();
    const Fake fake;
    BOOST_TEST(!wait_any_for(0ms, a.receiver, fake));
    BOOST_TEST(fake.looks() == 1);
    BOOST_TEST(!wait_any_for(-1s, a.receiver));
    BOOST_TEST(!wait_any(Deadline::of_monotonic(0), a.receiver, fake));
    a.sender.send({1});
    BOOST_TEST(wait_any_for(0ms, a.receiver).value() == 0);
}

BOOST_AUTO_TEST_CASE(signals_neither_shorten_nor_lengthen_it) {
    auto a = Pipe::make();
    bool is_late = false;
    Clock::duration passed{};
    {
        const support::Interruptions interruptions{300us};
        const auto start = Clock::now();
        is_late = !wait_any_for(30ms, a.receiver);
        passed = Clock::now() - start;
    }
    BOOST_TEST(is_late);
    BOOST_TEST((passed >= 30ms));
}

BOOST_AUTO_TEST_CASE(it_sleeps_until_another_process_sends) {
    auto a = Pipe::make();
    auto b = Pipe::make();
    Child child{[&] {
        ::usleep(20'000);
        b.sender.send({7});
        return true;
    }};
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, b.receiver).value() == 1);
    BOOST_TEST(b.receiver.receive().number == 7);
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(a_closed_peer_counts) {
    auto a = Pipe::make();
    auto b = Pipe::make();
    b.sender.close();
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, b.receiver).value() == 1);
    auto c = Pipe::make();
    while (c.sender.try_send({1})) {}
    BOOST_TEST(!wait_any_for(0ms, a.receiver, c.sender));
    c.receiver.close();
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, c.sender).value() == 1);
}

BOOST_AUTO_TEST_CASE(a_sender_is_ready_when_there_is_room) {
    auto a = Pipe::make();
    BOOST_TEST(wait_any(Deadline::never(), a.sender).value() == 0);
    while (a.sender.try_send({1})) {}
    BOOST_TEST(!wait_any_for(1ms, a.sender));
    static_cast<void>(a.receiver.receive());
    BOOST_TEST(wait_any(Deadline::never(), a.sender).value() == 0);
}

BOOST_AUTO_TEST_CASE(large_messages_count_when_an_attempt_would_not_fail) {
    auto sut = TypedPipe<Picture>::make();
    static const Picture picture{};
    BOOST_TEST(!wait_any_for(1ms, sut.receiver));
    BOOST_TEST(wait_any(Deadline::never(), sut.receiver, sut.sender).value() == 1);
    while (sut.sender.try_send(picture)) {}
    BOOST_TEST(!wait_any_for(1ms, sut.sender));  // there is room for a packet, not for a message
    BOOST_TEST(wait_any(Deadline::never(), sut.sender, sut.receiver).value() == 1);
    BOOST_TEST(sut.receiver.try_receive().has_value());
    BOOST_TEST(wait_any(Deadline::never(), sut.sender).value() == 0);
    sut.receiver.close();
    BOOST_TEST(wait_any(Deadline::never(), sut.sender).value() == 0);
}

BOOST_AUTO_TEST_CASE(an_end_that_is_not_open_is_refused) {
    auto a = Pipe::make();
    auto b = Pipe::make();
    a.receiver.close();
    const auto refusal = refusal_of([&] { return wait_any(Deadline::never(), b.receiver, a.receiver); });
    BOOST_TEST(refusal.is(std::errc::bad_file_descriptor));
    BOOST_TEST(refusal.says("wait_any: an endpoint that is not open"));
    BOOST_TEST(refusal_of([] {
                   return wait_any(Deadline::never(), TypedPipe<Picture>::Sender{});
               }).is(std::errc::bad_file_descriptor));
    BOOST_TEST(
        refusal_of([] { return wait_any(Deadline::never(), Pipe::Receiver{}); }).is(std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(what_has_no_descriptor_is_looked_at_beside_the_others) {
    auto a = Pipe::make();
    Fake fake;
    std::thread other{[&] {
        std::this_thread::sleep_for(20ms);
        fake.become_ready();
    }};
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, fake).value() == 1);
    other.join();
    BOOST_TEST(fake.looks() > 1);
    a.sender.send({1});
    BOOST_TEST(wait_any(Deadline::never(), a.receiver, fake).value() == 0);
    BOOST_TEST(wait_any(Deadline::never(), fake, a.receiver).value() == 0);
    const Fake idle;
    BOOST_TEST(wait_any(Deadline::never(), idle, a.receiver).value() == 1);
}

BOOST_AUTO_TEST_CASE(endpoints_in_a_row_are_named_by_their_place) {
    std::vector<Pipe> pipes;
    std::vector<Pipe::Receiver> receivers;
    for (int i = 0; i < 100; ++i) {
        pipes.push_back(Pipe::make());
        receivers.push_back(std::move(pipes.back().receiver));
    }
    BOOST_TEST(!wait_any(Deadline::of_monotonic(0), std::span{receivers}));
    for (const std::size_t i : {std::size_t{99}, std::size_t{50}, std::size_t{0}}) {
        pipes[i].sender.send({1});
        BOOST_TEST(wait_any(Deadline::never(), std::span{receivers}).value() == i);
        BOOST_TEST(wait_any(Deadline::never(), std::span<const Pipe::Receiver>{receivers}).value() == i);
    }
    std::array<Fake, 2> fakes;
    fakes[1].become_ready();
    BOOST_TEST(wait_any(Deadline::never(), std::span{fakes}).value() == 1);
    receivers[3].close();
    BOOST_TEST(refusal_of([&] {
                   return wait_any(Deadline::never(), std::span{receivers});
               }).is(std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(of_no_endpoints_the_time_comes) {
    BOOST_TEST(!wait_any(Deadline::after(1ms), std::span<Pipe::Receiver>{}));
}

BOOST_AUTO_TEST_CASE(looking_leaves_nothing_open_and_takes_no_message) {
    auto a = Pipe::make();
    a.sender.send({3});
    const support::Census before;
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(wait_any(Deadline::never(), a.receiver, a.sender).value() == 0);
    }
    BOOST_TEST(before == support::Census{});
    BOOST_TEST(a.receiver.receive().number == 3);
}
