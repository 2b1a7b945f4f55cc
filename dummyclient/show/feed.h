/* What others are given while the run goes on: once a second a record is made, for --ndjson and the
 * live page (--listen). The run's thread only. */
#pragma once

#include "show/ndjson.h"
#include "show/record.h"
#include "system/thread.h"
#include "web/web.h"

/* Writes what is played as a scenario: of a load that was touched often that is a long text. A
 * thread of its own does it: the run's turns do not wait for it. */
struct feed_writer {
    struct thread thread;
    bool started;
    _Atomic bool done;
    const struct plan *plan;
    struct course course; /* its own */
    char *text;           /* NULL: no memory */
};

struct feed {
    struct ndjson *ndjson; /* NULL: off */
    struct web *web;       /* the same */
    uint64_t seconds;      /* records so far */
    struct feed_writer writer;
    /* The second's, which both get; then those of the page's history that are about more. */
    struct record records[WEB_TIERS];
};

/* The run begins. feed may be NULL. */
void feed_begin(struct feed *feed, const struct plan *plan, int64_t origin_ns);
/* Makes the record when a second has passed. */
void feed_tick(struct feed *feed, const struct record_moment *moment);
/* What is played, as a scenario: the load has been touched. The course is copied. Until
 * feed_is_writing() is false, no other one may be given. */
void feed_put_scenario(struct feed *feed, const struct course *course);
/* Is the page still to get the scenario? In every turn. */
bool feed_is_writing(struct feed *feed);
/* Until it has it. feed may be NULL. */
void feed_await_writing(struct feed *feed);
/* The last one, for any interval. */
void feed_finish(struct feed *feed, const struct record_moment *moment);
