// EXPECT: Order.customer.field_2 | volatile int | volatile makes nothing safe between processes, and tenon does the synchronising; use the plain type
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    volatile int name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
