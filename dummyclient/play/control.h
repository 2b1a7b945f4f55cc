/* The control: the moments at which the phases of the run begin. Written by the supervisor, read by
 * the workers, all of it atomic; times are on clock_now_ns() (the port's clock), TIME_NEVER_NS
 * until they are known.
 *
 * origin -> t0 (all ready: arrivals begin) -> stop (no arrival is intended from here on) -> drain
 * end (what is outstanding is given up) -> abort (every connection is reset). */
#pragma once

#include "core/clock.h"
#include "pacing/course.h"
#include "scenario/scenario.h"
#include "trace/trace.h"

#include <stdatomic.h>

struct control {
    _Atomic int64_t t0_ns;
    _Atomic int64_t stop_ns;
    _Atomic int64_t drain_end_ns;
    _Atomic int64_t abort_ns;
    /* The load as it is known by now: a touch is a little in the future, too. Stays until every
     * worker that runs follows a later one (live.touches). */
    _Atomic(const struct course *) course;
    _Atomic uint32_t workers_ready; /* have their ports; none connects before all have */
    int64_t run_clock_offset_ns; /* this clock plus it is the leader's; before the first worker */
    struct trace *trace;         /* NULL: nothing is traced; a ring for each worker */
    /* How often each barrier has been opened. */
    _Atomic uint32_t barrier_opened[SCENARIO_BARRIERS_MAX];
};

static inline void control_init(struct control *control, const struct course *course)
{
    atomic_store(&control->course, course);
    atomic_store(&control->t0_ns, TIME_NEVER_NS);
    atomic_store(&control->stop_ns, TIME_NEVER_NS);
    atomic_store(&control->drain_end_ns, TIME_NEVER_NS);
    atomic_store(&control->abort_ns, TIME_NEVER_NS);
    atomic_store(&control->workers_ready, 0);
    for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        atomic_store(&control->barrier_opened[i], 0);
    }
}
