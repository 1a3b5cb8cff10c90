// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The name of a FIFO in the file system: made, found, checked, and taken away by who made it.
///
/// Presence. Each user holds an open-file-description lock on a byte of the FIFO, in a band that the fingerprint of its
///           message picks. So whoever opens sees whether somebody is there with another layout, and two programs that do
///           not fit never exchange a byte; and a FIFO that nobody holds was left behind by a killed maker. Such a one is
///           empty, since what is in a FIFO goes with its last user, and is taken over by who creates it anew.
/// Source    fifo(7), fcntl(2) F_OFD_SETLK.

#include <fcntl.h>
#include <sys/file.h>  // flock
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
#include "../sys/file_descriptor.hpp"
#include "../sys/ofd_lock.hpp"
#include "../sys/pipe.hpp"

namespace tenon::carrier {

class FifoPath {
    /// The bytes for the users of one layout: 4096 of the 2^63, the first one shared by the receivers, the others one for
    /// each sender (who writes cannot share a lock). Bytes 0 and 1 are Claim's.
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
        return *this;
    }
    ~FifoPath() { remove_own(); }

    /// Makes the FIFO, or takes over one that a killed process of the same user has left.
    /// Throws  EEXIST when it is in use, or when what is there is no FIFO or another user's.
    static FifoPath create(const std::string& path, Mode mode) {
        FifoPath made;
        made.path_ = path;
        bool fresh = false;
        while (!made.place_) {
            fresh = sys::make_fifo(path, mode.bits);
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
        const bool is_ours = S_ISFIFO(status.st_mode) && status.st_uid == ::geteuid();
        if (is_ours && fresh) {
            made.maker_ = memory::fork_generation();  // now already, so that what fails from here on leaves nothing
        }
        if (!is_ours || !made.take_hold(fresh)) {
            made.maker_ = 0;
            sys::throw_error(EEXIST,
                             S_ISFIFO(status.st_mode) ? "mkfifo" : "mkfifo: what is there is no FIFO, and stays", path);
        }
        made.maker_ = memory::fork_generation();
        if ((status.st_mode & 07777) != mode.bits) {  // the umask, or the last maker, wanted otherwise
            sys::checked(::chmod(made.through_proc().c_str(), mode.bits), "chmod", path);
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

    /// Finds it, or makes it, or takes it over.
    static FifoPath open_or_create(const std::string& path, Mode mode) {
        for (;;) {
            try {
                FifoPath found = open(path, Mode{mode.bits | owner_writes.bits}, Owner::caller());
                if (sys::status(found.place_.get(), path).st_uid == ::geteuid() && found.take_hold(false)) {
                    found.maker_ = memory::fork_generation();
                } else {
                    found.probe_.reset();
                }
                return found;
            } catch (const std::system_error& refused) {
                if (refused.code() != std::errc::no_such_file_or_directory) {
                    throw;
                }
            }
            try {
                return create(path, mode);
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

    /// From here on it is in use by this description, a receiver's or a sender's.
    /// Throws  errc::layout_mismatch when somebody is there with another layout; errc::too_many_participants.
    template <class Msg>
    void attend(int descriptor, bool sends) const {
        const Band band{fingerprint<Msg>};
        bool present = false;
        if (!sends) {
            present = sys::try_lock_byte(descriptor, band.receivers(), sys::LockKind::shared);
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

    static sys::FileDescriptor try_look_at(const std::string& path) noexcept {
        return sys::FileDescriptor{
            sys::uninterrupted([&] { return ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); })};
    }
    [[nodiscard]] std::string through_proc() const { return "/proc/self/fd/" + std::to_string(place_.get()); }

    /// Whether nobody has it; then others who ask are told that we have. The probe becomes the receiver's description: so
    /// a sender that waited, and that the probe lets in, is not left alone for a moment.
    /// Throws  EMFILE.
    [[nodiscard]] bool take_hold(bool fresh) {
        probe_ = sys::try_reopen(place_.get(), probing);
        if (!probe_ && errno == EACCES) {
            return fresh;  // a Mode in which not even its maker may read
        }
        sys::checked(probe_.get(), "open", path_);
        return ::flock(probe_.get(), LOCK_EX | LOCK_NB) == 0 &&
               sys::first_lock_of_others(probe_.get(), Band::all, 0, sys::LockKind::exclusive) == -1;
    }

    std::string path_;
    sys::FileDescriptor place_;  // O_PATH: what was found under the name, whatever becomes of the name
    sys::FileDescriptor probe_;  // until a description is asked for: see take_hold()
    std::uint64_t maker_ = 0;    // the process that made it
};

}  // namespace tenon::carrier
