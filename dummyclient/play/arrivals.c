#include "play/arrivals_internal.h"

#include "core/clock.h"

#include <stdlib.h>

/* Reported one by one at the end of the run; the rest is estimated from the rate. */
enum { ARRIVALS_GIVE_UP_MAX = 4 * 1000 * 1000 };

bool arrivals_open(struct arrivals *arrivals, const struct plan *plan, struct arrivals_pool *pool,
                   uint32_t worker, const uint32_t *numbers, uint32_t numbers_count,
                   struct recorder *recorder, struct error *error)
{
    *arrivals = (struct arrivals){.plan = plan,
                                  .course = &plan->course,
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
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for the arrivals of %u behaviors",
                        plan->behaviors_count);
        return false;
    }
    arrivals->behaviors_count = plan->behaviors_count;
    for (uint32_t b = 0; b < plan->behaviors_count; b++) {
        arrivals->behaviors[b].cursor.time_ns = TIME_NEVER_NS;
        arrivals->behaviors[b].due_ns = TIME_NEVER_NS;
    }
    if (plan->course.each.arrivals_total > 0 && !arrivals_own_open(arrivals, error)) {
        arrivals_close(arrivals);
        return false;
    }
    return true;
}

void arrivals_close(struct arrivals *arrivals)
{
    if (arrivals->own_due.slots != NULL) {
        timer_heap_close(&arrivals->own_due);
    }
    free(arrivals->own);
    free(arrivals->behaviors);
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
    if (plan_arrival_behavior(plan, cursor->n) != plan_first_twin(plan, behavior)) {
        return false;
    }
    const struct course *course = arrivals->course;
    if (population_changes(&course->population)) {
        pacing_locate(&course->shared, cursor); /* whose it is depends on when it is */
    }
    return plan_arrival_worker(plan, course, behavior, cursor->n, cursor->time_ns) ==
           arrivals->worker;
}

/* The cursor has its time. */
static void arrivals__set_due(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    own->due_ns = own->mine
                      ? plan_shared_due_ns(arrivals->plan, arrivals->course, behavior, &own->cursor)
                      : own->cursor.time_ns;
}

/* Moves the cursor to the worker's next arrival. Stops after ARRIVALS_WALK_MAX others with `mine`
 * false and the time of the last one: the search continues when that time has come. */
static void arrivals__seek(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->course->shared;
    own->mine = false;
    for (int i = 0; i < ARRIVALS_WALK_MAX; i++) {
        if (arrivals__is_mine(arrivals, behavior, &own->cursor)) {
            own->mine = true;
            break;
        }
        if (!pacing_step(pacing, &own->cursor)) {
            break;
        }
    }
    pacing_locate(pacing, &own->cursor);
    arrivals__set_due(arrivals, behavior);
}

/* Dealt in turn: how many arrivals further the worker's next one is, by its next connection. */
static uint32_t arrivals__next_turn(struct arrivals *arrivals, struct arrivals_of_behavior *own)
{
    uint32_t from = arrivals->numbers[own->turn];
    own->turn = own->turn + 1 == arrivals->numbers_count ? 0 : own->turn + 1;
    uint32_t to = arrivals->numbers[own->turn];
    return to > from ? to - from : to + arrivals->plan->connections - from;
}

static void arrivals__next(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->course->shared;
    int64_t due_ns = own->due_ns;
    own->last_n = own->cursor.n;
    own->last_sum = own->cursor.poisson_sum;
    if (arrivals->in_turn) {
        if (pacing_skip(pacing, &own->cursor, arrivals__next_turn(arrivals, own))) {
            pacing_locate(pacing, &own->cursor);
        }
        arrivals__set_due(arrivals, behavior);
    } else if (pacing_step(pacing, &own->cursor)) {
        arrivals__seek(arrivals, behavior);
    } else {
        arrivals__set_due(arrivals, behavior);
    }
    /* One is not late because of the one before it: in a duet, two may be less than half a gap
     * apart (Poisson), and the first be due half a gap later. */
    own->due_ns = time_later_ns(due_ns, own->due_ns);
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

void arrivals_set_absent(struct arrivals *arrivals, struct arrivals_taker *taker, bool absent)
{
    if (taker->absent == absent) {
        return;
    }
    taker->absent = absent;
    bool waits = taker->own != NULL && taker->own->waits;
    if (absent) {
        atomic_fetch_sub(&arrivals->pool->queues[taker->behavior].takers, 1);
        arrivals->own_waiting -= waits ? 1 : 0;
    } else {
        atomic_fetch_add(&arrivals->pool->queues[taker->behavior].takers, 1);
        arrivals->own_waiting += waits ? 1 : 0;
    }
}

void arrivals_start(struct arrivals *arrivals, int64_t t0_ns)
{
    const struct plan *plan = arrivals->plan;
    arrivals->t0_ns = t0_ns;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        struct arrivals_of_behavior *own = &arrivals->behaviors[b];
        if (plan->behaviors[b].connections_own > 0) {
            pacing_first(&arrivals->course->shared, &own->cursor);
            own->last_n = UINT64_MAX; /* before the first */
        }
        if (own->cursor.time_ns == TIME_NEVER_NS) {
            continue;
        }
        own->mine = arrivals->in_turn;
        if (!arrivals->in_turn) {
            arrivals__seek(arrivals, b);
        } else if (arrivals->numbers[0] > 0 &&
                   pacing_skip(&arrivals->course->shared, &own->cursor, arrivals->numbers[0])) {
            pacing_locate(&arrivals->course->shared, &own->cursor);
        }
        if (arrivals->in_turn) {
            arrivals__set_due(arrivals, b);
        }
    }
    if (arrivals->own != NULL) {
        arrivals_own_start(arrivals);
    }
}

void arrivals_stop(struct arrivals *arrivals, int64_t stop_ns)
{
    bool nearer = stop_ns < arrivals->stop_ns;
    arrivals->stop_ns = stop_ns;
    if (nearer && arrivals->own != NULL && arrivals->t0_ns != TIME_NEVER_NS &&
        arrivals->plan->sides > 1) {
        arrivals_own_stop(arrivals);
    }
}

/* Of a behavior with connections here. */
static void arrivals__follow(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->course->shared;
    if (arrivals->in_turn) {
        pacing_relocate(pacing, &own->cursor);
        arrivals__set_due(arrivals, behavior);
        return;
    }
    own->cursor.n = own->last_n;
    own->cursor.poisson_sum = own->last_sum;
    own->cursor.stage = 0;
    pacing_step(pacing, &own->cursor);
    arrivals__seek(arrivals, behavior);
}

void arrivals_follow(struct arrivals *arrivals, const struct course *course)
{
    const struct course *from = arrivals->course;
    arrivals->course = course;
    /* In turn or not, the same arrivals fall to the same workers as long as all are wanted. */
    arrivals->in_turn = arrivals->in_turn && !population_changes(&course->population);
    if (arrivals->t0_ns == TIME_NEVER_NS || !arrivals->plan->open_loop) {
        return;
    }
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        if (arrivals->plan->behaviors[b].connections_own > 0) {
            arrivals__follow(arrivals, b);
        }
    }
    if (arrivals->own != NULL) {
        arrivals_own_follow(arrivals, from);
    }
}

/* --- Beginning. */

/* When the cursor's arrival is due; TIME_NEVER_NS past the end or the stop. */
static int64_t arrivals__time(const struct arrivals *arrivals, uint32_t behavior)
{
    const struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    if (arrivals->t0_ns == TIME_NEVER_NS || own->due_ns == TIME_NEVER_NS) {
        return TIME_NEVER_NS;
    }
    int64_t time_ns =
        arrivals->t0_ns + arrivals_before_stop_ns(arrivals, own->cursor.time_ns, own->due_ns);
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

/* The result of a step, instead of the time of the next one: try again immediately. */
static const int64_t ARRIVALS_AGAIN = -1;

/* The worker's own arrival is due at time_ns, and it has no free connection: another worker may. */
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
    arrivals__next(arrivals, behavior);
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
    return ARRIVALS_AGAIN; /* another worker has taken it */
}

/* `late: drop`, and the worker has no free connection: drops what is too late in the pool. */
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

/* One arrival of a behavior, of the worker's own or from the pool, whichever is older. */
static int64_t arrivals__step(struct arrivals *arrivals, uint32_t behavior, int64_t own_ns,
                              int64_t pooled_ns, int64_t now_ns)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    bool drops = arrivals->plan->scenario->load.late == LATE_DROP;
    bool own_due = own_ns <= now_ns;
    if (own_due && !own->mine) {
        arrivals__seek(arrivals, behavior);
        return ARRIVALS_AGAIN;
    }
    if (own->free_first == NULL) {
        if (own_due) {
            return arrivals__pass_on(arrivals, behavior, own_ns, now_ns);
        }
        return drops ? time_earlier_ns(own_ns,
                                       arrivals__drop_pooled(arrivals, behavior, pooled_ns, now_ns))
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
    arrivals__next(arrivals, behavior);
    return ARRIVALS_AGAIN;
}

/* The oldest of a behavior that is waiting for all workers. */
static int64_t arrivals__pooled_ns(const struct arrivals *arrivals, uint32_t behavior)
{
    return arrivals_pool_is_shared(arrivals->pool)
               ? arrivals_pool_oldest_ns(arrivals->pool, behavior)
               : TIME_NEVER_NS;
}

/* The next one of a behavior, if it is due and *left allows it: ARRIVALS_AGAIN. Else returns when
 * there is something to do. */
static inline int64_t arrivals__begin_one(struct arrivals *arrivals, uint32_t behavior,
                                          int64_t now_ns, uint32_t *left)
{
    const struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    int64_t own_ns = arrivals__time(arrivals, behavior);
    int64_t pooled_ns = arrivals__pooled_ns(arrivals, behavior);
    if (own_ns > now_ns && pooled_ns == TIME_NEVER_NS) {
        bool drops = arrivals->plan->scenario->load.late == LATE_DROP;
        bool can_act = arrivals_pool_is_shared(arrivals->pool) || drops || !own->mine ||
                       own->free_first != NULL;
        return can_act ? own_ns : TIME_NEVER_NS;
    }
    if ((*left)-- == 0) {
        return now_ns;
    }
    return arrivals__step(arrivals, behavior, own_ns, pooled_ns, now_ns);
}

/* One behavior; returns when there is something to do next. */
static int64_t arrivals__begin_due_of(struct arrivals *arrivals, uint32_t behavior, int64_t now_ns,
                                      uint32_t left)
{
    int64_t next_ns;
    do {
        next_ns = arrivals__begin_one(arrivals, behavior, now_ns, &left);
    } while (next_ns == ARRIVALS_AGAIN);
    return next_ns;
}

/* Of two twins that both may have something to begin, the one that comes next: 0 or 1. */
static uint32_t arrivals__twin(const struct arrivals *arrivals, uint32_t first)
{
    int64_t due_ns[PLAN_DUET_SIDES];
    for (uint32_t side = 0; side < PLAN_DUET_SIDES; side++) {
        if (!arrivals->behaviors[first + side].mine) {
            return side; /* it must search first */
        }
        due_ns[side] = time_earlier_ns(arrivals__time(arrivals, first + side),
                                       arrivals__pooled_ns(arrivals, first + side));
    }
    return due_ns[1] < due_ns[0];
}

/* Two twins, each until nothing is left to do for it. */
static int64_t arrivals__begin_due_of_twins(struct arrivals *arrivals, uint32_t first,
                                            int64_t now_ns, uint32_t arrivals_max)
{
    uint32_t left[PLAN_DUET_SIDES] = {arrivals_max, arrivals_max};
    int64_t next_ns[PLAN_DUET_SIDES] = {ARRIVALS_AGAIN, ARRIVALS_AGAIN};
    while (next_ns[0] == ARRIVALS_AGAIN || next_ns[1] == ARRIVALS_AGAIN) {
        uint32_t side = next_ns[0] != ARRIVALS_AGAIN   ? 1
                        : next_ns[1] != ARRIVALS_AGAIN ? 0
                                                       : arrivals__twin(arrivals, first);
        next_ns[side] = arrivals__begin_one(arrivals, first + side, now_ns, &left[side]);
    }
    return time_earlier_ns(next_ns[0], next_ns[1]);
}

int64_t arrivals_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max)
{
    int64_t next_ns = TIME_NEVER_NS;
    if (arrivals->t0_ns == TIME_NEVER_NS) {
        return TIME_NEVER_NS;
    }
    arrivals->looked_ns = now_ns;
    bool shared = arrivals_pool_is_shared(arrivals->pool);
    bool twins = arrivals->plan->sides > 1;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        int64_t time_ns = TIME_NEVER_NS; /* the second of two: said with the first */
        if (!twins) {
            time_ns = arrivals__begin_due_of(arrivals, b, now_ns, arrivals_max);
        } else if (plan_first_twin(arrivals->plan, b) == b) {
            time_ns = arrivals__begin_due_of_twins(arrivals, b, now_ns, arrivals_max);
        }
        bool has_free = arrivals->behaviors[b].free_first != NULL;
        if (shared && arrivals_pool_offer(arrivals->pool, arrivals->worker, b, has_free)) {
            time_ns = now_ns;
        }
        if (shared && arrivals->behaviors[b].offered && !has_free) {
            arrivals_pool_wake_another(arrivals->pool, arrivals->worker, b);
        }
        arrivals->behaviors[b].offered = has_free;
        next_ns = time_earlier_ns(next_ns, time_ns);
    }
    if (arrivals->own != NULL) {
        arrivals_own_begin_due(arrivals, now_ns, arrivals_max);
        next_ns = time_earlier_ns(next_ns, arrivals_own_next_ns(arrivals));
    }
    return next_ns;
}

/* Is anything of the worker's own due that could still be played? */
static bool arrivals__own_are_due(struct arrivals *arrivals, int64_t now_ns)
{
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        if (atomic_load_explicit(&arrivals->pool->queues[b].takers, memory_order_relaxed) == 0) {
            continue; /* no connection is left to play them */
        }
        while (arrivals__time(arrivals, b) <= now_ns) {
            if (arrivals->behaviors[b].mine) {
                return true;
            }
            arrivals__seek(arrivals, b);
        }
    }
    int64_t own_ns = arrivals->own == NULL ? TIME_NEVER_NS : timer_heap_next_ns(&arrivals->own_due);
    return arrivals->own_waiting > 0 || (own_ns <= now_ns && own_ns < arrivals->stop_ns);
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

/* --- Arrivals that never began: reported in bulk at the end of the run. */

/* The next boundary in the figures: of a stage, a second of the series, or the window. Between two
 * of them arrivals are about even. Times are since t0. */
static int64_t arrivals__next_edge_ns(const struct arrivals *arrivals, int64_t time_ns)
{
    const struct pacing *pacing = &arrivals->course->pacing;
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
    uint64_t reported = count_before(context, from_ns);
    while (from_ns < until_ns) {
        int64_t to_ns = arrivals__next_edge_ns(arrivals, from_ns);
        to_ns = to_ns < until_ns ? to_ns : until_ns;
        uint64_t count = count_before(context, to_ns);
        if (count > reported) {
            recorder_never_started(arrivals->recorder, behavior, arrivals->t0_ns + from_ns,
                                   arrivals->t0_ns + to_ns - 1, count - reported, now_ns);
        }
        reported = count;
        from_ns = to_ns;
    }
}

struct arrivals__even {
    const struct arrivals *arrivals;
    const struct pacing_cursor *cursor;
    uint64_t base; /* of the worker's arrivals, those before the cursor */
    double share;  /* of all arrivals: of the behavior, and of the worker's connections in it */
};

/* Dealt in turn: how many of the first n arrivals are this worker's. */
static uint64_t arrivals__mine_before(const struct arrivals *arrivals, uint64_t n)
{
    uint64_t rounds = n / arrivals->plan->connections;
    uint32_t rest = (uint32_t)(n % arrivals->plan->connections);
    return rounds * arrivals->numbers_count +
           plan_count_below(arrivals->numbers, arrivals->numbers_count, rest);
}

static uint64_t arrivals__even_before(const void *context, int64_t time_ns)
{
    const struct arrivals__even *even = context;
    uint64_t n = pacing_number_at(&even->arrivals->course->shared, even->cursor, time_ns);
    uint64_t before = arrivals__mine_before(even->arrivals, n);
    return before > even->base ? before - even->base : 0;
}

/* An estimate by the worker's share of the rate. */
static uint64_t arrivals__expected_before(const void *context, int64_t time_ns)
{
    const struct arrivals__even *even = context;
    const struct arrivals *arrivals = even->arrivals;
    double from = pacing_count(&arrivals->course->shared, even->cursor->time_ns);
    double expected = (pacing_count(&arrivals->course->shared, time_ns) - from) * even->share;
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
    uint32_t own = 0;
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        own += plan_seat_at(plan, arrivals->numbers[i]).behavior == behavior;
    }
    return plan_weight_share(plan, behavior) * own / plan->behaviors[behavior].connections;
}

static void arrivals__give_up_walking(struct arrivals *arrivals, uint32_t behavior,
                                      int64_t until_ns, int64_t now_ns)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    for (int i = 0; i < ARRIVALS_GIVE_UP_MAX && own->cursor.time_ns < until_ns; i++) {
        if (own->mine) {
            int64_t time_ns = arrivals->t0_ns + own->cursor.time_ns;
            recorder_never_started(arrivals->recorder, behavior, time_ns, time_ns, 1, now_ns);
            arrivals__next(arrivals, behavior);
        } else {
            arrivals__seek(arrivals, behavior);
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
        return; /* for all workers: then the pool is empty */
    }
    int64_t until_ns = arrivals->stop_ns < now_ns ? arrivals->stop_ns : now_ns + 1;
    until_ns -= arrivals->t0_ns;
    bool even = arrivals->in_turn && arrivals->course->shared.arrival != ARRIVAL_POISSON;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        if (arrivals->behaviors[b].cursor.time_ns >= until_ns) {
            /* none of its arrivals is due */
        } else if (even) {
            arrivals__give_up_in_turn(arrivals, b, until_ns, now_ns);
        } else {
            arrivals__give_up_walking(arrivals, b, until_ns, now_ns);
        }
    }
    bool last = arrivals_pool_leave(arrivals->pool);
    for (uint32_t b = 0; b < arrivals->behaviors_count && last; b++) {
        while (arrivals_pool_take_stale(arrivals->pool, b, TIME_NEVER_NS, &pooled_ns)) {
            recorder_never_started(arrivals->recorder, b, pooled_ns, pooled_ns, 1, now_ns);
        }
    }
    if (arrivals->own != NULL) {
        arrivals_own_give_up(arrivals, until_ns, now_ns);
    }
}
