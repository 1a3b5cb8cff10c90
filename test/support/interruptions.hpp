// SPDX-License-Identifier: BSL-1.0
#pragma once
/// EINTR, injected.

#include <signal.h>
#include <sys/time.h>

namespace support {

/// A signal every millisecond, to this process only, whose handler restarts no system call; until the end of the scope.
class Interruptions {
public:
    Interruptions() {
        seen_ = 0;
        struct ::sigaction action {};
        action.sa_handler = [](int) { seen_ = seen_ + 1; };
        ::sigaction(SIGALRM, &action, &before_);
        const ::itimerval every{{0, 1000}, {0, 1000}};
        ::setitimer(ITIMER_REAL, &every, nullptr);
    }
    Interruptions(const Interruptions&) = delete;
    Interruptions& operator=(const Interruptions&) = delete;
    ~Interruptions() {
        const ::itimerval none{};
        ::setitimer(ITIMER_REAL, &none, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    [[nodiscard]] int count() const noexcept { return seen_; }

private:
    static inline volatile ::sig_atomic_t seen_ = 0;
    struct ::sigaction before_ {};
};

}  // namespace support
