// SPDX-License-Identifier: BSL-1.0
// The C way to a race: two processes count in shared memory, a million each. ++ is three steps, to read, to add and to
// write; what the other one has written between the first and the last of them is lost. Compare race.cpp.
//
// volatile is no remedy. It is here so that the compiler does not add up the million in advance.

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

static void count(volatile long* counter) {
    for (int i = 0; i < 1'000'000; ++i) {
        const long seen = *counter;
        if (i % 1000 == 0)
            sched_yield();  // the scheduler may do this at any moment: here it does, on one processor too
        *counter = seen + 1;
    }
}

int main() {
    void* const memory = mmap(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return perror("mmap"), 1;
    auto* const counter = static_cast<volatile long*>(memory);
    if (fork() == 0) {
        count(counter);
        _exit(0);
    }
    count(counter);
    wait(nullptr);
    printf("2000000 counted, %ld there\n", *counter);
    return *counter == 2'000'000 ? 0 : 1;
}
