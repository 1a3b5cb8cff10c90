// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_in_place
#include "tenon/carrier/in_place.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace {

using tenon::Outcome;
using tenon::carrier::Result;

/// Writes down what it is told.
struct Fake {
    void send_loan(const int* room, std::uint64_t ticket) { note("sent", *room, ticket); }
    void drop_loan(const int* room, std::uint64_t ticket) { note("dropped", *room, ticket); }
    void end_borrowing(const int* message, std::uint64_t ticket) { note("given back", *message, ticket); }
    void note(const char* what, int value, std::uint64_t ticket) {
        told += std::string{what} + " " + std::to_string(value) + "/" + std::to_string(ticket) + ";";
    }
    std::string told;
};
using Loan = tenon::Loan<Fake, int>;
using Borrowed = tenon::Borrowed<Fake, int>;

static_assert(!std::is_copy_constructible_v<Loan> && !std::is_copy_assignable_v<Loan>);
static_assert(!std::is_copy_constructible_v<Borrowed> && !std::is_copy_assignable_v<Borrowed>);
static_assert(std::is_nothrow_move_constructible_v<Loan> && std::is_nothrow_move_assignable_v<Loan>);
static_assert(std::is_nothrow_move_constructible_v<Borrowed> && std::is_nothrow_move_assignable_v<Borrowed>);
static_assert(std::is_same_v<decltype(*std::declval<const Borrowed&>()), const int&>);

}  // namespace

BOOST_AUTO_TEST_CASE(a_loan_is_sent_or_dropped_once) {
    Fake queue;
    int room = 0;
    {
        Loan sut{queue, {&room, 7}};
        BOOST_TEST(!!sut);
        *sut = 5;
        sut.send();
        BOOST_TEST(!sut);
        sut.send();
        sut.drop();
    }
    BOOST_TEST(queue.told == "sent 5/7;");
    { const Loan sut{queue, {&room, 8}}; }
    BOOST_TEST(queue.told == "sent 5/7;dropped 5/8;");
}

BOOST_AUTO_TEST_CASE(a_moved_loan_is_the_new_handles) {
    Fake queue;
    int rooms[] = {1, 2};
    {
        Loan first{queue, {&rooms[0], 1}};
        Loan second{std::move(first)};
        BOOST_TEST(!first);  // NOLINT: what a moved-from one says
        Loan third{queue, {&rooms[1], 2}};
        third = std::move(second);
        BOOST_TEST(*third == 1);
        third.send();
    }
    BOOST_TEST(queue.told == "sent 1/1;dropped 2/2;");
}

BOOST_AUTO_TEST_CASE(a_message_is_given_back_once) {
    Fake queue;
    const int messages[] = {1, 2};
    {
        Borrowed first{queue, {&messages[0], 1}};
        Borrowed second{queue, {&messages[1], 2}};
        BOOST_TEST(*first == 1);
        second = std::move(first);
        BOOST_TEST(*second == 1);
        second.give_back();
        second.give_back();
        BOOST_TEST(!second);
    }
    BOOST_TEST(queue.told == "given back 1/1;given back 2/2;");
}

BOOST_AUTO_TEST_CASE(where_there_is_none_it_says_why) {
    const Loan no_room{Result{Outcome::full}};
    BOOST_TEST(!no_room);
    BOOST_TEST((no_room.outcome() == Outcome::full));
    BOOST_TEST((no_room.error() == std::errc::resource_unavailable_try_again));
    const Loan refused{Result::failed(EBUSY)};
    BOOST_TEST((refused.outcome() == Outcome::failed));
    BOOST_TEST((refused.error() == std::errc::device_or_resource_busy));
    BOOST_TEST(refused.result().system_error == EBUSY);
    const Borrowed none{Result{Outcome::corrupted}};
    BOOST_TEST(!none);
    BOOST_TEST((none.outcome() == Outcome::corrupted));
    BOOST_TEST((none.error() == tenon::errc::corrupted));
    Fake queue;
    int room = 0;
    const Loan some{queue, {&room, 1}};
    BOOST_TEST((some.outcome() == Outcome::done));
    BOOST_TEST(!some.error());
}
