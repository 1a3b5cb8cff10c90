// EXPECT: Order.customer.name | std::unique_ptr<int> | a smart pointer owns an object in this process's heap; hold the object itself, or a std::optional of it
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <memory>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::unique_ptr<int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
