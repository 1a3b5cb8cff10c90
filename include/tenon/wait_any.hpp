// SPDX-License-Identifier: BSL-1.0
#pragma once
/// wait_any(): sleeps until one of several endpoints has something, whatever carries their messages. For hundreds of them
/// put native_handle() into epoll(7) instead.
///
///     switch (tenon::wait_any(deadline, orders, control).value_or(2)) {
///         case 0: handle(orders.receive()); break;
///         case 1: obey(control.receive()); break;
///         case 2: idle();
///     }

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "carrier/naps.hpp"
#include "carrier/waitable.hpp"
#include "sync/deadline.hpp"
#include "sys/poll.hpp"

namespace tenon {

namespace detail {

/// `polled` has room for as many.
inline std::optional<std::size_t> wait_any(std::span<const carrier::Waitable> endpoints, ::pollfd* polled,
                                           std::int64_t until) {
    bool some_must_be_looked_at = false;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        polled[i] = {endpoints[i].descriptor, endpoints[i].events, 0};
        if (endpoints[i].look != nullptr) {
            polled[i].fd = -1;  // ppoll() passes it over
            some_must_be_looked_at = true;
        } else if (endpoints[i].descriptor == -1) {
            sys::throw_error(EBADF, "wait_any: an endpoint that is not open");
        }
    }
    for (carrier::Naps naps{until};;) {
        const int ready = sys::try_poll_until(polled, endpoints.size(), some_must_be_looked_at ? 0 : until);
        sys::checked(ready, "ppoll");
        for (std::size_t i = 0; i < endpoints.size(); ++i) {
            const carrier::Waitable& one = endpoints[i];
            if (one.look != nullptr ? one.look(one.endpoint) : polled[i].revents != 0) {
                return i;
            }
        }
        if (!some_must_be_looked_at || !naps.sleep()) {
            return std::nullopt;
        }
    }
}

}  // namespace detail

/// Waits until an attempt at one of them would not say `empty` (of a sender: `full`), or the end of a peer was seen.
/// Returns  its place among the arguments, the first of several; nothing when the deadline came first. Of a listener take
///          try_accept() then: who came may have gone, or be no client, and accept() would wait for the next.
/// Throws   std::system_error: EBADF for an endpoint that is not open.
/// Source   ppoll(2). System V queues and shared memory have nothing to poll: with one of them it looks every millisecond at the
///          latest.
template <carrier::HasWaitable... Endpoints>
    requires(sizeof...(Endpoints) > 0)
[[nodiscard]] std::optional<std::size_t> wait_any(Deadline deadline, const Endpoints&... endpoints) {
    const carrier::Waitable waitables[] = {endpoints.waitable()...};
    ::pollfd polled[sizeof...(Endpoints)];
    return detail::wait_any(waitables, polled, deadline.nanoseconds());
}
template <class Rep, class Period, carrier::HasWaitable... Endpoints>
    requires(sizeof...(Endpoints) > 0)
[[nodiscard]] std::optional<std::size_t> wait_any_for(const std::chrono::duration<Rep, Period>& duration,
                                                      const Endpoints&... endpoints) {
    return wait_any(Deadline::after(duration), endpoints...);
}

/// The same for endpoints in a row, such as std::vector<TypedSocket<Out, In>>: give it std::span{vector}.
template <class Endpoint, std::size_t extent>
    requires carrier::HasWaitable<Endpoint>
[[nodiscard]] std::optional<std::size_t> wait_any(Deadline deadline, std::span<Endpoint, extent> endpoints) {
    std::vector<carrier::Waitable> waitables;
    waitables.reserve(endpoints.size());
    for (const Endpoint& endpoint : endpoints) {
        waitables.push_back(endpoint.waitable());
    }
    std::vector<::pollfd> polled(endpoints.size());
    return detail::wait_any(waitables, polled.data(), deadline.nanoseconds());
}

}  // namespace tenon
