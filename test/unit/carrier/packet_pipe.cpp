// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_packet_pipe
#include "tenon/carrier/packet_pipe.hpp"

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

// What TypedPipe and TypedFifo show of it is tested there; here its parts.

namespace {

using support::in_child;
using tenon::Outcome;
using tenon::carrier::Claim;
using tenon::carrier::PacketReceiver;
using tenon::carrier::Packets;
using tenon::carrier::PacketSender;
using tenon::carrier::PipeEnd;
namespace sys = tenon::sys;

template <std::size_t size>
struct Sized {
    std::array<std::uint8_t, size> bytes;
};
using Row = Sized<20'000>;    // 3616, then four of 4096
using Triple = Sized<8'200>;  // 8, then two of 4096
using namespace std::chrono_literals;

/// The packets of a message: each of a length that is allowed, the first of one that no other has.
template <std::size_t size>
bool is_well_cut() {
    using P = Packets<Sized<size>>;
    std::size_t done = P::length_at(0);
    std::size_t count = 1;
    bool fine = done == P::first && P::writable_at(0) == P::first;
    for (; done < size; ++count) {
        const std::size_t length = P::length_at(done);
        fine = fine && length != 0 && length <= sys::packet_size && length != P::first &&
               P::writable_at(done) == size - done;
        done += length;
    }
    return fine && done == size && count == P::count && P::one == (count == 1);
}
template <std::size_t... size>
bool are_well_cut(std::index_sequence<size...> /*sizes*/) {
    return (true && ... && is_well_cut<size>());
}

/// Both ends of a pipe for messages.
template <class Msg>
struct Both {
    Both() : Both{sys::create_pipe()} {}
    explicit Both(sys::PipeEnds ends)
        : sender{PipeEnd{std::move(ends.write_end), true, "out"}},
          receiver{PipeEnd{std::move(ends.read_end), false, "in"}} {
        tenon::carrier::make_room_for<Msg>(sender.native_handle(), 2, "out");
    }
    void put(std::size_t length) const {
        const std::array<char, sys::packet_size> bytes{};
        BOOST_TEST_REQUIRE(::write(sender.native_handle(), bytes.data(), length) == static_cast<::ssize_t>(length));
    }
    PacketSender<Msg> sender;
    PacketReceiver<Msg> receiver;
};

std::unique_ptr<Row> row_of(std::uint8_t value) {
    auto made = std::make_unique<Row>();
    made->bytes.fill(value);
    return made;
}
bool is_all(const Row& row, std::uint8_t value) {
    for (const std::uint8_t byte : row.bytes) {
        if (byte != value) {
            return false;
        }
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_is_cut_into_packets_whose_first_is_recognised_by_its_length) {
    BOOST_TEST(
        (are_well_cut(std::index_sequence<1, 5, 23, 24, 25, 32, 1024, 4095, 4096, 4097, 4120, 5119, 5120, 5121, 7168,
                                          8191, 8192, 8193, 8216, 12'288, 65'535, 65'536, 65'537, 1'048'575>{})));
    BOOST_TEST(Packets<Sized<4096>>::count == 1);
    BOOST_TEST(Packets<Sized<4097>>::count == 2);
    BOOST_TEST(Packets<Sized<1'048'575>>::count == 256);
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_row_whose_beginning_is_gone_is_thrown_away) {
    Both<Row> sut;
    sut.put(4096);  // a killed receiver has read the first packet
    sut.put(4096);
    BOOST_TEST(static_cast<bool>(sut.sender.try_send(*row_of(7))));
    const auto message = sut.receiver.try_receive();
    BOOST_TEST_REQUIRE(message.has_value());
    BOOST_TEST(is_all(*message, 7));
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
}

BOOST_AUTO_TEST_CASE(the_beginning_of_a_row_whose_sender_was_killed_is_thrown_away) {
    for (std::size_t packets = 1; packets < Packets<Row>::count; ++packets) {
        for (const bool waits : {false, true}) {
            Both<Row> sut;
            sut.put(Packets<Row>::first);
            for (std::size_t i = 1; i < packets; ++i) {
                sut.put(4096);
            }
            BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");  // keeps it
            BOOST_TEST(static_cast<bool>(sut.sender.try_send(*row_of(7))));
            BOOST_TEST(is_all(waits ? sut.receiver.receive() : sut.receiver.try_receive().value(), 7));
        }
    }
}

BOOST_AUTO_TEST_CASE(several_killed_senders_and_garbage_do_not_tear_the_next_message) {
    Both<Row> sut;
    sut.put(Packets<Row>::first);
    sut.put(Packets<Row>::first);
    sut.put(4096);
    sut.put(Packets<Row>::first);
    sut.put(11);
    sut.put(4096);
    sut.sender.send(*row_of(9));
    BOOST_TEST(is_all(sut.receiver.receive(), 9));
}

namespace {

/// A pipe in which two packets have room, while its bytes promise more: the beginnings that killed senders have left.
struct Misleading : Both<Triple> {
    Misleading() {
        for (std::size_t i = 2; i < sys::pipe_capacity(sender.native_handle()); ++i) {
            put(Packets<Triple>::first);
        }
    }
};
Triple triple_of(std::uint8_t value) {
    Triple made;
    made.bytes.fill(value);
    return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_row_that_meets_the_end_of_the_room_is_given_up_and_was_not_sent) {
    for (const bool waits : {false, true}) {
        Misleading sut;
        if (waits) {
            const auto until = sys::monotonic_now() + 20'000'000;
            BOOST_TEST(name_of(sut.sender.try_send_for(triple_of(1), 20ms).outcome()) == "late");
            BOOST_TEST(sys::monotonic_now() >= until);
        }
        BOOST_TEST(name_of(sut.sender.try_send(triple_of(2)).outcome()) == "full");
        BOOST_TEST(name_of(sut.sender.try_send(triple_of(3)).outcome()) == "full");
        BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
        BOOST_TEST(static_cast<bool>(sut.sender.try_send(triple_of(4))));
        sut.sender.send(triple_of(5));
        BOOST_TEST((sut.receiver.try_receive().value().bytes == triple_of(4).bytes));
        BOOST_TEST((sut.receiver.receive().bytes == triple_of(5).bytes));
        BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
    }
}

BOOST_AUTO_TEST_CASE(a_row_that_meets_the_end_of_the_room_goes_on_when_there_is_room_in_time) {
    Misleading sut;
    support::Child receiver{[&] {
        sut.sender.close();
        sys::sleep_until(sys::monotonic_now() + 20'000'000);
        return sut.receiver.receive().bytes == triple_of(1).bytes;
    }};
    BOOST_TEST(static_cast<bool>(sut.sender.try_send_for(triple_of(1), 60s)));
    BOOST_TEST(receiver.succeeds());
}

BOOST_AUTO_TEST_CASE(a_begun_row_and_the_end_of_the_stream_are_a_death) {
    Both<Row> sut;
    sut.put(Packets<Row>::first);
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "empty");
    sut.sender.close();
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "died");
    BOOST_TEST(name_of(sut.receiver.try_receive().outcome()) == "closed");
}

BOOST_AUTO_TEST_CASE(a_child_does_not_go_on_with_a_row_that_its_parent_had_begun) {
    // Stash: the first packet and one more. Then the parent takes the rest and the beginning of another row, and dies: what
    // is left of that must not complete what the child has a copy of.
    Both<Row> sut;
    bool fine = false;
    support::Child parent{[&] {
        const std::array<char, sys::packet_size> zeros{};
        static_cast<void>(::write(sut.sender.native_handle(), zeros.data(), Packets<Row>::first));
        static_cast<void>(::write(sut.sender.native_handle(), zeros.data(), sys::packet_size));
        if (sut.receiver.try_receive().outcome() != Outcome::empty) {
            return false;
        }
        int gate[2];
        int result[2];
        if (::pipe(gate) != 0 || ::pipe(result) != 0) {
            return false;
        }
        const ::pid_t child = ::fork();
        if (child == 0) {
            char byte;
            ::close(gate[1]);
            static_cast<void>(!::read(gate[0], &byte, 1));
            // Nobody holds the side any more, except through what was inherited: in that case it stays refused.
            const auto message = sut.receiver.try_receive();
            const char answer = message.has_value() ? 'x' : 'o';
            ::_exit(::write(result[1], &answer, 1) == 1 ? 0 : 1);
        }
        ::close(gate[0]);
        std::array<char, sys::packet_size> room;
        for (int i = 0; i < 3; ++i) {
            static_cast<void>(!::write(sut.sender.native_handle(), zeros.data(), sys::packet_size));
        }
        if (!sut.receiver.try_receive()) {
            return false;
        }
        static_cast<void>(!::write(sut.sender.native_handle(), zeros.data(), Packets<Row>::first));
        for (int i = 0; i < 4; ++i) {
            static_cast<void>(!::write(sut.sender.native_handle(), zeros.data(), sys::packet_size));
        }
        static_cast<void>(!::read(sut.receiver.native_handle(), room.data(), room.size()));
        sut.receiver.close();
        ::close(gate[1]);
        char answer = '?';
        return ::read(result[0], &answer, 1) == 1 && answer == 'o';
    }};
    fine = parent.succeeds();
    BOOST_TEST(fine);
}

BOOST_AUTO_TEST_CASE(a_side_is_claimed_once_and_again_when_it_was_given_back) {
    const sys::PipeEnds pipe = sys::create_pipe();
    for (const auto side : {Claim::Side::sending, Claim::Side::receiving}) {
        const int descriptor = side == Claim::Side::sending ? pipe.write_end.get() : pipe.read_end.get();
        {
            Claim first;
            BOOST_TEST(first.take(descriptor, side) == 0);
            BOOST_TEST(first.take(descriptor, side) == 0);
            Claim second;
            BOOST_TEST(second.take(descriptor, side) == EBUSY);
            BOOST_TEST(in_child([&] { return first.take(descriptor, side) == EBUSY; }));
            Claim moved = std::move(first);
            BOOST_TEST(moved.take(descriptor, side) == 0);
            BOOST_TEST(second.take(descriptor, side) == EBUSY);
        }
        Claim third;
        BOOST_TEST(third.take(descriptor, side) == 0);
    }
}

BOOST_AUTO_TEST_CASE(of_two_who_claim_at_one_time_one_is_let) {
    const sys::PipeEnds pipe = sys::create_pipe();
    for (const auto side : {Claim::Side::sending, Claim::Side::receiving}) {
        const int descriptor = side == Claim::Side::sending ? pipe.write_end.get() : pipe.read_end.get();
        for (int round = 0; round < 300; ++round) {
            Claim claims[2];
            int results[2] = {-1, -1};
            std::atomic<int> ready{0};
            const auto attempt = [&](std::size_t i) {
                ++ready;
                while (ready < 2) {}
                results[i] = claims[i].take(descriptor, side);
            };
            std::thread other{attempt, 0};
            attempt(1);
            other.join();
            BOOST_TEST_REQUIRE((results[0] == 0) != (results[1] == 0), "round " << round);
            BOOST_TEST_REQUIRE((results[0] == EBUSY || results[1] == EBUSY));
        }
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_claimed_of_what_is_not_open) {
    Claim sut;
    BOOST_TEST(sut.take(-1, Claim::Side::sending) == EBADF);
    BOOST_TEST(sut.take(-1, Claim::Side::receiving) == EBADF);
}

BOOST_AUTO_TEST_CASE(the_claim_of_a_killed_process_is_free) {
    const sys::PipeEnds pipe = sys::create_pipe();
    support::in_child_that_dies([&] {
        Claim claim;
        static_cast<void>(claim.take(pipe.write_end.get(), Claim::Side::sending));
        static const Claim kept = std::move(claim);
    });
    Claim mine;
    BOOST_TEST(mine.take(pipe.write_end.get(), Claim::Side::sending) == 0);
}

BOOST_AUTO_TEST_CASE(the_description_that_does_not_wait_is_made_once_and_goes_with_the_end) {
    const support::Census before;
    {
        sys::PipeEnds pipe = sys::create_pipe();
        PipeEnd sut{std::move(pipe.write_end), true, "out"};
        const int one = sut.at_once();
        BOOST_TEST(one != -1);
        BOOST_TEST(sut.at_once() == one);
        BOOST_TEST((::fcntl(one, F_GETFL) & (O_NONBLOCK | O_DIRECT)) == (O_NONBLOCK | O_DIRECT));
        BOOST_TEST((::fcntl(sut.get(), F_GETFL) & O_NONBLOCK) == 0);
        BOOST_TEST(::fcntl(one, F_GETFD) == FD_CLOEXEC);
        PipeEnd moved = std::move(sut);
        BOOST_TEST(moved.at_once() == one);
        BOOST_TEST(sut.get() == -1);
        BOOST_TEST(moved.name() == "out");
    }
    BOOST_TEST(before == support::Census{});
}

BOOST_AUTO_TEST_CASE(two_threads_in_one_large_message_are_told_apart) {
    sys::PipeEnds pipe = sys::create_pipe();
    PipeEnd sut{std::move(pipe.write_end), true, "out"};
    {
        const PipeEnd::Row first{sut};
        BOOST_TEST(first.error() == 0);
        const PipeEnd::Row second{sut};
        BOOST_TEST(second.error() == EBUSY);
    }
    const PipeEnd::Row third{sut};
    BOOST_TEST(third.error() == 0);
}
