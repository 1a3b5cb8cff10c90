// SPDX-License-Identifier: BSL-1.0
#pragma once
// The six roads between boss and workers. Each is made before the fork, and says afterwards which ends each side has: where
// it sends, and where it receives.

#include <tenon/typed_fifo.hpp>
#include <tenon/typed_pipe.hpp>
#include <tenon/typed_queue.hpp>
#include <tenon/typed_socket.hpp>
#include <tuple>

#include "work.hpp"

struct Pipe {
    tenon::TypedPipe<Job> jobs = tenon::TypedPipe<Job>::make();
    tenon::TypedPipe<Result> results = tenon::TypedPipe<Result>::make();
    auto for_boss() { return std::tuple{std::move(jobs).into_sender(), std::move(results).into_receiver()}; }
    auto for_worker() { return std::tuple{std::move(results).into_sender(), std::move(jobs).into_receiver()}; }
};

struct Fifo {  // in the directory that we are started in
    tenon::TypedFifo<Job>::Receiver jobs = tenon::TypedFifo<Job>::Receiver::create("jobs");
    tenon::TypedFifo<Result>::Receiver results = tenon::TypedFifo<Result>::Receiver::create("results");
    auto for_boss() { return std::tuple{tenon::TypedFifo<Job>::Sender::open("jobs"), std::move(results)}; }
    auto for_worker() { return std::tuple{tenon::TypedFifo<Result>::Sender::open("results"), std::move(jobs)}; }
};

template <class Jobs, class Results>
struct Queues {
    Jobs jobs;
    Results results;
    auto for_boss() { return std::tie(jobs, results); }
    auto for_worker() { return std::tie(results, jobs); }
};
using SharedJobs = tenon::TypedQueue<Job>;
using SharedResults = tenon::TypedQueue<Result>;
struct Shared : Queues<SharedJobs, SharedResults> {
    Shared() : Queues{SharedJobs::anonymous(tenon::Capacity{8}), SharedResults::anonymous(tenon::Capacity{8})} {}
};
using SysvJobs = tenon::TypedQueue<Job, tenon::over::sysv>;
using SysvResults = tenon::TypedQueue<Result, tenon::over::sysv>;
struct Sysv : Queues<SysvJobs, SysvResults> {
    Sysv()
        : Queues{SysvJobs::create(tenon::SysvKey::from_path(".", 'J')),
                 SysvResults::create(tenon::SysvKey::from_path(".", 'R'))} {}
};
using PosixJobs = tenon::TypedQueue<Job, tenon::over::posix>;
using PosixResults = tenon::TypedQueue<Result, tenon::over::posix>;
struct Posix : Queues<PosixJobs, PosixResults> {
    Posix()
        : Queues{PosixJobs::create("/pool.jobs", tenon::Capacity{8}),
                 PosixResults::create("/pool.results", tenon::Capacity{8})} {}
};

struct Socket {  // one for all workers: each job goes to whoever takes it
    tenon::TypedSocket<Job, Result>::Pair ends = tenon::TypedSocket<Job, Result>::pair();
    auto for_boss() {
        ends.right = {};
        return std::tie(ends.left, ends.left);
    }
    auto for_worker() {
        ends.left = {};
        return std::tie(ends.right, ends.right);
    }
};
