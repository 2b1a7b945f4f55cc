/* Deadlines of sessions: silence and lingering end each in its own turn, and no wait of a model's
 * loop is longer than that. The clock is the test's. */
#include "models/common/model_loop.h"
#include "session_harness.h"
#include "unit.h"

#include "core/prng.h"

#define IDLE_NS (8 * NS_PER_S)

enum { SESSIONS = 40, STEPS = 3000, ROUNDS = 20 };

/* What is expected of a session, kept apart from it. */
struct expected {
    int64_t active_ns;
    int64_t linger_ns; /* 0: it does not linger */
    bool over;
};

static int64_t expected_deadline_ns(const struct expected *expected)
{
    return expected->linger_ns != 0 ? expected->linger_ns + SESSION_LINGER_NS
                                    : expected->active_ns + IDLE_NS;
}

static void play_something(struct harness *harness, struct fake *fake, struct expected *expected,
                           uint64_t choice)
{
    if (expected->linger_ns != 0 && choice % 2 == 0 && fake->spans_count > 0) {
        fake->window_bytes = 10; /* the peer reads on, a little */
        fake_take(fake);
        fake->window_bytes = 0;
        expected->linger_ns = harness->now_ns;
    } else if (expected->linger_ns == 0 && choice == 0) {
        static const uint8_t body[900];
        uint8_t frame[4 + sizeof body];
        size_t bytes = frame_put(frame, 1, body, sizeof body);
        session_receive(&fake->session, frame, bytes, harness->now_ns, harness->now_ns);
        session_receive_end(&fake->session, harness->now_ns); /* the reply is still to go */
        expected->linger_ns = harness->now_ns;
    } else if (expected->linger_ns == 0) {
        session_receive(&fake->session, (const uint8_t *)"\5\0\1\0", 4, harness->now_ns,
                        harness->now_ns);
        session_receive(&fake->session, (const uint8_t *)"x", 1, harness->now_ns, harness->now_ns);
        expected->active_ns = harness->now_ns;
    }
}

/* To the next deadline that the shard names, or to when something happens, whatever is first. */
static void play_to(struct harness *harness, struct fake **fakes, struct expected *expected,
                    int64_t until_ns)
{
    struct shard *shard = &harness->shards[0];
    do {
        int64_t deadline_ns = shard_deadline_ns(shard);
        deadline_ns = deadline_ns < until_ns ? deadline_ns : until_ns;
        harness->now_ns = deadline_ns > harness->now_ns ? deadline_ns : harness->now_ns;
        shard_sweep(shard, harness->now_ns);
        harness_turn(harness);
        for (int i = 0; i < SESSIONS; i++) {
            bool due = expected_deadline_ns(&expected[i]) <= harness->now_ns;
            expected[i].over = expected[i].over || due;
            assert_int_equal(fakes[i]->closed_rst, expected[i].over);
        }
    } while (harness->now_ns < until_ns);
}

static void play_round(uint64_t seed)
{
    struct harness *harness = harness_open(&handler_echo);
    struct fake *fakes[SESSIONS];
    struct expected expected[SESSIONS] = {{0}};
    harness->rules.idle_timeout_ns = IDLE_NS;
    harness->now_ns = 1000 * NS_PER_S;
    for (int i = 0; i < SESSIONS; i++) {
        fakes[i] = fake_open(harness, 0);
        fakes[i]->window_bytes = 0;
        expected[i].active_ns = harness->now_ns;
    }
    for (uint64_t step = 0; step < STEPS; step++) {
        int64_t pause_ns = (int64_t)prng_range(seed, step, 0, 0, 100 * NS_PER_MS);
        play_to(harness, fakes, expected, harness->now_ns + pause_ns);
        uint64_t i = prng_range(seed, step, 1, 0, SESSIONS - 1);
        if (!expected[i].over) {
            play_something(harness, fakes[i], &expected[i], prng_range(seed, step, 2, 0, 30));
            harness_turn(harness);
        }
    }
    play_to(harness, fakes, expected, harness->now_ns + IDLE_NS + SESSION_LINGER_NS);
    assert_int_equal(shard_deadline_ns(&harness->shards[0]), TIME_NEVER_NS);
    for (int i = 0; i < SESSIONS; i++) {
        assert_true(expected[i].over);
        fake_end(fakes[i]);
    }
    assert_int_equal(errors(harness, ERROR_KIND_IDLE_TIMEOUT) +
                         errors(harness, ERROR_KIND_CLOSE_TIMEOUT),
                     SESSIONS);
    harness_close(harness);
}

static void test_every_deadline_fires_in_its_own_turn(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    for (uint64_t round = 0; round < ROUNDS; round++) {
        play_round(seed + round);
    }
}

/* -------- the loop of the models -------- */

/* Of the second thread, which has no other reason to wake up: how long it was allowed to wait with
 * a session open, and the session's deadline. So far ahead that no machine is too slow. */
#define PROBE_IDLE_NS (3600 * NS_PER_S)
static struct {
    int64_t until_ns;
    int64_t deadline_ns;
} probe;

static int probe__wait(struct model_thread *thread, int64_t deadline_ns)
{
    struct loop_thread *loop = (struct loop_thread *)thread;
    if (loop->index == 1 && loop->shard->sessions != NULL && probe.until_ns == 0) {
        probe.until_ns = deadline_ns;
        probe.deadline_ns = loop->shard->sessions->active_ns + PROBE_IDLE_NS;
        server_stop(loop->server, SERVER_STOP_NOW);
    }
    return 0;
}

static void probe__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    struct loop_thread *loop = (struct loop_thread *)thread;
    (void)count;
    const struct handoff entry = {.handle = CPORT_HANDLE_NONE};
    /* Not before the second thread is there: else both might go to the first. */
    if (loop->index == 0 && server_threads(loop->server) == 2 &&
        atomic_load(&loop->server->connections) < 2) {
        loop_hand_out(loop, &entry, polled_ns); /* in turn: to itself, to the second thread */
    }
}

static void probe__adopt(struct model_thread *thread, struct conn *conn)
{
    (void)thread;
    (void)conn;
}

static void probe__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    (void)thread;
    (void)now_ns;
    if (session_next((struct session *)conn) == SESSION_CLOSE_RST) {
        loop_free((struct loop_conn *)conn);
    }
}

static void probe__wake(struct model_thread *thread)
{
    (void)thread; /* it never sleeps */
}

static void test_no_wait_is_longer_than_a_deadline(void **state)
{
    (void)state;
    static const struct loop_model functions = {
        .thread_bytes = sizeof(struct loop_thread),
        .conn_bytes = sizeof(struct loop_conn),
        .wait = probe__wait,
        .handle = probe__handle,
        .adopt = probe__adopt,
        .advance = probe__advance,
        .wake = probe__wake,
    };
    static const struct model model = {
        .name = "probe", .kind = MODEL_REACTOR, LOOP_MODEL(&functions)};
    struct server_options options;
    struct error error;
    server_options_default(&options);
    options.model = &model;
    options.port = 0;
    options.threads = 2;
    options.connections_max = 10;
    options.idle_timeout_ns = PROBE_IDLE_NS;
    struct server *server = server_create(&options, &error);
    assert_non_null(server);
    assert_true(server_start(server, &error));
    server_join(server);
    assert_true(probe.until_ns != 0 && probe.until_ns <= probe.deadline_ns);
    server_destroy(server);
}

/* Of this system's models all wait in that loop; iocp has its own, whose tick is a bound. */
static void test_every_model_waits_in_that_loop(void **state)
{
    (void)state;
    for (int i = 0; model_table[i] != NULL; i++) {
        const struct model *model = model_table[i];
        bool own = model->kind == MODEL_NONE || strcmp(model->name, "iocp") == 0;
        assert_true(own || (model->loop != NULL && model->run == loop_run));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_deadline_fires_in_its_own_turn),
        cmocka_unit_test(test_no_wait_is_longer_than_a_deadline),
        cmocka_unit_test(test_every_model_waits_in_that_loop),
    };
    struct error error;
    clock_setup();
    if (!net_setup(&error)) {
        return 1;
    }
    return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
