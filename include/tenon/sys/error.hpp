// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How a failed system call is told: one helper per convention, and the only place that deals with EINTR.
/// What the environment refuses becomes a std::system_error whose text names the call, the object and the reason:
///
///     shm_open "/orders": No such file or directory
///
/// Not for expected outcomes (full, empty, too late): wrappers return those.

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace tenon::sys {

/// Throws std::system_error for `error`: `call "name": reason`, or `call: reason` where nothing has a name.
[[noreturn]] inline void throw_error(int error, std::string_view call, std::string_view name = {}) {
    std::string what{call};
    if (!name.empty()) {
        what.append(" \"").append(name).append("\"");
    }
    throw std::system_error{error, std::generic_category(), what};
}

/// Passes on the result of a call that returns -1 and sets errno; throws when it failed.
template <class Result>
Result checked(Result result, std::string_view call, std::string_view name = {}) {
    if (result == static_cast<Result>(-1)) {
        throw_error(errno, call, name);
    }
    return result;
}

/// Checks a call that returns its error code and leaves errno alone (posix_fallocate, pthread_*).
inline void checked_code(int code, std::string_view call, std::string_view name = {}) {
    if (code != 0) {
        throw_error(code, call, name);
    }
}

/// Repeats a call of the -1-and-errno convention for as long as a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result == -1 && errno == EINTR) {
        result = call();
    }
    return result;
}

}  // namespace tenon::sys
