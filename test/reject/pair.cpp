// EXPECT: Order.customer.name | std::pair<int, int> | a std::pair is not trivially copyable; use a struct with two named fields
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <utility>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::pair<int, int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
