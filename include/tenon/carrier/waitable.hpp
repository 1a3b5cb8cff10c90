// SPDX-License-Identifier: BSL-1.0
#pragma once
/// How wait_any() asks an endpoint whether there is something for its user: by a descriptor for ppoll(2), or, where the
/// kernel has none (System V), by looking.

#include <concepts>

namespace tenon::carrier {

struct Waitable {
    int descriptor = -1;
    short events = 0;
    const void* endpoint = nullptr;                // for look, where there is no descriptor
    bool (*look)(const void*) noexcept = nullptr;  // whether an attempt would not say "empty"
};

template <class E>
concept HasWaitable = requires(const E& endpoint) {
    { endpoint.waitable() }
    noexcept->std::same_as<Waitable>;
};

}  // namespace tenon::carrier
