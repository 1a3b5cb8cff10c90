// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedFifo<Msg>: the named pipe, typed. Senders and receivers meet at a path; a program with another layout is refused
/// when it opens it. For parent and child take TypedPipe, for answers TypedSocket.
///
///     auto orders = tenon::TypedFifo<Order>::Receiver::create("/run/shop/orders");   // one program
///     handle(orders.receive());
///
///     auto orders = tenon::TypedFifo<Order>::Sender::open("/run/shop/orders");       // another; waits for the receiver
///     orders.send(order);

#include <fcntl.h>

#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "carrier/fifo_path.hpp"
#include "carrier/packet_pipe.hpp"
#include "memory/address.hpp"
#include "memory/errc.hpp"
#include "payload/fixed_string.hpp"  // what a payload has instead of std::string
#include "sync/deadline.hpp"

namespace tenon {

/// What the two ends have in common.
///
/// Sharing  Messages of up to 4096 bytes: any number of senders and receivers; each message goes to one receiver. Larger
///          ones: one sender and one receiver at a time, others get EBUSY.
/// Crash    Killed at any instruction, a sender has sent a message whole or not at all. The path stays when its maker is
///          killed; the next Receiver::create() takes it over, also when senders wait there. Sender::create() is refused.
/// Trust    The path is made 0600 unless a Mode is given, and with the sticky bit, by which it is known as ours: what another
///          program made (mkfifo(1)) is opened, and is never taken over, and taken away by nothing but remove(). Whoever may
///          write to it can garble messages.
template <class Msg>
class TypedFifo {
public:
    class Sender;
    class Receiver;

    /// Takes the path away. Who has it open keeps it.
    /// Throws  ENOENT; errc::kind_mismatch when it is no FIFO.
    static void remove(const std::string& path) {
        const auto found = carrier::FifoPath::open(path, Mode{07777}, Owner::caller());
        sys::checked(::unlink(path.c_str()), "unlink", path);
    }
    static void remove(const std::string& path, std::error_code& error) {
        memory::reporting(error, [&] { return remove(path), true; });
    }
};

namespace carrier {

/// The named constructors of both ends. Self has connect(FifoPath, Deadline) and a side.
template <class Self>
class FifoFactories {
public:
    /// Makes the FIFO, which goes when this end does. Where `until` is given, waits for a peer, until then at the latest.
    /// Throws  std::system_error: EEXIST when the path is in use or is something else (of a sender: when it is there);
    ///         ETIMEDOUT when no peer came.
    [[nodiscard]] static Self create(const std::string& path, Mode mode = private_mode) {
        return Self::connect(FifoPath::create(path, mode, Self::side), Self::plain_wait);
    }
    [[nodiscard]] static Self create_until(const std::string& path, Deadline until, Mode mode = private_mode) {
        return Self::connect(FifoPath::create(path, mode, Self::side), until);
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self create_for(const std::string& path, const std::chrono::duration<Rep, Period>& duration,
                                         Mode mode = private_mode) {
        return create_until(path, Deadline::after(duration), mode);
    }

    /// Opens a FIFO that exists. `most` is the most permissive mode tolerated, `owner` whom it may belong to beside the
    /// caller and root. With a deadline, waits for the path and for a peer, until then at the latest; 0 looks once.
    /// Throws  std::system_error: ENOENT, also when the path is taken away meanwhile; EACCES; ETIMEDOUT when no peer came;
    ///         errc::layout_mismatch, errc::kind_mismatch, errc::untrusted.
    [[nodiscard]] static Self open(const std::string& path, Mode most = owner_writes, Owner owner = Owner::caller()) {
        return Self::connect(FifoPath::open(path, most, owner), Self::plain_wait);
    }
    [[nodiscard]] static Self open_until(const std::string& path, Deadline until, Mode most = owner_writes,
                                         Owner owner = Owner::caller()) {
        for (Naps naps{until.nanoseconds()};;) {
            try {
                return Self::connect(FifoPath::open(path, most, owner), until);
            } catch (const std::system_error& refused) {
                if (refused.code() != std::errc::no_such_file_or_directory || !naps.sleep()) {
                    throw;
                }
            }
        }
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self open_for(const std::string& path, const std::chrono::duration<Rep, Period>& duration,
                                       Mode most = owner_writes, Owner owner = Owner::caller()) {
        return open_until(path, Deadline::after(duration), most, owner);
    }

    /// Opens it, or makes it.
    [[nodiscard]] static Self open_or_create(const std::string& path, Mode mode = private_mode) {
        return Self::connect(FifoPath::open_or_create(path, mode, Self::side), Self::plain_wait);
    }
    [[nodiscard]] static Self open_or_create_until(const std::string& path, Deadline until, Mode mode = private_mode) {
        return Self::connect(FifoPath::open_or_create(path, mode, Self::side), until);
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self open_or_create_for(const std::string& path,
                                                 const std::chrono::duration<Rep, Period>& duration,
                                                 Mode mode = private_mode) {
        return open_or_create_until(path, Deadline::after(duration), mode);
    }

    // The same with a trailing std::error_code&.

    [[nodiscard]] static Self create(const std::string& path, std::error_code& error) {
        return create(path, private_mode, error);
    }
    [[nodiscard]] static Self create(const std::string& path, Mode mode, std::error_code& error) {
        return memory::reporting(error, [&] { return create(path, mode); });
    }
    [[nodiscard]] static Self create_until(const std::string& path, Deadline until, std::error_code& error) {
        return memory::reporting(error, [&] { return create_until(path, until); });
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self create_for(const std::string& path, const std::chrono::duration<Rep, Period>& duration,
                                         std::error_code& error) {
        return create_until(path, Deadline::after(duration), error);
    }
    [[nodiscard]] static Self open(const std::string& path, std::error_code& error) {
        return open(path, owner_writes, Owner::caller(), error);
    }
    [[nodiscard]] static Self open(const std::string& path, Mode most, Owner owner, std::error_code& error) {
        return memory::reporting(error, [&] { return open(path, most, owner); });
    }
    [[nodiscard]] static Self open_until(const std::string& path, Deadline until, std::error_code& error) {
        return memory::reporting(error, [&] { return open_until(path, until); });
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self open_for(const std::string& path, const std::chrono::duration<Rep, Period>& duration,
                                       std::error_code& error) {
        return open_until(path, Deadline::after(duration), error);
    }
    [[nodiscard]] static Self open_or_create(const std::string& path, std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(path); });
    }
    [[nodiscard]] static Self open_or_create(const std::string& path, Mode mode, std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(path, mode); });
    }
};

}  // namespace carrier

/// The reading end. Models MessageReceiver<Msg>. Opening does not wait for a sender unless a deadline is given: receive()
/// does, and says `closed` when every sender that came has left. Others may come after that.
template <class Msg>
class TypedFifo<Msg>::Receiver : public carrier::PacketReceiver<Msg>,
                                 public carrier::FifoFactories<typename TypedFifo<Msg>::Receiver> {
    using Packets = carrier::PacketReceiver<Msg>;
    friend carrier::FifoFactories<Receiver>;

public:
    Receiver() noexcept = default;

    /// Waits until a sender is there, the first or the next one, or has left something to receive.
    /// Returns  false when the time came first.
    [[nodiscard]] bool wait_for_sender(Deadline until) const {
        carrier::Naps naps{until.nanoseconds()};
        for (;;) {
            if (carrier::FifoPath::has_sender<Msg>(this->native_handle()) ||
                sys::bytes_in_pipe(this->native_handle()) != 0) {
                return true;
            }
            if (!naps.sleep()) {
                return false;
            }
        }
    }

    void close() noexcept {
        Packets::close();
        path_.remove_own();
    }

private:
    static constexpr Deadline plain_wait = Deadline::of_monotonic(-1);  // none
    static constexpr auto side = carrier::FifoSide::receiving;

    Receiver(carrier::PipeEnd end, carrier::FifoPath path) noexcept : Packets{std::move(end)}, path_{std::move(path)} {}

    static Receiver connect(carrier::FifoPath path, Deadline until) {
        sys::FileDescriptor end = path.try_connect(O_RDONLY | O_NONBLOCK);
        sys::checked(end.get(), "open", path.text());
        sys::checked(::fcntl(end.get(), F_SETFL, 0), "fcntl(F_SETFL)", path.text());
        path.attend<Msg>(end.get(), side);
        std::string name = path.text();
        Receiver receiver{carrier::PipeEnd{std::move(end), false, std::move(name)}, std::move(path)};
        if constexpr (!carrier::Packets<Msg>::one) {
            receiver.make_room();
        }
        if (until.nanoseconds() != plain_wait.nanoseconds() && !receiver.wait_for_sender(until)) {
            sys::throw_error(ETIMEDOUT, "open: no sender came to", receiver.name());
        }
        return receiver;
    }

    void make_room() {
        if (const int error = this->end().claim(); error != 0) {
            sys::throw_error(
                error, error == EBUSY ? "open: messages above 4096 bytes have one receiver, and it is there:" : "open",
                this->name());
        }
        carrier::make_room_for<Msg>(this->native_handle(), 1, this->name());
    }

    carrier::FifoPath path_;
};

/// The writing end. Models MessageSender<Msg>. Opening waits for a receiver, for ever or until the deadline, and looks every
/// millisecond at the latest: open(2) itself would sleep on when the path is taken away.
template <class Msg>
class TypedFifo<Msg>::Sender : public carrier::PacketSender<Msg>,
                               public carrier::FifoFactories<typename TypedFifo<Msg>::Sender> {
    using Packets = carrier::PacketSender<Msg>;
    friend carrier::FifoFactories<Sender>;

public:
    Sender() noexcept = default;

    void close() noexcept {
        Packets::close();
        path_.remove_own();
    }

private:
    static constexpr Deadline plain_wait = Deadline::never();
    static constexpr auto side = carrier::FifoSide::sending;

    Sender(carrier::PipeEnd end, carrier::FifoPath path) noexcept : Packets{std::move(end)}, path_{std::move(path)} {}

    static Sender connect(carrier::FifoPath path, Deadline until) {
        sys::FileDescriptor end;
        for (carrier::Naps naps{until.nanoseconds()}; !end;) {
            end = path.try_connect(O_WRONLY | O_NONBLOCK);
            if (!end && errno != ENXIO) {
                sys::throw_error(errno, "open", path.text());
            }
            if (!end && !path.is_named()) {
                sys::throw_error(ENOENT, "open: somebody took away", path.text());
            }
            if (!end && !naps.sleep()) {
                sys::throw_error(ETIMEDOUT, "open: no receiver came to", path.text());
            }
        }
        sys::set_packet_mode(end.get(), true, path.text());
        path.attend<Msg>(end.get(), side);
        std::string name = path.text();
        Sender sender{carrier::PipeEnd{std::move(end), true, std::move(name)}, std::move(path)};
        if constexpr (!carrier::Packets<Msg>::one) {
            if (const int error = sender.end().claim(); error != 0) {
                sys::throw_error(
                    error,
                    error == EBUSY ? "open: messages above 4096 bytes have one sender, and it is there:" : "open",
                    sender.name());
            }
            carrier::make_room_for<Msg>(sender.native_handle(), 1, sender.name());
        }
        return sender;
    }

    carrier::FifoPath path_;
};

}  // namespace tenon
