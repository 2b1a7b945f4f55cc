#include "figures/live.h"

#include "results/bucket.h"

void live_record(struct live *live, int64_t latency_ns)
{
    uint32_t bucket = bucket_of(latency_ns < 0 ? 0 : latency_ns, LIVE_BUCKET_BITS);
    _Atomic uint64_t *number = &live->buckets[bucket < LIVE_BUCKETS ? bucket : LIVE_BUCKETS - 1];
    /* A plain increment, not a locked one: there is one writer. */
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void live_publish(struct live *live, const struct counters *counters,
                  const uint32_t gauges[LIVE_GAUGES], uint64_t setup_timeouts)
{
    atomic_store_explicit(&live->setup_timeouts, setup_timeouts, memory_order_relaxed);
    for (int i = 0; i < COUNTERS; i++) {
        atomic_store_explicit(&live->counters[i], counters->numbers[i], memory_order_relaxed);
    }
    for (int i = 0; i < LIVE_GAUGES; i++) {
        atomic_store_explicit(&live->gauges[i], gauges[i], memory_order_relaxed);
    }
}

void live_publish_shares(struct live *live, const struct figures_share *shares, uint32_t count)
{
    atomic_store_explicit(&live->shares_count, count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        const struct counters *counters = &shares[i].counters;
        const uint64_t values[LIVE_SHARE_VALUES] = {
            [LIVE_SHARE_ITERATIONS] = counters->totals[TOTAL_ITERATIONS],
            [LIVE_SHARE_REQUESTS] = counters->totals[TOTAL_REQUESTS],
            [LIVE_SHARE_RESPONSES] = counters->totals[TOTAL_RESPONSES],
            [LIVE_SHARE_ERRORS] = counters_errors_sum(counters)};
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            atomic_store_explicit(&live->shares[i][v], values[v], memory_order_relaxed);
        }
    }
}

void live_read(const struct live *live, struct live_view *view)
{
    view->setup_timeouts += atomic_load_explicit(&live->setup_timeouts, memory_order_relaxed);
    for (int i = 0; i < COUNTERS; i++) {
        view->counters.numbers[i] += atomic_load_explicit(&live->counters[i], memory_order_relaxed);
    }
    for (int i = 0; i < LIVE_GAUGES; i++) {
        view->gauges[i] += atomic_load_explicit(&live->gauges[i], memory_order_relaxed);
    }
    for (int i = 0; i < LIVE_BUCKETS; i++) {
        view->buckets[i] += atomic_load_explicit(&live->buckets[i], memory_order_relaxed);
    }
    uint32_t shares = atomic_load_explicit(&live->shares_count, memory_order_relaxed);
    view->shares_count = shares > view->shares_count ? shares : view->shares_count;
    for (uint32_t i = 0; i < shares; i++) {
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            view->shares[i][v] += atomic_load_explicit(&live->shares[i][v], memory_order_relaxed);
        }
    }
}

int64_t live_percentile_ns(const struct live_view *now, const struct live_view *before,
                           double percentile)
{
    uint64_t count = 0;
    for (int i = 0; i < LIVE_BUCKETS; i++) {
        count += now->buckets[i] - before->buckets[i];
    }
    uint64_t rank = (uint64_t)((double)count * percentile / 100.0);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < LIVE_BUCKETS; i++) {
        seen += now->buckets[i] - before->buckets[i];
        if (seen > rank || (seen == count && seen > 0)) {
            int64_t lowest_ns = bucket_lowest_ns(i, LIVE_BUCKET_BITS);
            return lowest_ns + (bucket_lowest_ns(i + 1, LIVE_BUCKET_BITS) - lowest_ns) / 2;
        }
    }
    return 0;
}
