#include "report/summary.h"

#include "conduct/hosts.h"
#include "conduct/steer.h"
#include "core/clock.h"
#include "core/printable.h"
#include "report/summary_tls.h"
#include "text/encoding.h"
#include "text/units.h"

#include <inttypes.h>
#include <string.h>

enum {
    SUMMARY_NAME_BYTES_MAX = 128,
    SUMMARY_STEPS_MAX = 20,
    SUMMARY_PUSHES_MAX = 3,
    SUMMARY_LAST_BYTES_MAX = 32
};

/* One of a list of errors, if there are any: "17 connect_refused". Returns what comes before the
 * next. */
static const char *summary__print_kind(const char *separator, uint64_t count, int kind,
                                       struct wrap *out)
{
    char text[UNITS_TEXT_BYTES_MAX];
    if (count == 0) {
        return separator;
    }
    wrap_print(out, "%s%s %s", separator, units_format_count(count, text),
               error_key((enum error_kind)kind));
    return ", ";
}

/* What the first of them has received last, where that is known: a server says there why it ends a
 * connection. */
static void summary__print_last(const struct figures *figures, struct wrap *out)
{
    char hex[3 * SUMMARY_LAST_BYTES_MAX + 1];
    char text[SUMMARY_LAST_BYTES_MAX + 1];
    for (uint32_t i = 0; i < figures->abnormal_count; i++) {
        const struct result_last *last = &figures->abnormal[i].received;
        if (last->count == 0) {
            continue;
        }
        size_t count = last->count < SUMMARY_LAST_BYTES_MAX ? last->count : SUMMARY_LAST_BYTES_MAX;
        const uint8_t *bytes = last->bytes + (last->count - count);
        wrap_print(out, "                one received last: %s  \"%s\"\n",
                   encoding_write_hex(bytes, count, " ", hex, sizeof hex),
                   printable_bytes(bytes, count, text, sizeof text));
        return;
    }
}

/* Why connections ended abnormally, of those that are listed. */
static void summary__print_abnormal(const struct figures *figures, struct wrap *out)
{
    uint64_t reasons[ERROR_KINDS] = {0};
    char text[UNITS_TEXT_BYTES_MAX];
    wrap_print(out, "  abnormal      %s connections ended abnormally",
               units_format_count(figures->abnormal_total, text));
    if (figures->abnormal_count < figures->abnormal_total) {
        wrap_print(out, "; of the %s listed", units_format_count(figures->abnormal_count, text));
    }
    wrap_print(out, ":");
    for (uint32_t i = 0; i < figures->abnormal_count; i++) {
        reasons[figures->abnormal[i].reason]++;
    }
    const char *separator = " ";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (reasons[kind] > 0) {
            wrap_print(out, "%s%s %s", separator, error_key((enum error_kind)kind),
                       units_format_count(reasons[kind], text));
            separator = ", ";
        }
    }
    wrap_print(out, "\n");
    summary__print_last(figures, out);
}

/* Why those that were not ready had failed, attempts by their kind: "17 connect_refused". */
static void summary__print_unready(const struct run *run, struct wrap *out)
{
    struct verdict_unready unready = verdict_unready(run);
    char text[UNITS_TEXT_BYTES_MAX];
    if (unready.failed == 0) {
        wrap_print(out, " (no longer waited for)");
        return;
    }
    wrap_print(out, ": %s had failed", units_format_count(unready.failed, text));
    const char *separator = " (";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        if (error_keeps_out((enum error_kind)kind)) {
            separator = summary__print_kind(separator, run->errors_before_t0[kind], kind, out);
        }
    }
    wrap_print(out, ")");
    if (unready.in_setup > 0) {
        wrap_print(out, ", %s still in setup", units_format_count(unready.in_setup, text));
    }
}

static void summary__print_connections(const struct plan *plan, const struct run *run,
                                       struct wrap *out)
{
    const uint64_t *totals = run->figures.counters.totals;
    char ok[UNITS_TEXT_BYTES_MAX];
    char wanted[UNITS_TEXT_BYTES_MAX];
    char peak[UNITS_TEXT_BYTES_MAX];
    wrap_print(out, "  connections   %s open at once of %s wanted; %s connects succeeded",
               units_format_count(run->connections_peak, peak),
               units_format_count(plan->connections, wanted),
               units_format_count(totals[TOTAL_CONNECTS_OK], ok));
    if (run->opened != RUN_NOT_OPENED && run->ready_count < run->ready_wanted) {
        wrap_print(out, "; %s of %s were ready at the start",
                   units_format_count(run->ready_count, ok),
                   units_format_count(run->ready_wanted, wanted));
        if (run->opened == RUN_READY_TIME_OUT) {
            summary__print_unready(run, out);
        } else {
            wrap_print(out, " (the others had failed)");
        }
    }
    wrap_print(out, "\n");
    if (run->figures.abnormal_total > 0) {
        summary__print_abnormal(&run->figures, out);
    }
}

/* The planned rate; where it differs, the arrivals that were due (a Poisson draw, or a short run);
 * how many of them began at any time; and how many began inside the window, where that differs. */
static void summary__print_wanted(const struct plan *plan, const struct figures *figures,
                                  struct wrap *out)
{
    char text[UNITS_TEXT_BYTES_MAX];
    double seconds = (double)figures->window_ns / (double)NS_PER_S;
    double due_per_s = seconds > 0 ? (double)figures->arrivals.intended / seconds : 0;
    double asked_per_s = figures->rate_target_per_s;
    wrap_print(out, " of %s/s wanted (", units_format_rate(asked_per_s, text));
    if (due_per_s < 0.999 * asked_per_s || due_per_s > 1.001 * asked_per_s) {
        bool draws = plan->course.pacing.arrival == ARRIVAL_POISSON;
        wrap_print(out, "%s%s", draws ? "Poisson drew " : "",
                   units_format_count(figures->arrivals.intended, text));
        wrap_print(out, "%s, %s/s", draws ? "" : " due", units_format_rate(due_per_s, text));
        wrap_print(out, "; %s of them begun", units_format_count(figures->arrivals.begun, text));
        wrap_print(out, "%s", figures->arrivals.intended > 0 ? ", " : "");
    }
    if (figures->arrivals.intended > 0) {
        wrap_print(out, "%.2f%%",
                   100 * (double)figures->arrivals.begun / (double)figures->arrivals.intended);
    }
    if (figures->iterations_started != figures->arrivals.begun) {
        wrap_print(out, "; %s began inside the window",
                   units_format_count(figures->iterations_started, text));
    }
    wrap_print(out, ")");
}

static void summary__print_rate(const struct plan *plan, const struct run *run, struct wrap *out)
{
    const struct figures *figures = &run->figures;
    char count[UNITS_TEXT_BYTES_MAX];
    char achieved[UNITS_TEXT_BYTES_MAX];
    wrap_print(out, "  iterations    %s, %s/s",
               units_format_count(figures->counters.totals[TOTAL_ITERATIONS], count),
               units_format_rate(figures->rate_achieved_per_s, achieved));
    if (plan->open_loop && figures->rate_target_per_s > 0) {
        summary__print_wanted(plan, figures, out);
    } else if (!plan->open_loop) {
        wrap_print(out, " (closed loop)");
    }
    if (figures->arrivals.never_started > 0) {
        wrap_print(out, ", %s never began",
                   units_format_count(figures->arrivals.never_started, count));
    }
    if (figures->arrivals.dropped > 0) {
        wrap_print(out, ", %s dropped as late",
                   units_format_count(figures->arrivals.dropped, count));
    }
    wrap_print(out, "\n");
}

/* "p50 1.2 ms". */
static void summary__print_percentile(const struct histogram *histogram, const char *name,
                                      double percentile, struct wrap *out)
{
    char text[UNITS_TEXT_BYTES_MAX];
    struct histogram_bounds bounds = histogram_percentile(histogram, percentile);
    wrap_print(out, "%s %s%s", name, bounds.high_ns > bounds.low_ns ? ">=" : "",
               units_format_duration(bounds.low_ns, text));
}

static void summary__print_latency(const struct run *run, enum latency_kind kind, struct wrap *out)
{
    static const struct {
        const char *name;
        double percentile;
    } COLUMNS[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}};
    const struct histogram *histogram = &run->figures.latency[kind];
    wrap_print(out, "  %-13s ", latency_key(kind)); /* as long as tls_handshake */
    if (histogram_count(histogram) == 0) {
        wrap_print(out, "nothing was measured\n");
        return;
    }
    for (size_t i = 0; i < sizeof(COLUMNS) / sizeof(COLUMNS[0]); i++) {
        wrap_print(out, "%s", i > 0 ? "  " : "");
        summary__print_percentile(histogram, COLUMNS[i].name, COLUMNS[i].percentile, out);
    }
    const char *separator = "  (";
    char text[UNITS_TEXT_BYTES_MAX];
    if (histogram->censored_count > 0) {
        wrap_print(out, "%s%s never answered", separator,
                   units_format_count((uint64_t)histogram->censored_count, text));
        separator = ", ";
    }
    if (histogram->over_range_count > 0) {
        wrap_print(out, "%s%s answered, above 120 s", separator,
                   units_format_count((uint64_t)histogram->over_range_count, text));
        separator = ", ";
    }
    wrap_print(out, "%s", separator[0] == ',' ? ")" : "");
    wrap_print(out, "\n");
}

/* A part of the run: how many requests, their response times, and its errors. */
static void summary__print_part(const char *name, const struct histogram *response,
                                const uint64_t *errors, struct wrap *out)
{
    char safe[SUMMARY_NAME_BYTES_MAX];
    char text[UNITS_TEXT_BYTES_MAX];
    wrap_print(out, "    %-20s %s", printable_text(name, safe, sizeof safe),
               units_format_count((uint64_t)histogram_count(response), text));
    if (histogram_count(response) > 0) {
        wrap_print(out, "  ");
        summary__print_percentile(response, "p50", 50, out);
        wrap_print(out, "  ");
        summary__print_percentile(response, "p99", 99, out);
    }
    const char *separator = "  errors ";
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        separator = summary__print_kind(separator, errors[kind], kind, out);
    }
    wrap_print(out, "\n");
}

/* What both servers of a duet showed, in the order in which the first line names them. */
static void summary__print_sides(const struct plan *plan, const struct run *run, struct wrap *out)
{
    wrap_print(out, "  by side\n");
    for (uint32_t i = 0; i < plan->sides; i++) {
        const struct figures_share *side = &run->figures.targets[i];
        summary__print_part(plan->target_names[i], &side->latency[LATENCY_RESPONSE],
                            side->counters.errors, out);
    }
}

/* Where there is more than one request, each has a line: its response times. */
static void summary__print_steps(const struct plan *plan, const struct run *run, struct wrap *out)
{
    const struct figures *figures = &run->figures;
    const struct histogram *fanout = &figures->latency[LATENCY_FANOUT];
    uint32_t shown =
        figures->steps_count < SUMMARY_STEPS_MAX ? figures->steps_count : SUMMARY_STEPS_MAX;
    if (figures->steps_count > 1) {
        wrap_print(out, "  by request\n");
    }
    for (uint32_t i = 0; i < shown && figures->steps_count > 1; i++) {
        const struct figures_step *step = &figures->steps[i];
        summary__print_part(plan->step_names[i], &step->latency[LATENCY_RESPONSE], step->errors,
                            out);
    }
    if (shown < figures->steps_count) {
        wrap_print(out, "    and %" PRIu32 " more, in the result\n", figures->steps_count - shown);
    }
    if (histogram_count(fanout) > 0) {
        summary__print_latency(run, LATENCY_FANOUT, out);
    }
}

/* " of id 7"; where some framing has no ids, 0 is none. */
static const char *summary__of_id(const struct plan *plan, uint32_t id, char text[32])
{
    bool all_have = true;
    for (uint32_t i = 0; i < plan->program->targets_count; i++) {
        all_have = all_have && framing_has_ids(plan->program->targets[i].framing);
    }
    text[0] = '\0';
    if (all_have || id != 0) {
        snprintf(text, 32, " of id %" PRIu32, id);
    }
    return text;
}

static uint64_t summary__unanswered(const struct note *push)
{
    return push->count > push->answered ? push->count - push->answered : 0;
}

/* A message that came on every connection and that nobody answers, where the server has closed
 * some: it may have awaited one. */
static void summary__print_unanswered(const struct plan *plan, const struct run *run,
                                      struct wrap *out)
{
    const struct counters *counters = &run->figures.counters;
    const struct notes_list *pushes = &run->figures.notes.pushes;
    const struct note *most = NULL;
    uint64_t closed =
        counters->errors[ERROR_KIND_UNEXPECTED_CLOSE] + counters->errors[ERROR_KIND_RESET];
    for (uint32_t i = 0; i < pushes->count; i++) {
        const struct note *push = &pushes->notes[i];
        uint64_t unanswered = summary__unanswered(push);
        if (unanswered >= counters->totals[TOTAL_CONNECTS_OK] &&
            (most == NULL || unanswered > summary__unanswered(most))) {
            most = push;
        }
    }
    if (most == NULL || closed == 0) {
        return;
    }
    char texts[3][UNITS_TEXT_BYTES_MAX];
    char of_id[32];
    char answered[64] = "and nobody answers them";
    if (most->answered > 0) {
        snprintf(answered, sizeof answered, "and %s of them were answered",
                 units_format_count(most->answered, texts[2]));
    }
    wrap_print(out,
               "  unanswered    messages%s came %s time%s, %s; the server closed %s connection%s:\n"
               "                if it is a heartbeat, add a rule of on_push with `send` "
               "(scenarios/guides/heartbeats.md)\n",
               summary__of_id(plan, most->id, of_id), units_format_count(most->count, texts[0]),
               most->count == 1 ? "" : "s", answered, units_format_count(closed, texts[1]),
               closed == 1 ? "" : "s");
}

/* Messages that no step waited for, the most frequent ids first: often the reason for much else. */
static void summary__print_pushes(const struct plan *plan, const struct run *run, struct wrap *out)
{
    const struct notes_list *pushes = &run->figures.notes.pushes;
    bool shown[NOTES_IDS_MAX] = {false};
    for (int line = 0; line < SUMMARY_PUSHES_MAX; line++) {
        uint32_t most = NOTES_IDS_MAX;
        for (uint32_t i = 0; i < pushes->count; i++) {
            if (!shown[i] &&
                (most == NOTES_IDS_MAX || pushes->notes[i].count > pushes->notes[most].count)) {
                most = i;
            }
        }
        if (most == NOTES_IDS_MAX) {
            return;
        }
        char text[UNITS_TEXT_BYTES_MAX];
        char of_id[32];
        shown[most] = true;
        wrap_print(out, "  %-13s %s message%s%s that no step takes\n", line == 0 ? "pushes" : "",
                   units_format_count(pushes->notes[most].count, text),
                   pushes->notes[most].count == 1 ? "" : "s",
                   summary__of_id(plan, pushes->notes[most].id, of_id));
    }
}

static void summary__print_traffic(const struct run *run, struct wrap *out)
{
    const uint64_t *totals = run->figures.counters.totals;
    char messages[UNITS_TEXT_BYTES_MAX];
    char bytes[UNITS_TEXT_BYTES_MAX];
    wrap_print(out, "  sent          %s message%s, %s\n",
               units_format_count(totals[TOTAL_MESSAGES_SENT], messages),
               totals[TOTAL_MESSAGES_SENT] == 1 ? "" : "s",
               units_format_bytes(totals[TOTAL_BYTES_SENT], bytes));
    wrap_print(out, "  received      %s message%s, %s\n",
               units_format_count(totals[TOTAL_MESSAGES_RECEIVED], messages),
               totals[TOTAL_MESSAGES_RECEIVED] == 1 ? "" : "s",
               units_format_bytes(totals[TOTAL_BYTES_RECEIVED], bytes));
}

/* Of the messages, those that no step has sent. */
static void summary__print_beside(const struct run *run, struct wrap *out)
{
    const uint64_t *totals = run->figures.counters.totals;
    char answers[UNITS_TEXT_BYTES_MAX];
    char unsent[UNITS_TEXT_BYTES_MAX];
    char beats[UNITS_TEXT_BYTES_MAX];
    if (totals[TOTAL_ANSWERS] + totals[TOTAL_ANSWERS_UNSENT] + totals[TOTAL_HEARTBEATS] > 0) {
        wrap_print(out, "  beside steps  answers %s (unsent %s), heartbeats %s\n",
                   units_format_count(totals[TOTAL_ANSWERS], answers),
                   units_format_count(totals[TOTAL_ANSWERS_UNSENT], unsent),
                   units_format_count(totals[TOTAL_HEARTBEATS], beats));
    }
}

/* What a codec of the user's costs. */
static void summary__print_codec(const struct plan *plan, const struct run *run, struct wrap *out)
{
    const struct dummyload_codec *table = plan_codec_table(&plan->codec);
    char name[2 * DUMMYLOAD_NAME_BYTES_MAX];
    if (table == NULL) {
        return;
    }
    wrap_print(out, "  codec         %s", printable_text(table->name, name, sizeof name));
    wrap_print(out, " %s: %.0f ns to decode a message, %.0f ns to encode one\n",
               printable_text(table->release, name, sizeof name),
               codec_cost_ns(&run->figures.decoded, run->clock_cost_ns),
               codec_cost_ns(&run->figures.encoded, run->clock_cost_ns));
}

static void summary__print_errors(const struct run *run, struct wrap *out)
{
    const uint64_t *errors = run->figures.counters.errors;
    uint64_t cut = run->figures.requests_cut;
    const char *separator = "";
    wrap_print(out, "  errors        ");
    for (int kind = 0; kind < ERROR_KINDS; kind++) {
        char text[UNITS_TEXT_BYTES_MAX];
        if (error_is_event((enum error_kind)kind)) {
            separator = summary__print_kind(separator, errors[kind], kind, out);
        }
        if (kind == ERROR_KIND_RESPONSE_TIMEOUT && errors[ERROR_KIND_RESPONSE_LATE] > 0) {
            wrap_print(out, " (%s of them answered late)",
                       units_format_count(errors[ERROR_KIND_RESPONSE_LATE], text));
        }
    }
    wrap_print(out, "%s", separator[0] == '\0' ? "none" : "");
    /* These are no errors, but no answers either. */
    if (cut > 0) {
        char text[UNITS_TEXT_BYTES_MAX];
        wrap_print(out, "; %s %s no answer at the end (open at the end of the drain)",
                   units_format_count(cut, text), cut == 1 ? "request had" : "requests had");
    }
    wrap_print(out, "\n");
}

static void summary__print_thresholds(const struct plan *plan, const struct verdict *verdict,
                                      struct wrap *out)
{
    if (verdict->thresholds_count == 0) {
        return;
    }
    int width = 0;
    for (uint32_t i = 0; i < verdict->thresholds_count; i++) {
        int length = (int)strlen(plan->thresholds[i].text);
        width = length > width ? length : width;
    }
    wrap_print(out, "\n  thresholds\n");
    for (uint32_t i = 0; i < verdict->thresholds_count; i++) {
        const struct threshold_verdict *judged = &verdict->thresholds[i];
        char safe[THRESHOLD_TEXT_BYTES_MAX];
        wrap_print(out, "    %s  %-*s  %s\n",
                   !judged->judged ? "    "
                   : judged->pass  ? "pass"
                                   : "FAIL",
                   width, printable_text(plan->thresholds[i].text, safe, sizeof safe),
                   judged->text);
    }
}

static void summary__print_verdict(const struct plan *plan, const struct run *run,
                                   const struct verdict *verdict, struct wrap *out)
{
    char safe[VERDICT_REASON_BYTES_MAX];
    if (verdict->reasons_count > 0) {
        wrap_print(out, "\n  NOT VALID%s\n", plan->options->strict ? "" : " (only a warning)");
        for (uint32_t i = 0; i < verdict->reasons_count; i++) {
            wrap_print(out, "    %s\n", printable_text(verdict->reasons[i], safe, sizeof safe));
        }
    } else if (verdict->limited_by != NULL) {
        wrap_print(out, "\n  limited by    %s\n",
                   strcmp(verdict->limited_by, "client") == 0
                       ? "the client: its threads were busy all the time"
                       : "the server or the connections: the client kept up");
    }
    if (run->end == RUN_THRESHOLD) {
        char text[UNITS_TEXT_BYTES_MAX];
        wrap_print(out, "\n  ended early, after %s: %s did not hold\n",
                   units_format_duration(run->stop_ns - run->t0_ns, text),
                   printable_text(run->aborted_by->text, safe, sizeof safe));
    }
    if (run->steer != NULL && steer_is_steered(run->steer)) {
        wrap_print(out,
                   "\n  steered       by hand, %" PRIu32 " %s: the load was not the scenario's\n",
                   run->steer->touches_count, run->steer->touches_count == 1 ? "time" : "times");
    }
    if (run->end == RUN_INTERRUPTED) {
        wrap_print(out, "\n  interrupted: these are the figures until then\n");
    }
}

static void summary__print_hosts(const struct run *run, struct wrap *out)
{
    wrap_print(out, "  %" PRIu32 " ranks\n", run->hosts_count);
    for (uint32_t i = 0; i < run->hosts_count; i++) {
        const struct run_host *host = &run->hosts[i];
        char name[HOSTS_NAME_BYTES_MAX];
        char texts[4][UNITS_TEXT_BYTES_MAX];
        hosts_name(run, i, name);
        wrap_print(out, "    %-24s %s connections, %s iterations",
                   printable_text(name, name, sizeof name),
                   units_format_count(host->connections, texts[0]),
                   units_format_count(host->counters.totals[TOTAL_ITERATIONS], texts[1]));
        if (i > 0) {
            wrap_print(out, ", clock %s known to %s",
                       units_format_duration(host->clock_offset_ns, texts[2]),
                       units_format_duration(host->clock_bound_ns, texts[3]));
        }
        wrap_print(out, "%s\n", host->lost ? ", LOST" : host->judgement.valid ? "" : ", NOT VALID");
    }
    wrap_print(out, "\n");
}

/* "9.00 s of 10.0 s": percentiles and rates are of the window, counts of the whole load. */
static void summary__print_window(const struct run *run, struct wrap *out)
{
    char window[UNITS_TEXT_BYTES_MAX];
    char load[UNITS_TEXT_BYTES_MAX];
    units_format_duration(run->window_ns, window);
    wrap_print(out, "%s", window);
    if (run->t0_ns != TIME_NEVER_NS && run->window_ns > 0) {
        units_format_duration(run->stop_ns - run->t0_ns, load);
        wrap_print(out, "%s%s", strcmp(window, load) == 0 ? "" : " of ",
                   strcmp(window, load) == 0 ? "" : load);
    }
    wrap_print(out, " measured");
}

void summary_print(const struct plan *plan, const struct run *run, const struct verdict *verdict,
                   struct wrap *out)
{
    char name[SUMMARY_NAME_BYTES_MAX];
    char target[sizeof plan->targets[0].name];
    char other[sizeof plan->targets[0].name] = "others";
    if (plan->sides > 1) {
        printable_text(plan->targets[1].name, other, sizeof other);
    }
    wrap_print(out, "%s against %s%s%s, ", printable_text(plan->scenario->name, name, sizeof name),
               printable_text(plan->targets[0].name, target, sizeof target),
               plan->targets_count > 1 ? " and " : "", plan->targets_count > 1 ? other : "");
    summary__print_window(run, out);
    wrap_print(out, ", %" PRIu32 " %s, %s\n\n", plan->workers_total,
               plan->workers_total == 1 ? "thread" : "threads", run->backend);
    if (plan->ranks > 1) {
        summary__print_hosts(run, out);
    }
    summary__print_connections(plan, run, out);
    summary__print_rate(plan, run, out);
    summary__print_latency(run, LATENCY_RESPONSE, out);
    summary__print_latency(run, LATENCY_SERVICE, out);
    if (scenario_speaks_tls(plan->scenario)) {
        summary__print_latency(run, LATENCY_TLS_HANDSHAKE, out);
    }
    if (plan->sides > 1) {
        summary__print_sides(plan, run, out);
    }
    summary__print_steps(plan, run, out);
    summary__print_traffic(run, out);
    summary_print_tls(plan, run, out);
    summary__print_beside(run, out);
    summary__print_codec(plan, run, out);
    summary__print_pushes(plan, run, out);
    summary__print_unanswered(plan, run, out);
    summary__print_errors(run, out);
    char first[PRINTABLE_LINE_BYTES_MAX];
    if (evidence_describe(run->figures.evidence, plan->step_names, run->figures.origin_ns, first)) {
        wrap_print(out, "                first: %s\n", first);
    }
    summary__print_thresholds(plan, verdict, out);
    summary__print_verdict(plan, run, verdict, out);
}
