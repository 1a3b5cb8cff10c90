// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_gathering
#include "tenon/sync/gathering.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using tenon::sync::Gathering;

/// A reader for whom `more` messages came since the last wait, and who waited for a moment or for long then.
struct Reader {
    Gathering sut;
    std::uint64_t position = 0;
    int waits(std::uint64_t more, int pauses = 1) {
        const int rest = sut.begin(position += more);
        sut.end(pauses);
        return rest;
    }
    int first_rest(std::uint64_t more, int most = 10'000) {
        for (int i = 1; i <= most; ++i) {
            if (waits(more) != 0) {
                return i;
            }
        }
        return 0;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(who_waits_long_never_rests) {
    Reader reader;
    for (int i = 0; i < 10'000; ++i) {
        BOOST_REQUIRE(reader.waits(1, 1000) == 0);
    }
}

BOOST_AUTO_TEST_CASE(who_finds_hundreds_between_two_waits_needs_no_rest) {
    Reader reader;
    for (int i = 0; i < 10'000; ++i) {
        BOOST_REQUIRE(reader.waits(Gathering::enough) == 0);
    }
}

BOOST_AUTO_TEST_CASE(who_catches_each_message_rests_and_goes_on_to_do_so_while_many_gather) {
    Reader reader;
    BOOST_TEST(reader.first_rest(1) > 1);
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(reader.waits(Gathering::enough) == Gathering::first_rest);
    }
}

BOOST_AUTO_TEST_CASE(rests_grow_until_enough_gather_and_no_longer_than_they_may) {
    Reader reader;
    BOOST_TEST(reader.first_rest(1) > 0);
    int last = Gathering::first_rest;
    for (int i = 0; i < 10; ++i) {
        const int rest = reader.waits(Gathering::enough - 1);
        BOOST_TEST(rest >= last);
        BOOST_TEST(rest <= Gathering::longest_rest);
        last = rest;
    }
    BOOST_TEST(last > Gathering::longest_rest / 2);
}

BOOST_AUTO_TEST_CASE(where_too_few_gather_the_next_rest_comes_later_and_later) {
    Reader reader;
    int last = reader.first_rest(1);
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(reader.waits(1) == 0);  // the rest brought one
        const int now = reader.first_rest(1);
        BOOST_TEST(now > last);
        last = now;
    }
    for (int i = 0; i < 20; ++i) {
        static_cast<void>(reader.waits(1));
        BOOST_TEST(reader.first_rest(1) != 0);  // and does come
    }
}

BOOST_AUTO_TEST_CASE(a_copy_knows_nothing_yet) {
    Reader reader;
    BOOST_TEST(reader.first_rest(1) > 0);
    Reader other{reader};
    BOOST_TEST(other.waits(1) == 0);
    reader.sut = other.sut;
    BOOST_TEST(reader.sut.begin(0) != 0);  // an assignment changes a policy, not what was learnt
}
