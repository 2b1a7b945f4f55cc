/* What the summary says of TLS; nothing where no target speaks it. Control plane. */
#pragma once

#include "conduct/run.h"
#include "plan/plan.h"
#include "text/wrap.h"

void summary_print_tls(const struct plan *plan, const struct run *run, struct wrap *out);
