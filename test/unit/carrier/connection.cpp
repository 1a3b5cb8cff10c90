// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_connection
/// What the kernel does between two of its own looks, which no peer can be made to hit: the system calls of this program go
/// through functions of its own, in the midst of which a test may act.
#include "tenon/carrier/connection.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <functional>
#include <new>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/machine.hpp"
#include "support/sockets.hpp"
#include "tenon/typed_socket.hpp"

namespace {

/// Done once by the next call of that kind.
std::function<void()> amid_a_receive;
std::function<void()> amid_a_send;
std::function<void()> amid_a_wait;
int waits = 0;
long allocations_left = -1;  // no limit

bool happens(std::function<void()>& what) {
    if (!what) {
        return false;
    }
    std::exchange(what, nullptr)();
    return true;
}

template <class... Arguments>
auto system_call(long number, Arguments... arguments) {
    return ::syscall(number, arguments...);
}

}  // namespace

// ---- recv(2) and its kind: nothing is there; the peer acts; it is the end

extern "C" ::ssize_t recv(int socket, void* room, std::size_t size, int flags) {
    return happens(amid_a_receive) ? 0 : ::recvfrom(socket, room, size, flags, nullptr, nullptr);
}

extern "C" ::ssize_t recvmsg(int socket, ::msghdr* message, int flags) {
    if (happens(amid_a_receive)) {
        message->msg_controllen = 0;
        return 0;
    }
    return system_call(SYS_recvmsg, socket, message, flags);
}

extern "C" int recvmmsg(int socket, ::mmsghdr* messages, unsigned count, int flags, ::timespec* /*timeout*/) {
    const auto receive = [&](unsigned from) {
        const long got = from == count ? 0 : system_call(SYS_recvmmsg, socket, messages + from, count - from, flags, 0);
        return static_cast<unsigned>(std::max(got, 0L));
    };
    if (!amid_a_receive) {
        return static_cast<int>(system_call(SYS_recvmmsg, socket, messages, count, flags, 0));
    }
    const unsigned before = receive(0);
    if (before == count) {
        return static_cast<int>(before);
    }
    happens(amid_a_receive);
    messages[before].msg_len = 0;
    return static_cast<int>(before + 1 + receive(before + 1));
}

// ---- send(2): the peer ends; EPIPE; our end hears of it. sendmmsg(2): the peer acts behind the first message

extern "C" ::ssize_t send(int socket, const void* bytes, std::size_t size, int flags) {
    if (happens(amid_a_send)) {
        errno = EPIPE;
        return -1;
    }
    return ::sendto(socket, bytes, size, flags, nullptr, 0);
}

extern "C" int sendmmsg(int socket, ::mmsghdr* messages, unsigned count, int flags) {
    if (!amid_a_send) {
        return static_cast<int>(system_call(SYS_sendmmsg, socket, messages, count, flags));
    }
    const long first = system_call(SYS_sendmmsg, socket, messages, 1, flags);
    happens(amid_a_send);
    const long rest = system_call(SYS_sendmmsg, socket, messages + 1, count - 1, flags);
    return static_cast<int>(first + std::max(rest, 0L));
}

extern "C" int ppoll(::pollfd* descriptors, ::nfds_t count, const ::timespec* timeout, const ::sigset_t* /*signals*/) {
    ::timespec left{};
    if (timeout != nullptr) {
        left = *timeout;
    }
    if (timeout == nullptr || left.tv_sec != 0 || left.tv_nsec != 0) {
        ++waits;
        happens(amid_a_wait);
    }
    return static_cast<int>(
        system_call(SYS_ppoll, descriptors, count, timeout == nullptr ? nullptr : &left, nullptr, std::size_t{8}));
}

[[gnu::noinline]] void* operator new(std::size_t size) {  // inlined, g++ 12 takes its malloc() for the delete below
    if (allocations_left == 0) {
        throw std::bad_alloc{};
    }
    allocations_left -= allocations_left > 0 ? 1 : 0;
    if (void* const room = std::malloc(size)) {
        return room;
    }
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* room) noexcept { std::free(room); }
void operator delete(void* room, std::size_t) noexcept { ::operator delete(room); }

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::DescriptorCount;
using support::in_child;
using support::raw_send;
using tenon::Outcome;
using tenon::PassedFd;
using tenon::TypedSocket;
using tenon::carrier::Connection;
namespace over = tenon::over;
namespace sys = tenon::sys;

struct Request {
    std::uint64_t number = 0;
};
struct Frame {
    std::uint64_t number = 0;
    PassedFd pixels;
    PassedFd more[2];
};

using Roads = boost::mpl::list<over::seqpacket, over::stream>;
template <class Over>
constexpr int type_of = std::is_same_v<Over, over::stream> ? SOCK_STREAM : SOCK_SEQPACKET;

/// A socket whose close(2) could sleep, did it have something to say.
sys::FileDescriptor lingering() {
    sys::FileDescriptor socket = sys::create_unix_socket(SOCK_STREAM);
    const ::linger day{1, 86'400};
    sys::checked(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &day, sizeof day), "setsockopt(SO_LINGER)");
    return socket;
}
bool lingers(const sys::FileDescriptor& socket) {
    ::linger seen{};
    ::socklen_t size = sizeof seen;
    sys::checked(::getsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &seen, &size), "getsockopt(SO_LINGER)");
    return seen.l_onoff != 0;
}

}  // namespace

// ---- the end, and what came just before it

BOOST_AUTO_TEST_CASE(what_was_sent_just_before_the_end_is_received) {
    for (const bool waiting : {false, true}) {
        auto ends = TypedSocket<Request, Request>::pair();
        amid_a_receive = [&] {
            ends.right.send({1});
            ends.right.send({2});
            ends.right = {};
        };
        if (waiting) {
            BOOST_TEST(ends.left.receive().number == 1U);
        } else {
            const auto first = ends.left.try_receive();
            BOOST_REQUIRE((first.outcome() == Outcome::done));
            BOOST_TEST(first->number == 1U);
        }
        BOOST_TEST(ends.left.receive().number == 2U);
        BOOST_TEST((ends.left.try_receive().outcome() == Outcome::closed));
    }
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_was_sent_just_before_the_end_is_received) {
    auto ends = TypedSocket<Frame, Frame>::pair();
    amid_a_receive = [&] {
        ends.right.send({1, PassedFd{0}, {}});
        ends.right = {};
    };
    Frame frame = ends.left.receive();
    BOOST_TEST(static_cast<bool>(ends.left.take(frame.pixels)));
    BOOST_TEST((ends.left.try_receive().outcome() == Outcome::closed));
}

BOOST_AUTO_TEST_CASE(what_was_sent_before_the_peer_stopped_sending_is_received) {
    auto ends = TypedSocket<Request, Request>::pair();
    amid_a_receive = [&] {
        ends.right.send({1});
        ends.right.close_sending();
    };
    BOOST_TEST(ends.left.receive().number == 1U);
    BOOST_TEST((ends.left.try_receive().outcome() == Outcome::half_closed));
}

BOOST_AUTO_TEST_CASE(an_end_that_was_told_while_sending_hides_no_message) {
    auto ends = TypedSocket<Request, Request>::pair();
    amid_a_receive = [&] {
        ends.right.send({1});
        ends.right = {};
        BOOST_TEST((ends.left.try_send({}).outcome() == Outcome::closed));
    };
    BOOST_TEST(ends.left.receive().number == 1U);
    BOOST_TEST((ends.left.try_receive().outcome() == Outcome::closed));
}

BOOST_AUTO_TEST_CASE(a_batch_goes_on_behind_the_look_that_came_too_early) {
    for (const std::uint64_t before : {0U, 1U, 3U}) {
        for (const std::uint64_t late : {1U, 2U}) {
            for (std::size_t places = before + 1; places <= before + late + 2; ++places) {
                auto ends = TypedSocket<Request, Request>::pair();
                for (std::uint64_t i = 0; i < before; ++i) {
                    ends.right.send({i});
                }
                amid_a_receive = [&] {
                    for (std::uint64_t i = 0; i < late; ++i) {
                        ends.right.send({before + i});
                    }
                    ends.right = {};
                };
                std::vector<Request> room(places);
                std::uint64_t received = ends.left.try_receive_many(room);
                for (std::size_t i = 0; i < received; ++i) {
                    BOOST_TEST(room[i].number == i);
                }
                while (const auto next = ends.left.try_receive()) {
                    BOOST_TEST(next->number == received++);
                }
                BOOST_TEST(received == before + late);
                BOOST_TEST((ends.left.try_receive().outcome() == Outcome::closed));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_batch_does_not_take_a_packet_without_a_byte_for_the_end) {
    auto raw = sys::create_unix_socket_pair(SOCK_SEQPACKET);
    auto sut = TypedSocket<Request, Request>::attach(std::move(raw.left));
    const Request request{1};
    for (const std::size_t size : {sizeof request, std::size_t{0}, sizeof request}) {
        BOOST_REQUIRE(raw_send(raw.right.get(), &request, size) == static_cast<::ssize_t>(size));
    }
    std::vector<Request> room(8);
    BOOST_TEST(sut.try_receive_many(room) == 1U);
    BOOST_TEST((sut.try_receive().outcome() == Outcome::corrupted));
}

BOOST_AUTO_TEST_CASE(a_reset_behind_the_first_message_of_a_batch_is_told) {
    for (const bool unread : {true, false}) {
        auto ends = TypedSocket<Request, Request>::pair();
        amid_a_send = [&] {
            if (!unread) {
                static_cast<void>(ends.right.receive());
            }
            ends.right = {};
        };
        const std::vector<Request> batch(8);
        BOOST_TEST(ends.left.try_send_many(batch) == 1U);
        BOOST_TEST(!amid_a_send);
        const Outcome end = ends.left.try_send({}).outcome();
        // Whether the peer had read the first cannot be told any more.
        BOOST_TEST((end == Outcome::reset || (!unread && end == Outcome::closed)));
        BOOST_TEST((ends.left.try_receive().outcome() == end));
    }
}

BOOST_AUTO_TEST_CASE(a_batch_that_does_not_fit_is_no_reset) {
    auto ends = TypedSocket<Request, Request>::pair();
    const std::vector<Request> batch(64);
    while (ends.left.try_send_many(batch) == batch.size()) {}
    BOOST_TEST((ends.left.try_send({}).outcome() == Outcome::full));
    while (ends.right.try_receive()) {}
    ends.right = {};
    BOOST_TEST((ends.left.try_send({}).outcome() == Outcome::closed));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_peer_that_is_about_to_close_has_closed, Over, Roads) {
    auto ends = TypedSocket<Request, Request, Over>::pair();
    amid_a_send = [] {};  // EPIPE, while our end has not heard of it
    amid_a_wait = [&] { ends.right = {}; };
    BOOST_TEST((ends.left.try_send({}).outcome() == Outcome::closed));
    amid_a_wait = nullptr;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_stopped_sending_is_told_so_and_waits_once, Over, Roads) {
    auto ends = TypedSocket<Request, Request, Over>::pair();
    ends.left.close_sending();
    waits = 0;
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST((ends.left.try_send({}).error() == std::errc::broken_pipe));
        BOOST_TEST((ends.left.try_send({}).outcome() == Outcome::failed));
    }
    BOOST_TEST(waits <= 1);
    ends.right = {};
    BOOST_TEST((ends.left.try_send({}).outcome() == Outcome::closed));
}

// ---- descriptors that nobody takes

BOOST_AUTO_TEST_CASE_TEMPLATE(what_nobody_takes_cannot_make_close_sleep, Over, Roads) {
    for (const std::string how : {"next", "end", "too many", "behind nonsense"}) {
        auto raw = sys::create_unix_socket_pair(type_of<Over>);
        auto sut = TypedSocket<Request, Frame, Over>::attach(std::move(raw.left));
        const auto socket = lingering();
        const int wire[6] = {1, 0, 0, -1, -1, 0};
        const std::vector<int> passed(how == "too many" ? 5 : 1, socket.get());
        if (how == "behind nonsense") {
            const int nonsense[6] = {1, 0, 7, -1, -1, 0};
            BOOST_REQUIRE(raw_send(raw.right.get(), nonsense, sizeof nonsense) == sizeof nonsense);
        }
        BOOST_REQUIRE(raw_send(raw.right.get(), wire, sizeof wire, passed) == sizeof wire);
        BOOST_TEST(lingers(socket));
        const bool is_message = how == "next" || how == "end";
        BOOST_TEST((sut.try_receive().outcome() == (is_message ? Outcome::done : Outcome::corrupted)));
        if (how == "next") {
            BOOST_TEST((sut.try_receive().outcome() == Outcome::empty));
        } else if (how == "end") {
            sut = {};
        }
        BOOST_TEST(!lingers(socket));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_taken_is_as_it_was, Over, Roads) {
    auto ends = TypedSocket<Frame, Frame, Over>::pair();
    const auto socket = lingering();
    ends.left.send({1, PassedFd{socket.get()}, {}});
    Frame frame = ends.right.receive();
    BOOST_TEST(static_cast<bool>(ends.right.take(frame.pixels)));
    BOOST_TEST(lingers(socket));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(no_descriptor_can_be_passed_to_who_has_no_field_for_it, Over, Roads) {
    auto raw = sys::create_unix_socket_pair(type_of<Over>);
    int allowed = 0;
    ::socklen_t size = sizeof allowed;
    if (::getsockopt(raw.left.get(), SOL_SOCKET, sys::detail::pass_rights, &allowed, &size) == -1) {
        BOOST_TEST_MESSAGE("SO_PASSRIGHTS came with Linux 6.16");
        return;
    }
    const auto sut = TypedSocket<Frame, Request, Over>::attach(std::move(raw.left));
    const Request request{1};
    BOOST_TEST(raw_send(raw.right.get(), &request, sizeof request, {0}) == -1);
    BOOST_TEST(errno == EPERM);
    BOOST_TEST(raw_send(raw.right.get(), &request, sizeof request) > 0);
    const auto ends = TypedSocket<Frame, Request, Over>::pair();
    BOOST_TEST(sys::socket_option(ends.left.native_handle(), sys::detail::pass_rights) == 0);
    BOOST_TEST(sys::socket_option(ends.right.native_handle(), sys::detail::pass_rights) == 1);
}

// ---- sockets that others have made

BOOST_AUTO_TEST_CASE_TEMPLATE(what_the_kernel_was_told_to_add_is_left_out, Over, Roads) {
    const int extras[] = {SO_PASSCRED, SO_PASSSEC, SO_TIMESTAMP, sys::detail::pass_pidfd};
    for (const bool afterwards : {false, true}) {
        auto raw = sys::create_unix_socket_pair(type_of<Over>);
        const int number = raw.left.get();
        const auto tell = [&] {
            for (const int option : extras) {
                sys::detail::try_set(number, option, 1);
            }
        };
        if (!afterwards) {
            tell();
        }
        auto sut = TypedSocket<Request, Frame, Over>::attach(std::move(raw.left));
        auto peer = TypedSocket<Frame, Request, Over>::attach(std::move(raw.right));
        if (afterwards) {
            tell();
        }
        const DescriptorCount before;
        for (std::uint64_t i = 0; i < 20; ++i) {
            peer.send({i, {}, {}});
            static_cast<void>(sut.try_receive());
            BOOST_TEST(DescriptorCount{}.open == before.open);
        }
        if (!afterwards) {
            peer.send({1, PassedFd{0}, {PassedFd{1}, PassedFd{2}}});
            Frame frame = sut.receive();
            BOOST_TEST(static_cast<bool>(sut.take(frame.more[1])));
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_cannot_be_attached_stays_open_and_its_owners, Over, Roads) {
    using Socket = TypedSocket<Frame, Frame, Over>;
    const DescriptorCount before;
    bool attached = false;
    for (long enough = 0; !attached; ++enough) {
        auto ends = sys::create_unix_socket_pair(type_of<Over>);
        const int number = ends.left.get();
        Socket sut;
        allocations_left = enough;
        try {
            sut = Socket::attach(number);
            attached = true;
        } catch (const std::bad_alloc&) {}
        allocations_left = -1;
        BOOST_TEST((::fcntl(number, F_GETFD) != -1));
        if (attached) {
            static_cast<void>(ends.left.release());
            BOOST_TEST(enough > 0);
            BOOST_TEST(sut.native_handle() == number);
        }
    }
    for (long enough = 0; enough < 4; ++enough) {
        auto ends = sys::create_unix_socket_pair(type_of<Over>);
        const int number = ends.left.get();
        const sys::FileDescriptor next = sys::duplicate(0);
        allocations_left = enough;
        try {
            const auto sut = Socket::attach(std::move(ends.left));
        } catch (const std::bad_alloc&) {}
        allocations_left = -1;
        BOOST_TEST((::fcntl(number, F_GETFD) == -1));
        BOOST_TEST((::fcntl(next.get(), F_GETFD) != -1));
    }
    BOOST_TEST(DescriptorCount{}.open == before.open);
}

BOOST_AUTO_TEST_CASE(a_small_buffer_grows_until_a_whole_batch_fits) {
    auto raw = sys::create_unix_socket_pair(SOCK_STREAM);
    const int small = 4096;
    BOOST_REQUIRE(::setsockopt(raw.left.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    using Socket = TypedSocket<Request, Request, over::stream>;
    auto left = Socket::attach(std::move(raw.left));
    auto right = Socket::attach(std::move(raw.right));
    std::vector<Request> batch(8192);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].number = i;
    }
    const std::size_t sent = left.try_send_many(batch);
    BOOST_TEST(sent >= 32'768 / sizeof(Request));
    BOOST_TEST((left.try_send({}).outcome() != Outcome::corrupted));
    for (std::size_t i = 0; i < sent; ++i) {
        BOOST_REQUIRE(right.receive().number == i);
    }
}

BOOST_AUTO_TEST_CASE(where_a_whole_batch_does_not_fit_less_goes_at_once) {
    auto raw = sys::create_unix_socket_pair(SOCK_STREAM);
    const std::size_t room = Connection::make_room(raw.left.get(), SOCK_STREAM, 1, "");
    BOOST_TEST(room >= 1U);
    BOOST_TEST(Connection::make_room(raw.left.get(), SOCK_STREAM, 1, "", std::size_t{1} << 29) >=
               room);  // and not more
    const Connection sut{std::move(raw.left), {SOCK_STREAM, 1'000, 1'000'000, 1, 0}, "socket"};
    BOOST_TEST(sut.most_at_once() >= 1U);
    BOOST_TEST(sut.most_at_once() < 1'000'000U);
    BOOST_TEST(sut.most_at_once() * 1'000 <=
               static_cast<std::size_t>(sys::socket_option(sut.descriptor(), SO_SNDBUF)) / 2 - 64);
}

// ---- without descriptors

BOOST_AUTO_TEST_CASE_TEMPLATE(who_may_have_no_descriptors_still_hears_of_the_end, Over, Roads) {
    BOOST_TEST(in_child([] {
        using Socket = TypedSocket<Request, Request, Over>;
        auto late = Socket::pair();
        auto go = Socket::pair();
        const Child sender{[&] {  // no thread: UBSan looks into one with the help of two free descriptors
            go.right = {};
            static_cast<void>(go.left.next());
            ::usleep(20'000);
            late.right.send({8});
            ::pause();
            return true;
        }};
        go.left = {};
        auto closed = Socket::pair();
        auto deaf = Socket::pair();
        auto raw = sys::create_unix_socket_pair(type_of<Over>);
        auto dirty = Socket::attach(std::move(raw.left));
        auto silent = Socket::pair();
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        closed.right.send({7});
        closed.right = {};
        deaf.right = {};
        const Request half{};
        raw_send(raw.right.get(), &half, type_of<Over> == SOCK_STREAM ? sizeof half : sizeof half / 2);
        const auto start = sys::monotonic_now();
        bool fine = closed.left.receive().number == 7 && closed.left.try_receive().outcome() == Outcome::closed &&
                    closed.left.try_receive_for(1s).outcome() == Outcome::closed;
        fine = fine && deaf.left.try_send({}).outcome() == Outcome::closed;
        fine = fine &&
               dirty.try_receive().outcome() == (type_of<Over> == SOCK_STREAM ? Outcome::done : Outcome::corrupted);
        fine = fine && silent.left.try_receive().outcome() == Outcome::empty;
        fine = fine && silent.left.try_receive_for(20ms).outcome() == Outcome::late &&
               sys::monotonic_now() - start >= 20'000'000;
        go.right = {};
        const auto message = late.left.next();
        return fine && message && message->number == 8;
    }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_a_free_descriptor_a_killed_peer_has_died, Over, Roads) {
    BOOST_TEST(in_child([] {
        const std::string address = support::unique_abstract_name();
        auto listener = tenon::TypedListener<Request, Request, Over>::create(address);
        Child client{[&] {
            auto socket = TypedSocket<Request, Request, Over>::connect(address);
            socket.send({1});
            ::pause();
            return true;
        }};
        auto sut = listener.accept();
        const bool received = sut.receive().number == 1;
        const support::Exhausted all;
        client.signal(SIGKILL);
        return received && sut.next().outcome() == Outcome::died;
    }));
}
