// EXPECT: Order.papers[0] | tenon::PassedFd | a descriptor crosses only over a TypedSocket
// SPDX-License-Identifier: BSL-1.0
#include <tenon/shared_object.hpp>
#include <tenon/typed_socket.hpp>

struct Order {
    double price;
    tenon::PassedFd papers[2];
};
#ifdef ACCEPTED
static_assert(sizeof(tenon::TypedSocket<Order, Order>) != 0);
#else
static_assert(sizeof(tenon::SharedObject<Order>) != 0);
#endif
