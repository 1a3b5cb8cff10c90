// EXPECT: Order.customer | Customer | it holds an unnamed union, and nobody can see which member is alive; use std::variant
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    union {
        int whole;
        float part;
    };
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
