// SPDX-License-Identifier: BSL-1.0
#pragma once
/// spawn(): starts another program and hands it ends of pipes, sockets or shared memory by name. Nothing else of this
/// process is open there.
///
///     auto pipe  = tenon::TypedPipe<Order>::make();
///     auto child = tenon::spawn({"./worker", "--fast"}, tenon::give("orders", std::move(pipe.receiver)));
///
///     auto orders = tenon::TypedPipe<Order>::Receiver::inherited("orders");   // in worker.cpp

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "carrier/bequest.hpp"
#include "carrier/waitable.hpp"
#include "sync/deadline.hpp"
#include "sys/poll.hpp"
#include "sys/process.hpp"
#include "sys/spawn.hpp"

namespace tenon {

/// How a process ended.
struct ExitStatus {
    int code = -1;   ///< what it returned; -1 when a signal ended it
    int signal = 0;  ///< that signal, or 0
    [[nodiscard]] bool success() const noexcept { return code == 0; }
};

/// A program that this process has started. Its destructor waits for its end, so that no zombie is left: close what it
/// reads from first, or kill() it.
class ChildProcess {
public:
    ChildProcess() noexcept = default;
    /// Of a child that this process has forked.
    explicit ChildProcess(::pid_t pid) : descriptor_{sys::open_pidfd(pid)}, pid_{pid} {}
    ChildProcess(ChildProcess&& other) noexcept
        : descriptor_{std::move(other.descriptor_)}, pid_{std::exchange(other.pid_, -1)}, status_{other.status_} {}
    ChildProcess& operator=(ChildProcess&& other) noexcept {
        std::swap(pid_, other.pid_);
        std::swap(descriptor_, other.descriptor_);
        std::swap(status_, other.status_);
        return *this;
    }
    ~ChildProcess() { end(); }

    [[nodiscard]] explicit operator bool() const noexcept { return descriptor_.get() != -1; }
    [[nodiscard]] ::pid_t pid() const noexcept { return pid_; }
    /// A pidfd: readable once the program has ended.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.get(); }
    [[nodiscard]] carrier::Waitable waitable() const noexcept { return {descriptor_.get(), POLLIN, nullptr, nullptr}; }

    /// Waits for its end.
    /// Throws  ECHILD when somebody else has waited for it.
    ExitStatus wait() {
        if (std::exchange(pid_, -1) > 0) {
            note(sys::wait_for_exit_of(descriptor_.get(), 0));
        }
        return status_;
    }
    /// As wait(), until then at the latest; nothing when it still runs.
    [[nodiscard]] std::optional<ExitStatus> try_wait_until(Deadline deadline) {
        while (pid_ > 0) {
            const short seen = sys::poll_until(descriptor_.get(), POLLIN, deadline.nanoseconds());
            if (seen == 0) {
                return std::nullopt;
            }
            if ((seen & POLLNVAL) == 0 || has_ended()) {
                break;
            }
        }
        return wait();
    }
    template <class Rep, class Period>
    [[nodiscard]] std::optional<ExitStatus> try_wait_for(const std::chrono::duration<Rep, Period>& duration) {
        return try_wait_until(Deadline::after(duration));
    }

    /// Sends it a signal. Nothing happens when it has ended.
    void kill(int signal = SIGKILL) const noexcept {
        if (pid_ > 0) {
            sys::try_send_signal(descriptor_.get(), signal);
        }
    }

private:
    [[nodiscard]] bool has_ended() const {
        return sys::wait_for_exit_of(descriptor_.get(), WNOHANG | WNOWAIT).si_pid != 0;
    }
    void note(const ::siginfo_t& end) noexcept {
        status_ = end.si_code == CLD_EXITED ? ExitStatus{end.si_status, 0} : ExitStatus{-1, end.si_status};
    }
    void end() noexcept {
        try {
            static_cast<void>(wait());
        } catch (...) {  // somebody else has waited for it
        }
    }

    sys::FileDescriptor descriptor_;
    ::pid_t pid_ = -1;
    ExitStatus status_;
};

/// An end on its way to a program that is being started.
template <class Endpoint>
struct Gift {
    std::string name;
    Endpoint endpoint;  // an Endpoint& when it is lent
};

/// Hands an end over: this process closes its own when the program has started, so that the end of the stream is seen.
template <class Endpoint>
[[nodiscard]] Gift<Endpoint> give(std::string_view name,
                                  Endpoint&& endpoint) requires(!std::is_lvalue_reference_v<Endpoint>) {
    return {std::string{name}, std::forward<Endpoint>(endpoint)};
}
/// Hands an end over and keeps it here too, for several programs that share it.
template <class Endpoint>
[[nodiscard]] Gift<Endpoint&> lend(std::string_view name, Endpoint& endpoint) {
    return {std::string{name}, endpoint};
}

/// Starts `command[0]`, looked for in PATH, with the ends that are given, and descriptors 0 to 2.
/// Throws  std::system_error: ENOENT, EACCES and what else posix_spawn(3) says; EINVAL for a name that is no word. Where
///         SIGCHLD is ignored nobody hears how a program ended: ESRCH here when it was quick, ECHILD from wait().
template <class... Endpoints>
[[nodiscard]] ChildProcess spawn(const std::vector<std::string>& command, Gift<Endpoints>... gifts) {
    std::vector<std::string> environment;
    for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
        if (!std::string_view{*variable}.starts_with(carrier::bequest_prefix)) {  // given to us, not to others
            environment.emplace_back(*variable);
        }
    }
    std::vector<int> given;
    [[maybe_unused]] const auto add = [&](const auto& gift) {
        carrier::check_bequest_name(gift.name);
        carrier::Bequest bequest{"descriptor", 0, {}};
        if constexpr (requires { gift.endpoint.bequest(); }) {
            bequest = gift.endpoint.bequest();
        }
        environment.push_back(
            carrier::bequest_variable(gift.name, sys::first_given + static_cast<int>(given.size()), bequest));
        if constexpr (requires { gift.endpoint.native_handle(); }) {
            given.push_back(gift.endpoint.native_handle());
        } else {
            given.push_back(gift.endpoint.get());  // a FileDescriptor
        }
    };
    (add(gifts), ...);
    [[maybe_unused]] const auto let_go =
        []<class Endpoint>(Gift<Endpoint>& gift) {  // the program may be quicker than our close
            if constexpr (!std::is_lvalue_reference_v<Endpoint> && requires { gift.endpoint.give_up_claim(); }) {
                gift.endpoint.give_up_claim();
            }
        };
    (let_go(gifts), ...);
    const ::pid_t pid = sys::spawn(command, environment, given);
    try {
        return ChildProcess{pid};
    } catch (...) {  // no descriptor left for it
        // Only while it is our child: 0 and -1 would be others, and where SIGCHLD is ignored its number may be by now.
        if (pid > 0 && ::waitpid(pid, nullptr, WNOHANG) == 0) {
            ::kill(pid, SIGKILL);
            sys::uninterrupted([&] { return ::waitpid(pid, nullptr, 0); });
        }
        throw;
    }
}

/// The descriptor that was given to this program as `name`, where it is not an end with an inherited() of its own: shared
/// memory, for instance, to be attached.
[[nodiscard]] inline sys::FileDescriptor inherited_descriptor(std::string_view name) {
    return carrier::take_bequest(name, {"descriptor", 0, {}});
}

}  // namespace tenon
