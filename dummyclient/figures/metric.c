/* The names of metrics. */
#include "figures/metric.h"

#include "text/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const STATS[] = {"count", "min",      "mean",      "stddev",
                                    "max",   "censored", "over_range"};
static const struct {
    const char *name;
    double percentile;
} PERCENTILES[] = {{"p50", 50}, {"p75", 75},     {"p90", 90},      {"p95", 95},
                   {"p99", 99}, {"p99_9", 99.9}, {"p99_99", 99.99}};
static const char *const EXTRA_TOTALS[] = {"connections_peak", "requests_cut"};
static const char *const RATES[METRIC_RATES_COUNT] = {
    "achieved", "target", "intended", "started", "begun", "never_started", "dropped"};
static const char *const RESOURCES[] = {"cpu_user", "cpu_system", "rss_max"};
static const char *const PORTS[METRIC_PORTS_COUNT] = {
    "polls", "syscalls", "completions", "batch_mean", "batch_max", "immediate", "waited"};
static const char *const SERVER_LATENCIES[] = {"receive_to_reply", "queue_wait"};

enum {
    METRIC_PERCENTILES = sizeof(PERCENTILES) / sizeof(PERCENTILES[0]),
    METRIC_STATS = METRIC_STAT_PERCENTILE + METRIC_PERCENTILES,
    METRIC_PREFIX_BYTES_MAX = 32,
    METRICS_MAX = LATENCY_KINDS * METRIC_STATS + ERROR_KINDS + 1 + METRIC_TOTALS_COUNT +
                  METRIC_RATES_COUNT + 3 + METRIC_PORTS_COUNT
};

struct metric_name {
    char text[METRIC_NAME_BYTES_MAX];
    struct metric metric;
};

/* All names of one scope, being gathered. */
struct metric_list {
    struct metric_name names[METRICS_MAX];
    size_t count;
    enum metric_scope scope;
};

double metric_percentile(uint32_t stat)
{
    return PERCENTILES[stat - METRIC_STAT_PERCENTILE].percentile;
}

static void metric__add(struct metric_list *list, enum metric_family family, uint32_t kind,
                        uint32_t stat, const char *prefix, const char *key)
{
    struct metric_name *name = &list->names[list->count++];
    name->metric =
        (struct metric){.scope = list->scope, .family = family, .kind = kind, .stat = stat};
    snprintf(name->text, sizeof name->text, "%s.%s", prefix, key);
}

static void metric__add_keys(struct metric_list *list, enum metric_family family,
                             const char *prefix, const char *const *keys, size_t keys_count,
                             uint32_t first_kind)
{
    for (size_t i = 0; i < keys_count; i++) {
        metric__add(list, family, first_kind + (uint32_t)i, 0, prefix, keys[i]);
    }
}

static void metric__add_latency(struct metric_list *list, uint32_t kind, const char *key)
{
    char prefix[METRIC_PREFIX_BYTES_MAX];
    snprintf(prefix, sizeof prefix, "latency.%s", key);
    for (uint32_t stat = 0; stat < METRIC_STATS; stat++) {
        metric__add(list, METRIC_LATENCY, kind, stat, prefix,
                    stat < METRIC_STAT_PERCENTILE
                        ? STATS[stat]
                        : PERCENTILES[stat - METRIC_STAT_PERCENTILE].name);
    }
}

static void metric__list_latencies(struct metric_list *list)
{
    if (list->scope == METRIC_OF_SERVER) {
        for (uint32_t kind = 0; kind < sizeof(SERVER_LATENCIES) / sizeof(SERVER_LATENCIES[0]);
             kind++) {
            metric__add_latency(list, kind, SERVER_LATENCIES[kind]);
        }
        return;
    }
    uint32_t kinds = list->scope == METRIC_OF_STEP ? LATENCY_STEP_KINDS : LATENCY_KINDS;
    for (uint32_t kind = 0; kind < kinds; kind++) {
        metric__add_latency(list, kind, latency_key((enum latency_kind)kind));
    }
}

/* Every metric that the scope has. */
static void metric__list(struct metric_list *list, enum metric_scope scope)
{
    list->count = 0;
    list->scope = scope;
    metric__list_latencies(list);
    for (uint32_t kind = 0; kind < ERROR_KINDS; kind++) {
        metric__add(list, METRIC_ERRORS, kind, 0, "errors", error_key((enum error_kind)kind));
    }
    metric__add(list, METRIC_ERRORS, ERROR_KINDS, 0, "errors", "total");
    if (scope == METRIC_OF_STAGE) {
        metric__add_keys(list, METRIC_RATE, "rate", RATES, METRIC_RATES_COUNT, 0);
    }
    if (scope == METRIC_OF_STEP || scope == METRIC_OF_STAGE) {
        return;
    }
    for (uint32_t kind = 0; kind < TOTAL_KINDS; kind++) {
        metric__add(list, METRIC_TOTALS, kind, 0, "totals", total_key((enum total_kind)kind));
    }
    metric__add_keys(list, METRIC_RESOURCE, "resources", RESOURCES, 3, 0);
    metric__add_keys(list, METRIC_PORT, "port", PORTS, METRIC_PORTS_COUNT, 0);
    if (scope == METRIC_OF_RUN) {
        metric__add_keys(list, METRIC_TOTALS, "totals", EXTRA_TOTALS, 2, TOTAL_KINDS);
        metric__add_keys(list, METRIC_RATE, "rate", RATES, METRIC_RATES_COUNT, 0);
    }
}

bool metric_name(enum metric_scope scope, size_t index, char text[METRIC_NAME_BYTES_MAX])
{
    struct metric_list list;
    metric__list(&list, scope);
    if (index >= list.count) {
        return false;
    }
    snprintf(text, METRIC_NAME_BYTES_MAX, "%s", list.names[index].text);
    return true;
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

/* name: the end of whole, behind the scope. */
static bool metric__find_in(const char *name, enum metric_scope scope, uint32_t index,
                            struct metric *metric, const char *whole, struct error *error)
{
    struct metric_list list;
    const char *words[METRICS_MAX];
    metric__list(&list, scope);
    char text[256];
    metric__normalise(name, text, sizeof text);
    for (size_t i = 0; i < list.count; i++) {
        words[i] = list.names[i].text;
        if (strcmp(text, list.names[i].text) == 0) {
            *metric = list.names[i].metric;
            metric->index = index;
            return true;
        }
    }
    const char *nearest = suggest_nearest(text, words, list.count);
    if (nearest != NULL) {
        error_set(error, "\"%s\" is not a metric; did you mean %.*s%s?", whole,
                  (int)(strlen(whole) - strlen(name)), whole, nearest);
    } else {
        error_set(error,
                  "\"%s\" is not a metric; there are latency.KIND.pNN, errors.KIND, "
                  "errors.total, totals.KEY, rate.achieved, resources.KEY, port.KEY; "
                  "steps.NAME. or stages.N. before latency and errors; server.",
                  whole);
    }
    return false;
}

static bool metric__find_of_step(const char *name, const char *rest,
                                 const struct metric_names *names, struct metric *metric,
                                 struct error *error)
{
    /* A step's name may hold dots: the longest one that fits wins. */
    uint32_t best = UINT32_MAX;
    size_t best_bytes = 0;
    for (uint32_t i = 0; i < names->steps_count; i++) {
        size_t bytes = strlen(names->steps[i]);
        if (bytes >= best_bytes && strncmp(rest, names->steps[i], bytes) == 0 &&
            rest[bytes] == '.') {
            best = i;
            best_bytes = bytes;
        }
    }
    if (best != UINT32_MAX) {
        return metric__find_in(rest + best_bytes + 1, METRIC_OF_STEP, best, metric, name, error);
    }
    char word[METRIC_NAME_BYTES_MAX];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(rest, "."), rest);
    const char *nearest = suggest_nearest(word, names->steps, names->steps_count);
    if (nearest == NULL && names->steps_count == 1) {
        nearest = names->steps[0];
    }
    error_set(error, "\"%s\": the scenario has no request named \"%s\"%s%s", name, word,
              nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "");
    return false;
}

static bool metric__find_of_stage(const char *name, const char *rest,
                                  const struct metric_names *names, struct metric *metric,
                                  struct error *error)
{
    char *end;
    unsigned long number = strtoul(rest, &end, 10);
    bool is_number = rest[0] >= '1' && rest[0] <= '9' && *end == '.';
    if (!is_number || number > names->stages_count) {
        if (names->stages_count == 0) {
            error_set(error,
                      "\"%s\": the load has a single stage: leave out \"stages.N.\", the figures "
                      "are those of the run",
                      name);
        } else {
            error_set(error, "\"%s\": expected a stage from 1 to %u behind \"stages.\"", name,
                      (unsigned)names->stages_count);
        }
        return false;
    }
    return metric__find_in(end + 1, METRIC_OF_STAGE, (uint32_t)number - 1, metric, name, error);
}

bool metric_find(const char *name, const struct metric_names *names, struct metric *metric,
                 struct error *error)
{
    static const char STEPS[] = "steps.";
    static const char STAGES[] = "stages.";
    static const char SERVER[] = "server.";
    if (strncmp(name, STEPS, sizeof(STEPS) - 1) == 0) {
        return metric__find_of_step(name, name + sizeof(STEPS) - 1, names, metric, error);
    }
    if (strncmp(name, STAGES, sizeof(STAGES) - 1) == 0) {
        return metric__find_of_stage(name, name + sizeof(STAGES) - 1, names, metric, error);
    }
    bool of_server = strncmp(name, SERVER, sizeof(SERVER) - 1) == 0;
    return metric__find_in(of_server ? name + sizeof(SERVER) - 1 : name,
                           of_server ? METRIC_OF_SERVER : METRIC_OF_RUN, 0, metric, name, error);
}

enum metric_unit metric_unit_of(const struct metric *metric)
{
    switch (metric->family) {
    case METRIC_LATENCY:
        return metric->stat == METRIC_STAT_COUNT || metric->stat == METRIC_STAT_CENSORED ||
                       metric->stat == METRIC_STAT_OVER_RANGE
                   ? METRIC_UNIT_COUNT
                   : METRIC_UNIT_TIME;
    case METRIC_ERRORS:
        return metric->scope == METRIC_OF_SERVER ? METRIC_UNIT_COUNT : METRIC_UNIT_ERROR_COUNT;
    case METRIC_RATE:
        return metric->kind == METRIC_RATE_ACHIEVED ? METRIC_UNIT_RATE_ACHIEVED
               : metric->kind == METRIC_RATE_TARGET ? METRIC_UNIT_RATE
                                                    : METRIC_UNIT_COUNT;
    case METRIC_RESOURCE:
        return metric->kind == 2 ? METRIC_UNIT_BYTES : METRIC_UNIT_SECONDS;
    case METRIC_PORT:
        return metric->kind == METRIC_PORT_WAITED ? METRIC_UNIT_TIME : METRIC_UNIT_COUNT;
    case METRIC_TOTALS:
        break;
    }
    if (metric->kind == TOTAL_BYTES_SENT || metric->kind == TOTAL_BYTES_RECEIVED) {
        return METRIC_UNIT_BYTES;
    }
    return METRIC_UNIT_COUNT;
}
