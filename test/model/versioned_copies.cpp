// SPDX-License-Identifier: BSL-1.0
/// VersionedCopies under the scheduler: no reader ever gets a mixture, versions never go back, the last commit is kept
/// whoever dies where, and a new version's value comes with its number.

#define BOOST_TEST_MODULE versioned_copies
#include <boost/test/unit_test.hpp>

#include <tenon/sync/versioned_copies.hpp>
#include <tenon/sys/clock.hpp>

#include "scheduler.hpp"

namespace {

using namespace tenon::model;
using tenon::sys::end_of_time;
using Version = std::uint64_t;

struct Value {
    std::uint64_t left;
    std::uint64_t right;
};

/// What is written as version v.
constexpr Value value_of(Version version) { return {10 + version, 20 + version}; }

/// The real thing. Nobody lies in this memory, so nothing in it is ever refused.
struct Genuine : tenon::sync::VersionedCopies<sizeof(Value), Modelled> {
    using VersionedCopies::VersionedCopies;
    Version load(void* to) const {
        return VersionedCopies::load(to, [] { world().fail("an honest memory is called impossible"); });
    }
};

/// The memory as the segment lays it out.
struct Memory {
    tenon::sync::VersionedControl<Modelled> control;
    struct alignas(64) Copy {
        Modelled::Atomic<std::uint64_t> words[2];
    } copies[2];

    Memory() {
        world().name(&control.word, "word");
        world().name(reinterpret_cast<std::byte*>(&control.word) + 8, "holder_thread");
        world().name(&control.writing, "writing");
        world().name(&control.unannounced_readers, "unannounced");
        world().name(&copies[0].words[0], "copy 0");
        world().name(&copies[0].words[1], "copy 0'");
        world().name(&copies[1].words[0], "copy 1");
        world().name(&copies[1].words[1], "copy 1'");
    }
};

/// `writers` fibers commit `commits` times each, the others load `loads` times each.
template <class Sut, int writers, int commits, int readers, int loads>
struct Traffic {
    static constexpr int fibers = writers + readers;
    Memory memory;
    Sut sut{&memory.control};
    Version committed = 0;

    Traffic() {
        const Value first = value_of(0);
        sut.initialise(&first, false);
    }
    void run(int me) {
        if (me < writers) {
            for (int i = 0; i < commits; ++i) {
                write(static_cast<std::uint32_t>(me));
            }
        } else {
            read();
        }
    }
    void write(std::uint32_t seat) {
        Version last = 0;
        require(sut.word().take(seat, last, end_of_time, People{seat}), "no lock");
        require(last >= committed, "a committed version is forgotten");
        Value value{};
        sut.read_owned(last, &value);
        require(value.left == value_of(last).left && value.right == value_of(last).right, "the owner reads a mixture");
        value = value_of(last + 1);
        sut.commit(last, &value);
        committed = std::max(committed, last + 1);
    }
    void read() {
        Version before = 0;
        for (int i = 0; i < loads; ++i) {
            Value value{};
            const Version version = sut.load(&value);
            require(version >= before, "a version went back");
            require(value.left == value_of(version).left && value.right == value_of(version).right, "a torn value");
            before = version;
        }
    }
    void finish() {
        for (int i = 0; i < fibers; ++i) {
            require(!world().is_stuck(i), "a survivor never gets any further");
        }
        Value value{};
        const Version version = sut.load(&value);
        require(version >= committed, "a committed version is forgotten");
        require(value.left == value_of(version).left && value.right == value_of(version).right,
                "the last value is torn");
        require(version <= static_cast<Version>(writers) * commits, "a version that nobody wrote");
    }
};

/// Mutants of the algorithm itself.
enum class Mistake : std::uint8_t {
    mark_late,
    same_copy,
    no_second_look,
    patient_bound,
    impatient_bound,
    commit_first
};

template <Mistake mistake>
struct Mutant : Genuine {
    tenon::sync::VersionedControl<Modelled>* control;
    explicit Mutant(tenon::sync::VersionedControl<Modelled>* memory) : Genuine{memory}, control{memory} {}

    [[nodiscard]] Modelled::Atomic<std::uint64_t>* copy(Version version) const {
        const auto number = mistake == Mistake::same_copy ? 0 : version & 1;
        return reinterpret_cast<Modelled::Atomic<std::uint64_t>*>(reinterpret_cast<std::byte*>(control + 1) +
                                                                  number * 64);
    }
    void read_owned(Version version, void* to) const {
        tenon::sync::copy_out<Modelled>(copy(version), to, sizeof(Value));
    }
    Version load(void* to) const {
        for (;;) {
            const Version version = control->word.version();
            tenon::sync::copy_out<Modelled>(copy(version), to, sizeof(Value));
            if (mistake == Mistake::no_second_look) {
                return version;
            }
            Modelled::fence(std::memory_order_acquire);
            constexpr Version bound = mistake == Mistake::patient_bound     ? 3
                                      : mistake == Mistake::impatient_bound ? 1
                                                                            : 2;
            if (control->writing.load(std::memory_order_relaxed) - version < bound) {
                return version;
            }
            Modelled::pause();
        }
    }
    void commit(Version last, const void* from) const {
        const Version next = last + 1;
        if (mistake == Mistake::commit_first) {
            control->writing.store(next, std::memory_order_relaxed);
            Modelled::fence(std::memory_order_release);
            control->word.commit(next);
            tenon::sync::copy_in<Modelled>(copy(next), from, sizeof(Value));
            return;
        }
        if (mistake != Mistake::mark_late) {
            control->writing.store(next, std::memory_order_relaxed);
        }
        Modelled::fence(std::memory_order_release);
        tenon::sync::copy_in<Modelled>(copy(next), from, sizeof(Value));
        if (mistake == Mistake::mark_late) {
            control->writing.store(next, std::memory_order_relaxed);
        }
        control->word.commit(next);
    }
};

void check(const Report& report) { BOOST_CHECK_MESSAGE(report.holds(), report.headline()); }

}  // namespace

BOOST_AUTO_TEST_CASE(one_writer_and_one_reader) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Genuine, 1, 3, 1, 2>>("VersionedCopies, 3 commits, 2 loads",
                                              {.preemptions = 3 + more, .stale = 3}));
    check(holds<Traffic<Genuine, 1, 3, 1, 1>>("VersionedCopies, 3 commits, 1 load, a stop",
                                              {.preemptions = 2 + more, .stops = 1, .stale = 3}));
    check(holds<Traffic<Genuine, 1, 4, 1, 1>>("VersionedCopies, 4 commits, 1 load",
                                              {.preemptions = 3 + more, .stale = 3}));
}

BOOST_AUTO_TEST_CASE(two_writers_of_whom_one_dies_and_one_reader) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Genuine, 2, 2, 1, 1>>("VersionedCopies, 2x2 commits, 1 load, a death",
                                              {.preemptions = 1 + more, .deaths = 1, .stale = 2}));
    check(holds<Traffic<Genuine, 2, 1, 1, 2>>("VersionedCopies, 2 commits, 2 loads, a death",
                                              {.preemptions = 1 + more, .deaths = 1, .stale = 1 + more}));
    check(holds<Traffic<Genuine, 2, 2, 1, 1>>("VersionedCopies, 2x2 commits, 1 load",
                                              {.preemptions = 2, .stale = 1 + more}));
}

BOOST_AUTO_TEST_CASE(one_writer_who_dies_and_two_readers) {
    const int more = full_effort() ? 1 : 0;
    check(holds<Traffic<Genuine, 1, 3, 2, 1>>("VersionedCopies, 3 commits, 2 readers, a death",
                                              {.preemptions = 1 + more, .deaths = 1, .stale = 1}));
}

BOOST_AUTO_TEST_CASE(many_by_lot) {
    const std::uint64_t runs = full_effort() ? 2'000'000 : 40'000;
    check(holds_by_lot<Traffic<Genuine, 3, 3, 3, 3>>(
        "VersionedCopies, 3x3 commits, 3x3 loads by lot",
        {.preemptions = 200, .deaths = 2, .stops = 1, .stale = 30, .spurious = 3, .most_looks = 12}, runs));
}

BOOST_AUTO_TEST_CASE(each_mutation_is_caught) {
    using std::memory_order_acquire;
    using std::memory_order_release;
    Catch mutations;
    const Bounds bounds{.preemptions = 3, .stale = 3};
    using Race = Traffic<Genuine, 1, 3, 1, 1>;
    using Heirs = Traffic<Genuine, 2, 1, 1, 1>;
    mutations.expect<Race>({.name = "w1 dropped", .op = Op::store, .place = "writing"}, bounds);
    mutations.expect<Race>({.name = "w1 is relaxed",
                            .op = Op::store,
                            .fault = Fault::weaken,
                            .place = "writing",
                            .from = only(memory_order_release)},
                           bounds);
    mutations.expect<Race>({.name = "w2 dropped", .op = Op::fence, .from = only(memory_order_release)}, bounds);
    mutations.expect<Race>({.name = "w2 only acquires",
                            .op = Op::fence,
                            .fault = Fault::weaken,
                            .from = only(memory_order_release),
                            .to = memory_order_acquire},
                           bounds);
    mutations.expect<Race>({.name = "w3 leaves a word out", .op = Op::store, .place = "copy 1'"}, bounds);
    mutations.expect<Race>({.name = "w4 only acquires",
                            .op = Op::exchange,
                            .fault = Fault::weaken,
                            .place = "word",
                            .to = memory_order_acquire},
                           bounds);
    mutations.expect<Race>({.name = "r1 is relaxed",
                            .op = Op::load,
                            .fault = Fault::weaken,
                            .place = "word",
                            .from = only(memory_order_acquire)},
                           bounds);
    mutations.expect<Race>({.name = "r3 dropped", .op = Op::fence, .from = only(memory_order_acquire)}, bounds);
    mutations.expect<Race>({.name = "r3 only releases",
                            .op = Op::fence,
                            .fault = Fault::weaken,
                            .from = only(memory_order_acquire),
                            .to = memory_order_release},
                           bounds);
    mutations.expect<Heirs>({.name = "take is relaxed",
                             .op = Op::compare_exchange,
                             .fault = Fault::weaken,
                             .place = "word",
                             .from = only(memory_order_acquire)},
                            bounds);
    mutations.expect<Heirs>({.name = "take is not one step",
                             .op = Op::compare_exchange,
                             .fault = Fault::split,
                             .place = "word",
                             .from = only(memory_order_acquire)},
                            bounds);
    mutations.note("w1 after w3", explore<Traffic<Mutant<Mistake::mark_late>, 1, 3, 1, 1>>(bounds));
    mutations.note("w4 before w3", explore<Traffic<Mutant<Mistake::commit_first>, 1, 3, 1, 1>>(bounds));
    mutations.note("one copy only, and a writer that dies", explore<Traffic<Mutant<Mistake::same_copy>, 2, 1, 1, 1>>(
                                                                {.preemptions = 1, .deaths = 1, .stale = 0}));
    mutations.note("r4 left out", explore<Traffic<Mutant<Mistake::no_second_look>, 1, 3, 1, 1>>(bounds));
    mutations.note("r4 allows one version more", explore<Traffic<Mutant<Mistake::patient_bound>, 1, 3, 1, 1>>(bounds));
    mutations.note(
        "r4 allows one version less, and a writer that dies",
        explore<Traffic<Mutant<Mistake::impatient_bound>, 1, 3, 1, 1>>({.preemptions = 1, .deaths = 1, .stale = 0}));
    BOOST_CHECK(mutations.all());
}
