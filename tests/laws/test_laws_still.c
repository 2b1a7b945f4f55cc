/* A client that stood still is no reason to call a server late: a time-out is judged by when the
 * reply could have been seen. Over the fake port, on virtual time: the server goes on, the network
 * delivers, and for a while nobody turns the worker. */
#include "client_harness.h"

enum {
    STILL_HELD_MAX = 64,
    STILL_FRAME_BYTES = 204, /* of the scenario's messages: of the pair's frames, and raw */
};

/* Completions that came while the worker stood still, and what was received. */
struct still {
    struct cport_op *ops[STILL_HELD_MAX];
    uint8_t *copies[STILL_HELD_MAX];
    int count;
};

/* Where in its turn the worker stands still. */
enum still_where { STILL_BEFORE_LOOKING, STILL_WHILE_WAITING, STILL_BEFORE_TAKING, STILL_WHERES };

struct still_case {
    const char *framing; /* of the scenario, and ... */
    bool raw;
    uint32_t partial_per_mille;
    uint32_t silent_per_mille;
};

/* One look at the port: the server's completions are taken, the worker's laid aside. */
static void still__poll(struct harness *harness, struct still *still, int64_t deadline_ns)
{
    struct cport_op *completions[HARNESS_BATCH];
    int count = cport_poll(harness->port, completions, HARNESS_BATCH, deadline_ns);
    for (int i = 0; i < count; i++) {
        struct cport_op *op = completions[i];
        if (harness_take(harness, op)) {
            continue;
        }
        assert_true(still->count < STILL_HELD_MAX);
        still->copies[still->count] = NULL;
        if (op->type == CPORT_OP_RECV && op->bytes > 0) {
            uint8_t *copy = malloc(op->bytes); /* what a poll gives is the next one's */
            assert_non_null(copy);
            memcpy(copy, op->data, op->bytes);
            op->data = copy;
            still->copies[still->count] = copy;
        }
        still->ops[still->count++] = op;
    }
}

/* Time goes on for everybody but the worker. */
static void still__pass(struct harness *harness, struct still *still, int64_t pause_ns)
{
    int64_t until_ns = cport_now_ns(harness->port) + pause_ns;
    while (cport_now_ns(harness->port) < until_ns) {
        still__poll(harness, still, until_ns);
    }
}

/* A turn of the worker that stands still somewhere in it. */
static void still__turn(struct harness *harness, int64_t pause_ns, enum still_where where)
{
    struct still still = {.count = 0};
    still__pass(harness, &still, where == STILL_BEFORE_LOOKING ? pause_ns : 0);
    int64_t deadline_ns = worker_before_poll(&harness->worker);
    still__pass(harness, &still, where == STILL_WHILE_WAITING ? pause_ns : 0);
    int64_t later_ns = cport_now_ns(harness->port) + 1;
    bool waits = still.count == 0 && deadline_ns > later_ns;
    still__poll(harness, &still, waits ? deadline_ns : later_ns);
    still__pass(harness, &still, where == STILL_BEFORE_TAKING ? pause_ns : 0);
    worker_after_poll(&harness->worker, still.ops, still.count);
    for (int i = 0; i < still.count; i++) {
        free(still.copies[i]);
    }
    harness->turns++;
}

/* The run begins as soon as all are ready, and ends as the plan says. */
static void still__follow(struct harness *harness, int64_t now_ns)
{
    struct control *control = &harness->control;
    if (atomic_load(&control->t0_ns) == TIME_NEVER_NS &&
        harness->worker.group.gauges[LIVE_SETTLED] == harness->plan.connections) {
        int64_t stop_ns = now_ns + harness->plan.duration_ns;
        atomic_store(&control->drain_end_ns, stop_ns + harness->plan.scenario->load.drain_ns);
        atomic_store(&control->stop_ns, stop_ns);
        atomic_store(&control->t0_ns, now_ns);
    }
}

/* Every 500 ms the worker stands still for 400 ms. */
static void still__run(struct harness *harness, enum still_where where)
{
    int64_t next_ns = cport_now_ns(harness->port) + 500 * NS_PER_MS;
    int64_t limit_ns = next_ns + 30 * NS_PER_S;
    while (!worker_is_done(&harness->worker)) {
        int64_t now_ns = cport_now_ns(harness->port);
        bool stands = now_ns >= next_ns;
        next_ns = stands ? now_ns + 500 * NS_PER_MS : next_ns;
        still__follow(harness, now_ns);
        still__turn(harness, stands ? 400 * NS_PER_MS : 0, where);
        if (now_ns > limit_ns || harness->turns > 1000000) {
            fail_msg("%s", "the worker does not end");
        }
    }
    worker_finish(&harness->worker);
}

static void still__judge(struct harness *harness, const struct still_case *made)
{
    const struct figures *figures = &harness->worker.recorder.figures;
    const uint64_t *totals = figures->counters.totals;
    const uint64_t *errors = figures->counters.errors;
    assert_true(totals[TOTAL_REQUESTS] >= 30);
    assert_int_equal(figures->requests_cut, 0);
    assert_int_equal(totals[TOTAL_RESPONSES] + errors[ERROR_KIND_RESPONSE_TIMEOUT],
                     totals[TOTAL_REQUESTS]);
    /* Every reply comes within 100 ms: each is one, and what never comes is none. */
    assert_int_equal(totals[TOTAL_RESPONSES], harness->bytes_sent / STILL_FRAME_BYTES);
    assert_int_equal(errors[ERROR_KIND_RESPONSE_LATE], 0);
    assert_int_equal(errors[ERROR_KIND_MISMATCH], 0);
    if (made->silent_per_mille == 0) {
        assert_int_equal(errors[ERROR_KIND_RESPONSE_TIMEOUT], 0);
    }
}

static void still__play(const struct still_case *made, enum still_where where)
{
    static struct harness harness;
    static char scenario[1024];
    const char *none[] = {NULL};
    const struct cport_fake_options network = {.seed = 11 + where,
                                               .latency_min_ns = 5 * NS_PER_MS,
                                               .latency_max_ns = 40 * NS_PER_MS,
                                               .partial_recv_per_mille = made->partial_per_mille,
                                               .sockets_max = 64,
                                               .recv_buffer_bytes = 1024};
    snprintf(scenario, sizeof scenario,
             "{\"name\":\"still\",\"target\":{\"host\":\"127.0.0.1\",\"port\":7777}%s,"
             "\"load\":{\"connections\":3,\"in_flight\":2,\"rate\":\"60/s\",\"late\":\"drop\","
             "\"duration\":\"3s\",\"drain\":\"2s\"},\"behaviors\":[{\"loop\":[{\"request\":{"
             "\"send\":{%s\"body\":{"
             "\"random\":{\"bytes\":%d}}},\"verify\":\"same_body\",\"within\":\"300ms\"%s}}]}]}",
             made->framing, made->raw ? "" : "\"id\":1,",
             made->raw ? STILL_FRAME_BYTES : STILL_FRAME_BYTES - 4,
             made->raw ? "" : ",\"match\":{\"id\":1,\"field\":\"u64@0\"}");
    memset(&harness, 0, sizeof harness);
    harness_open(&harness, scenario, none, &network);
    harness.faults.silent = made->silent_per_mille;
    if (made->raw) {
        harness.framing = (struct framing){.type = FRAMING_RAW, .frame_bytes_max = 65535};
    }
    print_message("%s, %u pieces, %u silent, place %d\n", made->raw ? "raw" : "frames",
                  made->partial_per_mille, made->silent_per_mille, (int)where);
    still__run(&harness, where);
    still__judge(&harness, made);
    harness_close(&harness);
}

static void still__everywhere(const struct still_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int where = 0; where < STILL_WHERES; where++) {
            still__play(&cases[i], (enum still_where)where);
        }
    }
}

#define RAW ",\"framing\":{\"type\":\"raw\"}"

static void test_what_came_in_time_is_in_time(void **state)
{
    (void)state;
    static const struct still_case CASES[] = {
        {"", false, 0, 0}, {"", false, 700, 0}, {RAW, true, 0, 0}, {RAW, true, 700, 0}};
    still__everywhere(CASES, COUNT_OF(CASES));
}

static void test_what_never_comes_times_out(void **state)
{
    (void)state;
    static const struct still_case CASES[] = {
        {"", false, 0, 1000}, {"", false, 700, 300}, {RAW, true, 0, 1000}};
    still__everywhere(CASES, COUNT_OF(CASES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_came_in_time_is_in_time),
        cmocka_unit_test(test_what_never_comes_times_out),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("laws_still", tests, NULL, NULL);
}
