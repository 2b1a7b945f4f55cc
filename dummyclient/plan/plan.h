/* The plan: scenario and options combined, resolved, checked against this machine. Immutable during
 * the run and read by every worker without a lock.
 *
 * Control plane; made once at start. Overrides of the command line are laid over scenario->load
 * here, before the program is compiled. */
#pragma once

#include "core/error.h"
#include "figures/threshold.h"
#include "net/address.h"
#include "net/reach.h"
#include "options/options.h"
#include "pacing/course.h"
#include "plan/codec.h"
#include "plan/tls.h"
#include "program/program.h"
#include "results/result.h"
#include "scenario/scenario.h"
#include "system/host.h"
#include "text/mistakes.h"

#include <stdio.h>

struct cJSON;

/* Below this share of what was due a rate is missed, for the live screen as for the verdict. */
#define PLAN_RATE_MET 0.99

enum { PLAN_ADDRESSES_MAX = NET_REACH_ADDRESSES_MAX, PLAN_TARGET_BYTES_MAX = 184 };

struct plan_target {
    struct net_address address; /* of those below, the one that is connected to */
    struct net_address addresses[PLAN_ADDRESSES_MAX];
    uint32_t addresses_count;
    char name[320];          /* as given: "localhost:7777" */
    uint32_t of;             /* which of the scenario's, or of --target */
    struct tls_context *tls; /* of plan->tls; NULL: it speaks none */
};

/* Where a server may send connections to. */
struct plan_allowed {
    struct ip_range range; /* of addresses */
    const char *name;      /* that had this address before the run; NULL: it was given as such */
};

/* Where a step can go: the targets that connections use in turn there. */
struct plan_destination {
    const char *name; /* NULL: it has none, and is the only one */
    uint32_t first;   /* of plan->targets */
    uint32_t count;   /* 0: it has no address but those that a server says */
    struct plan_allowed *allowed;
    uint32_t allowed_count;
    struct tls_context *tls; /* of plan->tls, for those; NULL: they speak none */
};

/* The worker of what another rank plays. */
enum { PLAN_ELSEWHERE = 0xFFFF };

/* The sides of a duet: two servers, each with the whole load of the scenario, at the same time. */
enum { PLAN_DUET_SIDES = 2 };

/* Who plays connection i of the run: a worker of this rank, or PLAN_ELSEWHERE. */
struct plan_seat {
    uint16_t behavior;
    uint16_t worker;
    uint32_t ordinal; /* its number among this rank's */
};

/* One behavior's share. */
struct plan_behavior {
    uint32_t connections;
    uint32_t connections_own; /* of them this rank's */
    double weight_below;      /* arrivals: the shares of the behaviors before this one, 0..1 */
    uint32_t *numbers;        /* of its connections, in the order of opening; NULL: 0, 1, 2 ... */
    uint32_t first;           /* connections of the behaviors before this one, of all ranks ... */
    uint32_t first_own;       /* ... and of this one: where dealing begins */
};

struct plan {
    const struct options *options;
    struct scenario *scenario;
    struct plan_codec codec;
    struct plan_tls tls;
    struct program *program;
    struct course course; /* of the load, as planned: a run may be touched */
    bool open_loop;
    uint32_t sides;       /* 1, or PLAN_DUET_SIDES: each has its part of what follows */
    uint32_t connections; /* the most there ever are */
    uint32_t connections_at_start;
    uint32_t connections_own; /* this rank's, of connections */
    uint32_t rank;            /* of several programs that play the plan together, or 0 of 1 */
    uint32_t ranks;
    uint32_t workers_count;
    uint32_t workers_total; /* of all ranks; known when they have agreed (fleet.h) */
    struct plan_target *targets;
    uint32_t targets_count;
    struct plan_destination destinations[SCENARIO_NAMED_TARGETS_MAX];
    uint32_t destinations_count;
    const char **target_names;   /* of those that have figures of their own */
    uint32_t target_names_count; /* 0: there is one, or they are too many */
    struct net_address *sources;
    uint32_t sources_count;
    struct plan_seat *seats; /* NULL: see plan_seat_at() */
    struct plan_behavior *behaviors;
    uint32_t behaviors_count;
    const char **step_names;
    uint32_t steps_count;
    struct threshold *thresholds;
    uint32_t thresholds_count;
    char run_id[RESULT_RUN_ID_BYTES_MAX];
    int64_t duration_ns; /* from t0 to stop */
    /* --duration left nothing behind the scenario's warm-up of so long, which is shorter now; 0:
     * it is as the scenario or --warmup says. */
    int64_t warmup_asked_ns;
    struct host_limits limits;
    uint64_t descriptors_needed;
    uint64_t ports_needed;     /* of one source address */
    uint64_t memory_bytes;     /* connections and figures, at most */
    uint64_t memory_max_bytes; /* of this machine, or what this process may have of it */
    uint64_t connection_bytes;
    uint64_t connections_bytes; /* of it all of this rank's: what figures may take is rarely used */
};

/* False when it cannot be played (exit 2), after a report of each mistake. Where the scenario has
 * mistakes, what depends on it is not checked. */
bool plan_open(struct plan *plan, const struct options *options,
               void (*report)(void *context, const char *line), void *context);
void plan_close(struct plan *plan);

/* Before the run: of each name with several addresses the first that takes connections. Connects to
 * find it out, only where there is more than one. */
void plan_reach_targets(struct plan *plan);
/* The target with its addresses: "localhost:7777 (::1 and 127.0.0.1)". Returns text. */
const char *plan_target_text(const struct plan_target *target, char text[PLAN_TARGET_BYTES_MAX]);
/* A rank's share of all connections: even shares, the remainder goes to the first ranks. */
uint32_t plan_share(uint32_t connections, uint32_t rank, uint32_t ranks);

/* The seat of a connection, by its number in the whole run. With one behavior it follows from the
 * number: of a million connections over 50 ranks a table in each would take as much memory as the
 * connections. */
struct plan_seat plan_seat_at(const struct plan *plan, uint32_t connection);

/* In a duet, connection k of one side and connection k of the other are connections 2 k and 2 k + 1
 * of the run: on the same worker, with the same seed and the same arrivals. Which of the two comes
 * first, when both are opened or begin to play, alternates on each worker. Behaviors 2 b and
 * 2 b + 1 are twins. */
static inline uint32_t plan_number(const struct plan *plan, uint32_t connection)
{
    return connection / plan->sides;
}
static inline uint32_t plan_first_twin(const struct plan *plan, uint32_t behavior)
{
    return behavior & (0U - plan->sides);
}

/* What follows is by a course of the load: the plan's (plan->course), or as it was touched.
 *
 * Arrival n of those that are shared: its behavior (of twins the first: both have it), by
 * hash(seed, n) and the weights, and the worker that it goes to first (PLAN_ELSEWHERE: another
 * rank's). They are dealt to the connections of the behavior in turn, and where the number of
 * connections changes, to those that are wanted at the arrival's time, since t0: so every worker
 * and rank has a share by its connections. */
uint32_t plan_arrival_behavior(const struct plan *plan, uint64_t n);
uint32_t plan_arrival_worker(const struct plan *plan, const struct course *course,
                             uint32_t behavior, uint64_t n, int64_t time_ns);
/* Of the arrivals of its side, the behavior's share, 0..1. */
double plan_weight_share(const struct plan *plan, uint32_t behavior);
/* Of rising numbers, how many are below the limit. */
uint32_t plan_count_below(const uint32_t *numbers, uint32_t count, uint32_t limit);
/* Are they dealt by n alone, one by one to connection n modulo their number? (One behavior, and the
 * number of connections never changes.) */
bool plan_deals_in_turn(const struct plan *plan);
/* The first arrival of a connection's own (plan->course.each). */
void plan_own_arrivals(const struct plan *plan, uint32_t connection, struct pacing_cursor *cursor);
/* When the arrival at the cursor is due on the side of a behavior, since t0: the arrival's time,
 * and in a duet on one of the two sides half a gap later, by turns. Of those that are shared, and
 * of connection i's own. */
int64_t plan_shared_due_ns(const struct plan *plan, const struct course *course, uint32_t behavior,
                           const struct pacing_cursor *cursor);
int64_t plan_own_due_ns(const struct plan *plan, const struct course *course, uint32_t behavior,
                        uint32_t connection, const struct pacing_cursor *cursor);
/* Is connection i wanted at a time since t0? */
bool plan_wants(const struct plan *plan, const struct course *course, uint32_t connection,
                int64_t time_ns);
/* What follows is of connection `number` (plan_number()), whose side the destination says.
 * Its addresses there; *local is NULL where the system chooses, *remote where the destination has
 * none of its own. */
void plan_addresses(const struct plan *plan, uint32_t number, uint32_t destination,
                    const struct net_address **remote, const struct net_address **local);
/* The address that a server has sent it to, as texts that are not to be trusted; NULL:
 * the destination's own host or port. False: the destination does not allow it. */
bool plan_redirect(const struct plan *plan, uint32_t number, uint32_t destination, const char *host,
                   const char *port, struct net_address *address);
/* Which target's figures it has there: an index of target_names. */
uint32_t plan_share_index(const struct plan *plan, uint32_t number, uint32_t destination);
/* The figures of the plan. */
struct figures_shape plan_shape(const struct plan *plan);
/* The fewest targets that a destination has: what all connections share at the worst. */
uint32_t plan_spread(const struct plan *plan);
/* The target that these are of, as it was given: "localhost:7777". */
const char *plan_target_name(const struct plan *plan, uint32_t number, uint32_t destination);
/* What it speaks TLS with there; NULL: it speaks none. */
struct tls_context *plan_tls_context(const struct plan *plan, uint32_t number,
                                     uint32_t destination);
static inline bool plan_speaks_tls(const struct plan *plan)
{
    return plan->tls.count > 0;
}
/* When connection i is to be opened, after the origin. */
int64_t plan_connect_offset_ns(const struct plan *plan, uint32_t connection);
/* The connections that a barrier waits for, if all take part. */
uint32_t plan_barrier_connections(const struct plan *plan, uint32_t barrier);
/* How long a connection may take to become ready, from the moment it begins to connect: by its own
 * time-outs and the steps of its setup. */
int64_t plan_ready_within_ns(const struct plan *plan);

/* What programs that play the plan together must have in common. */
struct plan_digest {
    uint64_t scenario; /* the file */
    uint64_t data;     /* its data files */
    uint64_t load;     /* what the options make of it: load, targets, variables, thresholds */
};
bool plan_digest(const struct plan *plan, struct plan_digest *digest);

/* The plan for a person (--check), and as JSON for the result. */
/* Is there a live page, which shows figures while the run goes on? */
bool plan_is_watched(const struct plan *plan);
void plan_print(const struct plan *plan, FILE *file);
struct cJSON *plan_to_json(const struct plan *plan);
/* replay.c: a load as the `load` of a scenario says it, with what the options made of it; and the
 * whole scenario with that load. NULL: no memory. */
struct cJSON *plan_load_document(const struct course *course);
struct cJSON *plan_replay(const struct plan *plan, const struct course *course);
/* `replay`, where options were laid over the scenario: what they made of its `target` or `targets`
 * and `load`; and those of them that have to be given again, as words. */
void plan_add_replay(const struct plan *plan, struct cJSON *json);
/* One sentence about a warm-up that was shortened; false: it was not. */
enum { PLAN_NOTE_BYTES_MAX = 256 };
bool plan_shortens_warmup(const struct plan *plan, char text[PLAN_NOTE_BYTES_MAX]);
/* Does this machine lack something of this kind for the plan? Then one sentence with the way out.
 */
enum plan_need { PLAN_DESCRIPTORS, PLAN_PORTS, PLAN_MEMORY, PLAN_NEEDS };
enum { PLAN_SHORTAGE_BYTES_MAX = 512 };
bool plan_lacks(const struct plan *plan, enum plan_need need, char text[PLAN_SHORTAGE_BYTES_MAX]);
