#include "probe.h"

#include "results/transfer.h"

#include <stdlib.h>

/* Is this one to be looked at while the run goes on, and about a latency? */
static bool probe__copies(const struct probe *probe, uint32_t index)
{
    const struct threshold *threshold = &probe->thresholds[index];
    return threshold->abort_on_fail && threshold->metric.family == METRIC_LATENCY &&
           threshold->metric.scope != METRIC_OF_SERVER;
}

/* Two thresholds about one histogram: it is added for the first of them. */
static bool probe__is_repeated(const struct probe *probe, uint32_t index)
{
    const struct metric *metric = &probe->thresholds[index].metric;
    for (uint32_t i = 0; i < index; i++) {
        const struct metric *other = &probe->thresholds[i].metric;
        if (probe__copies(probe, i) && other->scope == metric->scope &&
            other->index == metric->index && other->kind == metric->kind) {
            return true;
        }
    }
    return false;
}

/* Where the copy belongs. */
static struct histogram *probe__target(const struct probe *probe, uint32_t index,
                                       struct figures *figures)
{
    const struct metric *metric = &probe->thresholds[index].metric;
    struct histogram *latency =
        metric->scope == METRIC_OF_STEP    ? figures->steps[metric->index].latency
        : metric->scope == METRIC_OF_STAGE ? figures->stages[metric->index].latency
                                           : figures->latency;
    return &latency[metric->kind];
}

bool probe_open(struct probe *probe, const struct threshold *thresholds, uint32_t thresholds_count,
                struct error *error)
{
    *probe = (struct probe){.thresholds = thresholds};
    probe->histograms = calloc((size_t)thresholds_count + 1, sizeof(*probe->histograms));
    if (probe->histograms == NULL) {
        error_set(error, "no memory for %u thresholds", thresholds_count);
        return false;
    }
    for (; probe->thresholds_count < thresholds_count; probe->thresholds_count++) {
        uint32_t i = probe->thresholds_count;
        probe->wanted_any |= thresholds[i].abort_on_fail;
        if (probe__copies(probe, i) && !probe__is_repeated(probe, i) &&
            !histogram_open(&probe->histograms[i], 3, error)) {
            probe_close(probe);
            return false;
        }
    }
    return true;
}

void probe_close(struct probe *probe)
{
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_close(&probe->histograms[i]);
        }
    }
    free(probe->histograms);
    *probe = (struct probe){0};
}

void probe_ask(struct probe *probe)
{
    atomic_fetch_add_explicit(&probe->asked, 1, memory_order_acq_rel);
}

bool probe_has_answered(const struct probe *probe)
{
    return atomic_load_explicit(&probe->answered, memory_order_acquire) ==
           atomic_load_explicit(&probe->asked, memory_order_relaxed);
}

void probe_take(struct probe *probe, const struct figures *figures)
{
    uint32_t asked = atomic_load_explicit(&probe->asked, memory_order_acquire);
    if (asked == atomic_load_explicit(&probe->answered, memory_order_relaxed)) {
        return;
    }
    probe->numbers = (struct figures_numbers){.counters = figures->counters,
                                              .arrivals = figures->arrivals,
                                              .iterations_started = figures->iterations_started};
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_copy(&probe->histograms[i],
                           metric_histogram(&probe->thresholds[i].metric, figures));
        }
    }
    atomic_store_explicit(&probe->answered, asked, memory_order_release);
}

void probe_read(const struct probe *probe, struct figures *figures)
{
    counters_add(&figures->counters, &probe->numbers.counters);
    arrival_counts_add(&figures->arrivals, &probe->numbers.arrivals);
    figures->iterations_started += probe->numbers.iterations_started;
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_add(probe__target(probe, i, figures), &probe->histograms[i]);
        }
    }
}

void probe_pack(const struct probe *probe, const struct figures *figures, struct pack *pack)
{
    counters_pack(&figures->counters, pack);
    arrival_counts_pack(&figures->arrivals, pack);
    pack_u64(pack, figures->iterations_started);
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_pack(metric_histogram(&probe->thresholds[i].metric, figures), pack);
        }
    }
}

bool probe_unpack_add(const struct probe *probe, struct figures *figures, struct unpack *from)
{
    counters_unpack_add(&figures->counters, from);
    arrival_counts_unpack_add(&figures->arrivals, from);
    figures->iterations_started += unpack_u64(from);
    for (uint32_t i = 0; i < probe->thresholds_count && !from->failed; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_unpack_add(probe__target(probe, i, figures), from);
        }
    }
    return unpack_is_done(from);
}

void probe_reset(const struct probe *probe, struct figures *figures)
{
    figures->counters = (struct counters){0};
    figures->arrivals = (struct arrival_counts){0};
    figures->iterations_started = 0;
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_reset(probe__target(probe, i, figures));
        }
    }
}
