// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedSocket<Out, In> and TypedListener<Out, In>: Unix domain sockets that carry structs both ways, with descriptors and
/// with the kernel's word on who is at the other end. Not for another machine; for many readers take TypedTopic.
///
///     auto listener = tenon::TypedListener<Answer, Request>::create("/run/answers.sock");   // <what we send, what comes>
///     auto client   = listener.accept();
///
///     auto socket = tenon::TypedSocket<Request, Answer>::connect("/run/answers.sock");      // another process
///     socket.send(request);
///     Answer answer = socket.receive();

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "carrier/connection.hpp"
#include "carrier/greeting.hpp"
#include "carrier/outcome.hpp"
#include "carrier/over.hpp"
#include "carrier/unix_address.hpp"
#include "carrier/unix_connect.hpp"
#include "carrier/unix_listener.hpp"
#include "carrier/verbs.hpp"
#include "carrier/waitable.hpp"
#include "memory/address.hpp"
#include "memory/errc.hpp"
#include "payload/descriptor_fields.hpp"
#include "payload/fixed_string.hpp"  // what a payload has instead of std::string
#include "payload/passed_fd.hpp"
#include "payload/payload.hpp"
#include "payload/well_formed.hpp"
#include "sync/deadline.hpp"
#include "sys/unix_socket.hpp"

namespace tenon {

using sys::PeerCredentials;

template <class Out, class In, class Over>
class TypedListener;

/// One end of a connection: sends Out, receives In. Models MessageSender<Out> and MessageReceiver<In>.
///
/// Sharing  One thread may send while another receives. Over seqpacket, messages without descriptors may be sent and received
///          by any number of threads, and of processes that inherited the socket.
/// Crash    Killed at any instruction, a sender has sent a message whole or not at all; its peer hears `died`.
/// Limits   Over seqpacket as much as net.core.wmem_max lets a send buffer hold; over a stream 32 KiB. 253 descriptors. Before
///          Linux 6.16 a peer can pass us what we do not expect, and with it make us sleep in close(2) (SO_LINGER).
template <class Out, class In, class Over = over::seqpacket>
class TypedSocket : public carrier::SenderVerbs<TypedSocket<Out, In, Over>, Out>,
                    public carrier::ReceiverVerbs<TypedSocket<Out, In, Over>, In> {
    using Sending = carrier::SenderVerbs<TypedSocket, Out>;
    using Receiving = carrier::ReceiverVerbs<TypedSocket, In>;
    friend Sending;
    friend Receiving;
    template <class, class, class>
    friend class TypedSocket;
    friend TypedListener<Out, In, Over>;
    using Result = carrier::Result;

    static constexpr bool is_stream = std::is_same_v<Over, over::stream>;
    static constexpr bool sends_descriptors = descriptor_count<Out> != 0;
    static constexpr bool receives_descriptors = descriptor_count<In> != 0;
    static constexpr int type = is_stream ? SOCK_STREAM : SOCK_SEQPACKET;

    static_assert(is_stream || std::is_same_v<Over, over::seqpacket>,
                  "tenon::TypedSocket: the third parameter is tenon::over::seqpacket or tenon::over::stream");
    static_assert(require_socket_payload<Out>() && require_socket_payload<In>());
    static_assert(
        descriptor_count<Out> <= carrier::most_descriptors && descriptor_count<In> <= carrier::most_descriptors,
        "tenon::TypedSocket: a message has more than 253 descriptors, which is the most that the kernel lets one carry; send several messages");
    static constexpr std::size_t most_in_a_stream = 32'768;
    template <class Msg>
    static constexpr std::size_t most_in_a_batch = is_stream ? std::max<std::size_t>(most_in_a_stream / sizeof(Msg), 1)
                                                             : 64;
    static constexpr carrier::Connection::Shape shape{type, sizeof(Out), sends_descriptors ? 1 : most_in_a_batch<Out>,
                                                      sizeof(In), descriptor_count<In>};
    static_assert(
        !is_stream || (sizeof(Out) <= most_in_a_stream && sizeof(In) <= most_in_a_stream),
        "tenon::TypedSocket: over a stream a message has at most 32 KiB, because up to there the kernel takes it whole or not at all; use tenon::over::seqpacket, or pass shared memory in a tenon::PassedFd");

public:
    /// Connects to a server that is there, and waits for its greeting. `owner`: whose server is trusted beside the caller's
    /// and root's.
    /// Throws  std::system_error: ENOENT, ECONNREFUSED, EACCES; errc::untrusted; errc::layout_mismatch, printing both
    ///         layouts; ECONNRESET when the server went first; EMSGSIZE.
    [[nodiscard]] static TypedSocket connect(const UnixAddress& address, Owner owner = Owner::caller()) {
        return connected(address, owner, {});
    }
    /// As connect(), waiting until then at the latest for the server to appear and to greet.
    /// Throws  ETIMEDOUT when that was too late.
    template <class Rep, class Period>
    [[nodiscard]] static TypedSocket connect_for(const UnixAddress& address,
                                                 const std::chrono::duration<Rep, Period>& duration,
                                                 Owner owner = Owner::caller()) {
        return connect_until(address, Deadline::after(duration), owner);
    }
    template <class Clock, class Duration>
    [[nodiscard]] static TypedSocket connect_until(const UnixAddress& address,
                                                   const std::chrono::time_point<Clock, Duration>& time,
                                                   Owner owner = Owner::caller()) {
        return connect_until(address, Deadline::at(time), owner);
    }
    [[nodiscard]] static TypedSocket connect_until(const UnixAddress& address, Deadline deadline,
                                                   Owner owner = Owner::caller()) {
        return connected(address, owner, {deadline.nanoseconds(), true});
    }

    struct Pair {
        TypedSocket left;
        TypedSocket<In, Out, Over> right;
    };
    /// The two ends of a connection without a name, for a child to inherit one: auto [left, right] = pair().
    /// Both have the caller as their peer, for the kernel knows who made them and not who uses them.
    [[nodiscard]] static Pair pair() {
        sys::UnixSocketPair ends = sys::create_unix_socket_pair(type);
        return {TypedSocket{std::move(ends.left), "socketpair"},
                TypedSocket<In, Out, Over>{std::move(ends.right), "socketpair"}};
    }

    /// Takes over a connected socket that was inherited or received. Nobody greets: that the messages fit is the caller's
    /// word. Of the other tidings that the kernel may have been told to send with them there are none any more
    /// (SO_PASSCRED and the like).
    /// Returns  the new owner. When it throws a number is still the caller's, open; a FileDescriptor is closed.
    /// Throws   ENOTSOCK; EPROTOTYPE when it is of another family or type; ENOTCONN; EMSGSIZE.
    [[nodiscard]] static TypedSocket attach(int descriptor) {
        sys::FileDescriptor lent{descriptor};
        try {
            return attached(lent);
        } catch (...) {
            static_cast<void>(lent.release());
            throw;
        }
    }
    [[nodiscard]] static TypedSocket attach(sys::FileDescriptor socket) { return attached(socket); }

    // The same with a trailing std::error_code&: an empty socket, and the reason, instead of the exception.

    [[nodiscard]] static TypedSocket connect(const UnixAddress& address, std::error_code& error) {
        return connect(address, Owner::caller(), error);
    }
    [[nodiscard]] static TypedSocket connect(const UnixAddress& address, Owner owner, std::error_code& error) {
        return memory::reporting(error, [&] { return connect(address, owner); });
    }
    template <class Rep, class Period>
    [[nodiscard]] static TypedSocket connect_for(const UnixAddress& address,
                                                 const std::chrono::duration<Rep, Period>& duration,
                                                 std::error_code& error) {
        return connect_until(address, Deadline::after(duration), error);
    }
    template <class Rep, class Period>
    [[nodiscard]] static TypedSocket connect_for(const UnixAddress& address,
                                                 const std::chrono::duration<Rep, Period>& duration, Owner owner,
                                                 std::error_code& error) {
        return connect_until(address, Deadline::after(duration), owner, error);
    }
    [[nodiscard]] static TypedSocket connect_until(const UnixAddress& address, Deadline deadline,
                                                   std::error_code& error) {
        return connect_until(address, deadline, Owner::caller(), error);
    }
    [[nodiscard]] static TypedSocket connect_until(const UnixAddress& address, Deadline deadline, Owner owner,
                                                   std::error_code& error) {
        return memory::reporting(error, [&] { return connect_until(address, deadline, owner); });
    }
    [[nodiscard]] static Pair pair(std::error_code& error) {
        return memory::reporting(error, [] { return pair(); });
    }
    [[nodiscard]] static TypedSocket attach(sys::FileDescriptor socket, std::error_code& error) {
        return memory::reporting(error, [&] { return attach(std::move(socket)); });
    }
    [[nodiscard]] static TypedSocket attach(int descriptor, std::error_code& error) {
        return memory::reporting(error, [&] { return attach(descriptor); });
    }

    /// Empty sockets, from a failed factory or moved from, test false; nothing else may be asked of them.
    TypedSocket() noexcept = default;
    [[nodiscard]] explicit operator bool() const noexcept { return connection_.descriptor() >= 0; }

    // send, try_send, try_send_for, try_send_until, receive, try_receive...: see carrier/verbs.hpp

    /// Sends as many of them as is possible at once, in their order, with as few system calls as will do.
    /// Returns  how many; try_send() of the next one says why not more.
    [[nodiscard]] std::size_t try_send_many(std::span<const Out> messages) noexcept {
        if constexpr (sends_descriptors) {
            return Sending::try_send_many(messages);
        } else {
            std::size_t count = 0;
            while (count < messages.size()) {
                const std::size_t asked = std::min(messages.size() - count, connection_.most_at_once());
                const std::size_t sent = send_batch(messages.subspan(count, asked));
                count += sent;
                if (sent < asked) {
                    break;
                }
            }
            return count;
        }
    }

    /// Receives as many as are there and fit, with as few system calls as will do. Of messages with descriptors one, because
    /// the next would close what nobody took.
    /// Returns  how many; try_receive() says why not more.
    [[nodiscard]] std::size_t try_receive_many(std::span<In> room) noexcept {
        if constexpr (receives_descriptors) {
            return Receiving::try_receive_many(room.first(std::min<std::size_t>(room.size(), 1)));
        } else {
            std::size_t count = 0;
            while (count < room.size()) {
                const std::size_t asked = std::min(room.size() - count, most_in_a_batch<In>);
                const std::size_t got = receive_batch(room.subspan(count, asked));
                count += got;
                if (got < asked) {
                    break;
                }
            }
            return count;
        }
    }

    /// The descriptor that came in this field: now the caller's, and the field holds none. Empty when it holds none, or one
    /// that was taken. What nobody takes is closed by the next receive and with the socket.
    [[nodiscard]] sys::FileDescriptor take(PassedFd& field) noexcept requires(receives_descriptors) {
        return connection_.bag().take(std::exchange(field, PassedFd{}).get());
    }

    /// Nothing more will be sent: once it has received what is on its way, the peer hears `half_closed`.
    void close_sending() { sys::checked(::shutdown(connection_.descriptor(), SHUT_WR), "shutdown", name()); }

    /// Who connected, or listens, or made the pair: as the kernel saw it then.
    [[nodiscard]] const PeerCredentials& peer() const noexcept { return connection_.peer(); }
    /// The address, for messages.
    [[nodiscard]] const std::string& name() const noexcept { return connection_.name(); }
    [[nodiscard]] int native_handle() const noexcept { return connection_.descriptor(); }
    [[nodiscard]] carrier::Waitable waitable() const noexcept { return {connection_.descriptor(), POLLIN}; }

private:
    /// When it throws, the socket is still the caller's.
    TypedSocket(sys::FileDescriptor&& socket, std::string name)
        : connection_{std::move(socket), shape, std::move(name)} {}

    static TypedSocket attached(sys::FileDescriptor& socket) {
        const std::string name = "socket " + std::to_string(socket.get());
        if (sys::socket_option(socket.get(), SO_DOMAIN, name) != AF_UNIX ||
            sys::socket_option(socket.get(), SO_TYPE, name) != type) {
            sys::throw_error(
                EPROTOTYPE,
                is_stream ? "attach: not a Unix domain stream socket:" : "attach: not a Unix domain seqpacket socket:",
                name);
        }
        ::sockaddr_un peer{};
        ::socklen_t size = sizeof peer;
        sys::checked(::getpeername(socket.get(), reinterpret_cast<::sockaddr*>(&peer), &size), "getpeername", name);
        sys::checked(::fcntl(socket.get(), F_SETFD, FD_CLOEXEC), "fcntl(F_SETFD)", name);
        return TypedSocket{std::move(socket), name};
    }

    static TypedSocket connected(const UnixAddress& address, Owner owner, carrier::Waiting waiting) {
        return TypedSocket{carrier::connect_unix(address, type, carrier::Terms::of<Out, In>(), owner, waiting),
                           address.text()};
    }

    // ---- sending

    Result put(const Out& message, std::int64_t until) noexcept { return put_with(message, MSG_DONTWAIT, until); }
    Result put_waiting(const Out& message) noexcept { return put_with(message, 0, sys::end_of_time); }

    Result put_with(const Out& message, int flags, std::int64_t until) noexcept {
        if constexpr (sends_descriptors) {
            return put_with_descriptors(message, flags, until);
        } else {
            const ::ssize_t sent = ::send(connection_.descriptor(), &message, sizeof message, flags | MSG_NOSIGNAL);
            if (sent == static_cast<::ssize_t>(sizeof message)) [[likely]] {
                return Outcome::done;
            }
            return connection_.keep_sending(&message, sizeof message, sent, errno, until);
        }
    }

    /// The bytes of a field say whether there is a descriptor, not which number it has here.
    static constexpr int there = 0;
    static constexpr int none = -1;
    static_assert(sizeof(PassedFd) == sizeof(int));

    Result put_with_descriptors(const Out& message, int flags, std::int64_t until) noexcept {
        constexpr std::size_t most = descriptor_count<Out>;
        alignas(::cmsghdr) std::byte control[CMSG_SPACE(sizeof(int) * most)]{};
        ::iovec pieces[2 * most + 1];
        std::size_t piece_count = 0;
        std::size_t descriptors = 0;
        auto* const bytes = const_cast<std::byte*>(reinterpret_cast<const std::byte*>(&message));
        std::size_t done = 0;
        const auto add = [&](const void* start, std::size_t size) {
            if (size != 0) {
                pieces[piece_count++] = {const_cast<void*>(start), size};
            }
        };
        auto* const head = reinterpret_cast<::cmsghdr*>(control);
        for_each_descriptor(message, [&](const PassedFd& field) {
            const auto at = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&field) - bytes);
            add(bytes + done, at - done);
            add(field ? &there : &none, sizeof(int));
            done = at + sizeof(int);
            if (const int number = field.get(); field) {
                std::memcpy(CMSG_DATA(head) + sizeof(int) * descriptors++, &number, sizeof number);
            }
        });
        add(bytes + done, sizeof message - done);
        ::msghdr what{};
        what.msg_iov = pieces;
        what.msg_iovlen = piece_count;
        if (descriptors != 0) {
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int) * descriptors);
            what.msg_control = control;
            what.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors);
        }
        const ::ssize_t sent = ::sendmsg(connection_.descriptor(), &what, flags | MSG_NOSIGNAL);
        if (sent == static_cast<::ssize_t>(sizeof message)) [[likely]] {
            return Outcome::done;
        }
        return connection_.keep_sending(what, sizeof message, sent, errno, until);
    }

    std::size_t send_batch(std::span<const Out> messages) noexcept {
        if constexpr (is_stream) {
            // Up to 32 KiB at once: all or nothing again.
            const ::ssize_t sent = sys::uninterrupted([&] {
                return ::send(connection_.descriptor(), messages.data(), messages.size_bytes(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
            });
            if (sent == static_cast<::ssize_t>(messages.size_bytes())) {
                return messages.size();
            }
            if (sent > 0) {
                connection_.spoil();
            }
            connection_.note(sent == -1 ? errno : 0);
            return sent == -1 && errno == EAGAIN && messages.size() > 1 ? Sending::try_send_many(messages) : 0;
        } else {
            std::array<::mmsghdr, 64> headers{};
            std::array<::iovec, 64> pieces;
            for (std::size_t i = 0; i < messages.size(); ++i) {
                pieces[i] = {const_cast<Out*>(&messages[i]), sizeof(Out)};
                headers[i].msg_hdr.msg_iov = &pieces[i];
                headers[i].msg_hdr.msg_iovlen = 1;
            }
            const int sent = sys::uninterrupted([&] {
                return ::sendmmsg(connection_.descriptor(), headers.data(), static_cast<unsigned>(messages.size()),
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
            });
            if (sent == static_cast<int>(messages.size())) [[likely]] {
                return messages.size();
            }
            if (sent == -1) {
                connection_.note(errno);
                return 0;
            }
            connection_.note_an_early_end();
            return static_cast<std::size_t>(sent);
        }
    }

    // ---- receiving

    Result get(In* room, std::int64_t until) noexcept { return get_with(room, MSG_DONTWAIT, until); }
    Result get_waiting(In* room) noexcept { return get_with(room, 0, sys::end_of_time); }

    static constexpr int length_flag = is_stream ? 0 : MSG_TRUNC;  // a packet's true length

    Result get_with(In* room, int flags, std::int64_t until) noexcept {
        if constexpr (receives_descriptors) {
            return get_with_descriptors(room, flags, until);
        } else {
            const ::ssize_t got = ::recv(connection_.receiving(), room, sizeof(In), flags | length_flag);
            if (got == static_cast<::ssize_t>(sizeof(In)) && is_well_formed(*room)) [[likely]] {
                return Outcome::done;
            }
            return get_slowly(room, got, errno, until);
        }
    }

    [[gnu::cold, gnu::noinline]] Result get_slowly(In* room, ::ssize_t got, int error, std::int64_t until) noexcept {
        const Result result = connection_.keep_receiving(room, got, error, until);
        if (result.outcome == Outcome::done && !is_well_formed(*room)) {
            connection_.spoil();
            return Outcome::corrupted;
        }
        return result;
    }

    Result get_with_descriptors(In* room, int flags, std::int64_t until) noexcept {
        ::ssize_t got = -1;
        int error = EINTR;
        if (!connection_.has_part()) {
            connection_.forget_descriptors();
            got = connection_.receive_with_descriptors(room, sizeof(In), flags | length_flag);
            error = errno;
        }
        if (got != static_cast<::ssize_t>(sizeof(In))) [[unlikely]] {
            const Result result = connection_.keep_receiving(room, got, error, until);
            if (result.outcome != Outcome::done) {
                return result;
            }
        }
        return give_out_descriptors(*room);
    }

    Result give_out_descriptors(In& message) noexcept {
        auto& bag = connection_.bag();
        std::size_t wanted = 0;
        bool fine = !connection_.was_overfull();
        for_each_descriptor(message, [&](PassedFd& field) {
            int number;
            std::memcpy(&number, &field, sizeof number);
            fine = fine && (number == there || number == none);
            if (number == there) {
                field = PassedFd{wanted < bag.size() ? bag[wanted] : -1};
                ++wanted;
            }
        });
        if (fine && connection_.was_cut() && wanted > bag.size()) {
            bag.clear();
            return Result::failed(EMFILE);  // this message is lost, those that follow are not
        }
        if (!fine || wanted != bag.size() || !is_well_formed(message)) {
            connection_.spoil();
            return Outcome::corrupted;
        }
        return Outcome::done;
    }

    std::size_t receive_batch(std::span<In> room) noexcept {
        if constexpr (is_stream) {
            if (connection_.has_part()) {
                const std::size_t first = Receiving::try_receive_many(room.first(1));
                return first == 0 || room.size() == 1 ? first : 1 + receive_batch(room.subspan(1));
            }
            const ::ssize_t got = sys::uninterrupted(
                [&] { return ::recv(connection_.receiving(), room.data(), room.size_bytes(), MSG_DONTWAIT); });
            if (got == -1 && errno == ECONNRESET) {
                connection_.note(errno);
                return Receiving::try_receive_many(room);  // which goes on to what came before it
            }
            if (got <= 0) {
                return 0;
            }
            const std::size_t whole = static_cast<std::size_t>(got) / sizeof(In);
            const std::size_t rest = static_cast<std::size_t>(got) % sizeof(In);
            if (rest != 0) {
                connection_.keep_part(reinterpret_cast<const std::byte*>(room.data()) + whole * sizeof(In), rest);
            }
            return well_formed(room.first(whole));
        } else {
            std::array<::mmsghdr, 64> headers{};
            std::array<::iovec, 64> pieces;
            for (std::size_t i = 0; i < room.size(); ++i) {
                pieces[i] = {&room[i], sizeof(In)};
                headers[i].msg_hdr.msg_iov = &pieces[i];
                headers[i].msg_hdr.msg_iovlen = 1;
            }
            const int got = sys::uninterrupted([&] {
                return ::recvmmsg(connection_.descriptor(), headers.data(), static_cast<unsigned>(room.size()),
                                  MSG_DONTWAIT | MSG_TRUNC, nullptr);
            });
            if (got == -1 && errno == ECONNRESET) {
                connection_.note(errno);
                return Receiving::try_receive_many(room);  // which goes on to what came before it
            }
            const std::size_t count = got > 0 ? static_cast<std::size_t>(got) : 0;
            for (std::size_t i = 0; i < count; ++i) {
                if (headers[i].msg_len != sizeof(In)) [[unlikely]] {
                    return end_of_batch(room, std::span{headers}.first(count), i);
                }
            }
            return well_formed(room.first(count));
        }
    }

    /// The first that is no message is a length of 0: the end, or a packet without a byte; or what see nobody_sends(), and
    /// then what the peer sent before it closed is behind it.
    [[gnu::cold, gnu::noinline]] std::size_t end_of_batch(std::span<In> room, std::span<const ::mmsghdr> headers,
                                                          std::size_t odd) noexcept {
        bool fine = headers[odd].msg_len == 0;
        std::size_t whole = odd;
        for (std::size_t i = odd + 1; i < headers.size(); ++i) {
            if (headers[i].msg_len == sizeof(In) && whole + 1 == i) {
                room[whole++] = room[i];
            } else {
                fine = fine && headers[i].msg_len == 0;
            }
        }
        if (!fine || (whole != odd && !connection_.sends_no_more())) {
            connection_.spoil();
            return well_formed(room.first(odd));
        }
        const std::size_t count = well_formed(room.first(whole));
        if (whole == odd && connection_.nobody_sends().outcome == Outcome::empty) {
            return count + Receiving::try_receive_many(room.subspan(count));
        }
        return count;
    }

    /// How many there are before the first that is damaged.
    std::size_t well_formed(std::span<In> messages) noexcept {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            if (!is_well_formed(messages[i])) {
                connection_.spoil();
                return i;
            }
        }
        return messages.size();
    }

    // ---- words

    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_send(Result result) const { refuse("send", result, true); }
    [[noreturn, gnu::cold, gnu::noinline]] void refuse_to_receive(Result result) const {
        refuse("receive", result, false);
    }
    [[noreturn]] void refuse(const char* verb, Result result, bool sending) const {
        std::string what = std::string{verb} + " \"" + name() + "\"";
        if (result.outcome != Outcome::failed) {
            what.append(" (").append(name_of(result.outcome)).append(")");
        } else if (result.system_error == EMFILE || result.system_error == ETOOMANYREFS) {
            what += " (" + carrier::shown_descriptor_limit() + ")";
        }
        throw std::system_error{result.code(sending), what};
    }

    carrier::Connection connection_;
};

/// What try_accept() and its relatives return: a connection, or why there is none. Used like a std::optional.
template <class Socket>
class [[nodiscard]] Accepted {
public:
    Accepted(Socket socket) noexcept : socket_{std::move(socket)}, result_{Outcome::done} {}
    Accepted(carrier::Result result) noexcept : result_{result} {}

    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] bool has_value() const noexcept { return result_.outcome == Outcome::done; }
    /// `empty`, `late`, or `failed`: EMFILE, ENFILE when no descriptor is free for the newcomer, which was closed.
    [[nodiscard]] Outcome outcome() const noexcept { return result_.outcome; }
    [[nodiscard]] std::error_code error() const noexcept { return result_.code(false); }

    [[nodiscard]] Socket& operator*() & noexcept { return socket_; }
    [[nodiscard]] Socket&& operator*() && noexcept { return std::move(socket_); }
    [[nodiscard]] Socket* operator->() noexcept { return &socket_; }
    /// The connection. Throws std::system_error with error() when there is none.
    [[nodiscard]] Socket& value() & {
        if (!has_value()) {
            throw std::system_error{error(), "no connection"};
        }
        return socket_;
    }
    [[nodiscard]] Socket&& value() && { return std::move(value()); }

private:
    Socket socket_;
    carrier::Result result_;
};

/// Where clients find us: sends Out to each, receives In. A client is handed out only when it has said that its messages fit,
/// in the manner of connect(): strangers who say nothing, or nonsense, are dealt with inside and counted.
///
/// Sharing  One thread at a time. A forked child may accept() too, and has strangers of its own; native_handle() keeps its
///          number there and means the child's.
/// Crash    The file that a killed server leaves is replaced by the next create().
/// Limits   64 strangers at a time, the oldest being closed for the next; net.core.somaxconn wait behind them.
template <class Out, class In, class Over = over::seqpacket>
class TypedListener {
public:
    using Socket = TypedSocket<Out, In, Over>;

    /// Listens at a path, whose file has that mode from the first moment on, or at an abstract "@name", where the mode is
    /// checked at each connection.
    /// Throws  std::system_error: EADDRINUSE when a living server is there; EEXIST when something else is; EACCES...
    [[nodiscard]] static TypedListener create(const UnixAddress& address, Mode mode = private_mode) {
        return TypedListener{carrier::UnixListener{address, Socket::type, carrier::Terms::of<Out, In>(), mode}};
    }
    [[nodiscard]] static TypedListener create(const UnixAddress& address, std::error_code& error) {
        return create(address, private_mode, error);
    }
    [[nodiscard]] static TypedListener create(const UnixAddress& address, Mode mode, std::error_code& error) {
        return memory::reporting(error, [&] { return create(address, mode); });
    }

    TypedListener() noexcept = default;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(listener_); }

    /// Waits for the next client.
    /// Throws  EMFILE, ENFILE when no descriptor is free for one; it was closed, and those that there are go on.
    [[nodiscard]] Socket accept() {
        Accepted<Socket> accepted = accept_until(sys::end_of_time);
        if (!accepted) {
            const bool descriptors = accepted.error() == std::errc::too_many_files_open;
            throw std::system_error{
                accepted.error(),
                "accept \"" + name() + "\"" + (descriptors ? " (" + carrier::shown_descriptor_limit() + ")" : "")};
        }
        return std::move(*accepted);
    }
    [[nodiscard]] Socket accept(std::error_code& error) {
        Accepted<Socket> accepted = accept_until(sys::end_of_time);
        error = accepted.error();
        return std::move(*accepted);  // an empty one where there is none
    }
    /// The next one, if it is there and has greeted. Looks after the strangers in any case.
    Accepted<Socket> try_accept() noexcept { return accept_until(0); }
    template <class Rep, class Period>
    Accepted<Socket> try_accept_for(const std::chrono::duration<Rep, Period>& duration) noexcept {
        return try_accept_until(Deadline::after(duration));
    }
    template <class Clock, class Duration>
    Accepted<Socket> try_accept_until(const std::chrono::time_point<Clock, Duration>& time) noexcept {
        return try_accept_until(Deadline::at(time));
    }
    Accepted<Socket> try_accept_until(Deadline deadline) noexcept {
        Accepted<Socket> accepted = accept_until(deadline.nanoseconds());
        return accepted.outcome() == Outcome::empty ? Accepted<Socket>{carrier::Result{Outcome::late}}
                                                    : std::move(accepted);
    }

    /// How many were turned away, or closed because they had said nothing; and the last of them: pid, user and reason.
    [[nodiscard]] std::uint64_t refused() const noexcept { return listener_.refused(); }
    [[nodiscard]] const std::string& last_refusal() const noexcept { return listener_.last_refusal(); }

    [[nodiscard]] const std::string& name() const noexcept { return listener_.name(); }
    /// For poll(2) and epoll(7): readable when try_accept() has something to do. A forked child asks again before it uses it;
    /// -1 when the system refuses the child one.
    [[nodiscard]] int native_handle() const noexcept { return listener_.descriptor(); }
    [[nodiscard]] carrier::Waitable waitable() const noexcept { return {listener_.descriptor(), POLLIN}; }

private:
    explicit TypedListener(carrier::UnixListener listener) : listener_{std::move(listener)} {}

    Accepted<Socket> accept_until(std::int64_t until) noexcept {
        try {
            carrier::UnixListener::Arrival arrival = listener_.next(until);
            if (arrival.result.outcome != Outcome::done) {
                return arrival.result;
            }
            return Socket{std::move(arrival.socket), name()};
        } catch (const std::system_error& refused) {
            return carrier::Result::failed(refused.code().value());
        } catch (const std::bad_alloc&) {
            return carrier::Result::failed(ENOMEM);
        }
    }

    mutable carrier::UnixListener listener_;  // a forked child renews what it inherited, whatever it asks first
};

}  // namespace tenon
