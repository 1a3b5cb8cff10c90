// EXPECT: const Order | const Order | the payload type itself is const or volatile; name the plain type
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

struct Order {
    int id;
};
#ifdef ACCEPTED
using Crossing = Order;
#else
using Crossing = const Order;
#endif
static_assert(tenon::require_payload<Crossing>());
