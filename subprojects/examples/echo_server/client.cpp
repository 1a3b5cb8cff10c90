// SPDX-License-Identifier: BSL-1.0
// Sends a hundred messages, each after the echo of the last one, and checks what comes back.
//
//     echo_server-client NUMBER         the first message goes when the input has a line or ends

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "echo.hpp"

int main(int argc, char** argv) try {
    using Server = tenon::TypedSocket<Message, Message>;
    auto server = Server::connect_for(socket_path, std::chrono::seconds{30});
    std::getchar();

    Message message{argc > 1 ? static_cast<std::uint32_t>(std::atoi(argv[1])) : 0, 0};
    for (; message.number < 100; ++message.number) {
        server.send(message);
        const Message echo = server.receive();
        if (echo.client != message.client || echo.number != message.number) throw std::runtime_error{"another's echo"};
    }
    std::printf("%u: %u echoes\n", message.client, message.number);
} catch (const std::exception& error) {
    std::fprintf(stderr, "client: %s\n", error.what());
    return 1;
}
