/* Thresholds: `metric op value`, as in "latency.response.p99 < 20ms".
 *
 * Parsed before the run, so that a misspelled metric cannot pass silently; judged after it. Pure;
 * control plane. */
#pragma once

#include "core/error.h"
#include "figures/figures.h"
#include "figures/metric.h"

enum { THRESHOLD_TEXT_BYTES_MAX = 256, THRESHOLD_VALUE_BYTES_MAX = 64 };

enum threshold_op {
    THRESHOLD_BELOW,
    THRESHOLD_AT_MOST,
    THRESHOLD_ABOVE,
    THRESHOLD_AT_LEAST,
    THRESHOLD_EQUAL
};

struct threshold {
    char text[THRESHOLD_TEXT_BYTES_MAX];
    bool abort_on_fail; /* end the run as soon as it has failed; set by plan/plan.c */
    struct metric metric;
    enum threshold_op op;
    double value; /* in the metric's own unit (ns, count, per second), or in percent */
    bool percent;
};

struct threshold_verdict {
    bool pass;
    bool judged;   /* false: about the server, whose result the client does not see */
    bool at_least; /* the true value may be larger */
    bool has_value;
    double value; /* in the unit that the threshold was written in: ns, count, percent */
    char text[THRESHOLD_VALUE_BYTES_MAX]; /* the value for a person; ">= 1.2 ms", "no samples" */
};

bool threshold_parse(const char *text, const struct metric_names *names,
                     struct threshold *threshold, struct error *error);
void threshold_judge(const struct threshold *threshold, const struct figures *figures,
                     struct threshold_verdict *verdict);
/* During the run: has it failed for good? A count above its upper limit has; one below a lower
 * limit has not; latencies and rates are judged by their current value, from THRESHOLD_SAMPLES_MIN
 * samples on. */
enum { THRESHOLD_SAMPLES_MIN = 100 };
bool threshold_has_failed(const struct threshold *threshold, const struct figures *figures);
/* Why abort_on_fail would have no effect on it, as the end of a line; NULL: it has an effect. */
const char *threshold_abort_refusal(const struct threshold *threshold);
/* The histogram that it is judged by, wholly or (a percentage of requests) in part; NULL: none. */
const struct histogram *threshold_histogram(const struct threshold *threshold,
                                            const struct figures *figures);
/* Is the threshold about the number of errors of this kind (of the whole run)? */
bool threshold_is_about_error(const struct threshold *threshold, enum error_kind kind);
