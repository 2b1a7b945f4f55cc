/* The client's result as JSON. After the run. */
#pragma once

#include "conduct/run.h"
#include "judge/verdict.h"
#include "plan/plan.h"

struct cJSON;

/* NULL when memory ran out; free with cJSON_Delete(). */
struct cJSON *report_to_json(const struct plan *plan, struct run *run,
                             const struct verdict *verdict);
