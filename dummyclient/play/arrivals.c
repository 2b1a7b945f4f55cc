#include "play/arrivals.h"

#include "core/clock.h"

#include <stdlib.h>

enum {
    /* Arrivals of others that one call walks over, so that a rare behavior holds nobody up. */
    ARRIVALS_WALK_MAX = 256
};

bool arrivals_open(struct arrivals *arrivals, const struct plan *plan, struct arrivals_pool *pool,
                   uint32_t worker, const uint32_t *numbers, uint32_t numbers_count,
                   struct recorder *recorder, struct error *error)
{
    *arrivals = (struct arrivals){.plan = plan,
                                  .recorder = recorder,
                                  .pool = pool,
                                  .worker = worker,
                                  .numbers = numbers,
                                  .numbers_count = numbers_count,
                                  .in_turn = plan_deals_in_turn(plan),
                                  .t0_ns = TIME_NEVER_NS,
                                  .stop_ns = TIME_NEVER_NS};
    arrivals->behaviors = calloc(plan->behaviors_count, sizeof *arrivals->behaviors);
    if (arrivals->behaviors == NULL) {
        error_set(error, "no memory for the arrivals of %u behaviors", plan->behaviors_count);
        return false;
    }
    arrivals->behaviors_count = plan->behaviors_count;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        arrivals->behaviors[b].cursor.time_ns = TIME_NEVER_NS;
    }
    if (plan->each.arrivals_total > 0 && !arrivals_own_open(arrivals, error)) {
        arrivals_close(arrivals);
        return false;
    }
    return true;
}

void arrivals_close(struct arrivals *arrivals)
{
    if (arrivals->own_due.nodes != NULL) {
        timer_heap_close(&arrivals->own_due);
    }
    free(arrivals->own);
    free(arrivals->behaviors);
    arrivals->own = NULL;
    arrivals->behaviors = NULL;
}

void arrivals_seat(struct arrivals *arrivals, struct arrivals_taker *taker, uint32_t index,
                   uint16_t behavior)
{
    taker->behavior = behavior;
    if (arrivals->own != NULL) {
        taker->own = &arrivals->own[index];
        taker->own->taker = taker;
    }
    atomic_fetch_add(&arrivals->pool->queues[behavior].takers, 1);
}

/* --- Whose arrivals. */

static bool arrivals__is_mine(const struct arrivals *arrivals, uint32_t behavior,
                              struct pacing_cursor *cursor)
{
    const struct plan *plan = arrivals->plan;
    if (plan_arrival_behavior(plan, cursor->n) != behavior) {
        return false;
    }
    if (crowd_changes(&plan->crowd)) {
        pacing_locate(&plan->shared, cursor); /* whose it is depends on when it is */
    }
    return plan_arrival_worker(plan, behavior, cursor->n, cursor->time_ns) == arrivals->worker;
}

/* Looks, from where the cursor is, for an arrival that is this worker's. Stops after a while with
 * mine false and the time of where it stopped: the place to go on from when that time has come. */
void arrivals_seek(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->plan->shared;
    own->mine = false;
    for (int i = 0; i < ARRIVALS_WALK_MAX; i++) {
        if (arrivals__is_mine(arrivals, behavior, &own->cursor)) {
            own->mine = true;
            break;
        }
        if (!pacing_step(pacing, &own->cursor)) {
            return;
        }
    }
    pacing_locate(pacing, &own->cursor);
}

/* Dealt in turn: the worker's next connection says how many arrivals on its next one is. */
static uint32_t arrivals__next_turn(struct arrivals *arrivals, struct arrivals_of_behavior *own)
{
    uint32_t from = arrivals->numbers[own->turn];
    own->turn = own->turn + 1 == arrivals->numbers_count ? 0 : own->turn + 1;
    uint32_t to = arrivals->numbers[own->turn];
    return to > from ? to - from : to + arrivals->plan->connections - from;
}

void arrivals_next(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->plan->shared;
    if (arrivals->in_turn) {
        if (pacing_skip(pacing, &own->cursor, arrivals__next_turn(arrivals, own))) {
            pacing_locate(pacing, &own->cursor);
        }
    } else if (pacing_step(pacing, &own->cursor)) {
        arrivals_seek(arrivals, behavior);
    }
}

void arrivals_start(struct arrivals *arrivals, int64_t t0_ns)
{
    const struct plan *plan = arrivals->plan;
    arrivals->t0_ns = t0_ns;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        struct arrivals_of_behavior *own = &arrivals->behaviors[b];
        if (plan->behaviors[b].connections_own == 0) {
            continue;
        }
        pacing_first(&plan->shared, &own->cursor);
        if (own->cursor.time_ns == TIME_NEVER_NS) {
            continue;
        }
        own->mine = arrivals->in_turn;
        if (!arrivals->in_turn) {
            arrivals_seek(arrivals, b);
        } else if (arrivals->numbers[0] > 0 &&
                   pacing_skip(&plan->shared, &own->cursor, arrivals->numbers[0])) {
            pacing_locate(&plan->shared, &own->cursor);
        }
    }
    if (arrivals->own != NULL) {
        arrivals_own_start(arrivals);
    }
}

/* --- Who is free. */

static void arrivals__append(struct arrivals_of_behavior *own, struct arrivals_taker *taker)
{
    taker->listed = true;
    taker->next = NULL;
    taker->previous = own->free_last;
    if (own->free_last == NULL) {
        own->free_first = taker;
    } else {
        own->free_last->next = taker;
    }
    own->free_last = taker;
}

void arrivals_take_off(struct arrivals *arrivals, struct arrivals_taker *taker)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[taker->behavior];
    taker->listed = false;
    if (taker->previous == NULL) {
        own->free_first = taker->next;
    } else {
        taker->previous->next = taker->next;
    }
    if (taker->next == NULL) {
        own->free_last = taker->previous;
    } else {
        taker->next->previous = taker->previous;
    }
}

void arrivals_set_free(struct arrivals *arrivals, struct arrivals_taker *taker, bool is_free)
{
    if (taker->listed == is_free) {
        return;
    }
    if (!is_free) {
        arrivals_take_off(arrivals, taker);
        return;
    }
    arrivals__append(&arrivals->behaviors[taker->behavior], taker);
    if (taker->own != NULL && taker->own->waits) {
        arrivals_own_release(arrivals, taker->own);
    }
}

void arrivals_set_gone(struct arrivals *arrivals, struct arrivals_taker *taker, bool gone)
{
    if (taker->gone == gone) {
        return;
    }
    taker->gone = gone;
    atomic_fetch_add(&arrivals->pool->queues[taker->behavior].takers, gone ? UINT32_MAX : 1);
    if (taker->own != NULL && taker->own->waits) {
        arrivals->own_waiting += gone ? UINT32_MAX : 1;
    }
}

/* --- Beginning. */

/* The moment of the cursor's arrival; TIME_NEVER_NS past the end or the stop. */
static int64_t arrivals__time(const struct arrivals *arrivals, uint32_t behavior)
{
    int64_t time_ns = arrivals->behaviors[behavior].cursor.time_ns;
    if (arrivals->t0_ns == TIME_NEVER_NS || time_ns == TIME_NEVER_NS) {
        return TIME_NEVER_NS;
    }
    time_ns += arrivals->t0_ns;
    return time_ns < arrivals->stop_ns ? time_ns : TIME_NEVER_NS;
}

static void arrivals__begin(struct arrivals *arrivals, uint32_t behavior, int64_t intended_ns,
                            int64_t granted_ns)
{
    struct arrivals_taker *taker = arrivals->behaviors[behavior].free_first;
    /* Off the list first: with further free lanes it comes back at the end. */
    arrivals_take_off(arrivals, taker);
    recorder_begun(arrivals->recorder, behavior, intended_ns);
    arrivals->begin(taker, intended_ns, granted_ns);
}

/* What one step came to: look again, or not before a time. */
static const int64_t ARRIVALS_AGAIN = -1;

/* The worker's own arrival is due at time_ns, and no connection here is free: another worker's may
 * be, or soon will. */
static int64_t arrivals__pass_on(struct arrivals *arrivals, uint32_t behavior, int64_t time_ns,
                                 int64_t now_ns)
{
    if (arrivals_pool_is_shared(arrivals->pool)) {
        if (!arrivals_pool_put(arrivals->pool, arrivals->worker, behavior, time_ns)) {
            return now_ns + ARRIVALS_LATE_NS;
        }
    } else if (arrivals->plan->scenario->load.late != LATE_DROP) {
        return TIME_NEVER_NS; /* until a connection here is free */
    } else if (now_ns - time_ns > ARRIVALS_LATE_NS) {
        recorder_dropped(arrivals->recorder, behavior, time_ns, now_ns);
    } else {
        return time_ns + ARRIVALS_LATE_NS + 1;
    }
    arrivals_next(arrivals, behavior);
    return ARRIVALS_AGAIN;
}

static int64_t arrivals__begin_pooled(struct arrivals *arrivals, uint32_t behavior, int64_t now_ns)
{
    bool drops = arrivals->plan->scenario->load.late == LATE_DROP;
    int64_t time_ns = 0;
    int64_t granted_ns = 0;
    switch (arrivals_pool_take(arrivals->pool, behavior, drops, now_ns, &time_ns, &granted_ns)) {
    case ARRIVALS_POOL_TAKEN:
        arrivals__begin(arrivals, behavior, time_ns, granted_ns);
        return ARRIVALS_AGAIN;
    case ARRIVALS_POOL_STALE:
        recorder_dropped(arrivals->recorder, behavior, time_ns, now_ns);
        return ARRIVALS_AGAIN;
    case ARRIVALS_POOL_LATER:
        return granted_ns;
    case ARRIVALS_POOL_EMPTY:
        break;
    }
    return ARRIVALS_AGAIN; /* somebody else was faster */
}

/* `late: drop`, nobody here is free: what is in the pool is left out when it gets too late. */
static int64_t arrivals__drop_pooled(struct arrivals *arrivals, uint32_t behavior,
                                     int64_t pooled_ns, int64_t now_ns)
{
    if (now_ns - pooled_ns <= ARRIVALS_LATE_NS) {
        return pooled_ns + ARRIVALS_LATE_NS + 1;
    }
    int64_t time_ns = 0;
    if (arrivals_pool_take_stale(arrivals->pool, behavior, now_ns, &time_ns)) {
        recorder_dropped(arrivals->recorder, behavior, time_ns, now_ns);
    }
    return ARRIVALS_AGAIN;
}

static int64_t arrivals__earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* One arrival of a behavior, of the worker's own or from the pool, whichever is older. */
static int64_t arrivals__step(struct arrivals *arrivals, uint32_t behavior, int64_t own_ns,
                              int64_t pooled_ns, int64_t now_ns)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    bool drops = arrivals->plan->scenario->load.late == LATE_DROP;
    bool own_due = own_ns <= now_ns;
    if (own_due && !own->mine) {
        arrivals_seek(arrivals, behavior);
        return ARRIVALS_AGAIN;
    }
    if (own->free_first == NULL) {
        if (own_due) {
            return arrivals__pass_on(arrivals, behavior, own_ns, now_ns);
        }
        return drops ? arrivals__earlier(
                           own_ns, arrivals__drop_pooled(arrivals, behavior, pooled_ns, now_ns))
                     : own_ns;
    }
    if (!own_due || own_ns > pooled_ns) {
        return arrivals__begin_pooled(arrivals, behavior, now_ns);
    }
    int64_t granted_ns = 0;
    if (!arrivals_pool_may_catch_up(arrivals->pool, behavior, own_ns, now_ns, &granted_ns)) {
        return granted_ns;
    }
    arrivals__begin(arrivals, behavior, own_ns, granted_ns);
    arrivals_next(arrivals, behavior);
    return ARRIVALS_AGAIN;
}

/* One behavior; returns when there is something to do next. */
static int64_t arrivals__begin_due_of(struct arrivals *arrivals, uint32_t behavior, int64_t now_ns,
                                      uint32_t left)
{
    const struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    bool shared = arrivals_pool_is_shared(arrivals->pool);
    bool drops = arrivals->plan->scenario->load.late == LATE_DROP;
    for (;;) {
        int64_t own_ns = arrivals__time(arrivals, behavior);
        int64_t pooled_ns =
            shared ? arrivals_pool_oldest_ns(arrivals->pool, behavior) : TIME_NEVER_NS;
        if (own_ns > now_ns && pooled_ns == TIME_NEVER_NS) {
            bool heeded = shared || drops || !own->mine || own->free_first != NULL;
            return heeded ? own_ns : TIME_NEVER_NS;
        }
        if (left-- == 0) {
            return now_ns;
        }
        int64_t next_ns = arrivals__step(arrivals, behavior, own_ns, pooled_ns, now_ns);
        if (next_ns != ARRIVALS_AGAIN) {
            return next_ns;
        }
    }
}

int64_t arrivals_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max)
{
    int64_t next_ns = TIME_NEVER_NS;
    if (arrivals->t0_ns == TIME_NEVER_NS) {
        return TIME_NEVER_NS;
    }
    bool shared = arrivals_pool_is_shared(arrivals->pool);
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        int64_t time_ns = arrivals__begin_due_of(arrivals, b, now_ns, arrivals_max);
        bool has_free = arrivals->behaviors[b].free_first != NULL;
        if (shared && arrivals_pool_offer(arrivals->pool, arrivals->worker, b, has_free)) {
            time_ns = now_ns;
        }
        if (shared && arrivals->behaviors[b].offered && !has_free) {
            arrivals_pool_wake_another(arrivals->pool, arrivals->worker, b);
        }
        arrivals->behaviors[b].offered = has_free;
        next_ns = arrivals__earlier(next_ns, time_ns);
    }
    if (arrivals->own != NULL) {
        arrivals_own_begin_due(arrivals, now_ns, arrivals_max);
        next_ns = arrivals__earlier(next_ns, timer_heap_next_ns(&arrivals->own_due));
    }
    return next_ns;
}

/* Is anything of the worker's own due that could still be played? */
static bool arrivals__own_are_due(struct arrivals *arrivals, int64_t now_ns)
{
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        if (atomic_load_explicit(&arrivals->pool->queues[b].takers, memory_order_relaxed) == 0) {
            continue; /* nobody will come for them */
        }
        while (arrivals__time(arrivals, b) <= now_ns) {
            if (arrivals->behaviors[b].mine) {
                return true;
            }
            arrivals_seek(arrivals, b);
        }
    }
    return arrivals->own != NULL && arrivals_own_are_late(arrivals, now_ns);
}

bool arrivals_are_late(struct arrivals *arrivals, int64_t now_ns)
{
    const struct arrivals_pool *pool = arrivals->pool;
    if (arrivals__own_are_due(arrivals, now_ns)) {
        return true;
    }
    if (!arrivals->passed_on && now_ns >= arrivals->stop_ns) {
        arrivals->passed_on = true;
        arrivals_pool_pass_on(arrivals->pool);
    }
    /* Another worker may still put in what was due here. */
    bool late = arrivals_pool_is_shared(pool) && !arrivals_pool_is_whole(pool);
    for (uint32_t b = 0; b < arrivals->behaviors_count && !late; b++) {
        late = arrivals_pool_oldest_ns(pool, b) != TIME_NEVER_NS &&
               atomic_load_explicit(&pool->queues[b].takers, memory_order_relaxed) > 0;
    }
    return late;
}
