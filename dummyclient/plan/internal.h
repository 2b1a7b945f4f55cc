/* The parts of plan_open(). */
#pragma once

#include "plan/plan.h"

/* address.c: looks names up. */
void plan_resolve_targets(struct plan *plan, struct mistakes *mistakes);
/* What figures of targets are called, once they are resolved; false: there is no memory. */
bool plan_name_targets(struct plan *plan);
/* override_tls.c: --tls, --tls-ca and --insecure. False, and reported: this build has no TLS. */
bool plan_override_tls(struct plan *plan, struct mistakes *mistakes);
/* describe_tls.c: a line of --check, and a member of the result's plan, where there is TLS. */
void plan_print_tls(const struct plan *plan, const struct plan_target *target, FILE *file);
void plan_add_tls(const struct plan *plan, struct cJSON *json);
/* redirect.c; false: there is no memory. */
bool plan_resolve_allowed(const struct plan *plan, const struct scenario_target *target,
                          struct plan_destination *destination, struct mistakes *mistakes);
void plan_resolve_sources(struct plan *plan, struct mistakes *mistakes);
/* duet.c: what --duet makes of the plan. Before anything else, what it cannot be together with; and
 * the program's twins. The names of the sides are those of the targets. */
extern const char *const PLAN_SIDE_NAMES[PLAN_DUET_SIDES];
void plan_check_duet(const struct plan *plan, struct mistakes *mistakes);
bool plan_twin(struct plan *plan, struct mistakes *mistakes);
/* seat.c: shares connections among behaviors, ranks and workers. */
bool plan_seat(struct plan *plan, struct error *error);
