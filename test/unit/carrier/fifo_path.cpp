// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_fifo_path
#include "tenon/carrier/fifo_path.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/place.hpp"

namespace {

using support::in_child;
using support::Place;
using support::refusal_of;
using tenon::errc;
using tenon::Mode;
using tenon::Owner;
using tenon::private_mode;
using tenon::carrier::FifoPath;
namespace sys = tenon::sys;

struct Order {
    int number;
};
struct OtherOrder {
    float price;
};

/// Leaves a FIFO behind as a killed maker does.
void abandon(const std::string& path, ::mode_t mode = 0600) { BOOST_TEST_REQUIRE(sys::make_fifo(path, mode)); }

/// A receiver's description that attends.
template <class Msg>
sys::FileDescriptor receiver_of(FifoPath& path) {
    sys::FileDescriptor end = path.try_connect(O_RDONLY | O_NONBLOCK);
    path.attend<Msg>(end.get(), false);
    return end;
}
template <class Msg>
sys::FileDescriptor sender_of(FifoPath& path) {
    sys::FileDescriptor end = path.try_connect(O_WRONLY | O_NONBLOCK);
    path.attend<Msg>(end.get(), true);
    return end;
}

FifoPath open(const std::string& path) { return FifoPath::open(path, tenon::owner_writes, Owner::caller()); }

}  // namespace

BOOST_AUTO_TEST_CASE(the_mode_is_exactly_the_one_asked_for_whatever_the_umask) {
    for (const ::mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
        for (const ::mode_t mode : {0600U, 0660U, 0666U, 0640U}) {
            const Place place;
            const ::mode_t old = ::umask(mask);
            const FifoPath sut = FifoPath::create(place.path, Mode{mode});
            ::umask(old);
            BOOST_TEST(place.mode() == (S_IFIFO | mode), "umask " << mask);
        }
    }
}

BOOST_AUTO_TEST_CASE(its_maker_takes_the_name_away) {
    const Place place;
    {
        const FifoPath sut = FifoPath::create(place.path, private_mode);
        BOOST_TEST(place.is_taken());
        const FifoPath visitor = open(place.path);
    }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(who_only_opened_it_leaves_the_name) {
    const Place place;
    abandon(place.path);
    { const FifoPath visitor = open(place.path); }
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(a_forked_child_leaves_the_name_and_its_parent_takes_it_away) {
    const Place place;
    {
        FifoPath sut = FifoPath::create(place.path, private_mode);
        BOOST_TEST(in_child([&] {
            const FifoPath mine = std::move(sut);
            return true;
        }));
        BOOST_TEST(in_child([&] { return sut.remove_own(), true; }));
        BOOST_TEST(place.is_taken());
    }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(a_name_that_has_become_another_files_stays) {
    const Place place;
    {
        const FifoPath sut = FifoPath::create(place.path, private_mode);
        BOOST_TEST(sut.is_named());
        ::unlink(place.path.c_str());
        BOOST_TEST(!sut.is_named());
        abandon(place.path);
        BOOST_TEST(!sut.is_named());
    }
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(the_name_goes_with_the_one_it_was_moved_to) {
    const Place place;
    {
        FifoPath first = FifoPath::create(place.path, private_mode);
        FifoPath second;
        {
            FifoPath third = std::move(first);
            second = std::move(third);
        }
        BOOST_TEST(place.is_taken());
        BOOST_TEST(second.text() == place.path);
    }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(what_is_no_fifo_is_refused_and_stays_as_it_was) {
    const auto refuses = [](const Place& place) {
        struct ::stat before {};
        ::lstat(place.path.c_str(), &before);
        const auto created = refusal_of([&] { return FifoPath::create(place.path, Mode{0666}); });
        BOOST_TEST(created.is(std::errc::file_exists));
        BOOST_TEST(created.says("what is there is no FIFO, and stays"));
        const auto opened = refusal_of([&] { return open(place.path); });
        BOOST_TEST(opened.is(make_error_code(errc::kind_mismatch)));
        BOOST_TEST(opened.says("\"" + place.path + "\" is no FIFO"));
        BOOST_TEST(refusal_of([&] {
                       return FifoPath::open_or_create(place.path, private_mode);
                   }).is(make_error_code(errc::kind_mismatch)));
        struct ::stat after {};
        BOOST_TEST(::lstat(place.path.c_str(), &after) == 0);
        BOOST_TEST(after.st_ino == before.st_ino);
        BOOST_TEST(after.st_mode == before.st_mode);
    };
    const Place file;
    sys::FileDescriptor{::open(file.path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600)}.reset();
    refuses(file);
    const Place directory;
    BOOST_TEST_REQUIRE(::mkdir(directory.path.c_str(), 0700) == 0);
    refuses(directory);
    const Place fifo;
    abandon(fifo.path);
    const Place link;
    BOOST_TEST_REQUIRE(::symlink(fifo.path.c_str(), link.path.c_str()) == 0);
    refuses(link);
    const Place dangling;
    BOOST_TEST_REQUIRE(::symlink("/nowhere", dangling.path.c_str()) == 0);
    refuses(dangling);
    const Place socket;
    const sys::FileDescriptor bound{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.path.copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_TEST_REQUIRE(::bind(bound.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address) == 0);
    refuses(socket);
}

BOOST_AUTO_TEST_CASE(missing_paths_are_told) {
    BOOST_TEST(refusal_of([] { return open("/tmp/tenon-test-nothing"); }).is(std::errc::no_such_file_or_directory));
    const auto refusal = refusal_of([] { return FifoPath::create("/nowhere/at/all", private_mode); });
    BOOST_TEST(refusal.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(refusal.says("mkfifo \"/nowhere/at/all\""));
}

BOOST_AUTO_TEST_CASE(one_that_nobody_uses_is_taken_over_with_the_mode_asked_for) {
    const Place place;
    abandon(place.path, 0622);
    {
        const FifoPath sut = FifoPath::create(place.path, private_mode);
        BOOST_TEST(place.mode() == (S_IFIFO | 0600));
    }
    BOOST_TEST(!place.is_taken());
    abandon(place.path);
    { const FifoPath sut = FifoPath::open_or_create(place.path, private_mode); }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(one_in_use_is_not_taken_over) {
    const Place place;
    FifoPath maker = FifoPath::create(place.path, private_mode);
    const auto taken = [&] {
        return refusal_of([&] { return FifoPath::create(place.path, private_mode); }).is(std::errc::file_exists);
    };
    BOOST_TEST(taken());  // before anybody is connected, too
    {
        const auto end = receiver_of<Order>(maker);
        BOOST_TEST(taken());
        BOOST_TEST(in_child(taken));
        FifoPath visitor = FifoPath::open_or_create(place.path, private_mode);
        const auto sender = sender_of<Order>(visitor);
        BOOST_TEST(taken());
    }
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(of_several_who_make_it_or_take_it_over_at_one_time_one_is_let) {
    for (int round = 0; round < 50; ++round) {
        const Place place;
        if (round % 2 == 0) {
            abandon(place.path);
        }
        int start[2];
        int told[2];
        int all_have_tried[2];
        BOOST_TEST_REQUIRE((::pipe2(start, O_CLOEXEC) == 0 && ::pipe2(told, O_CLOEXEC) == 0 &&
                            ::pipe2(all_have_tried, O_CLOEXEC) == 0));
        const auto attempt = [&] {
            ::close(start[1]);
            ::close(all_have_tried[1]);
            char byte = 0;
            const auto wait = [&](int gate) { static_cast<void>(!::read(gate, &byte, 1)); };
            wait(start[0]);
            try {
                FifoPath sut = FifoPath::create(place.path, private_mode);
                const auto end = receiver_of<Order>(sut);
                static_cast<void>(!::write(told[1], "1", 1));
                wait(all_have_tried[0]);
                return true;
            } catch (const std::system_error& refused) {
                static_cast<void>(!::write(told[1], "0", 1));
                return refused.code() != std::errc::file_exists;  // counted as if let
            }
        };
        support::Child a{attempt};
        support::Child b{attempt};
        support::Child c{attempt};
        ::close(start[1]);
        for (int i = 0; i < 3; ++i) {
            char byte;
            BOOST_TEST(::read(told[0], &byte, 1) == 1);
        }
        ::close(all_have_tried[1]);
        const int winners = (a.succeeds() ? 1 : 0) + (b.succeeds() ? 1 : 0) + (c.succeeds() ? 1 : 0);
        for (const int descriptor : {start[0], told[0], told[1], all_have_tried[0]}) {
            ::close(descriptor);
        }
        BOOST_TEST_REQUIRE(winners == 1);
    }
}

BOOST_AUTO_TEST_CASE(the_users_of_one_layout_share_it_and_another_layout_is_refused_in_words) {
    const Place place;
    FifoPath sut = FifoPath::create(place.path, private_mode);
    const auto first = receiver_of<Order>(sut);
    FifoPath second_path = open(place.path);
    const auto second = receiver_of<Order>(second_path);
    FifoPath third_path = open(place.path);
    const auto third = sender_of<Order>(third_path);
    FifoPath stranger = open(place.path);
    for (const bool sends : {true, false}) {
        const auto end = stranger.try_connect((sends ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
        const auto refusal = refusal_of([&] { return stranger.attend<OtherOrder>(end.get(), sends), true; });
        BOOST_TEST(refusal.is(make_error_code(errc::layout_mismatch)));
        BOOST_TEST(refusal.says("is in use with another layout"));
        BOOST_TEST(refusal.says("price"));
    }
}

BOOST_AUTO_TEST_CASE(a_receiver_sees_whether_a_sender_is_there) {
    const Place place;
    FifoPath sut = FifoPath::create(place.path, private_mode);
    const auto receiver = receiver_of<Order>(sut);
    BOOST_TEST(!FifoPath::has_sender<Order>(receiver.get()));
    {
        FifoPath path = open(place.path);
        const auto one = sender_of<Order>(path);
        const auto two = sender_of<Order>(path);
        BOOST_TEST(FifoPath::has_sender<Order>(receiver.get()));
    }
    BOOST_TEST(!FifoPath::has_sender<Order>(receiver.get()));
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_receiver_gets_one_that_stays_when_the_fifo_is_taken_over) {
    for (int round = 0; round < 30; ++round) {
        const Place place;
        abandon(place.path);
        support::Child waiter{[&] {
            FifoPath path = open(place.path);
            const auto end = path.try_connect(O_WRONLY);
            ::signal(SIGPIPE, SIG_IGN);
            return ::write(end.get(), "x", 1) == 1;
        }};
        ::usleep(1'000);
        FifoPath sut = FifoPath::create(place.path, private_mode);
        const auto end = sut.try_connect(O_RDONLY | O_NONBLOCK);
        BOOST_TEST(waiter.succeeds());
    }
}

BOOST_AUTO_TEST_CASE(another_users_fifo_is_not_trusted_and_not_taken_over) {
    if (::geteuid() != 0) {
        return;
    }
    const Place place;
    abandon(place.path);
    BOOST_TEST_REQUIRE(::chown(place.path.c_str(), 65534, 65534) == 0);
    const auto refusal = refusal_of([&] { return open(place.path); });
    BOOST_TEST(refusal.is(make_error_code(errc::untrusted)));
    BOOST_TEST(refusal.says("belongs to user 65534"));
    BOOST_CHECK_NO_THROW(static_cast<void>(FifoPath::open(place.path, private_mode, Owner{65534})));
    BOOST_TEST(refusal_of([&] { return FifoPath::create(place.path, private_mode); }).is(std::errc::file_exists));
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(a_fifo_that_too_many_may_write_is_not_trusted) {
    const Place place;
    abandon(place.path);
    ::chmod(place.path.c_str(), 0622);
    const auto refusal = refusal_of([&] { return open(place.path); });
    BOOST_TEST(refusal.is(make_error_code(errc::untrusted)));
    BOOST_TEST(refusal.says("may be written by anybody"));
    BOOST_CHECK_NO_THROW(static_cast<void>(FifoPath::open(place.path, Mode{0666}, Owner::caller())));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_open) {
    const Place place;
    const support::Census before;
    for (int i = 0; i < 100; ++i) {
        FifoPath sut = FifoPath::create(place.path, private_mode);
        const auto end = receiver_of<Order>(sut);
        static_cast<void>(refusal_of([&] { return FifoPath::create(place.path, private_mode); }));
        FifoPath visitor = FifoPath::open_or_create(place.path, private_mode);
        const auto sender = sender_of<Order>(visitor);
    }
    BOOST_TEST(before == support::Census{});
}
