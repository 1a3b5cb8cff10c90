// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A machine of which every step is somebody's choice, and an explorer that makes all the choices. The lock-free
/// algorithms take it as their `Machine`; a scenario is a struct that holds the real algorithm and what some fibers do:
///
///     struct TwoTakers {
///         static constexpr int fibers = 2;
///         OwnedWord<Modelled> sut;                  // every atomic lives inside the scenario
///         void run(int fiber) { ... require(only_one_inside, "two at once"); ... }
///         void finish() { ... }                     // looks at what is left when nobody runs any more
///     };
///     Report report = explore<TwoTakers>({.preemptions = 2, .deaths = 1});
///
/// What is chosen: who goes on before each atomic operation, sequentially consistent or heavy fence, sleep, wake and
/// question to the kernel; whom a wake-up wakes; which of the stores that it may still see a load returns; whether a weak
/// compare-and-swap fails; whether a fiber dies here, taking the others of its seat along, or is stopped until nobody
/// else gets any further. Each kind has its budget (Bounds); within it the search is exhaustive, or random with a seed.
///
/// Memory. Each place keeps the list of its stores, each fiber the newest store that it knows of each place (its view);
/// a release hands the view over and an acquire takes it up, with fences and release sequences as C++20 says; SC
/// operations agree on one order. Loads may therefore return old values wherever C++ lets them. Not modelled: values
/// that come from the future (load buffering), and stores that enter a place's order before one that was already made.
/// The kernel's answers (who is dead, whose estate) order nothing here: what needs them to would be found wanting, unless
/// the scenario says `kernel_orders = true`: then who is told that somebody is dead sees all that the dead one did,
/// each administrator of an estate what the last one did, as behind any lock of the kernel, and who is woken all that the
/// one who woke him did before (memory-barriers.txt: "sleep and wake-up functions").
/// A heavy fence is a sequentially consistent one in the caller, and one in each fiber, which meets the caller's only: two
/// others are not ordered by it. A scenario with `barriers = false` has a kernel that refuses them.
///
/// Sleep. Nobody's time runs out while anybody can run. When all sleep, nobody died and nobody is stopped, then a
/// wake-up was lost: a failure. After a death they look again, as after their slice of patience; who still sleeps
/// after `most_looks` of them, or without a deadline, is stuck(), and finish() judges. A deadline that is nearer than any patience may pass at
/// any moment.
///
/// A spinner that sees no change has no choices until something changes, so waiting in a loop costs the search nothing.

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tenon/sync/owned_word.hpp>

#if defined(__SANITIZE_THREAD__)
#define TENON_MODEL_TELLS_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TENON_MODEL_TELLS_TSAN
#endif
#endif
#ifdef TENON_MODEL_TELLS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace tenon::model {

/// ThreadSanitizer must be told about fibers, and takes its time over each; as there is but one thread and nothing for
/// it to see, it gets a sample.
#ifdef TENON_MODEL_TELLS_TSAN
inline constexpr std::uint64_t sample = 500;
#else
inline constexpr std::uint64_t sample = UINT64_MAX;
#endif

/// What it must be told; nothing where it is not.
struct FiberForSanitizer {
#ifdef TENON_MODEL_TELLS_TSAN
    void* handle = nullptr;
    void renew() {
        if (handle != nullptr) {
            __tsan_destroy_fiber(handle);
        }
        handle = __tsan_create_fiber(0);
    }
    void adopt_this() { handle = __tsan_get_current_fiber(); }
    void enter() { __tsan_switch_to_fiber(handle, 0); }
#else
    void renew() {}
    void adopt_this() {}
    void enter() {}
#endif
};

inline constexpr int most_fibers = 8;
inline constexpr int most_places = 32;
inline constexpr int most_seats = 16;
inline constexpr std::size_t arena_size = 2048;
inline constexpr std::size_t stack_size = 128 * 1024;
inline constexpr std::int64_t shortest_patience = 1'000'000;  // see patience.hpp: whatever is nearer is a deadline

enum class Op : std::uint8_t {
    load,
    store,
    exchange,
    compare_exchange,
    fetch_add,
    fetch_or,
    fetch_and,
    fence,
    heavy_fence,
    sleep,
    wake
};

inline const char* to_text(Op op) {
    constexpr const char* names[] = {"load",        "store",    "exchange",  "compare_exchange",
                                     "fetch_add",   "fetch_or", "fetch_and", "fence",
                                     "heavy_fence", "sleep",    "wake"};
    return names[static_cast<int>(op)];
}

inline const char* to_text(std::memory_order order) {
    switch (order) {
        case std::memory_order_relaxed: return "relaxed";
        case std::memory_order_consume: return "consume";
        case std::memory_order_acquire: return "acquire";
        case std::memory_order_release: return "release";
        case std::memory_order_acq_rel: return "acq_rel";
        case std::memory_order_seq_cst: return "seq_cst";
    }
    return "?";
}

/// What may go wrong in the machine itself, so that an algorithm fails that would hold.
enum class Fault : std::uint8_t {
    weaken,  // the order becomes `to`
    drop,    // it does nothing (and of an operation that changes, only the reading is done)
    split,   // an operation that reads and writes in one step does so in two
    blind,   // a sleep does not compare
};

/// A mutation: this fault at each `op` on the place of that name, of that order.
struct Mutation {
    const char* name;
    Op op;
    Fault fault = Fault::drop;
    const char* place = nullptr;  // any
    int from = -1;                // any order
    std::memory_order to = std::memory_order_relaxed;
    std::uint32_t mask = 0;  // sleep and wake: any
};

constexpr int only(std::memory_order order) { return static_cast<int>(order); }

/// How much of each kind of choice one execution may contain.
struct Bounds {
    int preemptions = 2;  // switches away from a fiber that could go on
    int deaths = 0;
    int stops = 0;       // as by SIGSTOP
    int stale = 2;       // loads that return an older value than they could
    int spurious = 0;    // weak compare-and-swaps that fail for nothing
    int leaps = 0;       // near deadlines that pass between two steps of a fiber that is awake
    int most_looks = 4;  // of one sleeper after a death
    int most_steps = 3000;
    std::uint64_t most_executions = UINT64_MAX;
};

struct Report {
    std::uint64_t executions = 0;
    std::uint64_t steps = 0;
    std::uint64_t deaths = 0;  // executions in which somebody died
    std::uint64_t stops = 0;   // ... was stopped
    int most_looks = 0;        // time-outs that one sleeper needed after a death
    bool complete = false;     // everything within the bounds was tried
    std::string failure;       // empty: none. Else what failed, and each step that led there, repetitions left out
    std::uint64_t seed = 0;    // of a random failure
    [[nodiscard]] bool holds() const { return failure.empty(); }
    [[nodiscard]] std::string headline() const { return failure.substr(0, failure.find('\n')); }
};

/// The newest store of each place that somebody knows.
struct View {
    std::array<std::uint8_t, most_places> newest{};
    void join(const View& other) noexcept {
        for (std::size_t i = 0; i < newest.size(); ++i) {
            newest[i] = std::max(newest[i], other.newest[i]);
        }
    }
};

class World {
public:
    World() { std::for_each(fibers_.begin(), fibers_.end(), give_stack); }

    // --- what scenarios ask and say ---

    [[nodiscard]] int fiber() const { return current_; }
    [[nodiscard]] bool is_alive(int fiber) const { return fibers_[fiber].state != State::dead; }
    [[nodiscard]] bool is_done(int fiber) const { return fibers_[fiber].state == State::done; }
    [[nodiscard]] bool is_stuck(int fiber) const { return fibers_[fiber].state == State::asleep; }
    [[nodiscard]] bool anybody_died() const { return deaths_ != 0; }
    [[nodiscard]] std::int64_t now() const { return clock_; }
    [[nodiscard]] bool has_barriers() const { return barriers_; }
    /// Where the current fiber runs: everybody on a processor of its own, unless the scenario has a processor_of(fiber).
    [[nodiscard]] std::uint32_t processor() const { return fibers_[current_].processor; }
    /// What was stored last, for checks: no step, and nobody learns of it.
    [[nodiscard]] std::uint64_t peek(const void* address) { return at(address).stores.back().value; }

    /// Names a place for mutations and traces. Call it in the scenario's constructor.
    void name(const void* address, const char* name) {
        Place& place = at(address);
        place.name = name;
        place.mutated = mutation_ != nullptr && mutation_->place != nullptr && std::strcmp(name, mutation_->place) == 0;
    }

    [[noreturn]] void fail(const char* what) {
        if (failure_.empty()) {
            failure_ = what;
        }
        if (tracing_) {
            note("FAILS: %s", what);
        }
        if (current_ < 0) {
            throw Failed{};
        }
        leave();
    }

    /// A moment at which somebody else may run or death may come.
    void step() {
        if (current_ < 0) {
            return;
        }
        if (++steps_ > bounds_.most_steps) {
            fail("no end in sight");
        }
        Fiber& self = fibers_[current_];
        if (self.damped && self.last_pause == writes_) {
            return;
        }
        self.damped = false;
        const int me = current_;
        int others[most_fibers];
        int count = 0;
        if (preemptions_ < bounds_.preemptions) {
            count = ready_others(others);
        }
        const bool can_die = mortal(me) && deaths_ < bounds_.deaths;
        const bool can_stop = stops_ < bounds_.stops;
        const unsigned options = 1U + static_cast<unsigned>(count) + (can_die ? 1 : 0) + (can_stop ? 1 : 0);
        auto choice = static_cast<int>(choose(options, 80));
        if (choice == 0) {
            return;
        }
        if (--choice < count) {
            ++preemptions_;
            switch_to(others[choice]);
            if (mortal(me) && deaths_ < bounds_.deaths && choose(2, 95) == 1) {
                die();
            }
            return;
        }
        choice -= count;
        if (can_die && choice-- == 0) {
            die();
        }
        ++stops_;
        self.state = State::stopped;
        note("is stopped");
        pick_next();
    }

    // --- the machine ---

    void initialise(const void* address, std::uint64_t value) {
        Place& place = at(address);
        place.stores.resize(1);
        place.stores[0] = {value, View{}};
    }

    std::uint64_t load(const void* address, std::memory_order order) {
        Place& place = at(address);
        if (current_ < 0) {
            return place.stores.back().value;
        }
        step();
        order = mutate(Op::load, place, order);
        const std::uint64_t value = read(place, pick_store(place, order), order);
        note("load %s %s -> %llx", title(place), to_text(order), print(value));
        return value;
    }

    void store(const void* address, std::uint64_t value, std::memory_order order) {
        if (current_ < 0) {
            initialise(address, value);
            return;
        }
        step();
        Place& place = at(address);
        note("store %s %s %llx", title(place), to_text(order), print(value));
        if (!dropped(Op::store, place, order)) {
            write(place, value, mutate(Op::store, place, order), nullptr);
        }
    }

    template <class Change>
    std::uint64_t change(Op op, const void* address, std::memory_order order, Change change) {
        Place& place = at(address);
        if (current_ < 0) {
            const std::uint64_t old = place.stores.back().value;
            initialise(address, change(old));
            return old;
        }
        step();
        const bool drop = dropped(op, place, order);
        const bool split = has(Fault::split, op, place, order);
        order = mutate(op, place, order);
        const std::uint64_t old = read(place, place.stores.size() - 1, order);
        note("%s %s %s %llx -> %llx", to_text(op), title(place), to_text(order), print(old), print(change(old)));
        if (drop) {
            return old;
        }
        if (split) {
            step();
        }
        const View before = place.stores.back().view;
        write(place, change(old), order, split ? nullptr : &before);
        return old;
    }

    bool compare_exchange(const void* address, std::uint64_t& expected, std::uint64_t desired,
                          std::memory_order success, std::memory_order failure, bool weak) {
        Place& place = at(address);
        if (current_ < 0) {
            const std::uint64_t old = place.stores.back().value;
            if (old == expected) {
                initialise(address, desired);
                return true;
            }
            expected = old;
            return false;
        }
        step();
        const bool split = has(Fault::split, Op::compare_exchange, place, success);
        const bool drop = has(Fault::drop, Op::compare_exchange, place, success);
        success = mutate(Op::compare_exchange, place, success);
        failure = mutate(Op::compare_exchange, place, failure);
        const std::size_t last = place.stores.size() - 1;
        if (place.stores[last].value == expected) {
            if (weak && spurious_ < bounds_.spurious && choose(2, 90) == 1) {
                ++spurious_;
                read(place, last, failure);
                note("compare_exchange %s fails for nothing", title(place));
                return false;
            }
            read(place, last, success);
            note("compare_exchange %s %s %llx -> %llx", title(place), to_text(success), print(expected),
                 print(desired));
            if (drop) {
                return true;
            }
            if (split) {
                step();
            }
            const View before = place.stores.back().view;
            write(place, desired, success, split ? nullptr : &before);
            return true;
        }
        const std::size_t from = pick_store(place, failure);
        expected = place.stores[from].value == expected ? place.stores[last].value : place.stores[from].value;
        read(place, place.stores[from].value == expected ? from : last, failure);
        note("compare_exchange %s fails: %llx", title(place), print(expected));
        return false;
    }

    void fence(std::memory_order order) {
        if (current_ < 0) {
            return;
        }
        if (order == std::memory_order_seq_cst) {
            step();
        }
        if (mutation_ != nullptr && mutation_->op == Op::fence &&
            (mutation_->from < 0 || mutation_->from == static_cast<int>(order))) {
            if (mutation_->fault == Fault::drop) {
                return;
            }
            order = mutation_->to;
        }
        note("fence %s", to_text(order));
        fence_of(fibers_[current_], order);
    }

    void heavy_fence() {
        if (current_ < 0) {
            return;
        }
        step();
        if (mutation_ != nullptr && mutation_->op == Op::heavy_fence && mutation_->fault == Fault::drop) {
            return;
        }
        note("heavy fence");
        Fiber& self = fibers_[current_];
        fence_of(self, std::memory_order_seq_cst);
        const View before = agreed_;
        View after = before;
        for (int i = 0; i < count_; ++i) {
            if (i != current_ && fibers_[i].state != State::dead) {
                agreed_ = before;
                fence_of(fibers_[i], std::memory_order_seq_cst);
                after.join(agreed_);
            }
        }
        agreed_ = after;
        fence_of(self, std::memory_order_seq_cst);
    }

    void pause() {
        if (current_ < 0) {
            return;
        }
        Fiber& self = fibers_[current_];
        if (self.last_pause == writes_) {
            self.damped = true;
            if (++steps_ > bounds_.most_steps) {
                fail("no end in sight");
            }
            return;
        }
        self.last_pause = writes_;
        self.damped = false;
        int others[most_fibers];
        const int count = ready_others(others);
        if (const unsigned choice = choose(1U + static_cast<unsigned>(count), 50); choice != 0) {
            switch_to(others[choice - 1]);
        }
    }

    void sleep(const void* address, std::uint32_t expected, std::uint32_t mask, std::int64_t until) {
        Fiber& self = fibers_[current_];
        self.damped = false;
        step();
        Place& place = at(address);
        const bool blind = mutation_ != nullptr && mutation_->op == Op::sleep && mutation_->fault == Fault::blind;
        if ((!blind && static_cast<std::uint32_t>(place.stores.back().value) != expected) || until <= clock_) {
            note("does not fall asleep on %s", title(place));
            return;
        }
        note("sleeps on %s", title(place));
        self.bed = place.number;
        self.mask = mask;
        self.until = until;
        self.state = State::asleep;
        pick_next();
    }

    int wake(const void* address, int count, std::uint32_t mask) {
        if (current_ < 0) {
            return 0;
        }
        step();
        Place& place = at(address);
        if (mutation_ != nullptr && mutation_->op == Op::wake && (mutation_->mask & mask) == mutation_->mask &&
            (mutation_->place == nullptr || place.mutated)) {
            if (mutation_->fault == Fault::drop) {
                return 0;
            }
            count = std::min(count, 1);
        }
        int woken = 0;
        while (woken < count) {
            int sleepers[most_fibers];
            unsigned found = 0;
            for (int i = 0; i < count_; ++i) {
                if (fibers_[i].state == State::asleep && fibers_[i].bed == place.number &&
                    (fibers_[i].mask & mask) != 0) {
                    sleepers[found++] = i;
                }
            }
            if (found == 0) {
                break;
            }
            const bool all = static_cast<unsigned>(count - woken) >= found;
            const int chosen = sleepers[all ? 0 : choose(found, 0)];
            fibers_[chosen].state = State::ready;
            if (kernel_orders_) {
                fibers_[chosen].view.join(fibers_[current_].view);
            }
            note("wakes fiber %d", chosen);
            ++woken;
        }
        if (woken == 0) {
            note("wakes nobody on %s", title(place));
        }
        return woken;
    }

    /// The time. While the caller has a near deadline in mind it may have passed since.
    std::int64_t look_at_clock() {
        if (current_ >= 0) {
            fibers_[current_].damped = false;
            if (leaps_ < bounds_.leaps && choose(2, 80) == 1) {
                ++leaps_;
                clock_ += 100;
                note("time passes");
            }
        }
        return clock_;
    }

    // --- the kernel's word on who lives ---

    bool is_dead(std::uint32_t seat) {
        step();
        const bool dead = seat < most_seats && !seat_alive_[seat];
        note("is seat %u dead? %s", seat, dead ? "yes" : "no");
        if (dead && kernel_orders_) {
            learn(seat_view_[seat]);
        }
        return dead;
    }
    bool enter_estate(std::uint32_t seat) {
        step();
        const int holder = estate_[seat];
        const bool granted = !(holder >= 0 && fibers_[holder].state != State::dead) && !seat_alive_[seat];
        note("estate of seat %u %s", seat, granted ? "granted" : "refused");
        if (granted) {
            estate_[seat] = current_;
            if (kernel_orders_) {
                learn(seat_view_[seat]);
            }
        }
        return granted;
    }
    void leave_estate(std::uint32_t seat) {
        step();
        note("leaves the estate of seat %u", seat);
        seat_view_[seat].join(fibers_[current_].view);
        estate_[seat] = -1;
    }
    /// Under the estate: the fiber's process sits down on the seat of one that is dead.
    void sit_down(std::uint32_t seat) {
        note("sits down on seat %u", seat);
        fibers_[current_].seat = seat;
        seat_alive_[seat] = true;
    }

    // --- the explorer ---

    template <class Scenario>
    Report explore(const Bounds& bounds, const Mutation* mutation) {
        bounds_ = bounds;
        mutation_ = mutation;
        random_ = false;
        path_.clear();
        Report report;
        do {
            run_once<Scenario>(report, false);
            if (!failure_.empty()) {
                run_once<Scenario>(report, true);
                return report;
            }
            if (report.executions >= std::min(bounds.most_executions, sample)) {
                return report;
            }
        } while (advance());
        report.complete = true;
        return report;
    }

    template <class Scenario>
    Report explore_randomly(const Bounds& bounds, std::uint64_t seed, std::uint64_t runs, const Mutation* mutation) {
        bounds_ = bounds;
        mutation_ = mutation;
        random_ = true;
        Report report;
        for (std::uint64_t i = 0; i < std::min(runs, sample); ++i) {
            dice_ = seed + i;
            run_once<Scenario>(report, false);
            if (!failure_.empty()) {
                report.seed = dice_ = seed + i;
                run_once<Scenario>(report, true);
                return report;
            }
        }
        return report;
    }

private:
    enum class State : std::uint8_t { ready, asleep, stopped, done, dead };
    struct Failed {};

    struct Store {
        std::uint64_t value;
        View view;
    };
    struct Place {
        std::uint8_t number = 0;
        bool mutated = false;
        const char* name = "?";
        std::vector<Store> stores;
    };
    struct Fiber {
        ::ucontext_t context;
        FiberForSanitizer known_as;
        std::unique_ptr<std::byte[]> stack;
        State state = State::done;
        bool started = false;
        bool damped = false;
        std::uint8_t bed = 0;
        std::uint32_t mask = 0;
        std::uint32_t seat = 0;
        std::uint32_t thread_number = 1;
        std::uint32_t processor = 0;
        int looks = 0;
        std::int64_t until = 0;
        std::uint64_t last_pause = 0;
        View view, acquirable, released;
    };
    struct Choice {
        std::uint16_t taken, count;
    };

    [[nodiscard]] bool mortal(int fiber) const { return (mortals_ >> fiber & 1U) != 0; }

    // --- choices ---

    unsigned choose(unsigned count, unsigned percent_of_first) {
        if (count <= 1) {
            return 0;
        }
        if (random_) {
            if (roll() % 100 < percent_of_first) {
                return 0;
            }
            return static_cast<unsigned>(roll() % count);
        }
        if (depth_ == path_.size()) {
            path_.push_back({0, static_cast<std::uint16_t>(count)});
        } else if (path_[depth_].count != count) {
            std::fputs("model: an execution did not repeat itself\n", stderr);
            std::abort();
        }
        return path_[depth_++].taken;
    }
    bool advance() {
        while (!path_.empty() && path_.back().taken + 1 == path_.back().count) {
            path_.pop_back();
        }
        if (path_.empty()) {
            return false;
        }
        ++path_.back().taken;
        return true;
    }
    std::uint64_t roll() {  // splitmix64
        std::uint64_t z = dice_ += 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

    // --- memory ---

    Place& at(const void* address) {
        const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
        if (offset >= arena_size) {
            std::fputs("model: an atomic that is not part of the scenario\n", stderr);
            std::abort();
        }
        std::uint8_t& number = numbers_[offset / 4];
        if (number == 0) {
            if (places_count_ == most_places) {
                std::fputs("model: too many places\n", stderr);
                std::abort();
            }
            Place& place = places_[places_count_];
            place.number = static_cast<std::uint8_t>(places_count_++);
            place.mutated = false;
            place.name = "?";
            place.stores.assign(1, Store{0, View{}});
            number = static_cast<std::uint8_t>(place.number + 1);
        }
        return places_[number - 1U];
    }

    [[nodiscard]] static bool acquires(std::memory_order order) {
        return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
               order == std::memory_order_seq_cst;
    }
    [[nodiscard]] static bool releases(std::memory_order order) {
        return order == std::memory_order_release || order == std::memory_order_acq_rel ||
               order == std::memory_order_seq_cst;
    }

    std::size_t pick_store(const Place& place, std::memory_order order) {
        const Fiber& self = fibers_[current_];
        std::size_t oldest = self.view.newest[place.number];
        if (order == std::memory_order_seq_cst) {
            oldest = std::max<std::size_t>(oldest, agreed_.newest[place.number]);
        }
        const std::size_t last = place.stores.size() - 1;
        if (oldest == last || stale_ >= bounds_.stale || self.damped) {
            return last;
        }
        const unsigned back = choose(static_cast<unsigned>(last - oldest) + 1, 75);
        stale_ += back != 0 ? 1 : 0;
        return last - back;
    }

    std::uint64_t read(Place& place, std::size_t index, std::memory_order order) {
        Fiber& self = fibers_[current_];
        const auto newest = static_cast<std::uint8_t>(index);
        self.view.newest[place.number] = std::max(self.view.newest[place.number], newest);
        self.acquirable.join(self.view);
        self.acquirable.join(place.stores[index].view);
        if (acquires(order)) {
            self.view.join(place.stores[index].view);
        }
        if (order == std::memory_order_seq_cst) {
            agreed_.newest[place.number] = std::max(agreed_.newest[place.number], newest);
        }
        return place.stores[index].value;
    }

    void write(Place& place, std::uint64_t value, std::memory_order order, const View* continued) {
        Fiber& self = fibers_[current_];
        ++writes_;
        const std::size_t index = place.stores.size();
        if (index > 250) {
            fail("no end in sight (stores)");
        }
        const auto newest = static_cast<std::uint8_t>(index);
        self.view.newest[place.number] = newest;
        self.acquirable.newest[place.number] = newest;
        View view = self.released;
        if (releases(order)) {
            view.join(self.view);
        }
        if (continued != nullptr) {
            view.join(*continued);
        }
        view.newest[place.number] = newest;
        if (order == std::memory_order_seq_cst) {
            agreed_.newest[place.number] = newest;
        }
        place.stores.push_back({value, view});
    }

    void fence_of(Fiber& self, std::memory_order order) {
        if (order != std::memory_order_release && order != std::memory_order_relaxed) {
            self.view.join(self.acquirable);
        }
        if (order == std::memory_order_seq_cst) {
            self.view.join(agreed_);
            agreed_ = self.view;
        }
        if (order != std::memory_order_acquire && order != std::memory_order_relaxed) {
            self.released = self.view;
        }
        self.acquirable.join(self.view);
    }

    void learn(const View& view) {
        fibers_[current_].view.join(view);
        fibers_[current_].acquirable.join(view);
    }

    // --- mutations ---

    [[nodiscard]] bool hit(Op op, const Place& place, std::memory_order order) const {
        return mutation_ != nullptr && mutation_->op == op && (mutation_->place == nullptr || place.mutated) &&
               (mutation_->from < 0 || mutation_->from == static_cast<int>(order));
    }
    [[nodiscard]] bool has(Fault fault, Op op, const Place& place, std::memory_order order) const {
        return hit(op, place, order) && mutation_->fault == fault;
    }
    [[nodiscard]] bool dropped(Op op, const Place& place, std::memory_order order) const {
        return has(Fault::drop, op, place, order);
    }
    [[nodiscard]] std::memory_order mutate(Op op, const Place& place, std::memory_order order) const {
        return has(Fault::weaken, op, place, order) ? mutation_->to : order;
    }

    // --- fibers ---

    int ready_others(int* others) const {
        int count = 0;
        for (int i = 0; i < count_; ++i) {
            if (i != current_ && fibers_[i].state == State::ready) {
                others[count++] = i;
            }
        }
        return count;
    }

    [[noreturn]] void die() {
        ++deaths_;
        const std::uint32_t seat = fibers_[current_].seat;
        note("DIES");
        seat_alive_[seat] = false;
        for (int i = 0; i < count_; ++i) {
            if (fibers_[i].seat == seat && fibers_[i].state != State::done) {
                fibers_[i].state = State::dead;
                seat_view_[seat].join(fibers_[i].view);
            }
        }
        pick_next();
        std::abort();
    }

    [[nodiscard]] bool has_near_deadline(const Fiber& fiber) const { return fiber.until - clock_ < shortest_patience; }

    /// The current fiber cannot go on: somebody else does, or the execution ends.
    void pick_next() {
        int candidates[2 * most_fibers];
        unsigned count = 0;
        bool anybody_ready = false;
        int stopped = -1;
        int asleep = 0;
        for (int i = 0; i < count_; ++i) {
            const Fiber& fiber = fibers_[i];
            anybody_ready = anybody_ready || fiber.state == State::ready;
            asleep += fiber.state == State::asleep ? 1 : 0;
            stopped = fiber.state == State::stopped ? i : stopped;
            if (fiber.state == State::ready || (fiber.state == State::asleep && has_near_deadline(fiber))) {
                candidates[count++] = i;
            }
        }
        if (count == 0) {
            if (asleep != 0 && stopped < 0 && deaths_ == 0) {
                fail("a wake-up was lost: all sleep, nobody died");
            }
            const int most_looks = stopped >= 0 ? 2 : bounds_.most_looks;
            for (int i = 0; i < count_; ++i) {
                if (fibers_[i].state == State::asleep && fibers_[i].looks < most_looks &&
                    fibers_[i].until != sys::end_of_time) {
                    candidates[count++] = i;
                }
            }
            if (stopped >= 0) {
                candidates[count++] = stopped;
            }
            if (count == 0) {
                leave();
            }
        }
        const int next = candidates[choose(count, 0)];
        Fiber& fiber = fibers_[next];
        if (fiber.state == State::asleep) {
            if (!has_near_deadline(fiber)) {
                ++fiber.looks;
                worst_looks_ = std::max(worst_looks_, fiber.looks);
            }
            clock_ = std::max(clock_, fiber.until);
            if (tracing_) {
                note("(fiber %d slept long enough)", next);
            }
        } else if (fiber.state == State::stopped) {
            note("(fiber %d is continued)", next);
            for (Fiber& each : fibers_) {
                each.looks = 0;
            }
        }
        fiber.state = State::ready;
        switch_to(next);
    }

    void switch_to(int next) {
        if (next == current_) {
            return;
        }
        Fiber* const self = current_ >= 0 ? &fibers_[current_] : nullptr;
        current_ = next;
        Fiber& other = fibers_[next];
        sync::detail::thread_number = other.thread_number;
        if (!other.started) {
            other.started = true;
            other.known_as.renew();
            other.context.uc_stack.ss_sp = other.stack.get();
            other.context.uc_stack.ss_size = stack_size;
            other.context.uc_link = nullptr;
            ::makecontext(&other.context, reinterpret_cast<void (*)()>(&World::entry), 0);
        }
        if (self == nullptr) {
            main_known_as_.adopt_this();
        }
        other.known_as.enter();
        if (self == nullptr) {
            ::swapcontext(&main_, &other.context);
        } else if (self->state == State::dead || self->state == State::done) {
            ::setcontext(&other.context);
        } else {
            ::swapcontext(&self->context, &other.context);
        }
    }

    [[noreturn]] void leave() {
        main_known_as_.enter();
        ::setcontext(&main_);
        std::abort();
    }

    [[gnu::noinline]] static void give_stack(Fiber& fiber) {
        fiber.stack.reset(new std::byte[stack_size]);
        ::getcontext(&fiber.context);
    }

    static void entry();

    void body() {
        try {
            run_(scenario_, current_);
        } catch (const std::exception& error) {
            fail(error.what());
        }
        note("is done");
        fibers_[current_].state = State::done;
        pick_next();
    }

    template <class Scenario>
    void run_once(Report& report, bool tracing) {
        static_assert(sizeof(Scenario) <= arena_size);
        static_assert(Scenario::fibers <= most_fibers);
        failure_.clear();
        trace_.clear();
        last_line_.clear();
        tracing_ = tracing;
        depth_ = 0;
        steps_ = preemptions_ = deaths_ = stops_ = stale_ = spurious_ = leaps_ = worst_looks_ = 0;
        writes_ = 1;
        clock_ = 1000;
        places_count_ = 0;
        numbers_.fill(0);
        agreed_ = View{};
        seat_alive_.fill(true);
        seat_view_.fill(View{});
        estate_.fill(-1);
        kernel_orders_ = false;
        barriers_ = true;
        if constexpr (requires { Scenario::kernel_orders; }) {
            kernel_orders_ = Scenario::kernel_orders;
        }
        if constexpr (requires { Scenario::barriers; }) {
            barriers_ = Scenario::barriers;
        }
        count_ = Scenario::fibers;
        if constexpr (requires { Scenario::mortals; }) {
            mortals_ = Scenario::mortals;
        } else {
            mortals_ = ~0U;
        }
        for (int i = 0; i < count_; ++i) {
            Fiber& fiber = fibers_[i];
            fiber.state = State::ready;
            fiber.started = fiber.damped = false;
            fiber.looks = 0;
            fiber.last_pause = 0;
            fiber.view = fiber.acquirable = fiber.released = View{};
            fiber.seat = static_cast<std::uint32_t>(i);
            fiber.thread_number = 1;
            fiber.processor = static_cast<std::uint32_t>(i);
            if constexpr (requires { Scenario::processor_of(0); }) {
                fiber.processor = Scenario::processor_of(i);
            }
            if constexpr (requires { Scenario::seat_of(0); }) {
                fiber.seat = Scenario::seat_of(i);
            }
            if constexpr (requires { Scenario::thread_number_of(0); }) {
                fiber.thread_number = Scenario::thread_number_of(i);
            }
        }
        current_ = -1;
        auto* const scenario = ::new (static_cast<void*>(arena_)) Scenario{};
        scenario_ = scenario;
        run_ = [](void* self, int fiber) { static_cast<Scenario*>(self)->run(fiber); };
        switch_to(static_cast<int>(choose(static_cast<unsigned>(count_), 0)));
        current_ = -1;
        if (failure_.empty()) {
            try {
                scenario->finish();
            } catch (const Failed&) {}
        }
        if (tracing) {
            report.failure = failure_ + '\n' + trace_;
            return;
        }
        scenario->~Scenario();
        ++report.executions;
        report.steps += static_cast<std::uint64_t>(steps_);
        report.deaths += deaths_ != 0 ? 1 : 0;
        report.stops += stops_ != 0 ? 1 : 0;
        report.most_looks = std::max(report.most_looks, worst_looks_);
    }

    // --- traces ---

    static const char* title(const Place& place) { return place.name; }
    static unsigned long long print(std::uint64_t value) { return value; }

    template <class... Args>
    void note(const char* format, Args... args) {
        if (tracing_) [[unlikely]] {
            char line[200];
            if constexpr (sizeof...(args) == 0) {
                std::snprintf(line, sizeof line, "%s", format);
            } else {
                std::snprintf(line, sizeof line, format, args...);
            }
            std::string text = "    fiber " + std::to_string(current_) + "  " + line + '\n';
            if (text != last_line_) {  // a spinner says the same for long
                trace_ += text;
                last_line_ = std::move(text);
            }
        }
    }

    Bounds bounds_;
    const Mutation* mutation_ = nullptr;
    bool random_ = false;
    bool tracing_ = false;
    std::uint64_t dice_ = 0;
    std::vector<Choice> path_;
    std::size_t depth_ = 0;
    int steps_ = 0, preemptions_ = 0, deaths_ = 0, stops_ = 0, stale_ = 0, spurious_ = 0, leaps_ = 0, worst_looks_ = 0;
    std::uint64_t writes_ = 1;
    std::int64_t clock_ = 0;
    int current_ = -1;
    int count_ = 0;
    unsigned mortals_ = 0;
    int places_count_ = 0;
    std::array<std::uint8_t, arena_size / 4> numbers_{};
    std::array<Place, most_places> places_;
    View agreed_;  // the newest store of each place that the order of SC operations knows
    std::array<bool, most_seats> seat_alive_{};
    std::array<View, most_seats> seat_view_;  // what its dead, and those who settled their affairs, have known
    std::array<int, most_seats> estate_{};
    bool kernel_orders_ = false;
    bool barriers_ = true;
    std::array<Fiber, most_fibers> fibers_;
    ::ucontext_t main_;
    FiberForSanitizer main_known_as_;
    void* scenario_ = nullptr;
    void (*run_)(void*, int) = nullptr;
    std::string failure_;
    std::string trace_;
    std::string last_line_;
    alignas(64) std::byte arena_[arena_size];
};

inline World& world() {
    static auto* const one = new World;
    return *one;
}

inline void World::entry() {
    world().body();
    std::abort();
}

/// In a scenario: what must be true now.
inline void require(bool condition, const char* what) {
    if (!condition) {
        world().fail(what);
    }
}

/// The machine on which the algorithms run here.
struct Modelled {
    template <class T>
    class Atomic {
        static_assert(std::is_integral_v<T> && sizeof(T) <= 8);

    public:
        Atomic() noexcept { world().initialise(this, 0); }
        Atomic(T value) noexcept { world().initialise(this, value); }
        Atomic(const Atomic&) = delete;
        Atomic& operator=(const Atomic&) = delete;

        T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
            return static_cast<T>(world().load(this, order));
        }
        void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            world().store(this, value, order);
        }
        T exchange(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return change(Op::exchange, order, [value](T) { return value; });
        }
        T fetch_add(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return change(Op::fetch_add, order, [value](T old) { return static_cast<T>(old + value); });
        }
        T fetch_sub(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return change(Op::fetch_add, order, [value](T old) { return static_cast<T>(old - value); });
        }
        T fetch_or(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return change(Op::fetch_or, order, [value](T old) { return static_cast<T>(old | value); });
        }
        T fetch_and(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
            return change(Op::fetch_and, order, [value](T old) { return static_cast<T>(old & value); });
        }
        bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                                   std::memory_order failure) noexcept {
            return compare_exchange(expected, desired, success, failure, true);
        }
        bool compare_exchange_weak(T& expected, T desired,
                                   std::memory_order order = std::memory_order_seq_cst) noexcept {
            return compare_exchange(expected, desired, order, reading_part(order), true);
        }
        bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                                     std::memory_order failure) noexcept {
            return compare_exchange(expected, desired, success, failure, false);
        }
        bool compare_exchange_strong(T& expected, T desired,
                                     std::memory_order order = std::memory_order_seq_cst) noexcept {
            return compare_exchange(expected, desired, order, reading_part(order), false);
        }

    private:
        static std::memory_order reading_part(std::memory_order order) {
            return order == std::memory_order_acq_rel   ? std::memory_order_acquire
                   : order == std::memory_order_release ? std::memory_order_relaxed
                                                        : order;
        }
        template <class Change>
        T change(Op op, std::memory_order order, Change change) {
            return static_cast<T>(world().change(op, this, order, [change](std::uint64_t old) {
                return static_cast<std::uint64_t>(change(static_cast<T>(old)));
            }));
        }
        bool compare_exchange(T& expected, T desired, std::memory_order success, std::memory_order failure,
                              bool weak) noexcept {
            std::uint64_t seen = expected;
            const bool done = world().compare_exchange(this, seen, desired, success, failure, weak);
            expected = static_cast<T>(seen);
            return done;
        }

        T size_and_place_;  // what it holds is the world's business
    };

    static void fence(std::memory_order order) noexcept { world().fence(order); }
    static bool join_heavy_fences() noexcept { return world().has_barriers(); }
    static bool heavy_fence() noexcept {
        if (world().has_barriers()) {
            world().heavy_fence();
            return true;
        }
        world().fence(std::memory_order_seq_cst);
        return false;
    }
    static std::uint32_t processor() noexcept { return world().processor(); }
    static void pause() noexcept { world().pause(); }
    static void yield() noexcept { world().pause(); }
    static void will_read(const void* /*address*/) noexcept {}
    static void will_write(const void* /*address*/) noexcept {}
    static void sleep(const std::uint32_t* word, std::uint32_t expected, std::uint32_t mask,
                      std::int64_t until) noexcept {
        world().sleep(word, expected, mask, until);
    }
    static int wake(const std::uint32_t* word, int count, std::uint32_t mask) noexcept {
        return world().wake(word, count, mask);
    }
    static std::int64_t now() noexcept { return world().look_at_clock(); }
};

/// The right to settle what a dead seat left: as memory/attendance.hpp gives it.
class Estate {
public:
    Estate(std::uint32_t seat, bool granted) : seat_{seat}, granted_{granted} {}
    Estate(const Estate&) = delete;
    Estate& operator=(const Estate&) = delete;
    ~Estate() {
        if (granted_) {
            world().leave_estate(seat_);
        }
    }
    explicit operator bool() const { return granted_; }

private:
    std::uint32_t seat_;
    bool granted_;
};

/// Who takes part, as the algorithms ask for it.
struct People {
    std::uint32_t own_seat;
    [[nodiscard]] bool is_dead(std::uint32_t seat) const { return seat != own_seat && world().is_dead(seat); }
    [[nodiscard]] bool is_this_process(std::uint32_t seat) const { return seat == own_seat; }
    [[nodiscard]] Estate administer(std::uint32_t seat) const { return {seat, world().enter_estate(seat)}; }
};

/// Moves into the seat of a dead participant, as Attendance::take_seat does; `settle` before anybody can act there.
/// Returns  false when its holder lives, or somebody else is at its estate.
template <class Settle>
bool take_seat(std::uint32_t seat, Settle settle) {
    if (!world().enter_estate(seat)) {
        return false;
    }
    world().sit_down(seat);
    settle();
    world().leave_estate(seat);
    return true;
}

template <class Scenario>
Report explore(const Bounds& bounds, const Mutation* mutation = nullptr) {
    return world().explore<Scenario>(bounds, mutation);
}
template <class Scenario>
Report explore_randomly(const Bounds& bounds, std::uint64_t seed, std::uint64_t runs,
                        const Mutation* mutation = nullptr) {
    return world().explore_randomly<Scenario>(bounds, seed, runs, mutation);
}

/// Whether everything is asked for (TENON_EFFORT=full), and not a minute's worth.
inline bool full_effort() {
    const char* const effort = std::getenv("TENON_EFFORT");
    return effort != nullptr && std::strcmp(effort, "full") == 0;
}

inline void print(const char* title, const Report& report) {
    std::fprintf(stderr, "%-56s %9llu executions%s, %8llu with a death, %7llu with a stop, most looks %d%s\n", title,
                 static_cast<unsigned long long>(report.executions), report.complete ? "" : " (sample)",
                 static_cast<unsigned long long>(report.deaths), static_cast<unsigned long long>(report.stops),
                 report.most_looks, report.holds() ? "" : "  FAILED");
    if (!report.holds()) {
        std::fprintf(stderr, "%s\n", report.failure.c_str());
        if (report.seed != 0) {
            std::fprintf(stderr, "replay it with TENON_SEED=%llu\n", static_cast<unsigned long long>(report.seed));
        }
    }
}

/// Explores all that the bounds allow, and prints what that was.
template <class Scenario>
Report holds(const char* title, const Bounds& bounds) {
    Report report = explore<Scenario>(bounds);
    print(title, report);
    return report;
}

/// Explores `runs` executions by lot. TENON_SEED=n replays the one execution of that seed.
template <class Scenario>
Report holds_by_lot(const char* title, const Bounds& bounds, std::uint64_t runs) {
    std::uint64_t seed = 20'000'000;
    if (const char* const asked = std::getenv("TENON_SEED")) {
        seed = std::strtoull(asked, nullptr, 10);
        runs = 1;
    }
    Report report = explore_randomly<Scenario>(bounds, seed, runs);
    print(title, report);
    return report;
}

/// Counts the mutations that a suite caught.
class Catch {
public:
    void note(const char* name, const Report& report) {
        ++tried_;
        caught_ += report.holds() ? 0 : 1;
        std::fprintf(stderr, "  mutation %-60s %s after %llu%s%s\n", name, report.holds() ? "NOT CAUGHT" : "caught",
                     static_cast<unsigned long long>(report.executions), report.holds() ? "" : ": ",
                     report.headline().c_str());
    }
    template <class Scenario>
    void expect(const Mutation& mutation, const Bounds& bounds) {
        note(mutation.name, explore<Scenario>(bounds, &mutation));
    }
    [[nodiscard]] bool all() const {
        std::fprintf(stderr, "mutations caught: %d of %d\n", caught_, tried_);
        return caught_ == tried_ || sample != UINT64_MAX;
    }

private:
    int tried_ = 0;
    int caught_ = 0;
};

}  // namespace tenon::model
