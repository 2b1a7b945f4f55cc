#include "show/record.h"

#include "core/clock.h"
#include "core/must.h"
#include "results/bucket.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const RECORD_PHASES[] = {"connecting", "warmup", "running", "draining", "ended"};

static const char *const RECORD_SHARE_KEYS[LIVE_SHARE_VALUES] = {
    [LIVE_SHARE_ITERATIONS] = "iterations",
    [LIVE_SHARE_REQUESTS] = "requests",
    [LIVE_SHARE_RESPONSES] = "responses",
    [LIVE_SHARE_ERRORS] = "errors"};

const char *record_phase_key(enum run_phase phase)
{
    return RECORD_PHASES[phase];
}

const char *record_share_key(enum live_share value)
{
    return RECORD_SHARE_KEYS[value];
}

void record_begin(struct record *record, const struct plan *plan, int64_t origin_ns)
{
    *record = (struct record){.plan = plan, .origin_ns = origin_ns, .made_ns = origin_ns};
}

/* Without a response it is null: 0 would look like an excellent one. */
static void record__add_percentile(struct json_text *line, const struct record *record,
                                   const struct live_view *view, const char *key, double percentile)
{
    int64_t value_ns = live_percentile_ns(view, &record->before, percentile);
    if (value_ns > 0) {
        json_text_print(line, ",\"%s\":%" PRId64, key, value_ns);
    } else {
        json_text_print(line, ",\"%s\":null", key);
    }
}

static void record__add_text(struct json_text *line, const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    char *quoted = cJSON_PrintUnformatted(item);
    line->failed = line->failed || quoted == NULL;
    json_text_print(line, "%s", quoted == NULL ? "" : quoted);
    cJSON_free(quoted);
    cJSON_Delete(item);
}

/* A moment of the run, from its origin. */
static void record__add_time(struct json_text *line, const struct record *record, const char *key,
                             int64_t time_ns)
{
    if (time_ns == TIME_NEVER_NS) {
        json_text_print(line, ",\"%s\":null", key);
    } else {
        json_text_print(line, ",\"%s\":%" PRId64, key, time_ns - record->origin_ns);
    }
}

const char *record_share_name(const struct plan *plan, uint32_t share)
{
    uint32_t targets = plan->target_names_count;
    return share < targets ? plan->target_names[share]
                           : plan->program->behaviors[share - targets].name;
}

/* The shares from first on. */
static void record__add_shares(struct json_text *line, const struct record *record,
                               const struct live_view *view, const char *list, uint32_t first,
                               uint32_t count)
{
    if (count == 0) {
        return;
    }
    json_text_print(line, ",\"%s\":[", list);
    for (uint32_t i = first; i < first + count; i++) {
        json_text_print(line, "%s{\"name\":", i > first ? "," : "");
        record__add_text(line, record_share_name(record->plan, i));
        for (int v = 0; v < LIVE_SHARE_VALUES; v++) {
            json_text_print(line, ",\"%s\":%" PRIu64, RECORD_SHARE_KEYS[v],
                            view->shares[i][v] - record->before.shares[i][v]);
        }
        json_text_print(line, "}");
    }
    json_text_print(line, "]");
}

static void record__add_targets(struct json_text *line, const struct record *record,
                                const struct record_moment *moment)
{
    record__add_shares(line, record, moment->view, "targets", 0, record->plan->target_names_count);
}

static void record__add_behaviors(struct json_text *line, const struct record *record,
                                  const struct record_moment *moment)
{
    const struct plan *plan = record->plan;
    record__add_shares(line, record, moment->view, "behaviors", plan->target_names_count,
                       figures_behaviors_apart(plan->program->behaviors_count));
}

/* Arrivals that were due since t0. */
static uint64_t record__due(const struct record_moment *moment)
{
    bool begun = moment->t0_ns != TIME_NEVER_NS;
    int64_t until_ns = time_earlier_ns(moment->now_ns, moment->stop_ns) - moment->t0_ns;
    return begun ? pacing_due(&moment->course->pacing, until_ns) : 0;
}

/* What the plan wants: arrivals that were due in the interval (of random ones as many as are
 * expected), and connections now. */
static void record__add_wanted(struct json_text *line, const struct record *record,
                               const struct record_moment *moment)
{
    const struct plan *plan = record->plan;
    bool begun = moment->t0_ns != TIME_NEVER_NS;
    int64_t load_ns = begun ? moment->now_ns - moment->t0_ns : 0;
    json_text_print(line, ",\"connections_wanted\":%" PRIu32,
                    course_connections(moment->course, load_ns));
    if (plan->open_loop) {
        uint64_t due = record__due(moment);
        json_text_print(line, ",\"due\":%" PRIu64, due > record->due ? due - record->due : 0);
    }
}

/* [the lowest value of a bucket, how many], of the responses. */
static void record__add_buckets(struct json_text *line, const struct record *record,
                                const struct record_moment *moment)
{
    const struct live_view *view = moment->view;
    const char *separator = "";
    json_text_print(line, ",\"response_buckets\":[");
    for (uint32_t i = 0; i < LIVE_BUCKETS; i++) {
        uint64_t count = view->buckets[i] - record->before.buckets[i];
        if (count > 0) {
            json_text_print(line, "%s[%" PRId64 ",%" PRIu64 "]", separator,
                            bucket_lowest_ns(i, LIVE_BUCKET_BITS), count);
            separator = ",";
        }
    }
    json_text_print(line, "]");
}

static void record__add_errors(struct json_text *line, const struct record *record,
                               const struct live_view *view)
{
    const char *separator = "";
    json_text_print(line, ",\"errors\":{");
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        uint64_t errors = view->counters.errors[kind] - record->before.counters.errors[kind];
        if (errors > 0) {
            json_text_print(line, "%s\"%s\":%" PRIu64, separator, error_key((enum error_kind)kind),
                            errors);
            separator = ",";
        }
    }
    json_text_print(line, "}");
}

static void record__add_step(struct json_text *line, const struct figures_step *step)
{
    const struct histogram *response = &step->latency[LATENCY_RESPONSE];
    uint64_t errors = 0;
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        errors += error_is_event((enum error_kind)kind) ? step->errors[kind] : 0;
    }
    json_text_print(line, ",\"errors\":%" PRIu64 ",\"response_ns\":{\"count\":%" PRId64, errors,
                    histogram_count(response));
    for (int i = 0; i <= HISTOGRAM_PERCENTILES_COUNT && histogram_count(response) > 0; i++) {
        bool max = i == HISTOGRAM_PERCENTILES_COUNT;
        double percentile = max ? 100 : HISTOGRAM_PERCENTILES[i].percentile;
        json_text_print(line, ",\"%s\":%" PRId64, max ? "max" : HISTOGRAM_PERCENTILES[i].key,
                        histogram_percentile(response, percentile).low_ns);
    }
    json_text_print(line, "}}");
}

/* Of the window until now, not of the interval. */
static void record__add_steps(struct json_text *line, const struct record *record,
                              const struct record_moment *moment)
{
    const struct figures *figures = moment->figures;
    if (figures == NULL) {
        return;
    }
    json_text_print(line, ",\"steps\":[");
    for (uint32_t i = 0; i < figures->steps_count && i < RECORD_STEPS_MAX; i++) {
        json_text_print(line, "%s{\"name\":", i > 0 ? "," : "");
        record__add_text(line, record->plan->step_names[i]);
        record__add_step(line, &figures->steps[i]);
    }
    json_text_print(line, "]");
}

void record_add_thresholds(struct json_text *line, const struct plan *plan,
                           const struct figures *figures, const struct threshold_verdict *verdicts)
{
    json_text_print(line, "[");
    for (uint32_t i = 0; i < plan->thresholds_count; i++) {
        struct threshold_verdict verdict = {0};
        if (verdicts != NULL) {
            verdict = verdicts[i];
        } else if (figures != NULL) {
            threshold_judge(&plan->thresholds[i], figures, &verdict);
        }
        bool known = verdict.judged && (verdict.has_value || verdicts != NULL);
        json_text_print(line, "%s{\"expr\":", i > 0 ? "," : "");
        record__add_text(line, plan->thresholds[i].text);
        json_text_print(line, ",\"value\":");
        record__add_text(line, verdict.text);
        json_text_print(line, ",\"pass\":%s}", !known ? "null" : verdict.pass ? "true" : "false");
    }
    json_text_print(line, "]");
}

static void record__add_judged(struct json_text *line, const struct record *record,
                               const struct record_moment *moment)
{
    if (record->plan->thresholds_count > 0) {
        json_text_print(line, ",\"thresholds\":");
        record_add_thresholds(line, record->plan, moment->figures, NULL);
    }
}

/* What mark steps of the scenario noted in the interval. */
static void record__add_notes(struct json_text *line, const struct record *record,
                              const struct record_moment *moment)
{
    const struct program *program = record->plan->program;
    bool any = false;
    for (uint32_t i = 0; i < program->marks_count; i++) {
        uint64_t count = moment->view->marks[i] - record->before.marks[i];
        if (count > 0) {
            json_text_print(line, "%s{\"text\":", any ? "," : ",\"notes\":[");
            record__add_text(line, program->mark_names[i]);
            json_text_print(line, ",\"count\":%" PRIu64 "}", count);
            any = true;
        }
    }
    json_text_print(line, "%s", any ? "]" : "");
}

/* What somebody did by hand in the interval. */
static void record__add_marks(struct json_text *line, const struct record *record,
                              const struct record_moment *moment)
{
    if (record->marks_made >= moment->marks_count) {
        return;
    }
    const char *separator = "";
    json_text_print(line, ",\"marks\":[");
    for (uint32_t i = record->marks_made; i < moment->marks_count; i++) {
        struct record_mark mark = moment->mark_at(moment->marks, i);
        json_text_print(line, "%s{\"t_ns\":%" PRId64 ",\"kind\":\"%s\",\"text\":", separator,
                        mark.at_ns - record->origin_ns, mark.kind);
        record__add_text(line, mark.text);
        json_text_print(line, ",\"who\":");
        record__add_text(line, mark.who);
        json_text_print(line, "}");
        separator = ",";
    }
    json_text_print(line, "]");
}

/* The lists, those first that a page needs most. */
static void record__add_lists(struct json_text *line, const struct record *record,
                              const struct record_moment *moment, size_t bytes_max)
{
    static const struct {
        const char *key;
        void (*add)(struct json_text *line, const struct record *record,
                    const struct record_moment *moment);
    } LISTS[] = {{"response_buckets", record__add_buckets},
                 {"notes", record__add_notes},
                 {"marks", record__add_marks},
                 {"thresholds", record__add_judged},
                 {"targets", record__add_targets},
                 {"behaviors", record__add_behaviors},
                 {"steps", record__add_steps}};
    static const char LEFT_OUT[] = ",\"left_out\":[]}\n";
    size_t room = sizeof LEFT_OUT;
    char left_out[256] = "";
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
        room += strlen(LISTS[i].key) + sizeof "\"\",";
    }
    for (size_t i = 0; i < sizeof LISTS / sizeof LISTS[0]; i++) {
        size_t bytes = line->bytes;
        LISTS[i].add(line, record, moment);
        if (!line->failed && line->bytes > bytes_max - room) {
            size_t used = strlen(left_out);
            line->bytes = bytes;
            line->text[bytes] = '\0';
            snprintf(left_out + used, sizeof left_out - used, "%s\"%s\"", used > 0 ? "," : "",
                     LISTS[i].key);
        }
    }
    if (left_out[0] != '\0') {
        json_text_print(line, ",\"left_out\":[%s]", left_out);
    }
}

/* Sums are those of the interval; gauges are of its end. */
void record_make(const struct record *record, const struct record_moment *moment, size_t bytes_max,
                 struct json_text *line)
{
    static const enum total_kind SUMS[] = {
        TOTAL_ITERATIONS,      TOTAL_REQUESTS,           TOTAL_RESPONSES,
        TOTAL_MESSAGES_SENT,   TOTAL_MESSAGES_RECEIVED,  TOTAL_BYTES_SENT,
        TOTAL_BYTES_RECEIVED,  TOTAL_TLS_FULL,           TOTAL_TLS_RESUMED,
        TOTAL_WIRE_BYTES_SENT, TOTAL_WIRE_BYTES_RECEIVED};
    const struct live_view *before = &record->before;
    const struct live_view *view = moment->view;
    const struct plan *plan = record->plan;
    char utc[CLOCK_TEXT_BYTES_MAX];
    must(bytes_max >= RECORD_BYTES_LEAST);
    clock_format_utc(moment->now_ns + clock_wall_offset_ns(), utc);
    json_text_print(line,
                    "{\"run_id\":\"%s\",\"t_ns\":%" PRId64 ",\"interval_ns\":%" PRId64
                    ",\"utc\":\"%s\",\"phase\":\"%s\"",
                    plan->run_id, moment->now_ns - record->origin_ns,
                    moment->now_ns - record->made_ns, utc, RECORD_PHASES[moment->phase]);
    record__add_time(line, record, "t0_ns", moment->t0_ns);
    record__add_time(line, record, "stop_ns", moment->stop_ns);
    json_text_print(line, ",\"connections\":%" PRIu32 ",\"connecting\":%" PRIu32,
                    view->gauges[LIVE_OPEN], view->gauges[LIVE_CONNECTING]);
    record__add_wanted(line, record, moment);
    for (size_t i = 0; i < sizeof(SUMS) / sizeof(SUMS[0]); i++) {
        json_text_print(line, ",\"%s\":%" PRIu64, total_key(SUMS[i]),
                        view->counters.totals[SUMS[i]] - before->counters.totals[SUMS[i]]);
    }
    record__add_percentile(line, record, view, "response_p50_ns", 50);
    record__add_percentile(line, record, view, "response_p99_ns", 99);
    record__add_errors(line, record, view);
    record__add_lists(line, record, moment, bytes_max);
    json_text_print(line, "}\n");
}

void record_pass(struct record *record, const struct record_moment *moment)
{
    record->due = record__due(moment);
    record->marks_made = moment->marks_count;
    record->before = *moment->view;
    record->made_ns = moment->now_ns;
}
