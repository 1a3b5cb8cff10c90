// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Everything that carries messages, each as one small adapter, and what the suites over them share. A new carrier joins by
/// an adapter here, and by its name in the lists at the end.

#include <array>
#include <boost/mpl/list.hpp>
#include <boost/mpl/push_front.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/shared.hpp"
#include "tenon/carrier/outcome.hpp"
#include "tenon/carrier/verbs.hpp"
#include "tenon/typed_fifo.hpp"
#include "tenon/typed_pipe.hpp"
#include "tenon/typed_queue.hpp"
#include "tenon/typed_socket.hpp"
#include "tenon/typed_topic.hpp"

namespace conformance {

using namespace std::chrono_literals;
using tenon::Outcome;

// ---- Messages ----

using support::Sized;
using support::Tally;

using Byte = Sized<1>;
using Note = Sized<64>;
using Page = Sized<4096>;
/// More than one packet of a pipe, and so many that its sender sleeps in the middle of the second message.
using Large = Sized<40'000>;
/// As large as a stream of bytes takes it.
using LargeForStream = Sized<32'768>;

/// Cannot be made of nothing, and nobody can see into it.
class Money {
public:
    explicit constexpr Money(std::int64_t cents) noexcept : cents_{cents} {}
    [[nodiscard]] constexpr std::int64_t cents() const noexcept { return cents_; }

private:
    std::int64_t cents_;
};
static_assert(!std::is_default_constructible_v<Money>);

/// Has initialisers, which must not come in the place of what was sent.
struct Settings {
    std::uint32_t answer = 42;
    double ratio = 0.5;
    std::array<std::uint8_t, 3> rest{1, 2, 3};
    bool operator==(const Settings&) const = default;
};
static_assert(!std::is_trivially_default_constructible_v<Settings>);

}  // namespace conformance

template <>
inline constexpr bool tenon::vouched_payload<conformance::Money> = true;

namespace conformance {

// ---- What an adapter gives ----
//
//     connect<Msg>()       a Line: a sender and a receiver that belong together, both in this process; children inherit them
//     Meeting<Msg>         the same for two processes, made by their parent: one calls sender(), the other receiver(); the
//                          ends that it does not want are closed there
//     is_shared            whether several processes may share an end, and each message goes to one of them
//     has_roles            whether an end is one process's, from its first use until it is closed or dead
//     has_name             whether Meeting::sender() finds the other end by a name, so that nothing is inherited
//     tells_of_peers       whether it is told that every peer has gone
//     unread               what a sender hears of receivers that left messages unread
//     death                what a receiver hears of a sender that was killed
//     sender_can_wait      whether wait_any() tells that there is room
//     LargeMessage         one of many pages, where they may be so large
//     limits               the largest message, where it is the system that says so

template <class Out, class In>
struct Line {
    Out sender;
    In receiver;
};

/// A meeting of two ends that were made together: both are inherited.
template <class Both>
class InheritedLine {
public:
    explicit InheritedLine(Both line) : line_{std::move(line)} {}
    auto sender() {
        line_.receiver = {};
        return std::move(line_.sender);
    }
    auto receiver() {
        line_.sender = {};
        return std::move(line_.receiver);
    }

private:
    Both line_;
};

/// At that value of the setting the largest message has so many bytes.
struct Limit {
    const char* setting;
    long value;
    std::size_t largest;
    const char* name;  // how the refusal calls it
};

/// What a setting of the kernel is; -1 when it cannot be read.
inline long setting(const char* path) {
    long value = -1;
    std::ifstream{path} >> value;
    return value;
}

/// Where FIFOs and sockets stand: a Census counts what is left there.
inline std::string unique_path() { return "/dev/shm" + support::unique_name(); }

// ---- The adapters ----

/// What packets in a pipe are to those who use them, whether it has a name or not.
struct Packets {
    static constexpr bool is_shared = true;
    static constexpr bool has_roles = false;
    static constexpr bool tells_of_peers = true;
    static constexpr Outcome unread = Outcome::closed;
    static constexpr Outcome death = Outcome::closed;
    static constexpr bool sender_can_wait = true;
    using LargeMessage = Large;
    // 256 packets; whole ones alone would not tell where a message begins, so that takes one more.
    static constexpr std::array limits{Limit{"/proc/sys/fs/pipe-max-size", 1'048'576, 1'048'575, "pipe-max-size"}};
};

struct Pipe : Packets {
    static constexpr bool has_name = false;
    template <class Msg>
    using PipeLine = Line<typename tenon::TypedPipe<Msg>::Sender, typename tenon::TypedPipe<Msg>::Receiver>;

    template <class Msg>
    static PipeLine<Msg> connect() {
        auto pipe = tenon::TypedPipe<Msg>::make();
        return {std::move(pipe.sender), std::move(pipe.receiver)};
    }
    template <class Msg>
    struct Meeting : InheritedLine<PipeLine<Msg>> {
        Meeting() : InheritedLine<PipeLine<Msg>>{connect<Msg>()} {}
    };
};

struct Fifo : Packets {
    static constexpr bool has_name = true;
    template <class Msg>
    using Sender = typename tenon::TypedFifo<Msg>::Sender;
    template <class Msg>
    using Receiver = typename tenon::TypedFifo<Msg>::Receiver;

    template <class Msg>
    static Line<Sender<Msg>, Receiver<Msg>> connect() {
        const std::string path = unique_path();
        auto receiver = Receiver<Msg>::create(path);
        return {Sender<Msg>::open(path), std::move(receiver)};
    }
    template <class Msg>
    class Meeting {
    public:
        auto sender() {
            auto opened = Sender<Msg>::open(path_);
            receiver_ = {};
            return opened;
        }
        auto receiver() { return std::move(receiver_); }

    private:
        std::string path_ = unique_path();
        Receiver<Msg> receiver_ = Receiver<Msg>::create(path_);
    };
};

/// Nobody is told of others, and whoever comes later goes on.
template <class How>
struct Queue {
    static constexpr bool is_shared = true;
    static constexpr bool has_roles = false;
    static constexpr bool has_name = true;
    static constexpr bool tells_of_peers = false;
    static constexpr bool sender_can_wait = false;  // waitable() is the receiver's question

    template <class Msg>
    using Handle = tenon::TypedQueue<Msg, How>;
};

struct SysvQueue : Queue<tenon::over::sysv> {
    static constexpr std::array limits{Limit{"/proc/sys/kernel/msgmax", 8'192, 8'192, "msgmax"}};

    template <class Msg>
    static Line<Handle<Msg>, Handle<Msg>> connect() {
        const tenon::SysvKey key = support::unique_key();
        auto receiver = Handle<Msg>::create(key);
        return {Handle<Msg>::open(key), std::move(receiver)};
    }
    template <class Msg>
    class Meeting {
    public:
        auto sender() const { return Handle<Msg>::open(key_); }
        auto receiver() const { return Handle<Msg>::open(key_); }

    private:
        tenon::SysvKey key_ = support::unique_key();
        Handle<Msg> maker_ = Handle<Msg>::create(key_);
    };
};

/// Those that are found by a name, and made for so many messages.
template <class How, std::uint32_t count>
struct NamedQueue : Queue<How> {
    static constexpr tenon::Capacity messages{count};
    template <class Msg>
    using Handle = typename Queue<How>::template Handle<Msg>;

    template <class Msg>
    static Line<Handle<Msg>, Handle<Msg>> connect() {
        const std::string name = support::unique_name();
        auto receiver = Handle<Msg>::create(name, messages);
        return {Handle<Msg>::open(name), std::move(receiver)};
    }
    template <class Msg>
    class Meeting {
    public:
        auto sender() const { return Handle<Msg>::open(name_); }
        auto receiver() const { return Handle<Msg>::open(name_); }

    private:
        std::string name_ = support::unique_name();
        Handle<Msg> maker_ = Handle<Msg>::create(name_, messages);
    };
};

struct PosixQueue : NamedQueue<tenon::over::posix, 8> {  // fs.mqueue.msg_max is 10
    static constexpr std::array limits{Limit{"/proc/sys/fs/mqueue/msgsize_max", 8'192, 8'192, "msgsize_max"}};
};

/// The queues in shared memory, which take what there is memory for.
template <class How>
struct SharedQueue : NamedQueue<How, 24> {
    static constexpr std::array<Limit, 0> limits{};
    using LargeMessage = Large;
};

struct SharedManyToMany : SharedQueue<tenon::many_to_many> {};
struct SharedOneToOne : SharedQueue<tenon::one_to_one> {
    static constexpr bool is_shared = false;
    static constexpr bool has_roles = true;
};

/// Never full, so a carrier for those cases alone that do not ask for it: EveryCarrier.
struct SharedTopic {
    template <class Msg>
    static Line<tenon::TypedTopic<Msg>, tenon::TypedTopic<Msg>> connect() {
        const std::string name = support::unique_name();
        auto receiver = tenon::TypedTopic<Msg>::create(name, tenon::Capacity{64});
        return {tenon::TypedTopic<Msg>::open(name), std::move(receiver)};
    }
};

/// What a socket's peer could say, if it did.
struct Reply {
    std::uint16_t code = 0;
};

template <class Over>
struct Socket {
    static constexpr bool is_shared = false;
    static constexpr bool has_roles = false;
    static constexpr bool tells_of_peers = true;
    static constexpr Outcome unread = Outcome::reset;
    static constexpr bool sender_can_wait = false;  // waitable() is the receiver's question
    using LargeMessage = std::conditional_t<std::is_same_v<Over, tenon::over::stream>, LargeForStream, Large>;

    template <class Msg>
    using Sender = tenon::TypedSocket<Msg, Reply, Over>;
    template <class Msg>
    using Receiver = tenon::TypedSocket<Reply, Msg, Over>;
};

/// Two ends made together. The kernel takes the process that made them for both peers, so that no death is told.
template <class Over>
struct SocketPair : Socket<Over> {
    static constexpr bool has_name = false;
    static constexpr Outcome death = Outcome::closed;
    template <class Msg>
    using SocketLine = Line<typename Socket<Over>::template Sender<Msg>, typename Socket<Over>::template Receiver<Msg>>;

    template <class Msg>
    static SocketLine<Msg> connect() {
        auto pair = Socket<Over>::template Sender<Msg>::pair();
        return {std::move(pair.left), std::move(pair.right)};
    }
    template <class Msg>
    struct Meeting : InheritedLine<SocketLine<Msg>> {
        Meeting() : InheritedLine<SocketLine<Msg>>{connect<Msg>()} {}
    };
};

template <class Over>
struct ConnectedSockets : Socket<Over> {
    static constexpr bool has_name = true;
    static constexpr Outcome death = Outcome::died;
    static constexpr std::array<Limit, 0> limits{};  // as of a pair
    template <class Msg>
    using Sender = typename Socket<Over>::template Sender<Msg>;
    template <class Msg>
    using Receiver = typename Socket<Over>::template Receiver<Msg>;
    template <class Msg>
    using Listener = tenon::TypedListener<Reply, Msg, Over>;

    template <class Msg>
    static Line<Sender<Msg>, Receiver<Msg>> connect() {
        const std::string path = unique_path();
        auto listener = Listener<Msg>::create(path);
        Sender<Msg> sender;
        std::thread client{[&] { sender = Sender<Msg>::connect(path); }};  // each waits for the other's greeting
        auto receiver = listener.accept();
        client.join();
        return {std::move(sender), std::move(receiver)};
    }
    template <class Msg>
    class Meeting {
    public:
        auto sender() {
            listener_ = {};
            return Sender<Msg>::connect(path_);
        }
        auto receiver() {
            auto accepted = listener_.accept();
            listener_ = {};
            return accepted;
        }

    private:
        std::string path_ = unique_path();
        Listener<Msg> listener_ = Listener<Msg>::create(path_);
    };
};

struct SeqpacketPair : SocketPair<tenon::over::seqpacket> {
    static constexpr std::array limits{Limit{"/proc/sys/net/core/wmem_max", 212'992, 425'952, "wmem_max"},
                                       Limit{"/proc/sys/net/core/wmem_max", 4'194'304, 1'048'576, "wmem_max"}};
};
struct StreamPair : SocketPair<tenon::over::stream> {
    static constexpr std::array<Limit, 0> limits{};  // 32 KiB by a static_assert: for the suite `reject`
};
struct Seqpacket : ConnectedSockets<tenon::over::seqpacket> {};
struct Stream : ConnectedSockets<tenon::over::stream> {};

// ---- The lists ----

using AllCarriers = boost::mpl::list<Pipe, Fifo, SysvQueue, PosixQueue, SharedManyToMany, SharedOneToOne, SeqpacketPair,
                                     StreamPair, Seqpacket, Stream>;
/// Of which several processes may share an end.
using EveryCarrier = boost::mpl::push_front<AllCarriers, SharedTopic>::type;
using SharedCarriers = boost::mpl::list<Pipe, Fifo, SysvQueue, PosixQueue, SharedManyToMany>;
using NamedCarriers =
    boost::mpl::list<Fifo, SysvQueue, PosixQueue, SharedManyToMany, SharedOneToOne, Seqpacket, Stream>;
/// That are told when every peer has gone.
using TellingCarriers = boost::mpl::list<Pipe, Fifo, SeqpacketPair, StreamPair, Seqpacket, Stream>;
/// For messages beyond the 8 KiB of the kernel's queues.
using LargeCarriers =
    boost::mpl::list<Pipe, Fifo, SharedManyToMany, SharedOneToOne, SeqpacketPair, StreamPair, Seqpacket, Stream>;

// ---- What the suites share ----

/// Written against the concepts alone.
template <class Msg, class Out, class In>
    requires tenon::MessageSender<Out, Msg> && tenon::MessageReceiver<In, Msg>
bool every_verb_carries(Out& out, In& in, const Msg& message, bool (*same)(const Msg&, const Msg&)) {
    const auto come = [&](const auto& received) { return received.has_value() && same(*received, message); };
    out.send(message);
    bool fine = same(in.receive(), message);
    fine = fine && out.try_send(message) && come(in.try_receive());
    fine = fine && out.try_send_for(message, 10s) && come(in.try_receive_for(10s));
    fine = fine && out.try_send_until(message, tenon::Deadline::after(10s)) &&
           come(in.try_receive_until(tenon::Deadline::after(10s)));
    fine = fine && out.try_send_until(message, tenon::Deadline::never()) &&
           come(in.try_receive_until(tenon::Deadline::never()));
    fine = fine && out.try_send_until(message, std::chrono::steady_clock::now() + 10s) &&
           come(in.try_receive_until(std::chrono::system_clock::now() + 10s));
    std::error_code error = std::make_error_code(std::errc::io_error);
    out.send(message, error);
    return fine && !error && come(in.try_receive()) && in.try_receive().outcome() == Outcome::empty;
}

template <std::size_t size>
bool same_bytes(const Sized<size>& left, const Sized<size>& right) {
    return left.bytes == right.bytes;
}

/// Sends messages of sender 0 until there is no room. Returns how many.
template <class Msg = Note, class Out>
std::uint32_t fill(Out& sender, std::uint32_t first = 0) {
    std::uint32_t next = first;
    while (sender.try_send(Msg::of(0, next))) {
        ++next;
    }
    return next - first;
}

/// Whether exactly these messages of sender 0 are there, in their order.
template <class Msg = Note, class In>
bool holds(In& receiver, std::uint32_t count, std::uint32_t first = 0) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto message = receiver.try_receive();
        if (!message || !message->is(0, first + i)) {
            return false;
        }
    }
    return receiver.try_receive().outcome() == Outcome::empty;
}

/// How a peer may be seen to be gone.
inline bool is_gone(Outcome outcome) {
    return outcome == Outcome::closed || outcome == Outcome::died || outcome == Outcome::reset;
}

/// Whether messages come whole, and of each sender one after the other from the first on, with none left out.
class Sequel {
public:
    explicit Sequel(std::uint32_t senders) : next_(senders, 0) {}
    template <std::size_t size>
    bool take(const Sized<size>& message) {
        return message.is_whole() && message.sender() < next_.size() && message.number() == next_[message.sender()]++;
    }
    [[nodiscard]] std::uint32_t count(std::uint32_t sender) const { return next_[sender]; }

private:
    std::vector<std::uint32_t> next_;
};

}  // namespace conformance
