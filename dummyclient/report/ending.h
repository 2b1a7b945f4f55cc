/* What is left to do once a run is over and judged: its results are written and printed. */
#ifndef DUMMYLOAD_CLIENT_ENDING_H
#define DUMMYLOAD_CLIENT_ENDING_H

#include "conduct/run.h"
#include "judge/verdict.h"
#include "plan/plan.h"
#include "show/ndjson.h"

/* Writes the files, ends the stream (NULL: there is none) and prints the summary; returns the exit
 * code. What is printed may wait for a terminal or a reader that stands still, for as long as
 * nobody asks to stop; then the process is left at once (output_leave()). */
int ending_play(const struct plan *plan, struct run *run, struct verdict *verdict,
                struct ndjson *ndjson);
/* The same for a run that came to nothing. */
int ending_fail(const char *reason, struct ndjson *ndjson);

#endif
