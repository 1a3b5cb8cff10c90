// EXPECT: Order.price | Money | it is not trivially copyable, so its bytes alone are not the object; remove its own copy, move and destructor
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

class Money {
public:
    long cents() const { return cents_; }
#ifndef ACCEPTED
    ~Money() {}
#endif
private:
    long cents_ = 0;
};
template <>
inline constexpr bool tenon::vouched_payload<Money> = true;

struct Order {
    Money price;
};
static_assert(tenon::require_payload<Order>());
