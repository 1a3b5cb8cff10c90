// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_posix_message_queue
#include "tenon/sys/posix_message_queue.hpp"

#include <boost/test/unit_test.hpp>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/users.hpp"

namespace {

namespace sys = tenon::sys;
using support::refusal_of;

/// A name, free in the end.
struct Name {
    ~Name() { ::mq_unlink(text.c_str()); }
    std::string text = support::unique_name();
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_queue_is_made_found_and_unlinked) {
    const Name name;
    BOOST_TEST(!sys::try_open_posix_queue(name.text, O_RDWR));
    BOOST_TEST(errno == ENOENT);
    const auto made = sys::try_create_posix_queue(name.text, 0600, 3, 16);
    BOOST_REQUIRE(!!made);
    BOOST_TEST((::fcntl(made.get(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST(!sys::try_create_posix_queue(name.text, 0600, 3, 16));
    BOOST_TEST(errno == EEXIST);
    const auto found = sys::try_open_posix_queue(name.text, O_RDONLY);
    BOOST_TEST((::fcntl(found.get(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST(sys::posix_queue_attributes(found.get(), name.text).mq_maxmsg == 3);
    BOOST_TEST(sys::posix_queue_attributes(found.get(), name.text).mq_msgsize == 16);
    sys::unlink_posix_queue(name.text);
    BOOST_TEST(refusal_of([&] { sys::unlink_posix_queue(name.text); }).text ==
               "mq_unlink \"" + name.text + "\": No such file or directory");
    BOOST_TEST(refusal_of([&] { return sys::posix_queue_attributes(-1, "a"); }).text ==
               "mq_getattr \"a\": Bad file descriptor");
}

BOOST_AUTO_TEST_CASE(a_refusal_tells_the_limit_that_was_reached) {
    const auto said = [](int error) { return refusal_of([&] { sys::refuse_posix_queue(error, "/a", 5, 16); }).text; };
    const auto limit = [](const char* path) { return std::to_string(sys::kernel_limit(path)); };
    BOOST_TEST(said(EINVAL) == "mq_open of 5 messages of 16 bytes (/proc/sys/fs/mqueue/msg_max is " +
                                   limit(sys::posix_most_messages) + ", /proc/sys/fs/mqueue/msgsize_max is " +
                                   limit(sys::posix_largest_message) + ") \"/a\": Invalid argument");
    BOOST_TEST(said(ENOSPC) == "mq_open (/proc/sys/fs/mqueue/queues_max is " + limit(sys::posix_most_queues) +
                                   ") \"/a\": No space left on device");
    BOOST_TEST(said(EMFILE).find("(RLIMIT_MSGQUEUE is ") != std::string::npos);
    BOOST_TEST(said(EEXIST) == "mq_open \"/a\": File exists");
    BOOST_TEST(support::in_child([&] {
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_MSGQUEUE, &none);
        return said(EMFILE).find("RLIMIT_MSGQUEUE is 0 bytes") != std::string::npos;
    }));
}

BOOST_AUTO_TEST_CASE(the_highest_priority_is_the_last_that_the_kernel_takes) {
    const Name name;
    const auto queue = sys::try_create_posix_queue(name.text, 0600, 3, 1);
    BOOST_TEST(::mq_send(queue.get(), "x", 1, sys::highest_posix_priority()) == 0);
    BOOST_TEST(::mq_send(queue.get(), "x", 1, sys::highest_posix_priority() + 1) == -1);
}

BOOST_AUTO_TEST_CASE(what_the_limits_forbid_is_known_without_a_try) {
    const auto most = sys::kernel_limit(sys::posix_most_messages);
    const auto largest = sys::kernel_limit(sys::posix_largest_message);
    BOOST_TEST(sys::why_no_posix_queue(1, 1) == 0);
    BOOST_TEST(sys::why_no_posix_queue(0, 1) == EINVAL);
    BOOST_TEST(sys::why_no_posix_queue(1, 0) == EINVAL);
    BOOST_TEST(sys::why_no_posix_queue(65'537, 1) == EINVAL);
    BOOST_TEST(sys::why_no_posix_queue(1, 16'777'217) == EINVAL);
    // Whatever this user may do, the kernel is of the same opinion.
    const auto agrees = [&](std::size_t messages, std::size_t size) {
        const Name name;
        const int error = sys::try_create_posix_queue(name.text, 0600, messages, size) ? 0 : errno;
        return error == sys::why_no_posix_queue(messages, size);
    };
    const auto agrees_beyond_the_limits = [&] {
        return agrees(most, 8) && agrees(most + 1, 8) && agrees(1, largest) && agrees(1, largest + 1);
    };
    BOOST_TEST(agrees_beyond_the_limits());
    BOOST_TEST(support::in_child([&] { return support::drop_privileges() && agrees_beyond_the_limits(); }));
    BOOST_TEST(support::in_child([&] {
        const ::rlimit few{100, 100};
        ::setrlimit(RLIMIT_MSGQUEUE, &few);
        return sys::why_no_posix_queue(1, 101) == EMFILE && agrees(1, 101);
    }));
}
