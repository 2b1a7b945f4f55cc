/* Setting up an io_uring with the best flags this kernel knows, and saying why when it cannot be.
 *
 * Private to the uring backend. */
#pragma once

#include "core/error.h"

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

/* For the calling thread, the only one that may use it (SINGLE_ISSUER). On failure *forbidden
 * distinguishes a system without io_uring (which justifies a fall-back) from a lack of descriptors.
 */
bool uring_ring_open(struct io_uring *ring, uint32_t sockets_max, bool *forbidden,
                     struct error *error);
/* "io_uring is not permitted here (...)", for a negative errno of any of the set-up calls. */
void uring_ring_explain(int result, bool *forbidden, struct error *error);
