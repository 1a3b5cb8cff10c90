// EXPECT: Order[3] | Order[3] | an array alone has no name and cannot be assigned; wrap it in a struct, or use std::array<T, N>
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Order {
    int id;
};
#ifdef ACCEPTED
using Crossing = Order;
#else
using Crossing = Order[3];
#endif
static_assert(tenon::require_payload<Crossing>());
