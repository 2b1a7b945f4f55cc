/* The figures of the measuring window as they stand, once a second: for thresholds with
 * abort_on_fail, so that a run that has already failed ends early, and for the live page. In a
 * fleet the leader has the sums of all ranks.
 *
 * The supervisor's thread only. */
#pragma once

#include "conduct/run.h"
#include "core/error.h"
#include "figures/figures.h"
#include "fleet/fleet.h"
#include "plan/plan.h"
#include "play/worker.h"

struct early_stop {
    const struct plan *plan;
    struct worker *workers;
    struct figures figures; /* as of the last answers */
    bool enabled;
    bool asked;
    bool known; /* the figures: there was an answer */
    int64_t asked_ns;
    uint32_t asked_count; /* the leader's orders carry it to the others */
};

/* workers: all of the run, opened; they outlive it. */
bool early_stop_open(struct early_stop *stop, const struct plan *plan, struct worker *workers,
                     struct error *error);
void early_stop_close(struct early_stop *stop);
/* Every tick of the supervisor; run: as it is now. Returns the first threshold that has failed for
 * good, or NULL. */
const struct threshold *early_stop_tick(struct early_stop *stop, const struct fleet *fleet,
                                        const struct run *run, int64_t now_ns);
/* Every tick of a member: answers the leader's probes. */
void early_stop_answer(struct early_stop *stop, struct fleet *fleet);
/* As of the last second, inside the window: what the thresholds are about, and with a live page the
 * latencies of the run and the responses of steps (probe.h). NULL: not yet, or nobody needs them.
 */
const struct figures *early_stop_figures(const struct early_stop *stop);
