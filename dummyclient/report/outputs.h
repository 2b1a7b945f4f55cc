/* Where a run's results go: --out, --ndjson, --openmetrics, --trace. Looked at before the run, so
 * that nothing is overwritten, lost or mixed after it. Control plane. */
#pragma once

#include "options/options.h"
#include "text/mistakes.h"

/* Does one of them go to standard output? Then nothing else is printed there. */
bool outputs_take_stdout(const struct options *options);
/* Do they exclude each other, or would one overwrite what was read (the scenario, its data), or
 * what the standard streams are written to? After the scenario was read. Reports what is wrong. */
void outputs_compare(const struct options *options, struct mistakes *mistakes);
/* Can they be written? False: *error says which cannot, and why. */
bool outputs_can_write(const struct options *options, struct error *error);
