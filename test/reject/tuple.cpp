// EXPECT: Order.customer.name | std::tuple<int, int> | a std::tuple is not trivially copyable and its layout is no promise; use a struct with named fields
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <tuple>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::tuple<int, int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
