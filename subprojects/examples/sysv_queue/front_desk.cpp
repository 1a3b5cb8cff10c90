// SPDX-License-Identifier: BSL-1.0
// One queue, several kinds of messages: the alternatives of a std::variant, each of which has a type number of its own, so
// that the kernel can select. The child serves all who arrive before anybody who leaves, whoever was first in the queue.
//
// The C program has a struct for each kind, a #define for each number, and a cast that believes that they belong together.

#include <unistd.h>  // fork

#include <cstdio>
#include <exception>
#include <tenon/payload/fixed_string.hpp>
#include <tenon/spawn.hpp>  // ChildProcess
#include <tenon/typed_queue.hpp>
#include <variant>

struct Login {
    tenon::FixedString<16> user;
    int terminal;
};
struct Logout {
    tenon::FixedString<16> user;
};
using Desk = tenon::TypedQueue<std::variant<Login, Logout>, tenon::over::sysv>;

static int serve(Desk& desk) {
    while (const auto login = desk.try_receive<Login>()) {
        std::printf("%s arrives at terminal %d\n", login->user.str().c_str(), login->terminal);
    }
    while (const auto event = desk.try_receive()) {  // whatever is left
        std::printf("%s leaves\n", std::get<Logout>(*event).user.str().c_str());
    }
    return 0;
}

int main() try {
    auto desk = Desk::create(tenon::SysvKey::from_path(".", 'B'));
    desk.send(Logout{"ada"});
    desk.send(Login{"barbara", 3});
    desk.send(Logout{"grace"});
    desk.send(Login{"edsger", 4});

    const pid_t pid = fork();
    if (pid == 0) return serve(desk);
    return tenon::ChildProcess{pid}.wait().success() ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "front_desk: %s\n", error.what());
    return 1;
}
