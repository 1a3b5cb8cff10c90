// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What became of one attempt to send or to receive. Full, empty, too late and the ways in which a peer can go are values
/// with a name; nothing here throws but value().
///
///     if (auto order = orders.try_receive_for(5ms)) handle(*order);
///     else if (order.outcome() == tenon::Outcome::closed) break;

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "../memory/errc.hpp"

namespace tenon {

/// In the order of how much can still be hoped for.
enum class Outcome : std::uint8_t {
    done,         ///< the message was sent, or is here
    full,         ///< no room at this moment
    empty,        ///< no message at this moment
    late,         ///< the time passed first
    half_closed,  ///< the peer sends nothing more, but still receives
    closed,       ///< every peer has closed its end; what they sent has been received
    died,         ///< as closed, and the peer's process had ended or was ending
    reset,        ///< the peer went with messages of ours unread
    mismatched,   ///< the peer was compiled with another layout of the message
    corrupted,    ///< the peer sent what is not a message
    failed        ///< the system refused; see error()
};

/// For messages.
[[nodiscard]] constexpr std::string_view name_of(Outcome outcome) noexcept {
    constexpr std::string_view names[] = {"done", "full",  "empty",      "late",      "half closed", "closed",
                                          "died", "reset", "mismatched", "corrupted", "failed"};
    return names[static_cast<std::size_t>(outcome)];
}

namespace carrier {

/// An outcome, and the system's word where it was `failed`.
struct Result {
    Outcome outcome = Outcome::failed;
    int system_error = 0;

    constexpr Result() noexcept = default;
    constexpr Result(Outcome what) noexcept : outcome{what} {}
    static constexpr Result failed(int error) noexcept {
        Result result;
        result.system_error = error;
        return result;
    }

    /// For std::system_error; `sending` picks the system's word for a peer that is gone.
    [[nodiscard]] std::error_code code(bool sending) const noexcept {
        const auto system = [](int error) { return std::error_code{error, std::generic_category()}; };
        switch (outcome) {
            case Outcome::done: return {};
            case Outcome::full:
            case Outcome::empty: return system(EAGAIN);
            case Outcome::late: return system(ETIMEDOUT);
            case Outcome::half_closed:
            case Outcome::closed:
            case Outcome::died: return sending ? system(EPIPE) : make_error_code(errc::closed);
            case Outcome::reset: return system(ECONNRESET);
            case Outcome::mismatched: return make_error_code(errc::layout_mismatch);
            case Outcome::corrupted: return make_error_code(errc::corrupted);
            case Outcome::failed: break;
        }
        return system(system_error);
    }
};

}  // namespace carrier

/// What try_send() and its relatives return: true when the message was sent, all of it; otherwise nothing of it was.
class [[nodiscard]] Sent {
public:
    constexpr Sent(carrier::Result result) noexcept : result_{result} {}
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return result_.outcome == Outcome::done; }
    [[nodiscard]] constexpr Outcome outcome() const noexcept { return result_.outcome; }
    /// The same as an error code: EPIPE where nobody is left to receive; none when it was sent.
    [[nodiscard]] std::error_code error() const noexcept { return result_.code(true); }

private:
    carrier::Result result_;
};

/// What try_receive() and its relatives return: a message, or why there is none. Used like a std::optional.
template <class Msg>
class [[nodiscard]] Received {
    static_assert(std::is_trivially_copyable_v<Msg>);

public:
    /// Fills itself: `receive(Msg*)` returns the carrier::Result and may write the message before it does.
    template <class Receive>
    explicit Received(Receive receive) : result_{receive(&room_.message)} {}
    Received(const Msg& message) noexcept : room_{message}, result_{Outcome::done} {}
    Received(carrier::Result result) noexcept : result_{result} {}

    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] bool has_value() const noexcept { return result_.outcome == Outcome::done; }
    [[nodiscard]] Outcome outcome() const noexcept { return result_.outcome; }
    /// The same as an error code; none when there is a message.
    [[nodiscard]] std::error_code error() const noexcept { return result_.code(false); }

    [[nodiscard]] Msg& operator*() noexcept { return room_.message; }
    [[nodiscard]] const Msg& operator*() const noexcept { return room_.message; }
    [[nodiscard]] Msg* operator->() noexcept { return &room_.message; }
    [[nodiscard]] const Msg* operator->() const noexcept { return &room_.message; }
    /// The message. Throws std::system_error with error() when there is none.
    [[nodiscard]] const Msg& value() const {
        if (!has_value()) {
            throw std::system_error{error(), "no message"};
        }
        return room_.message;
    }

private:
    union Room {
        Msg message;
        Room() noexcept {}
        explicit Room(const Msg& from) noexcept : message{from} {}
    } room_;
    carrier::Result result_;
};

}  // namespace tenon
