// SPDX-License-Identifier: BSL-1.0
// A Unix domain socket, the client: asks for each line of the input, and prints the answers. Start the server in another
// terminal, before or after.

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "capitals.hpp"

int main() try {
    auto server = tenon::TypedSocket<Request, Answer>::connect_for(socket_path, std::chrono::seconds{10});
    for (std::string line; std::getline(std::cin, line);) {
        server.send({line});
        const Answer answer = server.receive();
        std::printf("%s (%u letters)\n", answer.text.str().c_str(), answer.letters);
        std::fflush(stdout);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "client: %s\n", error.what());
    return 1;
}
