// EXPECT: Order.customer.field_2 | const int& | a reference is an address that means nothing there; hold the value itself
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    const int& name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
