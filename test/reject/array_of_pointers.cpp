// EXPECT: Order.customer.name[0][0] | char* | a pointer is an address that means nothing there; put the value itself, or an index into an array of the payload, in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    char* name[2][3];
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
