// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_process
#include "tenon/sys/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using support::refusal_of;
using sys::ProcessIdentity;

ProcessIdentity identity_of(::pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    return {static_cast<std::uint32_t>(pid), sys::detail::read_process_status(path.c_str()).start_time,
            sys::this_process().namespaces};
}

/// A child that waits for its end.
Child sleeper() {
    return Child{[] {
        ::pause();
        return true;
    }};
}

void await_state(::pid_t pid, char state) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    while (sys::detail::read_process_status(path.c_str()).state != state) {
        ::usleep(1000);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_process_knows_itself_and_its_child_is_another) {
    const auto sut = sys::this_process();
    BOOST_TEST(sut.pid == static_cast<std::uint32_t>(::getpid()));
    BOOST_TEST(sut.start_time != 0U);
    BOOST_TEST(sut.namespaces != 0U);
    BOOST_TEST((sys::this_process() == sut));
    BOOST_TEST((identity_of(::getpid()) == sut));
    BOOST_TEST(support::in_child([&] {
        return sys::this_process() != sut && sys::this_process().start_time >= sut.start_time &&
               sys::this_process().namespaces == sut.namespaces;
    }));
}

BOOST_AUTO_TEST_CASE(a_command_name_of_brackets_and_blanks_does_not_mislead) {
    const auto sut = sys::this_process();
    for (const char* const name : {") (", "a) Z 1 2 3 (b", ")))))))))))))))", "((((", "x\n) R 9", ""}) {
        BOOST_REQUIRE(::prctl(PR_SET_NAME, name) == 0);
        BOOST_TEST((sys::this_process() == sut));
        BOOST_TEST(!sys::has_ended(sut));
        BOOST_TEST(sys::detail::read_process_status("/proc/self/stat").threads == 1);
        BOOST_TEST(sys::detail::read_process_status("/proc/self/stat").state == 'R');
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_a_status_is_not_readable) {
    BOOST_TEST(!sys::detail::read_process_status("/proc/0/stat").readable);
    BOOST_TEST(!sys::detail::read_process_status("/dev/null").readable);
    BOOST_TEST(!sys::detail::read_process_status("/proc/self/statm").readable);
}

BOOST_AUTO_TEST_CASE(the_living_and_the_stopped_have_not_ended) {
    const Child child = sleeper();
    const auto sut = identity_of(child.pid());
    BOOST_TEST(!sys::has_ended(sut));
    child.signal(SIGSTOP);
    await_state(child.pid(), 'T');
    BOOST_TEST(!sys::has_ended(sut));
}

BOOST_AUTO_TEST_CASE(a_zombie_has_ended_and_so_has_a_pid_without_a_process) {
    Child child = sleeper();
    const auto sut = identity_of(child.pid());
    child.signal(SIGKILL);
    ::siginfo_t ended{};  // all its threads: the first may be a zombie before the others, which a sanitizer adds
    BOOST_REQUIRE_EQUAL(::waitid(P_PID, static_cast<::id_t>(child.pid()), &ended, WEXITED | WNOWAIT), 0);
    BOOST_TEST(sys::has_ended(sut));
    child.succeeds();  // nobody has the pid now
    BOOST_TEST(sys::has_ended(sut));
}

BOOST_AUTO_TEST_CASE(a_process_whose_first_thread_has_left_has_not_ended) {
    Child child{[] {
        std::thread{[] { ::pause(); }}.detach();
        ::syscall(SYS_exit, 0);  // of this thread alone
        return true;
    }};
    await_state(child.pid(), 'Z');
    const auto sut = identity_of(child.pid());
    BOOST_TEST(!sys::has_ended(sut));
    child.kill_now();
    BOOST_TEST(sys::has_ended(sut));
}

BOOST_AUTO_TEST_CASE(another_process_under_a_recycled_pid_is_another) {
    auto sut = sys::this_process();
    ++sut.start_time;
    BOOST_TEST(sys::has_ended(sut));
}

BOOST_AUTO_TEST_CASE(nobody_is_called_dead_who_cannot_be_seen) {
    Child child = sleeper();
    auto sut = identity_of(child.pid());
    child.kill_now();
    BOOST_REQUIRE(sys::has_ended(sut));
    ++sut.namespaces;  // of another pid namespace
    BOOST_TEST(!sys::has_ended(sut));
    sut.namespaces = 0;  // of one that is not known
    BOOST_TEST(!sys::has_ended(sut));
    BOOST_TEST(!sys::has_ended({0, 1, sys::this_process().namespaces}));
    BOOST_TEST(!sys::has_ended({0x8000'0001, 1, sys::this_process().namespaces}));
    auto unknown_start = sys::this_process();
    unknown_start.start_time = 0;
    BOOST_TEST(!sys::has_ended(unknown_start));
}

BOOST_AUTO_TEST_CASE(a_peer_whose_descriptors_are_closed_by_its_death_is_already_ending) {
    BOOST_TEST(!sys::has_ended_or_is_ending(::getpid()));
    BOOST_TEST(!sys::has_ended_or_is_ending(0));
    BOOST_TEST(!sys::has_ended_or_is_ending(-1));
    for (int i = 0; i < 50; ++i) {
        int ends[2];
        BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        Child child{[] {
            ::pause();
            return true;
        }};
        ::close(ends[1]);
        BOOST_TEST(!sys::has_ended_or_is_ending(child.pid()));
        child.signal(SIGKILL);
        char byte;
        BOOST_TEST(::read(ends[0], &byte, 1) == 0);
        BOOST_TEST(sys::has_ended_or_is_ending(child.pid()));
        const ::pid_t pid = child.pid();
        child.kill_now();
        BOOST_TEST(sys::has_ended_or_is_ending(pid));
        ::close(ends[0]);
    }
}

BOOST_AUTO_TEST_CASE(who_has_closed_everything_is_ending_even_while_its_parent_waits_for_it) {
    int missed = 0;
    for (int round = 0; round < 300; ++round) {
        int ends[2];
        BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const ::pid_t pid = ::fork();
        if (pid == 0) {
            ::kill(::getpid(), SIGKILL);
        }
        ::close(ends[1]);
        std::thread parent{[pid] { ::waitpid(pid, nullptr, 0); }};
        char none;
        while (::read(ends[0], &none, 1) == -1 && errno == EINTR) {}  // the end: it has closed the other one
        missed += sys::has_ended_or_is_ending(pid) ? 0 : 1;
        parent.join();
        ::close(ends[0]);
    }
    BOOST_TEST(missed == 0);
}

BOOST_AUTO_TEST_CASE(whether_a_peer_is_ending_is_known_without_a_free_descriptor) {
    BOOST_TEST(support::in_child([] {
        Child living = sleeper();
        Child stopped = sleeper();
        stopped.signal(SIGSTOP);
        await_state(stopped.pid(), 'T');
        Child zombie = sleeper();
        zombie.signal(SIGKILL);
        ::siginfo_t ended{};
        ::waitid(P_PID, static_cast<::id_t>(zombie.pid()), &ended, WEXITED | WNOWAIT);
        Child reaped = sleeper();
        const ::pid_t nobody = reaped.pid();
        reaped.kill_now();
        const support::Exhausted all;
        return !sys::has_ended_or_is_ending(::getpid()) && !sys::has_ended_or_is_ending(living.pid()) &&
               !sys::has_ended_or_is_ending(stopped.pid()) && sys::has_ended_or_is_ending(zombie.pid()) &&
               sys::has_ended_or_is_ending(nobody);
    }));
}

BOOST_AUTO_TEST_CASE(a_process_of_another_namespaces_says_so) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("only root makes a pid namespace");
        return;
    }
    const auto sut = sys::this_process();
    BOOST_TEST(support::in_child([&] {
        if (::unshare(CLONE_NEWPID) != 0) {
            return true;  // a kernel, or a jail, without them
        }
        return support::in_child([&] { return ::getpid() == 1 && !sys::has_ended(sut); });
    }));
}

BOOST_AUTO_TEST_CASE(each_thread_has_a_number_of_its_own) {
    const auto first = sys::this_thread();
    std::uint32_t second = 0;
    std::thread{[&] { second = sys::this_thread(); }}.join();
    BOOST_TEST(first == static_cast<std::uint32_t>(::getpid()));
    BOOST_TEST(second != 0U);
    BOOST_TEST(second != first);
}

BOOST_AUTO_TEST_CASE(a_pidfd_becomes_readable_when_its_process_ends) {
    Child child = sleeper();
    const auto sut = sys::open_pidfd(child.pid());
    BOOST_TEST((::fcntl(sut.get(), F_GETFD) & FD_CLOEXEC) != 0);
    ::pollfd ask{sut.get(), POLLIN, 0};
    BOOST_TEST(::poll(&ask, 1, 0) == 0);
    child.signal(SIGKILL);
    BOOST_TEST(::poll(&ask, 1, -1) == 1);
}

BOOST_AUTO_TEST_CASE(a_pidfd_of_nobody_is_refused) {
    Child child = sleeper();
    const ::pid_t pid = child.pid();
    child.kill_now();
    BOOST_TEST(refusal_of([&] { return sys::open_pidfd(pid); }).text == "pidfd_open: No such process");
}
