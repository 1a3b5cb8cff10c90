// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_posix_shared_memory
#include "tenon/sys/posix_shared_memory.hpp"

#include <boost/test/unit_test.hpp>

#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace sys = tenon::sys;
using support::refusal_of;
using support::unique_name;

bool is_close_on_exec(const sys::FileDescriptor& file) { return (::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0; }

/// A published object, unlinked at the end of the scope.
struct Published {
    Published() { BOOST_REQUIRE(sys::publish_shared_memory(file.get(), name)); }
    ~Published() { ::shm_unlink(name.c_str()); }
    std::string name = unique_name();
    sys::FileDescriptor file = sys::create_unnamed_shared_memory(name);
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_was_not_published_has_no_name_and_vanishes) {
    const support::Census before;
    {
        const auto sut = sys::create_unnamed_shared_memory("/never");
        BOOST_TEST(sys::status(sut.get()).st_nlink == 0U);
        BOOST_TEST(is_close_on_exec(sut));
    }
    BOOST_TEST(support::Census{} == before);
    BOOST_TEST(!support::exists("/never"));
}

BOOST_AUTO_TEST_CASE(the_mode_is_private_and_then_what_was_asked_for_whatever_the_umask) {
    const ::mode_t before = ::umask(0077);
    const auto sut = sys::create_unnamed_shared_memory("/any");
    BOOST_TEST((sys::status(sut.get()).st_mode & 07777) == 0600U);
    sys::set_mode(sut.get(), 0666, "/any");
    ::umask(before);
    BOOST_TEST((sys::status(sut.get()).st_mode & 07777) == 0666U);
}

BOOST_AUTO_TEST_CASE(a_published_object_is_opened_by_its_name) {
    const Published sut;
    BOOST_REQUIRE(::write(sut.file.get(), "whole", 5) == 5);
    const auto opened = sys::open_shared_memory(sut.name, O_RDONLY);
    BOOST_TEST(is_close_on_exec(opened));
    BOOST_TEST(sys::status(opened.get()).st_ino == sys::status(sut.file.get()).st_ino);
    BOOST_TEST(sys::status(opened.get()).st_size == 5);
}

BOOST_AUTO_TEST_CASE(a_taken_name_stays_with_whom_it_belongs_to) {
    const Published first;
    const auto sut = sys::create_unnamed_shared_memory(first.name);
    BOOST_TEST(!sys::publish_shared_memory(sut.get(), first.name));
    BOOST_TEST(sys::status(sys::open_shared_memory(first.name, O_RDONLY).get()).st_ino ==
               sys::status(first.file.get()).st_ino);
    BOOST_TEST(sys::status(sut.get()).st_nlink == 0U);
}

BOOST_AUTO_TEST_CASE(publishing_does_not_go_through_a_dangling_symbolic_link) {
    const auto link = unique_name();
    const auto target = unique_name();
    BOOST_REQUIRE(::symlink(("/dev/shm" + target).c_str(), ("/dev/shm" + link).c_str()) == 0);
    const auto sut = sys::create_unnamed_shared_memory(link);
    BOOST_TEST(!sys::publish_shared_memory(sut.get(), link));
    BOOST_TEST(!support::exists(target));
    ::unlink(("/dev/shm" + link).c_str());
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_is_not_followed) {
    const Published target;
    const auto link = unique_name();
    BOOST_REQUIRE(::symlink(("/dev/shm" + target.name).c_str(), ("/dev/shm" + link).c_str()) == 0);
    const auto refusal = refusal_of([&] { return sys::open_shared_memory(link, O_RDWR); });
    BOOST_TEST(refusal.is(std::errc::too_many_symbolic_link_levels));
    BOOST_TEST(refusal.says("shm_open \"" + link + "\": "));
    ::unlink(("/dev/shm" + link).c_str());
}

BOOST_AUTO_TEST_CASE(a_missing_name_is_told_by_the_call_that_missed_it) {
    const auto name = unique_name();
    BOOST_TEST(refusal_of([&] { return sys::open_shared_memory(name, O_RDWR); }).text ==
               "shm_open \"" + name + "\": No such file or directory");
    BOOST_TEST(refusal_of([&] { sys::unlink_shared_memory(name); }).text ==
               "shm_unlink \"" + name + "\": No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_name_in_a_directory_that_is_not_there_cannot_be_published) {
    const auto sut = sys::create_unnamed_shared_memory("/a");
    BOOST_TEST(refusal_of([&] { return sys::publish_shared_memory(sut.get(), "/tenon-test-none/a"); }).text ==
               "linkat \"/tenon-test-none/a\": No such file or directory");
}

BOOST_AUTO_TEST_CASE(who_has_an_unlinked_object_open_keeps_it) {
    const Published sut;
    sys::unlink_shared_memory(sut.name);
    BOOST_TEST(!support::exists(sut.name));
    BOOST_TEST(::write(sut.file.get(), "still", 5) == 5);
}
