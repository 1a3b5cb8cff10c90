// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_semaphore
#include "tenon/sync/semaphore.hpp"

#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <thread>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

using support::in_child;
using support::refusal_of;
using support::unique_name;
using tenon::P;
using tenon::Permits;
using tenon::Semaphore;
using tenon::V;

BOOST_AUTO_TEST_CASE(v_without_p_is_refused_by_name) {
    const auto name = unique_name();
    auto sut = Semaphore::create(name, Permits{1});
    auto other = Semaphore::open(name);
    P(other);
    const auto refusal = refusal_of([&] { V(sut); });
    BOOST_TEST(refusal.text == "V without P \"" + name + "\": Operation not permitted");
    BOOST_TEST(sut.approximate_available() == 0U);
    V(other);
    BOOST_TEST(refusal_of([&] { V(other); }).is(std::errc::operation_not_permitted));
    BOOST_TEST(sut.approximate_available() == 1U);
}

BOOST_AUTO_TEST_CASE(the_number_of_permits_has_limits_that_are_told) {
    for (const std::uint32_t count : {0U, 65'536U, 0x8000'0000U}) {
        const auto name = unique_name();
        const auto refusal = refusal_of([&] { return Semaphore::create(name, Permits{count}); });
        BOOST_TEST(refusal.is(std::errc::invalid_argument));
        BOOST_TEST(refusal.says("Semaphore of " + std::to_string(count) + " permits (1 to 65535 are possible)"));
        BOOST_TEST(!support::exists(name));
    }
    const auto sut = Semaphore::anonymous(Permits{65'535});
    BOOST_TEST(sut.approximate_available() == 65'535U);
    BOOST_TEST(sut.capacity() == 65'535U);
}

// A bug, reported: the number that stands for "whatever is there" passes as a number of permits, for 16 GiB of memory.
BOOST_AUTO_TEST_CASE(the_greatest_number_of_permits_is_refused_like_any_other) {
    BOOST_TEST(in_child([] {
        ::signal(SIGXFSZ, SIG_IGN);
        const ::rlimit small{1 << 20, 1 << 20};
        ::setrlimit(RLIMIT_FSIZE, &small);
        return refusal_of([] { return Semaphore::anonymous(Permits{UINT32_MAX}); }).is(std::errc::invalid_argument);
    }));
}

BOOST_AUTO_TEST_CASE(open_or_create_with_another_number_is_refused_while_it_is_in_use) {
    const auto name = unique_name();
    auto sut = Semaphore::create(name, Permits{2});
    const auto refusal = refusal_of([&] { return Semaphore::open_or_create(name, Permits{3}); });
    BOOST_TEST(refusal.is(tenon::errc::capacity_mismatch));
    BOOST_TEST(refusal.says("has 2, not 3"));
    BOOST_TEST(Semaphore::open_or_create(name, Permits{2}).capacity() == 2U);
}

BOOST_AUTO_TEST_CASE(a_handle_that_closes_gives_back_what_it_holds) {
    const auto name = unique_name();
    auto sut = Semaphore::create(name, Permits{3});
    {
        auto other = Semaphore::open(name);
        P(other);
        P(other);
        auto moved = std::move(other);
        BOOST_TEST(!other);
        BOOST_TEST(sut.approximate_available() == 1U);
        moved = Semaphore::open(name);  // closes what it was
        BOOST_TEST(sut.approximate_available() == 3U);
        P(moved);
    }
    BOOST_TEST(sut.approximate_available() == 3U);
}

BOOST_AUTO_TEST_CASE(a_forked_child_holds_none_of_its_parents_permits) {
    auto sut = Semaphore::anonymous(Permits{2});
    P(sut);
    BOOST_TEST(in_child([&] {
        const bool refused = refusal_of([&] { V(sut); }).is(std::errc::operation_not_permitted);
        return refused && sut.try_acquire() && !sut.try_acquire();  // exit gives it back
    }));
    BOOST_TEST(sut.try_acquire_for(std::chrono::seconds{10}));
    V(sut);
    V(sut);
}

BOOST_AUTO_TEST_CASE(another_thread_may_give_back_through_the_same_handle) {
    auto sut = Semaphore::anonymous(Permits{1});
    P(sut);
    std::thread{[&] { V(sut); }}.join();
    BOOST_TEST(sut.try_acquire());
}

BOOST_AUTO_TEST_CASE(a_descriptor_carries_it_to_another_handle) {
    auto sut = Semaphore::anonymous(Permits{1});
    auto other = Semaphore::attach(sut.native_handle());
    P(sut);
    BOOST_TEST(!other.try_acquire());
    BOOST_TEST((other.identity() == sut.identity()));
    static_assert(std::is_nothrow_move_constructible_v<Semaphore> && std::is_nothrow_move_assignable_v<Semaphore>);
    static_assert(tenon::SemaphoreLike<Semaphore>);
}
