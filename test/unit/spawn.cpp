// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE spawn
#include "tenon/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/users.hpp"
#include "tenon/typed_pipe.hpp"
#include "tenon/wait_any.hpp"

namespace {

using namespace std::chrono_literals;
using support::Census;
using support::in_child;
using support::refusal_of;
using tenon::ChildProcess;
using tenon::errc;
using tenon::ExitStatus;
using tenon::give;
using tenon::lend;
using tenon::Outcome;
using tenon::TypedPipe;
using Words = std::vector<std::string>;

struct Order {
    int number;
};
struct OtherOrder {
    float price;
};
struct Picture {
    std::array<std::uint8_t, 20'000> bytes;
};
struct Answer {
    int number;
    int sum;
};

/// This file as another program: one of its test cases that are not run unless they are named.
Words program(const std::string& name) {
    return {"/proc/self/exe", "--run_test=" + name, "--catch_system_errors=no", "--report_level=no",
            "--log_level=error"};
}
Words shell(const std::string& script) { return {"sh", "-c", script}; }

bool is_zombie_or_child_left() { return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD; }

}  // namespace

// ---- the other programs

BOOST_AUTO_TEST_SUITE(programs, *boost::unit_test::disabled())

BOOST_AUTO_TEST_CASE(adds_up) {
    auto orders = TypedPipe<Order>::Receiver::inherited("orders");
    auto answers = TypedPipe<Answer>::Sender::inherited("answers");
    BOOST_TEST(orders.name() == "orders");
    BOOST_TEST(::fcntl(orders.native_handle(), F_GETFD) == FD_CLOEXEC);
    Answer answer{0, 0};
    for (;;) {
        const auto order = orders.try_receive_for(60s);
        if (!order) {
            BOOST_TEST(name_of(order.outcome()) == "closed");
            break;
        }
        ++answer.number;
        answer.sum += order->number;
    }
    answers.send(answer);
    BOOST_TEST(refusal_of([] {
                   return TypedPipe<Order>::Receiver::inherited("orders");
               }).is(std::errc::device_or_resource_busy));
}

BOOST_AUTO_TEST_CASE(refuses_what_does_not_fit) {
    const auto kind = refusal_of([] { return TypedPipe<Order>::Sender::inherited("orders"); });
    BOOST_TEST(kind.is(make_error_code(errc::kind_mismatch)));
    const auto layout = refusal_of([] { return TypedPipe<OtherOrder>::Receiver::inherited("orders"); });
    BOOST_TEST(layout.is(make_error_code(errc::layout_mismatch)));
    BOOST_TEST(layout.says("our layout:"));
    BOOST_TEST(layout.says("price"));
    BOOST_TEST(layout.says("their layout:"));
    BOOST_TEST(layout.says("number"));
    BOOST_TEST(
        refusal_of([] { return tenon::inherited_descriptor("orders"); }).is(make_error_code(errc::kind_mismatch)));
    BOOST_TEST(refusal_of([] {
                   return TypedPipe<Order>::Receiver::inherited("others");
               }).is(std::errc::no_such_file_or_directory));
    std::error_code error;
    BOOST_TEST(!TypedPipe<Order>::Receiver::inherited("others", error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(TypedPipe<Order>::Receiver::inherited("orders").receive().number ==
               3);  // what was refused is still there
}

BOOST_AUTO_TEST_CASE(passes_a_large_message_on) {
    auto in = TypedPipe<Picture>::Receiver::inherited("in");
    auto out = TypedPipe<Picture>::Sender::inherited("out");
    out.send(in.receive());
}

BOOST_AUTO_TEST_CASE(reads_a_descriptor) {
    const auto file = tenon::inherited_descriptor("file");
    char room[8];
    BOOST_TEST(::read(file.get(), room, sizeof room) == 5);
}

BOOST_AUTO_TEST_CASE(hands_nothing_on) {
    auto orders = TypedPipe<Order>::Receiver::inherited("orders");
    auto child = tenon::spawn(
        shell("env | grep -q ^TENON_FD_ && exit 7; test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 '"));
    BOOST_TEST(child.wait().code == 0);
}

BOOST_AUTO_TEST_SUITE_END()

// ---- handing ends over

BOOST_AUTO_TEST_CASE(ends_are_handed_to_another_program_and_the_end_of_the_stream_is_seen) {
    auto orders = TypedPipe<Order>::make();
    auto answers = TypedPipe<Answer>::make();
    static_cast<void>(orders.sender.try_send({5}));
    auto child = tenon::spawn(program("programs/adds_up"), give("orders", std::move(orders.receiver)),
                              give("answers", std::move(answers.sender)));
    BOOST_TEST(!orders.receiver);
    BOOST_TEST(!answers.sender);
    for (int i = 0; i < 100; ++i) {
        orders.sender.send({i});
    }
    orders.sender.close();
    const auto answer = answers.receiver.receive();
    BOOST_TEST(answer.number == 101);
    BOOST_TEST(answer.sum == 4'955);
    BOOST_TEST(name_of(answers.receiver.try_receive_for(60s).outcome()) == "closed");
    const auto status = child.wait();
    BOOST_TEST(status.code == 0);
    BOOST_TEST(status.success());
    BOOST_TEST(!is_zombie_or_child_left());
}

BOOST_AUTO_TEST_CASE(what_is_lent_stays_here_too) {
    auto orders = TypedPipe<Order>::make();
    auto answers = TypedPipe<Answer>::make();
    std::vector<ChildProcess> children;
    for (int i = 0; i < 3; ++i) {
        children.push_back(tenon::spawn(program("programs/adds_up"), lend("orders", orders.receiver),
                                        lend("answers", answers.sender)));
    }
    BOOST_TEST(static_cast<bool>(orders.receiver));
    for (int i = 0; i < 300; ++i) {
        orders.sender.send({1});
    }
    orders.sender.close();
    int sum = 0;
    for (int i = 0; i < 3; ++i) {
        sum += answers.receiver.receive().sum;
    }
    BOOST_TEST(sum == 300);
    for (auto& child : children) {
        BOOST_TEST(child.wait().code == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_program_that_does_not_fit_is_refused_in_words) {
    auto orders = TypedPipe<Order>::make();
    orders.sender.send({3});
    auto child =
        tenon::spawn(program("programs/refuses_what_does_not_fit"), give("orders", std::move(orders.receiver)));
    BOOST_TEST(child.wait().code == 0);
}

BOOST_AUTO_TEST_CASE(ends_for_large_messages_are_handed_over_after_use) {
    auto in = TypedPipe<Picture>::make();
    auto out = TypedPipe<Picture>::make();
    static Picture picture{};
    picture.bytes.fill(9);
    out.sender.send(picture);
    BOOST_TEST(out.receiver.receive().bytes[0] == 9);
    in.sender.send(picture);
    auto child = tenon::spawn(program("programs/passes_a_large_message_on"), give("in", std::move(in.receiver)),
                              give("out", std::move(out.sender)));
    const auto back = out.receiver.try_receive_for(60s);
    BOOST_TEST_REQUIRE(back.has_value());
    BOOST_TEST(back->bytes[19'999] == 9);
    BOOST_TEST(child.wait().code == 0);
}

BOOST_AUTO_TEST_CASE(a_plain_descriptor_is_handed_over_as_well) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    tenon::sys::FileDescriptor write_end{ends[1]};
    BOOST_TEST_REQUIRE(::write(write_end.get(), "hello", 5) == 5);
    auto child =
        tenon::spawn(program("programs/reads_a_descriptor"), give("file", tenon::sys::FileDescriptor{ends[0]}));
    BOOST_TEST(child.wait().code == 0);
    BOOST_TEST(::fcntl(ends[0], F_GETFD) == -1);
}

BOOST_AUTO_TEST_CASE(a_gift_is_not_handed_on_to_the_programs_of_the_program) {
    auto orders = TypedPipe<Order>::make();
    auto child = tenon::spawn(program("programs/hands_nothing_on"), lend("orders", orders.receiver));
    BOOST_TEST(child.wait().code == 0);
}

BOOST_AUTO_TEST_CASE(nothing_else_of_this_process_is_open_there) {
    auto orders = TypedPipe<Order>::make();
    static_cast<void>(orders.sender.try_send({1}));
    static_cast<void>(orders.receiver.try_receive());
    const tenon::sys::FileDescriptor leaky{::open("/dev/null", O_RDONLY)};
    const auto listing = [](const std::string& wanted) {
        return shell("test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '" + wanted + "'");
    };
    BOOST_TEST(tenon::spawn(listing("0 1 2 3 ")).wait().code == 0);
    BOOST_TEST(
        tenon::spawn(listing("0 1 2 3 4 5 "), lend("a", orders.receiver), lend("b", orders.sender)).wait().code == 0);
}

BOOST_AUTO_TEST_CASE(the_environment_is_this_processs) {
    ::setenv("TENON_TEST_WORD", "said", 1);
    BOOST_TEST(tenon::spawn(shell("test \"$TENON_TEST_WORD\" = said")).wait().code == 0);
    ::unsetenv("TENON_TEST_WORD");
}

// ---- what is refused

BOOST_AUTO_TEST_CASE(what_cannot_be_started_is_told_and_leaves_nothing) {
    const Census before;
    const auto missing = refusal_of([] { return tenon::spawn({"/nowhere/no-such-program"}); });
    BOOST_TEST(missing.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(missing.says("\"/nowhere/no-such-program\""));
    auto pipe = TypedPipe<Order>::make();
    for (const char* name : {"", "a b", "a=b"}) {
        BOOST_TEST(refusal_of([&] {
                       return tenon::spawn({"true"}, lend(name, pipe.receiver));
                   }).is(std::errc::invalid_argument));
    }
    auto moved = std::move(pipe.receiver);
    BOOST_TEST(refusal_of([&] {
                   return tenon::spawn({"true"}, lend("orders", pipe.receiver));
               }).is(std::errc::bad_file_descriptor));
    pipe.sender.close();
    moved.close();
    BOOST_TEST(before == Census{});
    BOOST_TEST(!is_zombie_or_child_left());
}

BOOST_AUTO_TEST_CASE(no_process_is_hurt_when_there_was_no_child) {
    BOOST_TEST(refusal_of([] { return ChildProcess{-1}; }).code.value() != 0);
    BOOST_TEST(refusal_of([] { return ChildProcess{0}; }).code.value() != 0);
}

BOOST_AUTO_TEST_CASE(without_descriptors_nothing_is_started_and_no_zombie_is_left) {
    for (int spare = 0; spare < 6; ++spare) {
        const bool fine = in_child([&] {
            const ::rlimit few{64, 64};
            ::setrlimit(RLIMIT_NOFILE, &few);
            auto pipe = TypedPipe<Order>::make();
            std::vector<tenon::sys::FileDescriptor> all;
            for (int one; (one = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1;) {
                all.emplace_back(one);
            }
            all.resize(all.size() - static_cast<std::size_t>(spare));
            const auto refusal = refusal_of([&] {
                return tenon::spawn(shell("exit 0"), lend("a", pipe.receiver), lend("b", pipe.sender)).wait().code;
            });
            return (refusal.is(std::errc::too_many_files_open) || refusal.code.value() == 0) &&
                   !is_zombie_or_child_left();
        });
        BOOST_TEST(fine, spare << " descriptors left");
    }
}

// ---- how a program ends

BOOST_AUTO_TEST_CASE(an_exit_code_and_a_signal_are_told_apart) {
    const auto exited = tenon::spawn(shell("exit 7")).wait();
    BOOST_TEST(exited.code == 7);
    BOOST_TEST(exited.signal == 0);
    BOOST_TEST(!exited.success());
    const auto killed = tenon::spawn(shell("kill -TERM $$")).wait();
    BOOST_TEST(killed.code == -1);
    BOOST_TEST(killed.signal == SIGTERM);
    BOOST_TEST(!killed.success());
    BOOST_TEST(tenon::spawn(shell("exit 0")).wait().success());
}

BOOST_AUTO_TEST_CASE(a_broken_pipe_ends_a_program_that_knows_nothing_of_tenon) {
    auto pipe = TypedPipe<Order>::make();  // its handler is not handed on
    BOOST_TEST(tenon::spawn(shell("kill -PIPE $$; exit 3")).wait().signal == SIGPIPE);
}

BOOST_AUTO_TEST_CASE(waiting_may_have_a_deadline_and_may_be_repeated) {
    auto sut = tenon::spawn(shell("read x; exit 3"), give("unused", TypedPipe<Order>::make().into_sender()));
    auto sleeper = tenon::spawn({"sleep", "1000"});
    BOOST_TEST(!sleeper.try_wait_for(0ms));
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!sleeper.try_wait_for(20ms));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 20ms));
    BOOST_TEST(!sleeper.try_wait_until(tenon::Deadline::of_monotonic(0)));
    sleeper.kill();
    BOOST_TEST(sleeper.try_wait_for(60s).value().signal == SIGKILL);
    BOOST_TEST(sleeper.wait().signal == SIGKILL);
    BOOST_TEST(sleeper.try_wait_for(0ms).value().signal == SIGKILL);
    sleeper.kill();  // has ended: nothing happens
    sut.kill(SIGTERM);
    const auto status = sut.wait();
    BOOST_TEST((status.signal == SIGTERM || status.code == 3));
}

BOOST_AUTO_TEST_CASE(wait_any_takes_programs_too) {
    auto pipe = TypedPipe<Order>::make();
    auto sleeper = tenon::spawn({"sleep", "1000"});
    auto child = tenon::spawn(shell("exit 0"));
    BOOST_TEST(wait_any(tenon::Deadline::never(), pipe.receiver, sleeper, child).value() == 2);
    sleeper.kill();
    BOOST_TEST(wait_any(tenon::Deadline::never(), pipe.receiver, sleeper).value() == 1);
}

BOOST_AUTO_TEST_CASE(the_destructor_leaves_no_zombie_and_no_descriptor) {
    const Census before;
    for (int i = 0; i < 20; ++i) {
        const auto child = tenon::spawn(shell("exit 0"));
        BOOST_TEST(child.pid() > 0);
    }
    BOOST_TEST(!is_zombie_or_child_left());
    BOOST_TEST(before == Census{});
}

BOOST_AUTO_TEST_CASE(a_child_process_moves) {
    auto first = tenon::spawn(shell("exit 4"));
    auto second = std::move(first);
    BOOST_TEST(!first);
    first.kill();
    auto third = tenon::spawn(shell("exit 5"));
    third = std::move(second);
    BOOST_TEST(third.wait().code == 4);
    BOOST_TEST(second.wait().code == 5);
    ChildProcess none;
    BOOST_TEST(!none);
    none.kill();
    BOOST_TEST(none.wait().code == -1);
    BOOST_TEST(!is_zombie_or_child_left());
}

BOOST_AUTO_TEST_CASE(a_child_of_fork_is_waited_for_as_well) {
    const ::pid_t pid = ::fork();
    if (pid == 0) {
        ::_exit(6);
    }
    ChildProcess sut{pid};
    BOOST_TEST(sut.wait().code == 6);
}

BOOST_AUTO_TEST_CASE(who_has_the_number_of_an_ended_child_is_not_killed,
                     *boost::unit_test::precondition(support::NeedsRoot{})) {
    const bool fine = in_child([] {
        ::signal(SIGCHLD, SIG_IGN);  // so that the number is free at once
        auto sut = tenon::spawn(shell("sleep 0.1"));
        static_cast<void>(tenon::sys::poll_until(sut.native_handle(), POLLIN, tenon::sys::end_of_time));
        while (::kill(sut.pid(), 0) == 0) {}
        ::pid_t stranger = -1;
        for (int attempt = 0; attempt < 100 && stranger != sut.pid(); ++attempt) {
            if (!(std::ofstream{"/proc/sys/kernel/ns_last_pid"} << sut.pid() - 1).flush()) {
                std::fprintf(stderr, "numbers cannot be chosen here\n");
                return true;
            }
            if (stranger > 0) {
                ::kill(stranger, SIGKILL);
            }
            stranger = ::fork();
            if (stranger == 0) {
                ::pause();
                ::_exit(0);
            }
        }
        sut.kill();
        tenon::sys::sleep_until(tenon::sys::monotonic_now() + 20'000'000);
        const bool lives = ::kill(stranger, 0) == 0;
        if (stranger > 0) {
            ::kill(stranger, SIGKILL);
        }
        return lives && refusal_of([&] { return sut.wait().code; }).is(std::errc::no_child_process);
    });
    BOOST_TEST(fine);
}

BOOST_AUTO_TEST_CASE(a_deadline_holds_though_the_kernel_refuses_to_poll) {
    const bool fine = in_child([] {
        auto sleeper = tenon::spawn({"sleep", "1000"});
        auto child = tenon::spawn(shell("sleep 0.05; exit 3"));
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        const auto start = std::chrono::steady_clock::now();
        const bool late = !sleeper.try_wait_for(20ms) && std::chrono::steady_clock::now() - start >= 20ms;
        sleeper.kill();
        const auto status = child.try_wait_for(60s);
        return late && status && status->code == 3 && sleeper.wait().signal == SIGKILL;
    });
    BOOST_TEST(fine);
}
