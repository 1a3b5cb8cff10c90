// SPDX-License-Identifier: BSL-1.0
#pragma once
// What parent and child do alike: five turns in the critical section, one of them at a time.

#include <chrono>
#include <cstdio>
#include <tenon/semaphore_guard.hpp>
#include <thread>  // sleep_for

inline constexpr tenon::SysvKey turns_key{9999};

inline void take_turns(const char* who, tenon::SysvSemaphore& semaphore) {
    for (int turn = 1; turn <= 5; ++turn) {
        tenon::SemaphoreGuard guard{semaphore};  // P; V comes with the end of the scope, on every way out of it
        std::printf("%s enters, turn %d\n", who, turn);
        std::fflush(stdout);
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        std::printf("%s leaves\n", who);
        std::fflush(stdout);
    }
}
