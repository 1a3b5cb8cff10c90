// SPDX-License-Identifier: BSL-1.0
/// TypedQueue and TypedTopic beside the rings that Debian packages, and beside bare cache lines and futexes.
///
///     queues                       all tables
///     queues --only "round trip"   those whose title contains the words
///     queues --rounds 31 --json results.json
///
/// Two processes, pinned to two processors; the sender is made anew for each measurement. Every message is checked for its
/// number and its content; one that is wrong ends the program with 1. A bar that was missed is printed, and is no failure.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "harness.hpp"
#include "queues_kernel.hpp"
#include "queues_peers.hpp"

namespace {

using namespace bench;
using tenon::many_to_many, tenon::one_to_one, tenon::Waiting;

/// All of its words follow from the first.
template <std::size_t size>
struct Numbered {
    std::array<std::uint64_t, size / 8> words;

    void number(std::uint64_t first) noexcept {
        for (std::size_t i = 0; i < words.size(); ++i) {
            words[i] = first + i;
        }
    }
    [[nodiscard]] bool is(std::uint64_t first) const noexcept {
        std::uint64_t difference = 0;
        for (std::size_t i = 0; i < words.size(); ++i) {
            difference |= words[i] ^ (first + i);
        }
        return difference == 0;
    }
};

[[noreturn]] void spoilt(const char* what) {
    std::fprintf(stderr, "a message of %s came wrong\n", what);
    std::_Exit(1);
}

/// A process on a processor that runs `work` once; its failure is ours.
class Helper {
public:
    template <class Work>
    Helper(std::size_t processor, Work work) {
        child_ = fork_onto(processor);
        if (child_ == 0) {
            try {
                work();
            } catch (const std::exception& refused) {
                std::fprintf(stderr, "%s\n", refused.what());
                ::_exit(1);
            }
            ::_exit(0);
        }
    }
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;
    Helper(Helper&& other) noexcept : child_{std::exchange(other.child_, -1)} {}
    ~Helper() {
        int status = 0;
        while (child_ != -1 && ::waitpid(child_, &status, 0) == -1 && errno == EINTR) {}
        if (child_ != -1 && status != 0) {
            std::fputs("a helper process failed\n", stderr);
            std::_Exit(1);
        }
    }

private:
    ::pid_t child_ = -1;
};

/// What libraries still have in hand when a sender is done goes with its process: it stays until all has come.
class Arrival {
public:
    void tell() const noexcept { all_->store(true); }
    void wait() const noexcept {
        while (!all_->load()) {
            ::usleep(100);
        }
    }

private:
    Shared<std::atomic<bool>> all_;
};

/// Million messages a second, one way, one a call. The first lap around the ring is not measured.
template <class Channel, class Msg>
auto one_way(std::size_t capacity, std::uint64_t count) {
    return [=] {
        Channel channel{capacity};
        const Arrival arrival;
        const std::uint64_t lap = capacity + 1000;
        const Helper sender{1, [&] {
                                Msg message;
                                for (std::uint64_t i = 0; i < lap + count; ++i) {
                                    message.number(i);
                                    channel.send(message);
                                }
                                arrival.wait();
                            }};
        std::int64_t start = 0;
        Msg message;
        for (std::uint64_t i = 0; i < lap + count; ++i) {
            if (i == lap) {
                start = now();
            }
            channel.receive(message);
            if (!message.is(i)) {
                spoilt("the sequence");
            }
        }
        const std::int64_t spent = now() - start;
        arrival.tell();
        return static_cast<double>(count) * 1e3 / static_cast<double>(spent);
    };
}

/// The same in batches of 64.
template <class Channel, class Msg>
auto one_way_in_batches(std::size_t capacity, std::uint64_t count) {
    return [=] {
        constexpr std::size_t batch = 64;
        Channel channel{capacity};
        const std::uint64_t lap = capacity + 1000;
        const std::uint64_t all = (lap + count) / batch * batch;
        const Helper sender{1, [&] {
                                std::array<Msg, batch> messages;
                                for (std::uint64_t i = 0; i < all; i += batch) {
                                    for (std::size_t k = 0; k < batch; ++k) {
                                        messages[k].number(i + k);
                                    }
                                    for (std::size_t sent = 0; sent < batch;) {
                                        const std::size_t some = channel.send_many(&messages[sent], batch - sent);
                                        sent += some;
                                        if (some == 0) {
                                            relax();
                                        }
                                    }
                                }
                            }};
        std::array<Msg, batch> messages;
        std::int64_t start = 0;
        std::uint64_t first = 0;
        for (std::uint64_t i = 0; i < all;) {
            if (start == 0 && i >= lap) {
                start = now();
                first = i;
            }
            const std::size_t some = channel.receive_many(messages.data(), batch);
            if (some == 0) {
                relax();
            }
            for (std::size_t k = 0; k < some; ++k, ++i) {
                if (!messages[k].is(i)) {
                    spoilt("a batch");
                }
            }
        }
        return static_cast<double>(all - first) * 1e3 / static_cast<double>(now() - start);
    };
}

/// Round trips, each timed where `each` is given; the mean in nanoseconds.
template <class Channel, class Msg>
double round_trips(std::size_t capacity, std::uint64_t count, std::size_t processor, std::int64_t pause_of_peer,
                   std::vector<std::int64_t>* each) {
    Channel there{capacity};
    Channel back{capacity};
    const Arrival arrival;
    const std::uint64_t lap = count / 10 + 1;
    const Helper peer{processor, [&] {
                          Msg message;
                          for (std::uint64_t i = 0; i < lap + count; ++i) {
                              there.receive(message);
                              if (!message.is(i)) {
                                  ::_exit(1);
                              }
                              if (pause_of_peer != 0) {
                                  const std::int64_t until = now() + pause_of_peer;
                                  while (now() < until) {}
                              }
                              back.send(message);
                          }
                          arrival.wait();
                      }};
    std::int64_t start = 0;
    std::int64_t before = 0;
    Msg message;
    for (std::uint64_t i = 0; i < lap + count; ++i) {
        if (i == lap) {
            start = now();
        }
        if (each != nullptr) {
            before = now();
        }
        message.number(i);
        there.send(message);
        back.receive(message);
        if (!message.is(i)) {
            spoilt("a round trip");
        }
        if (each != nullptr && i >= lap) {
            each->push_back(now() - before);
        }
    }
    const std::int64_t spent = now() - start;
    arrival.tell();
    return static_cast<double>(spent) / static_cast<double>(count);
}
template <class Channel, class Msg>
auto round_trip(std::size_t capacity, std::uint64_t count, std::size_t processor = 1, std::int64_t pause_of_peer = 0) {
    return [=] { return round_trips<Channel, Msg>(capacity, count, processor, pause_of_peer, nullptr); };
}
/// The 99th percentile by the median, of single trips.
template <class Channel, class Msg>
auto tail_of_round_trip(std::size_t capacity, std::uint64_t count) {
    return [=] {
        std::vector<std::int64_t> each;
        each.reserve(count);
        round_trips<Channel, Msg>(capacity, count, 1, 0, &each);
        const auto at = [&](double part) {
            const auto nth = each.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(each.size()));
            std::nth_element(each.begin(), nth, each.end());
            return static_cast<double>(*nth);
        };
        return at(0.99) / at(0.5);
    };
}

/// The same in a process of its own: nng ends a program that forks after its first use.
template <class Measure>
auto isolated(Measure measure) {
    return [=] {
        const Shared<double> result;
        {
            const Helper measuring{0, [&] { *result = measure(); }};
        }
        return *result;
    };
}

// ---- what there is below all of them

/// One cache line to and fro, waiting as the others do.
class BareLine {
public:
    explicit BareLine(std::size_t /*capacity*/) {}
    template <class Msg>
    void send(const Msg& message) {
        line_->at.store(message.words[0] + 1, std::memory_order_release);
    }
    template <class Msg>
    void receive(Msg& message) {
        std::uint64_t seen;
        while ((seen = line_->at.load(std::memory_order_acquire)) == last_) {
            relax();
        }
        last_ = seen;
        message.number(seen - 1);
    }

private:
    struct Line {
        alignas(64) std::atomic<std::uint64_t> at{0};
    };
    Populated<Line> line_{0};
    std::uint64_t last_ = 0;
};

/// The least that sleeps: a word that changes, a flag that somebody sleeps.
class BareFutex {
public:
    explicit BareFutex(std::size_t /*capacity*/) {}
    template <class Msg>
    void send(const Msg& message) {
        word_->message = message.words[0];
        word_->turn.fetch_add(1, std::memory_order_seq_cst);
        if (word_->sleeps.exchange(0, std::memory_order_seq_cst) != 0) {
            ::syscall(SYS_futex, &word_->turn, FUTEX_WAKE, 1, nullptr, nullptr, 0);
        }
    }
    template <class Msg>
    void receive(Msg& message) {
        while (word_->turn.load(std::memory_order_acquire) == last_) {
            word_->sleeps.store(1, std::memory_order_seq_cst);
            ::syscall(SYS_futex, &word_->turn, FUTEX_WAIT, last_, nullptr, nullptr, 0);
        }
        ++last_;
        message.number(word_->message);
    }

private:
    struct Word {
        alignas(64) std::atomic<std::uint32_t> turn{0};
        std::atomic<std::uint32_t> sleeps{0};
        std::uint64_t message = 0;
    };
    Populated<Word> word_{0};
    std::uint32_t last_ = 0;
};

// ---- many senders, many receivers

struct FromSender {
    std::uint64_t sender;
    std::uint64_t number;
    std::array<std::uint64_t, 6> rest;
    [[nodiscard]] static FromSender of(std::uint64_t sender, std::uint64_t number) noexcept {
        FromSender made{sender, number, {}};
        for (std::size_t i = 0; i < made.rest.size(); ++i) {
            made.rest[i] = number + sender + i;
        }
        return made;
    }
    [[nodiscard]] bool is_whole() const noexcept {
        std::uint64_t difference = 0;
        for (std::size_t i = 0; i < rest.size(); ++i) {
            difference |= rest[i] ^ (number + sender + i);
        }
        return difference == 0;
    }
};
static_assert(sizeof(FromSender) == 64);

/// Million messages a second of `crowd` senders and as many receivers, on both processors in turn.
template <class Channel>
auto crowd(std::size_t capacity, std::uint64_t crowd, std::uint64_t count) {
    return [=] {
        struct Board {
            std::atomic<std::uint64_t> ready{0};
            std::atomic<bool> go{false};
            std::array<std::atomic<std::uint64_t>, 16> sums{};  // of the numbers received from each sender
        };
        Shared<Board> board;
        Channel channel{capacity};
        const std::uint64_t each = count / crowd;
        std::int64_t start = 0;
        {
            std::vector<Helper> helpers;
            const auto wait_for_the_others = [&] {
                board->ready.fetch_add(1);
                while (!board->go.load()) {
                    ::sched_yield();
                }
            };
            for (std::uint64_t me = 0; me < crowd; ++me) {
                helpers.emplace_back(me % 2, [&, me] {
                    wait_for_the_others();
                    for (std::uint64_t i = 1; i <= each; ++i) {
                        channel.send(FromSender::of(me, i));
                    }
                });
                helpers.emplace_back((me + 1) % 2, [&] {
                    wait_for_the_others();
                    std::array<std::uint64_t, 16> last{};
                    std::array<std::uint64_t, 16> sums{};
                    FromSender message{};
                    for (std::uint64_t i = 0; i < each; ++i) {
                        channel.receive(message);
                        if (!message.is_whole() || message.sender >= crowd || message.number <= last[message.sender]) {
                            std::fputs("a message of a crowd came wrong\n", stderr);
                            ::_exit(1);
                        }
                        last[message.sender] = message.number;
                        sums[message.sender] += message.number;
                    }
                    for (std::size_t i = 0; i < sums.size(); ++i) {
                        board->sums[i].fetch_add(sums[i]);
                    }
                });
            }
            while (board->ready.load() != 2 * crowd) {
                ::sched_yield();
            }
            start = now();
            board->go.store(true);
        }
        const std::int64_t spent = now() - start;
        for (std::uint64_t i = 0; i < crowd; ++i) {
            if (board->sums[i].load() != each * (each + 1) / 2) {
                spoilt("a crowd");
            }
        }
        return static_cast<double>(each * crowd) * 1e3 / static_cast<double>(spent);
    };
}

// ---- the tables

struct Tables {
    std::vector<std::unique_ptr<Table>> all;
    Table& add(const char* title, const char* unit) { return *all.emplace_back(std::make_unique<Table>(title, unit)); }
};

/// As it comes, without set_waiting().
template <class Msg, class How>
using Flow = Ours<Msg, How, Waiting::adaptive>;

void add_one_way(Tables& tables) {
    using M = Numbered<64>;
    constexpr std::uint64_t count = 1'000'000;
    {
        Table& t = tables.add("one way, 64 bytes, one a call, ring of 1024", "M/s");
        Row& ours = t.row("TypedQueue, one_to_one", one_way<Flow<M, one_to_one>, M>(1024, count));
        Row& many = t.row("TypedQueue, many to many", one_way<Flow<M, many_to_many>, M>(1024, count));
        Row& boost = t.row("boost::lockfree::spsc_queue", one_way<BoostRing<M, 1024>, M>(1024, count));
        Row& ck = t.row("ck_ring, single producer and consumer", one_way<CkRing<M>, M>(1024, count));
        Row& queue = t.row("boost::interprocess::message_queue", one_way<BoostMessageQueue<M>, M>(1024, count / 10));
        t.row("a plain Vyukov ring", one_way<VyukovRing<M>, M>(1024, count));
        Table::bar(ours, at_least, 2.0, {&boost});
        Table::bar(ours, at_least, 3.0, {&ck});
        Table::bar(many, at_least, 0.6, {&boost});
        Table::bar(many, at_least, 8.0, {&queue});
    }
    {
        Table& t = tables.add("one way, 64 bytes, one a call, ring of 65536", "M/s");
        Row& ours = t.row("TypedQueue, one_to_one", one_way<Flow<M, one_to_one>, M>(65536, 2 * count));
        Row& boost = t.row("boost::lockfree::spsc_queue", one_way<BoostRing<M, 65536>, M>(65536, 2 * count));
        Row& ck = t.row("ck_ring, single producer and consumer", one_way<CkRing<M>, M>(65536, 2 * count));
        Table::bar(ours, at_least, 2.5, {&boost});
        Table::bar(ours, at_least, 3.0, {&ck});
    }
    {
        using Small = Numbered<48>;
        Table& t = tables.add("one way, 48 bytes, one a call, ring of 1024", "M/s");
        Row& ours = t.row("TypedQueue, one_to_one", one_way<Flow<Small, one_to_one>, Small>(1024, count));
        Row& boost = t.row("boost::lockfree::spsc_queue", one_way<BoostRing<Small, 1024>, Small>(1024, count));
        Table::bar(ours, at_least, 2.5, {&boost});
    }
    {
        Table& t = tables.add("one way, 64 bytes, batches of 64, ring of 1024", "M/s");
        Row& ours = t.row("TypedQueue, one_to_one", one_way_in_batches<Flow<M, one_to_one>, M>(1024, 2 * count));
        Row& boost = t.row("boost::lockfree::spsc_queue", one_way_in_batches<BoostRing<M, 1024>, M>(1024, 2 * count));
        Table::bar(ours, at_least, 1.3, {&boost});
    }
}

void add_round_trips(Tables& tables) {
    using M = Numbered<64>;
    constexpr std::uint64_t count = 50'000;
    {
        Table& t = tables.add("round trip, 64 bytes, spinning", "ns");
        Row& ours = t.row("TypedQueue, one_to_one", round_trip<Ours<M, one_to_one>, M>(1024, count));
        Row& adaptive = t.row("TypedQueue, one_to_one, adaptive",
                              round_trip<Ours<M, one_to_one, Waiting::adaptive>, M>(1024, count));
        t.row("TypedQueue, many to many", round_trip<Ours<M, many_to_many>, M>(1024, count));
        Row& boost = t.row("boost::lockfree::spsc_queue", round_trip<BoostRing<M, 1024>, M>(1024, count));
        Row& bare = t.row("a bare cache line", round_trip<BareLine, Numbered<8>>(1, count));
        Table::bar(ours, at_most, 1.5, {&bare});
        Table::bar(ours, at_most, 0.7, {&boost});
        Table::bar(adaptive, at_most, 2.0, {&ours});
    }
    {
        Table& t = tables.add("round trip, 64 bytes, spinning, the 99th percentile by the median", "");
        Row& ours = t.row("TypedQueue, one_to_one", tail_of_round_trip<Ours<M, one_to_one>, M>(1024, count));
        t.row("boost::lockfree::spsc_queue", tail_of_round_trip<BoostRing<M, 1024>, M>(1024, count));
        t.row("a bare cache line", tail_of_round_trip<BareLine, Numbered<8>>(1, count));
        Table::bar(ours, at_most, 1.5, {});
    }
    {
        Table& t = tables.add("round trip, blocking, both on one processor", "ns");
        Row& ours = t.row("TypedQueue, one_to_one, adaptive",
                          round_trip<Ours<M, one_to_one, Waiting::adaptive>, M>(1024, 2000, 0));
        t.row("TypedQueue, many to many, adaptive",
              round_trip<Ours<M, many_to_many, Waiting::adaptive>, M>(1024, 2000, 0));
        Row& bare = t.row("a bare futex", round_trip<BareFutex, Numbered<8>>(1, 2000, 0));
        Table::bar(ours, at_most, 1.15, {&bare});
    }
    {
        constexpr std::int64_t millisecond = 1'000'000;
        Table& t = tables.add("round trip, blocking, two processors, the peer takes 1 ms", "ns");
        Row& ours = t.row("TypedQueue, one_to_one, adaptive",
                          round_trip<Ours<M, one_to_one, Waiting::adaptive>, M>(1024, 20, 1, millisecond));
        Row& bare = t.row("a bare futex", round_trip<BareFutex, Numbered<8>>(1, 20, 1, millisecond));
        Table::bar(ours, at_most, 1.1, {&bare});
    }
}

void add_crowds(Tables& tables) {
    for (const std::uint64_t many : {2, 4}) {
        Table& t =
            tables.add(many == 2 ? "2 senders, 2 receivers, 64 bytes" : "4 senders, 4 receivers, 64 bytes", "M/s");
        constexpr std::uint64_t count = 400'000;
        Row& ours = t.row("TypedQueue, many to many",
                          crowd<Ours<FromSender, many_to_many, Waiting::adaptive>>(1024, many, count));
        Row& queue =
            t.row("boost::interprocess::message_queue", crowd<BoostMessageQueue<FromSender>>(1024, many, count / 8));
        Row& vyukov = t.row("a plain Vyukov ring", crowd<VyukovRing<FromSender>>(1024, many, count));
        Table::bar(ours, at_least, 3.0, {&queue});
        Table::bar(ours, at_least, 0.9, {&vyukov});
    }
}

// ---- topics

template <class Msg>
tenon::TypedTopic<Msg> make_topic(std::size_t capacity) {
    auto topic = tenon::TypedTopic<Msg>::anonymous(tenon::Capacity{static_cast<std::uint32_t>(capacity)});
    topic.set_waiting(Waiting::spin);
    return topic;
}

/// Million messages a second that the writer sends, while so many readers are attached and idle.
template <class Msg>
auto writer_of_topic(std::size_t idle_readers, std::uint64_t count) {
    return [=] {
        auto topic = make_topic<Msg>(1024);
        std::vector<tenon::TypedTopic<Msg>> readers;
        for (std::size_t i = 0; i < idle_readers; ++i) {
            readers.push_back(tenon::TypedTopic<Msg>::attach(topic.native_handle()));
        }
        Msg message;
        std::int64_t start = 0;
        for (std::uint64_t i = 0; i < count + 10'000; ++i) {
            if (i == 10'000) {
                start = now();
            }
            message.number(i);
            topic.send(message);
        }
        const std::int64_t spent = now() - start;
        readers.emplace_back(std::move(topic));
        readers.back().skip_to(tenon::From::newest);
        if (!readers.back().receive().is(count + 10'000 - 1)) {
            spoilt("a topic");
        }
        return static_cast<double>(count) * 1e3 / static_cast<double>(spent);
    };
}

/// Million messages a second that a reader on the other processor receives, while the writer sends flat out. What it loses is
/// not counted, and must be told: every message carries its number.
template <class Msg>
auto reader_of_topic(std::size_t capacity, std::uint64_t count, double& share_lost) {
    return [=, &share_lost] {
        auto topic = make_topic<Msg>(capacity);
        const Shared<std::atomic<int>> turn;
        const Helper writer{1, [&] {
                                Msg message;
                                while (turn->load() == 0) {
                                    relax();
                                }
                                for (std::uint64_t i = 0; turn->load(std::memory_order_relaxed) == 1; ++i) {
                                    message.number(i);
                                    topic.send(message);
                                }
                            }};
        turn->store(1);
        std::uint64_t expected = 0;
        std::uint64_t lost = 0;
        std::int64_t start = 0;
        for (std::uint64_t i = 0; i < count + 10'000; ++i) {
            if (i == 10'000) {
                start = now();
                lost = topic.lost();
            }
            const Msg message = topic.receive();
            expected += topic.lost_before();
            if (!message.is(expected++)) {
                spoilt("a topic");
            }
        }
        const std::int64_t spent = now() - start;
        turn->store(2);
        const auto missed = static_cast<double>(topic.lost() - lost);
        share_lost = 100 * missed / (missed + static_cast<double>(count));
        return static_cast<double>(count) * 1e3 / static_cast<double>(spent);
    };
}

// ---- large messages, in place

template <std::size_t size>
struct Large {
    std::uint64_t words[size / 8];
};
template <std::size_t size, bool whole>
void write_large(std::uint64_t* words, std::uint64_t number) noexcept {
    constexpr std::size_t count = size / 8;
    for (std::size_t i = 0; i < (whole ? count : 8); ++i) {
        words[i] = number + i;
    }
    for (std::size_t i = count - 8; i < count; ++i) {
        words[i] = number + i;
    }
}
template <std::size_t size, bool whole>
bool is_large(const std::uint64_t* words, std::uint64_t number) noexcept {
    constexpr std::size_t count = size / 8;
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < (whole ? count : 8); ++i) {
        difference |= words[i] ^ (number + i);
    }
    for (std::size_t i = count - 8; i < count; ++i) {
        difference |= words[i] ^ (number + i);
    }
    return difference == 0;
}

/// Microseconds a message: by loan and borrow.
template <std::size_t size, bool whole>
auto large_by_queue(std::uint64_t count) {
    return [=] {
        auto queue = tenon::TypedQueue<Large<size>, one_to_one>::anonymous(tenon::Capacity{2});
        queue.set_waiting(Waiting::spin);
        const Helper sender{1, [&] {
                                for (std::uint64_t i = 0; i < count + 4; ++i) {
                                    auto slot = queue.loan();
                                    write_large<size, whole>(slot->words, i);
                                    slot.send();
                                }
                            }};
        std::int64_t start = 0;
        for (std::uint64_t i = 0; i < count + 4; ++i) {
            if (i == 4) {
                start = now();
            }
            const auto message = queue.borrow();
            if (!is_large<size, whole>(message->words, i)) {
                spoilt("a large message");
            }
        }
        return static_cast<double>(now() - start) / static_cast<double>(count) / 1e3;
    };
}

/// The same over one shared buffer, with a word that says whose turn it is.
template <std::size_t size, bool whole>
auto large_by_hand(std::uint64_t count) {
    return [=] {
        struct Both {
            alignas(64) std::atomic<std::uint64_t> turn{0};  // odd: the receiver's
            alignas(64) Large<size> message;
        };
        const Populated<Both> both{0};
        const Helper sender{1, [&] {
                                for (std::uint64_t i = 0; i < count + 4; ++i) {
                                    while (both->turn.load(std::memory_order_acquire) != 2 * i) {
                                        relax();
                                    }
                                    write_large<size, whole>(both->message.words, i);
                                    both->turn.store(2 * i + 1, std::memory_order_release);
                                }
                            }};
        std::int64_t start = 0;
        for (std::uint64_t i = 0; i < count + 4; ++i) {
            if (i == 4) {
                start = now();
            }
            while (both->turn.load(std::memory_order_acquire) != 2 * i + 1) {
                relax();
            }
            if (!is_large<size, whole>(both->message.words, i)) {
                spoilt("a large message");
            }
            both->turn.store(2 * i + 2, std::memory_order_release);
        }
        return static_cast<double>(now() - start) / static_cast<double>(count) / 1e3;
    };
}

void add_topics(Tables& tables) {
    using M = Numbered<64>;
    constexpr std::uint64_t count = 1'000'000;
    static double share_lost = 0;
    Table& t = tables.add("TypedTopic, 64 bytes, ring of 1024", "M/s");
    Row& alone = t.row("the writer alone", writer_of_topic<M>(0, 4 * count));
    Row& one = t.row("the writer, 1 idle reader", writer_of_topic<M>(1, 4 * count));
    t.row("the writer, 4 idle readers", writer_of_topic<M>(4, 4 * count));
    Row& sixteen = t.row("the writer, 16 idle readers", writer_of_topic<M>(16, 4 * count));
    Row& reader = t.row("a reader, the writer flat out", reader_of_topic<M>(1024, count, share_lost));
    t.row_beside("what that reader lost", share_lost, "%");
    Row& boost = t.row("boost::lockfree::spsc_queue", one_way<BoostRing<M, 1024>, M>(1024, count));
    Table::bar(alone, at_least, 1.5, {&boost});
    Table::bar(sixteen, at_least, 0.9, {&one});
    Table::bar(reader, at_least, 1.0, {&boost});
}

template <std::size_t size>
void add_large(Tables& tables, const char* touched, const char* filled, std::uint64_t count) {
    {
        Table& t = tables.add(touched, "us");
        Row& ours = t.row("loan and borrow", large_by_queue<size, false>(count));
        Row& hand = t.row("by hand, one shared buffer", large_by_hand<size, false>(count));
        Table::bar(ours, at_most, 1.5, {&hand});
    }
    {
        Table& t = tables.add(filled, "us");
        Row& ours = t.row("loan and borrow", large_by_queue<size, true>(count / 50 + 4));
        Row& hand = t.row("by hand, one shared buffer", large_by_hand<size, true>(count / 50 + 4));
        Table::bar(ours, at_most, 1 / 0.9, {&hand});
    }
}

/// What there is besides, for messages of one size. No bars: they do other things too.
template <std::size_t size>
void add_others(Tables& tables, const char* one_way_title, const char* round_trip_title, std::uint64_t count) {
    using M = Numbered<size>;
    constexpr std::size_t ring = size > 65'536 ? 8 : size > 1024 ? 64 : 1024;
    Table& there = tables.add(one_way_title, "MB/s");
    Table& back = tables.add(round_trip_title, "us");
    const auto add = [&]<class Channel>(const char* name, std::uint64_t factor) {
        const auto rate = isolated(one_way<Channel, M>(ring, count * factor));
        there.row(name, [rate] { return rate() * size; });
        const auto trips = isolated(round_trip<Channel, M>(ring, count / 20 * factor + 50));
        back.row(name, [trips] { return trips() / 1e3; });
    };
    add.template operator()<Ours<M, one_to_one, Waiting::adaptive>>("TypedQueue, one_to_one", 10);
    add.template operator()<Ours<M, many_to_many, Waiting::adaptive>>("TypedQueue, many to many", 10);
    add.template operator()<BoostMessageQueue<M>>("boost::interprocess::message_queue", 2);
    if constexpr (size <= 1024) {
        add.template operator()<BoostRing<M, ring>>("boost::lockfree::spsc_queue", 10);
        add.template operator()<CPosixQueue<M>>("POSIX queue, C", 1);
        add.template operator()<CSysvQueue<M>>("System V queue, C", 1);
    }
    add.template operator()<CPipe<M>>("pipe, C", 1);
    add.template operator()<CStream<M>>("Unix stream socket, C", 1);
    add.template operator()<CSeqpacket<M>>("Unix seqpacket socket, C", 1);
    add.template operator()<ZeroMq<M>>("ZeroMQ, ipc", 1);
    add.template operator()<Nng<M>>("nng, abstract socket", 1);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
        if (word == "--rounds") {
            options.rounds = std::atoi(value());
        } else if (word == "--only") {
            options.only = value();
        } else if (word == "--json") {
            options.json = value();
        } else {
            std::fprintf(stderr, "usage: queues [--rounds N] [--only WORDS] [--json FILE]\n");
            return 2;
        }
    }
    if (processors().size() < 2) {
        std::fputs("two processors are needed\n", stderr);
        return 2;
    }
    pin(0);
    Tables tables;
    add_one_way(tables);
    add_round_trips(tables);
    add_crowds(tables);
    add_topics(tables);
    add_large<(1U << 20)>(tables, "1 MiB, first and last 64 bytes touched", "1 MiB, filled and checked", 2'000);
    add_large<(64U << 20)>(tables, "64 MiB, first and last 64 bytes touched", "64 MiB, filled and checked", 200);
    add_others<64>(tables, "everybody, one way, 64 bytes", "everybody, round trip, 64 bytes", 20'000);
    add_others<1024>(tables, "everybody, one way, 1 KiB", "everybody, round trip, 1 KiB", 10'000);
    add_others<65'536>(tables, "everybody, one way, 64 KiB", "everybody, round trip, 64 KiB", 500);
    add_others<(1U << 20)>(tables, "everybody, one way, 1 MiB", "everybody, round trip, 1 MiB", 50);
    std::vector<const Table*> measured;
    for (const auto& table : tables.all) {
        table->measure(options);
        measured.push_back(table.get());
    }
    if (!options.json.empty()) {
        write_json(options.json, "queues", measured);
    }
}
