// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_topic_ring
/// The algorithm alone: who is overtaken when, and told what. Under every interleaving: test/model/topic.cpp.
#include "tenon/carrier/topic_ring.hpp"

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

using tenon::From;

struct Message {
    std::uint64_t number = 0;
    std::uint64_t same = 0;
};
using Ring = tenon::carrier::TopicRing<sizeof(Message)>;
using Found = Ring::Found;
using Words = std::vector<std::uint64_t>;

/// A ring, and what stands in its memory.
struct Memory {
    explicit Memory(std::uint32_t capacity)
        : slots{new Slot[capacity]}, sut{&control, slots[0].words, capacity}, count{capacity} {
        sut.resume(writing);
        sut.join(reading, From::now);
    }
    void send(std::uint64_t first, std::uint64_t last) {
        for (; first <= last; ++first) {
            const Message message{first, first};
            sut.put(writing, &message);
        }
    }
    /// All that is there, each as ten thousand times what was lost before it, and its number.
    Words receive_all() {
        Words result;
        for (Message message; sut.receive(reading, &message) == Found::message;) {
            BOOST_TEST_REQUIRE(message.number == message.same);
            result.push_back(Ring::lost_before(reading) * 10'000 + message.number);
        }
        return result;
    }
    Ring::Word& stamp(std::uint64_t position) { return slots[position % count].words[7]; }

    struct alignas(64) Slot {
        Ring::Word words[8] = {};
    };
    Ring::Control control;
    std::unique_ptr<Slot[]> slots;
    Ring sut;
    std::uint32_t count;
    Ring::Writing writing{};
    Ring::Reading reading;
};

// The format that the README tells.
static_assert(offsetof(tenon::carrier::TopicControl<>, writer) == 0 &&
              offsetof(tenon::carrier::TopicControl<>, repaired) == 16 &&
              offsetof(tenon::carrier::TopicControl<>, unannounced_readers) == 24);
static_assert(offsetof(tenon::carrier::TopicControl<>, written) == 64 &&
              offsetof(tenon::carrier::TopicControl<>, writer_processor) == 72 &&
              offsetof(tenon::carrier::TopicControl<>, arrived) == 128);
static_assert(sizeof(tenon::carrier::TopicControl<>) == 192);

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_and_its_stamp_share_a_line_up_to_56_bytes) {
    BOOST_TEST(tenon::carrier::TopicRing<1>::slot_size == 64U);
    BOOST_TEST(tenon::carrier::TopicRing<56>::slot_size == 64U);
    BOOST_TEST(tenon::carrier::TopicRing<57>::slot_size == 128U);
    BOOST_TEST(tenon::carrier::TopicRing<64>::slot_size == 128U);
    BOOST_TEST(tenon::carrier::TopicRing<120>::slot_size == 128U);
    BOOST_TEST((tenon::carrier::TopicRing<4096, 4096>::slot_size) == 8192U);
    BOOST_TEST(sizeof(Ring::Control) == 192U);
}

BOOST_AUTO_TEST_CASE(messages_come_in_order_and_none_before_it_was_sent) {
    Memory it{4};
    BOOST_TEST(it.receive_all().empty());
    it.send(1, 3);
    BOOST_TEST(it.receive_all() == (Words{1, 2, 3}), boost::test_tools::per_element());
    it.send(4, 7);
    BOOST_TEST(it.receive_all() == (Words{4, 5, 6, 7}), boost::test_tools::per_element());
    BOOST_TEST(it.reading.lost == 0U);
}

BOOST_AUTO_TEST_CASE(what_was_overwritten_is_counted_exactly_and_no_more_is_lost) {
    for (const std::uint32_t capacity : {1U, 2U, 3U, 4U, 7U, 64U}) {
        for (std::uint64_t sent = 0; sent < 3 * capacity + 3; ++sent) {
            Memory it{capacity};
            it.send(1, sent);
            const std::uint64_t lost = sent > capacity ? sent - capacity : 0;
            Words wanted;
            for (std::uint64_t n = lost + 1; n <= sent; ++n) {
                wanted.push_back((wanted.empty() ? lost * 10'000 : 0) + n);
            }
            BOOST_TEST(it.receive_all() == wanted, boost::test_tools::per_element());
            BOOST_TEST(it.reading.lost == lost);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_being_overwritten_is_lost_and_the_next_one_is_not) {
    Memory it{4};
    it.send(1, 4);
    it.sut.begin(it.writing);  // the fifth: the first is gone
    BOOST_TEST(it.receive_all() == (Words{10'002, 3, 4}), boost::test_tools::per_element());
    BOOST_TEST(it.reading.lost == 1U);
    BOOST_TEST(!it.sut.has_message(it.reading));
    it.sut.publish(it.writing);
    BOOST_TEST(it.sut.has_message(it.reading));
}

BOOST_AUTO_TEST_CASE(losses_that_follow_one_another_are_told_together) {
    Memory it{2};
    it.send(1, 2);
    it.sut.begin(it.writing);
    Message message;
    BOOST_TEST((it.sut.receive(it.reading, &message) == Found::message));
    BOOST_TEST(Ring::lost_before(it.reading) == 1U);
    it.sut.publish(it.writing);
    it.send(4, 4);
    it.sut.begin(it.writing);      // 3 is gone: 4 is left
    it.stamp(3).store(2 * 5 + 1);  // and, as if it were being overwritten at this moment, gone too
    BOOST_TEST((it.sut.receive(it.reading, &message) == Found::nothing));
    BOOST_TEST(Ring::lost_before(it.reading) == 1U);  // still of the message that was received last
    it.sut.publish(it.writing);
    it.send(6, 9);
    BOOST_TEST(it.receive_all() == (Words{50'008, 9}), boost::test_tools::per_element());
    BOOST_TEST(it.reading.lost == 6U);
}

BOOST_AUTO_TEST_CASE(what_is_lost_before_several_is_told_of_the_first) {
    Memory it{4};
    it.send(1, 6);
    Message message;
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST((it.sut.receive(it.reading, &message) == Found::message));
    }
    BOOST_TEST(Ring::lost_before(it.reading) == 0U);
    Ring::end_batch(it.reading, 2);  // the last two
    BOOST_TEST(Ring::lost_before(it.reading) == 0U);
    Ring::end_batch(it.reading, 3);
    BOOST_TEST(Ring::lost_before(it.reading) == 2U);
    BOOST_TEST(it.receive_all() == (Words{6}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_joins_begins_where_he_wants) {
    Memory it{4};
    const auto received_from = [&](From from) {
        it.sut.join(it.reading, from);
        return it.receive_all();
    };
    for (const From from : {From::newest, From::oldest, From::now}) {
        BOOST_TEST(received_from(from).empty());
    }
    it.send(1, 3);
    BOOST_TEST(received_from(From::newest) == (Words{3}), boost::test_tools::per_element());
    BOOST_TEST(received_from(From::oldest) == (Words{1, 2, 3}), boost::test_tools::per_element());
    BOOST_TEST(received_from(From::now).empty());
    it.send(4, 9);
    BOOST_TEST(received_from(From::newest) == (Words{9}), boost::test_tools::per_element());
    BOOST_TEST(received_from(From::oldest) == (Words{6, 7, 8, 9}), boost::test_tools::per_element());
    it.sut.begin(it.writing);
    BOOST_TEST(received_from(From::oldest) == (Words{7, 8, 9}), boost::test_tools::per_element());
    BOOST_TEST(it.reading.lost == 0U);
}

BOOST_AUTO_TEST_CASE(a_successor_goes_on_where_the_last_writer_was_killed) {
    Memory it{4};
    it.send(1, 6);
    Ring::Writing successor{};
    it.sut.resume(successor);
    BOOST_TEST(successor.next == 6U);
    it.sut.begin(it.writing);
    it.sut.resume(successor);
    BOOST_TEST(successor.next == 6U);
    it.sut.publish(it.writing);
    it.control.written = 6;  // killed between the stamp and this
    BOOST_TEST(it.sut.count() == 7U);
    it.sut.resume(successor);
    BOOST_TEST(successor.next == 7U);
    BOOST_TEST(it.control.written == 7U);
}

BOOST_AUTO_TEST_CASE(nothing_that_stands_in_the_memory_leads_out_of_it) {
    Memory it{3};
    it.send(1, 5);
    for (const std::uint64_t written :
         {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX, UINT64_MAX / 2, UINT64_MAX - 2}) {
        for (const std::uint64_t stamp : {std::uint64_t{0}, std::uint64_t{77}, UINT64_MAX, UINT64_MAX / 2}) {
            for (const From from : {From::newest, From::oldest, From::now}) {
                it.control.written = written;
                for (std::uint64_t slot = 0; slot < 3; ++slot) {
                    it.stamp(slot) = stamp + slot;
                }
                it.sut.join(it.reading, from);
                Message message;
                for (int i = 0; i < 10; ++i) {
                    static_cast<void>(it.sut.receive(it.reading, &message));
                }
                it.sut.resume(it.writing);
                it.send(1, 7);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_reader_whose_place_cannot_be_says_so_and_gets_what_comes) {
    Memory it{4};
    it.send(1, 3);
    it.reading.next = 1'000'000;
    it.reading.place = it.slots[0].words;
    Message message;
    BOOST_TEST((it.sut.receive(it.reading, &message) == Found::garbage));
    it.send(4, 5);
    BOOST_TEST(it.receive_all() == (Words{4, 5}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(readers_beside_a_writer_that_never_rests_miss_nothing_unsaid) {
    Memory it{256};
    constexpr std::uint64_t last = 300'000;
    std::atomic<int> ready{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            Ring::Reading mine;
            it.sut.join(mine, From::now);
            ++ready;
            std::uint64_t expected = 1;
            for (Message message; expected <= last;) {
                const auto found = it.sut.receive(mine, &message);
                wrong += found == Found::garbage ? 1 : 0;
                if (found == Found::message) {
                    expected += Ring::lost_before(mine);
                    wrong += message.number != expected || message.same != expected ? 1 : 0;
                    ++expected;
                }
            }
            wrong += mine.next != last ? 1 : 0;
        });
    }
    while (ready != 2) {}
    it.send(1, last);
    for (auto& reader : readers) {
        reader.join();
    }
    BOOST_TEST(wrong == 0);
}
