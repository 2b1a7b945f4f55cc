#include "conduct/supervisor.h"

#include "conduct/connecting.h"
#include "conduct/early_stop.h"
#include "conduct/keys.h"
#include "conduct/steer.h"
#include "core/clock.h"
#include "play/control.h"
#include "play/worker.h"
#include "show/console.h"
#include "show/feed.h"
#include "system/stop.h"
#include "system/thread.h"
#include "trace/trace_output.h"

#include <stdlib.h>
#include <string.h>

/* In a fleet, from the agreement on the origin to the origin: to set up the workers, each of which
 * reads the seats of all connections. */
static const int64_t SUPERVISOR_LEAD_NS = 300 * NS_PER_MS;
static const int64_t SUPERVISOR_LEAD_EACH_NS = 100;
/* At the end, for a stopped terminal: the result must not wait for it. */
static const int64_t SUPERVISOR_OUTPUT_WITHIN_NS = 1 * NS_PER_S;
static const int64_t SUPERVISOR_TICK_NS = 10 * NS_PER_MS;
/* From the decision to the moment, so that every worker knows it in time. */
static const int64_t SUPERVISOR_NOTICE_NS = 2 * NS_PER_MS;
/* Longer for a touch: a busy machine may take this thread its CPU before the workers know. */
static const int64_t SUPERVISOR_TOUCH_NOTICE_NS = 10 * NS_PER_MS;
static const int64_t SUPERVISOR_INTERRUPT_DRAIN_NS = 1 * NS_PER_S;
/* Longer than all time limits of the workers. */
static const int64_t SUPERVISOR_GIVE_UP_NS =
    WORKER_END_WITHIN_NS + WORKER_ABORT_WITHIN_NS + 10 * NS_PER_S;

struct supervisor {
    const struct plan *plan;
    struct run *run;
    struct control control;
    struct worker *workers;
    struct arrivals_pool pool;
    uint32_t opened_count;
    uint32_t started_count;
    struct fleet *fleet;
    struct console console;
    struct feed *feed;          /* NULL: off. The caller's */
    struct trace_output *trace; /* the same */
    struct fleet_status own;    /* of this tick */
    struct fleet_status whole;  /* the same with the others'; on a member as own */
    struct live_view *view;     /* the whole's */
    bool whole_known;           /* every rank has sent its status */
    struct steer *steer;
    uint32_t marks_shown;
    uint32_t stops_seen;
    int64_t clock_offset_ns;
    struct connecting connecting;
    struct early_stop early_stop;
    int64_t ticked_ns; /* the last tick */
};

/* --- During the run: in every tick the supervisor reads the status of its workers and of the other
 * ranks, and decides (a member: applies) what comes next. */

static void supervisor__wake(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        worker_wake(&supervisor->workers[i]);
    }
}

static bool supervisor__advance(_Atomic int64_t *moment, int64_t time_ns)
{
    bool earlier = time_ns < atomic_load(moment);
    if (earlier) {
        atomic_store(moment, time_ns);
    }
    return earlier;
}

/* Ends the run: no arrivals from now on, and drain_ns to finish what is under way. Moments are
 * never moved to a later time. */
static void supervisor__stop(struct supervisor *supervisor, enum run_end end, int64_t drain_ns)
{
    struct control *control = &supervisor->control;
    /* A little ahead: a worker, of any rank, must read the moment before an arrival after it begins
     * or is dropped. */
    int64_t stop_ns = clock_now_ns() +
                      (fleet_is_alone(supervisor->fleet) ? SUPERVISOR_NOTICE_NS : FLEET_NOTICE_NS);
    if (supervisor->run->end == RUN_COMPLETE) {
        supervisor->run->end = end;
    }
    supervisor__advance(&control->stop_ns, stop_ns);
    supervisor__advance(&control->drain_end_ns, stop_ns + drain_ns);
    supervisor__wake(supervisor);
}

/* In a fleet that is interrupted, or has lost a rank: the launcher may soon end the other ranks
 * (Open MPI: in a second), and the result must be written before that. */
static void supervisor__shorten_drain(struct supervisor *supervisor, enum run_end end)
{
    int64_t now_ns = clock_now_ns();
    int64_t grace_ns = supervisor->fleet->grace_ns;
    supervisor__stop(supervisor, end, 0);
    supervisor__advance(&supervisor->control.abort_ns, now_ns + grace_ns / 4);
    if (supervisor->run->gather_until_ns == TIME_NEVER_NS) {
        supervisor->run->gather_until_ns = now_ns + grace_ns * 6 / 10;
    }
    supervisor__wake(supervisor);
}

static void supervisor__abort(struct supervisor *supervisor)
{
    supervisor__stop(supervisor, RUN_INTERRUPTED, 0);
    atomic_store(&supervisor->control.abort_ns, clock_now_ns());
    supervisor__wake(supervisor);
}

static void supervisor__handle_stops(struct supervisor *supervisor)
{
    uint32_t stops = supervisor->whole.stops;
    if (stops == supervisor->stops_seen) {
        return;
    }
    supervisor->stops_seen = stops;
    if (stops >= 2) {
        supervisor__abort(supervisor);
        return;
    }
    if (!fleet_is_alone(supervisor->fleet)) {
        supervisor__shorten_drain(supervisor, RUN_INTERRUPTED);
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
    run->t0_ns =
        now_ns + (fleet_is_alone(supervisor->fleet) ? SUPERVISOR_NOTICE_NS : FLEET_NOTICE_NS);
    run->ready_wanted = supervisor->plan->connections_at_start;
    run->ready_count = supervisor->view->gauges[LIVE_READY];
    run->connections_kept_out =
        supervisor->view->gauges[LIVE_FAILED] + supervisor->view->gauges[LIVE_TURNED_AWAY];
    memcpy(run->errors_before_t0, supervisor->view->counters.errors, sizeof run->errors_before_t0);
    run->opened = run->ready_count >= run->ready_wanted ? RUN_ALL_READY
                  : supervisor->view->gauges[LIVE_SETTLED] >= run->ready_wanted
                      ? RUN_ALL_SETTLED
                      : RUN_READY_TIME_OUT;
    int64_t stop_ns = run->t0_ns + supervisor->plan->duration_ns;
    atomic_store(&control->drain_end_ns, stop_ns + supervisor->plan->scenario->load.drain_ns);
    atomic_store(&control->stop_ns, stop_ns);
    atomic_store(&control->t0_ns, run->t0_ns);
    supervisor__wake(supervisor);
}

/* Have all connections ended because no row of data was left, or for another reason? */
static enum run_end supervisor__reason_of_end(const struct supervisor *supervisor)
{
    const uint32_t *gauges = supervisor->view->gauges;
    bool out = gauges[LIVE_OUT] > 0 && gauges[LIVE_OUT] >= gauges[LIVE_FINISHED];
    return out && gauges[LIVE_STALLED] == 0 ? RUN_COMPLETE : RUN_ALL_GONE;
}

/* Could a rank open no connection where others could? Without its share the load is not the one
 * that was asked for, and need not be played. */
static bool supervisor__stands_apart(const struct supervisor *supervisor)
{
    const struct fleet *fleet = supervisor->fleet;
    for (uint32_t i = 0; i < fleet->ranks_count && !fleet_is_alone(fleet); i++) {
        const struct fleet_status *status = i == 0 ? &supervisor->own : &fleet->ranks[i].status;
        const uint64_t *totals = status->view.counters.totals;
        if (totals[TOTAL_CONNECTS_ATTEMPTED] > 0 && totals[TOTAL_CONNECTS_OK] == 0) {
            return true;
        }
    }
    return false;
}

/* Before t0: begins the load when all connections that can become ready are. */
static void supervisor__watch_connecting(struct supervisor *supervisor, int64_t now_ns)
{
    const struct live_view *view = supervisor->view;
    uint32_t connections = supervisor->plan->connections_at_start;
    struct error notice = {""};
    switch (connecting_look(&supervisor->connecting, view, now_ns, &notice)) {
    case CONNECTING_WAITS:
        if (notice.text[0] != '\0' && !supervisor->plan->options->quiet) {
            console_print(&supervisor->console, notice.text);
        }
        return;
    case CONNECTING_FAILED:
        supervisor__stop(supervisor, RUN_NOT_CONNECTED, 0);
        return;
    case CONNECTING_OVER:
        break;
    }
    if (connections > 0 &&
        view->gauges[LIVE_STALLED] + view->gauges[LIVE_FINISHED] >= connections) {
        supervisor__stop(supervisor, supervisor__reason_of_end(supervisor), 0);
    } else if (supervisor__stands_apart(supervisor) && supervisor->plan->options->strict) {
        supervisor__stop(supervisor, RUN_RANK_APART, 0);
    } else {
        supervisor__begin(supervisor, now_ns);
    }
}

static void supervisor__watch(struct supervisor *supervisor, int64_t now_ns)
{
    const struct live_view *view = supervisor->view;
    struct run *run = supervisor->run;
    if (view->gauges[LIVE_OPEN] > run->connections_peak) {
        run->connections_peak = view->gauges[LIVE_OPEN];
    }
    int64_t stop_ns = atomic_load(&supervisor->control.stop_ns);
    /* A run that will stop before its load has begun, even if only in 2 ms, must not begin it: that
     * would set another stop. */
    bool stopped_early = run->t0_ns == TIME_NEVER_NS && stop_ns != TIME_NEVER_NS;
    if (stopped_early || now_ns >= stop_ns) {
        return;
    }
    if (view->gauges[LIVE_FAILED_STEPS] > 0) {
        supervisor__stop(supervisor, RUN_STEP_FAILED, 0);
    } else if (run->t0_ns == TIME_NEVER_NS) {
        supervisor__watch_connecting(supervisor, now_ns);
    } else if (view->gauges[LIVE_STALLED] + view->gauges[LIVE_FINISHED] >=
               supervisor->plan->connections) {
        supervisor__stop(supervisor, supervisor__reason_of_end(supervisor), 0);
    }
}

/* Opens the barriers that all connections have reached that can. A barrier that was opened is
 * checked again only when every worker has passed that on, so that no connection counts twice. */
static void supervisor__watch_barriers(struct supervisor *supervisor)
{
    const struct fleet_status *whole = &supervisor->whole;
    uint32_t count = supervisor->plan->program->barriers_count;
    bool opened = false;
    for (uint32_t b = 0; b < count; b++) {
        _Atomic uint32_t *opening = &supervisor->control.barrier_opened[b];
        uint32_t number = atomic_load(opening);
        bool passed = whole->barrier_seen[b] == number;
        if (passed && whole->barrier_waiting[b] > 0 &&
            whole->barrier_waiting[b] >= whole->barrier_present[b]) {
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
            logbook_print(logbook, supervisor->run->origin_ns, console_print, &supervisor->console);
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

/* How many connections wait at a barrier, and how many can still reach it. */
static void supervisor__read_barrier(const struct supervisor *supervisor, uint32_t barrier,
                                     struct fleet_status *status)
{
    status->barrier_seen[barrier] = UINT32_MAX;
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        const struct live *live = &supervisor->workers[i].live;
        uint32_t seen = atomic_load_explicit(&live->barrier_seen[barrier], memory_order_acquire);
        if (seen < status->barrier_seen[barrier]) {
            status->barrier_seen[barrier] = seen;
        }
        status->barrier_present[barrier] +=
            atomic_load_explicit(&live->barrier_present[barrier], memory_order_acquire);
        status->barrier_waiting[barrier] +=
            atomic_load_explicit(&live->barrier_waiting[barrier], memory_order_relaxed);
    }
}

/* How many touches every worker follows. One that has ended reads no course any more. */
static uint32_t supervisor__read_followed(const struct supervisor *supervisor)
{
    uint32_t followed = supervisor->steer->touches_count;
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        struct worker *worker = &supervisor->workers[i];
        uint32_t own = atomic_load_explicit(&worker->live.touches, memory_order_acquire);
        if (own < followed && atomic_load(&worker->state) == WORKER_RUNNING) {
            followed = own;
        }
    }
    return followed;
}

/* Reads the status of this program, and of all ranks together. */
static void supervisor__read(struct supervisor *supervisor, uint32_t workers_running)
{
    struct fleet_status *own = &supervisor->own;
    uint32_t barriers_count = supervisor->plan->program->barriers_count;
    *own = (struct fleet_status){.stops = (uint32_t)stop_requests(),
                                 .workers_running = workers_running,
                                 .touches = supervisor__read_followed(supervisor),
                                 .failed = supervisor->run->end == RUN_WORKER_FAILED};
    for (uint32_t i = 0; i < supervisor->started_count; i++) {
        live_read(&supervisor->workers[i].live, &own->view);
    }
    for (uint32_t i = 0; i < barriers_count; i++) {
        supervisor__read_barrier(supervisor, i, own);
    }
    fleet_exchange(supervisor->fleet, own, clock_now_ns());
    supervisor->whole = *own;
    supervisor->whole_known = !fleet_is_leader(supervisor->fleet) ||
                              fleet_add_others(supervisor->fleet, &supervisor->whole);
    supervisor->view = &supervisor->whole.view;
    steer_give_back(supervisor->steer, supervisor->whole.touches);
}

static struct record_mark supervisor__mark_at(const void *context, uint32_t index)
{
    const struct steer_mark *mark = &((const struct steer *)context)->marks[index];
    return (struct record_mark){
        .at_ns = mark->at_ns, .kind = steer_mark_kind(mark), .text = mark->text, .who = mark->who};
}

static struct record_moment supervisor__moment(const struct supervisor *supervisor,
                                               enum run_phase phase, int64_t now_ns)
{
    return (struct record_moment){.phase = phase,
                                  .now_ns = now_ns,
                                  .t0_ns = supervisor->run->t0_ns,
                                  .stop_ns = atomic_load(&supervisor->control.stop_ns),
                                  .course = supervisor->run->course,
                                  .view = supervisor->view,
                                  .figures = early_stop_figures(&supervisor->early_stop),
                                  .marks_count = supervisor->steer->marks_count,
                                  .mark_at = supervisor__mark_at,
                                  .marks = supervisor->steer};
}

static void supervisor__show(struct supervisor *supervisor, int64_t now_ns)
{
    enum run_phase phase = supervisor__phase(supervisor, now_ns);
    int64_t t0_ns = supervisor->run->t0_ns;
    int64_t since_ns =
        t0_ns == TIME_NEVER_NS || now_ns < t0_ns ? supervisor->run->origin_ns : t0_ns;
    console_tick(&supervisor->console, supervisor->run->course,
                 early_stop_figures(&supervisor->early_stop), phase, now_ns - since_ns,
                 supervisor->view, now_ns);
    if (supervisor->feed != NULL) {
        struct record_moment moment = supervisor__moment(supervisor, phase, now_ns);
        feed_tick(supervisor->feed, &moment);
    }
}

/* Compares the wall clock with the monotonic one: a step means that the time was set, or that the
 * machine slept. */
static void supervisor__check_clock(struct supervisor *supervisor)
{
    int64_t offset_ns = clock_wall_offset_ns();
    int64_t step_ns = offset_ns - supervisor->clock_offset_ns;
    int64_t size_ns = step_ns < 0 ? -step_ns : step_ns;
    supervisor->clock_offset_ns = offset_ns;
    if (size_ns > supervisor->run->clock_step_ns) {
        supervisor->run->clock_step_ns = size_ns;
    }
}

/* The main thread sleeps nearly always: if it wakes up far too late, so did the workers. Measured
 * until the end of the drain: requests of the window may be answered in it. */
static void supervisor__check_stall(struct supervisor *supervisor, int64_t now_ns)
{
    struct run *run = supervisor->run;
    int64_t late_ns = now_ns - supervisor->ticked_ns - SUPERVISOR_TICK_NS;
    bool in_window = run->t0_ns != TIME_NEVER_NS &&
                     now_ns > run->t0_ns + supervisor->plan->scenario->load.warmup_ns;
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
        early_stop_tick(&supervisor->early_stop, supervisor->fleet, run, now_ns);
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

/* Where the load has been touched, the workers and the end of the run follow. Was it? */
static bool supervisor__follow_course(struct supervisor *supervisor)
{
    struct control *control = &supervisor->control;
    struct run *run = supervisor->run;
    const struct course *course = steer_course(supervisor->steer);
    if (course == run->course) {
        return false;
    }
    run->course = course;
    atomic_store(&control->course, course);
    int64_t stop_ns = run->t0_ns + course->end_ns;
    if (supervisor__advance(&control->stop_ns, stop_ns)) {
        supervisor__advance(&control->drain_end_ns,
                            stop_ns + supervisor->plan->scenario->load.drain_ns);
    }
    supervisor__wake(supervisor);
    return true;
}

/* What has been done by hand, for whoever watches; and what the keys could not do. */
static void supervisor__show_marks(struct supervisor *supervisor)
{
    struct steer *steer = supervisor->steer;
    char line[STEER_TEXT_BYTES_MAX + STEER_WHO_BYTES_MAX + 64];
    for (; supervisor->marks_shown < steer->marks_count; supervisor->marks_shown++) {
        const struct steer_mark *mark = &steer->marks[supervisor->marks_shown];
        double seconds = (double)(mark->at_ns - supervisor->run->origin_ns) / (double)NS_PER_S;
        snprintf(line, sizeof line, "%.3f s %s: %s", seconds, mark->who, mark->text);
        if (!supervisor->plan->options->quiet) {
            console_print(&supervisor->console, line);
        }
    }
    if (steer->refused.text[0] != '\0') {
        console_print(&supervisor->console, steer->refused.text);
        steer->refused.text[0] = '\0';
    }
}

/* Orders of somebody who steers the run. */
static void supervisor__steer(struct supervisor *supervisor)
{
    struct steer_moment moment = {.clock_ns = clock_now_ns,
                                  .origin_ns = supervisor->run->origin_ns,
                                  .t0_ns = supervisor->run->t0_ns,
                                  .notice_ns = fleet_is_alone(supervisor->fleet)
                                                   ? SUPERVISOR_TOUCH_NOTICE_NS
                                                   : FLEET_NOTICE_NS};
    if (supervisor->feed != NULL && feed_is_writing(supervisor->feed)) {
        return; /* who was told that the load is another one finds it on the page */
    }
    bool touched = false;
    do {
        moment.stop_ns = atomic_load(&supervisor->control.stop_ns);
        touched = supervisor__follow_course(supervisor) || touched;
    } while (steer_turn(supervisor->steer, &moment));
    if (touched && supervisor->feed != NULL) {
        feed_put_scenario(supervisor->feed, supervisor->run->course);
    }
    if (supervisor->feed == NULL || !feed_is_writing(supervisor->feed)) {
        steer_answer(supervisor->steer);
    }
    supervisor__show_marks(supervisor);
}

/* The last touches, for the other ranks. */
static void supervisor__order_touches(const struct supervisor *supervisor,
                                      struct fleet_orders *orders)
{
    const struct steer *steer = supervisor->steer;
    orders->touches_count = steer->touches_count;
    for (uint32_t i = 0; i < FLEET_TOUCHES_MAX && i < steer->touches_count; i++) {
        uint32_t number = steer->touches_count - 1 - i;
        orders->touches[number % FLEET_TOUCHES_MAX] = *steer_touch_of(steer, number);
    }
}

/* Those of the leader that are new. */
static void supervisor__apply_touches(struct supervisor *supervisor,
                                      const struct fleet_orders *orders)
{
    struct steer *steer = supervisor->steer;
    struct error error = {""};
    uint32_t number = steer->touches_count;
    bool known = number + FLEET_TOUCHES_MAX >= orders->touches_count;
    for (; known && number < orders->touches_count; number++) {
        known = steer_touch(steer, &orders->touches[number % FLEET_TOUCHES_MAX], &error);
    }
    if (known) {
        supervisor__follow_course(supervisor);
    } else if (supervisor->run->end == RUN_COMPLETE) {
        error_set(&supervisor->run->error, "a rank could not follow the touched load: %s",
                  error.text[0] != '\0' ? error.text : "it missed a touch");
        supervisor__stop(supervisor, RUN_WORKER_FAILED, 0);
    }
}

/* The tick of the leader, or of a single program. */
static void supervisor__decide(struct supervisor *supervisor, int64_t now_ns)
{
    struct control *control = &supervisor->control;
    supervisor__handle_stops(supervisor);
    if (fleet_lost(supervisor->fleet) != NULL && supervisor->run->end != RUN_RANK_LOST) {
        supervisor__shorten_drain(supervisor, RUN_RANK_LOST);
        supervisor->run->end = RUN_RANK_LOST; /* even if it was interrupted before */
    }
    if (supervisor->whole.failed && supervisor->run->end == RUN_COMPLETE) {
        supervisor__stop(supervisor, RUN_WORKER_FAILED, 0);
    }
    if (supervisor->whole_known) {
        supervisor__watch(supervisor, now_ns);
        supervisor__watch_barriers(supervisor);
    }
    supervisor__steer(supervisor);
    supervisor__check_thresholds(supervisor, now_ns);
    supervisor__show(supervisor, now_ns);
    struct fleet_orders orders = {.t0_ns = atomic_load(&control->t0_ns),
                                  .stop_ns = atomic_load(&control->stop_ns),
                                  .drain_end_ns = atomic_load(&control->drain_end_ns),
                                  .abort_ns = atomic_load(&control->abort_ns),
                                  .probes = supervisor->early_stop.asked_count};
    for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        orders.barrier_opened[i] = atomic_load(&control->barrier_opened[i]);
    }
    supervisor__order_touches(supervisor, &orders);
    fleet_order(supervisor->fleet, &orders, now_ns);
}

/* The tick of a member: applies the leader's orders, and reacts to stop requests itself. */
static void supervisor__apply_orders(struct supervisor *supervisor)
{
    struct control *control = &supervisor->control;
    struct fleet *fleet = supervisor->fleet;
    const struct fleet_orders *orders = &fleet->orders;
    bool changed = false;
    if (fleet->ordered) {
        fleet->ordered = false;
        changed |= supervisor__advance(&control->drain_end_ns, orders->drain_end_ns);
        changed |= supervisor__advance(&control->stop_ns, orders->stop_ns);
        changed |= supervisor__advance(&control->abort_ns, orders->abort_ns);
        changed |= supervisor__advance(&control->t0_ns, orders->t0_ns);
        supervisor->run->t0_ns = orders->t0_ns;
        supervisor__apply_touches(supervisor, orders);
        for (int i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
            changed |= orders->barrier_opened[i] != atomic_load(&control->barrier_opened[i]);
            atomic_store(&control->barrier_opened[i], orders->barrier_opened[i]);
        }
    }
    if (supervisor->own.stops > 0 || fleet->ranks[0].lost) {
        supervisor->whole.stops = supervisor->own.stops > 0 ? supervisor->own.stops : 1;
        supervisor__handle_stops(supervisor);
    }
    if (changed) {
        supervisor__wake(supervisor);
    }
    if (supervisor->view->gauges[LIVE_OPEN] > supervisor->run->connections_peak) {
        supervisor->run->connections_peak = supervisor->view->gauges[LIVE_OPEN];
    }
    early_stop_answer(&supervisor->early_stop, fleet);
}

/* Until every worker has ended, on the leader those of all ranks; false when one does not. */
static bool supervisor__wait(struct supervisor *supervisor)
{
    for (;;) {
        int64_t now_ns = clock_now_ns();
        uint32_t running = supervisor__count_running(supervisor);
        supervisor__read(supervisor, running);
        if (supervisor->whole.workers_running == 0 ||
            (running == 0 && now_ns > supervisor->run->gather_until_ns)) {
            return true;
        }
        int64_t drain_end_ns = atomic_load(&supervisor->control.drain_end_ns);
        if (drain_end_ns != TIME_NEVER_NS && now_ns > drain_end_ns + SUPERVISOR_GIVE_UP_NS) {
            return running == 0; /* another rank that does not end counts as lost */
        }
        if (fleet_is_leader(supervisor->fleet)) {
            supervisor__decide(supervisor, now_ns);
        } else {
            supervisor__apply_orders(supervisor);
        }
        supervisor__print_logs(supervisor);
        trace_output_tick(supervisor->trace);
        supervisor__check_clock(supervisor);
        supervisor__check_stall(supervisor, now_ns);
        clock_sleep_until_ns(now_ns + SUPERVISOR_TICK_NS);
    }
}

static void supervisor__collect(struct supervisor *supervisor)
{
    struct run *run = supervisor->run;
    for (uint32_t i = 0; i < supervisor->opened_count; i++) {
        struct worker *worker = &supervisor->workers[i];
        if (!figures_add(&run->figures, &worker->recorder.figures)) {
            error_set_short(&run->error, ERROR_SHORT_OF_MEMORY,
                            "no memory to merge the series: it lacks some workers");
        }
        run->ends_unfinished += worker->left_open;
    }
    memcpy(run->backend, supervisor->workers[0].backend, sizeof run->backend);
    memcpy(run->fallback, supervisor->workers[0].fallback, sizeof run->fallback);
    int64_t stop_ns = atomic_load(&supervisor->control.stop_ns);
    run->stop_ns = stop_ns < run->end_ns ? stop_ns : run->end_ns;
    if (fleet_is_leader(supervisor->fleet)) {
        run_enter_target(run, supervisor->plan);
    }
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
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u workers",
                        plan->workers_count);
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
    if (!early_stop_open(&supervisor->early_stop, plan, supervisor->workers, error)) {
        return false;
    }
    clock_sleep_until_ns(run->origin_ns);
    for (; supervisor->started_count < plan->workers_count; supervisor->started_count++) {
        struct worker *worker = &supervisor->workers[supervisor->started_count];
        if (!worker_start(worker, error)) {
            /* Those that run already are stopped like any others. */
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
    if (supervisor->early_stop.workers != NULL) {
        early_stop_close(&supervisor->early_stop);
    }
    if (supervisor->pool.queues != NULL) {
        arrivals_pool_close(&supervisor->pool);
    }
    free(supervisor->workers);
}

/* Before the first connection: memory, and the origin of all times. */
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
    control_init(&supervisor->control, &plan->course);
    if (supervisor->trace != NULL) {
        supervisor->control.trace = &supervisor->trace->trace;
        trace_output_begin(supervisor->trace, run->origin_ns);
    }
    supervisor->control.run_clock_offset_ns = fleet_clock_offset_ns(supervisor->fleet);
    supervisor->connecting = (struct connecting){
        .plan = plan, .origin_ns = run->origin_ns, .progress_ns = run->origin_ns};
    if (!histogram_open(&run->tick_lag, 3, error)) {
        return false;
    }
    struct figures_shape shape = plan_shape(plan);
    if (!figures_open(&run->figures, &shape, RESULT_ABNORMAL_MAX, run->origin_ns, error)) {
        run_close(run);
        return false;
    }
    return true;
}

bool supervisor_run(struct run *run, const struct plan *plan, struct fleet *fleet, bool progress,
                    struct steer *steer, struct feed *feed, struct trace_output *trace,
                    struct error *error)
{
    struct supervisor supervisor = {
        .plan = plan, .run = run, .fleet = fleet, .steer = steer, .feed = feed, .trace = trace};
    supervisor.view = &supervisor.whole.view;
    *run = (struct run){.course = &plan->course,
                        .steer = steer,
                        .t0_ns = TIME_NEVER_NS,
                        .gather_until_ns = TIME_NEVER_NS};
    thread_prefer_latency(); /* late ticks mean that this program gets no CPU */
    if (!supervisor__open(&supervisor, error)) {
        return false;
    }
    if (!console_open(&supervisor.console, plan, progress, run->origin_ns, error)) {
        run_close(run);
        return false;
    }
    feed_begin(feed, plan, run->origin_ns);
    if (!supervisor__start(&supervisor, error)) {
        console_close(&supervisor.console, SUPERVISOR_OUTPUT_WITHIN_NS);
        supervisor__close(&supervisor);
        run_close(run);
        return false;
    }
    steer_begin(steer);
    if (plan->options->keys && !plan->options->quiet && fleet_is_leader(fleet)) {
        supervisor.console.keys = keys_open(steer);
    }
    bool ended = supervisor__wait(&supervisor);
    feed_await_writing(feed);
    steer_end(steer);
    keys_close();
    run->end_ns = clock_now_ns();
    if (!ended) {
        console_close(&supervisor.console, SUPERVISOR_OUTPUT_WITHIN_NS);
        /* Its memory may still be in use: it can be neither read nor freed. */
        error_set(error, "a worker thread does not end; this is a bug: nothing was written");
        return false;
    }
    supervisor__read(&supervisor, 0);
    if (feed != NULL) {
        struct record_moment moment = supervisor__moment(&supervisor, PHASE_ENDED, run->end_ns);
        feed_finish(feed, &moment);
    }
    supervisor__print_logs(&supervisor);
    trace_output_tick(trace);
    console_close(&supervisor.console, SUPERVISOR_OUTPUT_WITHIN_NS);
    supervisor__collect(&supervisor);
    supervisor__close(&supervisor);
    return true;
}
