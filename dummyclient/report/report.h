/* The client's result as JSON and as OpenMetrics text. After the run. */
#ifndef DUMMYLOAD_CLIENT_REPORT_H
#define DUMMYLOAD_CLIENT_REPORT_H

#include "conduct/run.h"
#include "core/error.h"
#include "judge/verdict.h"
#include "plan/plan.h"

#include <stdbool.h>

struct cJSON;

/* NULL when memory ran out; free with cJSON_Delete(). */
struct cJSON *report_to_json(const struct plan *plan, struct run *run,
                             const struct verdict *verdict);
/* Writes the final figures as OpenMetrics text, whole or not at all. */
bool report_write_openmetrics(const struct plan *plan, const struct run *run,
                              const struct verdict *verdict, const char *path, struct error *error);

#endif
