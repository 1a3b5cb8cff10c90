// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Two layouts in words, ours and a peer's, for the message of an error: both in full, the first line
/// that differs marked by an arrow. The peer's words are hostile bytes: of any length, not closed by
/// NUL, not even text. What is no printable ASCII is escaped, and the whole is bounded.
///
///     what += tenon::layout_difference(tenon::layout_words<Order>, words_in_the_segment);

namespace tenon {

/// No layout is printed beyond so many lines, and no line beyond so many bytes.
inline constexpr std::size_t layout_difference_lines = 512;
inline constexpr std::size_t layout_difference_width = 512;

namespace detail {

/// Takes the first line off `text`.
inline std::string_view next_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return line;
}

/// The number of the first line to mark: a field's, or the first line of all when no field differs.
inline std::size_t first_difference(std::string_view ours, std::string_view theirs) {
    const bool heads_differ = next_line(ours) != next_line(theirs);
    std::size_t line = 1;
    for (; !ours.empty() || !theirs.empty(); ++line)
        if (ours.empty() || theirs.empty() || next_line(ours) != next_line(theirs)) return line;
    return heads_differ ? 0 : line;
}

inline void append_escaped(std::string& out, std::string_view line) {
    constexpr char hex[] = "0123456789abcdef";
    for (char c : line.substr(0, layout_difference_width)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\\') {
            out += c;
        } else {
            out += "\\x";
            out += hex[byte >> 4];
            out += hex[byte & 15];
        }
    }
    if (line.size() > layout_difference_width) out += "...";
}

inline void append_layout(std::string& out, std::string_view whose, std::string_view words, std::size_t marked) {
    out += whose;
    out += '\n';
    std::size_t line = 0;
    for (; !words.empty() && line < layout_difference_lines; ++line) {
        out += line == marked ? "  -> " : "     ";
        append_escaped(out, next_line(words));
        out += '\n';
    }
    if (!words.empty())
        out += marked != std::string_view::npos && line <= marked ? "  -> ...\n" : "     ...\n";
    else if (marked != std::string_view::npos && line <= marked)
        out += "  -> (nothing more)\n";
}

}  // namespace detail

/// Both layouts, readable, the first differing line of each marked `->`. Ends with a newline.
/// Equal layouts have no mark. At most about 2 MiB, whatever `theirs` holds.
/// Throws   std::bad_alloc.
[[nodiscard]] inline std::string layout_difference(std::string_view ours, std::string_view theirs) {
    const std::size_t marked = ours == theirs ? std::string_view::npos : detail::first_difference(ours, theirs);
    std::string out;
    detail::append_layout(out, "our layout:", ours, marked);
    detail::append_layout(out, "their layout:", theirs, marked);
    return out;
}

}  // namespace tenon
