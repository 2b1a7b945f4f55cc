/* A record of a trace as lines for people: time, direction, words; then the bytes, hexadecimal and
 * as text side by side. Pure. */
#pragma once

#include "trace/trace.h"

enum {
    TRACE_COLUMNS = 100,
    TRACE_LINES_BYTES_MAX = 4096 /* a record's lines: 256 bytes are 16 lines */
};

/* Times of the lines count from here. */
struct trace_clock {
    int64_t origin_ns; /* of the run */
    int64_t from_ns;   /* the connection's last connect, once one is known; before it the origin */
};

/* Writes the lines, each with its end, into out (TRACE_LINES_BYTES_MAX bytes). text and data may
 * hold anything. Returns how many bytes, without the NUL. */
size_t trace_text(struct trace_clock *clock, const struct trace_record *record, const char *text,
                  const uint8_t *data, char *out);
