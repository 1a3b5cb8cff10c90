// SPDX-License-Identifier: BSL-1.0
// One process, one thread, any number of clients: epoll(7) as it is, with the descriptors of listener and sockets.
//
//     echo_server-server CLIENTS        ends when so many have come and gone
//
// The C program keeps a buffer for each client, because read() brings a third of a message or two and a half. Here a
// message is there or it is not, and epoll is told nothing that it does not understand: native_handle() is a descriptor.

#include <sys/epoll.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <unordered_map>

#include "echo.hpp"

int main(int argc, char** argv) try {
    auto listener = tenon::TypedListener<Message, Message>::create(socket_path);
    std::unordered_map<int, tenon::TypedSocket<Message, Message>> clients;  // by descriptor

    const int watched = epoll_create1(EPOLL_CLOEXEC);
    const auto watch = [watched](int descriptor) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
        if (epoll_ctl(watched, EPOLL_CTL_ADD, descriptor, &event) == -1) {
            throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
        }
    };
    watch(listener.native_handle());

    for (int left = argc > 1 ? std::atoi(argv[1]) : 1; left > 0;) {
        epoll_event event;
        if (epoll_wait(watched, &event, 1, -1) != 1) continue;  // EINTR
        const int ready = event.data.fd;
        if (ready == listener.native_handle()) {
            if (auto newcomer = listener.try_accept()) {  // strangers without the right greeting do not get here
                watch(newcomer->native_handle());
                clients.emplace(newcomer->native_handle(), *std::move(newcomer));
                std::printf("%zu clients\n", clients.size());
                std::fflush(stdout);
            }
        } else {
            auto& client = clients.at(ready);
            const auto message = client.try_receive();
            // Who does not read what he gets is sent away: to wait for him would stop all others.
            if (message ? !client.try_send(*message) : message.outcome() != tenon::Outcome::empty) {
                clients.erase(ready);  // closes it, and so takes it from epoll
                --left;
            }
        }
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "server: %s\n", error.what());
    return 1;
}
