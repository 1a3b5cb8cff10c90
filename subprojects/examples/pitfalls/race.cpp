// SPDX-License-Identifier: BSL-1.0
// The same two with a SharedObject: there is no way to its value but whole. update() is alone while it changes it, and one
// that is killed in the middle has changed nothing.

#include <unistd.h>  // fork

#include <cstdio>
#include <tenon/shared_object.hpp>
#include <tenon/spawn.hpp>

static int count(tenon::SharedObject<long>& counter) {
    for (int i = 0; i < 1'000'000; ++i) counter.update([](long& value) { ++value; });
    return 0;
}

int main() {
    auto counter = tenon::SharedObject<long>::anonymous();
    const pid_t pid = fork();
    if (pid == 0) return count(counter);
    count(counter);
    tenon::ChildProcess{pid}.wait();
    std::printf("2000000 counted, %ld there\n", counter.load());
    return counter.load() == 2'000'000 ? 0 : 1;
}
