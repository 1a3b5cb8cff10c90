// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE memory_kernel_object
/// A kernel of our own, whose objects are files and whose calls can kill their caller before or after.
#include "tenon/memory/kernel_object.hpp"

#include <boost/test/unit_test.hpp>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace memory = tenon::memory;
namespace sys = tenon::sys;
using memory::CompanionFile;
using support::Child;
using support::in_child;
using support::refusal_of;
using support::unique_name;
using tenon::Address;
using tenon::errc;
using tenon::Mode;

bool number_fails = false;

int steps = 0;
int fatal_step = -1;

/// A step of a call; the process does not survive the fatal one.
void step() {
    if (++steps == fatal_step) {
        ::raise(SIGKILL);
    }
}

/// Objects are files in /dev/shm. A new one is empty; finish() writes into it.
template <bool with_details>
struct Files {
    using Handle = sys::FileDescriptor;
    struct Wanted {
        CompanionFile::Details details;
        std::string_view words;
        bool can_be_finished = true;
        bool can_replace = true;
    };
    struct Status {
        ::uid_t creator;
        ::uid_t owner;
        ::mode_t mode;
        ::off_t size;
    };
    static constexpr bool keeps_details = with_details;
    static constexpr auto companion = memory::CompanionOf::posix_queue;
    static constexpr const char* find_call = "find";

    static std::string path(const Address& address) { return "/dev/shm" + address.text(); }
    static bool is_there(const Handle& object) noexcept { return static_cast<bool>(object); }
    static std::int32_t number(const Handle& object) {
        if (number_fails) {
            sys::throw_error(EIO, "number");
        }
        return static_cast<std::int32_t>(sys::status(object.get()).st_ino & 0x7fff'ffff);
    }
    static Handle find(const Address& address) {
        step();
        return Handle{::open(path(address).c_str(), O_RDWR | O_CLOEXEC)};
    }
    static Handle make(const Address& address, const Wanted&, Mode mode) {
        step();
        Handle made{::open(path(address).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode.bits)};
        const int error = errno;
        if (made) {
            ::fchmod(made.get(), mode.bits);
        }
        step();
        errno = error;
        return made;
    }
    [[noreturn]] static void refuse(int error, const Address& address, const Wanted&) {
        sys::throw_error(error, "make", address.text());
    }
    static Status status(const Handle& object, const std::string& name) {
        const auto seen = sys::status(object.get(), name);
        return {seen.st_uid, seen.st_uid, seen.st_mode, seen.st_size};
    }
    static bool is_untouched(const Handle&, const Status& status, const CompanionFile::Details&) {
        return status.size == 0;
    }
    static bool is_finished(const Status& status) { return status.size != 0; }
    static void finish(const Handle& object, const Wanted& wanted, Mode, const std::string& name) {
        step();
        if (!wanted.can_be_finished) {
            sys::throw_error(ERANGE, "finish", name);
        }
        sys::checked(::pwrite(object.get(), "x", 1, 0), "pwrite", name);
        step();
    }
    static void check_possible(const Handle&, const Wanted& wanted, const Address& address) {
        if (!wanted.can_replace) {
            sys::throw_error(EDOM, "make", address.text());
        }
    }
    static void remove(const Address& address, const Handle&) {
        step();
        sys::checked(::unlink(path(address).c_str()), "unlink", address.text());
        step();
    }
    static bool try_remove(const Address& address, const Handle&) noexcept {
        step();
        const bool removed = ::unlink(path(address).c_str()) == 0;
        step();
        return removed;
    }
};

constexpr auto anything = [](const auto&...) {};

/// An object of one kind or the other, under a name of its own.
template <bool with_details>
struct Place {
    using Object = memory::KernelObject<Files<with_details>>;
    using Wanted = typename Files<with_details>::Wanted;

    ~Place() {
        ::unlink(Files<with_details>::path(address).c_str());
        companion().unlink();
    }
    [[nodiscard]] Object create(Mode mode = tenon::private_mode) const { return Object::create(address, {}, mode); }
    [[nodiscard]] Object open() const { return Object::open(address, {}, anything); }
    [[nodiscard]] Object open_or_create() const {
        return Object::open_or_create(address, {}, tenon::private_mode, anything);
    }
    [[nodiscard]] CompanionFile companion() const { return {memory::CompanionOf::posix_queue, address}; }
    [[nodiscard]] bool stands() const { return support::exists(address.text()); }
    [[nodiscard]] bool has_companion() const {
        return !!companion().open_as_reader(tenon::Owner::caller(), Mode{0777});
    }
    [[nodiscard]] bool is_clean() const { return !stands() && !has_companion(); }
    /// What another program makes.
    void make_foreign(const char* content = "abc") const {
        const sys::FileDescriptor file{::open(Files<with_details>::path(address).c_str(), O_RDWR | O_CREAT, 0600)};
        BOOST_REQUIRE(::write(file.get(), content, 3) == 3);
    }

    Address address{unique_name()};
};
using Plain = Place<false>;
using Detailed = Place<true>;
using Places = std::tuple<Plain, Detailed>;

/// Runs `deed` in a child that dies at its k-th step.
/// Returns  false when it did not come to that.
template <class Deed>
bool dies_at(int k, Deed deed) {
    bool reached = false;
    Child child{[&] {
        steps = 0;
        fatal_step = k;
        deed();
        return true;
    }};
    reached = !child.succeeds();
    return reached;
}

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(the_last_user_removes_it_and_its_file, It, Places) {
    const It it;
    {
        auto first = it.create();
        BOOST_TEST(!!first);
        BOOST_TEST(first.name() == it.address.text());
        auto second = it.open();
        first = typename It::Object{};
        BOOST_TEST(!first);
        BOOST_TEST(it.stands());
        BOOST_TEST(it.has_companion());
    }
    BOOST_TEST(it.is_clean());
    BOOST_TEST(refusal_of([&] { return it.open(); }).text ==
               "find \"" + it.address.text() + "\": No such file or directory");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_in_use_is_not_replaced, It, Places) {
    const It it;
    const auto first = it.create();
    BOOST_TEST(refusal_of([&] { return it.create(); }).is(std::errc::file_exists));
    BOOST_TEST(!!it.open());
    BOOST_TEST(!!it.open_or_create());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_killed_user_left_is_opened_or_replaced, It, Places) {
    const It it;
    support::in_child_that_dies([&] { new typename It::Object{it.create()}; });
    BOOST_TEST(it.stands());
    BOOST_TEST(!!it.open());
    BOOST_TEST(it.is_clean());
    support::in_child_that_dies([&] { new typename It::Object{it.create()}; });
    BOOST_TEST(!!it.create());
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_creator_killed_anywhere_does_not_block_the_next, It, Places) {
    int deaths = 0;
    for (const int next : {0, 1, 2}) {
        for (int k = 1;; ++k) {
            const It it;
            if (!dies_at(k, [&] { new typename It::Object{it.create()}; })) {
                break;
            }
            ++deaths;
            if (next == 0) {
                const auto refusal = refusal_of([&] { return it.open(); });
                BOOST_TEST((!refusal.code || refusal.is(std::errc::no_such_file_or_directory) ||
                            refusal.is(errc::owner_died)));
            }
            BOOST_TEST((next == 2 ? !!it.open_or_create() : !!it.create()));
            BOOST_TEST(it.is_clean());
        }
    }
    BOOST_TEST(deaths >= 9);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_is_killed_while_leaving_or_removing_blocks_nobody, It, Places) {
    int deaths = 0;
    for (const bool removing : {false, true}) {
        for (int k = 1;; ++k) {
            const It it;
            const bool reached = dies_at(k, [&] {
                fatal_step = -1;
                auto sut = it.create();
                steps = 0;
                fatal_step = k;
                removing ? It::Object::remove(it.address) : sut.close();
            });
            if (!reached) {
                break;
            }
            ++deaths;
            BOOST_TEST(!!it.open_or_create());
            BOOST_TEST(it.is_clean());
        }
    }
    BOOST_TEST(deaths >= 4);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_another_program_made_is_neither_replaced_nor_removed_by_leaving, It, Places) {
    const It it;
    it.make_foreign();
    BOOST_TEST(refusal_of([&] { return it.create(); }).is(std::errc::file_exists));
    BOOST_TEST(!it.has_companion());
    static_cast<void>(refusal_of([&] { return it.open(); }));
    BOOST_TEST(!!It::Object::open_foreign(it.address, {}, anything));
    BOOST_TEST(it.stands());
    BOOST_TEST(!it.has_companion());
}

BOOST_AUTO_TEST_CASE(only_where_there_are_no_details_is_another_programs_opened_and_removed) {
    const Plain plain;
    plain.make_foreign();
    BOOST_TEST(!!plain.open());
    Plain::Object::remove(plain.address);
    BOOST_TEST(!plain.stands());
    const Detailed detailed;
    detailed.make_foreign();
    const auto refusal = refusal_of([&] { return detailed.open(); });
    BOOST_TEST(refusal.is(errc::corrupted));
    BOOST_TEST(refusal.says("\"" + detailed.address.text() + "\" was not made by tenon: "));
    BOOST_TEST(refusal_of([&] { return detailed.open_or_create(); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { Detailed::Object::remove(detailed.address); }).is(errc::corrupted));
    BOOST_TEST(detailed.stands());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(another_programs_beside_the_record_of_a_dead_creator_stays, It, Places) {
    const It it;
    BOOST_REQUIRE(dies_at(2, [&] { new typename It::Object{it.create()}; }));  // before make()
    it.make_foreign();
    BOOST_TEST(refusal_of([&] { return it.create(); }).is(std::errc::file_exists));
    BOOST_TEST(it.stands());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_persists_stays_until_it_is_removed, It, Places) {
    const It it;
    it.create().persist();
    BOOST_TEST(it.stands());
    BOOST_TEST(!!it.open());
    BOOST_TEST(it.stands());
    BOOST_TEST(refusal_of([&] { return it.create(); }).is(std::errc::file_exists));
    It::Object::remove(it.address);
    BOOST_TEST(it.is_clean());
    BOOST_TEST(refusal_of([&] { It::Object::remove(it.address); }).is(std::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_refused_creation_leaves_nothing, It, Places) {
    const It it;
    typename It::Wanted wanted;
    wanted.can_be_finished = false;
    const auto refusal = refusal_of([&] { return It::Object::create(it.address, wanted, tenon::private_mode); });
    BOOST_TEST(refusal.is(std::errc::result_out_of_range));
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_creation_that_cannot_be_recorded_leaves_nothing, It, Places) {
    const It it;
    number_fails = true;
    const auto refusal = refusal_of([&] { return it.create(); });
    number_fails = false;
    BOOST_TEST(refusal.is(std::errc::io_error));
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_cannot_be_replaced_is_not_removed_first, It, Places) {
    const It it;
    support::in_child_that_dies([&] { new typename It::Object{it.create()}; });
    typename It::Wanted wanted;
    wanted.can_replace = false;
    BOOST_TEST(refusal_of([&] {
                   return It::Object::create(it.address, wanted, tenon::private_mode);
               }).is(std::errc::argument_out_of_domain));
    BOOST_TEST(it.stands());
    BOOST_TEST(!!it.open());
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_others_may_have_written_into_the_file_is_believed_of_what_they_may_write_too, It,
                              Places) {
    const It it;
    support::in_child_that_dies([&] { new typename It::Object{it.create(Mode{0666})}; });
    BOOST_REQUIRE(::chmod(Files<false>::path(it.address).c_str(), 0600) == 0);  // a private one under that record
    BOOST_TEST(refusal_of([&] { return it.create(); }).is(std::errc::file_exists));
    BOOST_TEST(it.stands());
    BOOST_REQUIRE(::chmod(Files<false>::path(it.address).c_str(), 0666) == 0);
    BOOST_TEST(!!it.create());
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_removed_from_outside_can_be_made_anew_and_its_users_leave_the_new_one, It, Places) {
    const It it;
    auto old = it.create();
    ::unlink(Files<false>::path(it.address).c_str());
    BOOST_TEST(refusal_of([&] { return it.open(); }).is(std::errc::no_such_file_or_directory));
    {
        auto heir = it.create();
        old = typename It::Object{};
        BOOST_TEST(it.stands());
    }
    BOOST_TEST(it.is_clean());
    auto other = it.create();
    ::unlink(Files<false>::path(it.address).c_str());
    static_cast<void>(it.create());  // under the file of `other`, who is still there
    other = typename It::Object{};
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_that_leaves_does_not_bury_its_parents_object, It, Places) {
    const It it;
    auto sut = it.create();
    BOOST_TEST(in_child([&] {
        sut.close();
        return it.stands();
    }));
    BOOST_TEST(it.stands());
    BOOST_TEST(!!it.open());
    sut.close();
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_child_that_outlives_its_parents_handle_buries, It, Places) {
    const It it;
    auto sut = it.create();
    Child child{[&] {
        ::usleep(50'000);
        sut.close();
        return it.is_clean();
    }};
    sut.close();
    BOOST_TEST(it.stands());
    BOOST_TEST(child.succeeds());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_waits_for_it_gets_it_and_who_waits_in_vain_is_told, It, Places) {
    const It it;
    Child maker{[&] {
        ::usleep(20'000);
        const auto made = it.create();
        ::usleep(200'000);
        return true;
    }};
    const auto soon = [] { return sys::monotonic_now() + 5'000'000'000; };
    BOOST_TEST(
        !!It::Object::open_when_there(it.address, {tenon::owner_writes, tenon::Owner::caller(), soon()}, anything));
    maker.kill_now();
    const It other;
    const auto until = sys::monotonic_now() + 15'000'000;
    const auto refusal = refusal_of([&] {
        return It::Object::open_when_there(other.address, {tenon::owner_writes, tenon::Owner::caller(), until},
                                           anything);
    });
    BOOST_TEST(refusal.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(sys::monotonic_now() >= until);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(four_processes_that_come_and_go_leave_nothing, It, Places) {
    const It it;
    BOOST_TEST(support::in_children(4, [&] {
        bool fine = true;
        for (int k = 0; k < 500; ++k) {
            const auto sut = it.open_or_create();
            fine = fine && sys::status(sut.handle().get()).st_size == 1;
        }
        return fine;
    }));
    BOOST_TEST(it.is_clean());
}

BOOST_AUTO_TEST_CASE(a_judge_that_refuses_lets_an_unused_misfit_be_replaced_and_one_in_use_stay) {
    const Detailed it;
    int judged = 0;
    const auto never_fits = [&](const Detailed::Object::Found&) {
        ++judged;
        memory::throw_error(errc::layout_mismatch, "a");
    };
    support::in_child_that_dies([&] { new Detailed::Object{it.create()}; });
    const auto sut = Detailed::Object::open_or_create(it.address, {}, tenon::private_mode, never_fits);
    BOOST_TEST(judged == 1);
    BOOST_TEST(refusal_of([&] {
                   return Detailed::Object::open_or_create(it.address, {}, tenon::private_mode, never_fits);
               }).is(errc::layout_mismatch));
    BOOST_TEST(it.stands());
}

BOOST_AUTO_TEST_CASE(handles_move) {
    static_assert(std::is_nothrow_move_constructible_v<Plain::Object>);
    static_assert(!std::is_copy_constructible_v<Plain::Object>);
    const Plain it;
    Plain::Object last;
    {
        auto first = it.create();
        auto second = std::move(first);
        BOOST_TEST(!first);
        last = std::move(second);
    }
    BOOST_TEST(it.stands());
    BOOST_TEST(last.name() == it.address.text());
    last.close();
    BOOST_TEST(it.is_clean());
}
