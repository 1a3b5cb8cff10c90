// EXPECT: Order.customer.name | Money | it has private members or constructors, so nobody can see whether it holds a pointer; if it holds none, vouch for it: template <> inline constexpr bool tenon::vouched_payload<TheClass> = true;
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

class Money {
public:
    long cents() const { return cents_; }

private:
    long cents_ = 0;
};
struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    Money name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
