// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE typed_pipe
#include "tenon/typed_pipe.hpp"

#include <fcntl.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/seed.hpp"
#include "support/users.hpp"

namespace {

using namespace std::chrono_literals;
using support::Census;
using support::Child;
using support::drop_privileges;
using support::Exhausted;
using support::in_child;
using support::Interruptions;
using support::refusal_of;
using support::Sized;
using support::wait_until_asleep;
using tenon::Capacity;
using tenon::errc;
using tenon::Outcome;
using tenon::TypedPipe;
using Clock = std::chrono::steady_clock;

using Small = Sized<64>;
using Large = Sized<40'000>;
constexpr std::size_t largest = 1'048'575;  // of an unprivileged user's pipe: 256 packets

/// Executes a shell. Returns its exit status, 128 + the signal that ended it.
int exit_status_of(const std::string& script) {
    const ::pid_t pid = ::fork();
    if (pid == 0) {
        ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
        ::_exit(99);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// A process that sends ten large messages as sender 1.
Child sender_of_ten(TypedPipe<Large>& pipe) {
    return Child{[&] {
        auto out = std::move(pipe).into_sender();
        for (std::uint32_t number = 0; number < 10; ++number) {
            out.send(*Large::make(1, number));
        }
        return true;
    }};
}

/// Four senders and four receivers, all at one time. Returns whether each message came once and whole.
template <class Msg>
bool crowd(std::uint32_t count) {
    constexpr std::uint32_t senders = 4;
    support::Tally tally{senders, count};
    auto pipe = TypedPipe<Msg>::make();
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([&] {
            auto in = std::move(pipe).into_receiver();
            for (;;) {
                std::error_code error;
                const auto message = in.try_receive_for(60s);
                if (!message) {
                    return message.outcome() == Outcome::closed;
                }
                if (!tally.take(*message)) {
                    return false;
                }
            }
        }));
    }
    for (std::uint32_t sender = 0; sender < senders; ++sender) {
        children.push_back(std::make_unique<Child>([&, sender] {
            auto out = std::move(pipe).into_sender();
            Msg message;
            for (std::uint32_t number = 0; number < count; ++number) {
                message.fill(sender, number);
                out.send(message);
            }
            return true;
        }));
    }
    pipe.sender.close();
    pipe.receiver.close();
    bool fine = true;
    for (auto& child : children) {
        fine = child->succeeds() && fine;
    }
    return fine && tally.arrived(1) == senders * count;
}

static_assert(tenon::MessageSender<TypedPipe<Small>::Sender, Small>);
static_assert(tenon::MessageReceiver<TypedPipe<Small>::Receiver, Small>);
static_assert(std::is_nothrow_move_constructible_v<TypedPipe<Small>::Sender>);
static_assert(std::is_nothrow_move_assignable_v<TypedPipe<Small>::Receiver>);
static_assert(!std::is_copy_constructible_v<TypedPipe<Small>::Sender>);

using Sizes = boost::mpl::list<Sized<1>, Sized<64>, Sized<4095>, Sized<4096>, Sized<4097>, Sized<8192>, Sized<8216>,
                               Sized<65'536>, Sized<largest>>;
using LargeSizes = boost::mpl::list<Sized<4097>, Sized<4120>, Sized<8192>, Sized<12'289>, Sized<20'580>, Sized<28'000>,
                                    Sized<36'864>, Sized<61'441>, Sized<65'536>>;

}  // namespace

// ---- order and wholeness

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_of_every_size_come_whole_and_in_order, Msg, Sizes) {
    auto pipe = TypedPipe<Msg>::make();
    constexpr std::uint32_t count = sizeof(Msg) > 100'000 ? 5 : 200;
    Child sender{[&] {
        auto out = std::move(pipe).into_sender();
        for (std::uint32_t number = 0; number < count; ++number) {
            out.send(*Msg::make(3, number));
        }
        return true;
    }};
    auto in = std::move(pipe).into_receiver();
    bool fine = true;
    for (std::uint32_t number = 0; number < count; ++number) {
        const auto message = std::make_unique<Msg>(in.receive());
        fine = fine && message->is(3, number);
    }
    BOOST_TEST(fine);
    BOOST_TEST(sender.succeeds());
    BOOST_TEST(name_of(in.try_receive().outcome()) == "closed");
}

BOOST_AUTO_TEST_CASE(four_senders_and_four_receivers_get_each_message_once_and_whole) {
    BOOST_TEST(crowd<Sized<64>>(2'000));
    BOOST_TEST(crowd<Sized<4096>>(500));
}

BOOST_AUTO_TEST_CASE(threads_share_an_end) {
    auto pipe = TypedPipe<Small>::make();
    std::atomic<int> whole{0};
    constexpr int each = 1'000;
    std::vector<std::thread> threads;
    for (std::uint32_t sender = 0; sender < 3; ++sender) {
        threads.emplace_back([&, sender] {
            for (std::uint32_t number = 0; number < each; ++number) {
                Small message;
                message.fill(sender, number);
                if (number % 2 == 0) {
                    pipe.sender.send(message);
                } else {
                    while (!pipe.sender.try_send_for(message, 1s)) {}
                }
            }
        });
        threads.emplace_back([&] {
            for (int i = 0; i < each; ++i) {
                if (i % 2 == 0) {
                    whole += pipe.receiver.receive().is_whole() ? 1 : 0;
                } else {
                    for (;;) {
                        if (const auto message = pipe.receiver.try_receive_for(1s)) {
                            whole += message->is_whole() ? 1 : 0;
                            break;
                        }
                    }
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    BOOST_TEST(whole == 3 * each);
}

// ---- full, empty, late

BOOST_AUTO_TEST_CASE(full_is_a_value_and_changes_nothing) {
    auto sut = TypedPipe<Small>::make();
    std::uint32_t sent = 0;
    while (sut.sender.try_send(*Small::make(1, sent))) {
        ++sent;
    }
    BOOST_TEST(sent == sut.sender.capacity());
    const auto full = sut.sender.try_send(*Small::make(1, sent));
    BOOST_TEST(name_of(full.outcome()) == "full");
    BOOST_TEST((full.error() == std::errc::resource_unavailable_try_again));
    BOOST_TEST(name_of(sut.sender.try_send_for(*Small::make(1, sent), 0ms).outcome()) == "late");
    for (std::uint32_t number = 0; number < sent; ++number) {
        const auto message = sut.receiver.try_receive();
        BOOST_TEST_REQUIRE(message.has_value());
        BOOST_TEST(message->is(1, number));
    }
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_large_message_is_sent_wholly_or_not_at_all, Msg, LargeSizes) {
    auto sut = TypedPipe<Msg>::make();
    std::uint32_t sent = 0;
    while (sut.sender.try_send(*Msg::make(1, sent))) {
        ++sent;
    }
    BOOST_TEST(sent >= 1);
    const std::size_t bytes = tenon::sys::bytes_in_pipe(sut.receiver.native_handle());
    BOOST_TEST(bytes == sent * sizeof(Msg));
    BOOST_TEST(name_of(sut.sender.try_send(*Msg::make(1, sent)).outcome()) == "full");
    BOOST_TEST(name_of(sut.sender.try_send_for(*Msg::make(1, sent), 5ms).outcome()) == "late");
    BOOST_TEST(tenon::sys::bytes_in_pipe(sut.receiver.native_handle()) == bytes);
    for (std::uint32_t round = 0; round < 3; ++round) {  // one out, one in
        BOOST_TEST(sut.receiver.receive().is(1, round));
        BOOST_TEST(static_cast<bool>(sut.sender.try_send(*Msg::make(1, sent + round))));
    }
    for (std::uint32_t number = 3; number < sent + 3; ++number) {
        const auto message = sut.receiver.try_receive();
        BOOST_TEST_REQUIRE(message.has_value());
        BOOST_TEST(message->is(1, number));
    }
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
}

BOOST_AUTO_TEST_CASE(empty_and_late_are_values_and_zero_looks_once) {
    auto sut = TypedPipe<Small>::make();
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
    BOOST_TEST(name_of(sut.receiver.try_receive_for(0ms).outcome()) == "late");
    const auto start = Clock::now();
    BOOST_TEST(name_of(sut.receiver.try_receive_for(20ms).outcome()) == "late");
    BOOST_TEST((Clock::now() - start >= 20ms));
    sut.sender.send(*Small::make(1, 1));
    BOOST_TEST(sut.receiver.try_receive_for(0ms).has_value());
    BOOST_TEST(name_of(sut.receiver.try_receive_for(-1s).outcome()) == "late");
}

BOOST_AUTO_TEST_CASE(waiting_with_a_deadline_ends_with_the_message) {
    auto pipe = TypedPipe<Small>::make();
    Child child{[&] {
        std::this_thread::sleep_for(20ms);
        pipe.sender.send(*Small::make(1, 5));
        return true;
    }};
    const auto message = pipe.receiver.try_receive_for(60s);
    BOOST_TEST_REQUIRE(message.has_value());
    BOOST_TEST(message->is(1, 5));
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(batches_go_as_far_as_there_is_room_and_in_order) {
    auto sut = TypedPipe<Small>::make();
    std::vector<Small> batch(sut.sender.capacity() + 5);
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
        batch[i].fill(1, i);
    }
    BOOST_TEST(sut.sender.try_send_many({}) == 0);
    BOOST_TEST(sut.sender.try_send_many(batch) == sut.sender.capacity());
    std::vector<Small> room(4);
    BOOST_TEST(sut.receiver.try_receive_many({}) == 0);
    std::uint32_t next = 0;
    while (const std::size_t count = sut.receiver.try_receive_many(room)) {
        for (std::size_t i = 0; i < count; ++i) {
            BOOST_TEST(room[i].is(1, next++));
        }
    }
    BOOST_TEST(next == sut.sender.capacity());
}

BOOST_AUTO_TEST_CASE(a_batch_of_whole_packets_goes_in_one_write) {
    using Page = Sized<4096>;
    auto sut = TypedPipe<Page>::make();
    std::vector<Page> batch(sut.sender.capacity() + 3);
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
        batch[i].fill(1, i);
    }
    BOOST_TEST(sut.sender.try_send_many({}) == 0);
    BOOST_TEST(sut.sender.try_send_many(std::span{batch}.first(3)) == 3);
    BOOST_TEST(sut.sender.try_send_many(std::span{batch}.subspan(3)) == sut.sender.capacity() - 3);
    BOOST_TEST(sut.sender.try_send_many(batch) == 0);
    for (std::uint32_t number = 0; number < sut.sender.capacity(); ++number) {
        BOOST_TEST(sut.receiver.receive().is(1, number));
    }
    sut.receiver.close();
    BOOST_TEST(sut.sender.try_send_many(batch) == 0);
    BOOST_TEST(name_of(sut.sender.try_send(batch[0]).outcome()) == "closed");
}

// ---- signals

BOOST_AUTO_TEST_CASE(signals_neither_shorten_nor_lengthen_a_wait_with_a_deadline) {
    auto small = TypedPipe<Small>::make();
    auto large = TypedPipe<Large>::make();
    while (small.sender.try_send(*Small::make(1, 1))) {}
    while (large.sender.try_send(*Large::make(1, 1))) {}
    auto empty = TypedPipe<Small>::make();
    auto large_empty = TypedPipe<Large>::make();
    const auto message = Large::make(1, 2);
    const Interruptions storm{300us};
    const auto lasts = [](auto wait) {
        const auto start = Clock::now();
        const bool is_late = wait().outcome() == Outcome::late;
        return is_late && Clock::now() - start >= 30ms;
    };
    BOOST_TEST(lasts([&] { return small.sender.try_send_for(*Small::make(1, 2), 30ms); }));
    BOOST_TEST(lasts([&] { return large.sender.try_send_for(*message, 30ms); }));
    BOOST_TEST(lasts([&] { return empty.receiver.try_receive_for(30ms); }));
    BOOST_TEST(lasts([&] { return large_empty.receiver.try_receive_for(30ms); }));
}

BOOST_AUTO_TEST_CASE(signals_do_not_disturb_a_blocked_send_or_receive) {
    const auto survives = [](auto message) {
        using Msg = typename decltype(message)::element_type;
        constexpr std::uint32_t count = 60;
        auto forth = TypedPipe<Msg>::make();
        auto back = TypedPipe<Msg>::make();
        Child echo{[&] {
            auto in = std::move(forth).into_receiver();
            auto out = std::move(back).into_sender();
            std::this_thread::sleep_for(20ms);  // the other one blocks in send()
            const Interruptions storm{300us};
            for (std::uint32_t i = 0; i < count; ++i) {
                const auto one = std::make_unique<Msg>(in.receive());
                if (!one->is(2, i)) {
                    return false;
                }
            }
            for (std::uint32_t i = 0; i < 20; ++i) {
                if (i % 5 == 0) {
                    const auto until = Clock::now() + 10ms;  // the other one blocks in receive()
                    while (Clock::now() < until) {}
                }
                out.send(*Msg::make(4, i));
            }
            return true;
        }};
        auto out = std::move(forth).into_sender();
        auto in = std::move(back).into_receiver();
        bool fine = true;
        {
            const Interruptions storm{300us};
            for (std::uint32_t i = 0; i < count; ++i) {
                message->fill(2, i);
                out.send(*message);
            }
            for (std::uint32_t i = 0; i < 20; ++i) {
                const auto one = std::make_unique<Msg>(in.receive());
                fine = fine && one->is(4, i);
            }
        }
        return echo.succeeds() && fine;
    };
    BOOST_TEST(survives(std::make_unique<Small>()));
    BOOST_TEST(survives(std::make_unique<Sized<4096>>()));
    BOOST_TEST(survives(std::make_unique<Large>()));
}

// ---- the end of the stream

BOOST_AUTO_TEST_CASE(what_was_sent_is_received_before_the_end_of_the_stream) {
    auto pipe = TypedPipe<Small>::make();
    pipe.sender.send(*Small::make(1, 1));
    auto in = std::move(pipe).into_receiver();
    BOOST_TEST(in.receive().is(1, 1));
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(name_of(in.try_receive().outcome()) == "closed");
        BOOST_TEST(name_of(in.try_receive_for(60s).outcome()) == "closed");
        const auto refusal = refusal_of([&] { return in.receive(); });
        BOOST_TEST(refusal.is(make_error_code(errc::closed)));
        BOOST_TEST(refusal.says("receive \"pipe\""));
    }
}

BOOST_AUTO_TEST_CASE(large_messages_end_in_the_same_way) {
    auto pipe = TypedPipe<Large>::make();
    pipe.sender.send(*Large::make(1, 1));
    auto in = std::move(pipe).into_receiver();
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(name_of(in.try_receive().outcome()) == "closed");
    BOOST_TEST(name_of(in.try_receive_for(60s).outcome()) == "closed");
    BOOST_TEST(refusal_of([&] { return in.receive(); }).is(make_error_code(errc::closed)));
}

BOOST_AUTO_TEST_CASE(the_stream_ends_when_the_last_of_several_senders_has_left) {
    auto pipe = TypedPipe<Small>::make();
    auto gate = TypedPipe<Sized<1>>::make();
    Child first{[&] {
        pipe.receiver.close();
        pipe.sender.send(*Small::make(1, 1));
        return true;
    }};
    Child second{[&] {
        pipe.receiver.close();
        static_cast<void>(gate.receiver.receive());
        pipe.sender.send(*Small::make(2, 2));
        return true;
    }};
    auto in = std::move(pipe).into_receiver();
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(first.succeeds());
    BOOST_TEST(name_of(in.try_receive_for(10ms).outcome()) == "late");
    gate.sender.send(*Sized<1>::make(0, 0));
    BOOST_TEST(in.receive().is(2, 2));
    BOOST_TEST(second.succeeds());
    BOOST_TEST(name_of(in.try_receive_for(60s).outcome()) == "closed");
}

BOOST_AUTO_TEST_CASE(a_sender_without_receivers_gets_a_broken_pipe_and_lives) {
    const bool lives = in_child([] {
        ::signal(SIGPIPE, SIG_DFL);
        const auto small = Small::make(1, 1);
        const auto large = Large::make(1, 1);
        bool fine = true;
        const auto gone = [&](auto& out, const auto& message) {
            const auto refusal = refusal_of([&] { return out.send(message), true; });
            fine = fine && refusal.is(std::errc::broken_pipe) && refusal.says("send \"pipe\"");
            fine = fine && out.try_send(message).outcome() == Outcome::closed;
            fine = fine && out.try_send_for(message, 60s).outcome() == Outcome::closed;
            fine = fine && out.try_send(message).error() == std::errc::broken_pipe;
        };
        auto a = TypedPipe<Small>::make().into_sender();
        gone(a, *small);
        auto b = TypedPipe<Large>::make().into_sender();
        gone(b, *large);
        return fine;
    });
    BOOST_TEST(lives);
}

BOOST_AUTO_TEST_CASE(the_first_word_of_a_sender_may_be_a_try_after_the_receiver_has_gone) {
    auto small = TypedPipe<Small>::make().into_sender();
    BOOST_TEST(name_of(small.try_send(*Small::make(1, 1)).outcome()) == "closed");
    auto waiting = TypedPipe<Small>::make().into_sender();
    BOOST_TEST(name_of(waiting.try_send_for(*Small::make(1, 1), 60s).outcome()) == "closed");
    auto large = TypedPipe<Large>::make().into_sender();
    BOOST_TEST(name_of(large.try_send(*Large::make(1, 1)).outcome()) == "closed");
}

BOOST_AUTO_TEST_CASE(a_blocked_sender_hears_that_the_receiver_has_gone) {
    for (const bool is_large : {false, true}) {
        auto small = TypedPipe<Small>::make();
        auto large = TypedPipe<Large>::make();
        Child sender{[&] {
            const auto fails = [](auto& out, const auto& message) {
                std::error_code error;
                while (!error) {
                    out.send(message, error);
                }
                return error == std::errc::broken_pipe;
            };
            auto a = std::move(small).into_sender();
            auto b = std::move(large).into_sender();
            return is_large ? fails(b, *Large::make(1, 1)) : fails(a, *Small::make(1, 1));
        }};
        wait_until_asleep(sender);
        small.receiver.close();
        large.receiver.close();
        BOOST_TEST(sender.succeeds());
    }
}

// ---- large messages: one sender, one receiver, deaths

BOOST_AUTO_TEST_CASE(a_second_sending_process_is_refused_also_when_it_is_the_parent) {
    auto first = TypedPipe<Large>::make();
    first.sender.send(*Large::make(1, 1));
    const bool child_is_refused = in_child([&] {
        const auto refusal = refusal_of([&] { return first.sender.send(*Large::make(1, 2)), true; });
        const auto tried = first.sender.try_send(*Large::make(1, 2));
        return refusal.is(std::errc::device_or_resource_busy) && tried.outcome() == Outcome::failed &&
               tried.error() == std::errc::device_or_resource_busy;
    });
    BOOST_TEST(child_is_refused);

    auto second = TypedPipe<Large>::make();
    auto gate = TypedPipe<Sized<1>>::make();
    Child child{[&] {
        second.sender.send(*Large::make(2, 1));
        static_cast<void>(gate.receiver.receive());
        second.sender.send(*Large::make(2, 2));
        return true;
    }};
    BOOST_TEST(second.receiver.receive().is(2, 1));
    BOOST_TEST((second.sender.try_send(*Large::make(1, 1)).error() == std::errc::device_or_resource_busy));
    gate.sender.send(*Sized<1>::make(0, 0));
    BOOST_TEST(second.receiver.receive().is(2, 2));
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(a_second_receiving_process_is_refused) {
    auto pipe = TypedPipe<Large>::make();
    pipe.sender.send(*Large::make(1, 1));
    BOOST_TEST(pipe.receiver.receive().is(1, 1));
    pipe.sender.send(*Large::make(1, 2));
    const bool child_is_refused = in_child([&] {
        return pipe.receiver.try_receive().error() == std::errc::device_or_resource_busy &&
               refusal_of([&] { return pipe.receiver.receive(); }).is(std::errc::device_or_resource_busy);
    });
    BOOST_TEST(child_is_refused);
    BOOST_TEST(pipe.receiver.receive().is(1, 2));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(of_a_message_whose_sender_was_killed_the_receiver_hears_died_and_never_a_part, Msg,
                              LargeSizes) {
    for (std::uint32_t taken = 0; taken < 3; ++taken) {
        for (const bool waits : {false, true}) {
            auto pipe = TypedPipe<Msg>::make();
            const std::size_t room = tenon::sys::pipe_capacity(pipe.sender.native_handle());
            Child sender{[&] {
                auto out = std::move(pipe).into_sender();
                for (std::uint32_t number = 0;; ++number) {
                    out.send(*Msg::make(1, number));
                }
                return false;
            }};
            auto in = std::move(pipe).into_receiver();
            std::uint32_t next = 0;
            for (; next < taken; ++next) {
                BOOST_TEST(in.receive().is(1, next));
            }
            wait_until_asleep(sender);  // the pipe is full
            sender.kill_now();
            Outcome end = Outcome::done;
            while (end == Outcome::done) {
                const auto message = waits ? in.try_receive_for(60s) : in.try_receive();
                end = message.outcome();
                if (message) {
                    BOOST_TEST(message->is(1, next++));
                }
            }
            const bool was_begun = room % tenon::carrier::Packets<Msg>::count != 0;
            BOOST_TEST(name_of(end) == (was_begun ? "died" : "closed"), sizeof(Msg) << " bytes, taken " << taken);
            BOOST_TEST(name_of(in.try_receive().outcome()) == "closed");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_sender_killed_at_any_moment_leaves_whole_messages_in_order) {
    std::mt19937_64 chance{support::seed()};
    const int rounds = support::in_full() ? 500 : 40;
    for (int round = 0; round < rounds; ++round) {
        auto pipe = TypedPipe<Large>::make();
        Child sender{[&] {
            auto out = std::move(pipe).into_sender();
            const auto message = std::make_unique<Large>();
            for (std::uint32_t number = 0;; ++number) {
                message->fill(1, number);
                if (round % 2 == 0) {
                    out.send(*message);
                } else {
                    static_cast<void>(out.try_send_for(*message, 60s));
                }
            }
            return false;
        }};
        auto in = std::move(pipe).into_receiver();
        const std::uint32_t taken = static_cast<std::uint32_t>(chance() % 8);
        std::uint32_t next = 0;
        bool fine = true;
        while (next < taken) {
            const auto message = std::make_unique<Large>(in.receive());
            fine = fine && message->is(1, next++);
        }
        std::this_thread::sleep_for(std::chrono::microseconds{chance() % 300});
        sender.signal(SIGKILL);
        for (;;) {
            const auto message = in.try_receive_for(60s);
            if (!message) {
                fine = fine && (message.outcome() == Outcome::died || message.outcome() == Outcome::closed);
                break;
            }
            fine = fine && message->is(1, next++);
        }
        BOOST_TEST_REQUIRE(fine);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(after_a_killed_sender_another_that_shares_the_end_goes_on_with_whole_messages, Msg,
                              LargeSizes) {
    for (const bool waits : {false, true}) {
        auto pipe = TypedPipe<Msg>::make();
        Child first{[&] {
            for (std::uint32_t number = 0;; ++number) {
                pipe.sender.send(*Msg::make(1, number));
            }
            return false;
        }};
        wait_until_asleep(first);
        first.kill_now();
        Child second{[&] {
            for (std::uint32_t number = 0; number < 5; ++number) {
                pipe.sender.send(*Msg::make(2, number));
            }
            return true;
        }};
        auto in = std::move(pipe).into_receiver();
        std::uint32_t of_first = 0;
        std::uint32_t of_second = 0;
        while (of_second < 5) {
            const auto message = waits ? in.try_receive_for(60s) : tenon::Received<Msg>{in.receive()};
            BOOST_TEST_REQUIRE(message.has_value());
            if (message->sender() == 1) {
                BOOST_TEST_REQUIRE(message->is(1, of_first++));
            } else {
                BOOST_TEST_REQUIRE(message->is(2, of_second++));
            }
        }
        BOOST_TEST(second.succeeds());
        BOOST_TEST(name_of(in.try_receive_for(60s).outcome()) == "closed");
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(after_a_killed_receiver_another_goes_on_with_whole_messages, Msg, LargeSizes) {
    auto pipe = TypedPipe<Msg>::make();
    Child sender{[&] {
        auto out = std::move(pipe).into_sender();
        for (std::uint32_t number = 0; number < 40; ++number) {
            out.send(*Msg::make(1, number));
        }
        return true;
    }};
    auto gate = TypedPipe<Sized<1>>::make();
    Child receiver{[&] {
        static_cast<void>(pipe.receiver.receive());
        // The beginning of the next one, as if it were killed there.
        static std::array<std::byte, 4096> room;
        if (::read(pipe.receiver.native_handle(), room.data(), room.size()) !=
            static_cast<::ssize_t>(tenon::carrier::Packets<Msg>::first)) {
            return false;
        }
        gate.sender.send(*Sized<1>::make(0, 0));
        ::pause();
        return false;
    }};
    static_cast<void>(gate.receiver.receive());
    receiver.kill_now();
    auto in = std::move(pipe).into_receiver();
    for (std::uint32_t number = 2; number < 40; ++number) {
        const auto message = in.try_receive_for(60s);
        BOOST_TEST_REQUIRE(message.has_value());
        BOOST_TEST_REQUIRE(message->is(1, number), message->number() << " instead of " << number);
    }
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(a_stopped_sender_in_the_middle_of_a_message_holds_up_no_deadline) {
    auto pipe = TypedPipe<Large>::make();
    Child sender = sender_of_ten(pipe);
    auto in = std::move(pipe).into_receiver();
    wait_until_asleep(sender);
    sender.signal(SIGSTOP);
    std::uint32_t next = 0;
    for (;;) {
        const auto message = in.try_receive_for(20ms);
        if (!message) {
            BOOST_TEST(name_of(message.outcome()) == "late");
            break;
        }
        BOOST_TEST(message->is(1, next++));
    }
    BOOST_TEST(name_of(in.try_receive().outcome()) == "empty");
    sender.signal(SIGCONT);
    for (; next < 10; ++next) {
        const auto message = in.try_receive_for(60s);
        BOOST_TEST_REQUIRE(message.has_value());
        BOOST_TEST(message->is(1, next));
    }
    BOOST_TEST(sender.succeeds());
}

// ---- what is not a message

namespace {
struct Flagged {
    int number;
    bool flag;
};
struct Choice {
    std::variant<int, double> value;
};
struct LargeFlagged {
    std::array<std::uint8_t, 5000> bytes;
    bool flag;
};
}  // namespace

BOOST_AUTO_TEST_CASE(bytes_that_are_no_bool_or_no_variant_are_corrupted_and_the_next_message_is_fine) {
    auto flagged = TypedPipe<Flagged>::make();
    std::array<unsigned char, sizeof(Flagged)> bytes{};
    bytes[offsetof(Flagged, flag)] = 2;
    const auto spoil = [&] {
        BOOST_TEST_REQUIRE(::write(flagged.sender.native_handle(), bytes.data(), bytes.size()) ==
                           static_cast<::ssize_t>(bytes.size()));
    };
    spoil();
    spoil();
    flagged.sender.send({3, true});
    BOOST_TEST(name_of(flagged.receiver.try_receive().outcome()) == "corrupted");
    BOOST_TEST(refusal_of([&] { return flagged.receiver.receive(); }).is(make_error_code(errc::corrupted)));
    BOOST_TEST(flagged.receiver.receive().number == 3);

    auto choice = TypedPipe<Choice>::make();
    std::array<unsigned char, sizeof(Choice)> all_bits;
    all_bits.fill(0x7f);
    BOOST_TEST_REQUIRE(::write(choice.sender.native_handle(), all_bits.data(), all_bits.size()) > 0);
    choice.sender.send({Choice{2.5}});
    BOOST_TEST(name_of(choice.receiver.try_receive().outcome()) == "corrupted");
    BOOST_TEST(std::get<double>(choice.receiver.receive().value) == 2.5);
}

BOOST_AUTO_TEST_CASE(a_large_message_with_a_bad_bool_is_corrupted_and_the_next_is_fine) {
    using Packets = tenon::carrier::Packets<LargeFlagged>;
    auto sut = TypedPipe<LargeFlagged>::make();
    std::vector<unsigned char> bytes(sizeof(LargeFlagged), 9);
    BOOST_TEST_REQUIRE(::write(sut.sender.native_handle(), bytes.data(), Packets::first) > 0);
    BOOST_TEST_REQUIRE(
        ::write(sut.sender.native_handle(), bytes.data() + Packets::first, bytes.size() - Packets::first) > 0);
    const auto good = std::make_unique<LargeFlagged>();
    good->flag = true;
    sut.sender.send(*good);
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "corrupted");
    BOOST_TEST(sut.receiver.receive().flag);
}

BOOST_AUTO_TEST_CASE(a_packet_that_is_too_short_is_corrupted_and_the_next_message_is_fine) {
    auto sut = TypedPipe<Small>::make();
    for (const bool waits : {false, true}) {
        BOOST_TEST_REQUIRE(::write(sut.sender.native_handle(), "short", 5) == 5);
        sut.sender.send(*Small::make(1, 1));
        if (waits) {
            BOOST_TEST(refusal_of([&] { return sut.receiver.receive(); }).is(make_error_code(errc::corrupted)));
        } else {
            BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "corrupted");
        }
        BOOST_TEST(sut.receiver.receive().is(1, 1));
    }
}

// ---- limits

BOOST_AUTO_TEST_CASE(capacity_is_at_least_what_was_asked_for) {
    for (const std::uint32_t wanted : {1U, 16U, 17U, 100U}) {
        auto small = TypedPipe<Small>::make(Capacity{wanted});
        BOOST_TEST(small.sender.capacity() >= wanted);
        for (std::uint32_t i = 0; i < wanted; ++i) {
            BOOST_TEST(static_cast<bool>(small.sender.try_send(*Small::make(1, i))));
        }
    }
    auto large = TypedPipe<Large>::make(Capacity{3});
    BOOST_TEST(large.sender.capacity() >= 3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        BOOST_TEST(static_cast<bool>(large.sender.try_send(*Large::make(1, i))));
    }
    BOOST_TEST(refusal_of([] { return TypedPipe<Small>::make(Capacity{UINT32_MAX}); }).is(std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_largest_message_fits_without_privileges_and_one_packet_more_is_refused_with_the_limit) {
    const std::uint64_t limit = tenon::sys::kernel_limit("/proc/sys/fs/pipe-max-size");
    BOOST_TEST_REQUIRE(limit == 1'048'576);
    const bool fits = in_child([] {
        if (!drop_privileges()) {
            return false;
        }
        auto pipe = TypedPipe<Sized<largest>>::make();
        if (!pipe.sender.try_send(*Sized<largest>::make(1, 1))) {
            return false;
        }
        const auto message = std::make_unique<Sized<largest>>(pipe.receiver.receive());
        return message->is(1, 1);
    });
    BOOST_TEST(fits);
    const bool is_refused = in_child([] {
        const auto refusal =
            refusal_of([] { return drop_privileges() ? TypedPipe<Sized<largest + 1>>::make() : throw 1; });
        std::error_code error;
        static_cast<void>(TypedPipe<Sized<largest + 1>>::make(error));
        return refusal.is(std::errc::operation_not_permitted) &&
               refusal.says("/proc/sys/fs/pipe-max-size is 1048576") && error == std::errc::operation_not_permitted;
    });
    BOOST_TEST(is_refused);
}

BOOST_AUTO_TEST_CASE(without_descriptors_left_make_throws_and_try_says_so_as_a_value) {
    const bool fine = in_child([] {
        auto pipe = TypedPipe<Small>::make();
        auto large = TypedPipe<Large>::make();
        const auto message = Large::make(1, 1);
        Exhausted all;
        const auto refusal = refusal_of([] { return TypedPipe<Small>::make(); });
        bool told = refusal.is(std::errc::too_many_files_open) && refusal.says("pipe2");
        const auto sent = pipe.sender.try_send(*Small::make(1, 1));
        told = told && sent.outcome() == Outcome::failed && sent.error() == std::errc::too_many_files_open;
        const auto received = pipe.receiver.try_receive();
        told = told && received.outcome() == Outcome::failed && received.error() == std::errc::too_many_files_open;
        told = told && large.sender.try_send(*message).error() == std::errc::too_many_files_open;
        std::error_code error;
        large.sender.send(*message, error);
        told = told && error == std::errc::too_many_files_open;
        pipe.sender.send(*Small::make(1, 2));  // needs none
        told = told && pipe.receiver.receive().is(1, 2);
        all.open.clear();
        told = told && pipe.sender.try_send(*Small::make(1, 3)) && pipe.receiver.try_receive()->is(1, 3);
        return told && large.sender.try_send(*message) && large.receiver.try_receive();
    });
    BOOST_TEST(fine);
}

// ---- life

BOOST_AUTO_TEST_CASE(ten_thousand_pipes_leave_nothing) {
    static_cast<void>(TypedPipe<Small>::make());
    const Census before;
    for (int i = 0; i < 10'000; ++i) {
        auto pipe = TypedPipe<Small>::make();
        if (i % 4 == 0) {  // the second descriptions, too
            static_cast<void>(pipe.sender.try_send(*Small::make(1, 1)));
            static_cast<void>(pipe.receiver.try_receive());
        }
    }
    const auto message = Large::make(1, 1);
    for (int i = 0; i < 200; ++i) {
        auto pipe = TypedPipe<Large>::make();
        static_cast<void>(pipe.sender.try_send(*message));
        static_cast<void>(pipe.receiver.try_receive());
        auto in = std::move(pipe).into_receiver();
    }
    BOOST_TEST(before == Census{});
}

BOOST_AUTO_TEST_CASE(a_moved_end_works_and_the_one_that_it_was_moved_from_does_not) {
    auto pipe = TypedPipe<Small>::make();
    BOOST_TEST(static_cast<bool>(pipe.sender));
    auto sender = std::move(pipe.sender);
    auto receiver = std::move(pipe.receiver);
    BOOST_TEST(!pipe.sender);
    BOOST_TEST(!pipe.receiver);
    BOOST_TEST((pipe.sender.try_send(*Small::make(1, 1)).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((pipe.receiver.try_receive().error() == std::errc::bad_file_descriptor));
    BOOST_TEST(refusal_of([&] { return pipe.receiver.receive(); }).is(std::errc::bad_file_descriptor));
    BOOST_TEST(static_cast<bool>(sender.try_send(*Small::make(1, 2))));
    BOOST_TEST(receiver.receive().is(1, 2));
    auto other = TypedPipe<Small>::make();
    sender = std::move(other.sender);  // closes what it had
    BOOST_TEST(name_of(receiver.try_receive().outcome()) == "closed");
    sender.send(*Small::make(1, 3));
    BOOST_TEST(other.receiver.receive().is(1, 3));
    receiver = std::move(other.receiver);
    sender.send(*Small::make(1, 4));
    BOOST_TEST(receiver.receive().is(1, 4));
}

BOOST_AUTO_TEST_CASE(a_large_message_that_was_begun_moves_with_its_receiver) {
    auto pipe = TypedPipe<Large>::make();
    Child sender = sender_of_ten(pipe);
    auto in = std::move(pipe).into_receiver();
    wait_until_asleep(sender);
    sender.signal(SIGSTOP);
    std::uint32_t next = 0;
    while (const auto message = in.try_receive()) {
        BOOST_TEST(message->is(1, next++));
    }
    auto moved = std::move(in);
    sender.signal(SIGCONT);
    for (; next < 10; ++next) {
        BOOST_TEST(moved.receive().is(1, next));
    }
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(a_closed_end_refuses_and_closing_twice_is_nothing) {
    auto pipe = TypedPipe<Small>::make();
    pipe.sender.close();
    pipe.sender.close();
    BOOST_TEST(!pipe.sender);
    BOOST_TEST(pipe.sender.native_handle() == -1);
    const auto is_told = [](auto call) { return refusal_of(call).is(std::errc::bad_file_descriptor); };
    BOOST_TEST(is_told([&] { return pipe.sender.send(*Small::make(1, 1)), true; }));
    auto large = TypedPipe<Large>::make();
    large.sender.close();
    large.receiver.close();
    BOOST_TEST(is_told([&] { return large.sender.send(*Large::make(1, 1)), true; }));
    BOOST_TEST(is_told([&] { return large.receiver.receive(); }));
    BOOST_TEST((large.sender.try_send(*Large::make(1, 1)).error() == std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(a_wait_that_the_kernel_refuses_to_poll_for_lasts_as_long_as_any) {
    const bool fine = in_child([] {
        auto pipe = TypedPipe<Small>::make();
        auto full = TypedPipe<Small>::make();
        while (full.sender.try_send(*Small::make(1, 1))) {}
        bool lasts = pipe.receiver.try_receive().outcome() == Outcome::empty;
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        const auto start = Clock::now();
        lasts = lasts && pipe.receiver.try_receive_for(20ms).outcome() == Outcome::late;
        lasts = lasts && Clock::now() - start >= 20ms;
        lasts = lasts && full.sender.try_send_for(*Small::make(1, 1), 20ms).outcome() == Outcome::late;
        lasts = lasts && Clock::now() - start >= 40ms;
        Child sender{[&] {
            std::this_thread::sleep_for(20ms);
            pipe.sender.send(*Small::make(1, 2));
            return true;
        }};
        const auto message = pipe.receiver.try_receive_for(60s);
        pipe.sender.close();
        return sender.succeeds() && message && message->is(1, 2) && lasts &&
               pipe.receiver.try_receive_for(60s).error() == std::errc::invalid_argument;  // the end cannot be told
    });
    BOOST_TEST(fine);
}

BOOST_AUTO_TEST_CASE(a_child_uses_both_ends_that_it_inherited) {
    auto forth = TypedPipe<Small>::make();
    auto back = TypedPipe<Small>::make();
    static_cast<void>(forth.sender.try_send(*Small::make(1, 1)));  // the second description is inherited as well
    Child child{[&] {
        const auto message = forth.receiver.try_receive_for(60s);
        return message && back.sender.try_send(*message);
    }};
    BOOST_TEST(back.receiver.receive().is(1, 1));
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(exec_leaks_nothing) {
    auto small = TypedPipe<Small>::make();
    static_cast<void>(small.sender.try_send(*Small::make(1, 1)));
    static_cast<void>(small.receiver.try_receive());
    auto large = TypedPipe<Large>::make();
    static_cast<void>(large.sender.try_send(*Large::make(1, 1)));
    static_cast<void>(large.receiver.try_receive());
    // The test may have inherited pipes of others: only ours count.
    std::string script;
    for (const int descriptor : {small.sender.native_handle(), large.sender.native_handle()}) {
        script += "ls -l /proc/$$/fd | grep -q 'pipe:.*" + std::to_string(tenon::sys::status(descriptor).st_ino) +
                  "' && exit 1; ";
    }
    BOOST_TEST(exit_status_of(script + "exit 0") == 0);
}

BOOST_AUTO_TEST_CASE(the_default_action_of_sigpipe_is_back_after_exec) {
    auto pipe = TypedPipe<Small>::make();
    BOOST_TEST(exit_status_of("kill -PIPE $$; exit 3") == 128 + SIGPIPE);
}
