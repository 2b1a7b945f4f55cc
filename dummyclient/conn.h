/* One connection of the client: connects, carries out what its vm says, counts every byte and
 * message, and ends by the closing protocol (send the rest, FIN, read to the peer's end, close).
 *
 * One worker thread owns a group of connections, its port and everything here. Nothing here waits
 * and nothing calls a clock: the worker sets group->now_ns after each poll and calls
 *
 *     conn_on_completion()   for each operation that came out of the poll
 *     conn_on_timer()        for each timer that is due
 *     conn_on_arrival()      ... and the other events of the run
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
#include "live.h"
#include "net/send_queue.h"
#include "plan.h"
#include "proto/reassembly.h"
#include "recorder.h"
#include "scenario/vm.h"

#include <stdbool.h>
#include <stdint.h>

enum conn_state {
    CONN_IDLE,       /* not connected, and nobody has asked for it (yet, or any more) */
    CONN_WAITING,    /* will connect when deadline_ns has come */
    CONN_CONNECTING, /* until deadline_ns */
    CONN_OPEN,
    CONN_HALF,    /* the rest goes out, then FIN; the vm still waits for messages */
    CONN_ENDING,  /* the same, and the vm waits for nothing but the end; until deadline_ns */
    CONN_CLOSING, /* the port is closing the socket */
    CONN_FINISHED /* for good */
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
struct arrivals;

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
    uint64_t *lanes;        /* the recorder's bits */
    struct conn *free_next; /* arrivals' list of connections with a free lane */
    struct conn *free_previous;
    struct conn *dirty_next;
    int64_t deadline_ns; /* of the state */
    int64_t opened_ns;   /* when the connect was submitted */
    int64_t first_ns;    /* when the first byte of the waiting partial frame came */
    int64_t blocked_until_ns;
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
    uint16_t behavior;
    uint32_t number;    /* in the whole run */
    uint8_t state;      /* enum conn_state */
    uint8_t end_reason; /* enum error_kind; ERROR_KINDS: none, a clean end */
    bool connected : 1;
    bool io_busy : 1;
    bool fin_sent : 1;
    bool end_seen : 1; /* the peer's */
    bool listed : 1;   /* in arrivals' free list */
    bool dirty : 1;    /* in the group's list of what is to be flushed */
    bool held : 1;     /* the vm waits for room in the queue */
    bool began : 1;    /* has been asked to connect at least once */
    bool ready : 1;
    bool settled : 1;
    bool dead : 1;
    bool last_end : 1;        /* the vm has finished: this end is for good */
    bool counted : 1;         /* the error of this end has been counted */
    bool recv_off : 1;        /* the scenario does not want to receive ... */
    bool recv_posted : 1;     /* ... but for what the port has been asked for already */
    bool parked : 1;          /* not wanted now: the stages may want it later */
    bool retiring : 1;        /* ends its pass, then is parked ... */
    bool returns : 1;         /* ... and is wanted again by then */
    bool gone : 1;            /* barriers do not wait for it */
    uint8_t barrier;          /* 0: it waits at none; else the barrier's number, from 1 */
    uint32_t life;            /* times it has been parked */
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
    uint64_t seed;
    int64_t now_ns;
    bool started; /* closed loop: connections begin as soon as they are ready */
    bool stopping;
    bool cut;
};

/* numbers: which connections of the run these are. The port stays the caller's. */
bool conn_group_open(struct conn_group *group, const struct plan *plan, struct cport *port,
                     struct recorder *recorder, struct arrivals *arrivals, const uint32_t *numbers,
                     uint32_t numbers_count, struct error *error);
/* All connections must be CONN_FINISHED, or never have been opened. */
void conn_group_close(struct conn_group *group);

/* Begins to play: the vm asks for its connect. */
void conn_begin(struct conn *conn);
/* The operation belongs to a connection of the group (its owner). */
void conn_on_completion(struct cport_op *op);
void conn_on_timer(struct conn *conn);
void conn_on_arrival(struct conn *conn, int64_t intended_ns);
/* The phases of the run, for each connection once. */
void conn_on_start(struct conn *conn);
void conn_on_stop(struct conn *conn);
void conn_on_cut(struct conn *conn);
/* The stages want it no more: it ends as at the end of the run, and is parked. Or again. */
void conn_retire(struct conn *conn);
void conn_return(struct conn *conn);
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
    return conn->state == CONN_OPEN || conn->state == CONN_HALF || conn->state == CONN_ENDING;
}

/* May the vm act now? */
static inline bool conn_plays(const struct conn *conn)
{
    return conn->state == CONN_IDLE || conn->state == CONN_OPEN || conn->state == CONN_HALF;
}

/* conn_group.c: lays out a connection's vm anew. */
void conn_open_vm(struct conn *conn);

/* Between conn.c and its halves, conn_io.c (bytes) and conn_end.c (the end). */
void conn_pump(struct conn *conn);
void conn_observe(struct conn *conn);
void conn_set_ended(struct conn *conn);
void conn_set_state(struct conn *conn, enum conn_state state, int64_t deadline_ns);
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
