/* Back-off: the pauses between attempts to connect. Pure; any thread.
 *
 * A behavior's on_disconnect and a reconnect step may say one (parse/link.c reads it); wherever the
 * scenario says nothing, it is BACK_OFF_DEFAULT. */
#pragma once

#include "core/clock.h"

struct back_off {
    int64_t first_ns; /* 0: none is said */
    int64_t most_ns;
    double factor;  /* each pause is longer by it, 1 or more */
    uint32_t tries; /* 0: for ever */
};

/* The defaults. */
#define BACK_OFF_FIRST_NS (100 * NS_PER_MS)
#define BACK_OFF_MOST_NS  (5 * NS_PER_S)
#define BACK_OFF_FACTOR   2
extern const struct back_off BACK_OFF_DEFAULT;

/* The pause after failed_count failures in a row and one more. drawn (0..1) chooses it from the
 * upper half, so that many connections do not come back as one. */
int64_t back_off_pause_ns(const struct back_off *back_off, uint32_t failed_count, double drawn);
