// EXPECT: Order.customer.name | std::function<void()> | what it wraps lives in this process only; use a std::variant of structs, or an enum that names the action
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <functional>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::function<void()> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
