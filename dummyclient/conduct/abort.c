#include "conduct/abort.h"

#include "conduct/run.h"
#include "core/clock.h"

#include <math.h>

#define ABORT_EVERY_NS (1 * NS_PER_S)

bool abort_watch_open(struct abort_watch *watch, const struct plan *plan, struct worker *workers,
                      struct error *error)
{
    *watch = (struct abort_watch){.plan = plan, .workers = workers};
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        watch->enabled |= plan->thresholds[i].abort_on_fail;
    }
    return !watch->enabled ||
           figures_open(&watch->figures, plan->steps_count, plan->pacing.stages_count,
                        plan->behaviors_count, 0, 0, error);
}

void abort_watch_close(struct abort_watch *watch)
{
    if (watch->enabled) {
        figures_close(&watch->figures);
    }
}

/* The arrivals that were due in [from_ns, until_ns) since t0, as far as the rate tells; at least
 * those that have begun. */
static uint64_t abort__intended(const struct abort_watch *watch, int64_t from_ns, int64_t until_ns,
                                uint64_t begun)
{
    const struct pacing *pacing = &watch->plan->pacing;
    double count = pacing_count(pacing, until_ns) - pacing_count(pacing, from_ns);
    if (watch->plan->scenario->load.arrival == ARRIVAL_POISSON) {
        /* Only the mean is known here: chance alone must not end a run. */
        count -= 4 * sqrt(count);
    }
    return count > (double)begun ? (uint64_t)count : begun;
}

static void abort__estimate_due(struct abort_watch *watch, const struct figures_window *window)
{
    struct figures *figures = &watch->figures;
    int64_t t0_ns = window->t0_ns;
    figures->arrivals.intended = abort__intended(
        watch, window->start_ns - t0_ns, window->end_ns - t0_ns, figures->arrivals.intended);
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        struct arrival_counts *arrivals = &figures->stages[i].arrivals;
        int64_t from_ns;
        int64_t until_ns;
        if (figures_stage_span(window, figures->stages_count, i, &from_ns, &until_ns)) {
            arrivals->intended =
                abort__intended(watch, from_ns - t0_ns, until_ns - t0_ns, arrivals->intended);
        }
    }
}

/* The sum of this program's workers. */
static void abort__read_own(struct abort_watch *watch)
{
    probe_reset(&watch->workers[0].probe, &watch->figures);
    for (uint32_t i = 0; i < watch->plan->workers_count; i++) {
        probe_read(&watch->workers[i].probe, &watch->figures);
    }
}

static void abort__read(struct abort_watch *watch, const struct fleet *fleet, int64_t t0_ns,
                        uint32_t peak)
{
    struct figures *figures = &watch->figures;
    struct figures_window window = {.t0_ns = t0_ns,
                                    .start_ns = t0_ns + watch->plan->scenario->load.warmup_ns,
                                    .end_ns = watch->asked_ns,
                                    .pacing = &watch->plan->pacing};
    abort__read_own(watch);
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        struct unpack from;
        unpack_open(&from, fleet->ranks[i].probe.data, fleet->ranks[i].probe.bytes);
        probe_unpack_add(&watch->workers[0].probe, figures, &from);
    }
    figures->connections_peak = peak;
    run_measure_figures(figures, watch->plan, &window);
    if (watch->plan->open_loop) {
        abort__estimate_due(watch, &window);
    }
}

static void abort__ask(struct abort_watch *watch, int64_t now_ns)
{
    for (uint32_t i = 0; i < watch->plan->workers_count; i++) {
        probe_ask(&watch->workers[i].probe);
    }
    watch->asked = true;
    watch->asked_ns = now_ns;
}

/* A worker sleeps for up to a second when there is nothing to do. One that has ended answers no
 * more: its figures are the supervisor's by then, and are read for it. */
static bool abort__has_answers(const struct abort_watch *watch)
{
    for (uint32_t i = 0; i < watch->plan->workers_count; i++) {
        struct worker *worker = &watch->workers[i];
        if (atomic_load(&worker->state) != WORKER_RUNNING) {
            probe_take(&worker->probe, &worker->recorder.figures);
        }
        if (!probe_has_answered(&worker->probe)) {
            return false;
        }
    }
    return true;
}

static bool abort__has_answers_of_others(const struct abort_watch *watch, const struct fleet *fleet)
{
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        const struct fleet_rank *rank = &fleet->ranks[i];
        /* One that has ended has said its last word: it stays in the sum. */
        bool ended = rank->stands && rank->status.workers_running == 0;
        if (rank->probe_of != watch->asked_count && !rank->lost && !ended) {
            return false;
        }
    }
    return true;
}

void abort_watch_answer(struct abort_watch *watch, struct fleet *fleet)
{
    if (!watch->enabled) {
        return;
    }
    if (!watch->asked && fleet->orders.probes != watch->asked_count) {
        watch->asked_count = fleet->orders.probes;
        abort__ask(watch, clock_now_ns());
    }
    if (watch->asked && abort__has_answers(watch)) {
        struct pack answer = {0};
        watch->asked = false;
        abort__read_own(watch);
        probe_pack(&watch->workers[0].probe, &watch->figures, &answer);
        fleet_answer_probe(fleet, watch->asked_count, &answer);
        pack_close(&answer);
    }
}

const struct threshold *abort_watch_tick(struct abort_watch *watch, const struct fleet *fleet,
                                         int64_t t0_ns, int64_t now_ns, uint32_t peak)
{
    const struct plan *plan = watch->plan;
    if (!watch->enabled || t0_ns == TIME_NEVER_NS ||
        now_ns <= t0_ns + plan->scenario->load.warmup_ns) {
        return NULL;
    }
    if (!watch->asked) {
        if (now_ns - watch->asked_ns >= ABORT_EVERY_NS) {
            abort__ask(watch, now_ns);
            watch->asked_count++;
        }
        return NULL;
    }
    if (!abort__has_answers(watch) || !abort__has_answers_of_others(watch, fleet)) {
        return NULL;
    }
    watch->asked = false;
    abort__read(watch, fleet, t0_ns, peak);
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        if (plan->thresholds[i].abort_on_fail &&
            threshold_has_failed(&plan->thresholds[i], &watch->figures)) {
            return &plan->thresholds[i];
        }
    }
    return NULL;
}
