// SPDX-License-Identifier: BSL-1.0
#pragma once
/// TypedQueue: messages of one type, in their order.
///
///     tenon::TypedQueue<Order>                       shared memory, any number of senders and receivers
///     tenon::TypedQueue<Order, tenon::one_to_one>    shared memory, one of each: the fastest road
///     tenon::TypedQueue<tenon::Envelope<Head, T>>    shared memory, a header and any number of elements in each message
///     tenon::TypedQueue<Order, tenon::over::sysv>    the kernel's System V queue, by which receivers select
///     tenon::TypedQueue<Order, tenon::over::posix>   the kernel's POSIX queue, with priorities
///
///     auto orders = tenon::TypedQueue<Order>::create("/orders", tenon::Capacity{1024});
///     orders.send(order);                                   // sleeps while full
///     if (!orders.try_send(order)) ++dropped;               // full is a value, not an error
///     if (auto order = orders.try_receive_for(5ms)) handle(*order);
///
///     auto slot = orders.loan();                            // write the message where it will be read
///     slot->price = 7;
///     slot.send();
///     if (auto order = orders.try_borrow()) use(order->price);

#include "carrier/envelope_queue.hpp"
#include "carrier/many_to_many_queue.hpp"
#include "carrier/one_to_one_queue.hpp"
#include "carrier/over.hpp"
#include "carrier/posix_queue.hpp"
#include "carrier/sysv_queue.hpp"
#include "carrier/verbs.hpp"
#include "payload/fixed_string.hpp"  // what a payload has instead of std::string

namespace tenon {

/// The System V queue behind a SysvKey. A message is of any size up to msgmax, and has a type by which receivers may select:
///
///     orders.send(order, tenon::MessageType{5});
///     Order order = orders.receive(tenon::MessageType{5});    // the oldest of that type
///     Order first = orders.receive_highest();                 // the oldest of the lowest number
///
/// The alternatives of a std::variant have the types 1, 2, ... and travel in their own bytes:
///
///     tenon::TypedQueue<std::variant<Login, Logout>, tenon::over::sysv> events;
///     events.send(Login{...});
///     auto logout = events.receive<Logout>();
///
/// Removed  by its last user, or by somebody: then `closed`.
/// Sharing  any number of senders and receivers, threads or processes.
template <class Msg>
class TypedQueue<Msg, over::sysv> : public carrier::SysvQueue<TypedQueue<Msg, over::sysv>, Msg> {
    friend class carrier::SenderVerbs<TypedQueue, Msg>;
    friend class carrier::ReceiverVerbs<TypedQueue, Msg>;
};

/// The POSIX queue behind a "/name". Messages of higher Priority overtake the others:
///
///     orders.send(order, tenon::Priority{7});
///     tenon::Priority of;
///     Order order = orders.receive(of);
///
/// Removed  its name by its last user, or by remove(); who uses it keeps it.
/// Sharing  any number of senders and receivers, threads or processes.
template <class Msg>
class TypedQueue<Msg, over::posix> : public carrier::PosixQueue<TypedQueue<Msg, over::posix>, Msg> {
    friend class carrier::SenderVerbs<TypedQueue, Msg>;
    friend class carrier::ReceiverVerbs<TypedQueue, Msg>;
};

}  // namespace tenon
