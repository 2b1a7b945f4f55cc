/* Latency histograms: HdrHistogram, nanoseconds, 1 ns..120 s, plus what a histogram cannot hold.
 *
 * One thread per histogram while recording; add and read when the writer has stopped or through a
 * copy of its own. Recording neither allocates nor fails: a value over the range is counted in
 * over_range_count and treated as censored at HISTOGRAM_VALUE_MAX_NS. */
#ifndef DUMMYLOAD_RESULTS_HISTOGRAM_H
#define DUMMYLOAD_RESULTS_HISTOGRAM_H

#include "core/error.h"
#include "results/spread.h"

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct hdr_histogram;

#define HISTOGRAM_VALUE_MAX_NS (INT64_C(120) * 1000000000)

struct histogram {
    struct hdr_histogram *hdr;
    int64_t censored_count;   /* recorded at their age: the true value is larger */
    int64_t censored_min_ns;  /* lowest such age; INT64_MAX without any */
    int64_t over_range_count; /* over HISTOGRAM_VALUE_MAX_NS; also counted as censored */
};

/* digits: significant decimal digits, 2 (series) or 3. About 224 KB with 3, 31 KB with 2. */
bool histogram_open(struct histogram *histogram, int digits, struct error *error);
void histogram_close(struct histogram *histogram);
void histogram_reset(struct histogram *histogram);
/* Values below 1 ns count as 1 ns. */
void histogram_record(struct histogram *histogram, int64_t value_ns);
/* A request that has not been answered at the age of age_ns. */
void histogram_record_censored(struct histogram *histogram, int64_t age_ns);
/* Requests that were due at the moments of the spread from from_ns on and before until_ns, none of
 * which has been answered by now_ns. Costs a step per bucket, not per request. */
void histogram_record_censored_spread(struct histogram *histogram, const struct spread *due,
                                      int64_t from_ns, int64_t until_ns, int64_t now_ns);
/* into becomes what from is. Both of the same digits; cheaper than to reset and add. */
void histogram_copy(struct histogram *into, const struct histogram *from);
void histogram_add(struct histogram *into, const struct histogram *from);
int64_t histogram_count(const struct histogram *histogram);

/* percentile in 0..100. Returns the upper edge of the bucket that holds the sample of that rank
 * (the least rank with at least that share of the samples at or below it); *at_least is set when it
 * lies at or above the lowest censored rank, so that the true percentile may be larger. 0 without
 * samples. */
int64_t histogram_percentile_ns(const struct histogram *histogram, double percentile,
                                bool *at_least);

/* Whether a value stands at or above the lowest censored sample: then the samples above it may have
 * a different order than the recorded one. */
bool histogram_is_at_least(const struct histogram *histogram, int64_t value_ns);

/* The sum of what every sample lies above limit_ns, from the buckets' upper edges. */
double histogram_excess_ns(const struct histogram *histogram, int64_t limit_ns);

/* {count, min, mean, ..., p99_99, max, censored, over_range, buckets: [[value, count], ...]} as
 * results/result.schema.json says; NULL when memory ran out. The buckets are one item of raw JSON,
 * not a tree: a tree of them would take 200 bytes each. */
struct cJSON *histogram_to_json(const struct histogram *histogram);
/* buckets alone: [[lowest_equivalent_value_ns, count], ...], raw JSON. */
struct cJSON *histogram_buckets_to_json(const struct histogram *histogram);

#endif
