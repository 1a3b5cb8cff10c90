// SPDX-License-Identifier: BSL-1.0
#pragma once
/// A listening Unix domain socket, without types. Who connects is a stranger until its greeting has come whole and fits;
/// strangers are looked after in between, and neither reach the user nor hold anybody up:
///
///     1  accepted, its user is checked against the Mode, and it is sent our greeting
///     2  pending, at most 64 of them: when one more comes the oldest is closed
///     3  its greeting is whole: handed to the user, or told what is wrong, closed and counted
///
/// One epoll descriptor stands for all of that: readable when there is something to do.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>  // RLIMIT_NOFILE
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "../memory/address.hpp"
#include "../memory/fork_generation.hpp"
#include "../sys/clock.hpp"
#include "../sys/error.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/poll.hpp"
#include "../sys/unix_socket.hpp"
#include "connection.hpp"
#include "greeting.hpp"
#include "outcome.hpp"
#include "unix_address.hpp"
#include "unix_path.hpp"

namespace tenon::carrier {

/// "RLIMIT_NOFILE is 1024"
inline std::string shown_descriptor_limit() {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return "RLIMIT_NOFILE is " + std::to_string(limit.rlim_cur);
}

class UnixListener {
public:
    static constexpr std::size_t most_pending = 64;

    UnixListener() noexcept = default;
    UnixListener(const UnixAddress& address, int type, const Terms& terms, Mode mode)
        : generation_{memory::fork_generation()},
          listening_{sys::create_unix_socket(type | SOCK_NONBLOCK)},
          type_{type},
          terms_{terms},
          mode_{mode.bits},
          owner_{::geteuid()},
          name_{address.text()} {
        sys::refuse_descriptors(listening_.get());  // a stranger's
        Connection::make_room(listening_.get(), type, terms.sent_size,
                              name_);  // told now, though each connection has its own
        path_ = UnixPath::bind(listening_.get(), address, mode);
        pending_.reserve(most_pending);
        epoll_ = sys::FileDescriptor{sys::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1", name_)};
        reserve_ = sys::duplicate(listening_.get());
        watch_listening();
        sys::checked(::listen(listening_.get(), SOMAXCONN), "listen", name_);
    }
    UnixListener(UnixListener&& other) noexcept { *this = std::move(other); }
    UnixListener& operator=(UnixListener&& other) noexcept {
        if (this != &other) {
            close();
            generation_ = other.generation_;
            listening_ = std::move(other.listening_);
            path_ = std::move(other.path_);
            epoll_ = std::move(other.epoll_);
            reserve_ = std::move(other.reserve_);
            pending_ = std::move(other.pending_);
            other.pending_.clear();
            next_number_ = other.next_number_;
            type_ = other.type_;
            terms_ = other.terms_;
            mode_ = other.mode_;
            owner_ = other.owner_;
            refused_ = other.refused_;
            last_refusal_ = std::move(other.last_refusal_);
            name_ = std::move(other.name_);
        }
        return *this;
    }
    ~UnixListener() { close(); }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(listening_); }
    /// In a forked child the child's own; -1 when the system refuses it one.
    [[nodiscard]] int descriptor() noexcept {
        try {
            leave_the_parents_alone();
        } catch (const std::exception&) {
            return -1;
        }
        return epoll_.get();
    }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
    [[nodiscard]] const std::string& last_refusal() const noexcept { return last_refusal_; }

    struct Arrival {
        Result result;
        sys::FileDescriptor socket;
    };

    /// The next peer whose greeting fits. `empty` when there is none until then (sys::monotonic_now; 0 does what can be done
    /// at once, within bounds).
    Arrival next(std::int64_t until) {
        leave_the_parents_alone();
        constexpr int most_steps = 2 * static_cast<int>(most_pending);  // with a flood of strangers it would never end
        for (int steps = 0;;) {
            ::epoll_event event{};
            const int count = ::epoll_wait(epoll_.get(), &event, 1, 0);
            if (count == -1 && errno != EINTR) {
                return {Result::failed(errno), {}};
            }
            if (count > 0) {
                Arrival arrival = event.data.u64 == 0 ? admit() : go_on_with(event.data.u64);
                if (arrival.result.outcome != Outcome::empty) {
                    return arrival;
                }
            }
            const bool too_late = until == 0 || (until != sys::end_of_time && sys::monotonic_now() >= until);
            if (too_late && (count == 0 || ++steps >= most_steps)) {
                return {Outcome::empty, {}};
            }
            if (count == 0) {
                sys::poll_until(epoll_.get(), POLLIN, until);
            }
        }
    }

private:
    struct Stranger {
        std::uint64_t number = 0;
        sys::FileDescriptor socket;
        GreetingReader greeting;
    };

    void close() noexcept {
        path_.remove();  // while it is open: see UnixPath
        if (!pending_.empty() && generation_ == memory::fork_generation()) {
            for (Stranger& stranger : pending_) {
                sys::shut_down(stranger.socket.get());  // a forked child may hold it too
            }
        }
        pending_.clear();
        listening_.reset();
    }

    void watch_listening() {
        ::epoll_event wanted{};
        wanted.events = EPOLLIN;
        wanted.data.u64 = 0;
        sys::checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listening_.get(), &wanted), "epoll_ctl", name_);
    }

    /// A forked child has strangers and an epoll set of its own, under the number that it inherited. What was refused
    /// half-way is begun anew by the next call.
    void leave_the_parents_alone() {
        const std::uint64_t generation = memory::fork_generation();
        if (generation == generation_ || !listening_) {
            return;
        }
        pending_.clear();
        reserve_.reset();  // in case that there is no other
        {
            const sys::FileDescriptor own{sys::checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1", name_)};
            sys::checked(::dup3(own.get(), epoll_.get(), O_CLOEXEC), "dup3", name_);
        }
        make_reserve();
        watch_listening();
        generation_ = generation;
    }
    void make_reserve() noexcept { reserve_ = sys::FileDescriptor{::fcntl(listening_.get(), F_DUPFD_CLOEXEC, 0)}; }

    [[nodiscard]] bool trusts(int socket, const sys::PeerCredentials& peer) const noexcept {
        return peer.uid == owner_ || peer.uid == 0 || (mode_ & 0002) != 0 ||
               ((mode_ & 0020) != 0 && sys::peer_is_in_group(socket, path_.group()));
    }

    Arrival admit() {
        sys::FileDescriptor socket = sys::try_accept(listening_.get());
        if (!socket && (errno == EMFILE || errno == ENFILE)) {
            const int error = errno;
            if (pending_.empty()) {
                reserve_.reset();
                if (sys::FileDescriptor newcomer = sys::try_accept(listening_.get())) {
                    refuse(newcomer, "no descriptor is free for it (" + shown_descriptor_limit() + ")");
                }
                make_reserve();
                return {Result::failed(error), {}};
            }
            refuse_oldest("had not greeted, and no descriptor is free for another (" + shown_descriptor_limit() + ")");
            return {Outcome::empty, {}};
        }
        if (!socket) {
            const bool nobody = errno == EAGAIN || errno == ECONNABORTED;
            return {nobody ? Result{Outcome::empty} : Result::failed(errno), {}};
        }
        if (!trusts(socket.get(), sys::peer_credentials(socket.get()))) {
            greet(socket.get(), GreetingHeader::untrusted);
            refuse(socket, "its user may not connect (the mode is 0" + octal(mode_) + ")");
            return {Outcome::empty, {}};
        }
        if (terms_.received_descriptors != 0) {
            sys::admit_descriptors(socket.get());  // before it may send a message, for which it needs our greeting
        }
        Connection::make_room(socket.get(), type_, most_greeting, name_);
        if (!greet(socket.get(), GreetingHeader::welcome)) {
            refuse(socket, "went at once");
            return {Outcome::empty, {}};
        }
        Stranger stranger{++next_number_, std::move(socket), {}};
        switch (stranger.greeting.read(stranger.socket.get(), type_)) {
            case GreetingReader::State::whole: return judge(stranger);
            case GreetingReader::State::gone: refuse(stranger.socket, "went without a greeting"); break;
            case GreetingReader::State::garbage: refuse(stranger.socket, "what it sent is no greeting"); break;
            case GreetingReader::State::waiting: {
                if (pending_.size() == most_pending) {
                    refuse_oldest("had not greeted, and others came");
                }
                ::epoll_event wanted{};
                wanted.events = EPOLLIN | EPOLLRDHUP;
                wanted.data.u64 = stranger.number;
                sys::checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stranger.socket.get(), &wanted), "epoll_ctl",
                             name_);
                pending_.push_back(std::move(stranger));
            }
        }
        return {Outcome::empty, {}};
    }

    Arrival go_on_with(std::uint64_t number) {
        for (auto each = pending_.begin(); each != pending_.end(); ++each) {
            if (each->number != number) {
                continue;
            }
            const GreetingReader::State state = each->greeting.read(each->socket.get(), type_);
            if (state == GreetingReader::State::waiting) {
                break;
            }
            Stranger stranger = std::move(*each);
            pending_.erase(each);
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stranger.socket.get(), nullptr);
            if (state == GreetingReader::State::whole) {
                return judge(stranger);
            }
            refuse(stranger.socket,
                   state == GreetingReader::State::gone ? "went without a greeting" : "what it sent is no greeting");
            break;
        }
        return {Outcome::empty, {}};
    }

    Arrival judge(Stranger& stranger) {
        if (const Objection objection = objection_to(stranger.greeting.bytes(), terms_)) {
            refuse(stranger.socket, objection.text);
            return {Outcome::empty, {}};
        }
        return {Outcome::done, std::move(stranger.socket)};
    }

    bool greet(int socket, std::uint32_t verdict) const {
        const std::string ours = terms_.greeting(verdict);
        return ::send(socket, ours.data(), ours.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
               static_cast<::ssize_t>(ours.size());
    }

    void refuse(sys::FileDescriptor& socket, const std::string& why) {
        const sys::PeerCredentials peer = sys::peer_credentials(socket.get());
        ++refused_;
        last_refusal_ = "pid " + std::to_string(peer.pid) + ", uid " + std::to_string(peer.uid) + ": " + why;
        sys::shut_down(socket.get());
        socket.reset();
    }
    void refuse_oldest(const std::string& why) {
        Stranger oldest = std::move(pending_.front());
        pending_.erase(pending_.begin());
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, oldest.socket.get(), nullptr);
        refuse(oldest.socket, why);
    }

    static std::string octal(::mode_t bits) {
        std::string text;
        for (int shift = 6; shift >= 0; shift -= 3) {
            text += static_cast<char>('0' + ((bits >> shift) & 7));
        }
        return text;
    }

    std::uint64_t generation_ = 0;
    sys::FileDescriptor listening_;
    UnixPath path_;
    sys::FileDescriptor epoll_;
    sys::FileDescriptor reserve_;  // given up for an instant when all others are taken
    std::vector<Stranger> pending_;
    std::uint64_t next_number_ = 0;
    int type_ = SOCK_SEQPACKET;
    Terms terms_;
    ::mode_t mode_ = 0600;
    ::uid_t owner_ = 0;
    std::uint64_t refused_ = 0;
    std::string last_refusal_;
    std::string name_;
};

}  // namespace tenon::carrier
