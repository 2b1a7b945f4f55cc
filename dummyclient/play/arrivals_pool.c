#include "play/arrivals_pool.h"

#include "core/clock.h"

#include <stdlib.h>

enum { ARRIVALS_POOL_LINE_BYTES = 64 };

/* The gap of max_catch_up_rate: behaviors have theirs by weight, ranks by their connections. */
static int64_t arrivals_pool__gap_ns(const struct plan *plan, uint32_t behavior)
{
    const struct plan_behavior *share = &plan->behaviors[behavior];
    double own = share->connections == 0 ? 0 : (double)share->connections_own / share->connections;
    double rate_per_s =
        plan->scenario->load.catch_up_max_per_s * plan_weight_share(plan, behavior) * own;
    return rate_per_s > 0 ? (int64_t)((double)NS_PER_S / rate_per_s) + 1 : 0;
}

static bool arrivals_pool__open_queues(struct arrivals_pool *pool, const struct plan *plan)
{
    pool->queues = calloc(plan->behaviors_count, sizeof *pool->queues);
    if (pool->queues == NULL) {
        return false;
    }
    for (; pool->queues_count < plan->behaviors_count; pool->queues_count++) {
        struct arrivals_pool_queue *queue = &pool->queues[pool->queues_count];
        atomic_store(&queue->oldest_ns, TIME_NEVER_NS);
        queue->catch_up_gap_ns = arrivals_pool__gap_ns(plan, pool->queues_count);
        if (pool->workers_count > 1) {
            queue->times_ns = malloc(ARRIVALS_POOL_MAX * sizeof *queue->times_ns);
            if (queue->times_ns == NULL) {
                return false;
            }
        }
    }
    return true;
}

bool arrivals_pool_open(struct arrivals_pool *pool, const struct plan *plan,
                        void (*wake)(void *context, uint32_t worker), void *wake_context,
                        struct error *error)
{
    *pool = (struct arrivals_pool){
        .workers_count = plan->workers_count, .wake = wake, .wake_context = wake_context};
    mutex_open(&pool->mutex);
    uint32_t lines = plan->behaviors_count / ARRIVALS_POOL_LINE_BYTES + 1;
    pool->offers_stride = lines * ARRIVALS_POOL_LINE_BYTES;
    pool->offers_memory = calloc((size_t)plan->workers_count + 1, pool->offers_stride);
    pool->offers = pool->offers_memory;
    if (pool->offers == NULL || !arrivals_pool__open_queues(pool, plan)) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the arrivals of %u behaviors",
                        plan->behaviors_count);
        arrivals_pool_close(pool);
        return false;
    }
    return true;
}

void arrivals_pool_close(struct arrivals_pool *pool)
{
    for (uint32_t i = 0; i < pool->queues_count; i++) {
        free(pool->queues[i].times_ns);
    }
    free(pool->queues);
    free(pool->offers_memory);
    mutex_close(&pool->mutex);
    *pool = (struct arrivals_pool){0};
}

static _Atomic uint8_t *arrivals_pool__offer(const struct arrivals_pool *pool, uint32_t worker,
                                             uint32_t behavior)
{
    return &pool->offers[(size_t)worker * pool->offers_stride + behavior];
}

/* Wakes one of the others that have offered free connections. The offer is used up by that, so that
 * the next arrival wakes another worker. */
static void arrivals_pool__wake_one(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior)
{
    for (uint32_t i = 1; i < pool->workers_count; i++) {
        uint32_t other = (worker + i) % pool->workers_count;
        _Atomic uint8_t *offer = arrivals_pool__offer(pool, other, behavior);
        if (atomic_load(offer) != 0 && atomic_exchange(offer, 0) != 0) {
            if (pool->wake != NULL) {
                pool->wake(pool->wake_context, other);
            }
            return;
        }
    }
}

bool arrivals_pool_put(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior,
                       int64_t time_ns)
{
    struct arrivals_pool_queue *queue = &pool->queues[behavior];
    mutex_lock(&pool->mutex);
    bool room = queue->count < ARRIVALS_POOL_MAX;
    if (room) {
        queue->times_ns[(queue->first + queue->count) % ARRIVALS_POOL_MAX] = time_ns;
        if (queue->count++ == 0) {
            atomic_store(&queue->oldest_ns, time_ns);
        }
    }
    mutex_unlock(&pool->mutex);
    if (room) {
        arrivals_pool__wake_one(pool, worker, behavior);
    }
    return room;
}

/* With the lock held; the queue is not empty. */
static int64_t arrivals_pool__pop(struct arrivals_pool_queue *queue)
{
    int64_t time_ns = queue->times_ns[queue->first];
    queue->first = (queue->first + 1) % ARRIVALS_POOL_MAX;
    queue->count--;
    atomic_store(&queue->oldest_ns,
                 queue->count > 0 ? queue->times_ns[queue->first] : TIME_NEVER_NS);
    return time_ns;
}

/* With a bound on catching up, late arrivals begin at even distances, over all workers. With the
 * lock held. */
static bool arrivals_pool__catch_up(struct arrivals_pool_queue *queue, int64_t time_ns,
                                    int64_t now_ns, int64_t *granted_ns)
{
    *granted_ns = time_ns;
    if (queue->catch_up_gap_ns == 0 || now_ns - time_ns <= ARRIVALS_LATE_NS) {
        return true;
    }
    *granted_ns = queue->catch_up_ns > time_ns ? queue->catch_up_ns : time_ns;
    if (now_ns < queue->catch_up_ns) {
        return false;
    }
    /* A gap that was not used does not let a later one begin earlier. */
    queue->catch_up_ns += queue->catch_up_gap_ns;
    if (queue->catch_up_ns < now_ns) {
        queue->catch_up_ns = now_ns + queue->catch_up_gap_ns;
    }
    return true;
}

bool arrivals_pool_may_catch_up(struct arrivals_pool *pool, uint32_t behavior, int64_t time_ns,
                                int64_t now_ns, int64_t *granted_ns)
{
    struct arrivals_pool_queue *queue = &pool->queues[behavior];
    *granted_ns = time_ns;
    if (queue->catch_up_gap_ns == 0 || now_ns - time_ns <= ARRIVALS_LATE_NS) {
        return true;
    }
    mutex_lock(&pool->mutex);
    bool may = arrivals_pool__catch_up(queue, time_ns, now_ns, granted_ns);
    mutex_unlock(&pool->mutex);
    return may;
}

enum arrivals_pool_taken arrivals_pool_take(struct arrivals_pool *pool, uint32_t behavior,
                                            bool drops, int64_t now_ns, int64_t *time_ns,
                                            int64_t *granted_ns)
{
    struct arrivals_pool_queue *queue = &pool->queues[behavior];
    enum arrivals_pool_taken taken = ARRIVALS_POOL_EMPTY;
    mutex_lock(&pool->mutex);
    if (queue->count > 0) {
        *time_ns = queue->times_ns[queue->first];
        if (drops && now_ns - *time_ns > ARRIVALS_LATE_NS) {
            taken = ARRIVALS_POOL_STALE;
        } else {
            taken = arrivals_pool__catch_up(queue, *time_ns, now_ns, granted_ns)
                        ? ARRIVALS_POOL_TAKEN
                        : ARRIVALS_POOL_LATER;
        }
        if (taken != ARRIVALS_POOL_LATER) {
            arrivals_pool__pop(queue);
        }
    }
    mutex_unlock(&pool->mutex);
    return taken;
}

bool arrivals_pool_offer(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior,
                         bool has_free)
{
    _Atomic uint8_t *offer = arrivals_pool__offer(pool, worker, behavior);
    if ((atomic_load_explicit(offer, memory_order_relaxed) != 0) == has_free) {
        return false;
    }
    /* In one order with put: either it sees the offer, or we see what it has put in. */
    atomic_store(offer, has_free);
    return has_free && atomic_load(&pool->queues[behavior].oldest_ns) != TIME_NEVER_NS;
}

void arrivals_pool_wake_another(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior)
{
    if (arrivals_pool_oldest_ns(pool, behavior) != TIME_NEVER_NS) {
        arrivals_pool__wake_one(pool, worker, behavior);
    }
}

bool arrivals_pool_take_stale(struct arrivals_pool *pool, uint32_t behavior, int64_t now_ns,
                              int64_t *time_ns)
{
    struct arrivals_pool_queue *queue = &pool->queues[behavior];
    mutex_lock(&pool->mutex);
    bool stale = queue->count > 0 && now_ns - queue->times_ns[queue->first] > ARRIVALS_LATE_NS;
    if (stale) {
        *time_ns = arrivals_pool__pop(queue);
    }
    mutex_unlock(&pool->mutex);
    return stale;
}

void arrivals_pool_pass_on(struct arrivals_pool *pool)
{
    atomic_fetch_add(&pool->passed_on, 1);
}

bool arrivals_pool_leave(struct arrivals_pool *pool)
{
    return atomic_fetch_add(&pool->left, 1) + 1 == pool->workers_count;
}
