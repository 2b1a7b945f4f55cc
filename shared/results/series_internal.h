/* The inside of a series, shared by series.c (writing), series_fold.c (folding and merging) and
 * series_json.c. Private to results. */
#ifndef DUMMYLOAD_RESULTS_SERIES_INTERNAL_H
#define DUMMYLOAD_RESULTS_SERIES_INTERNAL_H

#include "results/series.h"
#include "results/series_bucket.h"

/* A bucket that is not empty. A count beyond 32 bits takes several cells. */
struct series_cell {
    uint16_t bucket;
    uint32_t count;
};

/* Dense counts; buckets outside [bucket_low, bucket_end) are 0. */
struct series_slot {
    uint32_t bucket_low;
    uint32_t bucket_end;
    uint64_t counts[SERIES_BUCKETS];
};

struct series_entry {
    uint64_t values[SERIES_VALUE_COUNT];
    uint32_t levels_set; /* bit per enum series_value: the level was set in this entry */
    uint32_t cells_first;
    uint32_t cells_count;
};

/* What two slots may add to a store that is just full. */
enum { SERIES_CELLS_RESERVE = 4 * SERIES_BUCKETS };

/* The entries newest and newest - 1 are live: their latencies are in slots[entry % 2] and not in
 * the store, because events may come one second late. The cells of the entries before them stand
 * in the store without gaps, in the entries' order. */
struct series {
    int64_t origin_ns;
    int64_t period_ns;
    uint32_t newest;
    uint32_t cells_count;
    struct series_entry *entries; /* SERIES_ENTRIES_MAX; behind newest all 0 */
    struct series_cell *cells;    /* SERIES_CELLS_MAX + SERIES_CELLS_RESERVE */
    struct series_slot slots[2];
    struct series_slot scratch; /* empty between calls */
};

bool series_value_is_level(enum series_value value);
struct series_cell *series_cells_allocate(void);

void series_slot_add(struct series_slot *slot, uint32_t bucket, uint64_t count);
/* Adds the latencies of an entry, live or stored, to a slot. */
void series_read_entry(const struct series *series, uint32_t entry, struct series_slot *into);
/* Moves a slot's counts to the end of the store, as the cells of an entry that has none. */
void series_store_slot(struct series *series, struct series_slot *slot, uint32_t entry);
/* Takes the cells of the last two entries, the last in the store, into their slots. */
void series_make_newest_live(struct series *series);
/* Doubles the period: entries 2n and 2n + 1 become n. */
void series_fold(struct series *series);

#endif
