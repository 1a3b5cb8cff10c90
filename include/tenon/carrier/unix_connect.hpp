// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How a client comes by a connected socket: the server is found, trusted, and has said that the messages fit.

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "../memory/address.hpp"
#include "../memory/errc.hpp"
#include "../sync/patience.hpp"
#include "../sys/clock.hpp"
#include "../sys/error.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/poll.hpp"
#include "../sys/unix_socket.hpp"
#include "connection.hpp"
#include "greeting.hpp"
#include "unix_address.hpp"

namespace tenon::carrier {

/// How long a client waits, and for what.
struct Waiting {
    std::int64_t until = sys::end_of_time;
    bool for_the_server = false;  // or only for its greeting
};

/// Greets, and waits for the server's greeting.
/// Returns  whether it came and fits; false when the server went before, which is no refusal.
/// Throws   errc::layout_mismatch, errc::corrupted, errc::untrusted, ETIMEDOUT.
inline bool exchange_greetings(int socket, int type, const Terms& terms, std::int64_t until, const std::string& name) {
    const std::string ours = terms.greeting();
    // Should it fail, the server has gone; it may have left its reason.
    static_cast<void>(sys::uninterrupted([&] { return ::send(socket, ours.data(), ours.size(), MSG_NOSIGNAL); }));
    GreetingReader theirs;
    for (bool late = false;;) {
        switch (theirs.read(socket, type)) {
            case GreetingReader::State::whole: {
                const Objection objection = objection_to(theirs.bytes(), terms);
                if (objection) {
                    throw std::system_error{objection.code, "connect \"" + name + "\": " + objection.text};
                }
                return true;
            }
            case GreetingReader::State::gone: return false;
            case GreetingReader::State::garbage:
                memory::throw_error(errc::corrupted, "connect \"" + name + "\": what the server sent is no greeting");
            case GreetingReader::State::waiting: break;
        }
        if (late) {
            sys::throw_error(ETIMEDOUT, "connect: the server has not greeted in time", name);
        }
        late =
            sys::poll_until(socket, POLLIN, until) == 0 || (until != sys::end_of_time && sys::monotonic_now() >= until);
    }
}

/// Throws  ENOENT, ECONNREFUSED, EACCES, EPROTOTYPE; errc::untrusted when the server is neither the caller's, nor root's,
///         nor `trusted`'s; ETIMEDOUT, with the last reason; and as exchange_greetings().
inline sys::FileDescriptor connect_unix(const UnixAddress& address, int type, const Terms& terms, Owner trusted,
                                        Waiting waiting) {
    const sys::UnixSocketAddress native = address.native();
    const std::string& name = address.text();
    const sync::Patience patience{sys::monotonic_now(), 5'000'000};
    for (;;) {
        sys::FileDescriptor socket = sys::create_unix_socket(type);
        if (terms.received_descriptors == 0) {
            sys::refuse_descriptors(socket.get());
        }
        Connection::make_room(socket.get(), type, most_greeting, name);
        int error = sys::try_connect_until(socket.get(), native, waiting.until);
        if (error == 0) {
            const sys::PeerCredentials server = sys::peer_credentials(socket.get());
            if (server.uid != ::geteuid() && server.uid != 0 && server.uid != trusted.user) {
                memory::throw_error(errc::untrusted, "connect \"" + name + "\": the server there belongs to user " +
                                                         std::to_string(server.uid) + " (pid " +
                                                         std::to_string(server.pid) + "): pass tenon::Owner{" +
                                                         std::to_string(server.uid) + "} to trust it");
            }
            if (exchange_greetings(socket.get(), type, terms, waiting.until, name)) {
                return socket;
            }
            error = ECONNRESET;  // it closed or ended before its greeting
        }
        const bool may_come = error == ENOENT || error == ECONNREFUSED || error == EAGAIN || error == ECONNRESET;
        if (!waiting.for_the_server || !may_come) {
            sys::throw_error(error, "connect", name);
        }
        const std::int64_t now = sys::monotonic_now();
        if (now >= waiting.until) {
            sys::throw_error(ETIMEDOUT,
                             "connect \"" + name + "\" (at last: " + std::generic_category().message(error) + ")");
        }
        sys::sleep_until(patience.next_look(now, waiting.until));
    }
}

}  // namespace tenon::carrier
