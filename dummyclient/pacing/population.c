#include "pacing/population.h"

#include "core/clock.h"
#include "pacing/pacing.h"

#include <stdlib.h>

static const int64_t POPULATION_STEP_NS = NS_PER_MS;

static double population__line(const struct population_stage *stage, int64_t time_ns)
{
    if (time_ns >= stage->end_ns) {
        return stage->to;
    }
    double part = (double)(time_ns - stage->ramp_start_ns) /
                  (double)(stage->ramp_end_ns - stage->ramp_start_ns);
    return stage->ramp_from + (stage->ramp_to - stage->ramp_from) * part;
}

/* As many as connect_rate allows by that time. It counts from those at the stage's start, or from
 * the stage's first number where that is lower. */
static double population__bound(const struct population *population,
                                const struct population_stage *stage, int64_t time_ns)
{
    double base = stage->from < stage->before ? stage->from : stage->before;
    return base +
           population->connect_rate_per_s * (double)(time_ns - stage->start_ns) / (double)NS_PER_S;
}

static double population__held(const struct population *population,
                               const struct population_stage *stage, int64_t time_ns)
{
    double line = population__line(stage, time_ns);
    if (population->connect_rate_per_s <= 0) {
        return line;
    }
    double bound = population__bound(population, stage, time_ns);
    return line < bound ? line : bound;
}

bool population_open(struct population *population, const struct scenario_load *load,
                     struct error *error)
{
    bool changes = false;
    *population = (struct population){.at_start = load->connections,
                                      .most = scenario_connections_max(load),
                                      .connect_rate_per_s = load->connect_rate_per_s};
    for (uint32_t i = 0; i < load->stages_count; i++) {
        changes = changes || load->stages[i].has_connections;
    }
    if (!changes) {
        return true;
    }
    population->stages = calloc(load->stages_count, sizeof *population->stages);
    if (population->stages == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u stages",
                        load->stages_count);
        return false;
    }
    double held = load->connections; /* as many as there are, */
    double to = held;                /* and as there are to be */
    int64_t start_ns = 0;
    for (; population->stages_count < load->stages_count; population->stages_count++) {
        const struct scenario_stage *from = &load->stages[population->stages_count];
        struct population_stage *stage = &population->stages[population->stages_count];
        *stage = (struct population_stage){
            .start_ns = start_ns,
            .end_ns = start_ns + from->duration_ns,
            .before = held,
            .ramp_start_ns = start_ns - from->ramp_before_ns,
            .ramp_end_ns = start_ns + from->duration_ns + from->ramp_after_ns,
            .ramp_from = from->has_connections ? from->connections_from : to,
            .ramp_to = from->has_connections ? from->connections_to : to};
        stage->from = pacing_ramp(from, stage->ramp_from, stage->ramp_to, 0);
        stage->to = pacing_ramp(from, stage->ramp_from, stage->ramp_to, from->duration_ns);
        /* What connect_rate has not let in by the end is still to come in the next stage. */
        to = stage->to;
        held = population__held(population, stage, stage->end_ns);
        start_ns = stage->end_ns;
    }
    return true;
}

void population_close(struct population *population)
{
    free(population->stages);
    *population = (struct population){0};
}

/* The last stage for times after all of them. */
static const struct population_stage *population__stage_at(const struct population *population,
                                                           int64_t time_ns)
{
    uint32_t low = 0;
    uint32_t high = population->stages_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (time_ns < population->stages[middle].end_ns) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return &population->stages[low];
}

uint32_t population_wanted(const struct population *population, int64_t time_ns)
{
    if (population->stages == NULL || time_ns < 0) {
        return population->at_start;
    }
    const struct population_stage *stage = population__stage_at(population, time_ns);
    return (uint32_t)(population__held(population, stage, time_ns) + 0.5);
}

int64_t population_next_ns(const struct population *population, int64_t time_ns)
{
    if (population->stages == NULL) {
        return TIME_NEVER_NS;
    }
    if (time_ns < 0) {
        return 0;
    }
    const struct population_stage *stage = population__stage_at(population, time_ns);
    bool ramps = stage->from != stage->to && time_ns < stage->end_ns;
    bool bound = population->connect_rate_per_s > 0 &&
                 population__line(stage, time_ns) > population__bound(population, stage, time_ns);
    if (ramps || bound) {
        return time_ns + POPULATION_STEP_NS;
    }
    return time_ns < stage->end_ns ? stage->end_ns : TIME_NEVER_NS;
}
