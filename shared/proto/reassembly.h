/* Reassembly: frames out of received runs of bytes, in place where they are whole.
 *
 * Owned by one connection or session, used by its thread. Holds memory only while a frame is
 * incomplete. Usage:
 *
 *     reassembly_feed(&r, data, bytes);
 *     while ((status = reassembly_next(&r, state, &frame)) == FRAME_COMPLETE) { ... }
 *
 * After the loop (FRAME_PARTIAL) the rest has been copied and data may go; a frame is valid until
 * the next call. Who ends the loop earlier calls reassembly_keep(): what is left of the run is
 * copied, and the loop can go on at any later time. FRAME_BAD_SIZE, FRAME_TOO_LARGE and
 * FRAME_NO_MEMORY are final for the stream.
 *
 * Memory grows with the bytes that have come, not with the size that a header claims: a peer that
 * announces 16 MiB and sends four bytes costs a few bytes. It is freed with the frame. */
#pragma once

#include "core/span.h"
#include "proto/frame.h"

struct reassembly {
    const struct framing *framing;
    const uint8_t *run; /* what is left of the run being fed */
    uint8_t *kept;      /* the run is a copy, which begins here; NULL: it is the caller's */
    uint8_t *partial;   /* the beginning of an incomplete frame */
    uint32_t run_bytes;
    uint32_t partial_bytes;
    uint32_t partial_capacity_bytes;
    uint32_t partial_scanned_bytes : 31; /* of partial: no message ends in them */
    uint32_t partial_done : 1;           /* it was handed out as the frame before */
};

void reassembly_open(struct reassembly *reassembly, const struct framing *framing);
/* Frees the partial frame, if any. The struct may be opened again. */
void reassembly_close(struct reassembly *reassembly);
void reassembly_feed(struct reassembly *reassembly, const uint8_t *data, size_t bytes);
/* The run's bytes may go after this call: what is left of them is copied. False: no memory. */
bool reassembly_keep(struct reassembly *reassembly);
/* A part of the run is left. */
static inline bool reassembly_has_run(const struct reassembly *reassembly)
{
    return reassembly->run_bytes > 0;
}
/* state: of the stream that is received (frame_state_bytes()). */
enum frame_status reassembly_next(struct reassembly *reassembly, void *state, struct frame *frame);
/* After an error: the message that was refused, as far as it has come. */
struct span reassembly_refused(const struct reassembly *reassembly);
/* Bytes of an incomplete frame that are waiting: more than 0 at the end of the stream means that
 * the peer stopped in the middle of one. */
size_t reassembly_waiting_bytes(const struct reassembly *reassembly);
