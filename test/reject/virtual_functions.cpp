// EXPECT: Order.customer.name | Shape | a class with virtual functions holds a pointer to its vtable, which is at another address there; use a struct without virtual functions, with an enum or a std::variant of structs for the cases
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Shape {
    virtual int area() const;
};
struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    Shape name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
