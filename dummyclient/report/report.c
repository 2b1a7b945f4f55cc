#include "report/report.h"

#include "conduct/hosts.h"
#include "conduct/steer.h"
#include "core/clock.h"
#include "text/json.h"

#include <cjson/cJSON.h>

#include <math.h>
#include <stdio.h>

/* Becomes null. */
#define NO_NUMBER ((double)NAN)

static void report__add_latency(struct cJSON *object, const struct histogram *histograms, int kinds)
{
    struct cJSON *latency = json_add_item(object, "latency_ns", cJSON_CreateObject());
    for (int kind = 0; kind < kinds; kind++) {
        result_add_histogram(latency, latency_key((enum latency_kind)kind), &histograms[kind]);
    }
}

/* Those that there are. */
static void report__add_errors(struct cJSON *object, const uint64_t *counts)
{
    struct cJSON *errors = json_add_item(object, "errors", cJSON_CreateObject());
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (counts[kind] > 0) {
            json_add_u64(errors, error_key((enum error_kind)kind), counts[kind]);
        }
    }
}

static void report__add_steps(struct cJSON *result, const struct plan *plan,
                              const struct figures *figures)
{
    struct cJSON *steps = json_add_item(result, "steps", cJSON_CreateArray());
    for (uint32_t i = 0; i < figures->steps_count; i++) {
        const struct figures_step *step = &figures->steps[i];
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "name", plan->step_names[i]);
        report__add_latency(item, step->latency, LATENCY_STEP_KINDS);
        report__add_errors(item, step->errors);
        evidence_report(item, &figures->evidence->failed[i], figures->origin_ns);
        json_append_item(steps, item);
    }
    evidence_report_places(result, figures->evidence, figures->origin_ns);
    if (plan_speaks_tls(plan)) {
        tls_stats_add_json(&figures->tls, result);
    }
}

static void report__add_rate_figures(struct cJSON *rate, const struct plan *plan,
                                     double target_per_s, double achieved_per_s)
{
    json_add_double(rate, "target_per_s", plan->open_loop ? target_per_s : NO_NUMBER);
    json_add_double(rate, "achieved_per_s", achieved_per_s);
}

/* The arrivals of the behaviors that begin at the target. False: they are not known, because not
 * every behavior begins at one that has a name. */
static bool report__target_arrivals(const struct plan *plan, const struct figures *figures,
                                    uint32_t target, struct arrival_counts *sum)
{
    *sum = (struct arrival_counts){0};
    for (uint32_t i = 0; i < figures->behaviors_count; i++) {
        uint32_t first = plan->program->behaviors[i].first_target;
        if (first >= figures->targets_count) {
            return false;
        }
        const struct arrival_counts *counts = &figures->behaviors[i];
        sum->intended += first == target ? counts->intended : 0;
        sum->begun += first == target ? counts->begun : 0;
        sum->dropped += first == target ? counts->dropped : 0;
        sum->never_started += first == target ? counts->never_started : 0;
    }
    return true;
}

/* arrivals: NULL where they are not known. */
static void report__add_share(struct cJSON *item, const struct run *run,
                              const struct figures_share *share,
                              const struct arrival_counts *arrivals, uint32_t written)
{
    struct cJSON *totals = json_add_item(item, "totals", cJSON_CreateObject());
    for (int kind = 0; kind < TOTAL_KINDS; kind++) {
        json_add_u64(totals, total_key((enum total_kind)kind), share->counters.totals[kind]);
    }
    struct cJSON *rate = json_add_item(item, "rate", cJSON_CreateObject());
    double seconds = (double)run->window_ns / (double)NS_PER_S;
    json_add_double(rate, "achieved_per_s",
                    seconds > 0 ? (double)share->iterations_started / seconds : 0);
    if (arrivals != NULL) {
        arrival_counts_to_json(arrivals, rate);
    }
    json_add_u64(rate, "started", share->iterations_started);
    json_add_i64(rate, "window_ns", run->window_ns);
    report__add_latency(item, share->latency, LATENCY_SHARE_KINDS);
    report__add_errors(item, share->counters.errors);
    json_add_item(item, "series", series_values_to_json(share->series, run->end_ns, written));
}

static void report__align(const struct figures_share *shares, uint32_t count)
{
    for (uint32_t i = 0; i < 2 * count; i++) { /* the first has the longest entries, then all */
        series_align(shares[0].series, shares[i % count].series);
    }
}

/* Where there are several that are told apart: their addresses, and what belongs to each. */
static void report__add_targets(struct cJSON *result, const struct plan *plan,
                                const struct run *run)
{
    const struct figures *figures = &run->figures;
    struct cJSON *targets = json_add_item(result, "targets", cJSON_CreateArray());
    report__align(figures->targets, figures->targets_count);
    for (uint32_t i = 0; i < figures->targets_count; i++) {
        struct arrival_counts arrivals;
        bool known = report__target_arrivals(plan, figures, i, &arrivals);
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "name", plan->target_names[i]);
        struct cJSON *addresses = json_add_item(item, "addresses", cJSON_CreateArray());
        for (uint32_t j = 0; j < plan->targets_count; j++) {
            char text[NET_ADDRESS_TEXT_BYTES_MAX];
            if (plan->targets[j].of == i) {
                net_address_format(&plan->targets[j].address, text);
                json_append_item(addresses, cJSON_CreateString(text));
            }
        }
        report__add_share(item, run, &figures->targets[i], known ? &arrivals : NULL,
                          SERIES_OF_SHARE);
        json_append_item(targets, item);
    }
}

static void report__add_behaviors(struct cJSON *result, const struct plan *plan,
                                  const struct run *run)
{
    const struct figures *figures = &run->figures;
    struct cJSON *behaviors = json_add_item(result, "behaviors", cJSON_CreateArray());
    report__align(figures->players, figures->players_count);
    for (uint32_t i = 0; i < figures->players_count; i++) {
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "name", plan->program->behaviors[i].name);
        report__add_share(item, run, &figures->players[i], &figures->behaviors[i],
                          SERIES_OF_SHARE | (plan->open_loop ? SERIES_ARRIVALS : 0));
        json_append_item(behaviors, item);
    }
}

/* Where the load has several stages. */
static void report__add_stages(struct cJSON *result, const struct plan *plan, const struct run *run)
{
    const struct figures *figures = &run->figures;
    struct cJSON *stages = json_add_item(result, "stages", cJSON_CreateArray());
    for (uint32_t i = 0; i < figures->stages_count; i++) {
        const struct figures_stage *stage = &figures->stages[i];
        double seconds = (double)stage->window_ns / (double)NS_PER_S;
        struct cJSON *item = cJSON_CreateObject();
        int64_t start_ns = run->course->end_ns; /* it was ended by hand before it began */
        int64_t end_ns = start_ns;
        pacing_stage_span(&run->course->pacing, i, &start_ns, &end_ns);
        bool last = i + 1 == figures->stages_count;
        json_add_i64(item, "start_ns", start_ns);
        json_add_i64(item, "end_ns", last ? run->course->end_ns : end_ns);
        struct cJSON *rate = json_add_item(item, "rate", cJSON_CreateObject());
        report__add_rate_figures(rate, plan, stage->rate_target_per_s,
                                 seconds > 0 ? (double)stage->iterations_started / seconds : 0);
        arrival_counts_to_json(&stage->arrivals, rate);
        json_add_u64(rate, "started", stage->iterations_started);
        json_add_i64(rate, "window_ns", stage->window_ns);
        report__add_latency(item, stage->latency, LATENCY_KINDS);
        report__add_errors(item, stage->errors);
        json_append_item(stages, item);
    }
}

/* The cost of reading the clock, and how far a stamp may be from the event. */
static void report__add_clock(struct cJSON *result, const struct run *run)
{
    const struct figures *figures = &run->figures;
    const struct histogram *gap = &figures->latency[LATENCY_POLL_GAP];
    struct cJSON *clock = json_add_item(result, "clock", cJSON_CreateObject());
    json_add_i64(clock, "read_ns", run->clock_cost_ns);
    json_add_i64(clock, "resolution_ns", run->clock_tick_ns);
    json_add_u64(clock, "reads", figures->clock_reads);
    json_add_i64(clock, "sent_error_max_ns", figures->sent_error_max_ns);
    json_add_i64(clock, "received_error_p99_ns", histogram_percentile(gap, 99).low_ns);
    json_add_i64(clock, "received_error_max_ns", histogram_percentile(gap, 100).low_ns);
    json_add_i64(clock, "wake_up_p50_ns", histogram_percentile(&run->tick_lag, 50).low_ns);
    json_add_i64(clock, "wake_up_p99_ns", histogram_percentile(&run->tick_lag, 99).low_ns);
    json_add_u64(clock, "idle_ns", figures->idle_ns);
    json_add_i64(clock, "stalled_ns", run_stalled_ns(run, RUN_STALL_LEAST_NS));
    json_add_i64(clock, "wall_step_max_ns", run->clock_step_ns);
}

static void report__add_codec_cost(struct cJSON *codec, const char *key,
                                   const struct codec_cost *cost, int64_t clock_cost_ns)
{
    struct cJSON *object = json_add_item(codec, key, cJSON_CreateObject());
    json_add_u64(object, "messages", cost->messages);
    json_add_u64(object, "calls", cost->calls);
    json_add_u64(object, "sampled", cost->sampled);
    json_add_double(object, "ns_per_message",
                    cost->messages == 0 ? NO_NUMBER : codec_cost_ns(cost, clock_cost_ns));
    json_add_u64(object, "longest_ns", cost->longest_ns);
}

static void report__add_codec(struct cJSON *result, const struct plan *plan, const struct run *run)
{
    const struct dummyload_codec *table = plan_codec_table(&plan->codec);
    if (table == NULL) {
        return;
    }
    struct cJSON *codec = json_add_item(result, "codec", cJSON_CreateObject());
    json_add_text(codec, "name", table->name);
    json_add_text(codec, "release", table->release);
    json_add_text(codec, "library", plan->codec.path);
    report__add_codec_cost(codec, "decode", &run->figures.decoded, run->clock_cost_ns);
    report__add_codec_cost(codec, "encode", &run->figures.encoded, run->clock_cost_ns);
}

static void report__add_validity(struct cJSON *result, const struct verdict *verdict)
{
    struct cJSON *validity = json_add_item(result, "validity", cJSON_CreateObject());
    struct cJSON *reasons = cJSON_CreateArray();
    struct cJSON *failures = cJSON_CreateArray();
    for (uint32_t i = 0; i < verdict->reasons_count; i++) {
        json_append_item(reasons, cJSON_CreateString(verdict->reasons[i]));
    }
    for (uint32_t i = 0; i < verdict->failures_count; i++) {
        json_append_item(failures, cJSON_CreateString(verdict->failures[i]));
    }
    json_add_bool(validity, "valid", verdict->valid);
    json_add_item(validity, "reasons", reasons);
    json_add_text(validity, "limited_by", verdict->limited_by);
    json_add_item(result, "failures", failures);
}

static void report__add_ready(struct cJSON *result, const struct run *run)
{
    static const char *const OPENED[] = {[RUN_ALL_READY] = "all_ready",
                                         [RUN_ALL_SETTLED] = "all_settled",
                                         [RUN_READY_TIME_OUT] = "time_out"};
    if (run->opened != RUN_NOT_OPENED) {
        struct cJSON *ready = json_add_item(result, "ready", cJSON_CreateObject());
        json_add_u64(ready, "wanted", run->ready_wanted);
        json_add_u64(ready, "ready", run->ready_count);
        json_add_text(ready, "window_opened", OPENED[run->opened]);
    }
}

static void report__add_thresholds(struct cJSON *result, const struct plan *plan,
                                   const struct verdict *verdict,
                                   const struct threshold *aborted_by)
{
    struct cJSON *thresholds = json_add_item(result, "thresholds", cJSON_CreateArray());
    for (uint32_t i = 0; i < verdict->thresholds_count; i++) {
        const struct threshold_verdict *judged = &verdict->thresholds[i];
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "expr", plan->thresholds[i].text);
        json_add_double(item, "value", judged->has_value ? judged->value : NO_NUMBER);
        if (judged->at_least) {
            json_add_bool(item, "at_least", true);
        }
        json_add_item(item, "pass",
                      judged->judged ? cJSON_CreateBool(judged->pass) : cJSON_CreateNull());
        if (plan->thresholds[i].abort_on_fail) {
            json_add_bool(item, "abort_on_fail", true);
            json_add_bool(item, "aborted", aborted_by == &plan->thresholds[i]);
        }
        json_append_item(thresholds, item);
    }
}

static void report__add_rate(struct cJSON *result, const struct plan *plan, const struct run *run)
{
    const struct figures *figures = &run->figures;
    struct cJSON *rate = json_add_item(result, "rate", cJSON_CreateObject());
    report__add_rate_figures(rate, plan, figures->rate_target_per_s, figures->rate_achieved_per_s);
    arrival_counts_to_json(&figures->arrivals, rate);
    json_add_u64(rate, "started", figures->iterations_started);
    json_add_i64(rate, "window_ns", run->window_ns);
    struct cJSON *behaviors = json_add_item(rate, "behaviors", cJSON_CreateArray());
    for (uint32_t i = 0; i < figures->behaviors_count; i++) {
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "name", plan->program->behaviors[i].name);
        arrival_counts_to_json(&figures->behaviors[i], item);
        json_append_item(behaviors, item);
    }
}

static void report__add_totals(struct cJSON *result, const struct run *run)
{
    result_add_counters(result, &run->figures.counters);
    struct cJSON *totals = cJSON_GetObjectItemCaseSensitive(result, "totals");
    if (totals != NULL) {
        json_add_u64(totals, "connections_peak", run->connections_peak);
        json_add_u64(totals, "requests_cut", run->figures.requests_cut);
    }
}

struct cJSON *report_to_json(const struct plan *plan, struct run *run,
                             const struct verdict *verdict)
{
    struct result_run about = {.name = plan->scenario->name,
                               .started_wall_ns = run->started_wall_ns,
                               .duration_ns = run->end_ns - run->origin_ns,
                               .seed = plan->scenario->load.seed,
                               .interrupted = run->end == RUN_INTERRUPTED};
    snprintf(about.id, sizeof about.id, "%s", plan->run_id);
    struct cJSON *result = result_create("client", &about);
    if (result == NULL) {
        return NULL;
    }
    struct cJSON *object = cJSON_GetObjectItemCaseSensitive(result, "run");
    if (object != NULL && run->t0_ns != TIME_NEVER_NS) {
        /* Where the measuring begins and ends in the series' time. The window of a run that ended
         * in its warm-up is empty, and stands where the run ended: nothing was due behind that. */
        int64_t opens_ns = run->t0_ns + plan->scenario->load.warmup_ns;
        int64_t window_at_ns = time_earlier_ns(opens_ns, run->stop_ns) - run->origin_ns;
        json_add_i64(object, "t0_ns", run->t0_ns - run->origin_ns);
        json_add_i64(object, "window_start_ns", window_at_ns);
        json_add_i64(object, "window_end_ns", window_at_ns + run->window_ns);
    }
    if (object != NULL && run->steer != NULL) {
        json_add_bool(object, "steered", steer_is_steered(run->steer));
    }
    json_add_item(result, "plan", plan_to_json(plan));
    steer_add_json(run, result);
    report__add_validity(result, verdict);
    report__add_ready(result, run);
    report__add_thresholds(result, plan, verdict, run->aborted_by);
    report__add_totals(result, run);
    report__add_rate(result, plan, run);
    report__add_latency(result, run->figures.latency, LATENCY_KINDS);
    report__add_steps(result, plan, &run->figures);
    report__add_codec(result, plan, run);
    report__add_targets(result, plan, run);
    report__add_behaviors(result, plan, run);
    report__add_stages(result, plan, run);
    report__add_clock(result, run);
    notes_to_json(&run->figures.notes, plan->program->mark_names, result);
    json_add_item(result, "series", series_to_json(run->figures.series, run->end_ns));
    result_add_abnormal(result, run->figures.abnormal, run->figures.abnormal_count,
                        run->figures.abnormal_total);
    clean_add_json(result, run->figures.clean);
    result_add_port_stats(result, run->backend, &run->figures.port);
    if (run->hosts_count > 0) {
        hosts_add_json(result, run);
    } else {
        result_add_resources(result);
    }
    return result;
}
