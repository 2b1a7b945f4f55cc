#include "abort.h"

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
           figures_open(&watch->figures, plan->steps_count, plan->pacing.stages_count, 0, 0, error);
}

void abort_watch_close(struct abort_watch *watch)
{
    if (watch->enabled) {
        figures_close(&watch->figures);
    }
}

/* The arrivals that were due in the window before the workers were asked. */
static uint64_t abort__intended(const struct abort_watch *watch, int64_t t0_ns)
{
    const struct pacing *pacing = &watch->plan->pacing;
    const struct scenario_load *load = &watch->plan->scenario->load;
    double count =
        pacing_count(pacing, watch->asked_ns - t0_ns) - pacing_count(pacing, load->warmup_ns);
    if (load->arrival == ARRIVAL_POISSON) {
        /* Only the mean is known here: chance alone must not end a run. */
        count -= 4 * sqrt(count);
    }
    uint64_t begun = watch->figures.arrivals_intended;
    return count > (double)begun ? (uint64_t)count : begun;
}

static void abort__read(struct abort_watch *watch, int64_t t0_ns, uint32_t peak)
{
    struct figures *figures = &watch->figures;
    int64_t window_ns = watch->asked_ns - t0_ns - watch->plan->scenario->load.warmup_ns;
    double seconds = (double)window_ns / (double)NS_PER_S;
    probe_reset(&watch->workers[0].probe, figures);
    for (uint32_t i = 0; i < watch->plan->workers_count; i++) {
        probe_read(&watch->workers[i].probe, figures);
    }
    figures->connections_peak = peak;
    figures->rate_achieved_per_s = (double)figures->iterations_started / seconds;
    if (watch->plan->open_loop) {
        figures->arrivals_intended = abort__intended(watch, t0_ns);
        figures->rate_target_per_s = (double)figures->arrivals_intended / seconds;
    }
}

const struct threshold *abort_watch_tick(struct abort_watch *watch, int64_t t0_ns, int64_t now_ns,
                                         uint32_t peak)
{
    const struct plan *plan = watch->plan;
    if (!watch->enabled || t0_ns == TIME_NEVER_NS ||
        now_ns <= t0_ns + plan->scenario->load.warmup_ns) {
        return NULL;
    }
    if (!watch->asked) {
        if (now_ns - watch->asked_ns >= ABORT_EVERY_NS) {
            for (uint32_t i = 0; i < plan->workers_count; i++) {
                probe_ask(&watch->workers[i].probe);
            }
            watch->asked = true;
            watch->asked_ns = now_ns;
        }
        return NULL;
    }
    for (uint32_t i = 0; i < plan->workers_count; i++) {
        if (!probe_has_answered(&watch->workers[i].probe)) {
            return NULL; /* it sleeps for up to a second when there is nothing to do */
        }
    }
    watch->asked = false;
    abort__read(watch, t0_ns, peak);
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        if (plan->thresholds[i].abort_on_fail &&
            threshold_has_failed(&plan->thresholds[i], &watch->figures)) {
            return &plan->thresholds[i];
        }
    }
    return NULL;
}
