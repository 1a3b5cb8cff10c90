// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE memory_companion_file
#include "tenon/memory/companion_file.hpp"

#include <boost/test/unit_test.hpp>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace memory = tenon::memory;
namespace sys = tenon::sys;
using memory::CompanionFile;
using memory::SysvObject;
using support::Child;
using support::refusal_of;
using tenon::errc;
using tenon::Mode;
using tenon::Owner;

std::string path_of(SysvObject object, tenon::SysvKey key) {
    struct ::stat ns {};
    ::stat("/proc/self/ns/ipc", &ns);
    return "/dev/shm/tenon." + std::to_string(ns.st_ino) + (object == SysvObject::shared_memory ? ".shm." : ".sem.") +
           key.text().substr(4);
}

/// A companion file without a System V object, gone at the end of the scope.
struct Beside {
    ~Beside() { sut.unlink(); }
    [[nodiscard]] memory::Gate make(Mode mode = tenon::private_mode) const { return sut.open_or_create(mode, never); }
    [[nodiscard]] memory::Gate open(Mode most = tenon::owner_writes, Owner trusted = Owner::caller()) const {
        return sut.open(trusted, most, never);
    }
    static constexpr std::int64_t never = sys::end_of_time;
    tenon::SysvKey key = support::unique_key();
    CompanionFile sut{SysvObject::shared_memory, key};
    std::string path = path_of(SysvObject::shared_memory, key);
};

bool gate_is_shut(const std::string& path) {
    return sys::locked_by_others(sys::open(path.c_str(), O_RDONLY).get(), memory::gate_byte, 1);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_an_empty_descriptor) {
    const Beside it;
    BOOST_TEST(!it.open());
    BOOST_TEST(!it.sut.open_as_reader(Owner::caller(), tenon::owner_writes));
    BOOST_TEST(::access(it.path.c_str(), F_OK) == -1);
}

BOOST_AUTO_TEST_CASE(a_new_file_has_its_mode_and_its_maker_holds_the_gate) {
    const Beside it;
    const ::mode_t before = ::umask(0777);
    auto gate = it.make(Mode{0640});
    ::umask(before);
    BOOST_TEST((sys::status(gate.get()).st_mode & 07777) == 0640U);
    BOOST_TEST((::fcntl(gate.get(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST(gate_is_shut(it.path));
    gate = memory::Gate{};
    BOOST_TEST(!gate_is_shut(it.path));
    gate = it.open();
    BOOST_TEST(!!gate);
    BOOST_TEST(gate_is_shut(it.path));
}

BOOST_AUTO_TEST_CASE(segments_and_semaphores_of_one_key_have_files_of_their_own) {
    const Beside it;
    const CompanionFile other{SysvObject::semaphores, it.key};
    const auto first = it.make();
    const auto second = other.open_or_create(tenon::private_mode, Beside::never);
    BOOST_TEST(sys::status(first.get()).st_ino != sys::status(second.get()).st_ino);
    BOOST_TEST(::access(path_of(SysvObject::semaphores, it.key).c_str(), F_OK) == 0);
    other.unlink();
}

BOOST_AUTO_TEST_CASE(a_record_is_read_back_and_an_empty_file_names_nobody) {
    const Beside it;
    auto gate = it.make();
    BOOST_TEST(it.sut.read(gate.get()).creator == 0U);
    BOOST_TEST(it.sut.read(gate.get()).id == -1);
    it.sut.write(gate.get(), {123, 456});
    gate = memory::Gate{};
    gate = it.open();
    BOOST_TEST(it.sut.read(gate.get()).creator == 123U);
    BOOST_TEST(it.sut.read(gate.get()).id == 456);
    BOOST_REQUIRE(::ftruncate(gate.get(), 5) == 0);
    BOOST_TEST(it.sut.read(gate.get()).creator == 0U);
    BOOST_TEST(it.sut.read(-1).creator == 0U);
    BOOST_TEST(refusal_of([&] { it.sut.write(-1, {}); }).text == "pwrite \"" + it.path + "\": Bad file descriptor");
}

BOOST_AUTO_TEST_CASE(only_a_file_beside_which_nothing_was_made_is_unused) {
    const Beside it;
    const auto gate = it.make();
    it.sut.write(gate.get(), {123, -1});
    it.sut.unlink_unused(gate.get());
    BOOST_TEST(::access(it.path.c_str(), F_OK) == 0);
    it.sut.write(gate.get(), {});
    it.sut.unlink_unused(gate.get());
    BOOST_TEST(::access(it.path.c_str(), F_OK) == -1);
}

BOOST_AUTO_TEST_CASE(what_is_forgotten_is_unused_and_forgetting_never_fails) {
    const Beside it;
    const auto gate = it.make();
    it.sut.write(gate.get(), {123, 456});
    it.sut.forget(-1);
    it.sut.forget(gate.get());
    it.sut.unlink_unused(gate.get());
    BOOST_TEST(::access(it.path.c_str(), F_OK) == -1);
}

BOOST_AUTO_TEST_CASE(a_file_of_ones_own_may_be_tolerated_with_any_mode_and_be_given_another) {
    const Beside it;
    static_cast<void>(it.make(Mode{0666}));
    BOOST_TEST(refusal_of([&] { return it.make(); }).is(make_error_code(tenon::errc::untrusted)));
    const auto gate = it.sut.open_or_create(tenon::private_mode, Beside::never, Mode{0777});
    BOOST_TEST((sys::status(gate.get()).st_mode & 07777) == 0666U);
    it.sut.set_mode(gate.get(), Mode{0620});
    BOOST_TEST((sys::status(gate.get()).st_mode & 07777) == 0620U);
    if (::geteuid() == 0) {
        BOOST_REQUIRE(::fchown(gate.get(), 65'534, 65'534) == 0);
        BOOST_TEST(refusal_of([&] {
                       return it.sut.open_or_create(tenon::private_mode, Beside::never, Mode{0777});
                   }).is(make_error_code(tenon::errc::untrusted)));
        it.sut.set_mode(gate.get(), Mode{0600});  // not ours: stays
        BOOST_TEST((sys::status(gate.get()).st_mode & 07777) == 0620U);
    }
}

BOOST_AUTO_TEST_CASE(a_gate_that_stays_shut_is_not_ready) {
    const Beside it;
    const auto gate = it.make();
    const auto until = sys::monotonic_now() + 20'000'000;
    const auto refusal = refusal_of([&] { return it.sut.open(Owner::caller(), tenon::owner_writes, until); });
    BOOST_TEST(refusal.is(errc::not_ready));
    BOOST_TEST(refusal.says("\"" + it.key.text() + "\": "));
    BOOST_TEST(sys::monotonic_now() >= until);
    BOOST_TEST(refusal_of([&] { return it.sut.open_or_create(tenon::private_mode, 0); }).is(errc::not_ready));
}

BOOST_AUTO_TEST_CASE(who_is_killed_in_the_gate_leaves_it_open) {
    const Beside it;
    support::in_child_that_dies([&] { new memory::Gate{it.make()}; });
    BOOST_TEST(!!it.sut.open(Owner::caller(), tenon::owner_writes, sys::monotonic_now() + 10'000'000'000));
}

BOOST_AUTO_TEST_CASE(who_waits_at_the_gate_of_a_file_that_is_buried_looks_again) {
    const Beside it;
    const auto bury_before = [&](auto judge) {
        auto gate = it.make();
        Child child{[&] {
            return judge();  // that the child inherits the gate's descriptor does not keep it shut
        }};
        ::usleep(20'000);
        it.sut.unlink();
        gate = memory::Gate{};
        return child.succeeds();
    };
    BOOST_TEST(bury_before([&] { return !it.open(); }));
    BOOST_TEST(bury_before([&] { return sys::status(it.make().get()).st_nlink == 1; }));
}

BOOST_AUTO_TEST_CASE(a_reader_needs_no_gate) {
    const Beside it;
    const auto gate = it.make();
    const auto reader = it.sut.open_as_reader(Owner::caller(), tenon::owner_writes);
    BOOST_TEST(!!reader);
    BOOST_TEST((::fcntl(reader.get(), F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST((::fcntl(reader.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_in_its_place_is_refused) {
    const Beside it;
    BOOST_REQUIRE(::symlink("/dev/null", it.path.c_str()) == 0);
    BOOST_TEST(refusal_of([&] { return it.open(); }).is(std::errc::too_many_symbolic_link_levels));
    const auto refusal = refusal_of([&] { return it.make(); });
    BOOST_TEST(refusal.is(std::errc::too_many_symbolic_link_levels));
    BOOST_TEST(refusal.says("open \"" + it.path + "\": "));
    BOOST_TEST(refusal_of([&] {
                   return it.sut.open_as_reader(Owner::caller(), tenon::owner_writes);
               }).is(std::errc::too_many_symbolic_link_levels));
}

BOOST_AUTO_TEST_CASE(a_file_is_known_by_its_identity) {
    const Beside it;
    const auto first = it.make();
    const auto status = sys::status(first.get());
    const memory::Identity identity{status.st_dev, status.st_ino};
    BOOST_TEST(it.sut.is(identity));
    it.sut.unlink();
    BOOST_TEST(!it.sut.is(identity));
    const auto second = it.make();
    BOOST_TEST(!it.sut.is(identity));
}

BOOST_AUTO_TEST_CASE(what_others_may_write_is_not_trusted_unless_tolerated) {
    const Beside it;
    const auto made = it.make(Mode{0666}).get();
    BOOST_TEST(made != -1);
    const auto refusal = refusal_of([&] { return it.open(); });
    BOOST_TEST(refusal.is(errc::untrusted));
    BOOST_TEST(refusal.says("may be written by anybody: pass the tenon::Mode that you tolerate"));
    BOOST_TEST(refusal_of([&] { return it.make(); }).is(errc::untrusted));
    BOOST_TEST(
        refusal_of([&] { return it.sut.open_as_reader(Owner::caller(), tenon::owner_writes); }).is(errc::untrusted));
    BOOST_TEST(!!it.open(Mode{0666}));
}

BOOST_AUTO_TEST_CASE(trust_is_a_matter_of_owner_and_of_writers) {
    const auto check = [](::uid_t owner, ::mode_t mode, Owner trusted, Mode most) {
        return refusal_of([&] { memory::check_trust(owner, mode, trusted, most, "/a"); });
    };
    const ::uid_t me = ::geteuid();
    const ::uid_t stranger = me + 4711;
    BOOST_CHECK_NO_THROW(memory::check_trust(me, 0644, Owner{me}, tenon::owner_writes, "/a"));
    BOOST_CHECK_NO_THROW(memory::check_trust(0, 0600, Owner{me}, tenon::owner_writes, "/a"));
    BOOST_CHECK_NO_THROW(memory::check_trust(me, 0600, Owner{stranger}, tenon::owner_writes, "/a"));
    BOOST_CHECK_NO_THROW(memory::check_trust(stranger, 0600, Owner{stranger}, tenon::owner_writes, "/a"));
    const auto refusal = check(stranger, 0600, Owner{me}, tenon::owner_writes);
    BOOST_TEST(refusal.is(errc::untrusted));
    BOOST_TEST(refusal.says("\"/a\" belongs to user " + std::to_string(stranger)));
    BOOST_TEST(refusal.says("pass tenon::Owner{" + std::to_string(stranger) + "} to trust it"));
    BOOST_TEST(check(me, 0620, Owner{me}, tenon::owner_writes).says("may be written by its group"));
    BOOST_TEST(check(me, 0602, Owner{me}, Mode{0660}).says("may be written by anybody"));
    BOOST_CHECK_NO_THROW(memory::check_trust(me, 0660, Owner{me}, Mode{0660}, "/a"));
}
