/* The values of metrics. */
#include "core/clock.h"
#include "core/must.h"
#include "figures/metric.h"
#include "system/host.h"

#include <hdr/hdr_histogram.h>
#include <math.h>

const struct histogram *metric_histogram(const struct metric *metric, const struct figures *figures)
{
    must(metric->family == METRIC_LATENCY && metric->scope != METRIC_OF_SERVER);
    if (metric->scope == METRIC_OF_STEP) {
        return &figures->steps[metric->index].latency[metric->kind];
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
    const uint64_t *errors = metric->scope == METRIC_OF_STEP ? figures->steps[metric->index].errors
                             : metric->scope == METRIC_OF_STAGE
                                 ? figures->stages[metric->index].errors
                                 : figures->counters.errors;
    for (uint32_t kind = 0; kind < ERROR_KINDS; kind++) {
        if (metric->kind == kind ||
            (metric->kind == ERROR_KINDS && error_is_event((enum error_kind)kind))) {
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

static double metric__total(const struct figures *figures, uint32_t kind)
{
    switch (kind) {
    case METRIC_TOTAL_PEAK:
        return figures->connections_peak;
    case METRIC_TOTAL_CUT:
        return (double)figures->requests_cut;
    default:
        return (double)figures->counters.totals[kind];
    }
}

static double metric__port(const struct cport_stats *port, uint32_t kind)
{
    const double values[METRIC_PORTS_COUNT] = {
        [METRIC_PORT_POLLS] = (double)port->polls,
        [METRIC_PORT_SYSCALLS] = (double)port->syscalls,
        [METRIC_PORT_COMPLETIONS] = (double)port->completions,
        [METRIC_PORT_BATCH_MEAN] =
            port->polls > 0 ? (double)port->completions / (double)port->polls : 0,
        [METRIC_PORT_BATCH_MAX] = (double)port->batch_max,
        [METRIC_PORT_IMMEDIATE] = (double)port->immediate,
        [METRIC_PORT_WAITED] = (double)port->waited_ns};
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
    const struct arrival_counts *arrivals = of_stage ? &stage->arrivals : &figures->arrivals;
    uint64_t started = of_stage ? stage->iterations_started : figures->iterations_started;
    int64_t window_ns = of_stage ? stage->window_ns : figures->window_ns;
    switch ((enum metric_rate)metric->kind) {
    case METRIC_RATE_ACHIEVED:
        value->value = !of_stage ? figures->rate_achieved_per_s : metric__per_s(started, window_ns);
        value->has_samples = !of_stage || window_ns > 0;
        break;
    case METRIC_RATE_TARGET:
        value->value = of_stage ? stage->rate_target_per_s : figures->rate_target_per_s;
        value->has_samples = value->value > 0;
        break;
    case METRIC_RATE_INTENDED:
        value->value = (double)arrivals->intended;
        break;
    case METRIC_RATE_STARTED:
        value->value = (double)started;
        break;
    case METRIC_RATE_BEGUN:
        value->value = (double)arrivals->begun;
        break;
    case METRIC_RATE_NEVER_STARTED:
        value->value = (double)arrivals->never_started;
        break;
    case METRIC_RATE_DROPPED:
        value->value = (double)arrivals->dropped;
        break;
    case METRIC_RATES_COUNT:
        must(false);
    }
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
        value->value = metric__total(figures, metric->kind);
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
        bool of_stage = metric->scope == METRIC_OF_STAGE;
        const struct figures_stage *stage = of_stage ? &figures->stages[metric->index] : NULL;
        return metric__per_s(of_stage ? stage->arrivals.intended : figures->arrivals.intended,
                             of_stage ? stage->window_ns : figures->window_ns);
    }
    if (metric->scope == METRIC_OF_RUN) {
        return (double)figures->counters.totals[TOTAL_REQUESTS];
    }
    struct metric of = {.scope = metric->scope,
                        .index = metric->index,
                        .family = METRIC_LATENCY,
                        .kind = LATENCY_RESPONSE,
                        .stat = METRIC_STAT_COUNT};
    metric_read(&of, figures, &whole);
    return whole.value;
}
