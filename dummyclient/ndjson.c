#include "ndjson.h"

#include "core/clock.h"

#include <inttypes.h>

static const char *const NDJSON_PHASES[] = {"connecting", "warmup", "running", "draining", "ended"};

void ndjson_open(struct ndjson *ndjson, FILE *file, const struct plan *plan, int64_t origin_ns)
{
    *ndjson = (struct ndjson){
        .file = file, .plan = plan, .origin_ns = origin_ns, .written_ns = origin_ns};
}

/* Without a response it is null: 0 would look like an excellent one. */
static void ndjson__write_percentile(const struct ndjson *ndjson, const struct live_view *view,
                                     const char *key, double percentile)
{
    int64_t value_ns = live_percentile_ns(view, &ndjson->before, percentile);
    if (value_ns > 0) {
        fprintf(ndjson->file, ",\"%s\":%" PRId64, key, value_ns);
    } else {
        fprintf(ndjson->file, ",\"%s\":null", key);
    }
}

/* Sums are those of the interval; levels are of its end. */
static void ndjson__write(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                          int64_t now_ns)
{
    static const enum total_kind SUMS[] = {
        TOTAL_ITERATIONS,        TOTAL_REQUESTS,   TOTAL_RESPONSES,     TOTAL_MESSAGES_SENT,
        TOTAL_MESSAGES_RECEIVED, TOTAL_BYTES_SENT, TOTAL_BYTES_RECEIVED};
    const struct live_view *before = &ndjson->before;
    FILE *file = ndjson->file;
    fprintf(file,
            "{\"run_id\":\"%s\",\"t_ns\":%" PRId64 ",\"interval_ns\":%" PRId64
            ",\"phase\":\"%s\",\"connections\":%" PRIu32 ",\"connecting\":%" PRIu32,
            ndjson->plan->run_id, now_ns - ndjson->origin_ns, now_ns - ndjson->written_ns,
            NDJSON_PHASES[phase], view->levels[LIVE_OPEN], view->levels[LIVE_CONNECTING]);
    for (size_t i = 0; i < sizeof(SUMS) / sizeof(SUMS[0]); i++) {
        fprintf(file, ",\"%s\":%" PRIu64, total_key(SUMS[i]),
                view->counters.totals[SUMS[i]] - before->counters.totals[SUMS[i]]);
    }
    ndjson__write_percentile(ndjson, view, "response_p50_ns", 50);
    ndjson__write_percentile(ndjson, view, "response_p99_ns", 99);
    fprintf(file, ",\"errors\":{");
    const char *separator = "";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        uint64_t errors = view->counters.errors[kind] - before->counters.errors[kind];
        if (errors > 0) {
            fprintf(file, "%s\"%s\":%" PRIu64, separator, error_key((enum error_kind)kind), errors);
            separator = ",";
        }
    }
    fprintf(file, "}}\n");
    fflush(file);
    ndjson->before = *view;
    ndjson->written_ns = now_ns;
}

void ndjson_tick(struct ndjson *ndjson, enum run_phase phase, const struct live_view *view,
                 int64_t now_ns)
{
    if (ndjson->file != NULL && now_ns - ndjson->written_ns >= NS_PER_S) {
        ndjson__write(ndjson, phase, view, now_ns);
    }
}

void ndjson_finish(struct ndjson *ndjson, const struct live_view *view, int64_t now_ns)
{
    if (ndjson->file != NULL) {
        ndjson__write(ndjson, PHASE_ENDED, view, now_ns);
    }
}
