// EXPECT: Order.customer.name | std::reference_wrapper<int> | a view holds a pointer to what somebody else owns; copy what it shows into a tenon::FixedString<N>, a tenon::FixedVector<T, N> or a value
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <functional>

struct Customer {
    int id;
#ifdef ACCEPTED
    int name;
#else
    std::reference_wrapper<int> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
