// SPDX-License-Identifier: BSL-1.0
#pragma once
// What the sender and the receiver share: struct { long mtype; char text[200]; } under ftok(".", 'A') in the C programs.
// The type of the message is 1, and is not their concern.

#include <tenon/payload/fixed_string.hpp>
#include <tenon/typed_queue.hpp>

struct Message {
    tenon::FixedString<200> text;  // none: nothing more will come
};

using Messages = tenon::TypedQueue<Message, tenon::over::sysv>;

inline tenon::SysvKey messages_key() { return tenon::SysvKey::from_path(".", 'A'); }
