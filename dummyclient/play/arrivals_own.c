/* Own arrivals of single connections (rate_per_connection): each connection keeps its rate
 * independently of the others, and no other connection plays its arrivals. */
#include "play/arrivals_internal.h"

#include "core/clock.h"

#include <stdlib.h>

bool arrivals_own_open(struct arrivals *arrivals, struct error *error)
{
    arrivals->own = calloc((size_t)arrivals->numbers_count + 1, sizeof *arrivals->own);
    if (arrivals->own == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY,
                        "no memory for the arrivals of %u connections", arrivals->numbers_count);
        return false;
    }
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        arrivals->own[i].number = arrivals->numbers[i];
        arrivals->own[i].cursor.time_ns = TIME_NEVER_NS;
    }
    return timer_heap_open(&arrivals->own_due, arrivals->numbers_count, error);
}

/* Moves the cursor to the next arrival at which the plan wants the connection. Stops after
 * ARRIVALS_WALK_MAX with `wanted` false: the search continues when that time has come. */
static void arrivals_own__seek(const struct arrivals *arrivals, struct arrivals_own *own)
{
    const struct plan *plan = arrivals->plan;
    own->wanted = !population_changes(&arrivals->course->population);
    for (int i = 0; i < ARRIVALS_WALK_MAX && !own->wanted; i++) {
        pacing_locate(&arrivals->course->each, &own->cursor);
        own->wanted = plan_wants(plan, arrivals->course, own->number, own->cursor.time_ns);
        if (!own->wanted && !pacing_step(&arrivals->course->each, &own->cursor)) {
            return;
        }
    }
    pacing_locate(&arrivals->course->each, &own->cursor);
}

static void arrivals_own__schedule(struct arrivals *arrivals, struct arrivals_own *own)
{
    if (own->cursor.time_ns != TIME_NEVER_NS) {
        int64_t due_ns = own->cursor.time_ns;
        if (own->wanted) {
            due_ns = plan_own_due_ns(arrivals->plan, arrivals->course, own->taker->behavior,
                                     own->number, &own->cursor);
        }
        own->due_ns = arrivals_before_stop_ns(arrivals, own->cursor.time_ns,
                                              time_later_ns(own->due_ns, due_ns));
        timer_heap_set(&arrivals->own_due, &own->node, arrivals->t0_ns + own->due_ns);
    }
}

static void arrivals_own__next(struct arrivals *arrivals, struct arrivals_own *own)
{
    if (pacing_step(&arrivals->course->each, &own->cursor)) {
        arrivals_own__seek(arrivals, own);
        arrivals_own__schedule(arrivals, own);
    }
}

void arrivals_own_start(struct arrivals *arrivals)
{
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        struct arrivals_own *own = &arrivals->own[i];
        plan_own_arrivals(arrivals->plan, own->number, &own->cursor);
        if (own->cursor.time_ns != TIME_NEVER_NS) {
            arrivals_own__seek(arrivals, own);
            arrivals_own__schedule(arrivals, own);
        }
    }
}

/* One that waits, or is held back, is due already: no touch changes that. Of the others the cursor
 * may have passed over arrivals at which the connection was not wanted, and is now; also behind the
 * touch, which a worker that was held up learns of late. */
void arrivals_own_follow(struct arrivals *arrivals, const struct course *from)
{
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        struct arrivals_own *own = &arrivals->own[i];
        if (own->waits || own->held) {
            continue;
        }
        pacing_rewind(&from->each, &own->cursor, arrivals->looked_ns + 1 - arrivals->t0_ns);
        timer_heap_remove(&arrivals->own_due, &own->node);
        own->due_ns = 0;
        own->wanted = false; /* sought when its time comes: not for all connections at once */
        pacing_relocate(&arrivals->course->each, &own->cursor);
        arrivals_own__schedule(arrivals, own);
    }
}

void arrivals_own_stop(struct arrivals *arrivals)
{
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        struct arrivals_own *own = &arrivals->own[i];
        /* One that waits, or is held back, is due already. */
        if (!own->waits && !own->held) {
            arrivals_own__schedule(arrivals, own);
        }
    }
}

static void arrivals_own__set_waits(struct arrivals *arrivals, struct arrivals_own *own, bool waits)
{
    if (own->waits != waits) {
        own->waits = waits;
        if (!own->taker->absent) {
            arrivals->own_waiting = waits ? arrivals->own_waiting + 1 : arrivals->own_waiting - 1;
        }
    }
}

/* Its connection is free. */
void arrivals_own_release(struct arrivals *arrivals, struct arrivals_own *own)
{
    if (!own->held) {
        arrivals_own__set_waits(arrivals, own, false);
        arrivals_own__schedule(arrivals, own);
    }
}

/* It may begin only after those that were late before it, and when the bound allows it. */
static void arrivals_own__hold(struct arrivals *arrivals, struct arrivals_own *own)
{
    struct arrivals_of_behavior *behavior = &arrivals->behaviors[own->taker->behavior];
    arrivals_own__set_waits(arrivals, own, true);
    own->held = true;
    own->held_next = NULL;
    if (behavior->held_first == NULL) {
        behavior->held_first = own;
    } else {
        behavior->held_last->held_next = own;
    }
    behavior->held_last = own;
}

/* The connection is not free: the arrival waits for it, or is dropped. */
static void arrivals_own__wait(struct arrivals *arrivals, struct arrivals_own *own, int64_t time_ns,
                               int64_t now_ns)
{
    if (arrivals->plan->scenario->load.late != LATE_DROP) {
        arrivals_own__set_waits(arrivals, own, true);
    } else if (now_ns - time_ns <= ARRIVALS_LATE_NS) {
        arrivals_own__set_waits(arrivals, own, true);
        timer_heap_set(&arrivals->own_due, &own->node, time_ns + ARRIVALS_LATE_NS + 1);
    } else {
        arrivals_own__set_waits(arrivals, own, false);
        recorder_dropped(arrivals->recorder, own->taker->behavior, time_ns, now_ns);
        arrivals_own__next(arrivals, own);
    }
}

static void arrivals_own__begin(struct arrivals *arrivals, struct arrivals_own *own,
                                int64_t time_ns, int64_t granted_ns)
{
    struct arrivals_taker *taker = own->taker;
    arrivals_own__set_waits(arrivals, own, false);
    arrivals_take_off(arrivals, taker);
    recorder_begun(arrivals->recorder, taker->behavior, time_ns);
    arrivals_own__next(arrivals, own); /* first: begin() may make the connection free again */
    arrivals->begin(taker, time_ns, granted_ns);
}

/* Is it late, and does a bound on catching up hold for late ones? */
static bool arrivals_own__is_bound(const struct arrivals *arrivals, const struct arrivals_own *own,
                                   int64_t time_ns, int64_t now_ns)
{
    return arrivals->pool->queues[own->taker->behavior].catch_up_gap_ns != 0 &&
           now_ns - time_ns > ARRIVALS_LATE_NS;
}

/* Begins those that were held back and may begin by now. The bound is asked only about the first,
 * so that the cost does not grow with their number. */
static void arrivals_own__begin_held(struct arrivals *arrivals, uint32_t index, int64_t now_ns,
                                     uint32_t arrivals_max)
{
    struct arrivals_of_behavior *behavior = &arrivals->behaviors[index];
    for (; arrivals_max > 0 && behavior->held_first != NULL && now_ns >= behavior->held_until_ns;
         arrivals_max--) {
        struct arrivals_own *own = behavior->held_first;
        int64_t time_ns = arrivals->t0_ns + own->due_ns;
        int64_t granted_ns = 0;
        if (own->taker->listed &&
            !arrivals_pool_may_catch_up(arrivals->pool, index, time_ns, now_ns, &granted_ns)) {
            behavior->held_until_ns = granted_ns;
            return;
        }
        behavior->held_first = own->held_next;
        own->held = false;
        if (own->taker->listed) {
            arrivals_own__begin(arrivals, own, time_ns, granted_ns);
        } else {
            arrivals_own__wait(arrivals, own, time_ns, now_ns);
        }
    }
}

void arrivals_own_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max)
{
    struct timer_node *node;
    for (uint32_t left = arrivals_max;
         left > 0 && (node = timer_heap_pop(&arrivals->own_due, now_ns)) != NULL; left--) {
        struct arrivals_own *own = (struct arrivals_own *)node;
        int64_t time_ns = arrivals->t0_ns + own->due_ns;
        if (time_ns >= arrivals->stop_ns) {
            continue; /* this one, and those after it, do not count */
        }
        if (!own->wanted) {
            arrivals_own__seek(arrivals, own);
            arrivals_own__schedule(arrivals, own);
        } else if (!own->taker->listed) {
            arrivals_own__wait(arrivals, own, time_ns, now_ns);
        } else if (arrivals_own__is_bound(arrivals, own, time_ns, now_ns)) {
            arrivals_own__hold(arrivals, own);
        } else {
            arrivals_own__begin(arrivals, own, time_ns, time_ns);
        }
    }
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        arrivals_own__begin_held(arrivals, b, now_ns, arrivals_max);
    }
}

/* When there is something to do next. */
int64_t arrivals_own_next_ns(const struct arrivals *arrivals)
{
    int64_t next_ns = timer_heap_next_ns(&arrivals->own_due);
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        const struct arrivals_of_behavior *behavior = &arrivals->behaviors[b];
        if (behavior->held_first != NULL && behavior->held_until_ns < next_ns) {
            next_ns = behavior->held_until_ns;
        }
    }
    return next_ns;
}

struct arrivals__stream {
    const struct pacing *each;
    const struct pacing_cursor *cursor;
};

static uint64_t arrivals_own__before(const void *context, int64_t time_ns)
{
    const struct arrivals__stream *stream = context;
    uint64_t n = pacing_number_at(stream->each, stream->cursor, time_ns);
    return n > stream->cursor->n ? n - stream->cursor->n : 0;
}

void arrivals_own_give_up(struct arrivals *arrivals, int64_t until_ns, int64_t now_ns)
{
    const struct plan *plan = arrivals->plan;
    const struct course *course = arrivals->course;
    bool even = !population_changes(&course->population) && course->each.arrival != ARRIVAL_POISSON;
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        struct arrivals_own *own = &arrivals->own[i];
        uint32_t behavior = plan_seat_at(plan, own->number).behavior;
        if (even && own->cursor.time_ns < until_ns) {
            struct arrivals__stream context = {.each = &course->each, .cursor = &own->cursor};
            arrivals_lose(arrivals, behavior, own->cursor.time_ns, until_ns, arrivals_own__before,
                          &context, now_ns);
            continue;
        }
        while (own->cursor.time_ns < until_ns) {
            if (own->wanted) {
                int64_t time_ns = arrivals->t0_ns + own->cursor.time_ns;
                recorder_never_started(arrivals->recorder, behavior, time_ns, time_ns, 1, now_ns);
                if (!pacing_step(&arrivals->course->each, &own->cursor)) {
                    break;
                }
            }
            arrivals_own__seek(arrivals, own);
        }
    }
}
