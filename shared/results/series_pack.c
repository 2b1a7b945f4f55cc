/* A series as bytes, and merging one that arrived so. */
#include "core/clock.h"
#include "results/series_internal.h"
#include "results/transfer.h"

/* Buckets as (count, the bucket's number less that of the one before), ended by a count of 0. */
static void series__pack_slot(struct series_slot *slot, struct pack *pack)
{
    uint32_t before = 0;
    for (uint32_t i = slot->bucket_low; i < slot->bucket_end; i++) {
        if (slot->counts[i] == 0) {
            continue;
        }
        pack_u64(pack, slot->counts[i]);
        pack_u64(pack, i - before);
        before = i;
        slot->counts[i] = 0;
    }
    pack_u64(pack, 0);
    slot->bucket_low = 0;
    slot->bucket_end = 0;
}

static bool series__unpack_slot(struct series_slot *slot, struct unpack *from)
{
    uint32_t bucket = 0;
    uint64_t count;
    uint64_t cells = 0;
    while ((count = unpack_u64(from)) > 0) {
        bucket += unpack_u32(from, SERIES_BUCKETS - 1);
        cells += count / UINT32_MAX + 1;
        if (bucket >= SERIES_BUCKETS || cells > SERIES_CELLS_RESERVE / 2) {
            unpack_fail(from);
            break;
        }
        series_slot_add(slot, bucket, count);
    }
    return !from->failed;
}

/* Values as (value, its number from 1 less that of the one before), ended by a number of 0: most
 * seconds have no errors, of which there are many kinds. */
static void series__pack_values(const struct series_entry *entry, struct pack *pack)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < SERIES_VALUE_COUNT; i++) {
        if (entry->values[i] > 0) {
            pack_u64(pack, i + 1 - before);
            pack_u64(pack, entry->values[i]);
            before = i + 1;
        }
    }
    pack_u64(pack, 0);
    pack_u64(pack, entry->levels_set);
}

static bool series__unpack_values(struct series_entry *entry, struct unpack *from)
{
    uint32_t number = 0;
    uint32_t step;
    while ((step = unpack_u32(from, SERIES_VALUE_COUNT)) > 0) {
        number += step;
        if (number > SERIES_VALUE_COUNT) {
            unpack_fail(from);
            return false;
        }
        entry->values[number - 1] = unpack_u64(from);
    }
    _Static_assert(SERIES_CONNECTING < 32, "a bit for each level");
    uint32_t levels_set = unpack_u32(from, UINT32_MAX);
    for (int value = 0; value < SERIES_VALUE_COUNT; value++) {
        if (series_value_is_level((enum series_value)value)) {
            entry->levels_set |= levels_set & 1u << value;
        }
    }
    return !from->failed;
}

void series_pack(struct series *series, struct pack *pack)
{
    pack_u64(pack, (uint64_t)(series->period_ns / NS_PER_S));
    pack_u64(pack, series->newest);
    for (uint32_t i = 0; i <= series->newest; i++) {
        series__pack_values(&series->entries[i], pack);
        series_read_entry(series, i, &series->scratch);
        series__pack_slot(&series->scratch, pack);
    }
}

/* Fills a new series. */
static bool series__unpack(struct series *series, struct unpack *from)
{
    uint64_t period_s = unpack_u64(from);
    uint32_t newest = unpack_u32(from, SERIES_ENTRIES_MAX - 1);
    /* Doublings of a second. */
    if (period_s == 0 || period_s > UINT32_MAX || (period_s & (period_s - 1)) != 0) {
        unpack_fail(from);
        return false;
    }
    series->period_ns = (int64_t)period_s * NS_PER_S;
    for (uint32_t i = 0; i <= newest; i++) {
        if (!series__unpack_values(&series->entries[i], from) ||
            !series__unpack_slot(&series->scratch, from)) {
            return false;
        }
        series_store_slot(series, &series->scratch, i);
        if (series->cells_count > SERIES_CELLS_MAX + SERIES_CELLS_RESERVE / 2) {
            unpack_fail(from);
            return false;
        }
    }
    series->newest = newest;
    series_make_newest_live(series);
    return true;
}

bool series_unpack_merge(struct series *into, struct unpack *from)
{
    struct series *arrived = series_create(into->origin_ns, NULL);
    if (arrived == NULL) {
        return false;
    }
    bool merged = series__unpack(arrived, from) && series_merge(into, arrived);
    series_destroy(arrived);
    return merged;
}
