// SPDX-License-Identifier: BSL-1.0
// The same three with tenon. The last user of a thing removes it. Of one that was killed the next create() finds that nobody
// uses what it left, and replaces it; what is in use by somebody alive stays his, and create() says EEXIST.
//
//     pitfalls-leak [die]          die: kill -9 before the end of the scope

#include <signal.h>

#include <cstdio>
#include <exception>
#include <tenon/payload/fixed_string.hpp>
#include <tenon/shared_object.hpp>
#include <tenon/typed_fifo.hpp>
#include <tenon/typed_queue.hpp>

struct State {
    tenon::FixedString<100> text;
};

int main(int argc, char**) try {
    const auto key = tenon::SysvKey::from_path(".", 'T');
    auto segment = tenon::SharedObject<State>::create(key);
    auto queue = tenon::TypedQueue<State, tenon::over::sysv>::create(key);
    auto fifo = tenon::TypedFifo<State>::Receiver::create("leak.fifo");

    segment.store({"at work"});
    std::puts("at work");
    std::fflush(stdout);
    if (argc > 1) raise(SIGKILL);
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
