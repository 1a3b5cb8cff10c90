// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_poll
#include "tenon/sys/poll.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <vector>

#include "support/child.hpp"
#include "support/interruptions.hpp"

namespace {

using namespace std::chrono_literals;
using support::Interruptions;
namespace sys = tenon::sys;
constexpr std::int64_t millisecond = 1'000'000;

struct Pipe {
    Pipe() { BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
    ~Pipe() {
        close(0);
        close(1);
    }
    void close(int end) {
        if (ends[end] != -1) {
            ::close(ends[end]);
            ends[end] = -1;
        }
    }
    void fill() const { BOOST_TEST_REQUIRE(::write(ends[1], "x", 1) == 1); }
    int ends[2] = {-1, -1};
};

}  // namespace

BOOST_AUTO_TEST_CASE(zero_and_what_is_past_look_once) {
    const Pipe pipe;
    for (const std::int64_t until : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-5}, INT64_MIN}) {
        BOOST_TEST(sys::poll_until(pipe.ends[0], POLLIN, until) == 0);
    }
    pipe.fill();
    for (const std::int64_t until : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-5}, INT64_MIN}) {
        BOOST_TEST(sys::poll_until(pipe.ends[0], POLLIN, until) == POLLIN);
    }
}

BOOST_AUTO_TEST_CASE(it_waits_until_the_time_and_not_less) {
    const Pipe pipe;
    const std::int64_t until = sys::monotonic_now() + 20 * millisecond;
    BOOST_TEST(sys::poll_until(pipe.ends[0], POLLIN, until) == 0);
    BOOST_TEST(sys::monotonic_now() >= until);
}

BOOST_AUTO_TEST_CASE(signals_neither_shorten_nor_lengthen_a_wait) {
    const Pipe pipe;
    const Interruptions storm{300us};
    const std::int64_t until = sys::monotonic_now() + 50 * millisecond;
    BOOST_TEST(sys::poll_until(pipe.ends[0], POLLIN, until) == 0);
    BOOST_TEST(sys::monotonic_now() >= until);
}

BOOST_AUTO_TEST_CASE(a_wait_without_end_outlasts_signals_and_ends_with_the_event) {
    const Pipe pipe;
    support::Child writer{[&] {
        ::usleep(30'000);
        return ::write(pipe.ends[1], "x", 1) == 1;
    }};
    short seen = 0;
    {
        const Interruptions storm{300us};
        seen = sys::poll_until(pipe.ends[0], POLLIN, sys::end_of_time);
    }
    BOOST_TEST(seen == POLLIN);
    BOOST_TEST(writer.succeeds());
}

BOOST_AUTO_TEST_CASE(a_hang_up_an_error_and_a_closed_descriptor_are_always_seen) {
    Pipe hung_up;
    hung_up.close(1);
    BOOST_TEST(sys::poll_until(hung_up.ends[0], POLLIN, sys::end_of_time) == POLLHUP);
    Pipe unread;
    unread.close(0);
    BOOST_TEST((sys::poll_until(unread.ends[1], POLLOUT, sys::end_of_time) & POLLERR) != 0);
    BOOST_TEST(sys::poll_until(9999, POLLIN, sys::end_of_time) == POLLNVAL);
}

BOOST_AUTO_TEST_CASE(several_are_counted_and_negative_ones_passed_over) {
    const Pipe one;
    const Pipe two;
    one.fill();
    two.fill();
    ::pollfd polled[] = {{one.ends[0], POLLIN, 0}, {-1, POLLIN, 0}, {two.ends[0], POLLIN, 0}};
    BOOST_TEST(sys::try_poll_until(polled, 3, sys::end_of_time) == 2);
    BOOST_TEST(polled[1].revents == 0);
}

BOOST_AUTO_TEST_CASE(what_the_kernel_refuses_is_told) {
    const bool refused = support::in_child([] {
        const ::rlimit few{64, 64};
        std::vector<::pollfd> polled(65, {-1, POLLIN, 0});
        return ::setrlimit(RLIMIT_NOFILE, &few) == 0 && sys::try_poll_until(polled.data(), polled.size(), 0) == -1 &&
               errno == EINVAL;
    });
    BOOST_TEST(refused);
}

BOOST_AUTO_TEST_CASE(a_wait_that_the_kernel_refuses_looks_now_and_then_and_ends_when_the_time_comes) {
    const bool fine = support::in_child([] {
        const Pipe pipe;
        const ::rlimit none{0, 0};
        bool holds = ::setrlimit(RLIMIT_NOFILE, &none) == 0 && sys::poll_until(pipe.ends[0], POLLIN, 0) == 0;
        const std::int64_t until = sys::monotonic_now() + 20 * millisecond;
        int looks = 0;
        for (short seen; (seen = sys::poll_until(pipe.ends[0], POLLIN, until)) != 0; ++looks) {
            holds = holds && seen == (POLLIN | POLLNVAL);
        }
        return holds && looks > 0 && sys::monotonic_now() >= until &&
               sys::poll_until(pipe.ends[0], POLLIN, sys::end_of_time) == (POLLIN | POLLNVAL);
    });
    BOOST_TEST(fine);
}
