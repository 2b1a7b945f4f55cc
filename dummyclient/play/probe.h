/* A probe: gives the supervisor, during the run, the figures that thresholds with abort_on_fail
 * need.
 *
 * The supervisor asks (probe_ask), the worker copies what is needed between two of its polls
 * (probe_take: a few tens of microseconds, once a second, and only if a scenario has such
 * thresholds), the supervisor sums the copies (probe_read). The copies belong to the worker until
 * it has answered, then to the supervisor until it asks again. */
#pragma once

#include "core/error.h"
#include "figures/figures.h"
#include "figures/threshold.h"

#include <stdatomic.h>

struct probe {
    const struct threshold *thresholds;
    uint32_t thresholds_count;
    struct histogram *histograms; /* one per threshold; open where one is needed to judge it */
    uint64_t *numbers;            /* all plain numbers of the figures, flat */
    _Atomic uint32_t asked;
    _Atomic uint32_t answered;
};

/* figures: of the worker, for their shape. */
bool probe_open(struct probe *probe, const struct figures *figures,
                const struct threshold *thresholds, uint32_t thresholds_count, struct error *error);
void probe_close(struct probe *probe);
/* Supervisor: asks for new copies; only when the last have come. */
void probe_ask(struct probe *probe);
bool probe_has_answered(const struct probe *probe);
/* Worker: is a request for copies unanswered? Then its figures must be current. */
bool probe_is_asked(const struct probe *probe);
/* Worker: answers a request, if there is one. For a worker that has ended the supervisor answers:
 * its last figures stay in the sum. */
void probe_take(struct probe *probe, const struct figures *figures);
/* Supervisor: adds the copies to figures (only what the thresholds need). */
void probe_read(const struct probe *probe, struct figures *figures);
/* What probe_read() has added up, as bytes for another program of the same plan, and back; with
 * what this program has used of its machine, which goes into resources_of_others there. */
void probe_pack(const struct probe *probe, const struct figures *figures, struct pack *pack);
bool probe_unpack_add(const struct probe *probe, struct figures *figures, struct unpack *from);
/* Empties what probe_read() adds to. */
void probe_reset(const struct probe *probe, struct figures *figures);
