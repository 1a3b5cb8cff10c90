// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How messages travel through a pipe or a FIFO: as packets. A message of up to PIPE_BUF bytes is one packet, so that any
/// number of senders and receivers share the pipe and no message is ever torn or mixed. A larger one is a row of packets
/// and has one sender and one receiver, enforced: see Claim.
///
/// Deadlines.  A second description of the same end, made at its first use, is the one that does not wait; the first one
///             waits in the kernel, as in the C program. So a message costs one system call in both.
/// All of it.  Where a wait has a limit, nothing of a large message is written before there is room for the whole, as far as
///             the kernel tells: it counts bytes, and what killed senders have left may be more packets than it looks.
///             A row that meets the end of the room is given up when the time is over: it was not sent, the receiver
///             throws its beginning away, the next message begins a row of its own. What a receiver has of a message
///             when its time is over, it keeps for the next attempt.
/// Source      pipe(7), fcntl(2) F_OFD_SETLK.

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../memory/fork_generation.hpp"
#include "../payload/layout.hpp"
#include "../payload/payload.hpp"
#include "../payload/well_formed.hpp"
#include "../sys/clock.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/ofd_lock.hpp"
#include "../sys/pipe.hpp"
#include "../sys/poll.hpp"
#include "naps.hpp"
#include "outcome.hpp"
#include "verbs.hpp"
#include "waitable.hpp"

namespace tenon::carrier {

/// The packets of one message: one; or a row of them, whose first has a length that no other of the row has. So a receiver
/// recognises where a row begins, and throws away what a killed sender or receiver has left of another one.
template <class Msg>
struct Packets {
    static constexpr std::size_t size = sizeof(Msg);
    static constexpr bool one = size <= sys::packet_size;
    static constexpr std::size_t first = one ? size : size % sys::packet_size != 0 ? size % sys::packet_size : 1024;
    static_assert(one || size % sys::packet_size == first || size % sys::packet_size == 0);
    static constexpr std::size_t count = 1 + (size - first + sys::packet_size - 1) / sys::packet_size;

    /// How long the packet is that begins at that byte of the message.
    static constexpr std::size_t length_at(std::size_t done) noexcept {
        return done == 0 ? first : size - done < sys::packet_size ? size - done : sys::packet_size;
    }
    /// How much of the message one write() sends from there: the kernel cuts it into packets where its pages are as long.
    static std::size_t writable_at(std::size_t done) noexcept {
        return done == 0 || sys::packet_room() != sys::packet_size ? length_at(done) : size - done;
    }
};

/// Room for so many messages; for large ones also for what a killed sender may have left of one, where the kernel allows it.
/// Otherwise that and the beginning of the next could fill the pipe, and a receiver with a deadline wait for the rest.
template <class Msg>
void make_room_for(int descriptor, std::size_t messages, std::string_view name) {
    constexpr std::size_t count = Packets<Msg>::count;
    const std::size_t wanted = messages * count;
    const std::size_t present = sys::pipe_capacity(descriptor);
    if (present >= wanted + (count == 1 ? 0 : count)) {
        return;
    }
    if (count == 1 || !sys::try_set_pipe_capacity(descriptor, wanted + count)) {
        if (present < wanted) {
            sys::set_pipe_capacity(descriptor, wanted, name);
        }
    }
}

/// The exclusive right to one side of a pipe that carries large messages: an open-file-description lock on a byte of its
/// own. Taken by the process that first uses the end; a child that inherits it keeps the lock alive and is refused itself,
/// so that nobody ever goes on in the middle of another's message.
class Claim {
public:
    enum class Side : std::int8_t { sending, receiving };

    /// Returns  0, or EBUSY when another process or handle has it, or what the system refused.
    [[nodiscard]] int take(int descriptor, Side side) noexcept {
        const std::uint64_t now = memory::fork_generation();
        return generation_ == now ? 0 : take(descriptor, side, now);
    }

private:
    [[gnu::cold, gnu::noinline]] int take(int descriptor, Side side, std::uint64_t now) noexcept {
        if (descriptor == -1) {
            return EBADF;
        }
        sys::FileDescriptor fresh =
            sys::try_reopen(descriptor, (side == Side::sending ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
        if (!fresh) {
            return errno;
        }
        const auto byte = static_cast<::off_t>(side);
        bool taken = false;
        try {
            taken = side == Side::sending ? sys::try_lock_byte(fresh.get(), byte, sys::LockKind::exclusive)
                                          : try_lock_to_receive(fresh.get(), byte);
        } catch (const std::system_error& refused) {
            return refused.code().value();
        }
        if (!taken) {
            return EBUSY;
        }
        lock_ = std::move(fresh);
        generation_ = now;
        return 0;
    }

    /// A read end cannot hold an exclusive lock of a byte, and two that share one could see each other and both step back:
    /// so one after the other asks, behind the lock of the whole.
    static bool try_lock_to_receive(int descriptor, ::off_t byte) {
        constexpr std::int64_t patience = 100'000'000;  // with one that was stopped between two calls
        sys::FileLock whole{descriptor};
        for (Naps naps{sys::monotonic_now() + patience}; !whole.try_lock();) {
            if (!naps.sleep()) {
                return false;
            }
        }
        return !sys::locked_by_others(descriptor, byte, 1) &&
               sys::try_lock_byte(descriptor, byte, sys::LockKind::shared);
    }

    sys::FileDescriptor lock_;
    std::uint64_t generation_ = 0;
};

/// One end: two descriptions of it, one that waits and one that does not.
class PipeEnd {
public:
    PipeEnd() noexcept = default;
    PipeEnd(sys::FileDescriptor descriptor, bool writes, std::string name)
        : descriptor_{std::move(descriptor)}, writes_{writes}, name_{std::move(name)} {
        if (writes) {
            sys::survive_broken_pipes();
        }
        static_cast<void>(memory::fork_generation());  // may throw at its first call; never again
    }
    PipeEnd(PipeEnd&& other) noexcept
        : descriptor_{std::move(other.descriptor_)},
          at_once_{other.at_once_.exchange(-1, std::memory_order_relaxed)},
          claim_{std::move(other.claim_)},
          writes_{other.writes_},
          name_{std::move(other.name_)} {}
    PipeEnd& operator=(PipeEnd&& other) noexcept {
        if (this != &other) {
            close();
            descriptor_ = std::move(other.descriptor_);
            at_once_.store(other.at_once_.exchange(-1, std::memory_order_relaxed), std::memory_order_relaxed);
            claim_ = std::move(other.claim_);
            writes_ = other.writes_;
            name_ = std::move(other.name_);
        }
        return *this;
    }
    ~PipeEnd() { close(); }

    [[nodiscard]] int get() const noexcept { return descriptor_.get(); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// The description that does not wait; -1 with errno set when there are no descriptors left.
    [[nodiscard]] int at_once() noexcept {
        const int known = at_once_.load(std::memory_order_acquire);  // with the exchange below
        return known != -1 ? known : open_at_once();
    }

    /// Of an end that carries large messages. Returns 0 or an error.
    [[nodiscard]] int claim() noexcept {
        return claim_.take(descriptor_.get(), writes_ ? Claim::Side::sending : Claim::Side::receiving);
    }

    /// The next process that uses the end may claim it.
    void give_up_claim() noexcept { claim_ = Claim{}; }

    /// One row of packets, by one thread of one process.
    class Row {
    public:
        explicit Row(PipeEnd& end) noexcept
            : end_{end}, is_ours_{!end.in_row_.exchange(true)}, error_{is_ours_ ? end.claim() : EBUSY} {}
        Row(const Row&) = delete;
        Row& operator=(const Row&) = delete;
        ~Row() {
            if (is_ours_) {
                end_.in_row_.store(false);
            }
        }
        /// 0, or EBUSY when another thread, handle or process has the side.
        [[nodiscard]] int error() const noexcept { return error_; }

    private:
        PipeEnd& end_;
        bool is_ours_;
        int error_;
    };

    void close() noexcept {
        descriptor_.reset();
        sys::FileDescriptor{at_once_.exchange(-1, std::memory_order_relaxed)}.reset();
        claim_ = Claim{};
    }

private:
    [[gnu::cold, gnu::noinline]] int open_at_once() noexcept {
        sys::FileDescriptor fresh = sys::try_reopen(descriptor_.get(), (writes_ ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
        if (!fresh || (writes_ && ::fcntl(fresh.get(), F_SETFL, O_DIRECT | O_NONBLOCK) == -1)) {
            return -1;
        }
        int none = -1;
        if (at_once_.compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel)) {
            return fresh.release();
        }
        return none;  // another thread was first
    }

    sys::FileDescriptor descriptor_;
    std::atomic<int> at_once_{-1};
    Claim claim_;
    std::atomic<bool> in_row_{false};
    bool writes_ = false;
    std::string name_;
};

/// The writing side.
template <class Msg>
class PacketSender : public SenderVerbs<PacketSender<Msg>, Msg> {
    using Verbs = SenderVerbs<PacketSender, Msg>;
    friend Verbs;
    static_assert(require_payload<Msg>());

public:
    PacketSender() noexcept = default;
    explicit PacketSender(PipeEnd end) noexcept : end_{std::move(end)} {}

    [[nodiscard]] explicit operator bool() const noexcept { return end_.get() != -1; }
    [[nodiscard]] const std::string& name() const noexcept { return end_.name(); }
    /// For poll(2): writable when there is room for a packet.
    [[nodiscard]] int native_handle() const noexcept { return end_.get(); }
    [[nodiscard]] Waitable waitable() const noexcept {
        if constexpr (!Packets<Msg>::one) {
            if (end_.get() != -1) {
                return {end_.get(), POLLOUT, this, has_room_or_nobody};
            }
        }
        return {end_.get(), POLLOUT, nullptr, nullptr};
    }
    /// How many messages the pipe holds at most.
    [[nodiscard]] std::size_t capacity() const { return sys::pipe_capacity(end_.get()) / Packets<Msg>::count; }

    /// Sends as many of them as is possible at once, in their order. Messages that are exactly packets go in one write.
    /// Returns  how many; try_send() of the next one says why not more.
    [[nodiscard]] std::size_t try_send_many(std::span<const Msg> messages) noexcept {
        if (sizeof(Msg) == sys::packet_size && sys::packet_room() == sys::packet_size) {
            const int descriptor = end_.at_once();
            const auto written = messages.empty() ? 0 : sys::uninterrupted([&] {
                return ::write(descriptor, messages.data(), messages.size_bytes());
            });
            return written < 0 ? 0 : static_cast<std::size_t>(written) / sizeof(Msg);
        } else {
            return Verbs::try_send_many(messages);
        }
    }

    /// Closes this end; the receivers see the end of the stream once every sender has.
    void close() noexcept { end_.close(); }
    /// For large messages: another process may be the sender now.
    void give_up_claim() noexcept { end_.give_up_claim(); }

protected:
    [[nodiscard]] PipeEnd& end() noexcept { return end_; }
    [[nodiscard]] const PipeEnd& end() const noexcept { return end_; }

    Result put_waiting(const Msg& message) noexcept {
        if constexpr (Packets<Msg>::one) {
            if (::write(end_.get(), &message, sizeof message) == sizeof message) [[likely]] {
                return Outcome::done;
            }
            return write_rest(message, 0, errno);
        } else {
            const PipeEnd::Row row{end_};
            return row.error() != 0 ? gone_or_failed(row.error()) : write_rest(message, 0, 0);
        }
    }

    Result put(const Msg& message, std::int64_t until) noexcept {
        if (until == sys::end_of_time) {
            return put_waiting(message);
        }
        const int descriptor = end_.at_once();
        if (descriptor == -1) {
            return gone_or_failed(end_.get() == -1 ? EBADF : errno);
        }
        if constexpr (Packets<Msg>::one) {
            return put_packet(descriptor, &message, sizeof message, until);
        } else {
            return put_row(descriptor, message, until);
        }
    }

    static Result put_packet(int descriptor, const void* packet, std::size_t size, std::int64_t until) noexcept {
        for (;;) {
            if (::write(descriptor, packet, size) == static_cast<::ssize_t>(size)) [[likely]] {
                return Outcome::done;
            }
            if (errno == EAGAIN) {
                if (until == at_once || sys::poll_until(descriptor, POLLOUT, until) == 0) {
                    return Outcome::full;
                }
            } else if (errno != EINTR) {
                return gone_or_failed(errno);
            }
        }
    }

private:
    /// Without receivers write(2) says EPIPE, and open(2), for the description that does not wait, ENXIO.
    static Result gone_or_failed(int error) noexcept {
        return error == EPIPE || error == ENXIO ? Result{Outcome::closed} : Result::failed(error);
    }

    /// Writes what is missing, waiting; `error` is what the first attempt met.
    [[gnu::cold, gnu::noinline]] Result write_rest(const Msg& message, std::size_t done, int error) noexcept {
        const auto* const bytes = reinterpret_cast<const std::byte*>(&message);
        for (;;) {
            if (error != 0 && error != EINTR) {
                return gone_or_failed(error);
            }
            const ::ssize_t written = ::write(end_.get(), bytes + done, Packets<Msg>::writable_at(done));
            error = written == -1 ? errno : 0;
            done += written == -1 ? 0 : static_cast<std::size_t>(written);
            if (done == sizeof message) {
                return Outcome::done;
            }
        }
    }

    /// Writes a row of packets when there is room for all of it, and never waits beyond `until`. This is the only sender, so
    /// room only grows.
    Result put_row(int descriptor, const Msg& message, std::int64_t until) noexcept {
        const PipeEnd::Row row{end_};
        if (row.error() != 0) {
            return gone_or_failed(row.error());
        }
        for (Naps naps{until};;) {
            if (has_no_readers(descriptor)) {
                return Outcome::closed;
            }
            if (has_room(descriptor)) {
                break;
            }
            if (!naps.sleep()) {
                return Outcome::full;
            }
        }
        const auto* const bytes = reinterpret_cast<const std::byte*>(&message);
        for (std::size_t done = 0; done != sizeof message;) {
            const ::ssize_t written = ::write(descriptor, bytes + done, Packets<Msg>::writable_at(done));
            if (written != -1) {
                done += static_cast<std::size_t>(written);
            } else if (errno == EAGAIN) {  // less room than there seemed to be: what was begun is given up
                if (until == at_once || sys::poll_until(descriptor, POLLOUT, until) == 0) {
                    return Outcome::full;
                }
            } else if (errno != EINTR) {
                return gone_or_failed(errno);
            }
        }
        return Outcome::done;
    }

    static bool has_no_readers(int descriptor) noexcept {
        return (sys::poll_until(descriptor, POLLOUT, at_once) & POLLERR) != 0;
    }
    static bool has_room(int descriptor) noexcept {
        const int capacity = ::fcntl(descriptor, F_GETPIPE_SZ);
        return capacity != -1 && packets_in_it(descriptor) + Packets<Msg>::count <=
                                     static_cast<std::size_t>(capacity) / sys::packet_room();
    }
    static bool has_room_or_nobody(const void* sender) noexcept {
        const int descriptor = static_cast<const PacketSender*>(sender)->native_handle();
        return has_room(descriptor) || has_no_readers(descriptor);
    }

    /// So many packets wait, if they are rows and what is left of one.
    static std::size_t packets_in_it(int descriptor) noexcept {
        const std::size_t bytes = sys::bytes_in_pipe(descriptor);
        const std::size_t rest = bytes % sizeof(Msg);
        return bytes / sizeof(Msg) * Packets<Msg>::count +
               (rest == 0 ? 0 : 1 + (rest + sys::packet_size - 1) / sys::packet_size);
    }

    PipeEnd end_;
};

/// Where a receiver keeps the part of a row that was there when its time was over.
class BegunRow {
public:
    BegunRow() noexcept = default;
    explicit BegunRow(std::size_t size) : bytes_(size) {}

    /// Moves it to `room`. Returns  how many bytes it has.
    [[nodiscard]] std::size_t take(std::byte* room) noexcept {
        const std::size_t length = generation_ == memory::fork_generation() ? std::exchange(length_, 0) : 0;
        if (length != 0) {
            std::memcpy(room, bytes_.data(), length);
        }
        return length;
    }
    void keep(const std::byte* room, std::size_t length) noexcept {
        if (length != 0) {
            std::memcpy(bytes_.data(), room, length);
        }
        length_ = length;
        generation_ = memory::fork_generation();
    }

private:
    std::vector<std::byte> bytes_;
    std::uint64_t generation_ = 0;  // a forked child has not begun what its parent has
    std::size_t length_ = 0;
};

/// The reading side.
template <class Msg>
class PacketReceiver : public ReceiverVerbs<PacketReceiver<Msg>, Msg> {
    using Verbs = ReceiverVerbs<PacketReceiver, Msg>;
    friend Verbs;
    static_assert(require_payload<Msg>());

public:
    PacketReceiver() noexcept = default;
    explicit PacketReceiver(PipeEnd end) : end_{std::move(end)} {
        if constexpr (!Packets<Msg>::one) {
            begun_ = BegunRow{sizeof(Msg)};
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return end_.get() != -1; }
    [[nodiscard]] const std::string& name() const noexcept { return end_.name(); }
    /// For poll(2): readable when there is a packet, and when the last sender has left.
    [[nodiscard]] int native_handle() const noexcept { return end_.get(); }
    [[nodiscard]] Waitable waitable() const noexcept { return {end_.get(), POLLIN, nullptr, nullptr}; }

    /// Closes this end; when every receiver has, a sender gets EPIPE.
    void close() noexcept { end_.close(); }
    /// For large messages: another process may be the receiver now.
    void give_up_claim() noexcept { end_.give_up_claim(); }

protected:
    [[nodiscard]] PipeEnd& end() noexcept { return end_; }

    Result get_waiting(Msg* room) noexcept {
        if constexpr (Packets<Msg>::one) {
            const ::ssize_t size = ::read(end_.get(), room, sizeof *room);
            if (size == sizeof *room && is_well_formed(*room)) [[likely]] {
                return Outcome::done;
            }
            return get_again(room, size);
        } else {
            return get(room, sys::end_of_time);
        }
    }

    Result get(Msg* room, std::int64_t until) noexcept {
        const int descriptor = until == sys::end_of_time ? end_.get() : end_.at_once();
        if (descriptor == -1) {
            return Result::failed(end_.get() == -1 ? EBADF : errno);
        }
        if constexpr (Packets<Msg>::one) {
            return get_packet(descriptor, room, until);
        } else {
            return get_row(descriptor, room, until);
        }
    }

private:
    /// After a read that got no message; errno is its word. One call, so that the fast road holds nothing else.
    [[gnu::cold, gnu::noinline]] Result get_again(Msg* room, ::ssize_t size) noexcept {
        if (size == -1 && errno != EINTR) {
            return Result::failed(errno);
        }
        return size > 0 ? Result{Outcome::corrupted} : get(room, sys::end_of_time);
    }

    Result get_packet(int descriptor, Msg* room, std::int64_t until) noexcept {
        for (;;) {
            const ::ssize_t size = ::read(descriptor, room, sizeof *room);
            if (size > 0) {
                return size == sizeof *room && is_well_formed(*room) ? Outcome::done : Outcome::corrupted;
            }
            if (size == 0 || errno == EAGAIN) {
                // 0: nobody writes. Of a FIFO also before the first sender has come: the kernel reports a hang-up only after
                // one has left, on the descriptions that were open meanwhile; the other one may be younger.
                const short seen = sys::poll_until(end_.get(), POLLIN, until);
                if (seen == 0) {
                    return Outcome::empty;
                }
                if (size == 0 && (seen & POLLNVAL) != 0) {
                    return Result::failed(EINVAL);  // the kernel refuses to poll: no telling which
                }
                if (size == 0 && (seen & POLLIN) == 0) {
                    return Outcome::closed;
                }
            } else if (errno != EINTR) {
                return Result::failed(errno);
            }
        }
    }

    Result get_row(int descriptor, Msg* room, std::int64_t until) noexcept {
        const PipeEnd::Row row{end_};
        if (row.error() != 0) {
            return Result::failed(row.error());
        }
        auto* const bytes = reinterpret_cast<std::byte*>(room);
        std::size_t done = begun_.take(bytes);
        for (;;) {
            const std::size_t wanted = Packets<Msg>::length_at(done);  // never less than `first`
            const ::ssize_t size = ::read(descriptor, bytes + done, done == 0 ? sys::packet_size : wanted);
            if (size > 0) {
                if (static_cast<std::size_t>(size) == wanted) {
                    done += wanted;
                } else if (size == Packets<Msg>::first) {  // the next row: who wrote the last one was killed
                    std::memmove(bytes, bytes + done, Packets<Msg>::first);
                    done = Packets<Msg>::first;
                } else {
                    done = 0;  // of a row whose beginning went with a killed receiver
                }
                if (done == sizeof *room) {
                    return is_well_formed(*room) ? Outcome::done : Outcome::corrupted;
                }
            } else if (size == 0 || errno == EAGAIN) {  // 0: as in get_packet()
                const short seen = sys::poll_until(end_.get(), POLLIN, until);
                if (seen == 0) {
                    begun_.keep(bytes, done);
                    return Outcome::empty;
                }
                if (size == 0 && (seen & POLLNVAL) != 0) {
                    begun_.keep(bytes, done);
                    return Result::failed(EINVAL);
                }
                if (size == 0 && (seen & POLLIN) == 0) {
                    return done == 0 ? Outcome::closed : Outcome::died;
                }
            } else if (errno != EINTR) {
                const int error = errno;
                begun_.keep(bytes, done);
                return Result::failed(error);
            }
        }
    }

    struct Nothing {};

    PipeEnd end_;
    [[no_unique_address]] std::conditional_t<Packets<Msg>::one, Nothing, BegunRow> begun_;
};

}  // namespace tenon::carrier
