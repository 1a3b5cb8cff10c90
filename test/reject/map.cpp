// EXPECT: Order.customer.name | std::map<int, int> | the container keeps its nodes in this process's heap; use a tenon::FixedVector<Entry, N> of structs with a key and a value
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <map>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::map<int, int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
