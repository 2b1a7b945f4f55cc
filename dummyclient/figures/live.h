/* What a worker shows while it runs: copies of its counters, and a coarse histogram of its
 * responses (buckets of 3%), for the display and for noticing the end of phases.
 *
 * One writer (the worker), any reader; every number is a separate atomic, written and read relaxed,
 * so a reader never delays a worker. Readers keep the last values and take differences; numbers of
 * one moment may be a few microseconds apart. */
#pragma once

#include "figures/figures.h"
#include "results/counters.h"
#include "scenario/scenario.h"

#include <stdatomic.h>

/* The phase of the run. */
enum run_phase { PHASE_CONNECTING, PHASE_WARMUP, PHASE_RUNNING, PHASE_DRAINING, PHASE_ENDED };

enum live_gauge {
    LIVE_OPEN,         /* connections open now */
    LIVE_CONNECTING,   /* being connected, or waiting to be connected again */
    LIVE_QUEUED,       /* wanted, connect not begun */
    LIVE_READY,        /* have played setup, and are not ending */
    LIVE_SETTLED,      /* ready, or given up before that: all settled is t0 */
    LIVE_STALLED,      /* not connected, and nothing left to do */
    LIVE_FINISHED,     /* ended for good */
    LIVE_OUT,          /* of the finished: no row of data was left for them */
    LIVE_FAILED_STEPS, /* steps that said the run is to fail */
    LIVE_FAILED,       /* could not connect, at the last try: handshakes belong to it */
    LIVE_TURNED_AWAY,  /* not ready: the server ended the last try after it could connect */
    LIVE_HOPELESS,     /* have had an answer to a try, which will stay the same */
    LIVE_GAUGES
};

enum { LIVE_BUCKET_BITS = 5, LIVE_BUCKETS = 33 << LIVE_BUCKET_BITS };

/* What is shown of a target, or a behavior. */
enum live_share {
    LIVE_SHARE_ITERATIONS,
    LIVE_SHARE_REQUESTS,
    LIVE_SHARE_RESPONSES,
    LIVE_SHARE_ERRORS,
    LIVE_SHARE_VALUES
};
enum { LIVE_SHARES_MAX = 2 * FIGURES_SHARES_MAX, LIVE_STEPS_MAX = 64 };

/* An error, for the list of the last ones. */
struct live_failure {
    int64_t at_ns; /* since the origin of the run */
    uint32_t connection;
    uint32_t step; /* of the program; LIVE_STEP_NONE: of none */
    enum error_kind kind;
};
enum { LIVE_FAILURES_MAX = 8, LIVE_STEP_NONE = 0xFFFF };

/* The last failures of a worker, in a ring that only errors touch. Two words each: the time, and
 * connection, step and kind packed. */
struct live_failures {
    _Atomic uint64_t count; /* since the beginning; entry n is in place n % LIVE_FAILURES_MAX */
    _Atomic int64_t at_ns[LIVE_FAILURES_MAX];
    _Atomic uint64_t what[LIVE_FAILURES_MAX];
};

struct live {
    _Atomic uint64_t counters[COUNTERS]; /* struct counters' numbers */
    _Atomic uint32_t gauges[LIVE_GAUGES];
    _Atomic uint64_t setup_timeouts;
    _Atomic uint64_t buckets[LIVE_BUCKETS];
    /* As in struct figures: targets, then behaviors. */
    _Atomic uint32_t shares_count;
    _Atomic uint64_t shares[LIVE_SHARES_MAX][LIVE_SHARE_VALUES];
    _Atomic uint32_t steps_count; /* further steps are not shown */
    _Atomic uint64_t steps[LIVE_STEPS_MAX][LIVE_STEP_VALUES];
    _Atomic uint64_t marks[SCENARIO_MARKS_MAX];
    _Atomic uint32_t touches; /* of the course that the worker follows (pacing/course.h) */
    struct live_failures failures;
    /* Barriers: connections that wait at each, connections that could still reach it, and its last
     * opening that the worker has passed on (play/control.h). */
    _Atomic uint32_t barrier_waiting[SCENARIO_BARRIERS_MAX];
    _Atomic uint32_t barrier_present[SCENARIO_BARRIERS_MAX];
    _Atomic uint32_t barrier_seen[SCENARIO_BARRIERS_MAX];
};

/* One bucket's worth of a response; worker only. */
void live_record(struct live *live, int64_t latency_ns);
void live_publish(struct live *live, const struct counters *counters,
                  const uint32_t gauges[LIVE_GAUGES], uint64_t setup_timeouts);
/* The same of targets and behaviors: not at every turn, as it costs a few lines for each. */
void live_publish_shares(struct live *live, const struct figures_share *shares, uint32_t count);
void live_publish_steps(struct live *live, const struct figures_step *steps, uint32_t count);
/* A mark step, by its number; worker only. */
void live_mark(struct live *live, uint32_t mark);
/* The worker; of errors only. */
void live_fail(struct live *live, const struct live_failure *failure);

/* The reader's side: sums over workers. */
struct live_view {
    struct counters counters;
    uint32_t gauges[LIVE_GAUGES];
    uint64_t setup_timeouts; /* replies that did not come before the connection was ready */
    uint64_t buckets[LIVE_BUCKETS];
    uint32_t shares_count;
    uint64_t shares[LIVE_SHARES_MAX][LIVE_SHARE_VALUES];
    uint32_t steps_count;
    uint64_t steps[LIVE_STEPS_MAX][LIVE_STEP_VALUES];
    uint64_t marks[SCENARIO_MARKS_MAX]; /* how often the scenario's mark steps made them */
    uint32_t failures_count;
    struct live_failure failures[LIVE_FAILURES_MAX]; /* of all, the last ones; the latest first */
};

/* Adds the worker's numbers. */
void live_read(const struct live *live, struct live_view *view);
/* Adds one to the last ones, if it is one of them. */
void live_view_fail(struct live_view *view, const struct live_failure *failure);
/* A percentile of now's buckets less before's; 0 without any. */
int64_t live_percentile_ns(const struct live_view *now, const struct live_view *before,
                           double percentile);
