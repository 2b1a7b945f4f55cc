/* What a run came to, once its figures are added up: of one program, or of several together. */
#include "core/clock.h"
#include "hosts.h"
#include "supervisor.h"

#include <stdlib.h>

/* How much of each stage lies inside the window. */
static void run__measure_stages(struct run *run, const struct plan *plan)
{
    const struct pacing *pacing = &plan->pacing;
    struct figures *figures = &run->figures;
    int64_t window_start_ns = plan->scenario->load.warmup_ns;
    int64_t window_end_ns = run->stop_ns - run->t0_ns;
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        bool last = i + 1 == figures->stages_count;
        int64_t start_ns = pacing->stages[i].start_ns;
        int64_t end_ns = pacing->stages[last ? pacing->stages_count - 1 : i].end_ns;
        start_ns = start_ns > window_start_ns ? start_ns : window_start_ns;
        end_ns = end_ns < window_end_ns ? end_ns : window_end_ns;
        figures->stages[i].window_ns = end_ns > start_ns ? end_ns - start_ns : 0;
    }
}

void run_measure(struct run *run, const struct plan *plan)
{
    int64_t warmup_ns = plan->scenario->load.warmup_ns;
    struct figures *figures = &run->figures;
    figures->connections_peak = run->connections_peak;
    if (run->t0_ns == TIME_NEVER_NS || run->stop_ns <= run->t0_ns + warmup_ns) {
        return;
    }
    run__measure_stages(run, plan);
    run->window_ns = run->stop_ns - run->t0_ns - warmup_ns;
    double seconds = (double)run->window_ns / (double)NS_PER_S;
    figures->rate_achieved_per_s = (double)figures->iterations_started / seconds;
    if (plan->open_loop) {
        figures->rate_target_per_s = (double)figures->arrivals.intended / seconds;
    }
}

int64_t run_stalled_ns(const struct run *run, int64_t least_ns)
{
    return run->tick_lag.hdr == NULL ? 0 : (int64_t)histogram_excess_ns(&run->tick_lag, least_ns);
}

void run_close(struct run *run)
{
    if (run->tick_lag.hdr != NULL) {
        histogram_close(&run->tick_lag);
    }
    free(run->hosts);
    run->hosts = NULL;
    figures_close(&run->figures);
}
