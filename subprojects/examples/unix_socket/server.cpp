// SPDX-License-Identifier: BSL-1.0
// A Unix domain socket, the server: answers each text in capitals, one client after the other, until it is killed.
//
// The C program calls socket, unlink, bind, listen, accept, read and write. What can no longer go wrong:
//   - half a request, or two in one read(): each is a packet, and has the size of the struct;
//   - a client that was compiled with other structs, or that sends garbage, never gets here;
//   - an unlink() before bind() that robs a server that is alive: only a path that a dead one left is taken over;
//   - a client that leaves before its answer ends the server by SIGPIPE.

#include <cctype>
#include <cstdio>
#include <exception>

#include "capitals.hpp"

static Answer capitals(const Request& request) {
    Answer answer{};
    std::string text = request.text.str();
    for (char& c : text) {
        answer.letters += std::isalpha(static_cast<unsigned char>(c)) != 0;
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    answer.text = text;
    return answer;
}

int main() try {
    auto listener = tenon::TypedListener<Answer, Request>::create(socket_path);
    for (;;) {
        auto client = listener.accept();
        while (const auto request = client.next()) {
            std::error_code gone;  // a client that does not wait for its answer is no harm to the next one
            client.send(capitals(*request), gone);
        }
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "server: %s\n", error.what());
    return 1;
}
