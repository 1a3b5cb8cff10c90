// SPDX-License-Identifier: BSL-1.0
/// The scheduler itself, by the small programs with which memory models are compared: what C++20 allows is found, what
/// it forbids is not. And what a sleeper, a dead and a stopped fiber are to the others.

#define BOOST_TEST_MODULE scheduler
#include <boost/test/unit_test.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using Order = std::memory_order;

constexpr Order relaxed = std::memory_order_relaxed;
constexpr Order acquire = std::memory_order_acquire;
constexpr Order release = std::memory_order_release;
constexpr Order seq_cst = std::memory_order_seq_cst;

struct alignas(8) Place {
    Modelled::Atomic<std::uint32_t> word{0};
};

/// Each fiber stores to its place and looks at the other's. Forbidden: both see nothing.
template <Order storing, Order loading, bool fenced>
struct StoreBuffering {
    static constexpr int fibers = 2;
    Place places[2];
    std::uint32_t seen[2] = {};
    void run(int me) {
        places[me].word.store(1, storing);
        if (fenced) {
            Modelled::fence(seq_cst);
        }
        seen[me] = places[1 - me].word.load(loading);
    }
    void finish() { require(seen[0] + seen[1] != 0, "both see nothing"); }
};

/// One writes a message and then a flag, perhaps a third changes the flag; who sees the flag reads the message.
template <Order storing, Order loading, bool fenced, bool relayed>
struct MessagePassing {
    static constexpr int fibers = relayed ? 3 : 2;
    Place message, flag;
    void run(int me) {
        if (me == 0) {
            message.word.store(1, relaxed);
            if (fenced) {
                Modelled::fence(release);
            }
            flag.word.store(1, storing);
        } else if (me == 1) {
            const std::uint32_t seen = flag.word.load(loading);
            if (fenced) {
                Modelled::fence(acquire);
            }
            require((seen & 1) == 0 || message.word.load(relaxed) == 1, "the flag without the message");
        } else {
            flag.word.fetch_add(2, relaxed);
        }
    }
    void finish() {}
};

/// Two write a place each, two read both, in opposite order. Forbidden: they disagree on who was first.
template <Order storing, Order loading>
struct IndependentReads {
    static constexpr int fibers = 4;
    Place places[2];
    std::uint32_t first[2] = {}, second[2] = {};
    void run(int me) {
        if (me < 2) {
            places[me].word.store(1, storing);
        } else {
            first[me - 2] = places[me - 2].word.load(loading);
            second[me - 2] = places[3 - me].word.load(loading);
        }
    }
    void finish() { require(!(first[0] == 1 && second[0] == 0 && first[1] == 1 && second[1] == 0), "two orders"); }
};

/// Two loads of one place never go back.
struct Coherence {
    static constexpr int fibers = 2;
    Place place;
    void run(int me) {
        if (me == 0) {
            place.word.store(1, relaxed);
            place.word.store(2, relaxed);
        } else {
            const std::uint32_t first = place.word.load(relaxed);
            require(place.word.load(relaxed) >= first, "back in time");
        }
    }
    void finish() {}
};

/// Additions of three fibers, all of them relaxed, are never lost.
struct Additions {
    static constexpr int fibers = 3;
    Place place;
    void run(int /*me*/) {
        place.word.fetch_add(1, relaxed);
        place.word.fetch_add(1, relaxed);
    }
    void finish() { require(place.word.load() == 6, "an addition is lost"); }
};

/// One sleeps until the other wakes it, or not.
template <bool wakes>
struct Sleeper {
    static constexpr int fibers = 2;
    static constexpr unsigned mortals = 2;
    Place place;
    void run(int me) {
        const auto* const address = reinterpret_cast<const std::uint32_t*>(&place.word);
        if (me == 0) {
            while (place.word.load(seq_cst) == 0) {
                Modelled::sleep(address, 0, 1, Modelled::now() + 2 * shortest_patience);
            }
        } else {
            place.word.store(1, seq_cst);
            if (wakes) {
                Modelled::wake(address, 1, 1);
            }
        }
    }
    void finish() { require(!world().is_stuck(0) || world().anybody_died(), "stuck though nobody died"); }
};

/// Each fiber stores to its place and looks at the other's. Only one pays for a fence; or a third does, who pairs with each
/// of them and cannot order them.
enum class Heavy : std::uint8_t { nobody, one_of_both, third };
template <Heavy who>
struct LightStoreBuffering {
    static constexpr int fibers = who == Heavy::third ? 3 : 2;
    Place places[2];
    std::uint32_t seen[2] = {};
    void run(int me) {
        if (me < 2) {
            places[me].word.store(1, relaxed);
        }
        if (me == (who == Heavy::one_of_both ? 1 : 2)) {
            Modelled::heavy_fence();
        }
        if (me < 2) {
            seen[me] = places[1 - me].word.load(relaxed);
        }
    }
    void finish() { require(seen[0] + seen[1] != 0, "both see nothing"); }
};

/// One dies; whoever is told so looks at what it wrote.
template <bool orders>
struct LastWords {
    static constexpr int fibers = 2;
    static constexpr unsigned mortals = 1;
    static constexpr bool kernel_orders = orders;
    Place place;
    void run(int me) {
        if (me == 0) {
            place.word.store(1, relaxed);
            place.word.store(2, relaxed);
        } else if (world().is_dead(0)) {
            require(place.word.load(relaxed) == world().peek(&place.word), "old words of the dead");
        }
    }
    void finish() {}
};

constexpr Bounds wide{.preemptions = 8, .stale = 8};

template <class Scenario>
void allows() {
    BOOST_CHECK(!explore<Scenario>(wide).holds());
}
template <class Scenario>
void forbids() {
    const Report report = explore<Scenario>(wide);
    BOOST_CHECK_MESSAGE(report.holds(), report.failure);
    BOOST_CHECK(report.complete || sample != UINT64_MAX);
}

}  // namespace

BOOST_AUTO_TEST_CASE(stores_wait_in_buffers_unless_all_is_seq_cst) {
    allows<StoreBuffering<relaxed, relaxed, false>>();
    allows<StoreBuffering<release, acquire, false>>();
    allows<StoreBuffering<seq_cst, acquire, false>>();
    forbids<StoreBuffering<seq_cst, seq_cst, false>>();
    forbids<StoreBuffering<relaxed, relaxed, true>>();
}

BOOST_AUTO_TEST_CASE(a_heavy_fence_stands_for_one_in_each_of_the_others) {
    allows<LightStoreBuffering<Heavy::nobody>>();
    forbids<LightStoreBuffering<Heavy::one_of_both>>();
    allows<LightStoreBuffering<Heavy::third>>();
    constexpr Mutation dropped{.name = "dropped", .op = Op::heavy_fence};
    BOOST_CHECK(!explore<LightStoreBuffering<Heavy::one_of_both>>(wide, &dropped).holds());
}

BOOST_AUTO_TEST_CASE(the_kernels_word_orders_only_where_the_scenario_says_so) {
    constexpr Bounds mortal{.preemptions = 4, .deaths = 1, .stale = 4};
    BOOST_CHECK(!explore<LastWords<false>>(mortal).holds());
    const Report report = explore<LastWords<true>>(mortal);
    BOOST_CHECK_MESSAGE(report.holds(), report.failure);
}

BOOST_AUTO_TEST_CASE(a_message_comes_with_its_flag_where_release_meets_acquire) {
    allows<MessagePassing<relaxed, relaxed, false, false>>();
    allows<MessagePassing<release, relaxed, false, false>>();
    allows<MessagePassing<relaxed, acquire, false, false>>();
    forbids<MessagePassing<release, acquire, false, false>>();
    forbids<MessagePassing<relaxed, relaxed, true, false>>();
    forbids<MessagePassing<release, acquire, false, true>>();  // the release sequence goes on through a relaxed change
    forbids<MessagePassing<relaxed, relaxed, true, true>>();
}

BOOST_AUTO_TEST_CASE(only_seq_cst_agrees_on_one_order_of_independent_stores) {
    allows<IndependentReads<release, acquire>>();
    forbids<IndependentReads<seq_cst, seq_cst>>();
}

BOOST_AUTO_TEST_CASE(one_place_has_one_order) {
    forbids<Coherence>();
    forbids<Additions>();
}

BOOST_AUTO_TEST_CASE(a_wake_up_that_nobody_gives_is_a_failure_unless_somebody_died) {
    BOOST_CHECK(explore<Sleeper<true>>(wide).holds());
    BOOST_CHECK(!explore<Sleeper<false>>(wide).holds());
    const Report report = explore<Sleeper<true>>({.preemptions = 2, .deaths = 1, .stale = 0});
    BOOST_CHECK_MESSAGE(report.holds(), report.failure);
    BOOST_CHECK(report.deaths != 0 && report.most_looks != 0);
}

BOOST_AUTO_TEST_CASE(a_failure_by_lot_is_replayed_by_its_seed) {
    constexpr Bounds bounds{.preemptions = 50, .stale = 8};
    const Report report = explore_randomly<IndependentReads<release, acquire>>(bounds, 1, 100'000);
    BOOST_TEST_REQUIRE(!report.holds());
    const Report again = explore_randomly<IndependentReads<release, acquire>>(bounds, report.seed, 1);
    BOOST_TEST(again.failure == report.failure);
}
