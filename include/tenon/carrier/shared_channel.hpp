// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What everything that carries messages in shared memory has in common: a segment, ways to wait, descriptors to poll.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "../memory/segment.hpp"
#include "../sync/owned_word.hpp"
#include "../sync/waiting.hpp"
#include "outcome.hpp"
#include "readiness.hpp"

namespace tenon::carrier {

class SharedChannel {
public:
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(segment_); }

    /// How this handle waits.
    void set_waiting(Waiting policy) noexcept {
        room_waiter_.set(policy);
        message_waiter_.set(policy);
    }

    /// A descriptor that poll(2) and epoll(7) call readable when there may be a message: then receive until there is none. As
    /// long as nobody asks for it, it costs nobody anything. A forked child asks for its own.
    /// Throws  std::system_error: EMFILE (telling fs.inotify.max_user_instances).
    [[nodiscard]] int descriptor() { return arrivals_.descriptor(file()); }
    /// The same for room: readable when there may be some; then send until it is full.
    [[nodiscard]] int room_descriptor() { return rooms_.descriptor(file()); }

    /// The object stays when its last user leaves, until remove().
    void persist() { segment_.persist(); }
    /// The name, or the key in words.
    [[nodiscard]] const std::string& name() const noexcept { return segment_.name(); }
    /// The descriptor of the memory, -1 for System V: attach() takes it in another process.
    [[nodiscard]] int native_handle() const noexcept { return segment_.descriptor(); }

protected:
    using Machine = sync::Hardware;

    SharedChannel() noexcept = default;
    SharedChannel(SharedChannel&&) noexcept = default;
    SharedChannel& operator=(SharedChannel&&) noexcept = default;
    ~SharedChannel() = default;
    explicit SharedChannel(memory::Segment segment) noexcept : segment_{std::move(segment)} {}

    [[nodiscard]] int file() const noexcept { return segment_.attendance().descriptor(); }
    void touch_descriptors() const noexcept { sys::touch(file()); }

    /// What std::system_error carries of an exception; for functions that must not throw.
    template <class Attempt>
    static Result result_of(Attempt attempt) noexcept {
        try {
            return attempt();
        } catch (const std::system_error& refused) {
            return Result::failed(refused.code().category() == std::generic_category() ? refused.code().value()
                                                                                       : EUSERS);
        } catch (...) {
            return Result::failed(ENOMEM);
        }
    }

    using Role = sync::OwnedWord<Machine>;

    /// Makes this process the holder of a role, which is free or its holder dead; that one is counted.
    template <class Settle>
    Result take_role(Role& role, std::atomic<std::uint64_t>& repaired, Settle settle) noexcept {
        return result_of([&]() -> Result {
            const std::uint32_t seat = segment_.seat(settle);
            Role::Version version = 0;
            const std::uint32_t before = role.owner();
            if (!role.take(seat, version, Role::at_once, segment_)) {
                return Result::failed(EBUSY);
            }
            if (before != Role::nobody) {  // nobody alive
                repaired.fetch_add(1, std::memory_order_relaxed);
            }
            return Outcome::done;
        });
    }
    /// Takes it from a dead holder. Only under the estate of `seat`.
    static void settle_role(Role& role, std::atomic<std::uint64_t>& repaired, std::uint32_t seat) noexcept {
        if (role.is_owned_by(seat)) {
            role.settle(seat);
            repaired.fetch_add(1, std::memory_order_relaxed);
        }
    }
    /// Who has it, in words, after a Result of EBUSY; otherwise nothing.
    [[nodiscard]] std::string holder_of(const Role& role, const char* what, Result result) const {
        const std::uint32_t seat = role.owner();
        if (result.outcome != Outcome::failed || result.system_error != EBUSY ||
            seat >= segment_.participants().count) {
            return {};
        }
        return ": process " + std::to_string(segment_.participants().identity(seat).pid) + " is its " + what;
    }

    /// Publishes where this side runs. Returns  the same.
    template <class Processor>
    static std::uint32_t say_where(Processor& mine) noexcept {
        const std::uint32_t here = Machine::processor() + 1;
        if (mine.load(std::memory_order_relaxed) != here) {
            mine.store(here, std::memory_order_relaxed);
        }
        return here;
    }
    /// Publishes where this side runs. Returns  where the other one ran last.
    template <class Processor>
    static sync::Where where_is_the_other(Processor& mine, const Processor& its) noexcept {
        const std::uint32_t here = say_where(mine);
        const std::uint32_t there = its.load(std::memory_order_relaxed);
        return there == 0 ? sync::Where::unknown : there == here ? sync::Where::here : sync::Where::elsewhere;
    }

    memory::Segment segment_;
    sync::Waiter<Machine> room_waiter_;
    sync::Waiter<Machine> message_waiter_;
    Readiness<Machine> arrivals_;
    Readiness<Machine> rooms_;
};

}  // namespace tenon::carrier
