// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE semaphores_and_locks
/// One suite over everything that has P and V: what a semaphore promises does not depend on what carries it.
#include <signal.h>
#include <sys/mman.h>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"
#include "tenon/semaphore_guard.hpp"
#include "tenon/shared_object.hpp"

namespace {

using namespace std::chrono_literals;
using support::Child;
using support::in_child;
using tenon::P;
using tenon::Permits;
using tenon::V;

/// How a semaphore is made under a name of its own, and found again by another handle.
template <class S>
struct Named {
    std::string name = support::unique_name();
    S create(Permits permits) const { return S::create(name, permits); }
    S open() const { return S::open(name); }
};

template <class S>
struct Keyed {
    tenon::SysvKey key = support::unique_key();
    S create(Permits permits) const { return S::create(key, permits); }
    S open() const { return S::open(key); }
};

/// A Semaphore that lives in a System V segment.
template <class S>
struct InSysvSegment : Keyed<S> {};

/// A member of a set, owned together with it.
class OneOfSet {
public:
    static OneOfSet create(tenon::SysvKey key, Permits permits) {
        return OneOfSet{tenon::SysvSemaphoreSet::create(key, {Permits{0}, permits})};
    }
    static OneOfSet open(tenon::SysvKey key) { return OneOfSet{tenon::SysvSemaphoreSet::open(key)}; }
    void acquire() { (*set_)[1].acquire(); }
    bool try_acquire() { return (*set_)[1].try_acquire(); }
    template <class Time>
    bool try_acquire_for(Time time) {
        return (*set_)[1].try_acquire_for(time);
    }
    bool try_acquire_until(tenon::Deadline deadline) { return (*set_)[1].try_acquire_until(deadline); }
    void release() { (*set_)[1].release(); }
    [[nodiscard]] int approximate_available() const { return (*set_)[1].approximate_available(); }
    [[nodiscard]] tenon::memory::Identity identity() const { return (*set_)[1].identity(); }

private:
    explicit OneOfSet(tenon::SysvSemaphoreSet set) : set_{std::make_unique<tenon::SysvSemaphoreSet>(std::move(set))} {}
    std::unique_ptr<tenon::SysvSemaphoreSet> set_;
};

using AllSemaphores =
    boost::mpl::list<Named<tenon::Semaphore>, Named<tenon::SignalSemaphore>, InSysvSegment<tenon::Semaphore>,
                     Keyed<tenon::SysvSemaphore>, Keyed<tenon::SysvSignalSemaphore>, Keyed<OneOfSet>>;
using OwnedSemaphores = boost::mpl::list<Named<tenon::Semaphore>, InSysvSegment<tenon::Semaphore>,
                                         Keyed<tenon::SysvSemaphore>, Keyed<OneOfSet>>;
using SignalSemaphores = boost::mpl::list<Named<tenon::SignalSemaphore>, Keyed<tenon::SysvSignalSemaphore>>;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(as_many_permits_as_were_asked_for_can_be_taken, Maker, AllSemaphores) {
    auto sut = Maker{}.create(Permits{3});
    BOOST_TEST(sut.try_acquire());
    BOOST_TEST(sut.try_acquire());
    BOOST_TEST(sut.try_acquire());
    BOOST_TEST(!sut.try_acquire());
    V(sut);
    BOOST_TEST(sut.approximate_available() == 1);
    P(sut);
    BOOST_TEST(!sut.try_acquire());
    V(sut);
    V(sut);
    V(sut);
    BOOST_TEST(sut.approximate_available() == 3);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(handles_to_one_name_share_the_permits, Maker, AllSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{1});
    auto other = maker.open();
    P(sut);
    BOOST_TEST(!other.try_acquire());
    BOOST_TEST(in_child([&] { return !maker.open().try_acquire(); }));
    V(sut);
    BOOST_TEST(other.try_acquire());
    V(other);
    BOOST_TEST((sut.identity() == other.identity()));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiting_ends_when_another_process_gives_a_permit, Maker, AllSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{1});
    auto taken = support::unique_name();
    Child holder{[&] {
        auto other = maker.open();
        P(other);
        std::this_thread::sleep_for(50ms);
        V(other);
        return true;
    }};
    while (sut.approximate_available() != 0) {
        std::this_thread::sleep_for(1ms);
    }
    P(sut);
    BOOST_TEST(holder.succeeds());
    V(sut);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiting_in_vain_is_never_too_short_and_zero_looks_once, Maker, AllSemaphores) {
    auto sut = Maker{}.create(Permits{1});
    BOOST_TEST(sut.try_acquire_for(0s));
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!sut.try_acquire_for(30ms));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 30ms));
    BOOST_TEST(!sut.try_acquire_for(0s));
    BOOST_TEST(!sut.try_acquire_for(-1s));
    BOOST_TEST(!sut.try_acquire_until(tenon::Deadline::after(5ms)));
    V(sut);
    BOOST_TEST(sut.try_acquire_until(tenon::Deadline::never()));
    V(sut);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_neither_end_nor_shorten_a_wait, Maker, AllSemaphores) {
    struct ::sigaction quiet {};
    quiet.sa_handler = [](int) {};
    struct ::sigaction before {};
    ::sigaction(SIGUSR1, &quiet, &before);
    auto sut = Maker{}.create(Permits{1});
    P(sut);
    const pid_t waiter = ::getpid();
    Child pest{[waiter] {
        for (;;) {
            ::kill(waiter, SIGUSR1);
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }};
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(!sut.try_acquire_for(40ms));
    BOOST_TEST((std::chrono::steady_clock::now() - start >= 40ms));
    std::thread giver{[&] {
        std::this_thread::sleep_for(30ms);
        V(sut);
    }};
    P(sut);
    giver.join();
    V(sut);
    pest.kill_now();
    ::sigaction(SIGUSR1, &before, nullptr);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(four_processes_exclude_each_other, Maker, AllSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{1});
    struct Counter {
        std::uint64_t value;
    };
    auto* const shared = static_cast<volatile std::uint64_t*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([&] {
            auto mine = maker.open();
            for (int k = 0; k < 2000; ++k) {
                P(mine);
                *shared = *shared + 1;  // not atomic: two at once would lose one
                V(mine);
            }
            return true;
        }));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
    BOOST_TEST(*shared == 8000U);
    ::munmap(const_cast<std::uint64_t*>(shared), 4096);
    BOOST_TEST(sut.approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(never_more_holders_than_permits, Maker, AllSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{3});
    auto* const inside = static_cast<std::atomic<int>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 6; ++i) {
        children.push_back(std::make_unique<Child>([&] {
            auto mine = maker.open();
            bool fine = true;
            for (int k = 0; k < 500; ++k) {
                P(mine);
                fine = fine && ++*inside <= 3;
                --*inside;
                V(mine);
            }
            return fine;
        }));
    }
    for (auto& child : children) {
        BOOST_TEST(child->succeeds());
    }
    ::munmap(inside, 4096);
    BOOST_TEST(sut.approximate_available() == 3);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_permits_of_a_killed_holder_come_back, Maker, OwnedSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{2});
    support::in_child_that_dies([&] {
        auto* const mine = new decltype(maker.open()){maker.open()};
        P(*mine);
        P(*mine);
    });
    BOOST_TEST(sut.try_acquire_for(10s));
    BOOST_TEST(sut.try_acquire_for(10s));
    BOOST_TEST(!sut.try_acquire());
    V(sut);
    V(sut);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sleeper_gets_the_permit_of_a_holder_that_is_killed_meanwhile, Maker, OwnedSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{1});
    Child holder{[&] {
        auto mine = maker.open();
        P(mine);
        ::pause();
        return true;
    }};
    while (sut.approximate_available() != 0) {
        std::this_thread::sleep_for(1ms);
    }
    std::thread killer{[&] {
        std::this_thread::sleep_for(30ms);
        holder.kill_now();
    }};
    P(sut);
    killer.join();
    V(sut);
    BOOST_TEST(sut.approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_paused_holder_is_not_robbed, Maker, OwnedSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{1});
    Child holder{[&] {
        auto mine = maker.open();
        P(mine);
        ::raise(SIGSTOP);
        V(mine);
        return true;
    }};
    int status = 0;
    ::waitpid(holder.pid(), &status, WUNTRACED);
    BOOST_REQUIRE(WIFSTOPPED(status));
    BOOST_TEST(!sut.try_acquire_for(100ms));
    holder.signal(SIGCONT);
    P(sut);
    BOOST_TEST(holder.succeeds());
    V(sut);
    BOOST_TEST(sut.approximate_available() == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(killed_sleepers_cost_the_others_nothing, Maker, AllSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{1});
    P(sut);
    {
        std::vector<std::unique_ptr<Child>> sleepers;
        for (int i = 0; i < 4; ++i) {
            sleepers.push_back(std::make_unique<Child>([&] {
                auto mine = maker.open();
                P(mine);
                return false;
            }));
        }
        std::this_thread::sleep_for(30ms);
    }  // all killed asleep
    V(sut);
    BOOST_TEST(sut.try_acquire_for(10s));
    V(sut);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_signal_is_given_by_one_process_and_taken_by_another_100000_times, Maker,
                              SignalSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{0});
    Child giver{[&] {
        auto mine = maker.open();
        for (int i = 0; i < 100'000; ++i) {
            for (;;) {
                try {
                    V(mine);
                    break;
                } catch (const std::system_error& error) {
                    if (error.code() != std::errc::result_out_of_range) {  // a System V value ends at 32,767
                        throw;
                    }
                    std::this_thread::sleep_for(1ms);
                }
            }
        }
        return true;
    }};
    for (int i = 0; i < 100'000; ++i) {
        P(sut);
    }
    BOOST_TEST(giver.succeeds());
    BOOST_TEST(!sut.try_acquire());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_of_a_process_that_ended_stay_given, Maker, SignalSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{0});
    support::in_child_that_dies([&] {
        auto* const mine = new decltype(maker.open()){maker.open()};
        V(*mine);
        V(*mine);
    });
    BOOST_TEST(sut.try_acquire());
    BOOST_TEST(sut.try_acquire());
    BOOST_TEST(!sut.try_acquire());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_last_user_leaves_nothing_behind, Maker, AllSemaphores) {
    const support::Census before;
    {
        const Maker maker;
        auto sut = maker.create(Permits{1});
        auto other = maker.open();
        BOOST_TEST(in_child([&] {
            auto third = maker.open();
            P(third);
            V(third);
            return true;
        }));
    }
    BOOST_TEST(support::Census{} == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_taken_name_is_refused_and_loses_nothing, Maker, AllSemaphores) {
    const Maker maker;
    auto sut = maker.create(Permits{2});
    const support::Census before;
    BOOST_TEST(support::refusal_of([&] { return maker.create(Permits{2}); }).is(std::errc::file_exists));
    BOOST_TEST(support::Census{} == before);
    BOOST_TEST(sut.approximate_available() == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_missing_name_is_refused_by_name, Maker, AllSemaphores) {
    const support::Census before;
    BOOST_TEST(support::refusal_of([&] { return Maker{}.open(); }).is(std::errc::no_such_file_or_directory));
    BOOST_TEST(support::Census{} == before);
}
