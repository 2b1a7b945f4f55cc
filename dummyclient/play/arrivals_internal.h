/* The parts of arrivals.c: arrivals that any connection plays, and those of single connections
 * (arrivals_own.c). */
#pragma once

#include "play/arrivals.h"

/* Arrivals of others that one call skips, so that a rare behavior does not delay the rest. */
enum { ARRIVALS_WALK_MAX = 256 };

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
/* Its connection is free. */
void arrivals_own_release(struct arrivals *arrivals, struct arrivals_own *own);
void arrivals_own_begin_due(struct arrivals *arrivals, int64_t now_ns, uint32_t arrivals_max);
/* When there is something to do next. */
int64_t arrivals_own_next_ns(const struct arrivals *arrivals);
/* Those due before until_ns, since t0. */
void arrivals_own_give_up(struct arrivals *arrivals, int64_t until_ns, int64_t now_ns);
