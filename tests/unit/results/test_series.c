#include "unit.h"

#include "core/clock.h"
#include "core/prng.h"
#include "results/bucket.h"
#include "results/series.h"

#include <cjson/cJSON.h>
#include <hdr/hdr_histogram.h>

#define ORIGIN_NS INT64_C(123456789)

static struct series *make(void)
{
    struct error error = {""};
    struct series *series = series_create(ORIGIN_NS, SERIES_CELLS_MAX, &error);
    if (!series) {
        fail_msg("%s", error.text);
    }
    return series;
}

static int64_t at(double s)
{
    return ORIGIN_NS + (int64_t)(s * 1e9);
}

/* The array as a reader gets it; items are raw text until it is parsed. */
static struct cJSON *read_back(struct series *series, double end_s)
{
    struct cJSON *array = series_to_json(series, at(end_s));
    assert_non_null(array);
    char *text = cJSON_PrintUnformatted(array);
    assert_non_null(text);
    struct cJSON *parsed = cJSON_Parse(text);
    assert_true(cJSON_IsArray(parsed));
    cJSON_free(text);
    cJSON_Delete(array);
    return parsed;
}

static double value(const struct cJSON *array, int entry, const char *key)
{
    const struct cJSON *item =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(array, entry), key);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static double values_sum(const struct cJSON *array, const char *key)
{
    double sum = 0;
    const struct cJSON *entry;
    cJSON_ArrayForEach(entry, array) sum +=
        key ? cJSON_GetObjectItemCaseSensitive(entry, key)->valuedouble : entry->valuedouble;
    return sum;
}

static double entry_samples(const struct cJSON *entry)
{
    double sum = 0;
    double previous = -1;
    const struct cJSON *bucket;
    cJSON_ArrayForEach(bucket, cJSON_GetObjectItemCaseSensitive(entry, "buckets"))
    {
        assert_true(cJSON_GetArrayItem(bucket, 0)->valuedouble > previous);
        previous = cJSON_GetArrayItem(bucket, 0)->valuedouble;
        sum += cJSON_GetArrayItem(bucket, 1)->valuedouble;
    }
    return sum;
}

static double samples_sum(const struct cJSON *array)
{
    double sum = 0;
    const struct cJSON *entry;
    cJSON_ArrayForEach(entry, array) sum += entry_samples(entry);
    return sum;
}

static void test_buckets_are_hdr_histograms(void **state)
{
    (void)state;
    struct hdr_histogram *hdr = NULL;
    assert_int_equal(hdr_init(1, HISTOGRAM_VALUE_MAX_NS, 2, &hdr), 0);
    uint64_t seed = unit_seed();
    for (uint64_t n = 0; n < 200000; n++) {
        int64_t ns = n < 5000 ? (int64_t)n + 1
                              : (int64_t)(prng_range(seed, 1, n, 1, HISTOGRAM_VALUE_MAX_NS) >>
                                          prng_range(seed, 2, n, 0, 30)) +
                                    1;
        if (ns > HISTOGRAM_VALUE_MAX_NS) {
            ns = HISTOGRAM_VALUE_MAX_NS;
        }
        uint32_t bucket = bucket_of(ns, SERIES_BUCKET_BITS);
        assert_true(bucket < SERIES_BUCKETS);
        assert_true(bucket_lowest_ns(bucket, SERIES_BUCKET_BITS) ==
                    hdr_lowest_equivalent_value(hdr, ns));
        assert_true(bucket_of(bucket_lowest_ns(bucket, SERIES_BUCKET_BITS), SERIES_BUCKET_BITS) ==
                    bucket);
    }
    assert_true(bucket_of(HISTOGRAM_VALUE_MAX_NS, SERIES_BUCKET_BITS) == SERIES_BUCKETS - 1);
    hdr_close(hdr);
}

static void test_values_stand_in_their_second(void **state)
{
    (void)state;
    struct series *series = make();
    series_set(series, at(0.1), SERIES_CONNECTIONS, 5);
    series_add(series, at(0.2), SERIES_RESPONSES, 2);
    series_record(series, at(0.2), 1000);
    series_add(series, at(2.9), SERIES_RESPONSES, 7);
    series_set(series, at(2.9), SERIES_CONNECTIONS, 3);
    series_record(series, at(2.9), 2000);
    series_add(series, at(1.95), SERIES_RESPONSES, 1); /* a second late */
    series_record(series, at(1.95), 3000);
    struct cJSON *array = read_back(series, 4.5);
    assert_int_equal(cJSON_GetArraySize(array), 5);
    static const double responses[] = {2, 1, 7, 0, 0};
    static const double connections[] = {5, 5, 3, 3, 3};
    static const double samples[] = {1, 1, 1, 0, 0};
    for (int i = 0; i < 5; i++) {
        assert_true(value(array, i, "t_ns") == i * 1e9);
        assert_true(value(array, i, "responses") == responses[i]);
        assert_true(value(array, i, "connections") == connections[i]);
        assert_true(entry_samples(cJSON_GetArrayItem(array, i)) == samples[i]);
    }
    cJSON_Delete(array);
    series_destroy(series);
}

static void test_events_before_the_origin_and_after_the_end_are_kept(void **state)
{
    (void)state;
    struct series *series = make();
    series_add(series, ORIGIN_NS - NS_PER_S, SERIES_ERRORS, 1);
    series_add(series, at(9.5), SERIES_ERRORS, 1);
    series_add(series, at(2), SERIES_ERRORS, 1); /* far too late: counted all the same */
    series_record(series, at(2), -4);
    series_record(series, at(9.5), INT64_MAX);
    struct cJSON *array = read_back(series, 3);
    assert_int_equal(cJSON_GetArraySize(array), 10);
    assert_true(values_sum(array, "errors") == 3);
    assert_true(samples_sum(array) == 2);
    cJSON_Delete(array);
    series_destroy(series);
}

static void test_errors_stand_by_kind_and_add_up(void **state)
{
    (void)state;
    struct series *series = make();
    struct counters before = {0};
    struct counters now = {0};
    now.errors[ERROR_KIND_RESET] = 3;
    now.errors[ERROR_KINDS - 1] = UINT64_C(1) << 40;
    series_add_errors(series, at(0.5), &now, &before);
    before = now;
    series_add_errors(series, at(1.5), &now, &before); /* nothing new */
    now.errors[ERROR_KIND_RESET] += 4;
    now.errors[0] = 1;
    series_add_errors(series, at(2.5), &now, &before);
    struct cJSON *array = read_back(series, 3);
    static const double sums[] = {3.0 + 1099511627776.0, 0, 5};
    static const int kinds[] = {2, 0, 2};
    for (int i = 0; i < 3; i++) {
        const struct cJSON *by_kind =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(array, i), "errors_by_kind");
        assert_true(value(array, i, "errors") == sums[i]);
        assert_int_equal(cJSON_GetArraySize(by_kind), kinds[i]);
        assert_true(values_sum(by_kind, NULL) == sums[i]);
    }
    const struct cJSON *last =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(array, 2), "errors_by_kind");
    assert_true(cJSON_GetObjectItemCaseSensitive(last, "reset")->valuedouble == 4);
    assert_true(cJSON_GetObjectItemCaseSensitive(last, error_key(0))->valuedouble == 1);
    cJSON_Delete(array);
    series_destroy(series);
}

/* A run of 24 hours: 3,600 entries at most, nothing lost, in bounded time and memory. */
static void test_a_day_folds_and_loses_nothing(void **state)
{
    (void)state;
    struct series *series = make();
    enum { SECONDS = 86400, PER_SECOND = 5 };
    for (int s = 0; s < SECONDS; s++) {
        series_set(series, at(s + 0.1), SERIES_CONNECTIONS, (uint64_t)s);
        for (int i = 0; i < PER_SECOND; i++) {
            series_add(series, at(s + 0.2), SERIES_BYTES_SENT, 10);
            series_record(series, at(s + 0.2),
                          (int64_t)prng_range(1, 1, (uint64_t)(s * 8 + i), 50000, 50000000));
        }
    }
    assert_true(series_period_ns(series) == 32 * NS_PER_S);
    struct cJSON *array = read_back(series, SECONDS);
    assert_int_equal(cJSON_GetArraySize(array), SECONDS / 32);
    assert_true(values_sum(array, "bytes_sent") == 10.0 * SECONDS * PER_SECOND);
    assert_true(samples_sum(array) == (double)SECONDS * PER_SECOND);
    for (int i = 0; i < SECONDS / 32; i++) {
        assert_true(value(array, i, "t_ns") == i * 32e9);
        assert_true(value(array, i, "bytes_sent") == 32 * 10 * PER_SECOND);
        assert_true(value(array, i, "connections") == i * 32 + 31); /* the last of the entry */
        assert_true(entry_samples(cJSON_GetArrayItem(array, i)) == 32 * PER_SECOND);
    }
    cJSON_Delete(array);
    series_destroy(series);
}

/* Latencies in every bucket of every second: the store fills long before 3,600 entries. */
static void test_a_full_store_folds_early_and_loses_nothing(void **state)
{
    (void)state;
    struct series *series = make();
    enum { SECONDS = 600 };
    for (int s = 0; s < SECONDS; s++) {
        for (uint32_t i = 1; i < SERIES_BUCKETS; i++) {
            series_record(series, at(s + 0.5), bucket_lowest_ns(i, SERIES_BUCKET_BITS));
        }
        series_add(series, at(s + 0.5), SERIES_RESPONSES, SERIES_BUCKETS - 1);
    }
    assert_true(series_period_ns(series) == 4 * NS_PER_S); /* 600 * 3,935 cells in 1,048,576 */
    struct cJSON *array = series_to_json(series, at(SECONDS));
    size_t bytes = 0;
    const struct cJSON *entry;
    cJSON_ArrayForEach(entry, array) bytes += strlen(entry->valuestring);
    assert_in_range(bytes, 1, 25 * 1000 * 1000); /* what the header promises, and a little */
    cJSON_Delete(array);
    array = read_back(series, SECONDS);
    assert_true(samples_sum(array) == (double)SECONDS * (SERIES_BUCKETS - 1));
    assert_true(values_sum(array, "responses") == (double)SECONDS * (SERIES_BUCKETS - 1));
    cJSON_Delete(array);
    series_destroy(series);
}

static void test_a_jump_over_hours(void **state)
{
    (void)state;
    struct series *series = make();
    series_record(series, at(0.5), 1000);
    series_record(series, at(1.5), 1000);
    series_record(series, at(100000.5), 1000);
    series_add(series, at(100000.5), SERIES_REQUESTS, 1);
    struct cJSON *array = read_back(series, 100001);
    assert_true(samples_sum(array) == 3);
    assert_true(values_sum(array, "requests") == 1);
    assert_true(cJSON_GetArraySize(array) <= SERIES_ENTRIES_MAX);
    cJSON_Delete(array);
    series_destroy(series);

    series = make(); /* nothing happens, for long */
    array = read_back(series, 1e6);
    assert_in_range(cJSON_GetArraySize(array), SERIES_ENTRIES_MAX / 2, SERIES_ENTRIES_MAX);
    cJSON_Delete(array);
    series_destroy(series);
}

/* Records the same random events into one series and spread over three; the merge is the same. */
static void merge_and_compare(uint64_t seed, double length_s, int stops_early)
{
    struct series *all = make();
    struct series *parts[3] = {make(), make(), make()};
    enum { EVENTS = 30000 };
    uint64_t gauges[3] = {0};
    for (uint64_t n = 0; n < EVENTS; n++) {
        double s = length_s * (double)n / EVENTS;
        uint64_t part = n % 3;
        if (stops_early && part == 1 && n > EVENTS / 3) {
            part = 2; /* a thread with fewer seconds and a smaller period */
        }
        int64_t latency = (int64_t)prng_range(seed, 1, n, 1, 3000000);
        series_record(parts[part], at(s), latency);
        series_record(all, at(s), latency);
        series_add(parts[part], at(s), SERIES_BYTES_RECEIVED, n);
        series_add(all, at(s), SERIES_BYTES_RECEIVED, n);
        struct counters none = {0};
        struct counters some = {0};
        some.errors[n % ERROR_KINDS] = n % 5;
        series_add_errors(parts[part], at(s), &some, &none);
        series_add_errors(all, at(s), &some, &none);
        gauges[part] = prng_range(seed, 2, n, 0, 100);
        series_set(parts[part], at(s), SERIES_CONNECTIONS, gauges[part]);
        series_set(all, at(s), SERIES_CONNECTIONS, gauges[0] + gauges[1] + gauges[2]);
    }
    struct series *into = make();
    for (int i = 0; i < 3; i++) {
        assert_true(series_merge(into, parts[i]));
    }
    assert_true(series_period_ns(into) == series_period_ns(all));
    struct cJSON *expected = series_to_json(all, at(length_s));
    struct cJSON *merged = series_to_json(into, at(length_s));
    char *expected_text = cJSON_PrintUnformatted(expected);
    char *merged_text = cJSON_PrintUnformatted(merged);
    assert_string_equal(merged_text, expected_text);
    cJSON_free(expected_text);
    cJSON_free(merged_text);
    cJSON_Delete(expected);
    cJSON_Delete(merged);
    for (int i = 0; i < 3; i++) {
        series_destroy(parts[i]);
    }
    series_destroy(all);
    series_destroy(into);
}

static void test_merge_equals_recording_all(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    merge_and_compare(seed, 3, 0);
    merge_and_compare(seed, 1000, 0);
    merge_and_compare(seed, 20000, 0);
}

static void test_merge_of_different_periods(void **state)
{
    (void)state;
    uint64_t seed = unit_seed();
    merge_and_compare(seed, 5000, 1);
    merge_and_compare(seed, 20000, 1);
}

/* Threads whose buckets differ: the sum does not fit where each part did. */
static void test_merge_that_overflows_the_store_folds(void **state)
{
    (void)state;
    struct series *parts[2] = {make(), make()};
    enum { SECONDS = 400 };
    for (int s = 0; s < SECONDS; s++) {
        for (uint32_t i = 2; i < SERIES_BUCKETS; i++) {
            series_record(parts[i % 2], at(s + 0.5), bucket_lowest_ns(i, SERIES_BUCKET_BITS));
        }
    }
    assert_true(series_period_ns(parts[0]) == NS_PER_S);
    assert_true(series_merge(parts[0], parts[1]));
    assert_true(series_period_ns(parts[0]) == 2 * NS_PER_S);
    struct cJSON *array = read_back(parts[0], SECONDS);
    assert_true(samples_sum(array) == (double)SECONDS * (SERIES_BUCKETS - 2));
    cJSON_Delete(array);
    series_destroy(parts[0]);
    series_destroy(parts[1]);
}

/* A small store folds earlier, and loses nothing either; two that were folded differently are made
 * alike. */
static void test_a_small_store_folds_early_and_is_aligned_with_another(void **state)
{
    (void)state;
    struct error error = {""};
    struct series *one = make();
    struct series *small = series_create(ORIGIN_NS, SERIES_CELLS_LEAST, &error);
    assert_non_null(small);
    enum { SECONDS = 60 };
    for (int s = 0; s < SECONDS; s++) {
        for (uint32_t i = 1; i < SERIES_BUCKETS; i++) {
            series_add_latencies(small, at(s + 0.5), i, 2);
        }
        assert_int_equal(series_record(one, at(s + 0.5), 1000000), /* whose bucket it returns */
                         bucket_of(1000000, SERIES_BUCKET_BITS));
    }
    assert_true(series_period_ns(small) == 4 * NS_PER_S); /* 60 * 3,935 cells in 62,976 */
    assert_true(series_period_ns(one) == NS_PER_S);
    series_align(one, small);
    assert_true(series_period_ns(one) == 4 * NS_PER_S);
    series_align(small, one);
    assert_true(series_period_ns(small) == 4 * NS_PER_S);
    struct cJSON *array = read_back(small, SECONDS);
    struct cJSON *other = read_back(one, SECONDS);
    assert_true(samples_sum(array) == 2.0 * SECONDS * (SERIES_BUCKETS - 1));
    assert_true(samples_sum(other) == SECONDS);
    assert_int_equal(cJSON_GetArraySize(array), cJSON_GetArraySize(other));
    cJSON_Delete(array);
    cJSON_Delete(other);
    series_destroy(one);
    series_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets_are_hdr_histograms),
        cmocka_unit_test(test_values_stand_in_their_second),
        cmocka_unit_test(test_events_before_the_origin_and_after_the_end_are_kept),
        cmocka_unit_test(test_errors_stand_by_kind_and_add_up),
        cmocka_unit_test(test_a_day_folds_and_loses_nothing),
        cmocka_unit_test(test_a_full_store_folds_early_and_loses_nothing),
        cmocka_unit_test(test_a_jump_over_hours),
        cmocka_unit_test(test_a_small_store_folds_early_and_is_aligned_with_another),
        cmocka_unit_test(test_merge_equals_recording_all),
        cmocka_unit_test(test_merge_of_different_periods),
        cmocka_unit_test(test_merge_that_overflows_the_store_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
