// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Other processes for tests. A child uses no Boost.Test macro: its function's answer becomes the exit status, and the
/// parent judges. What hangs is ended by the watchdog of the test.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <list>
#include <string>
#include <system_error>
#include <utility>

namespace support {

/// A forked process which runs `body`, a function that returns true when all is well. Killed at the end of the scope.
class Child {
public:
    template <class Body>
    explicit Child(Body body) {
        std::fflush(nullptr);
        pid_ = ::fork();
        if (pid_ == -1) {
            throw std::system_error{errno, std::generic_category(), "fork"};
        }
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing of a test outlives it
            bool fine = false;
            try {
                fine = body();
            } catch (const std::exception& error) {
                std::fprintf(stderr, "in a child: %s\n", error.what());
            }
            ::_exit(fine ? 0 : 1);
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { kill_now(); }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    /// Waits for its end.
    /// Returns  whether the body returned true.
    bool succeeds() {
        int status = 0;
        const pid_t pid = std::exchange(pid_, -1);
        while (::waitpid(pid, &status, 0) == -1) {
            if (errno != EINTR) {
                return false;
            }
        }
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    /// SIGKILL, and waits until it is gone.
    void kill_now() {
        if (pid_ > 0) {  // kill(-1) would be everybody
            ::kill(pid_, SIGKILL);
            const pid_t pid = std::exchange(pid_, -1);
            while (::waitpid(pid, nullptr, 0) == -1 && errno == EINTR) {}
        }
    }
    void signal(int number) const {
        if (pid_ > 0) {
            ::kill(pid_, number);
        }
    }

private:
    pid_t pid_ = -1;
};

/// Runs `body` in a child, to its end.
template <class Body>
bool in_child(Body body) {
    return Child{body}.succeeds();
}

/// Runs `body` in a child that then kills itself, as if by kill -9.
template <class Body>
void in_child_that_dies(Body body) {
    Child child{[&] {
        body();
        ::raise(SIGKILL);
        return false;
    }};
    child.succeeds();
}

/// Runs `body` in so many children at one time, to their ends.
/// Returns  whether it returned true in all of them.
template <class Body>
bool in_children(int count, Body body) {
    std::list<Child> children;
    for (int i = 0; i < count; ++i) {
        children.emplace_back(body);
    }
    bool fine = true;
    for (Child& child : children) {
        fine = child.succeeds() && fine;
    }
    return fine;
}

/// Takes a process to the place in which it sleeps for ever, as far as one can tell from outside.
inline void wait_until_asleep(const Child& child) {
    const std::string path = "/proc/" + std::to_string(child.pid()) + "/stat";
    for (int sleeping = 0; sleeping < 20;) {
        std::string text;
        std::getline(std::ifstream{path} >> std::ws, text);
        const auto name_end = text.rfind(')');
        sleeping = name_end != text.npos && text.compare(name_end, 3, ") S") == 0 ? sleeping + 1 : 0;
        ::usleep(1'000);
    }
}

}  // namespace support
