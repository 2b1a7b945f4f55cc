#include "laws_play.h"

/* Connections that are no longer wanted may take so long to end: their pass, teardown, the close;
 * longer where the server does not end its side. */
static const int64_t LAWS_LEAVING_NS = 1500 * NS_PER_MS;
static const int64_t LAWS_LEAVING_LONG_NS = 10 * NS_PER_S;

static void laws__fail(void *context, const char *line)
{
    (void)context;
    fail_msg("%s", line);
}

static void laws__open_worker(struct laws_play *play, uint32_t index,
                              const struct laws_setting *setting)
{
    struct harness *harness = &play->ports[index];
    struct error error = {""};
    struct cport_fake_options network = setting->network;
    network.seed = prng_mix(setting->seed, index);
    harness->seed = network.seed;
    harness->faults = setting->faults;
    framing_default(&harness->framing);
    harness->port = cport_fake_create(&network, &error);
    assert_non_null(harness->port);
    harness->peers = calloc(HARNESS_PEERS_MAX, sizeof *harness->peers);
    assert_non_null(harness->peers);
    struct net_address address = play->plan->targets[0].address;
    if (!cport_listen(harness->port, &harness->listener, &address, 128, &error)) {
        laws__fail(NULL, error.text);
    }
    cport_accept(harness->port, &harness->listener, &harness->accept_op);
    if (!worker_open(&harness->worker, play->plan, play->control, &play->pool, index,
                     play->origin_ns, &error) ||
        !worker_prepare(&harness->worker, harness->port, &error)) {
        laws__fail(NULL, error.text);
    }
}

static void laws__wake(void *context, uint32_t worker)
{
    struct laws_play *play = context;
    cport_wake(play->ports[worker].port);
}

void laws_play_open(struct laws_play *play, const struct laws_setting *setting)
{
    struct error error = {""};
    memset(play, 0, sizeof *play);
    const char *arguments[] = {"--threads", setting->threads, NULL};
    harness_plan(&play->ports[0], setting->scenario, arguments);
    play->plan = &play->ports[0].plan;
    play->control = &play->ports[0].control;
    play->slice_ns = setting->slice_ns;
    play->crash_ns = setting->crash_ns;
    play->kind = setting->kind;
    play->workers_count = play->plan->workers_count;
    play->plan->workers_total = play->workers_count;
    assert_in_range(play->workers_count, 1, LAWS_WORKERS_MAX);
    control_init(play->control, &play->plan->course);
    play->run.course = &play->plan->course;
    play->touches_max = setting->touches;
    play->touch_seed = setting->seed;
    play->origin_ns = NS_PER_S; /* where the clock of a fake port begins */
    play->settled_ns = play->origin_ns;
    assert_true(arrivals_pool_open(&play->pool, play->plan, laws__wake, play, &error));
    for (uint32_t i = 0; i < play->workers_count; i++) {
        laws__open_worker(play, i, setting);
    }
    atomic_store(&play->control->workers_ready, play->workers_count);
}

uint32_t laws_play_gauge(const struct laws_play *play, enum live_gauge gauge)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < play->workers_count; i++) {
        sum += play->ports[i].worker.group.gauges[gauge];
    }
    return sum;
}

/* --- The supervisor's stand-in, once per slice. */

static void laws__stop(struct laws_play *play, int64_t now_ns)
{
    if (now_ns < atomic_load(&play->control->stop_ns)) {
        atomic_store(&play->control->stop_ns, now_ns);
        atomic_store(&play->control->drain_end_ns, now_ns);
    }
}

/* Nothing has become ready, or begun to connect, for longer than that may take. */
static bool laws__is_overdue(struct laws_play *play, int64_t now_ns)
{
    const struct plan *plan = play->plan;
    uint32_t settled = laws_play_gauge(play, LIVE_SETTLED);
    uint32_t queued = laws_play_gauge(play, LIVE_QUEUED);
    if (settled != play->settled || queued != play->queued) {
        play->settled = settled;
        play->queued = queued;
        play->settled_ns = now_ns;
    }
    int64_t gap_ns =
        plan->scenario->load.connect_rate_per_s > 0 ? plan_connect_offset_ns(plan, 1) : 0;
    return now_ns - play->settled_ns > plan_ready_within_ns(plan) + gap_ns;
}

static void laws__watch(struct laws_play *play, int64_t now_ns)
{
    struct control *control = play->control;
    const struct plan *plan = play->plan;
    uint32_t ended = laws_play_gauge(play, LIVE_STALLED) + laws_play_gauge(play, LIVE_FINISHED);
    if (now_ns >= atomic_load(&control->stop_ns)) {
        return;
    }
    if (play->run.t0_ns != TIME_NEVER_NS) {
        if (ended >= plan->connections) {
            laws__stop(play, now_ns);
        }
        return;
    }
    bool settled = laws_play_gauge(play, LIVE_SETTLED) >= plan->connections_at_start;
    if (!laws__is_overdue(play, now_ns) && !settled) {
        return;
    }
    if (plan->connections_at_start > 0 && ended >= plan->connections_at_start) {
        laws__stop(play, now_ns);
        return;
    }
    int64_t stop_ns = now_ns + plan->duration_ns;
    play->run.t0_ns = now_ns;
    atomic_store(&control->drain_end_ns, stop_ns + plan->scenario->load.drain_ns);
    atomic_store(&control->stop_ns, stop_ns);
    atomic_store(&control->t0_ns, now_ns);
}

/* What somebody might do who steers the run. */
static struct touch laws__draw_touch(const struct laws_play *play)
{
    static const enum touch_kind KINDS[] = {TOUCH_RATE,        TOUCH_SCALE,       TOUCH_SCALE,
                                            TOUCH_CONNECTIONS, TOUCH_CONNECTIONS, TOUCH_PAUSE,
                                            TOUCH_RESUME,      TOUCH_RESUME,      TOUCH_END_STAGE,
                                            TOUCH_RATE_EACH,   TOUCH_END_RUN};
    uint64_t seed = play->touch_seed;
    uint64_t n = play->touches * 3;
    struct touch touch = {.kind = KINDS[prng_range(seed, 30, n, 0, 10)]};
    uint32_t side = play->plan->connections;
    bool closed = !play->plan->open_loop;
    bool each = play->plan->course.each.arrivals_total > 0;
    if ((touch.kind == TOUCH_RATE && closed) || (touch.kind == TOUCH_RATE_EACH && !each)) {
        touch.kind = TOUCH_CONNECTIONS;
    } else if (touch.kind == TOUCH_END_RUN && prng_range(seed, 30, n + 1, 0, 3) > 0) {
        touch.kind = TOUCH_RESUME;
    }
    touch.value = touch.kind == TOUCH_SCALE ? (double)prng_range(seed, 30, n + 2, 0, 20) / 10
                  : touch.kind == TOUCH_CONNECTIONS ? (double)prng_range(seed, 30, n + 2, 0, side)
                  : touch.kind == TOUCH_RATE_EACH   ? (double)prng_range(seed, 30, n + 2, 0, 40)
                                                    : (double)prng_range(seed, 30, n + 2, 0, 400);
    return touch;
}

static void laws__steer(struct laws_play *play, int64_t now_ns)
{
    struct control *control = play->control;
    struct run *run = &play->run;
    if (run->t0_ns == TIME_NEVER_NS || play->touches == play->touches_max ||
        now_ns < play->touch_ns) {
        return;
    }
    struct error error;
    struct course *course = &play->courses[play->touches];
    struct touch touch = laws__draw_touch(play);
    touch.at_ns = now_ns + 2 * NS_PER_MS - run->t0_ns;
    play->touch_ns =
        now_ns + (int64_t)prng_range(play->touch_seed, 31, play->touches, 1, 300) * NS_PER_MS;
    if (touch.at_ns >= run->course->end_ns || now_ns >= atomic_load(&control->stop_ns)) {
        return;
    }
    assert_true(course_open_touched(course, run->course, &touch, &error));
    play->touches++;
    run->course = course;
    int64_t stop_ns = run->t0_ns + course->end_ns;
    if (stop_ns < atomic_load(&control->stop_ns)) {
        atomic_store(&control->drain_end_ns, stop_ns + play->plan->scenario->load.drain_ns);
        atomic_store(&control->stop_ns, stop_ns);
    }
    atomic_store(&control->course, course);
}

static void laws__watch_barriers(struct laws_play *play)
{
    uint32_t count = play->plan->program->barriers_count;
    for (uint32_t b = 0; b < count; b++) {
        _Atomic uint32_t *opening = &play->control->barrier_opened[b];
        uint32_t number = atomic_load(opening);
        uint32_t waiting = 0;
        uint32_t present = 0;
        bool passed = true;
        for (uint32_t i = 0; i < play->workers_count; i++) {
            const struct live *live = &play->ports[i].worker.live;
            passed = passed && atomic_load(&live->barrier_seen[b]) == number;
            waiting += atomic_load(&live->barrier_waiting[b]);
            present += atomic_load(&live->barrier_present[b]);
        }
        if (passed && waiting > 0 && waiting >= present) {
            atomic_store(opening, number + 1);
        }
    }
}

/* Connects by now, and how many connect_rate lets come by then. */
static void laws__watch_connects(struct laws_play *play, int64_t now_ns)
{
    double rate_per_s = play->plan->scenario->load.connect_rate_per_s;
    double allowed = rate_per_s * (double)(now_ns - play->origin_ns) / (double)NS_PER_S + 1;
    double attempted = 0;
    for (uint32_t i = 0; i < play->workers_count; i++) {
        const struct recorder *recorder = &play->ports[i].worker.recorder;
        attempted += (double)recorder->figures.counters.totals[TOTAL_CONNECTS_ATTEMPTED];
    }
    if (rate_per_s > 0 && attempted - allowed > play->connects_early) {
        play->connects_early = attempted - allowed;
    }
}

/* Open connections were wanted, now or a moment ago. */
static void laws__watch_population(struct laws_play *play, int64_t now_ns)
{
    uint32_t open = laws_play_gauge(play, LIVE_OPEN);
    play->open_most = open > play->open_most ? open : play->open_most;
    if (play->run.t0_ns == TIME_NEVER_NS || now_ns >= atomic_load(&play->control->stop_ns)) {
        return;
    }
    play->open_at_stop = open;
    int64_t until_ns = now_ns - play->run.t0_ns;
    int64_t from_ns = until_ns - (play->kind ? LAWS_LEAVING_NS : LAWS_LEAVING_LONG_NS);
    from_ns = from_ns < -1 ? -1 : from_ns;
    uint32_t wanted = population_wanted(&play->run.course->population, until_ns);
    /* From change to change: a number may be wanted for no longer than a moment. */
    for (int64_t at_ns = from_ns; at_ns < until_ns;
         at_ns = population_next_ns(&play->run.course->population, at_ns)) {
        uint32_t then = population_wanted(&play->run.course->population, at_ns);
        wanted = then > wanted ? then : wanted;
    }
    uint32_t extra = open > wanted ? open - wanted : 0;
    play->open_extra = extra > play->open_extra ? extra : play->open_extra;
}

static void laws__crash(struct laws_play *play)
{
    play->crashed = true;
    for (uint32_t i = 0; i < play->workers_count; i++) {
        struct harness *harness = &play->ports[i];
        harness->listener_closed = true;
        cport_close(harness->port, &harness->listener, &harness->listener_close_op,
                    CPORT_CLOSE_FIN);
        for (uint32_t p = 0; p < harness->peers_count; p++) {
            if (harness->peers[p].open) {
                peer_close(harness, &harness->peers[p], CPORT_CLOSE_RST);
            }
        }
    }
}

/* --- The workers. */

static void laws__turn(struct harness *harness, int64_t until_ns)
{
    struct cport_op *completions[HARNESS_BATCH];
    struct cport_op *own[HARNESS_BATCH];
    int own_count = 0;
    int64_t deadline_ns = worker_before_poll(&harness->worker);
    int64_t later_ns = cport_now_ns(harness->port) + 1; /* as a real clock, it never stands still */
    deadline_ns = deadline_ns < later_ns ? later_ns : deadline_ns;
    deadline_ns = deadline_ns < until_ns ? deadline_ns : until_ns;
    int count = cport_poll(harness->port, completions, HARNESS_BATCH, deadline_ns);
    for (int i = 0; i < count; i++) {
        if (!harness_take(harness, completions[i])) {
            own[own_count++] = completions[i];
        }
    }
    worker_after_poll(&harness->worker, own, own_count);
    harness->turns++;
}

static bool laws__is_done(const struct laws_play *play)
{
    for (uint32_t i = 0; i < play->workers_count; i++) {
        if (!worker_is_done(&play->ports[i].worker)) {
            return false;
        }
    }
    return true;
}

static void laws__collect(struct laws_play *play, int64_t now_ns)
{
    const struct plan *plan = play->plan;
    struct error error = {""};
    struct run *run = &play->run;
    struct figures_shape shape = plan_shape(plan);
    assert_true(figures_open(&run->figures, &shape, RESULT_ABNORMAL_MAX, play->origin_ns, &error));
    for (int gauge = 0; gauge < LIVE_GAUGES; gauge++) {
        play->gauges[gauge] = laws_play_gauge(play, (enum live_gauge)gauge);
    }
    for (uint32_t i = 0; i < play->workers_count; i++) {
        struct harness *harness = &play->ports[i];
        worker_finish(&harness->worker);
        assert_true(figures_add(&run->figures, &harness->worker.recorder.figures));
        play->frames += harness->frames;
        play->bytes_received += harness->bytes_received;
        play->bytes_sent += harness->bytes_sent;
    }
    int64_t stop_ns = atomic_load(&play->control->stop_ns);
    run->origin_ns = play->origin_ns;
    run->end_ns = now_ns;
    run->stop_ns = stop_ns < now_ns ? stop_ns : now_ns;
    play->told = run->figures.arrivals; /* run_measure() enters what nobody has told about */
    run_measure(run, plan);
}

void laws_play_run(struct laws_play *play)
{
    const struct plan *plan = play->plan;
    play->run.t0_ns = TIME_NEVER_NS;
    int64_t now_ns = play->origin_ns;
    int64_t limit_ns = now_ns + plan_ready_within_ns(plan) * (1 + plan->connections) +
                       plan_connect_offset_ns(plan, plan->connections) + plan->duration_ns +
                       plan->scenario->load.drain_ns + WORKER_END_WITHIN_NS +
                       WORKER_ABORT_WITHIN_NS + NS_PER_S;
    while (!laws__is_done(play)) {
        now_ns += play->slice_ns;
        for (uint32_t i = 0; i < play->workers_count; i++) {
            struct harness *harness = &play->ports[i];
            uint64_t turns = harness->turns;
            while (!worker_is_done(&harness->worker) && cport_now_ns(harness->port) < now_ns) {
                laws__turn(harness, now_ns);
                if (harness->turns > turns + 100000) {
                    fail_msg("worker %u spins at %lld ns", i, (long long)now_ns);
                }
            }
        }
        if (play->crash_ns > 0 && !play->crashed && now_ns - play->origin_ns >= play->crash_ns) {
            laws__crash(play);
        }
        laws__watch(play, now_ns);
        laws__steer(play, now_ns);
        laws__watch_barriers(play);
        laws__watch_population(play, now_ns);
        laws__watch_connects(play, now_ns);
        if (now_ns > limit_ns) {
            fail_msg("the run does not end: %u of %u connections have",
                     laws_play_gauge(play, LIVE_FINISHED), plan->connections);
        }
    }
    laws__collect(play, now_ns);
}

void laws_play_close(struct laws_play *play)
{
    for (uint32_t i = 0; i < play->workers_count; i++) {
        harness_close_worker(&play->ports[i]);
    }
    arrivals_pool_close(&play->pool);
    figures_close(&play->run.figures);
    for (uint32_t i = 0; i < play->touches; i++) {
        course_close(&play->courses[i]);
    }
    plan_close(play->plan);
}
