/* What becomes of arrivals, counted by when they were due: in the window for the run, each stage
 * and each behavior, and always in the series. */
#include "figures/figures.h"
#include "pacing/pacing.h"
#include "program/program.h"
#include "text/json.h"

/* An arrival that became no request: what is known is that all its times are longer than this. A
 * step has them too: of the request that would have been the first. */
static const enum latency_kind ABSENT_KINDS[] = {LATENCY_RESPONSE, LATENCY_RESPONSE_FIRST_BYTE,
                                                 LATENCY_CONNECTION_WAIT, LATENCY_START_LAG};
enum { ABSENT_KINDS_COUNT = sizeof(ABSENT_KINDS) / sizeof(ABSENT_KINDS[0]) };

static void figures__count_fate(struct arrival_counts *counts, enum arrival_fate fate,
                                uint64_t count)
{
    counts->intended += count;
    *(fate == ARRIVAL_BEGUN     ? &counts->begun
      : fate == ARRIVAL_DROPPED ? &counts->dropped
                                : &counts->never_started) += count;
}

static void figures__record_absent(struct histogram *latency, const struct spread *due,
                                   int64_t from_ns, int64_t until_ns, int64_t now_ns)
{
    for (int i = 0; i < ABSENT_KINDS_COUNT; i++) {
        histogram_record_censored_spread(&latency[ABSENT_KINDS[i]], due, from_ns, until_ns, now_ns);
    }
}

bool figures_stage_span(const struct figures_window *window, uint32_t stages_count, uint32_t stage,
                        int64_t *from_ns, int64_t *until_ns)
{
    bool last = stage + 1 >= stages_count;
    if (!pacing_stage_span(window->pacing, stage, from_ns, until_ns)) {
        return false;
    }
    *from_ns = stage == 0 ? window->start_ns : window->t0_ns + *from_ns;
    *until_ns = last ? window->end_ns : window->t0_ns + *until_ns;
    *from_ns = *from_ns > window->start_ns ? *from_ns : window->start_ns;
    *until_ns = *until_ns < window->end_ns ? *until_ns : window->end_ns;
    return *from_ns < *until_ns;
}

void figures_arrivals(struct figures *figures, const struct figures_window *window,
                      uint32_t behavior, enum arrival_fate fate, const struct spread *due,
                      int64_t now_ns)
{
    static const enum series_value VALUES[] = {[ARRIVAL_BEGUN] = SERIES_BEGUN,
                                               [ARRIVAL_DROPPED] = SERIES_DROPPED,
                                               [ARRIVAL_NEVER_STARTED] = SERIES_NEVER_STARTED};
    struct figures_share *players =
        behavior < figures->players_count ? &figures->players[behavior] : NULL;
    series_add_spread(figures->series, VALUES[fate], due);
    if (players != NULL) {
        series_add_spread(players->series, VALUES[fate], due);
    }
    uint64_t in_window = spread_count_in(due, window->start_ns, window->end_ns);
    if (in_window == 0) {
        return;
    }
    bool absent = fate != ARRIVAL_BEGUN;
    figures__count_fate(&figures->arrivals, fate, in_window);
    if (behavior < figures->behaviors_count) {
        figures__count_fate(&figures->behaviors[behavior], fate, in_window);
    }
    if (absent) {
        bool asks = window->behaviors != NULL && behavior < figures->behaviors_count;
        uint32_t step = asks ? window->behaviors[behavior].first_step : UINT32_MAX;
        figures__record_absent(figures->latency, due, window->start_ns, window->end_ns, now_ns);
        if (step < figures->steps_count) {
            figures__record_absent(figures->steps[step].latency, due, window->start_ns,
                                   window->end_ns, now_ns);
        }
        uint32_t target = asks ? window->behaviors[behavior].first_target : UINT32_MAX;
        if (target < figures->targets_count) {
            figures__record_absent(figures->targets[target].latency, due, window->start_ns,
                                   window->end_ns, now_ns);
        }
        if (players != NULL) {
            figures__record_absent(players->latency, due, window->start_ns, window->end_ns, now_ns);
        }
    }
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        int64_t from_ns;
        int64_t until_ns;
        if (!figures_stage_span(window, figures->stages_count, i, &from_ns, &until_ns)) {
            continue;
        }
        struct figures_stage *stage = &figures->stages[i];
        figures__count_fate(&stage->arrivals, fate, spread_count_in(due, from_ns, until_ns));
        if (absent) {
            figures__record_absent(stage->latency, due, from_ns, until_ns, now_ns);
        }
    }
}

void arrival_counts_to_json(const struct arrival_counts *counts, struct cJSON *object)
{
    json_add_u64(object, "intended", counts->intended);
    json_add_u64(object, "begun", counts->begun);
    json_add_u64(object, "dropped", counts->dropped);
    json_add_u64(object, "never_started", counts->never_started);
}
