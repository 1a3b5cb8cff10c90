// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How messages travel through a System V message queue: one msgsnd(2), one msgrcv(2), each with the message behind the
/// `long` that the kernel calls its type. The front door is TypedQueue<Msg, over::sysv>.
///
/// Waiting.  Without limit in the kernel. There is no msgsnd() and no msgrcv() with a time: a deadline looks, at intervals
///           that grow from 20 microseconds to 1 ms, and never gives up early.
/// Removed.  The kernel wakes who sleeps in a queue that is removed: `closed`.
/// Source    msgop(2), msgctl(2).

#include <sys/ipc.h>
#include <sys/msg.h>

#include <cerrno>
#include <climits>  // LONG_MAX
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "../memory/address.hpp"
#include "../memory/errc.hpp"
#include "../payload/well_formed.hpp"
#include "../sync/deadline.hpp"
#include "../sys/clock.hpp"
#include "../sys/sysv_key.hpp"
#include "../sys/sysv_message_queue.hpp"
#include "kernel_queue.hpp"
#include "outcome.hpp"
#include "verbs.hpp"
#include "waitable.hpp"

namespace tenon {

/// The number, above 0, by which receivers of a System V queue select messages.
struct MessageType {
    long number;
    explicit constexpr MessageType(long type) noexcept : number{type} {}
};

namespace carrier {

/// The calls of a System V queue, for KernelObject and KernelQueue. A queue that is not finished has a mode by which it is
/// told from every other program's: execute bits, which mean nothing here.
struct SysvQueueKernel {
    struct Handle {
        int id = -1;
    };
    using Wanted = QueueWanted;
    struct Status {
        ::uid_t creator;
        ::uid_t owner;
        ::mode_t mode;
        bool was_used;
    };
    static constexpr bool keeps_details = true;
    static constexpr bool always_has_capacity = false;
    static constexpr memory::CompanionOf companion = memory::CompanionOf::sysv_queue;
    static constexpr const char* find_call = "msgget";
    static constexpr ::mode_t unfinished = 0711;

    static bool is_there(const Handle& queue) noexcept { return queue.id != -1; }
    static std::int32_t number(const Handle& queue) noexcept { return queue.id; }
    static Handle find(const Address& address) noexcept { return {::msgget(address.key().value(), 0)}; }
    static Handle make(const Address& address, const Wanted& /*wanted*/, Mode /*mode*/) noexcept {
        return {::msgget(address.key().value(), IPC_CREAT | IPC_EXCL | static_cast<int>(unfinished))};
    }
    [[noreturn]] static void refuse(int error, const Address& address, const Wanted& /*wanted*/) {
        sys::throw_error(error, error == ENOSPC ? "msgget (" + sys::shown_limit(sys::sysv_most_queues) + ")" : "msgget",
                         address.text());
    }
    static Status status(const Handle& queue, const std::string& name) {
        const auto seen = sys::sysv_queue_status(queue.id, name);
        return {seen.msg_perm.cuid, seen.msg_perm.uid, static_cast<::mode_t>(seen.msg_perm.mode),
                seen.msg_stime != 0 || seen.msg_rtime != 0 || seen.msg_qnum != 0};
    }
    static bool is_finished(const Status& status) noexcept { return (status.mode & 0777) != unfinished; }
    static bool is_untouched(const Handle& /*queue*/, const Status& status,
                             const memory::CompanionFile::Details& /*details*/) noexcept {
        return !is_finished(status) && !status.was_used;
    }
    /// Both at once: a queue has its mode when it has its capacity.
    static void finish(const Handle& queue, const Wanted& wanted, Mode mode, const std::string& name) {
        auto status = sys::sysv_queue_status(queue.id, name);
        status.msg_perm.mode = static_cast<unsigned short>((mode.bits & 0666) | 0600);
        if (wanted.details.capacity != 0) {
            const std::uint64_t bytes = std::uint64_t{wanted.details.capacity} * wanted.message_size;
            status.msg_qbytes = bytes > ULONG_MAX ? ULONG_MAX : static_cast<::msglen_t>(bytes);
        }
        check_room(status.msg_qbytes / wanted.message_size, queue, wanted.message_size, name);
        sys::set_sysv_queue(queue.id, status, name);
    }
    /// Throws what a new one would be refused with, as far as that can be told while the old one stands: which is asked, being
    /// about to go, whether it may be so large.
    static void check_possible(const Handle& old, const Wanted& wanted, const Address& address) {
        auto status = sys::sysv_queue_status(old.id, address.text());
        const std::uint64_t most = sys::kernel_limit(sys::sysv_most_bytes);
        const std::uint64_t bytes =
            wanted.details.capacity == 0 ? most : std::uint64_t{wanted.details.capacity} * wanted.message_size;
        if (bytes < wanted.message_size) {
            sys::refuse_sysv_queue_without_room(bytes, wanted.message_size, address.text());
        }
        if (bytes > most) {
            status.msg_qbytes = bytes > ULONG_MAX ? ULONG_MAX : static_cast<::msglen_t>(bytes);
            sys::set_sysv_queue(old.id, status, address.text());
        }
    }
    static void remove(const Address& address, const Handle& queue) {
        sys::remove_sysv_queue(queue.id, address.text());
    }
    static bool try_remove(const Address& /*address*/, const Handle& queue) noexcept {
        return ::msgctl(queue.id, IPC_RMID, nullptr) == 0;
    }

    static void check_size(std::size_t size, const std::string& name) { sys::check_sysv_message_size(size, name); }
    static std::size_t room(const Handle& queue, std::size_t size, const std::string& name) {
        return sys::sysv_queue_status(queue.id, name).msg_qbytes / size;
    }
    /// Throws EMSGSIZE for a queue in which not one message has room, telling msgmnb.
    static void check_room(std::size_t messages, const Handle& queue, std::size_t size, const std::string& name) {
        if (messages == 0) {
            sys::refuse_sysv_queue_without_room(sys::sysv_queue_status(queue.id, name).msg_qbytes, size, name);
        }
    }
    static std::size_t message_size(const Handle& /*queue*/, const std::string& /*name*/) noexcept { return 0; }
    static std::size_t waiting(const Handle& queue, const std::string& name) {
        return sys::sysv_queue_status(queue.id, name).msg_qnum;
    }
};

/// A message that was taken from a queue and does not fit.
struct SysvMisfit {
    std::size_t size = 0;
    bool longer = false;  // than `size`
    long type = 0;
};

namespace detail {

inline constexpr std::int64_t first_nap = 20'000;
inline constexpr std::int64_t longest_nap = 1'000'000;

/// After EAGAIN or ENOMSG.
/// Returns  false when it is time to give up.
inline bool nap_before(std::int64_t until, std::int64_t& nap) noexcept {
    if (until == at_once) {
        return false;
    }
    const std::int64_t now = sys::monotonic_now();
    if (now >= until) {
        return false;
    }
    sys::sleep_until(until - now < nap ? until : now + nap);
    nap = nap * 2 < longest_nap ? nap * 2 : longest_nap;
    return true;
}

/// What any other error means.
inline Result why_not(int id, int error) noexcept {
    ::msqid_ds status;
    const bool gone = error == EIDRM || (error == EINVAL && id != -1 && ::msgctl(id, IPC_STAT, &status) == -1 &&
                                         (errno == EINVAL || errno == EIDRM));
    return gone ? Result{Outcome::closed} : Result::failed(error);
}

inline int flags_until(std::int64_t until) noexcept { return until == sys::end_of_time ? 0 : IPC_NOWAIT; }

/// Goes on after the first msgsnd() was refused, with errno.
[[gnu::cold, gnu::noinline]] inline Result send_again(int id, const void* envelope, std::size_t size,
                                                      std::int64_t until) noexcept {
    std::int64_t nap = first_nap;
    do {
        if (errno == EAGAIN) {
            if (!nap_before(until, nap)) {
                return Outcome::full;
            }
        } else if (errno != EINTR) {
            return why_not(id, errno);
        }
    } while (::msgsnd(id, envelope, size, flags_until(until)) == -1);
    return Outcome::done;
}

/// Goes on after the first msgrcv() was refused, with errno. A message that is too long would stay at the head of the
/// queue for ever: it is taken out.
/// Returns  its length in `length`; more than `size` for one that was too long.
template <std::size_t size>
[[gnu::cold, gnu::noinline]] Result receive_again(int id, sys::SysvEnvelope<size>& envelope, long selected,
                                                  std::int64_t until, ::ssize_t& length) noexcept {
    std::int64_t nap = first_nap;
    do {
        if (errno == E2BIG) {
            sys::SysvEnvelope<size + 1> larger;  // one byte tells the too long from what somebody else left us instead
            length = ::msgrcv(id, &larger, size + 1, selected, MSG_NOERROR | IPC_NOWAIT);
            if (length != -1) {
                std::memcpy(static_cast<void*>(&envelope), &larger, sizeof(long) + size);
                return Outcome::done;
            }
        }
        if (errno == ENOMSG) {
            if (!nap_before(until, nap)) {
                return Outcome::empty;
            }
        } else if (errno != EINTR && errno != E2BIG) {
            return why_not(id, errno);
        }
        length = ::msgrcv(id, &envelope, size, selected, flags_until(until));
    } while (length == -1);
    return Outcome::done;
}

// A message is put in as what it is, where the envelope's alignment allows it and no bytes are wrong for it: unlike a copy
// of bytes, that one the optimiser takes apart, so that a message is written where it is made.
template <class Msg>
inline constexpr bool is_itself_in_envelope = alignof(Msg) <= alignof(long) && sizeof(long) % alignof(Msg) == 0 &&
                                              !tenon::detail::has_discriminant<Msg>();

template <class Msg, std::size_t size>
[[gnu::always_inline]] inline void put_in(sys::SysvEnvelope<size>& envelope, const Msg& message) noexcept {
    static_assert(sizeof(Msg) <= size);
    if constexpr (is_itself_in_envelope<Msg>) {
        ::new (static_cast<void*>(envelope.bytes)) Msg(message);
    } else {
        std::memcpy(envelope.bytes, &message, sizeof(Msg));
    }
}

/// std::memcpy, word by word where that is short: then g++ too sees through it, and a message that is used at once is read
/// where the kernel has put it (an assignment of the whole it does not take apart).
template <std::size_t size>
[[gnu::always_inline]] inline void copy_by_words(void* to, const void* from) noexcept {
    constexpr std::size_t word = sizeof(std::uint64_t);
    constexpr std::size_t words = size <= 128 ? size / word : 0;
    auto* const target = static_cast<unsigned char*>(to);
    const auto* const source = static_cast<const unsigned char*>(from);
    [&]<std::size_t... i>(std::index_sequence<i...>) { (..., std::memcpy(target + i * word, source + i * word, word)); }
    (std::make_index_sequence<words>{});
    std::memcpy(target + words * word, source + words * word, size - words * word);
}

/// Returns  whether it is a value of that type.
template <class Msg, std::size_t size>
[[nodiscard, gnu::always_inline]] inline bool take_out(const sys::SysvEnvelope<size>& envelope, Msg* room) noexcept {
    static_assert(sizeof(Msg) <= size);
    copy_by_words<sizeof(Msg)>(room, envelope.bytes);
    return is_well_formed(*room);
}

/// The bytes of a message of one type, or (0) of any type.
template <class Msg, long type>
struct SysvForm {
    static constexpr std::size_t size = sizeof(Msg);

    static constexpr std::size_t size_of(long /*type*/) noexcept { return size; }
    static bool accepts(const sys::SysvEnvelope<size>& envelope, std::size_t length) noexcept {
        return length == size && (type == 0 || envelope.type == type);
    }
    static bool read(const sys::SysvEnvelope<size>& envelope, Msg* room) noexcept { return take_out(envelope, room); }
};

/// What a queue carries, and how: a Msg in its bytes.
template <class Msg>
struct SysvContent {
    static constexpr bool is_variant = false;
    using Form = SysvForm<Msg, 0>;
    static constexpr std::size_t size = sizeof(Msg);
    template <class Alternative>
    static constexpr long type_of = 0;

    static std::size_t write(const Msg& message, sys::SysvEnvelope<size>& envelope) noexcept {
        envelope.type = 1;
        put_in(envelope, message);
        return size;
    }
};

/// A variant: the bytes of its alternative, whose place in the variant, from 1, is the type.
template <class... A>
struct SysvContent<std::variant<A...>> {
    using Msg = std::variant<A...>;
    static constexpr bool is_variant = true;

    template <class Alternative>
    static constexpr std::size_t times = (std::size_t{0} + ... + (std::is_same_v<A, Alternative> ? 1 : 0));
    static_assert(((times<A> == 1) && ...),
                  "tenon::TypedQueue over::sysv: an alternative of the std::variant is there twice, and so the type "
                  "number of a message could not tell which is meant; wrap one of them in a struct of its own.");

    static constexpr std::size_t size = [] {
        std::size_t largest = 0;
        ((largest = sizeof(A) > largest ? sizeof(A) : largest), ...);
        return largest;
    }();

    /// 0 for what is no alternative.
    template <class Alternative>
    static constexpr long type_of = [] {
        long place = 0;
        long found = 0;
        ((++place, found = std::is_same_v<A, Alternative> ? place : found), ...);
        return found;
    }();

    /// Returns  0 for a variant without a value.
    static std::size_t write(const Msg& message, sys::SysvEnvelope<size>& envelope) noexcept {
        std::size_t written = 0;
        static_cast<void>((write_one<A>(message, envelope, written) || ...));
        return written;
    }

    struct Form {
        static constexpr std::size_t size = SysvContent::size;

        /// 0 for what is no alternative's type.
        static constexpr std::size_t size_of(long type) noexcept {
            std::size_t found = 0;
            ((found = type == type_of<A> ? sizeof(A) : found), ...);
            return found;
        }
        static bool accepts(const sys::SysvEnvelope<size>& envelope, std::size_t length) noexcept {
            return ((length == sizeof(A) && envelope.type == type_of<A>) || ...);
        }
        static bool read(const sys::SysvEnvelope<size>& envelope, Msg* room) noexcept {
            return ((envelope.type == type_of<A> && read_one<A>(envelope, room)) || ...);
        }
    };

private:
    template <class Alternative>
    static bool write_one(const Msg& message, sys::SysvEnvelope<size>& envelope, std::size_t& written) noexcept {
        const Alternative* const held = std::get_if<Alternative>(&message);
        if (held == nullptr) {
            return false;
        }
        envelope.type = type_of<Alternative>;
        put_in(envelope, *held);
        written = sizeof(Alternative);
        return true;
    }

    template <class Alternative>
    static bool read_one(const sys::SysvEnvelope<size>& envelope, Msg* room) noexcept {
        union Held {
            Alternative value;
            Held() noexcept {}
        } held;
        if (!take_out(envelope, &held.value)) {
            return false;
        }
        ::new (static_cast<void*>(room)) Msg(std::in_place_type<Alternative>, held.value);
        return true;
    }
};

}  // namespace detail

/// The verbs of a System V queue. Self is TypedQueue<Msg, over::sysv>.
template <class Self, class Msg>
class SysvQueue : public KernelQueue<Self, Msg, SysvQueueKernel, SysvKey, detail::SysvContent<Msg>::size>,
                  public SenderVerbs<Self, Msg>,
                  public ReceiverVerbs<Self, Msg> {
    using Content = detail::SysvContent<Msg>;
    using Sender = SenderVerbs<Self, Msg>;
    using Receiver = ReceiverVerbs<Self, Msg>;
    static constexpr long any_type = 0;
    template <class Alternative>
    static constexpr bool is_alternative = Content::template type_of<Alternative> != 0;

public:
    using Receiver::receive;
    using Receiver::try_receive;
    using Receiver::try_receive_for;
    using Receiver::try_receive_until;
    using Sender::send;
    using Sender::try_send;
    using Sender::try_send_for;
    using Sender::try_send_until;

    // ---- a message with a type of the sender's choice; plain send() gives it type 1

    /// Throws  EINVAL for a type that is not above 0.
    void send(const Msg& message, MessageType type) requires(!Content::is_variant) {
        check(type, "send");
        told_to_send(put(message, sys::end_of_time, type));
    }
    Sent try_send(const Msg& message, MessageType type) noexcept requires(!Content::is_variant) {
        return put(message, at_once, type);
    }
    template <class Rep, class Period>
    Sent try_send_for(const Msg& message, const std::chrono::duration<Rep, Period>& duration, MessageType type) noexcept
        requires(!Content::is_variant) {
        return try_send_until(message, Deadline::after(duration), type);
    }
    template <class Clock, class Duration>
    Sent try_send_until(const Msg& message, const std::chrono::time_point<Clock, Duration>& time,
                        MessageType type) noexcept requires(!Content::is_variant) {
        return try_send_until(message, Deadline::at(time), type);
    }
    Sent try_send_until(const Msg& message, Deadline deadline, MessageType type) noexcept
        requires(!Content::is_variant) {
        return late_if_full(put(message, deadline.nanoseconds(), type));
    }

    // ---- the oldest message of one type; plain receive() takes the oldest of all

    /// Throws  EINVAL for a type that is not above 0.
    [[nodiscard]] Msg receive(MessageType type) requires(!Content::is_variant) {
        check(type, "receive");
        return waited_for(type.number);
    }
    Received<Msg> try_receive(MessageType type) noexcept requires(!Content::is_variant) {
        return looked_for(type, at_once);
    }
    template <class Rep, class Period>
    Received<Msg> try_receive_for(const std::chrono::duration<Rep, Period>& duration, MessageType type) noexcept
        requires(!Content::is_variant) {
        return try_receive_until(Deadline::after(duration), type);
    }
    template <class Clock, class Duration>
    Received<Msg> try_receive_until(const std::chrono::time_point<Clock, Duration>& time, MessageType type) noexcept
        requires(!Content::is_variant) {
        return try_receive_until(Deadline::at(time), type);
    }
    Received<Msg> try_receive_until(Deadline deadline, MessageType type) noexcept requires(!Content::is_variant) {
        return looked_for(type, deadline.nanoseconds());
    }

    // ---- the most urgent message: 1 is the highest type, as 1 is the first of its alternatives in a variant

    /// The oldest message of the lowest number that is there.
    [[nodiscard]] Msg receive_highest() { return waited_for(-LONG_MAX); }
    Received<Msg> try_receive_highest() noexcept { return looked_for(-LONG_MAX, at_once); }
    /// As above, of numbers up to `lowest` only.
    [[nodiscard]] Msg receive_highest(MessageType lowest) requires(!Content::is_variant) {
        check(lowest, "receive_highest");
        return waited_for(-lowest.number);
    }
    Received<Msg> try_receive_highest(MessageType lowest) noexcept requires(!Content::is_variant) {
        return lowest.number > 0 ? looked_for(-lowest.number, at_once) : Received<Msg>{Result::failed(EINVAL)};
    }

    // ---- one alternative of a variant: the kernel selects

    template <class Alternative>
        requires(is_alternative<Alternative>)
    void send(const Alternative& message) { told_to_send(put_alternative(message, sys::end_of_time)); }
    template <class Alternative>
        requires(is_alternative<Alternative>)
    Sent try_send(const Alternative& message)
    noexcept { return put_alternative(message, at_once); }
    template <class Alternative, class Rep, class Period>
        requires(is_alternative<Alternative>)
    Sent try_send_for(const Alternative& message, const std::chrono::duration<Rep, Period>& duration)
    noexcept { return try_send_until(message, Deadline::after(duration)); }
    template <class Alternative, class Clock, class Duration>
        requires(is_alternative<Alternative>)
    Sent try_send_until(const Alternative& message, const std::chrono::time_point<Clock, Duration>& time)
    noexcept { return try_send_until(message, Deadline::at(time)); }
    template <class Alternative>
        requires(is_alternative<Alternative>)
    Sent try_send_until(const Alternative& message, Deadline deadline)
    noexcept { return late_if_full(put_alternative(message, deadline.nanoseconds())); }

    template <class Alternative>
        requires(is_alternative<Alternative>)
    [[nodiscard]] Alternative receive() {
        return filled<Alternative>([this](Alternative* room) {
            told_to_receive(fetch_or_throw<AlternativeForm<Alternative>>(room, type_of<Alternative>));
        });
    }
    template <class Alternative>
        requires(is_alternative<Alternative>)
    Received<Alternative> try_receive()
    noexcept { return looked_for_alternative<Alternative>(at_once); }
    template <class Alternative, class Rep, class Period>
        requires(is_alternative<Alternative>)
    Received<Alternative> try_receive_for(const std::chrono::duration<Rep, Period>& duration)
    noexcept { return try_receive_until<Alternative>(Deadline::after(duration)); }
    template <class Alternative, class Clock, class Duration>
        requires(is_alternative<Alternative>)
    Received<Alternative> try_receive_until(const std::chrono::time_point<Clock, Duration>& time)
    noexcept { return try_receive_until<Alternative>(Deadline::at(time)); }
    template <class Alternative>
        requires(is_alternative<Alternative>)
    Received<Alternative> try_receive_until(Deadline deadline)
    noexcept { return looked_for_alternative<Alternative>(deadline.nanoseconds()); }

    /// The identifier for msgctl(2) and friends.
    [[nodiscard]] int native_handle() const noexcept { return this->handle().id; }

    /// System V queues have no descriptor. Valid while the queue stays where it is.
    [[nodiscard]] Waitable waitable() const noexcept {
        return {-1, 0, static_cast<const SysvQueue*>(this), [](const void* queue) noexcept {
                    ::msqid_ds status;
                    const int id = static_cast<const SysvQueue*>(queue)->native_handle();
                    return ::msgctl(id, IPC_STAT, &status) == -1 || status.msg_qnum != 0;
                }};
    }

protected:
    // For the verbs.
    Result put(const Msg& message, std::int64_t until) noexcept {
        sys::SysvEnvelope<Content::size> envelope;
        const std::size_t size = Content::write(message, envelope);
        if (Content::is_variant && size == 0) {
            return Result::failed(EINVAL);
        }
        return post(envelope, size, until);
    }
    Result put_waiting(const Msg& message) noexcept { return put(message, sys::end_of_time); }
    Result get(Msg* room, std::int64_t until) noexcept { return fetch<typename Content::Form>(room, any_type, until); }
    Result get_waiting(Msg* room) { return fetch_or_throw<typename Content::Form>(room, any_type); }

private:
    template <class Alternative>
    static constexpr long type_of = Content::template type_of<Alternative>;
    template <class Alternative>
    using AlternativeForm = detail::SysvForm<Alternative, type_of<Alternative>>;

    /// One call and one branch, as in C; what else may happen is out of the way.
    template <std::size_t largest>
    Result post(const sys::SysvEnvelope<largest>& envelope, std::size_t size, std::int64_t until) noexcept {
        if (::msgsnd(native_handle(), &envelope, size, detail::flags_until(until)) == 0) [[likely]] {
            return Outcome::done;
        }
        return detail::send_again(native_handle(), &envelope, size, until);
    }

    template <class Form, class Message>
    [[gnu::always_inline]] Result fetch(Message* room, long selected, std::int64_t until) noexcept {
        sys::SysvEnvelope<Form::size> envelope;
        const auto length = ::msgrcv(native_handle(), &envelope, Form::size, selected, detail::flags_until(until));
        if (!Form::accepts(envelope, static_cast<std::size_t>(length))) [[unlikely]] {  // no message is -1 bytes long
            SysvMisfit misfit;
            const Result result = fetch_again<Form>(envelope, length, selected, until, misfit);
            if (result.outcome != Outcome::done) {
                return result;
            }
        }
        return Form::read(envelope, room) ? Outcome::done : Outcome::corrupted;
    }

    template <class Form, class Message>
    [[gnu::always_inline]] Result fetch_or_throw(Message* room, long selected) {
        sys::SysvEnvelope<Form::size> envelope;
        const auto length = ::msgrcv(native_handle(), &envelope, Form::size, selected, 0);
        if (!Form::accepts(envelope, static_cast<std::size_t>(length))) [[unlikely]] {
            const Result result = fetch_again_or_throw<Form>(envelope, length, selected);
            if (result.outcome != Outcome::done) {
                return result;
            }
        }
        if (!Form::read(envelope, room)) [[unlikely]] {
            refuse<Form>({Form::size_of(envelope.type), false, envelope.type});
        }
        return Outcome::done;
    }

    // What these leave in the envelope is read in the hot path, so that a message never has to stand in memory twice.

    template <class Form>
    [[gnu::cold, gnu::noinline]] Result fetch_again(sys::SysvEnvelope<Form::size>& envelope, ::ssize_t length,
                                                    long selected, std::int64_t until, SysvMisfit& misfit) noexcept {
        if (length == -1) {
            const Result result = detail::receive_again(native_handle(), envelope, selected, until, length);
            if (result.outcome != Outcome::done || Form::accepts(envelope, static_cast<std::size_t>(length))) {
                return result;
            }
        }
        const auto size = static_cast<std::size_t>(length);
        misfit =
            size > Form::size ? SysvMisfit{Form::size, true, envelope.type} : SysvMisfit{size, false, envelope.type};
        return Outcome::corrupted;
    }

    template <class Form>
    [[gnu::cold, gnu::noinline]] Result fetch_again_or_throw(sys::SysvEnvelope<Form::size>& envelope, ::ssize_t length,
                                                             long selected) {
        SysvMisfit misfit;
        const Result result = fetch_again<Form>(envelope, length, selected, sys::end_of_time, misfit);
        if (result.outcome == Outcome::corrupted) {
            refuse<Form>(misfit);
        }
        return result;
    }

    Result put(const Msg& message, std::int64_t until, MessageType type) noexcept {
        if (type.number <= 0) {
            return Result::failed(EINVAL);
        }
        sys::SysvEnvelope<Content::size> envelope;
        Content::write(message, envelope);
        envelope.type = type.number;
        return post(envelope, Content::size, until);
    }
    template <class Alternative>
    Result put_alternative(const Alternative& message, std::int64_t until) noexcept {
        sys::SysvEnvelope<sizeof(Alternative)> envelope;
        envelope.type = type_of<Alternative>;
        detail::put_in(envelope, message);
        return post(envelope, sizeof(Alternative), until);
    }

    [[nodiscard]] Msg waited_for(long selected) {
        return filled<Msg>([&](Msg* room) { told_to_receive(fetch_or_throw<typename Content::Form>(room, selected)); });
    }
    Received<Msg> looked_for(long selected, std::int64_t until) noexcept {
        return Received<Msg>{
            [&](Msg* room) { return late_if_empty(fetch<typename Content::Form>(room, selected, until), until); }};
    }
    Received<Msg> looked_for(MessageType type, std::int64_t until) noexcept {
        return type.number > 0 ? looked_for(type.number, until) : Received<Msg>{Result::failed(EINVAL)};
    }
    template <class Alternative>
    Received<Alternative> looked_for_alternative(std::int64_t until) noexcept {
        return Received<Alternative>{[&](Alternative* room) {
            return late_if_empty(fetch<AlternativeForm<Alternative>>(room, type_of<Alternative>, until), until);
        }};
    }

    static Result late_if_full(Result result) noexcept {
        return result.outcome == Outcome::full ? Result{Outcome::late} : result;
    }
    static Result late_if_empty(Result result, std::int64_t until) noexcept {
        return result.outcome == Outcome::empty && until != at_once ? Result{Outcome::late} : result;
    }
    void told_to_send(Result result) const {
        if (result.outcome != Outcome::done) [[unlikely]] {
            this->refuse_to_send(result);
        }
    }
    void told_to_receive(Result result) const {
        if (result.outcome != Outcome::done) [[unlikely]] {
            this->refuse_to_receive(result);
        }
    }
    void check(MessageType type, const char* verb) const {
        if (type.number <= 0) [[unlikely]] {
            refuse(type, verb);
        }
    }
    [[noreturn, gnu::cold, gnu::noinline]] void refuse(MessageType type, const char* verb) const {
        sys::throw_error(EINVAL, std::string{verb} + " of type " + std::to_string(type.number) + " (a type is above 0)",
                         this->name());
    }
    template <class Form>
    [[noreturn, gnu::cold, gnu::noinline]] void refuse(const SysvMisfit& misfit) const {
        const std::size_t expected = Form::size_of(misfit.type);
        std::string what = "receive \"" + this->name() + "\": a message of " + (misfit.longer ? "more than " : "") +
                           std::to_string(misfit.size) + " bytes and type " + std::to_string(misfit.type);
        if (expected == 0) {
            what += ", which is no alternative's";
        } else if (misfit.longer || misfit.size != expected) {
            what += ", not of " + std::to_string(expected) + " bytes";
        }
        memory::throw_error(errc::corrupted, what);
    }
};

}  // namespace carrier
}  // namespace tenon
