// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_sysv_shared_memory
#include "tenon/sys/sysv_shared_memory.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace sys = tenon::sys;
using support::refusal_of;
using sys::SysvAttachment;

constexpr int anew = IPC_CREAT | IPC_EXCL | 0600;

/// A segment of one page, removed at the end of the scope.
struct OnePage {
    ~OnePage() { ::shmctl(id, IPC_RMID, nullptr); }
    tenon::SysvKey key = support::unique_key();
    int id = sys::get_sysv_shared_memory(key.value(), 4096, anew, key.text());
};

auto attached(int id) { return sys::sysv_shared_memory_status(id, "any").shm_nattch; }

}  // namespace

BOOST_AUTO_TEST_CASE(two_attachments_are_the_same_memory) {
    const OnePage page;
    const auto sut = sys::attach_sysv_shared_memory(page.id, 0, "any");
    const auto other = sys::attach_sysv_shared_memory(page.id, SHM_RDONLY, "any");
    *static_cast<char*>(sut.address()) = 'a';
    BOOST_TEST(*static_cast<char*>(other.address()) == 'a');
    BOOST_TEST(sys::get_sysv_shared_memory(page.key.value(), 0, 0, "any") == page.id);
    BOOST_TEST(sys::sysv_shared_memory_status(page.id, "any").shm_segsz == 4096U);
}

BOOST_AUTO_TEST_CASE(the_owner_detaches_and_a_move_leaves_nothing_behind) {
    static_assert(std::is_nothrow_move_constructible_v<SysvAttachment>);
    static_assert(std::is_nothrow_move_assignable_v<SysvAttachment>);
    static_assert(!std::is_copy_constructible_v<SysvAttachment>);
    const OnePage page;
    {
        auto first = sys::attach_sysv_shared_memory(page.id, 0, "any");
        SysvAttachment sut{std::move(first)};
        BOOST_TEST(!first);
        BOOST_TEST(!!sut);
        SysvAttachment& itself = sut;
        sut = std::move(itself);
        BOOST_TEST(attached(page.id) == 1U);
        auto other = sys::attach_sysv_shared_memory(page.id, 0, "any");
        BOOST_TEST(attached(page.id) == 2U);
        sut = std::move(other);
        BOOST_TEST(attached(page.id) == 1U);
    }
    BOOST_TEST(attached(page.id) == 0U);
}

BOOST_AUTO_TEST_CASE(removal_frees_the_key_at_once_and_the_memory_with_its_last_user) {
    const OnePage page;
    const auto sut = sys::attach_sysv_shared_memory(page.id, 0, "any");
    sys::remove_sysv_shared_memory(page.id, "any");
    BOOST_TEST(refusal_of([&] { return sys::get_sysv_shared_memory(page.key.value(), 0, 0, page.key.text()); }).text ==
               "shmget \"" + page.key.text() + "\": No such file or directory");
    *static_cast<char*>(sut.address()) = 'a';
}

BOOST_AUTO_TEST_CASE(a_taken_key_and_a_wrong_size_are_refused_by_name) {
    const OnePage page;
    BOOST_TEST(refusal_of([&] { return sys::get_sysv_shared_memory(page.key.value(), 1, anew, "key 0x7"); }).text ==
               "shmget \"key 0x7\": File exists");
    BOOST_TEST(refusal_of([&] { return sys::get_sysv_shared_memory(page.key.value(), 8192, 0, "key 0x7"); }).text ==
               "shmget \"key 0x7\": Invalid argument");
}

BOOST_AUTO_TEST_CASE(a_segment_that_is_not_there_is_refused_by_each_call) {
    BOOST_TEST(refusal_of([] { return sys::attach_sysv_shared_memory(-1, 0, "key 0x7"); }).text ==
               "shmat \"key 0x7\": Invalid argument");
    BOOST_TEST(refusal_of([] { return sys::sysv_shared_memory_status(-1, "key 0x7"); }).text ==
               "shmctl(IPC_STAT) \"key 0x7\": Invalid argument");
    BOOST_TEST(refusal_of([] { sys::remove_sysv_shared_memory(-1, "key 0x7"); }).text ==
               "shmctl(IPC_RMID) \"key 0x7\": Invalid argument");
}
