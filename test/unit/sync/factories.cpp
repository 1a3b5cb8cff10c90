// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sync_factories
#include "tenon/sync/factories.hpp"

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "tenon/sync/robust_lock.hpp"
#include "tenon/sync/semaphore.hpp"
#include "tenon/sync/signal_semaphore.hpp"

namespace {

using namespace std::chrono_literals;
using support::refusal_of;
using support::unique_name;
using tenon::errc;
using tenon::Mode;
using tenon::Owner;
using tenon::Permits;

/// All that have the factories, with the parameters that each of them needs.
template <class S>
struct Door {
    template <class... More>
    static S create(const tenon::Address& address, More&&... more) {
        return S::create(address, Permits{1}, std::forward<More>(more)...);
    }
    template <class... More>
    static S open_or_create(const tenon::Address& address, More&&... more) {
        return S::open_or_create(address, Permits{1}, std::forward<More>(more)...);
    }
    static S anonymous(std::error_code& error) { return S::anonymous(Permits{1}, error); }
};
template <>
struct Door<tenon::RobustLock> {
    using S = tenon::RobustLock;
    template <class... More>
    static S create(const tenon::Address& address, More&&... more) {
        return S::create(address, std::forward<More>(more)...);
    }
    template <class... More>
    static S open_or_create(const tenon::Address& address, More&&... more) {
        return S::open_or_create(address, std::forward<More>(more)...);
    }
    static S anonymous(std::error_code& error) { return S::anonymous(error); }
};
using All = boost::mpl::list<tenon::Semaphore, tenon::SignalSemaphore, tenon::RobustLock>;

::mode_t mode_of(const std::string& name) {
    struct ::stat status {};
    ::stat(("/dev/shm" + name).c_str(), &status);
    return status.st_mode & 07777;
}

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(every_factory_tells_its_error_through_a_code_as_well, S, All) {
    const auto name = unique_name();
    std::error_code error = errc::corrupted;
    BOOST_TEST(!S::open(name, error));
    BOOST_TEST((error == std::errc::no_such_file_or_directory));
    BOOST_TEST(!S::open_for(name, 1ms, error));
    BOOST_TEST(error.value() == ENOENT);
    BOOST_TEST(!S::open_until(name, tenon::Deadline::after(1ms), error));
    BOOST_TEST(error.value() == ENOENT);
    BOOST_TEST(!Door<S>::create("no slash", error));
    BOOST_TEST(error.value() == EINVAL);
    BOOST_TEST(!Door<S>::open_or_create("no slash", tenon::private_mode, error));
    BOOST_TEST(error.value() == EINVAL);
    BOOST_TEST(!S::attach(-1, error));
    BOOST_TEST(!!error);
    S::remove(name, error);
    BOOST_TEST(error.value() == ENOENT);
    const auto sut = Door<S>::create(name, error);
    BOOST_TEST(!error);
    BOOST_TEST(!!sut);
    BOOST_TEST(!Door<S>::create(name, tenon::private_mode, error));
    BOOST_TEST(error.value() == EEXIST);
    BOOST_TEST(!!S::open(name, tenon::owner_writes, Owner::caller(), error));
    BOOST_TEST(!!Door<S>::open_or_create(name, error));
    BOOST_TEST(!!Door<S>::anonymous(error));
    BOOST_TEST(!error);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_mode_is_private_unless_another_is_given_whatever_the_umask, S, All) {
    const ::mode_t before = ::umask(0777);
    const auto first = Door<S>::create(unique_name());
    const auto second = Door<S>::create(unique_name(), Mode{0644});
    const auto third = Door<S>::open_or_create(unique_name(), Mode{0660});
    ::umask(before);
    BOOST_TEST(mode_of(first.name()) == 0600U);
    BOOST_TEST(mode_of(second.name()) == 0644U);
    BOOST_TEST(mode_of(third.name()) == 0660U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_others_may_write_is_opened_only_by_who_tolerates_it, S, All) {
    const auto name = unique_name();
    const auto sut = Door<S>::create(name, Mode{0666});
    const auto refusal = refusal_of([&] { return S::open(name); });
    BOOST_TEST(refusal.is(errc::untrusted));
    BOOST_TEST(refusal.says("\"" + name + "\" may be written by anybody"));
    BOOST_TEST(refusal_of([&] { return S::open(name, Mode{0660}); }).is(errc::untrusted));
    BOOST_TEST(!!S::open(name, Mode{0666}));
    BOOST_TEST(!!Door<S>::open_or_create(name, Mode{0666}));  // who asks for it tolerates it
    BOOST_TEST(refusal_of([&] { return Door<S>::open_or_create(name); }).is(errc::untrusted));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_belongs_to_a_stranger_is_opened_only_by_who_names_him, S, All) {
    if (::geteuid() != 0) {
        BOOST_TEST_MESSAGE("only root gives files away");
        return;
    }
    const auto name = unique_name();
    const auto sut = Door<S>::create(name);
    BOOST_REQUIRE(::chown(("/dev/shm" + name).c_str(), 4711, 4711) == 0);
    const auto refusal = refusal_of([&] { return S::open(name); });
    BOOST_TEST(refusal.is(errc::untrusted));
    BOOST_TEST(refusal.says("belongs to user 4711"));
    BOOST_TEST(!!S::open(name, tenon::owner_writes, Owner{4711}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(open_for_waits_for_who_comes_late_and_not_too_short_for_who_never_comes, S, All) {
    const auto name = unique_name();
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(refusal_of([&] { return S::open_for(name, 20ms); }).is(std::errc::no_such_file_or_directory));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 20ms));
    S sut;
    {
        support::Child creator{[&] {
            ::usleep(10'000);
            const auto made = Door<S>::create(name);
            ::pause();
            return true;
        }};
        sut = S::open_for(name, 60s);
    }
    BOOST_TEST(!!sut);
    sut = S{};
    BOOST_TEST(!support::exists(name));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_persists_is_removed_by_name_and_who_uses_it_keeps_it, S, All) {
    const auto name = unique_name();
    auto sut = Door<S>::create(name);
    sut.persist();
    sut = S{};
    sut = S::open(name);
    S::remove(name);
    BOOST_TEST(!support::exists(name));
    BOOST_TEST(!!sut);
    const auto heir = Door<S>::create(name);
    sut = S{};
    BOOST_TEST(support::exists(name));
}

BOOST_AUTO_TEST_CASE(an_object_of_another_kind_is_refused_in_words) {
    const auto name = unique_name();
    const auto sut = tenon::RobustLock::create(name);
    const auto refusal = refusal_of([&] { return tenon::Semaphore::open(name); });
    BOOST_TEST(refusal.is(errc::kind_mismatch));
    BOOST_TEST(refusal.says("\"" + name + "\" is a RobustLock, not a Semaphore"));
}
