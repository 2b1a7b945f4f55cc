/* What the recorder makes of a request's times, what the verdict makes of the figures, and that
 * nothing grows with the length of a run. */
#include "recorder_harness.h"

#include "judge/verdict.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

static void request_done(struct recorder *recorder, struct vm_request request)
{
    recorder->now_ns = request.last_ns;
    recorder->observer.request_done(recorder, &request);
}

static void assert_figure(const struct histogram *histograms, enum latency_kind kind, int count,
                          int64_t max_ns)
{
    int64_t found_ns = histogram_percentile(&histograms[kind], 100).low_ns;
    if (histogram_count(&histograms[kind]) != count || found_ns < max_ns ||
        (double)found_ns > (double)max_ns * 1.001 + 1) {
        fail_msg("%s: %" PRId64 " samples up to %" PRId64 ", not %d up to %" PRId64,
                 latency_key(kind), histogram_count(&histograms[kind]), found_ns, count, max_ns);
    }
}

static void test_every_time_of_a_request_has_its_own_figure(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    int64_t intended_ns = T0_NS + 1500 * NS_PER_MS;
    request_done(recorder, (struct vm_request){.in_pass = true,
                                               .outcome = VM_OUTCOME_OK,
                                               .intended_ns = intended_ns,
                                               .free_ns = intended_ns + 30 * NS_PER_MS,
                                               .sent_ns = intended_ns + 32 * NS_PER_MS,
                                               .first_ns = intended_ns + 40 * NS_PER_MS,
                                               .last_ns = intended_ns + 50 * NS_PER_MS});
    const struct histogram *places[] = {figures->latency, figures->steps[0].latency,
                                        figures->stages[1].latency};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        assert_figure(places[i], LATENCY_RESPONSE, 1, 50 * NS_PER_MS);
        assert_figure(places[i], LATENCY_SERVICE, 1, 18 * NS_PER_MS);
        assert_figure(places[i], LATENCY_RESPONSE_FIRST_BYTE, 1, 40 * NS_PER_MS);
        assert_figure(places[i], LATENCY_SERVICE_FIRST_BYTE, 1, 8 * NS_PER_MS);
        assert_figure(places[i], LATENCY_CONNECTION_WAIT, 1, 30 * NS_PER_MS);
        assert_figure(places[i], LATENCY_SEND_LAG, 1, 2 * NS_PER_MS);
        assert_figure(places[i], LATENCY_START_LAG, 1, 32 * NS_PER_MS);
    }
    assert_int_equal(histogram_count(&figures->stages[0].latency[LATENCY_RESPONSE]), 0);
}

static void test_what_got_no_reply_is_censored_in_every_place(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    static const enum vm_outcome outcomes[] = {VM_OUTCOME_TIMED_OUT, VM_OUTCOME_LOST,
                                               VM_OUTCOME_CUT};
    for (size_t i = 0; i < COUNT_OF(outcomes); i++) {
        request_done(recorder, (struct vm_request){.in_pass = true,
                                                   .outcome = outcomes[i],
                                                   .intended_ns = T0_NS,
                                                   .free_ns = T0_NS,
                                                   .sent_ns = T0_NS + NS_PER_MS,
                                                   .last_ns = T0_NS + NS_PER_S});
    }
    recorder_never_started(recorder, 0, T0_NS + NS_PER_MS, T0_NS + NS_PER_MS, 1, T0_NS + NS_PER_S);
    recorder_dropped(recorder, 1, T0_NS + 2 * NS_PER_MS, T0_NS + NS_PER_S);
    assert_int_equal(figures->latency[LATENCY_RESPONSE].censored_count, 5);
    assert_int_equal(figures->stages[0].latency[LATENCY_RESPONSE].censored_count, 5);
    /* The second behavior would have asked nothing. */
    assert_int_equal(figures->steps[0].latency[LATENCY_RESPONSE].censored_count, 4);
    assert_int_equal(figures->latency[LATENCY_SERVICE].censored_count, 3);
    assert_int_equal(figures->latency[LATENCY_SERVICE_FIRST_BYTE].censored_count, 3);
    assert_int_equal(figures->latency[LATENCY_CONNECTION_WAIT].censored_count, 2);
    assert_int_equal(figures->stages[0].errors[ERROR_KIND_RESPONSE_TIMEOUT], 1);
    assert_int_equal(figures->steps[0].errors[ERROR_KIND_RESPONSE_LOST], 1);
    assert_int_equal(figures->stages[0].arrivals.intended, 2);
}

static void test_a_step_has_the_errors_of_its_own_requests_only(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    struct vm_request request = {.in_pass = true,
                                 .outcome = VM_OUTCOME_TIMED_OUT,
                                 .intended_ns = T0_NS - NS_PER_S,
                                 .free_ns = T0_NS - NS_PER_S,
                                 .sent_ns = T0_NS - NS_PER_S,
                                 .last_ns = T0_NS};
    request_done(recorder, request); /* of the warm-up: not in the times, so not in the errors */
    assert_int_equal(figures->steps[0].errors[ERROR_KIND_RESPONSE_TIMEOUT], 0);
    assert_int_equal(histogram_count(&figures->steps[0].latency[LATENCY_RESPONSE]), 0);
    request.in_pass = false;
    request_done(recorder, request); /* of setup */
    request.in_pass = true;
    request.intended_ns = request.free_ns = request.sent_ns = T0_NS;
    request_done(recorder, request);
    assert_int_equal(figures->steps[0].errors[ERROR_KIND_RESPONSE_TIMEOUT], 2);
    assert_int_equal(histogram_count(&figures->steps[0].latency[LATENCY_RESPONSE]), 2);
    assert_int_equal(figures->counters.errors[ERROR_KIND_RESPONSE_TIMEOUT], 3);
}

/* Neither the screen nor the series may look better for a request that got no reply. */
static void test_the_unanswered_are_on_the_screen_and_in_the_series(void **state)
{
    struct fixture *fixture = *state;
    static struct live_view nothing;
    static struct live_view view;
    request_done(&fixture->recorder, (struct vm_request){.in_pass = true,
                                                         .outcome = VM_OUTCOME_TIMED_OUT,
                                                         .intended_ns = T0_NS,
                                                         .free_ns = T0_NS,
                                                         .sent_ns = T0_NS,
                                                         .last_ns = T0_NS + NS_PER_S});
    live_read(&fixture->live, &view);
    assert_true(live_percentile_ns(&view, &nothing, 50) > 900 * NS_PER_MS);
    struct cJSON *series = series_to_json(fixture->recorder.figures.series, T0_NS + 2 * NS_PER_S);
    char *text = cJSON_PrintUnformatted(series);
    assert_non_null(strstr(text, ",1]]"));
    cJSON_free(text);
    cJSON_Delete(series);
}

/* The last errors, the latest first, with the step and the connection of each. */
static void test_the_last_errors_are_on_the_screen(void **state)
{
    struct fixture *fixture = *state;
    struct recorder *recorder = &fixture->recorder;
    static struct live_view view;
    const int errors = LIVE_FAILURES_MAX + 3;
    for (int i = 0; i < errors; i++) {
        recorder->subject_connection = (uint32_t)i;
        request_done(recorder, (struct vm_request){.outcome = VM_OUTCOME_LOST,
                                                   .intended_ns = T0_NS,
                                                   .sent_ns = T0_NS,
                                                   .last_ns = T0_NS + i * NS_PER_MS});
    }
    recorder->now_ns = T0_NS + NS_PER_S;
    recorder->subject_connection = 77;
    recorder_error(recorder, ERROR_KIND_RESET);
    live_publish_steps(&fixture->live, recorder->figures.steps, recorder->figures.steps_count);
    live_read(&fixture->live, &view);
    /* The oldest place of the ring could be written just now. */
    assert_int_equal(view.failures_count, LIVE_FAILURES_MAX - 1);
    assert_int_equal(view.failures[0].kind, ERROR_KIND_RESET);
    assert_int_equal(view.failures[0].connection, 77);
    assert_int_equal(view.failures[0].step, LIVE_STEP_NONE);
    assert_int_equal(view.failures[0].at_ns, T0_NS + NS_PER_S - recorder->origin_ns);
    for (uint32_t i = 1; i < view.failures_count; i++) {
        assert_int_equal(view.failures[i].kind, ERROR_KIND_RESPONSE_LOST);
        assert_int_equal(view.failures[i].connection, errors - (int)i);
        assert_int_equal(view.failures[i].step, 0);
    }
    assert_int_equal(view.steps[0][LIVE_STEP_REQUESTS], errors);
    assert_int_equal(view.steps[0][LIVE_STEP_UNANSWERED], errors);
    assert_int_equal(view.steps[0][LIVE_STEP_ERRORS], errors);
}

static void test_idle_time_is_that_of_the_window(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    static const struct {
        int64_t at_ms;
        int64_t idle_ms;
        int64_t counted_ms;
    } turns[] = {{-10, 100, 0}, {20, 100, 20}, {1000, 50, 50}, {3005, 10, 5}, {3100, 50, 0}};
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        uint64_t before_ns = recorder->figures.idle_ns;
        recorder->now_ns = T0_NS + turns[i].at_ms * NS_PER_MS;
        recorder_idle(recorder, turns[i].idle_ms * NS_PER_MS);
        assert_int_equal(recorder->figures.idle_ns - before_ns, turns[i].counted_ms * NS_PER_MS);
    }
}

/* --- The verdict. */

static const char SCENARIO[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 10, \"rate\": \"1000/s\", \"duration\": \"10s\","
    "              \"drain\": \"10s\" },"
    "  \"behaviors\": [ { \"loop\": [ { \"request\": { \"name\": \"echo\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 32 } } },"
    "      \"verify\": \"same_body\", \"within\": \"8s\" } } ] } ] }";

struct judged {
    struct harness harness; /* for its plan */
    struct run run;
    struct verdict verdict;
};

static struct judged *judged_open(void)
{
    static struct judged judged;
    struct error error = {""};
    const char *arguments[] = {NULL};
    judged = (struct judged){0};
    harness_plan(&judged.harness, SCENARIO, arguments);
    judged.run = (struct run){.course = &judged.harness.plan.course,
                              .t0_ns = T0_NS,
                              .stop_ns = T0_NS + 10 * NS_PER_S,
                              .window_ns = 10 * NS_PER_S};
    struct figures *figures = &judged.run.figures;
    assert_true(figures_open(
        figures, &(struct figures_shape){.steps = 1, .stages = 1, .behaviors = 1}, 1, 0, &error));
    assert_true(histogram_open(&judged.run.tick_lag, 3, &error));
    for (int i = 0; i < 10000; i++) {
        histogram_record(&figures->latency[LATENCY_RESPONSE], 200 * NS_PER_US);
        histogram_record(&figures->latency[LATENCY_SEND_LAG], 50 * NS_PER_US);
        histogram_record(&figures->latency[LATENCY_POLL_GAP], 20 * NS_PER_US);
    }
    figures->arrivals = (struct arrival_counts){.intended = 10000, .begun = 10000};
    figures->counters.totals[TOTAL_REQUESTS] = 10000;
    figures->counters.totals[TOTAL_RESPONSES] = 10000;
    figures->iterations_started = 10000;
    figures->idle_ns = (uint64_t)(5 * NS_PER_S);
    return &judged;
}

static void judged_close(struct judged *judged)
{
    run_close(&judged->run);
    plan_close(&judged->harness.plan);
}

/* Reaches the verdict and demands that it is valid (says NULL), or invalid for one reason. */
static void assert_verdict(struct judged *judged, const char *says, const char *limited_by)
{
    struct verdict *verdict = &judged->verdict;
    verdict_reach(verdict, &judged->harness.plan, &judged->run);
    assert_int_equal(verdict->valid, says == NULL);
    assert_int_equal(verdict->reasons_count, says != NULL);
    if (says != NULL && strstr(verdict->reasons[0], says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", verdict->reasons[0], says);
    }
    if (limited_by == NULL) {
        assert_null(verdict->limited_by);
    } else {
        assert_string_equal(verdict->limited_by, limited_by);
    }
    int code = verdict_exit_code(verdict, &judged->harness.plan, &judged->run);
    assert_int_equal(code, says != NULL ? EXIT_INVALID : EXIT_OK);
}

static void test_a_clean_run_is_valid(void **state)
{
    (void)state;
    struct judged *judged = judged_open();
    assert_verdict(judged, NULL, NULL);
    judged_close(judged);
}

static void test_each_reason_fires_alone(void **state)
{
    (void)state;
    static const char *const says[] = {"send_lag p99",
                                       "poll_gap p99",
                                       "of the time",
                                       "was stalled",
                                       "limit of this machine was reached",
                                       "the clock stepped"};
    for (size_t reason = 0; reason < COUNT_OF(says); reason++) {
        struct judged *judged = judged_open();
        struct figures *figures = &judged->run.figures;
        switch (reason) {
        case 0:
            for (int i = 0; i < 200; i++) {
                histogram_record(&figures->latency[LATENCY_SEND_LAG], 2 * NS_PER_MS);
            }
            break;
        case 1: /* often, and never for long: below a hundredth of the time */
            for (int i = 0; i < 200; i++) {
                histogram_record(&figures->latency[LATENCY_POLL_GAP], 1100 * NS_PER_US);
            }
            break;
        case 2: /* once, and long: a poll of ten thousand */
            histogram_record(&figures->latency[LATENCY_POLL_GAP], 200 * NS_PER_MS);
            break;
        case 3:
            histogram_record(&judged->run.tick_lag, 300 * NS_PER_MS);
            break;
        case 4:
            figures->counters.errors[ERROR_KIND_LOCAL_LIMIT] = 1;
            break;
        default:
            judged->run.clock_step_ns = 300 * NS_PER_MS;
            break;
        }
        assert_verdict(judged, says[reason], reason < 4 ? "client" : NULL);
        judged->harness.options.strict = false;
        int code = verdict_exit_code(&judged->verdict, &judged->harness.plan, &judged->run);
        assert_int_equal(code, EXIT_OK);
        judged_close(judged);
    }
}

/* A twentieth of what is measured is no reason, however long it is. */
static void test_a_run_that_nobody_answered_has_failed(void **state)
{
    (void)state;
    static const char *const says[] = {"not one of 10000 requests was answered",
                                       "none of the 10000 iterations that were due began"};
    for (int i = 0; i < 2; i++) {
        struct judged *judged = judged_open();
        struct figures *figures = &judged->run.figures;
        figures->counters.totals[TOTAL_RESPONSES] = 0;
        if (i == 0) {
            figures->counters.errors[ERROR_KIND_RESPONSE_TIMEOUT] = 10000;
        } else {
            figures->counters.totals[TOTAL_REQUESTS] = 0;
            figures->arrivals.begun = 0;
        }
        verdict_reach(&judged->verdict, &judged->harness.plan, &judged->run);
        assert_true(judged->verdict.valid);
        assert_int_equal(judged->verdict.failures_count, 1);
        assert_non_null(strstr(judged->verdict.failures[0], says[i]));
        assert_int_equal(verdict_exit_code(&judged->verdict, &judged->harness.plan, &judged->run),
                         EXIT_FAILED);
        judged_close(judged);
    }
    /* Messages that need no answer, and replies that need not come, are no failure. */
    struct judged *judged = judged_open();
    judged->run.figures.counters.totals[TOTAL_RESPONSES] = 0;
    assert_verdict(judged, NULL, NULL);
    assert_int_equal(judged->verdict.failures_count, 0);
    judged_close(judged);
}

/* What a server has closed before anything was sent, it has not closed for what it was sent. */
static void test_a_run_that_was_turned_away_says_when(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes_sent;
        uint64_t heartbeats;
        const char *says;
    } CASES[] = {{0, 0, "at once, after 0.5 s, before anything was sent"},
                 {40, 0, "during setup, after 0.5 s (does it take these logins?)"},
                 {40, 1, "heartbeats had been sent before"}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct judged *judged = judged_open();
        struct run *run = &judged->run;
        uint64_t *totals = run->figures.counters.totals;
        uint32_t connections = judged->harness.plan.connections;
        run->end = RUN_ALL_GONE;
        run->t0_ns = TIME_NEVER_NS;
        run->origin_ns = T0_NS;
        run->stop_ns = T0_NS + NS_PER_S / 2;
        totals[TOTAL_CONNECTS_OK] = connections;
        totals[TOTAL_BYTES_SENT] = CASES[i].bytes_sent;
        totals[TOTAL_HEARTBEATS] = CASES[i].heartbeats;
        run->figures.counters.errors[ERROR_KIND_RESET] = connections;
        verdict_reach(&judged->verdict, &judged->harness.plan, run);
        assert_int_equal(judged->verdict.failures_count, 1);
        assert_non_null(strstr(judged->verdict.failures[0], CASES[i].says));
        judged_close(judged);
    }
}

static void test_a_window_that_opened_too_early_is_invalid(void **state)
{
    (void)state;
    for (int opened = RUN_ALL_READY; opened <= RUN_READY_TIME_OUT; opened++) {
        struct judged *judged = judged_open();
        judged->run.opened = (enum run_opened)opened;
        judged->run.ready_wanted = 10;
        judged->run.ready_count = opened == RUN_ALL_READY ? 10 : 7;
        const char *reason = "3 of 10 connections were not ready";
        assert_verdict(judged, opened == RUN_READY_TIME_OUT ? reason : NULL, NULL);
        /* Connects that failed later say nothing about the beginning. */
        judged->run.figures.counters.errors[ERROR_KIND_CONNECT_REFUSED] = 17;
        assert_verdict(judged, opened == RUN_READY_TIME_OUT ? reason : NULL, NULL);
        /* Those that the server kept out are its own, however often each of them tried. */
        judged->run.errors_before_t0[ERROR_KIND_UNEXPECTED_CLOSE] = 6000;
        judged->run.connections_kept_out = 2;
        reason = "1 of 10 connections were not ready";
        assert_verdict(judged, opened == RUN_READY_TIME_OUT ? reason : NULL, NULL);
        judged->run.connections_kept_out = 3;
        assert_verdict(judged, NULL, NULL);
        judged_close(judged);
    }
}

static void test_lags_are_judged_against_what_is_measured(void **state)
{
    (void)state;
    struct judged *judged = judged_open();
    struct figures *figures = &judged->run.figures;
    for (int i = 0; i < 20000; i++) {
        histogram_record(&figures->latency[LATENCY_RESPONSE], 100 * NS_PER_MS);
        histogram_record(&figures->latency[LATENCY_SEND_LAG], 4 * NS_PER_MS);
    }
    assert_verdict(judged, NULL, NULL);
    judged_close(judged);
}

static void test_a_missed_rate_with_clean_lags_is_the_servers(void **state)
{
    (void)state;
    struct judged *judged = judged_open();
    judged->run.figures.iterations_started = 5000;
    assert_verdict(judged, NULL, "server_or_connections");
    judged_close(judged);
}

/* Lags say nothing of a client that turns all the time and is behind: what waits for a free
 * connection then waits for the client. */
static void test_a_missed_rate_of_a_client_that_is_never_idle_is_its_own(void **state)
{
    (void)state;
    struct judged *judged = judged_open();
    judged->run.figures.iterations_started = 5000;
    judged->run.figures.idle_ns = (uint64_t)(400 * NS_PER_MS);
    assert_verdict(judged, "busy in 96.0% of the time and began 50.0%", "client");
    judged->run.figures.iterations_started = 10000; /* it kept up: busy is no fault */
    assert_verdict(judged, NULL, NULL);
    judged_close(judged);
}

/* --- Whole runs over the fake port, on virtual time: no scheduler in between. */

/* A server that never answers costs every arrival its patience, and the client no blame. */
static void test_a_stalled_server_stays_valid(void **state)
{
    (void)state;
    static struct judged judged;
    judged = (struct judged){.harness.faults = {.silent = 300}};
    const char *arguments[] = {NULL};
    struct cport_fake_options network = {.seed = 5,
                                         .latency_min_ns = 20 * NS_PER_US,
                                         .latency_max_ns = 200 * NS_PER_US,
                                         .sockets_max = 64,
                                         .recv_buffer_bytes = 1024};
    harness_open(&judged.harness, SCENARIO, arguments, &network);
    harness_run(&judged.harness);
    struct figures *figures = &judged.harness.worker.recorder.figures;
    judged.run = (struct run){.course = &judged.harness.plan.course,
                              .t0_ns = T0_NS,
                              .window_ns = 10 * NS_PER_S,
                              .figures = *figures};
    assert_true(figures->arrivals.never_started > 5000);
    verdict_reach(&judged.verdict, &judged.harness.plan, &judged.run);
    assert_true(judged.verdict.valid);
    assert_string_equal(judged.verdict.limited_by, "server_or_connections");
    int64_t lag_ns = histogram_percentile(&figures->latency[LATENCY_SEND_LAG], 100).low_ns;
    assert_true(lag_ns < NS_PER_MS);
    harness_close(&judged.harness);
}

/* 24 hours, an arrival a second: what is in memory after the first hour is all there ever is. */
static void test_a_day_takes_no_more_memory_than_an_hour(void **state)
{
    (void)state;
    static struct harness harness;
    harness = (struct harness){.faults = {.silent = 10, .twice = 10, .corrupt = 10}};
    const char *arguments[] = {"--rate", "1", "--duration", "24h", NULL};
    static const char scenario[] =
        "{ \"name\": \"day\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
        "  \"load\": { \"connections\": 4, \"rate\": \"1/s\", \"duration\": \"1s\" },"
        "  \"behaviors\": [ { \"loop\": [ { \"request\": {"
        "      \"name\": \"echo\", \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\":"
        "      [1, 900] } } }, \"verify\": \"same_body\" } } ] } ] }";
    struct cport_fake_options network = {.seed = 6,
                                         .latency_min_ns = 20 * NS_PER_US,
                                         .latency_max_ns = 200 * NS_PER_MS,
                                         .sockets_max = 64,
                                         .recv_buffer_bytes = 1024};
    harness_open(&harness, scenario, arguments, &network);
    int64_t t0_ns = cport_now_ns(harness.port) + NS_PER_S;
    int64_t stop_ns = t0_ns + harness.plan.duration_ns;
    atomic_store(&harness.control.t0_ns, t0_ns);
    atomic_store(&harness.control.stop_ns, stop_ns);
    atomic_store(&harness.control.drain_end_ns, stop_ns + NS_PER_S);
    size_t heap_bytes = 0;
    uint64_t chunks_count = 0;
    while (!worker_is_done(&harness.worker)) {
        harness_turn(&harness);
        int64_t now_ns = cport_now_ns(harness.port);
        if (heap_bytes == 0 && now_ns > t0_ns + 3600 * NS_PER_S) {
            heap_bytes = unit_heap_bytes();
            chunks_count = harness.worker.group.pool.chunks_count;
        }
        if (now_ns > stop_ns) {
            break;
        }
    }
    /* The allocator's own caches of small blocks count as in use: up to 250 KB. A leak of 8 bytes a
     * request would be 660 KB. */
    assert_true(unit_heap_bytes() <= heap_bytes + 400 * 1024);
    assert_true(harness.worker.group.pool.chunks_count <= chunks_count + 8);
    while (!worker_is_done(&harness.worker)) {
        harness_turn(&harness);
    }
    worker_finish(&harness.worker);
    struct figures *figures = &harness.worker.recorder.figures;
    assert_int_equal(figures->arrivals.intended, 86400);
    struct cJSON *series = series_to_json(figures->series, cport_now_ns(harness.port));
    assert_non_null(series);
    char *text = cJSON_PrintUnformatted(series);
    assert_non_null(text);
    print_message("24 h of series: %d entries, %" PRIu64 " bytes\n", cJSON_GetArraySize(series),
                  (uint64_t)strlen(text));
    assert_true(cJSON_GetArraySize(series) <= SERIES_ENTRIES_MAX);
    assert_true(strlen(text) < 20u * 1000 * 1000);
    cJSON_free(text);
    cJSON_Delete(series);
    harness_close(&harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_time_of_a_request_has_its_own_figure,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_what_got_no_reply_is_censored_in_every_place,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_a_step_has_the_errors_of_its_own_requests_only,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_the_last_errors_are_on_the_screen, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_the_unanswered_are_on_the_screen_and_in_the_series,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_idle_time_is_that_of_the_window, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test(test_a_clean_run_is_valid),
        cmocka_unit_test(test_each_reason_fires_alone),
        cmocka_unit_test(test_a_run_that_nobody_answered_has_failed),
        cmocka_unit_test(test_a_run_that_was_turned_away_says_when),
        cmocka_unit_test(test_a_window_that_opened_too_early_is_invalid),
        cmocka_unit_test(test_lags_are_judged_against_what_is_measured),
        cmocka_unit_test(test_a_missed_rate_with_clean_lags_is_the_servers),
        cmocka_unit_test(test_a_missed_rate_of_a_client_that_is_never_idle_is_its_own),
        cmocka_unit_test(test_a_stalled_server_stays_valid),
        cmocka_unit_test(test_a_day_takes_no_more_memory_than_an_hour),
    };
    struct error error;
    if (!net_setup(&error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return cmocka_run_group_tests_name("client_figures", tests, NULL, NULL);
}
