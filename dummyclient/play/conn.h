/* One connection of the client: connects, carries out what its vm says, counts every byte and
 * message, and ends by the closing protocol (send the rest, FIN, read to the peer's end, close).
 *
 * One worker thread owns a group of connections, its port and everything here. Nothing here waits
 * and nothing calls a clock: the worker sets group->now_ns after each poll and calls
 *
 *     conn_on_completion()   for each operation that came out of the poll
 *     conn_on_timer()        for each timer that is due
 *     conn_on_start()        ... and the other events of the run
 *     conn_flush_all()       before the next poll: sends what has been queued
 *
 * Lifetime: conn_group_open() allocates for all connections at once; nothing allocates after that
 * but the send pool and reassembly, both bounded by what is in flight. */
#ifndef DUMMYLOAD_CLIENT_CONN_H
#define DUMMYLOAD_CLIENT_CONN_H

#include "core/error.h"
#include "core/prefetch.h"
#include "core/timer_heap.h"
#include "cport/cport.h"
#include "figures/live.h"
#include "net/send_queue.h"
#include "plan/plan.h"
#include "play/arrivals.h"
#include "play/recorder.h"
#include "proto/reassembly.h"
#include "vm/vm.h"

#include <stdbool.h>
#include <stdint.h>

/* What the plan and the scenario have to do with it; every change goes through conn_set_life(),
 * which knows which there are, and counts.
 *
 *     parked <-> queued -> setup -> playing <-> stalled
 *        ^                   |         |           |
 *        |                   v         v           v
 *      parting <---------- retiring          leaving -> gone        (and gone from anywhere before)
 */
enum conn_life {
    CONN_PARKED,   /* the plan does not want it, yet or any more */
    CONN_QUEUED,   /* wanted: it waits for its turn to connect */
    CONN_SETUP,    /* connects and plays setup */
    CONN_PLAYING,  /* was ready: it plays the loop, or is on its way back to it */
    CONN_STALLED,  /* was ready; not connected, and nothing left to do */
    CONN_RETIRING, /* no longer wanted: it ends its pass and plays teardown, */
    CONN_PARTING,  /* ... then its link; then it is parked */
    CONN_LEAVING,  /* its vm has finished, or the run: the link ends */
    CONN_GONE,     /* for good */
    CONN_LIVES
};

/* What its socket does. */
enum conn_link {
    CONN_CLOSED,
    CONN_WAITING,    /* will connect when deadline_ns has come */
    CONN_CONNECTING, /* until deadline_ns */
    CONN_OPEN,
    CONN_HALF,   /* the rest goes out, then FIN; the vm still waits for messages */
    CONN_ENDING, /* the same, and the vm waits for nothing but the end; until deadline_ns */
    CONN_CLOSING /* the port is closing the socket */
};

enum {
    CONN_SPANS_MAX = 4,     /* pieces per send */
    CONN_MESSAGES_MIN = 16, /* messages that may wait to be sent: at least, at most */
    CONN_MESSAGES_MAX = 1024,
    CONN_QUEUE_BYTES_MAX = 256 * 1024, /* above it the vm waits; one message may be larger */
    CONN_ACTIONS_MAX = 256             /* of one vm in one go: then the others get their turn */
};
/* How long the peer may take to end its side after our FIN. */
#define CONN_END_WITHIN_NS (5 * INT64_C(1000000000))
/* The same once the run is over. */
#define CONN_END_AFTER_CUT_NS (INT64_C(1500000000))

struct conn_group;

struct conn {
    struct timer_node timer; /* first: a node is its connection */
    struct cport_socket socket;
    struct cport_op io_op; /* connect, then sends, then the shutdown: one at a time */
    struct cport_op recv_op;
    struct cport_op close_op;
    struct span spans[CONN_SPANS_MAX];
    struct send_queue queue;
    struct reassembly reassembly;
    struct conn_group *group;
    struct vm *vm;
    uint64_t *lanes; /* the recorder's bits */
    struct arrivals_taker taker;
    struct conn *dirty_next;
    int64_t deadline_ns; /* of the link */
    int64_t opened_ns;   /* when the connect was submitted */
    int64_t first_ns;    /* when the first byte of the waiting partial frame came */
    int64_t blocked_until_ns;
    int64_t recv_posted_ns; /* the receive that is posted now, and group->seen_ns by then */
    int64_t recv_seen_ns;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t messages_sent;
    uint64_t messages_received;
    /* The messages in the queue, oldest first: a ring of their sizes. The first one's size is
     * what is left of it. */
    uint32_t *message_bytes;
    uint16_t messages_first;
    uint16_t messages_count;
    uint16_t messages_stamped; /* of them: the vm knows when they were sent */
    uint32_t number;           /* in the whole run */
    uint32_t generation;       /* times it has been parked */
    uint8_t life;              /* enum conn_life */
    uint8_t link;              /* enum conn_link */
    uint8_t end_reason;        /* enum error_kind; ERROR_KIND_NONE: a clean end */
    uint8_t barrier;           /* 0: it waits at none; else the barrier's number, from 1 */
    bool wanted : 1;           /* the plan wants it; it may still be ending from before */
    bool connected : 1;
    bool io_busy : 1;
    bool fin_sent : 1;
    bool end_seen : 1;        /* the peer's */
    bool dirty : 1;           /* in the group's list of what is to be flushed */
    bool held : 1;            /* the vm waits for room in the queue */
    bool counted : 1;         /* the error of this end has been counted */
    bool recv_off : 1;        /* the scenario does not want to receive ... */
    bool recv_posted : 1;     /* ... but for what the port has been asked for already */
    struct net_address local; /* once the close has begun */
};

/* The connections of one worker, and what they share. */
struct conn_group {
    struct cport *port;
    const struct plan *plan;
    struct recorder *recorder;
    struct arrivals *arrivals;
    struct send_pool pool;
    struct timer_heap timers;
    struct conn *conns;
    uint32_t conns_count;
    uint32_t messages_max; /* of the rings, a power of two */
    struct conn *dirty_first;
    struct conn *dirty_last;
    uint8_t *vm_memory;
    uint32_t *ring_memory;
    uint64_t *lane_memory;
    uint32_t levels[LIVE_LEVELS];
    uint32_t *behavior_conns; /* per behavior: all, and those that barriers do not wait for */
    uint32_t *behavior_gone;
    uint32_t barrier_waiting[SCENARIO_BARRIERS_MAX];
    uint32_t barrier_seen[SCENARIO_BARRIERS_MAX]; /* openings passed on */
    int64_t wall_offset_ns;
    int64_t run_clock_offset_ns; /* this clock plus it is the clock of the whole run */
    int64_t now_ns;
    int64_t seen_ns; /* what had come by then has been handled, as far as receives were posted */
    bool started;    /* closed loop: connections begin as soon as they are ready */
    bool stopping;
    bool cut;
};

/* numbers: which connections of the run these are. The port stays the caller's. */
bool conn_group_open(struct conn_group *group, const struct plan *plan, struct cport *port,
                     struct recorder *recorder, struct arrivals *arrivals, const uint32_t *numbers,
                     uint32_t numbers_count, int64_t run_clock_offset_ns, struct error *error);
/* All connections must be CONN_GONE, or never have begun. */
void conn_group_close(struct conn_group *group);

/* The plan wants it: it begins to play as soon as it can, its vm asks for its connect. */
void conn_want(struct conn *conn);
/* The plan wants it no more: it ends as at the end of the run, and is parked. */
void conn_retire(struct conn *conn);
/* The operation belongs to a connection of the group (its owner). */
void conn_on_completion(struct cport_op *op);
void conn_on_timer(struct conn *conn);
/* An arrival begins on it: arrivals->begin. */
void conn_on_arrival(struct arrivals_taker *taker, int64_t intended_ns, int64_t granted_ns);
/* The phases of the run, for each connection once. */
void conn_on_start(struct conn *conn);
void conn_on_stop(struct conn *conn);
void conn_on_cut(struct conn *conn);
/* A barrier is open: those that wait at it go on. */
void conn_group_open_barrier(struct conn_group *group, uint32_t barrier);
/* Those of the group that could come to the barrier. */
uint32_t conn_group_present(const struct conn_group *group, uint32_t barrier);
/* Resets the connection, whatever it is doing. */
void conn_abort(struct conn *conn);
/* Sends what is queued on all connections of the group, `connections_max` at most; sent_ns is the
 * clock, read just before. Returns true when there are more. */
bool conn_flush_some(struct conn_group *group, uint32_t connections_max, int64_t sent_ns);

/* A completion of it is near: brings it, and then its vm, into the cache. */
static inline void conn_fetch(const struct conn *conn)
{
    prefetch(&conn->queue, sizeof *conn - offsetof(struct conn, queue));
}

static inline void conn_fetch_vm(const struct conn *conn)
{
    enum { VM_BYTES = 320 }; /* with one lane and what it waits for */
    prefetch(conn->vm, VM_BYTES);
}

/* Connected, and not being closed. */
static inline bool conn_is_alive(const struct conn *conn)
{
    return conn->link == CONN_OPEN || conn->link == CONN_HALF || conn->link == CONN_ENDING;
}

/* Has it been asked to play, and not ended yet? */
static inline bool conn_has_begun(const struct conn *conn)
{
    return conn->life != CONN_PARKED && conn->life != CONN_QUEUED && conn->life != CONN_GONE;
}

/* May the vm act now? */
static inline bool conn_plays(const struct conn *conn)
{
    return conn_has_begun(conn) &&
           (conn->link == CONN_CLOSED || conn->link == CONN_OPEN || conn->link == CONN_HALF);
}

/* conn_group.c: lays out a connection's vm anew. */
void conn_open_vm(struct conn *conn);

/* conn_life.c. Every change of a life goes through here, one that the table does not have is a
 * fault of ours (must()). */
void conn_set_life(struct conn *conn, enum conn_life life);
void conn_set_link(struct conn *conn, enum conn_link link, int64_t deadline_ns);

/* Between conn.c and its halves, conn_io.c (bytes) and conn_end.c (the end). */
void conn_pump(struct conn *conn);
void conn_observe(struct conn *conn);
void conn_set_ended(struct conn *conn);
void conn_mark_dirty(struct conn *conn);
void conn_queue_message(struct conn *conn, const struct vm_action *action);
bool conn_has_room(const struct conn *conn);
void conn_on_sent(struct conn *conn);
void conn_on_received(struct conn *conn);
void conn_receive(struct conn *conn);
void conn_drop_buffers(struct conn *conn);
void conn_end(struct conn *conn);
void conn_half(struct conn *conn);
void conn_break(struct conn *conn, enum error_kind reason, bool count, enum cport_close_mode mode);
void conn_on_peer_end(struct conn *conn);
void conn_on_shutdown(struct conn *conn);
void conn_on_closed(struct conn *conn);
enum error_kind conn_error_of_connect(enum cport_result result);
enum error_kind conn_error_of_transfer(enum cport_result result);

#endif
