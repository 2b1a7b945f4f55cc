/* The arrivals that single connections have of their own (rate_per_connection): each keeps its own
 * rate, whatever becomes of the others, and what a connection does not play nobody plays. */
#include "play/arrivals.h"

#include "core/clock.h"

#include <stdlib.h>

enum { ARRIVALS_OWN_WALK_MAX = 256 };

bool arrivals_own_open(struct arrivals *arrivals, struct error *error)
{
    arrivals->own = calloc((size_t)arrivals->numbers_count + 1, sizeof *arrivals->own);
    if (arrivals->own == NULL) {
        error_set(error, "no memory for the arrivals of %u connections", arrivals->numbers_count);
        return false;
    }
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        arrivals->own[i].number = arrivals->numbers[i];
        arrivals->own[i].cursor.time_ns = TIME_NEVER_NS;
    }
    return timer_heap_open(&arrivals->own_due, arrivals->numbers_count, error);
}

/* From where the cursor is: the next arrival at which the plan wants the connection. Stops after a
 * while with wanted false: the place to go on from when that time has come. */
static void arrivals_own__seek(const struct arrivals *arrivals, struct arrivals_own *own)
{
    const struct plan *plan = arrivals->plan;
    own->wanted = !crowd_changes(&plan->crowd);
    for (int i = 0; i < ARRIVALS_OWN_WALK_MAX && !own->wanted; i++) {
        pacing_locate(&plan->each, &own->cursor);
        own->wanted = plan_wants(plan, own->number, own->cursor.time_ns);
        if (!own->wanted && !pacing_step(&plan->each, &own->cursor)) {
            return;
        }
    }
    pacing_locate(&plan->each, &own->cursor);
}

static void arrivals_own__schedule(struct arrivals *arrivals, struct arrivals_own *own)
{
    if (own->cursor.time_ns != TIME_NEVER_NS) {
        timer_heap_set(&arrivals->own_due, &own->node, arrivals->t0_ns + own->cursor.time_ns);
    }
}

static void arrivals_own__next(struct arrivals *arrivals, struct arrivals_own *own)
{
    if (pacing_step(&arrivals->plan->each, &own->cursor)) {
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

static void arrivals_own__set_waits(struct arrivals *arrivals, struct arrivals_own *own, bool waits)
{
    if (own->waits != waits) {
        own->waits = waits;
        arrivals->own_waiting += own->taker->gone ? 0 : waits ? 1 : UINT32_MAX;
    }
}

void arrivals_own_release(struct arrivals *arrivals, struct arrivals_own *own)
{
    arrivals_own__set_waits(arrivals, own, false);
    arrivals_own__schedule(arrivals, own);
}

/* The connection is not free: it is waited for, or the arrival is left out. */
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
                                int64_t time_ns, int64_t now_ns)
{
    struct arrivals_taker *taker = own->taker;
    int64_t granted_ns = 0;
    if (!arrivals_pool_may_catch_up(arrivals->pool, taker->behavior, time_ns, now_ns,
                                    &granted_ns)) {
        arrivals_own__set_waits(arrivals, own, true);
        timer_heap_set(&arrivals->own_due, &own->node, granted_ns);
        return;
    }
    arrivals_own__set_waits(arrivals, own, false);
    arrivals_take_off(arrivals, taker);
    recorder_begun(arrivals->recorder, taker->behavior, time_ns);
    arrivals_own__next(arrivals, own); /* before: the connection may be free again at once */
    arrivals->begin(taker, time_ns, granted_ns);
}

void arrivals_own_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max)
{
    struct timer_node *node;
    for (; arrivals_max > 0 && (node = timer_heap_pop(&arrivals->own_due, now_ns)) != NULL;
         arrivals_max--) {
        struct arrivals_own *own = (struct arrivals_own *)node;
        int64_t time_ns = arrivals->t0_ns + own->cursor.time_ns;
        if (time_ns >= arrivals->stop_ns) {
            continue; /* this one, and those after it, do not count */
        }
        if (!own->wanted) {
            arrivals_own__seek(arrivals, own);
            arrivals_own__schedule(arrivals, own);
        } else if (own->taker->listed) {
            arrivals_own__begin(arrivals, own, time_ns, now_ns);
        } else {
            arrivals_own__wait(arrivals, own, time_ns, now_ns);
        }
    }
}

bool arrivals_own_are_late(const struct arrivals *arrivals, int64_t now_ns)
{
    int64_t next_ns = timer_heap_next_ns(&arrivals->own_due);
    return arrivals->own_waiting > 0 || (next_ns <= now_ns && next_ns < arrivals->stop_ns);
}

struct arrivals_own__even {
    const struct pacing *pacing;
    const struct pacing_cursor *cursor;
};

static uint64_t arrivals_own__before(const void *context, int64_t time_ns)
{
    const struct arrivals_own__even *even = context;
    uint64_t n = pacing_number_at(even->pacing, even->cursor, time_ns);
    return n > even->cursor->n ? n - even->cursor->n : 0;
}

void arrivals_own_give_up(struct arrivals *arrivals, int64_t until_ns, int64_t now_ns)
{
    const struct plan *plan = arrivals->plan;
    bool even = !crowd_changes(&plan->crowd) && plan->each.arrival != ARRIVAL_POISSON;
    for (uint32_t i = 0; i < arrivals->numbers_count; i++) {
        struct arrivals_own *own = &arrivals->own[i];
        uint32_t behavior = plan->seats[own->number].behavior;
        if (even && own->cursor.time_ns < until_ns) {
            struct arrivals_own__even context = {&plan->each, &own->cursor};
            arrivals_lose(arrivals, behavior, own->cursor.time_ns, until_ns, arrivals_own__before,
                          &context, now_ns);
            continue;
        }
        while (own->cursor.time_ns < until_ns) {
            if (own->wanted) {
                int64_t time_ns = arrivals->t0_ns + own->cursor.time_ns;
                recorder_never_started(arrivals->recorder, behavior, time_ns, time_ns, 1, now_ns);
                if (!pacing_step(&plan->each, &own->cursor)) {
                    break;
                }
            }
            arrivals_own__seek(arrivals, own);
        }
    }
}
