// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE bad_input
/// What the environment, a stranger or a clumsy hand can put in the way of a shared object. Each is refused in the
/// system's words and by name, loses nothing, and leaks neither a descriptor nor a segment.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "support/users.hpp"
#include "tenon/payload/fixed_string.hpp"
#include "tenon/semaphore_guard.hpp"
#include "tenon/shared_object.hpp"

namespace {

using namespace std::chrono_literals;
using support::become;
using support::Census;
using support::in_child;
using support::NeedsRoot;
using support::nobody;
using support::refusal_of;
using support::unique_key;
using support::unique_name;
using tenon::errc;
using tenon::Mode;
using tenon::SharedObject;

struct Order {
    std::uint64_t id = 0;
    double price = 0;
    tenon::FixedString<16> item;
};

struct OtherOrder {
    std::uint64_t id = 0;
    float price = 0;
    tenon::FixedString<16> item;
};

struct Megabyte {
    unsigned char bytes[1'000'000];
};

/// Writes raw bytes into the file of a POSIX object.
template <class Value>
void scribble(const std::string& name, std::size_t offset, Value value) {
    const tenon::sys::FileDescriptor file = tenon::sys::open(("/dev/shm" + name).c_str(), O_RDWR);
    BOOST_REQUIRE(::pwrite(file.get(), &value, sizeof value, static_cast<off_t>(offset)) == sizeof value);
}

std::string bytes_of(const std::string& name) {
    std::ifstream file{"/dev/shm" + name, std::ios::binary};
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& name, const std::string& bytes) {
    std::ofstream{"/dev/shm" + name, std::ios::binary} << bytes;
    ::chmod(("/dev/shm" + name).c_str(), 0600);
}

}  // namespace

namespace utf = boost::unit_test;

BOOST_AUTO_TEST_CASE(a_taken_name_is_refused_and_the_object_that_has_it_is_untouched) {
    const auto name = unique_name();
    auto there = SharedObject<Order>::create(name, Order{.id = 1, .price = 2, .item = "x"});
    const Census before;
    const auto refusal = refusal_of([&] { return SharedObject<Order>::create(name); });
    BOOST_TEST(refusal.is(std::errc::file_exists));
    BOOST_TEST(refusal.says("linkat \"" + name + "\": File exists"));
    BOOST_TEST(Census{} == before);
    BOOST_TEST(there.load().id == 1U);
}

BOOST_AUTO_TEST_CASE(a_missing_name_is_told_as_the_system_tells_it) {
    const auto name = unique_name();
    const Census before;
    const auto refusal = refusal_of([&] { return SharedObject<Order>::open(name); });
    BOOST_TEST(refusal.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(refusal.text == "shm_open \"" + name + "\": No such file or directory");
    const auto key = unique_key();
    const auto sysv = refusal_of([&] { return SharedObject<Order>::open(key); });
    BOOST_TEST(sysv.is(std::errc::no_such_file_or_directory));
    BOOST_TEST(sysv.says("shmget \"" + key.text() + "\""));
    std::error_code error;
    BOOST_TEST(!SharedObject<Order>::open(name, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(names_that_cannot_be_names_are_refused_with_the_reason) {
    const Census before;
    const std::string longest = "/" + std::string(255, 'n');
    const std::string too_long = longest + "n";
    const auto refusal = refusal_of([&] { return SharedObject<Order>::create(too_long); });
    BOOST_TEST(refusal.is(std::errc::filename_too_long));
    BOOST_TEST(refusal.says("256 bytes after its slash, at most 255"));
    for (const std::string name : {"", "order", "/", "/a/b", "/.", "/..", "//"}) {
        BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(name); }).is(std::errc::invalid_argument));
        BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(name); }).is(std::errc::invalid_argument));
        std::error_code error;
        BOOST_TEST(!SharedObject<Order>::open_or_create(name, error));
        BOOST_TEST((error == std::errc::invalid_argument));
    }
    BOOST_TEST(refusal_of([&] {
                   return SharedObject<Order>::create(std::string("/a\0b", 4));
               }).is(std::errc::invalid_argument));
    BOOST_TEST(
        refusal_of([&] { return SharedObject<Order>::create(tenon::SysvKey{0}); }).is(std::errc::invalid_argument));
    BOOST_TEST(Census{} == before);
    static_cast<void>(SharedObject<Order>::create(longest));  // the longest works
}

BOOST_AUTO_TEST_CASE(an_object_of_a_stranger_is_refused_until_he_is_named, *utf::precondition(NeedsRoot{})) {
    const auto name = unique_name();
    BOOST_REQUIRE(in_child([&] {
        if (!become(nobody)) {
            return false;
        }
        SharedObject<Order>::create(name, Order{.id = 5, .price = 0, .item = {}}).persist();
        return true;
    }));
    const Census before;
    const auto refusal = refusal_of([&] { return SharedObject<Order>::open(name); });
    BOOST_TEST(refusal.is(errc::untrusted));
    BOOST_TEST(refusal.says(name));
    BOOST_TEST(refusal.says("65534"));
    BOOST_TEST(Census{} == before);
    BOOST_TEST(SharedObject<Order>::open(name, tenon::owner_writes, tenon::Owner{nobody}).load().id == 5U);
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(name); }).is(std::errc::file_exists));
    SharedObject<Order>::remove(name);
}

BOOST_AUTO_TEST_CASE(an_object_that_anybody_may_write_is_refused_until_that_is_said) {
    const auto name = unique_name();
    auto there = SharedObject<Order>::create(name, Mode{0666});
    const Census before;
    const auto refusal = refusal_of([&] { return SharedObject<Order>::open(name); });
    BOOST_TEST(refusal.is(errc::untrusted));
    BOOST_TEST(refusal.says("may be written by anybody"));
    BOOST_TEST(Census{} == before);
    BOOST_TEST(!!SharedObject<Order>::open(name, Mode{0666}));
    ::chmod(("/dev/shm" + name).c_str(), 0660);
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(name); }).says("written by its group"));
}

BOOST_AUTO_TEST_CASE(new_objects_are_private_whatever_the_umask) {
    const mode_t old = ::umask(0);
    const auto name = unique_name();
    auto sut = SharedObject<Order>::create(name);
    ::umask(0777);
    const auto open_name = unique_name();
    auto shared = SharedObject<Order>::create(open_name, Mode{0644});
    ::umask(old);
    struct ::stat status {};
    BOOST_REQUIRE(::stat(("/dev/shm" + name).c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0600U);
    BOOST_REQUIRE(::stat(("/dev/shm" + open_name).c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0644U);
}

BOOST_AUTO_TEST_CASE(permission_denied_is_told_to_another_user, *utf::precondition(NeedsRoot{})) {
    const auto name = unique_name();
    const auto key = unique_key();
    auto there = SharedObject<Order>::create(name, Mode{0644});
    auto closed = SharedObject<Order>::create(key);
    auto semaphore = tenon::SysvSemaphore::create(key, tenon::Permits{1});
    BOOST_TEST(in_child([&] {
        const auto read_write = [&] { return SharedObject<Order>::open(name); };
        const auto read = [&] { return SharedObject<const Order>::open(name); };
        const auto sysv = [&] { return SharedObject<const Order>::open(key); };
        const auto sem = [&] { return tenon::SysvSemaphore::open(key); };
        if (!become(nobody)) {
            return false;
        }
        const Census before;
        const auto refusal = refusal_of(read_write);
        const bool may_read = read().load().id == 0;
        return may_read && refusal.is(std::errc::permission_denied) &&
               refusal.text == "shm_open \"" + name + "\": Permission denied" &&
               refusal_of(sysv).is(std::errc::permission_denied) && refusal_of(sem).is(std::errc::permission_denied) &&
               Census{} == before;
    }));
}

BOOST_AUTO_TEST_CASE(another_kind_of_object_is_refused_with_both_kinds) {
    const auto name = unique_name();
    auto semaphore = tenon::Semaphore::create(name, tenon::Permits{2});
    const Census before;
    const auto refusal = refusal_of([&] { return SharedObject<Order>::open(name); });
    BOOST_TEST(refusal.is(errc::kind_mismatch));
    BOOST_TEST(refusal.says("is a Semaphore, not a SharedObject"));
    BOOST_TEST(refusal_of([&] { return tenon::SignalSemaphore::open(name); }).is(errc::kind_mismatch));
    BOOST_TEST(refusal_of([&] { return tenon::RobustLock::open(name); }).is(errc::kind_mismatch));
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(another_layout_is_refused_and_both_are_printed_with_the_difference_marked) {
    const auto name = unique_name();
    auto there = SharedObject<OtherOrder>::create(name);
    const Census before;
    const auto refusal = refusal_of([&] { return SharedObject<Order>::open(name); });
    BOOST_TEST(refusal.is(errc::layout_mismatch));
    BOOST_TEST(refusal.says("price f64"));
    BOOST_TEST(refusal.says("price f32"));
    BOOST_TEST(refusal.says("->"));
    BOOST_TEST(
        refusal_of([&] { return SharedObject<Order>::open_or_create(name); }).is(errc::layout_mismatch));  // in use
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(another_format_version_is_refused_with_both_versions) {
    const auto name = unique_name();
    auto there = SharedObject<Order>::create(name);
    scribble(name, 8, std::uint32_t{7});
    const auto refusal = refusal_of([&] { return SharedObject<Order>::open(name); });
    BOOST_TEST(refusal.is(errc::version_mismatch));
    BOOST_TEST(refusal.says("format version 7, this program reads version 1"));
    scribble(name, 8, tenon::memory::format_version);
    BOOST_TEST(!!SharedObject<Order>::open(name));
}

BOOST_AUTO_TEST_CASE(another_capacity_is_refused_with_both) {
    const auto name = unique_name();
    auto there = tenon::Semaphore::create(name, tenon::Permits{4});
    const auto refusal = refusal_of([&] { return tenon::Semaphore::open_or_create(name, tenon::Permits{5}); });
    BOOST_TEST(refusal.is(errc::capacity_mismatch));
    BOOST_TEST(refusal.says("has 4, not 5"));
    BOOST_TEST(refusal_of([&] {
                   return tenon::Semaphore::create(unique_name(), tenon::Permits{0});
               }).is(std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_truncated_segment_is_refused_with_both_sizes) {
    const auto name = unique_name();
    auto there = SharedObject<Order>::create(name);
    const auto whole = bytes_of(name);
    const Census before;
    for (const std::size_t size :
         {whole.size() - 1, whole.size() / 2, std::size_t{128}, std::size_t{127}, std::size_t{1}, std::size_t{0}}) {
        const auto copy = unique_name();
        write_file(copy, whole.substr(0, size));
        const auto refusal = refusal_of([&] { return SharedObject<Order>::open(copy); });
        BOOST_TEST(refusal.is(errc::corrupted));
        BOOST_TEST(refusal.says(std::to_string(size)));
        BOOST_TEST(refusal_of([&] { return SharedObject<const Order>::open(copy); }).is(errc::corrupted));
        ::shm_unlink(copy.c_str());
    }
    const auto longer = unique_name();
    write_file(longer, whole + "x");
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(longer); }).is(errc::corrupted));
    ::shm_unlink(longer.c_str());
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_tenon_object_is_refused_and_stays) {
    const auto name = unique_name();
    const std::string path = "/dev/shm" + name;
    const Census before;
    write_file(name, std::string(5000, 'z'));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(name); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(name); }).is(std::errc::file_exists));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open_or_create(name); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::remove(name), 0; }).is(errc::corrupted));
    BOOST_TEST(bytes_of(name) == std::string(5000, 'z'));
    ::unlink(path.c_str());

    BOOST_REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(name); }).is(std::errc::invalid_argument));
    BOOST_TEST(refusal_of([&] { return SharedObject<const Order>::open(name); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(name); }).is(std::errc::file_exists));
    ::rmdir(path.c_str());

    BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(name); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<const Order>::open(name); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(name); }).is(std::errc::file_exists));
    ::unlink(path.c_str());

    BOOST_REQUIRE(::symlink("/etc/passwd", path.c_str()) == 0);
    BOOST_TEST(
        refusal_of([&] { return SharedObject<const Order>::open(name); }).is(std::errc::too_many_symbolic_link_levels));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(name); }).is(std::errc::file_exists));
    ::unlink(path.c_str());
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(a_foreign_system_v_segment_is_refused_and_stays) {
    const auto key = unique_key();
    const int id = ::shmget(key.value(), 8192, IPC_CREAT | IPC_EXCL | 0600);
    BOOST_REQUIRE(id != -1);
    const Census before;
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open(key); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::create(key); }).is(std::errc::file_exists));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::open_or_create(key); }).is(errc::corrupted));
    BOOST_TEST(refusal_of([&] { return SharedObject<Order>::remove(key), 0; }).is(errc::corrupted));
    BOOST_TEST(Census{} == before);
    BOOST_TEST(::shmctl(id, IPC_RMID, nullptr) == 0);
}

BOOST_AUTO_TEST_CASE(full_shared_memory_is_an_error_at_creation_and_nothing_stays, *utf::precondition(NeedsRoot{})) {
    BOOST_TEST(in_child([] {
        if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("small", "/dev/shm", "tmpfs", 0, "size=512k") != 0) {
            return false;
        }
        const auto small = SharedObject<Order>::create("/small");
        const Census before;
        const auto refusal = refusal_of([] { return SharedObject<Megabyte>::create("/large"); });
        const bool told = refusal.is(std::errc::no_space_on_device) &&
                          refusal.text == "fallocate \"/large\": No space left on device";
        const auto again = SharedObject<Order>::create("/another");  // the room that there is can be used
        return told && Census{}.descriptors == before.descriptors + 2 && !support::exists("/large") &&
               small.load().id == 0;
    }));
}

BOOST_AUTO_TEST_CASE(the_limits_of_system_v_are_told, *utf::precondition(NeedsRoot{})) {
    BOOST_TEST(in_child([] {
        if (::unshare(CLONE_NEWIPC) != 0) {
            return false;
        }
        std::ofstream{"/proc/sys/kernel/shmmni"} << 1;
        std::ofstream{"/proc/sys/kernel/sem"} << "250 32000 32 1";
        const auto first = SharedObject<Order>::create(tenon::SysvKey{1});
        const auto names = support::entries("/dev/shm");
        const auto second = refusal_of([] { return SharedObject<Order>::create(tenon::SysvKey{2}); });
        const bool told = second.is(std::errc::no_space_on_device) && second.says("shmget \"key 0x2\"") &&
                          support::entries("/dev/shm") == names;
        const auto semaphore = tenon::SysvSemaphore::create(tenon::SysvKey{1}, tenon::Permits{1});
        const auto more_names = support::entries("/dev/shm");
        const auto another =
            refusal_of([] { return tenon::SysvSemaphore::create(tenon::SysvKey{2}, tenon::Permits{1}); });
        const bool also_told = another.is(std::errc::no_space_on_device) && another.says("semget \"key 0x2\"") &&
                               support::entries("/dev/shm") == more_names;
        std::ofstream{"/proc/sys/kernel/shmmni"} << 4096;
        std::ofstream{"/proc/sys/kernel/shmmax"} << 100'000;
        const auto large = refusal_of([] { return SharedObject<Megabyte>::create(tenon::SysvKey{3}); });
        return told && also_told && large.is(std::errc::invalid_argument) && large.says("shmget") &&
               first.load().id == 0;
    }));
}

BOOST_AUTO_TEST_CASE(without_a_free_descriptor_nothing_is_made_and_what_there_is_goes_on) {
    const auto name = unique_name();
    const auto key = unique_key();
    auto there = SharedObject<Order>::create(name);
    BOOST_TEST(in_child([&] {
        const Census before;
        const ::rlimit none{before.descriptors - 1, before.descriptors + 100};  // the census itself had one open
        ::setrlimit(RLIMIT_NOFILE, &none);
        bool fine = true;
        for (::rlim_t spare = 0; spare < 4; ++spare) {
            const ::rlimit some{before.descriptors - 1 + spare, before.descriptors + 100};
            ::setrlimit(RLIMIT_NOFILE, &some);
            for (const auto& refusal : {refusal_of([&] { return SharedObject<Order>::create("/tenon-test.never"); }),
                                        refusal_of([&] { return SharedObject<Order>::open(name); }),
                                        refusal_of([&] { return SharedObject<Order>::create(key); }),
                                        refusal_of([&] { return SharedObject<Order>::anonymous(); }), refusal_of([&] {
                                            return tenon::SysvSemaphore::create(key, tenon::Permits{1});
                                        })}) {
                if (refusal.code && !refusal.is(std::errc::too_many_files_open)) {
                    std::fprintf(stderr, "%llu spare: %s\n", static_cast<unsigned long long>(spare),
                                 refusal.text.c_str());
                    fine = false;
                }
            }
        }
        static_cast<void>(there.load());
        const ::rlimit plenty{before.descriptors + 100, before.descriptors + 100};
        ::setrlimit(RLIMIT_NOFILE, &plenty);
        there.store(Order{.id = 2, .price = 0, .item = {}});
        const Census after;
        return fine && after == before && !support::exists("/tenon-test.never") &&
               SharedObject<Order>::open(name).load().id == 2;
    }));
}

BOOST_AUTO_TEST_CASE(every_field_of_the_header_is_checked) {
    const auto name = unique_name();
    auto there = SharedObject<Order>::create(name);
    const auto whole = bytes_of(name);
    const Census before;
    for (std::size_t offset = 0; offset < 60; offset += 4) {  // the last one, the creator's pid, is for people
        for (const std::uint32_t garbage : {0x00000000U, 0x00000001U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
            auto image = whole;
            if (std::memcmp(image.data() + offset, &garbage, 4) == 0) {
                continue;
            }
            std::memcpy(image.data() + offset, &garbage, 4);
            const auto copy = unique_name();
            write_file(copy, image);
            const auto refusal = refusal_of([&] { return SharedObject<Order>::open(copy); });
            const bool harmless = offset == 36 || (offset == 56 && garbage == 1);  // capacity: a SharedObject has none
            BOOST_TEST((harmless || refusal.code.category() == tenon::error_category()),
                       "offset " << offset << ": " << refusal.text);
            ::shm_unlink(copy.c_str());
        }
    }
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(corrupted_images_end_in_a_named_error_or_in_a_usable_object) {
    const auto name = unique_name();
    auto there = SharedObject<Order>::create(name);
    const auto whole = bytes_of(name);
    const unsigned seed = std::random_device{}();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random{seed};
    const Census before;
    const auto copy = unique_name();
    for (int i = 0; i < (support::in_full() ? 200'000 : 5'000); ++i) {
        auto image = whole;
        const int changes = 1 + static_cast<int>(random() % 8);
        for (int k = 0; k < changes; ++k) {
            const std::size_t at = random() % (random() % 2 == 0 ? 128 : image.size());
            image[at] = static_cast<char>(random());
        }
        write_file(copy, image);
        try {
            auto opened = SharedObject<Order>::open(copy);
            static_cast<void>(opened.try_update_for(0s, [](Order& order) { ++order.id; }));
            static_cast<void>(opened.wait_changed_for(opened.version(), 0s));
            static_cast<void>(opened.load());
        } catch (const std::system_error& refused) {
            BOOST_TEST((refused.code().category() == tenon::error_category()), refused.what());
        }
        ::shm_unlink(copy.c_str());
    }
    BOOST_TEST(Census{} == before);
}

BOOST_AUTO_TEST_CASE(a_peer_that_scribbles_over_everything_can_only_garble_and_stop) {
    const auto name = unique_name();
    auto sut = SharedObject<Order>::create(name);
    auto slots = tenon::Semaphore::create(name + "s", tenon::Permits{3});
    support::Child vandal{[&] {
        std::mt19937_64 random{std::random_device{}()};
        std::vector<std::pair<std::uint64_t*, std::size_t>> targets;
        for (const std::string& target : {name, name + "s"}) {
            const auto file = tenon::sys::open(("/dev/shm" + target).c_str(), O_RDWR);
            const auto size = static_cast<std::size_t>(tenon::sys::status(file.get()).st_size);
            static tenon::sys::Mapping mappings[2];
            auto& mapping = mappings[targets.size()];
            mapping = tenon::sys::map_shared(file.get(), size, tenon::sys::Protection::read_write);
            targets.emplace_back(static_cast<std::uint64_t*>(mapping.address()), size / 8);
        }
        for (;;) {
            const auto& [words, count] = targets[random() % 2];
            reinterpret_cast<std::atomic<std::uint64_t>*>(words)[random() % count].store(random(),
                                                                                         std::memory_order_relaxed);
        }
        return true;
    }};
    const auto end = std::chrono::steady_clock::now() + (support::in_full() ? 20s : 1s);
    std::uint64_t calls = 0;
    while (std::chrono::steady_clock::now() < end) {
        try {
            ++calls;
            static_cast<void>(
                sut.try_update_for(1ms, [](Order& order) { order.item.assign_truncated(order.item.view()); }));
            static_cast<void>(sut.wait_changed_for(sut.version(), 1ms));
            static_cast<void>(sut.load().item.view().size());
            if (slots.try_acquire_for(1ms)) {
                slots.release();
            }
        } catch (const std::system_error&) {  // corrupted, or a permit that the vandal took
        }
    }
    vandal.kill_now();
    BOOST_TEST(calls > 0U);
    for (const std::string& victim : {name, name + "s"}) {
        std::error_code error;
        SharedObject<Order>::remove(victim, error);
        ::shm_unlink(victim.c_str());
    }
}
