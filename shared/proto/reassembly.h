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
 * copied, and the loop can go on at any later time. The other statuses are final for the stream.
 *
 * Memory grows with the bytes that have come, not with the size that a header claims: a peer that
 * announces 16 MiB and sends four bytes costs a few bytes. It is freed with the frame. Where the
 * end of a message is in its text, only its head and as much of it as somebody looks at are kept:
 * the message may then have any size. */
#pragma once

#include "core/span.h"
#include "proto/frame.h"

/* All of a message is looked at: then frame_bytes_max is the limit. */
#define REASSEMBLY_ALL_BYTES UINT32_MAX

struct reassembly_partial; /* reassembly.c: the beginning of an incomplete message */

struct reassembly {
    const struct framing *framing;
    const uint8_t *run; /* what is left of the run being fed */
    uint8_t *kept;      /* the run is a copy, which begins here; NULL: it is the caller's */
    struct reassembly_partial *partial;
    uint32_t run_bytes;
    uint32_t
        behind_bytes; /* of the run, behind run_bytes: frames of the WebSocket that carries it */
    uint32_t looked_bytes;  /* of a text, from its beginning */
    uint32_t waiting_bytes; /* of a frame of the WebSocket that has begun */
};

/* looked_bytes: how much of a message's body is looked at; more than frame_bytes_max is all of it.
 */
void reassembly_open(struct reassembly *reassembly, const struct framing *framing,
                     uint32_t looked_bytes);
/* Frees the partial frame, if any. The struct may be opened again. */
void reassembly_close(struct reassembly *reassembly);
/* Until it has given one message, the framing is this one, which has a `then`; NULL: that `then` at
 * once. What has come of a message already counts, unless its end is in its text. */
void reassembly_expect(struct reassembly *reassembly, const struct framing *bare);
/* With a WebSocket's server the data must be writable: it is unmasked in place. */
void reassembly_feed(struct reassembly *reassembly, const uint8_t *data, size_t bytes);
/* The run's bytes may go after this call: what is left of them is copied. False: no memory. */
bool reassembly_keep(struct reassembly *reassembly);
/* A part of the run is left. */
static inline bool reassembly_has_run(const struct reassembly *reassembly)
{
    return reassembly->run_bytes > 0 || reassembly->behind_bytes > 0;
}
/* state: of the stream that is received (frame_state_bytes()). */
enum frame_status reassembly_next(struct reassembly *reassembly, void *state, struct frame *frame);
/* The stream has ended, and so may have a message that says no other end. True: *frame is it. */
bool reassembly_end(struct reassembly *reassembly, struct frame *frame);
/* After an error: what was refused, as far as it has come, and what was expected in its place. */
struct span reassembly_refused(const struct reassembly *reassembly);
void reassembly_explain(const struct reassembly *reassembly, void *state, enum frame_status status,
                        struct error *error);
/* Bytes of an incomplete frame that have come: more than 0 at the end of the stream means that the
 * peer stopped in the middle of one. */
uint64_t reassembly_waiting_bytes(const struct reassembly *reassembly);
/* The beginning of that frame, as far as it is kept. */
struct span reassembly_waiting(const struct reassembly *reassembly);
/* How much of it has come and what it waits for: "33 bytes of a message of 65000 bytes". False:
 * none has begun. */
bool reassembly_explain_waiting(const struct reassembly *reassembly, struct error *error);
/* For how many bytes of it memory is held. */
size_t reassembly_capacity_bytes(const struct reassembly *reassembly);
