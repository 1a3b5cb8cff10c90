// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the boss and the workers do, whatever carries their messages: count the primes below a number.

#include <unistd.h>  // getpid

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <tenon/typed_queue.hpp>  // MessageSender, MessageReceiver

struct Job {
    std::uint32_t from;
    std::uint32_t below;
};
struct Result {
    Job job;
    std::uint32_t primes;
    pid_t worker;
};

/// Works until no job has come for ten seconds, or nobody is left who could send one: returns which.
template <tenon::MessageReceiver<Job> Jobs, tenon::MessageSender<Result> Results>
tenon::Outcome work(Jobs& jobs, Results& results) {
    for (;;) {
        const auto job = jobs.try_receive_for(std::chrono::seconds{10});
        if (!job) return job.outcome();
        Result result{*job, 0, getpid()};
        for (std::uint32_t n = std::max(2u, job->from); n < job->below; ++n) {
            std::uint32_t divisor = 2;
            while (divisor * divisor <= n && n % divisor != 0) ++divisor;
            result.primes += divisor * divisor > n;
        }
        results.send(result);
    }
}

struct Sum {
    std::uint32_t primes = 0;
    std::set<pid_t> workers;
};

/// Hands out as many jobs as the carrier holds, and what is due once more when results stay away: whoever had it was killed.
/// (Or is slow. Then it is done twice, and counted once.)
template <tenon::MessageSender<Job> Jobs, tenon::MessageReceiver<Result> Results>
Sum direct(Jobs& jobs, Results& results, std::uint32_t below) {
    constexpr std::uint32_t size = 5'000;
    Sum sum;
    std::uint32_t next = 0;
    std::set<std::uint32_t> open;  // jobs without a result
    while (next < below || !open.empty()) {
        while (next < below && jobs.try_send(Job{next, std::min(next + size, below)})) {
            open.insert(next);
            next += size;
        }
        if (const auto result = results.try_receive_for(std::chrono::milliseconds{500})) {
            if (open.erase(result->job.from) == 1) sum.primes += result->primes;
            sum.workers.insert(result->worker);
        } else {
            for (const std::uint32_t from : open) {
                if (!jobs.try_send(Job{from, std::min(from + size, below)})) break;
            }
        }
    }
    return sum;
}
