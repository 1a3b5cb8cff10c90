// SPDX-License-Identifier: BSL-1.0
#pragma once
/// What a TypedQueue or a TypedSocket is made over, and the first template itself, declared only. For a queue to use include
/// typed_queue.hpp.
///
///     using Orders = tenon::TypedQueue<Order, tenon::over::posix>;

namespace tenon {

/// In shared memory, any number of senders and receivers.
struct many_to_many;
/// In shared memory, one sender and one receiver: the fastest road.
struct one_to_one;

/// What the kernel keeps.
namespace over {
/// System V, sysvipc(7): found by a key; messages have a type, by which receivers select.
struct sysv;
/// POSIX, mq_overview(7): found by "/name"; messages have a priority; poll(2) understands them.
struct posix;
/// Unix domain sockets, unix(7), that keep messages apart: the default of TypedSocket.
struct seqpacket {};
/// Unix domain sockets that carry a stream of bytes, for peers that know no other.
struct stream {};
}  // namespace over

/// A queue of messages of one type.
template <class Msg, class How = many_to_many>
class TypedQueue;

}  // namespace tenon
