#include "figures.h"

#include <stdlib.h>

static const char *const LATENCY_KEYS[LATENCY_KINDS] = {
    [LATENCY_RESPONSE] = "response",
    [LATENCY_SERVICE] = "service",
    [LATENCY_RESPONSE_FIRST_BYTE] = "response_first_byte",
    [LATENCY_SERVICE_FIRST_BYTE] = "service_first_byte",
    [LATENCY_CONNECTION_WAIT] = "connection_wait",
    [LATENCY_SEND_LAG] = "send_lag",
    [LATENCY_START_LAG] = "start_lag",
    [LATENCY_POLL_GAP] = "poll_gap",
    [LATENCY_CONNECT] = "connect",
    [LATENCY_ITERATION] = "iteration",
    [LATENCY_FANOUT] = "fanout",
};

const char *latency_key(enum latency_kind kind)
{
    return LATENCY_KEYS[kind];
}

/* Histograms that were never opened have no hdr. */
static void figures__close_histograms(struct histogram *histograms, int count)
{
    for (int i = 0; i < count; i++) {
        if (histograms[i].hdr != NULL) {
            histogram_close(&histograms[i]);
        }
    }
}

static bool figures__open_histograms(struct histogram *histograms, int count, struct error *error)
{
    for (int i = 0; i < count; i++) {
        if (!histogram_open(&histograms[i], 3, error)) {
            return false;
        }
    }
    return true;
}

static bool figures__open_parts(struct figures *figures, uint32_t steps_count,
                                uint32_t stages_count, uint32_t behaviors_count,
                                struct error *error)
{
    stages_count = stages_count < FIGURES_STAGES_MAX ? stages_count : FIGURES_STAGES_MAX;
    stages_count = stages_count > 1 ? stages_count : 0;
    figures->steps = calloc((size_t)steps_count + 1, sizeof(*figures->steps));
    figures->stages = calloc((size_t)stages_count + 1, sizeof(*figures->stages));
    figures->behaviors = calloc((size_t)behaviors_count + 1, sizeof(*figures->behaviors));
    if (figures->steps == NULL || figures->stages == NULL || figures->behaviors == NULL) {
        error_set(error, "no memory for the figures of %u steps, %u stages and %u behaviors",
                  steps_count, stages_count, behaviors_count);
        return false;
    }
    figures->steps_count = steps_count;
    figures->stages_count = stages_count;
    figures->behaviors_count = behaviors_count;
    for (uint32_t i = 0; i < steps_count; i++) {
        if (!figures__open_histograms(figures->steps[i].latency, LATENCY_STEP_KINDS, error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < stages_count; i++) {
        if (!figures__open_histograms(figures->stages[i].latency, LATENCY_KINDS, error)) {
            return false;
        }
    }
    return true;
}

bool figures_open(struct figures *figures, uint32_t steps_count, uint32_t stages_count,
                  uint32_t behaviors_count, uint32_t abnormal_max, int64_t origin_ns,
                  struct error *error)
{
    *figures = (struct figures){.abnormal_max = abnormal_max};
    if (!figures__open_histograms(figures->latency, LATENCY_KINDS, error) ||
        !figures__open_parts(figures, steps_count, stages_count, behaviors_count, error)) {
        goto failed;
    }
    figures->abnormal = calloc(abnormal_max == 0 ? 1 : abnormal_max, sizeof(*figures->abnormal));
    figures->clean = calloc(1, sizeof(*figures->clean));
    if (figures->abnormal == NULL || figures->clean == NULL) {
        error_set(error, "no memory for a list of %u connections", abnormal_max);
        goto failed;
    }
    if (!notes_open(&figures->notes, error)) {
        goto failed;
    }
    figures->series = series_create(origin_ns, error);
    if (figures->series == NULL) {
        goto failed;
    }
    return true;
failed:
    figures_close(figures);
    return false;
}

void figures_close(struct figures *figures)
{
    figures__close_histograms(figures->latency, LATENCY_KINDS);
    for (uint32_t i = 0; i < figures->steps_count; i++) {
        figures__close_histograms(figures->steps[i].latency, LATENCY_STEP_KINDS);
    }
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        figures__close_histograms(figures->stages[i].latency, LATENCY_KINDS);
    }
    notes_close(&figures->notes);
    free(figures->steps);
    free(figures->stages);
    free(figures->behaviors);
    free(figures->abnormal);
    free(figures->clean);
    if (figures->series != NULL) {
        series_destroy(figures->series);
    }
    *figures = (struct figures){0};
}

static void figures__add_errors(uint64_t *into, const uint64_t *from)
{
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        into[kind] += from[kind];
    }
}

static void figures__add_steps(struct figures *into, const struct figures *from)
{
    for (uint32_t i = 0; i < into->steps_count && i < from->steps_count; i++) {
        for (int kind = 0; kind < LATENCY_STEP_KINDS; kind++) {
            histogram_add(&into->steps[i].latency[kind], &from->steps[i].latency[kind]);
        }
        figures__add_errors(into->steps[i].errors, from->steps[i].errors);
    }
}

static void figures__add_stages(struct figures *into, const struct figures *from)
{
    for (uint32_t i = 0; i < into->stages_count && i < from->stages_count; i++) {
        struct figures_stage *stage = &into->stages[i];
        for (int kind = 0; kind < LATENCY_KINDS; kind++) {
            histogram_add(&stage->latency[kind], &from->stages[i].latency[kind]);
        }
        figures__add_errors(stage->errors, from->stages[i].errors);
        arrival_counts_add(&stage->arrivals, &from->stages[i].arrivals);
        stage->iterations_started += from->stages[i].iterations_started;
    }
}

static void figures__add_behaviors(struct figures *into, const struct figures *from)
{
    for (uint32_t i = 0; i < into->behaviors_count && i < from->behaviors_count; i++) {
        arrival_counts_add(&into->behaviors[i], &from->behaviors[i]);
    }
}

static void figures__add_port(struct cport_stats *into, const struct cport_stats *from)
{
    into->polls += from->polls;
    into->syscalls += from->syscalls;
    into->completions += from->completions;
    into->immediate += from->immediate;
    into->waited_ns += from->waited_ns;
    if (from->batch_max > into->batch_max) {
        into->batch_max = from->batch_max;
    }
}

bool figures_add(struct figures *into, const struct figures *from)
{
    counters_add(&into->counters, &from->counters);
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        histogram_add(&into->latency[kind], &from->latency[kind]);
    }
    figures__add_steps(into, from);
    figures__add_stages(into, from);
    figures__add_behaviors(into, from);
    figures__add_port(&into->port, &from->port);
    for (uint32_t i = 0; i < from->abnormal_count; i++) {
        if (into->abnormal_count < into->abnormal_max) {
            into->abnormal[into->abnormal_count++] = from->abnormal[i];
        }
    }
    into->abnormal_total += from->abnormal_total;
    clean_merge(into->clean, from->clean);
    arrival_counts_add(&into->arrivals, &from->arrivals);
    into->iterations_started += from->iterations_started;
    into->requests_cut += from->requests_cut;
    into->setup_timeouts += from->setup_timeouts;
    into->failed_steps += from->failed_steps;
    into->clock_reads += from->clock_reads;
    into->idle_ns += from->idle_ns;
    if (from->sent_error_max_ns > into->sent_error_max_ns) {
        into->sent_error_max_ns = from->sent_error_max_ns;
    }
    notes_add(&into->notes, &from->notes);
    return series_merge(into->series, from->series);
}
