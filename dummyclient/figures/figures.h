/* The figures of a worker and, as their sum, of a run.
 *
 * One thread per struct while recording; the supervisor adds them when the workers have ended.
 * Memory is allocated at open only. */
#pragma once

#include "core/error.h"
#include "cport/cport.h"
#include "figures/evidence.h"
#include "figures/notes.h"
#include "proto/codec_worker.h"
#include "results/clean.h"
#include "results/counters.h"
#include "results/histogram.h"
#include "results/result.h"
#include "results/series.h"
#include "results/tls_stats.h"
#include "scenario/data.h"
#include "system/host.h"

struct cJSON;
struct pacing;
struct pack;
struct program_behavior;
struct unpack;

/* X(name, key): of enum latency_kind, and in a result. Those of a request: a step has them too. */
#define LATENCY_STEP_LIST(X)                                                                       \
    X(RESPONSE, "response")                       /* last byte - intended */                       \
    X(SERVICE, "service")                         /* last byte - sent */                           \
    X(RESPONSE_FIRST_BYTE, "response_first_byte") /* first byte - intended */                      \
    X(SERVICE_FIRST_BYTE, "service_first_byte")   /* first byte - sent */                          \
    X(CONNECTION_WAIT, "connection_wait") /* max(0, free - intended): the plan or the server */    \
    X(SEND_LAG, "send_lag")               /* sent - max(intended, free): this program */           \
    X(START_LAG, "start_lag")             /* connection_wait + send_lag */
/* Those that a share of the run has besides: a target, a behavior. */
#define LATENCY_SHARE_LIST(X)                                                                      \
    X(CONNECT, "connect")             /* connect submitted to connected */                         \
    X(TLS_HANDSHAKE, "tls_handshake") /* its beginning to secured, apart from the connect */
/* The others, of the run and of a stage alone. */
#define LATENCY_RUN_LIST(X)                                                                        \
    X(POLL_GAP, "poll_gap")               /* how long replies may be pending: this program */      \
    X(CODEC_HANDSHAKE, "codec_handshake") /* connected to the end of the codec's exchange */       \
    X(ITERATION, "iteration")             /* one pass of the loop without its think time */        \
    X(FANOUT, "fanout")       /* a sender's send to another's receipt, where a scenario asks */    \
    X(HEARTBEAT, "heartbeat") /* a heartbeat's send to its reply, where it awaits one */

#define FIGURES_LATENCY(name, key) LATENCY_##name,
enum latency_kind {
    LATENCY_STEP_LIST(FIGURES_LATENCY) LATENCY_STEP_KINDS,
    LATENCY_STEP_LAST = LATENCY_STEP_KINDS - 1, /* the list below continues here */
    LATENCY_SHARE_LIST(FIGURES_LATENCY) LATENCY_SHARE_KINDS,
    LATENCY_SHARE_LAST = LATENCY_SHARE_KINDS - 1, /* as above */
    LATENCY_RUN_LIST(FIGURES_LATENCY) LATENCY_KINDS
};

/* Stages beyond this many are counted in the last one; more targets, or behaviors, are not told
 * apart. */
enum { FIGURES_STAGES_MAX = 64, FIGURES_SHARES_MAX = 64 };

/* The outcome of arrivals, by when they were due: of the run, a stage, a behavior or a second.
 * begun + dropped + never_started == intended, always. */
struct arrival_counts {
    uint64_t intended;      /* due */
    uint64_t begun;         /* an iteration began for it, whenever that was */
    uint64_t dropped;       /* late, and the scenario says late: drop */
    uint64_t never_started; /* due, but not begun when the run ended */
};

/* What the live view shows of a step: of all its requests, measured or not. */
enum live_step_value {
    LIVE_STEP_REQUESTS,
    LIVE_STEP_UNANSWERED, /* timed out, or lost with the connection */
    LIVE_STEP_ERRORS,     /* these, and wrong replies */
    LIVE_STEP_VALUES
};

/* One named request of the scenario. */
struct figures_step {
    uint64_t live[LIVE_STEP_VALUES]; /* in a cache line that a request touches anyway; not added */
    struct histogram latency[LATENCY_STEP_KINDS];
    uint64_t errors[ERROR_KINDS];
};

/* One stage of the load: what was intended (for poll_gap and connect: what happened) in it. */
struct figures_stage {
    struct histogram latency[LATENCY_KINDS];
    uint64_t errors[ERROR_KINDS];
    struct arrival_counts arrivals;
    uint64_t iterations_started;
    int64_t window_ns;        /* of it inside the measuring window; set by run_measure() */
    double rate_target_per_s; /* the plan's target in it; the same */
};

/* What belongs to one of several targets, or to one of several behaviors. The latencies are of the
 * same requests as those of the steps; the counters and the series of all targets together are
 * those of the run, and so are those of all behaviors. */
struct figures_share {
    struct histogram latency[LATENCY_SHARE_KINDS];
    struct counters counters;
    uint64_t iterations_started; /* begun inside the window */
    struct series *series;
    struct figures_second *second; /* a recorder's; else NULL */
};

/* What a share has counted since the second turned; its series gets it when the next one does. */
struct figures_second {
    uint32_t open;          /* of its connections, now: a gauge as LIVE_OPEN is */
    struct counters before; /* as they were when it turned */
    uint32_t latencies[SERIES_BUCKETS];
};

/* How many there are of each. */
struct figures_shape {
    uint32_t steps;
    uint32_t stages; /* of the load; at most FIGURES_STAGES_MAX are kept apart */
    uint32_t behaviors;
    uint32_t targets; /* 0: they are not told apart */
};

/* How many behaviors are told apart: all or none. */
uint32_t figures_behaviors_apart(uint32_t behaviors);

struct figures {
    struct counters counters;
    struct histogram latency[LATENCY_KINDS];
    struct figures_step *steps;
    uint32_t steps_count;
    struct figures_stage *stages; /* none where the load has a single one */
    uint32_t stages_count;
    /* Those of targets, then those of behaviors. */
    struct figures_share *shares;
    uint32_t shares_count;
    struct figures_share *targets; /* none where there is a single one */
    uint32_t targets_count;
    struct figures_share *players; /* by behavior; none where there is a single one */
    uint32_t players_count;
    struct series *series;
    struct result_abnormal *abnormal;
    uint32_t abnormal_count;
    uint32_t abnormal_max;
    uint64_t abnormal_total;
    struct clean *clean;
    /* Arrivals due in the measuring window, and their outcome; those that were dropped or never
     * began are in response as censored, as in that of the step that would have been first. The
     * same by behavior: its sums are these. */
    struct arrival_counts arrivals;
    struct arrival_counts *behaviors;
    uint32_t behaviors_count;
    uint64_t iterations_started; /* begun inside the window, whenever they were due */
    /* Set by run_measure() for the sum of all workers. Target: what the plan asks for; 0: closed
     * loop. */
    int64_t window_ns;
    double rate_target_per_s;
    double rate_achieved_per_s;
    /* Of the loop, intended in the window: requests that were to have a reply, and those that got
     * one. An arrival that began but reached no request counts as one that was to have a reply. */
    uint64_t window_asked;
    uint64_t window_answered;
    /* Requests that were still open when the run ended; they are in response as censored. */
    uint64_t requests_cut;
    /* Of response_timeout: those of setup (a login that was not answered). */
    uint64_t setup_timeouts;
    /* Steps of the scenario that said the run is to fail. */
    uint64_t failed_steps;
    /* The same of data tables without a row left (when_out: error): how many lanes found it so. */
    uint64_t tables_out[DATA_TABLES_MAX];
    struct cport_stats port;
    struct codec_cost decoded; /* by a codec of the user's */
    struct codec_cost encoded;
    struct tls_stats tls;
    /* The longest time from a sent stamp to the return of the system call behind it: a message left
     * at most this long after its stamp. */
    int64_t sent_error_max_ns;
    uint64_t clock_reads;
    uint64_t idle_ns; /* sum over all workers: time spent waiting, in the window */
    /* Set by the supervisor as well. */
    uint32_t connections_peak;
    struct host_resources resources_of_others; /* of other programs whose figures were added */
    struct notes notes;
    struct vm_evidence *evidence; /* first failures of steps */
    int64_t origin_ns;
};

/* The moments of a run, on the clock of the figures' origin. */
struct figures_window {
    int64_t t0_ns;
    int64_t start_ns; /* t0 and the warm-up */
    int64_t end_ns;   /* the stop */
    const struct pacing *pacing;
    const struct program_behavior *behaviors; /* for the first request of each */
};

enum arrival_fate { ARRIVAL_BEGUN, ARRIVAL_DROPPED, ARRIVAL_NEVER_STARTED };

/* "response", "service", ... as in the result. */
const char *latency_key(enum latency_kind kind);

bool figures_open(struct figures *figures, const struct figures_shape *shape, uint32_t abnormal_max,
                  int64_t origin_ns, struct error *error);
void figures_close(struct figures *figures);
/* The most that figures of this shape take in a run as long as this. */
uint64_t figures_memory_bytes(const struct figures_shape *shape, int64_t length_ns);
/* Lists it, if it is one of the first abnormal_max that ended. */
void figures_list_abnormal(struct figures *figures, const struct result_abnormal *abnormal);
/* Both of equal shape. False when there was no memory: then the series is missing. */
bool figures_add(struct figures *into, const struct figures *from);

/* Walks over the plain numbers of figures, or over their histograms, in an order that is always the
 * same: from {0} until NULL. By the rule a number adds up with that of others. */
enum figures_rule { FIGURES_SUM, FIGURES_MAX };
struct figures_walk {
    uint32_t part;
    uint32_t member;
    uint32_t i;
    enum figures_rule rule; /* of the number that was returned */
};
uint64_t *figures_next_number(const struct figures *figures, struct figures_walk *walk);
struct histogram *figures_next_histogram(const struct figures *figures, struct figures_walk *walk);
/* The numbers as one flat array of figures_numbers_count(), and added to others of equal shape. */
uint32_t figures_numbers_count(const struct figures *figures);
void figures_numbers_read(const struct figures *figures, uint64_t *flat);
void figures_numbers_add(struct figures *into, const uint64_t *flat);
void figures_numbers_reset(struct figures *figures);

/* Of arrivals.c. Arrivals that were due at the moments of the spread have got their outcome. In
 * bulk: the cost does not grow with their number. Those that did not begin are censored samples of
 * the age they have at now_ns. */
void figures_arrivals(struct figures *figures, const struct figures_window *window,
                      uint32_t behavior, enum arrival_fate fate, const struct spread *due,
                      int64_t now_ns);
/* What of the window belongs to a stage that is kept apart: the first begins with the window, the
 * last ends with it. False: nothing. */
bool figures_stage_span(const struct figures_window *window, uint32_t stages_count, uint32_t stage,
                        int64_t *from_ns, int64_t *until_ns);

void arrival_counts_to_json(const struct arrival_counts *counts, struct cJSON *object);

/* Figures on their way to another program of the same run, which adds them to its own. False: they
 * do not match this run's steps and stages, or are damaged; into is then undefined. */
void figures_pack(struct figures *figures, struct pack *pack);
bool figures_unpack_add(struct figures *into, struct unpack *from);
/* The plain numbers alone. */
void figures_numbers_pack(const struct figures *figures, struct pack *pack);
bool figures_numbers_unpack_add(struct figures *into, struct unpack *from);
