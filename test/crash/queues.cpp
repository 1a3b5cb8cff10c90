// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE queues_killed_at_random_moments
/// Senders and receivers of the queues in shared memory, flat out, that are killed at random and started again. A ledger in
/// memory of the test's own says in the end what became of each message.
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <new>
#include <random>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "crash/judgement.hpp"
#include "support/child.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/seed.hpp"
#include "support/shared.hpp"
#include "tenon/typed_queue.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using support::Child;
using support::Sized;
using tenon::Address;
using tenon::Capacity;

constexpr std::uint32_t most_messages = 1U << 25U;  // of each sender
constexpr std::uint32_t last_word = 0xffff'ffff;

/// What a receiver says of itself, for the case that it is killed: up to so many messages may be in its hands without being in
/// the ledger, or precisely the one of that number.
struct Note {
    static constexpr std::uint64_t none = 0;
    static constexpr std::uint64_t first_known = 16;
};

struct Ledger {
    Ledger(std::uint32_t sender_count, std::uint32_t receiver_count)
        : senders{sender_count},
          receivers{receiver_count},
          acknowledged{std::size_t{sender_count} * most_messages},
          receipts{std::size_t{sender_count} * most_messages},
          next{sender_count},
          notes{receiver_count},
          beats{sender_count + receiver_count},
          ready{1},
          longest{3},
          latest{1},
          inversions{1},
          flags{2} {}

    [[nodiscard]] std::size_t index(std::uint32_t sender, std::uint32_t number) const {
        return std::size_t{sender} * most_messages + number;
    }
    void expect(bool truth, std::uint32_t otherwise) const {
        if (!truth) {
            flags[1] = otherwise;
        }
    }
    [[nodiscard]] bool senders_shall_stop() const { return flags[0] != 0; }
    void stop_senders() const { flags[0] = 1; }
    [[nodiscard]] const char* complaint() const {
        static constexpr const char* words[] = {nullptr, "a torn message", "a message that nobody has sent",
                                                "a message twice", "the ledger is full"};
        return words[flags[1]];
    }

    std::uint32_t senders;
    std::uint32_t receivers;
    support::Shared<std::uint8_t> acknowledged;  // written when send() has returned
    support::Shared<std::uint8_t> receipts;      // counted when receive() has returned
    support::Shared<std::uint32_t> next;         // of a sender: what it has not begun to send
    support::Shared<std::uint64_t> notes;
    support::Shared<std::uint64_t> beats;  // of each process
    support::Shared<std::uint32_t> ready;
    support::Shared<std::int64_t> longest;  // a send, a receive, and a time in which nobody received anything
    support::Shared<std::int64_t> latest;   // when a message was received
    support::Shared<std::uint32_t> inversions;
    support::Shared<std::uint32_t> flags;
};
enum Complaint : std::uint32_t { torn = 1, unsent, twice, no_more_room };

void note(std::atomic<std::int64_t>& longest, Clock::time_point start) {
    const std::int64_t took = (Clock::now() - start).count();
    std::int64_t before = longest;
    while (took > before && !longest.compare_exchange_weak(before, took)) {}
}

/// Now and then a message stays in hand for a while, for deaths to find it there.
void linger(std::uint32_t turn) {
    if (turn % 8 == 0) {
        for (const auto until = Clock::now() + 50us; Clock::now() < until;) {}
    }
}

/// In every way that there is, until it is told to stop. Numbers that were begun and not acknowledged are never used again.
template <class Queue>
bool send(const Address& address, const Ledger& ledger, std::uint32_t me) {
    using Msg = typename Queue::Message;
    auto sut = Queue::open(address);
    ++ledger.ready[0];
    const auto acknowledge = [&](std::uint32_t number) { ledger.acknowledged[ledger.index(me, number)] = 1; };
    for (std::uint32_t turn = 0; !ledger.senders_shall_stop(); ++turn) {
        const std::uint32_t number = ledger.next[me];
        if (number + 8 > most_messages) {
            ledger.expect(false, no_more_room);
            return true;
        }
        const auto start = Clock::now();
        if (turn % 4 == 0) {
            ledger.next[me] = number + 1;
            auto slot = sut.loan();
            slot->fill(me, number / 2);
            linger(turn);
            slot->fill(me, number);
            slot.send();
            acknowledge(number);
        } else if (turn % 4 == 1) {
            sut.loan()->fill(9, 9);  // dropped
            ledger.next[me] = number + 1;
            sut.send(Msg::of(me, number));
            acknowledge(number);
        } else if (turn % 4 == 2) {
            ledger.next[me] = number + 3;
            const std::array batch{Msg::of(me, number), Msg::of(me, number + 1), Msg::of(me, number + 2)};
            for (std::size_t i = 0; i < batch.size();) {
                const std::size_t sent = sut.try_send_many(std::span{batch}.subspan(i));
                for (std::size_t end = i + sent; i < end; ++i) {
                    acknowledge(number + static_cast<std::uint32_t>(i));
                }
                if (sent == 0) {
                    sut.send(batch[i]);
                    acknowledge(number + static_cast<std::uint32_t>(i++));
                }
            }
        } else {
            ledger.next[me] = number + 1;
            sut.send(Msg::of(me, number));
            acknowledge(number);
        }
        note(ledger.longest[0], start);
        ++ledger.beats[me];
    }
    return true;
}

/// In every way that there is, until the last word comes.
template <class Queue>
class Receiver {
    using Msg = typename Queue::Message;

public:
    Receiver(const Ledger& ledger, std::uint32_t me) : ledger_{ledger}, me_{me}, last_(ledger.senders, -1) {}

    bool receive(Queue& sut) {
        for (std::uint32_t turn = 0; !has_ended_; ++turn) {
            const auto start = Clock::now();
            std::array<Msg, 2> room;
            const std::size_t most = turn % 16 == 3 ? 0 : turn % 4 % 3;  // of those that are taken without waiting
            ledger_.notes[me_] = turn % 16 == 3 ? 1 : most;
            std::size_t count = 0;
            if (turn % 16 == 3) {
                book(sut.receive());
            } else if (most != 0 && (count = sut.try_receive_many(std::span{room}.first(most))) != 0) {
                for (std::size_t i = 0; i < count; ++i) {
                    book(room[i]);
                }
            } else {
                ledger_.notes[me_] = Note::none;  // what is borrowed by one who dies comes again
                auto message = sut.borrow();
                linger(turn);
                const Msg copy = *message;
                if (check(copy)) {
                    ledger_.notes[me_] = Note::first_known + ledger_.index(copy.sender(), copy.number());
                }
                message.give_back();
                book(copy);
            }
            ledger_.notes[me_] = Note::none;
            note(ledger_.longest[1], start);
            ++ledger_.beats[ledger_.senders + me_];
        }
        for (; words_heard_ > 1; --words_heard_) {  // one was meant for another
            sut.send(Msg::of(0, last_word));
        }
        return true;
    }
    /// What is left.
    void drain(Queue& sut) {
        while (const auto message = sut.try_receive_for(200ms)) {
            book(*message);
        }
    }

private:
    bool check(const Msg& message) {
        if (message.number() == last_word) {
            return false;
        }
        const bool is_known = message.sender() < ledger_.senders && message.number() < ledger_.next[message.sender()];
        ledger_.expect(message.is_whole(), torn);
        ledger_.expect(is_known, unsent);
        return is_known && message.is_whole();
    }
    void book(const Msg& message) {
        if (message.number() == last_word) {
            ++words_heard_;
            has_ended_ = true;
        } else if (check(message)) {
            ledger_.expect(ledger_.receipts[ledger_.index(message.sender(), message.number())].fetch_add(1) == 0,
                           twice);
            const std::int64_t now = Clock::now().time_since_epoch().count();
            if (const std::int64_t before = ledger_.latest[0].exchange(now); before != 0) {
                note(ledger_.longest[2], Clock::time_point{Clock::duration{before}});
            }
            std::int64_t& last = last_[message.sender()];
            ledger_.inversions[0] += message.number() < last ? 1 : 0;
            last = std::max<std::int64_t>(last, message.number());
        }
    }

    const Ledger& ledger_;
    std::uint32_t me_;
    std::vector<std::int64_t> last_;
    std::uint32_t words_heard_ = 0;
    bool has_ended_ = false;
};

/// Whether it becomes true within 30 s.
template <class Happened>
bool comes_true(Happened happened) {
    for (const auto start = Clock::now(); !happened();) {
        if (Clock::now() - start > 30s) {
            return false;
        }
        std::this_thread::sleep_for(50us);
    }
    return true;
}

/// So many senders and receivers, and what is known of those that were killed.
template <class Queue>
class Crowd {
public:
    Crowd(const Address& address, std::uint32_t senders, std::uint32_t receivers)
        : address_{address}, ledger_{senders, receivers}, processes_(senders + receivers) {}

    void start(std::size_t which) {
        const auto me = static_cast<std::uint32_t>(which);
        processes_[which] = std::make_unique<Child>([this, me] {
            if (me < ledger_.senders) {
                return send<Queue>(address_, ledger_, me);
            }
            auto sut = Queue::open(address_);
            ++ledger_.ready[0];
            return Receiver<Queue>{ledger_, me - ledger_.senders}.receive(sut);
        });
    }
    [[nodiscard]] bool start_and_attach(std::size_t which) {
        const std::uint32_t before = ledger_.ready[0];
        const auto start_time = Clock::now();
        start(which);
        const bool attached = comes_true([&] { return ledger_.ready[0] > before; });
        slowest_start_ = std::max(slowest_start_, Clock::now() - start_time);
        return attached;
    }
    void kill(std::size_t which) {
        processes_[which]->kill_now();
        if (which >= ledger_.senders) {
            auto& left = ledger_.notes[which - ledger_.senders];
            if (left >= Note::first_known) {
                known_.insert(left - Note::first_known);
            } else {
                unknown_ += left;
            }
            left = Note::none;
            ++dead_receivers_;
        }
    }
    /// How much later than it wanted this process wakes up is what the machine does to all, queue or none.
    void let_work(std::chrono::microseconds time) {
        const auto start_time = Clock::now();
        std::this_thread::sleep_for(time);
        longest_delay_ = std::max<Clock::duration>(longest_delay_, Clock::now() - start_time - time);
    }
    [[nodiscard]] std::size_t size() const { return processes_.size(); }
    [[nodiscard]] const Ledger& ledger() const { return ledger_; }

    /// Whether each of them gets on.
    [[nodiscard]] bool lives() const {
        for (std::size_t i = 0; i < size(); ++i) {
            const std::uint64_t before = ledger_.beats[i];
            if (!comes_true([&] { return ledger_.beats[i] > before + 100 || ledger_.complaint() != nullptr; })) {
                return false;
            }
        }
        return true;
    }
    void let_come_to_the_end(Queue& sut) {
        ledger_.stop_senders();
        for (std::size_t i = 0; i < size(); ++i) {
            if (i == ledger_.senders) {
                say_last_words(sut);
            }
            BOOST_TEST(processes_[i]->succeeds());
        }
    }
    /// Every message that was acknowledged has come once, or was in the hands of one who died.
    void judge(const char* where, const tenon::QueueCounters& counters, unsigned kills) const {
        BOOST_TEST(ledger_.complaint() == nullptr, (ledger_.complaint() == nullptr ? "" : ledger_.complaint()));
        std::uint64_t acknowledged = 0;
        std::uint64_t missing = 0;
        std::uint64_t explained = 0;
        for (std::uint32_t sender = 0; sender < ledger_.senders; ++sender) {
            for (std::uint32_t number = 0; number < ledger_.next[sender]; ++number) {
                const std::size_t index = ledger_.index(sender, number);
                const bool is_missing = ledger_.acknowledged[index] != 0 && ledger_.receipts[index] == 0;
                acknowledged += ledger_.acknowledged[index];
                explained += is_missing && known_.count(index) != 0 ? 1 : 0;
                missing += is_missing ? 1 : 0;
            }
        }
        BOOST_TEST(missing - explained <= unknown_, "lost: " << missing - explained << ", of which at most " << unknown_
                                                             << " were in the hands of those who died");
        const bool is_for_one = ledger_.receivers == 1;
        BOOST_TEST(ledger_.inversions[0] <= (is_for_one ? 0 : 2 * dead_receivers_), "out of order");
        const auto milliseconds = [](auto time) { return static_cast<double>(time) / 1e6; };
        std::fprintf(
            stderr,
            "%s: %u kills, %llu messages, %llu in the hands of the dead, %u delivered again later, %llu repairs, "
            "longest send %.3f ms, longest receive %.3f ms, longest time without any message %.3f ms, longest start %.3f ms (and the test itself woke up %.3f ms late)\n",
            where, kills, static_cast<unsigned long long>(acknowledged), static_cast<unsigned long long>(missing),
            ledger_.inversions[0].load(), static_cast<unsigned long long>(counters.repaired),
            milliseconds(ledger_.longest[0].load()), milliseconds(ledger_.longest[1].load()),
            milliseconds(ledger_.longest[2].load()), milliseconds(slowest_start_.count()),
            milliseconds(longest_delay_.count()));
        BOOST_WARN_MESSAGE(ledger_.longest[0] < 100'000'000, "a sender was held up for over 100 ms");
        BOOST_WARN_MESSAGE(ledger_.longest[1] < 100'000'000, "a receiver was held up for over 100 ms");
    }

private:
    void say_last_words(Queue& sut) const {
        using Msg = typename Queue::Message;
        for (std::uint32_t i = 0; i < ledger_.receivers; ++i) {
            sut.send(Msg::of(0, last_word));
        }
    }

    Address address_;
    Ledger ledger_;
    std::vector<std::unique_ptr<Child>> processes_;
    std::set<std::size_t> known_;  // what was in the hands of those who died
    std::uint64_t unknown_ = 0;    // how many more may have been
    std::uint32_t dead_receivers_ = 0;
    Clock::duration slowest_start_{};
    Clock::duration longest_delay_{};
};

template <class Queue>
void kill_at_random(const Address& address, std::uint32_t senders, std::uint32_t receivers, const char* where) {
    const unsigned kills = support::in_full() ? 1'000 : 60;
    std::mt19937_64 dice{support::seed()};
    auto made = std::make_unique<Queue>(Queue::create(address, Capacity{32}));
    Crowd<Queue> crowd{address, senders, receivers};
    for (std::size_t i = 0; i < crowd.size(); ++i) {
        BOOST_REQUIRE(crowd.start_and_attach(i));
    }
    made.reset();  // and not by its descriptors in children: none of them has had it
    for (unsigned i = 0; i < kills && crowd.ledger().complaint() == nullptr; ++i) {
        crowd.let_work(std::chrono::microseconds{dice() % 3'000});
        const std::size_t which = dice() % crowd.size();
        crowd.kill(which);
        if (dice() % 4 == 0) {  // and one that dies while it attaches, or a little later
            crowd.start(which);
            std::this_thread::sleep_for(std::chrono::microseconds{dice() % 2'000});
            crowd.kill(which);
        }
        BOOST_REQUIRE_MESSAGE(crowd.start_and_attach(which), "a process that was started again cannot attach");
    }
    BOOST_REQUIRE_MESSAGE(crowd.lives(), "somebody does not get on");
    auto sut = Queue::open(address);
    crowd.let_come_to_the_end(sut);
    BOOST_TEST((sut.try_receive().outcome() == tenon::Outcome::empty));
    crowd.judge(where, sut.counters(), kills);
}

template <class Queue>
void kill_all(const Address& address, std::uint32_t senders, std::uint32_t receivers, const char* where) {
    using Msg = typename Queue::Message;
    const unsigned rounds = support::in_full() ? 20 : 3;
    std::mt19937_64 dice{support::seed()};
    for (unsigned round = 0; round < rounds; ++round) {
        Crowd<Queue> crowd{address, senders, receivers};
        {
            const auto made = Queue::create(address, Capacity{32});
            for (std::size_t i = 0; i < crowd.size(); ++i) {
                BOOST_REQUIRE(crowd.start_and_attach(i));
            }
        }
        crowd.let_work(std::chrono::microseconds{10'000 + dice() % 10'000});
        for (std::size_t i = 0; i < crowd.size(); ++i) {
            crowd.kill((i + round) % crowd.size());
        }
        auto sut = Queue::open(address);
        Receiver<Queue> heir{crowd.ledger(), 0};
        heir.drain(sut);
        crowd.judge(where, sut.counters(), static_cast<unsigned>(crowd.size()));
        for (std::uint32_t i = 0; i < 100; ++i) {  // and works as before
            for (std::uint32_t k = 0; k < 32; ++k) {
                BOOST_REQUIRE(!!sut.try_send(Msg::of(0, k)));
            }
            BOOST_TEST((sut.try_send(Msg::of(0, 0)).outcome() == tenon::Outcome::full));
            for (std::uint32_t k = 0; k < 32; ++k) {
                BOOST_REQUIRE(sut.try_receive().value().is(0, k));
            }
        }
        BOOST_TEST(sut.approximate_size() <= 1U);
    }
}

template <std::size_t size>
using OneToOne = tenon::TypedQueue<Sized<size>, tenon::one_to_one>;
using ManyToMany = tenon::TypedQueue<Sized<64>>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(queues, crash::NothingIsLeft)

BOOST_AUTO_TEST_CASE(three_senders_and_three_receivers_that_are_killed_lose_double_and_tear_nothing) {
    kill_at_random<ManyToMany>(support::unique_name(), 3, 3, "many to many");
}

BOOST_AUTO_TEST_CASE(three_senders_and_three_receivers_that_are_killed_in_a_system_v_segment_lose_nothing) {
    kill_at_random<ManyToMany>(support::unique_key(), 3, 3, "many to many, under a key");
}

BOOST_AUTO_TEST_CASE(one_sender_and_one_receiver_that_are_killed_lose_double_and_tear_nothing) {
    kill_at_random<OneToOne<64>>(support::unique_name(), 1, 1, "one to one");
}

BOOST_AUTO_TEST_CASE(one_sender_and_one_receiver_of_stamped_messages_lose_double_and_tear_nothing) {
    kill_at_random<OneToOne<48>>(support::unique_name(), 1, 1, "one to one, stamped");
}

BOOST_AUTO_TEST_CASE(after_everybody_was_killed_a_new_process_drains_what_is_left_and_works) {
    kill_all<ManyToMany>(support::unique_name(), 3, 3, "all of many to many");
    kill_all<OneToOne<64>>(support::unique_name(), 1, 1, "all of one to one");
    kill_all<OneToOne<48>>(support::unique_name(), 1, 1, "all of one to one, stamped");
}

BOOST_AUTO_TEST_SUITE_END()
