/* A worker's share of the arrivals, and the connections that are free to take them.
 *
 * Per behavior: a cursor at the next arrival that has not begun, and a list of the connections
 * that have a free lane, the one free the longest first. Arrivals between the cursor and now are
 * late; they begin, in order, as connections become free, with their intended time kept. So there
 * is no queue, however late a server makes them. One thread. */
#ifndef DUMMYLOAD_CLIENT_ARRIVALS_H
#define DUMMYLOAD_CLIENT_ARRIVALS_H

#include "core/error.h"
#include "pacing/pacing.h"
#include "plan.h"
#include "recorder.h"

#include <stdbool.h>
#include <stdint.h>

struct conn;

struct arrivals_of_behavior {
    struct pacing_cursor cursor;
    bool mine; /* the cursor is at an arrival of this worker and behavior; false: on its way */
    uint32_t stride;         /* from one such to the next; 0: to be looked for */
    int64_t catch_up_gap_ns; /* between late arrivals; 0: no bound */
    int64_t catch_up_ns;     /* when the next late one may begin */
    struct conn *free_first;
    struct conn *free_last;
};

struct arrivals {
    const struct plan *plan;
    struct recorder *recorder;
    uint32_t worker;
    struct arrivals_of_behavior *behaviors;
    uint32_t behaviors_count;
    int64_t t0_ns;   /* TIME_NEVER_NS until it is known: nothing arrives before it */
    int64_t stop_ns; /* arrivals from here on do not count */
};

bool arrivals_open(struct arrivals *arrivals, const struct plan *plan, uint32_t worker,
                   struct recorder *recorder, struct error *error);
void arrivals_close(struct arrivals *arrivals);
/* From t0 on. */
void arrivals_start(struct arrivals *arrivals, int64_t t0_ns);

/* Puts the connection into the list of the free ones of its behavior, or takes it out; nothing
 * when it is there already. */
void arrivals_list(struct arrivals *arrivals, struct conn *conn, bool has_free_lane);
/* Begins arrivals that are due on free connections, arrivals_max at most. Returns when to call
 * again: at once (now_ns) when more are due, or at the next arrival that a connection is free
 * for. */
int64_t arrivals_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max);
/* Are arrivals due before now or stop still waiting for a connection? */
bool arrivals_are_late(struct arrivals *arrivals, int64_t now_ns);
/* The run is over: records those that never began. */
void arrivals_give_up(struct arrivals *arrivals, int64_t now_ns);

#endif
