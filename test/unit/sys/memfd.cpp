// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_memfd
#include "tenon/sys/memfd.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

#include "support/errors.hpp"
#include "support/machine.hpp"

namespace sys = tenon::sys;
using support::refusal_of;

BOOST_AUTO_TEST_CASE(a_memfd_is_closed_by_exec_and_shows_its_label) {
    const auto sut = sys::create_memfd("tenon-label");
    BOOST_TEST((::fcntl(sut.get(), F_GETFD) & FD_CLOEXEC) != 0);
    char text[64] = {};
    BOOST_REQUIRE(::readlink(("/proc/self/fd/" + std::to_string(sut.get())).c_str(), text, sizeof text - 1) > 0);
    BOOST_TEST(std::string{text}.find("tenon-label") != std::string::npos);
    BOOST_TEST(sys::seals(sut.get()) == 0);
}

BOOST_AUTO_TEST_CASE(a_sealed_size_never_changes_again) {
    const auto sut = sys::create_memfd("tenon-test");
    sys::reserve(sut.get(), 4096);
    sys::seal_size(sut.get());
    BOOST_TEST(sys::seals(sut.get()) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
    BOOST_TEST(::ftruncate(sut.get(), 100) == -1);
    BOOST_TEST(::ftruncate(sut.get(), 8192) == -1);
    BOOST_TEST(sys::status(sut.get()).st_size == 4096);
    BOOST_TEST(::pwrite(sut.get(), "x", 1, 0) == 1);
}

BOOST_AUTO_TEST_CASE(the_set_of_seals_is_closed_with_the_size) {
    const auto sut = sys::create_memfd("tenon-test");
    sys::seal_size(sut.get());
    const auto refusal = refusal_of([&] { sys::seal_size(sut.get()); });
    BOOST_TEST(refusal.text == "fcntl(F_ADD_SEALS): Operation not permitted");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sealed_has_no_seals) {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    BOOST_TEST(sys::seals(ends[0]) == 0);
    BOOST_TEST(sys::seals(-1) == 0);
    ::close(ends[0]);
    ::close(ends[1]);
}

BOOST_AUTO_TEST_CASE(a_label_that_is_too_long_is_refused) {
    const std::string label(300, 'x');
    const auto refusal = refusal_of([&] { return sys::create_memfd(label.c_str()); });
    BOOST_TEST(refusal.is(std::errc::invalid_argument));
    BOOST_TEST(refusal.says("memfd_create \"xxx"));
}
