/* Writing a series: what a run does every microsecond (add, record) and every second (advance). */
#include "results/series.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/zeroed.h"
#include "results/series_internal.h"

#include <stdlib.h>

bool series_value_is_level(enum series_value value)
{
    return value == SERIES_CONNECTIONS || value == SERIES_CONNECTING;
}

struct series_cell *series_cells_allocate(void)
{
    /* Pages that the run never fills are never touched. */
    return zeroed_alloc((size_t)SERIES_CELLS_MAX + SERIES_CELLS_RESERVE,
                        sizeof(struct series_cell));
}

struct series *series_create(int64_t origin_ns, struct error *error)
{
    struct series *series = calloc(1, sizeof *series);
    if (series) {
        series->origin_ns = origin_ns;
        series->period_ns = NS_PER_S;
        series->entries = zeroed_alloc(SERIES_ENTRIES_MAX, sizeof *series->entries);
        series->cells = series_cells_allocate();
        if (series->entries && series->cells) {
            return series;
        }
    }
    series_destroy(series);
    error_set(error, "out of memory for the per-second series");
    return NULL;
}

void series_destroy(struct series *series)
{
    if (!series) {
        return;
    }
    zeroed_free(series->entries);
    zeroed_free(series->cells);
    free(series);
}

int64_t series_period_ns(const struct series *series)
{
    return series->period_ns;
}

void series_slot_add(struct series_slot *slot, uint32_t bucket, uint64_t count)
{
    if (slot->bucket_low == slot->bucket_end) {
        slot->bucket_low = bucket;
        slot->bucket_end = bucket + 1;
    } else if (bucket < slot->bucket_low) {
        slot->bucket_low = bucket;
    } else if (bucket >= slot->bucket_end) {
        slot->bucket_end = bucket + 1;
    }
    slot->counts[bucket] += count;
}

void series_read_entry(const struct series *series, uint32_t entry, struct series_slot *into)
{
    if (entry + 1 >= series->newest && entry <= series->newest) {
        const struct series_slot *live = &series->slots[entry % 2];
        for (uint32_t i = live->bucket_low; i < live->bucket_end; i++) {
            if (live->counts[i] > 0) {
                series_slot_add(into, i, live->counts[i]);
            }
        }
    }
    const struct series_entry *stored = &series->entries[entry];
    for (uint32_t i = 0; i < stored->cells_count; i++) {
        const struct series_cell *cell = &series->cells[stored->cells_first + i];
        series_slot_add(into, cell->bucket, cell->count);
    }
}

void series_store_slot(struct series *series, struct series_slot *slot, uint32_t entry)
{
    struct series_entry *stored = &series->entries[entry];
    must(stored->cells_count == 0);
    stored->cells_first = series->cells_count;
    for (uint32_t i = slot->bucket_low; i < slot->bucket_end; i++) {
        while (slot->counts[i] > 0) {
            uint64_t part = slot->counts[i] < UINT32_MAX ? slot->counts[i] : UINT32_MAX;
            must(series->cells_count < SERIES_CELLS_MAX + SERIES_CELLS_RESERVE);
            series->cells[series->cells_count++] =
                (struct series_cell){(uint16_t)i, (uint32_t)part};
            slot->counts[i] -= part;
        }
    }
    stored->cells_count = series->cells_count - stored->cells_first;
    slot->bucket_low = 0;
    slot->bucket_end = 0;
}

/* Makes entry the newest one: the slots of entries that are no longer live go into the store. */
static void series__advance(struct series *series, uint32_t entry)
{
    uint32_t newest = series->newest;
    if (newest > 0) {
        series_store_slot(series, &series->slots[(newest - 1) % 2], newest - 1);
    }
    if (newest + 1 < entry) {
        series_store_slot(series, &series->slots[newest % 2], newest);
    }
    series->newest = entry;
}

/* The entry of a moment; folds and advances as it needs to. */
static uint32_t series__entry_at(struct series *series, int64_t now_ns)
{
    int64_t since_ns = now_ns > series->origin_ns ? now_ns - series->origin_ns : 0;
    int64_t entry = since_ns / series->period_ns;
    if (entry <= series->newest) {
        return (uint32_t)entry;
    }
    while (entry >= SERIES_ENTRIES_MAX) {
        series_fold(series);
        entry = since_ns / series->period_ns;
    }
    if (entry > series->newest) {
        series__advance(series, (uint32_t)entry);
    }
    /* Ends: with every fold there are half as many entries, of at most SERIES_BUCKETS cells. */
    while (series->cells_count > SERIES_CELLS_MAX) {
        series_fold(series);
        entry = since_ns / series->period_ns;
    }
    return (uint32_t)entry;
}

void series_add(struct series *series, int64_t now_ns, enum series_value value, uint64_t amount)
{
    must(!series_value_is_level(value));
    series->entries[series__entry_at(series, now_ns)].values[value] += amount;
}

void series_add_spread(struct series *series, enum series_value value, const struct spread *spread)
{
    must(!series_value_is_level(value));
    uint32_t last =
        series__entry_at(series, spread->last_ns); /* folds before the walk, not in it */
    uint32_t first = series__entry_at(series, spread->first_ns);
    uint64_t before = 0;
    for (uint32_t entry = first; entry <= last; entry++) {
        int64_t until_ns = series->origin_ns + (int64_t)(entry + 1) * series->period_ns;
        uint64_t until = entry == last ? spread->count : spread_count_before(spread, until_ns);
        series->entries[entry].values[value] += until - before;
        before = until;
    }
}

uint64_t series_due(const struct series *series, int64_t now_ns)
{
    int64_t entry = (now_ns - series->origin_ns) / series->period_ns;
    if (entry < 0 || entry > series->newest) {
        return 0;
    }
    const uint64_t *values = series->entries[entry].values;
    return values[SERIES_BEGUN] + values[SERIES_DROPPED] + values[SERIES_NEVER_STARTED];
}

void series_add_errors(struct series *series, int64_t now_ns, const struct counters *now,
                       const struct counters *before)
{
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        uint64_t amount = now->errors[kind] - before->errors[kind];
        if (amount > 0) {
            if (error_is_event((enum error_kind)kind)) {
                series_add(series, now_ns, SERIES_ERRORS, amount);
            }
            series_add(series, now_ns, (enum series_value)(SERIES_ERRORS_FIRST + kind), amount);
        }
    }
}

void series_set(struct series *series, int64_t now_ns, enum series_value value, uint64_t level)
{
    must(series_value_is_level(value));
    struct series_entry *entry = &series->entries[series__entry_at(series, now_ns)];
    entry->values[value] = level;
    entry->levels_set |= 1u << value;
}

void series_record(struct series *series, int64_t now_ns, int64_t latency_ns)
{
    if (latency_ns > HISTOGRAM_VALUE_MAX_NS) {
        latency_ns = HISTOGRAM_VALUE_MAX_NS;
    }
    uint32_t entry = series__entry_at(series, now_ns);
    /* Older than live: cannot be, by the header; counted where it still can be. */
    uint32_t oldest = series->newest > 0 ? series->newest - 1 : 0;
    entry = entry < oldest ? oldest : entry;
    series_slot_add(&series->slots[entry % 2], series_bucket_of(latency_ns < 1 ? 1 : latency_ns),
                    1);
}
