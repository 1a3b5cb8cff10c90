// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The small file beside an object of the kernel in which no locks can be held and nothing can be written: a System V
/// object, a message queue. Its bytes carry the locks of attendance.hpp, its text who made the object and which it is, and
/// of a queue what its messages are. /dev/shm/tenon.<ipc namespace>.<what>.<key or name>, removed together with the object.
///
///     offset 0   u32 creator, i32 identifier                 CompanionFile::Record
///     offset 8   u64 fingerprint, u32 capacity, u32 flags,   CompanionFile::Details, only beside queues
///                u32 size of the words, u32 format
///     offset 32  the layout in words

#include <fcntl.h>
#include <limits.h>  // NAME_MAX
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "../sys/file_descriptor.hpp"
#include "../sys/posix_shared_memory.hpp"
#include "../sys/sysv_key.hpp"
#include "address.hpp"
#include "attendance.hpp"
#include "errc.hpp"
#include "format.hpp"

namespace tenon::memory {

/// Throws errc::untrusted unless the owner is the caller or root, or the one named, and nobody may write beyond `most`.
inline void check_trust(::uid_t owner, ::mode_t mode, Owner trusted, Mode most, const std::string& name) {
    if (owner != trusted.user && owner != ::geteuid() && owner != 0) {
        throw_error(errc::untrusted, "\"" + name + "\" belongs to user " + std::to_string(owner) + ", not to " +
                                         std::to_string(trusted.user) + " or root: pass tenon::Owner{" +
                                         std::to_string(owner) + "} to trust it");
    }
    const ::mode_t writers = mode & 0022 & ~most.bits;
    if (writers != 0) {
        throw_error(errc::untrusted, "\"" + name + "\" may be written by " +
                                         ((writers & 0002) != 0 ? "anybody" : "its group") +
                                         ": pass the tenon::Mode that you tolerate");
    }
}

/// What a companion file stands beside.
enum class CompanionOf { shared_memory, semaphores, sysv_queue, posix_queue };
using SysvObject = CompanionOf;

class CompanionFile {
public:
    /// Throws  ENAMETOOLONG for a name of a queue that leaves no room for the rest of the file's name.
    CompanionFile(CompanionOf object, const Address& address) : shown_{address.text()} {
        constexpr std::string_view kinds[] = {".shm.", ".sem.", ".msg.", ".mq."};
        struct ::stat ns {};
        const unsigned long long id = ::stat("/proc/self/ns/ipc", &ns) == 0 ? ns.st_ino : 0;  // keys are per namespace
        path_ = std::string{sys::shared_memory_directory} + "/tenon." + std::to_string(id);
        path_ += kinds[static_cast<std::size_t>(object)];
        const std::size_t prefix = path_.size() - std::string_view{sys::shared_memory_directory}.size() - 1;
        const std::string own = shown_.substr(address.is_key() ? 4 : 1);  // without "key ", without the slash
        if (prefix + own.size() > NAME_MAX) {
            sys::throw_error(ENAMETOOLONG,
                             "name of " + std::to_string(own.size()) + " bytes (at most " +
                                 std::to_string(NAME_MAX - prefix) + ", for its file in /dev/shm has " +
                                 std::to_string(prefix) + " more and " + std::to_string(NAME_MAX) + " at most)",
                             shown_);
        }
        path_ += own;
    }

    /// Opens the file and waits at its gate; on return the caller holds the gate and the file still has its name.
    /// Returns  an empty Gate when there is no file.
    /// Throws   errc::not_ready when the gate stays shut until `until`; errc::untrusted; EACCES.
    [[nodiscard]] Gate open(Owner trusted, Mode most, std::int64_t until) const {
        return open_gate(trusted, most, most, until, [] { return sys::FileDescriptor{}; });
    }

    /// As open(), making the file when there is none.
    [[nodiscard]] Gate open_or_create(Mode mode, std::int64_t until) const { return open_or_create(mode, until, mode); }
    /// `most_of_own`: what is tolerated of a file of the caller's own, which a creator that died may have left with another
    /// mode. See set_mode().
    [[nodiscard]] Gate open_or_create(Mode mode, std::int64_t until, Mode most_of_own) const {
        return open_gate(Owner::caller(), mode, most_of_own, until, [&] {
            sys::FileDescriptor made{sys::uninterrupted([&] {
                return ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode.bits | 0600);
            })};
            if (!made && errno != EEXIST) {
                sys::throw_error(errno, "open(O_CREAT)", path_);
            }
            if (made && ::fchmod(made.get(), mode.bits | 0600) == -1) {
                const int error = errno;
                unlink();
                sys::throw_error(error, "fchmod", path_);
            }
            return made;
        });
    }
    /// Gives the file the mode of the object that is about to be made beside it.
    void set_mode(int descriptor, Mode mode) const {
        const auto status = sys::status(descriptor, path_);
        if (status.st_uid == ::geteuid() && (status.st_mode & 07777) != (mode.bits | 0600)) {
            sys::checked(::fchmod(descriptor, mode.bits | 0600), "fchmod", path_);
        }
    }

    /// Opens it for reading only, without the gate (that needs the right to write).
    [[nodiscard]] sys::FileDescriptor open_as_reader(Owner trusted, Mode most) const {
        sys::FileDescriptor file{
            sys::uninterrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); })};
        if (!file && errno != ENOENT) {
            sys::throw_error(errno, "open", path_);
        }
        if (file) {
            const auto status = sys::status(file.get(), path_);
            check_trust(status.st_uid, status.st_mode, trusted, most, path_);
        }
        return file;
    }

    /// What the file says: the pid of who was about to make the object, and the object's identifier, -1 before
    /// it was made. Written in that order, so that a creator which died in between can be recognised; and only when the
    /// key is free, so that the record of an object in use is never lost.
    struct Record {
        std::uint32_t creator = 0;
        std::int32_t id = -1;
    };
    void write(int descriptor, Record record) const {
        sys::checked(sys::uninterrupted([&] { return ::pwrite(descriptor, &record, sizeof record, 0); }), "pwrite",
                     path_);
    }
    /// It says again that nobody is about to make anything.
    void forget(int descriptor) const noexcept {
        const Record nobody;
        sys::uninterrupted([&] { return ::pwrite(descriptor, &nobody, sizeof nobody, 0); });
    }
    [[nodiscard]] Record read(int descriptor) const noexcept {
        Record record;
        return sys::uninterrupted([&] { return ::pread(descriptor, &record, sizeof record, 0); }) == sizeof record
                   ? record
                   : Record{};
    }

    /// What the messages of a queue are; written before the queue is made.
    struct Details {
        std::uint64_t fingerprint = 0;
        std::uint32_t capacity = 0;
        std::uint32_t flags = 0;
        std::uint32_t words_size = 0;
        std::uint32_t format = 0;

        static constexpr std::uint32_t persistent = 1;  // a flag
        static constexpr std::uint32_t current_format = 1;
    };
    void write_details(int descriptor, Details details, std::string_view words) const {
        details.words_size = static_cast<std::uint32_t>(words.size());
        details.format = Details::current_format;
        std::string bytes{reinterpret_cast<const char*>(&details), sizeof details};
        bytes.append(words);
        const auto written =
            sys::uninterrupted([&] { return ::pwrite(descriptor, bytes.data(), bytes.size(), sizeof(Record)); });
        if (sys::checked(written, "pwrite", path_) != static_cast<::ssize_t>(bytes.size())) {
            sys::throw_error(ENOSPC, "pwrite", path_);
        }
    }
    /// A private copy, all zero where there are none.
    [[nodiscard]] Details read_details(int descriptor) const noexcept {
        Details details;
        return sys::uninterrupted([&] { return ::pread(descriptor, &details, sizeof details, sizeof(Record)); }) ==
                       sizeof details
                   ? details
                   : Details{};
    }
    /// A private copy of what is there of the words, whatever `details` claims.
    [[nodiscard]] std::string read_words(int descriptor, const Details& details) const {
        std::string words(details.words_size < most_words ? details.words_size : most_words, '\0');
        const auto length = sys::uninterrupted(
            [&] { return ::pread(descriptor, words.data(), words.size(), sizeof(Record) + sizeof(Details)); });
        words.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
        return words;
    }
    /// The object stays when its last user leaves.
    void make_persistent(int descriptor) const {
        constexpr std::uint32_t flags = Details::persistent;
        sys::checked(sys::uninterrupted([&] {
                         return ::pwrite(descriptor, &flags, sizeof flags, sizeof(Record) + offsetof(Details, flags));
                     }),
                     "pwrite", path_);
    }
    [[nodiscard]] bool is_persistent(int descriptor) const noexcept {
        return (read_details(descriptor).flags & Details::persistent) != 0;
    }

    void unlink() const noexcept { ::unlink(path_.c_str()); }

    /// Behind the gate: unlinks the file if no object was ever made beside it.
    void unlink_unused(int descriptor) const noexcept {
        if (read(descriptor).creator == 0) {
            unlink();
        }
    }

    /// Whether the path still leads to that file.
    [[nodiscard]] bool is(const Identity& identity) const noexcept {
        struct ::stat status {};
        return ::lstat(path_.c_str(), &status) == 0 && Identity{status.st_dev, status.st_ino} == identity;
    }

private:
    template <class Make>
    Gate open_gate(Owner trusted, Mode most, Mode most_of_own, std::int64_t until, Make make) const {
        for (;;) {
            sys::FileDescriptor file{sys::uninterrupted(
                [&] { return ::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); })};
            if (!file) {
                if (errno != ENOENT) {
                    sys::throw_error(errno, "open", path_);
                }
                file = make();
                if (!file) {
                    if (errno == EEXIST) {
                        continue;  // somebody made it meanwhile
                    }
                    return {};
                }
            }
            const auto status = sys::status(file.get(), path_);
            check_trust(status.st_uid, status.st_mode, trusted, status.st_uid == ::geteuid() ? most_of_own : most,
                        path_);
            Gate gate = hold_gate(std::move(file), until);
            if (!gate) {
                throw_error(errc::not_ready, "\"" + shown_ + "\"");
            }
            if (sys::status(gate.get(), path_).st_nlink != 0) {
                return gate;
            }  // buried between open() and the gate: look again
        }
    }

    static_assert(sizeof(Record) == 8 && sizeof(Details) == 24);

    std::string path_;
    std::string shown_;
};

}  // namespace tenon::memory
