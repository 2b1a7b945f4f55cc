/* --ndjson: one JSON object per line and second while the run goes on, written at once by a thread
 * of its own: a crash loses at most a second, and a disk or reader that is slow holds nobody up.
 * The main thread only; NULL for a stream that nobody asked for. */
#ifndef DUMMYLOAD_CLIENT_NDJSON_H
#define DUMMYLOAD_CLIENT_NDJSON_H

#include "figures/live.h"
#include "plan/plan.h"
#include "show/screen.h"

#include <stdint.h>

struct outlet;

struct ndjson {
    const struct plan *plan;
    const char *path; /* stays the caller's */
    struct outlet *outlet;
    int64_t origin_ns;
    int64_t written_ns;
    struct live_view before;
    uint64_t left_out; /* records that found no room, or no reader in the end */
};

/* Opens path, "-" for standard output. Once per process. */
bool ndjson_open(struct ndjson *ndjson, const char *path, const struct plan *plan,
                 struct error *error);
/* The run begins. */
void ndjson_begin(struct ndjson *ndjson, int64_t origin_ns);
/* Writes a line when a second has passed. */
void ndjson_tick(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns);
/* The last line, whatever has passed. */
void ndjson_finish(struct ndjson *ndjson, const struct live_view *view, int64_t now_ns);
/* Waits at most so long until all is written. False: it is not; *error says what is missing. */
bool ndjson_close(struct ndjson *ndjson, int64_t within_ns, struct error *error);

#endif
