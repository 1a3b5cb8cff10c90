// EXPECT: Order.customer.name | int Point::* | a pointer to member means something only in the program that made it; put an enum that names the member in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Point {
    int x;
};
struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    int Point::*name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
