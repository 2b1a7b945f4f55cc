/* --ndjson: one JSON object per line and second during the run, written immediately by a separate
 * thread: a crash loses at most a second, and a slow disk or reader blocks no other thread. The
 * main thread only. */
#pragma once

#include "core/error.h"
#include "text/json.h"

struct outlet;

struct ndjson {
    const char *name; /* where it goes, for a person; stays the caller's */
    struct outlet *outlet;
    uint64_t left_out; /* records that did not fit, or were not read in time */
};

/* Opens path, "-" for standard output. Once per process. */
bool ndjson_open(struct ndjson *ndjson, const char *path, struct error *error);
/* One record, with the line's end. */
void ndjson_put(struct ndjson *ndjson, const struct json_text *line);
/* Waits until all is written, within the time limit. False: it is not; *error says what is missing.
 */
bool ndjson_close(struct ndjson *ndjson, int64_t within_ns, struct error *error);
