// EXPECT: Order.customer.name | std::nullptr_t | std::nullptr_t is a pointer, which means nothing there; leave it out, or use a bool or std::optional
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <cstddef>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::nullptr_t name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
