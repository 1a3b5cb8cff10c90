// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE carrier_readiness
#include "tenon/carrier/readiness.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <utility>

#include "support/child.hpp"
#include "support/machine.hpp"
#include "tenon/sys/mapping.hpp"
#include "tenon/sys/memfd.hpp"
#include "tenon/sys/poll.hpp"

namespace {

namespace sys = tenon::sys;
using support::Child;
using support::in_child;
using Readiness = tenon::carrier::Readiness<>;

bool is_readable(int descriptor, std::int64_t until = 0) {
    ::pollfd one{descriptor, POLLIN, 0};
    return sys::try_poll_until(&one, 1, until) == 1;
}

/// A number in shared memory, and who waits for it.
struct Number {
    std::atomic<std::uint32_t> value{0};
    tenon::sync::Event<> changed;
};

struct Place {
    Place() { sys::register_for_barriers(); }
    sys::FileDescriptor file = [] {
        auto made = sys::create_memfd("tenon-test");
        sys::reserve(made.get(), 4096);
        return sys::reopen(made.get(), O_RDWR);
    }();
    sys::Mapping mapping = sys::map_shared(file.get(), 4096, sys::Protection::read_write);
    Number& number = *::new (mapping.address()) Number;

    void set(std::uint32_t value) const {
        number.value.store(value, std::memory_order_release);
        number.changed.signal_lightly(1, [&] { sys::touch(file.get()); });
    }
    bool arm(Readiness& sut, std::uint32_t wanted) const {
        return sut.arm(number.changed, file.get(), [&] { return number.value.load() == wanted; });
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(nobody_polls_who_has_not_asked) {
    const Place place;
    Readiness sut;
    BOOST_TEST(!sut.is_wanted());
    const int descriptor = sut.descriptor(place.file.get());
    BOOST_TEST(sut.is_wanted());
    BOOST_TEST(sut.descriptor(place.file.get()) == descriptor);
}

BOOST_AUTO_TEST_CASE(it_is_readable_at_first_and_after_each_change_that_was_waited_for) {
    const Place place;
    Readiness sut;
    const int descriptor = sut.descriptor(place.file.get());
    BOOST_TEST(is_readable(descriptor));
    for (std::uint32_t i = 1; i < 4; ++i) {
        BOOST_TEST(!place.arm(sut, i));
        BOOST_TEST(!is_readable(descriptor));
        place.set(i);
        BOOST_TEST(is_readable(descriptor));
        BOOST_TEST(place.arm(sut, i));  // it was there at the second look
        BOOST_TEST(is_readable(descriptor));
    }
}

BOOST_AUTO_TEST_CASE(a_change_that_nobody_waits_for_touches_nothing) {
    const Place place;
    place.number.changed.signal_lightly(1, [] { BOOST_ERROR("touched"); });
    Readiness sut;
    static_cast<void>(sut.descriptor(place.file.get()));
    BOOST_TEST(!place.arm(sut, 9));
    place.set(1);
    place.number.changed.signal_lightly(1, [] { BOOST_ERROR("touched twice for one who waits"); });
}

BOOST_AUTO_TEST_CASE(who_is_stopped_while_it_touches_silences_nobody) {
    const Place place;
    Readiness sut;
    const int descriptor = sut.descriptor(place.file.get());
    BOOST_TEST(!place.arm(sut, 1));
    place.number.changed.signal_lightly(1, [&] {
        place.set(1);  // what another does in the meantime
        BOOST_TEST(is_readable(descriptor));
        BOOST_TEST(place.arm(sut, 1));
        BOOST_TEST(!place.arm(sut, 2));
        BOOST_TEST(!is_readable(descriptor));
    });
    place.set(2);  // he who was stopped has not taken back that somebody waits
    BOOST_TEST(is_readable(descriptor));
}

BOOST_AUTO_TEST_CASE(all_who_poll_are_told) {
    const Place place;
    Readiness first;
    Readiness second;
    const int descriptors[] = {first.descriptor(place.file.get()), second.descriptor(place.file.get())};
    BOOST_TEST(!place.arm(first, 1));
    BOOST_TEST(!place.arm(second, 1));
    BOOST_TEST(!is_readable(descriptors[0]));
    place.set(1);
    BOOST_TEST(is_readable(descriptors[0]));
    BOOST_TEST(is_readable(descriptors[1]));
}

BOOST_AUTO_TEST_CASE(two_processes_take_turns_by_polling_alone) {
    const Place place;
    const auto take_turns = [&](std::uint32_t first) {
        Readiness sut;
        const int descriptor = sut.descriptor(place.file.get());
        for (std::uint32_t i = first; i < 20'000; i += 2) {
            while (place.number.value.load() != i && !place.arm(sut, i)) {
                is_readable(descriptor, sys::end_of_time);
            }
            place.set(i + 1);
        }
        return true;
    };
    Child other{[&] { return take_turns(1); }};
    BOOST_TEST(take_turns(0));
    BOOST_TEST(other.succeeds());
}

BOOST_AUTO_TEST_CASE(a_forked_child_has_one_of_its_own) {
    const Place place;
    Readiness sut;
    const int descriptor = sut.descriptor(place.file.get());
    BOOST_TEST(!place.arm(sut, 1));
    BOOST_TEST(in_child([&] {
        if (sut.is_wanted()) {
            return false;
        }
        const int mine = sut.descriptor(place.file.get());
        return sut.is_wanted() && is_readable(mine) && !place.arm(sut, 1) && !is_readable(mine);
    }));
    place.set(1);
    BOOST_TEST(is_readable(descriptor));
}

BOOST_AUTO_TEST_CASE(it_is_moved_with_its_descriptor_and_leaves_nothing_open) {
    const Place place;
    const support::Census before;
    {
        Readiness first;
        const int descriptor = first.descriptor(place.file.get());
        Readiness second = std::move(first);
        BOOST_TEST(!first.is_wanted());  // NOLINT: what a moved-from one says
        BOOST_TEST(second.is_wanted());
        BOOST_TEST(second.descriptor(place.file.get()) == descriptor);
        Readiness third;
        static_cast<void>(third.descriptor(place.file.get()));
        third = std::move(second);
        BOOST_TEST(third.descriptor(place.file.get()) == descriptor);
    }
    BOOST_TEST(support::Census{} == before);
}
