#include "report/openmetrics.h"

#include "files/output.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
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

/* The summary of a histogram; labels: as in braces, without the quantile. */
static void openmetrics__summary(struct json_text *text, const char *family, const char *labels,
                                 const struct histogram *histogram)
{
    for (int i = 0; i <= HISTOGRAM_PERCENTILES_COUNT; i++) {
        double percentile =
            i < HISTOGRAM_PERCENTILES_COUNT ? HISTOGRAM_PERCENTILES[i].percentile : 100;
        int64_t value_ns = histogram_percentile(histogram, percentile).low_ns;
        json_text_print(text, "%s{%s,quantile=\"%g\"} ", family, labels, percentile / 100);
        /* Without samples there is no percentile: the text format's NaN. */
        if (histogram_count(histogram) == 0) {
            json_text_print(text, "NaN\n");
        } else {
            json_text_print(text, "%.9g\n", (double)value_ns / 1e9);
        }
    }
    json_text_print(text, "%s_count{%s} %" PRId64 "\n", family, labels, histogram_count(histogram));
}

static void openmetrics__latency(struct json_text *text, const struct run *run, const char *id)
{
    json_text_print(text, "# TYPE dummyload_latency_seconds summary\n");
    json_text_print(text, "# UNIT dummyload_latency_seconds seconds\n");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        char labels[128];
        snprintf(labels, sizeof labels, "run_id=\"%s\",kind=\"%s\"", id,
                 latency_key((enum latency_kind)kind));
        openmetrics__summary(text, "dummyload_latency_seconds", labels,
                             &run->figures.latency[kind]);
    }
    /* Percentiles at or above the lowest of these are lower bounds. */
    json_text_print(text, "# TYPE dummyload_latency_censored counter\n");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        json_text_print(
            text, "dummyload_latency_censored_total{run_id=\"%s\",kind=\"%s\"} %" PRId64 "\n", id,
            latency_key((enum latency_kind)kind), run->figures.latency[kind].censored_count);
    }
}

/* --- The same of each target and of each behavior, in families of their own: a sum over a family
 * counts nothing twice. */

enum { OPENMETRICS_LABELS_BYTES_MAX = 1024 };
struct openmetrics_shares {
    const char *word; /* "target", "behavior": of the families and of the label */
    const struct figures_share *shares;
    uint32_t count;
    char (*labels)[OPENMETRICS_LABELS_BYTES_MAX]; /* run_id and the name of each */
};

/* A name is the scenario's: what would end the label is escaped. */
static void openmetrics__label(char *labels, const char *id, const char *word, const char *name)
{
    int used = snprintf(labels, OPENMETRICS_LABELS_BYTES_MAX, "run_id=\"%s\",%s=\"", id, word);
    char *to = labels + used;
    const char *end = labels + OPENMETRICS_LABELS_BYTES_MAX - 4;
    for (; *name != '\0' && to < end; name++) {
        if (*name == '"' || *name == '\\' || *name == '\n') {
            *to++ = '\\';
        }
        *to++ = (char)(*name == '\n' ? 'n' : *name);
    }
    *to++ = '"';
    *to = '\0';
}

static void openmetrics__share_counters(struct json_text *text, const struct openmetrics_shares *of)
{
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        const char *key = total_key((enum total_kind)kind);
        json_text_print(text, "# TYPE dummyload_%s_%s counter\n", of->word, key);
        for (uint32_t i = 0; i < of->count; i++) {
            json_text_print(text, "dummyload_%s_%s_total{%s} %" PRIu64 "\n", of->word, key,
                            of->labels[i], of->shares[i].counters.totals[kind]);
        }
    }
    json_text_print(text, "# TYPE dummyload_%s_errors counter\n", of->word);
    for (uint32_t i = 0; i < of->count; i++) {
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            if (error_is_event((enum error_kind)kind)) {
                json_text_print(text, "dummyload_%s_errors_total{%s,kind=\"%s\"} %" PRIu64 "\n",
                                of->word, of->labels[i], error_key((enum error_kind)kind),
                                of->shares[i].counters.errors[kind]);
            }
        }
    }
}

static void openmetrics__share_latency(struct json_text *text, const struct openmetrics_shares *of)
{
    char family[64];
    snprintf(family, sizeof family, "dummyload_%s_latency_seconds", of->word);
    json_text_print(text, "# TYPE %s summary\n# UNIT %s seconds\n", family, family);
    for (uint32_t i = 0; i < of->count; i++) {
        for (int kind = 0; kind < LATENCY_SHARE_KINDS; kind++) {
            char labels[OPENMETRICS_LABELS_BYTES_MAX + 64];
            snprintf(labels, sizeof labels, "%s,kind=\"%s\"", of->labels[i],
                     latency_key((enum latency_kind)kind));
            openmetrics__summary(text, family, labels, &of->shares[i].latency[kind]);
        }
    }
}

static void openmetrics__shares(struct json_text *text, const struct plan *plan,
                                const struct run *run)
{
    static char labels[FIGURES_SHARES_MAX][OPENMETRICS_LABELS_BYTES_MAX];
    const struct figures *figures = &run->figures;
    const struct openmetrics_shares both[] = {
        {"target", figures->targets, figures->targets_count, labels},
        {"behavior", figures->players, figures->players_count, labels}};
    for (size_t k = 0; k < sizeof both / sizeof both[0]; k++) {
        for (uint32_t i = 0; i < both[k].count; i++) {
            openmetrics__label(labels[i], plan->run_id, both[k].word,
                               k == 0 ? plan->target_names[i] : plan->program->behaviors[i].name);
        }
        if (both[k].count > 0) {
            openmetrics__share_counters(text, &both[k]);
            openmetrics__share_latency(text, &both[k]);
        }
    }
}

bool openmetrics_write(const struct plan *plan, const struct run *run,
                       const struct verdict *verdict, const char *path, struct error *error)
{
    struct json_text text = {0};
    openmetrics__counters(&text, run, plan->run_id);
    openmetrics__latency(&text, run, plan->run_id);
    openmetrics__shares(&text, plan, run);
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
