// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What a test leaves on the machine: names and keys that no other test uses, and counts of what might leak.

#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <set>
#include <string>
#include <string_view>

#include "tenon/sys/sysv_key.hpp"

namespace support {

inline std::atomic<int> last_number{0};
inline int next_number() { return ++last_number; }

/// The process of the test, for its children too.
inline const int test_process = static_cast<int>(::getpid());

/// "/tenon-test.PID.N"
inline std::string unique_name() {
    return "/tenon-test." + std::to_string(test_process) + "." + std::to_string(next_number());
}

/// 0x5e, two bytes of the pid, a number.
inline tenon::SysvKey unique_key() {
    return tenon::SysvKey{0x5e000000 + (test_process & 0xffff) * 256 + next_number() % 256};
}

inline std::set<std::string> entries(const std::string& directory) {
    std::set<std::string> found;
    if (::DIR* const open = ::opendir(directory.c_str())) {
        while (const ::dirent* const entry = ::readdir(open)) {
            found.insert(entry->d_name);
        }
        ::closedir(open);
    }
    return found;
}

/// How many lines of a file satisfy `wanted`.
template <class Wanted>
std::size_t count_lines(const char* path, Wanted wanted) {
    std::ifstream file{path};
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) {
        count += wanted(line) ? 1 : 0;
    }
    return count;
}

/// Everything of this test that tenon could leave behind, counted, and nothing of other programs: two of them are equal
/// when nothing leaked in between.
struct Census {
    std::size_t descriptors = entries("/proc/self/fd").size();
    std::size_t mappings = count_lines("/proc/self/maps", is_shared_memory);
    std::size_t segments = count_lines("/proc/sysvipc/shm", has_our_key);
    std::size_t semaphores = count_lines("/proc/sysvipc/sem", has_our_key);
    std::size_t names = ours();
    std::size_t sysv_queues = count_lines("/proc/sysvipc/msg", has_our_key);
    std::size_t posix_queues = our_posix_queues();

    friend bool operator==(const Census&, const Census&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Census& census) {
        return out << census.descriptors << " descriptors, " << census.mappings << " mappings, " << census.segments
                   << " System V segments, " << census.semaphores << " sets, " << census.names << " names, "
                   << census.sysv_queues << " System V queues, " << census.posix_queues << " POSIX queues";
    }

private:
    static bool is_shared_memory(const std::string& line) {
        return line.find("/dev/shm/") != line.npos || line.find("/SYSV") != line.npos ||
               line.find("/memfd:") != line.npos;
    }
    static bool has_our_key(const std::string& line) {
        return (std::strtol(line.c_str(), nullptr, 10) >> 8) == ((0x5e000000 + (test_process & 0xffff) * 256) >> 8);
    }
    static std::size_t ours() {
        const std::string name = "tenon-test." + std::to_string(test_process) + ".";
        char key[32];  // of a companion file: the last two digits are the number
        std::snprintf(key, sizeof key, ".0x%x", (0x5e000000 + (test_process & 0xffff) * 256) >> 8);
        std::size_t count = 0;
        for (const std::string& entry : entries("/dev/shm")) {
            const bool is_ours =
                entry.rfind(name, 0) == 0 || entry.find(key) != entry.npos || entry.find(".mq." + name) != entry.npos;
            count += is_ours ? 1 : 0;
        }
        return count;
    }
    /// Only a mounted mqueue file system could be listed: asks for each name that was given out.
    static std::size_t our_posix_queues() {
        std::size_t count = 0;
        for (int number = 1; number <= last_number; ++number) {
            const std::string name = "/tenon-test." + std::to_string(test_process) + "." + std::to_string(number);
            const int queue = ::mq_open(name.c_str(), O_RDONLY | O_CLOEXEC);
            if (queue != -1) {
                ++count;
                ::close(queue);
            }
        }
        return count;
    }
};

inline bool exists(const std::string& name) { return ::access(("/dev/shm" + name).c_str(), F_OK) == 0; }

/// Whether long runs are asked for (the setup `full`).
inline bool in_full() {
    const char* const effort = std::getenv("TENON_EFFORT");
    return effort != nullptr && std::string_view{effort} == "full";
}

}  // namespace support
