#include "core/must.h"
#include "results/series_internal.h"
#include "text/json.h"

#include <cjson/cJSON.h>

static const char *const value_keys[SERIES_ERRORS_FIRST] = {
    [SERIES_CONNECTIONS] = "connections",
    [SERIES_CONNECTING] = "connecting",
    [SERIES_CONNECTS_FAILED] = "connects_failed",
    [SERIES_ITERATIONS] = "iterations",
    [SERIES_TARGET] = "target",
    [SERIES_BEGUN] = "begun",
    [SERIES_DROPPED] = "dropped",
    [SERIES_NEVER_STARTED] = "never_started",
    [SERIES_REQUESTS] = "requests",
    [SERIES_RESPONSES] = "responses",
    [SERIES_MESSAGES_SENT] = "messages_sent",
    [SERIES_MESSAGES_RECEIVED] = "messages_received",
    [SERIES_BYTES_SENT] = "bytes_sent",
    [SERIES_BYTES_RECEIVED] = "bytes_received",
    [SERIES_ERRORS] = "errors",
};

static void series__add_buckets(struct json_text *text, struct series_slot *slot)
{
    json_text_add(text, "[");
    const char *separator = "[";
    for (uint32_t i = slot->bucket_low; i < slot->bucket_end; i++) {
        if (slot->counts[i] == 0) {
            continue;
        }
        json_text_add(text, separator);
        json_text_add_u64(text, (uint64_t)series_bucket_lowest_ns(i));
        json_text_add(text, ",");
        json_text_add_u64(text, slot->counts[i]);
        json_text_add(text, "]");
        separator = ",[";
        slot->counts[i] = 0;
    }
    json_text_add(text, "]");
    slot->bucket_low = 0;
    slot->bucket_end = 0;
}

/* Only the kinds that occurred: most seconds of most runs have none. */
static void series__add_errors(struct json_text *text, const uint64_t errors[ERROR_KINDS])
{
    json_text_add(text, ",\"errors_by_kind\":{");
    const char *separator = "\"";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (errors[kind] == 0) {
            continue;
        }
        json_text_add(text, separator);
        json_text_add(text, error_key((enum error_kind)kind));
        json_text_add(text, "\":");
        json_text_add_u64(text, errors[kind]);
        separator = ",\"";
    }
    json_text_add(text, "}");
}

/* One line of text: a long run stays readable, and is not a million small allocations. */
static struct cJSON *series__entry_to_json(struct series *series, uint32_t entry,
                                           const uint64_t values[SERIES_VALUE_COUNT])
{
    struct json_text text = {NULL, 0, 0, false};
    json_text_add(&text, "\n\t\t{\"t_ns\":");
    json_text_add_u64(&text, (uint64_t)entry * (uint64_t)series->period_ns);
    for (int value = 0; value < SERIES_ERRORS_FIRST; value++) {
        json_text_add(&text, ",\"");
        json_text_add(&text, value_keys[value]);
        json_text_add(&text, "\":");
        json_text_add_u64(&text, values[value]);
    }
    json_text_add(&text, ",\"due\":");
    json_text_add_u64(&text,
                      values[SERIES_BEGUN] + values[SERIES_DROPPED] + values[SERIES_NEVER_STARTED]);
    series__add_errors(&text, values + SERIES_ERRORS_FIRST);
    json_text_add(&text, ",\"buckets\":");
    series_read_entry(series, entry, &series->scratch);
    series__add_buckets(&text, &series->scratch);
    json_text_add(&text, "}");
    return json_text_finish(&text);
}

struct cJSON *series_to_json(struct series *series, int64_t end_ns)
{
    must(end_ns >= series->origin_ns);
    struct cJSON *array = cJSON_CreateArray();
    if (!array) {
        return NULL;
    }
    int64_t length_ns = end_ns - series->origin_ns;
    int64_t wanted = (length_ns + series->period_ns - 1) / series->period_ns;
    if (wanted <= series->newest) {
        wanted = (int64_t)series->newest + 1;
    }
    while (wanted > SERIES_ENTRIES_MAX) {
        series_fold(series);
        wanted = (length_ns + series->period_ns - 1) / series->period_ns;
    }
    uint64_t levels[SERIES_VALUE_COUNT] = {0};
    for (uint32_t i = 0; i < wanted; i++) {
        uint64_t values[SERIES_VALUE_COUNT] = {0};
        for (int value = 0; value < SERIES_VALUE_COUNT; value++) {
            if (series_value_is_level((enum series_value)value)) {
                /* A level lasts until it is set again. */
                if (i <= series->newest && series->entries[i].levels_set & 1u << value) {
                    levels[value] = series->entries[i].values[value];
                }
                values[value] = levels[value];
            } else if (i <= series->newest) {
                values[value] = series->entries[i].values[value];
            }
        }
        struct cJSON *item = series__entry_to_json(series, i, values);
        if (!item || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}
