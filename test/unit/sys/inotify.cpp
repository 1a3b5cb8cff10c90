// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_inotify
#include "tenon/sys/inotify.hpp"

#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/users.hpp"
#include "tenon/sys/clock.hpp"
#include "tenon/sys/memfd.hpp"
#include "tenon/sys/poll.hpp"
#include "tenon/sys/posix_shared_memory.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using support::in_child;
using support::refusal_of;

bool is_readable(int descriptor) {
    ::pollfd one{descriptor, POLLIN, 0};
    return sys::try_poll_until(&one, 1, 0) == 1;
}

/// A file in memory, with or without a name, opened again as another process would.
struct File {
    sys::FileDescriptor made;
    sys::FileDescriptor opened;
};
File make_file(bool named) {
    File file;
    file.made = named ? sys::create_unnamed_shared_memory("/tenon-test") : sys::create_memfd("tenon-test");
    sys::reserve(file.made.get(), 4096);
    file.opened = sys::reopen(file.made.get(), O_RDWR);
    return file;
}

}  // namespace

namespace utf = boost::unit_test;

BOOST_AUTO_TEST_CASE(a_touch_makes_it_readable_until_it_is_forgotten) {
    for (const bool named : {true, false}) {
        const File file = make_file(named);
        const auto sut = sys::watch_for_touches(file.opened.get());
        BOOST_TEST((::fcntl(sut.get(), F_GETFD) & FD_CLOEXEC) != 0);
        BOOST_TEST(!is_readable(sut.get()));
        for (int round = 0; round < 3; ++round) {
            errno = ENOTTY;
            sys::touch(file.opened.get());
            sys::touch(file.opened.get());
            BOOST_TEST(is_readable(sut.get()));
            BOOST_TEST(is_readable(sut.get()));
            sys::forget_touches(sut.get());
            BOOST_TEST(!is_readable(sut.get()));
            sys::forget_touches(sut.get());
            BOOST_TEST(errno == ENOTTY);
        }
    }
}

BOOST_AUTO_TEST_CASE(every_watcher_is_told_in_every_process) {
    const File file = make_file(true);
    const auto first = sys::watch_for_touches(file.opened.get());
    const auto second = sys::watch_for_touches(file.made.get());
    Child other{[&] {
        const auto mine = sys::reopen(file.made.get(), O_RDONLY);
        const auto sut = sys::watch_for_touches(mine.get());
        ::pollfd one{sut.get(), POLLIN, 0};
        return sys::try_poll_until(&one, 1, sys::end_of_time) == 1;
    }};
    support::wait_until_asleep(other);
    sys::forget_touches(first.get());
    sys::touch(file.opened.get());
    BOOST_TEST(other.succeeds());
    BOOST_TEST(is_readable(first.get()));
    BOOST_TEST(is_readable(second.get()));
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_makes_it_readable) {
    const File file = make_file(true);
    Child other{[&] {
        const auto mine = sys::reopen(file.made.get(), O_RDWR);
        ::pause();
        return false;
    }};
    support::wait_until_asleep(other);
    const auto sut = sys::watch_for_touches(file.opened.get());
    BOOST_TEST(!is_readable(sut.get()));
    other.kill_now();
    ::pollfd one{sut.get(), POLLIN, 0};
    BOOST_TEST(sys::try_poll_until(&one, 1, sys::end_of_time) == 1);
}

BOOST_AUTO_TEST_CASE(writing_and_mapping_and_looking_do_not_touch) {
    const File file = make_file(true);
    const auto sut = sys::watch_for_touches(file.opened.get());
    BOOST_TEST(::pwrite(file.opened.get(), "x", 1, 0) == 1);
    static_cast<void>(sys::status(file.opened.get()));
    BOOST_TEST(!is_readable(sut.get()));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_refuses_is_told_with_the_limit) {
    BOOST_TEST(refusal_of([] { return sys::watch_for_touches(-1), 0; }).says("inotify_add_watch \"/proc/self/fd/-1\""));
    const File file = make_file(true);
    BOOST_TEST(in_child([&] {
        std::optional<support::Exhausted> none_left{std::in_place};
        const auto refusal = refusal_of([&] {
            try {
                return sys::watch_for_touches(file.opened.get()), 0;
            } catch (...) {
                none_left.reset();  // the sanitizers need some to look at an exception
                throw;
            }
        });
        return refusal.is(std::errc::too_many_files_open) && refusal.says("RLIMIT_NOFILE is 64");
    }));
}

BOOST_AUTO_TEST_CASE(the_limit_of_a_user_is_told, *utf::precondition(support::NeedsRoot{})) {
    const File file = make_file(true);
    ::fchmod(file.opened.get(), 0666);
    BOOST_TEST(in_child([&] {
        const ::rlimit many{4096, 4096};
        ::setrlimit(RLIMIT_NOFILE, &many);
        if (!support::become(support::nobody)) {
            return false;
        }
        std::vector<sys::FileDescriptor> watching;
        support::Refusal refusal;
        while (!refusal.code && watching.size() < 4000) {
            refusal = refusal_of([&] {
                watching.push_back(sys::watch_for_touches(file.opened.get()));
                return 0;
            });
        }
        const char* const limit = "/proc/sys/fs/inotify/max_user_instances";
        return watching.size() == 4000 ||
               (refusal.is(std::errc::too_many_files_open) && refusal.says("inotify_init1") &&
                refusal.says(sys::shown_limit(limit)) && !refusal.says("RLIMIT_NOFILE"));
    }));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_open) {
    const File file = make_file(true);
    const support::Census before;
    for (int i = 0; i < 300; ++i) {
        const auto sut = sys::watch_for_touches(file.opened.get());
    }
    BOOST_TEST(support::Census{} == before);
}
