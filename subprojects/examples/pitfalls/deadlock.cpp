// SPDX-License-Identifier: BSL-1.0
// The same two with a SemaphoreGuard over both semaphores: all or none. It sleeps only while it holds nothing, so that there
// is no order in which two can wait for each other. It also gives back on every way out, and when its process is killed.

#include <unistd.h>  // fork, usleep

#include <cstdio>
#include <tenon/semaphore_guard.hpp>
#include <tenon/spawn.hpp>

static int eat(tenon::Semaphore& first, tenon::Semaphore& second) {
    for (int meal = 0; meal < 1000; ++meal) {
        tenon::SemaphoreGuard both{first, second};
        usleep(100);
    }
    return 0;
}

int main() {
    auto spoon = tenon::Semaphore::anonymous(tenon::Permits{1});
    auto knife = tenon::Semaphore::anonymous(tenon::Permits{1});

    const pid_t left = fork();
    if (left == 0) return eat(spoon, knife);
    const pid_t right = fork();
    if (right == 0) return eat(knife, spoon);
    const int full = tenon::ChildProcess{left}.wait().success() + tenon::ChildProcess{right}.wait().success();
    std::printf("%d of 2 have eaten\n", full);
    return full == 2 ? 0 : 1;
}
