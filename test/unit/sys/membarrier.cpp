// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_membarrier
#include "tenon/sys/membarrier.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <iterator>
#include <thread>

#include "support/child.hpp"
#include "support/shared.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using support::in_child;

/// Where the kernel has no such barriers there is nothing to show.
struct NeedsBarriers {
    boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id) const {
        boost::test_tools::assertion_result result{sys::register_for_barriers() && sys::barrier_everywhere()};
        result.message() << "membarrier(2) is refused here";
        return result;
    }
};

/// As a sandbox that forbids membarrier(2).
bool forbid_membarrier() {
    ::sock_filter filter[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(::seccomp_data, nr)},
                              {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_membarrier},
                              {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
                              {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    const ::sock_fprog program{std::size(filter), filter};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

namespace utf = boost::unit_test;

BOOST_AUTO_TEST_CASE(a_process_and_its_children_register_as_often_as_they_like, *utf::precondition(NeedsBarriers{})) {
    BOOST_TEST(sys::register_for_barriers());
    BOOST_TEST(sys::register_for_barriers());
    BOOST_TEST(sys::barrier_everywhere());
    BOOST_TEST(in_child([] { return sys::register_for_barriers() && sys::barrier_everywhere(); }));
    BOOST_TEST(in_child([] { return sys::barrier_everywhere(); }));  // who only calls it need not register
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_and_leaves_errno_alone) {
    BOOST_TEST(in_child([] {
        if (!forbid_membarrier()) {
            return true;  // no filters here
        }
        errno = ENOTTY;
        return !sys::register_for_barriers() && !sys::barrier_everywhere() && errno == ENOTTY;
    }));
}

// The fast side stores and loads without a fence, and the slow side pays for both: never do both miss the other. (Where there
// is one processor only, this shows nothing.)
BOOST_AUTO_TEST_CASE(of_a_store_and_a_load_without_a_fence_one_side_sees_the_other,
                     *utf::precondition(NeedsBarriers{})) {
    constexpr std::uint32_t rounds = 20'000;
    const support::Shared<std::uint32_t> turn{1};
    const support::Shared<std::uint32_t> fast{64};
    const support::Shared<std::uint32_t> slow{64};
    const support::Shared<std::uint32_t> seen_by_fast{1};
    Child child{[&] {
        if (!sys::register_for_barriers()) {
            return false;
        }
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            while (turn[0].load(std::memory_order_acquire) != 2 * round - 1) {
                ::sched_yield();
            }
            fast[0].store(round, std::memory_order_relaxed);
            std::atomic_signal_fence(std::memory_order_seq_cst);
            seen_by_fast[0].store(slow[0].load(std::memory_order_relaxed), std::memory_order_relaxed);
            turn[0].store(2 * round, std::memory_order_release);
        }
        return true;
    }};
    std::uint32_t missed = 0;
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        turn[0].store(2 * round - 1, std::memory_order_release);
        slow[0].store(round, std::memory_order_relaxed);
        sys::barrier_everywhere();
        const std::uint32_t seen = fast[0].load(std::memory_order_relaxed);
        while (turn[0].load(std::memory_order_acquire) != 2 * round) {
            ::sched_yield();
        }
        missed += seen != round && seen_by_fast[0].load(std::memory_order_relaxed) != round ? 1 : 0;
    }
    BOOST_TEST(child.succeeds());
    BOOST_TEST(missed == 0U);
}
