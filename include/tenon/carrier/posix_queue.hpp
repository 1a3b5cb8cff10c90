// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How messages travel through a POSIX message queue: one mq_send(3), one mq_receive(3), straight from and into the
/// message. The front door is TypedQueue<Msg, over::posix>.
///
/// Waiting.  Without limit in the kernel. The kernel's own deadline is one of the wall clock, which may be set: it is only
///           used for a look, being in the past. In between ppoll(2) waits by the monotonic clock.
/// Removed.  Takes only the name away; who sleeps in the queue sleeps on.
/// Source    mq_overview(7), mq_timedsend(2), mq_timedreceive(2).

#include <mqueue.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../memory/address.hpp"
#include "../memory/errc.hpp"
#include "../payload/well_formed.hpp"
#include "../sync/deadline.hpp"
#include "../sys/clock.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/poll.hpp"
#include "../sys/posix_message_queue.hpp"
#include "kernel_queue.hpp"
#include "outcome.hpp"
#include "verbs.hpp"
#include "waitable.hpp"

namespace tenon {

/// The priority of a message in a POSIX queue: what is higher is received first, what is equal in the order of sending.
struct Priority {
    unsigned level = 0;
    constexpr Priority() noexcept = default;
    explicit constexpr Priority(unsigned priority) noexcept : level{priority} {}
    friend constexpr bool operator==(Priority, Priority) noexcept = default;
};

namespace carrier {

/// The calls of a POSIX queue, for KernelObject and KernelQueue. It is known by its inode. One that is not finished has a mode
/// by which it is told from every other program's: the sticky bit, which means nothing here and which no umask takes.
struct PosixQueueKernel {
    using Handle = sys::FileDescriptor;
    using Wanted = QueueWanted;
    struct Status {
        ::uid_t creator;
        ::uid_t owner;
        ::mode_t mode;
        std::size_t capacity;
        bool has_messages;
    };
    static constexpr bool keeps_details = true;
    static constexpr bool always_has_capacity = true;
    static constexpr memory::CompanionOf companion = memory::CompanionOf::posix_queue;
    static constexpr const char* find_call = "mq_open";
    static constexpr ::mode_t unfinished = S_ISVTX | 0600;

    static bool is_there(const Handle& queue) noexcept { return static_cast<bool>(queue); }
    static std::int32_t number(const Handle& queue) noexcept {
        struct ::stat status {};
        return ::fstat(queue.get(), &status) == 0 ? static_cast<std::int32_t>(status.st_ino & 0x7fff'ffff) : -2;
    }
    static Handle find(const Address& address) noexcept { return sys::try_open_posix_queue(address.text(), O_RDWR); }

    static Handle make(const Address& address, const Wanted& wanted, Mode /*mode*/) noexcept {
        return sys::try_create_posix_queue(address.text(), unfinished, wanted.details.capacity, wanted.message_size);
    }
    [[noreturn]] static void refuse(int error, const Address& address, const Wanted& wanted) {
        sys::refuse_posix_queue(error, address.text(), wanted.details.capacity, wanted.message_size);
    }
    static Status status(const Handle& queue, const std::string& name) {
        const auto seen = sys::status(queue.get(), name);
        const auto attributes = sys::posix_queue_attributes(queue.get(), name);
        return {seen.st_uid, seen.st_uid, seen.st_mode, static_cast<std::size_t>(attributes.mq_maxmsg),
                attributes.mq_curmsgs != 0};
    }
    static bool is_finished(const Status& status) noexcept { return (status.mode & S_ISVTX) == 0; }
    /// Whether it is what its dead creator was about to make: times do not tell, the kernel sets all of them together.
    static bool is_untouched(const Handle& /*queue*/, const Status& status,
                             const memory::CompanionFile::Details& details) noexcept {
        return !is_finished(status) && !status.has_messages && status.capacity == details.capacity;
    }
    /// Throws what make() would be refused with, as far as that can be told while the old one stands.
    static void check_possible(const Handle& /*old*/, const Wanted& wanted, const Address& address) {
        const int error = sys::why_no_posix_queue(wanted.details.capacity, wanted.message_size);
        if (error != 0) {
            refuse(error, address, wanted);
        }
    }
    static void finish(const Handle& queue, const Wanted& /*wanted*/, Mode mode, const std::string& name) {
        sys::checked(::fchmod(queue.get(), (mode.bits & 0666) | 0600), "fchmod", name);
    }
    static void remove(const Address& address, const Handle& /*queue*/) { sys::unlink_posix_queue(address.text()); }
    static bool try_remove(const Address& address, const Handle& /*queue*/) noexcept {
        return ::mq_unlink(address.text().c_str()) == 0;
    }

    static void check_size(std::size_t /*size*/, const std::string& /*name*/) noexcept {}  // mq_open() does
    static std::size_t room(const Handle& queue, std::size_t /*size*/, const std::string& name) {
        return static_cast<std::size_t>(sys::posix_queue_attributes(queue.get(), name).mq_maxmsg);
    }
    static void check_room(std::size_t /*messages*/, const Handle& /*queue*/, std::size_t /*size*/,
                           const std::string& /*name*/) noexcept {}  // the kernel has none without
    static std::size_t message_size(const Handle& queue, const std::string& name) {
        return static_cast<std::size_t>(sys::posix_queue_attributes(queue.get(), name).mq_msgsize);
    }
    static std::size_t waiting(const Handle& queue, const std::string& name) {
        return static_cast<std::size_t>(sys::posix_queue_attributes(queue.get(), name).mq_curmsgs);
    }
};

namespace detail {

/// A time of CLOCK_REALTIME that has passed: only a look.
inline constexpr ::timespec long_ago{0, 0};

inline ::ssize_t send_posix(int queue, const char* bytes, std::size_t size, unsigned priority,
                            std::int64_t until) noexcept {
    return until == sys::end_of_time ? ::mq_send(queue, bytes, size, priority)
                                     : ::mq_timedsend(queue, bytes, size, priority, &long_ago);
}
inline ::ssize_t receive_posix(int queue, char* bytes, std::size_t size, unsigned* priority,
                               std::int64_t until) noexcept {
    return until == sys::end_of_time ? ::mq_receive(queue, bytes, size, priority)
                                     : ::mq_timedreceive(queue, bytes, size, priority, &long_ago);
}

/// After ETIMEDOUT.
/// Returns  false when it is time to give up.
inline bool poll_before(int queue, short event, std::int64_t until) noexcept {
    if (until == at_once || sys::monotonic_now() >= until) {
        return false;
    }
    sys::poll_until(queue, event, until);
    return true;
}

/// Goes on after the first attempt was refused, with errno.
[[gnu::cold, gnu::noinline]] inline Result send_posix_again(int queue, const char* bytes, std::size_t size,
                                                            unsigned priority, std::int64_t until) noexcept {
    do {
        if (errno == ETIMEDOUT) {
            if (!poll_before(queue, POLLOUT, until)) {
                return Outcome::full;
            }
        } else if (errno != EINTR) {
            return Result::failed(errno);
        }
    } while (send_posix(queue, bytes, size, priority, until) == -1);
    return Outcome::done;
}
[[gnu::cold, gnu::noinline]] inline Result receive_posix_again(int queue, char* bytes, std::size_t size,
                                                               unsigned* priority, std::int64_t until,
                                                               ::ssize_t& length) noexcept {
    do {
        if (errno == ETIMEDOUT) {
            if (!poll_before(queue, POLLIN, until)) {
                return Outcome::empty;
            }
        } else if (errno != EINTR) {
            return Result::failed(errno);
        }
        length = receive_posix(queue, bytes, size, priority, until);
    } while (length == -1);
    return Outcome::done;
}

}  // namespace detail

/// The verbs of a POSIX queue. Self is TypedQueue<Msg, over::posix>.
template <class Self, class Msg>
class PosixQueue : public KernelQueue<Self, Msg, PosixQueueKernel, std::string_view, sizeof(Msg)>,
                   public SenderVerbs<Self, Msg>,
                   public ReceiverVerbs<Self, Msg> {
    using Sender = SenderVerbs<Self, Msg>;
    using Receiver = ReceiverVerbs<Self, Msg>;

public:
    using Receiver::receive;
    using Receiver::try_receive;
    using Receiver::try_receive_for;
    using Receiver::try_receive_until;
    using Sender::send;
    using Sender::try_send;
    using Sender::try_send_for;
    using Sender::try_send_until;

    // ---- with a priority; plain send() gives 0

    /// Throws  EINVAL for a priority that is too high, telling the highest.
    void send(const Msg& message, Priority priority) {
        const Result result = put(message, sys::end_of_time, priority.level);
        if (result.outcome != Outcome::done) [[unlikely]] {
            refuse(result, priority);
        }
    }
    Sent try_send(const Msg& message, Priority priority) noexcept { return put(message, at_once, priority.level); }
    template <class Rep, class Period>
    Sent try_send_for(const Msg& message, const std::chrono::duration<Rep, Period>& duration,
                      Priority priority) noexcept {
        return try_send_until(message, Deadline::after(duration), priority);
    }
    template <class Clock, class Duration>
    Sent try_send_until(const Msg& message, const std::chrono::time_point<Clock, Duration>& time,
                        Priority priority) noexcept {
        return try_send_until(message, Deadline::at(time), priority);
    }
    Sent try_send_until(const Msg& message, Deadline deadline, Priority priority) noexcept {
        const Result result = put(message, deadline.nanoseconds(), priority.level);
        return result.outcome == Outcome::full ? Result{Outcome::late} : result;
    }

    /// As without it, telling the message's priority in `of`.
    [[nodiscard]] Msg receive(Priority& of) {
        return filled<Msg>([&](Msg* room) {
            const Result result = fetch_or_throw(room, &of.level);
            if (result.outcome != Outcome::done) [[unlikely]] {
                this->refuse_to_receive(result);
            }
        });
    }
    Received<Msg> try_receive(Priority& of) noexcept {
        return Received<Msg>{[&](Msg* room) { return fetch(room, at_once, &of.level); }};
    }
    template <class Rep, class Period>
    Received<Msg> try_receive_for(const std::chrono::duration<Rep, Period>& duration, Priority& of) noexcept {
        return try_receive_until(Deadline::after(duration), of);
    }
    template <class Clock, class Duration>
    Received<Msg> try_receive_until(const std::chrono::time_point<Clock, Duration>& time, Priority& of) noexcept {
        return try_receive_until(Deadline::at(time), of);
    }
    Received<Msg> try_receive_until(Deadline deadline, Priority& of) noexcept {
        return Received<Msg>{[&](Msg* room) {
            const Result result = fetch(room, deadline.nanoseconds(), &of.level);
            return result.outcome == Outcome::empty ? Result{Outcome::late} : result;
        }};
    }

    /// The descriptor, which is an mqd_t.
    [[nodiscard]] int native_handle() const noexcept { return this->handle().get(); }
    [[nodiscard]] Waitable waitable() const noexcept { return {native_handle(), POLLIN}; }

protected:
    // For the verbs.
    Result put(const Msg& message, std::int64_t until) noexcept { return put(message, until, 0); }
    Result put_waiting(const Msg& message) noexcept { return put(message, sys::end_of_time, 0); }
    Result get(Msg* room, std::int64_t until) noexcept { return fetch(room, until, nullptr); }
    Result get_waiting(Msg* room) { return fetch_or_throw(room, nullptr); }

private:
    /// One call and one branch, as in C; what else may happen is out of the way.
    Result put(const Msg& message, std::int64_t until, unsigned priority) noexcept {
        const auto* const bytes = reinterpret_cast<const char*>(&message);
        const int queue = native_handle();
        if (detail::send_posix(queue, bytes, sizeof(Msg), priority, until) == 0) [[likely]] {
            return Outcome::done;
        }
        return detail::send_posix_again(queue, bytes, sizeof(Msg), priority, until);
    }

    [[gnu::always_inline]] Result fetch(Msg* room, std::int64_t until, unsigned* priority) noexcept {
        const auto length =
            detail::receive_posix(native_handle(), reinterpret_cast<char*>(room), sizeof(Msg), priority, until);
        if (fits(length, *room)) [[likely]] {
            return Outcome::done;
        }
        std::size_t misfit;
        return fetch_again(room, length, until, priority, misfit);
    }

    [[gnu::always_inline]] Result fetch_or_throw(Msg* room, unsigned* priority) {
        const auto length = ::mq_receive(native_handle(), reinterpret_cast<char*>(room), sizeof(Msg), priority);
        if (fits(length, *room)) [[likely]] {
            return Outcome::done;
        }
        return fetch_again_or_throw(room, length, priority);
    }

    static bool fits(::ssize_t length, const Msg& message) noexcept {
        return length == static_cast<::ssize_t>(sizeof(Msg)) && is_well_formed(message);
    }

    [[gnu::cold, gnu::noinline]] Result fetch_again(Msg* room, ::ssize_t length, std::int64_t until, unsigned* priority,
                                                    std::size_t& misfit) noexcept {
        if (length == -1) {
            const Result result = detail::receive_posix_again(native_handle(), reinterpret_cast<char*>(room),
                                                              sizeof(Msg), priority, until, length);
            if (result.outcome != Outcome::done) {
                return result;
            }
            if (fits(length, *room)) {
                return Outcome::done;
            }
        }
        misfit = static_cast<std::size_t>(length);
        return Outcome::corrupted;
    }

    [[gnu::cold, gnu::noinline]] Result fetch_again_or_throw(Msg* room, ::ssize_t length, unsigned* priority) {
        std::size_t misfit = 0;
        const Result result = fetch_again(room, length, sys::end_of_time, priority, misfit);
        if (result.outcome == Outcome::corrupted) {
            refuse(misfit);
        }
        return result;
    }

    [[noreturn, gnu::cold, gnu::noinline]] void refuse(Result result, Priority priority) const {
        if (result.system_error == EINVAL && priority.level > sys::highest_posix_priority()) {
            sys::throw_error(EINVAL,
                             "send of priority " + std::to_string(priority.level) + " (at most " +
                                 std::to_string(sys::highest_posix_priority()) + ", sysconf(_SC_MQ_PRIO_MAX) - 1)",
                             this->name());
        }
        this->refuse_to_send(result);
    }
    [[noreturn, gnu::cold, gnu::noinline]] void refuse(std::size_t size) const {
        memory::throw_error(errc::corrupted,
                            "receive \"" + this->name() + "\": a message of " + std::to_string(size) + " bytes" +
                                (size != sizeof(Msg) ? ", not of " + std::to_string(sizeof(Msg)) : ""));
    }
};

}  // namespace carrier
}  // namespace tenon
