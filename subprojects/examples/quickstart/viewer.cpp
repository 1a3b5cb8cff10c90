// SPDX-License-Identifier: BSL-1.0
// The viewer prints each reading of the probe when it comes, how old it was by then, and of the rest what changed.
// It may be started before the probe or after it, and goes on when the probe is killed and comes back.
//
//     quickstart-viewer [/name]

#include <unistd.h>  // getpid

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <tenon/shared_object.hpp>

#include "machine.hpp"

using namespace std::chrono_literals;

double age_in_ms(const Machine& machine) {
    const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<double>(now.count() - machine.taken_ns) / 1e6;
}

/// One line; a column that did not change since the last line stays empty.
void show(const Machine& now, const Machine& before) {
    if (now.probe != before.probe) {
        std::printf("viewer: readings of %s, from process %d\n", now.host.str().c_str(), now.probe);
    }
    if (before.reading == 0) {
        std::puts("  reading        age    CPUs, idle . to busy @     busy            memory used   load");
    }
    const std::uint32_t cpus = now.cpus < most_cpus ? now.cpus : most_cpus;  // from outside: never trusted as an index
    float sum = 0;
    std::string bar;
    for (std::uint32_t i = 0; i < cpus; ++i) {
        const float busy = now.busy[i] >= 0 && now.busy[i] <= 100 ? now.busy[i] : 0;
        bar += ".:-=+*#%@"[static_cast<int>(busy * 8 / 100 + 0.5F)];
        sum += busy;
    }
    char memory[48] = "", load[48] = "";
    if (now.memory_used != before.memory_used) {
        std::snprintf(memory, sizeof memory, "%.1f of %.0f MiB", static_cast<double>(now.memory_used) / 1024,
                      static_cast<double>(now.memory_total) / 1024);
    }
    if (now.load[0] != before.load[0] || now.load[1] != before.load[1] || now.load[2] != before.load[2]) {
        std::snprintf(load, sizeof load, "%.2f %.2f %.2f", now.load[0], now.load[1], now.load[2]);
    }
    std::printf("%9llu %7.2f ms    %-22s %6.0f %% %22s   %s\n", static_cast<unsigned long long>(now.reading),
                age_in_ms(now), bar.c_str(), cpus == 0 ? 0 : sum / static_cast<float>(cpus), memory, load);
}

int main(int argc, char** argv) try {
    stop_on_signals();
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // each line at once, into a pipe too
    auto machine = tenon::SharedObject<Machine>::open_or_create(argc > 1 ? argv[1] : default_name);
    std::printf("viewer: process %d looks at %s\n", getpid(), machine.name().c_str());

    Machine now{}, before{};
    for (auto seen = machine.load(now); !stopped; seen = machine.load(now)) {
        if (now.reading == 0) {
            std::puts("viewer: no probe has been here yet; waiting for one");
        } else if (now.reading != before.reading) {
            show(now, before);
        } else {
            std::printf("viewer: no news; the last reading is %.1f s old\n", age_in_ms(now) / 1000);
        }
        before = now;
        for (int tenths = 0; tenths < 10 && !stopped; ++tenths) {  // looks up ten times a second for Ctrl-C
            if (machine.wait_changed_for(seen, 100ms)) break;
        }
    }
    std::puts("viewer: bye");
} catch (const std::exception& error) {
    std::fprintf(stderr, "viewer: %s\n", error.what());
    return 1;
}
