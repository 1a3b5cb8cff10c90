// EXPECT: Order.papers > tenon::PassedFd | tenon::PassedFd | a descriptor inside an optional, a variant or a list may be there or not, and those of a message are counted; make it a field of its own
// SPDX-License-Identifier: BSL-1.0
#include <tenon/typed_socket.hpp>

#include <array>
#include <optional>

struct Order {
    double price;
#ifdef ACCEPTED
    std::array<tenon::PassedFd, 1> papers;
#else
    std::optional<tenon::PassedFd> papers;
#endif
};
using Socket = tenon::TypedSocket<Order, Order>;
static_assert(sizeof(Socket) != 0);
