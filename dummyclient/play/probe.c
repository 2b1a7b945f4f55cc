#include "play/probe.h"

#include "core/pack.h"

#include <stdlib.h>

/* The histogram that the threshold at index needs, if it is judged during the run. NULL: none. */
static struct histogram *probe__needs(const struct probe *probe, uint32_t index,
                                      const struct figures *figures)
{
    const struct threshold *threshold = &probe->thresholds[index];
    const struct histogram *histogram =
        threshold->abort_on_fail ? threshold_histogram(threshold, figures) : NULL;
    return (struct histogram *)(uintptr_t)histogram;
}

/* Two thresholds about one histogram: it is copied for the first of them. */
static bool probe__is_repeated(const struct probe *probe, uint32_t index,
                               const struct figures *figures)
{
    for (uint32_t i = 0; i < index; i++) {
        if (probe__needs(probe, i, figures) == probe__needs(probe, index, figures)) {
            return true;
        }
    }
    return false;
}

bool probe_open(struct probe *probe, const struct figures *figures,
                const struct threshold *thresholds, uint32_t thresholds_count, struct error *error)
{
    *probe = (struct probe){.thresholds = thresholds};
    probe->histograms = calloc((size_t)thresholds_count + 1, sizeof *probe->histograms);
    probe->numbers = calloc(figures_numbers_count(figures), sizeof *probe->numbers);
    if (probe->histograms == NULL || probe->numbers == NULL) {
        probe_close(probe);
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for %u thresholds",
                        thresholds_count);
        return false;
    }
    for (; probe->thresholds_count < thresholds_count; probe->thresholds_count++) {
        uint32_t i = probe->thresholds_count;
        if (probe__needs(probe, i, figures) != NULL && !probe__is_repeated(probe, i, figures) &&
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

void probe_take(struct probe *probe, const struct figures *figures)
{
    uint32_t asked = atomic_load_explicit(&probe->asked, memory_order_acquire);
    if (asked == atomic_load_explicit(&probe->answered, memory_order_relaxed)) {
        return;
    }
    figures_numbers_read(figures, probe->numbers);
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_copy(&probe->histograms[i], probe__needs(probe, i, figures));
        }
    }
    atomic_store_explicit(&probe->answered, asked, memory_order_release);
}

void probe_read(const struct probe *probe, struct figures *figures)
{
    figures_numbers_add(figures, probe->numbers);
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_add(probe__needs(probe, i, figures), &probe->histograms[i]);
        }
    }
}

void probe_pack(const struct probe *probe, const struct figures *figures, struct pack *pack)
{
    struct host_resources resources;
    host_read_resources(&resources);
    figures_numbers_pack(figures, pack);
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_pack(probe__needs(probe, i, figures), pack);
        }
    }
    resources_pack(&resources, pack);
}

bool probe_unpack_add(const struct probe *probe, struct figures *figures, struct unpack *from)
{
    figures_numbers_unpack_add(figures, from);
    for (uint32_t i = 0; i < probe->thresholds_count && !from->failed; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_unpack_add(probe__needs(probe, i, figures), from);
        }
    }
    resources_unpack_add(&figures->resources_of_others, from);
    return unpack_is_done(from);
}

void probe_reset(const struct probe *probe, struct figures *figures)
{
    figures_numbers_reset(figures);
    figures->resources_of_others = (struct host_resources){0};
    for (uint32_t i = 0; i < probe->thresholds_count; i++) {
        if (probe->histograms[i].hdr != NULL) {
            histogram_reset(probe__needs(probe, i, figures));
        }
    }
}
