// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the probe and the viewer share: one struct, and how they end. There is no serialiser and no schema file; a viewer
// that was compiled with another struct is refused when it attaches, and is shown the first field that differs.

#include <csignal>
#include <cstdint>
#include <tenon/payload/fixed_string.hpp>

inline constexpr const char* default_name = "/machine";
inline constexpr std::uint32_t most_cpus = 64;

/// One reading of a machine.
struct Machine {
    std::uint64_t reading;       // 0: there was none yet
    std::int64_t taken_ns;       // CLOCK_MONOTONIC, the same for all processes of a machine
    std::int32_t probe;          // the pid of who took it
    std::uint32_t cpus;          // how many of busy[] are in use
    float busy[most_cpus];       // percent of the last tenth of a second, for each CPU
    double load[3];              // run queue over 1, 5 and 15 minutes
    std::uint64_t memory_used;   // KiB
    std::uint64_t memory_total;  // KiB
    tenon::FixedString<64> host;
};

/// Ctrl-C, `kill`, a closed terminal and a closed pipe end the loop in main(), so that destructors run and the last one
/// out takes the object away. After kill -9 it stays as it is, and whoever is started next goes on with it.
inline volatile std::sig_atomic_t stopped = 0;

inline void stop_on_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
        std::signal(signal, [](int) { stopped = 1; });
    }
}
