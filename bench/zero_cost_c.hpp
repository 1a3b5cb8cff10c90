// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The exchange of `zero_cost` as a careful C program has it: one system call a message, straight from and into the
/// message, again after EINTR, every other error told, a part of a message never taken for one.

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>  // mkfifo
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "zero_cost.hpp"

namespace bench::c {

[[noreturn]] inline void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

[[noreturn]] inline void fail_with_size(const char* what, ::ssize_t size) {
    std::fprintf(stderr, "%s: %zd bytes instead of %zu\n", what, size, sizeof(Message));
    std::exit(1);
}

/// After a call that did not do: returns when it is to be tried again.
inline void check_interrupted(const char* what, ::ssize_t size) {
    if (size != -1) {
        fail_with_size(what, size);
    }
    if (errno != EINTR) {
        fail(what);
    }
}

// ---- one message, through whatever has a descriptor and keeps messages apart

inline void write_message(int descriptor, const Message* message) {
    for (;;) {
        const ::ssize_t size = ::write(descriptor, message, sizeof *message);
        if (size == sizeof *message) {
            return;
        }
        check_interrupted("write", size);
    }
}

inline void read_message(int descriptor, Message* message) {
    for (;;) {
        const ::ssize_t size = ::read(descriptor, message, sizeof *message);
        if (size == sizeof *message) {
            return;
        }
        check_interrupted("read", size);
    }
}

inline void send_packet(int socket, const Message* message) {
    for (;;) {
        const ::ssize_t size = ::send(socket, message, sizeof *message, MSG_NOSIGNAL);
        if (size == sizeof *message) {
            return;
        }
        check_interrupted("send", size);
    }
}

inline void receive_packet(int socket, Message* message) {
    for (;;) {
        const ::ssize_t size = ::recv(socket, message, sizeof *message, MSG_TRUNC);
        if (size == sizeof *message) {
            return;
        }
        check_interrupted("recv", size);
    }
}

inline void send_to_queue(::mqd_t queue, const Message* message) {
    while (::mq_send(queue, reinterpret_cast<const char*>(message), sizeof *message, 0) == -1) {
        if (errno != EINTR) {
            fail("mq_send");
        }
    }
}

inline void receive_from_queue(::mqd_t queue, Message* message) {
    for (;;) {
        const ::ssize_t size = ::mq_receive(queue, reinterpret_cast<char*>(message), sizeof *message, nullptr);
        if (size == sizeof *message) {
            return;
        }
        check_interrupted("mq_receive", size);
    }
}

// ---- one message, through a stream of bytes, which may break it

inline void write_bytes(int descriptor, const Message* message) {
    const char* const bytes = reinterpret_cast<const char*>(message);
    std::size_t done = 0;
    do {
        const ::ssize_t size = ::write(descriptor, bytes + done, sizeof *message - done);
        if (size >= 0) {
            done += static_cast<std::size_t>(size);
        } else if (errno != EINTR) {
            fail("write");
        }
    } while (done != sizeof *message);
}

inline void read_bytes(int descriptor, Message* message) {
    char* const bytes = reinterpret_cast<char*>(message);
    std::size_t done = 0;
    do {
        const ::ssize_t size = ::read(descriptor, bytes + done, sizeof *message - done);
        if (size > 0) {
            done += static_cast<std::size_t>(size);
        } else if (size == 0) {
            fail_with_size("read", static_cast<::ssize_t>(done));
        } else if (errno != EINTR) {
            fail("read");
        }
    } while (done != sizeof *message);
}

inline void send_bytes(int socket, const Message* message) {
    const char* const bytes = reinterpret_cast<const char*>(message);
    std::size_t done = 0;
    do {
        const ::ssize_t size = ::send(socket, bytes + done, sizeof *message - done, MSG_NOSIGNAL);
        if (size >= 0) {
            done += static_cast<std::size_t>(size);
        } else if (errno != EINTR) {
            fail("send");
        }
    } while (done != sizeof *message);
}

inline void receive_bytes(int socket, Message* message) {
    char* const bytes = reinterpret_cast<char*>(message);
    std::size_t done = 0;
    do {
        const ::ssize_t size = ::recv(socket, bytes + done, sizeof *message - done, 0);
        if (size > 0) {
            done += static_cast<std::size_t>(size);
        } else if (size == 0) {
            fail_with_size("recv", static_cast<::ssize_t>(done));
        } else if (errno != EINTR) {
            fail("recv");
        }
    } while (done != sizeof *message);
}

// ---- many messages: `zero_cost` counts what a function whose name has sending_loop, or receiving_loop, in it does

template <void send_one(int, const Message*)>
[[gnu::noinline]] void sending_loop(int descriptor, std::uint64_t first, std::uint64_t count) {
    Message message;
    for (std::uint64_t i = first; i != first + count; ++i) {
        fill(message, i);
        send_one(descriptor, &message);
    }
}

/// Returns  how many were not what had been sent.
template <void receive_one(int, Message*)>
[[gnu::noinline]] std::uint64_t receiving_loop(int descriptor, std::uint64_t first, std::uint64_t count) {
    Message message;
    std::uint64_t wrong = 0;
    for (std::uint64_t i = first; i != first + count; ++i) {
        receive_one(descriptor, &message);
        wrong += is_message(message, i) ? 0 : 1;
    }
    return wrong;
}

/// What msgsnd(2) and msgrcv(2) take. The message is filled and checked where it stands.
struct Letter {
    long type;
    Message message;
};

[[gnu::noinline]] inline void letter_sending_loop(int queue, std::uint64_t first, std::uint64_t count) {
    Letter letter;
    letter.type = 1;
    for (std::uint64_t i = first; i != first + count; ++i) {
        fill(letter.message, i);
        while (::msgsnd(queue, &letter, sizeof letter.message, 0) == -1) {
            if (errno != EINTR) {
                fail("msgsnd");
            }
        }
    }
}

[[gnu::noinline]] inline std::uint64_t letter_receiving_loop(int queue, std::uint64_t first, std::uint64_t count) {
    Letter letter;
    std::uint64_t wrong = 0;
    for (std::uint64_t i = first; i != first + count; ++i) {
        for (;;) {
            const ::ssize_t size = ::msgrcv(queue, &letter, sizeof letter.message, 0, 0);
            if (size == sizeof letter.message) {
                break;
            }
            check_interrupted("msgrcv", size);
        }
        wrong += is_message(letter.message, i) ? 0 : 1;
    }
    return wrong;
}

// ---- both ends of each mechanism; after a fork each process keeps one

/// What has a descriptor at each end.
template <void send_one(int, const Message*), void receive_one(int, Message*)>
class Ends {
public:
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;
    ~Ends() {
        keep_sender();
        keep_receiver();
    }
    void keep_sender() { give_up(receiver_); }
    void keep_receiver() { give_up(sender_); }
    void send(std::uint64_t first, std::uint64_t count) { sending_loop<send_one>(sender_, first, count); }
    std::uint64_t receive(std::uint64_t first, std::uint64_t count) {
        return receiving_loop<receive_one>(receiver_, first, count);
    }

protected:
    Ends() = default;
    int sender_ = -1;
    int receiver_ = -1;

private:
    static void give_up(int& end) {
        if (end != -1) {
            ::close(end);
            end = -1;
        }
    }
};

template <int flags, void send_one(int, const Message*), void receive_one(int, Message*)>
class PipeOf : public Ends<send_one, receive_one> {
public:
    PipeOf() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | flags) == -1) {
            fail("pipe2");
        }
        this->receiver_ = ends[0];
        this->sender_ = ends[1];
    }
};
using Pipe = PipeOf<O_DIRECT, write_message, read_message>;
using BytePipe = PipeOf<0, write_bytes, read_bytes>;

template <int flags, void send_one(int, const Message*), void receive_one(int, Message*)>
class FifoOf : public Ends<send_one, receive_one> {
public:
    explicit FifoOf(const std::string& path) {
        if (::mkfifo(path.c_str(), 0600) == -1) {
            fail("mkfifo");
        }
        this->receiver_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // there is no sender yet
        this->sender_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (this->receiver_ == -1 || this->sender_ == -1) {
            fail("open");
        }
        if (::fcntl(this->receiver_, F_SETFL, 0) == -1 || ::fcntl(this->sender_, F_SETFL, flags) == -1) {
            fail("fcntl");
        }
        if (::unlink(path.c_str()) == -1) {
            fail("unlink");
        }
    }
};
using Fifo = FifoOf<O_DIRECT, write_message, read_message>;
using ByteFifo = FifoOf<0, write_bytes, read_bytes>;

template <int type, void send_one(int, const Message*), void receive_one(int, Message*)>
class SocketOf : public Ends<send_one, receive_one> {
public:
    SocketOf() {
        int ends[2];
        if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == -1) {
            fail("socketpair");
        }
        this->sender_ = ends[0];
        this->receiver_ = ends[1];
    }
};
using PacketSocket = SocketOf<SOCK_SEQPACKET, send_packet, receive_packet>;
using StreamSocket = SocketOf<SOCK_STREAM, send_bytes, receive_bytes>;

class SysvQueue {
public:
    SysvQueue() {
        if (id_ == -1) {
            fail("msgget");
        }
    }
    SysvQueue(const SysvQueue&) = delete;
    SysvQueue& operator=(const SysvQueue&) = delete;
    ~SysvQueue() { ::msgctl(id_, IPC_RMID, nullptr); }
    void keep_sender() {}
    void keep_receiver() {}
    void send(std::uint64_t first, std::uint64_t count) { letter_sending_loop(id_, first, count); }
    std::uint64_t receive(std::uint64_t first, std::uint64_t count) { return letter_receiving_loop(id_, first, count); }

private:
    int id_ = ::msgget(IPC_PRIVATE, IPC_CREAT | IPC_EXCL | 0600);
};

class PosixQueue {
public:
    explicit PosixQueue(const std::string& name) {
        ::mq_attr attributes{};
        attributes.mq_maxmsg = 10;
        attributes.mq_msgsize = sizeof(Message);
        queue_ = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
        if (queue_ == -1) {
            fail("mq_open");
        }
        if (::mq_unlink(name.c_str()) == -1) {
            fail("mq_unlink");
        }
    }
    PosixQueue(const PosixQueue&) = delete;
    PosixQueue& operator=(const PosixQueue&) = delete;
    ~PosixQueue() { ::mq_close(queue_); }
    void keep_sender() {}
    void keep_receiver() {}
    void send(std::uint64_t first, std::uint64_t count) { sending_loop<send_to_queue>(queue_, first, count); }
    std::uint64_t receive(std::uint64_t first, std::uint64_t count) {
        return receiving_loop<receive_from_queue>(queue_, first, count);
    }

private:
    ::mqd_t queue_;
};

}  // namespace bench::c
