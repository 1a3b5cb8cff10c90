// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What the kernel's two kinds of message queues share: how a typed one is made and found, and what is asked of it before
/// its messages are believed. The verbs are in sysv_queue.hpp and posix_queue.hpp.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../memory/address.hpp"
#include "../memory/errc.hpp"
#include "../memory/kernel_object.hpp"
#include "../payload/layout.hpp"
#include "../payload/layout_difference.hpp"
#include "../payload/payload.hpp"
#include "../sync/deadline.hpp"
#include "../sys/error.hpp"
#include "capacity.hpp"

namespace tenon::carrier {

/// What a new queue is told.
struct QueueWanted {
    memory::CompanionFile::Details details;  // capacity 0: the system's default
    std::string_view words;
    std::size_t message_size;  // the largest
};

/// Returns what `fill(Msg*)` wrote, without asking that a Msg can be made of nothing.
template <class Msg, class Fill>
Msg filled(Fill fill) {
    if constexpr (std::is_trivially_default_constructible_v<Msg>) {
        Msg message;
        fill(&message);
        return message;
    } else {
        union Room {
            Msg message;
            Room() noexcept {}
        } room;
        fill(&room.message);
        return room.message;
    }
}

/// The named constructors of all front doors (see sync::Factories), and the life of a queue. `Name` is a SysvKey or the
/// "/name"; `Kernel` is for KernelObject, and has beside it
///     always_has_capacity            whether a new queue must be told its capacity
///     check_size(size, name)         throws when no queue takes messages of that size
///     room(handle, size, name)       for how many messages there is room
///     check_room(room, handle, size, name)   throws where that is for none
///     message_size(handle, name)     0 where a queue has messages of any size
///     waiting(handle, name)          how many messages there are
template <class Self, class Msg, class Kernel, class Name, std::size_t message_size>
class KernelQueue {
    static_assert(require_payload<Msg>());
    using Object = memory::KernelObject<Kernel>;

public:
    /// Makes a new queue with room for so many messages (of the largest kind).
    /// Throws  EEXIST when the name is in use; EINVAL, EPERM, EMFILE, ENOSPC, EMSGSIZE, telling the limit. An abandoned queue
    ///         stays, with its messages, when a limit forbids the new one.
    [[nodiscard]] static Self create(const Name& name, Capacity capacity, Mode mode = private_mode) {
        check(capacity, name);
        return made(name, wanted(capacity.count), mode);
    }
    /// Makes a new queue with as much room as the system's default gives.
    [[nodiscard]] static Self create(const Name& name,
                                     Mode mode = private_mode) requires(!Kernel::always_has_capacity) {
        return made(name, wanted(0), mode);
    }

    /// Attaches a queue that exists; see Factories::open for `most` and `owner`.
    /// Throws  ENOENT, EACCES, errc::layout_mismatch (printing both layouts), errc::untrusted; errc::corrupted for a
    ///         queue that another program made: see open_foreign().
    [[nodiscard]] static Self open(const Name& name, Mode most = owner_writes, Owner owner = Owner::caller()) {
        const Address address{name};
        Kernel::check_size(message_size, address.text());
        return Self::of(Object::open(address, {most, owner}, Judge{}));
    }
    /// As open(), waiting for the queue to appear.
    /// Throws  what open() threw last, once the time has passed.
    template <class Rep, class Period>
    [[nodiscard]] static Self open_for(const Name& name, const std::chrono::duration<Rep, Period>& duration,
                                       Mode most = owner_writes, Owner owner = Owner::caller()) {
        return open_until(name, Deadline::after(duration), most, owner);
    }
    [[nodiscard]] static Self open_until(const Name& name, Deadline deadline, Mode most = owner_writes,
                                         Owner owner = Owner::caller()) {
        const Address address{name};
        Kernel::check_size(message_size, address.text());
        return Self::of(Object::open_when_there(address, {most, owner, deadline.nanoseconds()}, Judge{}));
    }

    /// Attaches the queue, or makes it. One that nobody uses and that does not fit is replaced.
    /// Throws  as create() and open(); errc::capacity_mismatch when it exists, in use, with another capacity.
    [[nodiscard]] static Self open_or_create(const Name& name, Capacity capacity, Mode mode = private_mode) {
        check(capacity, name);
        return found_or_made(name, capacity.count, mode);
    }
    [[nodiscard]] static Self open_or_create(const Name& name,
                                             Mode mode = private_mode) requires(!Kernel::always_has_capacity) {
        return found_or_made(name, 0, mode);
    }

    /// Attaches a queue that another program made, without a check of its layout: there is none. Never removes it.
    /// Throws  errc::layout_mismatch where the queue says how large its messages are, and that is not ours.
    [[nodiscard]] static Self open_foreign(const Name& name, Mode most = owner_writes, Owner owner = Owner::caller()) {
        const Address address{name};
        Kernel::check_size(message_size, address.text());
        return Self::of(Object::open_foreign(address, {most, owner}, [&](const auto& handle, const auto& /*status*/) {
            check_message_size(handle, address.text(), errc::layout_mismatch);
        }));
    }

    /// Takes a queue of tenon's from the system. System V: whoever uses it, their calls say `closed`. POSIX: its name; who
    /// uses it keeps it.
    /// Throws  ENOENT; errc::corrupted for one that another program made.
    static void remove(const Name& name) { Object::remove(Address{name}); }

    // The same with a trailing std::error_code&: an empty handle, and the reason, instead of the exception.

    [[nodiscard]] static Self create(const Name& name, Capacity capacity, std::error_code& error) {
        return memory::reporting(error, [&] { return create(name, capacity); });
    }
    [[nodiscard]] static Self create(const Name& name, Capacity capacity, Mode mode, std::error_code& error) {
        return memory::reporting(error, [&] { return create(name, capacity, mode); });
    }
    [[nodiscard]] static Self create(const Name& name, std::error_code& error) requires(!Kernel::always_has_capacity) {
        return memory::reporting(error, [&] { return create(name); });
    }
    [[nodiscard]] static Self create(const Name& name, Mode mode,
                                     std::error_code& error) requires(!Kernel::always_has_capacity) {
        return memory::reporting(error, [&] { return create(name, mode); });
    }
    [[nodiscard]] static Self open(const Name& name, std::error_code& error) {
        return memory::reporting(error, [&] { return open(name); });
    }
    [[nodiscard]] static Self open(const Name& name, Mode most, std::error_code& error) {
        return memory::reporting(error, [&] { return open(name, most); });
    }
    [[nodiscard]] static Self open(const Name& name, Mode most, Owner owner, std::error_code& error) {
        return memory::reporting(error, [&] { return open(name, most, owner); });
    }
    template <class Rep, class Period>
    [[nodiscard]] static Self open_for(const Name& name, const std::chrono::duration<Rep, Period>& duration,
                                       std::error_code& error) {
        return open_until(name, Deadline::after(duration), error);
    }
    [[nodiscard]] static Self open_until(const Name& name, Deadline deadline, std::error_code& error) {
        return memory::reporting(error, [&] { return open_until(name, deadline); });
    }
    [[nodiscard]] static Self open_or_create(const Name& name, Capacity capacity, std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(name, capacity); });
    }
    [[nodiscard]] static Self open_or_create(const Name& name, Capacity capacity, Mode mode, std::error_code& error) {
        return memory::reporting(error, [&] { return open_or_create(name, capacity, mode); });
    }
    [[nodiscard]] static Self open_or_create(const Name& name,
                                             std::error_code& error) requires(!Kernel::always_has_capacity) {
        return memory::reporting(error, [&] { return open_or_create(name); });
    }
    [[nodiscard]] static Self open_or_create(const Name& name, Mode mode,
                                             std::error_code& error) requires(!Kernel::always_has_capacity) {
        return memory::reporting(error, [&] { return open_or_create(name, mode); });
    }
    [[nodiscard]] static Self open_foreign(const Name& name, std::error_code& error) {
        return memory::reporting(error, [&] { return open_foreign(name); });
    }
    static void remove(const Name& name, std::error_code& error) {
        memory::reporting(error, [&] { return remove(name), true; });
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(object_); }
    /// Stays, with its messages, when its last user leaves, until remove(). Another program's does so anyway.
    void persist() { object_.persist(); }
    [[nodiscard]] const std::string& name() const noexcept { return object_.name(); }
    /// For how many messages (of the largest kind) there is room.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /// How many messages there were a moment ago. Throws std::system_error when the queue has been removed.
    [[nodiscard]] std::size_t approximate_size() const { return Kernel::waiting(object_.handle(), name()); }

protected:
    [[nodiscard]] const typename Kernel::Handle& handle() const noexcept { return object_.handle(); }

private:
    /// Whether a queue that was found is one of these messages. Called behind its gate, so that nobody writes the file.
    struct Judge {
        std::uint32_t capacity = 0;  // any

        void operator()(const typename Object::Found& found) const {
            const std::string shown = "\"" + found.name + "\"";
            const auto details = found.companion.read_details(found.file);
            if (details.format != memory::CompanionFile::Details::current_format) {
                if (details.format == 0) {
                    memory::throw_error(errc::corrupted, shown);
                }
                memory::throw_error(errc::version_mismatch,
                                    shown + " has format version " + std::to_string(details.format) +
                                        ", this program reads version " +
                                        std::to_string(memory::CompanionFile::Details::current_format));
            }
            if (details.fingerprint != fingerprint<Msg>) {
                memory::throw_error(
                    errc::layout_mismatch,
                    shown + "\n" +
                        layout_difference(layout_words<Msg>, found.companion.read_words(found.file, details)));
            }
            check_message_size(found.handle, found.name, errc::corrupted);
            const std::size_t room = Kernel::room(found.handle, message_size, found.name);
            if (capacity != 0 && capacity != room) {
                memory::throw_error(errc::capacity_mismatch, shown + " has room for " + std::to_string(room) +
                                                                 " messages, not " + std::to_string(capacity));
            }
        }
    };

    static void check_message_size(const typename Kernel::Handle& handle, const std::string& name, errc code) {
        const std::size_t theirs = Kernel::message_size(handle, name);
        if (theirs != 0 && theirs != message_size) {
            memory::throw_error(code, "\"" + name + "\" has messages of " + std::to_string(theirs) + " bytes, not " +
                                          std::to_string(message_size));
        }
    }

    static void check(Capacity capacity, const Name& name) {
        if (capacity.count == 0) {
            sys::throw_error(EINVAL, "capacity 0 (at least 1)", Address{name}.text());
        }
    }

    static QueueWanted wanted(std::uint32_t capacity) {
        QueueWanted result{{}, layout_words<Msg>, message_size};
        result.details.fingerprint = fingerprint<Msg>;
        result.details.capacity = capacity;
        return result;
    }

    static Self made(const Name& name, const QueueWanted& what, Mode mode) {
        const Address address{name};
        Kernel::check_size(message_size, address.text());
        return of(Object::create(address, what, mode));
    }

    static Self found_or_made(const Name& name, std::uint32_t capacity, Mode mode) {
        const Address address{name};
        Kernel::check_size(message_size, address.text());
        return of(Object::open_or_create(address, wanted(capacity), mode, Judge{capacity}));
    }

    static Self of(Object object) {
        Self result;
        KernelQueue& queue = result;
        queue.capacity_ = Kernel::room(object.handle(), message_size, object.name());
        Kernel::check_room(queue.capacity_, object.handle(), message_size, object.name());
        queue.object_ = std::move(object);
        return result;
    }

    Object object_;
    std::size_t capacity_ = 0;
};

}  // namespace tenon::carrier
