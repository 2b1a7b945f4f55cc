/* The worker's thread: makes the port, turns until the run has stopped and all connections have
 * ended, and gives up on what does not end in time. */
#include "core/clock.h"
#include "play/worker.h"

#include <stdio.h>

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

/* After the cut every end has a bound: first the closing protocol's, then the resets'. */
static bool worker__is_overdue(struct worker *worker)
{
    if (worker->cut_seen_ns == TIME_NEVER_NS) {
        return false;
    }
    int64_t passed_ns = worker->group.now_ns - worker->cut_seen_ns;
    if (passed_ns > WORKER_END_WITHIN_NS && worker->sweep_done < WORKER_SWEEP_ABORT) {
        int64_t now_ns = worker->group.now_ns;
        atomic_store(&worker->control->abort_ns, now_ns);
    }
    return passed_ns > WORKER_END_WITHIN_NS + WORKER_ABORT_WITHIN_NS;
}

/* Waking up takes a sleeping machine 30 to 100 us, which would all be send_lag: after a long sleep
 * the last bit before an arrival is waited for awake, with a look at the port now and then. At most
 * a sixteenth of a CPU; at rates that leave no long sleeps the thread is awake anyway. */
#define WORKER_LONG_SLEEP_NS (1 * NS_PER_MS)
#define WORKER_AWAKE_NS      (60 * NS_PER_US)
#define WORKER_LOOK_NS       (10 * NS_PER_US)
#define WORKER_READY_LOOK_NS (100 * NS_PER_US)

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
        worker_note_look(worker, now_ns);
        int64_t look_ns = now_ns + WORKER_LOOK_NS;
        while (now_ns < look_ns && now_ns < deadline_ns) {
            now_ns = cport_now_ns(port);
        }
        worker->polled_ns = now_ns;
        count = cport_poll(port, completions, WORKER_COMPLETIONS_MAX, 0);
        now_ns = cport_now_ns(port);
    }
    return count;
}

/* A port takes descriptors, of which the connections of those who are faster could leave none. When
 * another worker fails, the supervisor stops all. */
static void worker__await_others(struct worker *worker)
{
    struct control *control = worker->control;
    atomic_fetch_add(&control->workers_ready, 1);
    while (atomic_load(&control->workers_ready) < worker->plan->workers_count &&
           atomic_load(&control->stop_ns) == TIME_NEVER_NS) {
        clock_sleep_until_ns(clock_now_ns() + WORKER_READY_LOOK_NS);
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
            break;
        }
        int64_t deadline_ns = worker_before_poll(worker);
        int count = worker__poll(worker, completions, deadline_ns);
        worker_after_poll(worker, completions, count);
    }
    worker_finish(worker);
    outcome = WORKER_ENDED;
done:
    /* The supervisor may be waking the port right now: worker_join() destroys it, not we. */
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
