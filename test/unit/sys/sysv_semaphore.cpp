// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE sys_sysv_semaphore
#include "tenon/sys/sysv_semaphore.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "support/child.hpp"
#include "support/errors.hpp"
#include "support/machine.hpp"

namespace {

namespace sys = tenon::sys;
using namespace std::chrono_literals;
using support::Child;
using support::refusal_of;

constexpr int anew = IPC_CREAT | IPC_EXCL | 0600;
const std::string name = "key 0x7";

/// A set of two semaphores of value 0, removed at the end of the scope.
struct Pair {
    ~Pair() { ::semctl(id, 0, IPC_RMID); }
    tenon::SysvKey key = support::unique_key();
    int id = sys::get_sysv_semaphores(key.value(), 2, anew, name);

    void operate(unsigned short index, int change) const {
        ::sembuf operation{index, static_cast<short>(change), 0};
        sys::operate_sysv_semaphores(id, &operation, 1, name);
    }
    [[nodiscard]] bool try_operate(unsigned short index, int change) const {
        ::sembuf operation{index, static_cast<short>(change), IPC_NOWAIT};
        return sys::try_operate_sysv_semaphores(id, &operation, 1, name);
    }
    [[nodiscard]] int value(int index) const { return sys::sysv_semaphore_value(id, index, name); }
    void await_sleepers(int count) const {
        while (::semctl(id, 0, GETNCNT) != count) {
            std::this_thread::sleep_for(1ms);
        }
    }
};

/// SIGUSR1, sent to this process every millisecond.
class Interruptions {
public:
    Interruptions() {
        struct ::sigaction quiet {};
        quiet.sa_handler = [](int) {};
        ::sigaction(SIGUSR1, &quiet, &before_);
        pest_ = std::make_unique<Child>([waiter = ::getpid()] {
            for (;;) {
                ::kill(waiter, SIGUSR1);
                std::this_thread::sleep_for(1ms);
            }
            return true;
        });
    }
    ~Interruptions() {
        pest_.reset();
        ::sigaction(SIGUSR1, &before_, nullptr);
    }

private:
    struct ::sigaction before_ {};
    std::unique_ptr<Child> pest_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(values_follow_the_operations_all_or_none) {
    const Pair sut;
    sut.operate(0, 3);
    BOOST_TEST(sut.value(0) == 3);
    ::sembuf both[] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
    BOOST_TEST(!sys::try_operate_sysv_semaphores(sut.id, both, 2, name));
    BOOST_TEST(sut.value(0) == 3);
    sut.operate(1, 1);
    BOOST_TEST(sys::try_operate_sysv_semaphores(sut.id, both, 2, name));
    BOOST_TEST(sut.value(0) == 2);
    BOOST_TEST(sut.value(1) == 0);
}

BOOST_AUTO_TEST_CASE(a_value_that_would_overflow_is_refused_and_stays) {
    const Pair sut;
    sut.operate(0, 32'767);
    const auto refusal = refusal_of([&] { sut.operate(0, 1); });
    BOOST_TEST(refusal.is(std::errc::result_out_of_range));
    BOOST_TEST(refusal.says("semop \"key 0x7\": "));
    BOOST_TEST(refusal_of([&] { return sut.try_operate(0, 1); }).is(std::errc::result_out_of_range));
    BOOST_TEST(sut.value(0) == 32'767);
}

BOOST_AUTO_TEST_CASE(an_index_that_the_set_does_not_have_is_refused) {
    const Pair sut;
    BOOST_TEST(refusal_of([&] { sut.operate(2, 1); }).is(std::errc::file_too_large));  // EFBIG, says semop(2)
    BOOST_TEST(refusal_of([&] { return sut.value(2); }).text == "semctl(GETVAL) \"key 0x7\": Invalid argument");
}

BOOST_AUTO_TEST_CASE(sleepers_of_a_removed_set_are_told_by_name) {
    const Pair sut;
    ::sembuf take{0, -1, 0};
    support::Refusal forever;
    support::Refusal with_deadline;
    std::thread first{[&] { forever = refusal_of([&] { sut.operate(0, -1); }); }};
    std::thread second{[&] {
        with_deadline = refusal_of([&] {
            return sys::operate_sysv_semaphores_until(sut.id, &take, 1, sys::monotonic_now() + 60'000'000'000, name);
        });
    }};
    sut.await_sleepers(2);
    sys::remove_sysv_semaphores(sut.id, name);
    first.join();
    second.join();
    BOOST_TEST(forever.text == "semop \"key 0x7\": Identifier removed");
    BOOST_TEST(with_deadline.text == "semtimedop \"key 0x7\": Identifier removed");
}

BOOST_AUTO_TEST_CASE(signals_neither_end_nor_shorten_a_wait) {
    const Pair sut;
    const Interruptions scope;
    ::sembuf take{0, -1, 0};
    const auto until = sys::monotonic_now() + 30'000'000;
    BOOST_TEST(!sys::operate_sysv_semaphores_until(sut.id, &take, 1, until, name));
    BOOST_TEST(sys::monotonic_now() >= until);
    Child giver{[&] {
        std::this_thread::sleep_for(30ms);
        sut.operate(0, 1);
        return true;
    }};
    sut.operate(0, -1);
    BOOST_TEST(giver.succeeds());
    BOOST_TEST(sut.value(0) == 0);
}

BOOST_AUTO_TEST_CASE(a_time_that_has_passed_looks_once) {
    const Pair sut;
    ::sembuf take{0, -1, 0};
    BOOST_TEST(!sys::operate_sysv_semaphores_until(sut.id, &take, 1, 0, name));
    sut.operate(0, 1);
    BOOST_TEST(sys::operate_sysv_semaphores_until(sut.id, &take, 1, 0, name));
}

BOOST_AUTO_TEST_CASE(the_status_tells_whether_a_set_was_ever_operated_on) {
    const Pair sut;
    BOOST_TEST(sys::sysv_semaphore_status(sut.id, name).sem_nsems == 2U);
    BOOST_TEST(sys::sysv_semaphore_status(sut.id, name).sem_otime == 0);
    sut.operate(0, 0);
    BOOST_TEST(sys::sysv_semaphore_status(sut.id, name).sem_otime != 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_or_taken_is_refused_by_each_call) {
    const Pair sut;
    BOOST_TEST(refusal_of([&] { return sys::get_sysv_semaphores(sut.key.value(), 1, anew, name); }).text ==
               "semget \"key 0x7\": File exists");
    BOOST_TEST(refusal_of([&] { return sys::get_sysv_semaphores(sut.key.value(), 3, 0, name); }).text ==
               "semget \"key 0x7\": Invalid argument");
    BOOST_TEST(refusal_of([] { return sys::get_sysv_semaphores(support::unique_key().value(), 0, 0, name); }).text ==
               "semget \"key 0x7\": No such file or directory");
    BOOST_TEST(refusal_of([] { return sys::sysv_semaphore_status(-1, name); }).says("semctl(IPC_STAT) \"key 0x7\": "));
    BOOST_TEST(refusal_of([] { sys::remove_sysv_semaphores(-1, name); }).says("semctl(IPC_RMID) \"key 0x7\": "));
}
