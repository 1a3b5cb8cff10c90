// EXPECT: Order | Order | it is only declared so far; include its definition first
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#ifdef ACCEPTED
struct Order {
    int id;
};
#else
struct Order;
#endif
static_assert(tenon::require_payload<Order>());
