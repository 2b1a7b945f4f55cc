#include "conduct/supervisor.h"

#include "conduct/supervisor_internal.h"
#include "core/clock.h"
#include "system/thread.h"

#include <stdlib.h>
#include <string.h>

/* In a fleet, from the agreement on the origin to it: to set up workers, of whom each looks at the
 * seats of all connections. */
static const int64_t SUPERVISOR_LEAD_NS = 300 * NS_PER_MS;
static const int64_t SUPERVISOR_LEAD_EACH_NS = 100;
/* At the end, for a terminal that stands still: the result is not to wait for it. */
static const int64_t SUPERVISOR_OUTPUT_WITHIN_NS = 1 * NS_PER_S;

static void supervisor__collect(struct supervisor *supervisor)
{
    struct run *run = supervisor->run;
    for (uint32_t i = 0; i < supervisor->opened_count; i++) {
        struct worker *worker = &supervisor->workers[i];
        if (!figures_add(&run->figures, &worker->recorder.figures)) {
            error_set(&run->error, "no memory to merge the series: it lacks some workers");
        }
        run->ends_unfinished += worker->left_open;
    }
    memcpy(run->backend, supervisor->workers[0].backend, sizeof run->backend);
    memcpy(run->fallback, supervisor->workers[0].fallback, sizeof run->fallback);
    int64_t stop_ns = atomic_load(&supervisor->control.stop_ns);
    run->stop_ns = stop_ns < run->end_ns ? stop_ns : run->end_ns;
    run_measure(run, supervisor->plan);
}

static void supervisor__wake_worker(void *context, uint32_t worker)
{
    struct supervisor *supervisor = context;
    worker_wake(&supervisor->workers[worker]);
}

static bool supervisor__start(struct supervisor *supervisor, struct error *error)
{
    const struct plan *plan = supervisor->plan;
    struct run *run = supervisor->run;
    supervisor->workers = calloc(plan->workers_count, sizeof *supervisor->workers);
    if (supervisor->workers == NULL) {
        error_set(error, "no memory for %u workers", plan->workers_count);
        return false;
    }
    if (!arrivals_pool_open(&supervisor->pool, plan, supervisor__wake_worker, supervisor, error)) {
        return false;
    }
    for (; supervisor->opened_count < plan->workers_count; supervisor->opened_count++) {
        uint32_t i = supervisor->opened_count;
        if (!worker_open(&supervisor->workers[i], plan, &supervisor->control, &supervisor->pool, i,
                         run->origin_ns, error)) {
            return false;
        }
    }
    if (!abort_watch_open(&supervisor->abort_watch, plan, supervisor->workers, error)) {
        return false;
    }
    clock_sleep_until_ns(run->origin_ns);
    for (; supervisor->started_count < plan->workers_count; supervisor->started_count++) {
        struct worker *worker = &supervisor->workers[supervisor->started_count];
        if (!worker_start(worker, error)) {
            /* Those that run already are ended like any others. */
            run->error = *error;
            supervisor_stop(supervisor, RUN_WORKER_FAILED, 0);
            run->end = RUN_WORKER_FAILED;
            return supervisor->started_count > 0;
        }
    }
    return true;
}

static void supervisor__close(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        worker_join(&supervisor->workers[i]);
    }
    for (uint32_t i = 0; i < supervisor->opened_count; i++) {
        worker_close(&supervisor->workers[i]);
    }
    if (supervisor->abort_watch.workers != NULL) {
        abort_watch_close(&supervisor->abort_watch);
    }
    if (supervisor->pool.queues != NULL) {
        arrivals_pool_close(&supervisor->pool);
    }
    free(supervisor->workers);
}

/* What comes before the first connection: memory, and the moment from which all count. */
static bool supervisor__open(struct supervisor *supervisor, struct error *error)
{
    const struct plan *plan = supervisor->plan;
    struct run *run = supervisor->run;
    clock_measure(&run->clock_cost_ns, &run->clock_tick_ns);
    int64_t lead_ns = SUPERVISOR_LEAD_NS + SUPERVISOR_LEAD_EACH_NS * plan->connections;
    if (!fleet_start(supervisor->fleet, lead_ns, &run->origin_ns, error)) {
        return false;
    }
    supervisor->clock_offset_ns = clock_wall_offset_ns();
    run->started_wall_ns = supervisor->clock_offset_ns + run->origin_ns;
    supervisor->ticked_ns = run->origin_ns;
    control_init(&supervisor->control);
    supervisor->control.run_clock_offset_ns = fleet_clock_offset_ns(supervisor->fleet);
    supervisor->settled_ns = run->origin_ns;
    if (!histogram_open(&run->tick_lag, 3, error)) {
        return false;
    }
    if (!figures_open(&run->figures, plan->steps_count, plan->pacing.stages_count,
                      plan->behaviors_count, RESULT_ABNORMAL_MAX, run->origin_ns, error)) {
        run_close(run);
        return false;
    }
    return true;
}

bool supervisor_run(struct run *run, const struct plan *plan, struct fleet *fleet, bool progress,
                    struct ndjson *ndjson, struct error *error)
{
    struct supervisor supervisor = {.plan = plan, .run = run, .fleet = fleet, .ndjson = ndjson};
    supervisor.view = &supervisor.whole.view;
    *run = (struct run){.t0_ns = TIME_NEVER_NS, .gather_until_ns = TIME_NEVER_NS};
    thread_prefer_latency(); /* its ticks tell whether the machine lets this program run */
    if (!supervisor__open(&supervisor, error)) {
        return false;
    }
    if (!console_open(&supervisor.console, plan, progress, run->origin_ns, error)) {
        run_close(run);
        return false;
    }
    ndjson_begin(ndjson, run->origin_ns);
    if (!supervisor__start(&supervisor, error)) {
        console_close(&supervisor.console, SUPERVISOR_OUTPUT_WITHIN_NS);
        supervisor__close(&supervisor);
        run_close(run);
        return false;
    }
    bool ended = supervisor_wait(&supervisor);
    run->end_ns = clock_now_ns();
    if (!ended) {
        console_close(&supervisor.console, SUPERVISOR_OUTPUT_WITHIN_NS);
        /* Its memory may still be in use: nothing of it can be read or freed. */
        error_set(error, "a worker thread does not end; this is a bug: nothing was written");
        return false;
    }
    supervisor_read(&supervisor, 0);
    ndjson_finish(ndjson, supervisor.view, run->end_ns);
    supervisor_print_logs(&supervisor);
    console_close(&supervisor.console, SUPERVISOR_OUTPUT_WITHIN_NS);
    supervisor__collect(&supervisor);
    supervisor__close(&supervisor);
    return true;
}
