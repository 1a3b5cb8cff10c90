// SPDX-License-Identifier: BSL-1.0
/// Event and SignalCount under the scheduler: who waits for a signal that was given wakes up, and a count is neither
/// lost nor doubled, whoever dies where.

#define BOOST_TEST_MODULE signal_count
#include <boost/test/unit_test.hpp>

#include <tenon/sync/event.hpp>
#include <tenon/sync/signal_semaphore.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::sys::end_of_time;

/// The real thing.
using Genuine = tenon::sync::SignalCount<Modelled>;

/// `givers` fibers give `gifts` times each; `takers` fibers take `wants` times each. The last of them has a near
/// deadline where `hurry`.
template <class Sut, int givers, int gifts, int takers, int wants, bool hurry = false>
struct Traffic {
    static constexpr int fibers = givers + takers;
    Sut sut;
    int given_least = 0, given_most = 0;
    int taken_least = 0, taken_most = 0;

    Traffic() {
        world().name(&sut.raised, "event");
        world().name(&sut.count, "count");
    }
    void run(int me) {
        for (int i = 0; me < givers && i < gifts; ++i) {
            ++given_most;
            require(sut.give(), "the count is at its end");
            ++given_least;
        }
        for (int i = 0; me >= givers && i < wants; ++i) {
            ++taken_most;
            if (!sut.try_take() && !sut.take(hurry && me == fibers - 1 ? world().now() + 50 : end_of_time)) {
                require(hurry, "no deadline, and too late");
                --taken_most;
                return;
            }
            ++taken_least;
            require(taken_least <= given_most, "taken more than was given");
        }
    }
    void finish() {
        const auto left = static_cast<int>(sut.count.load());
        int asleep = 0;
        for (int i = 0; i < fibers; ++i) {
            asleep += world().is_stuck(i) ? 1 : 0;
        }
        require(left + taken_most - asleep >= given_least, "a signal is lost");
        require(left + taken_least <= given_most, "a signal is doubled");
        require(asleep == 0 || left == 0, "sleeps, and the count is not 0");
    }
};

/// The bare event, on which two wait for a flag of their own each, and the two who raise the flags.
template <class Sut = tenon::sync::Event<Modelled>>
struct Flags {
    static constexpr int fibers = 4;
    Sut sut;
    struct alignas(8) Flag {
        Modelled::Atomic<std::uint32_t> up{0};
    } flags[2];

    Flags() {
        world().name(&sut, "event");
        world().name(&flags[0], "flag 0");
        world().name(&flags[1], "flag 1");
    }
    void run(int me) {
        auto& flag = flags[me & 1].up;
        if (me < 2) {
            flag.store(1, std::memory_order_seq_cst);
            sut.signal(tenon::sys::all_sleepers);
            return;
        }
        while (flag.load(std::memory_order_seq_cst) == 0) {
            const auto ticket = sut.announce();
            if (flag.load(std::memory_order_seq_cst) != 0) {
                return;
            }
            sut.sleep(ticket, Modelled::now() + 2 * shortest_patience);
        }
    }
    void finish() {
        for (int i = 2; i < 4; ++i) {
            require(!world().is_stuck(i) || flags[i & 1].up.load() == 0, "sleeps, and its flag is up");
        }
    }
};

/// Mutants of the algorithm itself.
enum class Mistake : std::uint8_t {
    none,
    no_second_look,
    signal_first,
    relaxed_second_look,
    clear_without_waking,
    number_after_wake,
    plain_count
};

template <Mistake mistake>
struct MutantEvent {
    Modelled::Atomic<std::uint32_t> word{0};
    [[nodiscard]] const std::uint32_t* address() const { return reinterpret_cast<const std::uint32_t*>(&word); }
    std::uint32_t announce() { return word.fetch_or(1, std::memory_order_seq_cst) | 1; }
    void sleep(std::uint32_t ticket, std::int64_t until) {
        Modelled::sleep(address(), ticket, tenon::sys::any_sleeper, until);
    }
    void signal(int count) {
        if ((word.load(std::memory_order_seq_cst) & 1) == 0) {
            return;
        }
        if (mistake != Mistake::number_after_wake) {
            word.fetch_add(2, std::memory_order_seq_cst);
        }
        const int woken = Modelled::wake(address(), count, tenon::sys::any_sleeper);
        if (mistake == Mistake::number_after_wake) {
            word.fetch_add(2, std::memory_order_seq_cst);
        }
        if (woken != 0) {
            return;
        }
        std::uint32_t seen = word.load(std::memory_order_relaxed);
        if ((seen & 1) != 0 && word.compare_exchange_strong(seen, (seen & ~1U) + 2, std::memory_order_seq_cst) &&
            mistake != Mistake::clear_without_waking) {
            Modelled::wake(address(), tenon::sys::all_sleepers, tenon::sys::any_sleeper);
        }
    }
};

template <Mistake mistake>
struct Mutant {
    MutantEvent<mistake> raised;
    Modelled::Atomic<std::uint32_t> count{0};

    bool try_take(std::memory_order look = std::memory_order_seq_cst) {
        std::uint32_t seen = count.load(look);
        while (seen != 0) {
            if (mistake == Mistake::plain_count) {
                count.store(seen - 1, std::memory_order_seq_cst);
                return true;
            }
            if (count.compare_exchange_weak(seen, seen - 1, std::memory_order_seq_cst)) {
                return true;
            }
        }
        return false;
    }
    bool give() {
        if (mistake == Mistake::signal_first) {
            raised.signal(1);
        }
        count.fetch_add(1, std::memory_order_seq_cst);
        if (mistake != Mistake::signal_first) {
            raised.signal(1);
        }
        return true;
    }
    bool take(std::int64_t /*until*/) {
        for (;;) {
            const auto ticket = raised.announce();
            if (mistake != Mistake::no_second_look &&
                try_take(mistake == Mistake::relaxed_second_look ? std::memory_order_relaxed
                                                                 : std::memory_order_seq_cst)) {
                return true;
            }
            raised.sleep(ticket, Modelled::now() + 2 * shortest_patience);
            if (mistake == Mistake::no_second_look && try_take()) {
                return true;
            }
        }
    }
};

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_signal_reaches_whoever_waits_for_it) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Flags<>>("Event, 2 sleepers, 2 signals", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Flags<>>("Event, 2 sleepers, 2 signals, a death", {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<Flags<>>("Event, 2 sleepers, 2 signals, a stop", {.preemptions = 1 + more, .stops = 1, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(no_count_is_lost_or_doubled_between_two) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Genuine, 1, 3, 1, 3>>("SignalCount, 1 giver, 1 taker",
                                              {.preemptions = 3 + more, .stale = 2, .spurious = 1}));
    check(holds<Traffic<Genuine, 1, 3, 1, 3>>("SignalCount, 1 giver, 1 taker, a death",
                                              {.preemptions = 2 + more, .deaths = 1, .stale = 2}));
}

BOOST_AUTO_TEST_CASE(no_count_is_lost_or_doubled_among_several) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Genuine, 1, 2, 2, 1>>("SignalCount, 1 giver, 2 takers", {.preemptions = 3 + more, .stale = 1}));
    check(holds<Traffic<Genuine, 1, 2, 2, 1>>("SignalCount, 1 giver, 2 takers, a death",
                                              {.preemptions = 2 + more, .deaths = 1, .stale = 1}));
    check(
        holds<Traffic<Genuine, 2, 1, 2, 1>>("SignalCount, 2 givers, 2 takers", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Traffic<Genuine, 2, 1, 2, 1>>("SignalCount, 2 givers, 2 takers, a death",
                                              {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<Traffic<Genuine, 2, 1, 2, 1>>("SignalCount, 2 givers, 2 takers, a stop",
                                              {.preemptions = 1 + more, .stops = 1, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_takes_nobodys_wake_up_along) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Genuine, 1, 3, 3, 1, true>>(
        "SignalCount, 1 giver, 3 takers, one with a deadline",
        {.preemptions = 1 + more, .stale = 0, .leaps = 1, .most_executions = 5'000'000}));
}

BOOST_AUTO_TEST_CASE(many_by_lot) {
    const std::uint64_t runs = full_effort() ? 2'000'000 : 40'000;
    check(holds_by_lot<Traffic<Genuine, 3, 4, 3, 4>>("SignalCount, 3x4 gifts, 3x4 takes by lot",
                                                     {.preemptions = 200, .stale = 30, .spurious = 3}, runs));
    check(holds_by_lot<Traffic<Genuine, 3, 4, 3, 4>>(
        "SignalCount, 3x4 gifts, 3x4 takes, deaths by lot",
        {.preemptions = 200, .deaths = 2, .stops = 1, .stale = 30, .spurious = 3, .most_looks = 12}, runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acq_rel;
    using std::memory_order_acquire;
    using std::memory_order_relaxed;
    using std::memory_order_seq_cst;
    Catch mutations;
    const Bounds bounds{.preemptions = 3, .stale = 2};
    using Pair = Traffic<Genuine, 1, 2, 1, 2>;
    mutations.expect<Pair>({.name = "nobody is woken", .op = Op::wake}, bounds);
    mutations.expect<Flags<>>({.name = "one is woken of all", .op = Op::wake, .fault = Fault::weaken}, bounds);
    mutations.expect<Pair>({.name = "sleep does not compare", .op = Op::sleep, .fault = Fault::blind}, bounds);
    mutations.expect<Pair>({.name = "announce sets nothing", .op = Op::fetch_or, .place = "event"}, bounds);
    mutations.expect<Pair>({.name = "announce is acq_rel",
                            .op = Op::fetch_or,
                            .fault = Fault::weaken,
                            .place = "event",
                            .to = memory_order_acq_rel},
                           bounds);
    mutations.expect<Pair>({.name = "signal's look is acquire",
                            .op = Op::load,
                            .fault = Fault::weaken,
                            .place = "event",
                            .from = only(memory_order_seq_cst),
                            .to = memory_order_acquire},
                           bounds);
    mutations.expect<Pair>({.name = "the taker's look is acquire",
                            .op = Op::load,
                            .fault = Fault::weaken,
                            .place = "count",
                            .from = only(memory_order_seq_cst),
                            .to = memory_order_acquire},
                           bounds);
    mutations.expect<Pair>({.name = "the giver's change is acq_rel",
                            .op = Op::compare_exchange,
                            .fault = Fault::weaken,
                            .place = "count",
                            .to = memory_order_acq_rel},
                           bounds);
    mutations.expect<Flags<>>({.name = "the number does not change", .op = Op::compare_exchange, .place = "event"},
                              bounds);
    mutations.expect<Traffic<Genuine, 1, 2, 2, 1>>(
        {.name = "the count changes in two steps", .op = Op::compare_exchange, .fault = Fault::split, .place = "count"},
        bounds);
    mutations.note("no second look after announce",
                   explore<Traffic<Mutant<Mistake::no_second_look>, 1, 2, 1, 2>>(bounds));
    mutations.note("a relaxed second look after announce",
                   explore<Traffic<Mutant<Mistake::relaxed_second_look>, 1, 2, 1, 2>>(bounds));
    mutations.note("signal before the change", explore<Traffic<Mutant<Mistake::signal_first>, 1, 2, 1, 2>>(bounds));
    mutations.note("wake before the number changes", explore<Flags<MutantEvent<Mistake::number_after_wake>>>(bounds));
    mutations.note("the flag is cleared and nobody woken once more",
                   explore<Traffic<Mutant<Mistake::clear_without_waking>, 2, 2, 2, 2>>({.preemptions = 3, .stale = 0}));
    mutations.note("taking is a load and a store", explore<Traffic<Mutant<Mistake::plain_count>, 1, 2, 2, 1>>(bounds));
    BOOST_CHECK(mutations.all());
    BOOST_CHECK(explore<Flags<MutantEvent<Mistake::none>>>({.preemptions = 2, .stale = 1}).holds());
    BOOST_CHECK((explore<Traffic<Mutant<Mistake::none>, 1, 2, 1, 2>>(bounds).holds()));
}
