// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_unix_path
#include "tenon/carrier/unix_path.hpp"

#include <sys/file.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <optional>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/place.hpp"
#include "support/shared.hpp"
#include "support/sockets.hpp"
#include "support/users.hpp"

using support::Child;
using support::Directory;
using support::in_child;
using support::is_there;
using support::raw_listener;
using support::refusal_of;
using tenon::Mode;
using tenon::carrier::UnixPath;
namespace sys = tenon::sys;

namespace {

/// A server as far as its path goes.
struct Server {
    explicit Server(const std::string& path, Mode mode = tenon::private_mode)
        : socket{sys::create_unix_socket(SOCK_SEQPACKET)}, file{UnixPath::bind(socket.get(), path, mode)} {
        sys::checked(::listen(socket.get(), 8), "listen");
    }
    sys::FileDescriptor socket;
    UnixPath file;
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_file_has_exactly_the_mode_whatever_the_umask) {
    const Directory directory;
    const ::mode_t before = ::umask(0);
    for (const ::mode_t umask : {0000U, 0022U, 0077U, 0777U}) {
        for (const ::mode_t mode : {0600U, 0660U, 0622U, 0666U, 0200U}) {
            ::umask(umask);
            const Server sut{directory / "socket", Mode{mode}};
            struct ::stat status {};
            BOOST_REQUIRE(::lstat((directory / "socket").c_str(), &status) == 0);
            BOOST_TEST(status.st_mode == (S_IFSOCK | mode));
        }
    }
    ::umask(before);
}

BOOST_AUTO_TEST_CASE(the_path_goes_with_its_maker) {
    const Directory directory;
    const std::string path = directory / "socket";
    {
        Server sut{path};
        BOOST_TEST(is_there(path));
        auto moved = std::move(sut.file);
        sut.file = {};
        BOOST_TEST(is_there(path));
    }
    BOOST_TEST(!is_there(path));
}

BOOST_AUTO_TEST_CASE(a_forked_child_does_not_take_it_away) {
    const Directory directory;
    const std::string path = directory / "socket";
    std::optional<Server> sut{path};
    BOOST_TEST(in_child([&] {
        sut.reset();
        return is_there(path);
    }));
    BOOST_TEST(is_there(path));
    sut.reset();
    BOOST_TEST(!is_there(path));
}

BOOST_AUTO_TEST_CASE(a_file_that_took_its_place_is_not_unlinked) {
    const Directory directory;
    const std::string path = directory / "socket";
    {
        const Server sut{path};
        BOOST_REQUIRE(::rename(path.c_str(), (directory / "elsewhere").c_str()) == 0);
        std::ofstream{path} << "precious";
    }
    BOOST_TEST(is_there(path));
}

BOOST_AUTO_TEST_CASE(what_a_dead_server_left_is_replaced) {
    const Directory directory;
    const std::string path = directory / "socket";
    support::in_child_that_dies([&] { static_cast<void>(new Server{path}); });
    BOOST_REQUIRE(is_there(path));
    const Server sut{path};
    support::raw_connection(path);
}

BOOST_AUTO_TEST_CASE(a_living_server_is_left_in_peace_and_hears_nothing) {
    const Directory directory;
    const std::string path = directory / "socket";
    for (const int type : {SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM}) {
        const sys::FileDescriptor living = sys::create_unix_socket(type | SOCK_NONBLOCK);
        const auto native = tenon::UnixAddress{path}.native();
        BOOST_REQUIRE(::bind(living.get(), native.get(), native.size) == 0);
        // Between bind() and listen() it is alive too.
        BOOST_TEST(refusal_of([&] { return Server{path}, 0; }).is(std::errc::address_in_use));
        if (type != SOCK_DGRAM) {
            BOOST_REQUIRE(::listen(living.get(), 8) == 0);
            const auto refusal = refusal_of([&] { return Server{path}, 0; });
            BOOST_TEST(refusal.text == "bind: a living server is there: \"" + path + "\": Address already in use");
            BOOST_TEST(!sys::try_accept(living.get()));
        }
        BOOST_TEST(is_there(path));
        ::unlink(path.c_str());
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_is_left_alone) {
    const Directory directory;
    const std::string path = directory / "socket";
    std::ofstream{path} << "precious";
    const auto refusal = refusal_of([&] { return Server{path}, 0; });
    BOOST_TEST(refusal.is(std::errc::file_exists));
    BOOST_TEST(refusal.says("what is there is no socket and stays \"" + path + "\""));
    BOOST_TEST(is_there(path));
    ::unlink(path.c_str());

    { const auto dead = raw_listener(directory / "dead"); }
    for (const char* target : {"dead", "nothing"}) {
        BOOST_REQUIRE(::symlink((directory / target).c_str(), path.c_str()) == 0);
        BOOST_TEST(refusal_of([&] { return Server{path}, 0; }).is(std::errc::file_exists));
        BOOST_TEST(is_there(directory / "dead"));
        BOOST_TEST(!is_there(directory / "nothing"));
        BOOST_TEST(is_there(path));
        ::unlink(path.c_str());
    }
    BOOST_REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    BOOST_TEST(refusal_of([&] { return Server{path}, 0; }).is(std::errc::file_exists));
    ::rmdir(path.c_str());
}

BOOST_AUTO_TEST_CASE(another_users_dead_socket_is_left_alone) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("only root can become another user");
        return;
    }
    const Directory directory;
    const std::string path = directory / "socket";
    { const auto dead = raw_listener(path); }
    BOOST_REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    const auto refusal = refusal_of([&] { return Server{path}, 0; });
    BOOST_TEST(refusal.is(std::errc::address_in_use));
    BOOST_TEST(refusal.says("a dead server of user 65534 left its socket there"));
    BOOST_TEST(is_there(path));
}

BOOST_AUTO_TEST_CASE(a_directory_that_somebody_keeps_locked_is_none_of_our_business) {
    const Directory directory;
    const std::string path = directory / "socket";
    const auto lock = sys::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY);
    BOOST_REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
    { const auto dead = raw_listener(path); }
    const Server sut{path};
    support::raw_connection(path);
}

BOOST_AUTO_TEST_CASE(the_lock_for_the_replacing_goes_with_it) {
    const Directory directory;
    const std::string path = directory / "socket";
    { const auto dead = raw_listener(path); }
    const Server sut{path};
    BOOST_TEST(!is_there(path + ".lock"));
}

BOOST_AUTO_TEST_CASE(who_replaces_a_dead_socket_waits_for_who_does_so_and_not_for_ever) {
    const Directory directory;
    const std::string path = directory / "socket";
    auto lock = sys::open((path + ".lock").c_str(), O_RDWR | O_CREAT, 0600);
    BOOST_REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
    BOOST_TEST(refusal_of([&] { return Server{path}, 0; }).is(std::errc::address_in_use));  // of a new one too
    { const auto dead = raw_listener(path); }
    const auto refusal = refusal_of([&] { return Server{path}, 0; });
    BOOST_TEST(refusal.is(std::errc::address_in_use));
    BOOST_TEST(refusal.says("another server begins or ends there, and keeps this locked: \"" + path + ".lock\""));
    BOOST_TEST(is_there(path));
    BOOST_TEST(is_there(path + ".lock"));
    lock.reset();  // the next one takes what the killed leave, and tidies up
    const Server sut{path};
    BOOST_TEST(!is_there(path + ".lock"));
}

BOOST_AUTO_TEST_CASE(a_lock_that_was_taken_away_meanwhile_is_none) {
    const Directory directory;
    const std::string path = directory / "socket";
    const std::string name = path + ".lock";
    auto first = sys::open(name.c_str(), O_RDWR | O_CREAT, 0600);
    BOOST_REQUIRE(::flock(first.get(), LOCK_EX) == 0);
    { const auto dead = raw_listener(path); }
    Child other{[&] {
        for (;;) {
            try {
                const Server sut{path};
                return is_there(path) && !is_there(name);
            } catch (const std::system_error& late) {
                if (late.code() != std::errc::address_in_use) {
                    throw;
                }
            }
        }
    }};
    support::wait_until_asleep(other);  // it has the file that now goes
    ::unlink(name.c_str());
    auto second = sys::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    BOOST_REQUIRE(::flock(second.get(), LOCK_EX) == 0);
    first.reset();
    ::usleep(20'000);
    BOOST_TEST(is_there(path));  // the dead one still
    second.reset();
    BOOST_TEST(other.succeeds());
}

BOOST_AUTO_TEST_CASE(what_is_at_the_place_of_the_lock_and_is_none_is_left_alone) {
    const Directory directory;
    const std::string path = directory / "socket";
    const std::string name = path + ".lock";
    { const auto dead = raw_listener(path); }
    const auto is_refused = [&](std::errc reason) {
        const auto refusal = refusal_of([&] { return Server{path}, 0; });
        const bool stays = is_there(name) && is_there(path);
        ::unlink(name.c_str());
        return refusal.is(reason) && refusal.says(name) && stays;
    };
    std::ofstream{name} << "precious";
    BOOST_REQUIRE(::chmod(name.c_str(), 0600) == 0);
    BOOST_TEST(is_refused(std::errc::file_exists));
    std::ofstream{name} << "";
    BOOST_REQUIRE(::chmod(name.c_str(), 0644) == 0);  // which others may keep locked
    BOOST_TEST(is_refused(std::errc::file_exists));
    BOOST_REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
    BOOST_TEST(is_refused(std::errc::file_exists));
    BOOST_REQUIRE(::symlink((directory / "nothing").c_str(), name.c_str()) == 0);
    BOOST_TEST(is_refused(std::errc::too_many_symbolic_link_levels));
    if (support::can_become_another()) {
        std::ofstream{name} << "";
        BOOST_REQUIRE(::chmod(name.c_str(), 0600) == 0);
        BOOST_REQUIRE(::chown(name.c_str(), support::nobody, support::nobody) == 0);
        BOOST_TEST(is_refused(std::errc::file_exists));
    }
    const Server sut{path};
}

BOOST_AUTO_TEST_CASE(a_free_path_is_taken_whatever_stands_in_the_place_of_the_lock) {
    const Directory directory;
    const std::string path = directory / "socket";
    std::ofstream{path + ".lock"} << "precious";
    const Server sut{path};
    support::raw_connection(path);
    BOOST_TEST(is_there(path + ".lock"));
}

BOOST_AUTO_TEST_CASE(what_was_made_is_removed_from_wherever_its_maker_went) {
    const Directory directory;
    BOOST_TEST(in_child([&] {
        bool made = ::chdir(directory.path().c_str()) == 0;
        {
            const Server sut{"socket"};
            made = made && is_there(directory / "socket") && ::chdir("/") == 0;
        }
        return made && !is_there(directory / "socket");
    }));
    BOOST_TEST(in_child([&] {  // a file of the same name that is another's
        bool made = ::mkdir((directory / "inner").c_str(), 0700) == 0 && ::chdir(directory.path().c_str()) == 0;
        {
            const Server sut{"./socket"};
            made = made && ::chdir("inner") == 0;
            std::ofstream{"socket"} << "precious";
        }
        made = made && is_there("socket") && !is_there(directory / "socket");
        return ::unlink("socket") == 0 && ::rmdir((directory / "inner").c_str()) == 0 && made;
    }));
}

BOOST_AUTO_TEST_CASE(of_many_servers_that_find_a_dead_one_exactly_one_takes_its_place) {
    const Directory directory;
    const std::string path = directory / "socket";
    for (int round = 0; round < (support::in_full() ? 1000 : 60); ++round) {
        if (round == 0) {  // later ones find what the last winner left
            const auto dead = raw_listener(path);
        }
        auto ends = sys::create_unix_socket_pair(SOCK_STREAM);
        const support::Shared<int> decided{1};
        constexpr int competitors = 4;
        const auto compete = [&] {
            ends.right.reset();
            char go;
            static_cast<void>(::recv(ends.left.get(), &go, 1, 0));  // all at once
            try {
                Server sut{path};
                // Whoever won is the one that the path leads to, for as long as it lives.
                const auto client = support::raw_connection(path);
                const bool mine = static_cast<bool>(sys::try_accept(sut.socket.get()));
                for (++decided[0]; decided[0] < competitors;) {
                    ::usleep(100);
                }
                support::raw_connection(path);
                static_cast<void>(new Server{std::move(sut)});  // dies without tidying up
                ::_exit(mine ? 10 : 12);
            } catch (const std::system_error& error) {
                ++decided[0];
                ::_exit(error.code() == std::errc::address_in_use ? 11 : 13);
            }
            return false;
        };
        std::vector<::pid_t> servers;
        for (int i = 0; i < competitors; ++i) {
            const ::pid_t pid = ::fork();
            if (pid == 0) {
                compete();
            }
            servers.push_back(pid);
        }
        ends.right.reset();
        int winners = 0;
        for (const ::pid_t pid : servers) {
            int status = 0;
            ::waitpid(pid, &status, 0);
            BOOST_TEST(WIFEXITED(status));
            winners += WEXITSTATUS(status) == 10 ? 1 : 0;
            BOOST_TEST((WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 11));
        }
        BOOST_TEST(winners == 1);
    }
}

BOOST_AUTO_TEST_CASE(an_abstract_name_is_taken_once_and_leaves_nothing) {
    const std::string name = support::unique_abstract_name();
    {
        const Server sut{name};
        BOOST_TEST(refusal_of([&] { return Server{name}, 0; }).text == "bind \"" + name + "\": Address already in use");
    }
    const Server sut{name};
}

BOOST_AUTO_TEST_CASE(where_nothing_can_be_made_the_system_says_why) {
    const auto refusal = refusal_of([] { return Server{"/nowhere/at/all"}, 0; });
    BOOST_TEST(refusal.text == "bind \"/nowhere/at/all\": No such file or directory");
}
