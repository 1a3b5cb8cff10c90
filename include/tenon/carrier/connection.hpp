// SPDX-License-Identifier: BSL-1.0
#pragma once
/// One end of a connected Unix domain socket, without types: what is done when one plain send(2) or recv(2) did not do, and
/// how it is told in which way the peer has gone. TypedSocket puts the types on top.
///
///     1  the fast road: one system call by the caller, straight from or into the message
///     2  anything but a whole message: keep_sending(), keep_receiving(), which are cold
///
/// When the peer sent what is no message, the connection is shut down in both directions, so that the peer hears of it, and
/// what was still on its way is thrown away: from then on the kernel itself ends every attempt at once, and the fast road
/// needs no question of its own.

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../sys/clock.hpp"
#include "../sys/error.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/kernel_limit.hpp"
#include "../sys/poll.hpp"
#include "../sys/process.hpp"
#include "../sys/unix_socket.hpp"
#include "outcome.hpp"

namespace tenon::carrier {

using sys::most_descriptors;

/// The descriptors that came with a message, until somebody takes them. Room for `capacity` of them is made once.
class DescriptorBag {
public:
    DescriptorBag() noexcept = default;
    explicit DescriptorBag(std::size_t capacity) : numbers_(capacity, -1) {}
    DescriptorBag(DescriptorBag&& other) noexcept
        : numbers_{std::move(other.numbers_)}, size_{std::exchange(other.size_, 0)} {}
    DescriptorBag& operator=(DescriptorBag&& other) noexcept {
        if (this != &other) {
            clear();
            numbers_ = std::move(other.numbers_);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    ~DescriptorBag() { clear(); }

    [[nodiscard]] std::size_t capacity() const noexcept { return numbers_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] int operator[](std::size_t index) const noexcept { return numbers_[index]; }

    /// Closes it when there is no room. Returns  whether there was.
    bool put(sys::FileDescriptor descriptor) noexcept {
        if (size_ == numbers_.size()) {
            sys::close_at_once(std::move(descriptor));
            return false;
        }
        numbers_[size_++] = descriptor.release();
        return true;
    }
    /// Empty when it is not there.
    sys::FileDescriptor take(int descriptor) noexcept {
        for (std::size_t i = 0; i < size_ && descriptor >= 0; ++i) {
            if (numbers_[i] == descriptor) {
                return sys::FileDescriptor{std::exchange(numbers_[i], -1)};
            }
        }
        return {};
    }
    void clear() noexcept {
        while (size_ != 0) {
            sys::close_at_once(sys::FileDescriptor{numbers_[--size_]});
        }
    }

private:
    std::vector<int> numbers_;
    std::size_t size_ = 0;
};

class Connection {
public:
    /// How big the messages are, and what the caller's fast road looks like.
    struct Shape {
        int type;  // SOCK_SEQPACKET, SOCK_STREAM
        std::size_t sent_size;
        std::size_t most_at_once;  // messages that are sent in one go
        std::size_t received_size;
        std::size_t received_descriptors;
    };

    Connection() noexcept = default;

    /// Takes over a connected socket, last of all: when it throws, the socket is still the caller's.
    /// Throws  EMSGSIZE when the kernel will not take messages so large.
    Connection(sys::FileDescriptor&& socket, const Shape& shape, std::string name)
        : receiving_{socket.get()},
          type_{shape.type},
          most_at_once_{make_room(socket.get(), shape, name)},
          size_{shape.received_size},
          part_(shape.type == SOCK_STREAM ? shape.received_size : 0),
          bag_{shape.received_descriptors},
          peer_{sys::peer_credentials(socket.get())},
          name_{std::move(name)} {
        sys::drop_extras(socket.get());
        if (shape.received_descriptors == 0) {
            sys::refuse_descriptors(socket.get());
        } else {
            sys::admit_descriptors(socket.get());
        }
        socket_ = std::move(socket);
    }
    Connection(Connection&& other) noexcept { *this = std::move(other); }
    Connection& operator=(Connection&& other) noexcept {
        if (this != &other) {
            socket_ = std::move(other.socket_);
            receiving_ = std::exchange(other.receiving_, -1);
            type_ = other.type_;
            most_at_once_ = other.most_at_once_;
            size_ = other.size_;
            part_ = std::move(other.part_);
            part_size_ = std::exchange(other.part_size_, 0);
            bag_ = std::move(other.bag_);
            cut_ = other.cut_;
            overfull_ = other.overfull_;
            end_.store(other.end_.load(std::memory_order_relaxed), std::memory_order_relaxed);
            was_reset_.store(other.was_reset_.load(std::memory_order_relaxed), std::memory_order_relaxed);
            was_waited_for_.store(other.was_waited_for_.load(std::memory_order_relaxed), std::memory_order_relaxed);
            peer_ = other.peer_;
            name_ = std::move(other.name_);
        }
        return *this;
    }

    /// The kernel wants almost all of a packet in one piece of memory: 4 MiB it never has, 1 MiB it has unless that is much
    /// fragmented (ENOBUFS).
    static constexpr std::size_t largest_packet = std::size_t{1} << 20;

    /// Raises SO_SNDBUF where messages of `size` bytes need it, or `welcome` bytes at once would.
    /// Returns  how many bytes the kernel takes whole or not at all: `size` at least.
    /// Throws   EMSGSIZE, with the limit, above largest_packet and when the system does not let SO_SNDBUF grow so far.
    static std::size_t make_room(int socket, int type, std::size_t size, const std::string& name,
                                 std::size_t welcome = 0) {
        // What the kernel asks for: unix_dgram_sendmsg() 32 bytes more; unix_stream_sendmsg() twice 64 more than the message.
        const auto buffer_for = [&](std::size_t bytes) { return type == SOCK_STREAM ? 2 * (bytes + 64) : bytes + 32; };
        const auto room_in = [&](std::size_t buffer) { return type == SOCK_STREAM ? buffer / 2 - 64 : buffer - 32; };
        const auto buffer = [&] { return static_cast<std::size_t>(sys::socket_option(socket, SO_SNDBUF)); };
        if (size > largest_packet) {
            sys::throw_error(EMSGSIZE,
                             "messages of " + std::to_string(size) + " bytes (a packet is at most " +
                                 std::to_string(largest_packet) + " bytes; more goes by a descriptor of shared memory)",
                             name);
        }
        const std::size_t wanted = buffer_for(size < welcome ? welcome : size);
        std::size_t granted = buffer();
        if (granted < wanted) {
            const int asked = static_cast<int>(wanted);
            sys::checked(::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &asked, sizeof asked), "setsockopt(SO_SNDBUF)",
                         name);
            granted = buffer();
        }
        if (granted < buffer_for(size)) {
            sys::throw_error(EMSGSIZE,
                             "messages of " + std::to_string(size) + " bytes (" +
                                 sys::shown_limit("/proc/sys/net/core/wmem_max") + ", for at most " +
                                 std::to_string(room_in(granted)) + " bytes)",
                             name);
        }
        return room_in(granted);
    }

    /// After an attempt of the caller's own: a reset is told once only, by the call that meets it.
    void note(int error) noexcept {
        if (error == ECONNRESET) {
            was_reset_.store(true, std::memory_order_relaxed);
        }
    }

    /// After a batch that ended before its last message. sendmmsg(2) then keeps the error to itself, and a reset is told
    /// by no other call: of a peer that is gone an instant after a message was sent to it, that is assumed.
    [[gnu::cold, gnu::noinline]] void note_an_early_end() noexcept {
        if ((hang_up(0, 0) & POLLHUP) != 0) {
            note(ECONNRESET);
        }
    }

    [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
    /// How many messages are sent in one go.
    [[nodiscard]] std::size_t most_at_once() const noexcept { return most_at_once_; }
    /// For the fast road: no descriptor at all while the first part of a message is kept here.
    [[nodiscard]] int receiving() const noexcept { return receiving_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const sys::PeerCredentials& peer() const noexcept { return peer_; }
    [[nodiscard]] DescriptorBag& bag() noexcept { return bag_; }

    /// After an attempt that did not send the whole message; `error` is its errno.
    [[gnu::cold, gnu::noinline]] Result keep_sending(const void* message, std::size_t size, ::ssize_t sent, int error,
                                                     std::int64_t until) noexcept {
        ::iovec bytes{const_cast<void*>(message), size};
        ::msghdr what{};
        what.msg_iov = &bytes;
        what.msg_iovlen = 1;
        return keep_sending(what, size, sent, error, until);
    }
    [[gnu::cold, gnu::noinline]] Result keep_sending(const ::msghdr& what, std::size_t size, ::ssize_t sent, int error,
                                                     std::int64_t until) noexcept {
        for (bool last = until == 0;;) {
            if (sent >= 0) {
                if (static_cast<std::size_t>(sent) == size) {
                    return Outcome::done;
                }
                spoil();  // the kernel promised all or nothing: the stream cannot be mended
                return Outcome::corrupted;
            }
            switch (error) {
                case EINTR: break;
                case EAGAIN:
                    if (last) {
                        return Outcome::full;
                    }
                    last = wait(POLLOUT, until);
                    break;
                case ECONNRESET:
                case EPIPE: note(error); return nobody_receives();
                default: return Result::failed(error);
            }
            sent = ::sendmsg(socket_.get(), &what, MSG_NOSIGNAL | MSG_DONTWAIT);
            error = errno;
        }
    }

    /// One attempt for a message with descriptors; those that came are in the bag.
    /// Returns  as recv(2), with errno.
    ::ssize_t receive_with_descriptors(void* room, std::size_t size, int flags) noexcept {
        alignas(::cmsghdr) std::byte control[CMSG_SPACE(sizeof(int) * (most_descriptors + 1))];
        ::iovec bytes{room, size};
        ::msghdr what{};
        what.msg_iov = &bytes;
        what.msg_iovlen = 1;
        what.msg_control = control;
        what.msg_controllen = CMSG_LEN(sizeof(int) * (bag_.capacity() - bag_.size() + 1));  // one too many is seen
        const ::ssize_t got = ::recvmsg(socket_.get(), &what, flags | MSG_CMSG_CLOEXEC);
        if (got >= 0) {
            cut_ = cut_ || (what.msg_flags & MSG_CTRUNC) != 0;
            sys::take_descriptors(
                what, [this](sys::FileDescriptor passed) { overfull_ = !bag_.put(std::move(passed)) || overfull_; });
        }
        return got;
    }
    /// Before a new message: closes what nobody took of the last one.
    void forget_descriptors() noexcept {
        bag_.clear();
        cut_ = overfull_ = false;
    }
    /// Whether the kernel could not give us all descriptors of the message, for want of free numbers.
    [[nodiscard]] bool was_cut() const noexcept { return cut_; }
    /// Whether more came than a message has fields for.
    [[nodiscard]] bool was_overfull() const noexcept { return overfull_; }

    /// After an attempt that did not receive a whole message. `got`: how many bytes it wrote to `room`, or the true length
    /// of a packet.
    [[gnu::cold, gnu::noinline]] Result keep_receiving(void* room, ::ssize_t got, int error,
                                                       std::int64_t until) noexcept {
        auto* target = static_cast<std::byte*>(room);
        if (part_size_ != 0) {  // the attempt had no descriptor
            got = -1;
            error = EINTR;
        }
        bool looked_again = false;
        for (bool last = until == 0;;) {
            if (got > 0 && type_ == SOCK_STREAM) {
                part_size_ += static_cast<std::size_t>(got);
                if (part_size_ == size_) {
                    if (target != room) {
                        std::memcpy(room, part_.data(), size_);
                    }
                    part_size_ = 0;
                    receiving_ = socket_.get();
                    return Outcome::done;
                }
                if (target == room) {
                    std::memcpy(part_.data(), room, part_size_);
                }
                receiving_ = -1;
            } else if (got > 0) {
                if (static_cast<std::size_t>(got) == size_) {
                    return Outcome::done;
                }
                spoil();
                return Outcome::corrupted;
            } else if (got == 0) {
                const Result end = nobody_sends();
                if (end.outcome != Outcome::empty) {
                    return end;
                }
                if (std::exchange(looked_again, true)) {  // all that will ever come was there: a packet without a byte
                    spoil();
                    return Outcome::corrupted;
                }
            } else {
                switch (error) {
                    case EINTR: break;
                    case EAGAIN:
                        if (last) {
                            return Outcome::empty;
                        }
                        last = wait(POLLIN, until);
                        break;
                    case ECONNRESET: note(error); break;  // what came before it can still be received
                    default: return Result::failed(error);
                }
            }
            target = type_ == SOCK_STREAM ? part_.data() : target;
            const int flags = MSG_DONTWAIT | (type_ == SOCK_STREAM ? 0 : MSG_TRUNC);
            got = bag_.capacity() != 0 ? receive_with_descriptors(target + part_size_, size_ - part_size_, flags)
                                       : ::recv(socket_.get(), target + part_size_, size_ - part_size_, flags);
            error = errno;
        }
    }

    /// Keeps the first bytes of a message whose end has not come yet.
    void keep_part(const void* bytes, std::size_t size) noexcept {
        std::memcpy(part_.data(), bytes, size);
        part_size_ = size;
        receiving_ = -1;
    }
    [[nodiscard]] bool has_part() const noexcept { return part_size_ != 0; }

    /// The peer sent what is no message: nothing crosses this connection any more.
    [[gnu::cold, gnu::noinline]] void spoil() noexcept {
        end_.store(Outcome::corrupted, std::memory_order_relaxed);
        bag_.clear();
        part_size_ = 0;
        receiving_ = socket_.get();
        sys::shut_down(socket_.get());
    }

    /// An attempt to receive said that it is the end. Which?
    /// Returns  `empty` when there is more to be had: the kernel looks for packets first and for the end then, and the peer
    ///          may have sent and closed between the two.
    [[gnu::cold, gnu::noinline]] Result nobody_sends() noexcept {
        const Outcome before = end_.load(std::memory_order_relaxed);
        if (before == Outcome::corrupted) {
            return before;
        }
        const short seen = hang_up(POLLRDHUP, 0);
        if ((seen & (POLLRDHUP | POLLHUP)) == 0) {  // not the end: a packet without a byte
            spoil();
            return Outcome::corrupted;
        }
        if (sys::bytes_waiting(socket_.get()) > 0) {
            return Outcome::empty;
        }
        if (before != Outcome::done) {
            return before;
        }
        note_what_the_kernel_kept();
        if (part_size_ != 0) {
            const bool died = sys::has_ended_or_is_ending(peer_.pid);
            spoil();
            return settle(died ? Outcome::died : Outcome::corrupted);
        }
        return (seen & POLLHUP) == 0 ? Result{Outcome::half_closed} : settle(way_it_went());
    }

    /// Whether the peer has closed at least its sending side.
    [[nodiscard]] bool sends_no_more() noexcept { return (hang_up(POLLRDHUP, 0) & (POLLRDHUP | POLLHUP)) != 0; }

    /// As for EPIPE. A peer that closes ends its own socket first, and tells ours then: that is waited for, once.
    [[gnu::cold, gnu::noinline]] Result nobody_receives() noexcept {
        const Outcome before = end_.load(std::memory_order_relaxed);
        if (before != Outcome::done) {
            return before;
        }
        constexpr std::int64_t moment = 10'000'000;  // what may lie between the two, should the peer lose its processor
        const bool in_vain = was_waited_for_.exchange(true, std::memory_order_relaxed);
        if ((hang_up(0, in_vain ? 0 : sys::monotonic_now() + moment) & POLLHUP) == 0) {
            return Result::failed(EPIPE);  // the sending side alone was closed, here or there
        }
        note_what_the_kernel_kept();  // a stream says EPIPE first
        return settle(way_it_went());
    }

private:
    static std::size_t make_room(int socket, const Shape& shape, const std::string& name) {
        const bool together = shape.type == SOCK_STREAM;  // or each in a packet of its own
        const std::size_t room =
            make_room(socket, shape.type, shape.sent_size, name, together ? shape.sent_size * shape.most_at_once : 0);
        return together && room / shape.sent_size < shape.most_at_once ? room / shape.sent_size : shape.most_at_once;
    }

    /// Returns  whether the time came.
    bool wait(short events, std::int64_t until) const noexcept {
        const short seen = sys::poll_until(socket_.get(), events, until);
        return seen == 0 || (until != sys::end_of_time && sys::monotonic_now() >= until);
    }

    /// What poll(2) tells of the peer's going, until then at the latest. Who may have no descriptors (RLIMIT_NOFILE is 0)
    /// may not ask it: then a look at what comes next must do, and a peer that closed one side is taken for gone.
    short hang_up(short events, std::int64_t until) noexcept {
        ::pollfd one{socket_.get(), events, 0};
        if (sys::try_poll_until(&one, 1, until) != -1) {
            return one.revents;
        }
        std::byte next;
        ::ssize_t got;
        while ((got = ::recv(socket_.get(), &next, 1, MSG_PEEK | MSG_DONTWAIT)) == -1 && errno == ECONNRESET) {
            note(ECONNRESET);
        }
        return got == -1 ? short{0} : short{POLLRDHUP | POLLHUP};
    }

    /// A reset that no call has told yet.
    void note_what_the_kernel_kept() noexcept {
        int error = 0;
        ::socklen_t size = sizeof error;
        if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0) {
            note(error);
        }
    }

    [[nodiscard]] Outcome way_it_went() const noexcept {
        return was_reset_.load(std::memory_order_relaxed) ? Outcome::reset
               : sys::has_ended_or_is_ending(peer_.pid)   ? Outcome::died
                                                          : Outcome::closed;
    }
    Result settle(Outcome end) noexcept {
        end_.store(end, std::memory_order_relaxed);
        return end;
    }

    sys::FileDescriptor socket_;
    int receiving_ = -1;
    int type_ = SOCK_SEQPACKET;
    std::size_t most_at_once_ = 0;
    std::size_t size_ = 0;         // of a message that comes
    std::vector<std::byte> part_;  // of a message that comes over a stream
    std::size_t part_size_ = 0;
    DescriptorBag bag_;
    bool cut_ = false;
    bool overfull_ = false;
    std::atomic<Outcome> end_{Outcome::done};  // one thread may send while another receives
    std::atomic<bool> was_reset_{false};
    std::atomic<bool> was_waited_for_{false};
    sys::PeerCredentials peer_;
    std::string name_;
};

}  // namespace tenon::carrier
