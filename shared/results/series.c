#include "results/series.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/pack.h"
#include "core/zeroed.h"
#include "results/bucket.h"
#include "text/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
    uint32_t gauges_set; /* bit per enum series_value: the gauge was set in this entry */
    uint32_t cells_first;
    uint32_t cells_count;
};

/* What two slots may add to a store that is just full. */
enum { SERIES_CELLS_RESERVE = 4 * SERIES_BUCKETS };

/* The entries newest and newest - 1 are live: their latencies are in slots[entry % 2] and not in
 * the store, because events may come one second late. The cells of the entries before them are in
 * the store without gaps, in the entries' order. */
struct series {
    int64_t origin_ns;
    int64_t period_ns;
    uint32_t newest;
    uint32_t cells_count;
    uint32_t cells_max;
    struct series_entry *entries; /* SERIES_ENTRIES_MAX; behind newest all 0 */
    struct series_cell *cells;    /* cells_max + SERIES_CELLS_RESERVE */
    struct series_slot slots[2];
    struct series_slot scratch; /* empty between calls */
};

/* A bit for each gauge. */
enum { SERIES_GAUGES = 1 << SERIES_CONNECTIONS | 1 << SERIES_CONNECTING };

static bool series__value_is_gauge(int value)
{
    return value <= SERIES_CONNECTING && (SERIES_GAUGES >> value & 1) != 0;
}

struct series *series_create(int64_t origin_ns, uint32_t cells_max, struct error *error)
{
    struct series *series = calloc(1, sizeof *series);
    if (series != NULL) {
        series->origin_ns = origin_ns;
        series->cells_max = cells_max;
        series->period_ns = NS_PER_S;
        series->entries = zeroed_alloc(SERIES_ENTRIES_MAX, sizeof *series->entries);
        /* Pages that the run never fills are never touched. */
        series->cells =
            zeroed_alloc((size_t)cells_max + SERIES_CELLS_RESERVE, sizeof *series->cells);
        if (series->entries && series->cells) {
            return series;
        }
    }
    series_destroy(series);
    error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory for the per-second series");
    return NULL;
}

void series_destroy(struct series *series)
{
    if (series != NULL) {
        zeroed_free(series->entries);
        zeroed_free(series->cells);
        free(series);
    }
}

uint64_t series_memory_bytes(uint32_t cells_max, int64_t length_ns)
{
    uint64_t entries = (uint64_t)(length_ns / NS_PER_S) + 2;
    entries = entries < SERIES_ENTRIES_MAX ? entries : SERIES_ENTRIES_MAX;
    uint64_t cells = entries * SERIES_BUCKETS;
    uint64_t cells_most = (uint64_t)cells_max + SERIES_CELLS_RESERVE;
    cells = cells < cells_most ? cells : cells_most;
    return sizeof(struct series) + entries * sizeof(struct series_entry) +
           cells * sizeof(struct series_cell);
}

int64_t series_period_ns(const struct series *series)
{
    return series->period_ns;
}

static void series__slot_add(struct series_slot *slot, uint32_t bucket, uint64_t count)
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

/* Its counts are 0 again. */
static void series__slot_close(struct series_slot *slot)
{
    slot->bucket_low = 0;
    slot->bucket_end = 0;
}

/* Adds the stored latencies of an entry to a slot. */
static void series__add_cells(const struct series *series, const struct series_entry *stored,
                              struct series_slot *into)
{
    for (uint32_t i = 0; i < stored->cells_count; i++) {
        const struct series_cell *cell = &series->cells[stored->cells_first + i];
        series__slot_add(into, cell->bucket, cell->count);
    }
}

/* Adds the latencies of an entry, live or stored, to a slot. */
static void series__read_entry(const struct series *series, uint32_t entry,
                               struct series_slot *into)
{
    if (entry + 1 >= series->newest && entry <= series->newest) {
        const struct series_slot *live = &series->slots[entry % 2];
        for (uint32_t i = live->bucket_low; i < live->bucket_end; i++) {
            if (live->counts[i] > 0) {
                series__slot_add(into, i, live->counts[i]);
            }
        }
    }
    series__add_cells(series, &series->entries[entry], into);
}

/* Moves a slot's counts to the end of the store, as the cells of an entry that has none. */
static void series__store_slot(struct series *series, struct series_slot *slot, uint32_t entry)
{
    struct series_entry *stored = &series->entries[entry];
    must(stored->cells_count == 0);
    stored->cells_first = series->cells_count;
    for (uint32_t i = slot->bucket_low; i < slot->bucket_end; i++) {
        while (slot->counts[i] > 0) {
            uint64_t part = slot->counts[i] < UINT32_MAX ? slot->counts[i] : UINT32_MAX;
            must(series->cells_count < series->cells_max + SERIES_CELLS_RESERVE);
            series->cells[series->cells_count++] =
                (struct series_cell){(uint16_t)i, (uint32_t)part};
            slot->counts[i] -= part;
        }
    }
    stored->cells_count = series->cells_count - stored->cells_first;
    series__slot_close(slot);
}

/* --- Folding. */

/* Moves the stored cells of an entry, the last in the store, into its live slot. */
static void series__make_live(struct series *series, uint32_t entry)
{
    struct series_entry *stored = &series->entries[entry];
    if (stored->cells_count == 0) {
        return;
    }
    must(stored->cells_first + stored->cells_count == series->cells_count);
    series__add_cells(series, stored, &series->slots[entry % 2]);
    series->cells_count = stored->cells_first;
    stored->cells_count = 0;
}

/* Takes the cells of the last two entries, the last in the store, into their slots. */
static void series__make_newest_live(struct series *series)
{
    series__make_live(series, series->newest);
    if (series->newest > 0) {
        series__make_live(series, series->newest - 1);
    }
}

/* Folds the sums and gauges of from into into, which is the earlier one. */
static void series__fold_values(struct series_entry *into, const struct series_entry *from)
{
    for (int value = 0; value < SERIES_VALUE_COUNT; value++) {
        if (!series__value_is_gauge(value)) {
            into->values[value] += from->values[value];
        } else if (from->gauges_set & 1u << value) {
            into->values[value] = from->values[value];
        }
    }
    into->gauges_set |= from->gauges_set;
}

/* Doubles the period: entries 2n and 2n + 1 become n. */
static void series__fold(struct series *series)
{
    struct series_entry *entries = series->entries;
    uint32_t newest = series->newest;
    if (newest > 0) {
        series__store_slot(series, &series->slots[(newest - 1) % 2], newest - 1);
    }
    series__store_slot(series, &series->slots[newest % 2], newest);

    /* In place: two entries' cells are never fewer than those of their sum. */
    series->cells_count = 0;
    for (uint32_t i = 0; i <= newest / 2; i++) {
        struct series_entry folded = entries[2 * i];
        for (uint32_t of = 2 * i; of <= 2 * i + 1 && of <= newest; of++) {
            series__add_cells(series, &entries[of], &series->scratch);
            if (of > 2 * i) {
                series__fold_values(&folded, &entries[of]);
            }
        }
        folded.cells_count = 0;
        entries[i] = folded;
        series__store_slot(series, &series->scratch, i);
    }
    memset(entries + newest / 2 + 1, 0, (newest - newest / 2) * sizeof *entries);
    series->newest = newest / 2;
    series->period_ns *= 2;
    series__make_newest_live(series);
}

/* --- Writing: what a run does every microsecond (add, record) and every second (advance). */

/* Makes entry the newest one: the slots of entries that are no longer live go into the store. */
static void series__advance(struct series *series, uint32_t entry)
{
    uint32_t newest = series->newest;
    if (newest > 0) {
        series__store_slot(series, &series->slots[(newest - 1) % 2], newest - 1);
    }
    if (newest + 1 < entry) {
        series__store_slot(series, &series->slots[newest % 2], newest);
    }
    series->newest = entry;
}

/* The entry of a moment; folds and advances as it needs to. It is mostly the newest, which takes no
 * division to see. */
static uint32_t series__entry_at(struct series *series, int64_t now_ns)
{
    int64_t ahead_ns = now_ns - series->origin_ns - series->newest * series->period_ns;
    if ((uint64_t)ahead_ns < (uint64_t)series->period_ns) { /* neither before nor after it */
        return series->newest;
    }
    int64_t since_ns = now_ns > series->origin_ns ? now_ns - series->origin_ns : 0;
    int64_t entry = since_ns / series->period_ns;
    if (entry <= series->newest) {
        return (uint32_t)entry;
    }
    while (entry >= SERIES_ENTRIES_MAX) {
        series__fold(series);
        entry = since_ns / series->period_ns;
    }
    if (entry > series->newest) {
        series__advance(series, (uint32_t)entry);
    }
    /* Ends: with every fold there are half as many entries, of at most SERIES_BUCKETS cells. */
    while (series->cells_count > series->cells_max) {
        series__fold(series);
        entry = since_ns / series->period_ns;
    }
    return (uint32_t)entry;
}

void series_add(struct series *series, int64_t now_ns, enum series_value value, uint64_t amount)
{
    must(!series__value_is_gauge(value));
    series->entries[series__entry_at(series, now_ns)].values[value] += amount;
}

void series_add_spread(struct series *series, enum series_value value, const struct spread *spread)
{
    must(!series__value_is_gauge(value));
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
            if (error_is_event(kind)) {
                series_add(series, now_ns, SERIES_ERRORS, amount);
            }
            series_add(series, now_ns, (SERIES_ERRORS_FIRST + kind), amount);
        }
    }
}

void series_set(struct series *series, int64_t now_ns, enum series_value value, uint64_t gauge)
{
    must(series__value_is_gauge(value));
    struct series_entry *entry = &series->entries[series__entry_at(series, now_ns)];
    entry->values[value] = gauge;
    entry->gauges_set |= 1u << value;
}

void series_add_latencies(struct series *series, int64_t now_ns, uint32_t bucket, uint64_t count)
{
    uint32_t entry = series__entry_at(series, now_ns);
    /* Older than live: cannot be, by the header; counted where it still can be. */
    uint32_t oldest = series->newest > 0 ? series->newest - 1 : 0;
    entry = entry < oldest ? oldest : entry;
    series__slot_add(&series->slots[entry % 2], bucket, count);
}

uint32_t series_record(struct series *series, int64_t now_ns, int64_t latency_ns)
{
    if (latency_ns > HISTOGRAM_VALUE_MAX_NS) {
        latency_ns = HISTOGRAM_VALUE_MAX_NS;
    }
    uint32_t bucket = bucket_of(latency_ns < 1 ? 1 : latency_ns, SERIES_BUCKET_BITS);
    series_add_latencies(series, now_ns, bucket, 1);
    return bucket;
}

/* --- Merging the series of several threads. */

/* Builds the cells of the merged series in a new store. The live slots of into are left alone.
 * Returns false when the store overflowed. */
static bool series__merge_cells(struct series *merged, const struct series *into,
                                const struct series *from)
{
    uint32_t ratio = (uint32_t)(into->period_ns / from->period_ns);
    for (uint32_t i = 0; i <= merged->newest; i++) {
        if (i <= into->newest) {
            series__read_entry(into, i, &merged->scratch);
        }
        for (uint64_t of = (uint64_t)i * ratio; of < (uint64_t)(i + 1) * ratio; of++) {
            if (of <= from->newest) {
                series__read_entry(from, (uint32_t)of, &merged->scratch);
            }
        }
        series__store_slot(merged, &merged->scratch, i);
        if (merged->cells_count > merged->cells_max) {
            return false;
        }
    }
    return true;
}

/* Adds the sums, and the gauges at the end of each entry: a gauge that a thread has not set in it
 * keeps its value. */
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
            bool gauge = series__value_is_gauge(value);
            entry->values[value] =
                gauge ? into_last.values[value] + from_last.values[value] : sums.values[value];
        }
        entry->gauges_set = into_last.gauges_set | from_last.gauges_set;
    }
}

bool series_merge(struct series *into, const struct series *from)
{
    must(into->origin_ns == from->origin_ns);
    while (into->period_ns < from->period_ns) {
        series__fold(into);
    }

    struct series *merged = series_create(into->origin_ns, into->cells_max, NULL);
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
        series__fold(into);
        for (uint32_t i = 0; i <= merged->newest; i++) {
            merged->entries[i].cells_count = 0;
        }
        merged->cells_count = 0;
    }
    series__merge_values(merged, into, from);
    merged->period_ns = into->period_ns;
    series__make_newest_live(merged);

    zeroed_free(into->entries);
    zeroed_free(into->cells);
    *into = *merged;
    free(merged);
    return true;
}

/* --- As JSON. */

#define SERIES_KEY(name, key) key,
static const char *const VALUE_KEYS[SERIES_ERRORS_FIRST] = {SERIES_LIST(SERIES_KEY)};

static void series__add_buckets(struct json_text *text, struct series_slot *slot)
{
    json_text_print(text, "[");
    const char *separator = "[";
    for (uint32_t i = slot->bucket_low; i < slot->bucket_end; i++) {
        if (slot->counts[i] == 0) {
            continue;
        }
        json_text_print(text, "%s%" PRId64 ",%" PRIu64 "]", separator,
                        (int64_t)bucket_lowest_ns(i, SERIES_BUCKET_BITS),
                        (uint64_t)slot->counts[i]);
        separator = ",[";
        slot->counts[i] = 0;
    }
    json_text_print(text, "]");
    series__slot_close(slot);
}

/* Only the kinds that occurred: most seconds of most runs have none. */
static void series__add_errors(struct json_text *text, const uint64_t errors[ERROR_KINDS])
{
    json_text_print(text, ",\"errors_by_kind\":{");
    const char *separator = "\"";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (errors[kind] == 0) {
            continue;
        }
        json_text_print(text, "%s%s\":%" PRIu64, separator, error_key(kind), errors[kind]);
        separator = ",\"";
    }
    json_text_print(text, "}");
}

/* One line of text: a long run stays readable, and is not a million small allocations. */
static struct cJSON *series__entry_to_json(struct series *series, uint32_t entry, uint32_t written,
                                           const uint64_t values[SERIES_VALUE_COUNT])
{
    struct json_text text = {0};
    json_text_print(&text, "\n\t\t{\"t_ns\":%" PRId64, entry * series->period_ns);
    for (int value = 0; value < SERIES_ERRORS_FIRST; value++) {
        if ((written >> value & 1) != 0) {
            json_text_print(&text, ",\"%s\":%" PRIu64, VALUE_KEYS[value], values[value]);
        }
    }
    if ((written & SERIES_ARRIVALS) != 0) {
        json_text_print(&text, ",\"due\":%" PRIu64,
                        values[SERIES_BEGUN] + values[SERIES_DROPPED] +
                            values[SERIES_NEVER_STARTED]);
    }
    series__add_errors(&text, values + SERIES_ERRORS_FIRST);
    json_text_print(&text, ",\"buckets\":");
    series__read_entry(series, entry, &series->scratch);
    series__add_buckets(&text, &series->scratch);
    json_text_print(&text, "}");
    return json_text_finish(&text);
}

/* How many entries reach to end_ns; folds until they are no more than there may be. */
static uint32_t series__entries_until(struct series *series, int64_t end_ns)
{
    int64_t length_ns = end_ns - series->origin_ns;
    int64_t wanted = (length_ns + series->period_ns - 1) / series->period_ns;
    if (wanted <= series->newest) {
        wanted = (int64_t)series->newest + 1;
    }
    while (wanted > SERIES_ENTRIES_MAX) {
        series__fold(series);
        wanted = (length_ns + series->period_ns - 1) / series->period_ns;
    }
    return (uint32_t)wanted;
}

struct cJSON *series_values_to_json(struct series *series, int64_t end_ns, uint32_t written)
{
    must(end_ns >= series->origin_ns);
    struct cJSON *array = cJSON_CreateArray();
    if (!array) {
        return NULL;
    }
    uint32_t wanted = series__entries_until(series, end_ns);
    uint64_t gauges[SERIES_VALUE_COUNT] = {0};
    for (uint32_t i = 0; i < wanted; i++) {
        uint64_t values[SERIES_VALUE_COUNT] = {0};
        for (int value = 0; value < SERIES_VALUE_COUNT; value++) {
            if (series__value_is_gauge(value)) {
                /* A gauge lasts until it is set again. */
                if (i <= series->newest && series->entries[i].gauges_set & 1u << value) {
                    gauges[value] = series->entries[i].values[value];
                }
                values[value] = gauges[value];
            } else if (i <= series->newest) {
                values[value] = series->entries[i].values[value];
            }
        }
        struct cJSON *item = series__entry_to_json(series, i, written, values);
        if (!item || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

struct cJSON *series_to_json(struct series *series, int64_t end_ns)
{
    return series_values_to_json(series, end_ns, (UINT32_C(1) << SERIES_ERRORS_FIRST) - 1);
}

void series_align(struct series *a, struct series *b)
{
    while (a->period_ns < b->period_ns) {
        series__fold(a);
    }
    while (b->period_ns < a->period_ns) {
        series__fold(b);
    }
}

/* --- As bytes, and merging one that arrived so. */

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
    series__slot_close(slot);
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
        series__slot_add(slot, bucket, count);
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
    pack_u64(pack, entry->gauges_set);
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
    entry->gauges_set = unpack_u32(from, UINT32_MAX) & SERIES_GAUGES;
    return !from->failed;
}

void series_pack(struct series *series, struct pack *pack)
{
    pack_u64(pack, (uint64_t)(series->period_ns / NS_PER_S));
    pack_u64(pack, series->newest);
    for (uint32_t i = 0; i <= series->newest; i++) {
        series__pack_values(&series->entries[i], pack);
        series__read_entry(series, i, &series->scratch);
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
        series__store_slot(series, &series->scratch, i);
        if (series->cells_count > series->cells_max + SERIES_CELLS_RESERVE / 2) {
            unpack_fail(from);
            return false;
        }
    }
    series->newest = newest;
    series__make_newest_live(series);
    return true;
}

bool series_unpack_merge(struct series *into, struct unpack *from)
{
    struct series *arrived = series_create(into->origin_ns, into->cells_max, NULL);
    if (arrived == NULL) {
        return false;
    }
    bool merged = series__unpack(arrived, from) && series_merge(into, arrived);
    series_destroy(arrived);
    return merged;
}
