// SPDX-License-Identifier: BSL-1.0
#pragma once
/// One typed object in shared memory: how it is born, found, checked, recovered and buried. The front doors
/// (SharedObject, Semaphore, ...) say what should be there as a SegmentSpec and get an address to work at.
///
/// Birth.   POSIX and anonymous memory get their name, or leave their maker's hands, when they are complete: an opener
///          never sees half of one. A System V key is visible from the start; there the birth happens behind the gate of
///          the companion file, and who gets through the gate and finds no `ready` knows that the creator is dead.
/// Death.   The last user takes the name away, unless persist() was called. When that user was killed, the object stays
///          with its last commit: open() finds it as it was, create() and open_or_create() replace what nobody uses.
/// Source   shm_overview(7), sysvipc(7), memfd_create(2).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "../payload/layout_difference.hpp"
#include "../sys/clock.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/mapping.hpp"
#include "../sys/memfd.hpp"
#include "../sys/posix_shared_memory.hpp"
#include "../sys/sysv_shared_memory.hpp"
#include "address.hpp"
#include "attendance.hpp"
#include "companion_file.hpp"
#include "errc.hpp"
#include "format.hpp"

namespace tenon::memory {

/// What an object must be for the caller to use it.
struct SegmentSpec {
    Kind kind;
    std::uint64_t fingerprint;
    std::string_view words;             // the layout in words
    std::uint32_t capacity;             // any_capacity: whatever is there
    std::size_t object_size;            // for that capacity
    std::size_t object_alignment;       // at most 4096
    std::size_t size_per_capacity = 0;  // what each one more adds to object_size
    std::uint32_t participants = default_participants;
    bool openers_take_seats = true;  // false: only who asks for its seat(); the others are any number

    static constexpr std::uint32_t any_capacity = UINT32_MAX;
};

enum class Access { read_only, read_write };

/// How an existing object is approached: what is tolerated, and how long to wait for one that is being born.
struct Approach {
    Access access = Access::read_write;
    Mode most = owner_writes;
    Owner trusted = Owner::caller();
    std::int64_t until = sys::end_of_time;
};

class Segment {
public:
    Segment() noexcept = default;
    Segment(Segment&& other) noexcept { take(other); }
    Segment& operator=(Segment&& other) noexcept {
        if (this != &other) {
            close();
            take(other);
        }
        return *this;
    }
    ~Segment() { close(); }

    /// Makes a new object; `build(void* object)` fills its zeroed memory before anybody can see it. `settle(seat)` clears
    /// what a dead holder of the seat left (see Attendance).
    /// Throws  std::system_error: EEXIST when the name is in use, ENOSPC, EACCES, EMFILE...
    template <class Build, class Settle>
    static Segment create(const Address& address, const SegmentSpec& spec, Mode mode, Build build, Settle settle) {
        address.check();
        return address.is_key() ? create_sysv(address, spec, mode, build, settle)
                                : create_posix(address, spec, mode, build, settle);
    }

    /// Finds an object and checks that it is what `spec` says.
    /// Throws  std::system_error: ENOENT, EACCES, and the codes of tenon::errc.
    template <class Settle>
    static Segment open(const Address& address, const SegmentSpec& spec, const Approach& approach, Settle settle) {
        address.check();
        return address.is_key() ? open_sysv(address, spec, approach, settle)
                                : open_posix(address, spec, approach, settle);
    }

    /// As open(), waiting for the object to appear until approach.until.
    template <class Settle>
    static Segment open_when_there(const Address& address, const SegmentSpec& spec, const Approach& approach,
                                   Settle settle) {
        for (std::int64_t nap = 1'000'000;; nap = nap < 8'000'000 ? nap * 2 : 10'000'000) {
            try {
                return open(address, spec, approach, settle);
            } catch (const std::system_error& refused) {
                const std::int64_t now = sys::monotonic_now();
                if (refused.code() != std::errc::no_such_file_or_directory || now >= approach.until) {
                    throw;
                }
                sys::sleep_until(approach.until - now < nap ? approach.until : now + nap);
            }
        }
    }

    /// Finds it, or makes it. What nobody uses, and does not fit, is replaced.
    template <class Build, class Settle>
    static Segment open_or_create(const Address& address, const SegmentSpec& spec, Mode mode, const Approach& approach,
                                  Build build, Settle settle) {
        for (;;) {
            std::error_code why;
            try {
                return open(address, spec, approach, settle);
            } catch (const std::system_error& refused) {
                why = refused.code();
                if (why == errc::not_ready || why == errc::untrusted || why == errc::too_many_participants ||
                    (why.category() != error_category() && why != std::errc::no_such_file_or_directory)) {
                    throw;
                }
                if (why.category() == error_category()) {  // it is there and does not fit: is it in use?
                    try {
                        return create(address, spec, mode, build, settle);
                    } catch (const std::system_error& taken) {
                        if (taken.code() == std::errc::file_exists) {
                            throw refused;
                        }
                        throw;
                    }
                }
            }
            try {
                return create(address, spec, mode, build, settle);
            } catch (const std::system_error& taken) {
                if (taken.code() != std::errc::file_exists) {
                    throw;
                }  // somebody was first: open that one
            }
        }
    }

    /// A nameless object of sealed memory: a forked child inherits it, a descriptor can carry it elsewhere.
    template <class Build, class Settle>
    static Segment anonymous(const SegmentSpec& spec, Build build, Settle settle) {
        const Geometry geometry{spec, spec.words.size(), spec.participants, spec.capacity};
        sys::FileDescriptor file = sys::create_memfd("tenon");
        sys::reserve(file.get(), geometry.total_size);
        Segment made;
        made.name_ = "anonymous";
        made.mapping_ = sys::map_shared(file.get(), geometry.total_size, sys::Protection::read_write);
        made.base_ = static_cast<std::byte*>(made.mapping_.address());
        sys::seal_size(file.get());
        made.attendance_ = Attendance{sys::reopen(file.get(), O_RDWR)};
        made.memory_ = std::move(file);
        made.born(spec, geometry, build, settle);
        return made;
    }

    /// Attaches the object behind a descriptor (inherited, or received), which stays the caller's.
    template <class Settle>
    static Segment attach(int descriptor, const SegmentSpec& spec, const Approach& approach, Settle settle) {
        Segment found;
        found.name_ = "descriptor " + std::to_string(descriptor);
        const bool writable = approach.access == Access::read_write;
        sys::FileDescriptor file = sys::reopen(descriptor, writable ? O_RDWR : O_RDONLY);
        if ((sys::seals(descriptor) & F_SEAL_SHRINK) == 0) {
            throw_error(errc::untrusted, found.name_ + " can be truncated: it is not anonymous() memory");
        }
        const auto status = sys::status(file.get(), found.name_);
        found.map_file(file.get(), status, writable);
        found.check(spec, static_cast<std::size_t>(status.st_size));
        found.attendance_ = Attendance{sys::reopen(file.get(), found.writable_ ? O_RDWR : O_RDONLY)};
        found.join(spec, settle);
        found.memory_ = std::move(file);
        return found;
    }

    /// Takes the name away, whoever uses the object; they keep it. For objects that were asked to persist.
    /// Throws  ENOENT; errc::corrupted when what is there is not a tenon object.
    static void remove(const Address& address);

    [[nodiscard]] explicit operator bool() const noexcept { return base_ != nullptr; }
    [[nodiscard]] void* object() const noexcept { return base_ + object_offset_; }
    [[nodiscard]] bool writable() const noexcept { return writable_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const Identity& identity() const noexcept { return attendance_.identity(); }
    [[nodiscard]] Attendance& attendance() noexcept { return attendance_; }
    [[nodiscard]] const Attendance& attendance() const noexcept { return attendance_; }
    [[nodiscard]] const ParticipantTable& participants() const noexcept { return participants_; }
    /// The descriptor of the memory; -1 for System V. For handing an anonymous object to another process.
    [[nodiscard]] int descriptor() const noexcept { return memory_.get(); }

    // What sync/ asks about the holders of seats.
    [[nodiscard]] bool is_dead(std::uint32_t seat) const noexcept { return attendance_.is_dead(seat, participants_); }
    [[nodiscard]] Estate administer(std::uint32_t seat) const { return attendance_.administer(seat, participants_); }
    [[nodiscard]] bool is_this_process(std::uint32_t seat) const noexcept {
        return seat < participants_.count &&
               participants_.identity(seat).pid == static_cast<std::uint32_t>(::getpid()) &&
               participants_.identity(seat) == sys::this_process();
    }

    /// The caller's seat; a forked child, or who opened without taking one, takes its own at the first call.
    template <class Settle>
    [[nodiscard]] std::uint32_t seat(Settle settle) {
        return attendance_.seat(participants_, [&](std::uint32_t taken) { settle(object(), capacity_, taken); });
    }

    /// Settles the affairs of all who are dead or have left. For those who find that nothing goes on: a lock query for each
    /// one who lives. Where there is no descriptor to spare it is put off.
    /// Returns  whether there was anybody.
    template <class Settle>
    bool settle_dead(Settle settle) const noexcept {
        bool any = false;
        for (std::uint32_t seat = 0; seat < participants_.count; ++seat) {
            if (!participants_.was_taken(seat) || !is_dead(seat)) {
                continue;
            }
            try {
                if (const Estate estate = administer(seat)) {
                    settle(object(), capacity_, seat);
                    participants_.clear(seat);
                    any = true;
                }
            } catch (const std::system_error&) {
                break;
            }
        }
        return any;
    }

    /// Whether the last user who counts has taken the name away while this one, who does not count, still reads.
    [[nodiscard]] bool is_buried() const noexcept {
        return header().state.load(std::memory_order_acquire) == static_cast<std::uint32_t>(State::buried);
    }

    /// The object stays when its last user leaves, until remove(). Throws EBADF for a read-only user.
    void persist() {
        if (!writable_) {
            sys::throw_error(EBADF, "persist", name_);
        }
        life().persistent.store(1, std::memory_order_release);
    }

    /// Leaves; the last one buries. The caller has given back what it held.
    void close() noexcept {
        attendance_.leave([this](int descriptor) { bury(descriptor); });
        mapping_.reset();
        memory_.reset();
        sysv_.reset();
        delete std::exchange(companion_, nullptr);
        base_ = nullptr;
    }

private:
    /// Where the parts of a segment stand.
    struct Geometry {
        std::size_t participants_offset;
        std::size_t object_offset;
        std::size_t total_size;

        Geometry(const SegmentSpec& spec, std::size_t words_size, std::uint32_t participants,
                 std::uint32_t capacity) noexcept
            : participants_offset{round_up(words_offset + words_size, cache_line)},
              object_offset{round_up(participants_offset + participants * sizeof(ParticipantEntry),
                                     spec.object_alignment < cache_line ? cache_line : spec.object_alignment)},
              total_size{object_offset + spec.object_size + spec.size_per_capacity * capacity} {}
    };

    void take(Segment& other) noexcept {
        attendance_ = std::move(other.attendance_);
        mapping_ = std::move(other.mapping_);
        memory_ = std::move(other.memory_);
        sysv_ = std::move(other.sysv_);
        companion_ = std::exchange(other.companion_, nullptr);
        base_ = std::exchange(other.base_, nullptr);
        object_offset_ = other.object_offset_;
        participants_ = other.participants_;
        capacity_ = other.capacity_;
        sysv_id_ = other.sysv_id_;
        writable_ = other.writable_;
        named_ = std::exchange(other.named_, false);
        name_ = std::move(other.name_);
    }

    [[nodiscard]] SegmentHeader& header() const noexcept { return *reinterpret_cast<SegmentHeader*>(base_); }
    [[nodiscard]] SegmentLife& life() const noexcept {
        return *reinterpret_cast<SegmentLife*>(base_ + sizeof(SegmentHeader));
    }

    // ---- birth

    template <class Build, class Settle>
    void born(const SegmentSpec& spec, const Geometry& geometry, Build build, Settle settle) {
        auto* const head = ::new (static_cast<void*>(base_)) SegmentHeader{};
        ::new (static_cast<void*>(base_ + sizeof(SegmentHeader))) SegmentLife{};
        std::memcpy(base_ + words_offset, spec.words.data(), spec.words.size());
        head->magic = segment_magic;
        head->format = format_version;
        head->fingerprint = spec.fingerprint;
        head->total_size = geometry.total_size;
        head->kind = static_cast<std::uint32_t>(spec.kind);
        head->capacity = spec.capacity;
        head->object_offset = geometry.object_offset;
        head->words_size = static_cast<std::uint32_t>(spec.words.size());
        head->participants_offset = static_cast<std::uint32_t>(geometry.participants_offset);
        head->participants_count = spec.participants;
        head->creator = static_cast<std::uint32_t>(::getpid());
        adopt(geometry, spec.participants, spec.capacity);
        build(object());
        attendance_.take_seat(participants_, [&](std::uint32_t seat) { settle(object(), capacity_, seat); });
        head->state.store(static_cast<std::uint32_t>(State::ready), std::memory_order_release);
    }

    void adopt(const Geometry& geometry, std::uint32_t participants, std::uint32_t capacity) noexcept {
        object_offset_ = geometry.object_offset;
        participants_ = {reinterpret_cast<ParticipantEntry*>(base_ + geometry.participants_offset), participants};
        capacity_ = capacity;
    }

    template <class Build, class Settle>
    static Segment create_posix(const Address& address, const SegmentSpec& spec, Mode mode, Build build,
                                Settle settle) {
        const Geometry geometry{spec, spec.words.size(), spec.participants, spec.capacity};
        sys::FileDescriptor file = sys::create_unnamed_shared_memory(address.text());
        sys::reserve(file.get(), geometry.total_size, address.text());
        Segment made;
        made.name_ = address.text();
        made.mapping_ = sys::map_shared(file.get(), geometry.total_size, sys::Protection::read_write, address.text());
        made.base_ = static_cast<std::byte*>(made.mapping_.address());
        made.attendance_ = Attendance{sys::reopen(file.get(), O_RDWR)};
        made.born(spec, geometry, build, settle);
        made.memory_ = std::move(file);
        sys::set_mode(made.memory_.get(), mode.bits, address.text());  // last: it may forbid us to open it again
        while (!sys::publish_shared_memory(made.memory_.get(), address.text())) {
            if (!bury_abandoned_posix(address)) {
                sys::throw_error(EEXIST, "linkat", address.text());
            }
        }
        made.named_ = true;
        return made;
    }

    template <class Build, class Settle>
    static Segment create_sysv(const Address& address, const SegmentSpec& spec, Mode mode, Build build, Settle settle) {
        const Geometry geometry{spec, spec.words.size(), spec.participants, spec.capacity};
        Segment made;
        made.name_ = address.text();
        made.companion_ = new CompanionFile{SysvObject::shared_memory, address};
        const Gate gate = made.companion_->open_or_create(mode, sys::end_of_time);
        try {
            made.sysv_id_ = make_sysv_id(address, geometry.total_size, mode, *made.companion_, gate.get());
        } catch (...) {
            made.companion_->unlink_unused(gate.get());
            throw;
        }
        try {
            made.sysv_ = sys::attach_sysv_shared_memory(made.sysv_id_, 0, address.text());
            made.base_ = static_cast<std::byte*>(made.sysv_.address());
            made.attendance_ = Attendance{sys::reopen(gate.get(), O_RDWR)};
            made.born(spec, geometry, build, settle);
            sys::set_sysv_shared_memory_mode(made.sysv_id_, mode.bits, address.text());
        } catch (...) {
            made.attendance_ = Attendance{};
            sys::remove_sysv_shared_memory(made.sysv_id_, address.text());
            made.companion_->unlink();
            throw;
        }
        made.named_ = true;
        return made;
    }

    /// The identifier behind the key, or -1.
    static int find_sysv_id(const Address& address) noexcept { return ::shmget(address.key().value(), 0, 0); }

    /// A fresh segment for the key; called behind the gate. Buries one that nobody uses.
    static int make_sysv_id(const Address& address, std::size_t size, Mode mode, const CompanionFile& companion,
                            int gate) {
        const auto pid = static_cast<std::uint32_t>(::getpid());
        for (;;) {
            const int existing = find_sysv_id(address);
            if (existing != -1) {
                if (anyone_else_present(gate) || !is_abandoned_sysv(existing, companion.read(gate), address)) {
                    sys::throw_error(EEXIST, "shmget", address.text());
                }
                sys::remove_sysv_shared_memory(existing, address.text());
            }
            companion.write(gate, {pid, -1});
            const int id =
                ::shmget(address.key().value(), size, IPC_CREAT | IPC_EXCL | static_cast<int>(mode.bits | 0600));
            if (id != -1) {
                companion.write(gate, {pid, id});
                return id;
            }
            const int error = errno;
            companion.write(gate, {});
            if (error != EEXIST) {  // else: a program that knows no gate was faster
                sys::throw_error(error, "shmget", address.text());
            }
        }
    }

    /// Whether it is ours, nobody's, and was not asked to stay; or half-born by a creator that died.
    static bool is_abandoned_sysv(int id, const CompanionFile::Record& made, const Address& address) {
        const auto status = sys::sysv_shared_memory_status(id, address.text());
        if (status.shm_perm.cuid != ::geteuid() || status.shm_segsz < words_offset) {
            return false;
        }
        const auto seen = sys::attach_sysv_shared_memory(id, SHM_RDONLY, address.text());
        const auto& head = *static_cast<const SegmentHeader*>(seen.address());
        if (head.state.load(std::memory_order_acquire) != static_cast<std::uint32_t>(State::blank)) {
            // without a record of it we would not know its users, but the kernel knows who has it attached
            return head.magic == segment_magic && !is_persistent(seen.address()) &&
                   (made.id == id || status.shm_nattch == 0);
        }
        return made.id == id || (made.creator != 0 && static_cast<std::uint32_t>(status.shm_cpid) == made.creator);
    }

    static bool is_persistent(const void* base) noexcept {
        return reinterpret_cast<const SegmentLife*>(static_cast<const std::byte*>(base) + sizeof(SegmentHeader))
                   ->persistent.load(std::memory_order_acquire) != 0;
    }

    // ---- finding

    template <class Settle>
    static Segment open_posix(const Address& address, const SegmentSpec& spec, const Approach& approach,
                              Settle settle) {
        const bool writable = approach.access == Access::read_write;
        for (;;) {
            Segment found;
            found.name_ = address.text();
            sys::FileDescriptor file = sys::open_shared_memory(address.text(), writable ? O_RDWR : O_RDONLY);
            const auto status = sys::status(file.get(), address.text());
            check_trust(status.st_uid, status.st_mode, approach.trusted, approach.most, address.text());
            found.map_file(file.get(), status, writable);
            found.check(spec, static_cast<std::size_t>(status.st_size));
            const Gate gate = found.gate_of(file.get(), approach.until);
            found.attendance_ = Attendance{sys::reopen(file.get(), found.writable_ ? O_RDWR : O_RDONLY)};
            found.join(spec, settle);
            if (sys::status(found.attendance_.descriptor(), address.text()).st_nlink != 0) {
                found.named_ = true;
                found.memory_ = std::move(file);
                return found;
            }  // buried between shm_open() and our presence: whatever has the name now is the object
            found.attendance_ = Attendance{};
        }
    }

    template <class Settle>
    static Segment open_sysv(const Address& address, const SegmentSpec& spec, const Approach& approach, Settle settle) {
        const bool writable = approach.access == Access::read_write;
        Segment found;
        found.name_ = address.text();
        found.writable_ = writable;
        found.companion_ = new CompanionFile{SysvObject::shared_memory, address};
        Gate gate;  // a writer's, held until it has joined
        sys::FileDescriptor seen_by_reader;
        found.find_sysv(address, approach, gate, seen_by_reader);
        const int companion = writable ? gate.get() : seen_by_reader.get();
        if (found.sysv_id_ == -1) {
            const int error = errno;
            if (writable && gate && error == ENOENT && !anyone_else_present(companion)) {
                found.companion_->unlink();  // its segment was removed from outside
            }
            sys::throw_error(error, "shmget", address.text());
        }
        const auto status = sys::sysv_shared_memory_status(found.sysv_id_, address.text());
        check_trust(status.shm_perm.uid, status.shm_perm.mode, approach.trusted, approach.most, address.text());
        found.sysv_ = sys::attach_sysv_shared_memory(found.sysv_id_, writable ? 0 : SHM_RDONLY, address.text());
        found.base_ = static_cast<std::byte*>(found.sysv_.address());
        if (companion == -1) {
            throw_error(errc::corrupted, "\"" + address.text() + "\"");  // a segment, but not one of ours
        }
        found.check(spec, status.shm_segsz);
        found.attendance_ = Attendance{sys::reopen(companion, writable ? O_RDWR : O_RDONLY)};
        found.join(spec, settle);
        found.named_ = true;
        return found;
    }

    /// Finds the segment, and the companion file in the state that its user needs: still in its place, and nobody else in
    /// its gate, behind which nothing is half born. A reader gets the file in `file`, and the gate only where he may.
    void find_sysv(const Address& address, const Approach& approach, Gate& gate, sys::FileDescriptor& file) {
        for (int previous = -1;; previous = sysv_id_) {
            gate = Gate{};
            if (writable_) {
                gate = companion_->open(approach.trusted, approach.most, approach.until);
            } else if ((file = companion_->open_as_reader(approach.trusted, approach.most))) {
                gate = gate_of(file.get(), approach.until);
                if (!gate && !await_gate(file.get(), approach.until)) {
                    throw_error(errc::not_ready, "\"" + name_ + "\"");
                }
                if (sys::status(file.get(), name_).st_nlink == 0) {
                    continue;  // buried meanwhile
                }
            }
            sysv_id_ = find_sysv_id(address);
            // A segment without the file may have been born, file and all, between our two questions; but not if the
            // file is missing still.
            if (gate || file || sysv_id_ == -1 || sysv_id_ == previous) {
                return;
            }
        }
    }

    void map_file(int descriptor, const struct ::stat& status, bool writable) {
        if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) < words_offset) {
            throw_error(errc::corrupted, "\"" + name_ + "\" is " + std::to_string(status.st_size) + " bytes long");
        }
        mapping_ = sys::map_shared(descriptor, static_cast<std::size_t>(status.st_size),
                                   writable ? sys::Protection::read_write : sys::Protection::read, name_);
        base_ = static_cast<std::byte*>(mapping_.address());
        writable_ = writable;
    }

    /// Compares what is there with `spec`, on a private copy, and adopts it.
    void check(const SegmentSpec& spec, std::size_t actual_size) {
        const std::string shown = "\"" + name_ + "\"";
        if (actual_size < words_offset) {
            throw_error(errc::corrupted, shown + " is " + std::to_string(actual_size) + " bytes long");
        }
        const auto state = header().state.load(std::memory_order_acquire);
        struct {
            std::uint64_t magic, fingerprint, total_size, object_offset;
            std::uint32_t format, kind, capacity, words_size, participants_offset, participants_count;
        } const seen{header().magic,
                     header().fingerprint,
                     header().total_size,
                     header().object_offset,
                     header().format,
                     header().kind,
                     header().capacity,
                     header().words_size,
                     header().participants_offset,
                     header().participants_count};
        if (seen.magic != segment_magic && !(seen.magic == 0 && state == static_cast<std::uint32_t>(State::blank))) {
            throw_error(errc::corrupted, shown);
        }
        if (state != static_cast<std::uint32_t>(State::ready) && state != static_cast<std::uint32_t>(State::buried)) {
            throw_error(errc::owner_died, shown + " was never finished");
        }
        if (seen.format != format_version) {
            throw_error(errc::version_mismatch, shown + " has format version " + std::to_string(seen.format) +
                                                    ", this program reads version " + std::to_string(format_version));
        }
        if (seen.kind != static_cast<std::uint32_t>(spec.kind)) {
            throw_error(errc::kind_mismatch,
                        shown + " is a " + name_of(static_cast<Kind>(seen.kind)) + ", not a " + name_of(spec.kind));
        }
        if (seen.total_size != actual_size) {
            throw_error(errc::corrupted, shown + " says that it has " + std::to_string(seen.total_size) +
                                             " bytes, but has " + std::to_string(actual_size));
        }
        if (seen.words_size > most_words || seen.words_size > actual_size - words_offset ||
            seen.participants_count == 0 || seen.participants_count > most_participants) {
            throw_error(errc::corrupted, shown);
        }
        if (seen.fingerprint != spec.fingerprint) {
            const std::string theirs{reinterpret_cast<const char*>(base_ + words_offset), seen.words_size};
            throw_error(errc::layout_mismatch, shown + "\n" + layout_difference(spec.words, theirs));
        }
        if (spec.capacity != SegmentSpec::any_capacity && seen.capacity != spec.capacity) {
            throw_error(errc::capacity_mismatch,
                        shown + " has " + std::to_string(seen.capacity) + ", not " + std::to_string(spec.capacity));
        }
        const Geometry geometry{spec, seen.words_size, seen.participants_count, seen.capacity};
        if (geometry.participants_offset != seen.participants_offset || geometry.object_offset != seen.object_offset ||
            geometry.total_size != seen.total_size) {
            throw_error(errc::corrupted, shown);
        }
        adopt(geometry, seen.participants_count, seen.capacity);
    }

    /// Another description of the file, to write to; empty when its user may only read.
    [[nodiscard]] static sys::FileDescriptor reopen_to_write(int descriptor) {
        sys::FileDescriptor description = sys::try_reopen(descriptor, O_RDWR);
        if (!description && errno != EACCES && errno != EPERM && errno != EROFS) {
            sys::throw_error(errno, "open", "/proc/self/fd");
        }
        return description;
    }

    /// The gate; empty for a user who may not write and so can neither hold nor need it.
    [[nodiscard]] Gate gate_of(int descriptor, std::int64_t until) const {
        sys::FileDescriptor description = reopen_to_write(descriptor);
        if (!description) {
            return {};
        }
        Gate gate = hold_gate(std::move(description), until);
        if (!gate) {
            throw_error(errc::not_ready, "\"" + name_ + "\"");
        }
        return gate;
    }

    template <class Settle>
    void join(const SegmentSpec& spec, Settle settle) {
        if (writable_ && spec.openers_take_seats) {
            attendance_.take_seat(participants_, [&](std::uint32_t seat) { settle(object(), capacity_, seat); });
        } else if (writable_ || reopen_to_write(attendance_.descriptor())) {
            attendance_.attend_as_reader();  // it could bury the object, so it counts as a user
        }
    }

    // ---- burial

    /// Behind the gate, nobody else present; `descriptor` is one to write to.
    void bury(int descriptor) noexcept {
        if (!named_ || base_ == nullptr || is_persistent(base_)) {
            return;
        }
        if (companion_ == nullptr) {
            if (!leads_to(name_, attendance_.identity())) {
                return;  // the name was taken away, and may be another object's by now
            }
            ::shm_unlink(name_.c_str());
        } else {
            if (!companion_->is(attendance_.identity()) || ::shmctl(sysv_id_, IPC_RMID, nullptr) != 0) {
                return;
            }
            companion_->unlink();
        }
        // After the name has gone, so that nobody who finds the name finds this.
        constexpr auto buried = static_cast<std::uint32_t>(State::buried);
        if (writable_) {
            header().state.store(buried, std::memory_order_release);
        } else if (companion_ == nullptr) {
            [[maybe_unused]] const auto written =
                ::pwrite(descriptor, &buried, sizeof buried, offsetof(SegmentHeader, state));
        }
    }

    /// Whether a POSIX name still leads to that file.
    static bool leads_to(const std::string& name, const Identity& identity) noexcept {
        struct ::stat status {};
        return ::lstat((sys::shared_memory_directory + name).c_str(), &status) == 0 &&
               Identity{status.st_dev, status.st_ino} == identity;
    }

    /// Unlinks an object of ours that nobody uses and that was not asked to stay.
    /// Returns  false when the name belongs to somebody, or to something else.
    static bool bury_abandoned_posix(const Address& address) {
        sys::FileDescriptor file{sys::uninterrupted(
            [&] { return ::shm_open(address.text().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0); })};
        if (!file) {
            return errno == ENOENT;  // gone meanwhile: the name is free
        }
        const auto status = sys::status(file.get(), address.text());
        if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
            static_cast<std::size_t>(status.st_size) < words_offset) {
            return false;
        }
        const sys::Mapping seen =
            sys::map_shared(file.get(), words_offset, sys::Protection::read_write, address.text());
        auto& head = *static_cast<SegmentHeader*>(seen.address());
        if (head.magic != segment_magic) {
            return false;
        }
        const Gate gate = hold_gate(std::move(file), sys::end_of_time);
        if (!leads_to(address.text(), {status.st_dev, status.st_ino})) {
            return true;  // somebody else buried it
        }
        if (anyone_else_present(gate.get()) || is_persistent(seen.address())) {
            return false;
        }
        sys::unlink_shared_memory(address.text());
        head.state.store(static_cast<std::uint32_t>(State::buried), std::memory_order_release);
        return true;
    }

    Attendance attendance_;
    sys::Mapping mapping_;
    sys::FileDescriptor memory_;  // whose description is the mapping's; carries no locks
    sys::SysvAttachment sysv_;
    CompanionFile* companion_ = nullptr;  // System V only
    std::byte* base_ = nullptr;
    std::size_t object_offset_ = 0;
    ParticipantTable participants_;
    std::uint32_t capacity_ = 0;
    int sysv_id_ = -1;
    bool writable_ = true;
    bool named_ = false;
    std::string name_;
};

inline void Segment::remove(const Address& address) {
    address.check();
    if (!address.is_key()) {
        const sys::FileDescriptor file = sys::open_shared_memory(address.text(), O_RDONLY);
        std::uint64_t magic = 0;
        if (sys::uninterrupted([&] { return ::pread(file.get(), &magic, sizeof magic, 0); }) != sizeof magic ||
            magic != segment_magic) {
            throw_error(errc::corrupted, "\"" + address.text() + "\"");
        }
        sys::FileDescriptor description = reopen_to_write(file.get());
        const Gate gate = description ? hold_gate(std::move(description), sys::end_of_time) : Gate{};
        const auto status = sys::status(file.get(), address.text());
        if (!leads_to(address.text(), {status.st_dev, status.st_ino})) {
            sys::throw_error(ENOENT, "shm_unlink", address.text());
        }
        sys::unlink_shared_memory(address.text());
        return;
    }
    const CompanionFile companion{SysvObject::shared_memory, address};
    const Gate gate = companion.open(Owner::caller(), Mode{0777}, sys::end_of_time);
    const int id = find_sysv_id(address);
    if (id == -1) {
        const int error = errno;
        if (gate && error == ENOENT && !anyone_else_present(gate.get())) {
            companion.unlink();  // a remove() was killed half-way
        }
        sys::throw_error(error, "shmget", address.text());
    }
    if (!gate) {
        throw_error(errc::corrupted, "\"" + address.text() + "\"");
    }
    sys::remove_sysv_shared_memory(id, address.text());
    companion.unlink();
}

}  // namespace tenon::memory
