// SPDX-License-Identifier: BSL-1.0
#pragma once
/// SharedObject<T>: one struct that several processes read and write, always whole. Not a queue: a reader sees the latest
/// value, not every value; for messages take TypedQueue.
///
///     auto telemetry = tenon::SharedObject<Telemetry>::create("/telemetry");   // one process
///     telemetry.update([](Telemetry& t) { ++t.tick; });
///
///     auto telemetry = tenon::SharedObject<Telemetry>::open("/telemetry");     // another
///     Telemetry now  = telemetry.load();

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "memory/address.hpp"
#include "memory/errc.hpp"
#include "memory/fork_generation.hpp"
#include "memory/segment.hpp"
#include "payload/fixed_string.hpp"  // what a payload has instead of std::string
#include "payload/layout.hpp"
#include "payload/payload.hpp"
#include "payload/well_formed.hpp"
#include "sync/deadline.hpp"
#include "sync/factories.hpp"
#include "sync/versioned_copies.hpp"

namespace tenon {

namespace detail {

/// Room for a T that is filled byte by byte. Small ones are in place; large ones are allocated by reserve(), once.
template <class T, bool in_place = (sizeof(T) <= 4096)>
class Draft;

template <class T>
class Draft<T, true> {
public:
    Draft() noexcept {}
    void reserve() noexcept {}
    T* get() noexcept { return &room_.value; }

private:
    union Room {
        T value;
        Room() noexcept {}
    } room_;
};

template <class T>
class Draft<T, false> {
public:
    Draft() noexcept = default;
    Draft(Draft&& other) noexcept : value_{std::exchange(other.value_, nullptr)} {}
    Draft& operator=(Draft&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Draft() { ::operator delete (value_, std::align_val_t{alignof(T)}); }
    void reserve() {
        if (value_ == nullptr) {
            value_ = static_cast<T*>(::operator new (sizeof(T), std::align_val_t{alignof(T)}));
        }
    }
    T* get() noexcept { return value_; }

private:
    T* value_ = nullptr;
};

}  // namespace detail

/// A T in shared memory, attached. SharedObject<const T> is attached read-only: it needs no more than the right to read,
/// never writes to the segment, and has only load(), version() and the waits.
///
/// Sharing  Any thread of any process may call any member at any time, but moving or destroying a handle needs it alone.
///          A forked child uses the handle that it inherited; it counts as a user of its own.
/// Crash    Killed at any instruction, a user leaves the last committed value, and its lock comes back to the others.
/// Limits   1 byte to 64 MiB and more; memory: two copies of T, and one more in each writer when T is above 4 KiB.
template <class T>
class SharedObject : public sync::Factories<SharedObject<T>> {
    using Base = sync::Factories<SharedObject>;
    friend Base;
    using Value = std::remove_const_t<T>;
    static_assert(require_payload<Value>());
    static_assert(alignof(Value) <= 4096,
                  "tenon::SharedObject: alignments above 4096, the size of a page, cannot be kept");
    static constexpr bool read_only = std::is_const_v<T>;
    static constexpr bool value_is_small = sizeof(Value) <= 4096;

public:
    /// Numbers the committed values, from 0 for the initial one. Compare for equality.
    using Version = std::uint64_t;

    class Lock;

    // create, open, open_for, open_until, open_or_create, anonymous, attach, remove: see sync/factories.hpp. A new object
    // holds T{}, unless an initial value is given:

    using Base::anonymous;
    using Base::create;
    using Base::open_or_create;

    [[nodiscard]] static SharedObject create(const Address& address, const Value& initial,
                                             Mode mode = private_mode) requires(!read_only) {
        return SharedObject{memory::Segment::create(address, spec(), mode, builder(mode, &initial), settle)};
    }
    [[nodiscard]] static SharedObject create(const Address& address, const Value& initial,
                                             std::error_code& error) requires(!read_only) {
        return create(address, initial, private_mode, error);
    }
    [[nodiscard]] static SharedObject create(const Address& address, const Value& initial, Mode mode,
                                             std::error_code& error) requires(!read_only) {
        return memory::reporting(error, [&] { return create(address, initial, mode); });
    }
    [[nodiscard]] static SharedObject open_or_create(const Address& address, const Value& initial,
                                                     Mode mode = private_mode) requires(!read_only) {
        return SharedObject{memory::Segment::open_or_create(address, spec(), mode, Base::tolerating(mode),
                                                            builder(mode, &initial), settle)};
    }
    [[nodiscard]] static SharedObject open_or_create(const Address& address, const Value& initial,
                                                     std::error_code& error) requires(!read_only) {
        return open_or_create(address, initial, private_mode, error);
    }
    [[nodiscard]] static SharedObject open_or_create(const Address& address, const Value& initial, Mode mode,
                                                     std::error_code& error) requires(!read_only) {
        return memory::reporting(error, [&] { return open_or_create(address, initial, mode); });
    }
    [[nodiscard]] static SharedObject anonymous(const Value& initial) requires(!read_only) {
        return SharedObject{memory::Segment::anonymous(spec(), builder(private_mode, &initial), settle)};
    }
    [[nodiscard]] static SharedObject anonymous(const Value& initial, std::error_code& error) requires(!read_only) {
        return memory::reporting(error, [&] { return anonymous(initial); });
    }

    /// Empty handles, from a failed factory or moved from, test false; nothing else may be asked of them.
    SharedObject() noexcept = default;
    SharedObject(SharedObject&&) noexcept = default;
    SharedObject& operator=(SharedObject&& other) noexcept {
        if (this != &other) {
            close();
            segment_ = std::move(other.segment_);
            copies_ = other.copies_;
            if constexpr (!value_is_small) {
                draft_ = std::move(other.draft_);
            }
        }
        return *this;
    }
    ~SharedObject() { close(); }
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(segment_); }

    // ---- reading

    /// The latest value, whole. Never waits for a writer.
    /// Throws  errc::corrupted when a peer scribbled over the versions, or left a variant, optional or bool in no legal state.
    [[nodiscard]] Value load() const requires(std::is_default_constructible_v<Value>) {
        Value value;
        load(value);
        return value;
    }
    [[nodiscard]] Value load() const requires(!std::is_default_constructible_v<Value>) {
        detail::Draft<Value, true> value;
        load(*value.get());
        return *value.get();
    }

    /// Copies the latest value, whole. For large objects, and where the version is wanted with the value.
    /// Returns  its version.
    Version load(Value& into) const {
        const Version version = copies_.load(&into, damaged());
        if (!is_well_formed(into)) {
            damaged()();
        }
        return version;
    }

    /// The version of the latest value. What was written before its commit is visible after this.
    [[nodiscard]] Version version() const noexcept { return copies_.word().version(); }

    /// Sleeps until the version is not `seen`.
    /// Throws  errc::gone to a user without the right to write, once the last of the others has left.
    /// Crash   a writer killed between its commit and its wake-up call delays this by at most 20 ms.
    void wait_changed(Version seen) const { static_cast<void>(wait(seen, Deadline::never())); }

    /// Returns  whether it changed before the time came; 0 looks once.
    template <class Rep, class Period>
    [[nodiscard]] bool wait_changed_for(Version seen, const std::chrono::duration<Rep, Period>& duration) const {
        return wait(seen, Deadline::after(duration));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool wait_changed_until(Version seen, const std::chrono::time_point<Clock, Duration>& time) const {
        return wait(seen, Deadline::at(time));
    }
    [[nodiscard]] bool wait_changed_until(Version seen, Deadline deadline) const { return wait(seen, deadline); }

    // ---- writing

    /// Publishes `value`, all of it or, when killed, none. Waits for writers in front.
    /// Returns  its version.
    Version store(const Value& value) requires(!read_only) {
        Ownership owned{*this};
        static_cast<void>(owned.take(sys::end_of_time));
        return owned.commit(&value);
    }

    /// Lets `change` work on a private draft of the latest value, with all other writers shut out, and publishes it.
    /// Returns  what `change` returns. When `change` throws, nothing changed.
    /// Throws   EDEADLK when called from within an update of the same object.
    template <class Change>
    auto update(Change&& change) requires(!read_only) {
        Ownership owned{*this};
        static_cast<void>(owned.take(sys::end_of_time));
        return owned.change(change);
    }

    /// As update(), unless another writer is at work, or still is when the time comes.
    /// Returns  whether `change` was called and published.
    template <class Change>
    [[nodiscard]] bool try_update(Change&& change) requires(!read_only) {
        return update_until_time(change, sync::OwnedWord<>::at_once);
    }
    template <class Change, class Rep, class Period>
    [[nodiscard]] bool try_update_for(const std::chrono::duration<Rep, Period>& duration,
                                      Change&& change) requires(!read_only) {
        return update_until_time(change, Deadline::after(duration).nanoseconds());
    }
    template <class Change>
    [[nodiscard]] bool try_update_until(Deadline deadline, Change&& change) requires(!read_only) {
        return update_until_time(change, deadline.nanoseconds());
    }

    /// Shuts other writers out and hands over a draft of the latest value: Lock::commit() publishes it.
    [[nodiscard]] Lock lock() requires(!read_only) { return Lock{*this, sys::end_of_time}; }
    /// Returns  an empty Lock when another writer is at work, or still is when the time comes.
    [[nodiscard]] Lock try_lock() requires(!read_only) { return Lock{*this, sync::OwnedWord<>::at_once}; }
    template <class Rep, class Period>
    [[nodiscard]] Lock try_lock_for(const std::chrono::duration<Rep, Period>& duration) requires(!read_only) {
        return Lock{*this, Deadline::after(duration).nanoseconds()};
    }
    [[nodiscard]] Lock try_lock_until(Deadline deadline) requires(!read_only) {
        return Lock{*this, deadline.nanoseconds()};
    }

    // ---- the object's life

    /// The object stays when its last user leaves, until remove().
    void persist() requires(!read_only) { segment_.persist(); }
    /// The name, or the key in words.
    [[nodiscard]] const std::string& name() const noexcept { return segment_.name(); }
    /// The descriptor of the memory, -1 for System V: attach() takes it in another process.
    [[nodiscard]] int native_handle() const noexcept { return segment_.descriptor(); }

private:
    static constexpr bool can_create = !read_only && std::is_default_constructible_v<Value>;
    static constexpr memory::Access access = read_only ? memory::Access::read_only : memory::Access::read_write;
    using Copies = sync::VersionedCopies<sizeof(Value)>;

    static memory::SegmentSpec spec() noexcept {
        return {memory::Kind::shared_object, fingerprint<Value>, layout_words<Value>, 0,
                Copies::memory_size,         memory::cache_line};
    }

    static Copies view(void* object) noexcept { return Copies{static_cast<sync::VersionedControl<>*>(object)}; }

    /// What makes a new object out of zeroed memory. A null `initial` stands for Value{}.
    static auto builder(Mode mode, const Value* initial = nullptr) noexcept {
        return [initial, mode](void* object) {
            const Copies copies{::new (object) sync::VersionedControl<>{}};
            if (initial != nullptr) {
                copies.initialise(initial, has_readers_who_cannot_write(mode));
            } else if constexpr (std::is_default_constructible_v<Value>) {
                detail::Draft<Value> draft;
                draft.reserve();
                copies.initialise(::new (static_cast<void*>(draft.get())) Value{}, has_readers_who_cannot_write(mode));
            }
        };
    }

    static constexpr bool has_readers_who_cannot_write(Mode mode) noexcept {
        return ((mode.bits >> 1) & 0222 & ~mode.bits) != 0;  // a class of users with r and without w
    }

    /// Clears what the dead holder of a seat left behind: its ownership.
    static void settle(void* object, std::uint32_t /*capacity*/, std::uint32_t seat) noexcept {
        static_cast<sync::VersionedControl<>*>(object)->word.settle(seat);
    }

    explicit SharedObject(memory::Segment segment) : segment_{std::move(segment)}, copies_{view(segment_.object())} {
        if constexpr (!read_only && !value_is_small) {
            draft_.reserve();
        }
    }

    void close() noexcept {
        if (segment_) {
            if (!read_only && segment_.attendance().seat_is_ours()) {
                copies_.word().settle(segment_.seat(settle));  // a lock that is still held goes back first
            }
            segment_.close();
        }
    }

    [[nodiscard]] auto damaged() const noexcept {
        return [this] { memory::throw_error(errc::corrupted, "\"" + name() + "\""); };
    }

    [[nodiscard]] bool wait(Version seen, Deadline deadline) const {
        const bool announced = segment_.writable();
        constexpr std::int64_t unannounced_looks = 5'000'000;  // who creates with a Mode for readers is woken instead
        return copies_.word().wait_changed(seen, deadline.nanoseconds(), announced,
                                           announced ? sync::Patience::usual : unannounced_looks, [this] {
                                               if (segment_.is_buried()) {
                                                   memory::throw_error(errc::gone, "\"" + name() + "\"");
                                               }
                                           });
    }

    template <class Change>
    bool update_until_time(Change& change, std::int64_t until) {
        Ownership owned{*this};
        if (!owned.take(until)) {
            return false;
        }
        owned.change(change);
        return true;
    }

    /// The lock on the word, from take() to commit(), or given back on any other way out.
    class Ownership {
    public:
        explicit Ownership(SharedObject& object) noexcept : object_{&object} {}
        Ownership(const Ownership&) = delete;
        Ownership& operator=(const Ownership&) = delete;
        ~Ownership() { give_back(); }

        [[nodiscard]] bool take(std::int64_t until) {
            memory::Segment& segment = object_->segment_;
            const std::uint32_t seat = segment.seat(settle);
            generation_ = segment.attendance().generation();
            owned_ = object_->copies_.word().take(seat, version_, until, segment);
            return owned_;
        }
        void read(Value* draft) const {
            object_->copies_.read_owned(version_, draft);
            if (!is_well_formed(*draft)) {
                object_->damaged()();
            }
        }
        Version commit(const Value* draft) noexcept {
            if (!is_ours()) [[unlikely]] {
                owned_ = false;
                return version_;
            }
            object_->copies_.commit(version_, draft);
            owned_ = false;
            return version_ + 1;
        }
        void give_back() noexcept {
            if (std::exchange(owned_, false) && is_ours()) {
                object_->copies_.word().give_back();
            }
        }
        [[nodiscard]] bool owned() const noexcept { return owned_; }
        [[nodiscard]] SharedObject& object() const noexcept { return *object_; }

        /// Not in a child that was forked meanwhile: the lock is its parent's.
        [[nodiscard]] bool is_ours() const noexcept { return memory::fork_generation() == generation_; }

        template <class Change>
        auto change(Change& change) {
            if constexpr (value_is_small) {
                detail::Draft<Value> draft;
                return change_in(draft, change);
            } else {
                return change_in(object_->draft_, change);
            }
        }

    private:
        template <class Change>
        auto change_in(detail::Draft<Value>& draft, Change& change) {
            read(draft.get());
            if constexpr (std::is_void_v<std::invoke_result_t<Change&, Value&>>) {
                change(*draft.get());
                commit(draft.get());
            } else {
                auto result = change(*draft.get());
                commit(draft.get());
                return result;
            }
        }

        SharedObject* object_;
        Version version_ = 0;
        std::uint64_t generation_ = 0;  // of the process that took it
        bool owned_ = false;
    };

    struct Nothing {};

    memory::Segment segment_;
    Copies copies_;
    [[no_unique_address]] std::conditional_t<value_is_small, Nothing, detail::Draft<Value>> draft_;
};

/// A writer's exclusive turn at a SharedObject, with a draft of its value. commit() publishes the draft and ends the
/// turn; a Lock that is destroyed without it abandons the draft.
///
///     auto turn = object.lock();
///     turn->tick += 1;
///     turn.commit();
template <class T>
class SharedObject<T>::Lock {
public:
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

    [[nodiscard]] explicit operator bool() const noexcept { return owned_.owned(); }
    [[nodiscard]] Value& operator*() noexcept { return *draft(); }
    [[nodiscard]] Value* operator->() noexcept { return draft(); }

    /// Publishes the draft, all of it or, when killed, none. A second call does nothing.
    void commit() noexcept {
        if (owned_.owned()) {
            owned_.commit(draft());
        }
    }

private:
    friend class SharedObject;
    Lock(SharedObject& object, std::int64_t until) : owned_{object} {
        if (owned_.take(until)) {
            owned_.read(draft());
        }
    }
    Value* draft() noexcept {
        if constexpr (value_is_small) {
            return draft_.get();
        } else {
            return owned_.object().draft_.get();
        }
    }

    Ownership owned_;
    [[no_unique_address]] std::conditional_t<value_is_small, detail::Draft<Value>, Nothing> draft_;
};

}  // namespace tenon
