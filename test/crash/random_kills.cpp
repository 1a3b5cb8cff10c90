// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE killed_at_random_moments
/// A writer and a reader that are killed and started again, and a writer and a reader that survive it all, flat out.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <thread>

#include "crash/judgement.hpp"
#include "crash/reading.hpp"
#include "support/child.hpp"
#include "support/machine.hpp"
#include "support/seed.hpp"
#include "tenon/shared_object.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Value = crash::Pattern<40>;
using Shared = tenon::SharedObject<Value>;
using support::Child;

/// What the processes tell the parent.
struct Ledger {
    std::atomic<bool> stop{false};
    std::atomic<unsigned> ready{0};         // counts those that are attached
    std::atomic<std::uint64_t> updates{0};  // of the surviving writer
    std::atomic<std::uint64_t> loads{0};    // of the surviving reader
    std::atomic<std::int64_t> writers_longest{0};
    std::atomic<std::int64_t> readers_longest{0};
    std::atomic<const char*> complaint{nullptr};  // a literal: at the same address in all of them

    void expect(bool truth, const char* otherwise) {
        if (!truth) {
            complaint = otherwise;
        }
    }
};

class SharedLedger {
public:
    SharedLedger()
        : ledger_{::new (::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                      Ledger{}} {}
    SharedLedger(const SharedLedger&) = delete;
    SharedLedger& operator=(const SharedLedger&) = delete;
    ~SharedLedger() { ::munmap(ledger_, sizeof(Ledger)); }
    Ledger& operator*() const { return *ledger_; }
    Ledger* operator->() const { return ledger_; }

private:
    Ledger* ledger_;
};

void note(std::atomic<std::int64_t>* longest, Clock::time_point start) {
    const std::int64_t took = (Clock::now() - start).count();
    if (longest != nullptr && took > *longest) {
        *longest = took;
    }
}

/// Every update adds one, so that the tick is the version.
bool write(const tenon::Address& address, Ledger& ledger, bool survivor) {
    auto sut = Shared::open(address);
    ++ledger.ready;
    while (!ledger.stop) {
        const auto start = Clock::now();
        sut.update([&](Value& value) {
            ledger.expect(value.is_whole(), "a writer's draft is torn");
            value = Value::of(value.tick + 1);
        });
        if (survivor) {
            note(&ledger.writers_longest, start);
            ++ledger.updates;
        }
    }
    return true;
}

bool read(const tenon::Address& address, Ledger& ledger, bool survivor) {
    const auto sut = Shared::open(address);
    ++ledger.ready;
    Value seen{};
    std::uint64_t last = 0;
    while (!ledger.stop) {
        const auto start = Clock::now();
        const std::uint64_t version = sut.load(seen);
        if (survivor) {
            note(&ledger.readers_longest, start);
            ++ledger.loads;
        }
        ledger.expect(seen.is_whole(), "a torn value");
        ledger.expect(seen.tick == version, "a value under another version");
        ledger.expect(version >= last, "a version that goes backwards");
        last = version;
    }
    return true;
}

/// Waits until `count` processes have attached. Returns  false when nobody does for 20 s.
bool attached(const Ledger& ledger, unsigned count) {
    const auto start = Clock::now();
    while (ledger.ready < count) {
        if (Clock::now() - start > 20s) {
            return false;
        }
        std::this_thread::sleep_for(50us);
    }
    return true;
}

void kill_at_random(const tenon::Address& address, const char* where) {
    const unsigned kills = support::in_full() ? 2'000 : 200;
    std::mt19937_64 dice{support::seed()};
    SharedLedger ledger;
    std::optional<Shared> made{Shared::create(address, Value::of(0))};
    Child writer{[&] { return made.reset(), write(address, *ledger, true); }};
    Child reader{[&] { return made.reset(), read(address, *ledger, true); }};
    BOOST_REQUIRE(attached(*ledger, 2));
    made.reset();  // from now on the survivors keep it

    const auto start_victim = [&](bool writes) {
        return std::make_unique<Child>(
            [&, writes] { return writes ? write(address, *ledger, false) : read(address, *ledger, false); });
    };
    std::unique_ptr<Child> victims[2] = {start_victim(false), start_victim(true)};
    BOOST_REQUIRE(attached(*ledger, 4));
    std::int64_t slowest_start = 0;
    for (unsigned i = 0; i < kills && ledger->complaint == nullptr; ++i) {
        std::this_thread::sleep_for(std::chrono::microseconds{dice() % 3'000});
        auto& victim = victims[i % 2];
        victim->kill_now();
        if (dice() % 4 == 0) {  // and one that dies while it attaches, or a little later
            victim = start_victim(i % 2 == 1);
            std::this_thread::sleep_for(std::chrono::microseconds{dice() % 1'500});
            victim->kill_now();
        }
        const unsigned before = ledger->ready;
        const auto start = Clock::now();
        victim = start_victim(i % 2 == 1);
        BOOST_REQUIRE_MESSAGE(attached(*ledger, before + 1), "a process that was started again cannot attach");
        slowest_start = std::max<std::int64_t>(slowest_start, (Clock::now() - start).count());
    }
    victims[0]->kill_now();
    victims[1]->kill_now();
    const std::uint64_t updates = ledger->updates;
    const std::uint64_t loads = ledger->loads;
    const auto patience = Clock::now() + 10s;
    while ((ledger->updates < updates + 100 || ledger->loads < loads + 100) && Clock::now() < patience) {
        std::this_thread::sleep_for(1ms);
    }
    BOOST_TEST(ledger->updates >= updates + 100, "the surviving writer does not get on");
    BOOST_TEST(ledger->loads >= loads + 100, "the surviving reader does not get on");
    {
        auto late = Shared::open(address);
        Value seen{};
        const std::uint64_t version = late.load(seen);
        BOOST_TEST(version >= ledger->updates - 1);
        BOOST_TEST(seen.is_whole());
        BOOST_TEST(seen.tick == version);
    }
    ledger->stop = true;
    BOOST_TEST(writer.succeeds());
    BOOST_TEST(reader.succeeds());
    const char* const complaint = ledger->complaint;
    BOOST_TEST(complaint == nullptr, (complaint == nullptr ? "" : complaint));
    std::error_code error;
    static_cast<void>(Shared::open(address, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory), "left when all are gone");

    const auto milliseconds = [](std::int64_t time) { return static_cast<double>(time) / 1e6; };
    std::fprintf(stderr,
                 "%s: %u kills, %llu updates and %llu loads of the survivors, longest update %.3f ms, longest load "
                 "%.3f ms, longest start %.3f ms\n",
                 where, kills, static_cast<unsigned long long>(ledger->updates),
                 static_cast<unsigned long long>(ledger->loads), milliseconds(ledger->writers_longest),
                 milliseconds(ledger->readers_longest), milliseconds(slowest_start));
    BOOST_WARN_MESSAGE(ledger->writers_longest < 100'000'000, "the surviving writer was held up for over 100 ms");
    BOOST_WARN_MESSAGE(ledger->readers_longest < 100'000'000, "the surviving reader was held up for over 100 ms");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(random_kills, crash::NothingIsLeft)

BOOST_AUTO_TEST_CASE(survivors_of_random_kills_see_whole_values_and_get_on) {
    kill_at_random(support::unique_name(), "under a name");
}

BOOST_AUTO_TEST_CASE(survivors_of_random_kills_see_whole_values_and_get_on_in_a_system_v_segment) {
    kill_at_random(support::unique_key(), "under a key");
}

BOOST_AUTO_TEST_SUITE_END()
