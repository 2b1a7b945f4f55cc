/* A program: a scenario compiled to flat steps, ready for the vm.
 *
 * Built once, immutable, shared by all workers. What is constant in a message (its header, a text
 * without ${...}) is encoded here, once, so that the hot path copies bytes and no more. */
#ifndef DUMMYLOAD_SCENARIO_PROGRAM_H
#define DUMMYLOAD_SCENARIO_PROGRAM_H

#include "core/error.h"
#include "proto/frame.h"
#include "scenario/scenario.h"
#include "text/mistakes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program; /* internal.h */

/* Limits: TREE_... in tree.h (steps, nesting, captures, constant bytes) and the ones here. */

/* check.c: tells what cannot be played with this load: too few rows for the connections,
 * a rate without a loop. Overrides are in scenario->load already. */
void program_check(const struct scenario *scenario, struct mistakes *mistakes);
/* Overrides are in scenario->load already when this is called. The program points into the
 * scenario, which outlives it. */
struct program *program_compile(const struct scenario *scenario, struct error *error);
void program_destroy(struct program *program);

const struct framing *program_framing(const struct program *program);
/* Named requests, over all behaviors: each has its own figures in the result. 0..STEPS_MAX-1. */
enum { PROGRAM_STEPS_MAX = 1000 };
uint32_t program_steps_count(const struct program *program);
const char *program_step_name(const struct program *program, uint32_t step);
/* Of a data table, by its number. */
const char *program_table_name(const struct program *program, uint32_t table);
uint32_t program_behaviors_count(const struct program *program);
const char *program_behavior_name(const struct program *program, uint32_t behavior);
double program_behavior_weight(const struct program *program, uint32_t behavior);
/* Lanes per connection (in_flight). */
uint32_t program_lanes_count(const struct program *program);
/* The largest message a step can send or expects, whole frames: sizes the port's buffers. */
uint32_t program_message_bytes_max(const struct program *program);
/* Memory of one connection's vm, in bytes; the same for every connection. */
size_t program_vm_bytes(const struct program *program);
/* Named barriers, over all behaviors; a bit per barrier that a behavior may come to. */
uint32_t program_barriers_count(const struct program *program);
const char *program_barrier_name(const struct program *program, uint32_t barrier);
uint32_t program_behavior_barriers(const struct program *program, uint32_t behavior);
/* How long a connection waits at a barrier, at most; 0 without barriers. */
int64_t program_barrier_within_ns(const struct program *program);
/* ready.c: the longest that any behavior's setup may take by its own steps (their `within`,
 * thinks, reconnects), once it is connected; a setup that begins again counts once. */
int64_t program_ready_within_ns(const struct program *program);
/* Texts of mark steps. */
uint32_t program_marks_count(const struct program *program);
const char *program_mark_name(const struct program *program, uint32_t mark);
bool program_logs(const struct program *program);

/* digest.c: for programs that play together. A digest with some more bytes in it; that of
 * what the data files hold. */
uint64_t program_digest_bytes(uint64_t digest, const void *data, size_t bytes);
uint64_t program_data_digest(const struct program *program);

/* estimate.c: requests of one pass and of setup on the average, as far as the steps say
 * (an `if` counts as half of each side); false when a pass has no end of its own (repeat for a
 * time). */
bool program_estimate(const struct scenario *scenario, uint32_t behavior, double *setup,
                      double *pass);

#endif
