#include "arrivals.h"

#include "conn.h"
#include "core/clock.h"

#include <stdlib.h>

enum {
    /* Arrivals of others that one call walks over, so that a rare behavior holds nobody up. */
    ARRIVALS_WALK_MAX = 256
};
/* How late is late. */
#define ARRIVALS_LATE_NS (1 * NS_PER_MS)

bool arrivals_open(struct arrivals *arrivals, const struct plan *plan, uint32_t worker,
                   struct recorder *recorder, struct error *error)
{
    *arrivals = (struct arrivals){.plan = plan,
                                  .recorder = recorder,
                                  .worker = worker,
                                  .t0_ns = TIME_NEVER_NS,
                                  .stop_ns = TIME_NEVER_NS};
    arrivals->behaviors = calloc(plan->behaviors_count, sizeof(*arrivals->behaviors));
    if (arrivals->behaviors == NULL) {
        error_set(error, "no memory for the arrivals of %u behaviors", plan->behaviors_count);
        return false;
    }
    arrivals->behaviors_count = plan->behaviors_count;
    return true;
}

void arrivals_close(struct arrivals *arrivals)
{
    free(arrivals->behaviors);
    arrivals->behaviors = NULL;
}

static bool arrivals__is_mine(const struct arrivals *arrivals, uint32_t behavior,
                              struct pacing_cursor *cursor)
{
    const struct plan *plan = arrivals->plan;
    if (plan_arrival_behavior(plan, cursor->n) != behavior) {
        return false;
    }
    if (crowd_changes(&plan->crowd)) {
        pacing_locate(&plan->pacing, cursor); /* whose it is depends on when it is */
    }
    return plan_arrival_worker(plan, behavior, cursor->n, cursor->time_ns) == arrivals->worker;
}

/* Looks, from where the cursor is, for an arrival that is this worker's. Stops after a while with
 * mine false and the time of where it stopped: the place to go on from when that time has come. */
static void arrivals__seek(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->plan->pacing;
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

static void arrivals__next(struct arrivals *arrivals, uint32_t behavior)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    const struct pacing *pacing = &arrivals->plan->pacing;
    if (own->stride > 0) {
        if (pacing_skip(pacing, &own->cursor, own->stride)) {
            pacing_locate(pacing, &own->cursor);
        }
    } else if (pacing_step(pacing, &own->cursor)) {
        arrivals__seek(arrivals, behavior);
    }
}

/* The worker's share of max_catch_up_rate: behaviors have theirs by weight, workers the same. */
static int64_t arrivals__catch_up_gap_ns(const struct plan *plan, uint32_t behavior)
{
    const struct plan_behavior *share = &plan->behaviors[behavior];
    double next_below =
        behavior + 1 < plan->behaviors_count ? plan->behaviors[behavior + 1].weight_below : 1;
    double rate_per_s = plan->scenario->load.catch_up_max_per_s *
                        (next_below - share->weight_below) /
                        (share->workers.count == 0 ? 1 : share->workers.count) /
                        (share->ranks.count == 0 ? 1 : share->ranks.count);
    return rate_per_s > 0 ? (int64_t)((double)NS_PER_S / rate_per_s) + 1 : 0;
}

void arrivals_start(struct arrivals *arrivals, int64_t t0_ns)
{
    arrivals->t0_ns = t0_ns;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        struct arrivals_of_behavior *own = &arrivals->behaviors[b];
        pacing_first(&arrivals->plan->pacing, &own->cursor);
        own->catch_up_gap_ns = arrivals__catch_up_gap_ns(arrivals->plan, b);
        own->stride = plan_arrival_stride(arrivals->plan, b);
        if (arrivals->plan->behaviors[b].connections_own == 0) {
            own->cursor.time_ns = TIME_NEVER_NS;
        } else if (own->cursor.time_ns != TIME_NEVER_NS) {
            arrivals__seek(arrivals, b);
        }
    }
}

static void arrivals__append(struct arrivals_of_behavior *own, struct conn *conn)
{
    conn->listed = true;
    conn->free_next = NULL;
    conn->free_previous = own->free_last;
    if (own->free_last == NULL) {
        own->free_first = conn;
    } else {
        own->free_last->free_next = conn;
    }
    own->free_last = conn;
}

static void arrivals__remove(struct arrivals_of_behavior *own, struct conn *conn)
{
    conn->listed = false;
    if (conn->free_previous == NULL) {
        own->free_first = conn->free_next;
    } else {
        conn->free_previous->free_next = conn->free_next;
    }
    if (conn->free_next == NULL) {
        own->free_last = conn->free_previous;
    } else {
        conn->free_next->free_previous = conn->free_previous;
    }
}

void arrivals_list(struct arrivals *arrivals, struct conn *conn, bool has_free_lane)
{
    if (conn->listed == has_free_lane) {
        return;
    }
    struct arrivals_of_behavior *own = &arrivals->behaviors[conn->behavior];
    if (has_free_lane) {
        arrivals__append(own, conn);
    } else {
        arrivals__remove(own, conn);
    }
}

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

static void arrivals__begin(struct arrivals *arrivals, uint32_t behavior, int64_t intended_ns)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    struct conn *conn = own->free_first;
    /* Off the list first: with further free lanes it comes back at the end. */
    arrivals__remove(own, conn);
    recorder_begun(arrivals->recorder, behavior, intended_ns);
    conn_on_arrival(conn, intended_ns);
    arrivals__next(arrivals, behavior);
}

/* With a bound on catching up: late arrivals begin at even distances, whoever is free. */
static bool arrivals__may_catch_up(struct arrivals_of_behavior *own, int64_t time_ns,
                                   int64_t now_ns)
{
    int64_t gap_ns = own->catch_up_gap_ns;
    if (gap_ns == 0 || now_ns - time_ns <= ARRIVALS_LATE_NS) {
        return true;
    }
    if (now_ns < own->catch_up_ns) {
        return false;
    }
    /* From the last one on; but what was not used up is not saved up. */
    own->catch_up_ns += gap_ns;
    if (own->catch_up_ns < now_ns) {
        own->catch_up_ns = now_ns + gap_ns;
    }
    return true;
}

/* One behavior; returns when there is something to do next. */
static int64_t arrivals__begin_due_of(struct arrivals *arrivals, uint32_t behavior, int64_t now_ns,
                                      uint32_t *left)
{
    struct arrivals_of_behavior *own = &arrivals->behaviors[behavior];
    bool drops = arrivals->plan->scenario->load.late == LATE_DROP;
    for (;;) {
        int64_t time_ns = arrivals__time(arrivals, behavior);
        bool wanted = !own->mine || own->free_first != NULL || drops;
        if (time_ns == TIME_NEVER_NS || !wanted) {
            return TIME_NEVER_NS;
        }
        if (time_ns > now_ns) {
            return time_ns;
        }
        if (*left == 0) {
            return now_ns;
        }
        (*left)--;
        if (!own->mine) {
            arrivals__seek(arrivals, behavior);
        } else if (own->free_first != NULL) {
            if (!arrivals__may_catch_up(own, time_ns, now_ns)) {
                return own->catch_up_ns;
            }
            arrivals__begin(arrivals, behavior, time_ns);
        } else if (now_ns - time_ns > ARRIVALS_LATE_NS) {
            recorder_dropped(arrivals->recorder, behavior, time_ns, now_ns);
            arrivals__next(arrivals, behavior);
        } else {
            return time_ns + ARRIVALS_LATE_NS + 1;
        }
    }
}

int64_t arrivals_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max)
{
    int64_t next_ns = TIME_NEVER_NS;
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        uint32_t left = arrivals_max;
        int64_t time_ns = arrivals__begin_due_of(arrivals, b, now_ns, &left);
        next_ns = time_ns < next_ns ? time_ns : next_ns;
    }
    return next_ns;
}

bool arrivals_are_late(struct arrivals *arrivals, int64_t now_ns)
{
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        while (arrivals__time(arrivals, b) <= now_ns) {
            if (arrivals->behaviors[b].mine) {
                return true;
            }
            arrivals__seek(arrivals, b);
        }
    }
    return false;
}

void arrivals_give_up(struct arrivals *arrivals, int64_t now_ns)
{
    for (uint32_t b = 0; b < arrivals->behaviors_count; b++) {
        int64_t time_ns;
        while ((time_ns = arrivals__time(arrivals, b)) <= now_ns && time_ns != TIME_NEVER_NS) {
            if (arrivals->behaviors[b].mine) {
                recorder_never_started(arrivals->recorder, b, time_ns, time_ns, 1, now_ns);
                arrivals__next(arrivals, b);
            } else {
                arrivals__seek(arrivals, b);
            }
        }
    }
}
