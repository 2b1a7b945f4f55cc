#include "figures/metric.h"

#include "core/clock.h"
#include "core/must.h"
#include "system/host.h"
#include "text/suggest.h"

#include <hdr/hdr_histogram.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const STATS[METRIC_STAT_PERCENTILE] = {[METRIC_STAT_COUNT] = "count",
                                                          [METRIC_STAT_MIN] = "min",
                                                          [METRIC_STAT_MEAN] = "mean",
                                                          [METRIC_STAT_STDDEV] = "stddev",
                                                          [METRIC_STAT_MAX] = "max",
                                                          [METRIC_STAT_CENSORED] = "censored",
                                                          [METRIC_STAT_OVER_RANGE] = "over_range"};
static const char *const EXTRA_TOTALS[] = {"connections_peak", "requests_cut"};
static const char *const RATES[METRIC_RATES_COUNT] = {
    [METRIC_RATE_ACHIEVED] = "achieved", [METRIC_RATE_TARGET] = "target",
    [METRIC_RATE_INTENDED] = "intended", [METRIC_RATE_STARTED] = "started",
    [METRIC_RATE_BEGUN] = "begun",       [METRIC_RATE_NEVER_STARTED] = "never_started",
    [METRIC_RATE_DROPPED] = "dropped"};
enum { RESOURCE_CPU_USER, RESOURCE_CPU_SYSTEM, RESOURCE_RSS_MAX, RESOURCES_COUNT };
static const char *const RESOURCES[RESOURCES_COUNT] = {"cpu_user", "cpu_system", "rss_max"};
enum {
    PORT_POLLS,
    PORT_SYSCALLS,
    PORT_COMPLETIONS,
    PORT_BATCH_MEAN,
    PORT_BATCH_MAX,
    PORT_IMMEDIATE,
    PORT_WAITED,
    PORTS_COUNT
};
static const char *const PORTS[PORTS_COUNT] = {
    "polls", "syscalls", "completions", "batch_mean", "batch_max", "immediate", "waited"};
static const char *const SERVER_LATENCIES[] = {"receive_to_reply", "queue_wait"};
static const char *const PREFIXES[] = {
    [METRIC_LATENCY] = "latency", [METRIC_ERRORS] = "errors",      [METRIC_TOTALS] = "totals",
    [METRIC_RATE] = "rate",       [METRIC_RESOURCE] = "resources", [METRIC_PORT] = "port"};

enum {
    METRIC_STATS = METRIC_STAT_PERCENTILE + HISTOGRAM_PERCENTILES_COUNT,
    SERVER_LATENCIES_COUNT = sizeof SERVER_LATENCIES / sizeof SERVER_LATENCIES[0],
    METRICS_MAX = LATENCY_KINDS * METRIC_STATS + ERROR_KINDS + 1 + METRIC_TOTALS_COUNT +
                  METRIC_RATES_COUNT + RESOURCES_COUNT + PORTS_COUNT
};

struct metric_name {
    char text[METRIC_NAME_BYTES_MAX];
    struct metric metric;
};

/* All names of one scope, being gathered. */
struct metric_list {
    struct metric_name names[METRICS_MAX];
    size_t count;
};

double metric_percentile(uint32_t stat)
{
    return HISTOGRAM_PERCENTILES[stat - METRIC_STAT_PERCENTILE].percentile;
}

static bool metric__is_of_share(enum metric_scope scope)
{
    return scope == METRIC_OF_TARGET || scope == METRIC_OF_BEHAVIOR;
}

static uint32_t metric__latencies(enum metric_scope scope)
{
    return scope == METRIC_OF_STEP      ? LATENCY_STEP_KINDS
           : metric__is_of_share(scope) ? LATENCY_SHARE_KINDS
                                        : LATENCY_KINDS;
}

static uint32_t metric__rates(enum metric_scope scope)
{
    static const uint32_t COUNTS[] = {[METRIC_OF_RUN] = METRIC_RATES_COUNT,
                                      [METRIC_OF_STAGE] = METRIC_RATES_COUNT,
                                      [METRIC_OF_TARGET] = METRIC_RATE_STARTED + 1,
                                      [METRIC_OF_BEHAVIOR] = METRIC_RATE_DROPPED + 1,
                                      [METRIC_OF_SERVER] = 0};
    return COUNTS[scope];
}

/* NULL: the scope has no further metric of the family. */
static const char *metric__key(enum metric_scope scope, enum metric_family family, uint32_t kind)
{
    bool whole = scope == METRIC_OF_RUN || scope == METRIC_OF_SERVER;
    switch (family) {
    case METRIC_LATENCY:
        if (scope == METRIC_OF_SERVER) {
            return kind < SERVER_LATENCIES_COUNT ? SERVER_LATENCIES[kind] : NULL;
        }
        return kind < metric__latencies(scope) ? latency_key(kind) : NULL;
    case METRIC_ERRORS:
        return kind < ERROR_KINDS ? error_key(kind) : kind == METRIC_ERRORS_ALL ? "total" : NULL;
    case METRIC_TOTALS:
        if (kind < TOTAL_KINDS) {
            return whole || metric__is_of_share(scope) ? total_key(kind) : NULL;
        }
        return scope == METRIC_OF_RUN && kind < METRIC_TOTALS_COUNT
                   ? EXTRA_TOTALS[kind - TOTAL_KINDS]
                   : NULL;
    case METRIC_RATE:
        return kind < metric__rates(scope) ? RATES[kind] : NULL;
    case METRIC_RESOURCE:
        return whole && kind < RESOURCES_COUNT ? RESOURCES[kind] : NULL;
    case METRIC_PORT:
        return whole && kind < PORTS_COUNT ? PORTS[kind] : NULL;
    }
    return NULL;
}

static const char *metric__stat(uint32_t stat)
{
    return stat < METRIC_STAT_PERCENTILE ? STATS[stat]
                                         : HISTOGRAM_PERCENTILES[stat - METRIC_STAT_PERCENTILE].key;
}

/* Every metric that the scope has. */
static void metric__list(struct metric_list *list, enum metric_scope scope)
{
    list->count = 0;
    for (int family = METRIC_LATENCY; family <= METRIC_PORT; family++) {
        uint32_t stats = family == METRIC_LATENCY ? METRIC_STATS : 1;
        const char *key;
        for (uint32_t kind = 0; (key = metric__key(scope, family, kind)) != NULL; kind++) {
            for (uint32_t stat = 0; stat < stats; stat++) {
                struct metric_name *name = &list->names[list->count++];
                name->metric =
                    (struct metric){.scope = scope, .family = family, .kind = kind, .stat = stat};
                snprintf(name->text, sizeof name->text, "%s.%s%s%s", PREFIXES[family], key,
                         stats > 1 ? "." : "", stats > 1 ? metric__stat(stat) : "");
            }
        }
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

/* "p99", "latency.p99" and "latency.resp.p99" are parts of "latency.response.p99": the first that
 * begins as what is before the last dot, and ends as what is behind it. */
static const char *metric__find_whole(const char *name, const char *const *words, size_t count)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot == NULL ? name : dot + 1;
    size_t first_bytes = dot == NULL ? 0 : (size_t)(dot - name);
    size_t last_bytes = strlen(last);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(words[i]);
        if (last_bytes > 0 && bytes > last_bytes && words[i][bytes - last_bytes - 1] == '.' &&
            strcmp(words[i] + bytes - last_bytes, last) == 0 &&
            strncmp(words[i], name, first_bytes) == 0) {
            return words[i];
        }
    }
    return NULL;
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
    nearest = nearest != NULL ? nearest : metric__find_whole(text, words, list.count);
    if (nearest != NULL) {
        error_set(error, "\"%s\" is not a metric; did you mean %.*s%s?", whole,
                  (int)(strlen(whole) - strlen(name)), whole, nearest);
    } else {
        error_set(error,
                  "\"%s\" is not a metric; there are latency.KIND.pNN, errors.KIND, "
                  "errors.total, totals.KEY, rate.achieved, resources.KEY, port.KEY; "
                  "steps.NAME., stages.N., targets.NAME. or behaviors.NAME. before latency and "
                  "errors; server.",
                  whole);
    }
    return false;
}

enum { METRIC_HINT_BYTES_MAX = 256 };

/* "; did you mean "x"?", or which names there are, as far as they fit. Returns text. */
static const char *metric__names_hint(const char *word, const char *const *names, uint32_t count,
                                      char *text, size_t bytes_max)
{
    const char *nearest = suggest_nearest(word, names, count);
    if (nearest != NULL || count == 1) {
        snprintf(text, bytes_max, "; did you mean \"%s\"?", nearest != NULL ? nearest : names[0]);
        return text;
    }
    size_t bytes = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const char *before = i == 0 ? "; there are " : ", ";
        size_t wanted = strlen(before) + strlen(names[i]) + strlen("\"\"") + strlen(", ...");
        if (bytes + wanted >= bytes_max) {
            snprintf(text + bytes, bytes_max - bytes, ", ...");
            break;
        }
        bytes += (size_t)snprintf(text + bytes, bytes_max - bytes, "%s\"%s\"", before, names[i]);
    }
    return text;
}

/* rest: behind the scope. A name may hold dots: the longest one that fits wins. */
static bool metric__find_named(const char *name, const char *rest, enum metric_scope scope,
                               const char *const *words, uint32_t count, struct metric *metric,
                               struct error *error)
{
    uint32_t best = UINT32_MAX;
    size_t best_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t bytes = strlen(words[i]);
        if (bytes >= best_bytes && strncmp(rest, words[i], bytes) == 0 && rest[bytes] == '.') {
            best = i;
            best_bytes = bytes;
        }
    }
    if (best != UINT32_MAX) {
        return metric__find_in(rest + best_bytes + 1, scope, best, metric, name, error);
    }
    char word[METRIC_NAME_BYTES_MAX];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(rest, "."), rest);
    char hint[METRIC_HINT_BYTES_MAX];
    static const char *const WHAT[] = {[METRIC_OF_STEP] = "request",
                                       [METRIC_OF_TARGET] = "target",
                                       [METRIC_OF_BEHAVIOR] = "behavior"};
    error_set(error, "\"%s\": the scenario has no %s named \"%s\"%s", name, WHAT[scope], word,
              metric__names_hint(word, words, count, hint, sizeof hint));
    return false;
}

static bool metric__find_of_share(const char *name, const char *rest, enum metric_scope scope,
                                  const struct metric_names *names, struct metric *metric,
                                  struct error *error)
{
    bool of_target = scope == METRIC_OF_TARGET;
    uint32_t count = of_target ? names->targets_count : names->behaviors_count;
    if (count == 0) {
        const char *list = of_target ? "targets" : "behaviors";
        error_set(error,
                  "\"%s\": %s are not told apart where there is one, or more than %d: leave "
                  "out \"%s.NAME.\", the figures are those of the run",
                  name, list, FIGURES_SHARES_MAX, list);
        return false;
    }
    return metric__find_named(name, rest, scope, of_target ? names->targets : names->behaviors,
                              count, metric, error);
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
    static const char TARGETS[] = "targets.";
    static const char BEHAVIORS[] = "behaviors.";
    static const char SERVER[] = "server.";
    if (strncmp(name, STEPS, strlen(STEPS)) == 0) {
        return metric__find_named(name, name + strlen(STEPS), METRIC_OF_STEP, names->steps,
                                  names->steps_count, metric, error);
    }
    if (strncmp(name, STAGES, strlen(STAGES)) == 0) {
        return metric__find_of_stage(name, name + strlen(STAGES), names, metric, error);
    }
    if (strncmp(name, TARGETS, strlen(TARGETS)) == 0) {
        return metric__find_of_share(name, name + strlen(TARGETS), METRIC_OF_TARGET, names, metric,
                                     error);
    }
    if (strncmp(name, BEHAVIORS, strlen(BEHAVIORS)) == 0) {
        return metric__find_of_share(name, name + strlen(BEHAVIORS), METRIC_OF_BEHAVIOR, names,
                                     metric, error);
    }
    if (strncmp(name, SERVER, strlen(SERVER)) == 0) {
        return metric__find_in(name + strlen(SERVER), METRIC_OF_SERVER, 0, metric, name, error);
    }
    return metric__find_in(name, METRIC_OF_RUN, 0, metric, name, error);
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
        /* What was due at a target is not known: there is no percentage of it. */
        return metric->kind == METRIC_RATE_ACHIEVED && metric->scope != METRIC_OF_TARGET
                   ? METRIC_UNIT_RATE_ACHIEVED
               : metric->kind == METRIC_RATE_TARGET || metric->kind == METRIC_RATE_ACHIEVED
                   ? METRIC_UNIT_RATE
                   : METRIC_UNIT_COUNT;
    case METRIC_RESOURCE:
        return metric->kind == RESOURCE_RSS_MAX ? METRIC_UNIT_BYTES : METRIC_UNIT_SECONDS;
    case METRIC_PORT:
        return metric->kind == PORT_WAITED ? METRIC_UNIT_TIME : METRIC_UNIT_COUNT;
    case METRIC_TOTALS:
        break;
    }
    if (metric->kind == TOTAL_BYTES_SENT || metric->kind == TOTAL_BYTES_RECEIVED ||
        metric->kind == TOTAL_WIRE_BYTES_SENT || metric->kind == TOTAL_WIRE_BYTES_RECEIVED) {
        return METRIC_UNIT_BYTES;
    }
    return METRIC_UNIT_COUNT;
}

/* --- The values. */

/* NULL: the metric is not of a target or a behavior. */
static const struct figures_share *metric__share(const struct metric *metric,
                                                 const struct figures *figures)
{
    return metric->scope == METRIC_OF_TARGET     ? &figures->targets[metric->index]
           : metric->scope == METRIC_OF_BEHAVIOR ? &figures->players[metric->index]
                                                 : NULL;
}

const struct arrival_counts *metric_arrivals(const struct metric *metric,
                                             const struct figures *figures)
{
    return metric->scope == METRIC_OF_STAGE      ? &figures->stages[metric->index].arrivals
           : metric->scope == METRIC_OF_BEHAVIOR ? &figures->behaviors[metric->index]
                                                 : &figures->arrivals;
}

const struct histogram *metric_histogram(const struct metric *metric, const struct figures *figures)
{
    must(metric->family == METRIC_LATENCY && metric->scope != METRIC_OF_SERVER);
    if (metric->scope == METRIC_OF_STEP) {
        return &figures->steps[metric->index].latency[metric->kind];
    }
    const struct figures_share *share = metric__share(metric, figures);
    if (share != NULL) {
        return &share->latency[metric->kind];
    }
    return metric->scope == METRIC_OF_STAGE ? &figures->stages[metric->index].latency[metric->kind]
                                            : &figures->latency[metric->kind];
}

static void metric__bounds(struct histogram_bounds bounds, struct metric_value *value)
{
    value->value = (double)bounds.low_ns;
    value->high = bounds.high_ns == INT64_MAX ? INFINITY : (double)bounds.high_ns;
}

static void metric__read_latency(const struct metric *metric, const struct figures *figures,
                                 struct metric_value *value)
{
    const struct histogram *histogram = metric_histogram(metric, figures);
    value->has_samples = histogram_count(histogram) > 0;
    switch (metric->stat) {
    case METRIC_STAT_COUNT:
        value->value = (double)histogram_count(histogram);
        value->has_samples = true;
        return;
    case METRIC_STAT_CENSORED:
        value->value = (double)histogram->censored_count;
        value->has_samples = true;
        return;
    case METRIC_STAT_OVER_RANGE:
        value->value = (double)histogram->over_range_count;
        value->has_samples = true;
        return;
    case METRIC_STAT_MIN:
        metric__bounds(histogram_min(histogram), value);
        value->value = (double)hdr_min(histogram->hdr);
        value->high = value->high < value->value ? value->value : value->high;
        return;
    case METRIC_STAT_MEAN:
    case METRIC_STAT_STDDEV:
        value->value = metric->stat == METRIC_STAT_MEAN ? hdr_mean(histogram->hdr)
                                                        : hdr_stddev(histogram->hdr);
        value->high =
            histogram->censored_count + histogram->over_range_count > 0 ? INFINITY : value->value;
        return;
    default:
        break;
    }
    double percentile = metric->stat == METRIC_STAT_MAX ? 100 : metric_percentile(metric->stat);
    metric__bounds(histogram_percentile(histogram, percentile), value);
}

static void metric__read_errors(const struct metric *metric, const struct figures *figures,
                                struct metric_value *value)
{
    const struct figures_share *share = metric__share(metric, figures);
    const uint64_t *errors = metric->scope == METRIC_OF_STEP ? figures->steps[metric->index].errors
                             : metric->scope == METRIC_OF_STAGE
                                 ? figures->stages[metric->index].errors
                             : share != NULL ? share->counters.errors
                                             : figures->counters.errors;
    for (uint32_t kind = 0; kind < ERROR_KINDS; kind++) {
        if (metric->kind == kind || (metric->kind == METRIC_ERRORS_ALL && error_is_event(kind))) {
            value->value += (double)errors[kind];
        }
    }
}

/* Of this process, and of the others whose figures are in these. */
static double metric__resource(const struct figures *figures, uint32_t kind)
{
    const struct host_resources *others = &figures->resources_of_others;
    struct host_resources resources;
    host_read_resources(&resources);
    const double values[] = {resources.cpu_user_s + others->cpu_user_s,
                             resources.cpu_system_s + others->cpu_system_s,
                             (double)resources.rss_max_bytes + (double)others->rss_max_bytes};
    return values[kind];
}

static uint64_t metric__total(const struct metric *metric, const struct figures *figures)
{
    uint32_t kind = metric->kind;
    const struct figures_share *share = metric__share(metric, figures);
    if (share != NULL) {
        return share->counters.totals[kind];
    }
    return kind == METRIC_TOTAL_PEAK  ? figures->connections_peak
           : kind == METRIC_TOTAL_CUT ? figures->requests_cut
                                      : figures->counters.totals[kind];
}

static double metric__port(const struct cport_stats *port, uint32_t kind)
{
    const double values[PORTS_COUNT] = {
        [PORT_POLLS] = (double)port->polls,
        [PORT_SYSCALLS] = (double)port->syscalls,
        [PORT_COMPLETIONS] = (double)port->completions,
        [PORT_BATCH_MEAN] = port->polls > 0 ? (double)port->completions / (double)port->polls : 0,
        [PORT_BATCH_MAX] = (double)port->batch_max,
        [PORT_IMMEDIATE] = (double)port->immediate,
        [PORT_WAITED] = (double)port->waited_ns};
    return values[kind];
}

static double metric__per_s(uint64_t count, int64_t window_ns)
{
    return window_ns > 0 ? (double)count / ((double)window_ns / (double)NS_PER_S) : 0;
}

static void metric__read_rate(const struct metric *metric, const struct figures *figures,
                              struct metric_value *value)
{
    bool of_stage = metric->scope == METRIC_OF_STAGE;
    const struct figures_stage *stage = of_stage ? &figures->stages[metric->index] : NULL;
    const struct figures_share *share = metric__share(metric, figures);
    const struct arrival_counts *arrivals = metric_arrivals(metric, figures);
    uint64_t started = of_stage        ? stage->iterations_started
                       : share != NULL ? share->iterations_started
                                       : figures->iterations_started;
    int64_t window_ns = of_stage ? stage->window_ns : figures->window_ns;
    const double values[METRIC_RATES_COUNT] = {
        [METRIC_RATE_ACHIEVED] = of_stage || share != NULL ? metric__per_s(started, window_ns)
                                                           : figures->rate_achieved_per_s,
        [METRIC_RATE_TARGET] = of_stage ? stage->rate_target_per_s : figures->rate_target_per_s,
        [METRIC_RATE_INTENDED] = (double)arrivals->intended,
        [METRIC_RATE_STARTED] = (double)started,
        [METRIC_RATE_BEGUN] = (double)arrivals->begun,
        [METRIC_RATE_NEVER_STARTED] = (double)arrivals->never_started,
        [METRIC_RATE_DROPPED] = (double)arrivals->dropped};
    value->value = values[metric->kind];
    value->has_samples = metric->kind == METRIC_RATE_TARGET     ? value->value > 0
                         : metric->kind == METRIC_RATE_ACHIEVED ? !of_stage || stage->window_ns > 0
                                                                : true;
}

void metric_read(const struct metric *metric, const struct figures *figures,
                 struct metric_value *value)
{
    must(metric->scope != METRIC_OF_SERVER);
    *value = (struct metric_value){.has_samples = true, .high = -1};
    switch (metric->family) {
    case METRIC_LATENCY:
        metric__read_latency(metric, figures, value);
        break;
    case METRIC_ERRORS:
        metric__read_errors(metric, figures, value);
        break;
    case METRIC_TOTALS:
        value->value = (double)metric__total(metric, figures);
        break;
    case METRIC_RATE:
        metric__read_rate(metric, figures, value);
        break;
    case METRIC_RESOURCE:
        value->value = metric__resource(figures, metric->kind);
        break;
    case METRIC_PORT:
        value->value = metric__port(&figures->port, metric->kind);
        break;
    }
    value->high = value->high < 0 ? value->value : value->high; /* what was counted is exact */
}

double metric_whole(const struct metric *metric, const struct figures *figures)
{
    struct metric_value whole;
    if (metric->family == METRIC_RATE) {
        return metric__per_s(metric_arrivals(metric, figures)->intended,
                             metric->scope == METRIC_OF_STAGE
                                 ? figures->stages[metric->index].window_ns
                                 : figures->window_ns);
    }
    if (metric->scope == METRIC_OF_RUN) {
        return (double)figures->counters.totals[TOTAL_REQUESTS];
    }
    struct metric of = {.scope = metric->scope,
                        .index = metric->index,
                        .family = METRIC_LATENCY,
                        .kind = LATENCY_SERVICE, /* response has what never began, too */
                        .stat = METRIC_STAT_COUNT};
    metric_read(&of, figures, &whole);
    return whole.value;
}
