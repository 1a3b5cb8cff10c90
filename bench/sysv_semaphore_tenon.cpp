// SPDX-License-Identifier: BSL-1.0
/// The same P and V through tenon. See `sysv_semaphore`.

#include <tenon/semaphore_guard.hpp>

#include <unistd.h>  // getpid

#include <cstdio>
#include <cstdlib>
#include <exception>

int main(int count, char** words) {
    const unsigned long turns = count == 2 ? std::strtoul(words[1], nullptr, 10) : 0;
    try {
        const tenon::SysvKey key{0x7e000000 | ::getpid()};
        auto semaphore = tenon::SysvSemaphore::create(key, tenon::Permits{1});
        for (unsigned long i = 0; i < turns; ++i) {
            P(semaphore);
            V(semaphore);
        }
    } catch (const std::exception& refused) {
        std::fprintf(stderr, "%s\n", refused.what());
        return 1;
    }
    return 0;
}
