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

/* The worker of what another rank plays. */
enum { PLAN_ELSEWHERE = 0xFFFF };

/* Who plays connection i of the run: a worker of this rank, or PLAN_ELSEWHERE. */
struct plan_seat {
    uint16_t behavior;
    uint16_t worker;
};

/* Those that have connections of a behavior: they take its arrivals in turn. */
struct plan_turns {
    uint16_t *takers; /* ranks, or workers of this rank */
    uint32_t *firsts; /* the first connection of it that each of them has */
    uint32_t count;
};

/* One behavior's share. */
struct plan_behavior {
    uint32_t connections;
    uint32_t connections_own; /* of them this rank's */
    double weight_below;      /* arrivals: the shares of the behaviors before this one, 0..1 */
    struct plan_turns ranks;
    struct plan_turns workers;
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
    uint32_t connections_own; /* this rank's, of connections */
    uint32_t rank;            /* of several programs that play the plan together, or 0 of 1 */
    uint32_t ranks;
    uint32_t workers_count;
    uint32_t workers_total; /* of all ranks; known when they have agreed (fleet.h) */
    struct plan_target *targets;
    uint32_t targets_count;
    struct net_address *sources;
    uint32_t sources_count;
    struct plan_seat *seats; /* one per connection of the whole run */
    uint32_t *ordinals;      /* its number among this rank's; NULL: the same number */
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

/* plan_seat.c: shares connections among behaviors, ranks and workers (part of plan_open()). */
bool plan_seat(struct plan *plan, struct error *error);
/* Of connections in all, those of a rank: even shares, the first ranks have what is left over. */
uint32_t plan_share(uint32_t connections, uint32_t rank, uint32_t ranks);

/* Arrival n: its behavior, by hash(seed, n) and the weights, and the worker it belongs to
 * (PLAN_ELSEWHERE: another rank's). Where the number of connections changes, one that has some of
 * it at the arrival's time, since t0. */
uint32_t plan_arrival_behavior(const struct plan *plan, uint64_t n);
uint32_t plan_arrival_worker(const struct plan *plan, uint32_t behavior, uint64_t n,
                             int64_t time_ns);
/* An own arrival of the behavior is followed by the next one so many arrivals on, always; 0: that
 * cannot be said (several behaviors draw, or the number of connections changes). */
uint32_t plan_arrival_stride(const struct plan *plan, uint32_t behavior);
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

/* plan_digest.c: what programs that play the plan together must have in common. */
struct plan_digest {
    uint64_t scenario; /* the file */
    uint64_t data;     /* its data files */
    uint64_t load;     /* what the options make of it: load, targets, variables, thresholds */
};
bool plan_digest(const struct plan *plan, struct plan_digest *digest);

/* plan_describe.c: the plan for a person (--check), and as JSON for the result. */
void plan_print(const struct plan *plan, FILE *file);
struct cJSON *plan_to_json(const struct plan *plan);
/* Does this machine lack something of this kind for the plan? Then one sentence with the way out.
 */
enum plan_need { PLAN_DESCRIPTORS, PLAN_PORTS, PLAN_MEMORY, PLAN_NEEDS };
enum { PLAN_SHORTAGE_BYTES_MAX = 512 };
bool plan_lacks(const struct plan *plan, enum plan_need need, char text[PLAN_SHORTAGE_BYTES_MAX]);

#endif
