/* Latency histograms: HdrHistogram, nanoseconds, 1 ns..120 s, plus what a histogram cannot hold.
 *
 * One thread per histogram while recording; add and read when the writer has stopped or through a
 * separate copy. Recording neither allocates nor fails.
 *
 * A censored sample is known to be larger than the age it is recorded at, and no more. So a
 * percentile has a lower bound, with the censored samples at their ages, and an upper one, with all
 * of them beyond every other sample. It is exact where the two agree: censored samples open the
 * ranks that they may hold, and no others. A value over the range is no censored sample (it was
 * seen); it is recorded at HISTOGRAM_VALUE_MAX_NS, which is a lower bound for it. */
#pragma once

#include "core/error.h"
#include "results/spread.h"

#include <stdbool.h>
#include <stddef.h>

struct cJSON;
struct hdr_histogram;
struct pack;
struct unpack;

#define HISTOGRAM_VALUE_MAX_NS (INT64_C(120) * 1000000000)

/* X(key, percentile): those of a result, of metrics and exports, rising. */
#define PERCENTILE_LIST(X)                                                                         \
    X("p50", 50)                                                                                   \
    X("p75", 75)                                                                                   \
    X("p90", 90)                                                                                   \
    X("p95", 95)                                                                                   \
    X("p99", 99)                                                                                   \
    X("p99_9", 99.9)                                                                               \
    X("p99_99", 99.99)

struct percentile {
    const char *key;
    double percentile;
};
#define PERCENTILE_ONE(key, percentile) +1
enum { HISTOGRAM_PERCENTILES_COUNT = 0 PERCENTILE_LIST(PERCENTILE_ONE) };
extern const struct percentile HISTOGRAM_PERCENTILES[HISTOGRAM_PERCENTILES_COUNT];

struct histogram {
    struct hdr_histogram *hdr;      /* all samples, the censored ones at their ages */
    struct hdr_histogram *censored; /* these alone */
    int64_t censored_count;
    int64_t censored_min_ns;  /* lowest such age; INT64_MAX without any */
    int64_t over_range_count; /* not censored, and over HISTOGRAM_VALUE_MAX_NS */
};

/* What is known of a figure. high_ns is INT64_MAX where there is no upper bound. */
struct histogram_bounds {
    int64_t low_ns;
    int64_t high_ns;
};

/* The most that one of 3 digits takes: its counts, and those of censored samples. It is used page
 * by page, and the latter only if there are any. */
enum { HISTOGRAM_BYTES_MAX = 2 * 230000 };

/* digits: significant decimal digits, 2 (series) or 3. About 224 KB with 3, 31 KB with 2, and
 * as much again for the first censored sample. */
bool histogram_open(struct histogram *histogram, int digits, struct error *error);
void histogram_close(struct histogram *histogram);
void histogram_reset(struct histogram *histogram);
/* Values below 1 ns count as 1 ns. */
void histogram_record(struct histogram *histogram, int64_t value_ns);
/* The same in each of at least one, all of the same digits: its bucket is searched for once. */
void histogram_record_all(struct histogram *const *histograms, size_t count, int64_t value_ns);
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

/* percentile in 0..100. The bounds of the sample of that rank (the least rank with at least that
 * share of the samples at or below it); each is the upper edge of its bucket. Both 0 without
 * samples. */
struct histogram_bounds histogram_percentile(const struct histogram *histogram, double percentile);
/* How many samples are known to be at or below value_ns, by their buckets' upper edges. */
int64_t histogram_known_count(const struct histogram *histogram, int64_t value_ns);
/* The least sample, by its bucket's lower edge. */
struct histogram_bounds histogram_min(const struct histogram *histogram);

/* The sum of what every sample lies above limit_ns, from the buckets' upper edges. */
double histogram_excess_ns(const struct histogram *histogram, int64_t limit_ns);

/* {count, min, mean, ..., p99_99, max, at_least, censored, over_range, buckets: [[value, count],
 * ...], and where there are any censored_min and censored_buckets} as
 * results/result.schema.json says; NULL when memory ran out. The buckets are one item of raw JSON,
 * not a tree: a tree of them would take 200 bytes each. */
struct cJSON *histogram_to_json(const struct histogram *histogram);
/* On its way to another program of the same build: only buckets that are not empty, added as
 * histogram_add() adds. Where from->failed is set, `into` is to be thrown away. */
void histogram_pack(const struct histogram *histogram, struct pack *pack);
void histogram_unpack_add(struct histogram *into, struct unpack *from);
