// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE shared_object_killed_at_every_instruction
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "crash/judgement.hpp"
#include "crash/reading.hpp"
#include "support/child.hpp"
#include "support/machine.hpp"
#include "support/stepper.hpp"
#include "tenon/shared_object.hpp"

namespace {

using namespace std::chrono_literals;
using crash::check;
using crash::Reading;
using support::Operation;
using support::Trial;
using tenon::Address;
using tenon::SharedObject;

constexpr std::uint64_t old_tick = 100;
constexpr std::uint64_t new_tick = 200;
constexpr std::uint64_t survivors_step = 1'000;

void add(Reading& reading, std::uint64_t amount) { reading = Reading::of(reading.tick + amount); }

enum class Way { store, update, commit, abandon, inherited };
enum class Memory { posix, sysv };

/// One process changes the object from old_tick to new_tick, or tries to; another one survives it.
class Writing {
public:
    Writing(Way way, Memory memory) : way_{way}, address_{address_in(memory)} {
        sut_ = SharedObject<Reading>::create(address_, Reading::of(old_tick));
        static unsigned serial = 0;
        for (unsigned i = 0; i < serial % 2; ++i) {  // each of the two copies is the old one by turns
            sut_.store(Reading::of(old_tick));
        }
        ++serial;
        before_ = sut_.version();
    }

    bool operate(Operation at) {
        std::optional<SharedObject<Reading>> own;
        if (way_ != Way::inherited) {
            own = SharedObject<Reading>::open(address_);
        }
        SharedObject<Reading>& object = own ? *own : sut_;
        at([&] {
            switch (way_) {
                case Way::store: object.store(Reading::of(new_tick)); break;
                case Way::update:
                case Way::inherited: object.update([](Reading& r) { add(r, new_tick - old_tick); }); break;
                case Way::commit: {
                    auto turn = object.lock();
                    add(*turn, new_tick - old_tick);
                    turn.commit();
                    break;
                }
                case Way::abandon: {
                    auto turn = object.lock();
                    add(*turn, new_tick - old_tick);
                    break;
                }
            }
        });
        return true;
    }

    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();  // every other time the victim is still dying while the survivor goes on
        }
        const Seen first = look(trial);
        trial.expect(!trial.had_ended() || first.tick == (way_ == Way::abandon ? old_tick : new_tick),
                     "what was committed is lost");
        std::uint64_t built_on = 0;
        trial.stall([&] {
            sut_.update([&](Reading& r) {
                built_on = r.tick;
                trial.expect(r.is_whole(), "the survivor's draft is torn");
                add(r, survivors_step);
            });
        });
        trial.expect(built_on == first.tick, "the survivor's update did not build on what it had loaded");
        trial.expect(is(first.tick + survivors_step, first.version + 1), "the survivor's update is not what is there");
        trial.expect(sut_.try_update([](Reading& r) { add(r, survivors_step); }), "the lock did not come back");
        trial.bury();
        const auto works = [&] {
            auto other = SharedObject<Reading>::open(address_);
            other.update([](Reading& r) { add(r, survivors_step); });
            return other.load().tick == first.tick + 3 * survivors_step;
        };
        trial.expect(trial.number % 8 == 0 ? support::in_child(works) : works(), "nobody new can attach and work");
        trial.expect(is(first.tick + 3 * survivors_step, first.version + 3), "the newcomer's update is lost");
        leave(trial);
    }

    void meanwhile(Trial& trial) {
        const Seen first = look(trial);
        bool acted = false;
        std::uint64_t built_on = 0;
        acted = sut_.try_update_for(5ms, [&](Reading& r) {
            built_on = r.tick;
            add(r, survivors_step);
        });
        trial.expect(!acted || built_on == first.tick, "the survivor's update did not build on what it had loaded");
        trial.expect(is(first.tick + (acted ? survivors_step : 0), first.version + (acted ? 1 : 0)),
                     "a refused update left a trace, or the paused one went on");
        if (!acted && trial.number % 4 == 0) {  // one who waits for the paused victim as long as it takes
            support::Child waiting{[&] {
                auto other = SharedObject<Reading>::open(address_);
                other.update([&](Reading& r) { add(r, survivors_step); });
                return true;
            }};
            std::this_thread::sleep_for(2ms);
            trial.resume();
            trial.expect(waiting.succeeds(), "who waited for the paused victim failed");
            trial.expect(trial.came_to_a_good_end(), "the victim failed after its pause");
            acted = true;
            built_on = way_ == Way::abandon ? old_tick : new_tick;
        } else {
            trial.expect(trial.resume_to_the_end(), "the victim failed after its pause");
        }
        const std::uint64_t survivors = acted ? survivors_step : 0;
        switch (way_) {
            case Way::store:
                trial.expect(is(new_tick + (built_on == new_tick ? survivors : 0), before_ + 1 + (acted ? 1 : 0)),
                             "store: an effect is missing or doubled");
                break;
            case Way::abandon:
                trial.expect(is(old_tick + survivors, before_ + (acted ? 1 : 0)), "an abandoned draft had an effect");
                break;
            default:
                trial.expect(is(new_tick + survivors, before_ + 1 + (acted ? 1 : 0)),
                             "update: an effect is missing or doubled");
        }
        leave(trial);
    }

private:
    struct Seen {
        std::uint64_t tick;
        std::uint64_t version;
    };

    static Address address_in(Memory memory) {
        return memory == Memory::posix ? Address{support::unique_name()} : Address{support::unique_key()};
    }

    [[nodiscard]] bool is(std::uint64_t tick, std::uint64_t version) const {
        Reading now;
        return sut_.load(now) == version && now.is_whole() && now.tick == tick && sut_.version() == version;
    }

    Seen look(Trial& trial) const {
        Reading seen{};
        std::uint64_t version = 0;
        trial.stall([&] { version = sut_.load(seen); });
        trial.expect(seen.is_whole(), "torn");
        trial.expect((seen.tick == old_tick && version == before_) ||
                         (seen.tick == new_tick && version == before_ + 1 && way_ != Way::abandon),
                     "value " + std::to_string(seen.tick) + " with version " + std::to_string(version) +
                         " is neither the old one nor the new one");
        return {seen.tick, version};
    }

    void leave(Trial& trial) {
        sut_ = {};
        std::error_code error;
        static_cast<void>(SharedObject<Reading>::open(address_, error));
        trial.expect(error == std::errc::no_such_file_or_directory, "something is left when the last user is gone");
    }

    Way way_;
    Address address_;
    SharedObject<Reading> sut_;
    std::uint64_t before_ = 0;
};

auto writing(Way way, Memory memory = Memory::posix) {
    return [=] { return std::make_unique<Writing>(way, memory); };
}

/// A former holder of the lock has died; this process is killed while it puts that right.
class Repairing {
public:
    explicit Repairing(Memory memory)
        : address_{memory == Memory::posix ? Address{support::unique_name()} : Address{support::unique_key()}} {
        sut_ = SharedObject<Reading>::create(address_, Reading::of(old_tick));
    }
    bool operate(Operation at) {
        auto own = SharedObject<Reading>::open(address_);  // before the death: who comes later clears the seat it takes
        support::in_child_that_dies([&] {
            static auto dying = SharedObject<Reading>::open(address_);
            static auto turn = dying.lock();
            add(*turn, 7);
        });
        at([&] { own.update([](Reading& r) { add(r, new_tick - old_tick); }); });
        return true;
    }
    void survive(Trial& trial) {
        if (trial.number % 2 == 0) {
            trial.bury();
        }
        const std::uint64_t seen = sut_.load().tick;
        trial.expect(seen == new_tick || (seen == old_tick && !trial.had_ended()), "neither the old nor the new value");
        trial.stall([&] { sut_.update([&](Reading& r) { add(r, survivors_step); }); });
        trial.expect(sut_.load().is_whole() && sut_.load().tick == seen + survivors_step, "the update is not there");
        trial.bury();
        trial.expect(SharedObject<Reading>::open(address_).try_update([](Reading&) {}), "the lock did not come back");
    }
    void meanwhile(Trial& trial) {
        const bool acted = sut_.try_update_for(5ms, [&](Reading& r) { add(r, survivors_step); });
        trial.expect(trial.resume_to_the_end(), "the victim failed after its pause");
        const Reading now = sut_.load();
        trial.expect(now.is_whole() && now.tick == new_tick + (acted ? survivors_step : 0),
                     "an effect is missing or doubled");
        trial.expect(sut_.try_update([](Reading&) {}), "the lock did not come back");
    }

private:
    Address address_;
    SharedObject<Reading> sut_;
};

/// A writer commits while a third process sleeps, until it may write or until the value changes.
class Waking {
public:
    enum class Wish { to_write, to_see };
    explicit Waking(Wish wish) : wish_{wish} {}

    bool operate(Operation at) {
        auto own = SharedObject<Reading>::open(name_);
        auto turn = own.lock();
        add(*turn, new_tick - old_tick);
        sleeper_.fall_asleep();
        at([&] { turn.commit(); });
        return true;
    }
    void survive(Trial& trial) {
        if (wish_ == Wish::to_see) {
            trial.bury();
            if (!trial.had_ended()) {
                sut_.update([](Reading& r) { add(r, survivors_step); });  // in the place of the dead
            }
        }
        trial.stall([&] { trial.expect(sleeper_.gets_on(), "the sleeper failed"); });
        const Reading now = sut_.load();
        const bool committed = now.tick == new_tick || now.tick == new_tick + survivors_step;
        trial.expect(now.is_whole() && (committed || !trial.had_ended()), "what was committed is lost");
        trial.expect(sut_.version() == (committed ? 1U : 0U) + (now.tick % survivors_step < now.tick ? 1U : 0U),
                     "version and value do not belong together");
    }

private:
    Wish wish_;
    std::string name_ = support::unique_name();
    SharedObject<Reading> sut_ = SharedObject<Reading>::create(name_, Reading::of(old_tick));
    crash::Sleeper sleeper_{[this] {
        auto own = SharedObject<Reading>::open(name_);
        if (wish_ == Wish::to_write) {
            own.update([](Reading& r) { add(r, survivors_step); });
        } else {
            own.wait_changed(0);
        }
        return true;
    }};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(shared_object, crash::NothingIsLeft,
                         *boost::unit_test::precondition(crash::stepping_is_allowed))

BOOST_AUTO_TEST_CASE(a_writer_killed_at_any_instruction_leaves_the_old_value_or_the_new) {
    check(support::killed_at_every_instruction("store, killed", writing(Way::store)));
    check(support::killed_at_every_instruction("update, killed", writing(Way::update)));
    check(support::killed_at_every_instruction("lock and commit, killed", writing(Way::commit)));
    check(support::killed_at_every_instruction("lock and abandon, killed", writing(Way::abandon)));
    check(support::killed_at_every_instruction("update, System V, killed", writing(Way::update, Memory::sysv)));
}

BOOST_AUTO_TEST_CASE(a_child_killed_in_its_first_use_of_an_inherited_handle_disturbs_nobody) {
    check(support::killed_at_every_instruction("first update of a forked child, killed", writing(Way::inherited),
                                               support::usual_sample / 2));
}

BOOST_AUTO_TEST_CASE(a_sleeper_gets_on_wherever_the_one_who_should_wake_it_is_killed) {
    const auto waking = [](Waking::Wish wish) { return [=] { return std::make_unique<Waking>(wish); }; };
    constexpr std::size_t sample = support::usual_sample / 2;
    check(support::killed_at_every_instruction("commit to a writer in wait, killed", waking(Waking::Wish::to_write),
                                               sample));
    check(support::killed_at_every_instruction("commit to a reader in wait, killed", waking(Waking::Wish::to_see),
                                               sample));
}

BOOST_AUTO_TEST_CASE(a_writer_paused_at_any_instruction_is_not_robbed_and_loses_nothing) {
    check(support::paused_at_every_instruction("store, paused", writing(Way::store)));
    check(support::paused_at_every_instruction("update, paused", writing(Way::update)));
    check(support::paused_at_every_instruction("lock and commit, paused", writing(Way::commit)));
    check(support::paused_at_every_instruction("lock and abandon, paused", writing(Way::abandon)));
    check(support::paused_at_every_instruction("first update of a forked child, paused", writing(Way::inherited),
                                               support::usual_sample / 2));
}

BOOST_AUTO_TEST_CASE(a_death_during_the_repair_of_a_death_is_repaired) {
    const auto repairing = [](Memory memory) { return [=] { return std::make_unique<Repairing>(memory); }; };
    check(support::killed_at_every_instruction("update after a death, killed", repairing(Memory::posix)));
    check(support::killed_at_every_instruction("update after a death, System V, killed", repairing(Memory::sysv)));
    check(support::paused_at_every_instruction("update after a death, paused", repairing(Memory::posix)));
}

BOOST_AUTO_TEST_SUITE_END()
