// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_bequest
#include "tenon/carrier/bequest.hpp"

#include <fcntl.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

using support::refusal_of;
using tenon::errc;
using tenon::carrier::Bequest;
using tenon::carrier::bequest_variable;
using tenon::carrier::check_bequest_name;
using tenon::carrier::take_bequest;
using tenon::carrier::take_pipe_bequest;
namespace sys = tenon::sys;

struct Order {
    long number;
    double price;
};
struct OtherOrder {
    long number;
    long price;
};

Bequest order_of(std::string_view kind) { return Bequest::of<Order>(kind); }

/// Does what spawn() and exec do: a descriptor that is open without FD_CLOEXEC, and the variable. Both go in the end.
struct Given {
    explicit Given(const std::string& as, const Bequest& bequest, int given = ::open("/dev/null", O_RDONLY))
        : name{as}, descriptor{given} {
        const std::string variable = bequest_variable(name, descriptor, bequest);
        put(variable.substr(variable.find('=') + 1));
    }
    ~Given() {
        ::unsetenv(("TENON_FD_" + name).c_str());
        if (keep) {
            ::close(descriptor);
        }
    }
    void put(const std::string& value) const { ::setenv(("TENON_FD_" + name).c_str(), value.c_str(), 1); }
    std::string name;
    int descriptor;
    bool keep = true;  // until it was taken
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_name_is_a_word_of_up_to_64_letters_digits_and_underscores) {
    for (const std::string& fine :
         {std::string{"a"}, std::string{"Orders_2"}, std::string(64, 'x'), std::string{"_"}}) {
        BOOST_CHECK_NO_THROW(check_bequest_name(fine));
    }
    for (const std::string& bad :
         {std::string{}, std::string(65, 'x'), std::string{"a b"}, std::string{"a=b"}, std::string{"a-b"},
          std::string{"a\nb"}, std::string{"\xc3\xa9"}, std::string{"a\0b", 3}}) {
        const auto refusal = refusal_of([&] { return check_bequest_name(bad), true; });
        BOOST_TEST(refusal.is(std::errc::invalid_argument));
        BOOST_TEST(refusal.says("1 to 64 letters, digits and underscores"));
        BOOST_TEST(
            refusal_of([&] { return take_bequest(bad, order_of("pipe receiver")); }).is(std::errc::invalid_argument));
    }
}

BOOST_AUTO_TEST_CASE(the_variable_tells_number_kind_fingerprint_and_layout) {
    const Bequest bequest{"pipe receiver", 0x0123456789abcdef, "Order size 16\n  long number\n"};
    BOOST_TEST(bequest_variable("orders", 7, bequest) ==
               "TENON_FD_orders=7 pipe receiver 0123456789abcdef\nOrder size 16\n  long number\n");
}

BOOST_AUTO_TEST_CASE(what_was_given_is_taken_and_closed_on_exec_from_then_on) {
    Given given{"orders", order_of("pipe receiver")};
    const sys::FileDescriptor sut = take_bequest("orders", order_of("pipe receiver"));
    given.keep = false;
    BOOST_TEST(sut.get() == given.descriptor);
    BOOST_TEST(::fcntl(sut.get(), F_GETFD) == FD_CLOEXEC);
}

BOOST_AUTO_TEST_CASE(it_is_taken_once) {
    Given given{"orders", order_of("pipe receiver")};
    const sys::FileDescriptor first = take_bequest("orders", order_of("pipe receiver"));
    given.keep = false;
    const auto refusal = refusal_of([&] { return take_bequest("orders", order_of("pipe receiver")); });
    BOOST_TEST(refusal.is(std::errc::device_or_resource_busy));
    BOOST_TEST(refusal.says("taken already: \"orders\""));
}

BOOST_AUTO_TEST_CASE(what_was_taken_and_closed_is_gone) {
    Given given{"orders", order_of("pipe receiver")};
    static_cast<void>(take_bequest("orders", order_of("pipe receiver")));
    given.keep = false;
    BOOST_TEST(refusal_of([&] {
                   return take_bequest("orders", order_of("pipe receiver"));
               }).is(std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(without_a_gift_there_is_nothing) {
    const auto refusal = refusal_of([] { return take_bequest("nothing", order_of("pipe receiver")); });
    BOOST_TEST(refusal.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(refusal.says("nothing was given to this program as \"nothing\""));
}

BOOST_AUTO_TEST_CASE(another_kind_is_refused_and_stays) {
    const Given given{"orders", order_of("pipe sender")};
    const auto refusal = refusal_of([] { return take_bequest("orders", order_of("pipe receiver")); });
    BOOST_TEST(refusal.is(make_error_code(errc::kind_mismatch)));
    BOOST_TEST(refusal.says("is a pipe sender, not a pipe receiver"));
    BOOST_TEST(::fcntl(given.descriptor, F_GETFD) == 0);
}

BOOST_AUTO_TEST_CASE(another_layout_is_refused_and_both_are_printed) {
    const Given given{"orders", Bequest::of<OtherOrder>("pipe receiver")};
    const auto refusal = refusal_of([] { return take_bequest("orders", order_of("pipe receiver")); });
    BOOST_TEST(refusal.is(make_error_code(errc::layout_mismatch)));
    BOOST_TEST(refusal.says("our layout:"));
    BOOST_TEST(refusal.says("their layout:"));
    BOOST_TEST(refusal.says("->"));
    BOOST_TEST(::fcntl(given.descriptor, F_GETFD) == 0);
}

BOOST_AUTO_TEST_CASE(a_variable_that_is_garbage_is_refused_and_nothing_is_closed) {
    const Given given{"orders", order_of("pipe receiver")};
    const support::Census before;
    for (const char* garbage : {"", " ", "x", "3", "3 pipe", "\n\n\n", "pipe receiver", "-1 pipe receiver 0",
                                "99999999999999999999 pipe receiver 0", "3 pipe receiver zzzz"}) {
        given.put(garbage);
        const auto refusal = refusal_of([] { return take_bequest("orders", order_of("pipe receiver")); });
        BOOST_TEST(refusal.code.value() != 0, garbage);
    }
    BOOST_TEST(before == support::Census{});
}

BOOST_AUTO_TEST_CASE(a_number_that_is_none_of_ours_is_refused) {
    Given given{"orders", order_of("pipe receiver")};
    const std::string variable = bequest_variable("orders", 9999, order_of("pipe receiver"));
    given.put(variable.substr(variable.find('=') + 1));
    BOOST_TEST(refusal_of([] {
                   return take_bequest("orders", order_of("pipe receiver"));
               }).is(std::errc::bad_file_descriptor));
}

BOOST_AUTO_TEST_CASE(what_is_called_an_end_of_a_pipe_and_is_another_thing_is_refused_by_name_and_stays) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe(ends) == 0);
    const auto take = [] { return take_pipe_bequest("orders", order_of("pipe receiver"), O_RDONLY); };
    {
        const Given file{"orders", order_of("pipe receiver")};
        const auto refusal = refusal_of(take);
        BOOST_TEST(refusal.is(make_error_code(errc::kind_mismatch)));
        BOOST_TEST(refusal.says("\"orders\" is called a pipe receiver, and descriptor " +
                                std::to_string(file.descriptor) + " is no pipe"));
        BOOST_TEST(::fcntl(file.descriptor, F_GETFD) == 0);
    }
    {
        const Given other_end{"orders", order_of("pipe receiver"), ends[1]};
        const auto refusal = refusal_of(take);
        BOOST_TEST(refusal.is(make_error_code(errc::kind_mismatch)));
        BOOST_TEST(refusal.says("is another end of a pipe"));
        BOOST_TEST(::fcntl(ends[1], F_GETFD) == 0);
    }
    Given given{"orders", order_of("pipe receiver"), ends[0]};
    const sys::FileDescriptor sut = take();
    given.keep = false;
    BOOST_TEST(sut.get() == ends[0]);
    BOOST_TEST(::fcntl(sut.get(), F_GETFD) == FD_CLOEXEC);
}
