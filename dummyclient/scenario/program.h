/* A program: a scenario compiled to flat steps, ready for the vm.
 *
 * Built once, immutable, shared by all workers. What is constant in a message (its header, a text
 * without ${...}) is encoded here, once, so that the hot path copies bytes and no more. */
#ifndef DUMMYLOAD_SCENARIO_PROGRAM_H
#define DUMMYLOAD_SCENARIO_PROGRAM_H

#include "core/error.h"
#include "proto/frame.h"
#include "scenario/scenario.h"

#include <stddef.h>
#include <stdint.h>

struct program; /* program_internal.h */

/* Limits: TREE_... in tree.h (steps, nesting, captures, constant bytes) and the ones here. */

/* Overrides are in scenario->load already when this is called. The program points into the
 * scenario, which outlives it. */
struct program *program_compile(const struct scenario *scenario, struct error *error);
void program_destroy(struct program *program);

const struct framing *program_framing(const struct program *program);
/* Named requests, over all behaviors: each has its own figures in the result. 0..STEPS_MAX-1. */
enum { PROGRAM_STEPS_MAX = 1000 };
uint32_t program_steps_count(const struct program *program);
const char *program_step_name(const struct program *program, uint32_t step);
uint32_t program_behaviors_count(const struct program *program);
const char *program_behavior_name(const struct program *program, uint32_t behavior);
double program_behavior_weight(const struct program *program, uint32_t behavior);
/* Lanes per connection (in_flight). */
uint32_t program_lanes_count(const struct program *program);
/* The largest message a step can send or expects, whole frames: sizes the port's buffers. */
uint32_t program_message_bytes_max(const struct program *program);
/* Memory of one connection's vm, in bytes; the same for every connection. */
size_t program_vm_bytes(const struct program *program);
/* Number of barrier steps (named barriers), for the supervisor. */
uint32_t program_barriers_count(const struct program *program);

#endif
