// EXPECT: Order.customer.name | int* | a pointer is an address that means nothing there; put the value itself, or an index into an array of the payload, in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <variant>

struct Customer {
    int id;
#ifdef ACCEPTED
    std::variant<int, float> name;
#else
    std::variant<int, int*> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
