// EXPECT: Order.customer.name | Number | nobody can see which member of a union is alive; use std::variant, or vouch for it: template <> inline constexpr bool tenon::vouched_payload<TheUnion> = true;
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

union Number {
    int whole;
    float part;
};
struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    Number name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
