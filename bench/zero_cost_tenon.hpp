// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The exchange of `zero_cost` through tenon.

#include <tenon/typed_fifo.hpp>
#include <tenon/typed_pipe.hpp>
#include <tenon/typed_queue.hpp>
#include <tenon/typed_socket.hpp>

#include <cstdint>
#include <string>
#include <utility>

#include "zero_cost.hpp"

namespace bench::typed {

template <class Sender>
[[gnu::noinline]] void sending_loop(Sender& sender, std::uint64_t first, std::uint64_t count) {
    Message message;
    for (std::uint64_t i = first; i != first + count; ++i) {
        fill(message, i);
        sender.send(message);
    }
}

/// Returns  how many were not what had been sent.
template <class Receiver>
[[gnu::noinline]] std::uint64_t receiving_loop(Receiver& receiver, std::uint64_t first, std::uint64_t count) {
    std::uint64_t wrong = 0;
    for (std::uint64_t i = first; i != first + count; ++i) {
        const Message message = receiver.receive();
        wrong += is_message(message, i) ? 0 : 1;
    }
    return wrong;
}

/// Both ends of what has two; after a fork each process keeps one.
template <class Sender, class Receiver>
class Ends {
public:
    Ends(Sender sender, Receiver receiver) : sender_{std::move(sender)}, receiver_{std::move(receiver)} {}
    void keep_sender() { receiver_ = Receiver{}; }
    void keep_receiver() { sender_ = Sender{}; }
    void send(std::uint64_t first, std::uint64_t count) { sending_loop(sender_, first, count); }
    std::uint64_t receive(std::uint64_t first, std::uint64_t count) { return receiving_loop(receiver_, first, count); }

private:
    Sender sender_;
    Receiver receiver_;
};

using PlainPipe = tenon::TypedPipe<Message>;
class Pipe : public Ends<PlainPipe::Sender, PlainPipe::Receiver> {
public:
    Pipe() : Pipe{PlainPipe::make()} {}

private:
    explicit Pipe(PlainPipe pipe) : Ends{std::move(pipe.sender), std::move(pipe.receiver)} {}
};

using PlainFifo = tenon::TypedFifo<Message>;
class Fifo : public Ends<PlainFifo::Sender, PlainFifo::Receiver> {
public:
    explicit Fifo(const std::string& path) : Fifo{path, PlainFifo::Receiver::create(path)} {}

private:
    Fifo(const std::string& path, PlainFifo::Receiver receiver)
        : Ends{PlainFifo::Sender::open(path), std::move(receiver)} {}
};

template <class Over>
class SocketOver : public Ends<tenon::TypedSocket<Message, Message, Over>, tenon::TypedSocket<Message, Message, Over>> {
    using End = tenon::TypedSocket<Message, Message, Over>;

public:
    SocketOver() : SocketOver{End::pair()} {}

private:
    explicit SocketOver(typename End::Pair pair) : Ends<End, End>{std::move(pair.left), std::move(pair.right)} {}
};
using PacketSocket = SocketOver<tenon::over::seqpacket>;
using StreamSocket = SocketOver<tenon::over::stream>;

/// Has one end, which both processes use.
template <class Queue>
class Both {
public:
    explicit Both(Queue queue) : queue_{std::move(queue)} {}
    void keep_sender() {}
    void keep_receiver() {}
    void send(std::uint64_t first, std::uint64_t count) { sending_loop(queue_, first, count); }
    std::uint64_t receive(std::uint64_t first, std::uint64_t count) { return receiving_loop(queue_, first, count); }

private:
    Queue queue_;
};

using PlainSysvQueue = tenon::TypedQueue<Message, tenon::over::sysv>;
class SysvQueue : public Both<PlainSysvQueue> {
public:
    explicit SysvQueue(tenon::SysvKey key) : Both{PlainSysvQueue::create(key)} {}
};

using PlainPosixQueue = tenon::TypedQueue<Message, tenon::over::posix>;
class PosixQueue : public Both<PlainPosixQueue> {
public:
    explicit PosixQueue(const std::string& name) : Both{PlainPosixQueue::create(name, tenon::Capacity{10})} {}
};

}  // namespace bench::typed
