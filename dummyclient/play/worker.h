/* A worker: a thread with its own completion port, its own connections and its own share of the
 * arrivals. It shares nothing with the other workers but the plan (read only), the control (atomics
 * it reads), its live numbers (atomics it writes) and the pool of the arrivals that found no free
 * connection on their own worker. It runs until the run stops, even after all its connections have
 * ended: its arrivals, barriers and probes belong to the run.
 *
 * worker_open() and worker_close() by the supervisor; what is in between by the thread. The turns
 * are separate functions, so that a test can drive a worker over the fake port. */
#pragma once

#include "figures/live.h"
#include "plan/plan.h"
#include "play/arrivals.h"
#include "play/conn.h"
#include "play/control.h"
#include "play/probe.h"
#include "play/recorder.h"
#include "system/thread.h"

#include <stdatomic.h>

enum {
    WORKER_COMPLETIONS_MAX = 128, /* per poll */
    WORKER_ARRIVALS_MAX = 64,     /* begun between two polls */
    WORKER_FLUSH_MAX = 32,        /* sends per reading of the clock */
    WORKER_AHEAD_CONN = 4,        /* completions ahead: a connection is fetched, ... */
    WORKER_AHEAD_VM = 2,          /* ... then its vm */
    WORKER_NOTIFIED_MAX = 64,     /* connections notified of a phase between two polls */
    WORKER_CONNECTS_MAX = 64,     /* begun between two polls */
    WORKER_CONNECTING_MAX = 512   /* in flight, of all workers, without connect_rate */
};
/* After the stop: how often to check whether the others' late arrivals have begun. */
#define WORKER_LATE_LOOK_NS (2 * INT64_C(1000000))
/* After the drain end: how long the closing protocol may take; then how long the resets may. */
#define WORKER_END_WITHIN_NS   (2 * INT64_C(1000000000))
#define WORKER_ABORT_WITHIN_NS (3 * INT64_C(1000000000))

/* The phases that every connection is notified of, in this order. */
enum worker_phase {
    WORKER_PHASE_NONE,
    WORKER_PHASE_START,
    WORKER_PHASE_STOP,
    WORKER_PHASE_DRAIN_END,
    WORKER_PHASE_ABORT
};

enum worker_state { WORKER_RUNNING, WORKER_ENDED, WORKER_FAILED };

struct worker {
    struct thread thread;
    const struct plan *plan;
    struct control *control;
    uint32_t index;
    int64_t origin_ns;
    struct arrivals_pool *pool; /* of all workers */
    uint32_t *numbers;          /* its connections of the run */
    uint32_t numbers_count;
    struct cport *port;
    _Atomic(struct cport *) port_to_wake; /* for the supervisor, while the port is there */
    struct live live;
    struct probe probe;
    struct recorder recorder;
    struct arrivals arrivals;
    struct conn_group group;
    uint32_t connects_begun; /* connections that have been notified that they are wanted: the first
                                ones */
    enum worker_phase phase; /* in progress */
    enum worker_phase phase_done; /* the last one that is complete */
    uint32_t phase_at;
    int64_t last_poll_ns;   /* when the last poll read the completions */
    int64_t before_poll_ns; /* the clock, read before the last poll */
    int64_t drains_ns; /* what had arrived by then is returned by the polls since and drains_left
                          more */
    uint32_t drains_left;
    uint64_t waited_ns; /* of the port, until then */
    int64_t idle_ns;    /* of that, in this turn */
    int64_t sent_ns;    /* the last sent stamp, until its call has returned; 0: it has */
    int64_t shares_published_ns;
    int64_t published_ns;
    int64_t drain_end_seen_ns;
    bool left_open; /* closes did not complete in time: the port is left to the system */
    char backend[16];
    char fallback[160]; /* why another backend was taken; empty: it was not */
    struct error error; /* WORKER_FAILED */
    _Atomic int state;  /* enum worker_state; memory of the worker is the supervisor's once ended */
};

/* Takes its connections from the plan's seats. Not started. */
bool worker_open(struct worker *worker, const struct plan *plan, struct control *control,
                 struct arrivals_pool *pool, uint32_t index, int64_t origin_ns,
                 struct error *error);
void worker_close(struct worker *worker);
bool worker_start(struct worker *worker, struct error *error);
/* Waits for the thread, which must have ended or be about to, and frees the port. */
void worker_join(struct worker *worker);
/* Wakes a waiting worker to read the control. Supervisor. */
void worker_wake(struct worker *worker);

/* The thread's parts, for tests: prepare with a port of the caller's, then turns until
 * worker_is_done(), then finish. */
bool worker_prepare(struct worker *worker, struct cport *port, struct error *error);
/* What is due; returns the deadline for the poll. */
int64_t worker_before_poll(struct worker *worker);
void worker_after_poll(struct worker *worker, struct cport_op **completions, int count);
/* A poll has returned: records for how long its completions may have been pending. Called by
 * worker_after_poll(). */
void worker_note_poll(struct worker *worker, int64_t now_ns);
bool worker_is_done(const struct worker *worker);
void worker_finish(struct worker *worker);
