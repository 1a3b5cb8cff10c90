// SPDX-License-Identifier: BSL-1.0
// The probe reads /proc/stat, /proc/meminfo and /proc/loadavg ten times a second and publishes them as one struct.
// Viewers come and go as they like; they never make it wait, and they never see half of a reading.
//
//     quickstart-probe [/name]

#include <unistd.h>  // getpid, gethostname

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tenon/shared_object.hpp>
#include <thread>  // sleep_until

#include "machine.hpp"

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

/// Since boot, in ticks: how long each CPU worked, and how long it was there.
struct Ticks {
    std::uint32_t cpus = 0;
    std::uint64_t busy[most_cpus]{}, all[most_cpus]{};
};

Ticks read_ticks() {
    Ticks ticks;
    std::ifstream stat{"/proc/stat"};
    for (std::string line; std::getline(stat, line) && line.starts_with("cpu");) {
        std::uint32_t cpu = 0;
        std::istringstream words{line.substr(3)};
        if (line[3] == ' ' || !(words >> cpu) || cpu >= most_cpus) continue;  // the first line is the sum of all
        std::uint64_t value = 0;
        for (int i = 0; i < 8 && words >> value; ++i) {  // user nice system idle iowait irq softirq steal
            ticks.all[cpu] += value;
            if (i != 3 && i != 4) ticks.busy[cpu] += value;
        }
        ticks.cpus = std::max(ticks.cpus, cpu + 1);
    }
    if (ticks.cpus == 0) throw std::runtime_error{"no CPU in /proc/stat"};
    return ticks;
}

Machine read_machine(Ticks& before) {
    Machine now{};
    now.taken_ns = std::chrono::nanoseconds{Clock::now().time_since_epoch()}.count();
    now.probe = getpid();
    const Ticks after = read_ticks();
    now.cpus = after.cpus;
    for (std::uint32_t i = 0; i < now.cpus; ++i) {  // the kernel's sums may step back a little
        const auto busy = after.busy[i] > before.busy[i] ? after.busy[i] - before.busy[i] : 0;
        const auto all = after.all[i] > before.all[i] ? after.all[i] - before.all[i] : 0;
        now.busy[i] = all == 0 ? 0 : 100 * std::min(1.0F, static_cast<float>(busy) / static_cast<float>(all));
    }
    before = after;

    std::uint64_t value = 0, available = 0;
    std::ifstream meminfo{"/proc/meminfo"};
    for (std::string key; meminfo >> key >> value; meminfo.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
        if (key == "MemTotal:") now.memory_total = value;
        if (key == "MemAvailable:") available = value;
    }
    if (now.memory_total == 0) throw std::runtime_error{"no MemTotal in /proc/meminfo"};
    now.memory_used = now.memory_total - std::min(available, now.memory_total);

    std::ifstream loadavg{"/proc/loadavg"};
    if (!(loadavg >> now.load[0] >> now.load[1] >> now.load[2])) throw std::runtime_error{"no loads in /proc/loadavg"};

    char host[256]{};
    gethostname(host, sizeof host - 1);
    now.host.assign_truncated(host);
    return now;
}

int main(int argc, char** argv) try {
    stop_on_signals();
    auto machine = tenon::SharedObject<Machine>::open_or_create(argc > 1 ? argv[1] : default_name);
    std::printf("probe: process %d publishes at %s, ten times a second\n", getpid(), machine.name().c_str());
    std::fflush(stdout);

    Ticks ticks = read_ticks();
    for (auto next = Clock::now() + 100ms; !stopped; next = std::max(next + 100ms, Clock::now())) {
        std::this_thread::sleep_until(next);
        Machine now = read_machine(ticks);
        machine.update([&](Machine& shared) {
            now.reading = shared.reading + 1;  // goes on where a killed probe ended
            shared = now;
        });
    }
    std::puts("probe: bye");
} catch (const std::exception& error) {
    std::fprintf(stderr, "probe: %s\n", error.what());
    return 1;
}
