/* The population: how many connections are wanted at a time. Pure arithmetic; any thread.
 *
 * Times are nanoseconds since t0. A stage keeps the number constant or changes it linearly;
 * connect_rate bounds how fast a jump or a steep ramp goes up. Connection i is wanted while i is
 * less than the number: the highest numbers are opened last and closed first. */
#pragma once

#include "core/error.h"
#include "scenario/scenario.h"

struct population_stage {
    int64_t start_ns;
    int64_t end_ns;
    double before; /* how many there are at its start, as connect_rate lets them come */
    double from;
    double to;
    int64_t ramp_start_ns; /* of the whole stage, where this is a part of one */
    int64_t ramp_end_ns;
    double ramp_from;
    double ramp_to;
};

struct population {
    struct population_stage *stages; /* NULL: the number never changes */
    uint32_t stages_count;
    uint32_t at_start;
    uint32_t most;
    double connect_rate_per_s; /* 0: no bound */
};

bool population_open(struct population *population, const struct scenario_load *load,
                     struct error *error);
void population_close(struct population *population);
/* How many are wanted; before t0 the number at the start. */
uint32_t population_wanted(const struct population *population, int64_t time_ns);
/* Until when the number is constant, or one millisecond later while it changes; TIME_NEVER_NS when
 * it never changes again. */
int64_t population_next_ns(const struct population *population, int64_t time_ns);

static inline bool population_changes(const struct population *population)
{
    return population->stages != NULL;
}
