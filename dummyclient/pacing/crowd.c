#include "pacing/crowd.h"

#include "core/clock.h"

#include <stdlib.h>

static const int64_t CROWD_STEP_NS = NS_PER_MS;

static double crowd__line(const struct crowd_stage *stage, int64_t time_ns)
{
    if (time_ns >= stage->end_ns) {
        return stage->to;
    }
    double part = (double)(time_ns - stage->start_ns) / (double)(stage->end_ns - stage->start_ns);
    return stage->from + (stage->to - stage->from) * part;
}

/* As many as connect_rate has let come by then: those that the stage began with, fewer where it
 * begins by letting some go. */
static double crowd__bound(const struct crowd *crowd, const struct crowd_stage *stage,
                           int64_t time_ns)
{
    double base = stage->from < stage->before ? stage->from : stage->before;
    return base +
           crowd->connect_rate_per_s * (double)(time_ns - stage->start_ns) / (double)NS_PER_S;
}

static double crowd__held(const struct crowd *crowd, const struct crowd_stage *stage,
                          int64_t time_ns)
{
    double line = crowd__line(stage, time_ns);
    if (crowd->connect_rate_per_s <= 0) {
        return line;
    }
    double bound = crowd__bound(crowd, stage, time_ns);
    return line < bound ? line : bound;
}

bool crowd_open(struct crowd *crowd, const struct scenario_load *load, struct error *error)
{
    bool changes = false;
    *crowd = (struct crowd){.at_start = load->connections,
                            .most = scenario_connections_max(load),
                            .connect_rate_per_s = load->connect_rate_per_s};
    for (uint32_t i = 0; i < load->stages_count; i++) {
        changes = changes || load->stages[i].has_connections;
    }
    if (!changes) {
        return true;
    }
    crowd->stages = calloc(load->stages_count, sizeof *crowd->stages);
    if (crowd->stages == NULL) {
        error_set(error, "no memory for %u stages", load->stages_count);
        return false;
    }
    double held = load->connections; /* as many as there are, */
    double to = held;                /* and as there are to be */
    int64_t start_ns = 0;
    for (; crowd->stages_count < load->stages_count; crowd->stages_count++) {
        const struct scenario_stage *from = &load->stages[crowd->stages_count];
        struct crowd_stage *stage = &crowd->stages[crowd->stages_count];
        *stage = (struct crowd_stage){.start_ns = start_ns,
                                      .end_ns = start_ns + from->duration_ns,
                                      .before = held,
                                      .from = to,
                                      .to = to};
        if (from->has_connections) {
            stage->from = from->connections_from;
            stage->to = from->connections_to;
        }
        /* What connect_rate has not let in by the end is still to come in the next stage. */
        to = stage->to;
        held = crowd__held(crowd, stage, stage->end_ns);
        start_ns = stage->end_ns;
    }
    return true;
}

void crowd_close(struct crowd *crowd)
{
    free(crowd->stages);
    *crowd = (struct crowd){0};
}

/* The stage that time_ns lies in; the last one behind all. */
static const struct crowd_stage *crowd__stage_at(const struct crowd *crowd, int64_t time_ns)
{
    uint32_t i = 0;
    while (i + 1 < crowd->stages_count && time_ns >= crowd->stages[i].end_ns) {
        i++;
    }
    return &crowd->stages[i];
}

uint32_t crowd_wanted(const struct crowd *crowd, int64_t time_ns)
{
    if (crowd->stages == NULL || time_ns < 0) {
        return crowd->at_start;
    }
    const struct crowd_stage *stage = crowd__stage_at(crowd, time_ns);
    return (uint32_t)(crowd__held(crowd, stage, time_ns) + 0.5);
}

int64_t crowd_next_ns(const struct crowd *crowd, int64_t time_ns)
{
    if (crowd->stages == NULL) {
        return TIME_NEVER_NS;
    }
    if (time_ns < 0) {
        return 0;
    }
    const struct crowd_stage *stage = crowd__stage_at(crowd, time_ns);
    bool ramps = stage->from != stage->to && time_ns < stage->end_ns;
    bool bound = crowd->connect_rate_per_s > 0 &&
                 crowd__line(stage, time_ns) > crowd__bound(crowd, stage, time_ns);
    if (ramps || bound) {
        return time_ns + CROWD_STEP_NS;
    }
    return time_ns < stage->end_ns ? stage->end_ns : TIME_NEVER_NS;
}
