/* The summary of a run for a person, on standard output. */
#pragma once

#include "conduct/run.h"
#include "judge/verdict.h"
#include "plan/plan.h"
#include "text/wrap.h"

void summary_print(const struct plan *plan, const struct run *run, const struct verdict *verdict,
                   struct wrap *out);
