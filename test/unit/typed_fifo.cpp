// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE typed_fifo
#include "tenon/typed_fifo.hpp"

#include <fcntl.h>

#include <array>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/interruptions.hpp"
#include "support/machine.hpp"
#include "support/messages.hpp"
#include "support/place.hpp"
#include "support/users.hpp"

namespace {

using namespace std::chrono_literals;
using support::Census;
using support::Child;
using support::in_child;
using support::Interruptions;
using support::Place;
using support::refusal_of;
using support::Sized;
using support::wait_until_asleep;
using tenon::Deadline;
using tenon::errc;
using tenon::Mode;
using tenon::Outcome;
using tenon::Owner;
using tenon::private_mode;
using tenon::TypedFifo;
using Clock = std::chrono::steady_clock;

using Small = Sized<64>;
using Large = Sized<40'000>;
using SmallFifo = TypedFifo<Small>;
using LargeFifo = TypedFifo<Large>;

/// As long as Small, and another layout.
struct Stranger {
    std::array<std::uint64_t, 8> words;
};
struct Shorter {
    int word;
};

static_assert(tenon::MessageSender<SmallFifo::Sender, Small>);
static_assert(tenon::MessageReceiver<SmallFifo::Receiver, Small>);

using Sizes = boost::mpl::list<Sized<1>, Sized<5>, Sized<23>, Sized<24>, Sized<25>, Sized<32>, Sized<4096>, Sized<4097>,
                               Sized<4120>, Sized<8216>>;
using LargeSizes =
    boost::mpl::list<Sized<4097>, Sized<4120>, Sized<8192>, Sized<20'580>, Sized<36'864>, Sized<61'441>, Sized<65'536>>;

}  // namespace

// ---- meeting

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_of_every_size_come_whole_and_in_order_from_one_sender_after_another, Msg,
                              Sizes) {
    const Place place;
    auto in = TypedFifo<Msg>::Receiver::create(place.path);
    for (std::uint32_t sender = 0; sender < 3; ++sender) {
        Child child{[&] {
            auto out = TypedFifo<Msg>::Sender::open(place.path);
            for (std::uint32_t number = 0; number < 50; ++number) {
                out.send(*Msg::make(sender, number));
            }
            return true;
        }};
        BOOST_TEST(in.wait_for_sender(Deadline::never()));
        bool fine = true;
        for (std::uint32_t number = 0; number < 50; ++number) {
            fine = fine && in.receive().is(sender, number);
        }
        BOOST_TEST(fine);
        BOOST_TEST(child.succeeds());
        BOOST_TEST(name_of(in.try_receive().outcome()) == "closed");
    }
    BOOST_TEST(!in.wait_for_sender(Deadline::after(1ms)));
}

BOOST_AUTO_TEST_CASE(a_sender_waits_for_the_path_and_for_the_receiver) {
    const Place place;
    Child sender{[&] {
        auto out = SmallFifo::Sender::open_for(place.path, 60s);
        out.send(*Small::make(1, 1));
        return true;
    }};
    std::this_thread::sleep_for(10ms);
    auto in = SmallFifo::Receiver::create_for(place.path, 60s);
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(a_sender_may_make_it_and_a_receiver_wait_for_the_path) {
    const Place place;
    Child sender{[&] {
        std::this_thread::sleep_for(10ms);
        auto out = SmallFifo::Sender::create(place.path);
        out.send(*Small::make(1, 1));
        return true;
    }};
    auto in = SmallFifo::Receiver::open_for(place.path, 60s);
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(sender.succeeds());
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(without_a_peer_the_time_comes_and_not_early) {
    const Place place;
    const auto lasts = [](auto wait) {
        const auto start = Clock::now();
        const auto refusal = refusal_of(wait);
        return refusal.is(std::errc::timed_out) && Clock::now() - start >= 20ms;
    };
    BOOST_TEST(lasts([&] { return SmallFifo::Receiver::create_for(place.path, 20ms); }));
    BOOST_TEST(!place.is_taken());
    BOOST_TEST(lasts([&] { return SmallFifo::Sender::create_for(place.path, 20ms); }));
    BOOST_TEST(!place.is_taken());
    BOOST_TEST(lasts([&] { return SmallFifo::Sender::open_or_create_for(place.path, 20ms); }));
    auto in = SmallFifo::Receiver::create(place.path);
    BOOST_TEST(lasts([&] { return SmallFifo::Receiver::open_for(place.path, 20ms); }));
    const auto late = refusal_of([&] { return SmallFifo::Receiver::open_for(place.path, 1ms); });
    BOOST_TEST(late.says("no sender came to \"" + place.path + "\""));
    in.close();
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(place.path, 0600));
    const auto no_reader = refusal_of([&] { return SmallFifo::Sender::open_for(place.path, 1ms); });
    BOOST_TEST(no_reader.is(std::errc::timed_out));
    BOOST_TEST(no_reader.says("no receiver came to \"" + place.path + "\""));
}

BOOST_AUTO_TEST_CASE(signals_neither_shorten_nor_lengthen_the_wait_for_a_peer) {
    const Place place;
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(place.path, 0600));
    Child receiver{[&] {
        std::this_thread::sleep_for(40ms);
        auto in = SmallFifo::Receiver::open(place.path);
        return in.try_receive_for(60s).has_value();
    }};
    bool was_late = false;
    Clock::duration passed{};
    {
        const Interruptions storm{300us};
        const auto start = Clock::now();
        was_late = refusal_of([&] { return SmallFifo::Sender::open_for(place.path, 15ms); }).is(std::errc::timed_out);
        passed = Clock::now() - start;
        auto out = SmallFifo::Sender::open(place.path);  // waits
        out.send(*Small::make(1, 1));
    }
    BOOST_TEST(receiver.succeeds());
    BOOST_TEST((!was_late || passed >= 15ms));
}

BOOST_AUTO_TEST_CASE(zero_looks_once) {
    const Place place;
    BOOST_TEST(refusal_of([&] {
                   return SmallFifo::Sender::open_for(place.path, 0s);
               }).is(std::errc::no_such_file_or_directory));
    auto in = SmallFifo::Receiver::create(place.path);
    auto out = SmallFifo::Sender::open_for(place.path, 0s);
    BOOST_TEST(static_cast<bool>(out));
    BOOST_TEST(static_cast<bool>(SmallFifo::Receiver::open_for(place.path, 0s)));  // a sender is there
    in.close();
    BOOST_TEST(refusal_of([&] { return SmallFifo::Receiver::create_for(place.path, 0s); }).is(std::errc::timed_out));
}

BOOST_AUTO_TEST_CASE(a_path_that_is_taken_away_while_a_sender_waits_is_waited_for_again) {
    const Place place;
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(place.path, 0600));
    Child sender{[&] {
        auto out = SmallFifo::Sender::open_for(place.path, 60s);
        out.send(*Small::make(1, 1));
        return true;
    }};
    wait_until_asleep(sender);
    ::unlink(place.path.c_str());
    auto in = SmallFifo::Receiver::create(place.path);
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(a_sender_that_waits_without_end_hears_that_the_path_is_taken_away) {
    const Place place;
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(place.path, 0600));
    Child sender{[&] {
        const auto refusal = refusal_of([&] { return SmallFifo::Sender::open(place.path); });
        return refusal.is(std::errc::no_such_file_or_directory) && refusal.says("somebody took away");
    }};
    wait_until_asleep(sender);
    ::unlink(place.path.c_str());
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(senders_that_wait_do_not_take_each_other_for_a_receiver) {
    const Place place;
    const auto attempt = [&] {
        auto out = SmallFifo::Sender::open_or_create(place.path);
        out.send(*Small::make(1, 1));  // would be refused if nobody were there
        return true;
    };
    Child first{attempt};
    wait_until_asleep(first);
    Child second{attempt};
    wait_until_asleep(second);
    BOOST_TEST(refusal_of([&] { return SmallFifo::Sender::create_for(place.path, 60s); }).is(std::errc::file_exists));
    BOOST_TEST(
        refusal_of([&] { return SmallFifo::Sender::open_or_create_for(place.path, 20ms); }).is(std::errc::timed_out));
    auto in = SmallFifo::Receiver::open(place.path);
    BOOST_TEST(in.receive().is(1, 1));
    auto message = in.try_receive();
    while (!message) {  // the one that is there may be the first one, which is about to leave
        BOOST_REQUIRE(in.wait_for_sender(Deadline::never()));
        message = in.try_receive_for(60s);
    }
    BOOST_TEST(message->is(1, 1));
    BOOST_TEST(first.succeeds());
    BOOST_TEST(second.succeeds());
}

BOOST_AUTO_TEST_CASE(a_receiver_makes_it_anew_though_a_sender_waits_there) {
    for (int round = 0; round < 50; ++round) {
        const Place place;
        support::in_child_that_dies([&] { static auto in = SmallFifo::Receiver::create(place.path); });
        Child sender{[&] {
            auto out = SmallFifo::Sender::open(place.path);
            out.send(*Small::make(1, 1));
            return true;
        }};
        ::usleep(static_cast<::useconds_t>(round * 40));
        auto in = SmallFifo::Receiver::create(place.path);
        BOOST_TEST(in.receive().is(1, 1));
        BOOST_TEST(sender.succeeds());
    }
}

BOOST_AUTO_TEST_CASE(what_mkfifo_made_is_used_and_stays) {
    const Place place;
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(place.path, 0600));
    BOOST_TEST(refusal_of([&] { return SmallFifo::Receiver::create(place.path); }).is(std::errc::file_exists));
    {
        auto in = SmallFifo::Receiver::open_or_create(place.path);
        auto out = SmallFifo::Sender::open_or_create(place.path);
        out.send(*Small::make(1, 1));
        BOOST_TEST(in.receive().is(1, 1));
    }
    BOOST_TEST(place.mode() == (S_IFIFO | 0600));
}

BOOST_AUTO_TEST_CASE(refusals_are_told_through_an_error_code_as_well) {
    const Place place;
    std::error_code error;
    BOOST_TEST(!SmallFifo::Sender::open(place.path, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(!SmallFifo::Receiver::open_for(place.path, 1ms, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(!SmallFifo::Sender::create_for(place.path, 1ms, error));
    BOOST_TEST((error == std::errc::timed_out));
    const auto in = SmallFifo::Receiver::create(place.path, error);
    BOOST_TEST(!error);
    BOOST_TEST(static_cast<bool>(in));
    BOOST_TEST(!SmallFifo::Receiver::create(place.path, Mode{0640}, error));
    BOOST_TEST((error == std::errc::file_exists));
    BOOST_TEST(static_cast<bool>(SmallFifo::Sender::open_or_create(place.path, error)));
    SmallFifo::remove(place.path, error);
    BOOST_TEST(!error);
    SmallFifo::remove(place.path, error);
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
}

// ---- the path

BOOST_AUTO_TEST_CASE(the_path_goes_with_its_maker_and_with_no_other) {
    const Place place;
    {
        auto in = SmallFifo::Receiver::create(place.path);
        { auto out = SmallFifo::Sender::open(place.path); }
        BOOST_TEST(place.is_taken());
        BOOST_TEST(in_child([&] {
            const auto mine = std::move(in);
            return true;
        }));
        BOOST_TEST(in_child([&] { return in.close(), true; }));
        BOOST_TEST(place.is_taken());
    }
    BOOST_TEST(!place.is_taken());
    auto in = SmallFifo::Receiver::create(place.path);
    in.close();
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(a_path_that_leads_to_another_file_by_now_stays) {
    const Place place;
    {
        auto in = SmallFifo::Receiver::create(place.path);
        SmallFifo::remove(place.path);
        BOOST_TEST(!place.is_taken());
        tenon::sys::FileDescriptor{::open(place.path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600)}.reset();
    }
    BOOST_TEST(place.is_taken());
    BOOST_TEST(refusal_of([&] {
                   SmallFifo::remove(place.path);
                   return true;
               }).is(make_error_code(errc::kind_mismatch)));
    BOOST_TEST(place.is_taken());
}

BOOST_AUTO_TEST_CASE(what_a_killed_maker_left_is_taken_over_and_removed_in_the_end) {
    for (const bool creates : {true, false}) {
        const Place place;
        support::in_child_that_dies([&] { static auto in = SmallFifo::Receiver::create(place.path, Mode{0640}); });
        BOOST_TEST(place.is_taken());
        {
            auto in =
                creates ? SmallFifo::Receiver::create(place.path) : SmallFifo::Receiver::open_or_create(place.path);
            auto out = SmallFifo::Sender::open(place.path);
            out.send(*Small::make(1, 1));
            BOOST_TEST(in.receive().is(1, 1));
        }
        BOOST_TEST(!place.is_taken());
    }
}

BOOST_AUTO_TEST_CASE(one_in_use_is_not_made_again) {
    const Place place;
    auto in = SmallFifo::Receiver::create(place.path);
    const auto refusal = refusal_of([&] { return SmallFifo::Receiver::create(place.path); });
    BOOST_TEST(refusal.is(std::errc::file_exists));
    BOOST_TEST(refusal.says("\"" + place.path + "\""));
    auto out = SmallFifo::Sender::open(place.path);
    BOOST_TEST(in_child([&] {
        return refusal_of([&] { return SmallFifo::Sender::create_for(place.path, 1s); }).is(std::errc::file_exists);
    }));
    out.send(*Small::make(1, 1));
    BOOST_TEST(in.receive().is(1, 1));
}

BOOST_AUTO_TEST_CASE(the_mode_is_exactly_the_one_asked_for) {
    for (const ::mode_t mask : {0000U, 0077U}) {
        const Place place;
        const ::mode_t old = ::umask(mask);
        const auto plain = SmallFifo::Receiver::create(place.path);
        BOOST_TEST(place.mode() == (S_IFIFO | S_ISVTX | 0600));
        const Place wide_place;
        const auto wide = SmallFifo::Receiver::create(wide_place.path, Mode{0666});
        BOOST_TEST(wide_place.mode() == (S_IFIFO | S_ISVTX | 0666));
        ::umask(old);
    }
}

BOOST_AUTO_TEST_CASE(another_user_is_refused_by_the_kernel_and_another_users_by_us) {
    if (::geteuid() != 0) {
        return;
    }
    const Place ours;
    const auto in = SmallFifo::Receiver::create(ours.path);
    BOOST_TEST(in_child([&] {
        const bool dropped = support::drop_privileges();
        const auto refusal = refusal_of([&] { return SmallFifo::Sender::open(ours.path); });
        return dropped && refusal.is(std::errc::permission_denied) && refusal.says(ours.path);
    }));
    const Place theirs;
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(theirs.path, 0666));
    ::chmod(theirs.path.c_str(), 0666);
    BOOST_TEST_REQUIRE(::chown(theirs.path.c_str(), 65534, 65534) == 0);
    BOOST_TEST(refusal_of([&] { return SmallFifo::Receiver::open(theirs.path); }).is(make_error_code(errc::untrusted)));
    BOOST_TEST(refusal_of([&] {
                   return SmallFifo::Receiver::open(theirs.path, Mode{0666});
               }).is(make_error_code(errc::untrusted)));
    BOOST_TEST(static_cast<bool>(SmallFifo::Receiver::open(theirs.path, Mode{0666}, Owner{65534})));
}

BOOST_AUTO_TEST_CASE(what_is_no_fifo_is_refused_and_stays) {
    const Place place;
    tenon::sys::FileDescriptor{::open(place.path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600)}.reset();
    BOOST_TEST(refusal_of([&] { return SmallFifo::Receiver::create(place.path); }).is(std::errc::file_exists));
    BOOST_TEST(
        refusal_of([&] { return SmallFifo::Receiver::open(place.path); }).is(make_error_code(errc::kind_mismatch)));
    BOOST_TEST(refusal_of([&] {
                   return SmallFifo::Sender::open_for(place.path, 1s);
               }).is(make_error_code(errc::kind_mismatch)));
    BOOST_TEST(S_ISREG(place.mode()));
}

// ---- layouts

BOOST_AUTO_TEST_CASE(another_layout_is_refused_in_words_whatever_its_size_and_whoever_comes_first) {
    const Place place;
    auto in = SmallFifo::Receiver::create(place.path);
    const auto same_size = refusal_of([&] { return TypedFifo<Stranger>::Sender::open(place.path); });
    BOOST_TEST(same_size.is(make_error_code(errc::layout_mismatch)));
    BOOST_TEST(same_size.says("words"));
    BOOST_TEST(same_size.says(place.path));
    BOOST_TEST(refusal_of([&] {
                   return TypedFifo<Shorter>::Sender::open_for(place.path, 60s);
               }).is(make_error_code(errc::layout_mismatch)));
    BOOST_TEST(refusal_of([&] {
                   return TypedFifo<Shorter>::Receiver::open(place.path);
               }).is(make_error_code(errc::layout_mismatch)));
    BOOST_TEST(
        refusal_of([&] { return LargeFifo::Sender::open(place.path); }).is(make_error_code(errc::layout_mismatch)));
    auto out = SmallFifo::Sender::open(place.path);  // nobody was disturbed
    out.send(*Small::make(1, 1));
    BOOST_TEST(in.receive().is(1, 1));
}

BOOST_AUTO_TEST_CASE(a_stranger_may_come_when_all_others_have_left) {
    const Place place;
    BOOST_TEST_REQUIRE(tenon::sys::make_fifo(place.path, 0600));
    { const auto in = SmallFifo::Receiver::open(place.path); }
    const auto in = TypedFifo<Stranger>::Receiver::open(place.path);
    BOOST_TEST(static_cast<bool>(in));
}

// ---- many

BOOST_AUTO_TEST_CASE(four_senders_and_four_receivers_get_each_message_once_and_whole) {
    const Place place;
    constexpr std::uint32_t count = 1'000;
    support::Tally tally{4, count};
    auto keeper = SmallFifo::Receiver::create(place.path);
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([&, i] {
            auto in = i % 2 == 0 ? SmallFifo::Receiver::open(place.path) : std::move(keeper);  // opened, and inherited
            for (;;) {
                const auto message = in.try_receive_for(60s);
                if (!message) {
                    return message.outcome() == Outcome::closed;
                }
                if (!tally.take(*message)) {
                    return false;
                }
            }
        }));
    }
    auto holder = SmallFifo::Sender::open(place.path);  // so that nobody sees an end before the first has come
    for (std::uint32_t sender = 0; sender < 4; ++sender) {
        children.push_back(std::make_unique<Child>([&, sender] {
            holder.close();
            auto out = SmallFifo::Sender::open(place.path);
            for (std::uint32_t number = 0; number < count; ++number) {
                out.send(*Small::make(sender, number));
            }
            return true;
        }));
    }
    bool fine = true;
    for (std::size_t i = 4; i < 8; ++i) {
        fine = children[i]->succeeds() && fine;
    }
    std::this_thread::sleep_for(20ms);  // whoever opens late has not missed the holder
    holder.close();
    for (std::size_t i = 0; i < 4; ++i) {
        fine = children[i]->succeeds() && fine;
    }
    BOOST_TEST(fine);
    BOOST_TEST(tally.arrived(1) == 4 * count);
}

BOOST_AUTO_TEST_CASE(a_receiver_that_comes_late_under_a_sender_that_stays_receives) {
    const Place place;
    auto first = SmallFifo::Receiver::create(place.path);
    auto out = SmallFifo::Sender::open(place.path);
    out.send(*Small::make(1, 1));
    BOOST_TEST(first.receive().is(1, 1));
    auto second = SmallFifo::Receiver::open(place.path);
    first.close();
    out.send(*Small::make(1, 2));
    BOOST_TEST(second.receive().is(1, 2));
}

// ---- outcomes

BOOST_AUTO_TEST_CASE(before_the_first_sender_it_is_empty_and_after_the_last_closed) {
    const auto holds = [](auto of_type) {
        using Msg = typename decltype(of_type)::element_type;
        const Place place;
        auto in = TypedFifo<Msg>::Receiver::create(place.path);
        BOOST_TEST(name_of(in.try_receive().outcome()) == "empty");
        const auto start = Clock::now();
        BOOST_TEST(name_of(in.try_receive_for(10ms).outcome()) == "late");
        BOOST_TEST((Clock::now() - start >= 10ms));
        {
            auto out = TypedFifo<Msg>::Sender::open(place.path);
            BOOST_TEST(name_of(in.try_receive().outcome()) == "empty");
            out.send(*Msg::make(1, 1));
        }
        BOOST_TEST(in.receive().is(1, 1));
        BOOST_TEST(name_of(in.try_receive().outcome()) == "closed");
        BOOST_TEST(name_of(in.try_receive_for(60s).outcome()) == "closed");
        BOOST_TEST(refusal_of([&] { return in.receive(); }).is(make_error_code(errc::closed)));
        auto next = TypedFifo<Msg>::Sender::open(place.path);
        BOOST_TEST(in.wait_for_sender(Deadline::never()));
        BOOST_TEST(name_of(in.try_receive().outcome()) == "empty");
        next.send(*Msg::make(2, 2));
        BOOST_TEST(in.try_receive_for(60s)->is(2, 2));
    };
    holds(std::make_unique<Small>());
    holds(std::make_unique<Large>());
}

BOOST_AUTO_TEST_CASE(receive_sleeps_until_the_first_sender_comes) {
    const Place place;
    auto in = SmallFifo::Receiver::create(place.path);
    Child sender{[&] {
        std::this_thread::sleep_for(20ms);
        auto out = SmallFifo::Sender::open(place.path);
        out.send(*Small::make(1, 1));
        return true;
    }};
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(sender.succeeds());
}

BOOST_AUTO_TEST_CASE(a_sender_whose_receivers_have_left_hears_it_and_lives) {
    BOOST_TEST(in_child([] {
        ::signal(SIGPIPE, SIG_DFL);
        const Place place;
        auto in = SmallFifo::Receiver::create(place.path);
        auto out = SmallFifo::Sender::open(place.path);
        in.close();
        const Place large_place;
        auto large_in = LargeFifo::Receiver::create(large_place.path);
        auto large_out = LargeFifo::Sender::open(large_place.path);
        large_in.close();
        return out.try_send(*Small::make(1, 1)).outcome() == Outcome::closed &&
               refusal_of([&] { return out.send(*Small::make(1, 1)), true; }).is(std::errc::broken_pipe) &&
               large_out.try_send(*Large::make(1, 1)).outcome() == Outcome::closed &&
               refusal_of([&] { return large_out.send(*Large::make(1, 1)), true; }).is(std::errc::broken_pipe);
    }));
}

BOOST_AUTO_TEST_CASE(full_is_a_value_and_changes_nothing) {
    const Place place;
    auto in = SmallFifo::Receiver::create(place.path);
    auto out = SmallFifo::Sender::open(place.path);
    std::uint32_t sent = 0;
    while (out.try_send(*Small::make(1, sent))) {
        ++sent;
    }
    BOOST_TEST(sent == out.capacity());
    BOOST_TEST(name_of(out.try_send(*Small::make(1, sent)).outcome()) == "full");
    BOOST_TEST(name_of(out.try_send_for(*Small::make(1, sent), 5ms).outcome()) == "late");
    for (std::uint32_t number = 0; number < sent; ++number) {
        BOOST_TEST(in.receive().is(1, number));
    }
    BOOST_TEST(name_of(in.try_receive().outcome()) == "empty");
}

BOOST_AUTO_TEST_CASE(garbage_is_corrupted_and_the_next_message_is_fine) {
    const Place place;
    auto in = SmallFifo::Receiver::create(place.path);
    const tenon::sys::FileDescriptor raw{::open(place.path.c_str(), O_WRONLY | O_CLOEXEC)};
    tenon::sys::set_packet_mode(raw.get(), true, "raw");
    for (const std::size_t size : {std::size_t{1}, std::size_t{24}, std::size_t{63}}) {
        const std::string garbage(size, 'g');
        BOOST_TEST_REQUIRE(::write(raw.get(), garbage.data(), size) == static_cast<::ssize_t>(size));
        BOOST_TEST(name_of(in.try_receive().outcome()) == "corrupted");
    }
    auto out = SmallFifo::Sender::open(place.path);
    out.send(*Small::make(1, 1));
    BOOST_TEST(in.receive().is(1, 1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(garbage_does_not_tear_large_messages, Msg, LargeSizes) {
    const Place place;
    auto in = TypedFifo<Msg>::Receiver::create(place.path);
    const tenon::sys::FileDescriptor raw{::open(place.path.c_str(), O_WRONLY | O_CLOEXEC)};
    tenon::sys::set_packet_mode(raw.get(), true, "raw");
    auto out = TypedFifo<Msg>::Sender::open(place.path);
    const std::string garbage(4096, 'g');
    for (const std::size_t size : {std::size_t{3}, std::size_t{4096}, std::size_t{1000}}) {
        BOOST_TEST_REQUIRE(::write(raw.get(), garbage.data(), size) == static_cast<::ssize_t>(size));
        out.send(*Msg::make(1, 1));
        BOOST_TEST(in.receive().is(1, 1));
    }
}

// ---- large messages: one sender and one receiver at a time, deaths

BOOST_AUTO_TEST_CASE(large_messages_have_one_sender_and_one_receiver_at_a_time) {
    const Place place;
    auto in = LargeFifo::Receiver::create(place.path);
    const auto second_receiver = refusal_of([&] { return LargeFifo::Receiver::open(place.path); });
    BOOST_TEST(second_receiver.is(std::errc::device_or_resource_busy));
    BOOST_TEST(second_receiver.says("have one receiver, and it is there"));
    auto out = LargeFifo::Sender::open(place.path);
    const auto second_sender = refusal_of([&] { return LargeFifo::Sender::open(place.path); });
    BOOST_TEST(second_sender.is(std::errc::device_or_resource_busy));
    BOOST_TEST(second_sender.says("have one sender, and it is there"));
    BOOST_TEST(
        in_child([&] { return out.try_send(*Large::make(1, 1)).error() == std::errc::device_or_resource_busy; }));
    out.send(*Large::make(1, 1));
    out.close();
    auto next = LargeFifo::Sender::open(place.path);
    next.send(*Large::make(2, 2));
    BOOST_TEST(in.receive().is(1, 1));
    BOOST_TEST(in.receive().is(2, 2));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(after_a_killed_sender_the_messages_of_the_next_come_whole, Msg, LargeSizes) {
    for (std::uint32_t taken = 0; taken < 3; ++taken) {
        for (const bool waits : {false, true}) {
            const Place place;
            auto in = TypedFifo<Msg>::Receiver::create(place.path);
            Child first{[&] {
                auto out = TypedFifo<Msg>::Sender::open(place.path);
                for (std::uint32_t number = 0;; ++number) {
                    out.send(*Msg::make(1, number));
                }
                return false;
            }};
            std::uint32_t of_first = 0;
            BOOST_TEST(in.wait_for_sender(Deadline::never()));
            for (; of_first < taken; ++of_first) {
                BOOST_TEST(in.receive().is(1, of_first));
            }
            wait_until_asleep(first);
            first.kill_now();
            Child second{[&] {
                auto out = TypedFifo<Msg>::Sender::open(place.path);
                for (std::uint32_t number = 0; number < 5; ++number) {
                    if (waits) {
                        out.send(*Msg::make(2, number));
                    } else if (!out.try_send_for(*Msg::make(2, number), 60s)) {
                        return false;
                    }
                }
                return true;
            }};
            std::uint32_t of_second = 0;
            while (of_second < 5) {
                const auto message = in.try_receive_for(60s);
                if (!message) {  // looked between the two
                    BOOST_TEST_REQUIRE((message.outcome() == Outcome::died || message.outcome() == Outcome::closed));
                    BOOST_TEST_REQUIRE(in.wait_for_sender(Deadline::after(60s)));
                } else if (message->sender() == 1) {
                    BOOST_TEST_REQUIRE(message->is(1, of_first++));
                } else {
                    BOOST_TEST_REQUIRE(message->is(2, of_second++));
                }
            }
            BOOST_TEST(second.succeeds());
        }
    }
}

BOOST_AUTO_TEST_CASE(sequential_senders_lose_nothing_though_the_receiver_sees_ends_in_between) {
    const Place place;
    auto in = LargeFifo::Receiver::create(place.path);
    constexpr std::uint32_t senders = 40;
    Child all{[&] {
        for (std::uint32_t sender = 0; sender < senders; ++sender) {
            auto out = LargeFifo::Sender::open(place.path);
            for (std::uint32_t number = 0; number < 3; ++number) {
                out.send(*Large::make(sender, number));
            }
        }
        return true;
    }};
    for (std::uint32_t i = 0; i < senders * 3;) {
        const auto message = i % 2 == 0 ? in.try_receive_for(1ms) : in.try_receive();
        if (message) {
            BOOST_TEST_REQUIRE(message->is(i / 3, i % 3));
            ++i;
        } else {
            BOOST_TEST_REQUIRE((message.outcome() == Outcome::closed || message.outcome() == Outcome::empty ||
                                message.outcome() == Outcome::late),
                               name_of(message.outcome()));
        }
    }
    BOOST_TEST(all.succeeds());
}

// ---- life

BOOST_AUTO_TEST_CASE(opening_and_closing_leaves_nothing) {
    const Place place;
    const Place large_place;
    static_cast<void>(SmallFifo::Receiver::create(place.path));
    const Census before;
    const int rounds = support::in_full() ? 10'000 : 1'000;
    for (int i = 0; i < rounds; ++i) {
        auto in = SmallFifo::Receiver::create(place.path);
        auto out = SmallFifo::Sender::open(place.path);
        static_cast<void>(out.try_send(*Small::make(1, 1)));
        static_cast<void>(in.try_receive());
        if (i % 10 == 0) {
            auto large_in = LargeFifo::Receiver::create(large_place.path);
            auto large_out = LargeFifo::Sender::open(large_place.path);
            static_cast<void>(refusal_of([&] { return LargeFifo::Sender::open(large_place.path); }));
            static_cast<void>(refusal_of([&] { return SmallFifo::Sender::open(large_place.path); }));
        }
    }
    BOOST_TEST(before == Census{});
    BOOST_TEST(!place.is_taken());
    BOOST_TEST(!large_place.is_taken());
}

BOOST_AUTO_TEST_CASE(without_descriptors_left_it_is_told_and_no_path_stays) {
    BOOST_TEST(in_child([] {
        const Place place;
        support::Exhausted all;
        bool told = true;
        for (bool enough = false; !enough; all.open.pop_back()) {
            const auto refusal = refusal_of([&] { return LargeFifo::Receiver::create(place.path); });
            enough = refusal.code.value() == 0;
            told = told && (enough || refusal.is(std::errc::too_many_files_open)) && !place.is_taken();
        }
        return told;
    }));
    BOOST_TEST(in_child([] {
        const Place place;
        const auto in = LargeFifo::Receiver::create(place.path);
        support::Exhausted all;
        bool told = true;
        for (bool enough = false; !enough; all.open.pop_back()) {
            const auto refusal = refusal_of([&] { return LargeFifo::Sender::open(place.path); });
            enough = refusal.code.value() == 0;
            told = told && (enough || (refusal.is(std::errc::too_many_files_open) && !refusal.says("one sender")));
        }
        return told;
    }));
}

BOOST_AUTO_TEST_CASE(ends_move_with_their_path) {
    const Place place;
    {
        auto first = SmallFifo::Receiver::create(place.path);
        auto second = std::move(first);
        BOOST_TEST(!first);
        SmallFifo::Receiver third;
        third = std::move(second);
        auto out = SmallFifo::Sender::open(place.path);
        auto moved = std::move(out);
        moved.send(*Small::make(1, 1));
        BOOST_TEST(third.receive().is(1, 1));
        BOOST_TEST(third.name() == place.path);
        BOOST_TEST(place.is_taken());
    }
    BOOST_TEST(!place.is_taken());
}

BOOST_AUTO_TEST_CASE(everything_is_closed_on_exec) {
    const Place place;
    const auto before = support::entries("/proc/self/fd");
    auto in = LargeFifo::Receiver::create(place.path);
    auto out = LargeFifo::Sender::open(place.path);
    static_cast<void>(out.try_send(*Large::make(1, 1)));
    static_cast<void>(in.try_receive());
    for (const auto& entry : support::entries("/proc/self/fd")) {
        const int descriptor = std::atoi(entry.c_str());
        const int flags = ::fcntl(descriptor, F_GETFD);
        if (before.count(entry) == 0 && flags != -1) {
            BOOST_TEST(flags == FD_CLOEXEC, "descriptor " << entry);
        }
    }
}
