/* --openmetrics: the final figures in the text format of the OpenMetrics 1.0 specification
 * (counters end in _total, durations are in seconds, the text ends with # EOF). */
#include "files/file.h"
#include "files/output.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metrics_text {
    char *data;
    size_t bytes;
    size_t capacity_bytes;
    bool failed;
};

static void metrics__print(struct metrics_text *text, const char *format, ...) ERROR_PRINTF(2, 3);

static void metrics__print(struct metrics_text *text, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t bytes = length < 0 ? 0 : (size_t)length;
    bytes = bytes < sizeof line ? bytes : sizeof line - 1;
    if (text->bytes + bytes > text->capacity_bytes) {
        size_t capacity_bytes = 2 * text->capacity_bytes + 4096;
        char *data = realloc(text->data, capacity_bytes);
        if (data == NULL) {
            text->failed = true;
            return;
        }
        text->data = data;
        text->capacity_bytes = capacity_bytes;
    }
    for (size_t i = 0; i < bytes; i++) {
        text->data[text->bytes++] = line[i];
    }
}

static void metrics__counters(struct metrics_text *text, const struct run *run, const char *id)
{
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        const char *key = total_key((enum total_kind)kind);
        metrics__print(text, "# TYPE dummyload_%s counter\n", key);
        metrics__print(text, "dummyload_%s_total{run_id=\"%s\"} %" PRIu64 "\n", key, id,
                       run->figures.counters.totals[kind]);
    }
    /* A family's sum is to mean something: what is no event of its own has a family of its own. */
    const uint64_t *errors = run->figures.counters.errors;
    metrics__print(text, "# TYPE dummyload_errors counter\n");
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (error_is_event((enum error_kind)kind)) {
            metrics__print(text, "dummyload_errors_total{run_id=\"%s\",kind=\"%s\"} %" PRIu64 "\n",
                           id, error_key((enum error_kind)kind), errors[kind]);
        }
    }
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        const char *key = error_key((enum error_kind)kind);
        if (!error_is_event((enum error_kind)kind)) {
            metrics__print(text, "# TYPE dummyload_%s counter\n", key);
            metrics__print(text, "dummyload_%s_total{run_id=\"%s\"} %" PRIu64 "\n", key, id,
                           errors[kind]);
        }
    }
}

static void metrics__latency(struct metrics_text *text, const struct run *run, const char *id)
{
    metrics__print(text, "# TYPE dummyload_latency_seconds summary\n");
    metrics__print(text, "# UNIT dummyload_latency_seconds seconds\n");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        const struct histogram *histogram = &run->figures.latency[kind];
        const char *key = latency_key((enum latency_kind)kind);
        for (int i = 0; i <= HISTOGRAM_PERCENTILES_COUNT; i++) {
            double percentile =
                i < HISTOGRAM_PERCENTILES_COUNT ? HISTOGRAM_PERCENTILES[i].percentile : 100;
            int64_t value_ns = histogram_percentile(histogram, percentile).low_ns;
            metrics__print(text,
                           "dummyload_latency_seconds{run_id=\"%s\",kind=\"%s\","
                           "quantile=\"%g\"} ",
                           id, key, percentile / 100);
            /* Without samples there is no percentile: the text format's NaN. */
            if (histogram_count(histogram) == 0) {
                metrics__print(text, "NaN\n");
            } else {
                metrics__print(text, "%.9g\n", (double)value_ns / 1e9);
            }
        }
        metrics__print(text,
                       "dummyload_latency_seconds_count{run_id=\"%s\",kind=\"%s\"} %" PRId64 "\n",
                       id, key, histogram_count(histogram));
    }
    /* Percentiles at or above the lowest of these are lower bounds. */
    metrics__print(text, "# TYPE dummyload_latency_censored counter\n");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        metrics__print(
            text, "dummyload_latency_censored_total{run_id=\"%s\",kind=\"%s\"} %" PRId64 "\n", id,
            latency_key((enum latency_kind)kind), run->figures.latency[kind].censored_count);
    }
}

bool report_write_openmetrics(const struct plan *plan, const struct run *run,
                              const struct verdict *verdict, const char *path, struct error *error)
{
    struct metrics_text text = {0};
    metrics__counters(&text, run, plan->run_id);
    metrics__latency(&text, run, plan->run_id);
    metrics__print(&text, "# TYPE dummyload_rate_per_second gauge\n");
    metrics__print(&text, "dummyload_rate_per_second{run_id=\"%s\",kind=\"achieved\"} %.9g\n",
                   plan->run_id, run->figures.rate_achieved_per_s);
    metrics__print(&text, "dummyload_rate_per_second{run_id=\"%s\",kind=\"target\"} %.9g\n",
                   plan->run_id, run->figures.rate_target_per_s);
    metrics__print(&text, "# TYPE dummyload_valid gauge\n");
    metrics__print(&text, "dummyload_valid{run_id=\"%s\"} %d\n", plan->run_id,
                   verdict->valid ? 1 : 0);
    metrics__print(&text, "# EOF\n");
    bool written = false;
    if (text.failed) {
        error_set(error, "%s: no memory for the metrics", path);
    } else {
        written = strcmp(path, "-") == 0 ? output_write(text.data, text.bytes, error)
                                         : file_write_whole(path, text.data, text.bytes, error);
    }
    free(text.data);
    return written;
}
