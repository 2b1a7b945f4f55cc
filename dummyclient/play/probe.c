#include "play/probe.h"

#include "core/pack.h"

#include <stdlib.h>

/* Histograms of the figures that are needed, each once, in an order that follows from their shape.
 */
struct probe__list {
    struct histogram **histograms;
    uint32_t count;
};

static void probe__add(struct probe__list *list, const struct histogram *histogram)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->histograms[i] == histogram) {
            return;
        }
    }
    if (histogram != NULL) {
        list->histograms[list->count++] = (struct histogram *)(uintptr_t)histogram;
    }
}

static uint32_t probe__steps(const struct figures *figures)
{
    return figures->steps_count < PROBE_STEPS_MAX ? figures->steps_count : PROBE_STEPS_MAX;
}

/* NULL: no memory. To be freed. */
static struct histogram **probe__list(const struct probe *probe, const struct figures *figures,
                                      uint32_t *count)
{
    size_t most = (size_t)probe->thresholds_count + LATENCY_KINDS + PROBE_STEPS_MAX;
    struct probe__list list = {calloc(most, sizeof *list.histograms), 0};
    if (list.histograms == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        const struct threshold *threshold = &probe->thresholds[i];
        if (threshold->abort_on_fail || probe->watched) {
            probe__add(&list, threshold_histogram(threshold, figures));
        }
    }
    for (int kind = 0; kind < LATENCY_KINDS && probe->watched; kind++) {
        probe__add(&list, &figures->latency[kind]);
    }
    for (uint32_t i = 0; probe->watched && i < probe__steps(figures); i++) {
        probe__add(&list, &figures->steps[i].latency[LATENCY_RESPONSE]);
    }
    *count = list.count;
    return list.histograms;
}

bool probe_open(struct probe *probe, const struct figures *figures,
                const struct threshold *thresholds, uint32_t thresholds_count, bool watched,
                struct error *error)
{
    uint32_t wanted = 0;
    *probe = (struct probe){
        .thresholds = thresholds, .thresholds_count = thresholds_count, .watched = watched};
    probe->numbers = calloc(figures_numbers_count(figures), sizeof *probe->numbers);
    probe->sources = probe__list(probe, figures, &wanted);
    probe->histograms = calloc((size_t)wanted + 1, sizeof *probe->histograms);
    if (probe->numbers == NULL || probe->sources == NULL || probe->histograms == NULL) {
        probe_close(probe);
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory to watch the run's figures");
        return false;
    }
    for (; probe->histograms_count < wanted; probe->histograms_count++) {
        if (!histogram_open(&probe->histograms[probe->histograms_count], 3, error)) {
            probe_close(probe);
            return false;
        }
    }
    return true;
}

void probe_close(struct probe *probe)
{
    for (uint32_t i = 0; i < probe->histograms_count; i++) {
        histogram_close(&probe->histograms[i]);
    }
    free(probe->histograms);
    free(probe->sources);
    free(probe->numbers);
    *probe = (struct probe){0};
}

void probe_ask(struct probe *probe)
{
    atomic_fetch_add_explicit(&probe->asked, 1, memory_order_acq_rel);
}

bool probe_is_asked(const struct probe *probe)
{
    return atomic_load_explicit(&probe->asked, memory_order_acquire) !=
           atomic_load_explicit(&probe->answered, memory_order_relaxed);
}

bool probe_has_answered(const struct probe *probe)
{
    return atomic_load_explicit(&probe->answered, memory_order_acquire) ==
           atomic_load_explicit(&probe->asked, memory_order_relaxed);
}

bool probe_take(struct probe *probe, const struct figures *figures)
{
    uint32_t asked = atomic_load_explicit(&probe->asked, memory_order_acquire);
    if (asked == atomic_load_explicit(&probe->answered, memory_order_relaxed)) {
        return false;
    }
    if (probe->taken_count < probe->histograms_count) {
        uint32_t i = probe->taken_count++;
        histogram_copy(&probe->histograms[i], probe->sources[i]);
        return true;
    }
    probe->taken_count = 0;
    figures_numbers_read(figures, probe->numbers);
    atomic_store_explicit(&probe->answered, asked, memory_order_release);
    return false;
}

/* --- The supervisor's sums. */

void probe_read(const struct probe *probe, struct figures *figures)
{
    uint32_t count = 0;
    struct histogram **list = probe__list(probe, figures, &count);
    figures_numbers_add(figures, probe->numbers);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        histogram_add(list[i], &probe->histograms[i]);
    }
    free(list);
}

void probe_pack(const struct probe *probe, const struct figures *figures, struct pack *pack)
{
    struct host_resources resources;
    uint32_t count = 0;
    struct histogram **list = probe__list(probe, figures, &count);
    host_read_resources(&resources);
    figures_numbers_pack(figures, pack);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        histogram_pack(list[i], pack);
    }
    resources_pack(&resources, pack);
    free(list);
}

bool probe_unpack_add(const struct probe *probe, struct figures *figures, struct unpack *from)
{
    uint32_t count = 0;
    struct histogram **list = probe__list(probe, figures, &count);
    figures_numbers_unpack_add(figures, from);
    for (uint32_t i = 0; list != NULL && i < count && !from->failed; i++) {
        histogram_unpack_add(list[i], from);
    }
    free(list);
    resources_unpack_add(&figures->resources_of_others, from);
    return unpack_is_done(from);
}

void probe_reset(const struct probe *probe, struct figures *figures)
{
    uint32_t count = 0;
    struct histogram **list = probe__list(probe, figures, &count);
    figures_numbers_reset(figures);
    figures->resources_of_others = (struct host_resources){0};
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        histogram_reset(list[i]);
    }
    free(list);
}
