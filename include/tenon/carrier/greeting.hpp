// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What two ends of a socket tell each other first: which messages they send and receive. Whoever does not fit is refused
/// before a message crosses, and both sides can print why. Version 1, in the byte order of the machine; one packet, or the
/// first bytes of a stream:
///
///     0   u64 magic          16  u64 fingerprint of what the writer sends   48  u32 size of the first words
///     8   u32 format         24  u64 fingerprint of what it receives        52  u32 size of the second words
///     12  u32 total size     32  u64 size of what it sends                  56  u32 verdict: 0, or 1: "I do not trust you"
///                            40  u64 size of what it receives               60  u32 reserved, 0
///     64  the layout of what it sends in words, then that of what it receives, cut at 16 KiB each

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../memory/errc.hpp"
#include "../payload/descriptor_fields.hpp"
#include "../payload/layout.hpp"
#include "../payload/layout_difference.hpp"
#include "../sys/poll.hpp"
#include "../sys/unix_socket.hpp"

namespace tenon::carrier {

inline constexpr std::uint64_t greeting_magic = 0x0a'0d'4b'43'4f'53'54'89;  // bytes 89 "TSOCK" 0d 0a, little-endian
inline constexpr std::uint32_t greeting_format = 1;
inline constexpr std::size_t most_greeting_words = 16'384;

struct GreetingHeader {
    std::uint64_t magic;
    std::uint32_t format;
    std::uint32_t total_size;
    std::uint64_t sends;
    std::uint64_t receives;
    std::uint64_t sent_size;
    std::uint64_t received_size;
    std::uint32_t sent_words_size;
    std::uint32_t received_words_size;
    std::uint32_t verdict;
    std::uint32_t reserved;

    static constexpr std::uint32_t welcome = 0;
    static constexpr std::uint32_t untrusted = 1;
};
static_assert(sizeof(GreetingHeader) == 64);

inline constexpr std::size_t most_greeting = sizeof(GreetingHeader) + 2 * most_greeting_words;

/// What one end sends and receives.
struct Terms {
    std::uint64_t sends = 0;
    std::uint64_t receives = 0;
    std::uint64_t sent_size = 0;
    std::uint64_t received_size = 0;
    std::string_view sent_words;
    std::string_view received_words;
    std::size_t received_descriptors = 0;

    template <class Out, class In>
    static constexpr Terms of() noexcept {
        return {fingerprint<Out>,
                fingerprint<In>,
                sizeof(Out),
                sizeof(In),
                layout_words<Out>.substr(0, most_greeting_words),
                layout_words<In>.substr(0, most_greeting_words),
                descriptor_count<In>};
    }

    /// The bytes of the greeting.
    [[nodiscard]] std::string greeting(std::uint32_t verdict = GreetingHeader::welcome) const {
        const auto words = [&](std::string_view text) {
            return static_cast<std::uint32_t>(verdict == GreetingHeader::welcome ? text.size() : 0);
        };
        GreetingHeader header{
            greeting_magic,    greeting_format,       0,       sends, receives, sent_size, received_size,
            words(sent_words), words(received_words), verdict, 0};
        header.total_size =
            static_cast<std::uint32_t>(sizeof header) + header.sent_words_size + header.received_words_size;
        std::string bytes{reinterpret_cast<const char*>(&header), sizeof header};
        bytes.append(sent_words.substr(0, header.sent_words_size));
        bytes.append(received_words.substr(0, header.received_words_size));
        return bytes;
    }
};

/// What is wrong with a peer's greeting; no code when nothing is.
struct Objection {
    std::error_code code;
    std::string text;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(code); }
};

/// How many bytes a greeting has by its own account, from its first bytes; 0 when that is out of bounds, sizeof(Header)
/// while fewer than those are there.
inline std::size_t announced_size(std::string_view bytes) noexcept {
    if (bytes.size() < sizeof(GreetingHeader)) {
        return sizeof(GreetingHeader);
    }
    std::uint32_t size;
    std::memcpy(&size, bytes.data() + offsetof(GreetingHeader, total_size), sizeof size);
    return size < sizeof(GreetingHeader) || size > most_greeting ? 0 : size;
}

/// Judges a private copy of a whole greeting.
inline Objection objection_to(std::string_view bytes, const Terms& ours) {
    GreetingHeader header;
    if (bytes.size() < sizeof header) {
        return {errc::corrupted, "a greeting of " + std::to_string(bytes.size()) + " bytes"};
    }
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != greeting_magic) {
        return {errc::corrupted, "what the peer sent first is no greeting"};
    }
    if (header.format != greeting_format) {
        return {errc::version_mismatch, "the peer greets in format " + std::to_string(header.format) + ", not " +
                                            std::to_string(greeting_format)};
    }
    if (header.verdict == GreetingHeader::untrusted) {
        return {errc::untrusted, "the server does not trust this user (its Mode says who may connect)"};
    }
    if (header.total_size != bytes.size() || header.sent_words_size > most_greeting_words ||
        header.received_words_size > most_greeting_words ||
        sizeof header + header.sent_words_size + header.received_words_size != bytes.size() || header.verdict != 0) {
        return {errc::corrupted, "the peer's greeting contradicts itself"};
    }
    std::string text;
    const std::string_view sent = bytes.substr(sizeof header, header.sent_words_size);
    const std::string_view received = bytes.substr(sizeof header + header.sent_words_size);
    if (header.receives != ours.sends || header.received_size != ours.sent_size) {
        text += "what we send is not what the peer receives\n" + layout_difference(ours.sent_words, received);
    }
    if (header.sends != ours.receives || header.sent_size != ours.received_size) {
        text += "what we receive is not what the peer sends\n" + layout_difference(ours.received_words, sent);
    }
    return text.empty() ? Objection{} : Objection{errc::layout_mismatch, std::move(text)};
}

/// Collects the peer's greeting from a socket, without waiting and without reading beyond it. Descriptors that come with
/// it are closed.
class GreetingReader {
public:
    enum class State { waiting, whole, gone, garbage };

    State read(int socket, int type) {
        char room[4096];
        for (bool looked_again = false;;) {
            const std::size_t announced = announced_size(bytes_);
            if (announced == 0) {
                return State::garbage;
            }
            ::ssize_t got;
            if (type == SOCK_STREAM) {
                const std::size_t rest = announced - bytes_.size();
                if (rest == 0) {
                    return State::whole;
                }
                got = sys::receive_bytes_only(socket, room, rest < sizeof room ? rest : sizeof room, MSG_DONTWAIT);
            } else {
                bytes_.resize(most_greeting);
                got = sys::receive_bytes_only(socket, bytes_.data(), bytes_.size(), MSG_DONTWAIT | MSG_TRUNC);
                bytes_.resize(got < 0                                         ? 0
                              : static_cast<std::size_t>(got) < most_greeting ? static_cast<std::size_t>(got)
                                                                              : most_greeting);
            }
            if (got > 0) {
                if (type != SOCK_STREAM) {
                    return static_cast<std::size_t>(got) <= most_greeting ? State::whole : State::garbage;
                }
                bytes_.append(room, static_cast<std::size_t>(got));
            } else if (got == -1 && errno == EAGAIN) {
                return State::waiting;
            } else if (got == 0 ? std::exchange(looked_again, true) || !is_not_the_end(socket)
                                : errno != EINTR && errno != ECONNRESET) {  // what came before a reset is still there
                return State::gone;
            }
        }
    }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
    /// After a look that said so: see Connection::nobody_sends().
    static bool is_not_the_end(int socket) noexcept {
        return (sys::poll_until(socket, POLLRDHUP, 0) & POLLRDHUP) != 0 && sys::bytes_waiting(socket) > 0;
    }

    std::string bytes_;
};

}  // namespace tenon::carrier
