/* Metrics: the names by which thresholds ask for figures, `latency.response.p99` and the like.
 * A name is a result's key without its unit; `p99.9` and `p99_9` are the same. Every figure of a
 * result has one: of the whole run, of a step (`steps.NAME.`), of a stage (`stages.N.`, from 1), of
 * a target (`targets.NAME.`), of a behavior (`behaviors.NAME.`), or of the server's result
 * (`server.`), which the client knows by name and cannot read.
 *
 * Pure; control plane. */
#pragma once

#include "core/error.h"
#include "figures/figures.h"

enum metric_unit {
    METRIC_UNIT_TIME, /* nanoseconds; a threshold on it needs ns, us, ms or s */
    METRIC_UNIT_COUNT,
    METRIC_UNIT_ERROR_COUNT,   /* or in percent of the requests */
    METRIC_UNIT_RATE,          /* per second */
    METRIC_UNIT_RATE_ACHIEVED, /* per second, or percent of what was due */
    METRIC_UNIT_SECONDS,       /* CPU time; needs a time unit as well */
    METRIC_UNIT_BYTES
};

enum metric_scope {
    METRIC_OF_RUN,
    METRIC_OF_STEP,
    METRIC_OF_STAGE,
    METRIC_OF_TARGET,
    METRIC_OF_BEHAVIOR,
    METRIC_OF_SERVER
};

enum metric_family {
    METRIC_LATENCY,  /* kind: latency_kind, stat */
    METRIC_ERRORS,   /* kind: error_kind, or METRIC_ERRORS_ALL */
    METRIC_TOTALS,   /* kind: total_kind, then those of enum metric_total */
    METRIC_RATE,     /* kind: enum metric_rate */
    METRIC_RESOURCE, /* kind: of the list in metric.c */
    METRIC_PORT      /* the same */
};

/* The sum of the errors that are events (error_is_event()). */
enum { METRIC_ERRORS_ALL = ERROR_KINDS };

/* Totals that are no counters of both sides. */
enum metric_total {
    METRIC_TOTAL_PEAK = TOTAL_KINDS, /* connections_peak */
    METRIC_TOTAL_CUT,                /* requests_cut */
    METRIC_TOTALS_COUNT
};

/* A target has the first two, a behavior all but the last. */
enum metric_rate {
    METRIC_RATE_ACHIEVED,
    METRIC_RATE_STARTED,
    METRIC_RATE_INTENDED,
    METRIC_RATE_BEGUN,
    METRIC_RATE_NEVER_STARTED,
    METRIC_RATE_DROPPED,
    METRIC_RATE_TARGET,
    METRIC_RATES_COUNT
};

enum metric_stat {
    METRIC_STAT_COUNT,
    METRIC_STAT_MIN,
    METRIC_STAT_MEAN,
    METRIC_STAT_STDDEV,
    METRIC_STAT_MAX,
    METRIC_STAT_CENSORED,
    METRIC_STAT_OVER_RANGE,
    METRIC_STAT_PERCENTILE /* this and those after it: metric_percentile() */
};

struct metric {
    enum metric_scope scope;
    uint32_t index; /* of the step, stage, target or behavior */
    enum metric_family family;
    uint32_t kind;
    uint32_t stat;
};

struct metric_value {
    double value;
    bool has_samples; /* false: nothing was measured */
    double high;      /* no larger than this; value is the lower bound. The same: it is exact */
};

/* The names of what a scenario has. */
struct metric_names {
    const char *const *steps;
    uint32_t steps_count;
    uint32_t stages_count; /* that are kept apart; 0: the load has one stage */
    const char *const *targets;
    uint32_t targets_count; /* that are told apart */
    const char *const *behaviors;
    uint32_t behaviors_count; /* the same */
};

/* Iterates over the names of a scope, without its prefix ("steps.NAME."). False: no more. */
enum { METRIC_NAME_BYTES_MAX = 96 };
bool metric_name(enum metric_scope scope, size_t index, char text[METRIC_NAME_BYTES_MAX]);
/* Finds the metric of a name. The error names the nearest one. */
bool metric_find(const char *name, const struct metric_names *names, struct metric *metric,
                 struct error *error);
enum metric_unit metric_unit_of(const struct metric *metric);
/* The percentile of a stat of METRIC_STAT_PERCENTILE or above. */
double metric_percentile(uint32_t stat);
/* The histogram that a latency metric is of. Not for the server's. */
const struct histogram *metric_histogram(const struct metric *metric,
                                         const struct figures *figures);
/* The arrivals that a rate is of; of a target: those of the run. */
const struct arrival_counts *metric_arrivals(const struct metric *metric,
                                             const struct figures *figures);
/* Not for the server's. */
void metric_read(const struct metric *metric, const struct figures *figures,
                 struct metric_value *value);
/* The base of a percentage of the metric: the requests, or the arrivals that were due (as drawn,
 * not as planned: chance is no failure) per second. 0: there is none. */
double metric_whole(const struct metric *metric, const struct figures *figures);
