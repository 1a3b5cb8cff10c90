// SPDX-License-Identifier: BSL-1.0
/// OwnedWord under the scheduler: one owner at a time who sees what all before it wrote, the dead replaced, versions
/// kept or published whole, nobody left asleep.

#define BOOST_TEST_MODULE owned_word
#include <boost/test/unit_test.hpp>

#include <tenon/sync/owned_word.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::sys::end_of_time;
using Word = tenon::sync::OwnedWord<Modelled>;
using Version = Word::Version;

/// What an owner does and checks. The data are a relaxed word: its order is the lock's business alone.
struct Protected {
    Word sut;
    Modelled::Atomic<std::uint64_t> data{0};
    int inside = -1;
    std::uint64_t committed = 0;  // by commit() calls that returned
    std::uint64_t written = 0;    // the latest data
    std::uint64_t handed_on = 0;  // the latest data whose owner has certainly left

    Protected() {
        world().name(&sut, "word");
        world().name(reinterpret_cast<std::byte*>(&sut) + 8, "holder_thread");
        world().name(&data, "data");
    }
    void enter(int me, Version version) {
        require(inside < 0 || !world().is_alive(inside), "two owners at once");
        inside = me;
        const std::uint64_t seen = data.load(std::memory_order_relaxed);
        require(seen == written || (world().anybody_died() && seen >= handed_on),
                "the owner does not see what the last one wrote");
        require(version >= committed, "a committed version is forgotten");
    }
    void leave_committing(int me, Version version) {
        const std::uint64_t mine = prepare_to_leave(me);
        sut.commit(version + 1);
        committed = std::max(committed, version + 1);
        handed_on = std::max(handed_on, mine);
    }
    void leave_unchanged(int me) {
        const std::uint64_t mine = prepare_to_leave(me);
        sut.give_back();
        handed_on = std::max(handed_on, mine);
    }
    std::uint64_t prepare_to_leave(int me) {
        const std::uint64_t mine = written + 1;
        data.store(mine, std::memory_order_relaxed);
        written = mine;
        require(inside == me, "two owners at once");
        inside = -1;
        return mine;
    }
    void everybody_left() {
        require(sut.version() >= committed, "a committed version is forgotten");
        for (std::uint32_t seat = 0; seat < most_seats; ++seat) {
            require(!sut.is_owned_by(seat) || !world().is_alive(static_cast<int>(seat)), "left, and owns it still");
        }
    }
};

/// Every fiber takes once: even ones commit, odd ones give back.
template <int n, class Crowd = People>
struct Takers : Protected {
    static constexpr int fibers = n;
    void run(int me) {
        Version version = 0;
        require(sut.take(static_cast<std::uint32_t>(me), version, end_of_time, Crowd{static_cast<std::uint32_t>(me)}),
                "no lock");
        enter(me, version);
        if (me % 2 == 0) {
            leave_committing(me, version);
        } else {
            leave_unchanged(me);
        }
    }
    void finish() {
        for (int i = 0; i < n; ++i) {
            require(!world().is_stuck(i), "a survivor never gets the lock");
        }
        everybody_left();
    }
};

/// Fibers 0 and 1 commit once each; the last waits until both versions are there.
template <bool announce>
struct Watcher : Protected {
    static constexpr int fibers = 3;
    void run(int me) {
        if (me < 2) {
            Version version = 0;
            require(
                sut.take(static_cast<std::uint32_t>(me), version, end_of_time, People{static_cast<std::uint32_t>(me)}),
                "no lock");
            enter(me, version);
            leave_committing(me, version);
            if (!announce) {
                sut.wake_unannounced();
            }
            return;
        }
        Version seen = 0;
        while (seen < 2) {
            require(sut.wait_changed(seen, end_of_time, announce, tenon::sync::Patience::usual, [] {}),
                    "waited for nothing");
            const Version now = sut.version();
            require(now > seen, "a version that is not new");
            seen = now;
            // What was written before the commit is seen after it.
            require(data.load(std::memory_order_relaxed) >= seen, "the version came before its data");
        }
    }
    void finish() {
        require(!world().is_stuck(0) && !world().is_stuck(1), "a survivor never gets the lock");
        require(!world().is_stuck(2) || sut.version() < 2, "the watcher misses a version");
        everybody_left();
    }
};

/// One waits for a version while others lock and give back without changing anything, and at last one commits.
struct WatcherAmongLocks : Protected {
    static constexpr int fibers = 3;
    void run(int me) {
        if (me == 2) {
            require(sut.wait_changed(0, end_of_time, true, tenon::sync::Patience::usual, [] {}), "waited for nothing");
            return;
        }
        Version version = 0;
        require(sut.take(static_cast<std::uint32_t>(me), version, end_of_time, People{static_cast<std::uint32_t>(me)}),
                "no lock");
        enter(me, version);
        if (me == 0) {
            leave_committing(me, version);
        } else {
            leave_unchanged(me);
        }
    }
    void finish() {
        require(!world().is_stuck(0) && !world().is_stuck(1), "a survivor never gets the lock");
        require(!world().is_stuck(2) || sut.version() == 0, "the watcher misses a version");
        everybody_left();
    }
};

/// Fiber 0 takes twice; 1 waits for as long as it takes; 2 waits with a near deadline.
struct Impatient : Protected {
    static constexpr int fibers = 3;
    void run(int me) {
        const auto seat = static_cast<std::uint32_t>(me);
        for (int turn = me == 0 ? 0 : 1; turn < 2; ++turn) {
            Version version = 0;
            if (!sut.take(seat, version, me == 2 ? world().now() + 50 : end_of_time, People{seat})) {
                require(me == 2, "no lock");
                return;
            }
            enter(me, version);
            leave_unchanged(me);
        }
    }
    void finish() { everybody_left(); }
};

/// Two threads of one process and one of another, which has the number of the second: nobody takes twice.
struct ThreadNumbers : Protected {
    static constexpr int fibers = 3;
    static std::uint32_t seat_of(int fiber) { return fiber == 2 ? 1 : 0; }
    static std::uint32_t thread_number_of(int fiber) { return fiber == 0 ? 1 : 2; }
    void run(int me) {
        Version version = 0;
        require(sut.take(seat_of(me), version, end_of_time, People{seat_of(me)}), "no lock");
        enter(me, version);
        leave_unchanged(me);
    }
    void finish() {}
};

/// Fiber 0 may die as the owner; 1 wants the lock; 2 comes anew, takes the dead one's seat if it can, and wants it too.
template <class Crowd = People>
struct Newcomer : Protected {
    static constexpr int fibers = 3;
    static constexpr unsigned mortals = 1;
    void run(int me) {
        auto seat = static_cast<std::uint32_t>(me);
        if (me == 2 && world().is_dead(0) && take_seat(0, [this] { sut.settle(0); })) {
            seat = 0;
        }
        Version version = 0;
        require(sut.take(seat, version, end_of_time, Crowd{seat}), "no lock");
        enter(me, version);
        leave_committing(me, version);
    }
    void finish() { require(!world().is_stuck(1) && !world().is_stuck(2), "a survivor never gets the lock"); }
};

/// Gives everybody's estate to anybody.
struct LawlessPeople : People {
    [[nodiscard]] bool administer(std::uint32_t /*seat*/) const { return true; }
};
/// Takes the living for dead.
struct HastyPeople : People {
    [[nodiscard]] bool is_dead(std::uint32_t /*seat*/) const { return true; }
    [[nodiscard]] bool administer(std::uint32_t /*seat*/) const { return true; }
};
/// Takes the dead for living.
struct CredulousPeople : People {
    [[nodiscard]] bool is_dead(std::uint32_t /*seat*/) const { return false; }
};

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

BOOST_AUTO_TEST_CASE(two_takers_exclude_each_other_and_the_dead_are_replaced) {
    check(holds<Takers<2>>("OwnedWord, 2 takers, a death", {.preemptions = 3, .deaths = 1, .stale = 2, .spurious = 1}));
    check(holds<Takers<2>>("OwnedWord, 2 takers, a stop", {.preemptions = 2, .stops = 1, .stale = 2}));
}

BOOST_AUTO_TEST_CASE(three_takers_exclude_each_other_and_the_dead_are_replaced) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Takers<3>>("OwnedWord, 3 takers", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Takers<3>>("OwnedWord, 3 takers, a death", {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(
        holds<Takers<3>>("OwnedWord, 3 takers, two deaths", {.preemptions = 0 + more, .deaths = 2, .stale = 0 + more}));
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_version_is_woken) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Watcher<true>>("OwnedWord, 2 committers, a watcher", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Watcher<true>>("OwnedWord, 2 committers, a watcher, a death",
                               {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<Watcher<false>>("OwnedWord, 2 committers, a read-only watcher", {.preemptions = 2 + more, .stale = 1}));
    check(holds<WatcherAmongLocks>("OwnedWord, watcher among locks", {.preemptions = 2 + more, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_takes_nobodys_wake_up_along) {
    check(holds<Impatient>("OwnedWord, 3 takers, one with a deadline", {.preemptions = 2, .stale = 0, .leaps = 1}));
}

BOOST_AUTO_TEST_CASE(nobody_is_accused_of_taking_twice_who_did_not) {
    check(holds<ThreadNumbers>("OwnedWord, threads of equal number", {.preemptions = 3, .stale = 0}));
    check(holds<ThreadNumbers>("OwnedWord, threads of equal number, old values", {.preemptions = 2, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(a_newcomer_in_a_dead_ones_seat_is_not_robbed) {
    check(holds<Newcomer<>>("OwnedWord, a newcomer in the seat of a dead owner",
                            {.preemptions = 2, .deaths = 1, .stale = 0}));
}

BOOST_AUTO_TEST_CASE(many_takers_by_lot) {
    const std::uint64_t runs = full_effort() ? 2'000'000 : 40'000;
    check(holds_by_lot<Takers<6>>(
        "OwnedWord, 6 takers by lot",
        {.preemptions = 100, .deaths = 2, .stops = 1, .stale = 20, .spurious = 3, .most_looks = 12}, runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acq_rel;
    using std::memory_order_acquire;
    using std::memory_order_relaxed;
    using std::memory_order_release;
    Catch mutations;
    const Bounds alive{.preemptions = 2, .stale = 1};
    const Bounds mortal{.preemptions = 2, .deaths = 1, .stale = 1};
    mutations.expect<Takers<2>>({.name = "take is relaxed",
                                 .op = Op::compare_exchange,
                                 .fault = Fault::weaken,
                                 .place = "word",
                                 .from = only(memory_order_acquire)},
                                alive);
    mutations.expect<Takers<2>>({.name = "take is not one step",
                                 .op = Op::compare_exchange,
                                 .fault = Fault::split,
                                 .place = "word",
                                 .from = only(memory_order_acquire)},
                                alive);
    mutations.expect<Takers<3>>({.name = "commit only acquires",
                                 .op = Op::exchange,
                                 .fault = Fault::weaken,
                                 .place = "word",
                                 .to = memory_order_acquire},
                                alive);
    mutations.expect<Takers<3>>(
        {.name = "commit is not one step", .op = Op::exchange, .fault = Fault::split, .place = "word"}, alive);
    mutations.expect<Takers<3>>({.name = "commit stores nothing", .op = Op::exchange, .place = "word"}, alive);
    mutations.expect<Takers<3>>({.name = "give_back only acquires",
                                 .op = Op::fetch_and,
                                 .fault = Fault::weaken,
                                 .place = "word",
                                 .to = memory_order_acquire},
                                alive);
    mutations.expect<Takers<2>>(
        {.name = "give_back is not one step", .op = Op::fetch_and, .fault = Fault::split, .place = "word"}, alive);
    mutations.expect<Takers<2>>({.name = "lockers are not woken", .op = Op::wake, .mask = 1}, alive);
    mutations.expect<Watcher<true>>({.name = "watchers are not woken", .op = Op::wake, .mask = 2}, alive);
    mutations.expect<Watcher<true>>({.name = "version is read relaxed",
                                     .op = Op::load,
                                     .fault = Fault::weaken,
                                     .place = "word",
                                     .from = only(memory_order_acquire)},
                                    alive);
    mutations.expect<Watcher<true>>({.name = "sleep does not compare", .op = Op::sleep, .fault = Fault::blind}, alive);
    mutations.expect<Watcher<true>>({.name = "the sleepers' flags are announced in two steps",
                                     .op = Op::compare_exchange,
                                     .fault = Fault::split,
                                     .place = "word",
                                     .from = only(memory_order_acq_rel)},
                                    alive);
    mutations.expect<Takers<2>>({.name = "the lockers' flag is not set",
                                 .op = Op::compare_exchange,
                                 .place = "word",
                                 .from = only(memory_order_relaxed)},
                                alive);
    mutations.expect<Takers<2>>({.name = "settle clears nothing",
                                 .op = Op::compare_exchange,
                                 .place = "word",
                                 .from = only(memory_order_acq_rel)},
                                mortal);
    mutations.note("settle without the estate",
                   explore<Newcomer<LawlessPeople>>({.preemptions = 3, .deaths = 1, .stale = 0}));
    mutations.note("the living taken for dead", explore<Takers<2, HastyPeople>>(alive));
    mutations.note("the dead taken for living", explore<Takers<2, CredulousPeople>>(mortal));
    BOOST_CHECK(mutations.all());
}
