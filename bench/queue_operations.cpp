// SPDX-License-Identifier: BSL-1.0
/// Nothing but the operations of the queues in shared memory, by one process, for counting instructions (see `instructions`).
///
///     queue_operations --repeat one_to_one 1000     sends and receives 1000 messages of 64 bytes, one after the other

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <tenon/typed_queue.hpp>
#include <tenon/typed_topic.hpp>

#include "harness.hpp"

namespace {

struct Message {
    std::uint64_t words[8];
};
constexpr tenon::Capacity capacity{1024};

template <class Operation>
int repeat(std::uint64_t times, Operation operation) {
    for (std::uint64_t i = 0; i < times; ++i) {
        operation();
    }
    return 0;
}

template <class Queue>
int send_and_receive(std::uint64_t times) {
    auto queue = Queue::anonymous(capacity);
    Message message{};
    return repeat(times, [&] {
        queue.send(message);
        message = queue.receive();
        bench::keep(message);
    });
}

template <class Queue>
int loan_and_borrow(std::uint64_t times) {
    auto queue = Queue::anonymous(capacity);
    return repeat(times, [&] {
        auto slot = queue.loan();
        slot->words[0] = 7;
        slot.send();
        const auto message = queue.try_borrow();
        bench::keep(*message);
    });
}

}  // namespace

int main(int argc, char** argv) {
    using OneToOne = tenon::TypedQueue<Message, tenon::one_to_one>;
    using ManyToMany = tenon::TypedQueue<Message>;
    const std::string_view what = argc == 4 && std::string_view{argv[1]} == "--repeat" ? argv[2] : "";
    const std::uint64_t times = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 0;
    if (what == "nothing") {
        Message message{};
        return repeat(times, [&] { bench::keep(message); });
    }
    if (what == "one_to_one") {
        return send_and_receive<OneToOne>(times);
    }
    if (what == "one_to_one_in_place") {
        return loan_and_borrow<OneToOne>(times);
    }
    if (what == "many_to_many") {
        return send_and_receive<ManyToMany>(times);
    }
    if (what == "many_to_many_in_place") {
        return loan_and_borrow<ManyToMany>(times);
    }
    if (what == "topic") {
        return send_and_receive<tenon::TypedTopic<Message>>(times);
    }
    std::fputs("usage: queue_operations --repeat WHAT TIMES\n", stderr);
    return 2;
}
