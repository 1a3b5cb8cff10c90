// EXPECT: Order.customer.papers | tenon::PassedFd | a descriptor crosses only over a TypedSocket
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/passed_fd.hpp>
#include <tenon/payload/payload.hpp>

struct Customer {
    int id;
#ifdef ACCEPTED
    int papers;
#else
    tenon::PassedFd papers;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
