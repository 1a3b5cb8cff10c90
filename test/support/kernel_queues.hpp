// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What the kernel's two kinds of message queue do alike. Each piece is given a queue that was just made.

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>

#include "child.hpp"
#include "tenon/carrier/outcome.hpp"
#include "tenon/sync/deadline.hpp"
#include "tenon/sys/clock.hpp"

namespace support {

using namespace std::chrono_literals;

struct Order {
    std::uint64_t id = 0;
    bool urgent = false;
};

template <class Orders>
void check_that_messages_come_in_order(Orders& sut) {
    BOOST_TEST((sut.try_receive().outcome() == tenon::Outcome::empty));
    for (std::uint64_t i = 1; i <= 5; ++i) {
        sut.send({i, i % 2 == 0});
    }
    BOOST_TEST(sut.approximate_size() == 5U);
    for (std::uint64_t i = 1; i <= 5; ++i) {
        const Order order = sut.receive();
        BOOST_TEST(order.id == i);
        BOOST_TEST(order.urgent == (i % 2 == 0));
    }
    BOOST_TEST((sut.try_receive().error() == std::errc::resource_unavailable_try_again));
}

/// Of capacity 2, which it leaves full of 1 and 2.
template <class Orders>
void check_that_it_is_full_in_the_end(Orders& sut) {
    BOOST_TEST(sut.capacity() == 2U);
    const Order batch[] = {{1, false}, {2, false}, {3, false}};
    BOOST_TEST(sut.try_send_many(batch) == 2U);
    BOOST_TEST((sut.try_send({3, false}).outcome() == tenon::Outcome::full));
}

/// Of capacity 2, and full of 1 and 2.
template <class Orders>
void check_that_late_senders_and_receivers_change_nothing(Orders& sut) {
    const auto start = tenon::sys::monotonic_now();
    BOOST_TEST((sut.try_send_for({3, false}, 20ms).outcome() == tenon::Outcome::late));
    BOOST_TEST(tenon::sys::monotonic_now() - start >= 20'000'000);
    BOOST_TEST((sut.try_send_for({3, false}, 0ms).outcome() == tenon::Outcome::late));
    Order seen[3];
    BOOST_TEST(sut.try_receive_many(seen) == 2U);
    BOOST_TEST(seen[1].id == 2U);
    BOOST_TEST((sut.try_receive_for(20ms).outcome() == tenon::Outcome::late));
    BOOST_TEST(tenon::sys::monotonic_now() - start >= 40'000'000);
}

/// Of capacity 1.
template <class Orders>
void check_that_who_waits_gets_it(Orders& sut) {
    Child peer{[&] {
        ::usleep(20'000);
        sut.send({1, true});
        sut.send({2, true});  // waits for room
        return sut.try_send_for({3, true}, 5s) && sut.try_send_until({4, true}, std::chrono::steady_clock::now() + 5s);
    }};
    BOOST_TEST(sut.receive().id == 1U);
    ::usleep(20'000);
    BOOST_TEST(sut.try_receive_for(5s).value().id == 2U);
    BOOST_TEST(sut.try_receive_until(std::chrono::system_clock::now() + 5s).value().id == 3U);
    BOOST_TEST(sut.try_receive_until(tenon::Deadline::never()).value().id == 4U);
    BOOST_TEST(peer.succeeds());
}

/// Of capacity 1, in which it leaves 3. For who is interrupted meanwhile.
template <class Orders>
void check_that_who_sleeps_sleeps_on(Orders& sut) {
    Child peer{[&] {
        tenon::sys::sleep_until(tenon::sys::monotonic_now() + 40'000'000);
        sut.send({1, false});
        tenon::sys::sleep_until(tenon::sys::monotonic_now() + 40'000'000);
        return sut.receive().id == 2;
    }};
    BOOST_TEST(sut.receive().id == 1U);
    sut.send({2, false});
    sut.send({3, false});  // sleeps until 2 is taken
    BOOST_TEST(peer.succeeds());
}

}  // namespace support
