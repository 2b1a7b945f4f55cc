/* The client's connections over TLS and the fake port: what holds without it holds with it. */
#include "client_harness.h"

static const char CLOSED_LOOP[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777,"
    "    \"tls\": { \"verify\": false, \"resume\": true } },"
    "  \"load\": { \"connections\": 5, \"duration\": \"300ms\", \"drain\": \"1s\","
    "              \"in_flight\": 4 },"
    "  \"behaviors\": [ { \"name\": \"a\", \"on_disconnect\": \"reconnect\","
    "    \"loop\": [ { \"request\": { \"name\": \"echo\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": [8, 9000] } } },"
    "      \"match\": { \"id\": 1, \"field\": \"u64@0\" },"
    "      \"verify\": \"same_body\", \"within\": \"200ms\" } },"
    "      { \"think\": \"2ms\" } ] } ] }";

static struct cport_fake_options network(uint64_t seed, bool rough)
{
    return (struct cport_fake_options){.seed = seed,
                                       .latency_min_ns = 20 * NS_PER_US,
                                       .latency_max_ns = 200 * NS_PER_US,
                                       .sockets_max = 1024,
                                       .recv_buffer_bytes = 1024,
                                       .partial_send_per_mille = 300,
                                       .partial_recv_per_mille = 300,
                                       .reset_per_mille = rough ? 2 : 0,
                                       .refuse_per_mille = rough ? 50 : 0,
                                       .send_window_bytes = rough ? 4096 : 0};
}

/* Each handshake that has begun is in its histogram once, whatever has become of it. */
static void assert_each_handshake_is_measured(const struct figures *figures)
{
    const struct histogram *handshake = &figures->latency[LATENCY_TLS_HANDSHAKE];
    const uint64_t *totals = figures->counters.totals;
    uint64_t done = totals[TOTAL_TLS_FULL] + totals[TOTAL_TLS_RESUMED];
    assert_int_equal(histogram_count(handshake), totals[TOTAL_CONNECTS_OK]);
    assert_int_equal(handshake->censored_count, totals[TOTAL_CONNECTS_OK] - done);
}

static void play(struct harness *harness, const struct cport_fake_options *fake,
                 const struct harness_faults *faults)
{
    static const struct tls_settings SERVER = {
        .is_server = true, .self_signed = true, .resume = true};
    static const char *arguments[] = {NULL};
    struct error error = {""};
    *harness =
        (struct harness){.faults = *faults, .tls = tls_context_create(&SERVER, NULL, &error)};
    if (harness->tls == NULL) {
        fail_msg("%s", error.text);
    }
    harness_open(harness, CLOSED_LOOP, arguments, fake);
    harness_run(harness);
    const uint64_t *totals = harness->worker.recorder.figures.counters.totals;
    assert_each_handshake_is_measured(&harness->worker.recorder.figures);
    assert_int_equal(totals[TOTAL_CONNECTS_OK],
                     totals[TOTAL_CONNECTIONS_CLEAN] + totals[TOTAL_CONNECTIONS_ABNORMAL]);
    /* A message that the server has was sent, whatever became of the connection. */
    assert_true(harness->bytes_received <= totals[TOTAL_BYTES_SENT]);
    assert_true(totals[TOTAL_BYTES_RECEIVED] <= harness->bytes_sent);
    assert_true(totals[TOTAL_WIRE_BYTES_SENT] > totals[TOTAL_BYTES_SENT]);
}

static void test_reconciled_to_the_byte_of_messages_and_of_the_wire(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options fake = network(3, false);
    play(&harness, &fake, &(struct harness_faults){0});
    const struct figures *figures = &harness.worker.recorder.figures;
    const uint64_t *totals = figures->counters.totals;
    assert_int_equal(counters_errors_sum(&figures->counters), 0);
    assert_int_equal(totals[TOTAL_CONNECTIONS_ABNORMAL], 0);
    assert_int_equal(totals[TOTAL_BYTES_SENT], harness.bytes_received);
    assert_int_equal(totals[TOTAL_BYTES_RECEIVED], harness.bytes_sent);
    assert_int_equal(totals[TOTAL_WIRE_BYTES_SENT], harness.wire_bytes_received);
    assert_int_equal(totals[TOTAL_WIRE_BYTES_RECEIVED], harness.wire_bytes_sent);
    assert_int_equal(totals[TOTAL_MESSAGES_SENT], harness.frames);
    assert_int_equal(totals[TOTAL_REQUESTS], totals[TOTAL_RESPONSES]);
    assert_int_equal(totals[TOTAL_TLS_FULL] + totals[TOTAL_TLS_RESUMED], totals[TOTAL_CONNECTS_OK]);
    assert_true(totals[TOTAL_ITERATIONS] > 500);
    harness_close(&harness);
}

static void test_networks_and_servers_that_fail(void **state)
{
    (void)state;
    static struct harness harness;
    const struct harness_faults faults[] = {
        {0}, {.leave = 5, .reset = 5}, {.silent = 5, .corrupt = 5, .twice = 5}, {.garbage = 5}};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct cport_fake_options fake = network(seed, true);
        play(&harness, &fake, &faults[seed % 4]);
        const uint64_t *totals = harness.worker.recorder.figures.counters.totals;
        const uint64_t *errors = harness.worker.recorder.figures.counters.errors;
        assert_int_equal(totals[TOTAL_REQUESTS], totals[TOTAL_RESPONSES] +
                                                     errors[ERROR_KIND_RESPONSE_TIMEOUT] +
                                                     errors[ERROR_KIND_RESPONSE_LOST] +
                                                     harness.worker.recorder.figures.requests_cut);
        harness_close(&harness);
    }
}

/* This side has ended its stream first and has lost nothing. */
static void test_an_answer_to_our_end_without_close_notify_is_clean(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options fake = network(5, false);
    play(&harness, &fake, &(struct harness_faults){.cuts = true});
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(counters_errors_sum(&figures->counters), 0);
    assert_int_equal(figures->counters.totals[TOTAL_CONNECTIONS_ABNORMAL], 0);
    harness_close(&harness);
}

/* The end of the stream with a message unanswered: of the same kind as without TLS. */
static void test_a_server_that_leaves_without_close_notify_is_told_apart(void **state)
{
    (void)state;
    static struct harness harness;
    struct cport_fake_options fake = network(6, false);
    play(&harness, &fake, &(struct harness_faults){.leave = 10, .cuts = true});
    const struct figures *figures = &harness.worker.recorder.figures;
    uint64_t closes = figures->counters.errors[ERROR_KIND_UNEXPECTED_CLOSE];
    assert_true(closes > 0);
    assert_int_equal(figures->tls.failures[TLS_FAULT_TRUNCATED], closes);
    assert_string_equal(figures->abnormal[0].explanation, "the stream ended without close_notify");
    harness_close(&harness);
}

/* Against a server that reads nothing. */
static void play_deaf(struct harness *harness, int64_t abort_after_ns)
{
    struct cport_fake_options fake = network(7, false);
    static const struct tls_settings SERVER = {.is_server = true, .self_signed = true};
    static const char *arguments[] = {"--connect-timeout", "200ms", NULL};
    struct error error = {""};
    *harness = (struct harness){.faults = {.deaf = true},
                                .tls = tls_context_create(&SERVER, NULL, &error)};
    harness_open(harness, CLOSED_LOOP, arguments, &fake);
    if (abort_after_ns != TIME_NEVER_NS) {
        harness_abort_at(harness, cport_now_ns(harness->port) + abort_after_ns);
    }
    harness_run(harness);
    assert_each_handshake_is_measured(&harness->worker.recorder.figures);
}

/* Who reads nothing answers no handshake: the time of a connect is that of both. */
static void test_a_handshake_takes_what_is_left_of_the_connect(void **state)
{
    (void)state;
    static struct harness harness;
    play_deaf(&harness, TIME_NEVER_NS);
    const struct figures *figures = &harness.worker.recorder.figures;
    const uint64_t *errors = figures->counters.errors;
    assert_true(errors[ERROR_KIND_TLS_HANDSHAKE] > 0);
    assert_int_equal(errors[ERROR_KIND_TLS_HANDSHAKE], figures->tls.failures[TLS_FAULT_TIMEOUT]);
    assert_int_equal(errors[ERROR_KIND_CONNECT_TIMEOUT], 0);
    for (uint32_t i = 0; i < figures->abnormal_count; i++) {
        const struct result_abnormal *abnormal = &figures->abnormal[i];
        if (abnormal->reason == ERROR_KIND_TLS_HANDSHAKE) {
            assert_true(abnormal->ended_ns - abnormal->opened_ns >= 200 * NS_PER_MS);
            assert_true(abnormal->ended_ns - abnormal->opened_ns < 210 * NS_PER_MS);
        }
    }
    harness_close(&harness);
}

/* What the end of the run cuts off has lasted until then. It is no error of the server. */
static void test_a_handshake_that_the_end_cuts_off_is_censored(void **state)
{
    (void)state;
    static struct harness harness;
    play_deaf(&harness, 100 * NS_PER_MS);
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->latency[LATENCY_TLS_HANDSHAKE].censored_count, 5);
    assert_int_equal(counters_errors_sum(&figures->counters), 0);
    harness_close(&harness);
}

/* A list of ciphers of which none can be offered: that is known at once, whatever the server does.
 */
static void test_a_handshake_that_cannot_begin_says_why(void **state)
{
    (void)state;
    static struct harness harness;
    /* Ciphers without a certificate: every OpenSSL has them, and none may use them. */
    static const char SCENARIO[] =
        "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777,"
        "    \"tls\": { \"verify\": false, \"ciphers\": \"aNULL\" } },"
        "  \"load\": { \"connections\": 2, \"duration\": \"100ms\", \"drain\": \"1s\" },"
        "  \"behaviors\": [ { \"name\": \"a\", \"loop\": [ { \"think\": \"2ms\" } ] } ] }";
    struct cport_fake_options fake = network(8, false);
    static const struct tls_settings SERVER = {.is_server = true, .self_signed = true};
    static const char *arguments[] = {"--connect-timeout", "200ms", NULL};
    struct error error = {""};
    harness = (struct harness){.faults = {.deaf = true},
                               .tls = tls_context_create(&SERVER, NULL, &error)};
    harness_open(&harness, SCENARIO, arguments, &fake);
    harness_run(&harness);
    const struct figures *figures = &harness.worker.recorder.figures;
    assert_true(figures->tls.failures[TLS_FAULT_CIPHER] > 0);
    assert_int_equal(figures->tls.failures[TLS_FAULT_TIMEOUT], 0);
    harness_close(&harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reconciled_to_the_byte_of_messages_and_of_the_wire),
        cmocka_unit_test(test_networks_and_servers_that_fail),
        cmocka_unit_test(test_an_answer_to_our_end_without_close_notify_is_clean),
        cmocka_unit_test(test_a_server_that_leaves_without_close_notify_is_told_apart),
        cmocka_unit_test(test_a_handshake_takes_what_is_left_of_the_connect),
        cmocka_unit_test(test_a_handshake_that_the_end_cuts_off_is_censored),
        cmocka_unit_test(test_a_handshake_that_cannot_begin_says_why),
    };
    return tls_is_built() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
