#include "show/ndjson.h"

#include "core/clock.h"
#include "files/outlet.h"
#include "files/output.h"
#include "text/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>

/* The records of a day have 60 MiB at most. */
enum { NDJSON_WAITING_BYTES_MAX = 64 << 20 };

static const char *const NDJSON_PHASES[] = {"connecting", "warmup", "running", "draining", "ended"};

bool ndjson_open(struct ndjson *ndjson, const char *path, const struct plan *plan,
                 struct error *error)
{
    struct outlet_options options = {.text_bytes_max = NDJSON_WAITING_BYTES_MAX};
    *ndjson =
        (struct ndjson){.plan = plan, .name = output_is_stdout(path) ? "standard output" : path};
    if (!sink_open(&options.sink, path, error)) {
        return false;
    }
    ndjson->outlet = outlet_open(&options, error);
    if (ndjson->outlet == NULL) {
        sink_close(&options.sink, NULL);
    }
    return ndjson->outlet != NULL;
}

void ndjson_begin(struct ndjson *ndjson, int64_t origin_ns)
{
    if (ndjson != NULL) {
        ndjson->origin_ns = origin_ns;
        ndjson->written_ns = origin_ns;
    }
}

/* Without a response it is null: 0 would look like an excellent one. */
static void ndjson__add_percentile(struct json_text *line, const struct ndjson *ndjson,
                                   const struct live_view *view, const char *key, double percentile)
{
    int64_t value_ns = live_percentile_ns(view, &ndjson->before, percentile);
    if (value_ns > 0) {
        json_text_print(line, ",\"%s\":%" PRId64, key, value_ns);
    } else {
        json_text_print(line, ",\"%s\":null", key);
    }
}

static const char *ndjson__share_name(const struct plan *plan, uint32_t share)
{
    uint32_t targets = plan->target_names_count;
    return share < targets ? plan->target_names[share]
                           : plan->program->behaviors[share - targets].name;
}

/* The targets, or the behaviors: the shares from first on. */
static void ndjson__add_shares(struct json_text *line, const struct ndjson *ndjson,
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
        cJSON *name = cJSON_CreateString(ndjson__share_name(ndjson->plan, i));
        char *quoted = cJSON_PrintUnformatted(name);
        line->failed = line->failed || quoted == NULL;
        json_text_print(line, "%s{\"name\":%s", i > first ? "," : "", quoted == NULL ? "" : quoted);
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            json_text_print(line, ",\"%s\":%" PRIu64, KEYS[v],
                            view->shares[i][v] - ndjson->before.shares[i][v]);
        }
        json_text_print(line, "}");
        cJSON_free(quoted);
        cJSON_Delete(name);
    }
    json_text_print(line, "]");
}

/* Sums are those of the interval; gauges are of its end. */
static void ndjson__put(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                        int64_t now_ns)
{
    static const enum total_kind SUMS[] = {
        TOTAL_ITERATIONS,      TOTAL_REQUESTS,           TOTAL_RESPONSES,
        TOTAL_MESSAGES_SENT,   TOTAL_MESSAGES_RECEIVED,  TOTAL_BYTES_SENT,
        TOTAL_BYTES_RECEIVED,  TOTAL_TLS_FULL,           TOTAL_TLS_RESUMED,
        TOTAL_WIRE_BYTES_SENT, TOTAL_WIRE_BYTES_RECEIVED};
    const struct live_view *before = &ndjson->before;
    struct json_text line = {0};
    json_text_print(&line,
                    "{\"run_id\":\"%s\",\"t_ns\":%" PRId64 ",\"interval_ns\":%" PRId64
                    ",\"phase\":\"%s\",\"connections\":%" PRIu32 ",\"connecting\":%" PRIu32,
                    ndjson->plan->run_id, now_ns - ndjson->origin_ns, now_ns - ndjson->written_ns,
                    NDJSON_PHASES[phase], view->gauges[LIVE_OPEN], view->gauges[LIVE_CONNECTING]);
    for (size_t i = 0; i < sizeof(SUMS) / sizeof(SUMS[0]); i++) {
        json_text_print(&line, ",\"%s\":%" PRIu64, total_key(SUMS[i]),
                        view->counters.totals[SUMS[i]] - before->counters.totals[SUMS[i]]);
    }
    ndjson__add_percentile(&line, ndjson, view, "response_p50_ns", 50);
    ndjson__add_percentile(&line, ndjson, view, "response_p99_ns", 99);
    json_text_print(&line, ",\"errors\":{");
    const char *separator = "";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        uint64_t errors = view->counters.errors[kind] - before->counters.errors[kind];
        if (errors > 0) {
            json_text_print(&line, "%s\"%s\":%" PRIu64, separator, error_key((enum error_kind)kind),
                            errors);
            separator = ",";
        }
    }
    json_text_print(&line, "}");
    uint32_t targets = ndjson->plan->target_names_count;
    ndjson__add_shares(&line, ndjson, view, "targets", 0, targets);
    ndjson__add_shares(&line, ndjson, view, "behaviors", targets,
                       figures_behaviors_apart(ndjson->plan->program->behaviors_count));
    json_text_print(&line, "}\n");
    ndjson->left_out += line.failed || !outlet_put(ndjson->outlet, line.text, line.bytes);
    free(line.text);
    ndjson->before = *view;
    ndjson->written_ns = now_ns;
}

void ndjson_tick(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns)
{
    if (ndjson != NULL && now_ns - ndjson->written_ns >= NS_PER_S) {
        ndjson__put(ndjson, phase, view, now_ns);
    }
}

void ndjson_finish(struct ndjson *ndjson, const struct live_view *view, int64_t now_ns)
{
    if (ndjson != NULL) {
        ndjson__put(ndjson, PHASE_ENDED, view, now_ns);
    }
}

bool ndjson_close(struct ndjson *ndjson, int64_t within_ns, struct error *error)
{
    struct error reason;
    bool whole = outlet_close(ndjson->outlet, within_ns, &reason);
    ndjson->outlet = NULL;
    if (!whole) {
        error_set(error, "%s: %s", ndjson->name, reason.text);
    } else if (ndjson->left_out > 0) {
        error_set(error, "%s: %" PRIu64 " records were left out: it was not written in time",
                  ndjson->name, ndjson->left_out);
    }
    return whole && ndjson->left_out == 0;
}
