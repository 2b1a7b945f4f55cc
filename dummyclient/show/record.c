#include "show/record.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

static const char *const RECORD_PHASES[] = {"connecting", "warmup", "running", "draining", "ended"};

void record_begin(struct record *record, const struct plan *plan, int64_t origin_ns)
{
    *record = (struct record){.plan = plan, .origin_ns = origin_ns, .made_ns = origin_ns};
}

/* Without a response it is null: 0 would look like an excellent one. */
static void record__add_percentile(struct json_text *line, const struct record *record,
                                   const struct live_view *view, const char *key, double percentile)
{
    int64_t value_ns = live_percentile_ns(view, &record->before, percentile);
    if (value_ns > 0) {
        json_text_print(line, ",\"%s\":%" PRId64, key, value_ns);
    } else {
        json_text_print(line, ",\"%s\":null", key);
    }
}

static const char *record__share_name(const struct plan *plan, uint32_t share)
{
    uint32_t targets = plan->target_names_count;
    return share < targets ? plan->target_names[share]
                           : plan->program->behaviors[share - targets].name;
}

/* The targets, or the behaviors: the shares from first on. */
static void record__add_shares(struct json_text *line, const struct record *record,
                               const struct live_view *view, const char *list, uint32_t first,
                               uint32_t count)
{
    static const char *const KEYS[LIVE_SHARE_VALUES] = {[LIVE_SHARE_ITERATIONS] = "iterations",
                                                        [LIVE_SHARE_REQUESTS] = "requests",
                                                        [LIVE_SHARE_RESPONSES] = "responses",
                                                        [LIVE_SHARE_ERRORS] = "errors"};
    if (count == 0) {
        return;
    }
    json_text_print(line, ",\"%s\":[", list);
    for (uint32_t i = first; i < first + count; i++) {
        cJSON *name = cJSON_CreateString(record__share_name(record->plan, i));
        char *quoted = cJSON_PrintUnformatted(name);
        line->failed = line->failed || quoted == NULL;
        json_text_print(line, "%s{\"name\":%s", i > first ? "," : "", quoted == NULL ? "" : quoted);
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            json_text_print(line, ",\"%s\":%" PRIu64, KEYS[v],
                            view->shares[i][v] - record->before.shares[i][v]);
        }
        json_text_print(line, "}");
        cJSON_free(quoted);
        cJSON_Delete(name);
    }
    json_text_print(line, "]");
}

/* Sums are those of the interval; gauges are of its end. */
void record_make(struct record *record, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns, struct json_text *line)
{
    static const enum total_kind SUMS[] = {
        TOTAL_ITERATIONS,      TOTAL_REQUESTS,           TOTAL_RESPONSES,
        TOTAL_MESSAGES_SENT,   TOTAL_MESSAGES_RECEIVED,  TOTAL_BYTES_SENT,
        TOTAL_BYTES_RECEIVED,  TOTAL_TLS_FULL,           TOTAL_TLS_RESUMED,
        TOTAL_WIRE_BYTES_SENT, TOTAL_WIRE_BYTES_RECEIVED};
    const struct live_view *before = &record->before;
    json_text_print(line,
                    "{\"run_id\":\"%s\",\"t_ns\":%" PRId64 ",\"interval_ns\":%" PRId64
                    ",\"phase\":\"%s\",\"connections\":%" PRIu32 ",\"connecting\":%" PRIu32,
                    record->plan->run_id, now_ns - record->origin_ns, now_ns - record->made_ns,
                    RECORD_PHASES[phase], view->gauges[LIVE_OPEN], view->gauges[LIVE_CONNECTING]);
    for (size_t i = 0; i < sizeof(SUMS) / sizeof(SUMS[0]); i++) {
        json_text_print(line, ",\"%s\":%" PRIu64, total_key(SUMS[i]),
                        view->counters.totals[SUMS[i]] - before->counters.totals[SUMS[i]]);
    }
    record__add_percentile(line, record, view, "response_p50_ns", 50);
    record__add_percentile(line, record, view, "response_p99_ns", 99);
    json_text_print(line, ",\"errors\":{");
    const char *separator = "";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        uint64_t errors = view->counters.errors[kind] - before->counters.errors[kind];
        if (errors > 0) {
            json_text_print(line, "%s\"%s\":%" PRIu64, separator, error_key((enum error_kind)kind),
                            errors);
            separator = ",";
        }
    }
    json_text_print(line, "}");
    uint32_t targets = record->plan->target_names_count;
    record__add_shares(line, record, view, "targets", 0, targets);
    record__add_shares(line, record, view, "behaviors", targets,
                       figures_behaviors_apart(record->plan->program->behaviors_count));
    json_text_print(line, "}\n");
    record->before = *view;
    record->made_ns = now_ns;
}
