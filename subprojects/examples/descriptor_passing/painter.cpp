// SPDX-License-Identifier: BSL-1.0
// Takes the memory out of the message, attaches it, and draws. A descriptor that is of something else, or of a picture with
// another layout, is refused by attach(); one that nobody takes is closed with the socket.
//
//     descriptor_passing-painter [die]        die: kill -9 with half of the picture drawn

#include <signal.h>

#include <chrono>
#include <cstdio>
#include <exception>

#include "picture.hpp"

int main(int argc, char**) try {
    auto giver = tenon::TypedSocket<Finished, Handover>::connect_for(socket_path, std::chrono::seconds{10});
    Handover handover = giver.receive();
    const auto memory = giver.take(handover.memory);  // now ours; closed at the end of the scope
    auto picture = tenon::SharedObject<Picture>::attach(memory.get());

    const auto drawn = picture.update([argc](Picture& p) {
        std::uint32_t count = 0;
        for (int y = 0; y < Picture::height; ++y) {
            if (argc > 1 && y == Picture::height / 2) raise(SIGKILL);
            for (int x = 0; x < Picture::width; ++x) {
                const int right = 2 * x - Picture::width + 1;
                const int down = 4 * y - 2 * Picture::height + 2;  // a character is twice as high as wide
                if (right * right + down * down < 256) {
                    p.pixels[y][x] = '#';
                    ++count;
                }
            }
        }
        return count;
    });
    giver.send({drawn});
    std::printf("%s is drawn\n", handover.title.str().c_str());
} catch (const std::exception& error) {
    std::fprintf(stderr, "painter: %s\n", error.what());
    return 1;
}
