/* The load of the plan: what the command line replaces, and what cannot be played. */
#include "core/clock.h"
#include "plan/plan.h"
#include "text/units.h"

#include <inttypes.h>
#include <math.h>

static bool plan__has_crowd(const struct scenario_load *load)
{
    for (uint32_t i = 0; i < load->stages_count; i++) {
        if (load->stages[i].has_connections) {
            return true;
        }
    }
    return false;
}

/* A rate on the command line replaces those of the stages; stages that say nothing else go. */
static void plan__override_rate(struct scenario_load *load, const struct options *options)
{
    bool each = options->rate_per_connection_per_s >= 0;
    double rate_per_s = each ? options->rate_per_connection_per_s : options->rate_per_s;
    if (rate_per_s < 0) {
        return;
    }
    load->has_rate = true;
    load->rate_per_s = rate_per_s;
    load->per_connection = each;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        load->stages[i].has_rate = false;
    }
    if (!plan__has_crowd(load)) {
        load->stages_count = 0; /* duration_ns is what they took together */
    }
}

/* The stages keep their shape and take so long together. */
static void plan__override_duration(struct scenario_load *load, int64_t duration_ns)
{
    int64_t before_ns = 0;
    int64_t after_ns = 0;
    int64_t sum_ns = 0;
    for (uint32_t i = 0; i < load->stages_count; i++) {
        sum_ns += load->stages[i].duration_ns;
    }
    for (uint32_t i = 0; i < load->stages_count; i++) {
        struct scenario_stage *stage = &load->stages[i];
        before_ns += stage->duration_ns;
        int64_t end_ns = (int64_t)llround((double)before_ns / (double)sum_ns * (double)duration_ns);
        stage->duration_ns = end_ns - after_ns > 1 ? end_ns - after_ns : 1;
        after_ns += stage->duration_ns;
    }
    load->duration_ns = load->stages_count > 0 ? after_ns : duration_ns;
}

static uint32_t plan__scale(uint32_t connections, double factor)
{
    uint32_t scaled = (uint32_t)llround(connections * factor);
    return connections > 0 && scaled == 0 ? 1 : scaled;
}

/* Where stages say how many, they keep their shape and have so many at most. */
static void plan__override_connections(struct scenario_load *load, uint32_t connections)
{
    if (!plan__has_crowd(load)) {
        load->connections = connections;
        return;
    }
    double factor = (double)connections / scenario_connections_max(load);
    load->connections = plan__scale(load->connections, factor);
    for (uint32_t i = 0; i < load->stages_count; i++) {
        struct scenario_stage *stage = &load->stages[i];
        stage->connections_from = plan__scale(stage->connections_from, factor);
        stage->connections_to = plan__scale(stage->connections_to, factor);
    }
}

void plan_override_load(struct plan *plan, struct mistakes *mistakes)
{
    struct scenario_load *load = &plan->scenario->load;
    const struct options *options = plan->options;
    if (options->connections >= 0) {
        plan__override_connections(load, (uint32_t)options->connections);
    }
    if (options->connect_rate_per_s >= 0) {
        load->connect_rate_per_s = options->connect_rate_per_s;
    }
    plan__override_rate(load, options);
    if (options->duration_ns >= 0) {
        plan__override_duration(load, options->duration_ns);
    }
    if (options->warmup_ns >= 0) {
        load->warmup_ns = options->warmup_ns;
    }
    if (options->has_seed) {
        load->seed = options->seed;
    }
    plan->open_loop = load->has_rate || (load->stages_count > 0 && load->stages[0].has_rate);
    plan->duration_ns = load->duration_ns;
    if (load->warmup_ns >= plan->duration_ns) {
        char warmup[UNITS_TEXT_BYTES_MAX];
        char duration[UNITS_TEXT_BYTES_MAX];
        mistakes_tell(mistakes, OPTIONS_ABOUT,
                      "a warm-up of %s leaves nothing of a run of %s: lengthen --duration or "
                      "shorten --warmup",
                      units_format_duration(load->warmup_ns, warmup),
                      units_format_duration(plan->duration_ns, duration));
    }
    plan->connections = scenario_connections_max(load);
    plan->connections_at_start = load->connections;
}

void plan_check_rates(const struct plan *plan, struct mistakes *mistakes)
{
    const struct scenario_load *load = &plan->scenario->load;
    double most_per_s = 0;
    for (uint32_t i = 0; i < plan->pacing.stages_count; i++) {
        const struct pacing_stage *stage = &plan->pacing.stages[i];
        most_per_s = fmax(most_per_s, fmax(stage->rate_from_per_s, stage->rate_to_per_s));
    }
    if (load->catch_up_max_per_s > 0 && load->catch_up_max_per_s <= most_per_s) {
        mistakes_tell(mistakes, plan->scenario->path,
                      "`load.max_catch_up_rate`: expected more than the highest rate, %g/s, or "
                      "what is late stays late; found %g/s",
                      most_per_s, load->catch_up_max_per_s);
    }
    if (!plan->open_loop && load->arrival == ARRIVAL_POISSON) {
        mistakes_tell(mistakes, plan->scenario->path,
                      "`load.arrival`: without a rate there are no arrivals to be spaced: give "
                      "`load.rate` or --rate, or leave it out");
    }
}
