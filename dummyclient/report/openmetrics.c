#include "report/openmetrics.h"

#include "files/output.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdlib.h>

static void openmetrics__counters(struct json_text *text, const struct run *run, const char *id)
{
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        const char *key = total_key((enum total_kind)kind);
        json_text_print(text, "# TYPE dummyload_%s counter\n", key);
        json_text_print(text, "dummyload_%s_total{run_id=\"%s\"} %" PRIu64 "\n", key, id,
                        run->figures.counters.totals[kind]);
    }
    /* The sum of a family must have a meaning: what is no separate event has a separate family. */
    const uint64_t *errors = run->figures.counters.errors;
    json_text_print(text, "# TYPE dummyload_errors counter\n");
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (error_is_event((enum error_kind)kind)) {
            json_text_print(text, "dummyload_errors_total{run_id=\"%s\",kind=\"%s\"} %" PRIu64 "\n",
                            id, error_key((enum error_kind)kind), errors[kind]);
        }
    }
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        const char *key = error_key((enum error_kind)kind);
        if (!error_is_event((enum error_kind)kind)) {
            json_text_print(text, "# TYPE dummyload_%s counter\n", key);
            json_text_print(text, "dummyload_%s_total{run_id=\"%s\"} %" PRIu64 "\n", key, id,
                            errors[kind]);
        }
    }
}

static void openmetrics__latency(struct json_text *text, const struct run *run, const char *id)
{
    json_text_print(text, "# TYPE dummyload_latency_seconds summary\n");
    json_text_print(text, "# UNIT dummyload_latency_seconds seconds\n");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        const struct histogram *histogram = &run->figures.latency[kind];
        const char *key = latency_key((enum latency_kind)kind);
        for (int i = 0; i <= HISTOGRAM_PERCENTILES_COUNT; i++) {
            double percentile =
                i < HISTOGRAM_PERCENTILES_COUNT ? HISTOGRAM_PERCENTILES[i].percentile : 100;
            int64_t value_ns = histogram_percentile(histogram, percentile).low_ns;
            json_text_print(text,
                            "dummyload_latency_seconds{run_id=\"%s\",kind=\"%s\","
                            "quantile=\"%g\"} ",
                            id, key, percentile / 100);
            /* Without samples there is no percentile: the text format's NaN. */
            if (histogram_count(histogram) == 0) {
                json_text_print(text, "NaN\n");
            } else {
                json_text_print(text, "%.9g\n", (double)value_ns / 1e9);
            }
        }
        json_text_print(text,
                        "dummyload_latency_seconds_count{run_id=\"%s\",kind=\"%s\"} %" PRId64 "\n",
                        id, key, histogram_count(histogram));
    }
    /* Percentiles at or above the lowest of these are lower bounds. */
    json_text_print(text, "# TYPE dummyload_latency_censored counter\n");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        json_text_print(
            text, "dummyload_latency_censored_total{run_id=\"%s\",kind=\"%s\"} %" PRId64 "\n", id,
            latency_key((enum latency_kind)kind), run->figures.latency[kind].censored_count);
    }
}

/* The same of each target, in families of their own: a sum over a family counts nothing twice. */
static void openmetrics__targets(struct json_text *text, const struct plan *plan,
                                 const struct run *run)
{
    const struct figures *figures = &run->figures;
    for (int kind = 0; kind < TOTAL_KINDS && figures->targets_count > 0; kind++) {
        const char *key = total_key((enum total_kind)kind);
        json_text_print(text, "# TYPE dummyload_target_%s counter\n", key);
        for (uint32_t i = 0; i < figures->targets_count; i++) {
            json_text_print(
                text, "dummyload_target_%s_total{run_id=\"%s\",target=\"%s\"} %" PRIu64 "\n", key,
                plan->run_id, plan->target_names[i], figures->targets[i].counters.totals[kind]);
        }
    }
    if (figures->targets_count > 0) {
        json_text_print(text, "# TYPE dummyload_target_errors counter\n");
    }
    for (uint32_t i = 0; i < figures->targets_count; i++) {
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            if (error_is_event((enum error_kind)kind)) {
                json_text_print(text,
                                "dummyload_target_errors_total{run_id=\"%s\",target=\"%s\","
                                "kind=\"%s\"} %" PRIu64 "\n",
                                plan->run_id, plan->target_names[i],
                                error_key((enum error_kind)kind),
                                figures->targets[i].counters.errors[kind]);
            }
        }
    }
}

bool openmetrics_write(const struct plan *plan, const struct run *run,
                       const struct verdict *verdict, const char *path, struct error *error)
{
    struct json_text text = {0};
    openmetrics__counters(&text, run, plan->run_id);
    openmetrics__latency(&text, run, plan->run_id);
    openmetrics__targets(&text, plan, run);
    json_text_print(&text, "# TYPE dummyload_rate_per_second gauge\n");
    json_text_print(&text, "dummyload_rate_per_second{run_id=\"%s\",kind=\"achieved\"} %.9g\n",
                    plan->run_id, run->figures.rate_achieved_per_s);
    json_text_print(&text, "dummyload_rate_per_second{run_id=\"%s\",kind=\"target\"} %.9g\n",
                    plan->run_id, run->figures.rate_target_per_s);
    json_text_print(&text, "# TYPE dummyload_valid gauge\n");
    json_text_print(&text, "dummyload_valid{run_id=\"%s\"} %d\n", plan->run_id,
                    verdict->valid ? 1 : 0);
    json_text_print(&text, "# EOF\n");
    bool written = false;
    if (text.failed) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "%s: no memory for the metrics", path);
    } else {
        written = output_write(path, text.text, text.bytes, error);
    }
    free(text.text);
    return written;
}
