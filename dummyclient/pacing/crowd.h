/* The crowd: how many connections are wanted at a time. Pure arithmetic; any thread.
 *
 * Times are nanoseconds since t0. A stage holds a number or ramps from one to another linearly;
 * connect_rate bounds how fast a jump, or a steep ramp, goes up. Connection number i is wanted
 * while i is less than the number: those with the highest numbers come last and go first. */
#ifndef DUMMYLOAD_PACING_CROWD_H
#define DUMMYLOAD_PACING_CROWD_H

#include "core/error.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

struct crowd_stage {
    int64_t start_ns;
    int64_t end_ns;
    double before; /* how many there are at its start, as connect_rate lets them come */
    double from;
    double to;
};

struct crowd {
    struct crowd_stage *stages; /* NULL: the number never changes */
    uint32_t stages_count;
    uint32_t at_start;
    uint32_t most;
    double connect_rate_per_s; /* 0: no bound */
};

bool crowd_open(struct crowd *crowd, const struct scenario_load *load, struct error *error);
void crowd_close(struct crowd *crowd);
/* How many are wanted; before t0 as many as at the start. */
uint32_t crowd_wanted(const struct crowd *crowd, int64_t time_ns);
/* Until when the number surely stays what it is, or a millisecond while it changes; TIME_NEVER_NS
 * when it stays for good. */
int64_t crowd_next_ns(const struct crowd *crowd, int64_t time_ns);

static inline bool crowd_changes(const struct crowd *crowd)
{
    return crowd->stages != NULL;
}

#endif
