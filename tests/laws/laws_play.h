/* Plays of several workers in one thread and on virtual time: each worker has a fake port and a
 * small server there, all of them share one plan, one control and one pool, and their clocks go in
 * step, a slice of time each. A stand-in for the supervisor says when the phases begin and opens
 * barriers. Nothing here is ever late but by the length of a slice: what comes out is exact.
 *
 * For test_laws*.c. */
#pragma once

#include "client_harness.h"
#include "conduct/run.h"

enum { LAWS_WORKERS_MAX = 4, LAWS_ARGUMENTS_MAX = 24, LAWS_TOUCHES_MAX = 8 };

struct laws_play {
    struct harness ports[LAWS_WORKERS_MAX]; /* the first has the plan and the control of all */
    uint32_t workers_count;
    struct plan *plan;
    struct control *control;
    struct arrivals_pool pool;
    struct run run;                          /* what came out */
    struct arrival_counts told;              /* what the workers told of arrivals */
    struct course courses[LAWS_TOUCHES_MAX]; /* one per touch; run.course is the last one */
    uint32_t touches;
    uint32_t touches_max;
    int64_t touch_ns; /* when the next one is decided */
    uint64_t touch_seed;
    uint32_t settled; /* before t0: as they were when they changed last */
    uint32_t queued;
    int64_t settled_ns;
    int64_t slice_ns;
    int64_t origin_ns;
    int64_t crash_ns; /* since the origin: the servers end, and nobody listens; 0: never */
    bool crashed;
    bool kind;           /* the servers do no harm */
    uint32_t open_most;  /* connections open at once, ... */
    uint32_t open_extra; /* ... and how many of them were not wanted, a moment ago at least */
    uint32_t open_at_stop;
    double connects_early;        /* more than connect_rate allows, at the worst moment */
    uint32_t gauges[LIVE_GAUGES]; /* at the end */
    uint64_t frames;              /* that the servers took */
    uint64_t bytes_received;
    uint64_t bytes_sent;
};

/* How a play is made. */
struct laws_setting {
    const char *scenario;
    const char *threads;
    uint64_t seed;
    struct cport_fake_options network;
    struct harness_faults faults;
    int64_t slice_ns;
    int64_t crash_ns;
    bool kind;
    uint32_t touches; /* how often somebody steers */
};

void laws_play_open(struct laws_play *play, const struct laws_setting *setting);
/* To the end of the run; fails where it does not come. */
void laws_play_run(struct laws_play *play);
void laws_play_close(struct laws_play *play);
/* The sum of a gauge (figures/live.h) over the workers. */
uint32_t laws_play_gauge(const struct laws_play *play, enum live_gauge gauge);
