// EXPECT: Order | Order | its fields cannot be counted, because some have no default value; give each field one, or vouch for it: template <> inline constexpr bool tenon::vouched_payload<TheClass> = true;
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

class Price {
public:
#ifdef ACCEPTED
    Price() = default;
#endif
    explicit Price(long cents) : cents_(cents) {}
    long cents() const { return cents_; }

private:
    long cents_ = 0;
};
template <>
inline constexpr bool tenon::vouched_payload<Price> = true;

struct Order {
    Price price;
    char text[1000];
};
static_assert(tenon::require_payload<Order>());
