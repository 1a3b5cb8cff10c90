// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_greeting
#include "tenon/carrier/greeting.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <functional>
#include <random>

#include "support/seed.hpp"
#include "tenon/sys/unix_socket.hpp"

using tenon::carrier::announced_size;
using tenon::carrier::GreetingHeader;
using tenon::carrier::GreetingReader;
using tenon::carrier::objection_to;
using tenon::carrier::Terms;

namespace {

/// Done once, between two looks of recvmsg(2): nothing is there; the peer acts; it is the end.
std::function<void()> amid_a_receive;

struct Request {
    int number;
};
struct Answer {
    double value;
};
struct Wide {
    long words[64][64];
};

constexpr Terms server = Terms::of<Answer, Request>();
constexpr Terms client = Terms::of<Request, Answer>();

template <class Change>
std::string changed(Change change) {
    std::string bytes = client.greeting();
    GreetingHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
}

}  // namespace

extern "C" ::ssize_t recvmsg(int socket, ::msghdr* message, int flags) {
    if (amid_a_receive) {
        std::exchange(amid_a_receive, nullptr)();
        message->msg_controllen = 0;
        return 0;
    }
    return ::syscall(SYS_recvmsg, socket, message, flags);
}

BOOST_AUTO_TEST_CASE(who_fits_has_nothing_to_object_to) {
    BOOST_TEST(!objection_to(client.greeting(), server));
    BOOST_TEST(!objection_to(server.greeting(), client));
    BOOST_TEST(announced_size(client.greeting()) == client.greeting().size());
    BOOST_TEST(client.greeting().substr(0, 8) == "\x89TSOCK\r\n");
}

BOOST_AUTO_TEST_CASE(each_direction_is_compared_and_printed) {
    const auto same_way = objection_to(server.greeting(), server);
    BOOST_TEST((same_way.code == tenon::errc::layout_mismatch));
    BOOST_TEST(same_way.text.find("what we send is not what the peer receives\nour layout:") != std::string::npos);
    BOOST_TEST(same_way.text.find("what we receive is not what the peer sends\nour layout:") != std::string::npos);
    BOOST_TEST(same_way.text.find("->   number i32 at 0 size 4") != std::string::npos);
    BOOST_TEST(same_way.text.find("->   value f64 at 0 size 8") != std::string::npos);
    const auto one_way = objection_to(Terms::of<Request, Wide>().greeting(), server);
    BOOST_TEST(one_way.text.find("what we receive is") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_greeting_is_called_corrupted) {
    using Header = GreetingHeader;
    const auto code = [](const std::string& bytes) { return objection_to(bytes, server).code; };
    BOOST_TEST((code("") == tenon::errc::corrupted));
    BOOST_TEST((code(client.greeting().substr(0, 63)) == tenon::errc::corrupted));
    BOOST_TEST((code(client.greeting() + "x") == tenon::errc::corrupted));
    BOOST_TEST((code(changed([](Header& h) { h.magic ^= 1; })) == tenon::errc::corrupted));
    BOOST_TEST((code(changed([](Header& h) { h.verdict = 7; })) == tenon::errc::corrupted));
    BOOST_TEST((code(changed([](Header& h) { h.sent_words_size += 1; })) == tenon::errc::corrupted));
    BOOST_TEST((code(changed([](Header& h) { h.sent_words_size = UINT32_MAX; })) == tenon::errc::corrupted));
    BOOST_TEST((code(changed([](Header& h) { h.total_size = 1; })) == tenon::errc::corrupted));
    BOOST_TEST((code(changed([](Header& h) { h.format = 2; })) == tenon::errc::version_mismatch));
    BOOST_TEST((code(changed([](Header& h) { h.sent_size += 1; })) == tenon::errc::layout_mismatch));
    BOOST_TEST((code(server.greeting(Header::untrusted)) == tenon::errc::untrusted));
}

BOOST_AUTO_TEST_CASE(a_size_out_of_bounds_is_none) {
    BOOST_TEST(announced_size("") == sizeof(GreetingHeader));
    for (const std::uint32_t size : {0U, 63U, 32'833U, UINT32_MAX}) {
        BOOST_TEST(announced_size(changed([&](GreetingHeader& h) { h.total_size = size; })) == 0U);
    }
}

BOOST_AUTO_TEST_CASE(damage_anywhere_breaks_nothing) {
    std::mt19937_64 chance{support::seed()};
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = client.greeting();
        for (std::uint64_t hits = chance() % 4 + 1; hits != 0; --hits) {
            bytes[chance() % bytes.size()] = static_cast<char>(chance());
        }
        bytes.resize(chance() % (bytes.size() + 1));
        static_cast<void>(announced_size(bytes));
        static_cast<void>(objection_to(bytes, server));
    }
}

BOOST_AUTO_TEST_CASE(a_reader_finds_what_came_just_before_the_end) {
    for (const bool is_there : {true, false}) {
        auto ends = tenon::sys::create_unix_socket_pair(SOCK_SEQPACKET);
        const std::string bytes = client.greeting();
        amid_a_receive = [&] {
            if (is_there) {
                ::send(ends.right.get(), bytes.data(), bytes.size(), 0);
            }
            ends.right.reset();
        };
        GreetingReader sut;
        BOOST_TEST((sut.read(ends.left.get(), SOCK_SEQPACKET) ==
                    (is_there ? GreetingReader::State::whole : GreetingReader::State::gone)));
        BOOST_TEST((sut.bytes() == (is_there ? bytes : "")));
    }
    auto ends = tenon::sys::create_unix_socket_pair(SOCK_SEQPACKET);
    BOOST_REQUIRE(::send(ends.right.get(), "", 0, 0) == 0);  // no end, and no greeting
    BOOST_REQUIRE(::send(ends.right.get(), "next", 4, 0) == 4);
    GreetingReader sut;
    BOOST_TEST((sut.read(ends.left.get(), SOCK_SEQPACKET) == GreetingReader::State::gone));
}

BOOST_AUTO_TEST_CASE(a_reader_stops_where_the_greeting_ends) {
    auto ends = tenon::sys::create_unix_socket_pair(SOCK_STREAM);
    const std::string bytes = client.greeting();
    GreetingReader sut;
    for (const char byte : bytes) {
        BOOST_REQUIRE((sut.read(ends.left.get(), SOCK_STREAM) == GreetingReader::State::waiting));
        BOOST_REQUIRE(::send(ends.right.get(), &byte, 1, 0) == 1);
    }
    BOOST_REQUIRE(::send(ends.right.get(), "next", 4, 0) == 4);
    BOOST_TEST((sut.read(ends.left.get(), SOCK_STREAM) == GreetingReader::State::whole));
    BOOST_TEST(sut.bytes() == bytes);
    char next[8];
    BOOST_TEST(::recv(ends.left.get(), next, sizeof next, 0) == 4);
}
