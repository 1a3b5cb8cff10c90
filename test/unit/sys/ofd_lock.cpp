// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_ofd_lock
#include "tenon/sys/ofd_lock.hpp"

#include <boost/test/unit_test.hpp>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "tenon/sys/file_descriptor.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using support::refusal_of;
using sys::FileDescriptor;
using sys::locked_by_others;
using sys::LockKind;
using sys::try_lock_byte;

/// A nameless empty file under two descriptions.
struct TwoDescriptions {
    FileDescriptor first = sys::open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    FileDescriptor second = sys::reopen(first.get(), O_RDWR);
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_description_does_not_conflict_with_itself_and_a_fresh_one_does) {
    const TwoDescriptions sut;
    const FileDescriptor duplicate = sys::duplicate(sut.first.get());
    BOOST_TEST(try_lock_byte(sut.first.get(), 8, LockKind::exclusive));
    BOOST_TEST(try_lock_byte(sut.first.get(), 8, LockKind::exclusive));
    BOOST_TEST(try_lock_byte(duplicate.get(), 8, LockKind::exclusive));
    BOOST_TEST(!locked_by_others(sut.first.get(), 8, 1));
    BOOST_TEST(!try_lock_byte(sut.second.get(), 8, LockKind::exclusive));
    BOOST_TEST(!try_lock_byte(sut.second.get(), 8, LockKind::shared));
    BOOST_TEST(locked_by_others(sut.second.get(), 8, 1));
}

BOOST_AUTO_TEST_CASE(many_share_a_byte_and_then_nobody_has_it_alone) {
    const TwoDescriptions sut;
    const FileDescriptor reader = sys::reopen(sut.first.get(), O_RDONLY);
    BOOST_TEST(try_lock_byte(sut.first.get(), 7, LockKind::shared));
    BOOST_TEST(try_lock_byte(reader.get(), 7, LockKind::shared));
    BOOST_TEST(!try_lock_byte(sut.second.get(), 7, LockKind::exclusive));
    BOOST_TEST(locked_by_others(sut.second.get(), 7, 1));
    BOOST_TEST(locked_by_others(reader.get(), 7, 1));  // a reader may ask as well
}

BOOST_AUTO_TEST_CASE(only_the_bytes_asked_for_are_locked_asked_about_and_given_back) {
    const TwoDescriptions sut;  // bytes past the end of the file, all of them
    BOOST_TEST(try_lock_byte(sut.first.get(), 10, LockKind::exclusive));
    BOOST_TEST(try_lock_byte(sut.first.get(), 12, LockKind::exclusive));
    BOOST_TEST(!locked_by_others(sut.second.get(), 11, 1));
    BOOST_TEST(!locked_by_others(sut.second.get(), 0, 10));
    BOOST_TEST(locked_by_others(sut.second.get(), 0, 11));
    BOOST_TEST(try_lock_byte(sut.second.get(), 11, LockKind::exclusive));
    sys::unlock_bytes(sut.first.get(), 9, 3);  // gives back 10; 11 is not its own
    BOOST_TEST(!locked_by_others(sut.second.get(), 10, 1));
    BOOST_TEST(locked_by_others(sut.first.get(), 11, 1));
    BOOST_TEST(locked_by_others(sut.second.get(), 12, 1));
}

BOOST_AUTO_TEST_CASE(the_last_close_of_the_description_releases) {
    TwoDescriptions sut;
    FileDescriptor duplicate = sys::duplicate(sut.first.get());
    BOOST_TEST(try_lock_byte(sut.first.get(), 8, LockKind::exclusive));
    FileDescriptor third = sys::reopen(sut.first.get(), O_RDWR);
    third.reset();  // closing another description of the file costs nothing, unlike with fcntl's record locks
    BOOST_TEST(locked_by_others(sut.second.get(), 8, 1));
    sut.first.reset();
    BOOST_TEST(locked_by_others(sut.second.get(), 8, 1));
    duplicate.reset();
    BOOST_TEST(!locked_by_others(sut.second.get(), 8, 1));
}

BOOST_AUTO_TEST_CASE(a_forked_child_shares_the_lock_and_keeps_it_alive) {
    TwoDescriptions sut;
    BOOST_TEST(try_lock_byte(sut.first.get(), 8, LockKind::exclusive));
    Child child{[&] {
        ::raise(SIGSTOP);
        return true;
    }};
    sut.first.reset();
    int status = 0;
    ::waitpid(child.pid(), &status, WUNTRACED);
    BOOST_TEST(locked_by_others(sut.second.get(), 8, 1));
    child.kill_now();
    BOOST_TEST(!locked_by_others(sut.second.get(), 8, 1));
}

BOOST_AUTO_TEST_CASE(a_lock_is_kept_while_its_holder_is_stopped_and_released_when_it_is_killed) {
    const TwoDescriptions sut;
    Child holder{[&] {
        const FileDescriptor own = sys::reopen(sut.first.get(), O_RDWR);
        const bool locked = try_lock_byte(own.get(), 8, LockKind::exclusive);
        ::raise(SIGSTOP);
        return locked;
    }};
    int status = 0;
    ::waitpid(holder.pid(), &status, WUNTRACED);
    BOOST_REQUIRE(WIFSTOPPED(status));
    BOOST_TEST(locked_by_others(sut.first.get(), 8, 1));
    holder.kill_now();
    BOOST_TEST(!locked_by_others(sut.first.get(), 8, 1));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_cannot_be_asked_about_counts_as_locked) {
    BOOST_TEST(locked_by_others(-1, 8, 1));
    BOOST_TEST(refusal_of([] { return try_lock_byte(-1, 8, LockKind::shared); }).text ==
               "fcntl(F_OFD_SETLK): Bad file descriptor");
}

BOOST_AUTO_TEST_CASE(a_reader_cannot_lock_alone) {
    const TwoDescriptions sut;
    const FileDescriptor reader = sys::reopen(sut.first.get(), O_RDONLY);
    BOOST_TEST(refusal_of([&] {
                   return try_lock_byte(reader.get(), 8, LockKind::exclusive);
               }).is(std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(a_whole_file_is_locked_by_one_description_and_needs_no_right_to_write) {
    const TwoDescriptions sut;
    const FileDescriptor reader = sys::reopen(sut.first.get(), O_RDONLY);
    sys::FileLock first{reader.get()};
    sys::FileLock second{sut.second.get()};
    {
        sys::FileLock gone{sut.first.get()};
        BOOST_TEST(gone.try_lock());
        BOOST_TEST(!first.try_lock());
    }
    BOOST_TEST(first.try_lock());
    BOOST_TEST(!second.try_lock());
    BOOST_TEST(!locked_by_others(sut.second.get(), 0, 0));
    BOOST_TEST(try_lock_byte(sut.second.get(), 0, LockKind::exclusive));
    sys::FileLock none{-1};
    BOOST_TEST(!none.try_lock());
}
