// SPDX-License-Identifier: BSL-1.0
#pragma once
// What feed and readers exchange: the two must agree, and are refused where they do not.

#include <cstdint>
#include <tenon/typed_topic.hpp>

struct Quote {
    std::uint32_t date;  // 19900101; 0 closes the market
    tenon::FixedString<8> symbol;
    double price;
};
using Feed = tenon::TypedTopic<Quote>;
inline constexpr char feed_name[] = "/market_feed";
