// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What a test leaves on the machine: names and keys that no other test uses, and counts of what might leak.

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>
#include <string>
#include <string_view>

#include "tenon/sys/sysv_key.hpp"

namespace support {

inline int next_number() {
    static std::atomic<int> number{0};
    return ++number;
}

/// "/tenon-test.PID.N"
inline std::string unique_name() {
    return "/tenon-test." + std::to_string(::getpid()) + "." + std::to_string(next_number());
}

inline tenon::SysvKey unique_key() {
    return tenon::SysvKey{0x5e000000 + (::getpid() & 0xffff) * 256 + next_number() % 256};
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

inline std::size_t lines(const char* path) {
    std::ifstream file{path};
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>{file}, {}, '\n'));
}

/// Everything that tenon could leave behind, counted. Two of them are equal when nothing leaked in between; other
/// programs of the machine are left out where they can be told apart.
struct Census {
    std::size_t descriptors = entries("/proc/self/fd").size();
    std::size_t mappings = lines("/proc/self/maps");
    std::size_t segments = lines("/proc/sysvipc/shm");
    std::size_t semaphores = lines("/proc/sysvipc/sem");
    std::size_t names = ours();

    friend bool operator==(const Census&, const Census&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Census& census) {
        return out << census.descriptors << " descriptors, " << census.mappings << " mappings, " << census.segments
                   << " System V segments, " << census.semaphores << " sets, " << census.names << " names";
    }

private:
    static std::size_t ours() {
        std::size_t count = 0;
        const std::string mine = "tenon-test." + std::to_string(::getpid()) + ".";
        for (const std::string& name : entries("/dev/shm")) {
            count += name.rfind(mine, 0) == 0 ? 1 : 0;
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
