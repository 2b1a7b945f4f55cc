#include "figures/live.h"

#include "results/bucket.h"

/* A plain increment, not a locked one: there is one writer. */
static void live__count(_Atomic uint64_t *number)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void live_record(struct live *live, int64_t latency_ns)
{
    uint32_t bucket = bucket_of(latency_ns < 0 ? 0 : latency_ns, LIVE_BUCKET_BITS);
    live__count(&live->buckets[bucket < LIVE_BUCKETS ? bucket : LIVE_BUCKETS - 1]);
}

void live_mark(struct live *live, uint32_t mark)
{
    live__count(&live->marks[mark]);
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

void live_publish_steps(struct live *live, const struct figures_step *steps, uint32_t count)
{
    count = count < LIVE_STEPS_MAX ? count : LIVE_STEPS_MAX;
    atomic_store_explicit(&live->steps_count, count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        for (int v = 0; v < LIVE_STEP_VALUES; v++) {
            atomic_store_explicit(&live->steps[i][v], steps[i].live[v], memory_order_relaxed);
        }
    }
}

void live_fail(struct live *live, const struct live_failure *failure)
{
    struct live_failures *ring = &live->failures;
    uint64_t count = atomic_load_explicit(&ring->count, memory_order_relaxed);
    uint64_t step = failure->step < LIVE_STEP_NONE ? failure->step : LIVE_STEP_NONE;
    uint64_t what = (uint64_t)failure->kind << 48 | step << 32 | failure->connection;
    /* Whoever sees one of these two also sees the count of the entry before. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&ring->at_ns[count % LIVE_FAILURES_MAX], failure->at_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&ring->what[count % LIVE_FAILURES_MAX], what, memory_order_relaxed);
    atomic_store_explicit(&ring->count, count + 1, memory_order_release);
}

void live_view_fail(struct live_view *view, const struct live_failure *failure)
{
    uint32_t at = view->failures_count;
    while (at > 0 && view->failures[at - 1].at_ns < failure->at_ns) {
        at--;
    }
    if (at == LIVE_FAILURES_MAX) {
        return;
    }
    view->failures_count += view->failures_count < LIVE_FAILURES_MAX;
    for (uint32_t i = view->failures_count - 1; i > at; i--) {
        view->failures[i] = view->failures[i - 1];
    }
    view->failures[at] = *failure;
}

/* An entry that is being written over meanwhile is left out: the next look has newer ones. */
static void live__read_failures(const struct live_failures *ring, struct live_view *view)
{
    uint64_t count = atomic_load_explicit(&ring->count, memory_order_acquire);
    uint64_t kept = count < LIVE_FAILURES_MAX ? count : LIVE_FAILURES_MAX;
    for (uint64_t n = count; n > count - kept; n--) {
        uint64_t at = (n - 1) % LIVE_FAILURES_MAX;
        uint64_t what = atomic_load_explicit(&ring->what[at], memory_order_relaxed);
        struct live_failure failure = {
            .at_ns = atomic_load_explicit(&ring->at_ns[at], memory_order_relaxed),
            .connection = (uint32_t)what,
            .step = (uint32_t)(what >> 32 & LIVE_STEP_NONE),
            .kind = (enum error_kind)(what >> 48)};
        atomic_thread_fence(memory_order_acquire);
        uint64_t now = atomic_load_explicit(&ring->count, memory_order_relaxed);
        if (n - 1 + LIVE_FAILURES_MAX > now) {
            live_view_fail(view, &failure);
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
    for (int i = 0; i < SCENARIO_MARKS_MAX; i++) {
        view->marks[i] += atomic_load_explicit(&live->marks[i], memory_order_relaxed);
    }
    uint32_t steps = atomic_load_explicit(&live->steps_count, memory_order_relaxed);
    view->steps_count = steps > view->steps_count ? steps : view->steps_count;
    for (uint32_t i = 0; i < steps; i++) {
        for (int v = 0; v < LIVE_STEP_VALUES; v++) {
            view->steps[i][v] += atomic_load_explicit(&live->steps[i][v], memory_order_relaxed);
        }
    }
    live__read_failures(&live->failures, view);
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
