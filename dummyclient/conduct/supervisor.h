/* The supervisor: starts the workers, decides when the phases of the run begin, watches, stops and
 * collects. It runs in the main thread; every wait in it has a bound. In a fleet the leader's
 * supervisor decides for all ranks, by the sums of all; the others carry it out. */
#pragma once

#include "conduct/run.h"
#include "fleet/fleet.h"

struct feed;
struct steer;
struct trace_output;

/* Plays the plan, or this program's share of it, as steer says. feed and trace may be NULL.
 * progress: show the live line.
 * False only when nothing was played for lack of memory, threads or another rank; then *error says
 * why. */
bool supervisor_run(struct run *run, const struct plan *plan, struct fleet *fleet, bool progress,
                    struct steer *steer, struct feed *feed, struct trace_output *trace,
                    struct error *error);
