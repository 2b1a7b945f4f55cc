#include "metric.h"

#include "core/host.h"
#include "core/suggest.h"

#include <hdr/hdr_histogram.h>

#include <stdio.h>
#include <string.h>

enum metric_stat {
    STAT_COUNT,
    STAT_MIN,
    STAT_MEAN,
    STAT_STDDEV,
    STAT_MAX,
    STAT_CENSORED,
    STAT_OVER_RANGE,
    STAT_PERCENTILE /* this and those after it: PERCENTILES[stat - STAT_PERCENTILE] */
};

static const char *const STATS[] = {"count", "min",      "mean",      "stddev",
                                    "max",   "censored", "over_range"};
static const struct {
    const char *name;
    double percentile;
} PERCENTILES[] = {{"p50", 50}, {"p75", 75},     {"p90", 90},      {"p95", 95},
                   {"p99", 99}, {"p99_9", 99.9}, {"p99_99", 99.99}};
static const char *const RATES[] = {"achieved", "target"};
static const char *const RESOURCES[] = {"cpu_user", "cpu_system", "rss_max"};

enum {
    METRIC_PERCENTILES = sizeof(PERCENTILES) / sizeof(PERCENTILES[0]),
    METRIC_STATS = STAT_PERCENTILE + METRIC_PERCENTILES,
    METRIC_NAME_BYTES_MAX = 2 * SUGGEST_WORD_BYTES_MAX,
    METRIC_PREFIX_BYTES_MAX = 32,
    METRICS_MAX = LATENCY_KINDS * METRIC_STATS + ERROR_KINDS + 1 + TOTAL_KINDS + 2 + 3
};

struct metric_name {
    char text[METRIC_NAME_BYTES_MAX];
    struct metric metric;
};

static void metric__add(struct metric_name *names, size_t *count, enum metric_family family,
                        uint32_t kind, uint32_t stat, const char *prefix, const char *key)
{
    struct metric_name *name = &names[(*count)++];
    name->metric = (struct metric){family, METRIC_STEP_NONE, kind, stat};
    snprintf(name->text, sizeof(name->text), "%s.%s", prefix, key);
}

/* Every metric there is: of the whole run, or of a step (which has fewer). */
static size_t metric__list(struct metric_name *names, bool of_step)
{
    size_t count = 0;
    int kinds = of_step ? LATENCY_SERVICE + 1 : LATENCY_KINDS;
    for (int kind = 0; kind < kinds; kind++) {
        char prefix[METRIC_PREFIX_BYTES_MAX];
        snprintf(prefix, sizeof(prefix), "latency.%s", latency_key((enum latency_kind)kind));
        for (uint32_t stat = 0; stat < METRIC_STATS; stat++) {
            const char *key =
                stat < STAT_PERCENTILE ? STATS[stat] : PERCENTILES[stat - STAT_PERCENTILE].name;
            metric__add(names, &count, METRIC_LATENCY, (uint32_t)kind, stat, prefix, key);
        }
    }
    for (uint32_t kind = 0; kind < ERROR_KINDS; kind++) {
        metric__add(names, &count, METRIC_ERRORS, kind, 0, "errors",
                    error_key((enum error_kind)kind));
    }
    metric__add(names, &count, METRIC_ERRORS, ERROR_KINDS, 0, "errors", "total");
    if (of_step) {
        return count;
    }
    for (uint32_t kind = 0; kind < TOTAL_KINDS; kind++) {
        metric__add(names, &count, METRIC_TOTALS, kind, 0, "totals",
                    total_key((enum total_kind)kind));
    }
    for (uint32_t kind = 0; kind < 2; kind++) {
        metric__add(names, &count, METRIC_RATE, kind, 0, "rate", RATES[kind]);
    }
    for (uint32_t kind = 0; kind < 3; kind++) {
        metric__add(names, &count, METRIC_RESOURCE, kind, 0, "resources", RESOURCES[kind]);
    }
    return count;
}

/* "p99.9" -> "p99_9" at the end of a name. */
static void metric__normalise(const char *name, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s", name);
    char *dot = strrchr(text, '.');
    if (dot != NULL && (strcmp(dot, ".9") == 0 || strcmp(dot, ".99") == 0)) {
        *dot = '_';
    }
}

static bool metric__find_in(const char *name, bool of_step, uint32_t step, struct metric *metric,
                            const char *whole, struct error *error)
{
    struct metric_name names[METRICS_MAX];
    const char *words[METRICS_MAX];
    size_t count = metric__list(names, of_step);
    char text[256];
    metric__normalise(name, text, sizeof(text));
    for (size_t i = 0; i < count; i++) {
        words[i] = names[i].text;
        if (strcmp(text, names[i].text) == 0) {
            *metric = names[i].metric;
            metric->step = step;
            return true;
        }
    }
    const char *nearest = suggest_nearest(text, words, count);
    if (nearest != NULL) {
        error_set(error, "\"%s\" is not a metric; did you mean %.*s%s?", whole,
                  (int)(strlen(whole) - strlen(name)), whole, nearest);
    } else {
        error_set(error,
                  "\"%s\" is not a metric; there are latency.KIND.pNN, errors.KIND, "
                  "errors.total, totals.KEY, rate.achieved, steps.NAME.latency.KIND.pNN",
                  whole);
    }
    return false;
}

bool metric_find(const char *name, const char *const *step_names, uint32_t steps_count,
                 struct metric *metric, struct error *error)
{
    static const char STEPS[] = "steps.";
    if (strncmp(name, STEPS, sizeof(STEPS) - 1) != 0) {
        return metric__find_in(name, false, METRIC_STEP_NONE, metric, name, error);
    }
    /* A step's name may hold dots: the longest one that fits wins. */
    const char *rest = name + sizeof(STEPS) - 1;
    uint32_t best = METRIC_STEP_NONE;
    size_t best_bytes = 0;
    for (uint32_t i = 0; i < steps_count; i++) {
        size_t bytes = strlen(step_names[i]);
        if (bytes >= best_bytes && strncmp(rest, step_names[i], bytes) == 0 && rest[bytes] == '.') {
            best = i;
            best_bytes = bytes;
        }
    }
    if (best == METRIC_STEP_NONE) {
        char word[METRIC_NAME_BYTES_MAX];
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(rest, "."), rest);
        const char *nearest = suggest_nearest(word, step_names, steps_count);
        if (nearest == NULL && steps_count == 1) {
            nearest = step_names[0];
        }
        error_set(error, "\"%s\": the scenario has no request named \"%s\"%s%s", name, word,
                  nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "");
        return false;
    }
    return metric__find_in(rest + best_bytes + 1, true, best, metric, name, error);
}

enum metric_unit metric_unit_of(const struct metric *metric)
{
    switch (metric->family) {
    case METRIC_LATENCY:
        return metric->stat == STAT_COUNT || metric->stat == STAT_CENSORED ||
                       metric->stat == STAT_OVER_RANGE
                   ? METRIC_UNIT_COUNT
                   : METRIC_UNIT_TIME;
    case METRIC_ERRORS:
        return METRIC_UNIT_ERROR_COUNT;
    case METRIC_RATE:
        return metric->kind == 0 ? METRIC_UNIT_RATE_ACHIEVED : METRIC_UNIT_RATE;
    case METRIC_RESOURCE:
        return metric->kind == 2 ? METRIC_UNIT_BYTES : METRIC_UNIT_SECONDS;
    case METRIC_TOTALS:
        break;
    }
    if (metric->kind == TOTAL_BYTES_SENT || metric->kind == TOTAL_BYTES_RECEIVED) {
        return METRIC_UNIT_BYTES;
    }
    return METRIC_UNIT_COUNT;
}

static void metric__read_latency(const struct metric *metric, const struct figures *figures,
                                 struct metric_value *value)
{
    const struct histogram *histogram = &figures->latency[metric->kind];
    if (metric->step != METRIC_STEP_NONE) {
        const struct figures_step *step = &figures->steps[metric->step];
        histogram = metric->kind == LATENCY_RESPONSE ? &step->response : &step->service;
    }
    value->has_samples = histogram_count(histogram) > 0;
    switch (metric->stat) {
    case STAT_COUNT:
        value->value = (double)histogram_count(histogram);
        value->has_samples = true;
        return;
    case STAT_CENSORED:
        value->value = (double)histogram->censored_count;
        value->has_samples = true;
        return;
    case STAT_OVER_RANGE:
        value->value = (double)histogram->over_range_count;
        value->has_samples = true;
        return;
    case STAT_MIN:
        value->value = (double)hdr_min(histogram->hdr);
        return;
    case STAT_MEAN:
    case STAT_STDDEV:
        value->value =
            metric->stat == STAT_MEAN ? hdr_mean(histogram->hdr) : hdr_stddev(histogram->hdr);
        value->at_least = histogram->censored_count > 0;
        return;
    default:
        break;
    }
    double percentile =
        metric->stat == STAT_MAX ? 100 : PERCENTILES[metric->stat - STAT_PERCENTILE].percentile;
    value->value = (double)histogram_percentile_ns(histogram, percentile, &value->at_least);
}

static void metric__read_errors(const struct metric *metric, const struct figures *figures,
                                struct metric_value *value)
{
    const uint64_t *errors = metric->step == METRIC_STEP_NONE ? figures->counters.errors
                                                              : figures->steps[metric->step].errors;
    for (uint32_t kind = 0; kind < ERROR_KINDS; kind++) {
        if (metric->kind == kind || metric->kind == ERROR_KINDS) {
            value->value += (double)errors[kind];
        }
    }
}

static void metric__read_resource(const struct metric *metric, struct metric_value *value)
{
    struct host_resources resources;
    host_read_resources(&resources);
    const double values[] = {resources.cpu_user_s, resources.cpu_system_s,
                             (double)resources.rss_max_bytes};
    value->value = values[metric->kind];
}

void metric_read(const struct metric *metric, const struct figures *figures,
                 struct metric_value *value)
{
    *value = (struct metric_value){.has_samples = true};
    switch (metric->family) {
    case METRIC_LATENCY:
        metric__read_latency(metric, figures, value);
        break;
    case METRIC_ERRORS:
        metric__read_errors(metric, figures, value);
        break;
    case METRIC_TOTALS:
        value->value = (double)figures->counters.totals[metric->kind];
        break;
    case METRIC_RATE:
        value->value =
            metric->kind == 0 ? figures->rate_achieved_per_s : figures->rate_target_per_s;
        value->has_samples = metric->kind == 0 || figures->rate_target_per_s > 0;
        break;
    case METRIC_RESOURCE:
        metric__read_resource(metric, value);
        break;
    }
}
