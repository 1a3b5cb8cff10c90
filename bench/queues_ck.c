/* SPDX-License-Identifier: BSL-1.0 */
#include "queues_ck.h"

#include <ck_ring.h>

struct message {
    char bytes[64];
};

static size_t entries_offset(void) { return (sizeof(ck_ring_t) + 63) / 64 * 64; }
static void* entries(void* ring) { return (char*)ring + entries_offset(); }

size_t ck_bytes(unsigned capacity, unsigned message_size) { return entries_offset() + (size_t)capacity * message_size; }
void ck_make(void* ring, unsigned capacity) { ck_ring_init(ring, capacity); }
/* The message's size is a constant here, as in a ring made by CK_RING_PROTOTYPE. */
bool ck_send_64(void* ring, const void* message) {
    return _ck_ring_enqueue_sp(ring, entries(ring), message, sizeof(struct message), NULL);
}
bool ck_receive_64(void* ring, void* message) {
    return _ck_ring_dequeue_sc(ring, entries(ring), message, sizeof(struct message));
}
