/* Figures that come from another program add up to what they would have been in one, and bytes that
 * are none are refused without harm. */
#include "unit.h"

#include "core/clock.h"
#include "core/pack.h"
#include "core/prng.h"
#include "figures/figures.h"

#include <cjson/cJSON.h>

#define ORIGIN_NS (50 * NS_PER_S)

enum { STEPS = 2, BEHAVIORS = 2, STAGES = 3, TARGETS = 2 };
static const struct figures_shape SHAPE = {
    .steps = STEPS, .stages = STAGES, .behaviors = BEHAVIORS, .targets = TARGETS};

static void open_figures(struct figures *figures)
{
    struct error error = {""};
    if (!figures_open(figures, &SHAPE, 4, ORIGIN_NS, &error)) {
        fail_msg("%s", error.text);
    }
}

static void fill_histograms(struct histogram *histograms, int kinds, uint64_t key)
{
    for (int kind = 0; kind < kinds; kind++) {
        for (uint64_t i = 0; i < 40; i++) {
            int64_t value_ns = (int64_t)prng_range(key, (uint64_t)kind, i, 0, 200 * NS_PER_S);
            value_ns >>= prng_range(key, 99, i, 0, 30);
            if (i % 7 == 0) {
                histogram_record_censored(&histograms[kind], value_ns);
            } else {
                histogram_record(&histograms[kind], value_ns);
            }
        }
    }
}

/* Something in every place. */
static void fill(struct figures *figures, uint64_t key, int64_t seconds)
{
    fill_histograms(figures->latency, LATENCY_KINDS, key);
    for (uint32_t i = 0; i < STEPS; i++) {
        fill_histograms(figures->steps[i].latency, LATENCY_STEP_KINDS, key + i + 1);
        figures->steps[i].errors[i] = key % 100 + i;
    }
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        fill_histograms(figures->stages[i].latency, LATENCY_KINDS, key + 10 + i);
        figures->stages[i].errors[3] = key % 50;
        figures->stages[i].arrivals.intended = key % 1000 + i;
        figures->stages[i].iterations_started = key % 999 + i;
    }
    for (uint32_t i = 0; i < TARGETS; i++) {
        fill_histograms(figures->targets[i].latency, LATENCY_SHARE_KINDS, key + 20 + i);
        figures->targets[i].counters.totals[i] = key % 77 + i;
        figures->targets[i].counters.errors[i] = key % 55 + i;
    }
    for (int i = 0; i < TOTAL_KINDS; i++) {
        figures->counters.totals[i] = prng_u64(key, 1, (uint64_t)i) >> 8;
    }
    for (int i = 0; i < ERROR_KINDS; i++) {
        figures->counters.errors[i] = prng_u64(key, 2, (uint64_t)i) >> 40;
    }
    for (int64_t s = 0; s < seconds; s++) {
        int64_t at_ns = ORIGIN_NS + s * NS_PER_S;
        series_add(figures->series, at_ns, SERIES_REQUESTS, key % 7 + (uint64_t)s % 5);
        series_add(figures->series, at_ns, SERIES_ERRORS_FIRST, key % 2);
        series_set(figures->series, at_ns, SERIES_CONNECTIONS, key % 11);
        for (uint64_t i = 0; i < 3; i++) {
            series_record(figures->series, at_ns, (int64_t)(prng_u64(key, 3, i) >> 30));
        }
    }
    for (uint16_t port = 1; port < 3000; port = (uint16_t)(port * 3)) {
        struct clean_group carried = {1, key % 500, key % 400, 3, 4};
        clean_count(figures->clean, port, &carried);
    }
    figures->abnormal[0] =
        (struct result_abnormal){.local = {.bytes_count = 4, .bytes = {1, 2, 3, 4}},
                                 .opened_ns = 7,
                                 .bytes_sent = key,
                                 .reason = ERROR_KIND_RESET};
    figures->abnormal_count = 1;
    figures->abnormal_total = 5;
    figures->port = (struct cport_stats){key % 9, 2, 3, key % 31, 5, 6, key % 7};
    for (uint32_t i = 0; i < BEHAVIORS; i++) {
        figures->behaviors[i] = (struct arrival_counts){key % 99, key % 88, i, 1};
    }
    figures->arrivals.begun = key % 123;
    figures->arrivals.intended = key % 12345;
    figures->iterations_started = key % 12344;
    figures->arrivals.never_started = 3;
    figures->arrivals.dropped = 4;
    figures->requests_cut = 5;
    figures->setup_timeouts = 6;
    figures->failed_steps = 7;
    figures->clock_reads = key;
    figures->sent_error_max_ns = (int64_t)(key % 1000);
    notes_push(&figures->notes, (uint32_t)key % 5, 2, 30);
    notes_mark(&figures->notes, (uint32_t)key % 3, 1);
    figures->evidence->failed[key % (STEPS + 1)] =
        (struct vm_failed){.happened = true,
                           .kind = ERROR_KIND_MISMATCH,
                           .at_ns = ORIGIN_NS + (int64_t)(key % 1000),
                           .connection = (uint32_t)(key % 77),
                           .bytes_count = 3,
                           .bytes = {1, 0, 255},
                           .expected = "a message",
                           .found = "another"};
}

static char *json_of(struct cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    assert_non_null(text);
    cJSON_Delete(json);
    return text;
}

static void assert_same_json(struct cJSON *a, struct cJSON *b)
{
    char *one = json_of(a);
    char *two = json_of(b);
    assert_string_equal(one, two);
    cJSON_free(one);
    cJSON_free(two);
}

static void assert_same_histograms(const struct histogram *a, const struct histogram *b, int kinds)
{
    for (int kind = 0; kind < kinds; kind++) {
        assert_same_json(histogram_to_json(&a[kind]), histogram_to_json(&b[kind]));
    }
}

static void assert_same_failed(const struct vm_failed *a, const struct vm_failed *b)
{
    assert_int_equal(a->happened, b->happened);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->at_ns, b->at_ns);
    assert_int_equal(a->connection, b->connection);
    assert_int_equal(a->bytes_count, b->bytes_count);
    assert_memory_equal(a->bytes, b->bytes, sizeof a->bytes);
    assert_string_equal(a->expected, b->expected);
    assert_string_equal(a->found, b->found);
}

static void assert_same(struct figures *a, struct figures *b)
{
    for (uint32_t i = 0; i <= STEPS; i++) {
        assert_same_failed(&a->evidence->failed[i], &b->evidence->failed[i]);
    }
    assert_memory_equal(&a->counters, &b->counters, sizeof a->counters);
    assert_same_histograms(a->latency, b->latency, LATENCY_KINDS);
    for (uint32_t i = 0; i < STEPS; i++) {
        assert_same_histograms(a->steps[i].latency, b->steps[i].latency, LATENCY_STEP_KINDS);
        assert_memory_equal(a->steps[i].errors, b->steps[i].errors, sizeof a->steps[i].errors);
    }
    for (uint32_t i = 0; i < a->stages_count; i++) {
        assert_same_histograms(a->stages[i].latency, b->stages[i].latency, LATENCY_KINDS);
        assert_memory_equal(a->stages[i].errors, b->stages[i].errors, sizeof a->stages[i].errors);
        assert_memory_equal(&a->stages[i].arrivals, &b->stages[i].arrivals,
                            sizeof a->stages[i].arrivals);
        assert_true(a->stages[i].iterations_started == b->stages[i].iterations_started);
    }
    for (uint32_t i = 0; i < TARGETS; i++) {
        assert_same_histograms(a->targets[i].latency, b->targets[i].latency, LATENCY_SHARE_KINDS);
        assert_memory_equal(&a->targets[i].counters, &b->targets[i].counters,
                            sizeof a->targets[i].counters);
    }
    int64_t end_ns = ORIGIN_NS + 5000 * NS_PER_S;
    assert_same_json(series_to_json(a->series, end_ns), series_to_json(b->series, end_ns));
    assert_memory_equal(a->clean, b->clean, sizeof *a->clean);
    assert_int_equal(a->abnormal_count, b->abnormal_count);
    assert_true(a->abnormal_total == b->abnormal_total);
    for (uint32_t i = 0; i < a->abnormal_count; i++) {
        const struct result_abnormal *one = &a->abnormal[i];
        const struct result_abnormal *two = &b->abnormal[i];
        assert_memory_equal(&one->local, &two->local, sizeof one->local);
        assert_memory_equal(&one->remote, &two->remote, sizeof one->remote);
        assert_true(one->opened_ns == two->opened_ns && one->reason == two->reason);
        assert_true(one->bytes_sent == two->bytes_sent);
        assert_true(one->bytes_received == two->bytes_received);
        assert_true(one->messages_sent == two->messages_sent);
        assert_true(one->messages_received == two->messages_received);
    }
    assert_memory_equal(&a->port, &b->port, sizeof a->port);
    assert_memory_equal(&a->arrivals, &b->arrivals, sizeof a->arrivals);
    assert_memory_equal(a->behaviors, b->behaviors, BEHAVIORS * sizeof *a->behaviors);
    assert_true(a->iterations_started == b->iterations_started);
    assert_true(a->requests_cut == b->requests_cut);
    assert_true(a->setup_timeouts == b->setup_timeouts);
    assert_true(a->failed_steps == b->failed_steps);
    assert_true(a->clock_reads == b->clock_reads);
    assert_true(a->sent_error_max_ns == b->sent_error_max_ns);
    assert_int_equal(a->notes.pushes.count, b->notes.pushes.count);
    assert_int_equal(a->notes.marks.count, b->notes.marks.count);
    for (uint32_t i = 0; i < NOTES_IDS_MAX + NOTES_MARKS_MAX; i++) {
        const struct note *one = &a->notes.pushes.notes[i];
        const struct note *two = &b->notes.pushes.notes[i];
        assert_true(one->id == two->id && one->second == two->second);
        assert_true(one->count == two->count && one->bytes == two->bytes);
    }
}

static void test_what_arrives_adds_up_as_in_one_program(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    /* A short one, and one whose series has folded. */
    static const int64_t SECONDS[] = {3, 4000};
    for (size_t i = 0; i < COUNT_OF(SECONDS); i++) {
        struct figures sent;
        struct figures here;
        struct figures expected;
        struct pack pack = {0};
        struct unpack unpack;
        open_figures(&sent);
        open_figures(&here);
        open_figures(&expected);
        fill(&sent, prng_u64(seed, 1, i), SECONDS[i]);
        fill(&here, prng_u64(seed, 2, i), 5);
        assert_true(figures_add(&expected, &here));
        assert_true(figures_add(&expected, &sent));
        figures_pack(&sent, &pack);
        assert_false(pack.failed);
        unpack_open(&unpack, pack.data, pack.bytes);
        assert_true(figures_unpack_add(&here, &unpack));
        assert_true(unpack_is_done(&unpack));
        assert_same(&here, &expected);
        pack_close(&pack);
        figures_close(&sent);
        figures_close(&here);
        figures_close(&expected);
    }
}

/* Cut, or with bytes changed: refused, or read as other figures; never a crash, a hang, or a read
 * beyond the end. */
static void test_damaged_figures_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    struct figures sent;
    struct pack pack = {0};
    struct page_end page;
    open_figures(&sent);
    fill(&sent, seed, 4);
    figures_pack(&sent, &pack);
    page_end_open(&page, pack.bytes);
    uint32_t refused = 0;
    for (uint64_t round = 0; round < 60; round++) {
        struct figures into;
        struct unpack unpack;
        size_t bytes = pack.bytes;
        uint8_t *copy = malloc(bytes);
        assert_non_null(copy);
        memcpy(copy, pack.data, bytes);
        if (round % 2 == 0) {
            bytes = (size_t)prng_range(seed, 5, round, 0, bytes - 1);
        } else {
            for (uint64_t i = 0; i < 4; i++) {
                copy[prng_range(seed, 6 + i, round, 0, bytes - 1)] =
                    (uint8_t)prng_u64(seed, 20 + i, round);
            }
        }
        open_figures(&into);
        unpack_open(&unpack, page_end_put(&page, copy, bytes), bytes);
        bool read = figures_unpack_add(&into, &unpack);
        refused += !read;
        assert_false(read && round % 2 == 0);
        figures_close(&into);
        free(copy);
    }
    assert_true(refused >= 30);
    page_end_close(&page);
    pack_close(&pack);
    figures_close(&sent);
}

static void test_figures_of_another_scenario_are_refused(void **state)
{
    (void)state;
    struct error error = {""};
    struct figures sent;
    struct figures into;
    struct pack pack = {0};
    struct unpack unpack;
    open_figures(&sent);
    struct figures_shape other = SHAPE;
    other.steps++;
    assert_true(figures_open(&into, &other, 4, ORIGIN_NS, &error));
    figures_pack(&sent, &pack);
    unpack_open(&unpack, pack.data, pack.bytes);
    assert_false(figures_unpack_add(&into, &unpack));
    pack_close(&pack);
    figures_close(&sent);
    figures_close(&into);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_arrives_adds_up_as_in_one_program),
        cmocka_unit_test(test_damaged_figures_do_no_harm),
        cmocka_unit_test(test_figures_of_another_scenario_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
