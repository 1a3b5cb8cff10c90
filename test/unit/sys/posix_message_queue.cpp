// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_posix_message_queue
#include "tenon/sys/posix_message_queue.hpp"

#include <boost/test/unit_test.hpp>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

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
