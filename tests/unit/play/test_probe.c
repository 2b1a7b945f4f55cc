/* Every threshold with abort_on_fail that is accepted is watched: whatever figure it is about goes
 * from a worker's figures through the probe (and through bytes, to another rank) into those that
 * are judged. */
#include "unit.h"

#include "core/clock.h"
#include "core/pack.h"
#include "play/probe.h"

static const char *const STEPS[] = {"login", "echo"};
static const struct metric_names NAMES = {.steps = STEPS, .steps_count = 2, .stages_count = 2};
static const char *const PREFIXES[] = {
    [METRIC_OF_RUN] = "", [METRIC_OF_STEP] = "steps.echo.", [METRIC_OF_STAGE] = "stages.2."};

static void open_figures(struct figures *figures)
{
    struct error error = {""};
    if (!figures_open(
            figures, &(struct figures_shape){.steps = 2, .stages = 2, .behaviors = 2, .targets = 2},
            1, 0, &error)) {
        fail_msg("%s", error.text);
    }
}

static void fill_numbers(struct figures *figures, uint64_t first)
{
    struct figures_walk walk = {0};
    uint64_t *number;
    while ((number = figures_next_number(figures, &walk)) != NULL) {
        *number = first++;
    }
}

/* Enough of everything to be judged, and nothing that would hold. */
static void fill_histograms(struct figures *figures)
{
    struct figures_walk walk = {0};
    struct histogram *histogram;
    while ((histogram = figures_next_histogram(figures, &walk)) != NULL) {
        for (int i = 0; i < 2 * THRESHOLD_SAMPLES_MIN; i++) {
            histogram_record(histogram, 5 * NS_PER_MS);
            histogram_record_censored(histogram, 6 * NS_PER_MS);
        }
        histogram_record(histogram, HISTOGRAM_VALUE_MAX_NS + 1);
    }
}

/* What the watch works out for itself. */
static void work_out(struct figures *figures)
{
    figures->connections_peak = 7;
    figures->window_ns = NS_PER_S;
    figures->rate_target_per_s = 5000;
    figures->rate_achieved_per_s = 4000;
    figures->resources_of_others =
        (struct host_resources){.cpu_user_s = 1, .cpu_system_s = 1, .rss_max_bytes = 1};
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        figures->stages[i].window_ns = NS_PER_S;
        figures->stages[i].rate_target_per_s = 5000;
    }
}

/* A threshold that the figures breach. */
static struct threshold breached(const char *name, bool percent)
{
    char text[THRESHOLD_TEXT_BYTES_MAX];
    struct threshold threshold;
    struct error error = {""};
    struct metric metric;
    if (!metric_find(name, &NAMES, &metric, &error)) {
        fail_msg("%s", error.text);
    }
    enum metric_unit unit = metric_unit_of(&metric);
    bool is_time = unit == METRIC_UNIT_TIME || unit == METRIC_UNIT_SECONDS;
    snprintf(text, sizeof text, "%s < %s", name, percent ? "0.1%" : is_time ? "1ns" : "1");
    if (!threshold_parse(text, &NAMES, &threshold, &error)) {
        fail_msg("%s", error.text);
    }
    threshold.abort_on_fail = true;
    return threshold;
}

/* The worker's own, those of its program, and those of another rank's. Opened once: they are large.
 */
static struct figures worker;
static struct figures own;
static struct figures whole;

static bool fires(const struct threshold *threshold)
{
    struct error error = {""};
    struct probe probe;
    struct pack pack = {0};
    struct unpack from;
    assert_true(probe_open(&probe, &worker, threshold, 1, false, &error));
    probe_ask(&probe);
    while (probe_take(&probe, &worker)) {
    }
    assert_true(probe_has_answered(&probe));
    probe_reset(&probe, &own);
    probe_read(&probe, &own);
    probe_pack(&probe, &own, &pack);
    unpack_open(&from, pack.data, pack.bytes);
    probe_reset(&probe, &whole);
    assert_true(probe_unpack_add(&probe, &whole, &from));
    work_out(&own);
    work_out(&whole);
    bool here = threshold_has_failed(threshold, &own);
    bool there = threshold_has_failed(threshold, &whole);
    assert_int_equal(here, there);
    pack_close(&pack);
    probe_reset(&probe, &own);
    probe_reset(&probe, &whole);
    probe_close(&probe);
    return here;
}

static void check(const char *name, bool percent)
{
    struct threshold threshold = breached(name, percent);
    bool refused = threshold_abort_refusal(&threshold) != NULL;
    bool at_end = strstr(name, "requests_cut") != NULL || strstr(name, "never_started") != NULL;
    if (refused != at_end) {
        fail_msg("%s is %s", name, refused ? "refused" : "not refused");
    }
    if (!refused && !fires(&threshold)) {
        fail_msg("\"%s\" does not fire", threshold.text);
    }
}

static void test_every_metric_that_is_accepted_fires(void **state)
{
    (void)state;
    open_figures(&worker);
    open_figures(&own);
    open_figures(&whole);
    fill_numbers(&worker, 1000);
    fill_histograms(&worker);
    for (int scope = METRIC_OF_RUN; scope <= METRIC_OF_STAGE; scope++) {
        char text[METRIC_NAME_BYTES_MAX];
        for (size_t i = 0; metric_name((enum metric_scope)scope, i, text); i++) {
            char name[2 * METRIC_NAME_BYTES_MAX];
            snprintf(name, sizeof name, "%s%s", PREFIXES[scope], text);
            check(name, false);
            if (strncmp(text, "errors.", 7) == 0) {
                check(name, true);
            }
        }
    }
    figures_close(&worker);
    figures_close(&own);
    figures_close(&whole);
}

static void test_what_is_about_the_server_is_refused(void **state)
{
    (void)state;
    struct threshold threshold = breached("server.errors.total", false);
    assert_non_null(threshold_abort_refusal(&threshold));
}

/* Adding, packing and the flat copy know the same numbers: all of them. */
static void test_every_number_is_in_every_sum(void **state)
{
    (void)state;
    static struct figures one;
    static struct figures sums[3];
    static uint64_t flat[4][4096];
    struct pack pack = {0};
    struct unpack from;
    open_figures(&one);
    for (int i = 0; i < 3; i++) {
        open_figures(&sums[i]);
    }
    fill_numbers(&one, 1);
    assert_true(figures_numbers_count(&one) < COUNT_OF(flat[0]));
    assert_true(figures_add(&sums[0], &one));
    figures_pack(&one, &pack);
    unpack_open(&from, pack.data, pack.bytes);
    assert_true(figures_unpack_add(&sums[1], &from));
    figures_numbers_read(&one, flat[3]);
    for (uint32_t i = 0; i < figures_numbers_count(&one); i++) {
        assert_int_equal(flat[3][i], i + 1); /* each is there once */
    }
    figures_numbers_add(&sums[2], flat[3]);
    for (int i = 0; i < 3; i++) {
        figures_numbers_read(&sums[i], flat[i]);
        assert_memory_equal(flat[i], flat[3], sizeof flat[i]);
        figures_close(&sums[i]);
    }
    pack_close(&pack);
    figures_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_metric_that_is_accepted_fires),
        cmocka_unit_test(test_what_is_about_the_server_is_refused),
        cmocka_unit_test(test_every_number_is_in_every_sum),
    };
    return cmocka_run_group_tests_name("client_probe", tests, NULL, NULL);
}
