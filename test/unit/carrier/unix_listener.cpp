// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_unix_listener
#include "tenon/carrier/unix_listener.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/sockets.hpp"
#include "tenon/typed_socket.hpp"

using namespace std::chrono_literals;
using support::Child;
using support::Directory;
using support::in_child;
using support::raw_connection;
using support::raw_send;
using support::refusal_of;
using support::unique_abstract_name;
using tenon::Outcome;
using tenon::TypedListener;
using tenon::TypedSocket;
using tenon::carrier::GreetingHeader;
using tenon::carrier::UnixListener;
namespace over = tenon::over;
namespace sys = tenon::sys;

namespace {

struct Request {
    std::uint64_t number = 0;
};
struct Answer {
    std::uint64_t number = 0;
    bool fine = false;
};
using Roads = boost::mpl::list<over::seqpacket, over::stream>;

template <class Over>
struct Listening {
    std::string address = unique_abstract_name();
    TypedListener<Answer, Request, Over> sut = TypedListener<Answer, Request, Over>::create(address);
    static constexpr int type = std::is_same_v<Over, over::stream> ? SOCK_STREAM : SOCK_SEQPACKET;

    [[nodiscard]] sys::FileDescriptor stranger() const { return raw_connection(address, type); }

    /// Whether an honest client still gets through.
    bool serves() {
        Child client{[&] {
            auto socket = TypedSocket<Request, Answer, Over>::connect(address);
            socket.send({5});
            return socket.receive().number == 6;
        }};
        auto socket = sut.accept();
        socket.send({socket.receive().number + 1, true});
        return client.succeeds();
    }
    void look_after_strangers() {
        for (int i = 0; i < 20; ++i) {
            static_cast<void>(sut.try_accept());
        }
    }
    [[nodiscard]] bool last_said(std::string_view words) const {
        return sut.last_refusal().find(words) != std::string::npos;
    }
};

std::string good_greeting() { return tenon::carrier::Terms::of<Request, Answer>().greeting(); }

/// Whether the server has closed it, after its greeting.
bool is_closed(int socket) {
    char bytes[4096];
    for (;;) {
        const auto got = ::recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0) {
            return true;
        }
        if (got == -1 && errno != ECONNRESET) {
            return errno != EAGAIN;
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(strangers_who_say_nothing_are_bounded_and_hold_nobody_up, Over, Roads) {
    Listening<Over> listening;
    const std::size_t before = support::open_descriptors();
    Child strangers{[&] {
        std::vector<sys::FileDescriptor> silent;
        for (int i = 0; i < 1000; ++i) {
            silent.push_back(listening.stranger());
        }
        ::pause();
        return true;
    }};
    while (listening.sut.refused() < 1000 - UnixListener::most_pending) {
        static_cast<void>(listening.sut.try_accept_for(10ms));
        BOOST_REQUIRE(support::open_descriptors() <= before + UnixListener::most_pending);
    }
    BOOST_TEST(listening.last_said("had not greeted, and others came"));
    BOOST_TEST(listening.last_said("pid " + std::to_string(strangers.pid()) + ", uid "));
    BOOST_TEST(listening.serves());
    strangers.kill_now();
    while (listening.sut.refused() < 1000) {
        static_cast<void>(listening.sut.try_accept_for(10ms));
    }
    BOOST_TEST(support::open_descriptors() == before);
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nonsense_is_closed_and_counted, Over, Roads) {
    Listening<Over> listening;
    std::string other_format = good_greeting();
    other_format[8] = 9;
    std::string contradiction = good_greeting();
    contradiction[48] = static_cast<char>(contradiction[48] + 1);
    std::string boundless = good_greeting();
    std::memset(boundless.data() + 12, 0xff, 4);
    std::string no_size = good_greeting();
    std::memset(no_size.data() + 12, 0, 4);
    const std::string cases[] = {
        std::string(200, 'x'), std::string(200, '\0'), other_format, contradiction, boundless, no_size};
    std::uint64_t count = 0;
    for (const std::string& nonsense : cases) {
        const auto stranger = listening.stranger();
        BOOST_REQUIRE(raw_send(stranger.get(), nonsense.data(), nonsense.size()) > 0);
        listening.look_after_strangers();
        BOOST_TEST(listening.sut.refused() == ++count);
        BOOST_TEST(is_closed(stranger.get()));
    }
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE(a_packet_that_is_cut_or_too_large_is_no_greeting) {
    Listening<over::seqpacket> listening;
    const std::string greeting = good_greeting();
    std::uint64_t count = 0;
    for (const std::size_t size : {std::size_t{1}, std::size_t{63}, std::size_t{64}, greeting.size() - 1}) {
        const auto stranger = listening.stranger();
        BOOST_REQUIRE(raw_send(stranger.get(), greeting.data(), size) > 0);
        listening.look_after_strangers();
        BOOST_TEST(listening.sut.refused() == ++count);
        BOOST_TEST(is_closed(stranger.get()));
    }
    const auto stranger = listening.stranger();
    const std::string huge(100'000, 'x');
    BOOST_REQUIRE(raw_send(stranger.get(), huge.data(), huge.size()) > 0);
    listening.look_after_strangers();
    BOOST_TEST(listening.sut.refused() == ++count);
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE(a_stream_that_drips_its_greeting_is_waited_for) {
    Listening<over::stream> listening;
    const std::string greeting = good_greeting();
    const auto slow = listening.stranger();
    for (const char byte : greeting) {
        BOOST_REQUIRE((listening.sut.try_accept().outcome() == Outcome::empty));
        BOOST_REQUIRE(raw_send(slow.get(), &byte, 1) == 1);
    }
    const Request request{3};
    BOOST_REQUIRE(raw_send(slow.get(), &request, sizeof request) > 0);  // not a part of the greeting
    auto socket = listening.sut.accept();
    BOOST_TEST(socket.receive().number == 3U);
    BOOST_TEST(listening.sut.refused() == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_hangs_up_before_a_whole_greeting_is_counted, Over, Roads) {
    Listening<Over> listening;
    const std::string greeting = good_greeting();
    { const auto stranger = listening.stranger(); }
    listening.look_after_strangers();
    BOOST_TEST(listening.sut.refused() == 1U);
    {
        const auto stranger = listening.stranger();
        listening.look_after_strangers();
        BOOST_TEST(listening.sut.refused() == 1U);
        if (Listening<Over>::type == SOCK_STREAM) {
            BOOST_REQUIRE(raw_send(stranger.get(), greeting.data(), 70) == 70);
            listening.look_after_strangers();
        }
    }
    listening.look_after_strangers();
    BOOST_TEST(listening.sut.refused() == 2U);
    BOOST_TEST(listening.last_said("went "));
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_in_a_greeting_are_not_kept, Over, Roads) {
    Listening<Over> listening;
    const std::size_t before = support::open_descriptors();
    {
        const auto stranger = listening.stranger();
        const std::string greeting = good_greeting();
        BOOST_REQUIRE((raw_send(stranger.get(), greeting.data(), greeting.size(), {0, 1, 2}) > 0 ||
                       (errno == EPERM && raw_send(stranger.get(), greeting.data(), greeting.size()) > 0)));
        const auto socket = listening.sut.accept();
        BOOST_TEST(support::open_descriptors() == before + 2);
    }
    BOOST_TEST(support::open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_strangers_descriptor_cannot_make_close_sleep, Over, Roads) {
    struct Frame {
        tenon::PassedFd pixels;
    };
    const std::string address = unique_abstract_name();
    auto sut = TypedListener<Answer, Frame, Over>::create(address);
    const auto socket = sys::create_unix_socket(SOCK_STREAM);
    const auto lingers = [&] {
        ::linger seen{};
        ::socklen_t size = sizeof seen;
        return ::getsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &seen, &size) == 0 && seen.l_onoff != 0;
    };
    std::string nonsense(200, 'x');
    const std::string greeting = tenon::carrier::Terms::of<Frame, Answer>().greeting();
    for (const bool accepted_first : {false, true}) {
        for (const std::string& bytes : {nonsense, greeting}) {
            const ::linger day{1, 86'400};
            BOOST_REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &day, sizeof day) == 0);
            const auto stranger = raw_connection(address, Listening<Over>::type);
            if (accepted_first) {
                static_cast<void>(sut.try_accept());  // from now on it might be a client
            }
            if (raw_send(stranger.get(), bytes.data(), bytes.size(), {socket.get()}) == -1) {
                BOOST_TEST(errno == EPERM);  // since Linux 6.16
                BOOST_TEST(!accepted_first);
                continue;
            }
            BOOST_TEST(static_cast<bool>(sut.try_accept()) == (bytes == greeting));
            BOOST_TEST(!lingers());
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_descriptor_is_readable_while_there_is_something_to_do, Over, Roads) {
    Listening<Over> listening;
    const auto is_readable = [&] { return sys::poll_until(listening.sut.native_handle(), POLLIN, 0) != 0; };
    BOOST_TEST(!is_readable());
    const auto stranger = listening.stranger();
    BOOST_TEST(is_readable());
    listening.look_after_strangers();
    BOOST_TEST(!is_readable());
    const std::string greeting = good_greeting();
    BOOST_REQUIRE(raw_send(stranger.get(), greeting.data(), greeting.size()) > 0);
    BOOST_TEST(is_readable());
    BOOST_TEST(static_cast<bool>(listening.sut.try_accept()));
    BOOST_TEST(!is_readable());
    BOOST_TEST(listening.sut.waitable().descriptor == listening.sut.native_handle());
}

BOOST_AUTO_TEST_CASE(waits_end_with_their_time_whatever_strangers_do) {
    Listening<over::stream> listening;
    Child flood{[&] {
        for (;;) {
            static_cast<void>(listening.stranger());
        }
        return false;
    }};
    const auto start = sys::monotonic_now();
    BOOST_TEST((listening.sut.try_accept_for(50ms).outcome() == Outcome::late));
    BOOST_TEST(sys::monotonic_now() - start >= 50'000'000);
    BOOST_TEST((listening.sut.try_accept().outcome() == Outcome::empty));
    BOOST_TEST((listening.sut.try_accept_for(0ms).outcome() == Outcome::late));
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_free_descriptors_silent_strangers_go_first, Over, Roads) {
    BOOST_TEST(in_child([] {
        Listening<Over> listening;
        std::vector<sys::FileDescriptor> strangers;
        for (int i = 0; i < 5; ++i) {
            strangers.push_back(listening.stranger());
        }
        listening.look_after_strangers();
        auto honest = listening.stranger();
        const std::string greeting = good_greeting();
        raw_send(honest.get(), greeting.data(), greeting.size());
        ::rlimit none{1024, 1024};
        const sys::FileDescriptor next = sys::duplicate(0);
        none.rlim_cur = static_cast<::rlim_t>(next.get());
        const ::rlimit before{1024, 1024};
        ::setrlimit(RLIMIT_NOFILE, &none);
        auto accepted = listening.sut.try_accept_for(60s);
        ::setrlimit(RLIMIT_NOFILE, &before);
        return accepted && listening.sut.refused() == 1 &&
               listening.last_said("no descriptor is free for another (RLIMIT");
    }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_free_descriptors_a_newcomer_is_closed_and_the_others_go_on, Over, Roads) {
    BOOST_TEST(in_child([] {
        Listening<Over> listening;
        auto early = listening.stranger();
        const std::string greeting = good_greeting();
        raw_send(early.get(), greeting.data(), greeting.size());
        auto served = listening.sut.accept();
        const auto newcomer = listening.stranger();
        const auto second = listening.stranger();
        const sys::FileDescriptor next = sys::duplicate(0);
        const ::rlimit before{1024, 1024};
        const ::rlimit none{static_cast<::rlim_t>(next.get()), 1024};
        ::setrlimit(RLIMIT_NOFILE, &none);
        const auto refused = listening.sut.try_accept();
        std::error_code error;  // no exception: UBSan looks into one with the help of two free descriptors
        const bool empty = !listening.sut.accept(error);
        const bool nothing_left = listening.sut.try_accept().outcome() == Outcome::empty;
        const Request request{4};
        raw_send(early.get(), &request, sizeof request);
        const bool goes_on = served.receive().number == 4;
        ::setrlimit(RLIMIT_NOFILE, &before);
        return refused.outcome() == Outcome::failed && refused.error() == std::errc::too_many_files_open && empty &&
               error == std::errc::too_many_files_open && listening.last_said("RLIMIT_NOFILE is ") && nothing_left &&
               goes_on && listening.sut.refused() == 2 && is_closed(newcomer.get()) && listening.serves();
    }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_forked_child_has_strangers_of_its_own, Over, Roads) {
    Listening<Over> listening;
    const auto of_the_parent = listening.stranger();
    listening.look_after_strangers();
    Child child{[&] {
        const int number = listening.sut.native_handle();
        auto socket = listening.sut.accept();
        socket.send({socket.receive().number, true});
        return number == listening.sut.native_handle();
    }};
    {
        auto client = TypedSocket<Request, Answer, Over>::connect(listening.address);
        client.send({8});
        BOOST_TEST(client.receive().number == 8U);
    }
    BOOST_TEST(child.succeeds());
    const std::string greeting = good_greeting();
    BOOST_TEST(!is_closed(of_the_parent.get()));
    BOOST_REQUIRE(raw_send(of_the_parent.get(), greeting.data(), greeting.size()) > 0);
    BOOST_TEST(static_cast<bool>(listening.sut.try_accept()));
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_descriptor_of_a_forked_child_is_its_own_from_the_first, Over, Roads) {
    Listening<Over> listening;
    const auto of_the_parent = listening.stranger();
    listening.look_after_strangers();
    const std::string greeting = good_greeting();
    BOOST_TEST(in_child([&] {
        const sys::FileDescriptor loop{sys::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
        ::epoll_event event{};
        event.events = EPOLLIN;
        sys::checked(::epoll_ctl(loop.get(), EPOLL_CTL_ADD, listening.sut.native_handle(), &event), "epoll_ctl");
        const auto is_readable = [&] { return ::epoll_wait(loop.get(), &event, 1, 0) == 1; };
        raw_send(of_the_parent.get(), greeting.data(), greeting.size());
        const bool parents = is_readable() || sys::poll_until(listening.sut.waitable().descriptor, POLLIN, 0) != 0;
        const auto own = listening.stranger();
        const bool has_come = is_readable() && listening.sut.try_accept().outcome() == Outcome::empty && !is_readable();
        raw_send(own.get(), greeting.data(), greeting.size());
        return !parents && has_come && is_readable() && listening.sut.try_accept();
    }));
    BOOST_TEST(static_cast<bool>(listening.sut.try_accept()));
    BOOST_TEST(listening.serves());
}

BOOST_AUTO_TEST_CASE(a_forked_child_that_is_refused_a_descriptor_asks_again) {
    Listening<over::seqpacket> listening;
    BOOST_TEST(in_child([&] {
        const int number = listening.sut.native_handle();
        return in_child([&] {
            const ::rlimit none{0, 1024};
            const ::rlimit before{1024, 1024};
            // UBSan looks into an exception with the help of two free descriptors: into the first of its kind.
            static_cast<void>(refusal_of([] { return sys::checked(-1, "nothing"); }));
            ::setrlimit(RLIMIT_NOFILE, &none);
            const bool refused = listening.sut.native_handle() == -1;
            ::setrlimit(RLIMIT_NOFILE, &before);
            return refused && listening.sut.native_handle() == number && listening.serves();
        });
    }));
    BOOST_TEST(in_child([&] {  // but needs none that is free
        const support::Exhausted all;
        return listening.sut.native_handle() != -1;
    }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(several_processes_accept_from_one_listener, Over, Roads) {
    Listening<Over> listening;
    const auto work = [&] {
        for (int i = 0; i < 20; ++i) {
            auto socket = listening.sut.accept();
            socket.send({socket.receive().number + 1, true});
        }
        return true;
    };
    Child first{work};
    Child second{work};
    bool fine = true;
    for (std::uint64_t i = 0; i < 40; ++i) {
        auto client = TypedSocket<Request, Answer, Over>::connect(listening.address);
        client.send({i});
        fine = client.receive().number == i + 1 && fine;
    }
    BOOST_TEST(fine);
    BOOST_TEST(first.succeeds());
    BOOST_TEST(second.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_listener_that_moves_goes_on, Over, Roads) {
    Listening<Over> listening;
    const auto stranger = listening.stranger();
    listening.look_after_strangers();
    auto moved = std::move(listening.sut);
    BOOST_TEST(!listening.sut);
    const std::string greeting = good_greeting();
    BOOST_REQUIRE(raw_send(stranger.get(), greeting.data(), greeting.size()) > 0);
    BOOST_TEST(static_cast<bool>(moved.try_accept()));
    listening.sut = std::move(moved);
    BOOST_TEST(listening.serves());
    listening.sut = {};
    BOOST_TEST(refusal_of([&] {
                   return TypedSocket<Request, Answer, Over>::connect(listening.address);
               }).is(std::errc::connection_refused));
}
