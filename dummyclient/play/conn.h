/* One connection of the client: connects, carries out the actions of its vm, counts every byte and
 * message, and ends by the closing protocol (send the rest, FIN, read to the peer's end, close).
 *
 * One worker thread owns a group of connections, its port and everything here. No function waits or
 * reads a clock: the worker sets group->now_ns after each poll and calls
 *
 *     conn_on_completion()   for each operation that came out of the poll
 *     conn_on_timer()        for each timer that is due
 *     conn_on_start()        ... and the other events of the run
 *     conn_flush_some()      before the next poll: sends what has been queued
 *
 * Lifetime: conn_group_open() allocates for all connections. Afterwards only the send pool and
 * reassembly allocate, both bounded by what is in flight.
 *
 * README.md here has the states of a connection and what they count as. */
#pragma once

#include "core/error.h"
#include "core/timer_heap.h"
#include "cport/cport.h"
#include "figures/live.h"
#include "net/send_queue.h"
#include "plan/plan.h"
#include "play/arrivals.h"
#include "play/recorder.h"
#include "proto/codec_worker.h"

struct conn; /* conn_internal.h */

/* Connections that end by the plan's wish at a time, of all workers together: a network with
 * 100 ms of latency then takes 80,000 a second. */
enum { CONN_ENDING_MAX = 8192 };

/* The connections of one worker, and what they share. */
struct conn_group {
    struct cport *port;
    const struct plan *plan;
    struct recorder *recorder;
    struct arrivals *arrivals;
    struct send_pool pool;
    struct codec_worker codec_worker;
    struct timer_heap timers;
    uint8_t *blocks; /* one per connection: it, its vm, and what else is its own */
    size_t block_bytes;
    size_t more_lanes_offset;  /* in a block; 0: conn->lanes is enough */
    size_t codec_state_offset; /* in a block; 0: no framing has one */
    size_t tls_offset;         /* in a block; 0: no target speaks TLS */
    uint8_t *plain;            /* with TLS: what was received last, decrypted */
    uint8_t *seldoms;          /* one struct conn_seldom per connection, with what follows it */
    size_t seldom_bytes;
    size_t seldom_vm_offset; /* in each */
    void *blocks_memory;
    uint32_t conns_count;
    uint32_t messages_max; /* of the rings, a power of two */
    struct conn *dirty_first;
    struct conn *dirty_last;
    uint32_t gauges[LIVE_GAUGES];
    /* Ends that the plan wants are paced: all together, each would wait for all the others at the
     * peer, and the system would keep a page for every FIN in transit. */
    uint32_t ending_max;      /* under way at a time */
    uint32_t ending_count;    /* are */
    uint32_t staying_count;   /* wait for that */
    uint32_t staying_at;      /* where the search for the next of them continues */
    uint32_t *behavior_conns; /* per behavior: all, and those that barriers do not wait for */
    uint32_t *behavior_absent;
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
/* Some do not end in time: what they have carried belongs to their targets. */
void conn_group_count_open(struct conn_group *group);
/* All connections must be CONN_ENDED, or never have begun. */
void conn_group_close(struct conn_group *group);

/* The connection of the group, by its place there. */
static inline struct conn *conn_group_at(const struct conn_group *group, uint32_t index)
{
    return (struct conn *)(void *)(group->blocks + index * group->block_bytes);
}

/* The plan wants the connection: it connects and plays as soon as it can. */
void conn_want(struct conn *conn);
/* The plan no longer wants the connection: it ends as at the end of the run, and is parked. */
void conn_retire(struct conn *conn);
/* The operation belongs to a connection of the group (its owner). */
void conn_on_completion(struct cport_op *op);
/* One of the group's timers is due. */
void conn_on_timer(struct timer_node *timer);
/* An arrival begins on it: arrivals->begin. */
void conn_on_arrival(struct arrivals_taker *taker, int64_t intended_ns, int64_t granted_ns);
/* The phases of the run, for each connection once. */
void conn_on_start(struct conn *conn);
void conn_on_stop(struct conn *conn);
void conn_on_drain_end(struct conn *conn);
/* A barrier is open: the connections that wait at it continue. */
void conn_group_open_barrier(struct conn_group *group, uint32_t barrier);
/* Those of the group that could come to the barrier. */
uint32_t conn_group_present(const struct conn_group *group, uint32_t barrier);
/* Resets the connection, whatever it is doing. */
void conn_abort(struct conn *conn);
/* Ends some of the connections that wait for their end, after looking at `connections_max` at most.
 * Returns true when there is more to look at. */
bool conn_group_end_some(struct conn_group *group, uint32_t connections_max);
/* Sends what is queued on all connections of the group, `connections_max` at most; sent_ns is the
 * clock, read just before. Returns true when there are more. */
bool conn_flush_some(struct conn_group *group, uint32_t connections_max, int64_t sent_ns);

/* Prefetches into the cache what conn_on_completion() will touch, first of the connection, later of
 * its vm. */
void conn_fetch(const struct cport_op *op);
void conn_fetch_vm(const struct cport_op *op);
