/* A record: what happened in an interval of the run, as one line of JSON; the common language of
 * --ndjson and of the live page. results/README.md lists its members. One thread. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"
#include "text/json.h"

/* Of records that follow each other: the end of the last one. */
struct record {
    const struct plan *plan;
    int64_t origin_ns;
    int64_t made_ns;
    struct live_view before;
};

void record_begin(struct record *record, const struct plan *plan, int64_t origin_ns);
/* Adds the line of what has happened since the last one, with its end. */
void record_make(struct record *record, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns, struct json_text *line);
