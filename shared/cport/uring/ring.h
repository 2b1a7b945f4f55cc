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
/* Of io_uring_submit() and its like: the time, a signal, or no memory just now leave what was not
 * taken for the next call. Everything else (another thread's ring, completions that were lost) is a
 * defect of ours, and ends the program. */
void uring_ring_check(int result);
/* "io_uring is not permitted here (...)", for a negative errno of any of the set-up calls. */
void uring_ring_explain(int result, bool *forbidden, struct error *error);
