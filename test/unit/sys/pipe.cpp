// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_pipe
#include "tenon/sys/pipe.hpp"

#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/users.hpp"

namespace {

using support::in_child;
using support::refusal_of;
namespace sys = tenon::sys;

std::string unique_path() { return "/tmp" + support::unique_name(); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_read_returns_one_packet) {
    const sys::PipeEnds pipe = sys::create_pipe();
    BOOST_TEST(::write(pipe.write_end.get(), "one", 3) == 3);
    BOOST_TEST(::write(pipe.write_end.get(), "three", 5) == 5);
    BOOST_TEST(sys::bytes_in_pipe(pipe.read_end.get()) == 8);
    char room[16];
    BOOST_TEST(::read(pipe.read_end.get(), room, sizeof room) == 3);
    BOOST_TEST(::read(pipe.read_end.get(), room, sizeof room) == 5);
}

BOOST_AUTO_TEST_CASE(what_is_made_is_closed_on_exec) {
    const sys::PipeEnds pipe = sys::create_pipe();
    BOOST_TEST(::fcntl(pipe.read_end.get(), F_GETFD) == FD_CLOEXEC);
    BOOST_TEST(::fcntl(pipe.write_end.get(), F_GETFD) == FD_CLOEXEC);
}

BOOST_AUTO_TEST_CASE(packet_mode_can_be_set_with_and_without_waiting) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const sys::FileDescriptor read_end{ends[0]};
    const sys::FileDescriptor write_end{ends[1]};
    sys::set_packet_mode(write_end.get(), false, "pipe");
    BOOST_TEST((::fcntl(write_end.get(), F_GETFL) & (O_DIRECT | O_NONBLOCK)) == (O_DIRECT | O_NONBLOCK));
    sys::set_packet_mode(write_end.get(), true, "pipe");
    BOOST_TEST((::fcntl(write_end.get(), F_GETFL) & (O_DIRECT | O_NONBLOCK)) == O_DIRECT);
    BOOST_TEST(
        refusal_of([] { return sys::set_packet_mode(-1, true, "orders"), true; }).says("fcntl(O_DIRECT) \"orders\""));
}

BOOST_AUTO_TEST_CASE(capacity_counts_packets_and_can_be_raised) {
    const sys::PipeEnds pipe = sys::create_pipe();
    sys::set_pipe_capacity(pipe.write_end.get(), 32, "pipe");
    BOOST_TEST(sys::pipe_capacity(pipe.read_end.get()) >= 32);
    BOOST_TEST(refusal_of([] { return sys::pipe_capacity(-1); }).is(std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(a_capacity_beyond_32_bits_is_not_cut_but_refused) {
    const sys::PipeEnds pipe = sys::create_pipe();
    const std::size_t before = sys::pipe_capacity(pipe.read_end.get());
    for (const std::size_t packets :
         {std::size_t{0x8'0000}, std::size_t{0x10'0001}, std::size_t{0x1000'0000'0000'0001}}) {
        BOOST_TEST(!sys::try_set_pipe_capacity(pipe.write_end.get(), packets));
        BOOST_TEST(refusal_of([&] {
                       return sys::set_pipe_capacity(pipe.write_end.get(), packets, "pipe"), true;
                   }).is(std::errc::invalid_argument));
    }
    BOOST_TEST(sys::pipe_capacity(pipe.read_end.get()) == before);
}

BOOST_AUTO_TEST_CASE(above_the_limit_of_the_administrator_the_refusal_tells_it) {
    const std::uint64_t limit = sys::kernel_limit("/proc/sys/fs/pipe-max-size");
    const bool fine = in_child([&] {
        if (!support::drop_privileges()) {
            return false;
        }
        const sys::PipeEnds pipe = sys::create_pipe();
        const auto refusal = refusal_of(
            [&] { return sys::set_pipe_capacity(pipe.write_end.get(), limit / sys::packet_size + 1, "orders"), true; });
        return refusal.is(std::errc::operation_not_permitted) && refusal.says("\"orders\"") &&
               refusal.says("/proc/sys/fs/pipe-max-size is " + std::to_string(limit)) &&
               refusal.says("pipe-user-pages-soft is ");
    });
    BOOST_TEST(fine);
}

BOOST_AUTO_TEST_CASE(bytes_are_zero_where_there_is_no_pipe) { BOOST_TEST(sys::bytes_in_pipe(-1) == 0); }

BOOST_AUTO_TEST_CASE(a_fifo_is_made_once_and_other_refusals_are_told) {
    const std::string path = unique_path();
    BOOST_TEST(sys::make_fifo(path, 0600));
    BOOST_TEST(!sys::make_fifo(path, 0600));
    ::unlink(path.c_str());
    BOOST_TEST(refusal_of([] { return sys::make_fifo("/nowhere/at/all", 0600); }).says("mkfifo \"/nowhere/at/all\""));
    BOOST_TEST(refusal_of([] {
                   return sys::make_fifo("/tmp/" + std::string(300, 'x'), 0600);
               }).is(std::errc::filename_too_long));
}

BOOST_AUTO_TEST_CASE(a_write_without_readers_ends_the_process_unless_it_survives_broken_pipes) {
    const auto writes = [](bool survives) {
        return [survives] {
            ::signal(SIGPIPE, SIG_DFL);
            if (survives) {
                sys::survive_broken_pipes();
            }
            sys::PipeEnds pipe = sys::create_pipe();
            pipe.read_end.reset();
            return ::write(pipe.write_end.get(), "x", 1) == -1 && errno == EPIPE;
        };
    };
    BOOST_TEST(!in_child(writes(false)));
    BOOST_TEST(in_child(writes(true)));
}

namespace {
volatile ::sig_atomic_t own_handler_calls = 0;
}

BOOST_AUTO_TEST_CASE(a_handler_of_the_programs_own_and_ignoring_stay) {
    const bool handler_stays = in_child([] {
        struct ::sigaction own {};
        own.sa_handler = [](int) { own_handler_calls = own_handler_calls + 1; };
        ::sigaction(SIGPIPE, &own, nullptr);
        sys::survive_broken_pipes();
        ::raise(SIGPIPE);
        return own_handler_calls == 1;
    });
    BOOST_TEST(handler_stays);
    const bool informed_handler_stays = in_child([] {
        struct ::sigaction own {};
        own.sa_sigaction = [](int, ::siginfo_t*, void*) { own_handler_calls = own_handler_calls + 1; };
        own.sa_flags = SA_SIGINFO;
        ::sigaction(SIGPIPE, &own, nullptr);
        sys::survive_broken_pipes();
        ::raise(SIGPIPE);
        return own_handler_calls == 1;
    });
    BOOST_TEST(informed_handler_stays);
    const bool ignoring_stays = in_child([] {
        ::signal(SIGPIPE, SIG_IGN);
        sys::survive_broken_pipes();
        return ::signal(SIGPIPE, SIG_DFL) == SIG_IGN;
    });
    BOOST_TEST(ignoring_stays);
}

BOOST_AUTO_TEST_CASE(after_exec_the_default_action_is_back) {
    const ::pid_t pid = ::fork();
    BOOST_TEST_REQUIRE(pid != -1);
    if (pid == 0) {
        ::signal(SIGPIPE, SIG_DFL);
        sys::survive_broken_pipes();
        ::execl("/bin/sh", "sh", "-c", "kill -PIPE $$; exit 3", nullptr);
        ::_exit(4);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    BOOST_TEST(WIFSIGNALED(status));
    BOOST_TEST(WTERMSIG(status) == SIGPIPE);
}
