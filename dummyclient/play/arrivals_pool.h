/* The pool: arrivals that found no free connection on their own worker. Any worker with a free
 * connection plays them, the oldest first: an arrival belongs to the run, not to a thread. Also the
 * bound on catching up (max_catch_up_rate), which is shared by all workers.
 *
 * One for all workers of this program; any of their threads. Only the path of an arrival that its
 * own worker cannot play, or that is late under a bound, takes the lock. Reading whether there is
 * something (arrivals_pool_oldest_ns()) is one relaxed load. Memory is allocated at open only.
 *
 * A worker with free connections offers them before it sleeps (arrivals_pool_offer()) and checks
 * the pool once more; a worker that puts an arrival in wakes one that has offered. */
#pragma once

#include "core/error.h"
#include "plan/plan.h"
#include "system/thread.h"

#include <stdatomic.h>

/* Arrivals of one behavior; those beyond wait at their own worker, which tries again. */
enum { ARRIVALS_POOL_MAX = 16384 };

/* An arrival is late from this age on: `late: drop` drops, and a bound on catching up holds. */
#define ARRIVALS_LATE_NS (INT64_C(1000000))

struct arrivals_pool_queue {
    _Atomic int64_t oldest_ns; /* TIME_NEVER_NS: empty. Written with the lock held */
    _Atomic uint32_t takers;   /* connections that may still play one */
    int64_t *times_ns;         /* a ring */
    uint32_t first;
    uint32_t count;
    int64_t catch_up_gap_ns; /* between late arrivals; 0: no bound */
    int64_t catch_up_ns;     /* when the next late one may begin */
};

struct arrivals_pool {
    struct mutex mutex;
    struct arrivals_pool_queue *queues; /* one per behavior */
    uint32_t queues_count;
    uint32_t workers_count;
    _Atomic uint8_t *offers; /* per worker, lines apart: has free connections of a behavior */
    void *offers_memory;     /* the same, as free() takes it */
    uint32_t offers_stride;
    _Atomic uint32_t passed_on; /* workers with no arrival left outside the pool */
    _Atomic uint32_t left;      /* workers that have given up */
    void (*wake)(void *context, uint32_t worker); /* NULL: no worker sleeps */
    void *wake_context;
};

enum arrivals_pool_taken {
    ARRIVALS_POOL_TAKEN,
    ARRIVALS_POOL_EMPTY,
    ARRIVALS_POOL_LATER, /* the bound on catching up: not before *granted_ns */
    ARRIVALS_POOL_STALE  /* `late: drop`: too late, and out of the pool: to be dropped */
};

bool arrivals_pool_open(struct arrivals_pool *pool, const struct plan *plan,
                        void (*wake)(void *context, uint32_t worker), void *wake_context,
                        struct error *error);
void arrivals_pool_close(struct arrivals_pool *pool);

/* Puts one in and wakes another worker that can play it; false: there is no room. */
bool arrivals_pool_put(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior,
                       int64_t time_ns);
/* Takes the oldest, to be begun now. *granted_ns: when the bound on catching up let it begin. */
enum arrivals_pool_taken arrivals_pool_take(struct arrivals_pool *pool, uint32_t behavior,
                                            bool drops, int64_t now_ns, int64_t *time_ns,
                                            int64_t *granted_ns);
/* Takes the oldest if it is late by now (`late: drop`; TIME_NEVER_NS: whatever its age); false: it
 * is not, or there is none. */
bool arrivals_pool_take_stale(struct arrivals_pool *pool, uint32_t behavior, int64_t now_ns,
                              int64_t *time_ns);
/* May a late arrival begin now? Uses the bound up if so; *granted_ns as above, or when to ask. */
bool arrivals_pool_may_catch_up(struct arrivals_pool *pool, uint32_t behavior, int64_t time_ns,
                                int64_t now_ns, int64_t *granted_ns);
/* Sets whether the worker has a free connection of the behavior. True: check the pool again before
 * sleeping, an arrival may have been put in before. */
bool arrivals_pool_offer(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior,
                         bool has_free);

/* The worker had offered a connection and has none any more: if it was woken for an arrival that is
 * still in the pool, another is to be woken for it. */
void arrivals_pool_wake_another(struct arrivals_pool *pool, uint32_t worker, uint32_t behavior);
/* The worker has nothing left that was due before the stop and is not in the pool. Once. */
void arrivals_pool_pass_on(struct arrivals_pool *pool);
/* The worker gives up. True: it is the last one, and reports what is left in the pool. */
bool arrivals_pool_leave(struct arrivals_pool *pool);

/* Have all workers passed on what was due? */
static inline bool arrivals_pool_is_whole(const struct arrivals_pool *pool)
{
    return atomic_load(&pool->passed_on) >= pool->workers_count;
}

static inline int64_t arrivals_pool_oldest_ns(const struct arrivals_pool *pool, uint32_t behavior)
{
    return atomic_load_explicit(&pool->queues[behavior].oldest_ns, memory_order_relaxed);
}

/* Do workers help each other, or is there only one? */
static inline bool arrivals_pool_is_shared(const struct arrivals_pool *pool)
{
    return pool->workers_count > 1;
}
