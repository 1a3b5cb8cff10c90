// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_unix_socket
#include "tenon/sys/unix_socket.hpp"

#include <fcntl.h>
#include <grp.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/sockets.hpp"

using support::Child;
using support::refusal_of;
namespace sys = tenon::sys;

BOOST_AUTO_TEST_CASE(sockets_are_closed_on_exec) {
    const auto sut = sys::create_unix_socket(SOCK_SEQPACKET);
    const auto pair = sys::create_unix_socket_pair(SOCK_STREAM);
    for (const int descriptor : {sut.get(), pair.left.get(), pair.right.get()}) {
        BOOST_TEST((::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    }
    BOOST_TEST(sys::socket_option(sut.get(), SO_TYPE) == SOCK_SEQPACKET);
    BOOST_TEST(sys::socket_option(pair.left.get(), SO_DOMAIN) == AF_UNIX);
    BOOST_TEST(refusal_of([] { return sys::create_unix_socket(99); }).says("socket(AF_UNIX): "));
    BOOST_TEST(refusal_of([] { return sys::socket_option(-1, SO_TYPE, "x"); }).text ==
               "getsockopt \"x\": Bad file descriptor");
}

BOOST_AUTO_TEST_CASE(the_kernel_says_who_connected_and_who_listens) {
    const std::string address = support::unique_abstract_name();
    const auto listener = support::raw_listener(address);
    Child client{[&] {
        const auto socket = support::raw_connection(address);
        const auto server = sys::peer_credentials(socket.get());
        char byte;
        static_cast<void>(::recv(socket.get(), &byte, 1, 0));
        return server == sys::PeerCredentials{::getppid(), ::geteuid(), ::getegid()};
    }};
    {
        const auto sut = sys::try_accept(listener.get());
        BOOST_TEST((::fcntl(sut.get(), F_GETFD) & FD_CLOEXEC) != 0);
        BOOST_TEST((sys::peer_credentials(sut.get()) == sys::PeerCredentials{client.pid(), ::geteuid(), ::getegid()}));
        BOOST_TEST(sys::peer_is_in_group(sut.get(), ::getegid()));
        BOOST_TEST(!sys::peer_is_in_group(sut.get(), 54321));
    }
    BOOST_TEST(client.succeeds());
}

BOOST_AUTO_TEST_CASE(groups_beside_the_main_one_count) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("only root can change its groups");
        return;
    }
    BOOST_TEST(support::in_child([] {
        const ::gid_t groups[] = {54321, 54322};
        if (::setgroups(2, groups) != 0) {
            return false;
        }
        const auto pair = sys::create_unix_socket_pair(SOCK_STREAM);
        return sys::peer_is_in_group(pair.left.get(), 54322) && !sys::peer_is_in_group(pair.left.get(), 54323);
    }));
}

BOOST_AUTO_TEST_CASE(descriptors_that_nobody_asked_for_are_closed_and_do_not_linger) {
    const auto pair = sys::create_unix_socket_pair(SOCK_SEQPACKET);
    const auto passed = sys::create_unix_socket(SOCK_STREAM);
    const ::linger day{1, 86'400};
    ::linger seen{};
    ::socklen_t size = sizeof seen;
    char room[8];
    const std::size_t before = support::open_descriptors();
    for (const bool all : {false, true}) {
        BOOST_REQUIRE(::setsockopt(passed.get(), SOL_SOCKET, SO_LINGER, &day, sizeof day) == 0);
        BOOST_REQUIRE(support::raw_send(pair.left.get(), "abc", 3, std::vector<int>(253, passed.get())) == 3);
        if (all) {
            BOOST_REQUIRE(support::raw_send(pair.left.get(), "def", 3, {0}) == 3);
            sys::shut_down(pair.right.get());
            BOOST_TEST(sys::bytes_waiting(pair.right.get()) == 0);
            BOOST_TEST(::recv(pair.left.get(), room, sizeof room, 0) == 0);
        } else {
            BOOST_TEST(sys::bytes_waiting(pair.right.get()) == 3);
            BOOST_TEST(sys::receive_bytes_only(pair.right.get(), room, sizeof room, 0) == 3);
            BOOST_TEST(room[2] == 'c');
        }
        BOOST_TEST(support::open_descriptors() == before);
        BOOST_REQUIRE(::getsockopt(passed.get(), SOL_SOCKET, SO_LINGER, &seen, &size) == 0);
        BOOST_TEST(seen.l_onoff == 0);
    }
}

BOOST_AUTO_TEST_CASE(who_may_pass_descriptors_is_the_receivers_choice) {
    const std::string address = support::unique_abstract_name();
    const auto listener = support::raw_listener(address);
    sys::refuse_descriptors(listener.get());
    const auto client = support::raw_connection(address);
    if (support::raw_send(client.get(), "a", 1, {0}) == 1) {
        BOOST_TEST_MESSAGE("SO_PASSRIGHTS came with Linux 6.16");
        return;
    }
    BOOST_TEST(errno == EPERM);
    const auto accepted = sys::try_accept(listener.get());
    BOOST_TEST(support::raw_send(client.get(), "a", 1, {0}) == -1);
    sys::admit_descriptors(accepted.get());
    BOOST_TEST(support::raw_send(client.get(), "a", 1, {0}) == 1);
}

BOOST_AUTO_TEST_CASE(a_connect_into_a_full_backlog_ends_with_its_time) {
    const std::string address = support::unique_abstract_name();
    const auto native = tenon::UnixAddress{address}.native();
    const auto listener = sys::create_unix_socket(SOCK_STREAM);
    BOOST_REQUIRE(::bind(listener.get(), native.get(), native.size) == 0);
    BOOST_REQUIRE(::listen(listener.get(), 0) == 0);
    const auto first = support::raw_connection(address, SOCK_STREAM);
    const auto sut = sys::create_unix_socket(SOCK_STREAM);
    const auto until = sys::monotonic_now() + 20'000'000;
    BOOST_TEST(sys::try_connect_until(sut.get(), native, until) == EAGAIN);
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(sys::try_connect_until(sut.get(), native, 0) == EAGAIN);
    const auto accepted = sys::try_accept(listener.get());
    BOOST_TEST(sys::try_connect_until(sut.get(), native, sys::end_of_time) == 0);
    ::timeval left{1, 1};
    ::socklen_t size = sizeof left;
    BOOST_REQUIRE(::getsockopt(sut.get(), SOL_SOCKET, SO_SNDTIMEO, &left, &size) == 0);
    BOOST_TEST(left.tv_sec == 0);
    BOOST_TEST(left.tv_usec == 0);
}
