// SPDX-License-Identifier: BSL-1.0
/// What carrying a message costs through tenon, beside the C program that one would write instead. 64 bytes, one way,
/// filled from their number by the sender, every word checked by the receiver.
///
///     zero_cost_exchange                        throughput of each mechanism: 100,000 messages between two processes
///     zero_cost_exchange --mechanisms "pipe fifo"
///     zero_cost_exchange --rounds 31 --json results.json
///     zero_cost_exchange --repeat pipe_c 1000   1000 messages in one process, bursts that never wait (see `zero_cost`)
///
/// Ends with 1 if a message was not what had been sent. A bar on time that was missed is printed, and is no failure.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness.hpp"
#include "zero_cost.hpp"
#include "zero_cost_c.hpp"
#include "zero_cost_tenon.hpp"

namespace {

using bench::Options, bench::Row, bench::Shared, bench::Table;

constexpr std::uint64_t messages = 100'000;
constexpr double bar = 0.97;

std::uint64_t wrong_messages = 0;
std::deque<Table> tables;

/// For the compiler: so the same code is counted and timed, and none is made for this number.
std::uint64_t unknown(std::uint64_t count) {
    bench::keep(count);
    return count;
}

/// A name that no other process uses.
std::string own(const char* kind) { return std::string{"tenon-bench-"} + kind + '-' + std::to_string(::getpid()); }

// ---- two processes

/// What one exchange came to.
struct Exchange {
    double rate;       // thousand messages a second, from the word to begin until the last is checked
    long preemptions;  // how often the scheduler took the processor away from one of the two
};

/// Sends them from the second processor, receives and checks them on the first.
template <class Ends>
Exchange exchange(Ends&& ends) {
    const Shared<std::atomic<bool>> begin;
    const Shared<std::atomic<bool>> is_there;
    const Shared<long> senders_preemptions;
    const ::pid_t parent = ::getpid();
    const ::pid_t child = ::fork();
    if (child == -1) {
        bench::give_up("fork");
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) {
            ::_exit(1);
        }
        bench::pin(1);
        try {
            ends.keep_sender();
            is_there->store(true, std::memory_order_release);
            while (!begin->load(std::memory_order_acquire)) {}
            const long before = bench::times_preempted();
            ends.send(0, unknown(messages));
            *senders_preemptions = bench::times_preempted() - before;
        } catch (const std::exception& refused) {
            std::fprintf(stderr, "%s\n", refused.what());
            ::_exit(1);
        }
        ::_exit(0);
    }
    ::alarm(60);  // a sender that fails leaves the receiver of a queue waiting for ever
    ends.keep_receiver();
    while (!is_there->load(std::memory_order_acquire)) {}
    const long before = bench::times_preempted();
    const std::int64_t start = bench::now();
    begin->store(true, std::memory_order_release);
    wrong_messages += ends.receive(0, unknown(messages));
    const std::int64_t spent = bench::now() - start;
    const long preemptions = bench::times_preempted() - before;
    int status = 0;
    while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {}
    ::alarm(0);
    if (status != 0) {
        std::fputs("the sender failed\n", stderr);
        std::_Exit(1);
    }
    return {static_cast<double>(messages) / static_cast<double>(spent) * 1e6, preemptions + *senders_preemptions};
}

/// Of an exchange in which both had their processors to themselves; of the last attempt when others leave them no peace.
template <class Make>
double throughput(const Make& make) {
    for (int attempt = 0;; ++attempt) {
        const Exchange one = exchange(make());
        if (one.preemptions == 0 || attempt == 2) {
            return one.rate;
        }
    }
}

// ---- one process

/// Neither end ever waits: what is counted is the same in each run.
template <class Ends>
void repeat(Ends&& ends, std::uint64_t count) {
    for (std::uint64_t sent = 0; sent < count; sent += bench::burst) {
        ends.send(sent, unknown(bench::burst));
        wrong_messages += ends.receive(sent, unknown(bench::burst));
    }
}

// ---- the mechanisms

/// One way to carry the messages. With a count: that many in one process; returns 0. Without: the throughput.
struct Road {
    std::string name;  // for --repeat
    std::string words;
    std::function<double(std::uint64_t)> run;
};

template <class Make>
Road road(std::string name, std::string words, Make make) {
    return {std::move(name), std::move(words), [make](std::uint64_t count) {
                if (count == 0) {
                    return throughput(make);
                }
                repeat(make(), count);
                return 0.0;
            }};
}

struct Mechanism {
    std::string name;  // for --mechanisms
    std::string title;
    std::vector<Road> roads;  // C, tenon, and what is shown beside them
};

std::vector<Mechanism> mechanisms() {
    const std::string path = "/tmp/" + own("fifo");
    const std::string name = "/" + own("queue");
    const tenon::SysvKey key{0x7e000000 | ::getpid()};
    return {
        {"pipe",
         "anonymous pipe",
         {road("pipe_c", "C: pipe in packet mode", [] { return bench::c::Pipe{}; }),
          road("pipe_tenon", "tenon::TypedPipe", [] { return bench::typed::Pipe{}; }),
          road("pipe_bytes_c", "  (C: pipe as a stream of bytes)", [] { return bench::c::BytePipe{}; })}},
        {"fifo",
         "FIFO",
         {road("fifo_c", "C: FIFO in packet mode", [path] { return bench::c::Fifo{path}; }),
          road("fifo_tenon", "tenon::TypedFifo", [path] { return bench::typed::Fifo{path}; }),
          road("fifo_bytes_c", "  (C: FIFO as a stream of bytes)", [path] { return bench::c::ByteFifo{path}; })}},
        {"sysv",
         "System V queue",
         {road("sysv_c", "C: msgsnd, msgrcv", [] { return bench::c::SysvQueue{}; }),
          road("sysv_tenon", "tenon::TypedQueue over::sysv", [key] { return bench::typed::SysvQueue{key}; })}},
        {"posix",
         "POSIX queue",
         {road("posix_c", "C: mq_send, mq_receive", [name] { return bench::c::PosixQueue{name}; }),
          road("posix_tenon", "tenon::TypedQueue over::posix", [name] { return bench::typed::PosixQueue{name}; })}},
        {"seqpacket",
         "Unix socket, seqpacket",
         {road("seqpacket_c", "C: send, recv", [] { return bench::c::PacketSocket{}; }),
          road("seqpacket_tenon", "tenon::TypedSocket", [] { return bench::typed::PacketSocket{}; })}},
        {"stream",
         "Unix socket, stream",
         {road("stream_c", "C: send, recv", [] { return bench::c::StreamSocket{}; }),
          road("stream_tenon", "tenon::TypedSocket over::stream", [] { return bench::typed::StreamSocket{}; })}},
    };
}

void measure(const Mechanism& mechanism, const Options& options) {
    Table& table = tables.emplace_back(mechanism.title + ", 64 bytes one way between two processes", "k/s");
    std::vector<Row*> rows;
    for (const Road& road : mechanism.roads) {
        rows.push_back(&table.row(road.words, [run = road.run] { return run(0); }));
    }
    table.measure(options);
    Table::bar(*rows[1], bench::at_least, bar, {rows[0]});  // only now: a Table prints bars with one digit
    const double ratio = table.ratio(*rows[1], rows[1]->bars.front());
    std::printf("throughput: %.3f of C, bar >= %.2f: %s\n", ratio, bar, ratio >= bar ? "met" : "MISSED");
    std::fflush(stdout);
}

[[noreturn]] void show_usage() {
    std::fputs(
        "usage: zero_cost_exchange [--mechanisms NAMES] [--rounds N (9 or more)] [--json FILE] | --repeat ROAD N\n",
        stderr);
    std::exit(2);
}

int run(int count, char** words) {
    Options options;
    std::string wanted;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--mechanisms" && i + 1 < count) {
            wanted = ' ' + std::string{words[++i]} + ' ';
        } else if (word == "--json" && i + 1 < count) {
            options.json = words[++i];
        } else if (word == "--rounds" && i + 1 < count && std::atoi(words[i + 1]) >= 9) {
            options.rounds = std::atoi(words[++i]);
        } else if (word == "--repeat" && i + 2 < count) {
            for (const Mechanism& mechanism : mechanisms()) {
                for (const Road& road : mechanism.roads) {
                    if (road.name == words[i + 1]) {
                        road.run(std::strtoull(words[i + 2], nullptr, 10));
                        return wrong_messages == 0 ? 0 : 1;
                    }
                }
            }
            show_usage();
        } else {
            show_usage();
        }
    }
    bench::processors();
    bench::pin(0);
    for (const auto& [key, value] : bench::circumstances()) {
        std::printf("%-9s %s\n", key.c_str(), value.c_str());
    }
    std::vector<const Table*> measured;
    for (const Mechanism& mechanism : mechanisms()) {
        if (wanted.empty() || wanted.find(' ' + mechanism.name + ' ') != std::string::npos) {
            measure(mechanism, options);
            measured.push_back(&tables.back());
        }
    }
    if (!options.json.empty()) {
        bench::write_json(options.json, "zero_cost_exchange", measured);
    }
    if (wrong_messages != 0) {
        std::fprintf(stderr, "%llu messages were not what had been sent\n",
                     static_cast<unsigned long long>(wrong_messages));
    }
    return wrong_messages == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
    try {
        return run(count, words);
    } catch (const std::exception& refused) {
        std::fprintf(stderr, "%s\n", refused.what());
        return 1;
    }
}
