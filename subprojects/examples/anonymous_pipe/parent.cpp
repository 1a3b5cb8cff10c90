// SPDX-License-Identifier: BSL-1.0
// Anonymous pipes: each line of the input goes to a forked child and to another program.
//
//     anonymous_pipe-parent anonymous_pipe-worker
//
// The C program calls pipe, fork, close (four times), dup2 and execl, write and read. What can no longer go wrong:
//   - a forgotten close(), with which the end of the stream never comes: into_receiver() closes the other end, and the
//     other program is given one end by name and nothing else;
//   - read() returns half a message, or one and a half: here a message is one packet;
//   - a reader that was killed takes the writer with it by SIGPIPE: here that is an error, and the others go on.

#include <unistd.h>  // fork

#include <exception>
#include <iostream>
#include <tenon/spawn.hpp>

#include "line.hpp"

int main(int argc, char** argv) try {
    auto to_child = tenon::TypedPipe<Line>::make();
    const pid_t pid = fork();
    if (pid == -1) throw std::system_error{errno, std::generic_category(), "fork"};
    if (pid == 0) return print_all("child", std::move(to_child).into_receiver());
    tenon::ChildProcess child{pid};  // waits for it at the end of the scope

    auto to_worker = tenon::TypedPipe<Line>::make();
    auto worker = tenon::spawn({argc > 1 ? argv[1] : "./worker"}, tenon::give("lines", std::move(to_worker.receiver)));

    auto lines = std::move(to_child).into_sender();  // these two go before those who wait for their end
    auto more_lines = std::move(to_worker.sender);
    Line line{};
    for (std::string text; std::getline(std::cin, text);) {
        line.number += 1;
        line.text = text;
        lines.send(line);
        std::error_code gone;
        more_lines.send(line, gone);
        if (gone)
            std::cout << "parent: the worker did not get line " << line.number << ": " << gone.message() << std::endl;
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "parent: %s\n", error.what());
    return 1;
}
