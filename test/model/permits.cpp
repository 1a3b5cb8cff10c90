// SPDX-License-Identifier: BSL-1.0
/// PermitTable under the scheduler: never more holders than permits, those of the dead come back once, nobody is left
/// asleep while a permit is free.

#define BOOST_TEST_MODULE permits
#include <boost/test/unit_test.hpp>

#include <tenon/sync/permits.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::sys::end_of_time;

/// `n` fibers take one of `permits` and give it back, `turns` times. The last has a near deadline where `hurry`.
template <int permits, int n, int turns = 1, bool hurry = false, class Crowd = People>
struct Takers {
    static constexpr int fibers = n;
    tenon::sync::PermitsControl<Modelled> control;
    Modelled::Atomic<std::uint32_t> words[permits];
    tenon::sync::PermitTable<Modelled> sut{&control, permits};
    struct alignas(8) Data {
        Modelled::Atomic<std::uint32_t> value{0};
    } data;  // whoever has the only permit adds to it
    std::uint32_t written = 0;
    std::uint32_t handed_on = 0;
    bool has[n] = {};

    Takers() {
        world().name(&control.returned, "event");
        for (auto& word : words) {
            world().name(&word, "permit");
        }
        world().name(&data, "data");
    }
    [[nodiscard]] int living_holders() const {
        int count = 0;
        for (int i = 0; i < n; ++i) {
            count += has[i] && world().is_alive(i) ? 1 : 0;
        }
        return count;
    }
    void run(int me) {
        const auto seat = static_cast<std::uint32_t>(me);
        const bool in_hurry = hurry && me == n - 1;
        for (int i = 0; i < turns; ++i) {
            if (!sut.try_take(seat) && !sut.take(seat, in_hurry ? world().now() + 50 : end_of_time, Crowd{seat})) {
                require(in_hurry, "no deadline, and too late");
                return;
            }
            has[me] = true;
            require(living_holders() <= permits, "more holders than permits");
            std::uint32_t mine = 0;
            if (permits == 1) {
                const std::uint32_t seen = data.value.load(std::memory_order_relaxed);
                require(seen == written || (world().anybody_died() && seen >= handed_on),
                        "the holder does not see what the last one wrote");
                mine = written + 1;
                data.value.store(mine, std::memory_order_relaxed);
                written = mine;
            }
            require(living_holders() <= permits, "more holders than permits");
            has[me] = false;
            require(sut.give_back(seat), "the permit of a living holder is gone");
            handed_on = std::max(handed_on, mine);
        }
    }
    void finish() {
        for (int i = 0; i < n; ++i) {
            require(!world().is_stuck(i), "a survivor never gets a permit");
        }
        for (auto& word : words) {
            const std::uint32_t holder = word.load();
            require(holder == 0 || (holder <= n && !world().is_alive(static_cast<int>(holder) - 1)),
                    "left, and has a permit still");
        }
    }
};

/// Fiber 0 takes both permits at once and may die with them; the others want one each and keep it for a while.
struct TwoOfOne {
    static constexpr int fibers = 3;
    static constexpr unsigned mortals = 1;
    tenon::sync::PermitsControl<Modelled> control;
    Modelled::Atomic<std::uint32_t> words[2];
    tenon::sync::PermitTable<Modelled> sut{&control, 2};
    int holders = 0;

    TwoOfOne() {
        world().name(&control.returned, "event");
        world().name(&words[0], "permit 0");
        world().name(&words[1], "permit 1");
    }
    void run(int me) {
        const auto seat = static_cast<std::uint32_t>(me);
        for (int i = me == 0 ? 0 : 1; i < 2; ++i) {
            require(sut.try_take(seat) || sut.take(seat, end_of_time, People{seat}), "no permit");
        }
        if (me == 0) {
            require(sut.settle(seat), "had nothing");
        } else {
            ++holders;
            world().step();
            require(holders <= 2, "more holders than permits");
            --holders;
            require(sut.give_back(seat), "the permit of a living holder is gone");
        }
    }
    void finish() {
        require(!world().is_stuck(1) && !world().is_stuck(2), "a survivor never gets a permit");
        require(world().anybody_died() || sut.free_ones() == 2, "a permit is lost");
    }
};

/// Fiber 0 may die with the permit; 1 wants it; 2 comes anew, takes the dead one's seat if it can, and wants it too.
template <class Crowd = People>
struct Newcomer : Takers<1, 3, 1, false, Crowd> {
    static constexpr unsigned mortals = 1;
    void run(int me) {
        auto seat = static_cast<std::uint32_t>(me);
        if (me == 2 && world().is_dead(0) && take_seat(0, [this] { this->sut.settle(0); })) {
            seat = 0;
        }
        require(this->sut.try_take(seat) || this->sut.take(seat, end_of_time, Crowd{seat}), "no permit");
        this->has[me] = true;
        require(this->living_holders() <= 1, "more holders than permits");
        world().step();
        require(this->living_holders() <= 1, "more holders than permits");
        this->has[me] = false;
        require(this->sut.give_back(seat), "the permit of a living holder is gone");
    }
    void finish() { require(!world().is_stuck(1) && !world().is_stuck(2), "a survivor never gets a permit"); }
};

/// Threads of one process, which share a seat: each gets one of the permits, and may give back the other's for its own.
template <int n>
struct OneSeat {
    static constexpr int fibers = n;
    static std::uint32_t seat_of(int /*fiber*/) { return 0; }
    static std::uint32_t thread_number_of(int fiber) { return static_cast<std::uint32_t>(fiber) + 1; }
    tenon::sync::PermitsControl<Modelled> control;
    Modelled::Atomic<std::uint32_t> words[n];
    tenon::sync::PermitTable<Modelled> sut{&control, n};

    OneSeat() {
        world().name(&control.returned, "event");
        for (int i = 0; i < n; ++i) {
            constexpr const char* names[] = {"permit 0", "permit 1", "permit 2"};
            world().name(&words[i], names[i]);
        }
    }
    void run(int /*me*/) {
        require(sut.try_take(0) || sut.take(0, end_of_time, People{0}), "no permit");
        require(sut.give_back(0), "the permit of a living holder is gone");
    }
    void finish() { require(sut.free_ones() == n, "a permit is lost"); }
};

/// Gives everybody's estate to anybody.
struct LawlessPeople : People {
    [[nodiscard]] bool administer(std::uint32_t /*seat*/) const { return true; }
};
/// Takes the living for dead.
struct HastyPeople : LawlessPeople {
    [[nodiscard]] bool is_dead(std::uint32_t /*seat*/) const { return true; }
};
/// Takes the dead for living.
struct CredulousPeople : People {
    [[nodiscard]] bool is_dead(std::uint32_t /*seat*/) const { return false; }
};

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

BOOST_AUTO_TEST_CASE(one_permit_has_one_holder_and_comes_back_from_the_dead) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Takers<1, 2>>("Permits, 1 permit, 2 takers, a death",
                              {.preemptions = 3 + more, .deaths = 1, .stale = 1}));
    check(
        holds<Takers<1, 2>>("Permits, 1 permit, 2 takers, a stop", {.preemptions = 2 + more, .stops = 1, .stale = 1}));
    check(holds<Takers<1, 2, 2>>("Permits, 1 permit, 2 takers, 2 turns", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Takers<1, 3>>("Permits, 1 permit, 3 takers", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Takers<1, 3>>("Permits, 1 permit, 3 takers, a death",
                              {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(two_permits_have_two_holders_and_come_back_from_the_dead) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Takers<2, 3>>("Permits, 2 permits, 3 takers", {.preemptions = 2 + more, .stale = 1}));
    check(holds<Takers<2, 3>>("Permits, 2 permits, 3 takers, a death",
                              {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<TwoOfOne>("Permits, one holder of two, 2 takers", {.preemptions = 2 + more, .stale = 0}));
    check(holds<TwoOfOne>("Permits, one holder of two, 2 takers, a death",
                          {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_takes_nobodys_wake_up_along) {
    check(holds<Takers<1, 3, 1, true>>("Permits, 1 permit, 3 takers, one with a deadline",
                                       {.preemptions = 2, .stale = 0, .leaps = 1}));
}

BOOST_AUTO_TEST_CASE(a_newcomer_in_a_dead_ones_seat_is_not_robbed) {
    check(holds<Newcomer<>>("Permits, a newcomer in the seat of a dead holder",
                            {.preemptions = 2, .deaths = 1, .stale = 0}));
}

BOOST_AUTO_TEST_CASE(threads_that_share_a_seat_all_give_back) {
    const int more = full_effort() ? 1 : 0;
    check(holds<OneSeat<2>>("Permits, 2 threads of one seat", {.preemptions = 3 + more, .stale = 2}));
    check(holds<OneSeat<3>>("Permits, 3 threads of one seat", {.preemptions = 2 + more, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(many_by_lot) {
    const std::uint64_t runs = full_effort() ? 1'000'000 : 30'000;
    check(
        holds_by_lot<Takers<3, 7, 2>>("Permits, 3 permits, 7 takers by lot", {.preemptions = 200, .stale = 30}, runs));
    check(holds_by_lot<Takers<3, 7, 2>>("Permits, 3 permits, 7 takers, deaths by lot",
                                        {.preemptions = 200, .deaths = 3, .stops = 1, .stale = 30, .most_looks = 20},
                                        runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acq_rel;
    using std::memory_order_acquire;
    using std::memory_order_relaxed;
    using std::memory_order_seq_cst;
    Catch mutations;
    const Bounds alive{.preemptions = 3, .stale = 0};
    const Bounds weak{.preemptions = 2, .stale = 1};
    const Bounds mortal{.preemptions = 2, .deaths = 1, .stale = 0};
    mutations.expect<Takers<1, 2>>(
        {.name = "taking is not one step", .op = Op::compare_exchange, .fault = Fault::split, .place = "permit"},
        alive);
    mutations.expect<Takers<1, 2>>({.name = "taking and giving back are relaxed",
                                    .op = Op::compare_exchange,
                                    .fault = Fault::weaken,
                                    .place = "permit",
                                    .from = only(memory_order_seq_cst)},
                                   weak);
    mutations.expect<Takers<1, 2>>({.name = "taking and giving back only acquire",
                                    .op = Op::compare_exchange,
                                    .fault = Fault::weaken,
                                    .place = "permit",
                                    .from = only(memory_order_seq_cst),
                                    .to = memory_order_acquire},
                                   weak);
    mutations.expect<Takers<1, 2>>({.name = "taking and giving back are acq_rel",
                                    .op = Op::compare_exchange,
                                    .fault = Fault::weaken,
                                    .place = "permit",
                                    .from = only(memory_order_seq_cst),
                                    .to = memory_order_acq_rel},
                                   weak);
    mutations.expect<Takers<1, 2>>({.name = "nobody is woken", .op = Op::wake}, alive);
    mutations.expect<Takers<1, 2>>({.name = "sleep does not compare", .op = Op::sleep, .fault = Fault::blind}, alive);
    mutations.expect<Takers<1, 2>>({.name = "announce sets nothing", .op = Op::fetch_or, .place = "event"}, alive);
    mutations.expect<Takers<1, 2>>({.name = "announce is acq_rel",
                                    .op = Op::fetch_or,
                                    .fault = Fault::weaken,
                                    .place = "event",
                                    .to = memory_order_acq_rel},
                                   weak);
    mutations.expect<Takers<1, 2>>({.name = "signal's look is relaxed",
                                    .op = Op::load,
                                    .fault = Fault::weaken,
                                    .place = "event",
                                    .from = only(memory_order_seq_cst)},
                                   weak);
    mutations.expect<Takers<1, 2>>({.name = "the second look is relaxed",
                                    .op = Op::load,
                                    .fault = Fault::weaken,
                                    .place = "permit",
                                    .from = only(memory_order_seq_cst)},
                                   weak);
    mutations.expect<OneSeat<2>>({.name = "looks for one's own permit are relaxed",
                                  .op = Op::load,
                                  .fault = Fault::weaken,
                                  .from = only(memory_order_acquire)},
                                 weak);
    mutations.note("settle without the estate",
                   explore<Newcomer<LawlessPeople>>({.preemptions = 3, .deaths = 1, .stale = 0}));
    mutations.note("the living taken for dead", explore<Takers<1, 2, 1, false, HastyPeople>>(alive));
    mutations.note("the dead taken for living", explore<Takers<1, 2, 1, false, CredulousPeople>>(mortal));
    BOOST_CHECK(mutations.all());
}
