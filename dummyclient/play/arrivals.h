/* A worker's part of the arrivals, and the connections that are free to take them.
 *
 * In a duet (plan_number()) both twins of a behavior have the same arrivals. One of them is due
 * half a gap after the other; which one changes (plan/duet.c). Where many are late, they begin in
 * the order in which they are due. One that cannot begin does not hold up the other.
 *
 * Two kinds. Shared arrivals belong to a behavior: any free connection of it plays them, the one
 * free the longest first. They are dealt to workers by their connections; where the worker's own
 * are all busy the arrival goes into the pool of all workers (arrivals_pool.h). Own arrivals
 * (rate_per_connection) belong to one connection and wait for it.
 *
 * In both a cursor points to the next arrival that has not begun; those between it and now are late
 * and begin, in order and with their intended time kept, as connections become free. So the bounded
 * pool is the only queue, however late a server makes arrivals. What is due follows from the course
 * of the load alone: every arrival is reported to the recorder once, as begun, dropped or never
 * started.
 *
 * A touch (pacing/course.h) changes when the arrivals come that have not begun, and whose they are:
 * each cursor goes back to the one after the worker's last and looks for its next one again.
 *
 * Does not know connections: a taker is a part of one, and `begin` starts its pass. One thread. */
#pragma once

#include "core/error.h"
#include "core/timer_heap.h"
#include "pacing/pacing.h"
#include "plan/plan.h"
#include "play/arrivals_pool.h"
#include "play/recorder.h"

struct arrivals_own;

/* One that takes arrivals: a connection. Zero-initialise, then arrivals_seat(). */
struct arrivals_taker {
    struct arrivals_taker *next; /* of the free ones of its behavior */
    struct arrivals_taker *previous;
    struct arrivals_own *own; /* NULL: the load has no own arrivals */
    uint16_t behavior;
    bool listed; /* is free */
    bool absent; /* takes no further arrival, for now */
};

/* The arrivals of one connection (rate_per_connection). */
struct arrivals_own {
    struct timer_node node; /* first: a node is its stream. Not in the heap: it waits, or is over */
    struct pacing_cursor cursor;
    int64_t due_ns; /* of the cursor's arrival, since t0 */
    struct arrivals_taker *taker;
    uint32_t number; /* of the connection */
    bool wanted;     /* the plan wants the connection at the cursor; false: not yet computed */
    bool waits;      /* is due, and the connection was not free, or the run held it back */
    bool held;       /* the latter (max_catch_up_rate): in the behavior's list */
    struct arrivals_own *held_next;
};

struct arrivals_of_behavior {
    struct pacing_cursor cursor;
    int64_t due_ns;  /* of the cursor's arrival, since t0 */
    uint64_t last_n; /* the last arrival of the worker and behavior that was passed, */
    double last_sum; /* with its cursor's poisson_sum */
    bool offered;    /* has offered its free ones to the pool */
    bool mine;       /* the cursor is at an arrival of this worker and behavior; false: not yet */
    uint32_t turn;   /* plan_deals_in_turn(): which of the worker's connections it falls to */
    struct arrivals_taker *free_first;
    struct arrivals_taker *free_last;
    struct arrivals_own *held_first; /* late ones that the run holds back, in order */
    struct arrivals_own *held_last;
    int64_t held_until_ns; /* when the first of them may begin */
};

struct arrivals {
    const struct plan *plan;
    const struct course *course; /* of the load, as known by now */
    struct recorder *recorder;
    struct arrivals_pool *pool;
    uint32_t worker;
    const uint32_t *numbers; /* of the worker's connections, rising */
    uint32_t numbers_count;
    struct arrivals_of_behavior *behaviors;
    uint32_t behaviors_count;
    struct arrivals_own *own; /* one per connection; NULL: the load has none */
    struct timer_heap own_due;
    uint32_t own_waiting; /* streams that are due, whose connection may still play them */
    bool in_turn;
    bool passed_on; /* no arrival that was due before the stop is left here */
    /* Starts a pass of the taker. granted_ns: when the run let it begin (max_catch_up_rate). */
    void (*begin)(struct arrivals_taker *taker, int64_t intended_ns, int64_t granted_ns);
    int64_t t0_ns;     /* TIME_NEVER_NS until it is known: nothing arrives before it */
    int64_t stop_ns;   /* arrivals from here on do not count (arrivals_stop()) */
    int64_t looked_ns; /* the last arrivals_begin_due(): what comes later has not begun */
};

/* numbers: the worker's connections. They, plan, pool and recorder must outlive the arrivals. */
bool arrivals_open(struct arrivals *arrivals, const struct plan *plan, struct arrivals_pool *pool,
                   uint32_t worker, const uint32_t *numbers, uint32_t numbers_count,
                   struct recorder *recorder, struct error *error);
void arrivals_close(struct arrivals *arrivals);
/* The taker of the worker's connection `index`. */
void arrivals_seat(struct arrivals *arrivals, struct arrivals_taker *taker, uint32_t index,
                   uint16_t behavior);
/* From t0 on. */
void arrivals_start(struct arrivals *arrivals, int64_t t0_ns);

/* Arrivals from stop_ns on do not count. It may come nearer later, not move away. */
void arrivals_stop(struct arrivals *arrivals, int64_t stop_ns);

/* The load has been touched: what is not due by arrivals_begin_due() yet follows the new course,
 * which stays until the next call; the one before may be freed. */
void arrivals_follow(struct arrivals *arrivals, const struct course *course);

/* The taker is free for an arrival, or is not. Idempotent. */
void arrivals_set_free(struct arrivals *arrivals, struct arrivals_taker *taker, bool is_free);
/* The taker takes no further arrival, or may take them again. */
void arrivals_set_absent(struct arrivals *arrivals, struct arrivals_taker *taker, bool absent);
/* Begins arrivals that are due on free connections, arrivals_max at most of each behavior. Returns
 * when to call again: now_ns when more are due, else the time of the next arrival. */
int64_t arrivals_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max);
/* Do arrivals due before now or stop still wait for a connection that may become free? */
bool arrivals_are_late(struct arrivals *arrivals, int64_t now_ns);
/* The run is over: records those that never began, in bulk. */
void arrivals_give_up(struct arrivals *arrivals, int64_t now_ns);
