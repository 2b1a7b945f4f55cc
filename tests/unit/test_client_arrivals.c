/* The law of arrivals: begun + dropped + never started is what was due, everywhere. */
#include "client_harness.h"

#include "core/prng.h"

#include <cjson/cJSON.h>

#define T0_NS (100 * NS_PER_S)

struct fixture {
    struct recorder recorder;
    struct live live;
    struct pacing pacing;
    struct pacing_stage stages[2];
    uint64_t lanes[1];
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct error error = {""};
    fixture = (struct fixture){0};
    fixture.stages[0] = (struct pacing_stage){.start_ns = 0, .end_ns = 1 * NS_PER_S};
    fixture.stages[1] = (struct pacing_stage){.start_ns = 1 * NS_PER_S, .end_ns = 3 * NS_PER_S};
    fixture.pacing = (struct pacing){.stages = fixture.stages, .stages_count = 2};
    assert_true(
        recorder_open(&fixture.recorder, 1, 2, &fixture.pacing, 1, T0_NS, &fixture.live, &error));
    fixture.recorder.t0_ns = T0_NS;
    fixture.recorder.window_start_ns = T0_NS;
    fixture.recorder.window_end_ns = T0_NS + 3 * NS_PER_S;
    fixture.recorder.subject_ready = true;
    fixture.recorder.subject_lanes = fixture.lanes;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    recorder_close(&((struct fixture *)*state)->recorder);
    return 0;
}

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
    assert_conserved(&figures->arrivals);
    assert_memory_equal(&stages, &figures->arrivals, sizeof(stages));
    assert_memory_equal(&behaviors, &figures->arrivals, sizeof(behaviors));
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
        bool at_least;
        p50_ns[bulk] =
            histogram_percentile_ns(&figures->latency[LATENCY_CONNECTION_WAIT], 50, &at_least);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arrivals_are_conserved_however_they_are_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_in_bulk_is_as_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connect_that_fails_is_a_censored_sample, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("client_arrivals", tests, NULL, NULL);
}
