// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_mapping
#include "tenon/sys/mapping.hpp"

#include <signal.h>

#include <boost/test/unit_test.hpp>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "tenon/sys/memfd.hpp"

namespace {

namespace sys = tenon::sys;
using support::refusal_of;
using sys::Mapping;
using sys::Protection;

constexpr std::size_t size = 4096;

sys::FileDescriptor file_of_one_page() {
    auto file = sys::create_memfd("tenon-test");
    sys::reserve(file.get(), size);
    return file;
}
bool is_mapped(void* address) { return ::msync(address, size, MS_ASYNC) == 0; }
char& first_byte(const Mapping& mapping) { return *static_cast<char*>(mapping.address()); }

}  // namespace

BOOST_AUTO_TEST_CASE(two_mappings_of_one_file_are_the_same_memory) {
    const auto file = file_of_one_page();
    const Mapping sut = sys::map_shared(file.get(), size, Protection::read_write);
    const Mapping other = sys::map_shared(file.get(), size, Protection::read);
    BOOST_TEST(sut.size() == size);
    BOOST_TEST(sut.address() != other.address());
    first_byte(sut) = 'a';
    BOOST_TEST(first_byte(other) == 'a');
    BOOST_TEST(support::in_child([&] {
        first_byte(sut) = 'b';
        return true;
    }));
    BOOST_TEST(first_byte(other) == 'b');
}

BOOST_AUTO_TEST_CASE(a_mapping_for_reading_cannot_be_written) {
    const auto file = file_of_one_page();
    const Mapping sut = sys::map_shared(file.get(), size, Protection::read);
    support::Child child{[&] {
        ::signal(SIGSEGV, [](int) { ::_exit(7); });
        *static_cast<volatile char*>(sut.address()) = 'a';
        return true;
    }};
    int status = 0;
    ::waitpid(child.pid(), &status, 0);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 7);
}

BOOST_AUTO_TEST_CASE(the_owner_unmaps_and_a_move_leaves_nothing_behind) {
    static_assert(std::is_nothrow_move_constructible_v<Mapping> && std::is_nothrow_move_assignable_v<Mapping>);
    static_assert(std::is_nothrow_destructible_v<Mapping> && !std::is_copy_constructible_v<Mapping>);
    const auto file = file_of_one_page();
    void* address = nullptr;
    {
        Mapping first = sys::map_shared(file.get(), size, Protection::read);
        address = first.address();
        Mapping sut{std::move(first)};
        BOOST_TEST(!first);
        BOOST_TEST(first.size() == 0U);
        Mapping& itself = sut;
        sut = std::move(itself);
        BOOST_TEST(sut.address() == address);
        BOOST_TEST(is_mapped(address));
    }
    BOOST_TEST(!is_mapped(address));
}

BOOST_AUTO_TEST_CASE(assignment_and_reset_unmap_what_was_owned_before) {
    const auto file = file_of_one_page();
    Mapping sut = sys::map_shared(file.get(), size, Protection::read);
    Mapping other = sys::map_shared(file.get(), size, Protection::read);
    void* const before = sut.address();
    void* const after = other.address();
    sut = std::move(other);
    BOOST_TEST(!is_mapped(before));
    BOOST_TEST(is_mapped(after));
    sut.reset();
    sut.reset();
    BOOST_TEST(!is_mapped(after));
}

BOOST_AUTO_TEST_CASE(a_refused_mapping_is_told_by_name) {
    const auto file = file_of_one_page();
    const auto reader = sys::reopen(file.get(), O_RDONLY);
    BOOST_TEST(refusal_of([&] { return sys::map_shared(file.get(), 0, Protection::read, "/a"); }).text ==
               "mmap \"/a\": Invalid argument");
    BOOST_TEST(refusal_of([&] { return sys::map_shared(reader.get(), size, Protection::read_write, "/a"); }).text ==
               "mmap \"/a\": Permission denied");
}
