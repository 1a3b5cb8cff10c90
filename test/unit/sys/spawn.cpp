// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_spawn
#include "tenon/sys/spawn.hpp"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

using support::refusal_of;
using Words = std::vector<std::string>;
namespace sys = tenon::sys;

const Words environment{"PATH=/usr/local/bin:/usr/bin:/bin", "WORD=said"};

int run(const std::string& script, const std::vector<int>& given = {}) {
    return sys::wait_for_exit(sys::spawn({"sh", "-c", script}, environment, given));
}
bool succeeds(const std::string& script, const std::vector<int>& given = {}) {
    const int status = run(script, given);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// A file of one word, opened at a chosen number.
sys::FileDescriptor file_saying(const std::string& word, int number) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const sys::FileDescriptor read_end{::fcntl(ends[0], F_DUPFD_CLOEXEC, 100)};
    const sys::FileDescriptor write_end{::fcntl(ends[1], F_DUPFD_CLOEXEC, 100)};
    ::close(ends[0]);
    ::close(ends[1]);
    BOOST_TEST_REQUIRE(::write(write_end.get(), word.data(), word.size()) == static_cast<::ssize_t>(word.size()));
    BOOST_TEST_REQUIRE(::dup3(read_end.get(), number, O_CLOEXEC) == number);
    return sys::FileDescriptor{number};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_program_gets_its_words_and_its_environment_and_no_other) {
    ::setenv("TENON_NOT_HANDED_ON", "1", 1);
    BOOST_TEST(succeeds("test \"$WORD\" = said && test -z \"$TENON_NOT_HANDED_ON\""));
    ::unsetenv("TENON_NOT_HANDED_ON");
    const int status =
        sys::wait_for_exit(sys::spawn({"sh", "-c", "test \"$1\" = 'a b'", "sh", "a b"}, environment, {}));
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(given_descriptors_arrive_in_order_whatever_their_numbers_were) {
    std::vector<int> numbers{3, 4, 5};
    do {
        for (const int shift : {0, 1, 2, 40}) {
            // 3, 4 and 5 may be in use by the test itself: what stands there is put back.
            std::vector<sys::FileDescriptor> saved;
            for (int i = 3; i < 8; ++i) {
                saved.emplace_back(::fcntl(i, F_DUPFD_CLOEXEC, 100));
            }
            bool fine = false;
            {
                const auto a = file_saying("a\n", numbers[0] + shift);
                const auto b = file_saying("b\n", numbers[1] + shift);
                const auto c = file_saying("c\n", numbers[2] + shift);
                fine = succeeds("read x <&3 && read y <&4 && read z <&5 && test \"$x$y$z\" = abc",
                                {a.get(), b.get(), c.get()});
            }
            for (int i = 3; i < 8; ++i) {
                if (saved[static_cast<std::size_t>(i - 3)]) {
                    ::dup2(saved[static_cast<std::size_t>(i - 3)].get(), i);
                }
            }
            BOOST_TEST(fine, numbers[0] << numbers[1] << numbers[2] << " + " << shift);
        }
    } while (std::next_permutation(numbers.begin(), numbers.end()));
}

BOOST_AUTO_TEST_CASE(one_descriptor_may_be_given_twice) {
    const auto file = file_saying("a\n", 50);
    BOOST_TEST(succeeds("test -p /proc/self/fd/3 && test -p /proc/self/fd/4 && test ! -e /proc/self/fd/5",
                        {file.get(), file.get()}));
}

BOOST_AUTO_TEST_CASE(everything_else_is_closed_also_what_was_opened_without_close_on_exec) {
    const sys::FileDescriptor leaky{::open("/dev/null", O_RDONLY)};
    const sys::FileDescriptor high{::fcntl(leaky.get(), F_DUPFD, 200)};
    const auto file = file_saying("a\n", 50);
    // The shell's own are 0 to 2; the listing has one descriptor of ls.
    BOOST_TEST(succeeds("test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 '", {}));
    BOOST_TEST(succeeds("test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 4 '", {file.get()}));
}

BOOST_AUTO_TEST_CASE(what_is_given_stays_open_here_and_nothing_else_is_left) {
    const auto file = file_saying("a\n", 50);
    const support::Census before;
    BOOST_TEST(succeeds("true", {file.get()}));
    BOOST_TEST(before == support::Census{});
    BOOST_TEST(::fcntl(file.get(), F_GETFD) == FD_CLOEXEC);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_started_is_told_and_leaves_nothing) {
    const support::Census before;
    const auto missing = refusal_of([] { return sys::spawn({"/nowhere/no-such-program"}, environment, {}); });
    BOOST_TEST(missing.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(missing.says("posix_spawn \"/nowhere/no-such-program\""));
    BOOST_TEST(refusal_of([] { return sys::spawn({"/dev/null"}, environment, {}); }).is(std::errc::permission_denied));
    BOOST_TEST(refusal_of([] { return sys::spawn({}, environment, {}); }).is(std::errc::invalid_argument));
    BOOST_TEST(refusal_of([] { return sys::spawn({"true"}, environment, {-1}); }).is(std::errc::bad_file_descriptor));
    BOOST_TEST(refusal_of([] {
                   return sys::spawn({"true"}, environment, {0, 9999});
               }).is(std::errc::bad_file_descriptor));
    BOOST_TEST(before == support::Census{});
    BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == -1);
    BOOST_TEST(errno == ECHILD);
}

BOOST_AUTO_TEST_CASE(the_exit_status_is_that_of_waitpid) {
    BOOST_TEST(WEXITSTATUS(run("exit 7")) == 7);
    const int killed = run("kill -TERM $$");
    BOOST_TEST(WIFSIGNALED(killed));
    BOOST_TEST(WTERMSIG(killed) == SIGTERM);
    BOOST_TEST(refusal_of([] { return sys::wait_for_exit(::getpid()); }).is(std::errc::no_child_process));
}

BOOST_AUTO_TEST_CASE(a_child_is_signalled_and_waited_for_by_its_descriptor) {
    const ::pid_t pid = sys::spawn({"sleep", "1000"}, environment, {});
    const sys::FileDescriptor descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))};
    BOOST_TEST_REQUIRE(!!descriptor);
    BOOST_TEST(sys::wait_for_exit_of(descriptor.get(), WNOHANG).si_pid == 0);
    BOOST_TEST(sys::try_send_signal(descriptor.get(), SIGTERM));
    BOOST_TEST(sys::wait_for_exit_of(descriptor.get(), WNOWAIT).si_pid == pid);
    const auto end = sys::wait_for_exit_of(descriptor.get(), 0);
    BOOST_TEST(end.si_code == CLD_KILLED);
    BOOST_TEST(end.si_status == SIGTERM);
    BOOST_TEST(!sys::try_send_signal(descriptor.get(), SIGTERM));
    BOOST_TEST(errno == ESRCH);
    BOOST_TEST(
        refusal_of([&] { return sys::wait_for_exit_of(descriptor.get(), 0).si_pid; }).is(std::errc::no_child_process));
}
