#include "figures/figures.h"

#include "core/must.h"

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
static void figures__close_histogram(void *context, struct histogram *histogram)
{
    (void)context;
    if (histogram->hdr != NULL) {
        histogram_close(histogram);
    }
}

struct figures__opening {
    bool failed;
    struct error *error;
};

static void figures__open_histogram(void *context, struct histogram *histogram)
{
    struct figures__opening *opening = context;
    opening->failed = opening->failed || !histogram_open(histogram, 3, opening->error);
}

static bool figures__open_parts(struct figures *figures, uint32_t steps_count,
                                uint32_t stages_count, uint32_t behaviors_count,
                                struct error *error)
{
    stages_count = stages_count < FIGURES_STAGES_MAX ? stages_count : FIGURES_STAGES_MAX;
    stages_count = stages_count > 1 ? stages_count : 0;
    figures->steps = calloc((size_t)steps_count + 1, sizeof *figures->steps);
    figures->stages = calloc((size_t)stages_count + 1, sizeof *figures->stages);
    figures->behaviors = calloc((size_t)behaviors_count + 1, sizeof *figures->behaviors);
    if (figures->steps == NULL || figures->stages == NULL || figures->behaviors == NULL) {
        error_set(error, "no memory for the figures of %u steps, %u stages and %u behaviors",
                  steps_count, stages_count, behaviors_count);
        return false;
    }
    figures->steps_count = steps_count;
    figures->stages_count = stages_count;
    figures->behaviors_count = behaviors_count;
    struct figures__opening opening = {.error = error};
    figures_histograms(figures, figures__open_histogram, &opening);
    return !opening.failed;
}

bool figures_open(struct figures *figures, uint32_t steps_count, uint32_t stages_count,
                  uint32_t behaviors_count, uint32_t abnormal_max, int64_t origin_ns,
                  struct error *error)
{
    *figures = (struct figures){.abnormal_max = abnormal_max, .origin_ns = origin_ns};
    if (!figures__open_parts(figures, steps_count, stages_count, behaviors_count, error)) {
        goto failed;
    }
    figures->abnormal = calloc(abnormal_max == 0 ? 1 : abnormal_max, sizeof *figures->abnormal);
    figures->clean = calloc(1, sizeof *figures->clean);
    if (figures->abnormal == NULL || figures->clean == NULL) {
        error_set(error, "no memory for a list of %u connections", abnormal_max);
        goto failed;
    }
    figures->evidence = evidence_create(steps_count, error);
    if (figures->evidence == NULL || !notes_open(&figures->notes, error)) {
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
    if (figures->steps != NULL && figures->stages != NULL) {
        figures_histograms(figures, figures__close_histogram, NULL);
    }
    notes_close(&figures->notes);
    evidence_destroy(figures->evidence);
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

/* Two walks at once: the histograms of the one are put into a list, the other's follow it. */
struct figures__pairs {
    struct histogram **list;
    uint32_t next;
};

static void figures__list(void *context, struct histogram *histogram)
{
    struct figures__pairs *pairs = context;
    if (pairs->list != NULL) {
        pairs->list[pairs->next] = histogram;
    }
    pairs->next++;
}

static void figures__add_histogram(void *context, struct histogram *histogram)
{
    struct figures__pairs *pairs = context;
    histogram_add(histogram, pairs->list[pairs->next++]);
}

static bool figures__add_listed(struct figures *into, const struct figures *from)
{
    struct figures *source = (struct figures *)(uintptr_t)from; /* only read */
    struct figures__pairs pairs = {0};
    figures_histograms(source, figures__list, &pairs);
    pairs.list = calloc(pairs.next, sizeof *pairs.list);
    uint64_t *numbers = calloc(figures_numbers_count(from), sizeof *numbers);
    bool done = pairs.list != NULL && numbers != NULL;
    if (done) {
        figures_numbers_read(from, numbers);
        figures_numbers_add(into, numbers);
        pairs.next = 0;
        figures_histograms(source, figures__list, &pairs);
        pairs.next = 0;
        figures_histograms(into, figures__add_histogram, &pairs);
    }
    free(pairs.list);
    free(numbers);
    return done;
}

bool figures_add(struct figures *into, const struct figures *from)
{
    must(into->steps_count == from->steps_count && into->stages_count == from->stages_count &&
         into->behaviors_count == from->behaviors_count);
    bool done = figures__add_listed(into, from);
    for (uint32_t i = 0; i < from->abnormal_count; i++) {
        if (into->abnormal_count < into->abnormal_max) {
            into->abnormal[into->abnormal_count++] = from->abnormal[i];
        }
    }
    clean_merge(into->clean, from->clean);
    notes_add(&into->notes, &from->notes);
    evidence_add(into->evidence, from->evidence);
    return series_merge(into->series, from->series) && done;
}
