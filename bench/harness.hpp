// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What a measurement of two processes needs and a benchmark library for one process does not have: processors of one's
/// own, a peer process, rounds in which all candidates take turns, and a probe that notices when the machine moved.
///
///     bench::Table table{"lock and unlock", "ns"};
///     auto& ours   = table.row("ours", bench::nanoseconds_of([&] { ours.lock(); ours.unlock(); }));
///     auto& theirs = table.row("theirs", bench::nanoseconds_of([&] { ... }));
///     table.bar(ours, at_most, 1.2, {&theirs});
///     table.measure(options);
///
/// Fair.     One round measures each row once, a few milliseconds each, the first row being another one in each round: what
///           slows the machine down for a while slows all of them. Reported are medians over the rounds.
/// Noise.    Before and after each round a cache line goes to and fro between the two processors. A round in which that
///           took more than twice its best time of this run is dropped, counted, and done again. So is a single
///           measurement during which the scheduler took the processor away.
/// Honest.   Every round stands in the JSON, dropped ones too.

#include <linux/sched.h>
#include <sched.h>         // sched_setaffinity
#include <sys/mman.h>      // mmap
#include <sys/prctl.h>     // PR_SET_PDEATHSIG
#include <sys/resource.h>  // getrusage
#include <sys/utsname.h>   // uname
#include <sys/wait.h>      // waitpid
#include <time.h>          // clock_gettime
#include <unistd.h>        // fork

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bench {

// ---- one processor

inline std::int64_t now() noexcept {  // nanoseconds
    ::timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// The compiler must have `value` ready in memory here, and must believe that it may change.
template <class T>
inline void keep(T& value) noexcept {
    asm volatile("" : : "r"(&value) : "memory");
}

[[noreturn]] inline void give_up(const char* what) {
    std::perror(what);
    std::_Exit(1);
}

/// The processors that this process may use, in the order in which they are used here.
inline const std::vector<int>& processors() {
    static const std::vector<int> allowed = [] {
        ::cpu_set_t set;
        std::vector<int> found;
        if (::sched_getaffinity(0, sizeof set, &set) == 0) {
            for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
                if (CPU_ISSET(cpu, &set)) {
                    found.push_back(cpu);
                }
            }
        }
        return found;
    }();
    return allowed;
}

/// Pins the caller to the n-th of processors(); to the last one when there are fewer.
inline void pin(std::size_t n) {
    ::cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processors()[std::min(n, processors().size() - 1)], &set);
    if (::sched_setaffinity(0, sizeof set, &set) == -1) {
        give_up("sched_setaffinity");
    }
}

inline long times_preempted() {
    ::rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

// ---- two processes

/// A T in memory that a peer shares, made before the peer is.
template <class T>
class Shared {
public:
    Shared() {
        void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            give_up("mmap");
        }
        value_ = ::new (memory) T{};
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { ::munmap(value_, sizeof(T)); }
    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return value_; }

private:
    T* value_;
};

/// Forks a child that stays on a processor, and dies with this process. Returns  what fork(2) does.
inline ::pid_t fork_onto(std::size_t processor) {
    const ::pid_t parent = ::getpid();
    const ::pid_t child = ::fork();
    if (child == -1) {
        give_up("fork");
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) {
            ::_exit(1);
        }
        pin(processor);
    }
    return child;
}

/// A process on the second processor that repeats `work()` until this object is destroyed. When the constructor returns
/// it is at work.
class Peer {
public:
    template <class Work>
    explicit Peer(Work&& work) {
        child_ = fork_onto(1);
        if (child_ == 0) {
            try {
                work();
                board_->turns.store(1, std::memory_order_release);
                for (std::uint64_t turns = 2; !board_->enough.load(std::memory_order_relaxed); ++turns) {
                    work();
                    board_->turns.store(turns, std::memory_order_relaxed);
                }
            } catch (...) {
                ::_exit(1);
            }
            ::_exit(0);
        }
        while (board_->turns.load(std::memory_order_acquire) == 0) {
            if (::waitpid(child_, nullptr, WNOHANG) != 0) {
                std::fputs("a peer process failed\n", stderr);
                std::_Exit(1);
            }
        }
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() {
        board_->enough.store(true, std::memory_order_relaxed);
        while (::waitpid(child_, nullptr, 0) == -1 && errno == EINTR) {}
    }

    /// How often work() was done.
    [[nodiscard]] std::uint64_t turns() const noexcept { return board_->turns.load(std::memory_order_relaxed); }

private:
    struct Board {
        alignas(64) std::atomic<bool> enough{false};
        alignas(64) std::atomic<std::uint64_t> turns{0};  // written by the peer only
    };
    Shared<Board> board_;
    ::pid_t child_ = -1;
};

/// How long one cache line takes to the other processor and back, in nanoseconds, just now.
inline double cache_line_round_trip() {
    struct alignas(64) Ball {
        std::atomic<std::uint64_t> at{0};  // odd: in the peer's half
    };
    const Shared<Ball> ball;
    const Peer echo{[&] {
        std::uint64_t seen = ball->at.load(std::memory_order_acquire);
        if (seen % 2 == 1) {
            ball->at.store(seen + 1, std::memory_order_release);
        }
    }};
    std::vector<double> times;
    constexpr int trips = 200;
    for (int batch = 0; batch < 9; ++batch) {
        const std::int64_t start = now();
        for (int trip = 0; trip < trips; ++trip) {
            const std::uint64_t sent = ball->at.load(std::memory_order_relaxed) + 1;
            ball->at.store(sent, std::memory_order_release);
            while (ball->at.load(std::memory_order_acquire) == sent) {}
        }
        times.push_back(static_cast<double>(now() - start) / trips);
    }
    std::nth_element(times.begin(), times.begin() + 4, times.end());
    return times[4];
}

// ---- what is measured

/// A measurement: the mean time of one `operation()`, repeated for about `slice` nanoseconds.
template <class Operation>
std::function<double()> nanoseconds_of(Operation&& operation, std::int64_t slice = 3'000'000) {
    return [operation = std::forward<Operation>(operation), slice, count = std::uint64_t{0}]() mutable {
        const auto run = [&](std::uint64_t times) {
            const std::int64_t start = now();
            for (std::uint64_t i = 0; i < times; ++i) {
                operation();
            }
            return now() - start;
        };
        if (count == 0) {
            count = 1;
            while (run(count) < slice / 4) {
                count *= 2;
            }
            count *= 2;
        }
        run(count / 16);  // what others left in the caches is gone
        for (int attempt = 0;; ++attempt) {
            const long before = times_preempted();
            const std::int64_t spent = run(count);
            if (times_preempted() == before || attempt == 9) {
                return static_cast<double>(spent) / static_cast<double>(count);
            }
        }
    };
}

struct Options {
    int rounds = 15;
    std::string only;  // tables whose title contains it
    std::string json;
};

/// Times must not be more, rates must not be less, than `factor` times the best of the others; or, where there are none, than
/// `factor` itself.
enum class Direction { at_most, at_least };
using enum Direction;

struct Row;
struct Bar {
    Direction direction;
    double factor;
    std::vector<const Row*> against;
};

struct Row {
    std::string name;
    std::string unit;
    std::function<double()> measure;
    std::vector<double> rounds{};  // dropped ones too, see Table::kept()
    std::vector<Bar> bars{};
};

class Table {
public:
    Table(std::string title, std::string unit) : title_{std::move(title)}, unit_{std::move(unit)} {}

    Row& row(std::string name, std::function<double()> measure) {
        return row(std::move(name), std::move(measure), unit_);
    }
    Row& row(std::string name, std::function<double()> measure, std::string unit) {
        return rows_.emplace_back(Row{std::move(name), std::move(unit), std::move(measure)});
    }
    /// A row that another row's measurement fills in; to be added after it.
    Row& row_beside(std::string name, const double& value, std::string unit) {
        beside_.push_back(rows_.size());
        return row(
            std::move(name), [&value] { return value; }, std::move(unit));
    }
    /// `of` must be at most, or at least, `factor` times the best of the others.
    static void bar(Row& of, Direction direction, double factor, std::vector<const Row*> against) {
        of.bars.push_back({direction, factor, std::move(against)});
    }

    void measure(const Options& options) {
        if (title_.find(options.only) == std::string::npos) {
            return;
        }
        int good = 0;
        for (int round = 0; good < options.rounds && round < 3 * options.rounds; ++round) {
            if (::isatty(STDERR_FILENO) == 1) {
                std::fprintf(stderr, "\r\033[K%s: round %d of %d", title_.c_str(), good + 1, options.rounds);
            }
            const double before = probe();
            for (std::size_t i = 0; i < rows_.size(); ++i) {
                Row& row = rows_[(i + static_cast<std::size_t>(round)) % rows_.size()];
                if (!is_beside(row)) {
                    row.rounds.push_back(row.measure());
                }
            }
            for (const std::size_t i : beside_) {
                rows_[i].rounds.push_back(rows_[i].measure());
            }
            const double after = probe();
            probes_.push_back({before, after});
            good += calm(probes_.back()) ? 1 : 0;
        }
        if (::isatty(STDERR_FILENO) == 1) {
            std::fputs("\r\033[K", stderr);
        }
        print();
    }

    void print() const {
        std::printf("\n%s\n%-48s %10s %8s  %s\n", title_.c_str(), "", "median", "spread", "bar");
        for (const Row& row : rows_) {
            const auto [low, middle, high] = summary(row);
            std::printf("%-48s %10s %7.0f%%", row.name.c_str(), in_unit(middle, row.unit).c_str(),
                        100 * (high - low) / middle);
            for (const Bar& bar : row.bars) {
                std::printf("%s%s", &bar == &row.bars.front() ? "  " : "; ", verdict(row, bar).c_str());
            }
            std::puts("");
        }
        std::printf("%zu rounds, %zu of them dropped as noisy; cache line round trip %.0f ns at best, %.0f median%s\n",
                    probes_.size(), dropped(), best_probe(), median_probe(),
                    enough_calm() ? "" : "; too few were calm, ALL are in the medians");
        std::fflush(stdout);
    }

    /// The median of the kept rounds with the quartiles around it.
    struct Summary {
        double low, middle, high;
    };
    [[nodiscard]] Summary summary(const Row& row) const {
        std::vector<double> values;
        for (std::size_t i = 0; i < row.rounds.size(); ++i) {
            if (kept(i)) {
                values.push_back(row.rounds[i]);
            }
        }
        std::sort(values.begin(), values.end());
        const std::size_t last = values.size() - 1;
        return {values[last / 4], (values[last / 2] + values[(last + 1) / 2]) / 2, values[last - last / 4]};
    }
    [[nodiscard]] bool measured() const noexcept { return !probes_.empty(); }

    /// By which factor a row stands to the best of the others, the median over the rounds: what was measured side by side, in
    /// the same state of the machine, is compared. Without others, its value.
    [[nodiscard]] double ratio(const Row& row, const Bar& bar) const {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < row.rounds.size(); ++i) {
            if (!kept(i)) {
                continue;
            }
            double best = bar.against.empty() ? 1 : bar.against.front()->rounds[i];
            for (const Row* const other : bar.against) {
                best = bar.direction == at_most ? std::min(best, other->rounds[i]) : std::max(best, other->rounds[i]);
            }
            ratios.push_back(row.rounds[i] / best);
        }
        std::sort(ratios.begin(), ratios.end());
        return (ratios[(ratios.size() - 1) / 2] + ratios[ratios.size() / 2]) / 2;
    }
    [[nodiscard]] bool is_met(const Row& row, const Bar& bar) const {
        return bar.direction == at_most ? ratio(row, bar) <= bar.factor : ratio(row, bar) >= bar.factor;
    }
    void write_json(std::ostream& out) const;

private:
    using Probes = std::pair<double, double>;  // before and after

    double probe() {
        const double time = cache_line_round_trip();
        best_ = std::min(best_, time);
        return time;
    }
    [[nodiscard]] static double best_probe() noexcept { return best_; }
    [[nodiscard]] double median_probe() const {
        std::vector<double> times;
        for (const auto& [before, after] : probes_) {
            times.push_back(std::max(before, after));
        }
        std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
        return times[times.size() / 2];
    }
    [[nodiscard]] static bool calm(const Probes& probes) noexcept {
        return std::max(probes.first, probes.second) <= 2 * best_;
    }
    [[nodiscard]] std::size_t dropped() const {
        return static_cast<std::size_t>(
            std::count_if(probes_.begin(), probes_.end(), [](const Probes& p) { return !calm(p); }));
    }
    [[nodiscard]] bool enough_calm() const { return probes_.size() - dropped() >= 7; }
    [[nodiscard]] bool kept(std::size_t round) const { return !enough_calm() || calm(probes_[round]); }
    [[nodiscard]] bool is_beside(const Row& row) const {
        return std::any_of(beside_.begin(), beside_.end(), [&](std::size_t i) { return &rows_[i] == &row; });
    }

    static std::string in_unit(double value, const std::string& unit) {
        char text[64];
        std::snprintf(text, sizeof text, value < 100 ? "%.1f %s" : "%.0f %s", value, unit.c_str());
        return text;
    }
    [[nodiscard]] std::string verdict(const Row& row, const Bar& bar) const {
        char text[256];
        const std::string others = bar.against.empty()       ? ""
                                   : bar.against.size() == 1 ? " of " + bar.against.front()->name
                                                             : " of the best hand-written";
        std::snprintf(text, sizeof text, "%.2f%s, bar %s %.2f: %s", ratio(row, bar), others.c_str(),
                      bar.direction == at_most ? "<=" : ">=", bar.factor, is_met(row, bar) ? "met" : "MISSED");
        return text;
    }

    inline static double best_ = 1e9;  // of this run
    std::string title_;
    std::string unit_;
    std::deque<Row> rows_;
    std::vector<std::size_t> beside_;
    std::vector<Probes> probes_;
};

// ---- the report

inline std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + '"';
}

template <class Range>
std::string json_list(const Range& values) {
    std::string out;
    char text[32];
    for (const double value : values) {
        std::snprintf(text, sizeof text, "%s%.6g", out.empty() ? "" : ", ", value);
        out += text;
    }
    return "[" + out + "]";
}

inline void Table::write_json(std::ostream& out) const {
    std::vector<double> before;
    std::vector<double> after;
    std::string kept_rounds;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
        before.push_back(probes_[i].first);
        after.push_back(probes_[i].second);
        kept_rounds += std::string{i == 0 ? "" : ", "} + (kept(i) ? "true" : "false");
    }
    out << "  {\"title\": " << quoted(title_) << ",\n   \"kept\": [" << kept_rounds
        << "],\n   \"round_trip_before_ns\": " << json_list(before)
        << ",\n   \"round_trip_after_ns\": " << json_list(after) << ",\n   \"rows\": [";
    for (const Row& row : rows_) {
        const auto [low, middle, high] = summary(row);
        out << (&row == &rows_.front() ? "\n" : ",\n") << "    {\"name\": " << quoted(row.name)
            << ", \"unit\": " << quoted(row.unit) << ", \"median\": " << middle
            << ", \"quartiles\": " << json_list(std::vector<double>{low, high});
        out << ", \"bars\": [";
        for (const Bar& bar : row.bars) {
            out << (&bar == &row.bars.front() ? "" : ", ") << "{\"ratio\": " << ratio(row, bar)
                << ", \"bar\": " << quoted(bar.direction == at_most ? "at most" : "at least")
                << ", \"factor\": " << bar.factor << ", \"met\": " << (is_met(row, bar) ? "true" : "false")
                << ", \"against\": [";
            for (const Row* const other : bar.against) {
                out << (other == bar.against.front() ? "" : ", ") << quoted(other->name);
            }
            out << "]}";
        }
        out << "],\n     \"rounds\": " << json_list(row.rounds) << '}';
    }
    out << "]}";
}

/// Where and with what this was measured, as pairs of words.
inline std::vector<std::pair<std::string, std::string>> circumstances() {
    ::utsname system{};
    ::uname(&system);
    std::string model = "unknown";
    std::ifstream info{"/proc/cpuinfo"};
    for (std::string line; std::getline(info, line);) {
        if (line.rfind("model name", 0) == 0) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    }
#ifdef __clang__
    const std::string compiler = "clang++ " __clang_version__;
#else
    const std::string compiler = "g++ " __VERSION__;
#endif
#ifndef BENCH_FLAGS
#define BENCH_FLAGS "unknown"
#endif
    std::string pinned = std::to_string(processors().front());
    if (processors().size() > 1) {
        pinned += " and " + std::to_string(processors()[1]);
    }
    return {{"machine", model + ", " + std::to_string(processors().size()) + " processors, pinned to " + pinned},
            {"kernel", std::string{system.sysname} + ' ' + system.release + ' ' + system.machine},
            {"compiler", compiler},
            {"flags", BENCH_FLAGS}};
}

inline void write_json(const std::string& file, const std::string& name, const std::vector<const Table*>& tables) {
    std::ofstream out{file};
    out << "{\"bench\": " << quoted(name) << ",\n";
    for (const auto& [key, value] : circumstances()) {
        out << ' ' << quoted(key) << ": " << quoted(value) << ",\n";
    }
    out << " \"tables\": [\n";
    bool first = true;
    for (const Table* const table : tables) {
        if (table->measured()) {
            out << (std::exchange(first, false) ? "" : ",\n");
            table->write_json(out);
        }
    }
    out << "\n]}\n";
    if (!out.flush()) {
        give_up(file.c_str());
    }
}

}  // namespace bench
