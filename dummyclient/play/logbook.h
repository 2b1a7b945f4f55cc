/* The logbook: lines of `log` steps on their way from a worker to the terminal. The worker must not
 * print: it puts lines into a ring, and the supervisor takes them out.
 *
 * One writer, one reader, no lock (a ring with two counters, each written by one side only). Lines
 * that do not fit are dropped and counted. */
#pragma once

#include "core/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOGBOOK_BYTES = 256 * 1024 /* a power of two */ };

struct logbook {
    uint8_t *bytes; /* NULL: the scenario logs nothing */
    _Atomic uint64_t written;
    _Atomic uint64_t read;
    _Atomic uint64_t dropped;
    uint64_t dropped_told; /* reader */
};

bool logbook_open(struct logbook *logbook, struct error *error);
void logbook_close(struct logbook *logbook);
/* Worker: a line, without its end. */
void logbook_write(struct logbook *logbook, int64_t time_ns, const uint8_t *line, uint32_t bytes);
/* Supervisor: is there something to print? */
bool logbook_has_lines(const struct logbook *logbook);
/* Supervisor: prints what is there, with times since origin_ns; bytes that could control a terminal
 * become '?'. */
void logbook_print(struct logbook *logbook, int64_t origin_ns,
                   void (*print)(void *context, const char *line), void *context);
