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
#include "support/sockets.hpp"

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

BOOST_AUTO_TEST_CASE(a_directory_that_somebody_keeps_locked_hangs_nobody) {
    const Directory directory;
    const std::string path = directory / "socket";
    const auto lock = sys::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY);
    BOOST_REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
    { const Server fresh{path}; }  // a new one asks for no lock
    { const auto dead = raw_listener(path); }
    const auto refusal = refusal_of([&] { return Server{path}, 0; });
    BOOST_TEST(refusal.is(std::errc::address_in_use));
    BOOST_TEST(refusal.says("another process keeps the directory locked"));
}

BOOST_AUTO_TEST_CASE(of_many_servers_that_find_a_dead_one_exactly_one_takes_its_place) {
    const Directory directory;
    const std::string path = directory / "socket";
    for (int round = 0; round < (support::in_full() ? 1000 : 60); ++round) {
        if (round == 0) {  // later ones find what the last winner left
            const auto dead = raw_listener(path);
        }
        auto ends = sys::create_unix_socket_pair(SOCK_STREAM);
        const auto compete = [&] {
            ends.right.reset();
            char go;
            static_cast<void>(::recv(ends.left.get(), &go, 1, 0));  // all at once
            try {
                Server sut{path};
                // Whoever won is the one that the path leads to, for as long as it lives.
                const auto client = support::raw_connection(path);
                const bool mine = static_cast<bool>(sys::try_accept(sut.socket.get()));
                ::usleep(20'000);
                support::raw_connection(path);
                static_cast<void>(new Server{std::move(sut)});  // dies without tidying up
                ::_exit(mine ? 10 : 12);
            } catch (const std::system_error& error) {
                ::_exit(error.code() == std::errc::address_in_use ? 11 : 13);
            }
            return false;
        };
        std::vector<::pid_t> servers;
        for (int i = 0; i < 4; ++i) {
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
