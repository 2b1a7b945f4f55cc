#include "results/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What each family is, for people who look at /metrics or at a name in a dashboard. */
static const struct {
    const char *family;
    const char *help;
} METRICS_HELP[] = {
    {"connections", "Connections that are open now"},
    {"connecting", "Connections being connected, or waiting to be connected again"},
    {"connections_wanted", "Connections that the scenario wants now"},
    {"run_seconds", "Seconds since the run began"},
    {"phase", "1 for the phase that the run is in, 0 for the others"},
    {"due", "Arrivals due since the load began; of random ones as many as are expected"},
    {"rate_per_second", "Arrivals per second: what the scenario asks for now"},
    {"response_seconds", "Response times of the whole run, from the intended send time"},
    {"latency_seconds", "Latencies by kind, of the measuring window until now"},
    {"latency_censored", "Samples of a latency of which only the age is known: no reply came"},
    {"step_latency_seconds", "Response times of each step, of the measuring window until now"},
    {"threshold_holds", "1 where a threshold holds as the figures stand, 0 where it does not"},
    {"target_iterations", "Iterations begun, by target"},
    {"target_requests", "Requests sent, by target"},
    {"target_responses", "Replies received in time, by target"},
    {"target_errors", "Errors of all kinds, by target"},
    {"behavior_iterations", "Iterations begun, by behavior"},
    {"behavior_requests", "Requests sent, by behavior"},
    {"behavior_responses", "Replies received in time, by behavior"},
    {"behavior_errors", "Errors of all kinds, by behavior"},
    {"cpu_seconds", "CPU time that the process has used, user and system"},
    {"rss_bytes", "Memory of the process that is resident now"},
    {"connects_attempted", "Connects begun by the client"},
    {"connects_ok", "Connections connected (client) or accepted (server)"},
    {"connections_clean", "Connections ended with both ends of the stream seen"},
    {"connections_abnormal", "Connections ended in another way"},
    {"iterations", "Iterations begun by the client"},
    {"requests", "Requests sent by the client"},
    {"responses", "Replies received by the client in time"},
    {"messages_sent", "Whole messages handed to the system"},
    {"messages_received", "Whole messages received"},
    {"messages_unsolicited", "Messages that no step of the client waited for"},
    {"answers", "Messages sent by rules of on_push"},
    {"answers_unsent", "Messages of on_push, and pongs, that there was no room for"},
    {"heartbeats", "Messages sent by every"},
    {"heartbeats_answered", "Heartbeats whose reply came"},
    {"bytes_sent", "Bytes that the system took; with TLS those of the messages"},
    {"bytes_received", "Bytes received; with TLS those of the messages"},
    {"wire_bytes_sent", "Bytes sent on the wire by connections with TLS"},
    {"wire_bytes_received", "Bytes received on the wire by connections with TLS"},
    {"tls_full", "TLS handshakes that ended well"},
    {"tls_resumed", "TLS handshakes that resumed the session of an earlier connection"},
    {"errors", "Errors by kind; the sum counts each event once"},
    {"response_late", "Replies that came after their request had timed out; in no sum of errors"},
};

static const char *metrics__help(const char *family)
{
    for (size_t i = 0; i < sizeof METRICS_HELP / sizeof METRICS_HELP[0]; i++) {
        if (strcmp(METRICS_HELP[i].family, family) == 0) {
            return METRICS_HELP[i].help;
        }
    }
    return NULL;
}

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
    const char *help = metrics__help(family);
    if (metrics->format == METRICS_PROMETHEUS && help != NULL) {
        json_text_print(metrics->text, "# HELP %s_%s%s %s\n", prefix, family, total ? "_total" : "",
                        help);
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
            json_text_print(metrics->text,
                            "%s_errors_total{run_id=\"%s\",kind=\"%s\"} %" PRIu64 "\n",
                            metrics->prefix, metrics->run_id, error_key((enum error_kind)kind),
                            counters->errors[kind]);
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
