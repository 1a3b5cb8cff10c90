// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE memory_attendance
#include "tenon/memory/attendance.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace memory = tenon::memory;
namespace sys = tenon::sys;
using memory::Attendance;
using support::Child;
using support::in_child;
using support::refusal_of;

const auto nothing = [](std::uint32_t) {};

/// A nameless file and a table of four seats.
struct Place {
    ~Place() { ::munmap(table.entries, 4096); }
    [[nodiscard]] Attendance attend(int access = O_RDWR) const { return Attendance{sys::reopen(file.get(), access)}; }
    [[nodiscard]] Attendance seated() const {
        auto made = attend();
        made.take_seat(table, nothing);
        return made;
    }
    [[nodiscard]] bool seat_is_locked(std::uint32_t seat) const {
        return sys::locked_by_others(file.get(), memory::first_seat_byte + static_cast<::off_t>(seat), 1);
    }
    sys::FileDescriptor file = sys::open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    memory::ParticipantTable table{static_cast<memory::ParticipantEntry*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                                                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
                                   4};
};

std::uint32_t seat_of(Attendance& sut, const Place& place) { return sut.seat(place.table, nothing); }

/// A child with a seat of its own, stopped.
struct StoppedHolder {
    explicit StoppedHolder(const Place& place)
        : child{[&place] {
              const auto sut = place.seated();
              ::raise(SIGSTOP);
              return true;
          }} {
        int status = 0;
        ::waitpid(child.pid(), &status, WUNTRACED);
    }
    Child child;
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_seat_is_taken_once_and_bears_the_name_of_its_holder) {
    const Place place;
    auto first = place.seated();
    auto second = place.seated();
    BOOST_TEST(seat_of(first, place) == 0U);
    BOOST_TEST(seat_of(second, place) == 1U);
    BOOST_TEST((place.table.identity(1) == sys::this_process()));
    BOOST_TEST((first.identity() == second.identity()));
    BOOST_TEST(first.seat_is_ours());
}

BOOST_AUTO_TEST_CASE(the_affairs_of_a_seat_are_settled_before_it_is_taken) {
    const Place place;
    auto sut = place.attend();
    std::vector<std::uint32_t> settled;
    sut.take_seat(place.table, [&](std::uint32_t seat) { settled.push_back(seat); });
    BOOST_TEST(settled.size() == 1U);
    BOOST_TEST(settled.at(0) == seat_of(sut, place));
    BOOST_TEST(seat_of(sut, place) == 0U);  // settles nothing again
    BOOST_TEST(settled.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_full_table_is_refused_and_a_seat_that_was_left_is_taken_again) {
    const Place place;
    std::vector<Attendance> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(place.seated());
    }
    const auto refusal = refusal_of([&] { return place.seated(); });
    BOOST_TEST(refusal.is(tenon::errc::too_many_participants));
    BOOST_TEST(refusal.says("4 participants: "));
    all.erase(all.begin() + 2);
    auto sut = place.seated();
    BOOST_TEST(seat_of(sut, place) == 2U);
}

BOOST_AUTO_TEST_CASE(the_living_and_the_stopped_are_not_dead_and_leave_no_estate) {
    const Place place;
    auto sut = place.seated();
    const auto neighbour = place.seated();
    const StoppedHolder holder{place};
    for (const std::uint32_t seat : {0U, 1U, 2U}) {
        BOOST_TEST(!sut.is_dead(seat, place.table));
        BOOST_TEST(!sut.administer(seat, place.table));
    }
}

BOOST_AUTO_TEST_CASE(the_estate_of_the_dead_is_administered_by_one_only) {
    const Place place;
    StoppedHolder holder{place};
    auto sut = place.seated();
    auto other = place.seated();
    holder.child.kill_now();
    BOOST_TEST(sut.is_dead(0, place.table));
    auto estate = sut.administer(0, place.table);
    BOOST_TEST(!!estate);
    BOOST_TEST(!other.administer(0, place.table));
    BOOST_TEST(!sut.administer(0, place.table));
    auto third = place.seated();
    BOOST_TEST(seat_of(third, place) == 3U);  // nobody takes the seat meanwhile
    estate = {};
    BOOST_TEST(!!other.administer(0, place.table));
    auto heir = place.seated();
    BOOST_TEST(seat_of(heir, place) == 0U);
    BOOST_TEST(!other.administer(0, place.table));
}

BOOST_AUTO_TEST_CASE(a_seat_that_cannot_exist_is_nobodys) {
    const Place place;
    const auto sut = place.seated();
    BOOST_TEST(sut.is_dead(4, place.table));
    BOOST_TEST(sut.is_dead(1022, place.table));
    BOOST_TEST(!!sut.administer(1022, place.table));
}

BOOST_AUTO_TEST_CASE(scribbles_in_the_table_do_not_kill_the_living) {
    const Place place;
    const auto sut = place.seated();
    const StoppedHolder holder{place};
    place.table.enter(1, {1, 1, 1});  // of a namespace that cannot be seen
    BOOST_TEST(!sut.is_dead(1, place.table));
    place.table.enter(1, {});
    BOOST_TEST(!sut.is_dead(1, place.table));
}

BOOST_AUTO_TEST_CASE(a_killed_parent_is_dead_though_its_child_keeps_the_description_alive) {
    const Place place;
    int gate[2];
    BOOST_REQUIRE(::pipe(gate) == 0);
    Child parent{[&] {
        const auto sut = place.seated();
        if (::fork() == 0) {  // the twin: outlives its parent, holds what it inherited, ends with the pipe
            char byte;
            ::close(gate[1]);
            static_cast<void>(!::read(gate[0], &byte, 1));
            ::_exit(0);
        }
        ::raise(SIGSTOP);
        return true;
    }};
    int status = 0;
    ::waitpid(parent.pid(), &status, WUNTRACED);
    const auto sut = place.attend();
    BOOST_TEST(!sut.is_dead(0, place.table));
    parent.kill_now();
    BOOST_TEST(place.seat_is_locked(0));
    BOOST_TEST(sut.is_dead(0, place.table));
    BOOST_TEST(!!sut.administer(0, place.table));
    auto other = place.seated();
    BOOST_TEST(seat_of(other, place) == 1U);  // the seat itself is not free yet
    ::close(gate[0]);
    ::close(gate[1]);
    while (place.seat_is_locked(0)) {
        ::usleep(1000);
    }
    auto heir = place.seated();
    BOOST_TEST(seat_of(heir, place) == 0U);
}

BOOST_AUTO_TEST_CASE(a_child_takes_a_seat_of_its_own_whichever_of_its_threads_asks_first) {
    const Place place;
    auto sut = place.seated();
    BOOST_TEST(in_child([&] {
        const bool inherited = !sut.seat_is_ours();
        std::atomic<int> settled{0};
        std::atomic<int> wrong{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] { wrong += sut.seat(place.table, [&](std::uint32_t) { ++settled; }) != 1; });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        return inherited && settled == 1 && wrong == 0 && sut.seat_is_ours() && !sut.is_dead(0, place.table) &&
               place.seat_is_locked(0) && place.seat_is_locked(1) && !place.seat_is_locked(2) &&
               place.table.identity(1) == sys::this_process();
    }));
    BOOST_TEST(seat_of(sut, place) == 0U);
    BOOST_TEST(!place.seat_is_locked(1));
    BOOST_TEST((place.table.identity(0) == sys::this_process()));
}

BOOST_AUTO_TEST_CASE(a_child_that_joined_again_finds_its_parent_dead) {
    const Place place;
    int told[2];
    BOOST_REQUIRE(::pipe(told) == 0);
    Child parent{[&] {
        auto sut = place.seated();
        if (::fork() == 0) {
            static_cast<void>(seat_of(sut, place));
            while (!sut.is_dead(0, place.table)) {
                ::usleep(1000);
            }
            const char good = !!sut.administer(0, place.table) ? 'y' : 'n';
            ::_exit(::write(told[1], &good, 1) == 1 ? 0 : 1);
        }
        while (!place.seat_is_locked(1)) {
            ::usleep(1000);
        }
        ::raise(SIGKILL);
        return false;
    }};
    ::close(told[1]);
    char answer = '-';
    BOOST_TEST(::read(told[0], &answer, 1) == 1);
    BOOST_TEST(answer == 'y');
    ::close(told[0]);
}

BOOST_AUTO_TEST_CASE(the_last_to_leave_buries_and_nobody_else) {
    const Place place;
    int burials = 0;
    const auto bury = [&](int) { ++burials; };
    auto first = place.seated();
    auto second = place.seated();
    auto reader = place.attend(O_RDONLY);
    reader.attend_as_reader();
    first.leave(bury);
    BOOST_TEST(!first);
    second.leave(bury);
    BOOST_TEST(burials == 0);
    reader = Attendance{};
    first.leave(bury);  // has left already
    BOOST_TEST(burials == 0);
    auto last = place.seated();
    last.leave(bury);
    BOOST_TEST(burials == 1);
}

BOOST_AUTO_TEST_CASE(a_child_that_inherited_a_presence_counts) {
    const Place place;
    auto sut = place.seated();
    Child child{[] {
        ::pause();
        return true;
    }};
    int burials = 0;
    sut.leave([&](int) { ++burials; });
    BOOST_TEST(burials == 0);
    child.kill_now();
    auto last = place.seated();
    last.leave([&](int) { ++burials; });
    BOOST_TEST(burials == 1);
}

BOOST_AUTO_TEST_CASE(who_has_no_descriptor_to_spare_still_buries) {
    BOOST_TEST(in_child([] {
        const Place place;
        auto sut = place.seated();
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        bool buried = false;
        sut.leave([&](int) { buried = true; });
        return buried;
    }));
}

BOOST_AUTO_TEST_CASE(a_gate_lets_one_in_and_the_others_wait_their_time) {
    const Place place;
    const auto first = sys::reopen(place.file.get(), O_RDWR);
    BOOST_TEST(memory::enter_gate(first.get(), 0));
    const auto until = sys::monotonic_now() + 20'000'000;
    BOOST_TEST(!memory::enter_gate(place.file.get(), until));
    BOOST_TEST(sys::monotonic_now() >= until);
    tenon::sys::unlock_bytes(first.get(), memory::gate_byte, 1);
    BOOST_TEST(memory::enter_gate(place.file.get(), 0));
}

BOOST_AUTO_TEST_CASE(who_cannot_enter_the_gate_leaves_without_a_burial) {
    const Place place;
    auto sut = place.seated();
    BOOST_TEST(memory::enter_gate(place.file.get(), 0));  // as if its holder were stopped there
    int burials = 0;
    sut.leave([&](int) { ++burials; });
    BOOST_TEST(burials == 0);
    BOOST_TEST(!place.seat_is_locked(0));
}

BOOST_AUTO_TEST_CASE(readers_share_and_are_present) {
    const Place place;
    auto first = place.attend(O_RDONLY);
    BOOST_TEST(!memory::anyone_else_present(place.file.get()));
    first.attend_as_reader();
    auto second = place.attend(O_RDONLY);
    second.attend_as_reader();
    BOOST_TEST(memory::anyone_else_present(place.file.get()));
    BOOST_TEST(memory::anyone_else_present(first.descriptor()));
}

BOOST_AUTO_TEST_CASE(a_reader_who_is_shut_out_waits_until_its_time_and_not_longer) {
    const Place place;
    BOOST_REQUIRE(sys::try_lock_byte(place.file.get(), memory::readers_byte, sys::LockKind::exclusive));
    auto sut = place.attend(O_RDONLY);
    const auto until = sys::monotonic_now() + 15'000'000;
    BOOST_TEST(!sut.try_attend_as_reader(until));
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(!sut.try_attend_as_reader(0));
    sys::unlock_bytes(place.file.get(), memory::readers_byte, 1);
    BOOST_TEST(sut.try_attend_as_reader(0));
    BOOST_TEST(memory::anyone_else_present(place.file.get()));
}

BOOST_AUTO_TEST_CASE(a_move_takes_the_seat_along) {
    static_assert(std::is_nothrow_move_constructible_v<Attendance> && std::is_nothrow_move_assignable_v<Attendance>);
    static_assert(!std::is_copy_constructible_v<Attendance>);
    const Place place;
    auto first = place.seated();
    auto second = std::move(first);
    BOOST_TEST(!first);
    BOOST_TEST(!first.seat_is_ours());
    BOOST_TEST(second.seat_is_ours());
    auto third = place.seated();
    third = std::move(second);
    BOOST_TEST(seat_of(third, place) == 0U);
    BOOST_TEST(!place.seat_is_locked(1));
}

BOOST_AUTO_TEST_CASE(coming_and_going_leaks_nothing) {
    const support::Census before;
    {
        const Place place;
        for (int i = 0; i < 100; ++i) {
            auto sut = place.seated();
            support::in_child_that_dies([&] { static_cast<void>(seat_of(sut, place)); });
            BOOST_TEST_REQUIRE(!!sut.administer(1, place.table));
            sut.leave([](int) {});
        }
    }
    BOOST_TEST(support::Census{} == before);
}
