// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE messages_processes
/// Everything that carries messages, among several processes: crowds, heirs, peers that leave and peers that are killed, and
/// what is left behind.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "conformance/carriers.hpp"

using namespace conformance;
using support::Child;
using support::in_child;
using support::refusal_of;
using support::wait_until_asleep;

namespace {

template <class Carrier, class Msg>
using LineOf = decltype(Carrier::template connect<Msg>());

/// The lines between a crowd of senders and as many receivers: one that all share, or one for each couple.
template <class Carrier, class Msg = Note>
class Crowd {
public:
    explicit Crowd(std::uint32_t couples) {
        for (std::uint32_t i = 0; i < (Carrier::is_shared ? 1 : couples); ++i) {
            lines_.push_back(Carrier::template connect<Msg>());
        }
    }
    /// Called in the process that becomes this sender; all other ends are closed there.
    auto become_sender(std::uint32_t which) {
        auto sender = std::move(lines_[which % lines_.size()].sender);
        lines_.clear();
        return sender;
    }
    auto become_receiver(std::uint32_t which) {
        auto receiver = std::move(lines_[which % lines_.size()].receiver);
        lines_.clear();
        return receiver;
    }
    /// Keeps all receivers, for one process that receives what all send.
    void close_senders() {
        for (auto& line : lines_) {
            line.sender = {};
        }
    }
    /// Sees to it that receivers come to their end when all senders have: by closing, or by a last word to each.
    void end(std::uint32_t receivers) {
        if constexpr (!Carrier::tells_of_peers) {
            for (std::uint32_t i = 0; i < receivers; ++i) {
                lines_[i % lines_.size()].sender.send(last_word());
            }
        }
    }
    static Msg last_word() { return Msg::of(77, 77); }

    [[nodiscard]] std::vector<LineOf<Carrier, Msg>>& lines() { return lines_; }

private:
    std::vector<LineOf<Carrier, Msg>> lines_;
};

/// Receives to the end, giving each message to `take`. Returns  whether all that came was good, and the end as it must be.
template <class Carrier, class In, class Take>
bool receive_to_the_end(In& receiver, Take take) {
    for (;;) {
        const auto message = receiver.try_receive_for(1h);
        if (!message) {
            return Carrier::tells_of_peers && is_gone(message.outcome());
        }
        if (!Carrier::tells_of_peers && message->is(77, 77)) {
            return true;
        }
        if (!take(*message)) {
            return false;
        }
    }
}

/// Whether messages of each sender come with growing numbers.
class Growing {
public:
    bool take(const Note& message) {
        auto& last = last_[message.sender() % last_.size()];
        return std::exchange(last, std::int64_t{message.number()}) < std::int64_t{message.number()};
    }

private:
    std::array<std::int64_t, 8> last_{-1, -1, -1, -1, -1, -1, -1, -1};
};

/// Waits until `happened`, looking now and then.
template <class Happened>
void wait_until(Happened happened) {
    while (!happened()) {
        std::this_thread::sleep_for(100us);
    }
}

constexpr std::uint32_t couples = 4;
constexpr std::uint32_t messages_each = 5'000;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_is_lost_or_doubled_among_four_senders_and_four_receivers, Carrier, AllCarriers) {
    Crowd<Carrier> crowd{couples};
    Tally tally{couples, messages_each};
    std::vector<std::unique_ptr<Child>> receivers;
    std::vector<std::unique_ptr<Child>> senders;
    for (std::uint32_t i = 0; i < couples; ++i) {
        receivers.push_back(std::make_unique<Child>([&crowd, &tally, i] {
            auto receiver = crowd.become_receiver(i);
            Growing order;
            return receive_to_the_end<Carrier>(
                receiver, [&](const Note& message) { return tally.take(message) && order.take(message); });
        }));
        senders.push_back(std::make_unique<Child>([&crowd, i] {
            auto sender = crowd.become_sender(i);
            for (std::uint32_t number = 0; number < messages_each; ++number) {
                sender.send(Note::of(i, number));
            }
            return true;
        }));
    }
    if (Carrier::tells_of_peers) {
        crowd.lines().clear();
    }
    for (auto& sender : senders) {
        BOOST_TEST(sender->succeeds());
    }
    crowd.end(couples);
    for (auto& receiver : receivers) {
        BOOST_TEST(receiver->succeeds());
    }
    BOOST_TEST(tally.arrived(1) == couples * messages_each);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(processes_that_only_know_the_name_find_each_other, Carrier, NamedCarriers) {
    constexpr std::uint32_t senders = Carrier::is_shared ? 3 : 1;
    constexpr std::uint32_t each = 1'000;
    typename Carrier::template Meeting<Note> meeting;
    std::vector<std::unique_ptr<Child>> children;
    for (std::uint32_t i = 0; i < senders; ++i) {
        children.push_back(std::make_unique<Child>([&meeting, i] {
            auto sender = meeting.sender();
            for (std::uint32_t number = 0; number < each; ++number) {
                sender.send(Note::of(i, number));
            }
            return true;
        }));
    }
    auto receiver = meeting.receiver();
    Sequel sequel{senders};
    for (std::uint32_t i = 0; i < senders * each; ++i) {
        auto message = receiver.try_receive_for(1h);
        while (message.outcome() == Outcome::closed) {  // those who came have left, and the next are on their way
            message = receiver.try_receive_for(1h);
        }
        BOOST_REQUIRE(sequel.take(message.value()));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_sends_and_receives_with_the_ends_that_it_inherits, Carrier, AllCarriers) {
    const support::Census before;
    {
        auto line = Carrier::template connect<Note>();
        if constexpr (!Carrier::has_roles) {
            // Used before the fork too: what is made at the first use is inherited as well.
            BOOST_TEST(bool{line.sender.try_send(Note::of(0, 0))});
            BOOST_TEST(holds(line.receiver, 1));
        }
        BOOST_TEST(
            in_child([&] { return line.sender.send(Note::of(0, 1)), bool{line.sender.try_send(Note::of(0, 2))}; }));
        if constexpr (Carrier::
                          has_roles) {  // what the child has sent, another one receives; then the parent takes over
            BOOST_TEST(in_child([&] { return holds(line.receiver, 2, 1); }));
        } else {
            BOOST_TEST(holds(line.receiver, 2, 1));
        }
        line.sender.send(Note::of(0, 3));
        line.sender.send(Note::of(0, 4));
        BOOST_TEST(in_child([&] { return line.receiver.receive().is(0, 3) && holds(line.receiver, 1, 4); }));
        // Children that leave have taken nothing away from their parent.
        BOOST_TEST(in_child([&] {
            auto mine = std::move(line);
            return true;
        }));
        line.sender.send(Note::of(0, 5));
        BOOST_TEST(holds(line.receiver, 1, 5));
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(exec_leaks_nothing, Carrier, AllCarriers) {
    // What is open already is none of ours; the shell's own descriptor, with which it looks, is gone when it is asked for.
    std::string script = "for f in /proc/$$/fd/*; do case ${f##*/} in none";
    for (int descriptor = 0; descriptor < 1'000; ++descriptor) {
        script += ::fcntl(descriptor, F_GETFD) == -1 ? "" : "|" + std::to_string(descriptor);
    }
    script += ") ;; *) if [ -L $f ]; then echo \"leaked: $(readlink $f)\" >&2; exit 1; fi ;; esac; done";
    auto line = Carrier::template connect<Note>();
    if constexpr (!Carrier::has_roles) {
        line.sender.send(Note::of(0, 0));
        BOOST_TEST(holds(line.receiver, 1));
    }
    BOOST_TEST(in_child([&] {
        bool fine =
            line.sender.try_send(Note::of(0, 1)) && line.receiver.try_receive();  // all that is made at first use
        line.sender.send(Note::of(0, 2));
        fine = fine && line.receiver.receive().is(0, 2);
        if (fine) {
            ::execl("/bin/sh", "sh", "-c", script.c_str(), static_cast<char*>(nullptr));
        }
        return false;
    }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(opening_and_closing_leaks_nothing, Carrier, AllCarriers) {
    { auto first = Carrier::template connect<Note>(); }
    const support::Census before;
    const std::uint32_t rounds = support::in_full() ? 10'000 : 1'000;
    for (std::uint32_t i = 0; i < rounds; ++i) {
        auto line = Carrier::template connect<Note>();
        line.sender.send(Note::of(0, i));
        line.sender.send(Note::of(0, i + 1));
        BOOST_REQUIRE((i % 2 == 0 || holds(line.receiver, 2, i)));  // with messages in it, and without
    }
    BOOST_TEST(support::Census{} == before);
}

// ---- Peers that leave ----

BOOST_AUTO_TEST_CASE_TEMPLATE(a_receiver_hears_that_the_sender_has_left_after_all_that_it_sent, Carrier,
                              TellingCarriers) {
    auto line = Carrier::template connect<Note>();
    line.sender.send(Note::of(0, 0));
    line.sender.send(Note::of(0, 1));
    line.sender = {};
    BOOST_TEST(line.receiver.receive().is(0, 0));
    BOOST_TEST(line.receiver.try_receive().value().is(0, 1));
    for (int again = 0; again < 2; ++again) {
        auto room = Note::of(9, 9);
        BOOST_TEST(name_of(line.receiver.try_receive().outcome()) == "closed");
        BOOST_TEST(name_of(line.receiver.try_receive_for(1h).outcome()) == "closed");
        BOOST_TEST(name_of(line.receiver.try_receive_until(tenon::Deadline::never()).outcome()) == "closed");
        BOOST_TEST(line.receiver.try_receive_many(std::span{&room, 1}) == 0U);
        BOOST_TEST(refusal_of([&] { return line.receiver.receive(); }).is(tenon::errc::closed));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sender_hears_that_the_receiver_has_left_and_lives, Carrier, TellingCarriers) {
    BOOST_TEST(in_child([] {  // SIGPIPE may end this process
        auto line = Carrier::template connect<Note>();
        line.sender.send(Note::of(0, 0));
        bool fine = holds(line.receiver, 1);
        line.receiver = {};
        const auto more = Note::of(0, 1);
        for (int again = 0; again < 2 && fine; ++again) {
            fine = line.sender.try_send(more).outcome() == Outcome::closed &&
                   line.sender.try_send_for(more, 1h).outcome() == Outcome::closed &&
                   line.sender.try_send_until(more, tenon::Deadline::never()).outcome() == Outcome::closed &&
                   line.sender.try_send_many(std::span{&more, 1}) == 0;
            std::error_code error;
            line.sender.send(more, error);
            fine = fine && error == std::errc::broken_pipe;
            fine = fine && refusal_of([&] { return line.sender.send(more), 0; }).is(std::errc::broken_pipe);
        }
        return fine;
    }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sender_hears_of_messages_that_were_left_unread, Carrier, TellingCarriers) {
    auto line = Carrier::template connect<Note>();
    BOOST_TEST(fill(line.sender) > 0U);
    line.receiver = {};
    BOOST_TEST(name_of(line.sender.try_send(Note::of(0, 0)).outcome()) == name_of(Carrier::unread));
    BOOST_TEST(name_of(line.sender.try_send_for(Note::of(0, 0), 1h).outcome()) == name_of(Carrier::unread));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_sleeps_in_receive_is_woken_when_the_sender_leaves, Carrier, TellingCarriers) {
    auto line = Carrier::template connect<Note>();
    Child plain{[&] {
        line.sender = {};
        return refusal_of([&] { return line.receiver.receive(); }).is(tenon::errc::closed);
    }};
    Child with_deadline{[&] {
        line.sender = {};
        return is_gone(line.receiver.try_receive_for(1h).outcome());
    }};
    line.receiver = {};
    wait_until_asleep(plain);
    wait_until_asleep(with_deadline);
    line.sender = {};
    BOOST_TEST(plain.succeeds());
    BOOST_TEST(with_deadline.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_sleeps_in_send_is_woken_when_the_receiver_leaves, Carrier, TellingCarriers) {
    auto line = Carrier::template connect<Note>();
    BOOST_TEST(fill(line.sender) > 0U);
    Child plain{[&] {
        line.receiver = {};
        std::error_code error;
        line.sender.send(Note::of(0, 0), error);
        return error == std::errc::broken_pipe || error == std::errc::connection_reset;
    }};
    Child with_deadline{[&] {
        line.receiver = {};
        return is_gone(line.sender.try_send_for(Note::of(0, 0), 1h).outcome());
    }};
    line.sender = {};
    wait_until_asleep(plain);
    wait_until_asleep(with_deadline);
    line.receiver = {};
    BOOST_TEST(plain.succeeds());
    BOOST_TEST(with_deadline.succeeds());
}

// ---- Peers that are killed ----

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sender_killed_in_full_flow_tears_nothing_and_the_others_go_on, Carrier, AllCarriers) {
    constexpr std::uint32_t senders = 3;
    constexpr std::uint32_t victim = 0;
    constexpr std::uint32_t each = 3'000;
    Crowd<Carrier> crowd{senders};
    std::vector<std::unique_ptr<Child>> children;
    for (std::uint32_t i = 0; i < senders; ++i) {
        children.push_back(std::make_unique<Child>([&crowd, i] {
            auto sender = crowd.become_sender(i);
            for (std::uint32_t number = 0; i == victim || number < each; ++number) {
                sender.send(Note::of(i, number));
            }
            return true;
        }));
    }
    if (Carrier::tells_of_peers) {
        crowd.close_senders();
    }
    Sequel sequel{senders};
    bool killed = false;
    std::size_t ended = 0;
    const auto survivors_are_through = [&] {
        return sequel.count(1) == each && sequel.count(2) == each && (!Carrier::tells_of_peers || ended != 0);
    };
    // Until each line has told its end; where none is told, until nothing more comes.
    std::vector<bool> open(crowd.lines().size(), true);
    while (!survivors_are_through() || ended != open.size()) {
        for (std::size_t i = 0; i < open.size(); ++i) {
            if (!open[i]) {
                continue;
            }
            const auto message = crowd.lines()[i].receiver.try_receive_for(1ms);
            if (message) {
                BOOST_REQUIRE(sequel.take(*message));
            } else if (Carrier::tells_of_peers ? message.outcome() != Outcome::late
                                               : killed && sequel.count(1) == each && sequel.count(2) == each) {
                BOOST_REQUIRE((!Carrier::tells_of_peers || is_gone(message.outcome())));
                open[i] = false;
                ++ended;
            }
        }
        if (!killed && sequel.count(victim) > 300) {
            children[victim]->kill_now();
            killed = true;
        }
    }
    BOOST_TEST(killed);
    BOOST_TEST(children[1]->succeeds());
    BOOST_TEST(children[2]->succeeds());
    BOOST_TEST(sequel.count(1) == each);
    BOOST_TEST(sequel.count(2) == each);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_receiver_killed_in_full_flow_costs_at_most_what_it_had_in_hand, Carrier,
                              SharedCarriers) {
    constexpr std::uint32_t count = 6'000;
    constexpr std::uint32_t then = 1'000;
    Crowd<Carrier> crowd{2};
    Tally tally{1, count};
    const auto receive_all = [&] {
        auto receiver = crowd.become_receiver(0);
        Growing order;
        return receive_to_the_end<Carrier>(
            receiver, [&](const Note& message) { return tally.take(message) && order.take(message); });
    };
    Child victim{receive_all};
    Child survivor{receive_all};
    auto& line = crowd.lines().front();
    if (Carrier::tells_of_peers) {
        line.receiver = {};
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        if (i == then) {
            victim.kill_now();
        }
        line.sender.send(Note::of(0, i));
    }
    crowd.end(1);
    if (Carrier::tells_of_peers) {
        line.sender = {};
    }
    BOOST_TEST(survivor.succeeds());
    BOOST_TEST(tally.arrived(1) + 1 >= count);
    BOOST_TEST(tally.arrived(1) == tally.arrived());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(when_the_last_receiver_is_killed_nobody_hangs, Carrier, AllCarriers) {
    const bool lives = in_child([] {  // SIGPIPE may end this process
        auto line = Carrier::template connect<Note>();
        Tally tally{1, 10'000};
        Child victim{[&] {
            line.sender = {};
            for (;;) {
                tally.take(line.receiver.receive());
            }
            return false;
        }};
        if (Carrier::tells_of_peers) {
            line.receiver = {};
        }
        std::uint32_t sent = 0;
        while (sent < 2'000) {
            line.sender.send(Note::of(0, sent++));
        }
        victim.kill_now();
        Outcome end = Outcome::done;
        while (sent < 10'000 && (end = line.sender.try_send_for(Note::of(0, sent), 5ms).outcome()) == Outcome::done) {
            ++sent;
        }
        const std::uint32_t taken = tally.arrived();
        if (Carrier::tells_of_peers) {
            return is_gone(end) && tally.arrived(1) == taken;
        }
        // What is still there is all that the dead one had not taken, in order; one it may have had in hand.
        std::uint32_t next = sent;
        while (const auto message = line.receiver.try_receive()) {
            next = next == sent ? message->number() : next;
            if (!tally.take(*message) || message->number() != next++) {
                return false;
            }
        }
        return end == Outcome::late && next == sent && tally.arrived(1) == tally.arrived() &&
               tally.arrived() + 1 >= sent;
    });
    BOOST_TEST(lives);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sender_that_was_killed_is_told_by_name, Carrier, TellingCarriers) {
    typename Carrier::template Meeting<Note> meeting;
    Child child{[&] {
        auto sender = meeting.sender();
        sender.send(Note::of(0, 0));
        sender.send(Note::of(0, 1));
        ::pause();
        return false;
    }};
    auto receiver = meeting.receiver();
    BOOST_TEST(receiver.receive().is(0, 0));
    BOOST_TEST(receiver.receive().is(0, 1));
    child.kill_now();
    BOOST_TEST(name_of(receiver.try_receive_for(1h).outcome()) == name_of(Carrier::death));
    BOOST_TEST(name_of(receiver.try_receive().outcome()) == name_of(Carrier::death));
    BOOST_TEST(refusal_of([&] { return receiver.receive(); }).is(tenon::errc::closed));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sender_killed_in_the_middle_of_a_large_message_tears_nothing, Carrier, LargeCarriers) {
    using Message = typename Carrier::LargeMessage;
    // Asleep in the middle of the first message for which there was not room enough; then anywhere.
    for (std::uint32_t before = 0; before < (support::in_full() ? 100U : 20U); ++before) {
        typename Carrier::template Meeting<Message> meeting;
        Child child{[&] {
            auto sender = meeting.sender();
            for (std::uint32_t i = 0;; ++i) {
                sender.send(Message::of(0, i));
            }
            return false;
        }};
        auto receiver = meeting.receiver();
        Sequel sequel{1};
        for (std::uint32_t i = 0; i < before; ++i) {
            BOOST_REQUIRE(sequel.take(receiver.receive()));
        }
        if (before % 2 == 0) {
            wait_until_asleep(child);
        }
        child.kill_now();
        Outcome end = Outcome::done;
        while (end == Outcome::done) {
            // With and without a limit, which are different roads.
            if (!Carrier::tells_of_peers || before % 4 < 2) {
                const auto message = receiver.try_receive_for(Carrier::tells_of_peers ? 1h : 5ms);
                end = message.outcome();
                BOOST_REQUIRE((!message || sequel.take(*message)));
            } else {
                const auto message = receiver.try_receive_until(tenon::Deadline::never());
                end = message.outcome();
                BOOST_REQUIRE((!message || sequel.take(*message)));
            }
        }
        BOOST_TEST((Carrier::tells_of_peers ? is_gone(end) : end == Outcome::late));
        const Outcome still = receiver.try_receive().outcome();
        BOOST_TEST((Carrier::tells_of_peers ? is_gone(still) : still == Outcome::empty));
    }
}
