/* The law of arrivals: begun + dropped + never started is what was due, everywhere. */
#include "recorder_harness.h"

#include "core/prng.h"

#include "conduct/run.h"

#include <cjson/cJSON.h>
#include <math.h>

static uint64_t due_sum(const struct figures *figures, const char *key)
{
    struct cJSON *series = series_to_json(figures->series, T0_NS + 10 * NS_PER_S);
    char *text = cJSON_PrintUnformatted(series);
    struct cJSON *parsed = cJSON_Parse(text);
    const struct cJSON *entry;
    uint64_t sum = 0;
    cJSON_ArrayForEach(entry, parsed) sum +=
        (uint64_t)cJSON_GetObjectItemCaseSensitive(entry, key)->valuedouble;
    cJSON_free(text);
    cJSON_Delete(parsed);
    cJSON_Delete(series);
    return sum;
}

static void assert_conserved(const struct arrival_counts *counts)
{
    assert_true(counts->intended == counts->begun + counts->dropped + counts->never_started);
}

/* The law of arrivals, for spreads of every size and place: nothing is lost or counted twice
 * between the run, its stages, its behaviors, the seconds and the histograms. */
static void test_arrivals_are_conserved_however_they_are_told(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    uint64_t seed = unit_seed();
    uint64_t told = 0;
    for (uint64_t n = 0; n < 300; n++) {
        uint32_t behavior = (uint32_t)(prng_u64(seed, 1, n) % 2);
        int64_t first_ns = T0_NS + (int64_t)(prng_u64(seed, 2, n) % (4 * (uint64_t)NS_PER_S));
        int64_t last_ns = first_ns + (int64_t)(prng_u64(seed, 3, n) % (5 * (uint64_t)NS_PER_S));
        uint64_t count = n % 5 == 0 ? 1 : prng_u64(seed, 4, n) >> (prng_u64(seed, 5, n) % 40 + 20);
        switch (n % 3) {
        case 0:
            recorder_begun(recorder, behavior, first_ns);
            told++;
            break;
        case 1:
            recorder_dropped(recorder, behavior, first_ns, first_ns + NS_PER_MS);
            told++;
            break;
        default:
            recorder_never_started(recorder, behavior, first_ns, count == 1 ? first_ns : last_ns,
                                   count, T0_NS + 10 * NS_PER_S);
            told += count;
        }
    }
    struct arrival_counts stages = {0};
    struct arrival_counts behaviors = {0};
    for (uint32_t i = 0; i < 2; i++) {
        const struct figures_stage *stage = &figures->stages[i];
        arrival_counts_add(&stages, &stage->arrivals);
        arrival_counts_add(&behaviors, &figures->behaviors[i]);
        assert_conserved(&stage->arrivals);
        assert_conserved(&figures->behaviors[i]);
        assert_int_equal(stage->latency[LATENCY_RESPONSE].censored_count,
                         stage->arrivals.dropped + stage->arrivals.never_started);
    }
    /* The step has what its own behavior would have asked. */
    assert_int_equal(figures->steps[0].latency[LATENCY_RESPONSE].censored_count,
                     figures->behaviors[0].dropped + figures->behaviors[0].never_started);
    assert_conserved(&figures->arrivals);
    assert_memory_equal(&stages, &figures->arrivals, sizeof stages);
    assert_memory_equal(&behaviors, &figures->arrivals, sizeof behaviors);
    assert_int_equal(figures->latency[LATENCY_RESPONSE].censored_count,
                     figures->arrivals.dropped + figures->arrivals.never_started);
    assert_int_equal(due_sum(figures, "due"), told);
    assert_int_equal(due_sum(figures, "begun") + due_sum(figures, "dropped") +
                         due_sum(figures, "never_started"),
                     told);
}

/* Told one by one or in bulk: the same figures, but for what lies on a bucket's edge. */
static void test_in_bulk_is_as_one_by_one(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    int64_t gap_ns = 100 * 1000;
    int64_t now_ns = T0_NS + 3500 * NS_PER_MS;
    int64_t p50_ns[2];
    uint64_t of_stage[2];
    for (int bulk = 0; bulk < 2; bulk++) {
        if (bulk) {
            recorder_never_started(recorder, 0, T0_NS, T0_NS + 29999 * gap_ns, 30000, now_ns);
        }
        for (int64_t n = 0; !bulk && n < 30000; n++) {
            recorder_never_started(recorder, 0, T0_NS + n * gap_ns, T0_NS + n * gap_ns, 1, now_ns);
        }
        p50_ns[bulk] = histogram_percentile(&figures->latency[LATENCY_CONNECTION_WAIT], 50).low_ns;
        of_stage[bulk] = figures->stages[1].arrivals.never_started;
    }
    assert_int_equal(p50_ns[0], p50_ns[1]);
    assert_int_equal(of_stage[0], 20000);
    assert_int_equal(of_stage[1], 40000);
}

static void test_a_connect_that_fails_is_a_censored_sample(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    recorder->now_ns = T0_NS + NS_PER_S;
    recorder_connected(recorder, NS_PER_MS);
    recorder_connect_failed(recorder, 5 * NS_PER_S);
    assert_int_equal(histogram_count(&recorder->figures.latency[LATENCY_CONNECT]), 2);
    assert_int_equal(recorder->figures.latency[LATENCY_CONNECT].censored_count, 1);
}

/* A load of several stages and behaviors, with a warm-up, whose seconds, stages and window do not
 * fall together. */
static const char CONSERVED[] =
    "{ \"name\": \"t\", \"target\": { \"host\": \"127.0.0.1\", \"port\": 7777 },"
    "  \"load\": { \"connections\": 10, \"warmup\": \"300ms\", \"arrival\": \"%s\","
    "    \"stages\": [ { \"duration\": \"1700ms\", \"rate\": { \"from\": \"0/s\", \"to\": "
    "\"5000/s\" } },"
    "                { \"duration\": \"800ms\", \"rate\": \"0/s\" }, { \"duration\": \"2s\", "
    "\"rate\": \"777/s\" } ] "
    "},"
    "  \"behaviors\": [ { \"name\": \"a\", \"weight\": 3, \"loop\": [ { \"request\": { \"name\": "
    "\"x\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 32 } } } } } ] },"
    "    { \"name\": \"b\", \"weight\": 1, \"loop\": [ { \"request\": { \"name\": \"y\","
    "      \"send\": { \"id\": 1, \"body\": { \"random\": { \"bytes\": 32 } } } } } ] } ] }";

/* What a second that begins at from_ns has, by a walk over the plan; what nobody tells about: every
 * third, or all that are due after gone_ns. */
static uint64_t told_and_due(struct run *run, const struct plan *plan, int64_t gone_ns)
{
    struct figures_window window = run_window(run, plan);
    struct pacing_cursor cursor;
    uint64_t due = 0;
    for (pacing_first(&plan->course.pacing, &cursor); cursor.time_ns < run->stop_ns - run->t0_ns;
         pacing_advance(&plan->course.pacing, &cursor)) {
        int64_t time_ns = run->t0_ns + cursor.time_ns;
        due += time_ns >= window.start_ns;
        if (cursor.n % 3 != 0 && time_ns < gone_ns) {
            struct spread one = {.first_ns = time_ns, .last_ns = time_ns, .count = 1};
            figures_arrivals(&run->figures, &window, plan_arrival_behavior(plan, cursor.n),
                             ARRIVAL_BEGUN, &one, time_ns);
        }
    }
    return due;
}

static void assert_due_as_planned(const struct run *run, const struct plan *plan)
{
    struct pacing_cursor cursor;
    pacing_first(&plan->course.pacing, &cursor);
    for (int64_t at_ns = run->origin_ns; at_ns < run->stop_ns; at_ns += NS_PER_S) {
        uint64_t due = 0;
        while (cursor.time_ns != TIME_NEVER_NS && run->t0_ns + cursor.time_ns < run->stop_ns &&
               run->t0_ns + cursor.time_ns < at_ns + NS_PER_S) {
            due++;
            pacing_advance(&plan->course.pacing, &cursor);
        }
        assert_int_equal(series_due(run->figures.series, at_ns), due);
    }
}

/* Whatever was told, all that the plan had due until the stop is in the figures: in the window, in
 * every stage and behavior, and in every second. */
static void test_what_nobody_told_about_never_began(void **state)
{
    (void)state;
    static const char *const arrivals[] = {"constant", "poisson"};
    for (int i = 0; i < 4; i++) {
        struct harness harness = {0};
        struct error error = {""};
        const char *arguments[] = {NULL};
        char text[2048];
        snprintf(text, sizeof text, CONSERVED, arrivals[i % 2]);
        harness_plan(&harness, text, arguments);
        struct run run = {.course = &harness.plan.course,
                          .origin_ns = T0_NS,
                          .t0_ns = T0_NS + 730 * NS_PER_MS,
                          .stop_ns = T0_NS + (i < 2 ? 4130 : 5230) * NS_PER_MS,
                          .end_ns = T0_NS + 6 * NS_PER_S};
        assert_true(figures_open(&run.figures,
                                 &(struct figures_shape){.steps = 2, .stages = 3, .behaviors = 2},
                                 1, T0_NS, &error));
        uint64_t due = told_and_due(&run, &harness.plan, T0_NS + (i < 2 ? 3 : 9) * NS_PER_S);
        uint64_t begun = run.figures.arrivals.begun;
        run_measure(&run, &harness.plan);
        const struct figures *figures = &run.figures;
        assert_int_equal(figures->arrivals.intended, due);
        assert_int_equal(figures->arrivals.begun, begun);
        assert_int_equal(figures->arrivals.never_started, due - begun);
        assert_int_equal(figures->latency[LATENCY_RESPONSE].censored_count, due - begun);
        assert_conserved(&figures->arrivals);
        struct arrival_counts sums[2] = {{0}};
        for (uint32_t k = 0; k < 3; k++) {
            arrival_counts_add(&sums[0], &figures->stages[k].arrivals);
        }
        arrival_counts_add(&sums[1], &figures->behaviors[0]);
        arrival_counts_add(&sums[1], &figures->behaviors[1]);
        assert_memory_equal(&sums[0], &figures->arrivals, sizeof sums[0]);
        assert_memory_equal(&sums[1], &figures->arrivals, sizeof sums[0]);
        assert_due_as_planned(&run, &harness.plan);
        /* What was asked for is the plan's, whatever was drawn or told. */
        double asked = pacing_count(&harness.plan.course.pacing, run.stop_ns - run.t0_ns) -
                       pacing_count(&harness.plan.course.pacing, 300 * NS_PER_MS);
        double seconds = (double)run.window_ns / (double)NS_PER_S;
        assert_true(fabs(figures->rate_target_per_s * seconds - asked) < 1e-6 * asked);
        figures_close(&run.figures);
        plan_close(&harness.plan);
    }
}

/* A connection that comes back is set up again: in the window, and yet no part of what is
 * measured. Were it otherwise, a server that greets everyone and serves nobody would look well. */
static void test_setup_is_of_its_step_alone_whenever_it_is_played(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    struct vm_request request = {.outcome = VM_OUTCOME_OK,
                                 .intended_ns = T0_NS,
                                 .free_ns = T0_NS,
                                 .sent_ns = T0_NS,
                                 .first_ns = T0_NS + NS_PER_MS,
                                 .last_ns = T0_NS + NS_PER_MS};
    recorder->observer.request_done(recorder, &request);
    assert_int_equal(histogram_count(&figures->steps[0].latency[LATENCY_RESPONSE]), 1);
    for (int kind = 0; kind < LATENCY_STEP_KINDS; kind++) {
        assert_int_equal(histogram_count(&figures->latency[kind]), 0);
        assert_int_equal(histogram_count(&figures->stages[0].latency[kind]), 0);
    }
    assert_int_equal(figures->window_asked, 0);
    request.in_pass = true;
    recorder->observer.request_done(recorder, &request);
    request.outcome = VM_OUTCOME_LOST;
    recorder->observer.request_done(recorder, &request);
    assert_int_equal(figures->window_asked, 2);
    assert_int_equal(figures->window_answered, 1);
    assert_int_equal(histogram_count(&figures->latency[LATENCY_RESPONSE]), 2);
}

/* Its connection is still with the target before: where it was to ask counts. */
static void test_an_arrival_that_asked_nothing_counts_where_it_was_to_ask(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    struct figures_share *targets = recorder->figures.targets;
    const struct figures_share *players = recorder->figures.players;
    recorder_observe_shares(recorder, 0, 1);
    recorder->observer.never_asked(recorder, 0, 1, T0_NS, T0_NS, T0_NS + NS_PER_MS);
    assert_int_equal(histogram_count(&targets[0].latency[LATENCY_RESPONSE]), 0);
    assert_int_equal(histogram_count(&targets[1].latency[LATENCY_RESPONSE]), 1);
    assert_int_equal(histogram_count(&players[0].latency[LATENCY_RESPONSE]), 0);
    assert_int_equal(histogram_count(&players[1].latency[LATENCY_RESPONSE]), 1);
    recorder->observer.never_asked(recorder, 0, UINT32_MAX, T0_NS, T0_NS, T0_NS + NS_PER_MS);
    assert_int_equal(histogram_count(&targets[0].latency[LATENCY_RESPONSE]), 1); /* no names */
    assert_int_equal(histogram_count(&players[1].latency[LATENCY_RESPONSE]), 2);
}

static double open_in_second(const struct figures_share *share, int second)
{
    cJSON *series = series_values_to_json(share->series, T0_NS + 2 * NS_PER_S, UINT32_MAX >> 1);
    char *text = cJSON_PrintUnformatted(series);
    cJSON *read = cJSON_Parse(text);
    double open = cJSON_GetNumberValue(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(read, second), "connections"));
    cJSON_Delete(read);
    cJSON_free(text);
    cJSON_Delete(series);
    return open;
}

/* One that is in its TLS handshake, or is being closed, has connected and not ended. */
static void test_connections_of_shares_are_open_when_the_runs_are(void **state)
{
    struct recorder *recorder = &((struct fixture *)*state)->recorder;
    const struct figures *figures = &recorder->figures;
    const uint32_t gauges[LIVE_GAUGES] = {0};
    recorder_observe_shares(recorder, 0, 1);
    recorder_connected(recorder, NS_PER_MS);
    recorder_series(recorder, T0_NS + NS_PER_S, gauges);
    recorder_open_changed(recorder, 0, 1, true);
    recorder_series(recorder, T0_NS + 2 * NS_PER_S, gauges);
    assert_float_equal(open_in_second(&figures->targets[0], 0), 0, 0);
    assert_float_equal(open_in_second(&figures->players[1], 0), 0, 0);
    assert_float_equal(open_in_second(&figures->targets[0], 1), 1, 0);
    assert_float_equal(open_in_second(&figures->players[1], 1), 1, 0);
    assert_float_equal(open_in_second(&figures->targets[1], 1), 0, 0);
    recorder_open_changed(recorder, 0, 1, false);
    assert_int_equal(figures->targets[0].second->open, 0);
    assert_int_equal(figures->players[1].second->open, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_an_arrival_that_asked_nothing_counts_where_it_was_to_ask, recorder_setup,
            recorder_teardown),
        cmocka_unit_test_setup_teardown(test_arrivals_are_conserved_however_they_are_told,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_connections_of_shares_are_open_when_the_runs_are,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test(test_what_nobody_told_about_never_began),
        cmocka_unit_test_setup_teardown(test_in_bulk_is_as_one_by_one, recorder_setup,
                                        recorder_teardown),
        cmocka_unit_test_setup_teardown(test_setup_is_of_its_step_alone_whenever_it_is_played,
                                        recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_a_connect_that_fails_is_a_censored_sample,
                                        recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests_name("client_arrivals", tests, NULL, NULL);
}
