// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE messages_signals
/// Everything that carries messages, while a signal interrupts each of its system calls: EINTR is dealt with inside, and
/// neither shortens a wait nor lengthens it for ever. What hangs here is ended by the watchdog.
#include <boost/test/unit_test.hpp>
#include <span>

#include "conformance/carriers.hpp"
#include "support/interruptions.hpp"
#include "tenon/wait_any.hpp"

using namespace conformance;
using std::chrono::steady_clock;
using support::Child;

namespace {

struct SignalStorm : support::Interruptions {
    SignalStorm() : Interruptions{200us} {}
};

/// Waits until some more signals have come, to whoever is in a storm.
void let_it_storm() {
    const long before = SignalStorm::total();
    while (SignalStorm::total() < before + 5) {
        tenon::sys::sleep_until(tenon::sys::monotonic_now() + 1'000'000);
    }
}

/// Whether `attempt` is late after 10 ms at least, in a time in which signals have come.
template <class Attempt>
bool is_late_in_a_storm(Attempt attempt) {
    const SignalStorm storm;
    do {  // on a busy machine several signals may come as one
        const auto start = steady_clock::now();
        const Outcome outcome = attempt().outcome();
        if (outcome != Outcome::late || steady_clock::now() - start < 10ms) {
            return false;
        }
    } while (storm.count() < 5);
    return true;
}

/// Sends `count` messages in each way that there is, in turn.
template <class Out>
bool send_in_every_way(Out& sender, std::uint32_t from, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count;) {
        const auto message = Note::of(from, i);
        switch (i % 4) {
            case 0: sender.send(message); break;
            case 1:
                if (!sender.try_send_for(message, 1h)) {
                    return false;
                }
                break;
            case 2:
                if (const auto sent = sender.try_send(message); !sent) {
                    if (sent.outcome() != Outcome::full) {
                        return false;
                    }
                    continue;
                }
                break;
            case 3:
                if (sender.try_send_many(std::span{&message, 1}) == 0) {
                    continue;
                }
                break;
        }
        ++i;
    }
    return true;
}

template <class In>
bool receive_in_every_way(In& receiver, std::uint32_t from, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count;) {
        auto message = Note::of(99, 99);
        switch (i % 4) {
            case 0: message = receiver.receive(); break;
            case 1: message = receiver.try_receive_for(1h).value(); break;
            case 2:
                if (const auto received = receiver.try_receive(); received) {
                    message = *received;
                } else if (received.outcome() == Outcome::empty) {
                    continue;
                }
                break;
            case 3:
                if (receiver.try_receive_many(std::span{&message, 1}) == 0) {
                    continue;
                }
                break;
        }
        if (!message.is(from, i++)) {
            return false;
        }
    }
    return true;
}

constexpr std::uint32_t flow = 4'000;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_flow_both_ways_through_a_storm_of_signals, Carrier, AllCarriers) {
    auto there = Carrier::template connect<Note>();
    auto back = Carrier::template connect<Note>();
    Child echo{[&] {
        const SignalStorm storm;
        for (std::uint32_t i = 0; i < flow; ++i) {
            if (!there.receiver.receive().is(1, i)) {
                return false;
            }
            back.sender.send(Note::of(2, i));
        }
        return storm.count() > 0;
    }};
    {
        const SignalStorm storm;
        for (std::uint32_t i = 0; i < flow; ++i) {
            there.sender.send(Note::of(1, i));
            BOOST_REQUIRE(back.receiver.receive().is(2, i));
        }
        BOOST_TEST(storm.count() > 0);
    }
    BOOST_TEST(echo.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_verb_goes_through_a_storm_of_signals_whole_and_in_order, Carrier, AllCarriers) {
    auto there = Carrier::template connect<Note>();
    auto back = Carrier::template connect<Note>();
    Child peer{[&] {
        const SignalStorm storm;
        return receive_in_every_way(there.receiver, 1, flow) && send_in_every_way(back.sender, 2, flow) &&
               storm.count() > 0;
    }};
    {
        const SignalStorm storm;
        BOOST_TEST(send_in_every_way(there.sender, 1, flow));
        BOOST_TEST(receive_in_every_way(back.receiver, 2, flow));
        BOOST_TEST(storm.count() > 0);
    }
    BOOST_TEST(peer.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_sleeps_in_send_or_receive_is_interrupted_and_sleeps_on, Carrier, AllCarriers) {
    auto line = Carrier::template connect<Note>();
    const support::Shared<std::uint32_t> count{1};
    Child blocked{[&] {
        count[0] = fill(line.sender);
        const SignalStorm storm;
        line.sender.send(Note::of(0, count[0]));
        return storm.count() >= 5;
    }};
    let_it_storm();
    for (std::uint32_t i = 0; i < count[0]; ++i) {
        BOOST_REQUIRE(line.receiver.receive().is(0, i));
    }
    BOOST_TEST(blocked.succeeds());
    BOOST_TEST(holds(line.receiver, 1, count[0]));

    auto second = Carrier::template connect<Note>();
    Child patient{[&] {
        const SignalStorm storm;
        return second.receiver.receive().is(0, 5) && second.receiver.try_receive_for(1h).value().is(0, 6) &&
               second.receiver.try_receive_until(tenon::Deadline::never()).value().is(0, 7) && storm.count() >= 15;
    }};
    for (std::uint32_t i = 5; i < 8; ++i) {
        let_it_storm();
        second.sender.send(Note::of(0, i));
    }
    BOOST_TEST(patient.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_neither_shorten_a_wait_nor_lengthen_it_for_ever, Carrier, AllCarriers) {
    auto line = Carrier::template connect<Note>();
    BOOST_TEST(is_late_in_a_storm([&] { return line.receiver.try_receive_for(10ms); }));
    BOOST_TEST(is_late_in_a_storm([&] { return line.receiver.try_receive_until(tenon::Deadline::after(10ms)); }));
    const std::uint32_t count = fill(line.sender);
    const auto more = Note::of(9, 9);
    BOOST_TEST(is_late_in_a_storm([&] { return line.sender.try_send_for(more, 10ms); }));
    BOOST_TEST(is_late_in_a_storm([&] { return line.sender.try_send_until(more, tenon::Deadline::after(10ms)); }));
    BOOST_TEST(holds(line.receiver, count));
    struct Waited {
        Outcome what;
        [[nodiscard]] Outcome outcome() const { return what; }
    };
    BOOST_TEST(is_late_in_a_storm(
        [&] { return Waited{tenon::wait_any_for(10ms, line.receiver) ? Outcome::done : Outcome::late}; }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_storm_of_signals_disturbs_no_birth_and_no_end, Carrier, AllCarriers) {
    const support::Census before;
    {
        const SignalStorm storm;
        const auto start = steady_clock::now();
        for (std::uint32_t i = 0; i < 100 || steady_clock::now() - start < 20ms; ++i) {
            auto line = Carrier::template connect<Note>();
            line.sender.send(Note::of(0, i));
            BOOST_REQUIRE(holds(line.receiver, 1, i));
        }
        BOOST_TEST(storm.count() > 0);
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_messages_cross_whole_through_a_storm_of_signals, Carrier, LargeCarriers) {
    using Message = typename Carrier::LargeMessage;
    typename Carrier::template Meeting<Message> meeting;
    Child sending{[&] {
        auto sender = meeting.sender();
        const SignalStorm storm;
        for (std::uint32_t i = 0; i < 200; ++i) {
            if (i % 2 == 0) {
                sender.send(Message::of(1, i));
            } else if (!sender.try_send_for(Message::of(1, i), 1h)) {
                return false;
            }
        }
        return storm.count() > 0;
    }};
    {
        auto receiver = meeting.receiver();
        const SignalStorm storm;
        for (std::uint32_t i = 0; i < 200; ++i) {
            if (i % 4 < 2) {
                BOOST_REQUIRE(receiver.receive().is(1, i));
            } else {
                BOOST_REQUIRE(receiver.try_receive_for(1h).value().is(1, i));
            }
        }
    }
    BOOST_TEST(sending.succeeds());
}
