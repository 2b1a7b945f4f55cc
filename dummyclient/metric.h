/* Metrics: the names by which thresholds ask for figures, `latency.response.p99` and the like.
 * A name is a result's key without its unit; `p99.9` and `p99_9` are the same.
 *
 * Pure; control plane. */
#ifndef DUMMYLOAD_CLIENT_METRIC_H
#define DUMMYLOAD_CLIENT_METRIC_H

#include "core/error.h"
#include "figures.h"

#include <stdbool.h>
#include <stdint.h>

enum metric_unit {
    METRIC_UNIT_TIME, /* nanoseconds; a threshold on it needs ns, us, ms or s */
    METRIC_UNIT_COUNT,
    METRIC_UNIT_ERROR_COUNT,   /* may be asked for in percent of the requests */
    METRIC_UNIT_RATE,          /* per second */
    METRIC_UNIT_RATE_ACHIEVED, /* per second, or percent of the target */
    METRIC_UNIT_SECONDS,       /* CPU time; needs a time unit as well */
    METRIC_UNIT_BYTES
};

enum metric_family {
    METRIC_LATENCY, /* kind: latency_kind, stat */
    METRIC_ERRORS,  /* kind: error_kind; ERROR_KINDS: their sum */
    METRIC_TOTALS,  /* kind: total_kind */
    METRIC_RATE,    /* kind: 0 achieved, 1 target */
    METRIC_RESOURCE /* kind: 0 cpu_user, 1 cpu_system, 2 rss_max */
};

#define METRIC_STEP_NONE UINT32_MAX

struct metric {
    enum metric_family family;
    uint32_t step; /* of the program, or METRIC_STEP_NONE for the whole run */
    uint32_t kind;
    uint32_t stat;
};

struct metric_value {
    double value;
    bool has_samples; /* false: nothing was measured */
    bool at_least;    /* censored values lie below: the true value may be larger */
};

/* Finds the metric of a name. The error names the nearest one. */
bool metric_find(const char *name, const char *const *step_names, uint32_t steps_count,
                 struct metric *metric, struct error *error);
enum metric_unit metric_unit_of(const struct metric *metric);
void metric_read(const struct metric *metric, const struct figures *figures,
                 struct metric_value *value);

#endif
