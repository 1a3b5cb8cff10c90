// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The kernel's roads and two message libraries as channels of bench/queues.cpp (see queues_peers.hpp). The kernel's are written
/// in the C of a textbook: whole messages, errors checked, nothing else.

#include <fcntl.h>
#include <mqueue.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "harness.hpp"

namespace bench {

inline int& channels_made() {
    static int count = 0;
    return count;
}
/// A name that no other channel of this run has.
inline std::string fresh_name(const char* prefix) {
    return prefix + std::to_string(::getpid()) + "-" + std::to_string(++channels_made());
}

inline void write_whole(int descriptor, const void* bytes, std::size_t size) {
    for (const auto* at = static_cast<const char*>(bytes); size != 0;) {
        const ::ssize_t done = ::write(descriptor, at, size);
        if (done == -1 && errno != EINTR) {
            give_up("write");
        }
        at += done > 0 ? done : 0;
        size -= static_cast<std::size_t>(done > 0 ? done : 0);
    }
}
inline void read_whole(int descriptor, void* bytes, std::size_t size) {
    for (auto* at = static_cast<char*>(bytes); size != 0;) {
        const ::ssize_t done = ::read(descriptor, at, size);
        if (done == 0 || (done == -1 && errno != EINTR)) {
            give_up("read");
        }
        at += done > 0 ? done : 0;
        size -= static_cast<std::size_t>(done > 0 ? done : 0);
    }
}

/// Two descriptors: what is written to the second one is read from the first.
template <class Msg>
class CEnds {
public:
    CEnds(const CEnds&) = delete;
    CEnds& operator=(const CEnds&) = delete;
    ~CEnds() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    void send(const Msg& message) { write_whole(ends_[1], &message, sizeof message); }
    void receive(Msg& message) { read_whole(ends_[0], &message, sizeof message); }

protected:
    CEnds() = default;
    int ends_[2]{-1, -1};
};

template <class Msg>
class CPipe : public CEnds<Msg> {
public:
    explicit CPipe(std::size_t /*capacity*/) {
        if (::pipe2(this->ends_, O_CLOEXEC) == -1) {
            give_up("pipe2");
        }
    }
};

template <class Msg, int type>
class CSocket : public CEnds<Msg> {
public:
    explicit CSocket(std::size_t /*capacity*/) {
        if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, this->ends_) == -1) {
            give_up("socketpair");
        }
        if (type == SOCK_SEQPACKET && sizeof(Msg) > 65536) {
            const int size = 4 * static_cast<int>(sizeof(Msg));
            ::setsockopt(this->ends_[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        }
    }
};
template <class Msg>
using CStream = CSocket<Msg, SOCK_STREAM>;
template <class Msg>
using CSeqpacket = CSocket<Msg, SOCK_SEQPACKET>;

/// Ten messages of it, as the system allows everybody.
template <class Msg>
class CPosixQueue {
public:
    explicit CPosixQueue(std::size_t /*capacity*/) {
        ::mq_attr attributes{};
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = sizeof(Msg);
        const std::string name = fresh_name("/tenon-bench-");
        queue_ = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
        if (queue_ == -1) {
            give_up("mq_open");
        }
        ::mq_unlink(name.c_str());
    }
    CPosixQueue(const CPosixQueue&) = delete;
    CPosixQueue& operator=(const CPosixQueue&) = delete;
    ~CPosixQueue() { ::mq_close(queue_); }
    void send(const Msg& message) {
        if (::mq_send(queue_, reinterpret_cast<const char*>(&message), sizeof message, 0) == -1) {
            give_up("mq_send");
        }
    }
    void receive(Msg& message) {
        if (::mq_receive(queue_, reinterpret_cast<char*>(&message), sizeof message, nullptr) != sizeof message) {
            give_up("mq_receive");
        }
    }

private:
    ::mqd_t queue_;
};

template <class Msg>
class CSysvQueue {
public:
    explicit CSysvQueue(std::size_t /*capacity*/) : queue_{::msgget(IPC_PRIVATE, 0600)} {
        if (queue_ == -1) {
            give_up("msgget");
        }
    }
    CSysvQueue(const CSysvQueue&) = delete;
    CSysvQueue& operator=(const CSysvQueue&) = delete;
    ~CSysvQueue() { ::msgctl(queue_, IPC_RMID, nullptr); }
    void send(const Msg& message) {
        Envelope envelope{1, message};
        if (::msgsnd(queue_, &envelope, sizeof message, 0) == -1) {
            give_up("msgsnd");
        }
    }
    void receive(Msg& message) {
        Envelope envelope;
        if (::msgrcv(queue_, &envelope, sizeof message, 1, 0) != sizeof message) {
            give_up("msgrcv");
        }
        message = envelope.message;
    }

private:
    struct Envelope {
        long type;
        Msg message;
    };
    int queue_;
};

/// PUSH and PULL over ipc://. A context does not cross a fork: each side makes its own at its first message.
template <class Msg>
class ZeroMq {
public:
    explicit ZeroMq(std::size_t capacity) : capacity_{static_cast<int>(capacity)} {}
    ZeroMq(const ZeroMq&) = delete;
    ZeroMq& operator=(const ZeroMq&) = delete;
    ~ZeroMq() {
        if (socket_ != nullptr) {
            ::zmq_close(socket_);
            ::zmq_ctx_term(context_);
        }
    }
    void send(const Msg& message) {
        if (socket_ == nullptr) {
            open(ZMQ_PUSH);
            if (::zmq_connect(socket_, name_.c_str()) == -1) {
                give_up("zmq_connect");
            }
        }
        if (::zmq_send(socket_, &message, sizeof message, 0) == -1) {
            give_up("zmq_send");
        }
    }
    void receive(Msg& message) {
        if (socket_ == nullptr) {
            open(ZMQ_PULL);
            if (::zmq_bind(socket_, name_.c_str()) == -1) {
                give_up("zmq_bind");
            }
        }
        if (::zmq_recv(socket_, &message, sizeof message, 0) != sizeof message) {
            give_up("zmq_recv");
        }
    }

private:
    void open(int type) {
        context_ = ::zmq_ctx_new();
        socket_ = ::zmq_socket(context_, type);
        ::zmq_setsockopt(socket_, type == ZMQ_PUSH ? ZMQ_SNDHWM : ZMQ_RCVHWM, &capacity_, sizeof capacity_);
    }
    std::string name_ = fresh_name("ipc://@tenon-bench-");
    int capacity_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
};

/// A pair over abstract://, made as above.
template <class Msg>
class Nng {
public:
    explicit Nng(std::size_t /*capacity*/) {}
    Nng(const Nng&) = delete;
    Nng& operator=(const Nng&) = delete;
    ~Nng() {
        if (open_) {
            ::nng_close(socket_);
        }
    }
    void send(const Msg& message) {
        open(::nng_dial);
        if (::nng_send(socket_, const_cast<Msg*>(&message), sizeof message, 0) != 0) {
            give_up("nng_send");
        }
    }
    void receive(Msg& message) {
        open(::nng_listen);
        std::size_t size = sizeof message;
        if (::nng_recv(socket_, &message, &size, 0) != 0 || size != sizeof message) {
            give_up("nng_recv");
        }
    }

private:
    template <class Meet>
    void open(Meet meet) {
        if (!open_) {
            open_ = true;
            if (::nng_pair0_open(&socket_) != 0) {
                give_up("nng_pair0_open");
            }
            ::nng_socket_set_size(socket_, NNG_OPT_RECVMAXSZ, 0);
            for (int attempt = 0; meet(socket_, name_.c_str(), nullptr, 0) != 0; ++attempt) {
                if (attempt == 10'000) {  // who dials may be early
                    give_up("nng_dial");
                }
                ::usleep(1'000);
            }
        }
    }
    std::string name_ = fresh_name("abstract://tenon-bench-");
    bool open_ = false;
    ::nng_socket socket_{};
};

}  // namespace bench
