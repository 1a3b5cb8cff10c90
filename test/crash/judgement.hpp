// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What the crash tests share: how a sweep is judged, and a third process that sleeps meanwhile.

#include <sys/mman.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <new>
#include <thread>

#include "support/child.hpp"
#include "support/machine.hpp"
#include "support/stepper.hpp"

namespace crash {

/// The law is that nothing fails; that nobody is held up for longer than 100 ms is a wish on a busy machine.
inline void check(const support::Sweep& sweep) {
    BOOST_TEST(sweep.failures == 0U, sweep.operation << ": " << sweep.failures << " of " << sweep.points << " failed");
    BOOST_TEST(sweep.points > 0U);
    BOOST_WARN_MESSAGE(
        sweep.longest_stall < std::chrono::milliseconds{100},
        sweep.operation << ": a survivor was held up for " << sweep.longest_stall.count() / 1'000'000 << " ms");
}

/// For suites: where a process may not be stepped (no right to ptrace), they are skipped.
inline boost::test_tools::assertion_result stepping_is_allowed(boost::unit_test::test_unit_id /*suite*/) {
    boost::test_tools::assertion_result answer{support::can_step()};
    answer.message() << "ptrace(2) is not allowed here";
    return answer;
}

/// A fixture: the names and descriptors are the same at its end. (System V objects are of other programs too: the
/// scenarios look for their own.)
struct NothingIsLeft {
    support::Census before;
    ~NothingIsLeft() {
        const support::Census after;
        BOOST_TEST(after.names == before.names);
        BOOST_TEST(after.descriptors == before.descriptors);
        BOOST_TEST(after.mappings <= before.mappings + 4);  // the heap's own
    }
};

/// A process which falls asleep in `body` once the victim is about to do what wakes it.
class Sleeper {
    struct Agreement {
        std::atomic<bool> is_time{false};
        std::atomic<bool> is_near{false};
    };

public:
    template <class Body>
    explicit Sleeper(Body body)
        : agreed_{::new (::mmap(nullptr, sizeof(Agreement), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                      Agreement{}},
          child_{[this, body] {
              nap_until(agreed_->is_time);
              agreed_->is_near = true;
              return body();
          }} {}
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() { ::munmap(agreed_, sizeof(Agreement)); }  // of this process; the child has its own mapping

    /// For the victim: lets it fall asleep.
    void fall_asleep() {
        agreed_->is_time = true;
        nap_until(agreed_->is_near);
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    /// Waits for its end. Returns  whether the body returned true.
    bool gets_on() { return child_.succeeds(); }

private:
    static void nap_until(const std::atomic<bool>& flag) {
        while (!flag) {
            std::this_thread::sleep_for(std::chrono::microseconds{100});
        }
    }

    Agreement* agreed_;
    support::Child child_;
};

}  // namespace crash
