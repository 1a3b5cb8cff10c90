// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_sysv_semaphore
#include "tenon/sync/sysv_semaphore.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::refusal_of;
using support::unique_key;
using tenon::errc;
using tenon::P;
using tenon::Permits;
using tenon::SysvKey;
using tenon::SysvSemaphore;
using tenon::SysvSemaphoreSet;
using tenon::SysvSignalSemaphore;
using tenon::V;
namespace memory = tenon::memory;

bool key_is_taken(SysvKey key) { return ::semget(key.value(), 0, 0) != -1; }
memory::CompanionFile companion_of(SysvKey key) { return {memory::SysvObject::semaphores, key}; }
bool has_companion(SysvKey key) {
    return !!companion_of(key).open_as_reader(tenon::Owner::caller(), tenon::Mode{0777});
}

/// A set as a C program makes it; removed in the end.
struct MadeInC {
    explicit MadeInC(int count, int value) : id{::semget(key.value(), count, IPC_CREAT | IPC_EXCL | 0600)} {
        ::semctl(id, 0, SETVAL, value);
    }
    ~MadeInC() { ::semctl(id, 0, IPC_RMID); }
    [[nodiscard]] bool stands() const { return ::semget(key.value(), 0, 0) == id; }
    SysvKey key = unique_key();
    int id;
};

/// What a creator leaves that is killed before it set the values; everything removed in the end.
struct HalfBorn {
    enum Killed { before_the_set, before_it_was_recorded, before_it_had_values };
    explicit HalfBorn(Killed when) {
        support::in_child_that_dies([&] {
            const auto companion = companion_of(key);
            const auto gate = companion.open_or_create(tenon::private_mode, tenon::sys::end_of_time);
            const auto pid = static_cast<std::uint32_t>(::getpid());
            companion.write(gate.get(), {pid, -1});
            if (when == before_the_set) {
                return;
            }
            const int id = ::semget(key.value(), 1, IPC_CREAT | IPC_EXCL | 0600);
            if (when == before_it_had_values) {
                companion.write(gate.get(), {pid, id});
            }
        });
    }
    ~HalfBorn() {
        ::semctl(::semget(key.value(), 0, 0), 0, IPC_RMID);
        companion_of(key).unlink();
    }
    SysvKey key = unique_key();
};
constexpr HalfBorn::Killed all_deaths[] = {HalfBorn::before_the_set, HalfBorn::before_it_was_recorded,
                                           HalfBorn::before_it_had_values};

/// Four processes open or create, look at the value, and leave.
bool four_come_and_go(int rounds) {
    const auto key = unique_key();
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([&] {
            bool set = true;
            for (int k = 0; k < rounds; ++k) {
                set = set && SysvSemaphore::open_or_create(key, Permits{3}).approximate_available() == 3;
            }
            return set;
        }));
    }
    bool fine = true;
    for (auto& child : children) {
        fine = child->succeeds() && fine;
    }
    return fine && !key_is_taken(key) && !has_companion(key);
}

}  // namespace

// ---- birth

BOOST_AUTO_TEST_CASE(more_permits_than_the_kernel_counts_are_refused_and_nothing_stays) {
    const auto key = unique_key();
    const auto refusal = refusal_of([&] { return SysvSemaphore::create(key, Permits{32'768}); });
    BOOST_TEST(refusal.is(std::errc::result_out_of_range));
    BOOST_TEST(refusal.says("semop of 32768 permits (at most 32767) \"" + key.text() + "\": "));
    BOOST_TEST(!key_is_taken(key));
    BOOST_TEST(!has_companion(key));
    BOOST_TEST(SysvSemaphore::create(key, Permits{32'767}).approximate_available() == 32'767);
}

BOOST_AUTO_TEST_CASE(a_refused_creation_in_place_of_an_abandoned_one_leaves_nothing) {
    const HalfBorn it{HalfBorn::before_it_had_values};
    BOOST_TEST(
        refusal_of([&] { return SysvSemaphore::create(it.key, Permits{32'768}); }).is(std::errc::result_out_of_range));
    BOOST_TEST(!key_is_taken(it.key));
    BOOST_TEST(!has_companion(it.key));
}

BOOST_AUTO_TEST_CASE(key_zero_is_refused_everywhere) {
    const SysvKey none{IPC_PRIVATE};
    const auto invalid = std::errc::invalid_argument;
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::create(none, Permits{1}); }).is(invalid));
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::open(none); }).is(invalid));
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::open_or_create(none, Permits{1}); }).is(invalid));
    BOOST_TEST(refusal_of([&] { SysvSemaphore::remove(none); }).is(invalid));
}

BOOST_AUTO_TEST_CASE(behind_the_gate_there_is_no_value_that_was_not_set) {
    const auto key = unique_key();
    Child creator{[&] {
        for (;;) {
            static_cast<void>(SysvSemaphore::create(key, Permits{3}));
        }
        return true;
    }};
    for (int seen = 0; seen < 300;) {
        const auto gate = companion_of(key).open(tenon::Owner::caller(), tenon::owner_writes, tenon::sys::end_of_time);
        const int id = gate ? ::semget(key.value(), 0, 0) : -1;
        if (id != -1) {
            ++seen;
            BOOST_TEST_REQUIRE(::semctl(id, 0, GETVAL) == 3);
        }
    }
    creator.kill_now();
    BOOST_TEST(SysvSemaphore::create(key, Permits{2}).approximate_available() == 2);
}

// A bug, reported: who finds no companion file, and then a set that was born in between, takes it for a foreign one:
// its value may not be set yet, and it is removed under the user's feet (EINVAL).
BOOST_AUTO_TEST_CASE(four_processes_that_come_and_go_find_one_semaphore_or_make_it) {
    BOOST_TEST(four_come_and_go(3000));
}

BOOST_AUTO_TEST_CASE(the_opener_of_a_set_without_values_is_told_that_its_owner_died) {
    const HalfBorn it{HalfBorn::before_it_had_values};
    const auto refusal = refusal_of([&] { return SysvSemaphore::open(it.key); });
    BOOST_TEST(refusal.is(errc::owner_died));
    BOOST_TEST(refusal.says("\"" + it.key.text() + "\" was never initialised"));
}

// A bug, reported: the record says -1 then, so that the set passes for a foreign one, with value 0.
BOOST_AUTO_TEST_CASE(the_opener_of_a_set_that_was_not_recorded_is_told_too) {
    const HalfBorn it{HalfBorn::before_it_was_recorded};
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::open(it.key); }).is(errc::owner_died));
    BOOST_TEST(SysvSemaphore::open_or_create(it.key, Permits{2}).approximate_available() == 2);
}

BOOST_AUTO_TEST_CASE(create_replaces_what_a_killed_creator_left_and_open_or_create_what_has_no_values) {
    for (const auto when : all_deaths) {
        const HalfBorn it{when};
        BOOST_TEST(SysvSemaphore::create(it.key, Permits{2}).approximate_available() == 2);
        BOOST_TEST(!key_is_taken(it.key));
        BOOST_TEST(!has_companion(it.key));
    }
    for (const auto when : {HalfBorn::before_the_set, HalfBorn::before_it_had_values}) {
        const HalfBorn it{when};
        BOOST_TEST(SysvSemaphore::open_or_create(it.key, Permits{2}).approximate_available() == 2);
        BOOST_TEST(!key_is_taken(it.key));
    }
}

// A bug, reported: when the last descriptor goes to the gate, the finished set stays behind.
BOOST_AUTO_TEST_CASE(a_creation_that_runs_out_of_descriptors_leaves_nothing) {
    const auto key = unique_key();
    BOOST_TEST(in_child([&] {
        bool clean = true;
        for (::rlim_t spare = 0; spare < 3; ++spare) {
            const int next = ::dup(0);
            ::close(next);
            ::rlimit limit{};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            const ::rlimit tight{static_cast<::rlim_t>(next) + spare, limit.rlim_max};
            ::setrlimit(RLIMIT_NOFILE, &tight);
            const auto refusal = refusal_of([&] { return SysvSemaphore::create(key, Permits{1}); });
            ::setrlimit(RLIMIT_NOFILE, &limit);
            clean = clean && (!refusal.code || (!key_is_taken(key) && !has_companion(key)));
        }
        return clean;
    }));
    ::semctl(::semget(key.value(), 0, 0), 0, IPC_RMID);
    companion_of(key).unlink();
}

// ---- what is not ours

BOOST_AUTO_TEST_CASE(a_set_made_in_c_is_used_and_left_where_it_was) {
    const MadeInC it{2, 1};
    {
        auto sut = SysvSemaphore::open(it.key);
        P(sut);
        BOOST_TEST(::semctl(it.id, 0, GETVAL) == 0);
        V(sut);
        BOOST_TEST(SysvSemaphoreSet::open(it.key).size() == 2U);
        BOOST_TEST(SysvSemaphore::open_or_create(it.key, Permits{7}).approximate_available() == 1);
    }
    BOOST_TEST(it.stands());
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::create(it.key, Permits{1}); }).text ==
               "semget \"" + it.key.text() + "\": File exists");
    BOOST_TEST(it.stands());
    BOOST_TEST(!has_companion(it.key));
    SysvSemaphore::remove(it.key);
    BOOST_TEST(!it.stands());
}

// A bug, reported: a set made in C on which only SETVAL was done (sem_otime 0) is removed when a creator of ours was
// killed between writing its record and semget(). A half-born set has values and pids of 0; this one has not.
BOOST_AUTO_TEST_CASE(a_set_made_in_c_is_not_taken_for_the_work_of_a_creator_that_died) {
    const HalfBorn dead{HalfBorn::before_the_set};
    const int id = ::semget(dead.key.value(), 1, IPC_CREAT | IPC_EXCL | 0600);
    ::semctl(id, 0, SETVAL, 1);
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::create(dead.key, Permits{1}); }).is(std::errc::file_exists));
    BOOST_TEST(::semget(dead.key.value(), 0, 0) == id);
}

// ---- life and death

BOOST_AUTO_TEST_CASE(who_sleeps_on_a_semaphore_that_is_removed_is_told_by_name) {
    const auto key = unique_key();
    auto sut = SysvSemaphore::create(key, Permits{0});
    std::thread remover{[&] {
        while (::semctl(sut.native_handle(), 0, GETNCNT) == 0) {
            std::this_thread::sleep_for(1ms);
        }
        SysvSemaphore::remove(key);
    }};
    const auto refusal = refusal_of([&] { P(sut); });
    remover.join();
    BOOST_TEST(refusal.text == "semop \"" + key.text() + "\": Identifier removed");
    BOOST_TEST(refusal_of([&] { V(sut); }).is(std::errc::invalid_argument));
    auto heir = SysvSemaphore::create(key, Permits{1});
    sut = SysvSemaphore{};  // leaves the new one alone
    BOOST_TEST(heir.try_acquire());
}

BOOST_AUTO_TEST_CASE(a_set_that_was_removed_from_outside_can_be_made_anew) {
    const auto key = unique_key();
    auto sut = SysvSemaphore::create(key, Permits{1});
    ::semctl(sut.native_handle(), 0, IPC_RMID);
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::open(key); }).is(std::errc::no_such_file_or_directory));
    auto heir = SysvSemaphore::open_or_create(key, Permits{2});
    sut = SysvSemaphore{};
    BOOST_TEST(heir.approximate_available() == 2);
    BOOST_TEST(SysvSemaphore::open(key).approximate_available() == 2);
}

BOOST_AUTO_TEST_CASE(what_persists_stays_keeps_its_value_and_is_removed_by_key) {
    const auto key = unique_key();
    {
        auto sut = SysvSignalSemaphore::create(key, Permits{1});
        const auto other = SysvSignalSemaphore::open(key);
        sut.persist();
        V(sut);
    }
    BOOST_TEST(SysvSignalSemaphore::open(key).approximate_available() == 2);
    BOOST_TEST(refusal_of([&] { return SysvSemaphore::create(key, Permits{1}); }).is(std::errc::file_exists));
    SysvSemaphore::remove(key);
    BOOST_TEST(refusal_of([&] { SysvSemaphore::remove(key); }).text ==
               "semget \"" + key.text() + "\": No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_moved_handle_is_empty_and_messages_keep_the_name) {
    static_assert(std::is_nothrow_move_constructible_v<SysvSemaphore>);
    static_assert(std::is_nothrow_move_assignable_v<SysvSemaphore> && !std::is_copy_constructible_v<SysvSemaphore>);
    const auto key = unique_key();
    auto second = std::make_unique<SysvSemaphore>();
    {
        auto first = SysvSemaphore::create(key, Permits{32'767});
        auto moved = std::move(first);
        BOOST_TEST(!first);
        *second = std::move(moved);
        BOOST_TEST(!moved);
    }
    BOOST_TEST(second->name() == key.text());
    BOOST_TEST(refusal_of([&] { V(*second); }).text == "semop \"" + key.text() + "\": Numerical result out of range");
    second.reset();
    BOOST_TEST(!key_is_taken(key));
}

BOOST_AUTO_TEST_CASE(more_than_40000_one_way_signals_do_not_run_out) {
    const auto key = unique_key();
    auto sut = SysvSignalSemaphore::create(key, Permits{0});
    Child taker{[&] {
        auto mine = SysvSignalSemaphore::open(key);
        for (int i = 0; i < 45'000; ++i) {
            P(mine);
        }
        return true;
    }};
    for (int given = 0; given < 45'000; ++given) {
        while (sut.approximate_available() > 30'000) {
            std::this_thread::yield();
        }
        V(sut);
    }
    BOOST_TEST(taker.succeeds());
    BOOST_TEST(sut.approximate_available() == 0);
}

BOOST_AUTO_TEST_CASE(every_descriptor_is_closed_by_exec) {
    const support::DescriptorCount before;
    const auto sut = SysvSemaphore::create(unique_key(), Permits{1});
    const support::DescriptorCount after;
    BOOST_TEST(after.open > before.open);
    BOOST_TEST(after.surviving_exec == before.surviving_exec);
}

// ---- sets

BOOST_AUTO_TEST_CASE(operations_on_a_set_happen_all_or_none) {
    auto sut = SysvSemaphoreSet::create(unique_key(), {Permits{1}, Permits{0}, Permits{2}});
    BOOST_TEST(sut.size() == 3U);
    BOOST_TEST(!sut.try_operate({sut.take(0), sut.take(1)}));
    BOOST_TEST(!sut.try_operate_for(5ms, {sut.take(2, 2), sut.take(1)}));
    BOOST_TEST(sut[0].approximate_available() == 1);
    BOOST_TEST(sut[2].approximate_available() == 2);
    sut.operate({sut.take(0), sut.give(1), sut.take(2, 2)});
    BOOST_TEST(sut[0].approximate_available() == 0);
    BOOST_TEST(sut[1].approximate_available() == 1);
    BOOST_TEST(sut.try_operate({sut.await_zero(0), sut.await_zero(2)}));
    BOOST_TEST(!sut.try_operate({sut.await_zero(1)}));
    BOOST_TEST(sut.try_operate_until(tenon::Deadline::never(), {sut.take(1)}));
}

BOOST_AUTO_TEST_CASE(an_index_that_a_set_does_not_have_is_refused_by_name) {
    const auto key = unique_key();
    const auto sut = SysvSemaphoreSet::create(key, {Permits{1}, Permits{1}});
    for (const std::size_t index : {std::size_t{2}, std::size_t{65'536}, SIZE_MAX}) {
        const auto refusal = refusal_of([&] { return sut[index]; });
        BOOST_TEST(refusal.is(std::errc::invalid_argument));
        BOOST_TEST(refusal.says("semaphore " + std::to_string(index) + " of 2 \"" + key.text() + "\": "));
        BOOST_TEST(refusal_of([&] { return sut.take(index); }).is(std::errc::invalid_argument));
        BOOST_TEST(refusal_of([&] { return sut.await_zero(index); }).is(std::errc::invalid_argument));
    }
}

BOOST_AUTO_TEST_CASE(what_a_killed_process_did_to_a_set_is_undone_but_its_signals_stay) {
    const auto key = unique_key();
    auto sut = SysvSemaphoreSet::create(key, {Permits{3}, Permits{0}});
    support::in_child_that_dies([&] {
        auto mine = SysvSemaphoreSet::open(key);
        mine.operate({mine.take(0, 2), mine.give(1).as_signal()});
        ::raise(SIGKILL);
    });
    BOOST_TEST(sut[0].approximate_available() == 3);
    BOOST_TEST(sut[1].approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE(a_set_is_opened_whole_by_key_and_moves) {
    static_assert(std::is_nothrow_move_constructible_v<SysvSemaphoreSet>);
    const auto key = unique_key();
    auto first = SysvSemaphoreSet::create(key, {Permits{1}, Permits{5}});
    auto second = std::move(first);
    BOOST_TEST(!first);
    BOOST_TEST(first.size() == 0U);
    BOOST_TEST(SysvSemaphoreSet::open(key)[1].approximate_available() == 5);
    BOOST_TEST((second[0].identity() != second[1].identity()));
    BOOST_TEST(refusal_of([&] { return SysvSemaphoreSet::create(key, {Permits{1}}); }).is(std::errc::file_exists));
    std::error_code error;
    BOOST_TEST(!SysvSemaphoreSet::open(unique_key(), error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
}
