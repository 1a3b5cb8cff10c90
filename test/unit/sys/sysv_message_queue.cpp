// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_sysv_message_queue
#include "tenon/sys/sysv_message_queue.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>

#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace sys = tenon::sys;
using support::refusal_of;

/// A queue, removed in the end.
struct Queue {
    ~Queue() { ::msgctl(id, IPC_RMID, nullptr); }
    tenon::SysvKey key = support::unique_key();
    int id = sys::get_sysv_queue(key.value(), IPC_CREAT | IPC_EXCL | 0600, key.text());
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_queue_is_made_found_and_removed) {
    const Queue it;
    BOOST_TEST(sys::get_sysv_queue(it.key.value(), 0, "a") == it.id);
    const auto taken = refusal_of([&] { return sys::get_sysv_queue(it.key.value(), IPC_CREAT | IPC_EXCL, "a"); });
    BOOST_TEST(taken.text == "msgget \"a\": File exists");
    sys::remove_sysv_queue(it.id, "a");
    BOOST_TEST(refusal_of([&] { return sys::get_sysv_queue(it.key.value(), 0, "a"); }).text ==
               "msgget \"a\": No such file or directory");
    BOOST_TEST(refusal_of([&] { sys::remove_sysv_queue(it.id, "a"); }).text ==
               "msgctl(IPC_RMID) \"a\": Invalid argument");
}

BOOST_AUTO_TEST_CASE(mode_and_bytes_can_be_set_and_the_limit_is_told) {
    const Queue it;
    auto status = sys::sysv_queue_status(it.id, "a");
    status.msg_perm.mode = 0640;
    status.msg_qbytes = 100;
    sys::set_sysv_queue(it.id, status, "a");
    BOOST_TEST(sys::sysv_queue_status(it.id, "a").msg_qbytes == 100U);
    BOOST_TEST((sys::sysv_queue_status(it.id, "a").msg_perm.mode & 0777) == 0640);
    BOOST_TEST(refusal_of([&] { return sys::sysv_queue_status(-1, "a"); }).text ==
               "msgctl(IPC_STAT) \"a\": Invalid argument");
}

BOOST_AUTO_TEST_CASE(an_envelope_has_its_bytes_behind_its_type) {
    BOOST_TEST(offsetof(sys::SysvEnvelope<3>, bytes) == sizeof(long));
    const Queue it;
    const sys::SysvEnvelope<3> sent{7, {1, 2, 3}};
    BOOST_REQUIRE(::msgsnd(it.id, &sent, 3, 0) == 0);
    sys::SysvEnvelope<3> seen{};
    BOOST_TEST(::msgrcv(it.id, &seen, 3, 0, IPC_NOWAIT) == 3);
    BOOST_TEST(seen.type == 7);
    BOOST_TEST(seen.bytes[2] == 3);
}

BOOST_AUTO_TEST_CASE(a_message_beyond_the_limit_is_refused_with_the_limit) {
    const auto limit = sys::kernel_limit(sys::sysv_largest_message);
    BOOST_CHECK_NO_THROW(sys::check_sysv_message_size(limit, "a"));
    const auto refusal = refusal_of([&] { sys::check_sysv_message_size(limit + 1, "a"); });
    BOOST_TEST(refusal.is(std::errc::message_size));
    BOOST_TEST(refusal.says("msgsnd of messages of " + std::to_string(limit + 1) +
                            " bytes (/proc/sys/kernel/msgmax is " + std::to_string(limit) + ") \"a\": "));
}

BOOST_AUTO_TEST_CASE(a_queue_without_room_for_one_message_is_refused_with_the_limit) {
    const auto refusal = refusal_of([] { sys::refuse_sysv_queue_without_room(10, 16, "a"); });
    BOOST_TEST(refusal.is(std::errc::message_size));
    BOOST_TEST(refusal.says("a queue of 10 bytes has no room for a message of 16 (/proc/sys/kernel/msgmnb is " +
                            std::to_string(sys::kernel_limit(sys::sysv_most_bytes)) + ") \"a\": "));
}
