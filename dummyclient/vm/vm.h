/* The vm: the interpreter of one connection. Pure: events and the time go in, actions come out;
 * no socket, no clock, no allocation. Every rule of the scenario language is tested here.
 *
 * Used by the worker that owns the connection. The memory (vm_memory_bytes(), vm_seldom_bytes()) is
 * the caller's.
 *
 * A connection plays `setup` once, then `loop` again and again in every lane (in_flight lanes,
 * each with its own instruction, captures and iteration), then `teardown` once. The loop's first
 * pass, and every further one, begins at an arrival: with an open loop the worker gives arrivals by
 * vm_on_arrival() to connections that have a free lane; with a closed loop the vm begins the next
 * pass itself. disconnect, reconnect and barrier wait for all lanes of the connection.
 *
 * The driver's side:
 *
 *     vm_on_...(vm, ...);                      an event
 *     while (vm_next(vm, now_ns, &action)) {   what to do now, until nothing is left
 *         switch (action.type) ...
 *     }
 *     arm a timer at vm_next_time_ns(vm)       then call vm_next() again at that time
 *
 * Raw framing: the input is a stream; each expectation takes its bytes from it, in order.
 *
 * Replies: a message belongs to the oldest outstanding expectation of the connection, tombstones
 * of timed-out ones included, whose `match` accepts it; `verify` then judges it. A message that no
 * expectation matches is kept while an expect of the behavior could still take it; messages that
 * are never taken, and all others, are unsolicited and only counted.
 *
 * Answers: a rule of on_push that captures or sends takes its messages before every expectation
 * without a match of its own. What it sends takes no lane; it leaves before what the lanes send,
 * from when the connection is made until our side of it is closed. VM_ANSWERS_MAX wait while the
 * driver has no room; those that come then are not sent, which is reported. Heartbeats (`every`)
 * are sent likewise, of each one at a time; their replies are no push, late ones answer no other.
 *
 * Time stamps: intended = the arrival for an iteration's first request, even after other steps,
 * later the previous completion + planned think; sent = given by vm_on_sent(); last byte = the
 * received_ns of the message. Between intended and sent, what the lane waited for others (its own
 * last pass, the server, other lanes and players, the socket) is put first, up to free_ns; the rest
 * is this program's. */
#pragma once

#include "program/program.h"
#include "proto/frame.h"
#include "trace/trace.h"
#include "vm/evidence.h"

struct vm; /* internal.h */

#define VM_LANE_NONE UINT32_MAX

/* What the driver has to do, in the order given. */
enum vm_action_type {
    VM_ACTION_RECEIVE,    /* take bytes off the socket (action.receives) or leave them there */
    VM_ACTION_DISCONNECT, /* close by action.disconnect; then vm_on_closed(). HALF: end the sending
                             half behind what is queued, keep receiving */
    VM_ACTION_CONNECT,    /* connect (again), not before action.not_before_ns */
    VM_ACTION_READY,      /* setup is done: counts for the start of the load. Once per connection */
    VM_ACTION_FAILED,     /* a step said fail (action.step): the run is to end with exit 1 */
    VM_ACTION_BARRIER,    /* reached action.barrier; continues after vm_on_barrier_open() */
    VM_ACTION_SECURE,     /* begin TLS behind what has been sent; continues after vm_on_secured() */
    VM_ACTION_FINISHED,   /* the last action: end the connection, if it is still open */
    VM_ACTION_SEND        /* write action.message_bytes bytes with vm_write_message() and send */
};

struct vm_action {
    enum vm_action_type type;
    uint32_t lane;                      /* VM_LANE_NONE: an answer or a heartbeat */
    uint32_t step;                      /* program step, or PROGRAM_STEP_NONE */
    uint32_t message_bytes, body_bytes; /* SEND: of the whole frame, and of its body */
    int64_t not_before_ns;              /* CONNECT */
    enum disconnect_type disconnect;
    uint32_t barrier;
    bool receives;
};

enum vm_outcome {
    VM_OUTCOME_OK,
    VM_OUTCOME_MISMATCH,  /* answered, and verify said no */
    VM_OUTCOME_TIMED_OUT, /* not within its time; last_ns is the deadline: censored */
    VM_OUTCOME_LOST,      /* the connection ended first: censored */
    VM_OUTCOME_CUT,       /* the run ended first: censored */
    VM_OUTCOME_ABSENT,    /* optional, and not there in time: no error, and no latency */
    VM_OUTCOME_BARRIER,   /* (no step) not everyone came to a barrier in time */
    VM_OUTCOME_NOT_CLOSED /* (no step) the server did not close in time */
};

/* One request that has ended, or (step PROGRAM_STEP_NONE) one expect: its outcome counts, but its
 * times are not a request's. */
struct vm_request {
    uint32_t step; /* program step, or PROGRAM_STEP_NONE */
    uint32_t lane;
    bool in_pass; /* of the loop; else of setup or teardown */
    enum vm_outcome outcome;
    int64_t intended_ns;
    int64_t free_ns;  /* until then others held it up (connection_wait), then we (send_lag) */
    int64_t sent_ns;  /* 0: never sent */
    int64_t first_ns; /* first byte of the reply received; 0: none */
    int64_t last_ns;  /* last byte received, or the moment it was given up */
};

enum vm_push { VM_PUSH_WRONG, VM_PUSH_RIGHT, VM_PUSH_ANSWERED };
enum vm_heartbeat { VM_BEAT_SENT, VM_BEAT_ANSWERED, VM_BEAT_TIMED_OUT, VM_BEAT_LOST };

/* What the vm reports as it happens, inside vm_on_...() and vm_next(); must not call it back. */
struct vm_observer {
    void *context;
    void (*request_done)(void *context, const struct vm_request *request);
    /* A pass of the loop began (intended, and when it did) and ended (think time excluded).
     * complete is false when the run or the connection ended first. */
    void (*iteration_started)(void *context, uint32_t lane, int64_t intended_ns, int64_t now_ns);
    void (*iteration_ended)(void *context, uint32_t lane, int64_t busy_ns, bool complete);
    /* Open loop: a pass with a request in it has ended, because the connection or the run did,
     * before its first request was made, of which step and target are. May be NULL. */
    void (*never_asked)(void *context, uint32_t step, uint32_t target, int64_t intended_ns,
                        int64_t free_ns, int64_t now_ns);
    /* A message that no step has taken; late: it answered a request that had timed out. One that
     * was kept for an expect comes later than it was received, perhaps without its body. */
    void (*unsolicited)(void *context, const struct frame *frame, bool late);
    /* A rule of on_push has taken one of this id. fanout_ns: from its stamp to now; -1: it has
     * none. NULL where no behavior has rules. */
    void (*push_checked)(void *context, uint32_t id, enum vm_push judged, int64_t fanout_ns);
    /* A rule's answer is sent; or it is not, because too many wait for room already, or because the
     * connection has ended before there was any. NULL where no rule answers. */
    void (*answered)(void *context, bool sent);
    /* A heartbeat; of one that awaits a reply, when it was sent, and now or when it was given up.
     * NULL where there are none. */
    void (*heartbeat)(void *context, enum vm_heartbeat event, int64_t sent_ns, int64_t now_ns);
    /* A mark step, by its number in the program; a log step's line. NULL where there are none. */
    void (*marked)(void *context, uint32_t mark, int64_t now_ns);
    void (*logged)(void *context, const uint8_t *line, uint32_t bytes, int64_t now_ns);
    /* A plain send of the loop has left: the times of struct vm_request. May be NULL. */
    void (*sent)(void *context, int64_t intended_ns, int64_t free_ns, int64_t sent_ns);
    /* No row was left in a table with when_out: error: VM_ACTION_FAILED comes. May be NULL. */
    void (*ran_out)(void *context, uint32_t table);
    vm_waiting *waiting; /* evidence.h; may be NULL */
    /* Bytes without a frame come next; NULL: no more. May be NULL. */
    void (*bare)(void *context, const struct framing *bare);
    struct vm_evidence *evidence; /* where the first failure of each step is kept; may be NULL */
    struct trace_ring *trace;     /* of connections that are traced; else NULL */
    /* Until when the socket was busy with what had been sent before; NULL: it never is. */
    const int64_t *blocked_until_ns;
    /* Open loop: when the run is to end (TIME_NEVER_NS: not known yet); NULL: by vm_on_stop(). */
    const int64_t *end_ns;
    /* The vm has been given all input that had come by then; NULL: by now. A wait fails only when
     * its deadline is not after that: what a stalled program reads late may have come in time. */
    const int64_t *seen_ns;
};

struct vm_identity {
    uint64_t seed;
    uint32_t connection; /* number in the whole run, from 0 */
    uint32_t behavior;
    bool closed_loop, traced;
    uint32_t generation; /* times that the connection has been retired and opened again: above 0 the
                            memory is that of the previous one, and passes are counted on */
    int64_t wall_offset_ns; /* Unix time less the clock, for ${now_ms} */
    /* The one clock of the run less this program's: ${stamp_ns} is written and read on that. */
    int64_t run_clock_offset_ns;
};

/* Memory of one connection's vm; the same for every connection of a program. */
size_t vm_memory_bytes(const struct program *program);
/* And of what few connections use: late replies, messages that are kept. */
size_t vm_seldom_bytes(const struct program *program);
/* The best offset of the memory from the start of a cache line: a message then touches four lines
 * of a vm with one lane. */
enum { VM_PAST_LINE_BYTES = 56 };
/* Brings those lines into the cache. */
void vm_fetch(const struct vm *vm);
/* Lays out a vm in memory of vm_memory_bytes() and of vm_seldom_bytes(), aligned as malloc() does;
 * the second is not touched before it is used (but with an inbox). The first vm_next() gives
 * VM_ACTION_CONNECT (READY, where the behavior connects in its loop). program and observer are kept
 * by pointer: they outlive the vm. */
struct vm *vm_init(void *memory, void *seldom, const struct program *program,
                   const struct vm_identity *identity, const struct vm_observer *observer,
                   int64_t now_ns);

/* Fills action and returns true, or returns false when nothing is to be done before
 * vm_next_time_ns() or the next event. */
bool vm_next(struct vm *vm, int64_t now_ns, struct vm_action *action);
/* vm_next() while the driver has no room for a message: returns no VM_ACTION_SEND and nothing that
 * waits behind one. Deadlines still expire, and the unsent successors of a request do not delay its
 * time-out. */
bool vm_next_blocked(struct vm *vm, int64_t now_ns, struct vm_action *action);
/* Never after the time when something is due, perhaps before it: it moves to a later time only in
 * calls at or past it, or when the connection is given up. A driver whose timer is already set to
 * it has nothing to do, so that a request costs no timer. TIME_NEVER_NS: nothing is due. */
int64_t vm_next_time_ns(const struct vm *vm);
/* Writes the message of a VM_ACTION_SEND, before the next call of vm_next(), into message_bytes
 * bytes. codec_state: what the target's framing remembers of the stream (frame.h); so messages
 * leave in the order in which they were written. Returns the bytes of the message, at most
 * message_bytes; 0: its codec has failed. */
uint32_t vm_write_message(struct vm *vm, const struct vm_action *action, void *codec_state,
                          uint8_t *out);

void vm_on_connected(struct vm *vm, int64_t now_ns);
/* Refused, unreachable, too late. By on_disconnect: VM_ACTION_FINISHED, or VM_ACTION_CONNECT with a
 * growing not_before_ns. */
void vm_on_connect_failed(struct vm *vm, int64_t now_ns);
/* Has that been the last try to connect? */
bool vm_has_failed(const struct vm *vm);
/* The clock, read right before the system call that carries the oldest messages not yet stamped:
 * stamps the first messages_count of them (UINT32_MAX: all). A request's deadline counts from
 * here, and a message that comes before it is not its reply. A `send` step is done when its message
 * is stamped: returns true when vm_next() has more to give because of that (with requests alone:
 * never). */
bool vm_on_sent(struct vm *vm, uint32_t messages_count, int64_t sent_ns);
/* One whole frame. first_ns: when the first of its bytes was received. */
void vm_on_message(struct vm *vm, const struct frame *frame, int64_t first_ns, int64_t received_ns);
/* The connection has ended, expected (after VM_ACTION_DISCONNECT) or not. Returns true when the
 * close was one that the scenario expected. After an unexpected one what was outstanding is
 * VM_OUTCOME_LOST, and by the behavior's on_disconnect comes VM_ACTION_CONNECT (setup is played
 * again; no second VM_ACTION_READY) or VM_ACTION_FINISHED. */
bool vm_on_closed(struct vm *vm, int64_t now_ns);
/* Has it ended, or will it end, because no row of data is left (when_out: stop)? */
bool vm_is_out(const struct vm *vm);
/* The handshake has ended well: what is sent from VM_ACTION_SECURE on has waited for it. */
void vm_on_secured(struct vm *vm, int64_t now_ns);
/* The barrier it waits at until vm_on_barrier_open(), its time limit or the end, or ..._NONE. */
#define VM_BARRIER_NONE UINT32_MAX
uint32_t vm_barrier(const struct vm *vm);
void vm_on_barrier_open(struct vm *vm, uint32_t barrier, int64_t now_ns);

/* Open loop: has a lane free for an arrival? */
bool vm_has_free_lane(const struct vm *vm);
/* Begins an iteration in a free lane (must have one). granted_ns: when the run allowed it to begin
 * (max_catch_up_rate); intended_ns where it holds nothing back. The lane was not free before. */
void vm_on_arrival(struct vm *vm, int64_t intended_ns, int64_t granted_ns, int64_t now_ns);
/* Closed loop, from t0 on: begin iterating. Before it, connections wait after setup. */
void vm_on_start(struct vm *vm, int64_t now_ns);
/* No further iterations: lanes end after the pass they are in; then teardown, then
 * VM_ACTION_FINISHED. */
void vm_on_stop(struct vm *vm, int64_t now_ns);
/* The drain is over: what is outstanding is given up (VM_OUTCOME_CUT), teardown's waits too. */
void vm_on_drain_end(struct vm *vm, int64_t now_ns);
