/* The fleet: several dummyclients ("ranks"), on one machine or many, that play one load.
 *
 * Each has the same plan and plays its share of it (plan/plan.h). Rank 0, the leader, decides for
 * all when the phases of the run begin, opens the barriers, shows the whole and writes the one
 * result; the others send it their status. A decision is a moment on the leader's clock, a little
 * ahead, which each rank translates to its own clock: fleet_start() has measured the offsets.
 *
 * The order: fleet_join() (the ranks agree, or the run fails), fleet_start(), then once per tick
 * fleet_exchange(), at the end fleet_report() and fleet_leave(). In a single program the fleet has
 * one rank and these functions do nothing. Every wait has a bound; a rank that is silent for
 * FLEET_SILENT_NS is lost.
 *
 * The supervisor's thread only. Times are clock_now_ns() of this rank. */
#pragma once

#include "core/error.h"
#include "core/pack.h"
#include "figures/live.h"
#include "fleet/mesh.h"
#include "pacing/course.h"

enum { FLEET_HOST_BYTES_MAX = 128, FLEET_BUILD_BYTES_MAX = 128, FLEET_PROBLEM_BYTES_MAX = 512 };
enum { FLEET_RANKS_MAX = 4096 };

enum { FLEET_TOUCHES_MAX = 8 };

/* A rank that is silent for this long is lost. */
#define FLEET_SILENT_NS (5 * INT64_C(1000000000))
/* Longer for the leader: it is to notice a loss first, and to notify the others. */
#define FLEET_HEAD_SILENT_NS (8 * INT64_C(1000000000))
/* The same for both once their workers have ended: a report of megabytes is in transit, before
 * which no status passes, and the leader adds up those of all ranks. */
#define FLEET_REPORT_WITHIN_NS (60 * INT64_C(1000000000))
/* From a decision to its moment, so that every rank knows it in time. */
#define FLEET_NOTICE_NS (200 * INT64_C(1000000))
/* Until the ranks must have read their scenarios and met. */
#define FLEET_JOIN_WITHIN_NS (60 * INT64_C(1000000000))

/* What a rank says of itself before anything is played. */
struct fleet_hello {
    char host[FLEET_HOST_BYTES_MAX];
    char build[FLEET_BUILD_BYTES_MAX];     /* version and commit */
    char problem[FLEET_PROBLEM_BYTES_MAX]; /* why it cannot play; empty: it can */
    uint64_t scenario;                     /* digests: of the scenario file, */
    uint64_t data;                         /* of its data files, */
    uint64_t load;                         /* and of what the options make of it */
    uint32_t workers;
    uint32_t connections; /* its share */
};

/* The status of a rank. */
struct fleet_status {
    struct live_view view;
    uint32_t barrier_waiting[SCENARIO_BARRIERS_MAX]; /* as in figures/live.h, of all its workers */
    uint32_t barrier_present[SCENARIO_BARRIERS_MAX];
    uint32_t barrier_seen[SCENARIO_BARRIERS_MAX]; /* by all its workers */
    uint32_t stops;                               /* stop requests */
    uint32_t workers_running;
    uint32_t touches; /* of the course that each of its workers follows, or of a later one */
    bool failed;      /* a worker could not start or continue */
};

/* What the leader has decided; TIME_NEVER_NS where it has not. */
struct fleet_orders {
    int64_t t0_ns;
    int64_t stop_ns;
    int64_t drain_end_ns;
    int64_t abort_ns;
    uint32_t barrier_opened[SCENARIO_BARRIERS_MAX];
    uint32_t probes; /* number of probes for the figures of thresholds */
    /* How often the load was touched; touch n of the last few is touches[n % FLEET_TOUCHES_MAX]. */
    uint32_t touches_count;
    struct touch touches[FLEET_TOUCHES_MAX];
};

/* What is known of a rank: of all on the leader, elsewhere of itself and the leader. */
struct fleet_rank {
    struct fleet_hello hello;
    int64_t clock_offset_ns; /* the leader's clock less its own ... */
    int64_t clock_bound_ns;  /* ... which is at most this wrong; 0 on the leader */
    int64_t clock_drift_ns;  /* how much more it was at the end (fleet_measure_drift()) */
    int64_t heard_ns;        /* its last message */
    int64_t sent_ns;         /* the last orders sent to it */
    bool owed;               /* there are newer ones */
    bool lost;
    bool has_status; /* a status has come */
    struct fleet_status status;
    struct pack probe; /* its answer to the last question, and to which one that was */
    uint32_t probe_of;
    struct pack report; /* its figures at the end */
    bool reported;
};

struct fleet {
    struct mesh *mesh; /* NULL: alone */
    struct fleet_rank *ranks;
    uint32_t rank;
    uint32_t ranks_count;
    struct fleet_orders orders; /* as given (leader), or as received, on this rank's clock */
    bool ordered;               /* a member: there are some */
    bool done;                  /* the leader needs nothing more of the others */
    int64_t sent_ns;            /* a member: the last status sent */
    int64_t checked_ns;         /* when silence was last checked */
    int64_t suspected_ns;       /* the mesh has said that one has died; 0: it has not. Who says
                                   nothing from then on is lost sooner: after 6/10 of grace_ns */
    int64_t grace_ns;           /* of the mesh */
    uint32_t workers_total;     /* of all ranks, once they have agreed */
    struct fleet_status sent;
    struct pack out; /* the message that is being made */
};

/* mesh may be NULL, and stays the caller's. False: no memory. */
bool fleet_open(struct fleet *fleet, struct mesh *mesh, struct error *error);
void fleet_close(struct fleet *fleet);

static inline bool fleet_is_leader(const struct fleet *fleet)
{
    return fleet->rank == 0;
}

static inline bool fleet_is_alone(const struct fleet *fleet)
{
    return fleet->ranks_count == 1;
}

enum fleet_agreement {
    FLEET_AGREED,
    FLEET_REFUSED,   /* they differ, or one cannot play */
    FLEET_INCOMPLETE /* one did not come */
};

/* fleet_join.c. Waits for all ranks to say hello. On the leader *error says why not, in one line;
 * it is empty where the leader's own problem is the reason. */
enum fleet_agreement fleet_join(struct fleet *fleet, const struct fleet_hello *own,
                                struct error *error);
/* Measures the clocks and agrees on the origin of the run, lead_ns ahead: on this rank's clock. */
bool fleet_start(struct fleet *fleet, int64_t lead_ns, int64_t *origin_ns, struct error *error);

/* Once started: this rank's clock plus it is the leader's, on which the run has its times. */
static inline int64_t fleet_clock_offset_ns(const struct fleet *fleet)
{
    return fleet->ranks[fleet->rank].clock_offset_ns;
}

/* fleet_exchange.c. Handles what has arrived; a member sends its status when that has changed or a
 * heartbeat is due. */
void fleet_exchange(struct fleet *fleet, const struct fleet_status *own, int64_t now_ns);
/* Leader: adds the others' statuses. Returns false while one is missing. */
bool fleet_add_others(const struct fleet *fleet, struct fleet_status *whole);
/* Leader: sends its orders to the others, when they changed or a heartbeat is due. now_ns: before
 * the fleet_exchange() of this turn. */
void fleet_order(struct fleet *fleet, const struct fleet_orders *orders, int64_t now_ns);
/* The first rank that is lost, or NULL. For a member only the leader can be. */
const struct fleet_rank *fleet_lost(const struct fleet *fleet);

/* A member's answer to the question of that number (orders.probes); on the leader it is in
 * ranks[].probe. */
void fleet_answer_probe(struct fleet *fleet, uint32_t number, const struct pack *answer);
/* A member's figures; on the leader they are in ranks[].report. */
bool fleet_report(struct fleet *fleet, const struct pack *report);
/* Leader: have all reported that are not lost? */
bool fleet_has_reports(const struct fleet *fleet);
/* fleet_join.c. Leader, once all have reported: measures the clocks once more. */
void fleet_measure_drift(struct fleet *fleet);
/* Leader: lets the others go. Member: waits for that; false when the leader is lost. */
bool fleet_leave(struct fleet *fleet);
