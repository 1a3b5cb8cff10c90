// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE typed_queue
/// How the kernel's queues are born, found, shared, left and removed. What they carry: carrier/sysv_queue.cpp and
/// carrier/posix_queue.cpp.
#include "tenon/typed_queue.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <tuple>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/users.hpp"
#include "tenon/payload/fixed_string.hpp"

namespace {

using namespace std::chrono_literals;
using support::become;
using support::can_become_another;
using support::Census;
using support::Child;
using support::DescriptorCount;
using support::drop_privileges;
using support::in_child;
using support::NeedsRoot;
using support::nobody;
using support::refusal_of;
using tenon::Capacity;
using tenon::errc;
using tenon::Mode;
using tenon::Outcome;
using tenon::Owner;
using tenon::SysvKey;
namespace memory = tenon::memory;
namespace sys = tenon::sys;
namespace over = tenon::over;

struct Order {
    std::uint64_t id = 0;
    double price = 0;
};
struct OtherOrder {
    std::uint64_t id = 0;
    float price = 0;
    float tax = 0;
};
struct Large {
    unsigned char bytes[100'000];
};

/// A place for a System V queue; free in the end.
struct Sysv {
    template <class Msg>
    using Queue = tenon::TypedQueue<Msg, over::sysv>;
    using Name = SysvKey;
    static constexpr const char* call = "msgget";
    static Name unique() { return support::unique_key(); }

    ~Sysv() {
        ::msgctl(::msgget(name.value(), 0), IPC_RMID, nullptr);
        companion().unlink();
    }
    [[nodiscard]] std::string text() const { return name.text(); }
    [[nodiscard]] memory::CompanionFile companion() const { return {memory::CompanionOf::sysv_queue, name}; }
    [[nodiscard]] bool stands() const { return ::msgget(name.value(), 0) != -1; }
    [[nodiscard]] ::mode_t mode() const {
        return sys::sysv_queue_status(::msgget(name.value(), 0), "").msg_perm.mode & 0777U;
    }
    void make_in_c(::mode_t bits = 0600, std::size_t /*size*/ = 0) const {
        BOOST_REQUIRE(::msgget(name.value(), IPC_CREAT | IPC_EXCL | static_cast<int>(bits)) != -1);
    }
    /// What a creator does, until it dies: 1 before the queue is made, 2 before it is recorded, 3 before it is finished.
    void half_born(int death) const {
        support::in_child_that_dies([&] {
            const auto gate = companion().open_or_create(tenon::private_mode, sys::end_of_time);
            companion().write(gate.get(), {static_cast<std::uint32_t>(::getpid()), -1});
            companion().write_details(gate.get(), details(), tenon::layout_words<Order>);
            if (death > 1) {
                const int id = ::msgget(name.value(), IPC_CREAT | IPC_EXCL | 0711);
                if (death > 2) {
                    companion().write(gate.get(), {static_cast<std::uint32_t>(::getpid()), id});
                }
            }
        });
    }
    static memory::CompanionFile::Details details() {
        memory::CompanionFile::Details result;
        result.fingerprint = tenon::fingerprint<Order>;
        result.capacity = 4;
        return result;
    }
    Name name = unique();
};

/// A place for a POSIX queue; free in the end.
struct Posix {
    template <class Msg>
    using Queue = tenon::TypedQueue<Msg, over::posix>;
    using Name = std::string;
    static constexpr const char* call = "mq_open";
    static Name unique() { return support::unique_name(); }

    ~Posix() {
        ::mq_unlink(name.c_str());
        companion().unlink();
    }
    [[nodiscard]] std::string text() const { return name; }
    [[nodiscard]] memory::CompanionFile companion() const { return {memory::CompanionOf::posix_queue, name}; }
    [[nodiscard]] bool stands() const { return !!sys::try_open_posix_queue(name, O_RDONLY); }
    [[nodiscard]] ::mode_t mode() const {
        return sys::status(sys::try_open_posix_queue(name, O_RDONLY).get()).st_mode & 0777U;
    }
    void make_in_c(::mode_t bits = 0600, std::size_t size = sizeof(Order)) const {
        const auto queue = sys::try_create_posix_queue(name, 0600, 4, size);
        BOOST_REQUIRE(!!queue);
        BOOST_REQUIRE(::fchmod(queue.get(), bits) == 0);
    }
    void half_born(int death) const {
        support::in_child_that_dies([&] {
            const auto gate = companion().open_or_create(tenon::private_mode, sys::end_of_time);
            const auto pid = static_cast<std::uint32_t>(::getpid());
            companion().write(gate.get(), {pid, -1});
            companion().write_details(gate.get(), Sysv::details(), tenon::layout_words<Order>);
            if (death > 1) {
                const auto queue = sys::try_create_posix_queue(name, S_ISVTX | 0600, 4, sizeof(Order));
                if (death > 2) {
                    companion().write(gate.get(), {pid, tenon::carrier::PosixQueueKernel::number(queue)});
                }
            }
        });
    }
    Name name = unique();
};
using Places = std::tuple<Sysv, Posix>;
constexpr Capacity four{4};

template <class It>
bool has_companion(const It& it) {
    return !!it.companion().open_as_reader(Owner::caller(), Mode{0777});
}
template <class It>
bool is_clean(const It& it) {
    return !it.stands() && !has_companion(it);
}

/// Runs `body` in a child with message queues and limits of its own.
template <class Body>
bool in_own_namespace(Body body) {
    return in_child([&] { return ::unshare(CLONE_NEWIPC) == 0 && body(); });
}
void set_limit(const char* path, int value) { std::ofstream{path} << value; }

}  // namespace

namespace utf = boost::unit_test;

// ---- birth

BOOST_AUTO_TEST_CASE_TEMPLATE(a_queue_is_private_and_gone_with_its_last_user, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    {
        const ::mode_t before = ::umask(0177);
        auto sut = Queue::create(it.name, four);
        ::umask(before);
        BOOST_TEST(!!sut);
        BOOST_TEST(sut.name() == it.text());
        BOOST_TEST(sut.capacity() == 4U);
        BOOST_TEST(it.mode() == 0600U);
        auto other = Queue::open(it.name);
        BOOST_TEST(other.capacity() == 4U);
        sut.send({1, 2.5});
        sut = Queue{};
        BOOST_TEST(!sut);
        BOOST_TEST(other.receive().price == 2.5);
    }
    BOOST_TEST(is_clean(it));
    BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).text ==
               std::string{It::call} + " \"" + it.text() + "\": No such file or directory");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_mode_is_what_was_asked_for_and_must_be_tolerated, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    const auto sut = Queue::create(it.name, four, Mode{0666});
    BOOST_TEST(it.mode() == 0666U);
    BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::untrusted));
    BOOST_TEST(!!Queue::open(it.name, Mode{0666}));
    BOOST_TEST(!!Queue::open_or_create(it.name, four, Mode{0666}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_taken_name_is_refused, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    auto sut = Queue::create(it.name, four);
    sut.send({1, 0});
    BOOST_TEST(refusal_of([&] { return Queue::create(it.name, four); }).text ==
               std::string{It::call} + " \"" + it.text() + "\": File exists");
    BOOST_TEST(sut.receive().id == 1U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_layout_is_refused_and_both_are_printed, It, Places) {
    using Queue = typename It::template Queue<Order>;
    using Other = typename It::template Queue<OtherOrder>;
    const It it;
    auto sut = Queue::create(it.name, four);
    for (const auto& refusal : {refusal_of([&] { return Other::open(it.name); }),
                                refusal_of([&] { return Other::open_or_create(it.name, four); })}) {
        BOOST_TEST(refusal.is(errc::layout_mismatch));
        BOOST_TEST(refusal.says("\"" + it.text() + "\"\nour layout:\n"));
        BOOST_TEST(refusal.says("->   price f32 at 8 size 4"));
        BOOST_TEST(refusal.says("->   price f64 at 8 size 8"));
    }
    sut = Queue{};
    BOOST_TEST(is_clean(it));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_capacity_is_refused_and_both_are_told, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    const auto sut = Queue::create(it.name, four);
    const auto refusal = refusal_of([&] { return Queue::open_or_create(it.name, Capacity{5}); });
    BOOST_TEST(refusal.is(errc::capacity_mismatch));
    BOOST_TEST(refusal.says("\"" + it.text() + "\" has room for 4 messages, not 5: "));
    BOOST_TEST(!!Queue::open_or_create(it.name, four));
    BOOST_TEST(refusal_of([&] { return Queue::create(It::unique(), Capacity{0}); }).says("capacity 0 (at least 1) "));
}

BOOST_AUTO_TEST_CASE(a_system_v_queue_without_a_capacity_has_the_systems) {
    using Queue = Sysv::Queue<Order>;
    const auto key = support::unique_key();
    auto sut = Queue::create(key);
    BOOST_TEST(sut.capacity() == sys::kernel_limit(sys::sysv_most_bytes) / sizeof(Order));
    BOOST_TEST(!!Queue::open_or_create(key));
    std::error_code error;
    BOOST_TEST(!!Queue::open_or_create(key, error));
    BOOST_TEST(!!Queue::open_or_create(key, tenon::private_mode, error));
    BOOST_TEST(!Queue::create(key, error));
    BOOST_TEST(!Queue::create(key, tenon::private_mode, error));
    BOOST_TEST((error == std::errc::file_exists));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_factory_also_tells_by_a_code, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    std::error_code error;
    BOOST_TEST(!Queue::open(it.name, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(!Queue::open(it.name, tenon::owner_writes, error));
    BOOST_TEST(!Queue::open(it.name, tenon::owner_writes, Owner::caller(), error));
    BOOST_TEST(!Queue::open_for(it.name, 1ms, error));
    BOOST_TEST(!Queue::open_until(it.name, tenon::Deadline::after(1ms), error));
    BOOST_TEST(!Queue::open_foreign(it.name, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    Queue::remove(it.name, error);
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    const auto sut = Queue::create(it.name, four, error);
    BOOST_TEST(!!sut);
    BOOST_TEST(!error);
    BOOST_TEST(!Queue::create(it.name, four, tenon::private_mode, error));
    BOOST_TEST((error == std::errc::file_exists));
    BOOST_TEST(!!Queue::open_or_create(it.name, four, error));
    BOOST_TEST(!!Queue::open_or_create(it.name, four, tenon::private_mode, error));
    BOOST_TEST(!error);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_waits_for_a_queue_gets_it, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    Child peer{[&] { return Queue::open_for(it.name, 10s).receive().id == 1; }};
    ::usleep(20'000);
    {
        auto sut = Queue::create(it.name, four);
        sut.send({1, 0});
        BOOST_TEST(peer.succeeds());
    }
    const auto start = sys::monotonic_now();
    BOOST_TEST(refusal_of([&] { return Queue::open_for(it.name, 15ms); }).is(std::errc::no_such_file_or_directory));
    BOOST_TEST(sys::monotonic_now() - start >= 15'000'000);
}

// ---- death

BOOST_AUTO_TEST_CASE_TEMPLATE(a_creator_that_died_half_way_blocks_nobody, It, Places) {
    using Queue = typename It::template Queue<Order>;
    for (const int death : {1, 2, 3}) {
        for (const bool create : {true, false}) {
            const It it;
            it.half_born(death);
            const auto refusal = refusal_of([&] { return Queue::open(it.name); });
            BOOST_TEST((refusal.is(errc::owner_died) || refusal.is(std::errc::no_such_file_or_directory)));
            BOOST_TEST(!!(create ? Queue::create(it.name, four) : Queue::open_or_create(it.name, four)));
            BOOST_TEST(is_clean(it));
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_killed_last_user_left_is_gone_on_with_or_replaced, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const auto leave = [](const It& it) {
        support::in_child_that_dies([&] { (new Queue{Queue::create(it.name, four)})->send({7, 0}); });
        BOOST_TEST(it.stands());
    };
    const It it;
    leave(it);
    BOOST_TEST(Queue::open(it.name).receive().id == 7U);
    BOOST_TEST(is_clean(it));
    leave(it);
    BOOST_TEST(Queue::open_or_create(it.name, four).receive().id == 7U);
    BOOST_TEST(is_clean(it));
    leave(it);
    BOOST_TEST((Queue::create(it.name, Capacity{3}).try_receive().outcome() == Outcome::empty));
    BOOST_TEST(is_clean(it));
    leave(it);
    BOOST_TEST(Queue::open_or_create(it.name, Capacity{3}).capacity() == 3U);
    leave(it);
    BOOST_TEST(!!It::template Queue<OtherOrder>::open_or_create(it.name, four));
    BOOST_TEST(is_clean(it));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_mode_is_the_new_creators_and_not_a_dead_ones, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const auto leave = [](const It& it, ::mode_t bits) {
        support::in_child_that_dies([&] { new Queue{Queue::create(it.name, four, Mode{bits})}; });
    };
    const auto companion_mode = [](const It& it) {
        return sys::status(it.companion().open_as_reader(Owner::caller(), Mode{0777}).get()).st_mode & 07777U;
    };
    for (const bool create : {true, false}) {
        const It it;
        leave(it, 0666);
        BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::untrusted));
        const auto sut = create ? Queue::create(it.name, four) : Queue::open_or_create(it.name, four);
        BOOST_TEST(it.mode() == 0600U);
        BOOST_TEST(companion_mode(it) == 0600U);
        BOOST_TEST(!!Queue::open(it.name));
    }
    const It it;
    leave(it, 0600);
    const auto sut = Queue::create(it.name, four, Mode{0666});
    BOOST_TEST(companion_mode(it) == 0666U);
    if (can_become_another()) {
        BOOST_TEST(in_child([&] { return become(nobody) && Queue::open(it.name, Mode{0666}, Owner{0}); }));
    }
    BOOST_TEST(refusal_of([&] { return Queue::create(it.name, four); }).is(std::errc::file_exists));  // in use
    BOOST_TEST(refusal_of([&] { return Queue::open_or_create(it.name, four); }).is(errc::untrusted));
    BOOST_TEST(companion_mode(it) == 0666U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_abandoned_queue_is_not_given_up_for_one_that_cannot_be, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    BOOST_TEST(in_child([&] {
        if (!drop_privileges()) {
            return false;
        }
        support::in_child_that_dies([&] { (new Queue{Queue::create(it.name, four)})->send({7, 0}); });
        const Capacity too_many{100'000'000};
        const auto created = refusal_of([&] { return Queue::create(it.name, too_many); });
        const auto opened = refusal_of([&] { return Queue::open_or_create(it.name, too_many); });
        const bool told = created.code && !created.is(std::errc::file_exists) && created.says("/proc/sys/") &&
                          created.says(it.text()) && opened.text == created.text;
        auto sut = Queue::open_or_create(it.name, four);
        return told && sut.receive().id == 7;
    }));
    BOOST_TEST(is_clean(it));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_shuts_others_out_holds_up_no_deadline, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    Queue::create(it.name, four).persist();
    const auto hostile =
        sys::reopen(it.companion().open(Owner::caller(), tenon::private_mode, sys::end_of_time).get(), O_RDWR);
    BOOST_REQUIRE(sys::try_lock_byte(hostile.get(), memory::readers_byte, sys::LockKind::exclusive));
    const auto start = sys::monotonic_now();
    const auto refusal = refusal_of([&] { return Queue::open_for(it.name, 15ms); });
    BOOST_TEST(refusal.is(errc::not_ready));
    BOOST_TEST(refusal.says("\"" + it.text() + "\": somebody has locked its file"));
    BOOST_TEST(sys::monotonic_now() - start >= 15'000'000);
    BOOST_TEST(it.stands());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_persists_stays_with_its_messages_until_it_is_removed, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    {
        auto sut = Queue::create(it.name, four);
        sut.persist();
        sut.send({1, 0});
        sut.send({2, 0});
    }
    BOOST_TEST(Queue::open(it.name).receive().id == 1U);
    BOOST_TEST(Queue::open_or_create(it.name, four).receive().id == 2U);
    BOOST_TEST(refusal_of([&] { return Queue::create(it.name, four); }).is(std::errc::file_exists));
    BOOST_TEST(refusal_of([&] {
                   return It::template Queue<OtherOrder>::open_or_create(it.name, four);
               }).is(errc::layout_mismatch));
    Queue::remove(it.name);
    BOOST_TEST(is_clean(it));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_uses_what_it_inherited_and_does_not_bury_it, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    auto sut = Queue::create(it.name, four);
    sut.send({1, 0});
    BOOST_TEST(in_child([&] {
        const bool read = sut.receive().id == 1;
        sut.send({2, 0});
        sut = Queue{};
        return read && it.stands();
    }));
    BOOST_TEST(sut.receive().id == 2U);
    BOOST_TEST(!!Queue::open(it.name));
    sut = Queue{};
    BOOST_TEST(is_clean(it));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(four_processes_that_come_and_go_find_one_queue_or_make_it, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    BOOST_TEST(support::in_children(4, [&] {
        bool fine = true;
        for (int k = 0; k < 500; ++k) {
            fine = fine && Queue::open_or_create(it.name, four).capacity() == 4;
        }
        return fine;
    }));
    BOOST_TEST(is_clean(it));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_thousand_opens_and_closes_leak_nothing, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    const Census before;
    for (int i = 0; i < 1000; ++i) {
        auto made = Queue::create(it.name, four);
        auto found = Queue::open(it.name);
        found.send({1, 0});
        static_cast<void>(made.receive());
        static_cast<void>(refusal_of([&] { return It::template Queue<OtherOrder>::open(it.name); }));
        static_cast<void>(refusal_of([&] { return Queue::create(it.name, four); }));
    }
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_descriptor_is_closed_by_exec, It, Places) {
    const It it;
    const DescriptorCount before;
    const auto sut = It::template Queue<Order>::create(it.name, four);
    const auto other = It::template Queue<Order>::open(it.name);
    const DescriptorCount after;
    BOOST_TEST(after.open > before.open);
    BOOST_TEST(after.surviving_exec == before.surviving_exec);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(handles_move_and_do_not_copy, It, Places) {
    using Queue = typename It::template Queue<Order>;
    static_assert(std::is_nothrow_move_constructible_v<Queue> && std::is_nothrow_move_assignable_v<Queue>);
    static_assert(!std::is_copy_constructible_v<Queue> && !std::is_copy_assignable_v<Queue>);
    const It it;
    Queue last;
    {
        auto first = Queue::create(it.name, four);
        auto second = std::move(first);
        BOOST_TEST(!first);
        last = std::move(second);
        BOOST_TEST(!second);
    }
    last.send({1, 0});
    BOOST_TEST(last.receive().id == 1U);
    BOOST_TEST(last.name() == it.text());
}

// ---- what is not ours

BOOST_AUTO_TEST_CASE_TEMPLATE(a_queue_made_in_c_is_refused_unless_it_is_asked_for_and_never_removed, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    it.make_in_c();
    BOOST_TEST(refusal_of([&] { return Queue::create(it.name, four); }).is(std::errc::file_exists));
    const auto refusal = refusal_of([&] { return Queue::open(it.name); });
    BOOST_TEST(refusal.is(errc::corrupted));
    BOOST_TEST(refusal.says("\"" + it.text() + "\" was not made by tenon: "));
    BOOST_TEST(refusal_of([&] { return Queue::open_or_create(it.name, four); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return Queue::remove(it.name), 0; }).is(errc::corrupted));
    {
        auto sut = Queue::open_foreign(it.name);
        sut.send({3, 1});
        BOOST_TEST(Queue::open_foreign(it.name).receive().id == 3U);
        sut.persist();  // it does
    }
    BOOST_TEST(it.stands());
    BOOST_TEST(!has_companion(it));
}

BOOST_AUTO_TEST_CASE(a_posix_queue_made_in_c_with_messages_of_another_size_is_refused) {
    const Posix it;
    it.make_in_c(0600, sizeof(Order) + 8);
    const auto refusal = refusal_of([&] { return Posix::Queue<Order>::open_foreign(it.name); });
    BOOST_TEST(refusal.is(errc::layout_mismatch));
    BOOST_TEST(refusal.says("\"" + it.name + "\" has messages of 24 bytes, not 16: "));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_queue_made_in_c_beside_what_a_dead_creator_left_is_not_taken_for_its_work, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    it.half_born(1);
    it.make_in_c();  // of the same capacity, and for messages of the same size
    const auto is_refused = [&] {
        BOOST_TEST(refusal_of([&] { return Queue::create(it.name, four); }).is(std::errc::file_exists));
        BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::corrupted));
        BOOST_TEST(refusal_of([&] { return Queue::open_or_create(it.name, four); }).is(errc::corrupted));
        BOOST_TEST(refusal_of([&] { return Queue::remove(it.name), 0; }).is(errc::corrupted));
        BOOST_TEST(it.stands());
    };
    is_refused();
    auto in_use = Queue::open_foreign(it.name);
    in_use.send({1, 0});
    is_refused();
    BOOST_TEST(in_use.receive().id == 1U);
    is_refused();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_hostile_companion_file_is_not_believed, It, Places) {
    using Queue = typename It::template Queue<Order>;
    const It it;
    const auto sut = Queue::create(it.name, four);
    const auto scribble = [&](::off_t offset, std::uint32_t value) {
        const auto gate = it.companion().open(Owner::caller(), Mode{0777}, sys::end_of_time);
        BOOST_REQUIRE(::pwrite(gate.get(), &value, sizeof value, offset) == sizeof value);
    };
    scribble(24, UINT32_MAX);  // the size of the words
    BOOST_TEST(!!Queue::open(it.name));
    scribble(8, 12'345);  // the fingerprint
    BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::layout_mismatch));
    scribble(28, 2);  // the format
    BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::version_mismatch));
    scribble(28, 0);
    BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::corrupted));
    scribble(4, 77);  // the identifier
    BOOST_TEST(refusal_of([&] { return Queue::open(it.name); }).is(errc::corrupted));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_user_is_denied, It, Places) {
    if (!can_become_another()) {
        return;
    }
    using Queue = typename It::template Queue<Order>;
    const It it;
    const auto sut = Queue::create(it.name, four);
    BOOST_TEST(in_child([&] {
        return become(nobody) && refusal_of([&] { return Queue::open(it.name); }).is(std::errc::permission_denied) &&
               refusal_of([&] { return Queue::create(it.name, four); }).is(std::errc::permission_denied) &&
               refusal_of([&] { return Queue::open_foreign(it.name); }).is(std::errc::permission_denied) &&
               refusal_of([&] { return Queue::remove(it.name), 0; }).is(std::errc::permission_denied);
    }));
    BOOST_TEST(it.stands());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_strangers_queue_is_used_only_by_who_trusts_him, It, Places) {
    if (!can_become_another()) {
        return;
    }
    using Queue = typename It::template Queue<Order>;
    const It it;
    Child stranger{[&] {
        if (!become(nobody)) {
            return false;
        }
        auto queue = Queue::create(it.name, four);
        queue.send({1, 0});
        ::pause();
        return true;
    }};
    while (!it.stands()) {
        ::usleep(1000);
    }
    std::error_code error;
    do {
        static_cast<void>(Queue::open(it.name, error));
    } while (error == errc::owner_died || error == std::errc::no_such_file_or_directory);
    BOOST_TEST((error == errc::untrusted));
    BOOST_TEST(Queue::open(it.name, tenon::owner_writes, Owner{nobody}).receive().id == 1U);
    BOOST_TEST(refusal_of([&] { return Queue::create(it.name, four); }).is(errc::untrusted));
}

// ---- limits

BOOST_AUTO_TEST_CASE(a_posix_queue_beyond_the_limits_is_refused_with_them) {
    const auto name = support::unique_name();
    const auto most = sys::kernel_limit(sys::posix_most_messages);
    const auto largest = sys::kernel_limit(sys::posix_largest_message);
    BOOST_TEST(in_child([&] {
        if (!drop_privileges()) {  // root may go beyond them
            return false;
        }
        const auto many = refusal_of(
            [&] { return Posix::Queue<Order>::create(name, Capacity{static_cast<std::uint32_t>(most + 1)}); });
        const auto large = refusal_of([&] { return Posix::Queue<Large>::create(name, Capacity{1}); });
        const ::rlimit none{0, 0};
        ::setrlimit(RLIMIT_MSGQUEUE, &none);
        const auto bytes = refusal_of([&] { return Posix::Queue<Order>::create(name, Capacity{1}); });
        const std::string limits = "(/proc/sys/fs/mqueue/msg_max is " + std::to_string(most) +
                                   ", /proc/sys/fs/mqueue/msgsize_max is " + std::to_string(largest) + ") \"" + name;
        return many.is(std::errc::invalid_argument) && many.says("messages of 16 bytes " + limits) &&
               (largest >= sizeof(Large) || large.says("mq_open of 1 messages of 100000 bytes " + limits)) &&
               bytes.is(std::errc::too_many_files_open) && bytes.says("(RLIMIT_MSGQUEUE is 0 bytes");
    }));
    BOOST_TEST(refusal_of([&] { return Posix::Queue<Order>::open(name); }).is(std::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(a_system_v_queue_beyond_the_limits_is_refused_with_them) {
    const auto key = support::unique_key();
    const auto bytes = sys::kernel_limit(sys::sysv_most_bytes);
    const auto largest = sys::kernel_limit(sys::sysv_largest_message);
    BOOST_TEST(in_child([&] {
        if (!drop_privileges()) {
            return false;
        }
        const auto many = refusal_of([&] {
            return Sysv::Queue<Order>::create(key, Capacity{static_cast<std::uint32_t>(bytes / sizeof(Order) + 1)});
        });
        return many.is(std::errc::operation_not_permitted) &&
               many.says("/proc/sys/kernel/msgmnb is " + std::to_string(bytes) + ") \"" + key.text());
    }));
    BOOST_TEST(refusal_of([&] { return Sysv::Queue<Order>::open(key); }).is(std::errc::no_such_file_or_directory));
    if (largest < sizeof(Large)) {
        for (const auto& refusal : {refusal_of([&] { return Sysv::Queue<Large>::create(key); }),
                                    refusal_of([&] { return Sysv::Queue<Large>::open(key); }),
                                    refusal_of([&] { return Sysv::Queue<Large>::open_foreign(key); })}) {
            BOOST_TEST(refusal.is(std::errc::message_size));
            BOOST_TEST(refusal.says("100000 bytes (/proc/sys/kernel/msgmax is " + std::to_string(largest) + ") \""));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_system_v_queue_without_room_for_one_message_is_refused_with_the_limit) {
    const Sysv it;
    it.make_in_c();
    const int id = ::msgget(it.name.value(), 0);
    auto status = sys::sysv_queue_status(id, "");
    status.msg_qbytes = 10;
    sys::set_sysv_queue(id, status, "");
    const auto refusal = refusal_of([&] { return Sysv::Queue<Order>::open_foreign(it.name); });
    BOOST_TEST(refusal.is(std::errc::message_size));
    BOOST_TEST(refusal.says("a queue of 10 bytes has no room for a message of 16 (/proc/sys/kernel/msgmnb is "));
    BOOST_TEST(it.stands());
}

BOOST_AUTO_TEST_CASE(where_no_message_has_room_in_any_queue_none_is_made, *utf::precondition(NeedsRoot{})) {
    using Queue = Sysv::Queue<Order>;
    const Sysv it;
    BOOST_TEST(in_own_namespace([&] {
        support::in_child_that_dies([&] { (new Queue{Queue::create(it.name, four)})->send({7, 0}); });
        set_limit(sys::sysv_most_bytes, 10);
        const auto is_told = [](const auto& refusal) {
            return refusal.is(std::errc::message_size) && refusal.says("(/proc/sys/kernel/msgmnb is 10) \"");
        };
        const bool stays =
            is_told(refusal_of([&] { return Queue::create(it.name); })) && Queue::open(it.name).receive().id == 7;
        return stays && !it.stands() && is_told(refusal_of([&] { return Queue::create(it.name); })) &&
               is_told(refusal_of([&] { return Queue::open_or_create(it.name); })) && is_clean(it);
    }));
}

BOOST_AUTO_TEST_CASE(the_limits_of_how_many_queues_there_are_are_told, *utf::precondition(NeedsRoot{})) {
    const auto key = support::unique_key();
    const auto name = support::unique_name();
    BOOST_TEST(in_own_namespace([&] {
        set_limit(sys::sysv_most_queues, 0);
        set_limit(sys::posix_most_queues, 0);
        const auto sysv = refusal_of([&] { return Sysv::Queue<Order>::create(key); });
        const bool told = sysv.is(std::errc::no_space_on_device) && sysv.says("(/proc/sys/kernel/msgmni is 0) \"");
        if (!become(nobody)) {
            return false;
        }
        const auto posix = refusal_of([&] { return Posix::Queue<Order>::create(name, Capacity{1}); });
        return told && posix.is(std::errc::no_space_on_device) &&
               posix.says("(/proc/sys/fs/mqueue/queues_max is 0) \"");
    }));
}

BOOST_AUTO_TEST_CASE(names_that_cannot_be_are_refused) {
    using Queue = Posix::Queue<Order>;
    BOOST_TEST(refusal_of([&] { return Queue::create("orders", four); }).is(std::errc::invalid_argument));
    BOOST_TEST(refusal_of([&] { return Queue::open("/a/b"); }).is(std::errc::invalid_argument));
    BOOST_TEST(
        refusal_of([&] { return Sysv::Queue<Order>::open(SysvKey{IPC_PRIVATE}); }).is(std::errc::invalid_argument));
    const std::string longest = "/" + std::string(250, 'x');
    const auto refusal = refusal_of([&] { return Queue::create(longest, four); });
    BOOST_TEST(refusal.is(std::errc::filename_too_long));
    BOOST_TEST(refusal.says("name of 250 bytes (at most "));
    BOOST_TEST(refusal_of([&] { return Queue::open_foreign(longest); }).is(std::errc::no_such_file_or_directory));
}
