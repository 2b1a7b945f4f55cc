/* Arrivals that never began: at the end of the run, many at a time. */
#include "play/arrivals.h"

#include "core/clock.h"

/* Walked over at the end of the run, one by one; the rest is estimated from the rate. */
enum { ARRIVALS_GIVE_UP_MAX = 4 * 1000 * 1000 };

/* The next moment since t0 at which the figures divide: a stage, a second of the series, the
 * window. Between two of them arrivals are about even. */
static int64_t arrivals__next_edge_ns(const struct arrivals *arrivals, int64_t time_ns)
{
    const struct pacing *pacing = &arrivals->plan->pacing;
    const struct recorder *recorder = arrivals->recorder;
    int64_t since_origin_ns = arrivals->t0_ns + time_ns - recorder->origin_ns;
    int64_t next_ns = time_ns + NS_PER_S - since_origin_ns % NS_PER_S;
    const int64_t window[] = {recorder->window_start_ns, recorder->window_end_ns};
    for (uint32_t i = 0; i < pacing->stages_count; i++) {
        int64_t end_ns = pacing->stages[i].end_ns;
        next_ns = end_ns > time_ns && end_ns < next_ns ? end_ns : next_ns;
    }
    for (int i = 0; i < 2; i++) {
        if (window[i] != TIME_NEVER_NS && window[i] - arrivals->t0_ns > time_ns &&
            window[i] - arrivals->t0_ns < next_ns) {
            next_ns = window[i] - arrivals->t0_ns;
        }
    }
    return next_ns;
}

void arrivals_lose(struct arrivals *arrivals, uint32_t behavior, int64_t from_ns, int64_t until_ns,
                   uint64_t (*count_before)(const void *context, int64_t time_ns),
                   const void *context, int64_t now_ns)
{
    uint64_t told = count_before(context, from_ns);
    while (from_ns < until_ns) {
        int64_t to_ns = arrivals__next_edge_ns(arrivals, from_ns);
        to_ns = to_ns < until_ns ? to_ns : until_ns;
        uint64_t count = count_before(context, to_ns);
        if (count > told) {
            recorder_never_started(arrivals->recorder, behavior, arrivals->t0_ns + from_ns,
                                   arrivals->t0_ns + to_ns - 1, count - told, now_ns);
        }
        told = count;
        from_ns = to_ns;
    }
}

struct arrivals__even {
    const struct arrivals *arrivals;
    const struct pacing_cursor *cursor;
    uint64_t base; /* of the worker's arrivals, those that have gone before the cursor */
    double share;  /* of all arrivals: of the behavior, and of the worker's connections in it */
};

/* Dealt in turn: how many of the first n arrivals are this worker's. */
static uint64_t arrivals__mine_before(const struct arrivals *arrivals, uint64_t n)
{
    uint64_t rounds = n / arrivals->plan->connections;
    uint32_t rest = (uint32_t)(n % arrivals->plan->connections);
    uint32_t low = 0;
    uint32_t high = arrivals->numbers_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (arrivals->numbers[middle] < rest) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return rounds * arrivals->numbers_count + low;
}

static uint64_t arrivals__even_before(const void *context, int64_t time_ns)
{
    const struct arrivals__even *even = context;
    uint64_t n = pacing_number_at(&even->arrivals->plan->shared, even->cursor, time_ns);
    uint64_t before = arrivals__mine_before(even->arrivals, n);
    return before > even->base ? before - even->base : 0;
}

/* Past what can be walked over: by the worker's share of the rate. */
static uint64_t arrivals__expected_before(const void *context, int64_t time_ns)
{
    const struct arrivals__even *even = context;
    const struct arrivals *arrivals = even->arrivals;
    const struct plan *plan = arrivals->plan;
    double from = pacing_count(&plan->shared, even->cursor->time_ns);
    double expected = (pacing_count(&plan->shared, time_ns) - from) * even->share;
    return expected > 0 ? (uint64_t)expected : 0;
}

static void arrivals__give_up_in_turn(struct arrivals *arrivals, uint32_t behavior,
                                      int64_t until_ns, int64_t now_ns)
{
    const struct pacing_cursor *cursor = &arrivals->behaviors[behavior].cursor;
    struct arrivals__even even = {
        .arrivals = arrivals, .cursor = cursor, .base = arrivals__mine_before(arrivals, cursor->n)};
    arrivals_lose(arrivals, behavior, cursor->time_ns, until_ns, arrivals__even_before, &even,
                  now_ns);
}

static double arrivals__share(const struct arrivals *arrivals, uint32_t behavior)
{
    const struct plan *plan = arrivals->plan;
    const struct plan_behavior *of = &plan->behaviors[behavior];
    double next_below = behavior + 1 < plan->behaviors_count ? of[1].weight_below : 1;
    uint32_t own = 0;
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        own += plan->seats[arrivals->numbers[i]].behavior == behavior;
    }
    return (next_below - of->weight_below) * own / of->connections;
}

static void arrivals__give_up_walking(struct arrivals *arrivals, uint32_t behavior,
                                      int64_t until_ns, int64_t now_ns)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    for (int i = 0; i < ARRIVALS_GIVE_UP_MAX && own->cursor.time_ns < until_ns; i++) {
        if (own->mine) {
            int64_t time_ns = arrivals->t0_ns + own->cursor.time_ns;
            recorder_never_started(arrivals->recorder, behavior, time_ns, time_ns, 1, now_ns);
            arrivals_next(arrivals, behavior);
        } else {
            arrivals_seek(arrivals, behavior);
        }
    }
    struct arrivals__even even = {
        .arrivals = arrivals, .cursor = &own->cursor, .share = arrivals__share(arrivals, behavior)};
    if (own->cursor.time_ns < until_ns) {
        arrivals_lose(arrivals, behavior, own->cursor.time_ns, until_ns, arrivals__expected_before,
                      &even, now_ns);
    }
}

void arrivals_give_up(struct arrivals *arrivals, int64_t now_ns)
{
    int64_t pooled_ns = 0;
    if (arrivals->t0_ns == TIME_NEVER_NS) {
        return; /* for nobody: then nothing is in the pool */
    }
    int64_t until_ns = arrivals_until_ns(arrivals, now_ns);
    bool even = arrivals->in_turn && arrivals->plan->shared.arrival != ARRIVAL_POISSON;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        if (arrivals->behaviors[b].cursor.time_ns >= until_ns) {
            /* nothing of its own */
        } else if (even) {
            arrivals__give_up_in_turn(arrivals, b, until_ns, now_ns);
        } else {
            arrivals__give_up_walking(arrivals, b, until_ns, now_ns);
        }
    }
    bool last = arrivals_pool_leave(arrivals->pool);
    for (uint32_t b = 0; b < arrivals->behaviors_count && last; b++) {
        while (arrivals_pool_clear(arrivals->pool, b, &pooled_ns)) {
            recorder_never_started(arrivals->recorder, b, pooled_ns, pooled_ns, 1, now_ns);
        }
    }
    if (arrivals->own != NULL) {
        arrivals_own_give_up(arrivals, until_ns, now_ns);
    }
}
