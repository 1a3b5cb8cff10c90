// SPDX-License-Identifier: BSL-1.0
#pragma once
/// The errors for which Linux has no word. Everything else that the environment refuses carries the system's own errno.
///
///     try { auto orders = tenon::SharedObject<Order>::open("/orders"); }
///     catch (const std::system_error& error) {
///         if (error.code() == tenon::errc::layout_mismatch) std::cerr << error.what();  // prints both layouts
///     }

#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace tenon {

enum class errc {
    layout_mismatch = 1,    ///< the payload was compiled differently on the other side
    version_mismatch,       ///< written by another version of the segment format
    kind_mismatch,          ///< a tenon object, but of another kind
    capacity_mismatch,      ///< it exists with another number of permits, slots or bytes
    owner_died,             ///< whoever had to finish it is dead
    not_ready,              ///< its creator is still at work
    corrupted,              ///< not a tenon object, or damaged
    untrusted,              ///< it belongs to, or may be written by, somebody who was not named
    gone,                   ///< its last user has buried it
    too_many_participants,  ///< every place in its table of participants is taken
    closed                  ///< every peer has closed its end: no message will ever come
};

/// The category of tenon::errc; its name is "tenon".
inline const std::error_category& error_category() noexcept {
    class Category final : public std::error_category {
    public:
        [[nodiscard]] const char* name() const noexcept override { return "tenon"; }
        [[nodiscard]] std::string message(int value) const override {
            switch (static_cast<errc>(value)) {
                case errc::layout_mismatch: return "the payload's layout is not the same on both sides";
                case errc::version_mismatch: return "written in another version of the format";
                case errc::kind_mismatch: return "an object of another kind";
                case errc::capacity_mismatch: return "exists with another capacity";
                case errc::owner_died: return "its owner died before it was finished";
                case errc::not_ready: return "its creator has not finished it yet";
                case errc::corrupted: return "not a tenon object, or damaged";
                case errc::untrusted: return "owned or writable by somebody who is not trusted";
                case errc::gone: return "buried by its last user";
                case errc::too_many_participants: return "too many participants";
                case errc::closed: return "closed by the other side";
            }
            return "unknown error " + std::to_string(value);
        }
    };
    static const Category category;
    return category;
}

inline std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

namespace memory {

/// Throws std::system_error for `code`, its text being `what`, a colon, and the code's message.
[[noreturn]] inline void throw_error(errc code, const std::string& what) {
    throw std::system_error{make_error_code(code), what};
}

/// The trailing-error_code form of a factory: what `make` throws as std::system_error is told through `error`, and the
/// caller gets an empty handle.
template <class Make>
auto reporting(std::error_code& error, Make make) -> decltype(make()) {
    error.clear();
    try {
        return make();
    } catch (const std::system_error& refused) {
        error = refused.code();
        return {};
    }
}

}  // namespace memory
}  // namespace tenon

template <>
struct std::is_error_code_enum<tenon::errc> : std::true_type {};
