// EXPECT: Order.customer.name | void(*)(int) | a pointer to a function is an address that means nothing there; put an enum that names the action in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    void (*name)(int);
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
