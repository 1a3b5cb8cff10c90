// EXPECT: Order.customer.name | Handle | it is not trivially copyable, so its bytes alone are not the object; remove its own copy, move and destructor, or hold a plain struct of what it stands for
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Handle {
    int number;
    ~Handle();
};
struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    Handle name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
