// EXPECT: Order.customer | Customer | it inherits fields from a base class, and the two cannot be walked together; make the base its first field
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Person {
    int age;
};
#ifdef ACCEPTED
struct Customer {
    Person person;
#else
struct Customer : Person {
#endif
    int id;
};
struct Order {
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
