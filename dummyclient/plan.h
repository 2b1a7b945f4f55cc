/* The plan: scenario and options made one, resolved, checked against this machine. Immutable
 * while the run goes on and read by every worker without a lock.
 *
 * Control plane; made once at start. Overrides of the command line are laid over scenario->load
 * here, before the program is compiled. */
#ifndef DUMMYLOAD_CLIENT_PLAN_H
#define DUMMYLOAD_CLIENT_PLAN_H

#include "core/error.h"
#include "core/host.h"
#include "core/mistakes.h"
#include "net/address.h"
#include "options.h"
#include "pacing/crowd.h"
#include "pacing/pacing.h"
#include "results/result.h"
#include "scenario/program.h"
#include "scenario/scenario.h"
#include "threshold.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cJSON;

struct plan_target {
    struct net_address address;
    char name[320]; /* as given: "localhost:7777" */
};

/* Who plays connection i of the run. */
struct plan_seat {
    uint16_t behavior;
    uint16_t worker;
};

/* One behavior's share. */
struct plan_behavior {
    uint32_t connections;
    double weight_below; /* arrivals: the shares of the behaviors before this one, 0..1 */
    uint16_t *workers;   /* those that have connections of it: they share its arrivals */
    uint32_t *firsts;    /* the first connection of it that each of them has */
    uint32_t workers_count;
};

struct plan {
    const struct options *options;
    struct scenario *scenario;
    struct program *program;
    struct pacing pacing;
    struct crowd crowd;
    bool open_loop;
    uint32_t connections; /* the most there ever are */
    uint32_t connections_at_start;
    uint32_t workers_count;
    struct plan_target *targets;
    uint32_t targets_count;
    struct net_address *sources;
    uint32_t sources_count;
    struct plan_seat *seats; /* one per connection */
    struct plan_behavior *behaviors;
    uint32_t behaviors_count;
    const char **step_names;
    uint32_t steps_count;
    struct threshold *thresholds;
    uint32_t thresholds_count;
    char run_id[RESULT_RUN_ID_BYTES_MAX];
    int64_t duration_ns; /* from t0 to stop */
    struct host_limits limits;
    uint64_t descriptors_needed;
    uint64_t ports_needed;     /* of one source address */
    uint64_t memory_bytes;     /* connections and figures, about */
    uint64_t memory_max_bytes; /* of this machine, or what this process may have of it */
    uint64_t connection_bytes;
};

/* False when it cannot be played (exit 2), with a line to report for each mistake. Where the
 * scenario itself has some, what depends on them is not looked at. */
bool plan_open(struct plan *plan, const struct options *options,
               void (*report)(void *context, const char *line), void *context);
void plan_close(struct plan *plan);

/* plan_seat.c: shares connections among behaviors and workers (part of plan_open()). */
bool plan_seat(struct plan *plan, struct error *error);

/* Arrival n: its behavior, by hash(seed, n) and the weights, and the worker it belongs to. Where
 * the number of connections changes, one that has some of it at the arrival's time, since t0. */
uint32_t plan_arrival_behavior(const struct plan *plan, uint64_t n);
uint32_t plan_arrival_worker(const struct plan *plan, uint32_t behavior, uint64_t n,
                             int64_t time_ns);
/* The addresses of connection i; *local is NULL where the system chooses. */
void plan_addresses(const struct plan *plan, uint32_t connection, const struct net_address **remote,
                    const struct net_address **local);
/* When connection i is to be opened, after the origin. */
int64_t plan_connect_offset_ns(const struct plan *plan, uint32_t connection);
/* The connections that a barrier waits for, if all take part. */
uint32_t plan_barrier_connections(const struct plan *plan, uint32_t barrier);
/* How long the connections may take to become ready before the run begins without them. */
int64_t plan_ready_within_ns(const struct plan *plan);

/* plan_load.c: what the command line replaces of the load (part of plan_open()), and what of it
 * cannot be played. */
void plan_override_load(struct plan *plan, struct mistakes *mistakes);
void plan_check_rates(const struct plan *plan, struct mistakes *mistakes);

/* plan_describe.c: the plan for a person (--check), and as JSON for the result. */
void plan_print(const struct plan *plan, FILE *file);
struct cJSON *plan_to_json(const struct plan *plan);
/* Does this machine lack something of this kind for the plan? Then one sentence with the way out.
 */
enum plan_need { PLAN_DESCRIPTORS, PLAN_PORTS, PLAN_MEMORY, PLAN_NEEDS };
enum { PLAN_SHORTAGE_BYTES_MAX = 512 };
bool plan_lacks(const struct plan *plan, enum plan_need need, char text[PLAN_SHORTAGE_BYTES_MAX]);

#endif
