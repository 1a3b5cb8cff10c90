// EXPECT: Order.customer.name | std::basic_string<char> | a std::string keeps its characters in this process's heap; use tenon::FixedString<N>
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#include <optional>
#include <string>

struct Customer {
    int id;
#ifdef ACCEPTED
    std::optional<int> name;
#else
    std::optional<std::string> name;
#endif
};
struct Order {
    double price;
    Customer customer;
};
static_assert(tenon::require_payload<Order>());
