/* What became of arrivals, by when they were due: of the run, a stage, a behavior or a second.
 *
 * The law: begun + dropped + never_started == intended, always. One list (arrival_counts.c) says
 * what there is; adding, packing and the result's keys follow from it. */
#ifndef DUMMYLOAD_CLIENT_ARRIVAL_COUNTS_H
#define DUMMYLOAD_CLIENT_ARRIVAL_COUNTS_H

#include <stdint.h>

struct cJSON;
struct pack;
struct unpack;

struct arrival_counts {
    uint64_t intended;      /* due */
    uint64_t begun;         /* an iteration began for it, whenever that was */
    uint64_t dropped;       /* late, and the scenario says late: drop */
    uint64_t never_started; /* due, and nobody had begun it when the run ended */
};

void arrival_counts_add(struct arrival_counts *into, const struct arrival_counts *from);
void arrival_counts_pack(const struct arrival_counts *counts, struct pack *pack);
void arrival_counts_unpack_add(struct arrival_counts *into, struct unpack *from);
/* object gets "intended", "begun", "dropped", "never_started". */
void arrival_counts_to_json(const struct arrival_counts *counts, struct cJSON *object);

#endif
