/* What becomes of arrivals, counted by when they were due: in the window for the run, each stage
 * and each behavior, and always in the series. */
#include "recorder.h"

/* An arrival that became no request: what is known is that all its times are longer than this. */
static const enum latency_kind ABSENT_KINDS[] = {LATENCY_RESPONSE, LATENCY_RESPONSE_FIRST_BYTE,
                                                 LATENCY_CONNECTION_WAIT, LATENCY_START_LAG};
enum { ABSENT_KINDS_COUNT = sizeof(ABSENT_KINDS) / sizeof(ABSENT_KINDS[0]) };

enum recorder__fate { FATE_BEGUN, FATE_DROPPED, FATE_NEVER_STARTED };

static void recorder__count_in(struct arrival_counts *counts, enum recorder__fate fate,
                               uint64_t count)
{
    counts->intended += count;
    *(fate == FATE_BEGUN     ? &counts->begun
      : fate == FATE_DROPPED ? &counts->dropped
                             : &counts->never_started) += count;
}

static void recorder__record_absent(struct histogram *latency, const struct spread *due,
                                    int64_t from_ns, int64_t until_ns, int64_t now_ns)
{
    for (int i = 0; i < ABSENT_KINDS_COUNT; i++) {
        histogram_record_censored_spread(&latency[ABSENT_KINDS[i]], due, from_ns, until_ns, now_ns);
    }
}

/* Those due in [from_ns, until_ns) of the window, by stage: the first one begins with the window,
 * the last one that is kept apart ends with it. */
static void recorder__spread_in_stages(struct recorder *recorder, enum recorder__fate fate,
                                       const struct spread *due, int64_t now_ns)
{
    const struct pacing *pacing = recorder->pacing;
    uint32_t count = recorder->figures.stages_count;
    int64_t from_ns = recorder->window_start_ns;
    for (uint32_t i = 0; i < count && from_ns < recorder->window_end_ns; i++) {
        struct figures_stage *stage = &recorder->figures.stages[i];
        int64_t until_ns = recorder->t0_ns + pacing->stages[i].end_ns;
        if (i + 1 == count || until_ns > recorder->window_end_ns) {
            until_ns = recorder->window_end_ns;
        }
        if (until_ns > from_ns) {
            recorder__count_in(&stage->arrivals, fate, spread_count_in(due, from_ns, until_ns));
            recorder__record_absent(stage->latency, due, from_ns, until_ns, now_ns);
            from_ns = until_ns;
        }
    }
}

static void recorder__spread(struct recorder *recorder, uint32_t behavior, enum recorder__fate fate,
                             const struct spread *due, int64_t now_ns)
{
    static const enum series_value VALUES[] = {[FATE_BEGUN] = SERIES_BEGUN,
                                               [FATE_DROPPED] = SERIES_DROPPED,
                                               [FATE_NEVER_STARTED] = SERIES_NEVER_STARTED};
    struct figures *figures = &recorder->figures;
    series_add_spread(figures->series, VALUES[fate], due);
    uint64_t in_window = spread_count_in(due, recorder->window_start_ns, recorder->window_end_ns);
    if (in_window == 0) {
        return;
    }
    recorder__count_in(&figures->arrivals, fate, in_window);
    if (behavior < figures->behaviors_count) {
        recorder__count_in(&figures->behaviors[behavior], fate, in_window);
    }
    recorder__record_absent(figures->latency, due, recorder->window_start_ns,
                            recorder->window_end_ns, now_ns);
    recorder__spread_in_stages(recorder, fate, due, now_ns);
}

void recorder_begun(struct recorder *recorder, uint32_t behavior, int64_t intended_ns)
{
    struct figures *figures = &recorder->figures;
    series_add(figures->series, intended_ns, SERIES_BEGUN, 1);
    if (!recorder_in_window(recorder, intended_ns)) {
        return;
    }
    recorder__count_in(&figures->arrivals, FATE_BEGUN, 1);
    if (behavior < figures->behaviors_count) {
        recorder__count_in(&figures->behaviors[behavior], FATE_BEGUN, 1);
    }
    struct figures_stage *stage = recorder_stage(recorder, intended_ns);
    if (stage != NULL) {
        recorder__count_in(&stage->arrivals, FATE_BEGUN, 1);
    }
}

void recorder_dropped(struct recorder *recorder, uint32_t behavior, int64_t intended_ns,
                      int64_t now_ns)
{
    struct spread due = {.first_ns = intended_ns, .last_ns = intended_ns, .count = 1};
    recorder__spread(recorder, behavior, FATE_DROPPED, &due, now_ns);
}

void recorder_never_started(struct recorder *recorder, uint32_t behavior, int64_t first_ns,
                            int64_t last_ns, uint64_t count, int64_t now_ns)
{
    struct spread due = {.first_ns = first_ns, .last_ns = last_ns, .count = count};
    if (count > 0) {
        recorder__spread(recorder, behavior, FATE_NEVER_STARTED, &due, now_ns);
    }
}
