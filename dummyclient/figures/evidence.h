/* Evidence of failures (vm/evidence.h) as a part of the figures: added up, packed, printed.
 *
 * Of several failures the earliest is kept. Times are on this program's clock; packed they count
 * from the origin of the run, which every program has. */
#pragma once

#include "core/error.h"
#include "core/printable.h"
#include "vm/evidence.h"

struct cJSON;
struct pack;
struct unpack;

static inline uint32_t evidence_failed_count(const struct vm_evidence *evidence)
{
    return evidence->steps_count + EVIDENCE_PLACES;
}

static inline struct vm_failed *evidence_of(const struct vm_evidence *evidence,
                                            enum evidence_place place)
{
    return &evidence->failed[evidence->steps_count + place];
}

struct vm_evidence *evidence_create(uint32_t steps_count, struct error *error);
void evidence_destroy(struct vm_evidence *evidence);
void evidence_add(struct vm_evidence *into, const struct vm_evidence *from);
void evidence_pack(const struct vm_evidence *evidence, int64_t origin_ns, struct pack *pack);
void evidence_unpack_add(struct vm_evidence *into, int64_t origin_ns, struct unpack *from);
/* `first_failure` of the object, if there was one; and of every place that has one, an object of
 * `result`. */
void evidence_report(struct cJSON *object, const struct vm_failed *failed, int64_t origin_ns);
void evidence_report_places(struct cJSON *result, const struct vm_evidence *evidence,
                            int64_t origin_ns);
/* The earliest of all, in a line for people; step_names of the program. False: there is none. */
bool evidence_describe(const struct vm_evidence *evidence, const char *const *step_names,
                       int64_t origin_ns, char text[PRINTABLE_LINE_BYTES_MAX]);
