// EXPECT: Order.customer.name | char* | a pointer is an address that means nothing there; put the value itself, or an index into an array of the payload, in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    char* name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
