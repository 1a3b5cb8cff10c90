// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedPipe<Msg>: the anonymous pipe, typed. Messages stay whole and unmixed, the end of the stream is a value, and a
/// writer without readers gets EPIPE instead of a SIGPIPE that ends it. For a pipe with a name take TypedFifo.
///
///     auto pipe = tenon::TypedPipe<Order>::make();
///     if (fork() == 0) { auto orders = std::move(pipe).into_receiver(); handle(orders.receive()); _exit(0); }
///     auto orders = std::move(pipe).into_sender();
///     orders.send(order);

#include <fcntl.h>  // O_RDONLY

#include <cstddef>
#include <system_error>
#include <utility>

#include "carrier/bequest.hpp"
#include "carrier/capacity.hpp"
#include "carrier/packet_pipe.hpp"
#include "memory/errc.hpp"
#include "payload/fixed_string.hpp"  // what a payload has instead of std::string
#include "sys/pipe.hpp"

namespace tenon {

/// The two ends of one pipe.
///
/// Sharing  Messages of up to 4096 bytes (PIPE_BUF): any thread of any process that has the end. Larger ones: one process
///          sends and one receives, the first that does; others get EBUSY; one thread of it at a time (another gets EBUSY too).
/// fork     Parent and child have both ends. A receiver sees the end of the stream when every copy of the sending end is
///          closed, its own included: into_receiver() and into_sender() close the end that is not wanted.
/// Rights   The attempts that do not wait open the end once more, through /proc: a process that has changed its user since the
///          pipe was made gets EACCES there, and send() and receive() still work.
/// exec     Closes both; spawn.hpp hands an end to another program.
/// Crash    Killed at any instruction, a sender has sent a message whole or not at all. Of a large one that it had begun the
///          receiver hears `died`. What several killed senders have begun may fill the pipe more than it tells: a large
///          message that then meets the end of the room is given up when its time is over, and was not sent.
/// Limits   A message fills one of the pipe's 16 packets (4096 bytes each) and at most /proc/sys/fs/pipe-max-size.
template <class Msg>
class TypedPipe {
public:
    class Sender;
    class Receiver;

    Receiver receiver;
    Sender sender;

    /// pipe2(2) in packet mode; `messages`: at least so many fit (the kernel's own choice: 16 packets).
    /// Throws  std::system_error: EMFILE; EPERM above pipe-max-size.
    [[nodiscard]] static TypedPipe make() { return make(Capacity{0}); }
    [[nodiscard]] static TypedPipe make(Capacity messages) {
        sys::PipeEnds ends = sys::create_pipe();
        carrier::make_room_for<Msg>(ends.write_end.get(), messages.count == 0 ? 1 : messages.count, "pipe");
        return {Receiver{carrier::PipeEnd{std::move(ends.read_end), false, "pipe"}},
                Sender{carrier::PipeEnd{std::move(ends.write_end), true, "pipe"}}};
    }
    [[nodiscard]] static TypedPipe make(std::error_code& error) {
        return memory::reporting(error, [] { return make(); });
    }
    [[nodiscard]] static TypedPipe make(Capacity messages, std::error_code& error) {
        return memory::reporting(error, [&] { return make(messages); });
    }

    /// One end, the other being closed.
    [[nodiscard]] Sender into_sender() && {
        receiver.close();
        return std::move(sender);
    }
    [[nodiscard]] Receiver into_receiver() && {
        sender.close();
        return std::move(receiver);
    }
};

/// The writing end. Models MessageSender<Msg>.
template <class Msg>
class TypedPipe<Msg>::Sender : public carrier::PacketSender<Msg> {
public:
    using carrier::PacketSender<Msg>::PacketSender;

    /// The end that was given to this program as `name` (see spawn.hpp).
    /// Throws  ENOENT, errc::kind_mismatch (also when it is no such end of a pipe), errc::layout_mismatch (printing both
    ///         layouts); EBUSY when it was taken already.
    [[nodiscard]] static Sender inherited(std::string_view name) {
        return Sender{carrier::PipeEnd{carrier::take_pipe_bequest(name, bequest(), O_WRONLY), true, std::string{name}}};
    }
    [[nodiscard]] static Sender inherited(std::string_view name, std::error_code& error) {
        return memory::reporting(error, [&] { return inherited(name); });
    }
    /// What inherited() compares.
    [[nodiscard]] static carrier::Bequest bequest() { return carrier::Bequest::of<Msg>("pipe sender"); }
};

/// The reading end. Models MessageReceiver<Msg>; `closed` is the end of the stream.
template <class Msg>
class TypedPipe<Msg>::Receiver : public carrier::PacketReceiver<Msg> {
public:
    using carrier::PacketReceiver<Msg>::PacketReceiver;

    [[nodiscard]] static Receiver inherited(std::string_view name) {
        return Receiver{
            carrier::PipeEnd{carrier::take_pipe_bequest(name, bequest(), O_RDONLY), false, std::string{name}}};
    }
    [[nodiscard]] static Receiver inherited(std::string_view name, std::error_code& error) {
        return memory::reporting(error, [&] { return inherited(name); });
    }
    [[nodiscard]] static carrier::Bequest bequest() { return carrier::Bequest::of<Msg>("pipe receiver"); }
};

}  // namespace tenon
