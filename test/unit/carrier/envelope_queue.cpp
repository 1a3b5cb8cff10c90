// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE envelope_queue
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "tenon/typed_queue.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using support::refusal_of;
using tenon::Outcome;

struct Frame {
    std::uint64_t number;
    std::uint32_t size;
    std::uint32_t from;
};
using Frames = tenon::TypedQueue<tenon::Envelope<Frame, std::uint8_t>>;

/// Every byte follows from the number.
void fill(std::span<std::uint8_t> bytes, std::uint64_t number) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(number * 31 + i);
    }
}
bool is_filled(std::span<const std::uint8_t> bytes, std::uint64_t number) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] != static_cast<std::uint8_t>(number * 31 + i)) {
            return false;
        }
    }
    return true;
}

void send(Frames& sut, std::uint64_t number, std::size_t size, std::uint32_t from = 0) {
    auto frame = sut.loan(size);
    frame.header() = {number, static_cast<std::uint32_t>(size), from};
    fill(frame.elements(), number);
    frame.send();
}
bool is(const Frames::Borrowed& frame, std::uint64_t number) {
    return frame && frame.header().number == number && frame.header().size == frame.elements().size() &&
           is_filled(frame.elements(), number);
}

// The format that the README tells.
using Control = tenon::carrier::EnvelopeControl<>;
static_assert(offsetof(Control, tail) == 0 && offsetof(Control, sent) == 16 &&
              offsetof(Control, sender_processor) == 24);
static_assert(offsetof(Control, head) == 64 && offsetof(Control, taken) == 80 &&
              offsetof(Control, receiver_processor) == 88);
static_assert(offsetof(Control, freed) == 128 && offsetof(Control, arrived) == 192 && offsetof(Control, room) == 256 &&
              offsetof(Control, orphans) == 260);
static_assert(offsetof(Control, full) == 320 && offsetof(Control, empty) == 328 && offsetof(Control, repaired) == 336);
static_assert(sizeof(Control) == 384);

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_has_the_length_that_it_was_given) {
    auto sut = Frames::anonymous(tenon::Room{1 << 16});
    for (const std::size_t size : {0U, 1U, 31U, 32U, 33U, 64U, 1000U, 30'000U}) {
        send(sut, size, size);
        BOOST_TEST(sut.approximate_size() == 1U);
        BOOST_TEST(is(sut.borrow(), size));
    }
    BOOST_TEST(sut.approximate_size() == 0U);
    BOOST_TEST((sut.try_borrow().outcome() == Outcome::empty));
    BOOST_TEST(sut.counters().sent == 8U);
    BOOST_TEST(sut.counters().received == 8U);
    BOOST_TEST(sut.counters().empty == 1U);
}

BOOST_AUTO_TEST_CASE(messages_go_in_order_around_the_memory_many_times) {
    auto sut = Frames::anonymous(tenon::Room{10'000});
    std::mt19937 dice{7};
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    while (received < 20'000) {
        const std::size_t size = dice() % (dice() % 10 == 0 ? 4'000 : 100);
        if (auto frame = sut.try_loan(size)) {
            frame.header() = {sent, static_cast<std::uint32_t>(size), 0};
            fill(frame.elements(), sent++);
            frame.send();
        } else {
            BOOST_REQUIRE((frame.outcome() == Outcome::full));
            BOOST_REQUIRE(is(sut.try_borrow(), received++));
        }
    }
    BOOST_TEST(sut.counters().full != 0U);
}

BOOST_AUTO_TEST_CASE(the_largest_fits_wherever_the_ring_stands_and_one_element_more_is_refused) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    const std::size_t largest = sut.largest();
    BOOST_TEST(sut.room() == 4'096U);
    BOOST_TEST(largest == 2'048U - 32U);
    for (std::uint64_t i = 0; i < 200; ++i) {
        send(sut, i, i % 3 == 0 ? largest : i % 70);
        BOOST_REQUIRE(is(sut.try_borrow(), i));
    }
    BOOST_TEST((sut.try_loan(largest + 1).error() == std::errc::message_size));
    const auto refusal = refusal_of([&] { static_cast<void>(sut.loan(largest + 1)); });
    BOOST_TEST((refusal.code == std::errc::message_size));
    BOOST_TEST(refusal.text.find("2017 elements, and 2016 are the most") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(copies_are_sent_and_received_too) {
    auto sut = Frames::anonymous(tenon::Room{1 << 12});
    std::vector<std::uint8_t> bytes(100);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    sut.send({1, 100, 0}, bytes);
    BOOST_TEST(bool{sut.try_send({2, 0, 0}, {})});
    BOOST_TEST(bool{sut.try_send_for({3, 100, 0}, bytes, 1h)});
    const auto first = sut.receive();
    BOOST_TEST(first.header.number == 1U);
    BOOST_TEST(first.elements == bytes);
    BOOST_TEST(sut.receive().elements.empty());
    BOOST_TEST(sut.receive().header.number == 3U);
    std::vector<std::uint8_t> too_many(5'000);
    BOOST_TEST((sut.try_send({4, 0, 0}, too_many).error() == std::errc::message_size));
}

BOOST_AUTO_TEST_CASE(full_and_late_are_values) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    while (sut.try_send({0, 0, 0}, std::vector<std::uint8_t>(500))) {}
    BOOST_TEST((sut.try_loan(500).outcome() == Outcome::full));
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST((sut.try_loan_for(500, 20ms).outcome() == Outcome::late));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 20ms));
    while (sut.try_borrow()) {}
    BOOST_TEST((sut.borrow_for(20ms).outcome() == Outcome::late));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 40ms));
    send(sut, 5, 500);
    BOOST_TEST(is(sut.borrow_for(1h), 5));
}

BOOST_AUTO_TEST_CASE(what_is_not_sent_is_passed_over) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    {
        auto dropped = sut.loan(100);
        auto sent = sut.loan(7);
        sent.header() = {1, 7, 0};
        fill(sent.elements(), 1);
        sent.send();
        BOOST_TEST(!sent);
        BOOST_TEST(!sut.try_borrow());  // the one in front may still be sent
    }
    BOOST_TEST(is(sut.borrow(), 1));
    for (int i = 0; i < 1'000; ++i) {
        BOOST_REQUIRE(bool{sut.try_loan(1'000)});  // and its room comes back with the next look for a message
        BOOST_REQUIRE(!sut.try_borrow());
    }
}

BOOST_AUTO_TEST_CASE(several_may_be_lent_and_borrowed_at_once_and_end_in_any_order) {
    auto sut = Frames::anonymous(tenon::Room{1 << 14});
    for (std::uint64_t round = 0; round < 300; ++round) {
        for (std::uint64_t i = 0; i < 3; ++i) {
            send(sut, 3 * round + i, 700);
        }
        auto first = sut.borrow();
        auto second = sut.borrow();
        auto third = sut.borrow();
        BOOST_REQUIRE(is(first, 3 * round));
        second = {};
        third = {};
        BOOST_REQUIRE(is(first, 3 * round));
    }
    BOOST_TEST(sut.approximate_size() == 0U);
}

BOOST_AUTO_TEST_CASE(sender_and_receiver_sleep_and_wake_each_other) {
    auto sut = Frames::anonymous(tenon::Room{3'000});
    constexpr std::uint64_t count = 20'000;
    Child sender{[&] {
        std::mt19937 dice{3};
        for (std::uint64_t i = 0; i < count; ++i) {
            send(sut, i, dice() % 1'000);
        }
        return true;
    }};
    bool fine = true;
    for (std::uint64_t i = 0; i < count; ++i) {
        fine = is(sut.borrow(), i) && fine;
    }
    BOOST_TEST(fine);
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(many_senders_and_receivers_share_it) {
    auto sut = Frames::anonymous(tenon::Room{1 << 13});
    constexpr std::uint32_t crowd = 3;
    constexpr std::uint64_t each = 4'000;
    std::vector<std::unique_ptr<Child>> children;
    for (std::uint32_t me = 1; me <= crowd; ++me) {
        children.push_back(std::make_unique<Child>([&, me] {
            for (std::uint64_t i = 1; i <= each; ++i) {
                send(sut, i, (i * me) % 300, me);
            }
            return true;
        }));
        children.push_back(std::make_unique<Child>([&] {
            std::uint64_t last[crowd + 1] = {};
            for (std::uint64_t i = 0; i < each; ++i) {
                const auto frame = sut.borrow();
                const auto [number, size, from] = frame.header();
                if (from == 0 || from > crowd || number <= last[from] || !is(frame, number)) {
                    return false;
                }
                last[from] = number;
            }
            return true;
        }));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
    BOOST_TEST(sut.approximate_size() == 0U);
}

BOOST_AUTO_TEST_CASE(the_loan_of_a_killed_sender_is_passed_over) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    support::in_child_that_dies([&] {
        auto loan = sut.loan(50);
        ::raise(SIGKILL);
    });
    send(sut, 1, 10);
    BOOST_TEST(is(sut.borrow(), 1));
    BOOST_TEST(sut.counters().repaired == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_killed_receiver_had_borrowed_another_gets) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    send(sut, 1, 10);
    send(sut, 2, 20);
    support::in_child_that_dies([&] {
        const auto frame = sut.borrow();
        if (is(frame, 1)) {
            ::raise(SIGKILL);
        }
    });
    BOOST_TEST(is(sut.borrow(), 2));
    BOOST_TEST(is(sut.borrow(), 1));
    BOOST_TEST(sut.approximate_size() == 0U);
    for (std::uint64_t i = 0; i < 100; ++i) {  // and the room of both is back
        send(sut, i, 1'000);
        BOOST_REQUIRE(is(sut.borrow(), i));
    }
}

BOOST_AUTO_TEST_CASE(a_forked_child_neither_sends_nor_ends_what_its_parent_has_in_hand) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    send(sut, 1, 10);
    const auto borrowed = sut.borrow();
    auto loan = sut.loan(10);
    loan.header() = {2, 10, 0};
    fill(loan.elements(), 2);
    BOOST_TEST(in_child([&] {
        loan.send();
        return !sut.try_borrow();
    }));
    BOOST_TEST((sut.try_borrow().outcome() == Outcome::empty));
    BOOST_TEST(is(borrowed, 1));
    loan.send();
    BOOST_TEST(is(sut.borrow(), 2));
}

BOOST_AUTO_TEST_CASE(another_layout_and_another_kind_are_refused) {
    const std::string name = support::unique_name();
    auto sut = Frames::create(name, tenon::Room{4'096});
    using Other = tenon::TypedQueue<tenon::Envelope<Frame, std::uint16_t>>;
    BOOST_TEST((refusal_of([&] { static_cast<void>(Other::open(name)); }).code == tenon::errc::layout_mismatch));
    BOOST_TEST((refusal_of([&] { static_cast<void>(tenon::TypedQueue<Frame>::open(name)); }).code ==
                tenon::errc::kind_mismatch));
    BOOST_TEST((refusal_of([&] { static_cast<void>(Frames::open_or_create(name, tenon::Room{8'192})); }).code ==
                tenon::errc::capacity_mismatch));
    BOOST_TEST((refusal_of([] { static_cast<void>(Frames::anonymous(tenon::Room{64})); }).code ==
                std::errc::invalid_argument));
    send(sut, 9, 99);
    auto same = Frames::open(name);
    BOOST_TEST(is(same.borrow(), 9));
}

BOOST_AUTO_TEST_CASE(elements_keep_their_alignment) {
    struct alignas(32) Quad {
        double values[4];
    };
    auto sut = tenon::TypedQueue<tenon::Envelope<char, Quad>>::anonymous(tenon::Room{1 << 14});
    for (std::size_t count = 1; count < 20; ++count) {
        auto loan = sut.loan(count);
        BOOST_REQUIRE(reinterpret_cast<std::uintptr_t>(loan.elements().data()) % 32 == 0U);
        loan.header() = 'q';
        loan.elements().back().values[3] = static_cast<double>(count);
        loan.send();
        const auto seen = sut.borrow();
        BOOST_REQUIRE(seen.header() == 'q');
        BOOST_REQUIRE(seen.elements().back().values[3] == static_cast<double>(count));
    }
}

BOOST_AUTO_TEST_CASE(what_a_peer_has_garbled_is_told_and_passed_over) {
    auto sut = tenon::TypedQueue<tenon::Envelope<bool, bool>>::anonymous(tenon::Room{4'096});
    for (const bool in_header : {true, false}) {
        auto loan = sut.loan(3);
        loan.header() = true;
        std::fill(loan.elements().begin(), loan.elements().end(), true);
        std::memset(in_header ? &loan.header() : &loan.elements()[1], 7, 1);
        loan.send();
        BOOST_TEST((sut.try_borrow().outcome() == Outcome::corrupted));
    }
    sut.send(true, {});
    BOOST_TEST(sut.borrow().header());
}

BOOST_AUTO_TEST_CASE(a_descriptor_tells_of_messages_and_of_room) {
    auto sut = Frames::anonymous(tenon::Room{4'096});
    const auto is_readable = [](int descriptor) {
        ::pollfd one{descriptor, POLLIN, 0};
        return ::poll(&one, 1, 0) == 1;
    };
    const int messages = sut.descriptor();
    while (sut.try_borrow()) {}
    BOOST_TEST(!is_readable(messages));
    send(sut, 1, 10);
    BOOST_TEST(is_readable(messages));
    BOOST_TEST(is(sut.borrow(), 1));
    const int room = sut.room_descriptor();
    while (sut.try_send({0, 0, 0}, std::vector<std::uint8_t>(700))) {}
    BOOST_TEST(!is_readable(room));
    static_cast<void>(sut.receive());
    BOOST_TEST(is_readable(room));
}
