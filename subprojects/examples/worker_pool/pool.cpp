// SPDX-License-Identifier: BSL-1.0
// A boss and three workers, over the carrier that one word names:
//
//     worker_pool-pool shared|pipe|fifo|sysv|posix|socket [BELOW]        counts the primes below a number (1000000)
//
// In C each of the six is a program of its own, for nothing but read() and write() is alike, and whatever was decided about
// full queues, deadlines and dead workers is decided again each time. Here boss and workers are written once (work.hpp), for
// anything that sends and receives messages; what differs is how the carrier is made (roads.hpp).

#include <unistd.h>  // fork

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>
#include <system_error>
#include <tenon/spawn.hpp>
#include <vector>

#include "roads.hpp"

template <class Road>
int run(std::uint32_t below) {
    Road road;
    std::vector<tenon::ChildProcess> workers;
    for (int i = 0; i < 3; ++i) {
        const pid_t pid = fork();
        if (pid == -1) throw std::system_error{errno, std::generic_category(), "fork"};
        if (pid == 0) {
            auto [results, jobs] = road.for_worker();
            const tenon::Outcome end = work(jobs, results);  // if it is not killed, as below
            std::cerr << "worker: " << name_of(end) << '\n';
            _exit(0);
        }
        workers.emplace_back(pid);
    }
    auto [jobs, results] = road.for_boss();
    const Sum sum = direct(jobs, results, below);
    for (const auto& worker : workers) worker.kill();  // who waits for a job has nothing to lose, and breaks nothing
    std::cout << sum.primes << " primes, counted by " << sum.workers.size() << " workers\n";
    return 0;
}

int main(int argc, char** argv) try {
    const std::string_view word = argc > 1 ? argv[1] : "";
    const auto below = static_cast<std::uint32_t>(argc > 2 ? std::atol(argv[2]) : 1'000'000);
    if (word == "shared") return run<Shared>(below);
    if (word == "pipe") return run<Pipe>(below);
    if (word == "fifo") return run<Fifo>(below);
    if (word == "sysv") return run<Sysv>(below);
    if (word == "posix") return run<Posix>(below);
    if (word == "socket") return run<Socket>(below);
    std::cerr << "usage: " << argv[0] << " shared|pipe|fifo|sysv|posix|socket [BELOW]\n";
    return 2;
} catch (const std::exception& error) {
    std::cerr << "pool: " << error.what() << '\n';
    return 1;
}
