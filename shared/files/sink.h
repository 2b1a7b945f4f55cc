/* A place that takes bytes as they come: a standard stream, a file, a FIFO, a descriptor that this
 * program was given. Nothing of the C library's is between: no buffer, and no lock that a thread
 * which is stuck in a write would hold while the program ends.
 *
 * Control plane; one thread at a time. */
#pragma once

#include "core/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink {
    intptr_t handle;
    bool own;                    /* to be closed */
    int64_t patience_ns;         /* how long it may take nothing; 0: for ever */
    const atomic_bool *given_up; /* NULL: never. Once it is set, no write waits any longer */
};

void sink_standard_output(struct sink *sink);
void sink_standard_error(struct sink *sink);
/* A file, emptied if it is there; "-": standard output; /dev/fd/N and the like: that descriptor; a
 * device or a FIFO as it is. A FIFO without a reader is only waited for briefly. */
bool sink_open(struct sink *sink, const char *path, struct error *error);
/* Writes all, in pieces that end with a line where they can: a write that is given up in between
 * has written whole lines. False: it failed, or was given up; *error (may be NULL) says why. */
bool sink_write(struct sink *sink, const void *data, size_t bytes, struct error *error);
/* False: what was written did not reach its place. */
bool sink_close(struct sink *sink, struct error *error);
