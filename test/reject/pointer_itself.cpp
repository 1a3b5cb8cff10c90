// EXPECT: Order* | Order* | a pointer is an address that means nothing there; put the value itself, or an index into an array of the payload, in its place
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Order {
    int id;
};
#ifdef ACCEPTED
using Crossing = Order;
#else
using Crossing = Order*;
#endif
static_assert(tenon::require_payload<Crossing>());
