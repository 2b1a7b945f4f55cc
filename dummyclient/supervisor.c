#include "supervisor.h"

#include "abort.h"
#include "console.h"
#include "control.h"
#include "core/clock.h"
#include "core/stop.h"
#include "core/thread.h"
#include "ndjson.h"
#include "worker.h"

#include <stdlib.h>
#include <string.h>

static const int64_t SUPERVISOR_TICK_NS = 10 * NS_PER_MS;
/* From the decision to the moment, so that every worker knows it in time. */
static const int64_t SUPERVISOR_NOTICE_NS = 2 * NS_PER_MS;
static const int64_t SUPERVISOR_INTERRUPT_DRAIN_NS = 1 * NS_PER_S;
/* Beyond all bounds that the workers keep themselves. */
static const int64_t SUPERVISOR_GIVE_UP_NS =
    WORKER_END_WITHIN_NS + WORKER_ABORT_WITHIN_NS + 10 * NS_PER_S;

struct supervisor {
    const struct plan *plan;
    struct run *run;
    struct control control;
    struct worker *workers;
    uint32_t opened_count;
    uint32_t started_count;
    struct console console;
    struct ndjson ndjson;
    struct live_view view; /* of this tick */
    int stops_seen;
    int64_t clock_offset_ns;
    struct abort_watch abort_watch;
    int64_t ticked_ns; /* the last tick */
};

static void supervisor__wake(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        worker_wake(&supervisor->workers[i]);
    }
}

/* Ends the run: no arrivals from now on, and drain_ns to finish what is under way. Only ever
 * makes things happen earlier. */
static void supervisor__stop(struct supervisor *supervisor, enum run_end end, int64_t drain_ns)
{
    struct control *control = &supervisor->control;
    int64_t now_ns = clock_now_ns();
    if (supervisor->run->end == RUN_COMPLETE) {
        supervisor->run->end = end;
    }
    if (now_ns < atomic_load(&control->stop_ns)) {
        atomic_store(&control->stop_ns, now_ns);
    }
    if (now_ns + drain_ns < atomic_load(&control->cut_ns)) {
        atomic_store(&control->cut_ns, now_ns + drain_ns);
    }
    supervisor__wake(supervisor);
}

static void supervisor__abort(struct supervisor *supervisor)
{
    supervisor__stop(supervisor, RUN_INTERRUPTED, 0);
    atomic_store(&supervisor->control.abort_ns, clock_now_ns());
    supervisor__wake(supervisor);
}

static void supervisor__heed_stops(struct supervisor *supervisor)
{
    int stops = stop_requests();
    if (stops == supervisor->stops_seen) {
        return;
    }
    supervisor->stops_seen = stops;
    if (stops >= 2) {
        supervisor__abort(supervisor);
        return;
    }
    int64_t drain_ns = supervisor->plan->scenario->load.drain_ns;
    supervisor__stop(supervisor, RUN_INTERRUPTED,
                     drain_ns < SUPERVISOR_INTERRUPT_DRAIN_NS ? drain_ns
                                                              : SUPERVISOR_INTERRUPT_DRAIN_NS);
}

static void supervisor__begin(struct supervisor *supervisor, int64_t now_ns)
{
    struct control *control = &supervisor->control;
    struct run *run = supervisor->run;
    run->t0_ns = now_ns + SUPERVISOR_NOTICE_NS;
    run->connections_open = supervisor->view.levels[LIVE_OPEN];
    run->connections_ready = supervisor->view.levels[LIVE_READY];
    int64_t stop_ns = run->t0_ns + supervisor->plan->duration_ns;
    atomic_store(&control->cut_ns, stop_ns + supervisor->plan->scenario->load.drain_ns);
    atomic_store(&control->stop_ns, stop_ns);
    atomic_store(&control->t0_ns, run->t0_ns);
    supervisor__wake(supervisor);
}

/* All connections have ended: because the data said so, or for some other reason? */
static enum run_end supervisor__reason_of_end(const struct supervisor *supervisor)
{
    const uint32_t *levels = supervisor->view.levels;
    bool out = levels[LIVE_OUT] > 0 && levels[LIVE_OUT] >= levels[LIVE_FINISHED];
    return out && levels[LIVE_DEAD] == 0 ? RUN_COMPLETE : RUN_ALL_GONE;
}

/* Before t0: are all ready, or as many as will be? */
static void supervisor__watch_connecting(struct supervisor *supervisor, int64_t now_ns)
{
    const struct live_view *view = &supervisor->view;
    uint32_t connections = supervisor->plan->connections_at_start;
    bool settled = view->levels[LIVE_SETTLED] >= connections;
    bool overdue = now_ns - supervisor->run->origin_ns > plan_ready_within_ns(supervisor->plan);
    if (!settled && !overdue) {
        return;
    }
    uint64_t attempted = view->counters.totals[TOTAL_CONNECTS_ATTEMPTED];
    if (attempted > 0 && view->counters.totals[TOTAL_CONNECTS_OK] == 0) {
        supervisor__stop(supervisor, RUN_NOT_CONNECTED, 0);
    } else if (connections > 0 &&
               view->levels[LIVE_DEAD] + view->levels[LIVE_FINISHED] >= connections) {
        supervisor__stop(supervisor, supervisor__reason_of_end(supervisor), 0);
    } else {
        supervisor__begin(supervisor, now_ns);
    }
}

static void supervisor__watch(struct supervisor *supervisor, int64_t now_ns)
{
    const struct live_view *view = &supervisor->view;
    struct run *run = supervisor->run;
    if (view->levels[LIVE_OPEN] > run->connections_peak) {
        run->connections_peak = view->levels[LIVE_OPEN];
    }
    if (now_ns >= atomic_load(&supervisor->control.stop_ns)) {
        return;
    }
    if (view->levels[LIVE_FAILED_STEPS] > 0) {
        supervisor__stop(supervisor, RUN_STEP_FAILED, 0);
    } else if (run->t0_ns == TIME_NEVER_NS) {
        supervisor__watch_connecting(supervisor, now_ns);
    } else if (view->levels[LIVE_DEAD] + view->levels[LIVE_FINISHED] >=
               supervisor->plan->connections) {
        supervisor__stop(supervisor, supervisor__reason_of_end(supervisor), 0);
    }
}

/* Opens the barriers that everyone has come to who can. A barrier that was opened is looked at
 * again only when every worker has let its connections go, so that none of them counts twice. */
static void supervisor__watch_barriers(struct supervisor *supervisor)
{
    uint32_t count = program_barriers_count(supervisor->plan->program);
    bool opened = false;
    for (uint32_t b = 0; b < count; b++) {
        _Atomic uint32_t *opening = &supervisor->control.barrier_opened[b];
        uint32_t number = atomic_load(opening);
        uint32_t waiting = 0;
        uint32_t present = 0;
        bool passed = true;
        for (uint32_t i = 0; i < supervisor->started_count; i++) {
            const struct live *live = &supervisor->workers[i].live;
            passed = passed &&
                     atomic_load_explicit(&live->barrier_seen[b], memory_order_acquire) == number;
            present += atomic_load_explicit(&live->barrier_present[b], memory_order_acquire);
            waiting += atomic_load_explicit(&live->barrier_waiting[b], memory_order_relaxed);
        }
        if (passed && waiting > 0 && waiting >= present) {
            atomic_store(opening, number + 1);
            opened = true;
        }
    }
    if (opened) {
        supervisor__wake(supervisor);
    }
}

static void supervisor__print_logs(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        struct logbook *logbook = &supervisor->workers[i].recorder.logbook;
        if (logbook_has_lines(logbook)) {
            console_clear(&supervisor->console);
            logbook_print(logbook, supervisor->run->origin_ns, stderr);
        }
    }
}

static enum run_phase supervisor__phase(const struct supervisor *supervisor, int64_t now_ns)
{
    int64_t t0_ns = supervisor->run->t0_ns;
    if (now_ns >= atomic_load(&supervisor->control.stop_ns)) {
        return PHASE_DRAINING;
    }
    if (t0_ns == TIME_NEVER_NS) {
        return PHASE_CONNECTING;
    }
    return now_ns < t0_ns + supervisor->plan->scenario->load.warmup_ns ? PHASE_WARMUP
                                                                       : PHASE_RUNNING;
}

static void supervisor__read(struct supervisor *supervisor)
{
    supervisor->view = (struct live_view){0};
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        live_read(&supervisor->workers[i].live, &supervisor->view);
    }
}

static void supervisor__show(struct supervisor *supervisor, int64_t now_ns)
{
    enum run_phase phase = supervisor__phase(supervisor, now_ns);
    int64_t t0_ns = supervisor->run->t0_ns;
    int64_t since_ns =
        t0_ns == TIME_NEVER_NS || now_ns < t0_ns ? supervisor->run->origin_ns : t0_ns;
    console_tick(&supervisor->console, phase, now_ns - since_ns, &supervisor->view, now_ns);
    ndjson_tick(&supervisor->ndjson, phase, &supervisor->view, now_ns);
}

/* The wall clock against the monotonic one: a step says that something moved the time, or that
 * the machine slept. */
static void supervisor__check_clock(struct supervisor *supervisor, int64_t now_ns)
{
    int64_t offset_ns = clock_wall_ns() - now_ns;
    int64_t step_ns = offset_ns - supervisor->clock_offset_ns;
    int64_t size_ns = step_ns < 0 ? -step_ns : step_ns;
    supervisor->clock_offset_ns = offset_ns;
    if (size_ns > supervisor->run->clock_step_ns) {
        supervisor->run->clock_step_ns = size_ns;
    }
}

/* The main thread sleeps nearly always: where it wakes up far too late inside the window, so did
 * the workers, whatever they were waiting for. */
static void supervisor__check_stall(struct supervisor *supervisor, int64_t now_ns)
{
    struct run *run = supervisor->run;
    int64_t late_ns = now_ns - supervisor->ticked_ns - SUPERVISOR_TICK_NS;
    bool in_window = run->t0_ns != TIME_NEVER_NS &&
                     now_ns > run->t0_ns + supervisor->plan->scenario->load.warmup_ns &&
                     supervisor->ticked_ns < atomic_load(&supervisor->control.stop_ns);
    if (in_window) {
        histogram_record(&run->tick_lag, late_ns);
    }
    supervisor->ticked_ns = now_ns;
}

static void supervisor__check_thresholds(struct supervisor *supervisor, int64_t now_ns)
{
    struct run *run = supervisor->run;
    if (now_ns >= atomic_load(&supervisor->control.stop_ns)) {
        return;
    }
    const struct threshold *failed =
        abort_watch_tick(&supervisor->abort_watch, run->t0_ns, now_ns, run->connections_peak);
    if (failed != NULL) {
        run->aborted_by = failed;
        supervisor__stop(supervisor, RUN_THRESHOLD, supervisor->plan->scenario->load.drain_ns);
    }
}

/* Returns how many workers still run; notices those that failed. */
static uint32_t supervisor__count_running(struct supervisor *supervisor)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        struct worker *worker = &supervisor->workers[i];
        int state = atomic_load(&worker->state);
        running += state == WORKER_RUNNING;
        if (state == WORKER_FAILED && supervisor->run->end != RUN_WORKER_FAILED) {
            supervisor->run->error = worker->error;
            supervisor__stop(supervisor, RUN_WORKER_FAILED, 0);
            supervisor->run->end = RUN_WORKER_FAILED;
        }
    }
    return running;
}

/* Turns until every worker has ended; false when one does not. */
static bool supervisor__wait(struct supervisor *supervisor)
{
    for (;;) {
        int64_t now_ns = clock_now_ns();
        if (supervisor__count_running(supervisor) == 0) {
            return true;
        }
        int64_t cut_ns = atomic_load(&supervisor->control.cut_ns);
        if (cut_ns != TIME_NEVER_NS && now_ns > cut_ns + SUPERVISOR_GIVE_UP_NS) {
            return false;
        }
        supervisor__heed_stops(supervisor);
        supervisor__read(supervisor);
        supervisor__watch(supervisor, now_ns);
        supervisor__watch_barriers(supervisor);
        supervisor__print_logs(supervisor);
        supervisor__check_clock(supervisor, now_ns);
        supervisor__check_stall(supervisor, now_ns);
        supervisor__check_thresholds(supervisor, now_ns);
        supervisor__show(supervisor, now_ns);
        clock_sleep_until_ns(now_ns + SUPERVISOR_TICK_NS);
    }
}

/* The workers end by themselves when their connections have: before anybody saw why, perhaps. */
static void supervisor__explain_end(struct supervisor *supervisor)
{
    struct run *run = supervisor->run;
    const uint64_t *totals = supervisor->view.counters.totals;
    if (run->end != RUN_COMPLETE || run->end_ns >= atomic_load(&supervisor->control.stop_ns)) {
        return;
    }
    bool connected = totals[TOTAL_CONNECTS_ATTEMPTED] == 0 || totals[TOTAL_CONNECTS_OK] > 0;
    run->end = connected ? supervisor__reason_of_end(supervisor) : RUN_NOT_CONNECTED;
    if (supervisor->view.levels[LIVE_FAILED_STEPS] > 0) {
        run->end = RUN_STEP_FAILED;
    }
}

/* How much of each stage lies inside the window. */
static void supervisor__measure_stages(struct supervisor *supervisor)
{
    struct run *run = supervisor->run;
    const struct pacing *pacing = &supervisor->plan->pacing;
    struct figures *figures = &run->figures;
    int64_t window_start_ns = supervisor->plan->scenario->load.warmup_ns;
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

static void supervisor__collect(struct supervisor *supervisor)
{
    struct run *run = supervisor->run;
    const struct scenario_load *load = &supervisor->plan->scenario->load;
    for (uint32_t i = 0; i < supervisor->opened_count; i++) {
        struct worker *worker = &supervisor->workers[i];
        if (!figures_add(&run->figures, &worker->recorder.figures)) {
            error_set(&run->error, "no memory to merge the series: it lacks some workers");
        }
        run->ends_unfinished += worker->left_open;
    }
    memcpy(run->backend, supervisor->workers[0].backend, sizeof(run->backend));
    memcpy(run->fallback, supervisor->workers[0].fallback, sizeof(run->fallback));
    int64_t stop_ns = atomic_load(&supervisor->control.stop_ns);
    run->stop_ns = stop_ns < run->end_ns ? stop_ns : run->end_ns;
    run->figures.connections_peak = run->connections_peak;
    if (run->t0_ns != TIME_NEVER_NS && run->stop_ns > run->t0_ns + load->warmup_ns) {
        supervisor__measure_stages(supervisor);
        run->window_ns = run->stop_ns - run->t0_ns - load->warmup_ns;
        double seconds = (double)run->window_ns / (double)NS_PER_S;
        struct figures *figures = &run->figures;
        figures->rate_achieved_per_s = (double)figures->iterations_started / seconds;
        if (supervisor->plan->open_loop) {
            figures->rate_target_per_s = (double)figures->arrivals_intended / seconds;
        }
    }
}

static bool supervisor__start(struct supervisor *supervisor, struct error *error)
{
    const struct plan *plan = supervisor->plan;
    struct run *run = supervisor->run;
    supervisor->workers = calloc(plan->workers_count, sizeof(*supervisor->workers));
    if (supervisor->workers == NULL) {
        error_set(error, "no memory for %u workers", plan->workers_count);
        return false;
    }
    for (; supervisor->opened_count < plan->workers_count; supervisor->opened_count++) {
        uint32_t i = supervisor->opened_count;
        if (!worker_open(&supervisor->workers[i], plan, &supervisor->control, i, run->origin_ns,
                         error)) {
            return false;
        }
    }
    if (!abort_watch_open(&supervisor->abort_watch, plan, supervisor->workers, error)) {
        return false;
    }
    for (; supervisor->started_count < plan->workers_count; supervisor->started_count++) {
        struct worker *worker = &supervisor->workers[supervisor->started_count];
        if (!worker_start(worker, error)) {
            /* Those that run already are ended like any others. */
            run->error = *error;
            supervisor__stop(supervisor, RUN_WORKER_FAILED, 0);
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
    free(supervisor->workers);
}

bool supervisor_run(struct run *run, const struct plan *plan, bool progress, FILE *ndjson,
                    struct error *error)
{
    struct supervisor supervisor = {.plan = plan, .run = run};
    *run = (struct run){.t0_ns = TIME_NEVER_NS};
    thread_prefer_latency(); /* its ticks tell whether the machine lets this program run */
    clock_measure(&run->clock_cost_ns, &run->clock_tick_ns);
    run->started_wall_ns = clock_wall_ns();
    run->origin_ns = clock_now_ns();
    supervisor.ticked_ns = run->origin_ns;
    supervisor.clock_offset_ns = run->started_wall_ns - run->origin_ns;
    control_init(&supervisor.control);
    if (!histogram_open(&run->tick_lag, 3, error)) {
        return false;
    }
    if (!figures_open(&run->figures, plan->steps_count, plan->pacing.stages_count,
                      RESULT_ABNORMAL_MAX, run->origin_ns, error)) {
        run_close(run);
        return false;
    }
    console_open(&supervisor.console, plan, progress, run->origin_ns);
    ndjson_open(&supervisor.ndjson, ndjson, plan, run->origin_ns);
    if (!supervisor__start(&supervisor, error)) {
        supervisor__close(&supervisor);
        run_close(run);
        return false;
    }
    bool ended = supervisor__wait(&supervisor);
    run->end_ns = clock_now_ns();
    console_clear(&supervisor.console);
    if (!ended) {
        /* Its memory may still be in use: nothing of it can be read or freed. */
        error_set(error, "a worker thread does not end; this is a bug: nothing was written");
        return false;
    }
    supervisor__read(&supervisor);
    ndjson_finish(&supervisor.ndjson, &supervisor.view, run->end_ns);
    supervisor__print_logs(&supervisor);
    supervisor__explain_end(&supervisor);
    supervisor__collect(&supervisor);
    supervisor__close(&supervisor);
    return true;
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
    figures_close(&run->figures);
}
