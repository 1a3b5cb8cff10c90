// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE shared_object
#include "tenon/shared_object.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "tenon/payload/fixed_string.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::unique_name;
using tenon::SharedObject;

struct Telemetry {
    std::uint64_t tick = 0;
    double position[3] = {};
    tenon::FixedString<32> source;
};

struct Byte {
    unsigned char value;
};

struct alignas(4096) Page {
    std::uint32_t number;
    unsigned char rest[8000];
};

struct Huge {
    std::uint64_t words[64 * 1024 * 1024 / 8];
};

struct Unbegun {
    explicit Unbegun(int first) : value{first} {}
    int value;
};

}  // namespace

template <>
inline constexpr bool tenon::vouched_payload<Unbegun> = true;

BOOST_AUTO_TEST_CASE(a_new_object_holds_the_value_of_an_empty_pair_of_braces) {
    const auto sut = SharedObject<Telemetry>::create(unique_name());
    BOOST_TEST(sut.load().tick == 0U);
    BOOST_TEST(sut.load().source.view().empty());
    BOOST_TEST(sut.version() == 0U);
}

BOOST_AUTO_TEST_CASE(a_new_object_can_begin_with_a_given_value) {
    const auto sut =
        SharedObject<Telemetry>::create(unique_name(), Telemetry{.tick = 7, .position = {}, .source = "imu"});
    BOOST_TEST(sut.load().tick == 7U);
    BOOST_TEST(sut.load().source.view() == "imu");
}

BOOST_AUTO_TEST_CASE(a_type_without_a_default_constructor_needs_a_first_value_and_then_works) {
    auto sut = SharedObject<Unbegun>::create(unique_name(), Unbegun{5});
    sut.update([](Unbegun& u) { ++u.value; });
    BOOST_TEST(sut.load().value == 6);
}

BOOST_AUTO_TEST_CASE(another_handle_sees_what_was_stored) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name);
    auto other = SharedObject<Telemetry>::open(name);
    sut.store(Telemetry{.tick = 3, .position = {1, 2, 3}, .source = "here"});
    BOOST_TEST(other.load().tick == 3U);
    BOOST_TEST(other.load().position[2] == 3.0);
    BOOST_TEST(other.version() == 1U);
}

BOOST_AUTO_TEST_CASE(another_process_sees_what_was_stored_and_its_answer_is_seen) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name, Telemetry{.tick = 41, .position = {}, .source = {}});
    BOOST_TEST(in_child([&] {
        auto opened = SharedObject<Telemetry>::open(name);
        opened.update([](Telemetry& t) { ++t.tick; });
        return opened.load().tick == 42;
    }));
    BOOST_TEST(sut.load().tick == 42U);
}

BOOST_AUTO_TEST_CASE(a_forked_child_uses_what_it_inherited) {
    auto sut = SharedObject<Telemetry>::anonymous();
    BOOST_TEST(in_child([&] {
        sut.update([](Telemetry& t) { t.tick = 9; });
        return true;
    }));
    BOOST_TEST(sut.load().tick == 9U);
    sut.update([](Telemetry& t) { ++t.tick; });
    BOOST_TEST(sut.load().tick == 10U);
}

BOOST_AUTO_TEST_CASE(a_child_that_inherits_a_held_lock_does_not_own_it) {
    auto sut = SharedObject<Telemetry>::anonymous();
    auto turn = sut.lock();
    BOOST_TEST(in_child([&] { return !sut.try_update([](Telemetry&) {}); }));
    turn->tick = 1;
    turn.commit();
    BOOST_TEST(sut.load().tick == 1U);
}

BOOST_AUTO_TEST_CASE(a_child_that_leaves_an_inherited_turn_neither_publishes_nor_frees_it) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name);
    {
        auto turn = sut.lock();
        BOOST_TEST(in_child([&] {
            turn->tick = 99;
            turn.commit();
            return sut.load().tick == 0 && !SharedObject<Telemetry>::open(name).try_lock();
        }));
        BOOST_TEST(!SharedObject<Telemetry>::open(name).try_lock());
        turn->tick = 1;
        turn.commit();
    }
    BOOST_TEST(sut.load().tick == 1U);
    BOOST_TEST(sut.version() == 1U);
}

BOOST_AUTO_TEST_CASE(a_child_that_closes_what_it_inherited_takes_nothing_from_a_parent_without_the_right_to_reopen) {
    const auto name = unique_name();
    BOOST_TEST(in_child([&] {
        if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) {
            return false;
        }
        auto sut = SharedObject<Telemetry>::create(name, tenon::Mode{0440});
        const bool fine = in_child([&] {
            sut = {};
            return true;
        });
        return fine && support::exists(name);
    }));
    BOOST_TEST(!support::exists(name));
}

BOOST_AUTO_TEST_CASE(a_child_forked_while_another_thread_opens_does_not_shut_the_gate_for_ever) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name);
    std::vector<std::unique_ptr<Child>> children;
    std::atomic<bool> done{false};
    std::thread opener{[&] {
        while (!done) {
            static_cast<void>(SharedObject<Telemetry>::open(name));
        }
    }};
    for (int i = 0; i < 20; ++i) {
        children.push_back(std::make_unique<Child>([] {
            ::pause();
            return true;
        }));
    }
    done = true;
    opener.join();
    BOOST_TEST(!!SharedObject<Telemetry>::open_for(name, 5s));
}

BOOST_AUTO_TEST_CASE(a_name_that_became_another_object_is_not_taken_away_by_the_last_user_of_the_old_one) {
    const auto name = unique_name();
    auto old = SharedObject<Telemetry>::create(name);
    SharedObject<Telemetry>::remove(name);
    auto sut = SharedObject<Telemetry>::create(name, Telemetry{.tick = 2, .position = {}, .source = {}});
    old = {};
    BOOST_TEST(support::exists(name));
    BOOST_TEST(SharedObject<Telemetry>::open(name).load().tick == 2U);
    const auto key = support::unique_key();
    auto old_sysv = SharedObject<Telemetry>::create(key);
    SharedObject<Telemetry>::remove(key);
    auto sysv = SharedObject<Telemetry>::create(key, Telemetry{.tick = 3, .position = {}, .source = {}});
    old_sysv = {};
    BOOST_TEST(SharedObject<Telemetry>::open(key).load().tick == 3U);
}

BOOST_AUTO_TEST_CASE(a_bool_that_a_peer_made_neither_true_nor_false_is_refused_until_somebody_stores) {
    struct Flags {
        bool on;
    };
    auto sut = SharedObject<Flags>::anonymous();
    auto peer = SharedObject<Flags>::attach(sut.native_handle());
    Flags garbage;
    std::memset(&garbage, 0x60, sizeof garbage);
    peer.store(garbage);
    BOOST_TEST(support::refusal_of([&] { return sut.load(); }).is(tenon::errc::corrupted));
    BOOST_TEST(support::refusal_of([&] { return sut.update([](Flags&) { return 0; }); }).is(tenon::errc::corrupted));
    BOOST_TEST(support::refusal_of([&] { return !!sut.lock(); }).is(tenon::errc::corrupted));
    sut.store(Flags{true});
    BOOST_TEST(peer.load().on);
}

BOOST_AUTO_TEST_CASE(memory_that_its_owner_could_truncate_is_not_attached) {
    const auto sut = SharedObject<Telemetry>::create(unique_name());
    BOOST_TEST(support::refusal_of([&] {
                   return SharedObject<Telemetry>::attach(sut.native_handle());
               }).is(tenon::errc::untrusted));
}

BOOST_AUTO_TEST_CASE(the_name_stays_while_a_child_still_uses_the_object_and_goes_with_it) {
    const auto name = unique_name();
    int gate[2];
    BOOST_REQUIRE(::pipe(gate) == 0);
    auto sut = std::make_unique<SharedObject<Telemetry>>(SharedObject<Telemetry>::create(name));
    Child child{[&] {
        char byte;
        ::close(gate[1]);
        const bool told = ::read(gate[0], &byte, 1) == 0;  // the parent closed its end
        sut->store(Telemetry{.tick = 5, .position = {}, .source = {}});
        const bool still_there = support::exists(name);
        sut.reset();
        return told && still_there;
    }};
    sut.reset();
    BOOST_TEST(support::exists(name));
    ::close(gate[1]);
    BOOST_TEST(child.succeeds());
    BOOST_TEST(!support::exists(name));
    ::close(gate[0]);
}

BOOST_AUTO_TEST_CASE(update_returns_what_the_function_returns) {
    auto sut = SharedObject<Telemetry>::anonymous();
    const auto tick = sut.update([](Telemetry& t) { return t.tick += 5; });
    BOOST_TEST(tick == 5U);
}

BOOST_AUTO_TEST_CASE(an_update_that_throws_changes_nothing_and_gives_the_lock_back) {
    auto sut = SharedObject<Telemetry>::anonymous();
    BOOST_CHECK_THROW(sut.update([](Telemetry& t) {
        t.tick = 99;
        throw 1;
    }),
                      int);
    BOOST_TEST(sut.load().tick == 0U);
    BOOST_TEST(sut.version() == 0U);
    BOOST_TEST(sut.try_update([](Telemetry& t) { t.tick = 1; }));
}

BOOST_AUTO_TEST_CASE(a_draft_that_is_not_committed_changes_nothing) {
    auto sut = SharedObject<Telemetry>::anonymous();
    {
        auto turn = sut.lock();
        turn->tick = 7;
    }
    BOOST_TEST(sut.load().tick == 0U);
    auto turn = sut.lock();
    turn->tick = 8;
    turn.commit();
    BOOST_TEST(!turn);
    turn.commit();  // a second time: nothing
    BOOST_TEST(sut.load().tick == 8U);
    BOOST_TEST(sut.version() == 1U);
}

BOOST_AUTO_TEST_CASE(readers_go_on_while_a_writer_is_at_work) {
    auto sut = SharedObject<Telemetry>::anonymous();
    auto turn = sut.lock();
    turn->tick = 5;
    BOOST_TEST(sut.load().tick == 0U);
    BOOST_TEST(sut.version() == 0U);
}

BOOST_AUTO_TEST_CASE(a_second_writer_is_turned_away_by_try_and_by_the_time) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name);
    auto other = SharedObject<Telemetry>::open(name);
    auto turn = sut.lock();
    BOOST_TEST(!other.try_lock());
    BOOST_TEST(!other.try_update([](Telemetry&) {}));
    std::thread{[&] {
        const auto start = std::chrono::steady_clock::now();
        BOOST_TEST(!other.try_update_for(20ms, [](Telemetry&) {}));
        BOOST_TEST(!other.try_lock_for(20ms));
        BOOST_TEST((std::chrono::steady_clock::now() - start >= 40ms));
        BOOST_TEST(!other.try_lock_until(tenon::Deadline::after(0s)));
    }}.join();
}

BOOST_AUTO_TEST_CASE(one_thread_that_wants_the_lock_twice_is_told_instead_of_deadlocked) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name);
    auto other = SharedObject<Telemetry>::open(name);
    const auto same_handle = support::refusal_of([&] { return sut.update([&](Telemetry&) { return sut.store({}); }); });
    BOOST_TEST(same_handle.is(std::errc::resource_deadlock_would_occur));
    const auto other_handle =
        support::refusal_of([&] { return sut.update([&](Telemetry&) { return other.store({}); }); });
    BOOST_TEST(other_handle.is(std::errc::resource_deadlock_would_occur));
    BOOST_TEST(sut.version() == 0U);
    sut.store({});
    BOOST_TEST(sut.version() == 1U);
}

BOOST_AUTO_TEST_CASE(versions_count_commits_and_load_tells_the_version_of_its_value) {
    auto sut = SharedObject<Telemetry>::anonymous();
    for (std::uint64_t i = 1; i <= 5; ++i) {
        const auto stored = sut.store(Telemetry{.tick = i, .position = {}, .source = {}});
        Telemetry seen;
        BOOST_TEST(stored == i);
        BOOST_TEST(sut.load(seen) == i);
        BOOST_TEST(seen.tick == i);
    }
}

BOOST_AUTO_TEST_CASE(waiting_ends_with_the_next_commit_of_another_process) {
    auto sut = SharedObject<Telemetry>::anonymous();
    const auto seen = sut.version();
    Child child{[&] {
        std::this_thread::sleep_for(20ms);
        sut.update([](Telemetry& t) { t.tick = 1; });
        return true;
    }};
    sut.wait_changed(seen);
    BOOST_TEST(sut.load().tick == 1U);
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(waiting_for_a_change_that_was_missed_returns_at_once) {
    auto sut = SharedObject<Telemetry>::anonymous();
    sut.store({});
    sut.wait_changed(0);
    BOOST_TEST(sut.wait_changed_for(0, 0s));
}

BOOST_AUTO_TEST_CASE(waiting_in_vain_lasts_at_least_as_long_as_asked) {
    auto sut = SharedObject<Telemetry>::anonymous();
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!sut.wait_changed_for(0, 30ms));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 30ms));
    BOOST_TEST(!sut.wait_changed_for(0, 0s));
    BOOST_TEST(!sut.wait_changed_for(0, -5s));
    BOOST_TEST(!sut.wait_changed_until(0, std::chrono::system_clock::now() + 5ms));
    BOOST_TEST(!sut.wait_changed_until(0, std::chrono::steady_clock::now() + 5ms));
}

BOOST_AUTO_TEST_CASE(signals_do_not_shorten_a_wait) {
    struct ::sigaction quiet {};
    quiet.sa_handler = [](int) {};
    struct ::sigaction before {};
    ::sigaction(SIGUSR1, &quiet, &before);
    auto sut = SharedObject<Telemetry>::anonymous();
    const pid_t waiter = ::getpid();
    Child pest{[waiter] {
        for (;;) {
            ::kill(waiter, SIGUSR1);
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }};
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!sut.wait_changed_for(0, 50ms));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 50ms));
    pest.kill_now();
    ::sigaction(SIGUSR1, &before, nullptr);
}

BOOST_AUTO_TEST_CASE(many_sleepers_are_all_woken_by_one_commit) {
    auto sut = SharedObject<Telemetry>::anonymous();
    std::vector<std::thread> sleepers;
    std::atomic<int> woken{0};
    for (int i = 0; i < 8; ++i) {
        sleepers.emplace_back([&] {
            sut.wait_changed(0);
            ++woken;
        });
    }
    std::this_thread::sleep_for(20ms);
    sut.store({});
    for (auto& sleeper : sleepers) {
        sleeper.join();
    }
    BOOST_TEST(woken == 8);
}

BOOST_AUTO_TEST_CASE(a_read_only_user_sees_everything_and_is_woken) {
    const auto name = unique_name();
    auto writer = SharedObject<Telemetry>::create(name, tenon::Mode{0640});
    const auto sut = SharedObject<const Telemetry>::open(name);
    Child child{[&] {
        std::this_thread::sleep_for(10ms);
        writer.store(Telemetry{.tick = 8, .position = {}, .source = {}});
        return true;
    }};
    sut.wait_changed(0);
    BOOST_TEST(sut.load().tick == 8U);
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE(a_read_only_user_never_writes_to_the_segment) {
    const auto name = unique_name();
    auto writer = SharedObject<Telemetry>::create(name);
    const auto bytes = [&] {
        std::ifstream file{"/dev/shm" + name, std::ios::binary};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    const auto before = bytes();
    {
        const auto sut = SharedObject<const Telemetry>::open(name);
        static_cast<void>(sut.load());
        BOOST_TEST(!sut.wait_changed_for(0, 5ms));
    }
    BOOST_TEST((bytes() == before));
}

BOOST_AUTO_TEST_CASE(mode_0440_is_enough_for_a_reader_of_another_user) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("needs root to become another user");
        return;
    }
    const auto name = unique_name();
    auto writer =
        SharedObject<Telemetry>::create(name, Telemetry{.tick = 4, .position = {}, .source = {}}, tenon::Mode{0440});
    Child reader{[&] {
        if (::setgroups(0, nullptr) != 0 || ::setgid(0) != 0 || ::setuid(65534) != 0) {
            return false;
        }
        auto opened = SharedObject<const Telemetry>::open(name);
        const bool first = opened.load().tick == 4;
        opened.wait_changed(0);
        return first && opened.load().tick == 5;
    }};
    std::this_thread::sleep_for(20ms);
    writer.store(Telemetry{.tick = 5, .position = {}, .source = {}});
    BOOST_TEST(reader.succeeds());
}

BOOST_AUTO_TEST_CASE(who_is_not_root_may_create_an_object_that_nobody_may_write_and_write_it) {
    const auto name = unique_name();
    const auto key = support::unique_key();
    BOOST_TEST(in_child([&] {
        if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) {
            return false;
        }
        auto writer = SharedObject<Telemetry>::create(name, tenon::Mode{0440});
        auto sysv = SharedObject<Telemetry>::create(key, tenon::Mode{0440});
        writer.update([](Telemetry& t) { t.tick = 3; });
        sysv.update([](Telemetry& t) { t.tick = 4; });
        return SharedObject<const Telemetry>::open(name).load().tick == 3 &&
               SharedObject<const Telemetry>::open(key).load().tick == 4 &&
               support::refusal_of([&] {
                   return SharedObject<Telemetry>::open(name);
               }).is(std::errc::permission_denied);
    }));
    BOOST_TEST(!support::exists(name));
    BOOST_TEST(support::refusal_of([&] {
                   return SharedObject<Telemetry>::open(key);
               }).is(std::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(a_reader_who_cannot_write_is_told_when_the_object_was_buried) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("needs root to become another user");
        return;
    }
    const auto name = unique_name();
    int ready[2];
    BOOST_REQUIRE(::pipe(ready) == 0);
    Child reader{[&] {
        if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) {
            return false;
        }
        auto opened = SharedObject<const Telemetry>::open_for(name, 5s);
        const bool announced = ::write(ready[1], "r", 1) == 1;
        const auto refusal = support::refusal_of([&] { return opened.wait_changed(0), 0; });
        return announced && refusal.code == tenon::errc::gone && opened.load().tick == 3;
    }};
    {
        auto writer = SharedObject<Telemetry>::create(name, Telemetry{.tick = 3, .position = {}, .source = {}},
                                                      tenon::Mode{0644});
        char byte;
        BOOST_REQUIRE(::read(ready[0], &byte, 1) == 1);
    }
    BOOST_TEST(!support::exists(name));
    BOOST_TEST(reader.succeeds());
    ::close(ready[0]);
    ::close(ready[1]);
}

BOOST_AUTO_TEST_CASE(the_last_user_takes_the_name_away) {
    const auto name = unique_name();
    {
        auto first = SharedObject<Telemetry>::create(name);
        {
            auto second = SharedObject<const Telemetry>::open(name);
            first = {};
            BOOST_TEST(support::exists(name));
        }
        BOOST_TEST(!support::exists(name));
    }
}

BOOST_AUTO_TEST_CASE(what_was_asked_to_persist_stays_until_it_is_removed) {
    const auto name = unique_name();
    SharedObject<Telemetry>::create(name, Telemetry{.tick = 6, .position = {}, .source = {}}).persist();
    BOOST_TEST(support::exists(name));
    BOOST_TEST(SharedObject<Telemetry>::open(name).load().tick == 6U);
    std::error_code error;
    static_cast<void>(SharedObject<Telemetry>::create(name, error));
    BOOST_TEST((error == std::errc::file_exists));
    SharedObject<Telemetry>::remove(name);
    BOOST_TEST(!support::exists(name));
}

BOOST_AUTO_TEST_CASE(what_a_killed_last_user_left_is_found_by_open_and_replaced_by_create) {
    const auto name = unique_name();
    const auto leave_behind = [&] {
        support::in_child_that_dies([&] {
            static auto left = SharedObject<Telemetry>::create(name);
            left.store(Telemetry{.tick = 77, .position = {}, .source = {}});
        });
    };
    leave_behind();
    BOOST_TEST(support::exists(name));
    BOOST_TEST(SharedObject<Telemetry>::open(name).load().tick == 77U);  // and buries it
    BOOST_TEST(!support::exists(name));
    leave_behind();
    BOOST_TEST(SharedObject<Telemetry>::create(name).load().tick == 0U);
    leave_behind();
    BOOST_TEST(SharedObject<Telemetry>::open_or_create(name).load().tick == 77U);
    leave_behind();
    BOOST_TEST(SharedObject<Page>::open_or_create(name).load().number ==
               0U);  // another layout: nobody uses it, replaced
    BOOST_TEST(!support::exists(name));
}

BOOST_AUTO_TEST_CASE(open_or_create_does_either_and_many_at_once_share_one_object) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::open_or_create(name);
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 6; ++i) {
        children.push_back(std::make_unique<Child>([&] {
            for (int k = 0; k < 200; ++k) {
                SharedObject<Telemetry>::open_or_create(name).update([](Telemetry& t) { ++t.tick; });
            }
            return true;
        }));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
    BOOST_TEST(sut.load().tick == 1200U);
}

BOOST_AUTO_TEST_CASE(racing_creators_and_leavers_never_see_half_an_object_and_leave_nothing) {
    const auto name = unique_name();
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([&] {
            for (int k = 0; k < 300; ++k) {
                auto opened =
                    SharedObject<Telemetry>::open_or_create(name, Telemetry{.tick = 1, .position = {}, .source = {}});
                if (opened.load().tick != 1) {
                    return false;
                }
            }
            return true;
        }));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
    BOOST_TEST(!support::exists(name));
}

BOOST_AUTO_TEST_CASE(open_for_waits_for_the_object_to_appear) {
    const auto name = unique_name();
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(support::refusal_of([&] {
                   return SharedObject<Telemetry>::open_for(name, 20ms);
               }).is(std::errc::no_such_file_or_directory));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 20ms));
    Child creator{[&] {
        std::this_thread::sleep_for(20ms);
        auto made = SharedObject<Telemetry>::create(name, Telemetry{.tick = 2, .position = {}, .source = {}});
        made.persist();
        return true;
    }};
    BOOST_TEST(SharedObject<Telemetry>::open_for(name, 10s).load().tick == 2U);
    BOOST_TEST(creator.succeeds());
    SharedObject<Telemetry>::remove(name);
}

BOOST_AUTO_TEST_CASE(a_system_v_segment_serves_as_well) {
    const auto key = support::unique_key();
    const support::Census before;
    {
        auto sut = SharedObject<Telemetry>::create(key);
        BOOST_TEST(in_child([&] {
            auto opened = SharedObject<Telemetry>::open(key);
            opened.update([](Telemetry& t) { t.tick = 12; });
            return true;
        }));
        BOOST_TEST(sut.load().tick == 12U);
        BOOST_TEST(SharedObject<const Telemetry>::open(key).load().tick == 12U);
        BOOST_TEST(
            support::refusal_of([&] { return SharedObject<Telemetry>::create(key); }).is(std::errc::file_exists));
        BOOST_TEST(support::refusal_of([&] { return SharedObject<Page>::open(key); }).is(tenon::errc::layout_mismatch));
        BOOST_TEST(in_child([&] {
            sut.update([](Telemetry& t) { ++t.tick; });
            return true;
        }));
        BOOST_TEST(sut.load().tick == 13U);
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE(a_system_v_segment_persists_is_removed_and_is_replaced_after_a_kill) {
    const auto key = support::unique_key();
    const support::Census before;
    SharedObject<Telemetry>::create(key, Telemetry{.tick = 3, .position = {}, .source = {}}).persist();
    BOOST_TEST(SharedObject<Telemetry>::open(key).load().tick == 3U);
    SharedObject<Telemetry>::remove(key);
    BOOST_TEST(support::Census{} == before);
    support::in_child_that_dies([&] {
        static auto left = SharedObject<Telemetry>::create(key);
        left.store(Telemetry{.tick = 70, .position = {}, .source = {}});
    });
    BOOST_TEST(SharedObject<Telemetry>::open(key).load().tick == 70U);
    BOOST_TEST(support::Census{} == before);
    support::in_child_that_dies([&] { static auto left = SharedObject<Telemetry>::create(key); });
    BOOST_TEST(SharedObject<Page>::open_or_create(key).load().number == 0U);
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE(an_anonymous_object_is_sealed_and_travels_as_a_descriptor) {
    auto sut = SharedObject<Telemetry>::anonymous(Telemetry{.tick = 4, .position = {}, .source = {}});
    const int seals = ::fcntl(sut.native_handle(), F_GET_SEALS);
    BOOST_TEST((seals & F_SEAL_SHRINK) != 0);
    BOOST_TEST(::ftruncate(sut.native_handle(), 0) == -1);
    auto other = SharedObject<Telemetry>::attach(sut.native_handle());
    other.update([](Telemetry& t) { ++t.tick; });
    BOOST_TEST(sut.load().tick == 5U);
    BOOST_TEST(support::refusal_of([&] {
                   return SharedObject<Page>::attach(sut.native_handle());
               }).is(tenon::errc::layout_mismatch));
}

BOOST_AUTO_TEST_CASE(one_byte_and_64_mebibytes_and_page_aligned_types_work) {
    auto one = SharedObject<Byte>::anonymous(Byte{7});
    one.update([](Byte& b) { ++b.value; });
    BOOST_TEST(one.load().value == 8);

    auto page = SharedObject<Page>::anonymous();
    page.update([](Page& p) {
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(&p) % 4096 == 0U);
        p.number = 3;
        p.rest[7999] = 9;
    });
    BOOST_TEST(page.load().number == 3U);
    BOOST_TEST(page.load().rest[7999] == 9);

    auto huge = SharedObject<Huge>::anonymous();
    const auto value = std::make_unique<Huge>();
    huge.update([](Huge& h) {
        h.words[0] = 1;
        h.words[sizeof h.words / 8 - 1] = 2;
    });
    BOOST_TEST(huge.load(*value) == 1U);
    BOOST_TEST(value->words[0] == 1U);
    BOOST_TEST(value->words[sizeof value->words / 8 - 1] == 2U);
}

BOOST_AUTO_TEST_CASE(two_writers_and_two_readers_see_only_whole_values) {
    struct Pattern {
        std::uint64_t words[37];
    };
    auto sut = SharedObject<Pattern>::anonymous();
    std::vector<std::unique_ptr<Child>> children;
    for (int writer = 0; writer < 2; ++writer) {
        children.push_back(std::make_unique<Child>([&] {
            for (int i = 0; i < 20'000; ++i) {
                sut.update([](Pattern& p) {
                    const auto next = p.words[0] + 1;
                    for (auto& word : p.words) {
                        word = next;
                    }
                });
            }
            return true;
        }));
    }
    for (int reader = 0; reader < 2; ++reader) {
        children.push_back(std::make_unique<Child>([&] {
            std::uint64_t last = 0;
            while (last != 40'000) {
                const Pattern seen = sut.load();
                for (const auto word : seen.words) {
                    if (word != seen.words[0]) {
                        return false;
                    }
                }
                if (seen.words[0] < last) {
                    return false;
                }
                last = seen.words[0];
            }
            return true;
        }));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
    BOOST_TEST(sut.version() == 40'000U);
}

BOOST_AUTO_TEST_CASE(handles_move_and_empty_ones_test_false) {
    SharedObject<Telemetry> empty;
    BOOST_TEST(!empty);
    auto first = SharedObject<Telemetry>::anonymous();
    auto second = std::move(first);
    BOOST_TEST(!first);
    second.store(Telemetry{.tick = 2, .position = {}, .source = {}});
    empty = std::move(second);
    BOOST_TEST(empty.load().tick == 2U);
    static_assert(std::is_nothrow_move_constructible_v<SharedObject<Telemetry>>);
    static_assert(std::is_nothrow_move_assignable_v<SharedObject<Huge>>);
    static_assert(!std::is_copy_constructible_v<SharedObject<Telemetry>>);
}

BOOST_AUTO_TEST_CASE(a_handle_that_is_closed_while_it_holds_the_lock_gives_it_back_first) {
    const auto name = unique_name();
    auto sut = SharedObject<Telemetry>::create(name);
    alignas(SharedObject<Telemetry>::Lock) unsigned char storage[sizeof(SharedObject<Telemetry>::Lock)];
    {
        auto other = SharedObject<Telemetry>::open(name);
        ::new (storage) SharedObject<Telemetry>::Lock{other.lock()};  // never destroyed, as in a thread that hangs
    }
    BOOST_TEST(sut.try_update([](Telemetry& t) { t.tick = 1; }));
}

BOOST_AUTO_TEST_CASE(ten_thousand_opens_and_closes_leak_nothing) {
    const auto name = unique_name();
    auto keep = SharedObject<Telemetry>::create(name);
    const support::Census before;
    for (int i = 0; i < 10'000; ++i) {
        static_cast<void>(SharedObject<Telemetry>::open(name));
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE(the_dead_do_not_use_up_the_table_of_participants) {
    const auto name = unique_name();
    auto keep = SharedObject<Telemetry>::create(name);
    for (int i = 0; i < 300; ++i) {
        support::in_child_that_dies([&] { static auto opened = SharedObject<Telemetry>::open(name); });
    }
    BOOST_TEST(!!SharedObject<Telemetry>::open(name));
}

BOOST_AUTO_TEST_CASE(a_full_table_of_participants_is_an_error_and_room_comes_back) {
    const auto name = unique_name();
    std::vector<SharedObject<Telemetry>> users;
    users.push_back(SharedObject<Telemetry>::create(name));
    std::error_code error;
    while (!error) {
        auto user = SharedObject<Telemetry>::open(name, error);
        if (user) {
            users.push_back(std::move(user));
        }
    }
    BOOST_TEST((error == tenon::errc::too_many_participants));
    BOOST_TEST(users.size() == tenon::memory::default_participants);
    BOOST_TEST(!!SharedObject<const Telemetry>::open(name));  // readers need no place
    users.pop_back();
    BOOST_TEST(!!SharedObject<Telemetry>::open(name));
}
