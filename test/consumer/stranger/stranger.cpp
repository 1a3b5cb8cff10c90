// SPDX-License-Identifier: BSL-1.0
// What a stranger writes on his first evening: one struct, two processes.
#include <sys/wait.h>
#include <unistd.h>
#include <tenon/shared_object.hpp>

#include <cstdio>
#include <string>

struct Reading {
    int ticks;
    double position[3];
};

int main() {
    std::string const name = "/tenon-stranger-" + std::to_string(getpid());
    auto mine = tenon::SharedObject<Reading>::create(name);
    if (fork() == 0) {
        tenon::SharedObject<Reading>::open(name).store(Reading{.ticks = 7, .position = {1, 2, 3}});
        _exit(0);
    }
    wait(nullptr);
    Reading const seen = mine.load();
    if (seen.ticks != 7 || seen.position[2] != 3) return 1;
    std::puts("stranger: exchanged");
}
