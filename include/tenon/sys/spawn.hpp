// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Starting another program, posix_spawn(3), with chosen descriptors and no others.

#include <signal.h>  // siginfo_t
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <vector>

#include "error.hpp"
#include "file_descriptor.hpp"

namespace tenon::sys {

/// The first descriptor that a spawned program finds given to it; the others follow.
inline constexpr int first_given = 3;

namespace detail {

class FileActions {
public:
    FileActions() { checked_code(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
    [[nodiscard]] ::posix_spawn_file_actions_t* get() noexcept { return &actions_; }

private:
    ::posix_spawn_file_actions_t actions_{};
};

}  // namespace detail

/// Starts `command[0]` (looked for in PATH), with `environment`; given[i] becomes descriptor first_given + i there, 0 to 2
/// stay, everything else is closed.
/// Throws  ENOENT, EACCES (of the program); EMFILE, EAGAIN, ENOMEM.
inline ::pid_t spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                     const std::vector<int>& given) {
    const auto pointers = [](const std::vector<std::string>& strings) {
        std::vector<char*> result;
        result.reserve(strings.size() + 1);
        for (const std::string& string : strings) {
            result.push_back(const_cast<char*>(string.c_str()));
        }
        result.push_back(nullptr);
        return result;
    };
    if (command.empty()) {
        throw_error(EINVAL, "posix_spawn: no program named");
    }
    const int end = first_given + static_cast<int>(given.size());
    // Out of the way first, so that no dup2() overwrites a descriptor that is still to be copied.
    std::vector<FileDescriptor> aside;
    aside.reserve(given.size());
    detail::FileActions actions;
    for (std::size_t i = 0; i < given.size(); ++i) {
        aside.emplace_back(checked(::fcntl(given[i], F_DUPFD_CLOEXEC, end), "fcntl(F_DUPFD_CLOEXEC)"));
        checked_code(
            ::posix_spawn_file_actions_adddup2(actions.get(), aside.back().get(), first_given + static_cast<int>(i)),
            "posix_spawn_file_actions_adddup2");
    }
    checked_code(::posix_spawn_file_actions_addclosefrom_np(actions.get(), end),
                 "posix_spawn_file_actions_addclosefrom_np");
    ::pid_t pid = -1;
    checked_code(::posix_spawnp(&pid, command[0].c_str(), actions.get(), nullptr, pointers(command).data(),
                                pointers(environment).data()),
                 "posix_spawn", command[0]);
    return pid;
}

/// waitpid(2): waits for the end of a child and frees its pid.
/// Returns  what waitpid() stores.
inline int wait_for_exit(::pid_t pid) {
    int status = 0;
    checked(uninterrupted([&] { return ::waitpid(pid, &status, 0); }), "waitpid");
    return status;
}

/// waitid(2) for the child behind a pidfd, which no other process can be taken for; frees its pid. `options`: 0, WNOHANG,
/// WNOWAIT (which does not free it).
/// Returns  what waitid() stores; si_pid is 0 when it still runs.
/// Throws   ECHILD when it is no child, or was waited for.
inline ::siginfo_t wait_for_exit_of(int pidfd, int options) {
    ::siginfo_t result{};
    checked(uninterrupted([&] { return ::waitid(P_PIDFD, static_cast<::id_t>(pidfd), &result, WEXITED | options); }),
            "waitid");
    return result;
}

/// pidfd_send_signal(2). Returns  false, with errno set, when the process has ended (ESRCH) or the signal is refused.
inline bool try_send_signal(int pidfd, int signal) noexcept {
    return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0U) == 0;
}

}  // namespace tenon::sys
