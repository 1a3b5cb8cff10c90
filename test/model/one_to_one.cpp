// SPDX-License-Identifier: BSL-1.0
/// OneToOneRing under the scheduler, with its roles and its sleepers as TypedQueue<Msg, one_to_one> has them: nothing is
/// lost, doubled, out of order or torn, whoever dies where; nobody is left asleep; `freed` never leads.

#define BOOST_TEST_MODULE one_to_one
#include <boost/test/unit_test.hpp>

#include <tenon/carrier/one_to_one_ring.hpp>
#include <tenon/sync/waiting.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::carrier::OneToOneRing;
using tenon::sync::Where;
using tenon::sys::end_of_time;

using Control = tenon::carrier::OneToOneControl<Modelled>;
using Role = tenon::sync::OwnedWord<Modelled>;
using Event = tenon::sync::Event<Modelled>;

/// Mutants of the algorithm itself.
enum class Mistake : std::uint8_t {
    none,
    ignores_stamps,
    believes_sent,
    takes_before_it_copies,
    frees_early,
    no_second_look,
    no_fence_where_there_is_no_barrier,
    no_tidings_of_the_dead,
    clears_before_it_touches,
};

/// Fiber 0 sends and fiber 1 receives. The heir of one of them waits for its role.
enum class Heir : std::uint8_t { nobody, of_sender, of_receiver };

/// `has_barriers`: of the kernel, for heavy fences.
struct Plan {
    std::size_t size = 8;
    bool is_stamped = true;
    std::uint32_t capacity = 1;
    int messages = 3;
    Heir heir = Heir::nobody;
    std::size_t batch = 1;
    Mistake mistake = Mistake::none;
    bool has_barriers = true;
    bool has_poller = false;  // the receiver polls a descriptor, and does not sleep on the event
    bool kernel_orders = true;
};

template <Plan plan>
struct Traffic {
    static constexpr int fibers = plan.heir == Heir::nobody ? 2 : 3;
    static constexpr unsigned mortals = plan.heir == Heir::of_sender ? 1 : 2;
    static constexpr bool kernel_orders = plan.kernel_orders;
    static constexpr bool barriers = plan.has_barriers;
    static constexpr int words = static_cast<int>(plan.size / 8);
    using Ring = OneToOneRing<plan.size, 1, Modelled, plan.is_stamped>;
    struct Message {
        std::uint64_t words[static_cast<std::size_t>(Traffic::words)];
    };

    Control control;
    alignas(64) std::byte slots[Ring::slot_size * plan.capacity];  // zero pages, as in a segment
    Ring sut{&control, reinterpret_cast<typename Ring::Word*>(slots), plan.capacity};
    // "The copy of this position has been made": what the sender must know before it writes over it.
    struct alignas(8) Copied {
        Modelled::Atomic<std::uint64_t> count{0};
    } copied[plan.capacity];
    struct alignas(8) Descriptor {
        Modelled::Atomic<std::uint32_t> touches{0};
    } descriptor;
    std::uint64_t acknowledged[static_cast<std::size_t>(plan.messages)] = {};
    std::uint64_t received[static_cast<std::size_t>(plan.messages)] = {};
    std::uint64_t taken = 0;

    Traffic() {
        world().name(&control.sender, "sender");
        world().name(&control.receiver, "receiver");
        world().name(&control.sent, "sent");
        world().name(&control.taken, "taken");
        world().name(&control.freed, "freed");
        world().name(&control.arrived, "arrived");
        world().name(&control.room, "room");
        world().name(&descriptor, "descriptor");
        for (std::uint32_t i = 0; i < plan.capacity; ++i) {
            world().name(slots + Ring::slot_size * i, "message");
            world().name(slots + Ring::slot_size * i, "stamp");
            world().name(&copied[i], "copied");
        }
    }

    void run(int me) {
        const bool sends = me == 0 || (me == 2 && plan.heir == Heir::of_sender);
        Role& role = sends ? control.sender : control.receiver;
        const auto seat = static_cast<std::uint32_t>(me);
        Role::Version version = 0;
        require(role.take(seat, version, end_of_time, People{seat}), "no role");
        // Whoever has an heir leaves the last message to it, even where it need not die.
        const bool has_heir = plan.heir == (me == 0 ? Heir::of_sender : Heir::of_receiver) && me != 2;
        const int end = plan.messages - (has_heir ? 1 : 0);
        sends ? send_until(me, end) : receive_until(end);
        role.give_back();
    }

    // ---- as in one_to_one_queue.hpp

    void tell(Event& event) {
        if constexpr (plan.mistake != Mistake::no_fence_where_there_is_no_barrier) {
            if (!Modelled::join_heavy_fences()) {
                Modelled::fence(std::memory_order_seq_cst);
            }
        }
        event.signal_lightly(1, [&] {
            if constexpr (plan.mistake == Mistake::clears_before_it_touches) {
                constexpr std::uint32_t pollers = 2;
                reinterpret_cast<Modelled::Atomic<std::uint32_t>&>(event).fetch_and(~pollers);
            }
            touch();
        });
    }
    template <class Look>
    static void wait(Event& event, Look look) {
        if constexpr (plan.mistake == Mistake::no_second_look) {
            while (!look()) {
                const auto ticket = event.announce();
                Modelled::heavy_fence();
                event.sleep(ticket, Modelled::now() + 2 * shortest_patience);
            }
        } else {
            tenon::sync::Waiter<Modelled> waiter;
            require(waiter.wait(
                        event, end_of_time, look, [] {}, [] { return Where::unknown; }),
                    "no deadline, and late");
        }
    }

    void send_until(int me, int end) {
        typename Ring::Sending s{};
        resume(s);
        if constexpr (plan.mistake != Mistake::no_tidings_of_the_dead) {
            tell(control.arrived);
        }
        for (int n = 0; n < plan.messages; ++n) {
            require(acknowledged[n] == 0 || static_cast<std::uint64_t>(n) < s.next,
                    "an acknowledged message is forgotten");
        }
        while (s.next < static_cast<std::uint64_t>(end)) {
            if (s.next == s.limit && !sut.look_for_room(s)) {
                wait(control.room, [&] { return sut.look_for_room(s); });
            }
            require_room(s);
            if constexpr (plan.batch == 1) {
                const Message message = message_of(s.next, me);
                sut.put(s, &message);
                acknowledged[s.next - 1] = message.words[0];
            } else {
                Message messages[plan.batch];
                for (std::size_t i = 0; i < plan.batch; ++i) {
                    messages[i] = message_of(s.next + i, me);
                }
                const std::uint64_t left = static_cast<std::uint64_t>(end) - s.next;
                const std::size_t count = sut.put_many(s, reinterpret_cast<const std::byte*>(messages),
                                                       left < plan.batch ? left : plan.batch);
                for (std::size_t i = 0; i < count; ++i) {
                    acknowledged[s.next - count + i] = messages[i].words[0];
                }
            }
            tell(control.arrived);
        }
    }

    void receive_until(int end) {
        typename Ring::Receiving r{};
        resume(r);
        tell(control.room);
        require(r.next >= taken && r.next <= taken + (plan.batch - 1), "what was taken comes again, or is skipped");
        taken = r.next;
        while (taken < static_cast<std::uint64_t>(end)) {
            if (!(r.next != r.check && sut.has_arrived(r)) && !sut.look_for_message(r)) {
                plan.has_poller ? poll(r) : wait(control.arrived, [&] { return sut.look_for_message(r); });
            }
            require(world().peek(&control.freed) <= world().peek(&control.taken), "freed leads");
            if constexpr (plan.batch == 1) {
                receive_one(r);
            } else {
                Message messages[plan.batch];
                const std::uint64_t left = static_cast<std::uint64_t>(end) - r.next;
                const std::size_t count =
                    sut.take_many(r, reinterpret_cast<std::byte*>(messages), left < plan.batch ? left : plan.batch);
                require(count != 0, "there was one");
                for (std::size_t i = 0; i < count; ++i) {
                    note_received(messages[i]);
                }
            }
            require(r.next == taken, "a position is lost");
            tell(control.room);
        }
    }
    void receive_one(typename Ring::Receiving& r) {
        Message message{};
        if constexpr (plan.mistake == Mistake::takes_before_it_copies) {
            const typename Ring::Receiving before = r;
            sut.take(r);
            sut.copy_message(before, &message);
        } else {
            sut.copy_message(r, &message);
            copied[r.next % plan.capacity].count.store(r.next + 1, std::memory_order_relaxed);
            if constexpr (plan.mistake == Mistake::frees_early) {
                control.freed.store(r.next + 1, std::memory_order_release);
            }
            sut.take(r);
        }
        note_received(message);
    }

    /// As Readiness::arm() and epoll_wait(2) do it.
    void poll(typename Ring::Receiving& r) {
        const auto* const address = reinterpret_cast<const std::uint32_t*>(&descriptor);
        for (;;) {
            const std::uint32_t forgotten = descriptor.touches.load(std::memory_order_seq_cst);
            control.arrived.announce_poller();
            Modelled::heavy_fence();
            if (sut.look_for_message(r)) {
                return;
            }
            Modelled::sleep(address, forgotten, 1, end_of_time);
            if (sut.look_for_message(r)) {
                return;
            }
        }
    }
    void touch() {
        descriptor.touches.fetch_add(1, std::memory_order_seq_cst);
        Modelled::wake(reinterpret_cast<const std::uint32_t*>(&descriptor), 8, 1);
    }

    // ---- the mutants

    void resume(typename Ring::Sending& s) {
        const std::uint64_t next = control.sent.load(std::memory_order_acquire);
        const std::uint64_t known = control.taken.load(std::memory_order_acquire);
        if constexpr (plan.mistake == Mistake::ignores_stamps) {
            set(s, next < known ? known : next);
        } else if constexpr (plan.mistake == Mistake::believes_sent) {
            set(s, next);
        } else {
            sut.resume(s);
        }
    }
    void resume(typename Ring::Receiving& r) { sut.resume(r); }
    void set(typename Ring::Sending& s, std::uint64_t next) {
        s = {next, next,
             reinterpret_cast<typename Ring::Word*>(slots +
                                                    Ring::slot_size * static_cast<std::size_t>(next % plan.capacity))};
    }

    // ---- judgement

    static Message message_of(std::uint64_t position, int me) {
        Message message{};
        for (int i = 0; i < words; ++i) {
            message.words[i] = (position + 1) << 8 | static_cast<std::uint64_t>(i) << 4 | static_cast<unsigned>(me + 1);
        }
        return message;
    }
    void note_received(const Message& message) {
        const int me = static_cast<int>(message.words[0] & 0xf) - 1;
        const Message expected = message_of(taken, me);
        for (int i = 0; i < words; ++i) {
            require(message.words[i] == expected.words[i], "another message, or a torn one");
        }
        received[taken++] = message.words[0];
    }
    /// That the last copy out of this slot has been made.
    void require_room(const typename Ring::Sending& s) {
        if (plan.batch == 1 && s.next >= plan.capacity) {
            require(copied[s.next % plan.capacity].count.load(std::memory_order_relaxed) + plan.capacity > s.next,
                    "written over before it was copied");
        }
    }
    void finish() {
        for (int i = 0; i < fibers; ++i) {
            require(!world().is_stuck(i), "a survivor is left asleep");
        }
        require(taken == static_cast<std::uint64_t>(plan.messages), "messages are missing");
        for (int n = 0; n < plan.messages; ++n) {
            require(received[n] == acknowledged[n] || received[n] == 0 || acknowledged[n] == 0,
                    "received another message than was acknowledged");
        }
        require(!sut.has_message(), "a message too many");
        require(world().peek(&control.sent) == static_cast<std::uint64_t>(plan.messages), "sent is wrong at the end");
    }
};

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_is_lost_doubled_or_torn) {
    const int more = full_effort() ? 1 : 0;
    const Bounds narrow{.preemptions = 2 + more, .stale = 1 + more};
    const Bounds wide{.preemptions = 3 + more, .stale = 1};
    check(holds<Traffic<Plan{}>>("OneToOne, stamped, capacity 1", narrow));
    check(holds<Traffic<Plan{.is_stamped = false}>>("OneToOne, index, capacity 1", narrow));
    check(holds<Traffic<Plan{.capacity = 2}>>("OneToOne, stamped, capacity 2", wide));
    check(holds<Traffic<Plan{.is_stamped = false, .capacity = 2}>>("OneToOne, index, capacity 2", narrow));
    check(holds<Traffic<Plan{.size = 16, .capacity = 2}>>("OneToOne, stamped, capacity 2, two words", narrow));
    check(holds<Traffic<Plan{.capacity = 2, .batch = 2}>>("OneToOne, stamped, capacity 2, batches", narrow));
    check(holds<Traffic<Plan{.has_barriers = false}>>("OneToOne, stamped, capacity 1, no barriers", narrow));
    check(holds<Traffic<Plan{.has_poller = true}>>("OneToOne, stamped, capacity 1, a poller", narrow));
}

BOOST_AUTO_TEST_CASE(who_was_stopped_goes_on_as_if_nothing_had_been) {
    const int more = full_effort() ? 1 : 0;
    const Bounds bounds{.preemptions = 1 + more, .stops = 1, .stale = 0};
    check(holds<Traffic<Plan{}>>("OneToOne, stamped, capacity 1, a stop", bounds));
    check(holds<Traffic<Plan{.is_stamped = false, .capacity = 2}>>("OneToOne, index, capacity 2, a stop", bounds));
    check(holds<Traffic<Plan{.has_poller = true}>>("OneToOne, stamped, capacity 1, a poller, a stop", bounds));
}

template <Heir heir>
void check_deaths() {
    const int more = full_effort() ? 1 : 0;
    const Bounds old{.preemptions = more, .deaths = 1, .stale = 2};
    const Bounds free{.preemptions = 1, .deaths = 1, .stale = more};
    check(holds<Traffic<Plan{.heir = heir}>>("OneToOne, stamped, capacity 1, a death", old));
    check(holds<Traffic<Plan{.is_stamped = false, .heir = heir}>>("OneToOne, index, capacity 1, a death", old));
    check(holds<Traffic<Plan{.capacity = 2, .heir = heir}>>("OneToOne, stamped, capacity 2, a death", free));
    check(holds<Traffic<Plan{.is_stamped = false, .capacity = 2, .heir = heir}>>("OneToOne, index, capacity 2, a death",
                                                                                 old));
    check(holds<Traffic<Plan{.capacity = 2, .heir = heir, .batch = 2}>>("OneToOne, stamped, batches, a death", free));
    check(holds<Traffic<Plan{.is_stamped = false, .capacity = 2, .heir = heir, .batch = 2}>>(
        "OneToOne, index, batches, a death", old));
    check(holds<Traffic<Plan{.heir = heir, .has_poller = true}>>("OneToOne, stamped, a poller, a death", old));
}

BOOST_AUTO_TEST_CASE(the_heir_of_a_sender_goes_on_where_it_stopped) { check_deaths<Heir::of_sender>(); }

BOOST_AUTO_TEST_CASE(the_heir_of_a_receiver_goes_on_where_it_stopped) { check_deaths<Heir::of_receiver>(); }

BOOST_AUTO_TEST_CASE(many_by_lot) {
    const std::uint64_t runs = full_effort() ? 1'000'000 : 20'000;
    const Bounds bounds{.preemptions = 200, .deaths = 1, .stops = 1, .stale = 30, .spurious = 3};
    check(holds_by_lot<Traffic<Plan{.size = 16, .capacity = 3, .messages = 7, .heir = Heir::of_sender}>>(
        "OneToOne, stamped, 7 messages, a sender's death by lot", bounds, runs));
    check(holds_by_lot<Traffic<Plan{.is_stamped = false, .capacity = 3, .messages = 7, .heir = Heir::of_receiver}>>(
        "OneToOne, index, 7 messages, a receiver's death by lot", bounds, runs));
    check(holds_by_lot<
          Traffic<Plan{.capacity = 3, .messages = 7, .heir = Heir::of_sender, .batch = 3, .has_poller = true}>>(
        "OneToOne, stamped, 7 messages in batches, a poller by lot", bounds, runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acquire;
    using std::memory_order_release;
    Catch mutations;
    const Bounds alive{.preemptions = 3, .stale = 0};
    const Bounds weak{.preemptions = 2, .stale = 1};
    const Bounds mortal{.preemptions = 1, .deaths = 1, .stale = 0};
    using Stamped = Traffic<Plan{}>;
    using Index = Traffic<Plan{.is_stamped = false}>;
    const auto relaxed_store = [](const char* name, const char* place) {
        return Mutation{
            .name = name, .op = Op::store, .fault = Fault::weaken, .place = place, .from = only(memory_order_release)};
    };
    const auto relaxed_load = [](const char* name, const char* place) {
        return Mutation{
            .name = name, .op = Op::load, .fault = Fault::weaken, .place = place, .from = only(memory_order_acquire)};
    };
    mutations.expect<Stamped>(relaxed_store("the stamp is relaxed", "stamp"), weak);
    mutations.expect<Stamped>(relaxed_load("the look at the stamp is relaxed", "stamp"), weak);
    mutations.expect<Stamped>(relaxed_store("taken is relaxed", "taken"), weak);
    mutations.expect<Stamped>(relaxed_load("the look at taken is relaxed", "taken"), weak);
    mutations.expect<Stamped>(relaxed_store("freed is relaxed", "freed"), weak);
    mutations.expect<Stamped>(relaxed_load("the look at freed is relaxed", "freed"), weak);
    mutations.expect<Index>(relaxed_store("sent is relaxed", "sent"), weak);
    mutations.expect<Index>(relaxed_load("the look at sent is relaxed", "sent"), weak);
    mutations.expect<Stamped>({.name = "no heavy fence", .op = Op::heavy_fence}, weak);
    mutations.expect<Traffic<Plan{.has_poller = true}>>({.name = "no heavy fence before a poll", .op = Op::heavy_fence},
                                                        weak);
    mutations.expect<Stamped>({.name = "announce sets nothing", .op = Op::fetch_or, .place = "arrived"}, alive);
    mutations.expect<Stamped>({.name = "nobody is woken", .op = Op::wake}, alive);
    mutations.expect<Stamped>({.name = "sleep does not compare", .op = Op::sleep, .fault = Fault::blind}, alive);
    mutations.note("no second look", explore<Traffic<Plan{.mistake = Mistake::no_second_look}>>(alive));
    mutations.note(
        "no fence, and no barrier",
        explore<Traffic<Plan{.mistake = Mistake::no_fence_where_there_is_no_barrier, .has_barriers = false}>>(weak));
    mutations.note("taken before it was copied",
                   explore<Traffic<Plan{.mistake = Mistake::takes_before_it_copies}>>(alive));
    mutations.note("freed before it was taken",
                   explore<Traffic<Plan{.heir = Heir::of_receiver, .mistake = Mistake::frees_early}>>(mortal));
    mutations.note("the heir does not look at the stamps",
                   explore<Traffic<Plan{.heir = Heir::of_sender, .mistake = Mistake::ignores_stamps}>>(mortal));
    mutations.note("the heir believes what was sent",
                   explore<Traffic<Plan{.heir = Heir::of_sender, .mistake = Mistake::believes_sent}>>(mortal));
    mutations.note(
        "the heir does not tell of the last message",
        explore<Traffic<Plan{.heir = Heir::of_sender, .mistake = Mistake::no_tidings_of_the_dead, .has_poller = true}>>(
            mortal));
    mutations.note(
        "the poller's flag goes before the touch",
        explore<
            Traffic<Plan{.heir = Heir::of_sender, .mistake = Mistake::clears_before_it_touches, .has_poller = true}>>(
            mortal));
    mutations.note("the kernel's word on the dead orders nothing",
                   explore<Traffic<Plan{.heir = Heir::of_sender, .kernel_orders = false}>>(
                       {.preemptions = 1, .deaths = 1, .stale = 1}));
    BOOST_CHECK(mutations.all());
}
