// EXPECT: void | void | it is no object type; use a struct
// SPDX-License-Identifier: BSL-1.0
#include <tenon/payload/payload.hpp>

#ifdef ACCEPTED
using Crossing = int;
#else
using Crossing = void;
#endif
static_assert(tenon::require_payload<Crossing>());
