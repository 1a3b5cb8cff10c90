// SPDX-License-Identifier: BSL-1.0
// A System V semaphore, key 9999: the child's side. See parent.cpp, which starts this program; it can be started by
// hand as well, any number of times, while the parent is at work.

#include <cstdio>
#include <exception>

#include "turns.hpp"

int main() try {
    auto semaphore =
        tenon::SysvSemaphore::open(turns_key);  // there, and with its permit: or an error that says why not
    take_turns("child", semaphore);
} catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
    return 1;
}
