/* The supervisor's inside, shared by supervisor.c (from the first thread to the figures) and
 * supervisor_turn.c (what it does while the run goes on). Private to them. */
#ifndef DUMMYLOAD_CLIENT_SUPERVISOR_INTERNAL_H
#define DUMMYLOAD_CLIENT_SUPERVISOR_INTERNAL_H

#include "conduct/abort.h"
#include "conduct/supervisor.h"
#include "play/control.h"
#include "play/worker.h"
#include "show/console.h"
#include "show/ndjson.h"

struct supervisor {
    const struct plan *plan;
    struct run *run;
    struct control control;
    struct worker *workers;
    struct arrivals_pool pool;
    uint32_t opened_count;
    uint32_t started_count;
    struct fleet *fleet;
    struct console console;
    struct ndjson *ndjson;     /* NULL: off. The caller's */
    struct fleet_status own;   /* of this tick */
    struct fleet_status whole; /* the same with the others'; on a member as own */
    struct live_view *view;    /* the whole's */
    bool whole_known;          /* every rank has said how it stands */
    uint32_t stops_seen;
    int64_t clock_offset_ns;
    uint32_t settled; /* while connecting: how far it has come, */
    uint32_t queued;
    int64_t settled_ns; /* and when it last came further */
    struct abort_watch abort_watch;
    int64_t ticked_ns; /* the last tick */
};

/* Ends the run: no arrivals from now on, and drain_ns to finish what is under way. Only ever
 * makes things happen earlier. */
void supervisor_stop(struct supervisor *supervisor, enum run_end end, int64_t drain_ns);
/* How this program stands, so many of its workers running, and all of them together. */
void supervisor_read(struct supervisor *supervisor, uint32_t workers_running);
/* All connections have ended: because the data said so, or for some other reason? */
enum run_end supervisor_reason_of_end(const struct supervisor *supervisor);
void supervisor_print_logs(struct supervisor *supervisor);
/* Turns until every worker has ended, on the head those of all ranks; false when one does not. */
bool supervisor_wait(struct supervisor *supervisor);

#endif
