/* Folding neighbouring entries, and merging the series of several threads. */
#include "core/must.h"
#include "core/zeroed.h"
#include "results/series_internal.h"

#include <stdlib.h>
#include <string.h>

/* Moves the stored cells of an entry, the last in the store, into its live slot. */
static void series__make_live(struct series *series, uint32_t entry)
{
    struct series_entry *stored = &series->entries[entry];
    if (stored->cells_count == 0) {
        return;
    }
    must(stored->cells_first + stored->cells_count == series->cells_count);
    for (uint32_t i = 0; i < stored->cells_count; i++) {
        const struct series_cell *cell = &series->cells[stored->cells_first + i];
        series_slot_add(&series->slots[entry % 2], cell->bucket, cell->count);
    }
    series->cells_count = stored->cells_first;
    stored->cells_count = 0;
}

void series_make_newest_live(struct series *series)
{
    series__make_live(series, series->newest);
    if (series->newest > 0) {
        series__make_live(series, series->newest - 1);
    }
}

/* Folds the sums and levels of from into into, which is the earlier one. */
static void series__fold_values(struct series_entry *into, const struct series_entry *from)
{
    for (int value = 0; value < SERIES_VALUE_COUNT; value++) {
        if (!series_value_is_level((enum series_value)value)) {
            into->values[value] += from->values[value];
        } else if (from->levels_set & 1u << value) {
            into->values[value] = from->values[value];
        }
    }
    into->levels_set |= from->levels_set;
}

void series_fold(struct series *series)
{
    struct series_entry *entries = series->entries;
    uint32_t newest = series->newest;
    if (newest > 0) {
        series_store_slot(series, &series->slots[(newest - 1) % 2], newest - 1);
    }
    series_store_slot(series, &series->slots[newest % 2], newest);

    /* In place: two entries' cells are never fewer than those of their sum. */
    series->cells_count = 0;
    for (uint32_t i = 0; i <= newest / 2; i++) {
        struct series_entry folded = entries[2 * i];
        for (uint32_t of = 2 * i; of <= 2 * i + 1 && of <= newest; of++) {
            for (uint32_t k = 0; k < entries[of].cells_count; k++) {
                const struct series_cell *cell = &series->cells[entries[of].cells_first + k];
                series_slot_add(&series->scratch, cell->bucket, cell->count);
            }
            if (of > 2 * i) {
                series__fold_values(&folded, &entries[of]);
            }
        }
        folded.cells_count = 0;
        entries[i] = folded;
        series_store_slot(series, &series->scratch, i);
    }
    memset(entries + newest / 2 + 1, 0, (newest - newest / 2) * sizeof *entries);
    series->newest = newest / 2;
    series->period_ns *= 2;
    series_make_newest_live(series);
}

/* Builds the cells of the merged series in a new store. The live slots of into are left alone.
 * Returns false when the store overflowed. */
static bool series__merge_cells(struct series *merged, const struct series *into,
                                const struct series *from)
{
    uint32_t ratio = (uint32_t)(into->period_ns / from->period_ns);
    for (uint32_t i = 0; i <= merged->newest; i++) {
        if (i <= into->newest) {
            series_read_entry(into, i, &merged->scratch);
        }
        for (uint64_t of = (uint64_t)i * ratio; of < (uint64_t)(i + 1) * ratio; of++) {
            if (of <= from->newest) {
                series_read_entry(from, (uint32_t)of, &merged->scratch);
            }
        }
        series_store_slot(merged, &merged->scratch, i);
        if (merged->cells_count > SERIES_CELLS_MAX) {
            return false;
        }
    }
    return true;
}

/* Adds the sums, and the levels as they stood at the end of each entry: a thread that set none in
 * it has the level it had before. */
static void series__merge_values(struct series *merged, const struct series *into,
                                 const struct series *from)
{
    uint32_t ratio = (uint32_t)(into->period_ns / from->period_ns);
    struct series_entry into_last = {{0}, 0, 0, 0};
    struct series_entry from_last = {{0}, 0, 0, 0};
    for (uint32_t i = 0; i <= merged->newest; i++) {
        struct series_entry *entry = &merged->entries[i];
        struct series_entry sums = {{0}, 0, 0, 0};
        if (i <= into->newest) {
            series__fold_values(&sums, &into->entries[i]);
            series__fold_values(&into_last, &into->entries[i]);
        }
        for (uint64_t of = (uint64_t)i * ratio; of < (uint64_t)(i + 1) * ratio; of++) {
            if (of <= from->newest) {
                series__fold_values(&sums, &from->entries[of]);
                series__fold_values(&from_last, &from->entries[of]);
            }
        }
        for (int value = 0; value < SERIES_VALUE_COUNT; value++) {
            bool level = series_value_is_level((enum series_value)value);
            entry->values[value] =
                level ? into_last.values[value] + from_last.values[value] : sums.values[value];
        }
        entry->levels_set = into_last.levels_set | from_last.levels_set;
    }
}

bool series_merge(struct series *into, const struct series *from)
{
    must(into->origin_ns == from->origin_ns);
    while (into->period_ns < from->period_ns) {
        series_fold(into);
    }

    struct series *merged = series_create(into->origin_ns, NULL);
    if (!merged) {
        return false;
    }
    for (;;) {
        uint32_t ratio = (uint32_t)(into->period_ns / from->period_ns);
        merged->newest = into->newest;
        if (merged->newest < from->newest / ratio) {
            merged->newest = from->newest / ratio;
        }
        if (series__merge_cells(merged, into, from)) {
            break;
        }
        series_fold(into);
        for (uint32_t i = 0; i <= merged->newest; i++) {
            merged->entries[i].cells_count = 0;
        }
        merged->cells_count = 0;
    }
    series__merge_values(merged, into, from);
    merged->period_ns = into->period_ns;
    series_make_newest_live(merged);

    zeroed_free(into->entries);
    zeroed_free(into->cells);
    *into = *merged;
    free(merged);
    return true;
}
