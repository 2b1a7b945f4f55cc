/* The parts of arrivals.c: arrivals that any connection plays, and those of single connections
 * (arrivals_own.c). */
#pragma once

#include "play/arrivals.h"

/* Arrivals of others that one call skips, so that a rare behavior does not delay the rest. */
enum { ARRIVALS_WALK_MAX = 256 };

/* In a duet, an arrival may be due before the stop on one side and behind it on the other: there it
 * is due at the last moment, as it belongs to the same part of the run as its twin. Times since t0:
 * of the arrival, and when it is due on this side. */
static inline int64_t arrivals_before_stop_ns(const struct arrivals *arrivals, int64_t time_ns,
                                              int64_t due_ns)
{
    int64_t stop_ns = arrivals->stop_ns - arrivals->t0_ns;
    return time_ns < stop_ns && due_ns >= stop_ns ? stop_ns - 1 : due_ns;
}

/* The taker is free no longer. */
void arrivals_take_off(struct arrivals *arrivals, struct arrivals_taker *taker);
/* Reports the arrivals of an even stream in [from_ns, until_ns) since t0, without visiting each.
 * count_before: how many of them are before a time. */
void arrivals_lose(struct arrivals *arrivals, uint32_t behavior, int64_t from_ns, int64_t until_ns,
                   uint64_t (*count_before)(const void *context, int64_t time_ns),
                   const void *context, int64_t now_ns);

/* arrivals_own.c: the same as the functions of arrivals.h without `own`. */
bool arrivals_own_open(struct arrivals *arrivals, struct error *error);
void arrivals_own_start(struct arrivals *arrivals);
/* from: the course until now. */
void arrivals_own_follow(struct arrivals *arrivals, const struct course *from);
/* The stop has come nearer. */
void arrivals_own_stop(struct arrivals *arrivals);
/* Its connection is free. */
void arrivals_own_release(struct arrivals *arrivals, struct arrivals_own *own);
void arrivals_own_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max);
/* When there is something to do next. */
int64_t arrivals_own_next_ns(const struct arrivals *arrivals);
/* Those due before until_ns, since t0. */
void arrivals_own_give_up(struct arrivals *arrivals, int64_t until_ns, int64_t now_ns);
