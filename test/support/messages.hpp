// SPDX-License-Identifier: BSL-1.0
#pragma once
/// Messages that betray what was torn, mixed up, lost or doubled on their way.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "shared.hpp"

namespace support {

/// A message of exactly that many bytes, all of which follow from who sent it as which one. Below 8 bytes there is room
/// for the last byte of either number, and in a single one for the message's alone.
template <std::size_t size>
struct Sized {
    std::array<std::uint8_t, size> bytes;

    static Sized of(std::uint32_t sender, std::uint32_t number) noexcept {
        Sized result;
        result.fill(sender, number);
        return result;
    }
    /// For what is too large for the stack.
    static std::unique_ptr<Sized> make(std::uint32_t sender, std::uint32_t number) {
        auto made = std::make_unique<Sized>();
        made->fill(sender, number);
        return made;
    }
    void fill(std::uint32_t sender, std::uint32_t number) noexcept {
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = byte_at(i, sender, number);
        }
    }
    [[nodiscard]] std::uint32_t number() const noexcept { return word_at(0); }
    [[nodiscard]] std::uint32_t sender() const noexcept { return size < 2 ? 0 : word_at(width); }
    /// Whether every byte is of one and the same message.
    [[nodiscard]] bool is_whole() const noexcept { return is(sender(), number()); }
    [[nodiscard]] bool is(std::uint32_t from, std::uint32_t which) const noexcept {
        for (std::size_t i = 0; i < size; ++i) {
            if (bytes[i] != byte_at(i, from, which)) {
                return false;
            }
        }
        return true;
    }

private:
    static constexpr std::size_t width = size < 8 ? 1 : 4;

    static std::uint8_t byte_at(std::size_t i, std::uint32_t sender, std::uint32_t number) noexcept {
        return i < width       ? static_cast<std::uint8_t>(number >> 8 * i)
               : i < 2 * width ? static_cast<std::uint8_t>(sender >> 8 * (i - width))
                               : static_cast<std::uint8_t>(sender * 31 + number * 7 + i * 13 + (i >> 8));
    }
    [[nodiscard]] std::uint32_t word_at(std::size_t at) const noexcept {
        std::uint32_t word = 0;
        for (std::size_t i = width; i-- > 0;) {
            word = word << 8 | bytes[(at + i) % size];
        }
        return word;
    }
};

/// How often each message of each sender has arrived, counted by all processes of a test.
class Tally {
public:
    Tally(std::uint32_t senders, std::uint32_t messages)
        : senders_{senders}, messages_{messages}, counts_{std::size_t{senders} * messages} {}

    /// Returns  false for a message that nobody has sent.
    template <std::size_t size>
    bool take(const Sized<size>& message) {
        if (!message.is_whole() || message.sender() >= senders_ || message.number() >= messages_) {
            return false;
        }
        counts_[std::size_t{message.sender()} * messages_ + message.number()].fetch_add(1);
        return true;
    }
    /// How many messages have arrived exactly so often.
    [[nodiscard]] std::uint32_t arrived(std::uint8_t times) const {
        std::uint32_t result = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            result += counts_[i] == times ? 1 : 0;
        }
        return result;
    }
    [[nodiscard]] std::uint32_t arrived() const { return senders_ * messages_ - arrived(0); }

private:
    std::uint32_t senders_;
    std::uint32_t messages_;
    Shared<std::uint8_t> counts_;
};

}  // namespace support
