/* Where a trace goes: a file, or standard error. A thread of its own writes, so that a stopped
 * terminal or a slow disk blocks nothing else.
 *
 * Control plane; one thread. */
#pragma once

#include "trace/trace.h"
#include "trace/trace_text.h"

enum { TRACE_OUTPUT_BYTES_MAX = 64 << 20 };

struct outlet;

struct trace_output {
    struct trace trace;
    const char *name; /* for messages */
    struct outlet *outlet;
    struct trace_clock clock;
    uint64_t bytes; /* that were put */
    uint32_t rank;
    bool any; /* a record was put */
    bool full;
};

/* path NULL: standard error. connection: as trace_open() takes it. rank: of several programs, 0:
 * there is one. */
bool trace_output_open(struct trace_output *output, const char *path, uint32_t connection,
                       uint32_t workers_count, uint32_t rank, struct error *error);
/* At the beginning of the run: what all times of it count from. */
void trace_output_begin(struct trace_output *output, int64_t origin_ns);
/* Hands over what is in the rings. output may be NULL. */
void trace_output_tick(struct trace_output *output);
/* After the last tick. Waits at most so long. False: not all was written; *error says why. */
bool trace_output_close(struct trace_output *output, int64_t within_ns, struct error *error);
