#include "figures/threshold.h"

#include "text/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    enum threshold_op op;
} OPS[] = {{"<=", THRESHOLD_AT_MOST},
           {">=", THRESHOLD_AT_LEAST},
           {"==", THRESHOLD_EQUAL},
           {"<", THRESHOLD_BELOW},
           {">", THRESHOLD_ABOVE}};

/* For a percentile, up to this many samples that are not known to be good are few. */
static const double THRESHOLD_OPEN_MAX = 10;

/* A plain number of 0 or more with nothing behind it, or with suffix behind it. */
static bool threshold__number(const char *text, const char *suffix, double *value)
{
    if ((text[0] < '0' || text[0] > '9') && text[0] != '.') {
        return false;
    }
    char *end;
    *value = strtod(text, &end);
    return end != text && strcmp(end, suffix) == 0 && isfinite(*value);
}

static bool threshold__time(const char *text, double *value_ns, struct error *error)
{
    int64_t duration_ns;
    size_t bytes = strlen(text);
    /* Minutes and hours are no latencies: m is probably meant to be ms. */
    bool unit_fits = bytes > 1 && text[bytes - 1] == 's';
    if (!unit_fits || !units_duration_ns(text, &duration_ns, NULL)) {
        error_set(error, "expected a time with its unit (ns, us, ms or s), found \"%s\"", text);
        return false;
    }
    *value_ns = (double)duration_ns;
    return true;
}

static bool threshold__value(struct threshold *threshold, const char *text, struct error *error)
{
    enum metric_unit unit = metric_unit_of(&threshold->metric);
    bool is_rate = unit == METRIC_UNIT_RATE || unit == METRIC_UNIT_RATE_ACHIEVED;
    bool percent_fits = unit == METRIC_UNIT_RATE_ACHIEVED || unit == METRIC_UNIT_ERROR_COUNT;
    if (unit == METRIC_UNIT_TIME || unit == METRIC_UNIT_SECONDS) {
        bool read = threshold__time(text, &threshold->value, error);
        threshold->value /= unit == METRIC_UNIT_SECONDS ? 1e9 : 1;
        return read;
    }
    if (unit == METRIC_UNIT_BYTES) {
        uint64_t size_bytes = 0;
        bool read = units_size_bytes(text, &size_bytes, error);
        threshold->value = (double)size_bytes;
        return read;
    }
    threshold->percent = percent_fits && threshold__number(text, "%", &threshold->value);
    if (threshold->percent || threshold__number(text, "", &threshold->value) ||
        (is_rate && threshold__number(text, "/s", &threshold->value))) {
        return true;
    }
    error_set(error, "expected a number%s, found \"%s\"",
              unit == METRIC_UNIT_RATE_ACHIEVED ? " per second (20000/s) or a percentage (99%)"
              : unit == METRIC_UNIT_RATE        ? " per second (20000/s)"
              : unit == METRIC_UNIT_ERROR_COUNT ? " or a percentage (0.1%)"
                                                : "",
              text);
    return false;
}

/* Without the blanks at both ends, in place. */
static char *threshold__trim(char *text)
{
    static const char BLANKS[] = " \t";
    text += strspn(text, BLANKS);
    for (size_t end = strlen(text); end > 0 && strchr(BLANKS, text[end - 1]); end--) {
        text[end - 1] = '\0';
    }
    return text;
}

bool threshold_parse(const char *text, const struct metric_names *names,
                     struct threshold *threshold, struct error *error)
{
    *threshold = (struct threshold){0};
    struct error reason = {""};
    char copy[THRESHOLD_TEXT_BYTES_MAX];
    size_t bytes = strlen(text);
    if (bytes >= sizeof copy) {
        error_set(error, "threshold \"%.40s...\": longer than %zu letters", text, sizeof copy - 1);
        return false;
    }
    memcpy(copy, text, bytes + 1);
    memcpy(threshold->text, text, bytes + 1);
    size_t op_at = strcspn(copy, "<>=!");
    size_t op_index = 0;
    size_t ops_count = sizeof(OPS) / sizeof(OPS[0]);
    while (op_index < ops_count &&
           strncmp(copy + op_at, OPS[op_index].text, strlen(OPS[op_index].text)) != 0) {
        op_index++;
    }
    if (op_index == ops_count) {
        error_set(error, "threshold \"%s\": expected metric, one of < <= > >= ==, value", text);
        return false;
    }
    threshold->op = OPS[op_index].op;
    char *value = threshold__trim(copy + op_at + strlen(OPS[op_index].text));
    copy[op_at] = '\0';
    char *name = threshold__trim(copy);
    if (!metric_find(name, names, &threshold->metric, &reason) ||
        !threshold__value(threshold, value, &reason)) {
        error_set(error, "threshold \"%s\": %s", text, reason.text);
        return false;
    }
    return true;
}

/* Does it hold for all values between the bounds? */
static bool threshold__holds(enum threshold_op op, const struct metric_value *found, double limit)
{
    switch (op) {
    case THRESHOLD_BELOW:
        return found->high < limit;
    case THRESHOLD_AT_MOST:
        return found->high <= limit;
    case THRESHOLD_ABOVE:
        return found->value > limit;
    case THRESHOLD_AT_LEAST:
        return found->value >= limit;
    case THRESHOLD_EQUAL:
        return found->value == limit && found->high == limit;
    }
    return false;
}

static void threshold__describe(const struct threshold *threshold, const struct metric_value *found,
                                struct threshold_verdict *verdict)
{
    char number[UNITS_TEXT_BYTES_MAX];
    if (threshold->percent) {
        snprintf(number, sizeof number, "%.4g%%", found->value);
    } else {
        switch (metric_unit_of(&threshold->metric)) {
        case METRIC_UNIT_TIME:
            units_format_duration((int64_t)found->value, number);
            break;
        case METRIC_UNIT_SECONDS:
            units_format_duration((int64_t)(found->value * 1e9), number);
            break;
        case METRIC_UNIT_BYTES:
            units_format_bytes((uint64_t)found->value, number);
            break;
        case METRIC_UNIT_RATE:
        case METRIC_UNIT_RATE_ACHIEVED:
            units_format_rate(found->value, number);
            snprintf(number + strlen(number), sizeof number - strlen(number), "/s");
            break;
        default:
            units_format_count((uint64_t)found->value, number);
            break;
        }
    }
    snprintf(verdict->text, sizeof verdict->text, "%s%s", found->high > found->value ? ">= " : "",
             number);
}

/* False: nothing was measured. */
static bool threshold__read(const struct threshold *threshold, const struct figures *figures,
                            struct metric_value *found)
{
    metric_read(&threshold->metric, figures, found);
    if (threshold->percent) {
        double whole = metric_whole(&threshold->metric, figures);
        found->has_samples = found->has_samples && whole > 0;
        found->value = whole > 0 ? found->value / whole * 100 : 0;
        found->high = found->value;
    }
    return found->has_samples;
}

void threshold_judge(const struct threshold *threshold, const struct figures *figures,
                     struct threshold_verdict *verdict)
{
    *verdict = (struct threshold_verdict){.judged = true};
    struct metric_value found;
    if (threshold->metric.scope == METRIC_OF_SERVER) {
        verdict->judged = false;
        snprintf(verdict->text, sizeof verdict->text, "scripts/stress sees it");
        return;
    }
    if (!threshold__read(threshold, figures, &found)) {
        snprintf(verdict->text, sizeof verdict->text, "no samples");
        return;
    }
    verdict->has_value = true;
    verdict->at_least = found.high > found.value;
    verdict->value = found.value;
    verdict->pass = threshold__holds(threshold->op, &found, threshold->value);
    threshold__describe(threshold, &found, verdict);
}

/* A latency that does not hold now: can it still hold later? A percentile that is unknown because
 * of a few censored samples can, after some more good ones; a maximum or a mean cannot. */
static bool threshold__latency_has_failed(const struct threshold *threshold,
                                          const struct figures *figures,
                                          const struct metric_value *found)
{
    const struct histogram *histogram = metric_histogram(&threshold->metric, figures);
    int64_t count = histogram_count(histogram);
    struct metric_value lower = *found;
    lower.high = lower.value;
    bool is_open = threshold__holds(threshold->op, &lower, threshold->value);
    if (count < THRESHOLD_SAMPLES_MIN) {
        return false;
    }
    if (!is_open || threshold->metric.stat < METRIC_STAT_PERCENTILE) {
        return true;
    }
    int64_t known = histogram_known_count(histogram, (int64_t)threshold->value);
    double share = metric_percentile(threshold->metric.stat) / 100;
    double more = THRESHOLD_OPEN_MAX / (1 - share);
    more = more > THRESHOLD_SAMPLES_MIN ? more : THRESHOLD_SAMPLES_MIN;
    return (double)known + more < share * ((double)count + more);
}

bool threshold_has_failed(const struct threshold *threshold, const struct figures *figures)
{
    const struct metric *metric = &threshold->metric;
    struct metric_value found;
    if (metric->scope == METRIC_OF_SERVER || !threshold__read(threshold, figures, &found) ||
        threshold__holds(threshold->op, &found, threshold->value)) {
        return false;
    }
    if (metric->family == METRIC_RATE &&
        (metric->kind == METRIC_RATE_ACHIEVED || metric->kind == METRIC_RATE_TARGET)) {
        return metric_arrivals(metric, figures)->intended >= THRESHOLD_SAMPLES_MIN;
    }
    if (metric_unit_of(metric) == METRIC_UNIT_TIME && metric->family == METRIC_LATENCY) {
        return threshold__latency_has_failed(threshold, figures, &found);
    }
    if (threshold->percent && metric_whole(metric, figures) < THRESHOLD_SAMPLES_MIN) {
        return false;
    }
    return threshold->op == THRESHOLD_BELOW || threshold->op == THRESHOLD_AT_MOST ||
           (threshold->op == THRESHOLD_EQUAL && found.value > threshold->value);
}

const char *threshold_abort_refusal(const struct threshold *threshold)
{
    const struct metric *metric = &threshold->metric;
    if (metric->scope == METRIC_OF_SERVER) {
        return "it is about the server, whose result is not seen during the run";
    }
    bool of_share = metric->scope == METRIC_OF_TARGET || metric->scope == METRIC_OF_BEHAVIOR;
    bool carried = of_share && metric->family == METRIC_TOTALS;
    if (carried || (metric->family == METRIC_TOTALS && metric->kind == METRIC_TOTAL_CUT) ||
        (metric->family == METRIC_RATE && metric->kind == METRIC_RATE_NEVER_STARTED)) {
        return "it is known only when the run has ended";
    }
    return NULL;
}

const struct histogram *threshold_histogram(const struct threshold *threshold,
                                            const struct figures *figures)
{
    struct metric metric = threshold->metric;
    bool of_part = metric.scope == METRIC_OF_STEP || metric.scope == METRIC_OF_STAGE ||
                   metric.scope == METRIC_OF_TARGET || metric.scope == METRIC_OF_BEHAVIOR;
    if (metric.family == METRIC_ERRORS && threshold->percent && of_part) {
        metric.family = METRIC_LATENCY; /* as metric_whole() */
        metric.kind = LATENCY_SERVICE;
    }
    return metric.family == METRIC_LATENCY && metric.scope != METRIC_OF_SERVER
               ? metric_histogram(&metric, figures)
               : NULL;
}

bool threshold_is_about_error(const struct threshold *threshold, enum error_kind kind)
{
    return threshold->metric.family == METRIC_ERRORS && threshold->metric.scope == METRIC_OF_RUN &&
           threshold->metric.kind == (uint32_t)kind;
}
