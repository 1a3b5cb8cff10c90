// SPDX-License-Identifier: BSL-1.0
/// TopicRing under the scheduler: every reader gets each message whole and in its place, or counts it as lost; a dead writer's
/// successor goes on exactly where that one stopped.

#define BOOST_TEST_MODULE topic
#include <boost/test/unit_test.hpp>

#include <tenon/carrier/topic_ring.hpp>
#include <tenon/sync/waiting.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::From;
using tenon::sys::end_of_time;
using Word = Modelled::Atomic<std::uint64_t>;

struct Message {
    std::uint64_t left;
    std::uint64_t right;
};
/// What writer `who` writes as message n.
constexpr Message message_of(std::uint64_t n, std::uint64_t who) { return {10 * n + who, 10 * n + who + 1000}; }

using Ring = tenon::carrier::TopicRing<sizeof(Message), 1, Modelled>;
constexpr std::size_t slot_words = Ring::slot_size / sizeof(std::uint64_t);
constexpr std::size_t stamp_word = slot_words - 1;

/// The memory as the segment lays it out.
template <std::uint32_t capacity>
struct Memory {
    tenon::carrier::TopicControl<Modelled> control;
    struct alignas(64) Slot {
        Word words[slot_words];
    } slots[capacity];

    Memory() {
        world().name(&control.writer, "role");
        world().name(reinterpret_cast<std::byte*>(&control.writer) + 8, "holder_thread");
        world().name(&control.written, "written");
        world().name(&control.arrived, "arrived");
        for (Slot& slot : slots) {
            world().name(&slot.words[0], "left");
            world().name(&slot.words[1], "right");
            world().name(&slot.words[stamp_word], "stamp");
        }
    }
};

/// `writers` fibers send `messages` each, one after the other; the others try to receive `attempts` times, from the place
/// that is `From` when they come. `Sut` is the ring, or a mutant of it.
template <class Sut, std::uint32_t capacity, int writers, int messages, int readers, int attempts,
          From from = From::oldest>
struct Traffic {
    static constexpr int fibers = writers + readers;
    static constexpr unsigned mortals = 1;  // the first writer
    Memory<capacity> memory;
    Sut sut{&memory.control, memory.slots[0].words, capacity};
    std::uint64_t sent = 0;      // by put() that returned
    std::uint64_t received = 0;  // one more than the latest that any reader got

    struct Reader {
        Ring::Reading reading;
        std::uint64_t start = 0;
        std::uint64_t received = 0;
        bool is_there = false;
    } reader[readers];

    void run(int me) {
        if (me < writers) {
            write(static_cast<std::uint32_t>(me));
        } else {
            Reader& mine = reader[me - writers];
            sut.join(mine.reading, from);
            mine.start = mine.reading.next;
            mine.is_there = true;
            for (int i = 0; i < attempts; ++i) {
                read(mine);
            }
        }
    }
    void write(std::uint32_t me) {
        auto& role = memory.control.writer;
        std::uint64_t version = 0;
        require(role.take(me, version, end_of_time, People{me}), "no role");
        Ring::Writing writing{};
        sut.resume(writing);
        require(writing.next >= sent, "the successor writes over what was sent");
        require(writing.next >= received, "the successor writes over what was received");
        require(writing.next <= sent + 1, "the successor leaves a place out");
        for (int i = 0; i < messages; ++i) {
            const Message message = message_of(writing.next, me);
            sut.put(writing, &message);
            sent = writing.next;
        }
        role.give_back();
    }
    bool read(Reader& mine) {
        Message got{};
        const auto found = sut.receive(mine.reading, &got);
        require(found != Ring::Found::garbage, "an honest memory is called impossible");
        if (found == Ring::Found::message) {
            const std::uint64_t n = mine.reading.next - 1;
            ++mine.received;
            received = std::max(received, n + 1);
            require(got.right == got.left + 1000, "a torn message");
            require(got.left / 10 == n, "a message in another's place");
            require(n + 1 == mine.start + mine.received + mine.reading.lost, "lost is not counted exactly");
        }
        require(mine.reading.next == mine.start + mine.received + mine.reading.lost, "lost is not counted exactly");
        return found == Ring::Found::message;
    }
    void finish() {
        for (int i = 0; i < fibers; ++i) {
            require(!world().is_stuck(i), "a survivor never gets any further");
        }
        const std::uint64_t count = sut.count();
        require(count >= sent && count <= sent + 1, "a message that was sent is forgotten");
        for (Reader& mine : reader) {
            if (!mine.is_there) {
                continue;
            }
            const std::uint64_t lost = mine.reading.lost;
            const std::uint64_t next = mine.reading.next;
            while (read(mine)) {}
            require(mine.reading.next == count, "a message is withheld");
            const std::uint64_t room = next + capacity;
            const std::uint64_t gone = mine.reading.lost - lost;
            require(gone <= (count >= room ? count - room + 1 : 1), "more is lost than must be");
        }
    }
};

/// One writer and its successor send `total` messages between them; the readers sleep until they have, or have lost, all.
template <int writers, std::uint64_t total, int readers, bool announced = true>
struct Sleepers {
    static constexpr int fibers = writers + readers;
    static constexpr unsigned mortals = 1;
    static constexpr std::uint32_t capacity = 2;
    Memory<capacity> memory;
    Ring sut{&memory.control, memory.slots[0].words, capacity};

    void run(int me) {
        if (me < writers) {
            write(static_cast<std::uint32_t>(me));
        } else {
            read();
        }
    }
    void write(std::uint32_t me) {
        auto& role = memory.control.writer;
        std::uint64_t version = 0;
        require(role.take(me, version, end_of_time, People{me}), "no role");
        Ring::Writing writing{};
        sut.resume(writing);
        while (writing.next < total) {
            const Message message = message_of(writing.next, me);
            sut.put(writing, &message);
            if (announced) {
                memory.control.arrived.signal_lightly(tenon::sys::all_sleepers, [] {});
            } else {
                sut.wake_unannounced();
            }
        }
        role.give_back();
    }
    void read() {
        tenon::sync::Waiter<Modelled> waiter;
        waiter.set(tenon::Waiting::sleep);
        Ring::Unannounced number{sut};
        Ring::Reading mine;
        sut.join(mine, From::oldest);
        Message got{};
        const auto look = [&] { return sut.receive(mine, &got) == Ring::Found::message; };
        const auto unknown = [] { return tenon::sync::Where::unknown; };  // no short sleep without a barrier first
        while (mine.next < total) {
            const bool found = announced ? waiter.wait(
                                               memory.control.arrived, end_of_time, look, [] {}, unknown)
                                         : waiter.wait(
                                               number, end_of_time, look, [] {}, unknown);
            require(found && got.left / 10 == mine.next - 1, "a message in another's place");
        }
    }
    void finish() {
        for (int i = 0; i < fibers; ++i) {
            require(!world().is_stuck(i) || (writers == 1 && !world().is_alive(0)), "a sleeper is forgotten");
        }
    }
};

/// Mutants of the algorithm itself.
enum class Mistake : std::uint8_t {
    no_mark,
    mark_late,
    count_first,
    no_second_look,
    resume_at_written,
    resume_at_old_count,
    forgets_the_stamp
};

template <Mistake mistake>
struct Mutant : Ring {
    Mutant(Control* control, Word* words, std::uint32_t capacity)
        : Ring{control, words, capacity}, first{words}, slots{capacity} {}
    Word* first;
    std::uint32_t slots;

    void resume(Writing& w) const {
        if (mistake == Mistake::resume_at_written) {
            const std::uint64_t next = control().written.fetch_add(0, std::memory_order_acq_rel);
            w = {next, place_of(next)};
        } else if (mistake == Mistake::resume_at_old_count) {
            const std::uint64_t next = count();
            w = {next, place_of(next)};
        } else {
            Ring::resume(w);
        }
    }
    [[nodiscard]] Word* place_of(std::uint64_t position) const { return first + slot_words * (position % slots); }

    void put(Writing& w, const void* message) const {
        Word& stamp = w.place[stamp_word];
        if (mistake == Mistake::no_mark || mistake == Mistake::mark_late) {
            tenon::sync::copy_in<Modelled>(w.place, message, sizeof(Message));
            if (mistake == Mistake::mark_late) {
                begin(w);
            }
            publish(w);
        } else if (mistake == Mistake::count_first) {
            begin(w);
            tenon::sync::copy_in<Modelled>(w.place, message, sizeof(Message));
            control().written.store(w.next + 1, std::memory_order_release);
            stamp.store(2 * w.next + 2, std::memory_order_release);
            ++w.next;
            w.place = place_of(w.next);
        } else {
            Ring::put(w, message);
        }
    }
    Found receive(Reading& r, void* room) const {
        if (mistake == Mistake::no_second_look &&
            r.place[stamp_word].load(std::memory_order_acquire) == 2 * r.next + 2) {
            tenon::sync::copy_out<Modelled>(r.place, room, sizeof(Message));
            ++r.next;
            r.place = place_of(r.next);
            return Found::message;
        }
        if (mistake == Mistake::forgets_the_stamp && r.place[stamp_word].load(std::memory_order_acquire) != 0) {
            tenon::sync::copy_out<Modelled>(r.place, room, sizeof(Message));
            ++r.next;
            r.place = place_of(r.next);
            return Found::message;
        }
        return Ring::receive(r, room);
    }
};

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

BOOST_AUTO_TEST_CASE(one_writer_and_one_reader) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Ring, 2, 1, 4, 1, 3>>("TopicRing of 2, 4 messages, 1 reader",
                                              {.preemptions = 3 + more, .stale = 2}));
    check(holds<Traffic<Ring, 1, 1, 3, 1, 3>>("TopicRing of 1, 3 messages, 1 reader",
                                              {.preemptions = 3 + more, .stale = 2}));
    check(holds<Traffic<Ring, 2, 1, 4, 1, 2>>("TopicRing of 2, 4 messages, 1 reader, a stop",
                                              {.preemptions = 2 + more, .stops = 1, .stale = 2}));
}

BOOST_AUTO_TEST_CASE(one_writer_and_two_readers) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Ring, 2, 1, 4, 2, 2>>("TopicRing of 2, 4 messages, 2 readers",
                                              {.preemptions = 2 + more, .stale = 1}));
    check(holds<Traffic<Ring, 2, 1, 3, 2, 2, From::newest>>("TopicRing of 2, 3 messages, 2 readers of the newest",
                                                            {.preemptions = 2 + more, .stale = 1}));
    check(holds<Traffic<Ring, 2, 1, 3, 2, 2, From::now>>("TopicRing of 2, 3 messages, 2 readers from now on",
                                                         {.preemptions = 2 + more, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(a_writer_that_dies_its_successor_and_two_readers) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Ring, 2, 2, 2, 1, 2>>("TopicRing of 2, 2x2 messages, 1 reader, a death",
                                              {.preemptions = 2, .deaths = 1, .stale = 0 + more}));
    check(holds<Traffic<Ring, 2, 2, 2, 2, 2>>("TopicRing of 2, 2x2 messages, 2 readers, a death",
                                              {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<Traffic<Ring, 1, 2, 2, 2, 2>>("TopicRing of 1, 2x2 messages, 2 readers, a death",
                                              {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<Traffic<Ring, 2, 2, 2, 2, 1>>("TopicRing of 2, 2x2 messages, 2 readers, the role handed on",
                                              {.preemptions = 2, .stale = 0 + more}));
}

BOOST_AUTO_TEST_CASE(readers_who_sleep_are_woken) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Sleepers<1, 2, 1>>("TopicRing, 2 messages, a sleeper", {.preemptions = 3 + more, .stale = 2}));
    check(holds<Sleepers<1, 3, 2>>("TopicRing, 3 messages, 2 sleepers", {.preemptions = 1 + more, .stale = 1}));
    check(holds<Sleepers<2, 2, 1>>("TopicRing, 2 messages, a sleeper, a death",
                                   {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
    check(holds<Sleepers<1, 3, 1, false>>("TopicRing, 3 messages, a sleeper who cannot say so",
                                          {.preemptions = 3 + more, .stale = 2}));
}

BOOST_AUTO_TEST_CASE(many_by_lot) {
    const std::uint64_t runs = full_effort() ? 2'000'000 : 40'000;
    check(holds_by_lot<Traffic<Ring, 2, 2, 4, 3, 4>>(
        "TopicRing of 2, 2x4 messages, 3 readers by lot",
        {.preemptions = 200, .deaths = 1, .stops = 1, .stale = 30, .spurious = 3, .most_looks = 12}, runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acq_rel;
    using std::memory_order_acquire;
    using std::memory_order_relaxed;
    using std::memory_order_release;
    Catch mutations;
    const Bounds bounds{.preemptions = 3, .stale = 3};
    const Bounds mortal{.preemptions = 2, .deaths = 1, .stale = 1};
    using Race = Traffic<Ring, 2, 1, 4, 1, 3>;
    using Newcomer = Traffic<Ring, 2, 1, 4, 1, 1, From::newest>;
    using Heirs = Traffic<Ring, 2, 2, 2, 1, 2>;
    mutations.expect<Race>({.name = "w1 and w4 are relaxed",
                            .op = Op::store,
                            .fault = Fault::weaken,
                            .place = "stamp",
                            .from = only(memory_order_release)},
                           bounds);
    mutations.expect<Race>({.name = "w2 dropped", .op = Op::fence, .from = only(memory_order_release)}, bounds);
    mutations.expect<Race>({.name = "w3 leaves a word out", .op = Op::store, .place = "right"}, bounds);
    mutations.expect<Race>({.name = "w5 dropped", .op = Op::store, .place = "written"}, bounds);
    mutations.expect<Race>({.name = "r1 is relaxed",
                            .op = Op::load,
                            .fault = Fault::weaken,
                            .place = "stamp",
                            .from = only(memory_order_acquire)},
                           bounds);
    mutations.expect<Race>({.name = "r3 dropped", .op = Op::fence, .from = only(memory_order_acquire)}, bounds);
    mutations.expect<Newcomer>({.name = "written is read relaxed",
                                .op = Op::load,
                                .fault = Fault::weaken,
                                .place = "written",
                                .from = only(memory_order_acquire)},
                               bounds);
    mutations.expect<Heirs>({.name = "the role is not taken in one step",
                             .op = Op::compare_exchange,
                             .fault = Fault::split,
                             .place = "role",
                             .from = only(memory_order_acquire)},
                            mortal);

    const Bounds sleepy{.preemptions = 2, .stale = 2};
    mutations.expect<Sleepers<1, 2, 1>>({.name = "no heavy fence", .op = Op::heavy_fence}, sleepy);
    mutations.expect<Sleepers<1, 2, 1>>({.name = "nobody is woken", .op = Op::wake, .place = "arrived"}, sleepy);
    mutations.expect<Sleepers<1, 2, 1, false>>({.name = "who cannot say so is not woken", .op = Op::wake}, sleepy);
    mutations.expect<Sleepers<1, 2, 1, false>>(
        {.name = "who cannot say so sleeps blindly", .op = Op::sleep, .fault = Fault::blind}, sleepy);
    mutations.note("no w1", explore<Traffic<Mutant<Mistake::no_mark>, 2, 1, 4, 1, 3>>(bounds));
    mutations.note("w1 after w3", explore<Traffic<Mutant<Mistake::mark_late>, 2, 1, 4, 1, 3>>(bounds));
    mutations.note("w5 before w4, and a writer that dies",
                   explore<Traffic<Mutant<Mistake::count_first>, 2, 2, 2, 1, 2>>(mortal));
    mutations.note("r4 left out", explore<Traffic<Mutant<Mistake::no_second_look>, 2, 1, 4, 1, 3>>(bounds));
    mutations.note("any stamp will do", explore<Traffic<Mutant<Mistake::forgets_the_stamp>, 2, 1, 4, 1, 3>>(bounds));
    mutations.note("the successor does not look at the stamp",
                   explore<Traffic<Mutant<Mistake::resume_at_written>, 2, 2, 2, 1, 2>>(mortal));
    mutations.note("the successor takes an old count for the last",
                   explore<Traffic<Mutant<Mistake::resume_at_old_count>, 2, 2, 2, 1, 2>>(mortal));
    BOOST_CHECK(mutations.all());
}
