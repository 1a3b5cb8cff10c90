// SPDX-License-Identifier: BSL-1.0
#define BOOST_TEST_MODULE births_and_burials_killed_at_every_instruction
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <string>

#include "crash/judgement.hpp"
#include "crash/reading.hpp"
#include "support/child.hpp"
#include "support/machine.hpp"
#include "support/stepper.hpp"
#include "tenon/shared_object.hpp"
#include "tenon/sync/sysv_semaphore.hpp"

namespace {

using crash::check;
using crash::Reading;
using support::Operation;
using support::Trial;
using tenon::Permits;
using tenon::SharedObject;
using tenon::SysvKey;
using tenon::SysvSemaphore;

/// The path of the companion file of a System V object, `kind` being ".shm." or ".sem."; empty when there is none.
std::string companion(SysvKey key, const char* kind) {
    const std::string end = kind + key.text().substr(4);  // without "key "
    for (const std::string& name : support::entries("/dev/shm")) {
        if (name.rfind("tenon.", 0) == 0 && name.size() > end.size() &&
            name.compare(name.size() - end.size(), end.size(), end) == 0) {
            return "/dev/shm/" + name;
        }
    }
    return {};
}

struct OtherLayout {
    std::uint32_t words[9];
};

/// A SharedObject under a POSIX name.
struct Posix {
    using Handle = SharedObject<Reading>;
    static constexpr long call_that_makes_it = 0;  // it gets its name when it is complete
    std::string address = support::unique_name();

    Handle create() const { return Handle::create(address, Reading::of(1)); }
    Handle open() const { return Handle::open(address); }
    Handle open_or_create() const { return Handle::open_or_create(address, Reading::of(1)); }
    void remove() const { Handle::remove(address); }
    auto create_other_layout() const { return SharedObject<OtherLayout>::create(address); }
    static bool works(Handle& handle) {
        const Reading before = handle.load();
        handle.update([](Reading& r) { r = Reading::of(r.tick + 1); });
        const Reading after = handle.load();
        return before.is_whole() && after.is_whole() && after.tick == before.tick + 1;
    }
    [[nodiscard]] std::string leftovers() const { return support::exists(address) ? "the name " + address : ""; }
    void sweep() const { ::unlink(("/dev/shm" + address).c_str()); }
};

/// A SharedObject in a System V segment.
struct SysvMemory {
    using Handle = SharedObject<Reading>;
    static constexpr long call_that_makes_it = SYS_shmget;
    SysvKey address = support::unique_key();

    Handle create() const { return Handle::create(address, Reading::of(1)); }
    Handle open() const { return Handle::open(address); }
    Handle open_or_create() const { return Handle::open_or_create(address, Reading::of(1)); }
    void remove() const { Handle::remove(address); }
    auto create_other_layout() const { return SharedObject<OtherLayout>::create(address); }
    static bool works(Handle& handle) { return Posix::works(handle); }
    [[nodiscard]] std::string leftovers() const {
        return std::string{::shmget(address.value(), 0, 0) != -1 ? "the segment " : ""} +
               (companion(address, ".shm.").empty() ? "" : "the companion file");
    }
    void sweep() const {
        ::shmctl(::shmget(address.value(), 0, 0), IPC_RMID, nullptr);
        ::unlink(companion(address, ".shm.").c_str());
    }
};

/// A System V semaphore.
struct SysvSet {
    using Handle = SysvSemaphore;
    static constexpr long call_that_makes_it = SYS_semget;
    SysvKey address = support::unique_key();

    Handle create() const { return Handle::create(address, Permits{1}); }
    Handle open() const { return Handle::open(address); }
    Handle open_or_create() const { return Handle::open_or_create(address, Permits{1}); }
    void remove() const { Handle::remove(address); }
    auto create_other_layout() const { return create(); }
    static bool works(Handle& handle) {
        handle.acquire();
        const bool one = !handle.try_acquire();
        handle.release();
        return one && handle.approximate_available() == 1;
    }
    [[nodiscard]] std::string leftovers() const {
        return std::string{::semget(address.value(), 0, 0) != -1 ? "the set " : ""} +
               (companion(address, ".sem.").empty() ? "" : "the companion file");
    }
    void sweep() const {
        const int id = ::semget(address.value(), 0, 0);
        if (id != -1) {
            ::semctl(id, 0, IPC_RMID);
        }
        ::unlink(companion(address, ".sem.").c_str());
    }
};

enum class Deed { create, open, open_or_create, close, persist, remove };
/// What the deed finds: nothing; what a killed last user left; what a killed creator left half done; an object of another
/// layout that nobody uses; one that persists; one that the survivor uses.
enum class Found { nothing, abandoned, half_born, other_layout, persistent, in_use };

/// One deed of an object's life, killed; then somebody else wants to use that address.
template <class Kind>
class Living {
    using Handle = typename Kind::Handle;

public:
    Living(Deed deed, Found found) : deed_{deed}, found_{found} {
        switch (found) {
            case Found::nothing: break;
            case Found::abandoned: support::in_child_that_dies([&] { static auto left = kind_.create(); }); break;
            case Found::half_born: {
                support::SteppedChild creator{[&](Operation at) {
                    at([&] { static auto left = kind_.create(); });
                    return true;
                }};
                creator.advance_past(Kind::call_that_makes_it);
                break;
            }
            case Found::other_layout:
                support::in_child_that_dies([&] { static auto left = kind_.create_other_layout(); });
                break;
            case Found::persistent: kind_.create().persist(); break;
            case Found::in_use: survivor_ = kind_.create(); break;
        }
    }
    Living(const Living&) = delete;
    Living& operator=(const Living&) = delete;
    ~Living() {
        survivor_.reset();
        kind_.sweep();
    }

    bool operate(Operation at) {
        std::optional<Handle> own;
        std::error_code why;
        const auto attempt = [&](auto make) {
            at([&] {
                try {
                    own = make();
                } catch (const std::system_error& refused) {
                    why = refused.code();
                }
            });
            return !why || (deed_ == Deed::create && found_ == Found::in_use && why == std::errc::file_exists) ||
                   (deed_ == Deed::open && why == tenon::errc::owner_died);
        };
        switch (deed_) {
            case Deed::create: return attempt([&] { return kind_.create(); });
            case Deed::open: return attempt([&] { return kind_.open(); });
            case Deed::open_or_create: return attempt([&] { return kind_.open_or_create(); });
            case Deed::close:
                own = kind_.open_or_create();
                survivor_.reset();  // what was inherited would count as present
                at([&] { own.reset(); });
                return true;
            case Deed::persist:
                own = kind_.open_or_create();
                at([&] { own->persist(); });
                return true;
            case Deed::remove: at([&] { kind_.remove(); }); return true;
        }
        return false;
    }

    void survive(Trial& trial) {
        if (survivor_ && trial.number % 2 == 0) {
            trial.expect(Kind::works(*survivor_), "the survivor's object is damaged while the victim dies");
        }
        trial.bury();
        if (trial.had_ended()) {
            const bool stays = kind_.leftovers() != "";
            trial.expect(deed_ != Deed::remove || !stays, "still there after remove(): " + kind_.leftovers());
            trial.expect(deed_ != Deed::close || survivor_ || found_ == Found::persistent || !stays,
                         "still there after the last user closed it: " + kind_.leftovers());
        }
        if (survivor_) {
            trial.stall([&] {
                trial.expect(Kind::works(*survivor_), "the survivor's object is damaged");
                auto other = kind_.open();
                trial.expect(Kind::works(other), "a newcomer cannot use the survivor's object");
            });
            survivor_.reset();
        } else {
            trial.stall([&] {
                if (trial.number % 8 == 7) {
                    trial.expect(support::in_child([&] {
                                     use(trial, trial.number / 8 % 4);
                                     return trial.complaint().empty();
                                 }),
                                 "another process cannot go on");
                } else {
                    use(trial, trial.number % 4);
                }
            });
        }
        if (deed_ == Deed::persist || found_ == Found::persistent) {
            const bool stays = kind_.leftovers() != "";
            trial.expect(deed_ != Deed::persist || !trial.had_ended() || stays, "it was asked to persist and did not");
            if (stays) {
                try {
                    kind_.remove();
                } catch (const std::system_error& refused) {
                    trial.expect(refused.code() == std::errc::no_such_file_or_directory, refused.what());
                }
            }
        }
        trial.expect(kind_.leftovers() == "", "left when all are gone: " + kind_.leftovers());
    }

    /// While one leaves slowly, the other one leaves too; then it goes on.
    void meanwhile(Trial& trial) {
        trial.expect(Kind::works(*survivor_), "the survivor's object is damaged");
        survivor_.reset();
        trial.expect(trial.resume_to_the_end(), "the victim failed after its pause");
        trial.expect(kind_.leftovers() == "", "left when all are gone: " + kind_.leftovers());
    }

private:
    [[nodiscard]] bool may_persist() const { return deed_ == Deed::persist || found_ == Found::persistent; }

    void use(Trial& trial, std::size_t variant) {
        std::optional<Handle> handle;
        if (variant == 0) {
            try {
                handle = kind_.create();
            } catch (const std::system_error& refused) {
                trial.expect(may_persist() && refused.code() == std::errc::file_exists,
                             std::string{"create() where nobody uses it: "} + refused.what());
            }
        } else if (variant == 1) {
            try {
                handle = kind_.open();
            } catch (const std::system_error& refused) {
                trial.expect(refused.code() == std::errc::no_such_file_or_directory ||
                                 (Kind::call_that_makes_it != 0 && refused.code() == tenon::errc::owner_died) ||
                                 (found_ == Found::other_layout && refused.code() == tenon::errc::layout_mismatch),
                             std::string{"open(): "} + refused.what());
            }
        } else if (variant == 2 && deed_ == Deed::remove) {
            try {
                kind_.remove();
            } catch (const std::system_error& refused) {
                trial.expect(refused.code() == std::errc::no_such_file_or_directory, refused.what());
            }
            return;
        }
        if (!handle) {
            handle = kind_.open_or_create();
        }
        trial.expect(Kind::works(*handle), "the object does not work");
    }

    Kind kind_;
    Deed deed_;
    Found found_;
    std::optional<Handle> survivor_;
};

template <class Kind>
auto living(Deed deed, Found found) {
    return [=] { return std::make_unique<Living<Kind>>(deed, found); };
}

using support::killed_at_every_instruction;

constexpr std::size_t sample = support::usual_sample / 2;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lifecycle, crash::NothingIsLeft, *boost::unit_test::precondition(crash::stepping_is_allowed))

BOOST_AUTO_TEST_CASE(an_object_under_a_name_survives_a_death_at_any_instruction_of_a_birth_or_burial) {
    const auto sweep = [](const char* operation, Deed deed, Found found) {
        check(killed_at_every_instruction(operation, living<Posix>(deed, found), sample));
    };
    sweep("create", Deed::create, Found::nothing);
    sweep("create over what was abandoned", Deed::create, Found::abandoned);
    sweep("create of what is in use", Deed::create, Found::in_use);
    sweep("open", Deed::open, Found::in_use);
    sweep("open of what was abandoned", Deed::open, Found::abandoned);
    sweep("open_or_create of nothing", Deed::open_or_create, Found::nothing);
    sweep("open_or_create of what is in use", Deed::open_or_create, Found::in_use);
    sweep("open_or_create over another layout", Deed::open_or_create, Found::other_layout);
    sweep("close of the last user", Deed::close, Found::nothing);
    sweep("close while it is in use", Deed::close, Found::in_use);
    sweep("persist", Deed::persist, Found::nothing);
    sweep("remove", Deed::remove, Found::persistent);
}

BOOST_AUTO_TEST_CASE(an_object_under_a_key_survives_a_death_at_any_instruction_of_a_birth_or_burial) {
    const auto sweep = [](const char* operation, Deed deed, Found found) {
        check(killed_at_every_instruction(operation, living<SysvMemory>(deed, found), sample));
    };
    sweep("create, key", Deed::create, Found::nothing);
    sweep("create over what was abandoned, key", Deed::create, Found::abandoned);
    sweep("create over what is half born, key", Deed::create, Found::half_born);
    sweep("create of what is in use, key", Deed::create, Found::in_use);
    sweep("open, key", Deed::open, Found::in_use);
    sweep("open of what was abandoned, key", Deed::open, Found::abandoned);
    sweep("open_or_create of nothing, key", Deed::open_or_create, Found::nothing);
    sweep("open_or_create over another layout, key", Deed::open_or_create, Found::other_layout);
    sweep("close of the last user, key", Deed::close, Found::nothing);
    sweep("close while it is in use, key", Deed::close, Found::in_use);
    sweep("persist, key", Deed::persist, Found::nothing);
    sweep("remove, key", Deed::remove, Found::persistent);
}

BOOST_AUTO_TEST_CASE(a_system_v_semaphore_survives_a_death_at_any_instruction_of_a_birth_or_burial) {
    const auto sweep = [](const char* operation, Deed deed, Found found) {
        check(killed_at_every_instruction(operation, living<SysvSet>(deed, found), sample));
    };
    sweep("SysvSemaphore create", Deed::create, Found::nothing);
    sweep("SysvSemaphore create over what was abandoned", Deed::create, Found::abandoned);
    sweep("SysvSemaphore create over what is half born", Deed::create, Found::half_born);
    sweep("SysvSemaphore create of what is in use", Deed::create, Found::in_use);
    sweep("SysvSemaphore open", Deed::open, Found::in_use);
    sweep("SysvSemaphore open of what was abandoned", Deed::open, Found::abandoned);
    sweep("SysvSemaphore open_or_create of nothing", Deed::open_or_create, Found::nothing);
    sweep("SysvSemaphore close of the last user", Deed::close, Found::nothing);
    sweep("SysvSemaphore close while it is in use", Deed::close, Found::in_use);
    sweep("SysvSemaphore remove", Deed::remove, Found::abandoned);
}

BOOST_AUTO_TEST_CASE(whoever_leaves_last_buries_though_the_other_one_was_paused_in_leaving) {
    constexpr std::size_t few = support::usual_sample / 8;  // some of these wait a second at the gate
    check(support::paused_at_every_instruction("close, paused, while the other closes",
                                               living<Posix>(Deed::close, Found::in_use), few));
    check(support::paused_at_every_instruction("close, paused, while the other closes, key",
                                               living<SysvMemory>(Deed::close, Found::in_use), few / 2));
    check(support::paused_at_every_instruction("SysvSemaphore close, paused, while the other closes",
                                               living<SysvSet>(Deed::close, Found::in_use), few / 2));
}

BOOST_AUTO_TEST_SUITE_END()
