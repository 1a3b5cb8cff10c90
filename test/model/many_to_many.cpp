// SPDX-License-Identifier: BSL-1.0
/// ManyToManyRing under the scheduler, with its sleepers and its dead as TypedQueue<Msg> has them: each message that was
/// published is taken once, in the order of the places, whoever dies or is stopped where; nobody is left asleep while
/// there is something for him.

#define BOOST_TEST_MODULE many_to_many
#include <boost/test/unit_test.hpp>

#include <tenon/carrier/many_to_many_ring.hpp>
#include <tenon/sync/waiting.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::sync::Where;
using tenon::sys::end_of_time;

using Control = tenon::carrier::ManyToManyControl<Modelled>;
using Event = tenon::sync::Event<Modelled>;
using Ring = tenon::carrier::ManyToManyRing<8, 8, Modelled>;
using Claim = Ring::Claim;

/// Mutants of what surrounds the ring.
enum class Mistake : std::uint8_t {
    none,
    keeps_the_wake_up,
    no_second_look,
    nobody_settles,
    settles_without_the_estate,
    settles_the_living,
    forgets_orphans,
};

/// Senders are the first fibers, receivers the next. `sends` and `takes`: how many messages each of them.
struct Plan {
    std::uint32_t capacity = 2;
    int senders = 2;
    int receivers = 2;
    int sends[3] = {2, 1, 0};
    int takes[3] = {2, 1, 0};
    unsigned mortals = 0xf;
    int drops = 0;              // so many loans of sender 0 are dropped, before it sends
    bool has_newcomer = false;  // one fiber more: it takes the seat of fiber 0 when that has died, and sends one more
    Mistake mistake = Mistake::none;
};

template <Plan plan>
struct Traffic {
    static constexpr int fibers = plan.senders + plan.receivers + (plan.has_newcomer ? 1 : 0);
    static constexpr bool is_newcomer(int fiber) { return plan.has_newcomer && fiber == fibers - 1; }
    static constexpr unsigned mortals = plan.mortals;
    static constexpr bool kernel_orders = true;
    static constexpr std::uint32_t most = 64;

    Control control;
    alignas(64) std::byte slots[Ring::slot_size * plan.capacity];  // zero pages, as in a segment
    Ring sut{&control, reinterpret_cast<Ring::Word*>(slots), plan.capacity};
    // "The copy out of this lap of the slot has been made": what its next writer must know.
    struct alignas(8) Copied {
        Modelled::Atomic<std::uint64_t> laps{0};
    } copied[plan.capacity];
    bool is_sent[most] = {};
    bool is_received[most] = {};
    std::uint64_t last_position[plan.senders + 1] = {};
    std::uint64_t position_of[most] = {};
    bool is_settled[fibers] = {};

    Traffic() {
        world().name(&control.tail, "tail");
        world().name(&control.head, "head");
        world().name(&control.arrived, "arrived");
        world().name(&control.room, "room");
        world().name(&control.orphans, "orphans");
        for (std::uint32_t i = 0; i < plan.capacity; ++i) {
            world().name(word_of(i), "slot");
            world().name(word_of(i) + 1, "message");
            world().name(&copied[i], "copied");
        }
    }
    [[nodiscard]] Ring::Word* word_of(std::uint64_t index) {
        return reinterpret_cast<Ring::Word*>(slots + Ring::slot_size * static_cast<std::size_t>(index));
    }

    void run(int me) {
        const auto seat = static_cast<std::uint32_t>(me);
        if (is_newcomer(me)) {
            if (world().is_dead(0) && take_seat(0, [this] { sut.settle(0); })) {
                is_settled[0] = true;
                send(0, message_number(me, 0));
            }
        } else if (me < plan.senders) {
            for (int i = 0; i < (me == 0 ? plan.drops : 0); ++i) {
                sut.abandon(find_room(seat));
                tell(control.arrived);
            }
            for (int i = 0; i < plan.sends[me]; ++i) {
                send(seat, message_number(me, i));
            }
        } else {
            // Where somebody has died, the others go on as long as there is anything.
            for (int i = 0; i < plan.takes[me - plan.senders] || world().anybody_died(); ++i) {
                receive(seat);
            }
        }
    }

    // ---- as in many_to_many_queue.hpp

    void tell(Event& event) {
        event.signal_lightly(1, [] {});
    }
    void repair(std::uint32_t me) {
        if constexpr (plan.mistake == Mistake::nobody_settles) {
            return;
        }
        for (std::uint32_t seat = 0; seat < static_cast<std::uint32_t>(fibers); ++seat) {
            if (seat == me || (mortals >> seat & 1) == 0 || is_settled[seat]) {
                continue;
            }
            if constexpr (plan.mistake == Mistake::settles_the_living) {
                sut.settle(seat);
                is_settled[seat] = true;
            } else if constexpr (plan.mistake == Mistake::settles_without_the_estate) {
                if (world().is_dead(seat)) {
                    sut.settle(seat);
                    is_settled[seat] = true;
                }
            } else if (world().is_dead(seat)) {
                if (const auto estate = People{me}.administer(seat)) {
                    sut.settle(seat);
                    is_settled[seat] = true;
                }
            }
        }
    }
    template <class Look, class IsHeldUp>
    void wait(Event& event, std::uint32_t me, Look look, IsHeldUp is_held_up) {
        if constexpr (plan.mistake == Mistake::no_second_look) {
            while (!look()) {
                const auto ticket = event.announce();
                Modelled::heavy_fence();
                event.sleep(ticket, Modelled::now() + 2 * shortest_patience);
            }
        } else {
            tenon::sync::Waiter<Modelled> waiter;
            require(waiter.wait(
                        event, end_of_time, look, [&] { repair(me); }, [] { return Where::unknown; }, is_held_up),
                    "no deadline, and late");
        }
    }

    Claim find_room(std::uint32_t seat) {
        Claim claim = sut.claim_room(seat);
        if (!claim) {
            wait(
                control.room, seat, [&] { return sut.has_room() && static_cast<bool>(claim = sut.claim_room(seat)); },
                [&] { return sut.is_held_up_by_receiver(); });
            if (plan.mistake != Mistake::keeps_the_wake_up && sut.has_room()) {
                tell(control.room);
            }
        }
        return claim;
    }
    Claim claim_message(std::uint32_t seat) {
        if constexpr (plan.mistake == Mistake::forgets_orphans) {
            control.orphans.store(0, std::memory_order_relaxed);
        }
        return sut.claim_message(seat, [this] { tell(control.room); });
    }
    Claim find_message(std::uint32_t seat) {
        Claim claim = claim_message(seat);
        if (!claim) {
            wait(
                control.arrived, seat, [&] { return static_cast<bool>(claim = claim_message(seat)); },
                [&] { return sut.is_held_up_by_sender(); });
            if (plan.mistake != Mistake::keeps_the_wake_up && sut.has_message()) {
                tell(control.arrived);
            }
        }
        return claim;
    }

    void send(std::uint32_t seat, std::uint32_t number) {
        const Claim claim = find_room(seat);
        const std::uint64_t position = position_of_claim(claim);
        require(is_claimed(position) && (position == 0 || is_claimed(position - 1)), "a place before it was left out");
        std::uint64_t& last = last_position[seat];
        require(position + 1 > last, "the messages of a sender changed their order");
        last = position + 1;
        if (!world().anybody_died() && plan.drops == 0) {
            require(copied[index_of(claim)].laps.load(std::memory_order_relaxed) == claim.lap,
                    "written over before it was copied");
        }
        Ring::message(claim)->store(number, std::memory_order_relaxed);
        position_of[number] = position;
        Ring::publish(claim);
        is_sent[number] = true;
        tell(control.arrived);
    }
    void receive(std::uint32_t seat) {
        const Claim claim = find_message(seat);
        const std::uint64_t position = position_of_claim(claim);
        const std::uint64_t number = Ring::message(claim)->load(std::memory_order_relaxed);
        note_received(number, position);
        is_received[number] = false;  // not before it is free
        copied[index_of(claim)].laps.store(claim.lap + 1, std::memory_order_relaxed);
        Ring::free(claim);
        is_received[number] = true;
        tell(control.room);
    }

    // ---- judgement

    static std::uint32_t message_number(int me, int i) { return static_cast<std::uint32_t>(me * 8 + i + 1); }
    [[nodiscard]] std::uint64_t index_of(const Claim& claim) const {
        return static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(claim.slot) - slots) / Ring::slot_size;
    }
    [[nodiscard]] std::uint64_t position_of_claim(const Claim& claim) const {
        return claim.lap * plan.capacity + index_of(claim);
    }
    // A slot's word, as the segment format has it.
    enum State : std::uint64_t { free, writing, full, taking, voided, orphan };
    [[nodiscard]] std::uint64_t peek(std::uint64_t index) { return world().peek(word_of(index)); }
    [[nodiscard]] bool is_claimed(std::uint64_t position) {
        const std::uint64_t seen = peek(position % plan.capacity);
        const std::uint64_t lap = position / plan.capacity;
        return seen >> 13 > lap || (seen >> 13 == lap && (seen & 7) != free);
    }

    void note_received(std::uint64_t number, std::uint64_t position) {
        require(number < most && is_sent[number], "a message that nobody has sent");
        require(!is_received[number], "a message comes twice");
        require(position_of[number] == position, "a message out of its place");
        const std::uint64_t before = position == 0 ? 0 : peek((position - 1) % plan.capacity);
        require(position == 0 || before >> 13 != (position - 1) / plan.capacity || (before & 7) != full,
                "a message was passed over");
        is_received[number] = true;
    }
    void finish() {
        bool is_all_free = true;
        for (std::uint32_t index = 0; index < plan.capacity; ++index) {
            is_all_free = is_all_free && (peek(index) & 7) == free;
        }
        std::uint64_t tail = 0;
        while (is_claimed(tail)) {
            ++tail;
        }
        const bool has_room = peek(tail % plan.capacity) == (tail / plan.capacity << 13);
        for (int i = 0; i < fibers; ++i) {
            const bool sends = i < plan.senders || is_newcomer(i);
            require(!world().is_stuck(i) || !(sends ? has_room : !is_all_free), "a survivor is left asleep");
            require(!world().is_stuck(i) || world().anybody_died(), "asleep, though nobody died");
        }
        // Whoever comes next puts right what is left, and finds the rest.
        for (int i = 0; i < fibers; ++i) {
            if (!world().is_alive(i) && !is_settled[i]) {
                sut.settle(static_cast<std::uint32_t>(i));
            }
        }
        constexpr std::uint32_t seat = 9;
        while (const Claim claim = sut.claim_message(seat, [] {})) {
            note_received(Ring::message(claim)->load(std::memory_order_relaxed), position_of_claim(claim));
            Ring::free(claim);
        }
        for (std::uint32_t number = 0; number < most; ++number) {
            require(is_received[number] == is_sent[number], "a message is lost");
        }
        for (std::uint32_t i = 0; i < 2 * plan.capacity; ++i) {
            const Claim claim = sut.claim_room(seat);
            require(static_cast<bool>(claim), "an empty ring is full");
            Ring::publish(claim);
            const Claim message = sut.claim_message(seat, [] {});
            require(message.slot == claim.slot && message.lap == claim.lap, "a full ring is empty");
            Ring::free(message);
        }
    }
};

/// All of it where that is possible in some seconds, and a sample otherwise; the report says which.
template <class Scenario>
Report tried(const char* title, Bounds bounds) {
    bounds.most_executions = full_effort() ? 500'000 : 200'000;
    return tenon::model::holds<Scenario>(title, bounds);
}

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

constexpr Plan the_issue{};  // 2 senders, 2 receivers, capacity 2, 3 messages
constexpr Plan tight{.capacity = 1};
constexpr Plan even{.sends = {1, 1}, .takes = {1, 1}};
constexpr Plan dropping{.capacity = 1, .senders = 1, .sends = {3}, .drops = 1};
constexpr Plan newcoming{.senders = 1, .receivers = 1, .sends = {2}, .takes = {2}, .mortals = 1, .has_newcomer = true};

constexpr Plan with(Plan plan, Mistake mistake) {
    plan.mistake = mistake;
    return plan;
}

BOOST_AUTO_TEST_CASE(each_message_is_taken_once_and_nobody_is_left_asleep) {
    const int more = full_effort() ? 1 : 0;
    check(tried<Traffic<the_issue>>("ManyToMany, 2+2, capacity 2", {.preemptions = 1 + more, .stale = more}));
    check(tried<Traffic<tight>>("ManyToMany, 2+2, capacity 1", {.preemptions = 1, .stale = more}));
    check(tried<Traffic<even>>("ManyToMany, 2+2, a message each", {.preemptions = 1 + more, .stale = 1}));
    check(tried<Traffic<Plan{.receivers = 1, .takes = {3}}>>("ManyToMany, 2+1", {.preemptions = 2 + more, .stale = 0}));
    check(tried<Traffic<Plan{.senders = 1, .sends = {3}}>>("ManyToMany, 1+2", {.preemptions = 1 + more, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(each_message_is_taken_once_whoever_dies_where) {
    const int more = full_effort() ? 1 : 0;
    const Bounds old{.preemptions = more, .deaths = 1, .stale = 1, .most_looks = 2};
    const Bounds free{.preemptions = more, .deaths = 1, .stale = 0, .most_looks = 2};
    check(tried<Traffic<the_issue>>("ManyToMany, 2+2, capacity 2, a death",
                                    {.preemptions = more, .deaths = 1, .stale = 1 - more, .most_looks = 2}));
    check(tried<Traffic<tight>>("ManyToMany, 2+2, capacity 1, a death",
                                {.preemptions = 0, .deaths = 1, .stale = more, .most_looks = 2}));
    check(tried<Traffic<even>>("ManyToMany, 2+2, a message each, a death", free));
    check(tried<Traffic<Plan{.receivers = 1, .takes = {3}}>>("ManyToMany, 2+1, a death",
                                                             {.preemptions = 1, .deaths = 1, .stale = more}));
    check(tried<Traffic<Plan{.senders = 1, .sends = {3}}>>("ManyToMany, 1+2, a death", old));
}

BOOST_AUTO_TEST_CASE(a_dropped_loan_and_the_place_of_a_dead_sender_are_passed_over) {
    const int more = full_effort() ? 1 : 0;
    check(tried<Traffic<dropping>>("ManyToMany, 1+2, a dropped loan", {.preemptions = 1 + more, .stale = 0}));
    check(tried<Traffic<dropping>>("ManyToMany, 1+2, a dropped loan, a death",
                                   {.preemptions = more, .deaths = 1, .stale = 0, .most_looks = 2}));
    check(tried<Traffic<newcoming>>("ManyToMany, a newcomer in the seat of a dead sender",
                                    {.preemptions = 1 + more, .deaths = 1, .stale = 0}));
}

BOOST_AUTO_TEST_CASE(who_was_stopped_goes_on_as_if_nothing_had_been) {
    const int more = full_effort() ? 1 : 0;
    const Bounds bounds{.preemptions = more, .stops = 1, .stale = 0};
    check(tried<Traffic<even>>("ManyToMany, 2+2, a message each, a stop", bounds));
    check(tried<Traffic<Plan{.senders = 1, .sends = {3}}>>("ManyToMany, 1+2, a stop", bounds));
    check(tried<Traffic<Plan{.receivers = 1, .takes = {3}}>>("ManyToMany, 2+1, a stop", bounds));
    check(tried<Traffic<Plan{.capacity = 1, .sends = {1, 1}, .takes = {1, 1}, .mortals = 1}>>(
        "ManyToMany, 2+2, a message each, a death and a stop",
        {.preemptions = 0, .deaths = 1, .stops = 1, .stale = 0, .most_looks = 2}));
}

BOOST_AUTO_TEST_CASE(a_hint_may_be_late_by_any_number_of_laps) {
    const int more = full_effort() ? 1 : 0;
    // Stopped between a look at the hint and the store to it, having passed over the void, which holds nobody up.
    check(tried<Traffic<Plan{.capacity = 1, .senders = 1, .sends = {4}, .takes = {3, 1}, .drops = 1}>>(
        "ManyToMany, a hint that is four laps late", {.preemptions = 0, .stops = 1, .stale = 0}));
    for (const Mutation& never : {Mutation{.name = "nobody sets the tail", .op = Op::store, .place = "tail"},
                                  Mutation{.name = "nobody sets the head", .op = Op::store, .place = "head"}}) {
        const Report report = explore<Traffic<tight>>({.preemptions = more, .stale = 0}, &never);
        print(never.name, report);
        check(report);
    }
}

BOOST_AUTO_TEST_CASE(many_by_lot) {
    const std::uint64_t runs = full_effort() ? 500'000 : 15'000;
    const Bounds bounds{.preemptions = 200, .deaths = 1, .stops = 1, .stale = 30, .most_looks = 6};
    check(holds_by_lot<Traffic<the_issue>>("ManyToMany, 2+2, capacity 2, a death and a stop by lot", bounds, runs));
    check(holds_by_lot<
          Traffic<Plan{.capacity = 3, .senders = 3, .receivers = 3, .sends = {3, 2, 2}, .takes = {3, 2, 2}}>>(
        "ManyToMany, 3+3, capacity 3, 7 messages by lot", {.preemptions = 200, .stale = 30}, runs));
    check(holds_by_lot<Traffic<Plan{.capacity = 3,
                                    .senders = 3,
                                    .receivers = 3,
                                    .sends = {3, 2, 2},
                                    .takes = {3, 2, 2},
                                    .mortals = 0x3f,
                                    .drops = 1}>>(
        "ManyToMany, 3+3, capacity 3, 7 messages, deaths by lot",
        {.preemptions = 200, .deaths = 2, .stops = 1, .stale = 30, .most_steps = 6000}, runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acq_rel;
    using std::memory_order_acquire;
    using std::memory_order_release;
    Catch mutations;
    const Bounds alive{.preemptions = 2, .stale = 0};
    const Bounds weak{.preemptions = 1, .stale = 1};
    const Bounds mortal{.preemptions = 0, .deaths = 1, .stale = 0, .most_looks = 2};
    using Lone = Traffic<Plan{.capacity = 1, .senders = 1, .receivers = 1, .sends = {3}, .takes = {3}}>;
    using Pair = Traffic<even>;
    using Survivors = Traffic<Plan{.senders = 1, .sends = {2}, .takes = {1, 1}, .mortals = 2}>;
    mutations.expect<Lone>({.name = "what is stored in a slot is relaxed",
                            .op = Op::store,
                            .fault = Fault::weaken,
                            .place = "slot",
                            .from = only(memory_order_release)},
                           weak);
    mutations.expect<Lone>({.name = "claims are relaxed",
                            .op = Op::compare_exchange,
                            .fault = Fault::weaken,
                            .place = "slot",
                            .from = only(memory_order_acquire)},
                           weak);
    mutations.expect<Pair>({.name = "a claim is not one step",
                            .op = Op::compare_exchange,
                            .fault = Fault::split,
                            .place = "slot",
                            .from = only(memory_order_acquire)},
                           alive);
    mutations.expect<Lone>({.name = "no heavy fence", .op = Op::heavy_fence}, {.preemptions = 2, .stale = 1});
    mutations.expect<Lone>({.name = "announce sets nothing", .op = Op::fetch_or, .place = "arrived"}, alive);
    mutations.expect<Lone>({.name = "nobody is woken", .op = Op::wake}, alive);
    mutations.expect<Lone>({.name = "sleep does not compare", .op = Op::sleep, .fault = Fault::blind},
                           {.preemptions = 3, .stale = 0});
    mutations.note("no second look",
                   explore<Traffic<Plan{.capacity = 1,
                                        .senders = 1,
                                        .receivers = 1,
                                        .sends = {3},
                                        .takes = {3},
                                        .mistake = Mistake::no_second_look}>>({.preemptions = 3, .stale = 0}));
    mutations.note("a wake-up for two is kept", explore<Traffic<with(even, Mistake::keeps_the_wake_up)>>(alive));
    mutations.note("nobody settles", explore<Traffic<with(even, Mistake::nobody_settles)>>(mortal));
    mutations.note("settled without the estate",
                   explore<Traffic<Plan{.capacity = 1,
                                        .sends = {1, 1},
                                        .takes = {1, 1},
                                        .mortals = 1,
                                        .mistake = Mistake::settles_without_the_estate}>>(
                       {.preemptions = 0, .deaths = 1, .stops = 1, .stale = 0, .most_looks = 2}));
    mutations.note("the living are settled", explore<Traffic<with(even, Mistake::settles_the_living)>>(mortal));
    mutations.note(
        "nobody asks for orphans",
        explore<Traffic<Plan{
            .senders = 1, .sends = {2}, .takes = {1, 1}, .mortals = 2, .mistake = Mistake::forgets_orphans}>>(mortal));
    mutations.expect<Survivors>({.name = "settle says nothing of orphans", .op = Op::fetch_or, .place = "orphans"},
                                mortal);
    using Heirs = Traffic<Plan{.capacity = 1, .senders = 1, .receivers = 3, .sends = {1}, .takes = {1}, .mortals = 2}>;
    mutations.expect<Heirs>({.name = "the flag of orphans is taken without a look at what it says",
                             .op = Op::exchange,
                             .fault = Fault::weaken,
                             .place = "orphans",
                             .from = only(memory_order_acq_rel)},
                            {.preemptions = 2, .deaths = 1, .stale = 1, .most_looks = 2});
    BOOST_CHECK(mutations.all());
}
