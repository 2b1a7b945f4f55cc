#include "report/openmetrics.h"

#include "files/output.h"
#include "show/metrics.h"
#include "text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- The same of each target and of each behavior, in families of their own: a sum over a family
 * counts nothing twice. */

struct openmetrics_shares {
    const char *word; /* "target", "behavior": of the families and of the label */
    const struct figures_share *shares;
    uint32_t count;
    char (*labels)[METRICS_LABELS_BYTES_MAX]; /* run_id and the name of each */
};

static void openmetrics__share_counters(const struct metrics_text *metrics,
                                        const struct openmetrics_shares *of)
{
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        const char *key = total_key((enum total_kind)kind);
        json_text_print(metrics->text, "# TYPE dummyload_%s_%s counter\n", of->word, key);
        for (uint32_t i = 0; i < of->count; i++) {
            json_text_print(metrics->text, "dummyload_%s_%s_total{%s} %" PRIu64 "\n", of->word, key,
                            of->labels[i], of->shares[i].counters.totals[kind]);
        }
    }
    json_text_print(metrics->text, "# TYPE dummyload_%s_errors counter\n", of->word);
    for (uint32_t i = 0; i < of->count; i++) {
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            if (error_is_event((enum error_kind)kind)) {
                json_text_print(metrics->text,
                                "dummyload_%s_errors_total{%s,kind=\"%s\"} %" PRIu64 "\n", of->word,
                                of->labels[i], error_key((enum error_kind)kind),
                                of->shares[i].counters.errors[kind]);
            }
        }
    }
}

static void openmetrics__share_latency(const struct metrics_text *metrics,
                                       const struct openmetrics_shares *of)
{
    char family[64];
    snprintf(family, sizeof family, "dummyload_%s_latency_seconds", of->word);
    json_text_print(metrics->text, "# TYPE %s summary\n# UNIT %s seconds\n", family, family);
    for (uint32_t i = 0; i < of->count; i++) {
        for (int kind = 0; kind < LATENCY_SHARE_KINDS; kind++) {
            char labels[METRICS_LABELS_BYTES_MAX + 64];
            snprintf(labels, sizeof labels, "%s,kind=\"%s\"", of->labels[i],
                     latency_key((enum latency_kind)kind));
            metrics_add_summary(metrics, family + sizeof "dummyload", labels,
                                &of->shares[i].latency[kind]);
        }
    }
}

static void openmetrics__shares(const struct metrics_text *metrics, const struct plan *plan,
                                const struct run *run)
{
    static char labels[FIGURES_SHARES_MAX][METRICS_LABELS_BYTES_MAX];
    const struct figures *figures = &run->figures;
    const struct openmetrics_shares both[] = {
        {"target", figures->targets, figures->targets_count, labels},
        {"behavior", figures->players, figures->players_count, labels}};
    for (size_t k = 0; k < sizeof both / sizeof both[0]; k++) {
        for (uint32_t i = 0; i < both[k].count; i++) {
            metrics_label(metrics, both[k].word,
                          k == 0 ? plan->target_names[i] : plan->program->behaviors[i].name,
                          labels[i]);
        }
        if (both[k].count > 0) {
            openmetrics__share_counters(metrics, &both[k]);
            openmetrics__share_latency(metrics, &both[k]);
        }
    }
}

bool openmetrics_write(const struct plan *plan, const struct run *run,
                       const struct verdict *verdict, const char *path, struct error *error)
{
    struct json_text text = {0};
    struct metrics_text metrics = {.text = &text,
                                   .prefix = "dummyload",
                                   .format = METRICS_OPENMETRICS,
                                   .run_id = plan->run_id};
    metrics_add_counters(&metrics, &run->figures.counters);
    metrics_add_latencies(&metrics, run->figures.latency);
    openmetrics__shares(&metrics, plan, run);
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
