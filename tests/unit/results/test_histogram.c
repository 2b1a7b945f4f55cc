#include "unit.h"

#include "core/prng.h"
#include "results/histogram.h"

#include <cjson/cJSON.h>
#include <hdr/hdr_histogram.h>
#include <math.h>

enum { SAMPLES = 20000 };

/* Latencies as they come: 50 us and up, most within a millisecond, a few a thousand times that. */
static int64_t sample(uint64_t seed, uint64_t n)
{
    double tail = -log(1 - prng_unit(seed, 1, n));
    return (int64_t)(50000 + 200000 * tail * tail * tail);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void open3(struct histogram *histogram)
{
    struct error error = {""};
    if (!histogram_open(histogram, 3, &error)) {
        fail_msg("%s", error.text);
    }
}

static int64_t percentile(const struct histogram *histogram, double percent, bool expect_at_least)
{
    struct histogram_bounds bounds = histogram_percentile(histogram, percent);
    assert_int_equal(bounds.high_ns > bounds.low_ns, expect_at_least);
    return bounds.low_ns;
}

static void test_percentiles_against_a_sorted_array(void **state)
{
    (void)state;
    static int64_t sorted[SAMPLES];
    uint64_t seed = unit_seed();
    struct histogram histogram;
    open3(&histogram);
    for (uint64_t n = 0; n < SAMPLES; n++) {
        sorted[n] = sample(seed, n);
        histogram_record(&histogram, sorted[n]);
    }
    qsort(sorted, SAMPLES, sizeof *sorted, compare);
    static const double percents[] = {0, 0.01, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100};
    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        size_t rank = (size_t)ceil(percents[i] * SAMPLES / 100 - 1e-6);
        int64_t exact = sorted[rank > 0 ? rank - 1 : 0];
        int64_t value = percentile(&histogram, percents[i], false);
        /* The upper edge of the sample's bucket: never below it, at most 0.1% above. */
        assert_true(value >= exact);
        assert_true((double)value <= (double)exact * 1.001 + 1);
    }
    assert_int_equal(histogram_count(&histogram), SAMPLES);
    histogram_close(&histogram);
}

static void test_rank_of_few_samples_is_never_too_low(void **state)
{
    (void)state;
    struct histogram histogram;
    open3(&histogram);
    for (int64_t i = 1; i <= 10; i++) {
        histogram_record(&histogram, i * 100);
    }
    assert_int_equal(percentile(&histogram, 50, false), 500);
    assert_int_equal(percentile(&histogram, 90, false), 900);
    assert_int_equal(percentile(&histogram, 91, false), 1000);
    assert_int_equal(percentile(&histogram, 99, false), 1000);
    assert_int_equal(percentile(&histogram, 0, false), 100);
    histogram_reset(&histogram);
    for (int64_t i = 1; i <= 1000; i++) {
        histogram_record(&histogram, i);
    }
    assert_int_equal(percentile(&histogram, 99.9, false), 999);
    histogram_close(&histogram);
}

static void test_empty_histogram(void **state)
{
    (void)state;
    struct histogram histogram;
    open3(&histogram);
    assert_int_equal(percentile(&histogram, 99, false), 0);
    struct cJSON *json = histogram_to_json(&histogram);
    char *text = cJSON_PrintUnformatted(json);
    assert_non_null(strstr(text, "\"count\":0"));
    assert_non_null(strstr(text, "\"p99\":null"));
    assert_non_null(strstr(text, "\"buckets\":[]"));
    cJSON_free(text);
    cJSON_Delete(json);
    histogram_close(&histogram);
}

static void test_merge_equals_recording_all(void **state)
{
    (void)state;
    struct histogram parts[3];
    struct histogram all;
    open3(&all);
    for (int i = 0; i < 3; i++) {
        open3(&parts[i]);
    }
    for (uint64_t n = 0; n < SAMPLES; n++) {
        struct histogram *part = &parts[n % 3];
        int64_t value = n % 1000 == 7 ? HISTOGRAM_VALUE_MAX_NS + (int64_t)n : sample(1, n);
        if (n % 500 == 3) {
            histogram_record_censored(part, value);
            histogram_record_censored(&all, value);
        } else {
            histogram_record(part, value);
            histogram_record(&all, value);
        }
    }
    histogram_add(&parts[0], &parts[1]);
    histogram_add(&parts[0], &parts[2]);
    struct cJSON *merged = histogram_to_json(&parts[0]);
    struct cJSON *whole = histogram_to_json(&all);
    char *merged_text = cJSON_PrintUnformatted(merged);
    char *whole_text = cJSON_PrintUnformatted(whole);
    assert_string_equal(merged_text, whole_text);
    cJSON_free(merged_text);
    cJSON_free(whole_text);
    cJSON_Delete(merged);
    cJSON_Delete(whole);
    for (int i = 0; i < 3; i++) {
        histogram_close(&parts[i]);
    }
    histogram_close(&all);
}

static void test_censored_samples_open_the_ranks_that_they_may_hold(void **state)
{
    (void)state;
    struct histogram histogram;
    open3(&histogram);
    for (int64_t i = 1; i <= 98; i++) {
        histogram_record(&histogram, i * 1000);
    }
    histogram_record_censored(&histogram, 95500); /* between the 95th and the 96th */
    histogram_record_censored(&histogram, 5000000);
    assert_int_equal(histogram_count(&histogram), 100);
    assert_int_equal(histogram.censored_count, 2);
    assert_int_equal(histogram.censored_min_ns, 95500);
    percentile(&histogram, 50, false);
    percentile(&histogram, 95, false);
    /* 94,000 if the one at 95,500 lies above all others, else 95,500: the rank 96 is open. */
    struct histogram_bounds bounds = histogram_percentile(&histogram, 96);
    assert_true(bounds.low_ns == 95551 && bounds.high_ns == 96063);
    percentile(&histogram, 96, true);
    percentile(&histogram, 99, true);
    percentile(&histogram, 100, true);
    struct cJSON *json = histogram_to_json(&histogram);
    char *text = cJSON_PrintUnformatted(json);
    assert_non_null(strstr(text, "\"at_least\":[\"mean\",\"p99\",\"p99_9\",\"p99_99\",\"max\"]"));
    assert_non_null(strstr(text, "\"censored\":2,\"censored_min\":95500,\"over_range\":0"));
    cJSON_free(text);
    cJSON_Delete(json);
    histogram_close(&histogram);
}

/* Answering more requests late instead of never must not make a percentile look worse, and timing
 * out must not make it look better. */
static void test_timing_out_never_improves_a_percentile(void **state)
{
    (void)state;
    struct histogram answered;
    struct histogram timed_out;
    open3(&answered);
    open3(&timed_out);
    for (int64_t i = 1; i <= 1000; i++) {
        bool slow = i > 980;
        histogram_record(&answered, slow ? 80000000 : i * 1000);
        if (slow) {
            histogram_record_censored(&timed_out, 50000000);
        } else {
            histogram_record(&timed_out, i * 1000);
        }
    }
    percentile(&answered, 99, false);
    percentile(&timed_out, 99, true);
    assert_true(percentile(&timed_out, 98, false) == percentile(&answered, 98, false));
    histogram_close(&answered);
    histogram_close(&timed_out);
}

/* Whatever the censored samples would have been: the percentile of the true values lies between
 * the bounds, and where the bounds agree, it is what they say. */
static void test_the_true_percentile_lies_between_the_bounds(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    static const double percents[] = {1, 25, 50, 90, 99, 99.9, 100};
    for (uint64_t round = 0; round < 200; round++) {
        int64_t values[400];
        size_t count = 1 + (size_t)(prng_u64(seed, round, 0) % COUNT_OF(values));
        struct histogram histogram;
        open3(&histogram);
        for (size_t i = 0; i < count; i++) {
            values[i] = sample(seed + round, i);
            if (prng_u64(seed, round, i + 1) % 10 < round % 4) {
                int64_t age_ns = (int64_t)((double)values[i] * prng_unit(seed, round, i + 1));
                histogram_record_censored(&histogram, age_ns);
            } else {
                histogram_record(&histogram, values[i]);
            }
        }
        qsort(values, count, sizeof *values, compare);
        for (size_t i = 0; i < COUNT_OF(percents); i++) {
            struct histogram_bounds bounds = histogram_percentile(&histogram, percents[i]);
            size_t rank = (size_t)ceil(percents[i] * (double)count / 100 - 1e-6);
            int64_t exact = values[rank > 0 ? rank - 1 : 0];
            assert_true((double)bounds.low_ns <= (double)exact * 1.001 + 1);
            assert_true(bounds.high_ns >= exact);
            assert_true(bounds.high_ns >= bounds.low_ns);
        }
        histogram_close(&histogram);
    }
}

static void test_one_lost_reply_opens_the_last_rank_only(void **state)
{
    (void)state;
    struct histogram histogram;
    open3(&histogram);
    histogram_record_censored(&histogram, 1000);
    for (int i = 0; i < 999; i++) {
        histogram_record(&histogram, 80000000);
    }
    percentile(&histogram, 50, false);
    percentile(&histogram, 99.8, false);
    percentile(&histogram, 0, true); /* it may be the least of all, at 1 us, or not */
    assert_true(histogram_percentile(&histogram, 100).high_ns == INT64_MAX);
    assert_int_equal(histogram_known_count(&histogram, 90000000), 999);
    histogram_close(&histogram);
}

static void test_values_outside_the_range_are_counted(void **state)
{
    (void)state;
    struct histogram histogram;
    open3(&histogram);
    histogram_record(&histogram, 0);
    histogram_record(&histogram, -5);
    histogram_record(&histogram, HISTOGRAM_VALUE_MAX_NS);
    assert_int_equal(histogram.over_range_count, 0);
    histogram_record(&histogram, HISTOGRAM_VALUE_MAX_NS + 1);
    histogram_record(&histogram, INT64_MAX);
    histogram_record_censored(&histogram, INT64_MAX);
    assert_int_equal(histogram_count(&histogram), 6);
    assert_int_equal(histogram.over_range_count, 2); /* answered */
    assert_int_equal(histogram.censored_count, 1);
    assert_true(histogram.censored_min_ns == HISTOGRAM_VALUE_MAX_NS);
    assert_int_equal(percentile(&histogram, 10, false), 1);
    assert_true(percentile(&histogram, 100, true) == HISTOGRAM_VALUE_MAX_NS);
    histogram_reset(&histogram);
    assert_int_equal(histogram_count(&histogram), 0);
    assert_int_equal(histogram.censored_count, 0);
    assert_int_equal(histogram.over_range_count, 0);
    percentile(&histogram, 99, false);
    histogram_close(&histogram);
}

static struct cJSON *buckets_of(const struct histogram *histogram)
{
    struct cJSON *json = histogram_to_json(histogram);
    char *text = cJSON_PrintUnformatted(json);
    struct cJSON *parsed = cJSON_Parse(text);
    struct cJSON *buckets = cJSON_DetachItemFromObject(parsed, "buckets");
    cJSON_free(text);
    cJSON_Delete(json);
    cJSON_Delete(parsed);
    return buckets;
}

static void test_buckets_carry_every_sample(void **state)
{
    (void)state;
    struct histogram histogram;
    open3(&histogram);
    for (uint64_t n = 0; n < SAMPLES; n++) {
        histogram_record(&histogram, sample(5, n));
    }
    struct cJSON *buckets = buckets_of(&histogram);
    assert_true(cJSON_IsArray(buckets));
    struct histogram again;
    open3(&again);
    struct cJSON *bucket;
    double previous = -1;
    cJSON_ArrayForEach(bucket, buckets)
    {
        assert_int_equal(cJSON_GetArraySize(bucket), 2);
        double value = cJSON_GetArrayItem(bucket, 0)->valuedouble;
        assert_true(value > previous);
        previous = value;
        for (int i = 0; i < cJSON_GetArrayItem(bucket, 1)->valueint; i++) {
            histogram_record(&again, (int64_t)value);
        }
    }
    struct cJSON *buckets_again = buckets_of(&again);
    assert_true(cJSON_Compare(buckets_again, buckets, true));
    cJSON_Delete(buckets_again);
    cJSON_Delete(buckets);
    histogram_close(&histogram);
    histogram_close(&again);
}

/* Into the buckets that HdrHistogram itself would choose, of whatever digits. */
static void test_recorded_as_by_the_library(void **state)
{
    (void)state;
    struct error error = {""};
    uint64_t seed = unit_seed();
    for (int digits = 2; digits <= 3; digits++) {
        struct histogram ours[2];
        struct histogram *const all[2] = {&ours[0], &ours[1]};
        struct histogram theirs;
        assert_true(histogram_open(&ours[0], digits, &error));
        assert_true(histogram_open(&ours[1], digits, &error));
        assert_true(histogram_open(&theirs, digits, &error));
        for (uint64_t n = 0; n < SAMPLES; n++) {
            int64_t value_ns = (int64_t)prng_range(seed, 2, n, 1, HISTOGRAM_VALUE_MAX_NS);
            int64_t low_ns = (int64_t)((uint64_t)value_ns >> n % 37);
            value_ns = low_ns < 1 ? 1 : n < 5000 ? (int64_t)n + 1 : low_ns;
            value_ns = n == SAMPLES - 1 ? HISTOGRAM_VALUE_MAX_NS : value_ns;
            histogram_record_all(all, 2, value_ns);
            assert_true(hdr_record_value(theirs.hdr, value_ns));
        }
        for (int i = 0; i < 2; i++) {
            const struct hdr_histogram *hdr = ours[i].hdr;
            assert_int_equal(hdr->total_count, theirs.hdr->total_count);
            assert_int_equal(hdr->min_value, theirs.hdr->min_value);
            assert_int_equal(hdr->max_value, theirs.hdr->max_value);
            assert_memory_equal(hdr->counts, theirs.hdr->counts,
                                sizeof *hdr->counts * (size_t)hdr->counts_len);
            histogram_close(all[i]);
        }
        histogram_close(&theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles_against_a_sorted_array),
        cmocka_unit_test(test_rank_of_few_samples_is_never_too_low),
        cmocka_unit_test(test_empty_histogram),
        cmocka_unit_test(test_merge_equals_recording_all),
        cmocka_unit_test(test_censored_samples_open_the_ranks_that_they_may_hold),
        cmocka_unit_test(test_timing_out_never_improves_a_percentile),
        cmocka_unit_test(test_the_true_percentile_lies_between_the_bounds),
        cmocka_unit_test(test_one_lost_reply_opens_the_last_rank_only),
        cmocka_unit_test(test_values_outside_the_range_are_counted),
        cmocka_unit_test(test_buckets_carry_every_sample),
        cmocka_unit_test(test_recorded_as_by_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
