// SPDX-License-Identifier: BSL-1.0
#pragma once
/// When to let messages gather. Whoever fetches each message of a fast stream at the very moment when it comes takes its cache line
/// from under the sender's hands, and then each message costs journeys of lines that many could share. So one who had to wait
/// for a moment only, again and again, rests for a microsecond before its next look, and longer, up to ten, until some hundred
/// messages gather in a rest. Where too few do, the stream is not that fast: there the next attempt is made later, and the one
/// after that later still.

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace tenon::sync {

/// Of one handle; several threads may share it, and then it is a guess of all together.
class Gathering {
public:
    static constexpr int first_rest = 40;         // pauses: about a microsecond
    static constexpr int longest_rest = 400;      // about ten
    static constexpr std::uint64_t enough = 256;  // messages in a rest
    static constexpr int pauses_for_each = 8;     // of them, at the most

    Gathering() noexcept = default;
    Gathering(const Gathering& /*other*/) noexcept {}  // every handle begins anew
    Gathering& operator=(const Gathering& /*other*/) noexcept { return *this; }
    ~Gathering() = default;

    /// For who has to wait, and has come to this position of its stream.
    /// Returns  for how many pauses to rest before the first look.
    [[nodiscard]] int begin(std::uint64_t position) noexcept {
        const std::uint64_t since = position - get(last_);
        set(last_, position);
        const int rest = get(rest_);
        if (rest != 0) {
            return go_on(rest, since);
        }
        const bool is_a_stream = get(was_a_moment_) && since < enough;
        set(moments_, is_a_stream ? get(moments_) + 1 : 0);
        if (get(moments_) >= get(needed_)) {
            set(rest_, first_rest);
        }
        return get(rest_);
    }
    /// The wait was over after so many pauses, besides the rest.
    void end(int pauses) noexcept { set(was_a_moment_, pauses <= a_moment); }

private:
    static constexpr int a_moment = 20;  // pauses: longer than a message is under way between distant processors
    static constexpr int first_needed = 8;
    static constexpr int most_needed = 4096;

    int go_on(int rest, std::uint64_t since) noexcept {
        if (since * pauses_for_each < static_cast<std::uint64_t>(rest)) {
            const int needed = get(needed_);
            set(needed_, needed < most_needed ? 2 * needed : needed);
            set(moments_, 0);
            rest = 0;
        } else {
            set(needed_, first_needed);
            rest = since >= enough || 2 * rest > longest_rest ? rest : 2 * rest;
        }
        set(rest_, rest);
        return rest;
    }

    template <class T>
    static T get(const std::atomic<T>& field) noexcept {
        return field.load(std::memory_order_relaxed);
    }
    template <class T>
    static void set(std::atomic<T>& field, std::type_identity_t<T> value) noexcept {
        field.store(value, std::memory_order_relaxed);
    }

    std::atomic<std::uint64_t> last_{0};
    std::atomic<int> rest_{0};     // of the last wait
    std::atomic<int> moments_{0};  // waits in a row that were over in a moment
    std::atomic<int> needed_{first_needed};
    std::atomic<bool> was_a_moment_{false};
};

}  // namespace tenon::sync
