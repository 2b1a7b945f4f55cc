#include "figures.h"

#include <stdlib.h>

static const char *const LATENCY_KEYS[LATENCY_KINDS] = {"response", "service",  "connection_wait",
                                                        "send_lag", "poll_gap", "start_lag",
                                                        "connect",  "iteration"};

const char *latency_key(enum latency_kind kind)
{
    return LATENCY_KEYS[kind];
}

bool figures_open(struct figures *figures, uint32_t steps_count, uint32_t abnormal_max,
                  int64_t origin_ns, struct error *error)
{
    *figures = (struct figures){.abnormal_max = abnormal_max};
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        if (!histogram_open(&figures->latency[kind], 3, error)) {
            goto failed;
        }
    }
    figures->steps = calloc(steps_count == 0 ? 1 : steps_count, sizeof(*figures->steps));
    figures->abnormal = calloc(abnormal_max == 0 ? 1 : abnormal_max, sizeof(*figures->abnormal));
    if (figures->steps == NULL || figures->abnormal == NULL) {
        error_set(error, "no memory for the figures of %u steps", steps_count);
        goto failed;
    }
    for (; figures->steps_count < steps_count; figures->steps_count++) {
        struct figures_step *step = &figures->steps[figures->steps_count];
        if (!histogram_open(&step->response, 3, error)) {
            goto failed;
        }
        if (!histogram_open(&step->service, 3, error)) {
            histogram_close(&step->response);
            goto failed;
        }
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
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        if (figures->latency[kind].hdr != NULL) {
            histogram_close(&figures->latency[kind]);
        }
    }
    for (uint32_t i = 0; i < figures->steps_count; i++) {
        histogram_close(&figures->steps[i].response);
        histogram_close(&figures->steps[i].service);
    }
    free(figures->steps);
    free(figures->abnormal);
    if (figures->series != NULL) {
        series_destroy(figures->series);
    }
    *figures = (struct figures){0};
}

static void figures__add_steps(struct figures *into, const struct figures *from)
{
    for (uint32_t i = 0; i < into->steps_count && i < from->steps_count; i++) {
        histogram_add(&into->steps[i].response, &from->steps[i].response);
        histogram_add(&into->steps[i].service, &from->steps[i].service);
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            into->steps[i].errors[kind] += from->steps[i].errors[kind];
        }
    }
}

static void figures__add_port(struct cport_stats *into, const struct cport_stats *from)
{
    into->polls += from->polls;
    into->syscalls += from->syscalls;
    into->completions += from->completions;
    into->immediate += from->immediate;
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
    figures__add_port(&into->port, &from->port);
    for (uint32_t i = 0; i < from->abnormal_count; i++) {
        if (into->abnormal_count < into->abnormal_max) {
            into->abnormal[into->abnormal_count++] = from->abnormal[i];
        }
    }
    into->abnormal_total += from->abnormal_total;
    into->arrivals_intended += from->arrivals_intended;
    into->iterations_started += from->iterations_started;
    into->arrivals_never_started += from->arrivals_never_started;
    into->arrivals_dropped += from->arrivals_dropped;
    into->requests_cut += from->requests_cut;
    into->failed_steps += from->failed_steps;
    return series_merge(into->series, from->series);
}
