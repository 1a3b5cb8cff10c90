// SPDX-License-Identifier: BSL-1.0
// The same two with a TypedPipe. Up to 4096 bytes any number may send, and each message is one packet. A larger one has one
// sender: the second is refused with a reason, before it has written a byte.

#include <unistd.h>  // fork

#include <algorithm>
#include <cstdio>
#include <exception>
#include <tenon/spawn.hpp>
#include <tenon/typed_pipe.hpp>

struct Message {
    char text[6000];
};

static int send_all(tenon::TypedPipe<Message>::Sender messages, char letter) try {
    Message message;
    std::fill_n(message.text, sizeof message.text, letter);
    for (int i = 0; i < 2000; ++i) messages.send(message);
    return 0;
} catch (const std::exception& error) {
    std::printf("%c: %s\n", letter, error.what());
    return 1;
}

int main() {
    auto pipe = tenon::TypedPipe<Message>::make();
    for (const char letter : {'a', 'b'}) {
        if (fork() == 0) return send_all(std::move(pipe).into_sender(), letter);
    }
    auto messages = std::move(pipe).into_receiver();
    int whole = 0;
    int mixed = 0;
    while (const auto message = messages.next()) {
        const auto is_first = [&](char c) { return c == message->text[0]; };
        std::all_of(std::begin(message->text), std::end(message->text), is_first) ? ++whole : ++mixed;
    }
    std::printf("%d whole, %d mixed\n", whole, mixed);
    return mixed == 0 ? 0 : 1;
}
