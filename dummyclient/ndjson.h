/* --ndjson: one JSON object per line and second while the run goes on, flushed, so that a crash
 * loses at most a second. The supervisor's thread only. */
#ifndef DUMMYLOAD_CLIENT_NDJSON_H
#define DUMMYLOAD_CLIENT_NDJSON_H

#include "console.h"
#include "live.h"
#include "plan.h"

#include <stdint.h>
#include <stdio.h>

struct ndjson {
    FILE *file; /* NULL: off. The caller's */
    const struct plan *plan;
    int64_t origin_ns;
    int64_t written_ns;
    struct live_view before;
};

void ndjson_open(struct ndjson *ndjson, FILE *file, const struct plan *plan, int64_t origin_ns);
/* Writes a line when a second has passed. */
void ndjson_tick(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns);
/* The last line, whatever has passed. */
void ndjson_finish(struct ndjson *ndjson, const struct live_view *view, int64_t now_ns);

#endif
