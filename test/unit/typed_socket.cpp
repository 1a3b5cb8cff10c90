// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE typed_socket
#include "tenon/typed_socket.hpp"

#include <grp.h>  // setgroups
#include <sys/epoll.h>
#include <sys/resource.h>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/machine.hpp"
#include "support/sockets.hpp"
#include "support/users.hpp"
#include "tenon/shared_object.hpp"

using namespace std::chrono_literals;
using support::Child;
using support::Directory;
using support::in_child;
using support::raw_send;
using support::refusal_of;
using support::unique_abstract_name;
using tenon::Outcome;
using tenon::PassedFd;
using tenon::TypedListener;
using tenon::TypedSocket;
namespace over = tenon::over;
namespace sys = tenon::sys;

namespace {

struct Request {
    std::uint64_t number = 0;
    double value = 0;
};
struct Answer {
    std::uint64_t number = 0;
    bool fine = false;
};
struct OtherAnswer {
    std::uint64_t number = 0;
    std::uint8_t fine = 0;
};
template <std::size_t size>
struct Block {
    std::array<unsigned char, size> bytes{};

    void fill(unsigned seed) {
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = static_cast<unsigned char>(seed + i * 31);
        }
    }
    [[nodiscard]] bool is_filled_with(unsigned seed) const {
        Block wanted;
        wanted.fill(seed);
        return bytes == wanted.bytes;
    }
};
struct Frame {
    std::uint64_t number = 0;
    PassedFd pixels;
    PassedFd more[2];
};

using Roads = boost::mpl::list<over::seqpacket, over::stream>;
template <class Over>
constexpr int type_of = std::is_same_v<Over, over::stream> ? SOCK_STREAM : SOCK_SEQPACKET;

/// A typed end, and the raw other end.
template <class Out, class In, class Over>
struct WithRawPeer {
    sys::UnixSocketPair ends = sys::create_unix_socket_pair(type_of<Over>);
    TypedSocket<Out, In, Over> sut = TypedSocket<Out, In, Over>::attach(std::move(ends.left));
    int raw = ends.right.get();

    template <class T>
    void send(const T& what, std::size_t size = sizeof(T)) const {
        BOOST_REQUIRE_EQUAL(::send(raw, &what, size, MSG_NOSIGNAL), static_cast<::ssize_t>(size));
    }
};

template <class T>
bool same_file(int left, const T& right) {
    const auto one = sys::status(left);
    const auto two = sys::status(right);
    return one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static_assert(tenon::MessageSender<TypedSocket<Request, Answer>, Request>);
static_assert(tenon::MessageReceiver<TypedSocket<Request, Answer>, Answer>);
static_assert(tenon::MessageReceiver<TypedSocket<Answer, Request, over::stream>, Request>);
static_assert(tenon::carrier::HasWaitable<TypedSocket<Request, Answer>>);
static_assert(tenon::carrier::HasWaitable<TypedListener<Request, Answer>>);
static_assert(std::is_nothrow_move_constructible_v<TypedSocket<Request, Answer>>);
static_assert(!std::is_copy_constructible_v<TypedSocket<Request, Answer>>);
static_assert(
    noexcept(std::declval<TypedSocket<Request, Answer>&>().try_receive_for(std::declval<std::chrono::seconds>())));
static_assert(noexcept(std::declval<TypedListener<Request, Answer>&>().try_accept()));

}  // namespace

// ---- connecting

BOOST_AUTO_TEST_CASE_TEMPLATE(requests_and_answers_cross_between_two_processes, Over, Roads) {
    const Directory directory;
    for (const std::string& address : {directory / "socket", unique_abstract_name()}) {
        auto listener = TypedListener<Answer, Request, Over>::create(address);
        Child client{[&] {
            auto socket = TypedSocket<Request, Answer, Over>::connect(address);
            for (std::uint64_t i = 0; i < 1000; ++i) {
                socket.send({i, 0.5});
                const Answer answer = socket.receive();
                if (answer.number != i + 1 || !answer.fine) {
                    return false;
                }
            }
            return socket.name() == address && socket.peer().pid == support::test_process;
        }};
        auto sut = listener.accept();
        BOOST_TEST(sut.peer().pid == client.pid());
        BOOST_TEST(sut.peer().uid == ::geteuid());
        for (int i = 0; i < 1000; ++i) {
            const Request request = sut.receive();
            BOOST_REQUIRE(request.value == 0.5);
            sut.send({request.number + 1, true});
        }
        BOOST_TEST(client.succeeds());
        BOOST_TEST((sut.try_receive().outcome() == Outcome::died));
        BOOST_TEST(listener.refused() == 0U);
        BOOST_TEST((::fcntl(sut.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
        BOOST_TEST((::fcntl(listener.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    }
}

BOOST_AUTO_TEST_CASE(connect_says_that_nobody_is_there) {
    const Directory directory;
    const std::string path = directory / "socket";
    const auto absent = refusal_of([&] { return TypedSocket<Request, Answer>::connect(path); });
    BOOST_TEST(absent.text == "connect \"" + path + "\": No such file or directory");
    { const auto dead = support::raw_listener(path); }
    BOOST_TEST(
        refusal_of([&] { return TypedSocket<Request, Answer>::connect(path); }).is(std::errc::connection_refused));
    std::error_code error;
    const auto sut = TypedSocket<Request, Answer>::connect(path, error);
    BOOST_TEST(!sut);
    BOOST_TEST((error == std::errc::connection_refused));
    const auto late = refusal_of([&] { return TypedSocket<Request, Answer>::connect_for(path, 30ms); });
    BOOST_TEST(late.is(std::errc::timed_out));
    BOOST_TEST(late.says("at last: Connection refused"));
}

BOOST_AUTO_TEST_CASE(connect_for_waits_until_the_server_appears) {
    const Directory directory;
    const std::string path = directory / "socket";
    Child client{[&] {
        auto socket = TypedSocket<Request, Answer>::connect_for(path, 60s);
        socket.send({7, 0});
        return socket.receive().number == 8;
    }};
    ::usleep(30'000);
    { const auto dead = support::raw_listener(path); }
    ::usleep(30'000);
    auto listener = TypedListener<Answer, Request>::create(path);
    auto sut = listener.accept();
    sut.send({sut.receive().number + 1, true});
    BOOST_TEST(client.succeeds());
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_greet_is_waited_for_until_the_deadline) {
    const Directory directory;
    const std::string path = directory / "socket";
    const auto silent = support::raw_listener(path);
    const auto start = sys::monotonic_now();
    const auto refusal = refusal_of([&] { return TypedSocket<Request, Answer>::connect_for(path, 30ms); });
    BOOST_TEST(refusal.is(std::errc::timed_out));
    BOOST_TEST(refusal.says("has not greeted in time"));
    BOOST_TEST(sys::monotonic_now() - start >= 30'000'000);
}

BOOST_AUTO_TEST_CASE(a_server_that_talks_nonsense_is_refused) {
    const Directory directory;
    const std::string path = directory / "socket";
    const auto raw = support::raw_listener(path);
    Child server{[&] {
        const auto client = sys::try_accept(raw.get());
        raw_send(client.get(), "220 smtp.example.org", 20);
        ::pause();
        return true;
    }};
    BOOST_TEST(refusal_of([&] { return TypedSocket<Request, Answer>::connect(path); }).is(tenon::errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_full_backlog_is_waited_out) {
    const std::string address = unique_abstract_name();
    const auto native = tenon::UnixAddress{address}.native();
    sys::FileDescriptor full = sys::create_unix_socket(SOCK_SEQPACKET);
    sys::checked(::bind(full.get(), native.get(), native.size), "bind");
    sys::checked(::listen(full.get(), 0), "listen");
    const auto first = support::raw_connection(address);
    const auto refusal = refusal_of([&] { return TypedSocket<Request, Answer>::connect_for(address, 30ms); });
    BOOST_TEST(refusal.is(std::errc::timed_out));
    BOOST_TEST(refusal.says("Resource temporarily unavailable"));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_layout_is_refused_and_printed_on_both_sides, Over, Roads) {
    const std::string address = unique_abstract_name();
    auto listener = TypedListener<Answer, Request, Over>::create(address);
    Child client{[&] {
        const auto refusal = refusal_of([&] { return TypedSocket<Request, OtherAnswer, Over>::connect(address); });
        return refusal.is(tenon::errc::layout_mismatch) && refusal.says("what we receive is not what the peer sends") &&
               refusal.says("->   fine u8 at 8 size 1") && refusal.says("->   fine bool at 8 size 1");
    }};
    while (listener.refused() == 0) {
        static_cast<void>(listener.try_accept_for(10ms));
    }
    BOOST_TEST(client.succeeds());
    BOOST_TEST(listener.last_refusal().find("pid ") == 0U);
    BOOST_TEST(listener.last_refusal().find("what we send is not what the peer receives") != std::string::npos);
    BOOST_TEST(listener.last_refusal().find("->   fine u8 at 8 size 1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_other_kind_of_socket_is_refused_by_the_kernel) {
    const Directory directory;
    const auto listener = TypedListener<Answer, Request, over::stream>::create(directory / "socket");
    const auto refusal = refusal_of([&] { return TypedSocket<Request, Answer>::connect(directory / "socket"); });
    BOOST_TEST(refusal.is(std::errc::wrong_protocol_type));
    const std::string address = unique_abstract_name();  // of which each kind has its own
    const auto other = TypedListener<Answer, Request, over::stream>::create(address);
    BOOST_TEST(
        refusal_of([&] { return TypedSocket<Request, Answer>::connect(address); }).is(std::errc::connection_refused));
}

BOOST_AUTO_TEST_CASE(a_pair_connects_a_process_with_its_child) {
    auto [left, right] = TypedSocket<Request, Answer>::pair();
    Child child{[&left = left, &right = right] {
        left = {};
        const Request request = right.receive();
        right.send({request.number + 1, true});
        return (right.try_receive_for(60s).outcome() == Outcome::closed);
    }};
    right = {};
    left.send({1, 0});
    BOOST_TEST(left.receive().number == 2U);
    left = {};
    BOOST_TEST(child.succeeds());
}

// ---- who is there

BOOST_AUTO_TEST_CASE(a_server_of_another_user_is_trusted_only_by_name) {
    if (!support::can_become_another()) {
        return;
    }
    const std::string address = unique_abstract_name();
    Child squatter{[&] {
        support::become(support::nobody);
        auto listener = TypedListener<Answer, Request>::create(address, tenon::Mode{0666});
        auto client = listener.accept();
        client.send({client.receive().number, true});
        return !client.try_receive_for(60s);
    }};
    const auto refusal = [&] {
        for (;;) {
            const auto tried = refusal_of([&] { return TypedSocket<Request, Answer>::connect(address); });
            if (!tried.is(std::errc::connection_refused)) {
                return tried;
            }
            ::usleep(1000);
        }
    }();
    BOOST_TEST(refusal.is(tenon::errc::untrusted));
    BOOST_TEST(refusal.says("belongs to user 65534"));
    {
        auto sut = TypedSocket<Request, Answer>::connect(address, tenon::Owner{65534});
        BOOST_TEST(sut.peer().uid == 65534U);
        sut.send({5, 0});
        BOOST_TEST(sut.receive().number == 5U);
    }
    BOOST_TEST(squatter.succeeds());
}

BOOST_AUTO_TEST_CASE(the_mode_holds_for_abstract_names_too) {
    if (!support::can_become_another()) {
        return;
    }
    for (const ::mode_t mode : {0600U, 0660U, 0606U, 0666U}) {
        const std::string address = unique_abstract_name();
        auto listener = TypedListener<Answer, Request>::create(address, tenon::Mode{mode});
        const bool welcome = (mode & 0002) != 0;
        Child client{[&] {
            support::become(support::nobody);
            if (!welcome) {
                const auto refusal =
                    refusal_of([&] { return TypedSocket<Request, Answer>::connect(address, tenon::Owner{0}); });
                return refusal.is(tenon::errc::untrusted) && refusal.says("does not trust this user");
            }
            TypedSocket<Request, Answer>::connect(address, tenon::Owner{0}).send({1, 0});
            return true;
        }};
        if (welcome) {
            BOOST_TEST(listener.accept().receive().number == 1U);
        } else {
            while (listener.refused() == 0) {
                static_cast<void>(listener.try_accept_for(10ms));
            }
            BOOST_TEST(listener.last_refusal().find("uid 65534: its user may not connect (the mode is 0") !=
                       std::string::npos);
        }
        BOOST_TEST(client.succeeds());
    }
}

BOOST_AUTO_TEST_CASE(a_member_of_the_group_may_connect_when_the_mode_says_so) {
    if (!support::can_become_another()) {
        return;
    }
    const std::string address = unique_abstract_name();
    auto listener = TypedListener<Answer, Request>::create(address, tenon::Mode{0660});
    for (const bool supplementary : {false, true}) {
        Child client{[&] {
            const ::gid_t group = ::getegid();
            const bool changed = ::setgroups(supplementary ? 1 : 0, &group) == 0 &&
                                 (!supplementary || ::setresgid(65534, 65534, 65534) == 0) &&
                                 ::setresuid(65534, 65534, 65534) == 0;
            TypedSocket<Request, Answer>::connect(address).send({1, 0});
            return changed;
        }};
        BOOST_TEST(listener.accept().receive().number == 1U);
        BOOST_TEST(client.succeeds());
    }
}

// ---- messages

BOOST_AUTO_TEST_CASE_TEMPLATE(a_full_socket_refuses_and_keeps_every_message_whole, Over, Roads) {
    const auto run = [](auto block) {
        using Message = decltype(block);
        auto [left, right] = TypedSocket<Message, Message, Over>::pair();
        unsigned sent = 0;
        unsigned received = 0;
        for (int round = 0; round < 20; ++round) {
            for (;; ++sent) {
                block.fill(sent);
                const auto attempt = left.try_send(block);
                if (!attempt) {
                    BOOST_REQUIRE((attempt.outcome() == Outcome::full));
                    BOOST_REQUIRE((attempt.error() == std::errc::resource_unavailable_try_again));
                    break;
                }
            }
            BOOST_REQUIRE((left.try_send_for(block, 0ms).outcome() == Outcome::late));
            for (int i = 0; i < round % 5 + 1; ++i) {
                const auto message = right.try_receive();
                BOOST_REQUIRE(message.has_value());
                BOOST_REQUIRE(message->is_filled_with(received++));
            }
        }
        while (const auto message = right.try_receive()) {
            BOOST_REQUIRE(message->is_filled_with(received++));
        }
        BOOST_TEST(received == sent);
        BOOST_TEST((right.try_receive().outcome() == Outcome::empty));
    };
    run(Block<24>{});
    run(Block<4097>{});
    run(Block<32'768>{});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waits_end_with_their_time_and_not_before, Over, Roads) {
    auto [left, right] = TypedSocket<Block<4096>, Block<4096>, Over>::pair();
    const auto start = sys::monotonic_now();
    BOOST_TEST((right.try_receive_for(20ms).outcome() == Outcome::late));
    BOOST_TEST(sys::monotonic_now() - start >= 20'000'000);
    while (left.try_send({})) {}
    const auto full = sys::monotonic_now();
    BOOST_TEST((left.try_send_for({}, 20ms).outcome() == Outcome::late));
    BOOST_TEST(sys::monotonic_now() - full >= 20'000'000);
    BOOST_TEST((right.try_receive_until(std::chrono::steady_clock::now() - 1h).outcome() == Outcome::done));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sender_sleeps_until_there_is_room, Over, Roads) {
    using Message = Block<4096>;
    auto [left, right] = TypedSocket<Message, Message, Over>::pair();
    constexpr unsigned count = 500;
    std::thread sender{[&left = left] {
        Message message;
        for (unsigned i = 0; i < count; ++i) {
            message.fill(i);
            if (i % 2 == 0) {
                left.send(message);
            } else if (!left.try_send_for(message, 60s)) {
                return;
            }
        }
    }};
    bool fine = true;
    for (unsigned i = 0; i < count; ++i) {
        fine = right.receive().is_filled_with(i) && fine;
    }
    sender.join();
    BOOST_TEST(fine);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batches_keep_their_order, Over, Roads) {
    auto [left, right] = TypedSocket<Request, Request, Over>::pair();
    std::vector<Request> out(1000);
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i].number = i;
    }
    std::vector<Request> in(1000);
    std::size_t sent = 0;
    std::size_t received = 0;
    while (received < out.size()) {
        const std::size_t more = left.try_send_many(std::span{out}.subspan(sent));
        const std::size_t got = right.try_receive_many(std::span{in}.subspan(received));
        BOOST_REQUIRE(more + got > 0U);
        sent += more;
        received += got;
    }
    bool fine = sent == out.size();
    for (std::size_t i = 0; i < in.size(); ++i) {
        fine = fine && in[i].number == i;
    }
    BOOST_TEST(fine);
    BOOST_TEST(right.try_receive_many(in) == 0U);
    BOOST_TEST(left.try_send_many({}) == 0U);
    left = {};
    BOOST_TEST(right.try_receive_many(in) == 0U);
    BOOST_TEST((right.try_receive().outcome() == Outcome::closed));
    BOOST_TEST(right.try_send_many(out) == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_batches_fill_the_socket_and_lose_nothing, Over, Roads) {
    using Message = Block<3000>;
    auto [left, right] = TypedSocket<Message, Message, Over>::pair();
    std::vector<Message> batch(37);
    std::vector<Message> room(23);
    unsigned sent = 0;
    unsigned received = 0;
    bool fine = true;
    for (int round = 0; round < 100; ++round) {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            batch[i].fill(sent + static_cast<unsigned>(i));
        }
        sent += static_cast<unsigned>(left.try_send_many(batch));
        const std::size_t got = right.try_receive_many(room);
        for (std::size_t i = 0; i < got; ++i) {
            fine = room[i].is_filled_with(received++) && fine;
        }
    }
    while (const std::size_t got = right.try_receive_many(room)) {
        for (std::size_t i = 0; i < got; ++i) {
            fine = room[i].is_filled_with(received++) && fine;
        }
    }
    BOOST_TEST(fine);
    BOOST_TEST(received == sent);
}

BOOST_AUTO_TEST_CASE(a_message_beyond_the_kernels_limit_is_refused_with_the_limit) {
    using Huge = Block<std::size_t{64} << 20>;
    const auto pair = refusal_of([] { return TypedSocket<Huge, Answer>::pair(); });
    BOOST_TEST(pair.is(std::errc::message_size));
    BOOST_TEST(pair.says("messages of 67108864 bytes (a packet is at most 1048576 bytes; "));
    const auto large = refusal_of([] { return TypedSocket<Block<1'000'000>, Answer>::pair(); });
    if (sys::kernel_limit("/proc/sys/net/core/wmem_max") < 400'000) {
        BOOST_TEST(large.says("messages of 1000000 bytes (/proc/sys/net/core/wmem_max is "));
    } else {
        BOOST_TEST(large.code == std::error_code{});
    }
    const std::string address = unique_abstract_name();
    BOOST_TEST(refusal_of([&] { return TypedListener<Huge, Answer>::create(address); }).is(std::errc::message_size));
}

BOOST_AUTO_TEST_CASE(a_message_larger_than_the_usual_buffer_gets_a_larger_one) {
    if (sys::kernel_limit("/proc/sys/net/core/wmem_max") < 400'000) {
        BOOST_TEST_MESSAGE("this machine does not let it grow so far");
        return;
    }
    auto message = std::make_unique<Block<600'000>>();
    message->fill(3);
    auto [left, right] = TypedSocket<Block<600'000>, Answer>::pair();
    BOOST_REQUIRE(left.try_send(*message));
    auto room = std::make_unique<Block<600'000>>();
    BOOST_TEST(right.try_receive_many(std::span{room.get(), 1}) == 1U);
    BOOST_TEST(room->is_filled_with(3));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_neither_break_nor_lengthen_a_wait, Over, Roads) {
    auto [left, right] = TypedSocket<Block<4096>, Block<4096>, Over>::pair();
    Child slow{[&left = left, &right = right] {
        left = {};
        ::usleep(30'000);
        for (unsigned i = 0; i < 300; ++i) {
            if (!right.receive().is_filled_with(i)) {
                return false;
            }
        }
        ::usleep(30'000);
        right.send({});
        return true;
    }};
    right = {};
    Outcome late = Outcome::done;
    std::int64_t took = 0;
    {
        const support::Interruptions interruptions;
        Block<4096> message;
        for (unsigned i = 0; i < 300; ++i) {
            message.fill(i);
            left.send(message);
        }
        static_cast<void>(left.receive());
        const auto start = sys::monotonic_now();
        late = left.try_receive_for(30ms).outcome();
        took = sys::monotonic_now() - start;
    }
    BOOST_TEST((late == Outcome::late || late == Outcome::closed));
    BOOST_TEST((late == Outcome::closed || took >= 30'000'000));
    BOOST_TEST(slow.succeeds());
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_does_not_block_makes_no_difference) {
    auto [left, right] = TypedSocket<Request, Request>::pair();
    for (const int descriptor : {left.native_handle(), right.native_handle()}) {
        ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    }
    std::thread later{[&left = left] {
        ::usleep(20'000);
        left.send({4, 0});
    }};
    BOOST_TEST(right.receive().number == 4U);
    later.join();
}

BOOST_AUTO_TEST_CASE(a_forked_child_goes_on_where_its_parent_was) {
    auto [left, right] = TypedSocket<Request, Answer>::pair();
    left.send({1, 0});
    BOOST_TEST(right.receive().number == 1U);
    BOOST_TEST(in_child([&right = right] {
        right.send({2, true});
        return true;
    }));
    BOOST_TEST(left.receive().number == 2U);
    left.send({3, 0});
    BOOST_TEST(right.receive().number == 3U);
}

// ---- how it ends

BOOST_AUTO_TEST_CASE_TEMPLATE(half_closed_is_not_closed, Over, Roads) {
    auto [left, right] = TypedSocket<Request, Answer, Over>::pair();
    left.send({1, 0});
    left.close_sending();
    BOOST_TEST(right.receive().number == 1U);
    BOOST_TEST((right.try_receive().outcome() == Outcome::half_closed));
    BOOST_TEST((right.try_receive_for(60s).outcome() == Outcome::half_closed));
    BOOST_TEST(refusal_of([&right = right] { return right.receive(); }).is(tenon::errc::closed));
    right.send({2, true});
    BOOST_TEST(left.receive().number == 2U);
    BOOST_TEST((left.try_send({3, 0}).error() == std::errc::broken_pipe));
    left = {};
    BOOST_TEST((right.try_receive().outcome() == Outcome::closed));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(closed_comes_after_everything_that_was_sent, Over, Roads) {
    auto [left, right] = TypedSocket<Request, Answer, Over>::pair();
    for (std::uint64_t i = 0; i < 10; ++i) {
        left.send({i, 0});
    }
    left = {};
    BOOST_TEST((right.try_send({}).outcome() == Outcome::closed));
    BOOST_TEST((right.try_send({}).error() == std::errc::broken_pipe));
    for (std::uint64_t i = 0; i < 10; ++i) {
        BOOST_TEST(right.receive().number == i);
    }
    const auto end = refusal_of([&right = right] { return right.receive(); });
    BOOST_TEST(end.text == "receive \"socketpair\" (closed): closed by the other side");
    BOOST_TEST((right.try_receive().outcome() == Outcome::closed));
    BOOST_TEST(refusal_of([&right = right] { return right.send({}), 0; }).is(std::errc::broken_pipe));
    std::error_code error;
    right.send({}, error);
    BOOST_TEST((error == std::errc::broken_pipe));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_peer_that_is_killed_has_died, Over, Roads) {
    const std::string address = unique_abstract_name();
    auto listener = TypedListener<Answer, Request, Over>::create(address);
    for (const bool ours_unread : {false, true}) {
        Child client{[&] {
            auto socket = TypedSocket<Request, Answer, Over>::connect(address);
            socket.send({1, 0});
            ::pause();
            return true;
        }};
        auto sut = listener.accept();
        static_cast<void>(sut.receive());  // it has read our greeting
        if (ours_unread) {
            sut.send({});
        }
        client.signal(SIGKILL);
        Outcome end = Outcome::late;
        while (end == Outcome::late) {
            end = sut.try_receive_for(1s).outcome();
        }
        // Of a zombie the kernel still knows that it is one; after waitpid() the number is free.
        BOOST_TEST((end == (ours_unread ? Outcome::reset : Outcome::died)));
        client.kill_now();
        BOOST_TEST((sut.try_receive().outcome() == end));
        BOOST_TEST((sut.try_send({}).outcome() == end));
        const auto words = refusal_of([&] { return sut.receive(); });
        BOOST_TEST(words.is(ours_unread ? std::make_error_code(std::errc::connection_reset)
                                        : tenon::make_error_code(tenon::errc::closed)));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_reset_does_not_hide_what_was_sent_before, Over, Roads) {
    auto [left, right] = TypedSocket<Request, Answer, Over>::pair();
    left.send({1, 0});
    left.send({2, 0});
    right.send({});
    left = {};
    BOOST_TEST(right.receive().number == 1U);
    BOOST_TEST(right.receive().number == 2U);
    BOOST_TEST((right.try_receive().outcome() == Outcome::reset));
    BOOST_TEST((right.try_receive().outcome() == Outcome::reset));
    BOOST_TEST((right.try_send({}).outcome() == Outcome::reset));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_batch_meets_a_reset_and_tells_it_last, Over, Roads) {
    auto [left, right] = TypedSocket<Request, Answer, Over>::pair();
    left.send({1, 0});
    left.send({2, 0});
    right.send({});
    left = {};
    std::vector<Request> room(8);
    BOOST_TEST(right.try_receive_many(room) == 2U);
    BOOST_TEST(room[1].number == 2U);
    BOOST_TEST((right.try_receive().outcome() == Outcome::reset));
}

// ---- peers who do not keep to the rules

BOOST_AUTO_TEST_CASE(a_packet_of_another_size_ends_the_connection_for_both) {
    for (const std::size_t size : {std::size_t{1}, sizeof(Request) - 1, sizeof(Request) + 1, std::size_t{60'000}}) {
        WithRawPeer<Answer, Request, over::seqpacket> peers;
        const std::vector<char> bytes(size);
        BOOST_REQUIRE(raw_send(peers.raw, bytes.data(), size) == static_cast<::ssize_t>(size));
        peers.send(Request{1, 0});
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
        BOOST_TEST((peers.sut.try_send({}).outcome() == Outcome::corrupted));
        BOOST_TEST(refusal_of([&] { return peers.sut.receive(); }).is(tenon::errc::corrupted));
        char byte;
        BOOST_TEST(::recv(peers.raw, &byte, 1, 0) == 0);
        BOOST_TEST(raw_send(peers.raw, &byte, 1) == -1);
    }
}

BOOST_AUTO_TEST_CASE(a_packet_without_a_byte_is_not_the_end) {
    for (const int behind : {0, 1, 2}) {
        WithRawPeer<Answer, Request, over::seqpacket> peers;
        peers.send(0, 0);
        if (behind == 1) {
            peers.send(0, 0);
            peers.send(Request{1, 0});
            peers.ends.right.reset();
        } else if (behind == 2) {
            peers.send(Request{1, 0});
        }
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
        std::vector<Request> room(4);
        BOOST_TEST(peers.sut.try_receive_many(room) == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_batch_ends_before_the_packet_that_is_no_message) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{3}}) {
        WithRawPeer<Answer, Request, over::seqpacket> peers;
        peers.send(Request{1, 0});
        peers.send(Request{2, 0}, size);
        peers.send(Request{3, 0});
        std::vector<Request> room(8);
        BOOST_TEST(peers.sut.try_receive_many(room) == 1U);
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_bool_that_is_neither_ends_the_connection, Over, Roads) {
    for (const bool in_a_batch : {false, true}) {
        WithRawPeer<Request, Answer, Over> peers;
        OtherAnswer bytes{1, 1};
        peers.send(bytes);
        bytes.fine = 2;
        peers.send(bytes);
        peers.send(bytes);
        std::vector<Answer> room(3);
        BOOST_TEST((in_a_batch ? peers.sut.try_receive_many(room) == 1 : peers.sut.receive().fine));
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
    }
}

BOOST_AUTO_TEST_CASE(a_peer_that_drips_is_put_together) {
    WithRawPeer<Answer, Request, over::stream> peers;
    std::vector<Request> messages;
    for (std::uint64_t i = 0; i < 50; ++i) {
        messages.push_back({i, 0.25});
    }
    const auto* const bytes = reinterpret_cast<const char*>(messages.data());
    const std::size_t size = messages.size() * sizeof(Request);
    std::uint64_t received = 0;
    bool batch = false;
    for (std::size_t at = 0, step = 1; at < size; at += step, step = step % 37 + 1) {
        step = std::min(step, size - at);
        BOOST_REQUIRE(raw_send(peers.raw, bytes + at, step) == static_cast<::ssize_t>(step));
        batch = !batch;
        if (batch) {
            std::vector<Request> room(3);
            const std::size_t got = peers.sut.try_receive_many(room);
            for (std::size_t i = 0; i < got; ++i) {
                BOOST_REQUIRE(room[i].number == received++);
            }
        } else {
            while (const auto message = peers.sut.try_receive()) {
                BOOST_REQUIRE(message->number == received++);
                BOOST_REQUIRE(message->value == 0.25);
            }
        }
    }
    while (const auto message = peers.sut.try_receive()) {
        BOOST_REQUIRE(message->number == received++);
    }
    BOOST_TEST(received == messages.size());
    BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::empty));
}

BOOST_AUTO_TEST_CASE(a_drip_does_not_end_a_wait_early) {
    WithRawPeer<Answer, Request, over::stream> peers;
    const Request request{9, 1};
    peers.send(request, 5);
    BOOST_TEST((peers.sut.try_receive_for(20ms).outcome() == Outcome::late));
    std::thread later{[&] {
        ::usleep(10'000);
        raw_send(peers.raw, reinterpret_cast<const char*>(&request) + 5, sizeof request - 5);
    }};
    BOOST_TEST(peers.sut.receive().number == 9U);
    later.join();
    peers.send(request);
    BOOST_TEST(peers.sut.receive().number == 9U);
}

BOOST_AUTO_TEST_CASE(the_end_amid_a_message_is_told) {
    {
        WithRawPeer<Answer, Request, over::stream> peers;
        peers.send(Request{}, 5);
        peers.ends.right.reset();
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
        BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
    }
    const std::string address = unique_abstract_name();
    auto listener = TypedListener<Answer, Request, over::stream>::create(address);
    Child client{[&] {
        auto socket = TypedSocket<Request, Answer, over::stream>::connect(address);
        raw_send(socket.native_handle(), "half", 4);
        ::raise(SIGKILL);
        return true;
    }};
    auto sut = listener.accept();
    BOOST_TEST((sut.try_receive_for(60s).outcome() == Outcome::died));
    BOOST_TEST((sut.try_receive().outcome() == Outcome::died));
}

// ---- descriptors

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_cross_and_become_the_receivers_own, Over, Roads) {
    auto [left, right] = TypedSocket<Frame, Frame, Over>::pair();
    const sys::FileDescriptor null = sys::open("/dev/null", O_RDONLY);
    const sys::FileDescriptor zero = sys::open("/dev/zero", O_RDONLY);
    const std::size_t before = support::open_descriptors();
    {
        left.send({1, PassedFd{zero.get()}, {PassedFd{}, PassedFd{null.get()}}});
        Frame frame = right.receive();
        BOOST_TEST(frame.number == 1U);
        BOOST_TEST(!frame.more[0]);
        BOOST_TEST(frame.pixels.get() != zero.get());
        sys::FileDescriptor pixels = right.take(frame.pixels);
        BOOST_TEST(same_file(pixels.get(), zero.get()));
        BOOST_TEST((::fcntl(pixels.get(), F_GETFD) & FD_CLOEXEC) != 0);
        BOOST_TEST(!frame.pixels);
        BOOST_TEST(!right.take(frame.pixels));
        BOOST_TEST(!right.take(frame.more[0]));
        PassedFd foreign{null.get()};
        BOOST_TEST(!right.take(foreign));
        BOOST_TEST(same_file(frame.more[1].get(), null.get()));  // and nobody takes it
        BOOST_TEST(support::open_descriptors() == before + 2);
        left.send({2, {}, {}});
        BOOST_TEST(!right.receive().pixels);
        BOOST_TEST(support::open_descriptors() == before + 1);
        BOOST_TEST(same_file(pixels.get(), zero.get()));
    }
    BOOST_TEST(support::open_descriptors() == before);
    for (int i = 0; i < 20; ++i) {
        BOOST_REQUIRE(left.try_send({3, PassedFd{zero.get()}, {PassedFd{zero.get()}, PassedFd{zero.get()}}}));
    }
    for (int i = 0; i < 10; ++i) {
        BOOST_REQUIRE(right.try_receive().has_value());
    }
    std::vector<Frame> room(4);
    BOOST_TEST(right.try_receive_many(room) == 1U);
    BOOST_TEST(same_file(room[0].pixels.get(), zero.get()));
    auto moved = std::move(right);
    BOOST_TEST(same_file(moved.take(room[0].pixels).get(), zero.get()));
    moved = {};
    left = {};
    BOOST_TEST(support::open_descriptors() == before - 2);
}

BOOST_AUTO_TEST_CASE(the_senders_numbers_do_not_cross) {
    auto ends = sys::create_unix_socket_pair(SOCK_SEQPACKET);
    auto sut = TypedSocket<Frame, Answer>::attach(std::move(ends.left));
    sut.send({1, PassedFd{2}, {PassedFd{-7}, PassedFd{1}}});
    int words[6];
    BOOST_REQUIRE(::recv(ends.right.get(), words, sizeof words, 0) == static_cast<::ssize_t>(sizeof(Frame)));
    BOOST_TEST(words[2] == 0);
    BOOST_TEST(words[3] == -1);
    BOOST_TEST(words[4] == 0);
    BOOST_TEST((sut.try_send({1, PassedFd{12345}, {}}).error() == std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_that_are_not_announced_are_closed, Over, Roads) {
    struct Wire {
        std::uint64_t number;
        int fields[3];
        int rest = 0;
    };
    static_assert(sizeof(Wire) == sizeof(Frame));
    const auto cases = {
        std::pair{Wire{1, {0, -1, -1}}, 0},                                       // one is missing
        std::pair{Wire{1, {-1, -1, -1}}, 1},                                      // one is too many
        std::pair{Wire{1, {0, 0, 0}}, 4},                                         // more than there are fields
        std::pair{Wire{1, {0, 0, 0}}, 253},  std::pair{Wire{1, {5, -1, -1}}, 1},  // neither there nor none
        std::pair{Wire{1, {-2, -1, -1}}, 0},
    };
    for (const auto& [wire, count] : cases) {
        const std::size_t before = support::open_descriptors();
        {
            WithRawPeer<Answer, Frame, Over> peers;
            BOOST_REQUIRE(
                raw_send(peers.raw, &wire, sizeof wire, std::vector<int>(static_cast<std::size_t>(count), 2)) > 0);
            BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
            BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::corrupted));
            BOOST_TEST(support::open_descriptors() == before + 2);
        }
        BOOST_TEST(support::open_descriptors() == before);
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(descriptors_for_somebody_who_expects_none_do_not_arrive, Over, Roads) {
    const std::size_t before = support::open_descriptors();
    {
        WithRawPeer<Answer, Request, Over> peers;
        const Request request{3, 0};
        const auto send_three = [&] {  // since Linux 6.16 that is refused, before it they are thrown away
            return raw_send(peers.raw, &request, sizeof request, {0, 1, 2}) > 0 ||
                   (errno == EPERM && raw_send(peers.raw, &request, sizeof request) > 0);
        };
        for (int i = 0; i < 100; ++i) {
            BOOST_REQUIRE(send_three());
            BOOST_REQUIRE(peers.sut.receive().number == 3U);
        }
        BOOST_REQUIRE(send_three());
        std::vector<Request> room(4);
        BOOST_TEST(peers.sut.try_receive_many(room) == 1U);
        BOOST_TEST(support::open_descriptors() == before + 2);
    }
    BOOST_TEST(support::open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(descriptors_that_drip_in_belong_to_their_message) {
    WithRawPeer<Answer, Frame, over::stream> peers;
    const int wire[6] = {8, 0, 0, 0, -1, 0};
    const auto* const bytes = reinterpret_cast<const char*>(wire);
    const std::size_t before = support::open_descriptors();
    BOOST_REQUIRE(raw_send(peers.raw, bytes, 9, {0}) == 9);
    BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::empty));
    BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::empty));
    BOOST_REQUIRE(raw_send(peers.raw, bytes + 9, 15, {1}) == 15);
    Frame frame = peers.sut.receive();
    BOOST_TEST(frame.number == 8U);
    BOOST_TEST(same_file(frame.pixels.get(), 0));
    BOOST_TEST(same_file(peers.sut.take(frame.more[0]).get(), 1));
    BOOST_TEST((peers.sut.try_receive().outcome() == Outcome::empty));
    BOOST_TEST(support::open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_free_descriptors_a_message_is_lost_and_the_connection_is_not, Over, Roads) {
    BOOST_TEST(in_child([] {
        auto [left, right] = TypedSocket<Frame, Frame, Over>::pair();
        const Frame frame{1, PassedFd{0}, {PassedFd{1}, PassedFd{2}}};
        left.send(frame);
        left.send(frame);
        std::size_t count = support::open_descriptors();
        const ::rlimit before{1024, 1024};
        ::rlimit none{static_cast<::rlim_t>(right.native_handle()) + 2, 1024};  // room for one of three
        ::setrlimit(RLIMIT_NOFILE, &none);
        const auto lost = right.try_receive();
        left.send(frame);
        const auto next_lost = right.try_receive();
        ::setrlimit(RLIMIT_NOFILE, &before);
        bool fine = lost.outcome() == Outcome::failed && lost.error() == std::errc::too_many_files_open &&
                    next_lost.outcome() == Outcome::failed;
        fine = fine && support::open_descriptors() == count;
        Frame next = right.receive();
        return fine && right.take(next.more[1]) && right.try_receive().outcome() == Outcome::empty;
    }));
}

BOOST_AUTO_TEST_CASE(shared_memory_is_handed_to_another_process) {
    struct Telemetry {
        std::uint64_t tick = 0;
    };
    struct Offer {
        PassedFd memory;
    };
    const std::string address = unique_abstract_name();
    auto listener = TypedListener<Answer, Offer>::create(address);
    Child client{[&] {
        auto memory = tenon::SharedObject<Telemetry>::anonymous();
        memory.store({7});
        auto socket = TypedSocket<Offer, Answer>::connect(address);
        socket.send({PassedFd{memory.native_handle()}});
        static_cast<void>(socket.receive());
        return memory.load().tick == 8;
    }};
    auto sut = listener.accept();
    Offer offer = sut.receive();
    const sys::FileDescriptor descriptor = sut.take(offer.memory);
    auto memory = tenon::SharedObject<Telemetry>::attach(descriptor.get());
    memory.update([](Telemetry& t) { ++t.tick; });
    sut.send({});
    BOOST_TEST(client.succeeds());
    BOOST_TEST(memory.load().tick == 8U);
}

BOOST_AUTO_TEST_CASE(a_socket_is_handed_over_a_socket) {
    struct Offer {
        PassedFd end;
    };
    auto [left, right] = TypedSocket<Offer, Offer>::pair();
    auto [mine, theirs] = TypedSocket<Request, Answer, over::stream>::pair();
    left.send({PassedFd{theirs.native_handle()}});
    theirs = {};
    Offer offer = right.receive();
    auto attached = TypedSocket<Answer, Request, over::stream>::attach(right.take(offer.end));
    mine.send({6, 0});
    BOOST_TEST(attached.receive().number == 6U);
    attached = {};
    BOOST_TEST((mine.try_receive().outcome() == Outcome::closed));
}

BOOST_AUTO_TEST_CASE(attach_takes_only_what_fits) {
    const std::size_t before = support::open_descriptors();
    {
        auto ends = sys::create_unix_socket_pair(SOCK_STREAM);
        const int number = ends.left.get();
        const auto other = refusal_of([&] { return TypedSocket<Request, Answer>::attach(number); });
        BOOST_TEST(other.is(std::errc::wrong_protocol_type));
        BOOST_TEST(other.says("not a Unix domain seqpacket socket"));
        auto sut = TypedSocket<Request, Answer, over::stream>::attach(ends.left.release());
        BOOST_TEST(sut.native_handle() == number);
        const sys::FileDescriptor null = sys::open("/dev/null", O_RDONLY);
        BOOST_TEST(
            refusal_of([&] { return TypedSocket<Request, Answer>::attach(null.get()); }).is(std::errc::not_a_socket));
        BOOST_TEST(
            refusal_of([&] { return TypedSocket<Request, Answer>::attach(-1); }).is(std::errc::bad_file_descriptor));
        sys::FileDescriptor lonely = sys::create_unix_socket(SOCK_SEQPACKET);
        std::error_code error;
        BOOST_TEST(!(TypedSocket<Request, Answer>::attach(std::move(lonely), error)));
        BOOST_TEST((error == std::errc::not_connected));
    }
    BOOST_TEST(support::open_descriptors() == before);
}

// ---- many

BOOST_AUTO_TEST_CASE(a_hundred_clients_in_one_loop) {
    constexpr int count = 100;
    const Directory directory;
    const std::string address = directory / "socket";
    auto listener = TypedListener<Answer, Request>::create(address);
    Child clients{[&] {
        std::vector<TypedSocket<Request, Answer>> sockets;
        for (std::uint64_t i = 0; i < count; ++i) {
            sockets.push_back(TypedSocket<Request, Answer>::connect(address));
        }
        for (std::uint64_t round = 0; round < 20; ++round) {
            for (std::uint64_t i = 0; i < count; ++i) {
                sockets[i].send({i * 1000 + round, 0});
            }
            for (std::uint64_t i = 0; i < count; ++i) {
                if (sockets[i].receive().number != i * 1000 + round) {
                    return false;
                }
            }
        }
        return true;
    }};
    const sys::FileDescriptor loop{sys::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    const auto watch = [&](int descriptor, std::uint64_t who) {
        ::epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = who;
        sys::checked(::epoll_ctl(loop.get(), EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    };
    watch(listener.native_handle(), count);
    std::vector<TypedSocket<Answer, Request>> sockets;
    int gone = 0;
    int answered = 0;
    while (gone < count) {
        ::epoll_event events[16];
        const int ready = sys::uninterrupted([&] { return ::epoll_wait(loop.get(), events, 16, -1); });
        for (int i = 0; i < ready; ++i) {
            const std::uint64_t who = events[i].data.u64;
            if (who == count) {
                while (auto client = listener.try_accept()) {
                    watch(client->native_handle(), sockets.size());
                    sockets.push_back(std::move(*client));
                }
            } else if (const auto request = sockets[who].try_receive()) {
                sockets[who].send({request->number, true});
                ++answered;
            } else if (request.outcome() != Outcome::empty) {
                sockets[who] = {};
                ++gone;
            }
        }
    }
    BOOST_TEST(answered == 20 * count);
    BOOST_TEST(clients.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_thousand_connections_leave_nothing_behind, Over, Roads) {
    const Directory directory;
    const std::string address = directory / "socket";
    const std::size_t before = support::open_descriptors();
    {
        auto listener = TypedListener<Answer, Request, Over>::create(address);
        Child clients{[&] {
            const std::size_t open = support::open_descriptors();
            for (std::uint64_t i = 0; i < 1000; ++i) {
                TypedSocket<Request, Answer, Over>::connect(address).send({i, 0});
            }
            return support::open_descriptors() == open;
        }};
        std::uint64_t sum = 0;
        for (int i = 0; i < 1000; ++i) {
            sum += listener.accept().receive().number;
        }
        BOOST_TEST(sum == 999U * 1000 / 2);
        BOOST_TEST(clients.succeeds());
    }
    BOOST_TEST(support::open_descriptors() == before);
    BOOST_TEST(support::entries(directory.path()).size() == 2U);  // . and ..
}

BOOST_AUTO_TEST_CASE(empty_handles_say_so_and_are_harmless) {
    TypedSocket<Request, Answer> empty;
    BOOST_TEST(!empty);
    BOOST_TEST((empty.try_receive().outcome() == Outcome::failed));
    BOOST_TEST((empty.try_send({}).error() == std::errc::bad_file_descriptor));
    TypedListener<Request, Answer> deaf;
    BOOST_TEST(!deaf);
    BOOST_TEST((deaf.try_accept().outcome() == Outcome::failed));
    auto [left, right] = TypedSocket<Request, Answer>::pair();
    auto moved = std::move(left);
    BOOST_TEST(!left);
    BOOST_TEST(static_cast<bool>(moved));
    moved.send({1, 0});
    BOOST_TEST(right.receive().number == 1U);
    std::error_code error;
    BOOST_TEST(!(TypedListener<Request, Answer>::create("/nowhere/at/all", error)));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
}
