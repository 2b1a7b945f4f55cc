/* The trace: what happens on one connection, for people who look for a fault.
 *
 * The data plane writes records into a ring, one per worker, without a lock; another thread takes
 * them out and prints them (trace_output.h). While it is not known yet which connection is meant
 * (the first that fails), the rings hold what happens on all, and the oldest records give way.
 *
 * A ring: one thread writes (trace_event() and the like, trace_fail()), one reads (trace_take()).
 * The memory is taken before the run. */
#pragma once

#include "core/error.h"
#include "core/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRACE_KEPT_BYTES = 256, /* of a message; of the rest only the number */
    TRACE_TEXT_BYTES_MAX = 640,
    TRACE_RING_BYTES = 4 << 20,     /* powers of two */
    TRACE_HISTORY_BYTES = 16 << 20, /* while it is not known which connection is meant */
};

/* In place of a connection's number. */
#define TRACE_FIRST_FAILURE UINT32_MAX       /* not known yet */
#define TRACE_NOBODY        (UINT32_MAX - 1) /* there is no room for more */

enum trace_kind {
    TRACE_EVENT,
    TRACE_CONNECT, /* an event: times count from it */
    TRACE_NOTE,    /* what became of the event before it */
    TRACE_SENT,    /* a message, with its bytes */
    TRACE_RECEIVED
};

struct trace_record {
    int64_t time_ns;
    uint64_t bytes; /* of the message: more than are kept, perhaps */
    uint32_t connection;
    uint16_t kept_bytes;
    uint16_t text_bytes;
    uint32_t kind; /* enum trace_kind */
};

struct trace_ring {
    struct trace *trace;
    uint8_t *bytes;
    uint64_t capacity_bytes;
    _Atomic uint64_t written; /* bytes since the beginning */
    _Atomic uint64_t read;    /* the oldest record; the writer's while the ring is a history */
    _Atomic uint64_t left_out;
    atomic_bool is_open;    /* for the reader: it is no history any more */
    uint64_t left_out_told; /* the reader's */
    int64_t time_ns;        /* the writer's: of its last event */
};

struct trace {
    _Atomic uint32_t connection; /* whose records are kept */
    struct trace_ring *rings;    /* of each worker */
    uint32_t rings_count;
};

/* connection: a number, or TRACE_FIRST_FAILURE. */
bool trace_open(struct trace *trace, uint32_t connection, uint32_t workers_count,
                struct error *error);
void trace_close(struct trace *trace);

/* May its events be wanted? */
static inline bool trace_wants(struct trace *trace, uint32_t connection)
{
    uint32_t wanted = atomic_load_explicit(&trace->connection, memory_order_relaxed);
    return wanted == TRACE_FIRST_FAILURE || wanted == connection;
}

/* --- The worker's side. */

/* The text is of one line; longer ones are cut. */
void trace_event(struct trace_ring *ring, enum trace_kind kind, uint32_t connection,
                 int64_t time_ns, const char *format, ...) ERROR_PRINTF(5, 6);
/* What became of the last event. */
void trace_note(struct trace_ring *ring, uint32_t connection, const char *format, ...)
    ERROR_PRINTF(3, 4);
/* A message and what it is; TRACE_SENT or TRACE_RECEIVED. data: its beginning, or all of its
 * whole_bytes. */
void trace_message(struct trace_ring *ring, enum trace_kind kind, uint32_t connection,
                   int64_t time_ns, struct span data, uint64_t whole_bytes, const char *format, ...)
    ERROR_PRINTF(7, 8);
/* The connection has failed. */
void trace_fail(struct trace_ring *ring, uint32_t connection, const char *failure);

/* --- The reader's side. */

/* The oldest record of the connection that is meant. text: TRACE_TEXT_BYTES_MAX + 1 bytes, ended by
 * a NUL; data: TRACE_KEPT_BYTES. False: there is none. */
bool trace_take(struct trace_ring *ring, struct trace_record *record, char *text, uint8_t *data);
/* How many records were left out since the last call: they came faster than they were taken. */
uint64_t trace_left_out(struct trace_ring *ring);
