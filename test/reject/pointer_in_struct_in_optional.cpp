// EXPECT: Order.customer.name > Link.next | Link* | a pointer is an address that means nothing there; put the value itself, or an index into an array of the payload, in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <optional>

struct Link {
    int value;
    Link* next;
};
struct Customer {
    int id;
#ifdef ACCEPTED
    std::optional<int> name;
#else
    std::optional<Link> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
