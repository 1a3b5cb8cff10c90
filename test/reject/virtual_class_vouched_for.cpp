// EXPECT: Order.price | Money | it has virtual functions and so a pointer to its vtable; use a class without virtual functions
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

class Money {
public:
    long cents() const { return cents_; }
#ifndef ACCEPTED
    virtual void print() const;
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
