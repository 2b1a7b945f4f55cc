/* --openmetrics: the final figures in the text format of the OpenMetrics 1.0 specification
 * (counters end in _total, durations are in seconds, the text ends with # EOF). After the run. */
#pragma once

#include "conduct/run.h"
#include "core/error.h"
#include "judge/verdict.h"
#include "plan/plan.h"

/* Whole or not at all. */
bool openmetrics_write(const struct plan *plan, const struct run *run,
                       const struct verdict *verdict, const char *path, struct error *error);
