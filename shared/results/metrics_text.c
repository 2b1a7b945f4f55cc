#include "results/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void metrics_label(const struct metrics_text *metrics, const char *word, const char *name,
                   char labels[METRICS_LABELS_BYTES_MAX])
{
    int used = snprintf(labels, METRICS_LABELS_BYTES_MAX, "run_id=\"%s\"", metrics->run_id);
    if (word == NULL) {
        return;
    }
    used += snprintf(labels + used, METRICS_LABELS_BYTES_MAX - (size_t)used, ",%s=\"", word);
    char *to = labels + used;
    const char *end = labels + METRICS_LABELS_BYTES_MAX - 4;
    /* A name is the scenario's: what would end the label is escaped. */
    for (; *name != '\0' && to < end; name++) {
        if (*name == '"' || *name == '\\' || *name == '\n') {
            *to++ = '\\';
        }
        *to++ = (char)(*name == '\n' ? 'n' : *name);
    }
    *to++ = '"';
    *to = '\0';
}

void metrics_add_type(const struct metrics_text *metrics, const char *family, const char *type)
{
    const char *prefix = metrics->prefix;
    bool total = metrics->format == METRICS_PROMETHEUS && strcmp(type, "counter") == 0;
    if (metrics->format == METRICS_PROMETHEUS) {
        json_text_print(metrics->text, "# HELP %s_%s%s ", prefix, family, total ? "_total" : "");
        for (const char *from = family; *from != '\0'; from++) {
            json_text_print(metrics->text, "%c", *from == '_' ? ' ' : *from);
        }
        json_text_print(metrics->text, " of the run (see results/README.md)\n");
    }
    json_text_print(metrics->text, "# TYPE %s_%s%s %s\n", prefix, family, total ? "_total" : "",
                    type);
}

void metrics_add_gauge(const struct metrics_text *metrics, const char *family, double value)
{
    metrics_add_type(metrics, family, "gauge");
    json_text_print(metrics->text, "%s_%s{run_id=\"%s\"} %.9g\n", metrics->prefix, family,
                    metrics->run_id, value);
}

static void metrics__add_counter(const struct metrics_text *metrics, const char *family,
                                 uint64_t number)
{
    metrics_add_type(metrics, family, "counter");
    json_text_print(metrics->text, "%s_%s_total{run_id=\"%s\"} %" PRIu64 "\n", metrics->prefix,
                    family, metrics->run_id, number);
}

void metrics_add_counters(const struct metrics_text *metrics, const struct counters *counters)
{
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        metrics__add_counter(metrics, total_key((enum total_kind)kind), counters->totals[kind]);
    }
    /* The sum of a family must have a meaning: what is no separate event has a separate family. */
    metrics_add_type(metrics, "errors", "counter");
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (error_is_event((enum error_kind)kind)) {
            json_text_print(
                metrics->text, "dummyload_errors_total{run_id=\"%s\",kind=\"%s\"} %" PRIu64 "\n",
                metrics->run_id, error_key((enum error_kind)kind), counters->errors[kind]);
        }
    }
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (!error_is_event((enum error_kind)kind)) {
            metrics__add_counter(metrics, error_key((enum error_kind)kind), counters->errors[kind]);
        }
    }
}

void metrics_add_summary(const struct metrics_text *metrics, const char *family, const char *labels,
                         const struct histogram *histogram)
{
    for (int i = 0; i <= HISTOGRAM_PERCENTILES_COUNT; i++) {
        double percentile =
            i < HISTOGRAM_PERCENTILES_COUNT ? HISTOGRAM_PERCENTILES[i].percentile : 100;
        int64_t value_ns = histogram_percentile(histogram, percentile).low_ns;
        json_text_print(metrics->text, "%s_%s{%s,quantile=\"%g\"} ", metrics->prefix, family,
                        labels, percentile / 100);
        /* Without samples there is no percentile: the text format's NaN. */
        if (histogram_count(histogram) == 0) {
            json_text_print(metrics->text, "NaN\n");
        } else {
            json_text_print(metrics->text, "%.9g\n", (double)value_ns / 1e9);
        }
    }
    json_text_print(metrics->text, "%s_%s_count{%s} %" PRId64 "\n", metrics->prefix, family, labels,
                    histogram_count(histogram));
}
