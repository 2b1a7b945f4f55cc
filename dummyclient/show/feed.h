/* What others are given while the run goes on: once a second a record is made, for --ndjson and the
 * live page (--listen). The run's thread only. */
#pragma once

#include "show/ndjson.h"
#include "show/record.h"
#include "web/web.h"

struct feed {
    struct ndjson *ndjson; /* NULL: off */
    struct web *web;       /* the same */
    uint64_t seconds;      /* records so far */
    /* The second's, which both get; then those of the page's history that are about more. */
    struct record records[WEB_TIERS];
};

/* The run begins. feed may be NULL. */
void feed_begin(struct feed *feed, const struct plan *plan, int64_t origin_ns);
/* Makes the record when a second has passed. */
void feed_tick(struct feed *feed, const struct record_moment *moment);
/* What is played, as a scenario: the load may have been touched. */
void feed_put_scenario(struct feed *feed, const struct course *course);
/* The last one, for any interval. */
void feed_finish(struct feed *feed, const struct record_moment *moment);
