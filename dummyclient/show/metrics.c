#include "show/metrics.h"

#include "core/clock.h"
#include "results/bucket.h"

#include <inttypes.h>

/* Responses below and above are in the first and in the last bucket. */
#define METRICS_LOWEST_NS  (INT64_C(1) << 13)
#define METRICS_HIGHEST_NS (INT64_C(1) << 37)

static void metrics__add_gauges(const struct metrics_text *metrics, int64_t origin_ns,
                                const struct record_moment *moment)
{
    const uint32_t *gauges = moment->view->gauges;
    bool begun = moment->t0_ns != TIME_NEVER_NS;
    int64_t load_ns = begun ? moment->now_ns - moment->t0_ns : 0;
    metrics_add_gauge(metrics, "connections", gauges[LIVE_OPEN]);
    metrics_add_gauge(metrics, "connecting", gauges[LIVE_CONNECTING]);
    metrics_add_gauge(metrics, "connections_wanted", course_connections(moment->course, load_ns));
    metrics_add_gauge(metrics, "run_seconds",
                      (double)(moment->now_ns - origin_ns) / (double)NS_PER_S);
    metrics_add_type(metrics, "phase", "gauge");
    for (int phase = 0; phase <= PHASE_ENDED; phase++) {
        json_text_print(metrics->text, "dummyload_phase{run_id=\"%s\",phase=\"%s\"} %d\n",
                        metrics->run_id, record_phase_key((enum run_phase)phase),
                        moment->phase == (enum run_phase)phase);
    }
}

static void metrics__add_due(const struct metrics_text *metrics, const struct record_moment *moment)
{
    int64_t load_ns = moment->t0_ns == TIME_NEVER_NS
                          ? 0
                          : time_earlier_ns(moment->now_ns, moment->stop_ns) - moment->t0_ns;
    uint64_t due = pacing_due(&moment->course->pacing, load_ns);
    bool loaded = load_ns > 0 && moment->now_ns < moment->stop_ns;
    metrics_add_type(metrics, "due", "counter");
    json_text_print(metrics->text, "dummyload_due_total{run_id=\"%s\"} %" PRIu64 "\n",
                    metrics->run_id, due);
    metrics_add_type(metrics, "rate_per_second", "gauge");
    json_text_print(
        metrics->text, "dummyload_rate_per_second{run_id=\"%s\",kind=\"target\"} %.9g\n",
        metrics->run_id, loaded ? pacing_rate_per_s(&moment->course->pacing, load_ns) : 0);
}

/* Of the run's whole time. The sum is of the buckets' middles. */
static void metrics__add_responses(const struct metrics_text *metrics, const struct live_view *view)
{
    uint32_t first = bucket_of(METRICS_LOWEST_NS, LIVE_BUCKET_BITS);
    uint32_t last = bucket_of(METRICS_HIGHEST_NS, LIVE_BUCKET_BITS);
    uint64_t count = 0;
    double sum_ns = 0;
    metrics_add_type(metrics, "response_seconds", "histogram");
    for (uint32_t i = 0; i < LIVE_BUCKETS; i++) {
        int64_t lowest_ns = bucket_lowest_ns(i, LIVE_BUCKET_BITS);
        if (i >= first && i <= last) {
            json_text_print(metrics->text,
                            "dummyload_response_seconds_bucket{run_id=\"%s\",le=\"%.9g\"} %" PRIu64
                            "\n",
                            metrics->run_id, (double)lowest_ns / 1e9, count);
        }
        if (view->buckets[i] > 0) {
            int64_t next_ns = bucket_lowest_ns(i + 1, LIVE_BUCKET_BITS);
            count += view->buckets[i];
            sum_ns += (double)view->buckets[i] * ((double)lowest_ns + (double)next_ns) / 2;
        }
    }
    json_text_print(metrics->text,
                    "dummyload_response_seconds_bucket{run_id=\"%s\",le=\"+Inf\"} %" PRIu64
                    "\ndummyload_response_seconds_sum{run_id=\"%s\"} %.9g\n"
                    "dummyload_response_seconds_count{run_id=\"%s\"} %" PRIu64 "\n",
                    metrics->run_id, count, metrics->run_id, sum_ns / 1e9, metrics->run_id, count);
}

/* Targets or behaviors: the shares from first on. */
static void metrics__add_shares(const struct metrics_text *metrics, const struct plan *plan,
                                const struct live_view *view, const char *word, uint32_t first,
                                uint32_t count)
{
    for (int v = 0; v < LIVE_SHARE_VALUES && count > 0; v++) {
        char family[96];
        snprintf(family, sizeof family, "%s_%s", word, record_share_key((enum live_share)v));
        metrics_add_type(metrics, family, "counter");
        for (uint32_t i = first; i < first + count; i++) {
            char labels[METRICS_LABELS_BYTES_MAX];
            metrics_label(metrics, word, record_share_name(plan, i), labels);
            json_text_print(metrics->text, "dummyload_%s_total{%s} %" PRIu64 "\n", family, labels,
                            view->shares[i][v]);
        }
    }
}

void metrics_add_latencies(const struct metrics_text *metrics, const struct histogram *latency)
{
    metrics_add_type(metrics, "latency_seconds", "summary");
    if (metrics->format == METRICS_OPENMETRICS) {
        json_text_print(metrics->text, "# UNIT dummyload_latency_seconds seconds\n");
    }
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        char labels[METRICS_LABELS_BYTES_MAX];
        metrics_label(metrics, "kind", latency_key((enum latency_kind)kind), labels);
        metrics_add_summary(metrics, "latency_seconds", labels, &latency[kind]);
    }
    /* Percentiles at or above the lowest of these are lower bounds. */
    metrics_add_type(metrics, "latency_censored", "counter");
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        json_text_print(metrics->text,
                        "dummyload_latency_censored_total{run_id=\"%s\",kind=\"%s\"} %" PRId64 "\n",
                        metrics->run_id, latency_key((enum latency_kind)kind),
                        latency[kind].censored_count);
    }
}

/* Of the measuring window until now. */
static void metrics__add_figures(const struct metrics_text *metrics, const struct plan *plan,
                                 const struct figures *figures)
{
    metrics_add_latencies(metrics, figures->latency);
    metrics_add_type(metrics, "step_latency_seconds", "summary");
    for (uint32_t i = 0; i < figures->steps_count && i < RECORD_STEPS_MAX; i++) {
        char labels[METRICS_LABELS_BYTES_MAX];
        metrics_label(metrics, "step", plan->step_names[i], labels);
        metrics_add_summary(metrics, "step_latency_seconds", labels,
                            &figures->steps[i].latency[LATENCY_RESPONSE]);
    }
    metrics_add_type(metrics, "threshold_holds", "gauge");
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        struct threshold_verdict verdict;
        char labels[METRICS_LABELS_BYTES_MAX];
        threshold_judge(&plan->thresholds[i], figures, &verdict);
        if (verdict.judged && verdict.has_value) {
            metrics_label(metrics, "threshold", plan->thresholds[i].text, labels);
            json_text_print(metrics->text, "dummyload_threshold_holds{%s} %d\n", labels,
                            verdict.pass);
        }
    }
}

void metrics_make(const struct plan *plan, int64_t origin_ns, const struct record_moment *moment,
                  struct json_text *text)
{
    struct metrics_text metrics = {
        .text = text, .prefix = "dummyload", .format = METRICS_PROMETHEUS, .run_id = plan->run_id};
    uint32_t targets = plan->target_names_count;
    metrics__add_gauges(&metrics, origin_ns, moment);
    if (plan->open_loop) {
        metrics__add_due(&metrics, moment);
    }
    metrics_add_counters(&metrics, &moment->view->counters);
    metrics__add_responses(&metrics, moment->view);
    metrics__add_shares(&metrics, plan, moment->view, "target", 0, targets);
    metrics__add_shares(&metrics, plan, moment->view, "behavior", targets,
                        figures_behaviors_apart(plan->program->behaviors_count));
    if (moment->figures != NULL) {
        metrics__add_figures(&metrics, plan, moment->figures);
    }
}
