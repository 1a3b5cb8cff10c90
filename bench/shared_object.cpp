// SPDX-License-Identifier: BSL-1.0
/// What SharedObject costs, beside what one would write by hand: a struct under a pthread mutex, a sequence lock.
///
///     shared_object                      all tables
///     shared_object --only "load of"     those whose title contains the words
///     shared_object --rounds 31 --json results.json
///     shared_object --repeat update 1000 nothing but 1000 updates, for counting instructions (see `instructions`)
///
/// Ends with 1 if a torn value was ever read. A bar on time that was missed is printed, and is no failure.

#include <tenon/shared_object.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "harness.hpp"
#include "sequence_lock.hpp"

namespace {

using bench::at_least, bench::at_most;
using bench::keep, bench::nanoseconds_of, bench::now;
using bench::Options, bench::Peer, bench::Row, bench::Shared, bench::Table;

/// 64 bytes as somebody would have them, on a cache line of their own wherever they are, so that luck has no part in it.
struct alignas(64) Telemetry {
    std::uint64_t tick;
    double position[3];
    double speed[3];
    std::uint64_t source;
};
static_assert(sizeof(Telemetry) == 64);

constexpr auto change = [](auto& telemetry) {
    ++telemetry.tick;
    telemetry.position[0] += 0.25;
};

/// `size` bytes that are whole when they all derive from the first word.
template <std::size_t size>
struct alignas(64) Numbered {
    std::array<std::uint64_t, size / 8> words;

    void number(std::uint64_t first) noexcept {
        for (std::size_t i = 0; i < words.size(); ++i) {
            words[i] = first + i;
        }
    }
    [[nodiscard]] bool is_whole() const noexcept {
        std::uint64_t difference = 0;
        for (std::size_t i = 0; i < words.size(); ++i) {
            difference |= words[i] ^ (words[0] + i);
        }
        return difference == 0;
    }
};

std::uint64_t torn_values = 0;
std::vector<const Table*> tables;

// ---- nobody else there
//
// A SharedObject is a handle, and so is a Shared: the pointer in it is read anew for each operation, as it is in a
// program that does other things in between.

void update_alone(const Options& options) {
    static Table table{"update of 64 bytes, nobody else there", "ns"};
    auto object = tenon::SharedObject<Telemetry>::anonymous();
    const Shared<bench::PlainMutexed<Telemetry>> plain;
    const Shared<bench::RobustMutexed<Telemetry>> robust;

    Row& ours = table.row("tenon::SharedObject::update", nanoseconds_of([&] { object.update(change); }));
    Row& mutex = table.row("pthread mutex, changed in place", nanoseconds_of([&] { plain->update(change); }));
    Row& robust_mutex =
        table.row("robust pthread mutex, changed in place", nanoseconds_of([&] { robust->update(change); }));
    Table::bar(ours, at_most, 1.2, {&mutex});
    Table::bar(ours, at_most, 1.0, {&robust_mutex});
    table.measure(options);
    tables.push_back(&table);
}

template <class T>
tenon::SharedObject<T>& at(tenon::SharedObject<T>& handle) {
    return handle;
}
template <class T>
T& at(const Shared<T>& handle) {
    return *handle;
}

template <class T, class Handle>
auto loading(Handle& handle) {
    return nanoseconds_of([&handle] {
        T value = at(handle).load();
        keep(value);
    });
}

template <class T, class Handle>
auto storing(Handle& handle) {
    return nanoseconds_of([&handle, value = T{}]() mutable {
        keep(value);
        at(handle).store(value);
    });
}

template <std::size_t size>
void load_alone(const Options& options, const std::string& words) {
    using T = Numbered<size>;
    static Table table{"load of " + words + ", nobody else there", "ns"};
    auto object = tenon::SharedObject<T>::anonymous();
    const Shared<bench::SequenceLock<T, bench::WordByWord>> by_word;
    const Shared<bench::SequenceLock<T, bench::EightWords>> by_eight;
    const Shared<bench::SequenceLock<T, bench::PlainMemcpy>> by_memcpy;

    Row& ours = table.row("tenon::SharedObject::load", loading<T>(object));
    Row& simple = table.row("sequence lock, relaxed words", loading<T>(by_word));
    Row& unrolled = table.row("sequence lock, eight relaxed words a turn", loading<T>(by_eight));
    table.row("sequence lock, memcpy (a data race)", loading<T>(by_memcpy));
    table.row("tenon::SharedObject::store", storing<T>(object));
    table.row("sequence lock, relaxed words: store", storing<T>(by_word));
    table.row("sequence lock, eight relaxed words a turn: store", storing<T>(by_eight));
    table.row("sequence lock, memcpy (a data race): store", storing<T>(by_memcpy));
    Table::bar(ours, at_most, 1.2, {&simple, &unrolled});
    table.measure(options);
    tables.push_back(&table);
}

// ---- a writer in another process that never rests

/// Reads for 20 ms beside a process that writes without a pause, and checks each value.
/// Returns  million reads a second; `writes` becomes the writer's rate.
template <class T, class Lock>
double reads_beside_writer(Lock& lock, double& writes, std::uint64_t& checked, std::uint64_t& torn) {
    constexpr std::int64_t slice = 20'000'000;
    const Peer writer{[&lock, value = T{}, next = std::uint64_t{0}]() mutable {
        value.number(next++);
        keep(value);
        lock.store(value);
    }};
    const std::uint64_t turns = writer.turns();
    const std::int64_t start = now();
    std::uint64_t reads = 0;
    std::int64_t spent = 0;
    while (spent < slice) {
        for (int i = 0; i < 64; ++i) {
            const T value = lock.load();
            torn += value.is_whole() ? 0 : 1;
        }
        reads += 64;
        spent = now() - start;
    }
    checked += reads;
    writes = static_cast<double>(writer.turns() - turns) / static_cast<double>(spent) * 1e3;
    return static_cast<double>(reads) / static_cast<double>(spent) * 1e3;
}

template <std::size_t size>
void load_beside_writer(const Options& options, const std::string& words) {
    using T = Numbered<size>;
    static Table table{"load of " + words + " beside a writer that never rests", "M/s"};
    T initial{};
    initial.number(0);
    auto object = tenon::SharedObject<T>::anonymous(initial);
    const Shared<bench::SequenceLock<T, bench::WordByWord>> by_word;
    const Shared<bench::SequenceLock<T, bench::EightWords>> by_eight;
    const Shared<bench::SequenceLock<T, bench::PlainMemcpy>> by_memcpy;
    by_word->store(initial), by_eight->store(initial), by_memcpy->store(initial);
    static double writes[4];
    static std::uint64_t checked[4];
    static std::uint64_t torn[4];

    const auto reading = [](auto& lock, std::size_t i) {
        return [&lock, i] { return reads_beside_writer<T>(lock, writes[i], checked[i], torn[i]); };
    };
    Row& ours = table.row("tenon::SharedObject::load", reading(object, 0));
    table.row_beside("  its writer", writes[0], "M/s");
    Row& simple = table.row("sequence lock, relaxed words", reading(*by_word, 1));
    table.row_beside("  its writer", writes[1], "M/s");
    Row& unrolled = table.row("sequence lock, eight relaxed words a turn", reading(*by_eight, 2));
    table.row_beside("  its writer", writes[2], "M/s");
    table.row("sequence lock, memcpy (a data race)", reading(*by_memcpy, 3));
    table.row_beside("  its writer", writes[3], "M/s");
    Table::bar(ours, at_least, 1.0, {&simple, &unrolled});
    table.measure(options);
    if (table.measured()) {
        double rate = 0;
        while (checked[0] < 10'000'000) {
            reads_beside_writer<T>(object, rate, checked[0], torn[0]);
        }
        std::printf("torn values: %llu in %.1f million loads (none in 10 million): %s\n",
                    static_cast<unsigned long long>(torn[0]), static_cast<double>(checked[0]) / 1e6,
                    torn[0] == 0 ? "met" : "MISSED");
        torn_values += torn[0];
        tables.push_back(&table);
    }
}

/// How long single loads took, the clock included.
struct Percentiles {
    double middle = 0, p99 = 0, p999 = 0, p9999 = 0;

    template <class Load>
    double measure(Load&& load) {
        std::vector<std::int64_t> times(100'000);
        for (auto& time : times) {
            const std::int64_t start = now();
            load();
            time = now() - start;
        }
        std::sort(times.begin(), times.end());
        const auto at = [&](double part) {
            return static_cast<double>(times[static_cast<std::size_t>(part * static_cast<double>(times.size()))]);
        };
        middle = at(0.5), p99 = at(0.99), p999 = at(0.999), p9999 = at(0.9999);
        return middle;
    }
};

void latency(const Options& options) {
    using T = Telemetry;
    static Table table{"latency of a load of 64 bytes, the clock included", "ns"};
    auto object = tenon::SharedObject<T>::anonymous();
    const Shared<bench::SequenceLock<T, bench::EightWords>> by_eight;
    const Shared<bench::PlainMutexed<T>> mutexed;
    static Percentiles clock, alone, beside, sequence, mutex;

    const auto rows = [](const std::string& name, Percentiles& of, std::function<double()> measure) {
        table.row(name + ": median", std::move(measure));
        table.row_beside("  99 %", of.p99, "ns");
        table.row_beside("  99.9 %", of.p999, "ns");
        table.row_beside("  99.99 %", of.p9999, "ns");
    };
    const auto load_from = [](auto& lock) {
        return [&lock] {
            T value = lock.load();
            keep(value);
        };
    };
    const auto store_to = [](auto& lock) { return [&lock] { lock.store(T{}); }; };
    rows("the clock alone", clock, [] { return clock.measure([] {}); });
    rows("tenon, nobody else there", alone, [&] { return alone.measure(load_from(object)); });
    rows("tenon, beside a writer that never rests", beside, [&] {
        const Peer writer{store_to(object)};
        return beside.measure(load_from(object));
    });
    rows("sequence lock, beside the same", sequence, [&] {
        const Peer writer{store_to(*by_eight)};
        return sequence.measure(load_from(*by_eight));
    });
    rows("pthread mutex, beside the same", mutex, [&] {
        const Peer writer{[&] { mutexed->update([](T& value) { value = T{}; }); }};
        return mutex.measure([&] {
            T value;
            mutexed->update([&](const T& current) { value = current; });
            keep(value);
        });
    });
    table.measure(options);
    tables.push_back(&table);
}

// ---- two writers that never rest

template <class Update>
double updates_together(const Update& update) {
    constexpr std::int64_t slice = 20'000'000;
    const Peer other{update};
    const std::uint64_t turns = other.turns();
    const std::int64_t start = now();
    std::uint64_t mine = 0;
    std::int64_t spent = 0;
    while (spent < slice) {
        for (int i = 0; i < 64; ++i) {
            update();
        }
        mine += 64;
        spent = now() - start;
    }
    return static_cast<double>(mine + other.turns() - turns) / static_cast<double>(spent) * 1e3;
}

void update_contended(const Options& options) {
    static Table table{"update of 64 bytes from two processes that never rest, both together", "M/s"};
    auto object = tenon::SharedObject<Telemetry>::anonymous();
    const Shared<bench::PlainMutexed<Telemetry>> plain;
    const Shared<bench::RobustMutexed<Telemetry>> robust;

    table.row("tenon::SharedObject::update", [&] { return updates_together([&] { object.update(change); }); });
    table.row("pthread mutex, changed in place", [&] { return updates_together([&] { plain->update(change); }); });
    table.row("robust pthread mutex, changed in place",
              [&] { return updates_together([&] { robust->update(change); }); });
    table.measure(options);
    tables.push_back(&table);
}

// ---- from one byte to 64 MiB

template <std::size_t size>
struct Bytes {
    std::array<unsigned char, size> bytes;
};

template <std::size_t size>
void by_size(const Options& options, const std::string& words, const std::string& unit, double nanoseconds) {
    using T = Bytes<size>;
    static Table table{"size " + words + ", nobody else there", unit};
    auto object = tenon::SharedObject<T>::anonymous();
    const Shared<T> shared;
    const auto mine = std::make_unique<T>();
    const auto scaled = [nanoseconds](std::function<double()> measure) {
        return [measure = std::move(measure), nanoseconds] { return measure() / nanoseconds; };
    };
    table.row("tenon::SharedObject::load", scaled(nanoseconds_of([&] {
                  object.load(*mine);
                  keep(*mine);
              })));
    table.row("tenon::SharedObject::store", scaled(nanoseconds_of([&] {
                  keep(*mine);
                  object.store(*mine);
              })));
    table.row("memcpy out of shared memory", scaled(nanoseconds_of([&] {
                  std::memcpy(mine.get(), &*shared, size);
                  keep(*mine);
              })));
    table.row("memcpy into shared memory", scaled(nanoseconds_of([&] {
                  keep(*mine);
                  std::memcpy(&*shared, mine.get(), size);
                  keep(*shared);
              })));
    table.measure(options);
    tables.push_back(&table);
}

// ---- one operation, for counting its instructions

int repeat(std::string_view operation, std::uint64_t count) {
    auto object = tenon::SharedObject<Telemetry>::anonymous();
    auto large = tenon::SharedObject<Numbered<1024>>::anonymous();
    const Shared<bench::PlainMutexed<Telemetry>> plain;
    const Shared<bench::RobustMutexed<Telemetry>> robust;
    const Shared<bench::SequenceLock<Telemetry, bench::EightWords>> sequence;
    const Shared<bench::SequenceLock<Numbered<1024>, bench::EightWords>> large_sequence;

    const auto times = [count](auto&& action) {
        for (std::uint64_t i = 0; i < count; ++i) {
            action();
        }
        return 0;
    };
    const auto load = [](auto& from) {
        return [&from] {
            auto value = from.load();
            keep(value);
        };
    };
    const auto store = [](auto& to) {
        return [&to, value = std::remove_cvref_t<decltype(to.load())>{}]() mutable {
            keep(value);
            to.store(value);
        };
    };
    if (operation == "nothing") {
        return times([] { asm volatile(""); });
    }
    if (operation == "update") {
        return times([&] { object.update(change); });
    }
    if (operation == "mutex_update") {
        return times([&] { plain->update(change); });
    }
    if (operation == "robust_update") {
        return times([&] { robust->update(change); });
    }
    if (operation == "load") {
        return times(load(object));
    }
    if (operation == "sequence_load") {
        return times(load(*sequence));
    }
    if (operation == "store") {
        return times(store(object));
    }
    if (operation == "sequence_store") {
        return times(store(*sequence));
    }
    if (operation == "load_1k") {
        return times(load(large));
    }
    if (operation == "sequence_load_1k") {
        return times(load(*large_sequence));
    }
    if (operation == "store_1k") {
        return times(store(large));
    }
    if (operation == "sequence_store_1k") {
        return times(store(*large_sequence));
    }
    std::fprintf(stderr, "shared_object: unknown operation\n");
    return 2;
}

}  // namespace

int main(int count, char** words) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        if (word == "--only" && i + 1 < count) {
            options.only = words[++i];
        } else if (word == "--json" && i + 1 < count) {
            options.json = words[++i];
        } else if (word == "--rounds" && i + 1 < count && std::atoi(words[i + 1]) >= 7) {
            options.rounds = std::atoi(words[++i]);
        } else if (word == "--repeat" && i + 2 < count) {
            return repeat(words[i + 1], std::strtoull(words[i + 2], nullptr, 10));
        } else {
            std::fputs(
                "usage: shared_object [--only WORDS] [--rounds N (7 or more)] [--json FILE] | --repeat OPERATION N\n",
                stderr);
            return 2;
        }
    }
    bench::processors();
    bench::pin(0);
    for (const auto& [key, value] : bench::circumstances()) {
        std::printf("%-9s %s\n", key.c_str(), value.c_str());
    }
    update_alone(options);
    load_alone<64>(options, "64 bytes");
    load_alone<1024>(options, "1 KiB");
    load_beside_writer<64>(options, "64 bytes");
    load_beside_writer<1024>(options, "1 KiB");
    latency(options);
    update_contended(options);
    by_size<1>(options, "1 byte", "ns", 1);
    by_size<std::size_t{64} << 10>(options, "64 KiB", "us", 1e3);
    by_size<std::size_t{1} << 20>(options, "1 MiB", "us", 1e3);
    by_size<std::size_t{64} << 20>(options, "64 MiB", "ms", 1e6);
    if (!options.json.empty()) {
        bench::write_json(options.json, "shared_object", tables);
    }
    return torn_values == 0 ? 0 : 1;
}
