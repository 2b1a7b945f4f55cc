/* A probe: gives the supervisor, during the run, the figures that thresholds with abort_on_fail
 * need, or those that a live page shows: the latencies of the run, the responses of each step, and
 * what any threshold is about.
 *
 * The supervisor asks (probe_ask), the worker copies what is needed between its polls, one
 * histogram at a time (probe_take: a few tens of microseconds each, once a second, and only if
 * there is somebody to ask), the supervisor sums the copies (probe_read). The copies belong to the
 * worker until it has answered, then to the supervisor until it asks again. */
#pragma once

#include "core/error.h"
#include "figures/figures.h"
#include "figures/threshold.h"

#include <stdatomic.h>

/* A page shows the responses of so many steps. */
enum { PROBE_STEPS_MAX = 64 };

struct probe {
    const struct threshold *thresholds;
    uint32_t thresholds_count;
    bool watched;                 /* by a live page */
    struct histogram **sources;   /* of the worker's figures: those that are needed, */
    struct histogram *histograms; /* and a copy of each */
    uint32_t histograms_count;
    uint32_t taken_count; /* copied for the request that is being answered */
    uint64_t *numbers;    /* all plain numbers of the figures, flat */
    _Atomic uint32_t asked;
    _Atomic uint32_t answered;
};

/* figures: of the worker, for their shape. watched: by a live page. */
bool probe_open(struct probe *probe, const struct figures *figures,
                const struct threshold *thresholds, uint32_t thresholds_count, bool watched,
                struct error *error);
void probe_close(struct probe *probe);
/* Supervisor: asks for new copies; only when the last have come. */
void probe_ask(struct probe *probe);
bool probe_has_answered(const struct probe *probe);
/* Worker: is a request for copies unanswered? Then its figures must be current. */
bool probe_is_asked(const struct probe *probe);
/* Worker: a step of the answer to a request, if there is one; true: there are more steps. For a
 * worker that has ended the supervisor answers: its last figures stay in the sum. */
bool probe_take(struct probe *probe, const struct figures *figures);
/* Supervisor: adds the copies to figures (only what is needed). */
void probe_read(const struct probe *probe, struct figures *figures);
/* What probe_read() has added up, as bytes for another program of the same plan, and back; with
 * what this program has used of its machine, which goes into resources_of_others there. */
void probe_pack(const struct probe *probe, const struct figures *figures, struct pack *pack);
bool probe_unpack_add(const struct probe *probe, struct figures *figures, struct unpack *from);
/* Empties what probe_read() adds to. */
void probe_reset(const struct probe *probe, struct figures *figures);
