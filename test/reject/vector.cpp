// EXPECT: Order.customer.name | std::vector<int> | the container keeps its elements in this process's heap; use tenon::FixedVector<T, N>, std::array<T, N> or T[N]
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <vector>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::vector<int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
