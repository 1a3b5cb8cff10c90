// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE messages_sizes
/// Everything that carries messages: how large they may be, what they may be made of, and how many go at once.
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "conformance/carriers.hpp"
#include "support/users.hpp"

using namespace conformance;
using support::in_child;
using support::refusal_of;

namespace {

template <class Msg, class Carrier>
bool crosses_whole() {
    auto line = Carrier::template connect<Msg>();
    return every_verb_carries(line.sender, line.receiver, Msg::of(7, 9), same_bytes);
}

/// As a user for whom the kernel's limits hold; root may exceed some.
template <class Body>
bool as_nobody(Body body) {
    return in_child([&] { return support::drop_privileges() && body(); });
}

/// Whether a message of the largest size crosses whole; one side after the other, and nothing of it on the stack.
template <class Carrier, class Msg>
bool largest_crosses() {
    auto line = Carrier::template connect<Msg>();
    const auto sent = std::make_unique<Msg>();
    const auto received = std::make_unique<Msg>();
    for (std::uint32_t i = 0; i < 3; ++i) {
        sent->fill(3, i);
        if (const auto result = line.sender.try_send_for(*sent, 10s); !result) {
            std::fprintf(stderr, "the largest message is not sent: %s\n", result.error().message().c_str());
            return false;
        }
        if (line.receiver.try_receive_many({received.get(), 1}) != 1 || !received->is(3, i)) {
            return false;
        }
    }
    return true;
}

template <class Carrier, class Msg>
bool is_refused_telling(const Limit& limit) {
    const auto refused = refusal_of([] { return Carrier::template connect<Msg>(), 0; });
    // Where the kernel's own bound is below what may be set, that is the limit.
    const bool set = refused.says(limit.name) && refused.says(std::to_string(limit.value));
    if (refused.code && (set || refused.says("at most " + std::to_string(limit.largest)))) {
        return true;
    }
    std::fprintf(stderr, "%s of %ld is not told: %s\n", limit.name, limit.value, refused.text.c_str());
    return false;
}

/// Looks at the limits from `index` on.
/// Returns  how many of them are as the machine is set; -1 when one was not kept.
template <class Carrier, std::size_t index = 0>
int limits_kept() {
    static constexpr Limit limit = Carrier::limits[index];
    int kept = 0;
    if (setting(limit.setting) == limit.value) {
        const bool fine = as_nobody([] {
            return largest_crosses<Carrier, Sized<limit.largest>>() &&
                   is_refused_telling<Carrier, Sized<limit.largest + 1>>(limit);
        });
        if (!fine) {
            return -1;
        }
        kept = 1;
    }
    if constexpr (index + 1 < std::size(Carrier::limits)) {
        const int others = limits_kept<Carrier, index + 1>();
        return others == -1 ? -1 : kept + others;
    }
    return kept;
}

template <class Msg, class Carrier>
void batches_are_whole_and_in_order() {
    auto line = Carrier::template connect<Msg>();
    std::vector<Msg> messages(2'000);
    for (std::uint32_t i = 0; i < messages.size(); ++i) {
        messages[i].fill(0, i);
    }
    BOOST_TEST(line.sender.try_send_many({}) == 0U);
    BOOST_TEST(line.receiver.try_receive_many({}) == 0U);
    std::vector<Msg> room(messages.size());
    BOOST_TEST(line.receiver.try_receive_many(room) == 0U);

    // As many as fit, and then one more round after the other until all have come.
    std::size_t sent = 0;
    std::size_t received = 0;
    while (received < messages.size()) {
        const std::size_t now = line.sender.try_send_many(std::span{messages}.subspan(sent));
        sent += now;
        BOOST_REQUIRE(sent <= messages.size());
        BOOST_REQUIRE(now > 0);
        if (sent < messages.size()) {
            BOOST_TEST(name_of(line.sender.try_send(messages[sent]).outcome()) == "full");
            BOOST_TEST(line.sender.try_send_many(std::span{messages}.subspan(sent)) == 0U);
        }
        const std::size_t some = now > 2 ? 2 : now;  // less than there are
        BOOST_REQUIRE(line.receiver.try_receive_many(std::span{room}.subspan(received, some)) == some);
        BOOST_REQUIRE(line.receiver.try_receive_many(std::span{room}.subspan(received + some)) == now - some);
        BOOST_TEST(line.receiver.try_receive_many(room) == 0U);
        received += now;
    }
    BOOST_TEST(received == messages.size());
    for (std::uint32_t i = 0; i < messages.size(); ++i) {
        BOOST_REQUIRE(room[i].is(0, i));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_of_any_size_cross_whole, Carrier, EveryCarrier) {
    BOOST_TEST((crosses_whole<Sized<1>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<5>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<24>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<64>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<1000>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<4096>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<8192>, Carrier>()));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(large_messages_cross_whole, Carrier, LargeCarriers) {
    BOOST_TEST((crosses_whole<Sized<8193>, Carrier>()));
    BOOST_TEST((crosses_whole<Sized<32'768>, Carrier>()));
    if constexpr (std::is_same_v<typename Carrier::LargeMessage, Large>) {
        BOOST_TEST((crosses_whole<Large, Carrier>()));
        BOOST_TEST((crosses_whole<Sized<200'000>, Carrier>()));
    }
}

// All these limits are the system's, and known when a carrier is made. What can be known earlier is for the suite `reject`.
BOOST_AUTO_TEST_CASE_TEMPLATE(the_largest_message_crosses_and_one_byte_more_is_refused_telling_the_limit, Carrier,
                              AllCarriers) {
    if constexpr (!Carrier::limits.empty()) {
        const int kept = limits_kept<Carrier>();
        BOOST_TEST(kept != -1);
        BOOST_WARN_MESSAGE(kept != 0, "the machine is set to another limit than any that is known here");
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_message_that_cannot_be_made_of_nothing_crosses, Carrier, EveryCarrier) {
    auto line = Carrier::template connect<Money>();
    const auto same = [](const Money& left, const Money& right) { return left.cents() == right.cents(); };
    BOOST_TEST(every_verb_carries<Money>(line.sender, line.receiver, Money{-314}, same));
    std::vector<Money> purse{Money{1}, Money{2}, Money{3}};
    BOOST_TEST(line.sender.try_send_many(purse) == 3U);
    std::vector<Money> received(5, Money{0});
    BOOST_TEST(line.receiver.try_receive_many(received) == 3U);
    for (std::size_t i = 0; i < purse.size(); ++i) {
        BOOST_TEST(received[i].cents() == purse[i].cents());
    }
    BOOST_TEST(received[3].cents() == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(initialisers_do_not_overwrite_what_was_sent, Carrier, EveryCarrier) {
    auto line = Carrier::template connect<Settings>();
    const auto same = [](const Settings& left, const Settings& right) { return left == right; };
    BOOST_TEST(every_verb_carries<Settings>(line.sender, line.receiver, Settings{}, same));
    const Settings other{.answer = 7, .ratio = -1, .rest = {9, 8, 7}};
    BOOST_TEST(every_verb_carries<Settings>(line.sender, line.receiver, other, same));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(batches_are_sent_as_far_as_they_fit, Carrier, AllCarriers) {
    batches_are_whole_and_in_order<Note, Carrier>();
    batches_are_whole_and_in_order<Page, Carrier>();
}
