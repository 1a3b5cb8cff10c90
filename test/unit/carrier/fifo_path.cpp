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
using tenon::carrier::FifoSide;
namespace sys = tenon::sys;

struct Order {
    int number;
};
struct OtherOrder {
    float price;
};

/// Leaves a FIFO behind as a killed maker does: with our mark.
void abandon(const std::string& path, ::mode_t mode = 0600) {
    BOOST_TEST_REQUIRE(sys::make_fifo(path, mode | S_ISVTX));
}

/// A receiver's description that attends.
template <class Msg>
sys::FileDescriptor receiver_of(FifoPath& path) {
    sys::FileDescriptor end = path.try_connect(O_RDONLY | O_NONBLOCK);
    path.attend<Msg>(end.get(), FifoSide::receiving);
    return end;
}
template <class Msg>
sys::FileDescriptor sender_of(FifoPath& path) {
    sys::FileDescriptor end = path.try_connect(O_WRONLY | O_NONBLOCK);
    path.attend<Msg>(end.get(), FifoSide::sending);
    return end;
}

FifoPath create(const std::string& path, Mode mode = private_mode, FifoSide side = FifoSide::receiving) {
    return FifoPath::create(path, mode, side);
}
FifoPath open_or_create(const std::string& path, FifoSide side = FifoSide::receiving) {
    return FifoPath::open_or_create(path, private_mode, side);
}
FifoPath open(const std::string& path) { return FifoPath::open(path, tenon::owner_writes, Owner::caller()); }

}  // namespace

BOOST_AUTO_TEST_CASE(the_mode_is_exactly_the_one_asked_for_whatever_the_umask) {
    for (const ::mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
        for (const ::mode_t mode : {0600U, 0660U, 0666U, 0640U}) {
            const Place place;
            const ::mode_t old = ::umask(mask);
            const FifoPath sut = create(place.path, Mode{mode});
            ::umask(old);
            BOOST_TEST(place.mode() == (S_IFIFO | S_ISVTX | mode), "umask " << mask);
        }
    }
}

BOOST_AUTO_TEST_CASE(its_maker_takes_the_name_away) {
    const Place place;
    {
        const FifoPath sut = create(place.path);
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
        FifoPath sut = create(place.path);
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
        const FifoPath sut = create(place.path);
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
        FifoPath first = create(place.path);
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
        const auto created = refusal_of([&] { return create(place.path, Mode{0666}); });
        BOOST_TEST(created.is(std::errc::file_exists));
        BOOST_TEST(created.says("what is there is no FIFO, and stays"));
        const auto opened = refusal_of([&] { return open(place.path); });
        BOOST_TEST(opened.is(make_error_code(errc::kind_mismatch)));
        BOOST_TEST(opened.says("\"" + place.path + "\" is no FIFO"));
        BOOST_TEST(refusal_of([&] { return open_or_create(place.path); }).is(make_error_code(errc::kind_mismatch)));
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
    const auto refusal = refusal_of([] { return create("/nowhere/at/all"); });
    BOOST_TEST(refusal.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(refusal.says("mkfifo \"/nowhere/at/all\""));
}

BOOST_AUTO_TEST_CASE(one_that_nobody_uses_is_taken_over_with_the_mode_asked_for) {
    const Place place;
    abandon(place.path, 0622);
    {
        FifoPath sut = create(place.path);
        BOOST_TEST(place.mode() == (S_IFIFO | S_ISVTX | 0600));
        const auto end = receiver_of<Order>(sut);
    }
    BOOST_TEST(!place.is_taken());
    abandon(place.path);
    {
        FifoPath sut = open_or_create(place.path);
        const auto end = receiver_of<Order>(sut);
    }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(one_that_another_program_made_is_opened_and_neither_taken_over_nor_removed) {
    const Place place;
    BOOST_TEST_REQUIRE(sys::make_fifo(place.path, 0600));
    for (const FifoSide side : {FifoSide::sending, FifoSide::receiving}) {
        const auto refusal = refusal_of([&] { return create(place.path, private_mode, side); });
        BOOST_TEST(refusal.is(std::errc::file_exists));
        BOOST_TEST(refusal.says("another program has made what is there, and it stays \"" + place.path));
        FifoPath visitor = open_or_create(place.path, side);
        const auto end = receiver_of<Order>(visitor);
    }
    BOOST_TEST(place.mode() == (S_IFIFO | 0600));
}

BOOST_AUTO_TEST_CASE(a_sender_makes_it_where_there_is_none_and_takes_nothing_over) {
    const Place place;
    { const FifoPath sut = create(place.path, private_mode, FifoSide::sending); }
    BOOST_TEST(!place.is_taken());
    abandon(place.path);
    BOOST_TEST(
        refusal_of([&] { return create(place.path, private_mode, FifoSide::sending); }).is(std::errc::file_exists));
    { const FifoPath sut = open_or_create(place.path, FifoSide::sending); }
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(no_sender_opens_the_reading_side) {
    const Place place;
    for (const bool is_there : {false, true}) {
        if (is_there) {
            abandon(place.path);
        }
        FifoPath sut = open_or_create(place.path, FifoSide::sending);
        BOOST_TEST(!sut.try_connect(O_WRONLY | O_NONBLOCK));  // else it would meet itself
        BOOST_TEST(errno == ENXIO);
        FifoPath waiting = open(place.path);
        static_cast<void>(refusal_of([&] { return create(place.path, private_mode, FifoSide::sending); }));
        BOOST_TEST(!waiting.try_connect(O_WRONLY | O_NONBLOCK));
    }
}

BOOST_AUTO_TEST_CASE(a_receiver_takes_over_what_only_senders_use) {
    const Place place;
    abandon(place.path);
    FifoPath first = open(place.path);
    auto old_end = receiver_of<Order>(first);
    FifoPath visitor = open(place.path);
    const auto sender = sender_of<Order>(visitor);
    BOOST_TEST(refusal_of([&] { return create(place.path); }).is(std::errc::file_exists));
    old_end.reset();
    {
        FifoPath sut = create(place.path);
        BOOST_TEST(refusal_of([&] { return create(place.path); }).is(std::errc::file_exists));
        const auto end = receiver_of<Order>(sut);
    }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(who_does_not_fit_takes_nothing_over) {
    const Place place;
    abandon(place.path);
    FifoPath first = open(place.path);
    auto old_end = receiver_of<Order>(first);
    FifoPath visitor = open(place.path);
    const auto sender = sender_of<Order>(visitor);
    old_end.reset();
    {
        FifoPath sut = create(place.path);
        BOOST_TEST(refusal_of([&] { return receiver_of<OtherOrder>(sut); }).is(make_error_code(errc::layout_mismatch)));
    }
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(a_fresh_one_is_its_makers_though_others_have_found_it_already) {
    const Place place;
    FifoPath maker = create(place.path, private_mode, FifoSide::sending);
    FifoPath visitor = open(place.path);
    const auto early = receiver_of<Order>(visitor);
    const auto end = sender_of<Order>(maker);
    BOOST_TEST(refusal_of([&] { return create(place.path); }).is(std::errc::file_exists));
}

BOOST_AUTO_TEST_CASE(a_sender_that_made_it_leaves_it_to_a_receiver_that_has_taken_it_over_meanwhile) {
    const Place place;
    FifoPath heir;
    sys::FileDescriptor receiver;
    {
        FifoPath maker = create(place.path, private_mode, FifoSide::sending);
        heir = create(place.path);
        receiver = receiver_of<Order>(heir);
        const auto end = sender_of<Order>(maker);
    }
    BOOST_TEST(place.is_taken());
    heir.remove_own();
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(one_in_use_is_not_taken_over) {
    const Place place;
    FifoPath maker = create(place.path);
    const auto taken = [&] { return refusal_of([&] { return create(place.path); }).is(std::errc::file_exists); };
    BOOST_TEST(taken());  // before anybody is connected, too
    {
        const auto end = receiver_of<Order>(maker);
        BOOST_TEST(taken());
        BOOST_TEST(in_child(taken));
        FifoPath visitor = open_or_create(place.path);
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
                FifoPath sut = create(place.path);
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
    FifoPath sut = create(place.path);
    const auto first = receiver_of<Order>(sut);
    FifoPath second_path = open(place.path);
    const auto second = receiver_of<Order>(second_path);
    FifoPath third_path = open(place.path);
    const auto third = sender_of<Order>(third_path);
    FifoPath stranger = open(place.path);
    for (const FifoSide side : {FifoSide::sending, FifoSide::receiving}) {
        const auto end = stranger.try_connect((side == FifoSide::sending ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
        const auto refusal = refusal_of([&] { return stranger.attend<OtherOrder>(end.get(), side), true; });
        BOOST_TEST(refusal.is(make_error_code(errc::layout_mismatch)));
        BOOST_TEST(refusal.says("is in use with another layout"));
        BOOST_TEST(refusal.says("price"));
    }
}

BOOST_AUTO_TEST_CASE(a_receiver_sees_whether_a_sender_is_there) {
    const Place place;
    FifoPath sut = create(place.path);
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
        FifoPath sut = create(place.path);
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
    BOOST_TEST(refusal_of([&] { return create(place.path); }).is(std::errc::file_exists));
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
        FifoPath sut = create(place.path);
        const auto end = receiver_of<Order>(sut);
        static_cast<void>(refusal_of([&] { return create(place.path); }));
        FifoPath visitor = open_or_create(place.path);
        const auto sender = sender_of<Order>(visitor);
    }
    BOOST_TEST(before == support::Census{});
}
