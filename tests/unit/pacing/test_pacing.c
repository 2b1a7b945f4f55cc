/* Pacing: the intended times of arrivals. */
#include "core/clock.h"
#include "core/prng.h"
#include "pacing/pacing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pacing open_constant(double rate_per_s, int64_t duration_ns)
{
    struct scenario_load load = {
        .has_rate = true, .rate_per_s = rate_per_s, .duration_ns = duration_ns, .seed = 7};
    struct pacing pacing;
    struct error error;
    assert_true(pacing_open(&pacing, &load, PACING_WHOLE, &error));
    return pacing;
}

static struct pacing open_stages(struct scenario_stage *stages, uint32_t count,
                                 enum scenario_arrival arrival, uint64_t seed)
{
    struct scenario_load load = {
        .stages = stages, .stages_count = count, .arrival = arrival, .seed = seed};
    struct pacing pacing;
    struct error error;
    assert_true(pacing_open(&pacing, &load, PACING_WHOLE, &error));
    return pacing;
}

static struct scenario_stage ramp(int64_t duration_ns, double from_per_s, double to_per_s)
{
    return (struct scenario_stage){.duration_ns = duration_ns,
                                   .has_rate = true,
                                   .rate_from_per_s = from_per_s,
                                   .rate_to_per_s = to_per_s,
                                   .connections_to = -1};
}

static uint64_t count_arrivals(const struct pacing *pacing)
{
    struct pacing_cursor cursor;
    uint64_t count = 0;
    for (pacing_first(pacing, &cursor); cursor.time_ns != TIME_NEVER_NS;
         pacing_advance(pacing, &cursor)) {
        count++;
    }
    return count;
}

static void test_constant_rate_is_evenly_spaced(void **state)
{
    (void)state;
    struct pacing pacing = open_constant(20000, 2 * NS_PER_S);
    struct pacing_cursor cursor;
    pacing_first(&pacing, &cursor);
    for (int64_t n = 0; n < 40000; n++) {
        assert_int_equal(cursor.n, n);
        assert_true(llabs(cursor.time_ns - n * 50000) <= 1);
        pacing_advance(&pacing, &cursor);
    }
    assert_true(cursor.time_ns == TIME_NEVER_NS);
    pacing_close(&pacing);
}

static void test_billion_arrivals_do_not_drift(void **state)
{
    (void)state;
    /* A third of a million per second: the interval has no exact representation. */
    double rate_per_s = 1e6 / 3;
    struct pacing pacing = open_constant(rate_per_s, 4000 * NS_PER_S);
    struct pacing_cursor cursor;
    pacing_first(&pacing, &cursor);
    for (uint64_t n = 1; n <= 1000000000; n = n * 10) {
        cursor.n = n;
        pacing_locate(&pacing, &cursor);
        assert_true(llabs(cursor.time_ns - (int64_t)n * 3000) <= 1);
    }
    pacing_close(&pacing);
}

static void test_slow_rates_are_not_rounded_away(void **state)
{
    (void)state;
    struct pacing pacing = open_constant(0.1, 100 * NS_PER_S);
    assert_int_equal(count_arrivals(&pacing), 10);
    pacing_close(&pacing);
    pacing = open_constant(1.0 / 3600, 3600 * NS_PER_S);
    assert_int_equal(count_arrivals(&pacing), 1);
    pacing_close(&pacing);
}

static void test_zero_rate_has_no_arrivals(void **state)
{
    (void)state;
    struct pacing pacing = open_constant(0, 10 * NS_PER_S);
    assert_int_equal(count_arrivals(&pacing), 0);
    pacing_close(&pacing);
}

static void test_ramp_integrates_to_the_right_count(void **state)
{
    (void)state;
    struct scenario_stage stages[] = {ramp(10 * NS_PER_S, 0, 20), ramp(30 * NS_PER_S, 20, 20),
                                      ramp(5 * NS_PER_S, 0, 0), ramp(10 * NS_PER_S, 20, 0)};
    struct pacing pacing = open_stages(stages, 4, ARRIVAL_CONSTANT, 1);
    assert_int_equal(count_arrivals(&pacing), 100 + 600 + 100);
    pacing_close(&pacing);
}

/* At the time of arrival n, the integral of the rate is n: for any stages. */
static void test_property_arrival_n_is_where_the_integral_is_n(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct scenario_stage stages[6];
        uint32_t count = (uint32_t)prng_range(seed, 1, 0, 1, 6);
        for (uint32_t i = 0; i < count; i++) {
            int64_t duration_ns = (int64_t)prng_range(seed, 2, i, 1, 3000) * NS_PER_MS;
            double from_per_s = (double)prng_range(seed, 3, i, 0, 3) * 100;
            double to_per_s = (double)prng_range(seed, 4, i, 0, 300);
            stages[i] = ramp(duration_ns, from_per_s, to_per_s);
        }
        struct pacing pacing = open_stages(stages, count, ARRIVAL_CONSTANT, seed);
        struct pacing_cursor cursor;
        int64_t before_ns = -1;
        uint64_t n = 0;
        for (pacing_first(&pacing, &cursor); cursor.time_ns != TIME_NEVER_NS;
             pacing_advance(&pacing, &cursor)) {
            if (cursor.time_ns < before_ns || cursor.time_ns >= pacing.end_ns) {
                fail_msg("seed %llu: arrival %llu at %lld after %lld", (unsigned long long)seed,
                         (unsigned long long)n, (long long)cursor.time_ns, (long long)before_ns);
            }
            /* A nanosecond of rounding is at most a few millionths of an arrival here; where the
             * rate is 0 to begin with, the time is the least certain and the count is not. */
            double integral = pacing_count(&pacing, cursor.time_ns);
            if (fabs(integral - (double)n) > 1e-3) {
                fail_msg("seed %llu: arrival %llu where the integral is %f",
                         (unsigned long long)seed, (unsigned long long)n, integral);
            }
            before_ns = cursor.time_ns;
            n++;
        }
        assert_true(fabs(ceil(pacing.arrivals_total - 1e-9) - (double)n) < 0.5);
        pacing_close(&pacing);
    }
}

/* Kolmogorov-Smirnov: the largest distance between the gaps' distribution and the exponential. */
static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double exponential_distance(const struct pacing *pacing, double rate_per_s,
                                   uint32_t gaps_max)
{
    double *gaps = malloc(gaps_max * sizeof *gaps);
    struct pacing_cursor cursor;
    pacing_first(pacing, &cursor);
    int64_t before_ns = cursor.time_ns;
    for (uint32_t i = 0; i < gaps_max; i++) {
        pacing_advance(pacing, &cursor);
        assert_true(cursor.time_ns != TIME_NEVER_NS);
        gaps[i] = (double)(cursor.time_ns - before_ns) / 1e9 * rate_per_s;
        before_ns = cursor.time_ns;
    }
    qsort(gaps, gaps_max, sizeof *gaps, compare_doubles);
    double distance = 0;
    for (uint32_t i = 0; i < gaps_max; i++) {
        double expected = 1 - exp(-gaps[i]);
        distance = fmax(distance, fabs(expected - (double)i / gaps_max));
        distance = fmax(distance, fabs((double)(i + 1) / gaps_max - expected));
    }
    free(gaps);
    return distance;
}

static void test_poisson_gaps_are_exponential(void **state)
{
    (void)state;
    const uint32_t gaps_count = 100000;
    /* The 0.1% point of the Kolmogorov-Smirnov distribution. */
    double limit = 1.95 / sqrt(gaps_count);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct scenario_stage stage = ramp(60 * NS_PER_S, 2000, 2000);
        struct pacing poisson = open_stages(&stage, 1, ARRIVAL_POISSON, seed);
        assert_true(exponential_distance(&poisson, 2000, gaps_count) < limit);
        /* The test can fail: even arrivals are far from exponential. */
        struct pacing even = open_stages(&stage, 1, ARRIVAL_CONSTANT, seed);
        assert_true(exponential_distance(&even, 2000, gaps_count) > 10 * limit);
        pacing_close(&poisson);
        pacing_close(&even);
    }
}

static void test_poisson_counts_vary_as_they_should(void **state)
{
    (void)state;
    /* Counts of 400 seeds: mean and variance are both the expected count. */
    double sum = 0;
    double squares = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct scenario_stage stages[] = {ramp(2 * NS_PER_S, 0, 500), ramp(1 * NS_PER_S, 500, 500)};
        struct pacing pacing = open_stages(stages, 2, ARRIVAL_POISSON, seed);
        double count = (double)count_arrivals(&pacing);
        sum += count;
        squares += count * count;
        pacing_close(&pacing);
    }
    double mean = sum / 400;
    double variance = squares / 400 - mean * mean;
    assert_true(fabs(mean - 1000) < 4 * sqrt(1000.0 / 400));
    assert_true(variance > 700 && variance < 1300);
}

static void test_same_seed_same_arrivals_other_seed_others(void **state)
{
    (void)state;
    struct scenario_stage stage = ramp(1 * NS_PER_S, 1000, 3000);
    struct pacing first = open_stages(&stage, 1, ARRIVAL_POISSON, 42);
    struct pacing same = open_stages(&stage, 1, ARRIVAL_POISSON, 42);
    struct pacing other = open_stages(&stage, 1, ARRIVAL_POISSON, 43);
    struct pacing_cursor a;
    struct pacing_cursor b;
    struct pacing_cursor c;
    int differ = 0;
    pacing_first(&first, &a);
    pacing_first(&same, &b);
    pacing_first(&other, &c);
    while (a.time_ns != TIME_NEVER_NS) {
        assert_true(a.time_ns == b.time_ns && a.n == b.n);
        differ += a.time_ns != c.time_ns;
        pacing_advance(&first, &a);
        pacing_advance(&same, &b);
        pacing_advance(&other, &c);
    }
    assert_true(b.time_ns == TIME_NEVER_NS);
    assert_true(differ > 1000);
    pacing_close(&first);
    pacing_close(&same);
    pacing_close(&other);
}

/* Workers take every third arrival each; together they have each arrival once, at the very time
 * that a single walk gives it. */
static void test_workers_share_one_sequence(void **state)
{
    (void)state;
    enum { WORKERS = 3 };
    enum scenario_arrival kinds[] = {ARRIVAL_CONSTANT, ARRIVAL_POISSON};
    for (int kind = 0; kind < 2; kind++) {
        struct scenario_stage stages[] = {ramp(NS_PER_S / 2, 100, 5000),
                                          ramp(NS_PER_S / 2, 5000, 100)};
        struct pacing pacing = open_stages(stages, 2, kinds[kind], 5);
        struct pacing_cursor whole;
        struct pacing_cursor shares[WORKERS];
        for (uint64_t w = 0; w < WORKERS; w++) {
            pacing_first(&pacing, &shares[w]);
            while (shares[w].n < w) {
                assert_true(pacing_step(&pacing, &shares[w]));
            }
            pacing_locate(&pacing, &shares[w]);
        }
        for (pacing_first(&pacing, &whole); whole.time_ns != TIME_NEVER_NS;
             pacing_advance(&pacing, &whole)) {
            struct pacing_cursor *share = &shares[whole.n % WORKERS];
            assert_true(share->n == whole.n && share->time_ns == whole.time_ns);
            bool more = true;
            for (int i = 0; i < WORKERS && more; i++) {
                more = pacing_step(&pacing, share);
            }
            if (more) {
                pacing_locate(&pacing, share);
            }
        }
        for (int w = 0; w < WORKERS; w++) {
            assert_true(shares[w].time_ns == TIME_NEVER_NS);
        }
        pacing_close(&pacing);
    }
}

static void test_rate_is_that_of_the_stage(void **state)
{
    (void)state;
    struct scenario_stage stages[] = {ramp(10 * NS_PER_S, 0, 100), ramp(10 * NS_PER_S, 50, 50)};
    struct pacing pacing = open_stages(stages, 2, ARRIVAL_CONSTANT, 1);
    assert_true(fabs(pacing_rate_per_s(&pacing, 5 * NS_PER_S) - 50) < 1e-9);
    assert_true(fabs(pacing_rate_per_s(&pacing, 15 * NS_PER_S) - 50) < 1e-9);
    assert_true(pacing_rate_per_s(&pacing, 20 * NS_PER_S) == 0);
    assert_true(pacing_rate_per_s(&pacing, -1) == 0);
    assert_true(fabs(pacing_count(&pacing, 10 * NS_PER_S) - 500) < 1e-9);
    assert_true(fabs(pacing_count(&pacing, 60 * NS_PER_S) - 1000) < 1e-9);
    pacing_close(&pacing);
}

/* Many steps at once are the same as one after the other. */
static void test_skip_is_many_steps(void **state)
{
    (void)state;
    static const enum scenario_arrival ARRIVALS[] = {ARRIVAL_CONSTANT, ARRIVAL_POISSON};
    for (size_t i = 0; i < sizeof ARRIVALS / sizeof *ARRIVALS; i++) {
        struct scenario_load load = {.connections = 1,
                                     .has_rate = true,
                                     .rate_per_s = 1000,
                                     .duration_ns = NS_PER_S,
                                     .arrival = ARRIVALS[i],
                                     .seed = 3};
        struct pacing pacing;
        struct pacing_cursor walked;
        struct pacing_cursor skipped;
        struct error error = {""};
        assert_true(pacing_open(&pacing, &load, PACING_WHOLE, &error));
        pacing_first(&pacing, &walked);
        pacing_first(&pacing, &skipped);
        while (walked.time_ns != TIME_NEVER_NS) {
            for (int step = 0; step < 7 && walked.time_ns != TIME_NEVER_NS; step++) {
                pacing_advance(&pacing, &walked);
            }
            if (pacing_skip(&pacing, &skipped, 7)) {
                pacing_locate(&pacing, &skipped);
            }
            assert_true(skipped.time_ns == walked.time_ns);
        }
        pacing_close(&pacing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skip_is_many_steps),
        cmocka_unit_test(test_constant_rate_is_evenly_spaced),
        cmocka_unit_test(test_billion_arrivals_do_not_drift),
        cmocka_unit_test(test_slow_rates_are_not_rounded_away),
        cmocka_unit_test(test_zero_rate_has_no_arrivals),
        cmocka_unit_test(test_ramp_integrates_to_the_right_count),
        cmocka_unit_test(test_property_arrival_n_is_where_the_integral_is_n),
        cmocka_unit_test(test_poisson_gaps_are_exponential),
        cmocka_unit_test(test_poisson_counts_vary_as_they_should),
        cmocka_unit_test(test_same_seed_same_arrivals_other_seed_others),
        cmocka_unit_test(test_workers_share_one_sequence),
        cmocka_unit_test(test_rate_is_that_of_the_stage),
    };
    return cmocka_run_group_tests_name("pacing", tests, NULL, NULL);
}
