#include "report.h"

#include "core/clock.h"
#include "results/json.h"

#include <cjson/cJSON.h>

#include <stdio.h>

static void report__add_latency(struct cJSON *result, const struct figures *figures)
{
    struct cJSON *latency = json_add_item(result, "latency_ns", cJSON_CreateObject());
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        result_add_histogram(latency, latency_key((enum latency_kind)kind),
                             &figures->latency[kind]);
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
        struct cJSON *latency = json_add_item(item, "latency_ns", cJSON_CreateObject());
        result_add_histogram(latency, latency_key(LATENCY_RESPONSE), &step->response);
        result_add_histogram(latency, latency_key(LATENCY_SERVICE), &step->service);
        struct cJSON *errors = json_add_item(item, "errors", cJSON_CreateObject());
        for (int kind = 0; kind < ERROR_KINDS; kind++) {
            if (step->errors[kind] > 0) {
                json_add_u64(errors, error_key((enum error_kind)kind), step->errors[kind]);
            }
        }
        json_append_item(steps, item);
    }
}

static void report__add_validity(struct cJSON *result, const struct verdict *verdict)
{
    struct cJSON *validity = json_add_item(result, "validity", cJSON_CreateObject());
    json_add_bool(validity, "valid", verdict->valid);
    struct cJSON *reasons = json_add_item(validity, "reasons", cJSON_CreateArray());
    for (uint32_t i = 0; i < verdict->reasons_count; i++) {
        json_append_item(reasons, cJSON_CreateString(verdict->reasons[i]));
    }
    if (verdict->limited_by != NULL) {
        json_add_text(validity, "limited_by", verdict->limited_by);
    } else {
        json_add_item(validity, "limited_by", cJSON_CreateNull());
    }
}

static void report__add_thresholds(struct cJSON *result, const struct plan *plan,
                                   const struct verdict *verdict)
{
    struct cJSON *thresholds = json_add_item(result, "thresholds", cJSON_CreateArray());
    for (uint32_t i = 0; i < verdict->thresholds_count; i++) {
        const struct threshold_verdict *judged = &verdict->thresholds[i];
        struct cJSON *item = cJSON_CreateObject();
        json_add_text(item, "expr", plan->thresholds[i].text);
        if (judged->has_value) {
            json_add_double(item, "value", judged->value);
        } else {
            json_add_item(item, "value", cJSON_CreateNull());
        }
        json_add_bool(item, "pass", judged->pass);
        json_append_item(thresholds, item);
    }
}

static void report__add_rate(struct cJSON *result, const struct plan *plan, const struct run *run)
{
    const struct figures *figures = &run->figures;
    struct cJSON *rate = json_add_item(result, "rate", cJSON_CreateObject());
    if (plan->open_loop) {
        json_add_double(rate, "target_per_s", figures->rate_target_per_s);
    } else {
        json_add_item(rate, "target_per_s", cJSON_CreateNull());
    }
    json_add_double(rate, "achieved_per_s", figures->rate_achieved_per_s);
    json_add_u64(rate, "intended", figures->arrivals_intended);
    json_add_u64(rate, "started", figures->iterations_started);
    json_add_u64(rate, "never_started", figures->arrivals_never_started);
    json_add_u64(rate, "dropped", figures->arrivals_dropped);
    json_add_i64(rate, "window_ns", run->window_ns);
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
    snprintf(about.id, sizeof(about.id), "%s", plan->run_id);
    struct cJSON *result = result_create("client", &about);
    if (result == NULL) {
        return NULL;
    }
    struct cJSON *object = cJSON_GetObjectItemCaseSensitive(result, "run");
    if (object != NULL && run->t0_ns != TIME_NEVER_NS) {
        /* Where the measuring begins and ends in the series' time. */
        int64_t window_at_ns = run->t0_ns + plan->scenario->load.warmup_ns - run->origin_ns;
        json_add_i64(object, "t0_ns", run->t0_ns - run->origin_ns);
        json_add_i64(object, "window_start_ns", window_at_ns);
        json_add_i64(object, "window_end_ns", window_at_ns + run->window_ns);
    }
    json_add_item(result, "plan", plan_to_json(plan));
    report__add_validity(result, verdict);
    report__add_thresholds(result, plan, verdict);
    report__add_totals(result, run);
    report__add_rate(result, plan, run);
    report__add_latency(result, &run->figures);
    report__add_steps(result, plan, &run->figures);
    json_add_item(result, "series", series_to_json(run->figures.series, run->end_ns));
    result_add_abnormal(result, run->figures.abnormal, run->figures.abnormal_count,
                        run->figures.abnormal_total);
    result_add_port_stats(result, run->backend, &run->figures.port);
    result_add_resources(result);
    return result;
}
