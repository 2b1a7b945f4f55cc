/* --ndjson: one JSON object per line and second during the run, written immediately by a separate
 * thread: a crash loses at most a second, and a slow disk or reader blocks no other thread. The
 * main thread only; NULL when there is no such stream. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"
#include "show/screen.h"

struct outlet;

struct ndjson {
    const struct plan *plan;
    const char *name; /* where it goes, for a person; stays the caller's */
    struct outlet *outlet;
    int64_t origin_ns;
    int64_t written_ns;
    struct live_view before;
    uint64_t left_out; /* records that did not fit, or were not read in time */
};

/* Opens path, "-" for standard output. Once per process. */
bool ndjson_open(struct ndjson *ndjson, const char *path, const struct plan *plan,
                 struct error *error);
/* The run begins. */
void ndjson_begin(struct ndjson *ndjson, int64_t origin_ns);
/* Writes a line when a second has passed. */
void ndjson_tick(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns);
/* The last line, for any interval. */
void ndjson_finish(struct ndjson *ndjson, const struct live_view *view, int64_t now_ns);
/* Waits until all is written, within the time limit. False: it is not; *error says what is missing.
 */
bool ndjson_close(struct ndjson *ndjson, int64_t within_ns, struct error *error);
