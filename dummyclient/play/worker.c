#include "play/worker.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* Barriers wait for the connection from the beginning, before the thread has begun. */
static void worker__expect_at_barriers(struct worker *worker, uint32_t number)
{
    const struct plan *plan = worker->plan;
    uint32_t barriers = plan->program->behaviors[plan_seat_at(plan, number).behavior].barriers;
    for (uint32_t i = 0; i < SCENARIO_BARRIERS_MAX; i++) {
        if ((barriers >> i & 1) != 0 && number < plan->connections_at_start) {
            atomic_fetch_add(&worker->live.barrier_present[i], 1);
        }
    }
}

bool worker_open(struct worker *worker, const struct plan *plan, struct control *control,
                 struct arrivals_pool *pool, uint32_t index, int64_t origin_ns, struct error *error)
{
    *worker = (struct worker){.plan = plan,
                              .control = control,
                              .pool = pool,
                              .index = index,
                              .origin_ns = origin_ns,
                              .drain_end_seen_ns = TIME_NEVER_NS};
    for (uint32_t i = 0; i < plan->connections; i++) {
        worker->numbers_count += plan_seat_at(plan, i).worker == index;
    }
    worker->numbers = calloc(worker->numbers_count + 1, sizeof *worker->numbers);
    if (worker->numbers == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the connections of worker %u",
                        index);
        return false;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->connections; i++) {
        if (plan_seat_at(plan, i).worker == index) {
            worker->numbers[count++] = i;
            worker__expect_at_barriers(worker, i);
        }
    }
    struct figures_shape shape = plan_shape(plan);
    if (!recorder_open(&worker->recorder, &shape, &plan->course.pacing, RESULT_ABNORMAL_MAX,
                       origin_ns, &worker->live, error)) {
        goto failed_recorder;
    }
    worker->recorder.behaviors = plan->program->behaviors;
    worker->recorder.observer.trace = control->trace != NULL ? &control->trace->rings[index] : NULL;
    if (plan->program->logs && !logbook_open(&worker->recorder.logbook, error)) {
        goto failed_arrivals;
    }
    if (!arrivals_open(&worker->arrivals, plan, pool, index, worker->numbers, worker->numbers_count,
                       &worker->recorder, error)) {
        goto failed_arrivals;
    }
    if (!probe_open(&worker->probe, &worker->recorder.figures, plan->thresholds,
                    plan->thresholds_count, plan_is_watched(plan), error)) {
        goto failed_probe;
    }
    return true;
failed_probe:
    arrivals_close(&worker->arrivals);
failed_arrivals:
    recorder_close(&worker->recorder);
failed_recorder:
    free(worker->numbers);
    worker->numbers = NULL;
    return false;
}

void worker_close(struct worker *worker)
{
    probe_close(&worker->probe);
    arrivals_close(&worker->arrivals);
    recorder_close(&worker->recorder);
    free(worker->numbers);
    worker->numbers = NULL;
}

bool worker_prepare(struct worker *worker, struct cport *port, struct error *error)
{
    worker->port = port;
    if (!conn_group_open(&worker->group, worker->plan, port, &worker->recorder, &worker->arrivals,
                         worker->numbers, worker->numbers_count,
                         worker->control->run_clock_offset_ns, error)) {
        return false;
    }
    worker->last_poll_ns = cport_now_ns(port);
    worker->before_poll_ns = worker->last_poll_ns;
    worker->drains_ns = worker->last_poll_ns;
    worker->recorder.now_ns = worker->last_poll_ns;
    return true;
}

/* How many connections of the whole run the plan wants now: the first ones, in pairs where there
 * are two sides. The only place that decides it. *next_ns: when it may change. */
static uint32_t worker__wanted(const struct worker *worker, int64_t now_ns, int64_t *next_ns)
{
    const struct plan *plan = worker->plan;
    int64_t t0_ns = worker->arrivals.t0_ns;
    double rate_per_s = plan->scenario->load.connect_rate_per_s;
    const struct population *population = &worker->arrivals.course->population;
    if (population_changes(population) && now_ns >= t0_ns) {
        int64_t change_ns = population_next_ns(population, now_ns - t0_ns);
        *next_ns = change_ns == TIME_NEVER_NS ? TIME_NEVER_NS : t0_ns + change_ns;
        return course_connections(worker->arrivals.course, now_ns - t0_ns);
    }
    *next_ns = TIME_NEVER_NS;
    double passed_s = (double)(now_ns - worker->origin_ns) / (double)NS_PER_S;
    if (rate_per_s <= 0 || passed_s * rate_per_s >= plan_number(plan, plan->connections_at_start)) {
        return plan->connections_at_start;
    }
    uint32_t wanted = passed_s < 0 ? 0 : ((uint32_t)(passed_s * rate_per_s) + 1) * plan->sides;
    *next_ns = worker->origin_ns + plan_connect_offset_ns(plan, wanted);
    return wanted < plan->connections_at_start ? wanted : plan->connections_at_start;
}

/* Opens the connections that are wanted, and retires those that no longer are. Returns when to
 * check again. */
static int64_t worker__follow_plan(struct worker *worker, int64_t now_ns)
{
    const struct plan *plan = worker->plan;
    struct conn_group *group = &worker->group;
    if (group->stopping) {
        return TIME_NEVER_NS;
    }
    int64_t next_ns = 0;
    uint32_t wanted = worker__wanted(worker, now_ns, &next_ns);
    uint32_t connecting_max = WORKER_CONNECTING_MAX / plan->workers_total + 1;
    bool paced = plan->scenario->load.connect_rate_per_s > 0;
    uint32_t *at = &worker->connects_begun;
    for (int changed = 0; changed < WORKER_CONNECTS_MAX; changed++) {
        if (*at < group->conns_count && worker->numbers[*at] < wanted) {
            if (!paced && group->gauges[LIVE_CONNECTING] >= connecting_max) {
                return next_ns; /* a connect that completes makes room */
            }
            conn_want(conn_group_at(group, (*at)++));
        } else if (*at > 0 && worker->numbers[*at - 1] >= wanted) {
            conn_retire(conn_group_at(group, --*at));
        } else {
            return next_ns;
        }
    }
    return now_ns;
}

/* Barriers that the supervisor has opened. */
static void worker__pass_barriers(struct worker *worker)
{
    struct conn_group *group = &worker->group;
    uint32_t count = worker->plan->program->barriers_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t opened =
            atomic_load_explicit(&worker->control->barrier_opened[i], memory_order_acquire);
        if (opened != group->barrier_seen[i]) {
            group->barrier_seen[i] = opened;
            conn_group_open_barrier(group, i);
        }
    }
}

/* How many wait at barriers, for the supervisor; before each poll, which may take long. */
static void worker__publish_barriers(struct worker *worker)
{
    struct conn_group *group = &worker->group;
    struct live *live = &worker->live;
    uint32_t count = worker->plan->program->barriers_count;
    for (uint32_t i = 0; i < count; i++) {
        /* In this order: a reader that finds a connection absent finds that it waits no more. */
        atomic_store_explicit(&live->barrier_waiting[i], group->barrier_waiting[i],
                              memory_order_relaxed);
        atomic_store_explicit(&live->barrier_present[i], conn_group_present(group, i),
                              memory_order_release);
        atomic_store_explicit(&live->barrier_seen[i], group->barrier_seen[i], memory_order_release);
    }
}

/* The phase to be announced next, as the control says. */
static enum worker_phase worker__wanted_phase(struct worker *worker, int64_t now_ns)
{
    const struct control *control = worker->control;
    enum worker_phase done = worker->phase_done;
    if (now_ns >= atomic_load_explicit(&control->abort_ns, memory_order_relaxed)) {
        return done < WORKER_PHASE_ABORT ? WORKER_PHASE_ABORT : WORKER_PHASE_NONE;
    }
    if (now_ns >= atomic_load_explicit(&control->drain_end_ns, memory_order_relaxed)) {
        return done < WORKER_PHASE_DRAIN_END ? WORKER_PHASE_DRAIN_END : WORKER_PHASE_NONE;
    }
    if (now_ns >= atomic_load_explicit(&control->stop_ns, memory_order_relaxed)) {
        /* Arrivals that were due before the stop may begin while the drain lasts. */
        bool waits = worker->plan->open_loop && arrivals_are_late(&worker->arrivals, now_ns);
        return done < WORKER_PHASE_STOP && !waits ? WORKER_PHASE_STOP : WORKER_PHASE_NONE;
    }
    if (now_ns >= atomic_load_explicit(&control->t0_ns, memory_order_relaxed)) {
        return done < WORKER_PHASE_START ? WORKER_PHASE_START : WORKER_PHASE_NONE;
    }
    return WORKER_PHASE_NONE;
}

static void worker__begin_phase(struct worker *worker, enum worker_phase phase, int64_t now_ns)
{
    struct conn_group *group = &worker->group;
    worker->phase = phase;
    worker->phase_at = 0;
    if (phase >= WORKER_PHASE_STOP) {
        group->stopping = true;
        worker->connects_begun = group->conns_count; /* the others are not opened any more */
    }
    if (phase >= WORKER_PHASE_DRAIN_END) {
        group->cut = true;
        worker->drain_end_seen_ns =
            worker->drain_end_seen_ns < now_ns ? worker->drain_end_seen_ns : now_ns;
    }
    if (phase == WORKER_PHASE_START) {
        group->started = true;
    }
}

static void worker__notify(struct conn *conn, enum worker_phase phase, bool open_loop)
{
    switch (phase) {
    case WORKER_PHASE_START:
        if (!open_loop) {
            conn_on_start(conn);
        }
        break;
    case WORKER_PHASE_STOP:
        conn_on_stop(conn);
        break;
    case WORKER_PHASE_DRAIN_END:
        conn_on_drain_end(conn);
        break;
    case WORKER_PHASE_ABORT:
        conn_abort(conn);
        break;
    case WORKER_PHASE_NONE:
        break;
    }
}

/* Notifies some more connections of the phase. Returns true while some are left. */
static bool worker__broadcast(struct worker *worker, int64_t now_ns)
{
    struct conn_group *group = &worker->group;
    enum worker_phase wanted = worker__wanted_phase(worker, now_ns);
    if (worker->phase == WORKER_PHASE_NONE || wanted > worker->phase) {
        if (wanted == WORKER_PHASE_NONE) {
            return false;
        }
        worker__begin_phase(worker, wanted, now_ns);
    }
    for (int i = 0; i < WORKER_NOTIFIED_MAX && worker->phase_at < group->conns_count; i++) {
        worker__notify(conn_group_at(group, worker->phase_at++), worker->phase,
                       worker->plan->open_loop);
    }
    if (worker->phase_at < group->conns_count) {
        return true;
    }
    worker->phase_done = worker->phase;
    worker->phase = WORKER_PHASE_NONE;
    return worker__wanted_phase(worker, now_ns) != WORKER_PHASE_NONE;
}

/* The moments of the run, as far as they are known by now. */
static void worker__read_control(struct worker *worker)
{
    struct recorder *recorder = &worker->recorder;
    int64_t t0_ns = atomic_load_explicit(&worker->control->t0_ns, memory_order_relaxed);
    int64_t stop_ns = atomic_load_explicit(&worker->control->stop_ns, memory_order_relaxed);
    if (t0_ns != TIME_NEVER_NS && worker->arrivals.t0_ns == TIME_NEVER_NS) {
        recorder->t0_ns = t0_ns;
        recorder->window_start_ns = t0_ns + worker->plan->scenario->load.warmup_ns;
        if (worker->plan->open_loop) {
            arrivals_start(&worker->arrivals, t0_ns);
        } else {
            worker->arrivals.t0_ns = t0_ns;
        }
    }
    recorder->window_end_ns = stop_ns;
    arrivals_stop(&worker->arrivals, stop_ns);
    const struct course *course =
        atomic_load_explicit(&worker->control->course, memory_order_acquire);
    if (course != worker->arrivals.course) {
        arrivals_follow(&worker->arrivals, course);
        recorder_follow(recorder, &course->pacing);
        /* From here on the one before may be given back. */
        atomic_store_explicit(&worker->live.touches, course->touches, memory_order_release);
    }
}

/* When the next phase begins that no completion announces. */
static int64_t worker__next_phase_ns(const struct worker *worker, int64_t now_ns)
{
    const struct control *control = worker->control;
    const _Atomic int64_t *moments[] = {&control->t0_ns, &control->stop_ns, &control->drain_end_ns,
                                        &control->abort_ns};
    int64_t next_ns = now_ns + NS_PER_S; /* at least: the series and the display want it */
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        int64_t moment_ns = atomic_load_explicit(moments[i], memory_order_relaxed);
        if (moment_ns > now_ns) {
            next_ns = time_earlier_ns(next_ns, moment_ns);
        }
    }
    return next_ns;
}

static void worker__note_sent(struct worker *worker, int64_t left_ns)
{
    struct figures *figures = &worker->recorder.figures;
    if (worker->sent_ns != 0 && left_ns - worker->sent_ns > figures->sent_error_max_ns) {
        figures->sent_error_max_ns = left_ns - worker->sent_ns;
    }
    worker->sent_ns = 0;
}

/* Sends what has been queued. The clock is read right before the system calls, and again after
 * them: a message really left between the two readings. The poll sends the last few. */
static int64_t worker__flush(struct worker *worker)
{
    int64_t sent_ns = cport_now_ns(worker->port);
    worker->recorder.figures.clock_reads++;
    bool more = worker->group.dirty_first != NULL;
    while (more) {
        worker->sent_ns = sent_ns;
        more = conn_flush_some(&worker->group, WORKER_FLUSH_MAX, sent_ns);
        if (more) {
            cport_submit(worker->port);
            sent_ns = cport_now_ns(worker->port);
            worker->recorder.figures.clock_reads++;
            worker__note_sent(worker, sent_ns);
        }
    }
    return sent_ns;
}

static void worker__publish(struct worker *worker)
{
    const struct figures *figures = &worker->recorder.figures;
    live_publish(&worker->live, &figures->counters, worker->group.gauges, figures->setup_timeouts);
}

static void worker__publish_shares(struct worker *worker, int64_t now_ns)
{
    const struct figures *figures = &worker->recorder.figures;
    if (figures->shares_count > 0) {
        live_publish_shares(&worker->live, figures->shares, figures->shares_count);
    }
    live_publish_steps(&worker->live, figures->steps, figures->steps_count);
    worker->shares_published_ns = now_ns;
}

int64_t worker_before_poll(struct worker *worker)
{
    struct conn_group *group = &worker->group;
    int64_t now_ns = group->now_ns;
    worker__read_control(worker);
    bool more = worker__broadcast(worker, now_ns);
    more |= conn_group_end_some(&worker->group, WORKER_NOTIFIED_MAX);
    int64_t next_ns = more ? now_ns : worker__next_phase_ns(worker, now_ns);
    next_ns = time_earlier_ns(next_ns, worker__follow_plan(worker, now_ns));
    worker__pass_barriers(worker);
    struct timer_node *node;
    while ((node = timer_heap_pop(&group->timers, now_ns)) != NULL) {
        conn_on_timer(node);
    }
    if (worker->plan->open_loop && worker->phase_done < WORKER_PHASE_STOP) {
        if (now_ns >= worker->arrivals.stop_ns) {
            next_ns = time_earlier_ns(next_ns, now_ns + WORKER_LATE_LOOK_NS);
        }
        int64_t arrival_ns = arrivals_begin_due(&worker->arrivals, now_ns, WORKER_ARRIVALS_MAX);
        next_ns = time_earlier_ns(next_ns, arrival_ns);
    }
    int64_t end_ns = worker__flush(worker);
    worker->before_poll_ns = end_ns;
    worker__publish_barriers(worker);
    next_ns = time_earlier_ns(next_ns, timer_heap_next_ns(&group->timers));
    if (end_ns - worker->shares_published_ns > 10 * NS_PER_MS ||
        next_ns - end_ns > 10 * NS_PER_MS) {
        worker__publish_shares(worker, end_ns);
    }
    if (end_ns - worker->published_ns > 10 * NS_PER_MS || next_ns > end_ns) {
        worker__publish(worker);
        if (probe_is_asked(&worker->probe)) {
            cport_read_stats(worker->port, &worker->recorder.figures.port);
            if (probe_take(&worker->probe, &worker->recorder.figures)) {
                next_ns = now_ns;
            }
        }
        worker->published_ns = end_ns;
    }
    /* Where the last connection ended without a socket, no completion would end the poll. */
    return worker_is_done(worker) ? now_ns : next_ns;
}

/* A completion may have been pending since the previous poll, less the time that the port slept:
 * it would have woken up. */
void worker_note_poll(struct worker *worker, int64_t now_ns)
{
    struct cport_stats stats;
    cport_read_stats(worker->port, &stats);
    int64_t waited_ns = (int64_t)(stats.waited_ns - worker->waited_ns);
    recorder_poll_gap(&worker->recorder, now_ns - worker->last_poll_ns - waited_ns);
    worker->idle_ns += waited_ns;
    worker__note_sent(worker, now_ns - waited_ns);
    worker->last_poll_ns = cport_last_poll_ns(worker->port);
    worker->waited_ns = stats.waited_ns;
}

/* Thousands of connections do not fit the cache: the next ones are fetched ahead. */
static void worker__fetch_ahead(struct cport_op *const *completions, int count)
{
    if (count > WORKER_AHEAD_CONN) {
        conn_fetch(completions[WORKER_AHEAD_CONN]);
    }
    if (count > WORKER_AHEAD_VM) {
        conn_fetch_vm(completions[WORKER_AHEAD_VM]);
    }
}

/* Up to when all input has been handled, once this poll's completions are. The clock before the
 * poll counts: a thread that is stopped inside it cannot tell when the input was read. Where no
 * poll returns all that the port has, it holds once there were enough polls for every connection to
 * have been served a thousand times (a poll returns 16 receives at least, if there are as many). */
static void worker__note_seen(struct worker *worker, bool drained)
{
    enum { POLLS_EACH = 64, POLLS_LEAST = 1024 };
    struct conn_group *group = &worker->group;
    if (drained || worker->drains_left == 0) {
        group->seen_ns = drained ? worker->before_poll_ns : worker->drains_ns;
        worker->drains_ns = worker->before_poll_ns;
        worker->drains_left = POLLS_EACH * worker->numbers_count + POLLS_LEAST;
    }
    worker->drains_left--;
}

void worker_after_poll(struct worker *worker, struct cport_op **completions, int count)
{
    int64_t now_ns = cport_now_ns(worker->port);
    int64_t turn_ns = now_ns - worker->group.now_ns;
    if (recorder_second_passed(&worker->recorder, now_ns)) {
        recorder_series(&worker->recorder, now_ns, worker->group.gauges);
    }
    worker->group.now_ns = now_ns;
    worker->recorder.now_ns = now_ns;
    worker->recorder.figures.clock_reads++;
    worker_note_poll(worker, now_ns);
    /* A turn that brings nothing is waiting, however it waits (--spin). */
    recorder_idle(&worker->recorder, count == 0 ? turn_ns : worker->idle_ns);
    worker->idle_ns = 0;
    for (int i = 0; i < count; i++) {
        worker__fetch_ahead(completions + i, count - i);
        conn_on_completion(completions[i]);
    }
    worker__note_seen(worker, cport_is_drained(worker->port));
}

bool worker_is_done(const struct worker *worker)
{
    return worker->phase_done >= WORKER_PHASE_STOP &&
           worker->group.gauges[LIVE_FINISHED] == worker->group.conns_count;
}

void worker_finish(struct worker *worker)
{
    int64_t now_ns = cport_now_ns(worker->port);
    if (worker->plan->open_loop) {
        arrivals_give_up(&worker->arrivals, now_ns);
    }
    recorder_series(&worker->recorder, now_ns, worker->group.gauges);
    worker__publish(worker);
    worker__publish_shares(worker, now_ns);
    cport_read_stats(worker->port, &worker->recorder.figures.port);
    worker->recorder.figures.decoded = worker->group.codec_worker.decoded;
    worker->recorder.figures.encoded = worker->group.codec_worker.encoded;
    snprintf(worker->backend, sizeof worker->backend, "%s", cport_backend_name(worker->port));
    if (!worker->left_open) {
        conn_group_close(&worker->group);
    }
}

/* --- The thread: opens the port, runs until the run has stopped and all connections have ended,
 * and abandons those that do not end in time. */

static uint32_t worker__buffer_bytes(const struct plan *plan)
{
    uint32_t bytes = plan->program->message_bytes_max;
    if (bytes < 4096) {
        return 4096;
    }
    return bytes < 65536 ? bytes : 65536;
}

static struct cport *worker__open_port(struct worker *worker)
{
    struct cport_options options = {.backend = worker->plan->options->backend,
                                    .sockets_max = worker->numbers_count,
                                    .recv_buffer_bytes = worker__buffer_bytes(worker->plan),
                                    .times_waits = true,
                                    .busy_poll = worker->plan->options->busy_poll};
    struct cport *port = cport_create(&options, &worker->error);
    if (port == NULL) {
        return NULL;
    }
    const char *reason = cport_fallback_reason(port);
    snprintf(worker->fallback, sizeof worker->fallback, "%s", reason != NULL ? reason : "");
    return port;
}

/* After the drain end, the closing protocol has a time limit, and then the resets have one. */
static bool worker__is_overdue(struct worker *worker)
{
    if (worker->drain_end_seen_ns == TIME_NEVER_NS) {
        return false;
    }
    int64_t passed_ns = worker->group.now_ns - worker->drain_end_seen_ns;
    if (passed_ns > WORKER_END_WITHIN_NS && worker->phase_done < WORKER_PHASE_ABORT) {
        int64_t now_ns = worker->group.now_ns;
        atomic_store(&worker->control->abort_ns, now_ns);
    }
    return passed_ns > WORKER_END_WITHIN_NS + WORKER_ABORT_WITHIN_NS;
}

/* Waking up takes a sleeping machine 30 to 100 us, which would all be send_lag: at the end of a
 * long sleep the thread wakes earlier and polls the port until the arrival. This costs at most a
 * sixteenth of a CPU; at rates that leave no long sleeps the thread is awake anyway. */
#define WORKER_LONG_SLEEP_NS (1 * NS_PER_MS)
#define WORKER_AWAKE_NS      (60 * NS_PER_US)
#define WORKER_POLL_NS       (10 * NS_PER_US)
#define WORKER_READY_POLL_NS (100 * NS_PER_US)

static int worker__poll(struct worker *worker, struct cport_op **completions, int64_t deadline_ns)
{
    const struct options *options = worker->plan->options;
    struct cport *port = worker->port;
    if (options->busy_poll || options->spin_ns > 0) {
        return cport_poll(port, completions, WORKER_COMPLETIONS_MAX,
                          deadline_ns - options->spin_ns);
    }
    if (!worker->plan->open_loop || deadline_ns == TIME_NEVER_NS ||
        deadline_ns - worker->group.now_ns < WORKER_LONG_SLEEP_NS) {
        return cport_poll(port, completions, WORKER_COMPLETIONS_MAX, deadline_ns);
    }
    int64_t awake_ns = deadline_ns - WORKER_AWAKE_NS;
    int count = cport_poll(port, completions, WORKER_COMPLETIONS_MAX, awake_ns);
    int64_t now_ns = cport_now_ns(port);
    while (count == 0 && now_ns >= awake_ns && now_ns < deadline_ns) {
        worker_note_poll(worker, now_ns);
        int64_t next_poll_ns = now_ns + WORKER_POLL_NS;
        while (now_ns < next_poll_ns && now_ns < deadline_ns) {
            now_ns = cport_now_ns(port);
        }
        worker->before_poll_ns = now_ns;
        count = cport_poll(port, completions, WORKER_COMPLETIONS_MAX, 0);
        now_ns = cport_now_ns(port);
    }
    return count;
}

/* A port needs descriptors: the connections of a faster worker could use them up. When another
 * worker fails, the supervisor stops all. */
static void worker__await_others(struct worker *worker)
{
    struct control *control = worker->control;
    atomic_fetch_add(&control->workers_ready, 1);
    while (atomic_load(&control->workers_ready) < worker->plan->workers_count &&
           atomic_load(&control->stop_ns) == TIME_NEVER_NS) {
        clock_sleep_until_ns(clock_now_ns() + WORKER_READY_POLL_NS);
    }
}

static void worker__run(void *argument)
{
    struct worker *worker = argument;
    struct cport_op *completions[WORKER_COMPLETIONS_MAX];
    int outcome = WORKER_FAILED;
    thread_prefer_latency();
    struct cport *port = worker__open_port(worker);
    worker->port = port;
    if (port == NULL || !worker_prepare(worker, port, &worker->error)) {
        goto done;
    }
    atomic_store(&worker->port_to_wake, port);
    worker__await_others(worker);
    while (!worker_is_done(worker)) {
        if (worker__is_overdue(worker)) {
            worker->left_open = true;
            conn_group_count_open(&worker->group);
            break;
        }
        int64_t deadline_ns = worker_before_poll(worker);
        int count = worker__poll(worker, completions, deadline_ns);
        worker_after_poll(worker, completions, count);
    }
    worker_finish(worker);
    outcome = WORKER_ENDED;
done:
    /* The supervisor may be waking the port right now: worker_join() destroys it. */
    atomic_store(&worker->state, outcome);
}

bool worker_start(struct worker *worker, struct error *error)
{
    atomic_store(&worker->state, WORKER_RUNNING);
    return thread_start(&worker->thread, worker__run, worker, 0, error);
}

void worker_join(struct worker *worker)
{
    thread_join(&worker->thread);
    if (worker->port != NULL && !worker->left_open) {
        cport_destroy(worker->port);
        worker->port = NULL;
    }
}

void worker_wake(struct worker *worker)
{
    struct cport *port = atomic_load(&worker->port_to_wake);
    if (port != NULL) {
        cport_wake(port);
    }
}
