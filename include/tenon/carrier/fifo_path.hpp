// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The name of a FIFO in the file system: made, found, checked, and taken away by who made it.
///
/// Presence. Each user holds an open-file-description lock on a byte of the FIFO, in a band that the fingerprint of its
///           message picks. So whoever opens sees whether somebody is there with another layout, and two programs that do
///           not fit never exchange a byte.
/// Ours.     A FIFO is born with the sticky bit, which means nothing to the kernel: by that we know it from one that another
///           program made, which is opened and never taken over or removed.
/// Taken over  is one of ours, by a receiver that makes it anew, when its maker is dead and no receiver has it. Senders may be
///           waiting for just that. A sender takes nothing over: it would have to open the reading side to look, and let in
///           those who wait for a receiver.
/// Source    fifo(7), fcntl(2) F_OFD_SETLK, flock(2).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "../memory/address.hpp"
#include "../memory/companion_file.hpp"  // check_trust
#include "../memory/errc.hpp"
#include "../memory/fork_generation.hpp"
#include "../payload/layout.hpp"
#include "../sys/clock.hpp"
#include "../sys/file_descriptor.hpp"
#include "../sys/ofd_lock.hpp"
#include "../sys/pipe.hpp"
#include "naps.hpp"

namespace tenon::carrier {

enum class FifoSide : std::int8_t { sending, receiving };

class FifoPath {
    /// The bytes for the users of one layout: 4096 of the 2^63, the first one shared by the receivers, the others one for
    /// each sender (who writes cannot share a lock). Bytes 0 and 1 are Claim's, 2 and 3 are below.
    class Band {
    public:
        static constexpr ::off_t all = ::off_t{1} << 62;  // from here on
        static constexpr ::off_t size = 4096;
        static constexpr ::off_t most_senders = size - 1;

        explicit Band(std::uint64_t fingerprint) noexcept
            : first_{all | static_cast<::off_t>((fingerprint >> 2) & ~std::uint64_t{size - 1})} {}
        [[nodiscard]] ::off_t receivers() const noexcept { return first_; }
        [[nodiscard]] ::off_t first_sender() const noexcept { return first_ + 1; }
        [[nodiscard]] bool sees_another(int descriptor) const noexcept {
            constexpr auto any = sys::LockKind::exclusive;
            const ::off_t beyond = first_ + (size - 1);
            return (first_ != all && sys::first_lock_of_others(descriptor, all, first_ - all, any) != -1) ||
                   (beyond != INT64_MAX && sys::first_lock_of_others(descriptor, beyond + 1, 0, any) != -1);
        }

    private:
        ::off_t first_;
    };

public:
    FifoPath() noexcept = default;
    FifoPath(FifoPath&& other) noexcept { *this = std::move(other); }
    FifoPath& operator=(FifoPath&& other) noexcept {
        std::swap(path_, other.path_);
        std::swap(place_, other.place_);
        std::swap(probe_, other.probe_);
        std::swap(maker_, other.maker_);
        std::swap(inherits_, other.inherits_);
        return *this;
    }
    ~FifoPath() { remove_own(); }

    /// Makes the FIFO, or, for a receiver, takes over one that a killed process of the same user has left.
    /// Throws  EEXIST when it is in use, or when what is there is no FIFO, another user's, or not made here.
    static FifoPath create(const std::string& path, Mode mode, FifoSide side) {
        FifoPath made;
        made.path_ = path;
        bool fresh = false;
        while (!made.place_) {
            fresh = sys::make_fifo(path, mode.bits | mark);
            made.place_ = try_look_at(path);
            if (!made.place_ && errno != ENOENT) {  // ENOENT: taken away meanwhile
                const int error = errno;
                if (fresh) {
                    ::unlink(path.c_str());
                }
                sys::throw_error(error, "open", path);
            }
        }
        const auto status = sys::status(made.place_.get(), path);
        // What is fresh is looked at too: somebody may have put something else there.
        const bool is_ours = is_own(status, fresh ? 0 : mark);
        if (is_ours && fresh) {
            made.maker_ = memory::fork_generation();  // now already, so that what fails from here on leaves nothing
        }
        if (!is_ours || !(side == FifoSide::receiving ? made.take_hold(fresh) : fresh)) {
            made.maker_ = 0;
            sys::throw_error(EEXIST,
                             !S_ISFIFO(status.st_mode) ? "mkfifo: what is there is no FIFO, and stays"
                             : (status.st_mode & mark) == 0
                                 ? "mkfifo: another program has made what is there, and it stays"
                                 : "mkfifo",
                             path);
        }
        made.inherits_ = !fresh;
        if ((status.st_mode & 07777) != (mode.bits | mark)) {  // the umask, or the last maker, wanted otherwise
            sys::checked(::chmod(made.through_proc().c_str(), mode.bits | mark), "chmod", path);
        }
        return made;
    }

    /// Finds it.
    /// Throws  ENOENT; errc::kind_mismatch when it is no FIFO; errc::untrusted.
    static FifoPath open(const std::string& path, Mode most, Owner owner) {
        FifoPath found;
        found.path_ = path;
        found.place_ = try_look_at(path);
        sys::checked(found.place_.get(), "open", path);
        const auto status = sys::status(found.place_.get(), path);
        if (!S_ISFIFO(status.st_mode)) {
            memory::throw_error(errc::kind_mismatch, "\"" + path + "\" is no FIFO");
        }
        memory::check_trust(status.st_uid, status.st_mode, owner, most, path);
        return found;
    }

    /// Finds it, or makes it, or, for a receiver, takes it over.
    static FifoPath open_or_create(const std::string& path, Mode mode, FifoSide side) {
        for (;;) {
            try {
                FifoPath found = open(path, Mode{mode.bits | owner_writes.bits}, Owner::caller());
                found.inherits_ = side == FifoSide::receiving && is_own(sys::status(found.place_.get(), path), mark) &&
                                  found.take_hold(false);
                return found;
            } catch (const std::system_error& refused) {
                if (refused.code() != std::errc::no_such_file_or_directory) {
                    throw;
                }
            }
            try {
                return create(path, mode, side);
            } catch (const std::system_error& taken) {
                if (taken.code() != std::errc::file_exists) {
                    throw;
                }
            }
        }
    }

    [[nodiscard]] const std::string& text() const noexcept { return path_; }

    /// A description of the FIFO; -1 with errno set, ENXIO when it is for writing, does not wait, and nobody reads.
    [[nodiscard]] sys::FileDescriptor try_connect(int flags) noexcept {
        if (probe_ && flags == probing) {
            return std::move(probe_);
        }
        probe_.reset();
        return sys::try_reopen(place_.get(), flags);
    }

    /// Whether the name still leads to it.
    [[nodiscard]] bool is_named() const noexcept {
        struct ::stat named {};
        struct ::stat found {};
        return ::lstat(path_.c_str(), &named) == 0 && ::fstat(place_.get(), &found) == 0 &&
               named.st_dev == found.st_dev && named.st_ino == found.st_ino;
    }

    /// From here on it is in use by this description. Who takes it over is now its maker.
    /// Throws  errc::layout_mismatch when somebody is there with another layout; errc::too_many_participants.
    template <class Msg>
    void attend(int descriptor, FifoSide side) {
        const Band band{fingerprint<Msg>};
        const bool sends = side == FifoSide::sending;
        bool present = false;
        if (!sends) {
            present = sys::try_lock_byte(descriptor, receivers_byte, sys::LockKind::shared) &&
                      sys::try_lock_byte(descriptor, band.receivers(), sys::LockKind::shared);
        }
        for (::off_t i = 0; sends && !present && i < Band::most_senders; ++i) {
            present = sys::try_lock_byte(descriptor, band.first_sender() + i, sys::LockKind::exclusive);
        }
        if (!present) {
            memory::throw_error(errc::too_many_participants, "\"" + path_ + "\"");
        }
        // After our own lock, so that of two who open at one time at least one sees the other.
        if (band.sees_another(descriptor)) {
            memory::throw_error(
                errc::layout_mismatch,
                "\"" + path_ + "\" is in use with another layout; our layout:\n" + std::string{layout_words<Msg>});
        }
        if (inherits_) {
            maker_ = memory::fork_generation();
        } else if (sends && maker_ != 0 && !sys::try_lock_byte(descriptor, maker_byte, sys::LockKind::exclusive)) {
            maker_ = 0;  // a receiver has taken it over while this one waited for it
        }
    }

    /// Whether a sender is there; `descriptor` is a receiver's.
    template <class Msg>
    [[nodiscard]] static bool has_sender(int descriptor) noexcept {
        const Band band{fingerprint<Msg>};
        return sys::first_lock_of_others(descriptor, band.first_sender(), Band::most_senders, sys::LockKind::shared) !=
               -1;
    }

    /// Takes the name away if this process made it and it still leads to what was made.
    void remove_own() noexcept {
        if (maker_ != 0 && std::exchange(maker_, 0) == memory::fork_generation()) {
            if (is_named()) {
                ::unlink(path_.c_str());
            }
        }
    }

private:
    static constexpr int probing = O_RDONLY | O_NONBLOCK;
    static constexpr ::mode_t mark = S_ISVTX;
    static constexpr ::off_t receivers_byte = 2;  // of any layout, shared
    static constexpr ::off_t maker_byte = 3;

    static bool is_own(const struct ::stat& status, ::mode_t wanted) noexcept {
        return S_ISFIFO(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & wanted) == wanted;
    }
    static sys::FileDescriptor try_look_at(const std::string& path) noexcept {
        return sys::FileDescriptor{
            sys::uninterrupted([&] { return ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); })};
    }
    [[nodiscard]] std::string through_proc() const { return "/proc/self/fd/" + std::to_string(place_.get()); }

    /// Whether it has no maker and, unless it is fresh, no receiver; then others who ask are told that this process has made
    /// it. The probe becomes the receiver's description: so a sender that waited, and that the probe lets in, is not left
    /// alone for a moment.
    /// Throws  EMFILE.
    [[nodiscard]] bool take_hold(bool fresh) {
        probe_ = sys::try_reopen(place_.get(), probing);
        if (!probe_ && errno == EACCES) {
            return fresh;  // a Mode in which not even its maker may read
        }
        sys::checked(probe_.get(), "open", path_);
        constexpr std::int64_t patience = 1'000'000'000;  // with one that was stopped between two calls
        sys::FileLock whole{probe_.get()};                // who may only read cannot lock a byte exclusively
        for (Naps naps{sys::monotonic_now() + patience}; !whole.try_lock();) {
            if (!naps.sleep()) {
                return false;
            }
        }
        return (fresh || !sys::locked_by_others(probe_.get(), receivers_byte, 1)) &&
               !sys::locked_by_others(probe_.get(), maker_byte, 1) &&
               sys::try_lock_byte(probe_.get(), maker_byte, sys::LockKind::shared);
    }

    std::string path_;
    sys::FileDescriptor place_;  // O_PATH: what was found under the name, whatever becomes of the name
    sys::FileDescriptor probe_;  // until a description is asked for: see take_hold()
    std::uint64_t maker_ = 0;    // the process that made it
    bool inherits_ = false;      // takes it over when it attends
};

}  // namespace tenon::carrier
