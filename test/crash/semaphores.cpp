// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE semaphores_killed_at_every_instruction
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "crash/judgement.hpp"
#include "support/child.hpp"
#include "support/machine.hpp"
#include "support/stepper.hpp"
#include "tenon/semaphore_guard.hpp"

namespace {

using namespace std::chrono_literals;
using crash::check;
using support::Operation;
using support::Trial;
using tenon::Address;
using tenon::Deadline;
using tenon::LockState;
using tenon::P;
using tenon::Permits;
using tenon::RobustLock;
using tenon::Semaphore;
using tenon::SemaphoreGuard;
using tenon::SignalSemaphore;
using tenon::SysvKey;
using tenon::SysvSemaphore;
using tenon::SysvSignalSemaphore;
using tenon::V;

enum class Verb { p, v };

/// How one kind of semaphore is made under an address of its own.
template <class S>
struct Kind {
    std::string address = support::unique_name();
};
template <short flags>
struct Kind<tenon::BasicSysvSemaphore<flags>> {
    SysvKey address = support::unique_key();
};

/// Takes and gives back all `count` permits, the first of them with a wait as long as it takes.
template <class S>
void expect_permits(Trial& trial, S& sut, std::uint32_t count) {
    trial.stall([&] {
        for (std::uint32_t i = 0; i < count; ++i) {
            P(sut);
        }
    });
    trial.expect(!sut.try_acquire(), "there are more permits than were made");
    for (std::uint32_t i = 0; i < count; ++i) {
        V(sut);
    }
    trial.expect(static_cast<std::uint32_t>(sut.approximate_available()) == count, "the permits do not add up");
}

/// P or V of a semaphore whose permits belong to who took them.
template <class S>
class Owned {
public:
    explicit Owned(Verb verb) : sut_{S::create(kind_.address, Permits{2})}, verb_{verb} {}

    bool operate(Operation at) {
        auto own = S::open(kind_.address);
        if (verb_ == Verb::p) {
            at([&] { P(own); });
        } else {
            P(own);
            at([&] { V(own); });
            P(own);  // to come back with the handle, or the process
        }
        return true;
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        expect_permits(trial, sut_, 2);
        trial.bury();
        expect_permits(trial, sut_, 2);
    }
    void meanwhile(Trial& trial) {
        const auto free = static_cast<int>(sut_.approximate_available());
        trial.expect(free == 1 || free == 2, "the permits do not add up");
        int taken = 0;
        while (taken < 3 && sut_.try_acquire()) {
            ++taken;
        }
        trial.expect(taken == free, "a paused holder was robbed, or a free permit refused");
        if (verb_ == Verb::p && taken == 2) {
            V(sut_);  // the victim wants one
            --taken;
        }
        trial.resume();
        while (taken-- > 0) {
            V(sut_);
        }
        trial.expect(trial.came_to_a_good_end(), "the victim failed after its pause");
        expect_permits(trial, sut_, 2);
    }

private:
    Kind<S> kind_;
    S sut_;
    Verb verb_;
};

/// P or V of a semaphore that counts signals, of which nobody has any.
template <class S>
class Signals {
public:
    explicit Signals(Verb verb) : sut_{S::create(kind_.address, Permits{2})}, verb_{verb} {}

    bool operate(Operation at) {
        auto own = S::open(kind_.address);
        at([&] { verb_ == Verb::p ? P(own) : V(own); });
        return true;
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        const auto count = static_cast<int>(sut_.approximate_available());
        const int after = verb_ == Verb::p ? 1 : 3;
        trial.expect(count == after || (count == 2 && !trial.had_ended()), "neither given nor not given");
        for (int i = 0; i < count; ++i) {
            trial.expect(sut_.try_acquire(), "a signal that was counted is not there");
        }
        trial.expect(!sut_.try_acquire(), "a signal too many");
        V(sut_);
        trial.stall([&] { P(sut_); });
    }

private:
    Kind<S> kind_;
    S sut_;
    Verb verb_;
};

/// V while a third process sleeps in P: killed between the permit and the wake-up call, too.
template <class S, bool owned>
class Waking {
public:
    bool operate(Operation at) {
        auto own = S::open(kind_.address);
        if (owned) {
            P(own);
        }
        sleeper_.fall_asleep();
        at([&] { V(own); });
        return true;
    }
    void survive(Trial& trial) {
        if (!owned) {
            trial.bury();
            if (!trial.had_ended()) {
                V(sut_);  // in the dead one's place, who had given its signal, or not
            }
        }
        trial.stall([&] { trial.expect(sleeper_.gets_on(), "the sleeper failed"); });
        trial.expect(sut_.approximate_available() == (owned ? 1U : 0U) ||
                         (!owned && !trial.had_ended() && sut_.approximate_available() == 1U),
                     "the permits do not add up");
    }

private:
    Kind<S> kind_;
    S sut_ = S::create(kind_.address, Permits{owned ? 1U : 0U});
    crash::Sleeper sleeper_{[this] {
        auto own = S::open(kind_.address);
        P(own);
        return true;
    }};
};

/// P + V, all or none, of a Semaphore and a SysvSemaphore; or an attempt at it while one of them is not to be had.
class Guarded {
public:
    enum class Way { both, one_is_taken };
    explicit Guarded(Way way)
        : first_{Semaphore::create(name_, Permits{1})}, second_{SysvSemaphore::create(key_, Permits{1})}, way_{way} {
        if (way_ == Way::one_is_taken) {
            P(second_);
        }
    }
    bool operate(Operation at) {
        auto first = Semaphore::open(name_);
        auto second = SysvSemaphore::open(key_);
        bool held = false;
        at([&] {
            SemaphoreGuard guard{Deadline::after(way_ == Way::both ? 10s : 1ms), first, second};
            held = static_cast<bool>(guard);
        });
        return held == (way_ == Way::both);
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        if (way_ == Way::one_is_taken) {
            V(second_);
        }
        trial.stall([&] { SemaphoreGuard guard{first_, second_}; });
        trial.bury();
        expect_permits(trial, first_, 1);
        expect_permits(trial, second_, 1);
    }
    void meanwhile(Trial& trial) {
        const bool free = first_.approximate_available() == 1 && second_.approximate_available() == 1;
        bool held = false;
        {
            SemaphoreGuard guard{Deadline::after(1ms), first_, second_};
            held = static_cast<bool>(guard);
        }
        trial.expect(held == free, "a paused holder was robbed, or free permits refused");
        trial.expect(trial.resume_to_the_end(), "the victim failed after its pause");
        expect_permits(trial, first_, 1);
        expect_permits(trial, second_, 1);
    }

private:
    std::string name_ = support::unique_name();
    SysvKey key_ = support::unique_key();
    Semaphore first_;
    SysvSemaphore second_;
    Way way_;
};

/// lock() or unlock() of a RobustLock.
class Locking {
public:
    enum class Way { lock, unlock };
    explicit Locking(Way way) : sut_{RobustLock::create(name_)}, way_{way} {}

    bool operate(Operation at) {
        auto own = RobustLock::open(name_);
        bool fine = true;
        if (way_ == Way::lock) {
            at([&] { fine = own.lock() == LockState::clean; });
        } else {
            fine = own.lock() == LockState::clean;
            at([&] { own.unlock(); });
        }
        return fine;
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        LockState found = LockState::not_taken;
        trial.stall([&] { found = sut_.lock(); });
        trial.expect(found == LockState::clean || found == LockState::holder_died, "lock() returned without the lock");
        trial.expect(!trial.had_ended() || found == (way_ == Way::lock ? LockState::holder_died : LockState::clean),
                     "the death of a holder was not told, or one was invented");
        trial.bury();
        auto other = RobustLock::open(name_);
        trial.expect(!other.try_lock(), "two have the lock");
        sut_.unlock();
        trial.expect(other.try_lock_for(0s) == LockState::clean, "the lock is not clean after unlock()");
        other.unlock();
    }
    void meanwhile(Trial& trial) {
        const LockState found = sut_.try_lock_for(2ms);
        trial.expect(found == LockState::clean || found == LockState::not_taken, "a paused holder was taken for dead");
        if (found == LockState::clean) {
            sut_.unlock();
        }
        trial.expect(trial.resume_to_the_end(), "the victim failed after its pause");
        if (way_ == Way::unlock) {
            trial.expect(sut_.lock() == LockState::clean, "the lock is not clean");
            sut_.unlock();
        }
    }

private:
    std::string name_ = support::unique_name();
    RobustLock sut_;
    Way way_;
};

/// The holder has died, and this process is killed while it finds that out.
class Repairing {
public:
    bool operate(Operation at) {
        auto own = Semaphore::open(name_);
        support::in_child_that_dies([&] {
            static auto dying = Semaphore::open(name_);
            P(dying);
            P(dying);
        });
        at([&] { P(own); });
        return true;
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        expect_permits(trial, sut_, 2);
        trial.bury();
        expect_permits(trial, sut_, 2);
    }
    void meanwhile(Trial& trial) {
        const bool acted = sut_.try_acquire_for(2ms);  // refused while the victim, alive, clears up after the dead
        trial.expect(trial.resume_to_the_end(), "the victim failed after its pause");
        if (acted) {
            V(sut_);
        }
        expect_permits(trial, sut_, 2);
    }

private:
    std::string name_ = support::unique_name();
    Semaphore sut_ = Semaphore::create(name_, Permits{2});
};

/// The same with a RobustLock, which owes the next one the news.
class Reporting {
public:
    bool operate(Operation at) {
        auto own = RobustLock::open(name_);
        support::in_child_that_dies([&] {
            static auto dying = RobustLock::open(name_);
            dying.lock();
        });
        LockState found = LockState::clean;
        at([&] { found = own.lock(); });
        return found == LockState::holder_died;
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        trial.stall([&] { trial.expect(sut_.lock() == LockState::holder_died, "a death was not told"); });
        sut_.unlock();
        trial.bury();
        trial.expect(sut_.lock() == LockState::clean, "the lock is not clean after unlock()");
        sut_.unlock();
    }

private:
    std::string name_ = support::unique_name();
    RobustLock sut_ = RobustLock::create(name_);
};

template <class Scenario, class... Arguments>
auto fresh(Arguments... arguments) {
    return [=] { return std::make_unique<Scenario>(arguments...); };
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(semaphores, crash::NothingIsLeft, *boost::unit_test::precondition(crash::stepping_is_allowed))

BOOST_AUTO_TEST_CASE(permits_of_a_process_killed_at_any_instruction_come_back) {
    using support::killed_at_every_instruction;
    check(killed_at_every_instruction("Semaphore P, killed", fresh<Owned<Semaphore>>(Verb::p)));
    check(killed_at_every_instruction("Semaphore V, killed", fresh<Owned<Semaphore>>(Verb::v)));
    check(killed_at_every_instruction("SysvSemaphore P, killed", fresh<Owned<SysvSemaphore>>(Verb::p)));
    check(killed_at_every_instruction("SysvSemaphore V, killed", fresh<Owned<SysvSemaphore>>(Verb::v)));
    check(killed_at_every_instruction("guard of two, killed", fresh<Guarded>(Guarded::Way::both)));
    check(killed_at_every_instruction("guard of two, one is taken, killed", fresh<Guarded>(Guarded::Way::one_is_taken),
                                      support::usual_sample / 2));
}

BOOST_AUTO_TEST_CASE(a_holder_paused_at_any_instruction_is_not_robbed) {
    using support::paused_at_every_instruction;
    check(paused_at_every_instruction("Semaphore P, paused", fresh<Owned<Semaphore>>(Verb::p)));
    check(paused_at_every_instruction("Semaphore V, paused", fresh<Owned<Semaphore>>(Verb::v)));
    check(paused_at_every_instruction("SysvSemaphore P, paused", fresh<Owned<SysvSemaphore>>(Verb::p)));
    check(paused_at_every_instruction("SysvSemaphore V, paused", fresh<Owned<SysvSemaphore>>(Verb::v)));
    check(paused_at_every_instruction("guard of two, paused", fresh<Guarded>(Guarded::Way::both)));
    check(paused_at_every_instruction("RobustLock lock, paused", fresh<Locking>(Locking::Way::lock)));
    check(paused_at_every_instruction("RobustLock unlock, paused", fresh<Locking>(Locking::Way::unlock)));
}

BOOST_AUTO_TEST_CASE(a_signal_was_given_or_not_wherever_its_giver_or_taker_is_killed) {
    using support::killed_at_every_instruction;
    check(killed_at_every_instruction("SignalSemaphore V, killed", fresh<Signals<SignalSemaphore>>(Verb::v)));
    check(killed_at_every_instruction("SignalSemaphore P, killed", fresh<Signals<SignalSemaphore>>(Verb::p)));
    check(killed_at_every_instruction("SysvSignalSemaphore V, killed", fresh<Signals<SysvSignalSemaphore>>(Verb::v)));
    check(killed_at_every_instruction("SysvSignalSemaphore P, killed", fresh<Signals<SysvSignalSemaphore>>(Verb::p)));
}

BOOST_AUTO_TEST_CASE(a_sleeper_gets_on_wherever_the_one_who_should_wake_it_is_killed) {
    using support::killed_at_every_instruction;
    constexpr std::size_t sample = support::usual_sample / 2;
    check(killed_at_every_instruction("Semaphore V to a sleeper, killed", fresh<Waking<Semaphore, true>>(), sample));
    check(killed_at_every_instruction("SignalSemaphore V to a sleeper, killed", fresh<Waking<SignalSemaphore, false>>(),
                                      sample));
}

BOOST_AUTO_TEST_CASE(a_robust_lock_goes_to_the_next_who_is_told_of_a_death_in_between) {
    using support::killed_at_every_instruction;
    check(killed_at_every_instruction("RobustLock lock, killed", fresh<Locking>(Locking::Way::lock)));
    check(killed_at_every_instruction("RobustLock unlock, killed", fresh<Locking>(Locking::Way::unlock)));
}

BOOST_AUTO_TEST_CASE(a_death_during_the_repair_of_a_death_is_repaired) {
    using support::killed_at_every_instruction;
    check(killed_at_every_instruction("P after a death, killed", fresh<Repairing>()));
    check(support::paused_at_every_instruction("P after a death, paused", fresh<Repairing>()));
    check(killed_at_every_instruction("lock after a death, killed", fresh<Reporting>()));
}

BOOST_AUTO_TEST_SUITE_END()
