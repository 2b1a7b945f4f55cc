/* The end of a run that has been judged: its results are written and printed. */
#pragma once

#include "conduct/run.h"
#include "judge/verdict.h"
#include "plan/plan.h"
#include "show/feed.h"

/* Writes the files, ends the feed (NULL: there is none) and prints the summary; returns the exit
 * code. Printing may wait for a stopped terminal or reader until a stop is requested; then the
 * process exits immediately (output_leave()). */
int ending_play(const struct plan *plan, struct run *run, struct verdict *verdict,
                struct feed *feed);
/* The same for a run that could not be played. */
int ending_fail(const char *reason, struct feed *feed);
