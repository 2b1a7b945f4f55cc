#include "conduct/early_stop.h"

#include "conduct/run.h"
#include "core/clock.h"

#include <math.h>

#define EARLY_STOP_EVERY_NS (1 * NS_PER_S)

bool early_stop_open(struct early_stop *stop, const struct plan *plan, struct worker *workers,
                     struct error *error)
{
    *stop = (struct early_stop){.plan = plan, .workers = workers};
    stop->enabled = plan_is_watched(plan);
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        stop->enabled |= plan->thresholds[i].abort_on_fail;
    }
    struct figures_shape shape = plan_shape(plan);
    return !stop->enabled || figures_open(&stop->figures, &shape, 0, 0, error);
}

void early_stop_close(struct early_stop *stop)
{
    if (stop->enabled) {
        figures_close(&stop->figures);
    }
}

/* The arrivals that were due in [from_ns, until_ns) since t0, by the rate; at least those that have
 * begun. */
static uint64_t early_stop__intended(const struct pacing *pacing, int64_t from_ns, int64_t until_ns,
                                     uint64_t begun)
{
    double count = pacing_count(pacing, until_ns) - pacing_count(pacing, from_ns);
    if (pacing->arrival == ARRIVAL_POISSON) {
        /* Only the mean is known here: chance alone must not end a run. */
        count -= 4 * sqrt(count);
    }
    return count > (double)begun ? (uint64_t)count : begun;
}

static void early_stop__estimate_due(struct early_stop *stop, const struct figures_window *window)
{
    struct figures *figures = &stop->figures;
    int64_t t0_ns = window->t0_ns;
    figures->arrivals.intended =
        early_stop__intended(window->pacing, window->start_ns - t0_ns, window->end_ns - t0_ns,
                             figures->arrivals.intended);
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        struct arrival_counts *arrivals = &figures->stages[i].arrivals;
        int64_t from_ns;
        int64_t until_ns;
        if (figures_stage_span(window, figures->stages_count, i, &from_ns, &until_ns)) {
            arrivals->intended = early_stop__intended(window->pacing, from_ns - t0_ns,
                                                      until_ns - t0_ns, arrivals->intended);
        }
    }
}

/* The sum of this program's workers. */
static void early_stop__read_own(struct early_stop *stop)
{
    probe_reset(&stop->workers[0].probe, &stop->figures);
    for (uint32_t i = 0; i < stop->plan->workers_count; i++) {
        probe_read(&stop->workers[i].probe, &stop->figures);
    }
}

static void early_stop__read(struct early_stop *stop, const struct fleet *fleet,
                             const struct run *run)
{
    struct figures *figures = &stop->figures;
    struct figures_window window = run_window(run, stop->plan);
    window.end_ns = stop->asked_ns;
    early_stop__read_own(stop);
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        struct unpack from;
        unpack_open(&from, fleet->ranks[i].probe.data, fleet->ranks[i].probe.bytes);
        probe_unpack_add(&stop->workers[0].probe, figures, &from);
    }
    figures->connections_peak = run->connections_peak;
    run_measure_figures(figures, &window);
    if (stop->plan->open_loop) {
        early_stop__estimate_due(stop, &window);
    }
}

static void early_stop__ask(struct early_stop *stop, int64_t now_ns)
{
    for (uint32_t i = 0; i < stop->plan->workers_count; i++) {
        probe_ask(&stop->workers[i].probe);
    }
    stop->asked = true;
    stop->asked_ns = now_ns;
}

/* A worker with nothing to do sleeps for up to a second. One that has ended does not answer: its
 * figures belong to the supervisor, which reads them instead. */
static bool early_stop__has_answers(const struct early_stop *stop)
{
    for (uint32_t i = 0; i < stop->plan->workers_count; i++) {
        struct worker *worker = &stop->workers[i];
        if (atomic_load(&worker->state) != WORKER_RUNNING) {
            while (probe_take(&worker->probe, &worker->recorder.figures)) {
            }
        }
        if (!probe_has_answered(&worker->probe)) {
            return false;
        }
    }
    return true;
}

static bool early_stop__has_answers_of_others(const struct early_stop *stop,
                                              const struct fleet *fleet)
{
    for (uint32_t i = 1; i < fleet->ranks_count; i++) {
        const struct fleet_rank *rank = &fleet->ranks[i];
        /* The last answer of one that has ended remains in the sum. */
        bool ended = rank->has_status && rank->status.workers_running == 0;
        if (rank->probe_of != stop->asked_count && !rank->lost && !ended) {
            return false;
        }
    }
    return true;
}

void early_stop_answer(struct early_stop *stop, struct fleet *fleet)
{
    if (!stop->enabled) {
        return;
    }
    if (!stop->asked && fleet->orders.probes != stop->asked_count) {
        stop->asked_count = fleet->orders.probes;
        early_stop__ask(stop, clock_now_ns());
    }
    if (stop->asked && early_stop__has_answers(stop)) {
        struct pack answer = {0};
        stop->asked = false;
        early_stop__read_own(stop);
        probe_pack(&stop->workers[0].probe, &stop->figures, &answer);
        fleet_answer_probe(fleet, stop->asked_count, &answer);
        pack_close(&answer);
    }
}

const struct threshold *early_stop_tick(struct early_stop *stop, const struct fleet *fleet,
                                        const struct run *run, int64_t now_ns)
{
    const struct plan *plan = stop->plan;
    if (!stop->enabled || run->t0_ns == TIME_NEVER_NS ||
        now_ns <= run->t0_ns + plan->scenario->load.warmup_ns) {
        return NULL;
    }
    if (!stop->asked) {
        if (now_ns - stop->asked_ns >= EARLY_STOP_EVERY_NS) {
            early_stop__ask(stop, now_ns);
            stop->asked_count++;
        }
        return NULL;
    }
    if (!early_stop__has_answers(stop) || !early_stop__has_answers_of_others(stop, fleet)) {
        return NULL;
    }
    stop->asked = false;
    early_stop__read(stop, fleet, run);
    stop->known = true;
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        if (plan->thresholds[i].abort_on_fail &&
            threshold_has_failed(&plan->thresholds[i], &stop->figures)) {
            return &plan->thresholds[i];
        }
    }
    return NULL;
}

const struct figures *early_stop_figures(const struct early_stop *stop)
{
    return stop->known ? &stop->figures : NULL;
}
