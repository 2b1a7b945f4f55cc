/* A spread: many moments at even distances, as three numbers.
 *
 * What is counted in bulk - millions of arrivals that never began - is divided among seconds,
 * stages and buckets by asking how many of the moments lie before a bound. Every such question has
 * one answer, so that the parts always add up to the whole. Pure; any thread. */
#pragma once

#include <stdint.h>

struct spread {
    int64_t first_ns;
    int64_t last_ns; /* not before first_ns */
    uint64_t count;  /* moments, the first and the last included */
};

/* How many lie before time_ns. */
uint64_t spread_count_before(const struct spread *spread, int64_t time_ns);
/* How many lie from from_ns on and before until_ns. */
uint64_t spread_count_in(const struct spread *spread, int64_t from_ns, int64_t until_ns);
