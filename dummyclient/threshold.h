/* Thresholds: `metric op value`, as in "latency.response.p99 < 20ms" (DESIGN section 9).
 *
 * Parsed before the run, so that a misspelled metric cannot pass silently; judged after it. Pure;
 * control plane. */
#ifndef DUMMYLOAD_CLIENT_THRESHOLD_H
#define DUMMYLOAD_CLIENT_THRESHOLD_H

#include "core/error.h"
#include "figures.h"
#include "metric.h"

#include <stdbool.h>
#include <stdint.h>

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
    struct metric metric;
    enum threshold_op op;
    double value; /* in the metric's own unit (ns, count, per second), or in percent */
    bool percent;
};

struct threshold_verdict {
    bool pass;
    bool has_value;
    double value; /* in the unit that the threshold was written in: ns, count, percent */
    char text[THRESHOLD_VALUE_BYTES_MAX]; /* the value for a person; ">= 1.2 ms", "no samples" */
};

bool threshold_parse(const char *text, const char *const *step_names, uint32_t steps_count,
                     struct threshold *threshold, struct error *error);
void threshold_judge(const struct threshold *threshold, const struct figures *figures,
                     struct threshold_verdict *verdict);
/* Is the threshold about the number of errors of this kind (of the whole run)? */
bool threshold_is_about_error(const struct threshold *threshold, enum error_kind kind);

#endif
