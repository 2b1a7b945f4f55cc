#include "results/histogram.h"

#include "core/must.h"
#include "core/pack.h"
#include "results/bucket.h"
#include "text/json.h"

#include <cjson/cJSON.h>
#include <hdr/hdr_histogram.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define HISTOGRAM_PERCENTILE(key, percentile) {key, percentile},
const struct percentile HISTOGRAM_PERCENTILES[HISTOGRAM_PERCENTILES_COUNT] = {
    PERCENTILE_LIST(HISTOGRAM_PERCENTILE)};

bool histogram_open(struct histogram *histogram, int digits, struct error *error)
{
    *histogram = (struct histogram){.censored_min_ns = INT64_MAX};
    if (hdr_init(1, HISTOGRAM_VALUE_MAX_NS, digits, &histogram->hdr) != 0 ||
        hdr_init(1, HISTOGRAM_VALUE_MAX_NS, digits, &histogram->censored) != 0) {
        histogram_close(histogram);
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory for a histogram");
        return false;
    }
    return true;
}

void histogram_close(struct histogram *histogram)
{
    if (histogram->hdr) {
        hdr_close(histogram->hdr);
    }
    if (histogram->censored) {
        hdr_close(histogram->censored);
    }
    histogram->hdr = NULL;
    histogram->censored = NULL;
}

/* Most have no censored samples: their memory is then left untouched. */
static void histogram__reset_censored(struct histogram *histogram)
{
    if (histogram->censored_count > 0) {
        hdr_reset(histogram->censored);
    }
    histogram->censored_count = 0;
    histogram->censored_min_ns = INT64_MAX;
}

void histogram_reset(struct histogram *histogram)
{
    hdr_reset(histogram->hdr);
    histogram__reset_censored(histogram);
    histogram->over_range_count = 0;
}

static int64_t histogram__clamp(int64_t value_ns)
{
    return value_ns > HISTOGRAM_VALUE_MAX_NS ? HISTOGRAM_VALUE_MAX_NS : value_ns;
}

static void histogram__count(struct histogram *histogram, uint32_t bucket, int64_t value_ns,
                             bool over_range)
{
    struct hdr_histogram *hdr = histogram->hdr;
    hdr->counts[bucket]++;
    hdr->total_count++;
    hdr->min_value = value_ns < hdr->min_value ? value_ns : hdr->min_value;
    hdr->max_value = value_ns > hdr->max_value ? value_ns : hdr->max_value;
    histogram->over_range_count += over_range;
}

/* hdr_record_value() without the search for the bucket, which is bucket_of() in every histogram
 * that begins at 1. */
void histogram_record_all(struct histogram *const *histograms, size_t count, int64_t value_ns)
{
    bool over_range = value_ns > HISTOGRAM_VALUE_MAX_NS;
    value_ns = histogram__clamp(value_ns < 1 ? 1 : value_ns);
    int32_t bits = histograms[0]->hdr->sub_bucket_half_count_magnitude;
    uint32_t bucket = bucket_of(value_ns, (uint32_t)bits);
    for (size_t i = 0; i < count; i++) {
        must(histograms[i]->hdr->sub_bucket_half_count_magnitude == bits);
        histogram__count(histograms[i], bucket, value_ns, over_range);
    }
}

void histogram_record(struct histogram *histogram, int64_t value_ns)
{
    bool over_range = value_ns > HISTOGRAM_VALUE_MAX_NS;
    value_ns = histogram__clamp(value_ns < 1 ? 1 : value_ns);
    int32_t bits = histogram->hdr->sub_bucket_half_count_magnitude;
    histogram__count(histogram, bucket_of(value_ns, (uint32_t)bits), value_ns, over_range);
}

static void histogram__record_censored(struct histogram *histogram, int64_t age_ns, int64_t count)
{
    age_ns = histogram__clamp(age_ns < 1 ? 1 : age_ns);
    bool taken = hdr_record_values(histogram->hdr, age_ns, count) &&
                 hdr_record_values(histogram->censored, age_ns, count);
    must(taken);
    histogram->censored_count += count;
    if (age_ns < histogram->censored_min_ns) {
        histogram->censored_min_ns = age_ns;
    }
}

void histogram_record_censored(struct histogram *histogram, int64_t age_ns)
{
    histogram__record_censored(histogram, age_ns, 1);
}

void histogram_record_censored_spread(struct histogram *histogram, const struct spread *due,
                                      int64_t from_ns, int64_t until_ns, int64_t now_ns)
{
    if (from_ns < due->first_ns) {
        from_ns = due->first_ns;
    }
    if (until_ns > due->last_ns) {
        until_ns = due->last_ns + 1;
    }
    /* From the youngest to the oldest, a bucket of ages at a time. */
    while (from_ns < until_ns) {
        int64_t age_ns = now_ns - (until_ns - 1);
        int64_t bucket_from_ns = from_ns;
        if (age_ns < 1) {
            bucket_from_ns = now_ns > from_ns ? now_ns : from_ns;
        } else if (age_ns <= HISTOGRAM_VALUE_MAX_NS) {
            int64_t oldest_ns = hdr_next_non_equivalent_value(histogram->hdr, age_ns) - 1;
            if (oldest_ns < now_ns - from_ns) {
                bucket_from_ns = now_ns - oldest_ns;
            }
        }
        uint64_t count = spread_count_in(due, bucket_from_ns, until_ns);
        if (count > 0) {
            histogram__record_censored(histogram, age_ns, (int64_t)count);
        }
        until_ns = bucket_from_ns;
    }
}

static void histogram__copy_counts(struct hdr_histogram *into, const struct hdr_histogram *from)
{
    must(into->counts_len == from->counts_len);
    int64_t *counts = into->counts;
    memcpy(counts, from->counts, sizeof *counts * (size_t)from->counts_len);
    *into = *from;
    into->counts = counts;
}

void histogram_copy(struct histogram *into, const struct histogram *from)
{
    histogram__copy_counts(into->hdr, from->hdr);
    if (from->censored_count > 0) {
        histogram__copy_counts(into->censored, from->censored);
    } else {
        histogram__reset_censored(into);
    }
    into->censored_count = from->censored_count;
    into->censored_min_ns = from->censored_min_ns;
    into->over_range_count = from->over_range_count;
}

/* The buckets that are not empty, from the least: from {.hdr = ...} until false. HdrHistogram's own
 * iterators work the edges out of every bucket on the way, and most are empty. */
struct histogram__walk {
    const struct hdr_histogram *hdr;
    uint32_t next;
    int64_t lowest_ns;
    int64_t highest_ns;
    int64_t count;
    int64_t until; /* samples in this bucket and below it */
};

static bool histogram__next(struct histogram__walk *walk)
{
    const struct hdr_histogram *hdr = walk->hdr;
    uint32_t bits = (uint32_t)hdr->sub_bucket_half_count_magnitude;
    if (walk->until >= hdr->total_count) {
        return false;
    }
    while (hdr->counts[walk->next] == 0) {
        walk->next++;
        must(walk->next < (uint32_t)hdr->counts_len);
    }
    walk->count = hdr->counts[walk->next];
    walk->until += walk->count;
    walk->lowest_ns = bucket_lowest_ns(walk->next, bits);
    walk->highest_ns = bucket_lowest_ns(++walk->next, bits) - 1;
    return true;
}

static void histogram__add_counts(struct hdr_histogram *into, const struct hdr_histogram *from)
{
    struct histogram__walk walk = {.hdr = from};
    while (histogram__next(&walk)) {
        bool taken = hdr_record_values(into, walk.lowest_ns, walk.count);
        must(taken); /* all have the same range */
    }
}

void histogram_add(struct histogram *into, const struct histogram *from)
{
    histogram__add_counts(into->hdr, from->hdr);
    if (from->censored_count > 0) {
        histogram__add_counts(into->censored, from->censored);
    }
    into->censored_count += from->censored_count;
    into->over_range_count += from->over_range_count;
    if (from->censored_min_ns < into->censored_min_ns) {
        into->censored_min_ns = from->censored_min_ns;
    }
}

int64_t histogram_count(const struct histogram *histogram)
{
    return histogram->hdr->total_count;
}

/* The rank (from 1) of a percentile among count samples: the least rank that has at least that
 * share of the samples at or below it. HdrHistogram's own rounding to the nearest rank differs
 * between its versions and may name a smaller one. */
static int64_t histogram__rank(double percentile, int64_t count)
{
    double exact = percentile / 100 * (double)count;
    /* 99.9% of 1,000 is 999 and a little in binary: not the rank 1,000. */
    int64_t rank = (int64_t)ceil(exact * (1 - 1e-13));
    return rank < 1 ? 1 : rank > count ? count : rank;
}

/* Of the samples in a bucket, those whose value is known. */
static int64_t histogram__known(const struct histogram *histogram,
                                const struct histogram__walk *bucket)
{
    int64_t known = bucket->count;
    if (histogram->censored_count > 0) {
        known -= hdr_count_at_value(histogram->censored, bucket->lowest_ns);
    }
    if (bucket->highest_ns >= HISTOGRAM_VALUE_MAX_NS) {
        known -= histogram->over_range_count;
    }
    return known;
}

/* bounds[i] are those of the sample of ranks[i]; ranks rise. */
static void histogram__values_at(const struct histogram *histogram, const int64_t *ranks,
                                 struct histogram_bounds *bounds, int count)
{
    struct histogram__walk walk = {.hdr = histogram->hdr};
    int64_t known = 0;
    int low = 0;
    int high = 0;
    while (high < count && histogram__next(&walk)) {
        int64_t value_ns = histogram__clamp(walk.highest_ns);
        known += histogram__known(histogram, &walk);
        while (low < count && walk.until >= ranks[low]) {
            bounds[low++].low_ns = value_ns;
        }
        while (high < count && known >= ranks[high]) {
            bounds[high++].high_ns = value_ns;
        }
    }
    must(low == count);
    while (high < count) {
        bounds[high++].high_ns = INT64_MAX;
    }
}

struct histogram_bounds histogram_percentile(const struct histogram *histogram, double percentile)
{
    struct histogram_bounds bounds = {0};
    int64_t count = histogram_count(histogram);
    if (count > 0) {
        int64_t rank = histogram__rank(percentile, count);
        histogram__values_at(histogram, &rank, &bounds, 1);
    }
    return bounds;
}

int64_t histogram_known_count(const struct histogram *histogram, int64_t value_ns)
{
    struct histogram__walk walk = {.hdr = histogram->hdr};
    int64_t known = 0;
    while (histogram__next(&walk) && histogram__clamp(walk.highest_ns) <= value_ns) {
        known += histogram__known(histogram, &walk);
    }
    return known;
}

struct histogram_bounds histogram_min(const struct histogram *histogram)
{
    struct histogram_bounds bounds = histogram_percentile(histogram, 0);
    bounds.low_ns = hdr_lowest_equivalent_value(histogram->hdr, bounds.low_ns);
    if (bounds.high_ns != INT64_MAX) {
        bounds.high_ns = hdr_lowest_equivalent_value(histogram->hdr, bounds.high_ns);
    }
    return bounds;
}

static struct cJSON *histogram__buckets(const struct hdr_histogram *hdr)
{
    struct json_text text = {0};
    struct histogram__walk walk = {.hdr = hdr};
    json_text_print(&text, "[");
    const char *separator = "[";
    while (histogram__next(&walk)) {
        json_text_print(&text, "%s%" PRId64 ",%" PRId64 "]", separator, walk.lowest_ns, walk.count);
        separator = ",[";
    }
    json_text_print(&text, "]");
    return json_text_finish(&text);
}

/* Without samples every figure is null: 0 would look like an excellent latency. */
static void histogram__add_no_figures(struct cJSON *object)
{
    json_add_item(object, "min", cJSON_CreateNull());
    json_add_item(object, "mean", cJSON_CreateNull());
    json_add_item(object, "stddev", cJSON_CreateNull());
    for (int i = 0; i < HISTOGRAM_PERCENTILES_COUNT; i++) {
        json_add_item(object, HISTOGRAM_PERCENTILES[i].key, cJSON_CreateNull());
    }
    json_add_item(object, "max", cJSON_CreateNull());
    json_add_item(object, "at_least", cJSON_CreateArray());
}

/* The name of a figure that is a lower bound only. */
static void histogram__add_open(struct cJSON *at_least, const char *key,
                                struct histogram_bounds bounds)
{
    if (bounds.high_ns > bounds.low_ns) {
        json_append_item(at_least, cJSON_CreateString(key));
    }
}

struct histogram__moments {
    double mean_ns;
    double deviation_ns;
};

/* Of the middles of the buckets, as HdrHistogram has them. */
static struct histogram__moments histogram__moments(const struct hdr_histogram *hdr)
{
    struct histogram__moments moments = {0, 0};
    struct histogram__walk walk = {.hdr = hdr};
    double samples = (double)hdr->total_count;
    double sum_ns = 0;
    while (histogram__next(&walk)) {
        int64_t middle_ns = walk.lowest_ns + (walk.highest_ns + 1 - walk.lowest_ns) / 2;
        sum_ns += (double)walk.count * (double)middle_ns;
    }
    moments.mean_ns = sum_ns / samples;
    double squares = 0;
    walk = (struct histogram__walk){.hdr = hdr};
    while (histogram__next(&walk)) {
        int64_t middle_ns = walk.lowest_ns + (walk.highest_ns + 1 - walk.lowest_ns) / 2;
        double off_ns = (double)middle_ns - moments.mean_ns;
        squares += off_ns * off_ns * (double)walk.count;
    }
    moments.deviation_ns = sqrt(squares / samples);
    return moments;
}

static void histogram__add_figures(const struct histogram *histogram, struct cJSON *object)
{
    /* The least, the percentiles, the greatest: rising, so they are found in one walk. */
    enum { MIN, FIRST, MAX = FIRST + HISTOGRAM_PERCENTILES_COUNT, RANKS };
    int64_t count = histogram_count(histogram);
    int64_t ranks[RANKS] = {[MIN] = 1, [MAX] = count};
    struct histogram_bounds bounds[RANKS];
    for (int i = 0; i < HISTOGRAM_PERCENTILES_COUNT; i++) {
        ranks[FIRST + i] = histogram__rank(HISTOGRAM_PERCENTILES[i].percentile, count);
    }
    histogram__values_at(histogram, ranks, bounds, RANKS);
    struct histogram__moments moments = histogram__moments(histogram->hdr);

    struct cJSON *at_least = cJSON_CreateArray();
    json_add_i64(object, "min", hdr_min(histogram->hdr));
    histogram__add_open(at_least, "min", bounds[MIN]);
    json_add_double(object, "mean", round(moments.mean_ns * 10) / 10);
    histogram__add_open(at_least, "mean", bounds[MAX]); /* what is not known is part of it */
    json_add_double(object, "stddev", round(moments.deviation_ns * 10) / 10);
    for (int i = 0; i < HISTOGRAM_PERCENTILES_COUNT; i++) {
        json_add_i64(object, HISTOGRAM_PERCENTILES[i].key, bounds[FIRST + i].low_ns);
        histogram__add_open(at_least, HISTOGRAM_PERCENTILES[i].key, bounds[FIRST + i]);
    }
    json_add_i64(object, "max", histogram__clamp(hdr_max(histogram->hdr)));
    histogram__add_open(at_least, "max", bounds[MAX]);
    json_add_item(object, "at_least", at_least);
}

struct cJSON *histogram_to_json(const struct histogram *histogram)
{
    struct cJSON *object = cJSON_CreateObject();
    if (!object) {
        return NULL;
    }
    int64_t count = histogram_count(histogram);
    json_add_i64(object, "count", count);
    if (count > 0) {
        histogram__add_figures(histogram, object);
    } else {
        histogram__add_no_figures(object);
    }
    json_add_i64(object, "censored", histogram->censored_count);
    if (histogram->censored_count > 0) {
        json_add_i64(object, "censored_min", histogram->censored_min_ns);
    }
    json_add_i64(object, "over_range", histogram->over_range_count);
    json_add_item(object, "buckets", histogram__buckets(histogram->hdr));
    if (histogram->censored_count > 0) {
        json_add_item(object, "censored_buckets", histogram__buckets(histogram->censored));
    }
    return object;
}

double histogram_excess_ns(const struct histogram *histogram, int64_t limit_ns)
{
    double excess_ns = 0;
    struct histogram__walk walk = {.hdr = histogram->hdr};
    while (histogram__next(&walk)) {
        if (walk.highest_ns > limit_ns) {
            excess_ns += (double)(walk.highest_ns - limit_ns) * (double)walk.count;
        }
    }
    return excess_ns;
}

/* Buckets as (the least value less that of the bucket before, count), ended by a count of 0. less:
 * the counts to leave out, or NULL. */
static void histogram__pack_buckets(const struct hdr_histogram *hdr,
                                    const struct hdr_histogram *less, struct pack *pack)
{
    struct histogram__walk walk = {.hdr = hdr};
    int64_t before_ns = 0;
    while (histogram__next(&walk)) {
        int64_t lowest_ns = walk.lowest_ns;
        int64_t count = walk.count - (less ? hdr_count_at_value(less, lowest_ns) : 0);
        if (count <= 0) {
            continue;
        }
        pack_u64(pack, (uint64_t)count);
        pack_u64(pack, (uint64_t)(lowest_ns - before_ns));
        before_ns = lowest_ns;
    }
    pack_u64(pack, 0);
}

/* Adds the buckets to both, of which `also` may be NULL. Returns how many samples there were. */
static uint64_t histogram__unpack_buckets(struct hdr_histogram *into, struct hdr_histogram *also,
                                          struct unpack *from)
{
    uint64_t value_ns = 0;
    uint64_t samples = 0;
    uint64_t count;
    while ((count = unpack_u64(from)) > 0) {
        uint64_t step_ns = unpack_u64(from);
        value_ns += step_ns;
        samples += count;
        if (step_ns > (uint64_t)HISTOGRAM_VALUE_MAX_NS ||
            value_ns > (uint64_t)HISTOGRAM_VALUE_MAX_NS || count > INT64_MAX ||
            samples > INT64_MAX || (uint64_t)into->total_count + count > INT64_MAX ||
            !hdr_record_values(into, (int64_t)value_ns, (int64_t)count) ||
            (also && !hdr_record_values(also, (int64_t)value_ns, (int64_t)count))) {
            unpack_fail(from);
            break;
        }
    }
    return samples;
}

/* The known samples, then the censored ones. */
void histogram_pack(const struct histogram *histogram, struct pack *pack)
{
    bool any = histogram->censored_count > 0;
    pack_u64(pack, (uint64_t)histogram->over_range_count);
    histogram__pack_buckets(histogram->hdr, any ? histogram->censored : NULL, pack);
    pack_u64(pack, any ? (uint64_t)histogram->censored_min_ns : 0);
    if (any) {
        histogram__pack_buckets(histogram->censored, NULL, pack);
    }
}

void histogram_unpack_add(struct histogram *into, struct unpack *from)
{
    uint64_t over_range = unpack_u64(from);
    uint64_t known = histogram__unpack_buckets(into->hdr, NULL, from);
    uint64_t censored_min_ns = unpack_u64(from);
    uint64_t censored = 0;
    if (censored_min_ns > 0) {
        censored = histogram__unpack_buckets(into->hdr, into->censored, from);
    }
    if (over_range > known || censored_min_ns > (uint64_t)HISTOGRAM_VALUE_MAX_NS) {
        unpack_fail(from);
    }
    if (from->failed) {
        return;
    }
    into->censored_count += (int64_t)censored;
    into->over_range_count += (int64_t)over_range;
    if (censored > 0 && (int64_t)censored_min_ns < into->censored_min_ns) {
        into->censored_min_ns = (int64_t)censored_min_ns;
    }
}
