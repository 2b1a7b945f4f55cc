/* The rates of a run, computed from the sum of its figures, of one program or of several. */
#include "conduct/run.h"
#include "core/clock.h"
#include "program/program.h"

#include <stdlib.h>

/* What the load asks for between two moments, per second: nothing in a closed loop. */
static double run__asked_per_s(const struct figures_window *window, int64_t from_ns,
                               int64_t until_ns)
{
    double seconds = (double)(until_ns - from_ns) / (double)NS_PER_S;
    double count = pacing_count(window->pacing, until_ns - window->t0_ns) -
                   pacing_count(window->pacing, from_ns - window->t0_ns);
    return seconds > 0 ? count / seconds : 0;
}

void run_measure_figures(struct figures *figures, const struct figures_window *window)
{
    figures->window_ns = window->end_ns - window->start_ns;
    figures->rate_achieved_per_s =
        (double)figures->iterations_started / ((double)figures->window_ns / (double)NS_PER_S);
    figures->rate_target_per_s = run__asked_per_s(window, window->start_ns, window->end_ns);
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        struct figures_stage *stage = &figures->stages[i];
        int64_t from_ns;
        int64_t until_ns;
        stage->window_ns = 0;
        stage->rate_target_per_s = 0;
        if (figures_stage_span(window, figures->stages_count, i, &from_ns, &until_ns)) {
            stage->window_ns = until_ns - from_ns;
            stage->rate_target_per_s = run__asked_per_s(window, from_ns, until_ns);
        }
    }
}

struct figures_window run_window(const struct run *run, const struct plan *plan)
{
    return (struct figures_window){.t0_ns = run->t0_ns,
                                   .start_ns = run->t0_ns + plan->scenario->load.warmup_ns,
                                   .end_ns = run->stop_ns,
                                   .pacing = &run->course->pacing,
                                   .behaviors = plan->program->behaviors};
}

void run_measure(struct run *run, const struct plan *plan)
{
    struct figures *figures = &run->figures;
    figures->connections_peak = run->connections_peak;
    if (run->t0_ns == TIME_NEVER_NS ||
        run->stop_ns <= run->t0_ns + plan->scenario->load.warmup_ns) {
        return;
    }
    struct figures_window window = run_window(run, plan);
    run->window_ns = window.end_ns - window.start_ns;
    if (run->hosts_count == plan->ranks || plan->ranks == 1) {
        run_conserve(run, plan);
    }
    run_measure_figures(figures, &window);
}

void run_enter_target(struct run *run, const struct plan *plan)
{
    struct series *series = run->figures.series;
    uint64_t before = 0;
    int64_t until_ns;
    for (int64_t from_ns = run->t0_ns; plan->open_loop && from_ns < run->stop_ns;
         from_ns = until_ns) {
        int64_t period_ns = series_period_ns(series);
        until_ns = from_ns + period_ns - (from_ns - run->origin_ns) % period_ns;
        until_ns = until_ns < run->stop_ns ? until_ns : run->stop_ns;
        uint64_t count = pacing_due(&run->course->pacing, until_ns - run->t0_ns);
        series_add(series, from_ns, SERIES_TARGET, count - before);
        before = count;
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
