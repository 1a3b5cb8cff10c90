// SPDX-License-Identifier: BSL-1.0
#pragma once
/// EINTR, injected.

#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>

#include "shared.hpp"

namespace support {

/// A signal every so often (less than a second), to this process only, whose handler restarts no system call; until the
/// end of the scope. A forked child inherits the handler and not the signals.
class Interruptions {
public:
    explicit Interruptions(std::chrono::microseconds period = std::chrono::milliseconds{1}) {
        struct ::sigaction action {};
        action.sa_handler = [](int) { seen[0].fetch_add(1, std::memory_order_relaxed); };
        ::sigaction(SIGALRM, &action, &before_);
        const ::timeval every{0, period.count()};
        const ::itimerval often{every, every};
        ::setitimer(ITIMER_REAL, &often, nullptr);
    }
    Interruptions(const Interruptions&) = delete;
    Interruptions& operator=(const Interruptions&) = delete;
    ~Interruptions() {
        const ::itimerval never{};
        ::setitimer(ITIMER_REAL, &never, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    /// How many signals have come since it began, to this process and to its relatives that are interrupted meanwhile.
    [[nodiscard]] long count() const noexcept { return total() - start_; }
    static long total() noexcept { return seen[0].load(std::memory_order_relaxed); }

private:
    static inline const Shared<long> seen{1};
    long start_ = total();
    struct ::sigaction before_ {};
};

}  // namespace support
