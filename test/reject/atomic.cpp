// EXPECT: Order.customer.name | std::atomic<int> | a std::atomic cannot be copied, and tenon does the synchronising; use the plain type
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <atomic>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::atomic<int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
