// SPDX-License-Identifier: BSL-1.0
#pragma once
/// POSIX message queues, mq_overview(7): messages of up to a fixed size, each with a priority, behind a descriptor that
/// poll(2) understands. For typed messages take tenon::TypedQueue<Msg, over::posix>.
///
///     auto queue = sys::create_posix_queue("/orders", 0600, 10, sizeof(Order));

#include <fcntl.h>
#include <linux/capability.h>  // CAP_SYS_RESOURCE
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>  // capget, which glibc leaves to others
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "error.hpp"
#include "file_descriptor.hpp"
#include "kernel_limit.hpp"

namespace tenon::sys {

/// On Linux an mqd_t is a descriptor: closed, polled, passed on and asked for its status like any other.
static_assert(sizeof(::mqd_t) == sizeof(int));

inline constexpr const char* posix_most_messages = "/proc/sys/fs/mqueue/msg_max";
inline constexpr const char* posix_largest_message = "/proc/sys/fs/mqueue/msgsize_max";
inline constexpr const char* posix_most_queues = "/proc/sys/fs/mqueue/queues_max";

namespace detail {
inline std::string shown_resource(const char* name, ::rlim_t limit) {
    return std::string{name} + " is " + (limit == RLIM_INFINITY ? "unlimited" : std::to_string(limit));
}
}  // namespace detail

/// Opens an existing queue, close-on-exec. Empty, with errno set, when the kernel refuses.
inline FileDescriptor try_open_posix_queue(const std::string& name, int access) noexcept {
    return FileDescriptor{uninterrupted([&] { return ::mq_open(name.c_str(), access | O_CLOEXEC); })};
}

/// Makes a queue, for both directions, close-on-exec; the umask applies. Empty, with errno set, when the kernel refuses.
inline FileDescriptor try_create_posix_queue(const std::string& name, ::mode_t mode, std::size_t messages,
                                             std::size_t message_size) noexcept {
    ::mq_attr attributes{};
    attributes.mq_maxmsg = static_cast<long>(messages);
    attributes.mq_msgsize = static_cast<long>(message_size);
    return FileDescriptor{uninterrupted(
        [&] { return ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode, &attributes); })};
}

/// Whether the caller may go beyond the limits under /proc/sys/fs/mqueue: CAP_SYS_RESOURCE, in the first user namespace.
inline bool may_exceed_posix_queue_limits() noexcept {
    constexpr ::ino_t first_user_namespace = 0xEFFF'FFFD;  // USER_NS_INIT_INO of linux/nsfs.h
    constexpr std::uint32_t bit = std::uint32_t{1} << (CAP_SYS_RESOURCE % 32);
    struct ::stat users {};
    ::__user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    ::__user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3]{};
    return ::syscall(SYS_capget, &head, held) == 0 && (held[CAP_SYS_RESOURCE / 32].effective & bit) != 0 &&
           ::stat("/proc/self/ns/user", &users) == 0 && users.st_ino == first_user_namespace;
}

/// What a queue of that size would be refused with, whatever other queues there are: EINVAL, EMFILE; 0 if nothing is known
/// against it. Source: mq_overview(7), getrlimit(2).
inline int why_no_posix_queue(std::size_t messages, std::size_t message_size) noexcept {
    const bool is_large =
        messages > kernel_limit(posix_most_messages) || message_size > kernel_limit(posix_largest_message);
    const bool is_too_large = messages > 65'536 || message_size > 16'777'216;  // HARD_MSGMAX, HARD_MSGSIZEMAX
    if (messages == 0 || message_size == 0 || is_too_large || (is_large && !may_exceed_posix_queue_limits())) {
        return EINVAL;
    }
    ::rlimit bytes{};
    const bool is_known = ::getrlimit(RLIMIT_MSGQUEUE, &bytes) == 0;
    return is_known && std::uint64_t{messages} * message_size > bytes.rlim_cur ? EMFILE : 0;
}

/// Throws what try_create_posix_queue() was refused with, telling the limit that it ran into.
[[noreturn]] inline void refuse_posix_queue(int error, std::string_view name, std::size_t messages,
                                            std::size_t message_size) {
    std::string call = "mq_open";
    if (error == EINVAL || error == EMFILE || error == ENOMEM || error == EOVERFLOW) {
        call += " of " + std::to_string(messages) + " messages of " + std::to_string(message_size) + " bytes";
    }
    if (error == EINVAL || error == EOVERFLOW) {
        call += " (" + shown_limit(posix_most_messages) + ", " + shown_limit(posix_largest_message) + ")";
    } else if (error == EMFILE) {
        ::rlimit bytes{};
        ::rlimit files{};
        ::getrlimit(RLIMIT_MSGQUEUE, &bytes);
        ::getrlimit(RLIMIT_NOFILE, &files);
        call += " (" + detail::shown_resource("RLIMIT_MSGQUEUE", bytes.rlim_cur) +
                " bytes for all queues of the user, " + detail::shown_resource("RLIMIT_NOFILE", files.rlim_cur) + ")";
    } else if (error == ENOSPC) {
        call += " (" + shown_limit(posix_most_queues) + ")";
    }
    throw_error(error, call, name);
}

inline ::mq_attr posix_queue_attributes(int queue, std::string_view name) {
    ::mq_attr result{};
    checked(::mq_getattr(queue, &result), "mq_getattr", name);
    return result;
}

/// Takes the name away; who has the queue open keeps it.
inline void unlink_posix_queue(const std::string& name) { checked(::mq_unlink(name.c_str()), "mq_unlink", name); }

/// The highest priority that a message may have.
inline unsigned highest_posix_priority() noexcept { return static_cast<unsigned>(::sysconf(_SC_MQ_PRIO_MAX)) - 1; }

}  // namespace tenon::sys
