/* The client's connections over the fake port: every request ends exactly once, every byte is
 * counted, nothing hangs, whatever the network and the server do. */
#include "client_harness.h"

static const char OPEN_LOOP[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 20, \"rate\": \"2000/s\", \"duration\": \"2s\","
    "              \"drain\": \"1s\", \"arrival\": \"poisson\" },"
    "  \"behaviors\": [ { \"name\": \"a\", \"weight\": 3, \"on_disconnect\": \"reconnect\","
    "    \"loop\": [ { \"request\": { \"name\": \"echo\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": [1, 300] } } },"
    "      \"verify\": \"same_body\", \"within\": \"300ms\" } } ] },"
    "    { \"name\": \"b\", \"weight\": 1, \"on_disconnect\": \"reconnect\","
    "    \"setup\": [ { \"request\": { \"name\": \"login\","
    "      \"send\": { \"id\": 2, \"body\": { \"text\": \"me\" } }, \"within\": \"300ms\" } } ],"
    "    \"loop\": [ { \"request\": { \"name\": \"echo b\","
    "      \"send\": { \"id\": 3, \"body\": { \"random\": { \"bytes\": 3000 } } },"
    "      \"verify\": \"same_body\", \"within\": \"300ms\" } } ] } ] }";

static const char CLOSED_LOOP[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 10, \"duration\": \"1s\", \"drain\": \"1s\","
    "              \"in_flight\": 4 },"
    "  \"behaviors\": [ { \"name\": \"a\", \"on_disconnect\": \"reconnect\","
    "    \"loop\": [ { \"request\": { \"name\": \"echo\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": [8, 900] } } },"
    "      \"match\": { \"id\": 1, \"field\": \"u64@0\" },"
    "      \"verify\": \"same_body\", \"within\": \"200ms\" } },"
    "      { \"think\": \"2ms\" } ] } ] }";

static const char ECHO[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 5, \"rate\": \"100/s\", \"duration\": \"1s\" },"
    "  \"behaviors\": [ { \"loop\": [ { \"request\": {"
    "    \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 28 } } },"
    "    \"verify\": \"same_body\" } } ] } ] }";

static struct cport_fake_options kind_network(uint64_t seed)
{
    return (struct cport_fake_options){.seed = seed,
                                       .latency_min_ns = 20 * NS_PER_US,
                                       .latency_max_ns = 200 * NS_PER_US,
                                       .sockets_max = 128,
                                       .recv_buffer_bytes = 1024};
}

static struct cport_fake_options rough_network(uint64_t seed)
{
    struct cport_fake_options options = kind_network(seed);
    options.partial_send_per_mille = 200;
    options.partial_recv_per_mille = 300;
    options.reset_per_mille = 2;
    options.refuse_per_mille = 50;
    options.late_per_mille = 20;
    options.late_ns = 3 * NS_PER_MS;
    options.send_window_bytes = 4096;
    return options;
}

static uint64_t connect_errors(const uint64_t *errors)
{
    return errors[ERROR_KIND_CONNECT_REFUSED] + errors[ERROR_KIND_CONNECT_TIMEOUT] +
           errors[ERROR_KIND_CONNECT_UNREACHABLE] + errors[ERROR_KIND_CONNECT_OTHER];
}

/* What must hold after every run, however it went. */
static void assert_consistent(const struct harness *harness)
{
    const struct figures *figures = &harness->worker.recorder.figures;
    const uint64_t *totals = figures->counters.totals;
    const uint64_t *errors = figures->counters.errors;
    uint64_t given_up =
        totals[TOTAL_CONNECTS_ATTEMPTED] - totals[TOTAL_CONNECTS_OK] - connect_errors(errors);
    /* Connects that the end of the run gave up have no outcome; one per connection at most. */
    assert_true(given_up <= harness->plan.connections);
    assert_int_equal(totals[TOTAL_CONNECTS_OK],
                     totals[TOTAL_CONNECTIONS_CLEAN] + totals[TOTAL_CONNECTIONS_ABNORMAL]);
    assert_int_equal(totals[TOTAL_CONNECTIONS_ABNORMAL], figures->abnormal_total);
    assert_int_equal(totals[TOTAL_REQUESTS],
                     totals[TOTAL_RESPONSES] + errors[ERROR_KIND_RESPONSE_TIMEOUT] +
                         errors[ERROR_KIND_RESPONSE_LOST] + figures->requests_cut);
    assert_int_equal(totals[TOTAL_MESSAGES_RECEIVED],
                     totals[TOTAL_RESPONSES] + totals[TOTAL_MESSAGES_UNSOLICITED]);
    assert_true(totals[TOTAL_MESSAGES_SENT] <= totals[TOTAL_REQUESTS]);
    /* Every arrival of the window is in response once: answered, given up, or never begun. With
     * them, logins of those that had to come back. */
    int64_t responses = histogram_count(&figures->latency[LATENCY_RESPONSE]);
    int64_t arrivals = (int64_t)figures->arrivals.intended;
    if (harness->plan.open_loop && figures->abnormal_total == 0) {
        assert_int_equal(responses, arrivals);
    } else if (harness->plan.open_loop) {
        int64_t logins = histogram_count(&figures->steps[1].latency[LATENCY_RESPONSE]);
        assert_string_equal(harness->plan.step_names[1], "login");
        assert_true(responses >= arrivals && responses <= arrivals + logins);
    }
    assert_true(harness->bytes_received <= totals[TOTAL_BYTES_SENT]);
    assert_null(harness->worker.group.blocks); /* worker_finish() has closed the group */
}

static void play(struct harness *harness, const char *scenario,
                 const struct cport_fake_options *network, const struct harness_faults *faults)
{
    *harness = (struct harness){.faults = *faults};
    const char *arguments[] = {NULL};
    harness_open(harness, scenario, arguments, network);
    harness_run(harness);
    assert_consistent(harness);
}

static void test_kind_server_is_reconciled_to_the_byte(void **state)
{
    (void)state;
    const char *scenarios[] = {OPEN_LOOP, CLOSED_LOOP};
    for (int i = 0; i < 2; i++) {
        static struct harness harness;
        struct cport_fake_options network = kind_network(3);
        network.partial_send_per_mille = 300;
        network.partial_recv_per_mille = 300;
        play(&harness, scenarios[i], &network, &(struct harness_faults){0});
        const struct figures *figures = &harness.worker.recorder.figures;
        const uint64_t *totals = figures->counters.totals;
        assert_int_equal(counters_errors_sum(&figures->counters), 0);
        assert_int_equal(totals[TOTAL_CONNECTIONS_ABNORMAL], 0);
        assert_int_equal(totals[TOTAL_CONNECTS_OK], harness.plan.connections);
        assert_int_equal(totals[TOTAL_BYTES_SENT], harness.bytes_received);
        assert_int_equal(totals[TOTAL_BYTES_RECEIVED], harness.bytes_sent);
        assert_int_equal(totals[TOTAL_MESSAGES_SENT], harness.frames);
        assert_int_equal(totals[TOTAL_REQUESTS], totals[TOTAL_RESPONSES]);
        assert_true(totals[TOTAL_ITERATIONS] > 1000);
        harness_close(&harness);
    }
}

/* All may end badly on one of them: the list is the run's. */
static void test_each_thread_lists_as_many_abnormal_ends_as_the_run(void **state)
{
    (void)state;
    static struct harness harness;
    static const char *arguments[] = {"-c", "8", "-t", "4", NULL};
    struct cport_fake_options network = kind_network(3);
    harness_open(&harness, CLOSED_LOOP, arguments, &network);
    assert_int_equal(harness.plan.workers_count, 4);
    assert_int_equal(harness.worker.recorder.figures.abnormal_max, RESULT_ABNORMAL_MAX);
    harness_close(&harness);
}

static void test_same_seed_same_run(void **state)
{
    (void)state;
    struct counters counters[2];
    for (int i = 0; i < 2; i++) {
        static struct harness harness;
        struct cport_fake_options network = rough_network(11);
        play(&harness, OPEN_LOOP, &network, &(struct harness_faults){.silent = 10});
        counters[i] = harness.worker.recorder.figures.counters;
        harness_close(&harness);
    }
    assert_memory_equal(&counters[0], &counters[1], sizeof counters[0]);
}

static void test_corrupt_replies_are_mismatches_and_nothing_else(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(5);
    play(&harness, CLOSED_LOOP, &network, &(struct harness_faults){.corrupt = 100});
    const uint64_t *errors = harness.worker.recorder.figures.counters.errors;
    assert_true(harness.corrupted > 50);
    assert_true(errors[ERROR_KIND_MISMATCH] > 0);
    assert_true(errors[ERROR_KIND_MISMATCH] <= harness.corrupted);
    assert_int_equal(errors[ERROR_KIND_RESET] + errors[ERROR_KIND_UNEXPECTED_CLOSE] +
                         errors[ERROR_KIND_FRAME_ERROR],
                     0);
    harness_close(&harness);
}

static void test_garbage_is_a_frame_error_per_connection(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(6);
    play(&harness, CLOSED_LOOP, &network, &(struct harness_faults){.garbage = 20});
    const uint64_t *totals = harness.worker.recorder.figures.counters.totals;
    const uint64_t *errors = harness.worker.recorder.figures.counters.errors;
    assert_true(errors[ERROR_KIND_FRAME_ERROR] > 10);
    assert_int_equal(errors[ERROR_KIND_FRAME_ERROR], totals[TOTAL_CONNECTIONS_ABNORMAL]);
    assert_int_equal(errors[ERROR_KIND_MISMATCH], 0);
    harness_close(&harness);
}

static void test_server_that_leaves_is_an_unexpected_close(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(7);
    play(&harness, OPEN_LOOP, &network, &(struct harness_faults){.leave = 10, .reset = 10});
    const uint64_t *errors = harness.worker.recorder.figures.counters.errors;
    assert_true(errors[ERROR_KIND_UNEXPECTED_CLOSE] > 5);
    assert_true(errors[ERROR_KIND_RESET] > 5);
    assert_int_equal(errors[ERROR_KIND_FRAME_ERROR] + errors[ERROR_KIND_MISMATCH], 0);
    harness_close(&harness);
}

/* No completion tells a worker that its last connection has ended without a socket. */
static void test_run_without_connections_ends_at_its_stop(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(7);
    const char *arguments[] = {"--rate", "1000", NULL};
    harness = (struct harness){.faults = {.reset = 1000}};
    harness_open(&harness, ECHO, arguments, &network);
    harness_run(&harness);
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->counters.errors[ERROR_KIND_RESET], harness.plan.connections);
    assert_true(figures->arrivals.intended < 100); /* of 1,000: it was stopped early */
    assert_true(cport_now_ns(harness.port) - atomic_load(&harness.control.stop_ns) < NS_PER_MS);
    harness_close(&harness);
}

static void test_silent_server_times_out_every_request(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(8);
    play(&harness, OPEN_LOOP, &network, &(struct harness_faults){.silent = 1000});
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->counters.totals[TOTAL_RESPONSES], 0);
    assert_true(figures->counters.errors[ERROR_KIND_RESPONSE_TIMEOUT] > 50);
    assert_true(figures->arrivals.never_started > 1000);
    assert_int_equal(figures->latency[LATENCY_RESPONSE].censored_count, figures->arrivals.intended);
    harness_close(&harness);
}

static void test_deaf_server_does_not_hold_up_the_end(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(9);
    network.send_window_bytes = 1000; /* a message of 3,000 bytes never goes out whole */
    play(&harness, OPEN_LOOP, &network, &(struct harness_faults){.deaf = true});
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->counters.totals[TOTAL_RESPONSES], 0);
    assert_int_equal(figures->counters.totals[TOTAL_CONNECTIONS_CLEAN], 0);
    harness_close(&harness);
}

static const char BIG_MESSAGES[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 2, \"duration\": \"1s\", \"drain\": \"1s\","
    "              \"in_flight\": 8 },"
    "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"request\": { \"name\": \"echo\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 60000 } } },"
    "      \"within\": \"200ms\", \"on_timeout\": \"%s\" } } ] } ] }";

static void test_requests_behind_a_full_queue_time_out(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(14);
    network.send_window_bytes = 1000;
    char scenario[1024];
    snprintf(scenario, sizeof scenario, BIG_MESSAGES, "continue");
    play(&harness, scenario, &network, &(struct harness_faults){.deaf = true});
    const struct figures *figures = &harness.worker.recorder.figures;
    /* Of 8 lanes 4 find room in the queue; no reply ever comes to any. */
    assert_int_equal(figures->counters.errors[ERROR_KIND_RESPONSE_TIMEOUT], 2 * 4);
    assert_true(figures->requests_cut > 0);
    harness_close(&harness);

    snprintf(scenario, sizeof scenario, BIG_MESSAGES, "reconnect");
    play(&harness, scenario, &network, &(struct harness_faults){.deaf = true});
    figures = &harness.worker.recorder.figures;
    assert_true(figures->counters.errors[ERROR_KIND_RESPONSE_TIMEOUT] >= 2);
    assert_true(figures->counters.totals[TOTAL_CONNECTS_OK] > 2);
    harness_close(&harness);
}

/* It answers no handshake of a codec: each has lasted until its connection ended, by its time,
 * which is an error, or by the end of the run. */
static void test_handshakes_of_a_codec_that_do_not_end_are_censored(void **state)
{
    (void)state;
    static struct harness harness;
    static const char SCENARIO[] =
        "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
        "  \"framing\": { \"type\": \"websocket\", \"path\": \"/\" },"
        "  \"load\": { \"connections\": 5, \"duration\": \"1s\", \"connect_timeout\": \"200ms\" },"
        "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"think\": \"2ms\" } ] } ] }";
    static const char *arguments[] = {NULL};
    for (int cut = 0; cut <= 1; cut++) {
        struct cport_fake_options network = kind_network(14);
        harness = (struct harness){.faults = {.deaf = true}};
        harness_open(&harness, SCENARIO, arguments, &network);
        if (cut) {
            harness_abort_at(&harness, cport_now_ns(harness.port) + 100 * NS_PER_MS);
        }
        harness_run(&harness);
        const struct figures *figures = &harness.worker.recorder.figures;
        const struct histogram *greeting = &figures->latency[LATENCY_CODEC_HANDSHAKE];
        uint64_t connects = figures->counters.totals[TOTAL_CONNECTS_OK];
        assert_true(connects >= 5);
        assert_int_equal(histogram_count(greeting), connects);
        assert_int_equal(greeting->censored_count, connects);
        assert_int_equal(figures->counters.errors[ERROR_KIND_CODEC_HANDSHAKE] > 0, !cut);
        harness_close(&harness);
    }
}

static void test_server_that_never_ends_its_side_is_counted(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(10);
    play(&harness, CLOSED_LOOP, &network, &(struct harness_faults){.lingers = true});
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->counters.errors[ERROR_KIND_CLOSE_TIMEOUT], harness.plan.connections);
    assert_int_equal(figures->abnormal_total, harness.plan.connections);
    harness_close(&harness);
}

static void test_ends_at_the_stop_are_paced(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(11);
    harness = (struct harness){0};
    harness_open(&harness, OPEN_LOOP, (const char *[]){NULL}, &network);
    harness.worker.group.ending_max = 3;
    harness_run(&harness);
    assert_consistent(&harness);
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->counters.totals[TOTAL_CONNECTIONS_CLEAN], harness.plan.connections);
    assert_in_range(harness.ending_peak, 1, 3);
    harness_close(&harness);
}

/* Those whose turn to end has not come are cut like the others, and nothing hangs. */
static void test_ends_that_find_no_turn_are_cut(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(13);
    harness = (struct harness){.faults = {.lingers = true}};
    harness_open(&harness, OPEN_LOOP, (const char *[]){NULL}, &network);
    harness.worker.group.ending_max = 3;
    harness_run(&harness);
    assert_consistent(&harness);
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->counters.errors[ERROR_KIND_CLOSE_TIMEOUT], harness.plan.connections);
    harness_close(&harness);
}

/* Of a million connections each line counts: 15 of them, and a slot in each of two heaps. */
static void test_an_idle_connection_is_small(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(14);
    harness = (struct harness){0};
    harness_open(&harness, ECHO, (const char *[]){NULL}, &network);
    const struct conn_group *group = &harness.worker.group;
    assert_true(group->block_bytes <= 960);
    harness_run(&harness);
    assert_consistent(&harness);
    harness_close(&harness);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options network = kind_network(12);
    network.refuse_per_mille = 1000;
    play(&harness, OPEN_LOOP, &network, &(struct harness_faults){0});
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_true(figures->counters.errors[ERROR_KIND_CONNECT_REFUSED] >= 20);
    assert_int_equal(figures->counters.totals[TOTAL_CONNECTS_OK], 0);
    assert_int_equal(figures->arrivals.never_started, figures->arrivals.intended);
    harness_close(&harness);
}

static void test_abort_at_any_moment_ends_at_once(void **state)
{
    (void)state;
    uint64_t base = unit_seed();
    for (uint64_t round = 0; round < 100; round++) {
        uint64_t seed = prng_mix(base, round);
        static struct harness harness;
        struct cport_fake_options network = rough_network(seed);
        harness = (struct harness){.faults = {.silent = 50}};
        const char *arguments[] = {NULL};
        harness_open(&harness, round % 2 ? OPEN_LOOP : CLOSED_LOOP, arguments, &network);
        int64_t origin_ns = cport_now_ns(harness.port);
        int64_t abort_ns = origin_ns + (int64_t)prng_range(seed, 9, 0, 0, 20000) * NS_PER_US;
        harness_abort_at(&harness, abort_ns);
        while (!worker_is_done(&harness.worker)) {
            harness_turn(&harness);
            assert_true(cport_now_ns(harness.port) < abort_ns + NS_PER_S);
        }
        worker_finish(&harness.worker);
        assert_consistent(&harness);
        harness_close(&harness);
    }
}

static void test_random_faults_never_break_the_books(void **state)
{
    (void)state;
    uint64_t base = unit_seed();
    const uint64_t rounds = unit_rounds(40);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t seed = prng_mix(base, round);
        static struct harness harness;
        struct cport_fake_options network = rough_network(seed);
        struct harness_faults faults = {
            .silent = (uint32_t)prng_range(seed, 1, 0, 0, 50),
            .corrupt = (uint32_t)prng_range(seed, 2, 0, 0, 50),
            .twice = (uint32_t)prng_range(seed, 3, 0, 0, 50),
            .leave = (uint32_t)prng_range(seed, 4, 0, 0, 10),
            .reset = (uint32_t)prng_range(seed, 5, 0, 0, 10),
            .garbage = (uint32_t)prng_range(seed, 6, 0, 0, 10),
            .lingers = prng_range(seed, 7, 0, 0, 9) == 0,
        };
        play(&harness, round % 2 ? OPEN_LOOP : CLOSED_LOOP, &network, &faults);
        harness_close(&harness);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind_server_is_reconciled_to_the_byte),
        cmocka_unit_test(test_each_thread_lists_as_many_abnormal_ends_as_the_run),
        cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_corrupt_replies_are_mismatches_and_nothing_else),
        cmocka_unit_test(test_garbage_is_a_frame_error_per_connection),
        cmocka_unit_test(test_server_that_leaves_is_an_unexpected_close),
        cmocka_unit_test(test_run_without_connections_ends_at_its_stop),
        cmocka_unit_test(test_silent_server_times_out_every_request),
        cmocka_unit_test(test_handshakes_of_a_codec_that_do_not_end_are_censored),
        cmocka_unit_test(test_deaf_server_does_not_hold_up_the_end),
        cmocka_unit_test(test_requests_behind_a_full_queue_time_out),
        cmocka_unit_test(test_server_that_never_ends_its_side_is_counted),
        cmocka_unit_test(test_ends_at_the_stop_are_paced),
        cmocka_unit_test(test_ends_that_find_no_turn_are_cut),
        cmocka_unit_test(test_an_idle_connection_is_small),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_abort_at_any_moment_ends_at_once),
        cmocka_unit_test(test_random_faults_never_break_the_books),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
