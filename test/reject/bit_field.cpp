// EXPECT: Order.customer | Customer | it holds a bit-field, whose place is each compiler's own choice; use whole integers, or one integer with masks
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    int name : 3;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
