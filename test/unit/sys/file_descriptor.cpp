// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_file_descriptor
#include "tenon/sys/file_descriptor.hpp"

#include <signal.h>
#include <sys/statvfs.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace sys = tenon::sys;
using namespace std::chrono_literals;
using support::Child;
using support::refusal_of;
using sys::FileDescriptor;

const char* const shm = "/dev/shm";

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) != -1; }
bool is_close_on_exec(const FileDescriptor& file) { return (::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0; }
FileDescriptor nameless_file() { return sys::open(shm, O_TMPFILE | O_RDWR, 0600); }

/// SIGUSR1 interrupts system calls of this process for the scope of it.
struct Interruptible {
    Interruptible() {
        struct ::sigaction quiet {};
        quiet.sa_handler = [](int) {};
        ::sigaction(SIGUSR1, &quiet, &before);
    }
    ~Interruptible() { ::sigaction(SIGUSR1, &before, nullptr); }
    struct ::sigaction before {};
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_owner_closes_and_a_move_leaves_nothing_behind) {
    static_assert(std::is_nothrow_move_constructible_v<FileDescriptor>);
    static_assert(std::is_nothrow_move_assignable_v<FileDescriptor>);
    static_assert(std::is_nothrow_destructible_v<FileDescriptor>);
    static_assert(!std::is_copy_constructible_v<FileDescriptor> && !std::is_copy_assignable_v<FileDescriptor>);
    int number = -1;
    {
        FileDescriptor first = nameless_file();
        number = first.get();
        FileDescriptor sut{std::move(first)};
        BOOST_TEST(!first);
        BOOST_TEST(first.get() == -1);
        BOOST_TEST(sut.get() == number);
        FileDescriptor& itself = sut;
        sut = std::move(itself);
        BOOST_TEST(sut.get() == number);
        BOOST_TEST(is_open(number));
    }
    BOOST_TEST(!is_open(number));
}

BOOST_AUTO_TEST_CASE(assignment_closes_what_was_owned_before) {
    FileDescriptor sut = nameless_file();
    FileDescriptor other = nameless_file();
    const int before = sut.get();
    const int after = other.get();
    sut = std::move(other);
    BOOST_TEST(!is_open(before));
    BOOST_TEST(sut.get() == after);
}

BOOST_AUTO_TEST_CASE(a_released_descriptor_stays_open) {
    int number = -1;
    {
        FileDescriptor sut = nameless_file();
        number = sut.release();
        BOOST_TEST(!sut);
    }
    BOOST_TEST(is_open(number));
    ::close(number);
}

BOOST_AUTO_TEST_CASE(closing_leaves_errno_alone) {
    FileDescriptor sut{987'654};  // close() says EBADF
    errno = ENOSPC;
    sut.reset();
    BOOST_TEST(errno == ENOSPC);
    BOOST_TEST(!sut);
}

BOOST_AUTO_TEST_CASE(every_descriptor_made_here_is_closed_by_exec) {
    const FileDescriptor file = nameless_file();
    BOOST_TEST(is_close_on_exec(file));
    BOOST_TEST(is_close_on_exec(sys::duplicate(file.get())));
    BOOST_TEST(is_close_on_exec(sys::reopen(file.get(), O_RDWR)));
    BOOST_TEST(support::in_child([&] {
        const std::string path = "/proc/self/fd/" + std::to_string(file.get());
        ::execl("/bin/sh", "sh", "-c", "! test -e \"$0\"", path.c_str(), nullptr);
        return false;
    }));
}

BOOST_AUTO_TEST_CASE(a_path_that_is_not_there_is_refused_by_name) {
    const auto refusal = refusal_of([] { return sys::open("/no/such/file", O_RDONLY); });
    BOOST_TEST(refusal.text == "open \"/no/such/file\": No such file or directory");
}

BOOST_AUTO_TEST_CASE(signals_do_not_end_an_open_that_waits) {
    const Interruptible scope;
    const std::string path = shm + support::unique_name();
    BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    Child pest{[&, waiter = ::getpid()] {
        for (int i = 0; i < 30; ++i) {
            ::kill(waiter, SIGUSR1);
            std::this_thread::sleep_for(1ms);
        }
        return ::open(path.c_str(), O_WRONLY) != -1;  // the other end, for which the reader waits
    }};
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!!sys::open(path.c_str(), O_RDONLY));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 10ms));
    BOOST_TEST(pest.succeeds());
    ::unlink(path.c_str());
}

BOOST_AUTO_TEST_CASE(a_duplicate_shares_the_description_and_a_fresh_one_does_not) {
    const FileDescriptor file = nameless_file();
    const FileDescriptor same = sys::duplicate(file.get());
    const FileDescriptor fresh = sys::reopen(file.get(), O_RDWR);
    BOOST_REQUIRE(::write(file.get(), "12345", 5) == 5);
    BOOST_TEST(::lseek(same.get(), 0, SEEK_CUR) == 5);
    BOOST_TEST(::lseek(fresh.get(), 0, SEEK_CUR) == 0);
    BOOST_TEST(sys::status(fresh.get()).st_ino == sys::status(file.get()).st_ino);
    BOOST_TEST(sys::status(fresh.get()).st_size == 5);
}

BOOST_AUTO_TEST_CASE(a_descriptor_of_any_number_can_be_opened_afresh) {
    const FileDescriptor file = nameless_file();
    for (const int least : {9, 10, 99, 100, 805}) {
        const FileDescriptor sut{::fcntl(file.get(), F_DUPFD_CLOEXEC, least)};
        BOOST_REQUIRE(!!sut);
        BOOST_TEST(sys::status(sys::reopen(sut.get(), O_RDONLY).get()).st_ino == sys::status(file.get()).st_ino);
    }
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_is_not_open_cannot_be_opened_afresh_or_asked) {
    BOOST_TEST(!sys::try_reopen(987'654, O_RDONLY));
    BOOST_TEST(errno == ENOENT);
    BOOST_TEST(!sys::try_reopen(-1, O_RDONLY));
    BOOST_TEST(refusal_of([] { return sys::reopen(987'654, O_RDONLY); }).text ==
               "open \"/proc/self/fd\": No such file or directory");
    BOOST_TEST(refusal_of([] { return sys::status(987'654, "/orders"); }).text ==
               "fstat \"/orders\": Bad file descriptor");
    BOOST_TEST(refusal_of([] { return sys::duplicate(987'654); }).says("fcntl(F_DUPFD_CLOEXEC): "));
}

BOOST_AUTO_TEST_CASE(reserved_memory_is_there_and_zero) {
    const FileDescriptor file = nameless_file();
    sys::reserve(file.get(), 100'000);
    const auto status = sys::status(file.get());
    BOOST_TEST(status.st_size == 100'000);
    BOOST_TEST(status.st_blocks * 512 >= 100'000);
    char last = 'x';
    BOOST_TEST(::pread(file.get(), &last, 1, 99'999) == 1);
    BOOST_TEST(last == '\0');
}

BOOST_AUTO_TEST_CASE(more_than_there_is_room_for_is_refused_at_once) {
    struct ::statvfs room {};
    BOOST_REQUIRE(::statvfs(shm, &room) == 0);
    if (room.f_blocks == 0) {
        BOOST_TEST_MESSAGE("/dev/shm has no limit here");
        return;
    }
    const FileDescriptor file = nameless_file();
    const auto refusal = refusal_of([&] { sys::reserve(file.get(), (room.f_blocks + 1) * room.f_frsize, "/huge"); });
    BOOST_TEST(refusal.text == "fallocate \"/huge\": No space left on device");
}

BOOST_AUTO_TEST_CASE(signals_do_not_end_a_reservation) {
    const Interruptible scope;
    Child pest{[waiter = ::getpid()] {
        for (;;) {
            ::kill(waiter, SIGUSR1);
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }};
    for (int i = 0; i < 50; ++i) {
        const FileDescriptor file = nameless_file();
        sys::reserve(file.get(), 1 << 20);
        BOOST_TEST_REQUIRE(sys::status(file.get()).st_blocks * 512 >= 1 << 20);
    }
}
