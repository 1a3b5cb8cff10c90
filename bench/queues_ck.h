/* SPDX-License-Identifier: BSL-1.0 */
/* ck_ring.h is C and no C++, so its ring stands behind these; link-time optimisation puts them back into the loops. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `ring`: room of ck_bytes(), zeroed, aligned to 64. One sender, one receiver. */
size_t ck_bytes(unsigned capacity, unsigned message_size);
void ck_make(void* ring, unsigned capacity);
bool ck_send_64(void* ring, const void* message);
bool ck_receive_64(void* ring, void* message);

#ifdef __cplusplus
}
#endif
