/* The internals of a connection, for conn*.c only.
 *
 * conn.c        what its vm wants, its states, and the phases of the run
 * conn_io.c     its bytes: the queue out and the frames in
 * conn_codec.c  what its codec remembers, and says by itself (conn_codec.h)
 * conn_tls.c    TLS between its bytes and its port (conn_tls.h)
 * conn_end.c    how it ends; conn_redirect.c: where it connects to
 * conn_group.c  the memory of a worker's connections */
#pragma once

#include "play/conn.h"
#include "proto/reassembly.h"
#include "vm/destination.h"

enum {
    CONN_SPANS_MAX = 4,     /* pieces per send */
    CONN_MESSAGES_MIN = 16, /* messages that may wait to be sent: at least, at most */
    CONN_MESSAGES_MAX = 1024,
    CONN_POOL_BYTES_MAX = 16 * 1024 * 1024, /* free chunks that a worker keeps */
    CONN_QUEUE_BYTES_MAX = 256 * 1024, /* above it sending is blocked; one message may be larger */
    CONN_ACTIONS_MAX = 256             /* of one vm in a row, before other connections are served */
};
/* How long the peer may take to end its side after our FIN. */
#define CONN_END_WITHIN_NS (5 * INT64_C(1000000000))
/* The same once the run is over. */
#define CONN_END_AFTER_CUT_NS (INT64_C(1500000000))

/* What a connection is doing, by plan and scenario. Every change goes through conn_set_state(),
 * which checks it and counts.
 *
 *     parked <-> queued -> setup -> playing <-> stalled
 *        ^                   |         |           |
 *        |                   v         v           v
 *      parting <---------- retiring         leaving -> ended      (and ended from any one before)
 */
enum conn_state {
    CONN_PARKED,   /* the plan does not want it, yet or any more */
    CONN_QUEUED,   /* wanted: it waits to connect */
    CONN_SETUP,    /* connects and plays setup */
    CONN_PLAYING,  /* was ready: it plays the loop, or connects and sets up again */
    CONN_STALLED,  /* was ready; not connected, and nothing left to do */
    CONN_RETIRING, /* no longer wanted: it ends its pass and plays teardown, */
    CONN_PARTING,  /* ... then its link; then it is parked */
    CONN_LEAVING,  /* its vm has finished, or the run: the link ends */
    CONN_ENDED,    /* for good */
    CONN_STATES
};

/* What its socket does.
 *
 *   closed -> waiting -> connecting -> (securing -> greeting ->) open -> half -> ending -> closing
 *                            |             |           |          |                ^          ^
 *                            v             v           v          +--- staying ----+----------+
 *                         dropping             rejecting -> closed
 */
enum conn_link {
    CONN_CLOSED,
    CONN_WAITING,    /* will connect when deadline_ns has come */
    CONN_CONNECTING, /* until deadline_ns */
    CONN_SECURING,   /* the handshake of TLS: once connected, or where a step says so; the same */
    CONN_GREETING,   /* connected, and the codec's handshake is under way; until deadline_ns */
    CONN_OPEN,
    CONN_HALF,     /* the rest goes out, then FIN; the vm still waits for messages */
    CONN_STAYING,  /* all is played, and the FIN waits until fewer connections are ending */
    CONN_ENDING,   /* the same, and the vm waits for nothing but the end; until deadline_ns */
    CONN_CLOSING,  /* the port is closing the socket */
    CONN_DROPPING, /* the same, of one that never was connected */
    CONN_REJECTING /* the same, of one whose handshake has failed */
};

/* What its io_op does. */
enum conn_sending {
    CONN_SEND_IDLE,
    CONN_SEND_BUSY, /* a connect or a send is in flight */
    CONN_SEND_FIN,  /* the shutdown is */
    CONN_SEND_ENDED /* our side has ended */
};

/* What its recv_op does. */
enum conn_receiving {
    CONN_RECV_IDLE,   /* nothing is in flight, until what has come is handled */
    CONN_RECV_POSTED, /* one is in flight */
    CONN_RECV_PAUSED, /* the scenario leaves input in the socket ... */
    CONN_RECV_LAST,   /* ... except for the receive that is in flight */
    CONN_RECV_ENDED   /* the peer's side has ended */
};

/* Fields used in a round trip are adjacent in cache lines: a completion of a receive uses the timer
 * and recv_op, the lines from `group`, `queue`, `reassembly`, `deadline_ns` and the one behind, and
 * for its answer io_op; the completion of a send uses io_op, `group` and `queue`. Rarely used
 * fields fill the gaps. conn_group.c asserts the offsets. */
struct conn {
    struct timer_node timer; /* first: a node is its connection */
    struct cport_op recv_op;
    int64_t first_ns;      /* when the first byte of the waiting partial frame came */
    struct cport_op io_op; /* connect, then sends, then the shutdown: one at a time */
    int64_t opened_ns;     /* when the connect was submitted */
    struct conn_seldom *seldom;
    uint32_t number;     /* in the whole run */
    uint32_t generation; /* times it has been parked */

    struct conn_group *group;
    struct vm *vm;
    uint8_t state;         /* enum conn_state */
    uint8_t link;          /* enum conn_link */
    uint8_t sending;       /* enum conn_sending */
    uint8_t receiving;     /* enum conn_receiving */
    uint8_t end_reason;    /* enum error_kind; ERROR_KIND_NONE: none, a clean end */
    uint8_t barrier;       /* 0: it waits at none; else the barrier's number, from 1 */
    uint8_t target;        /* whose figures it has: where it is connected to, or was last */
    bool wanted : 1;       /* the plan wants it; it may still be ending from before */
    bool dirty : 1;        /* in the group's list of what is to be flushed */
    bool send_blocked : 1; /* the vm waits for room in the queue */
    bool redirected : 1;   /* it is connected to conn_seldom->redirect, or was last */
    bool peer_closes : 1;  /* a message has said that the peer ends the stream behind it */
    bool unjudged : 1;     /* the peer ended it: vm_on_closed() will say whether that is an error */
    bool traced : 1;       /* it says what it does: conn_trace_...() */
    bool secured : 1;      /* its bytes are TLS's: conn_tls() */
    struct cport_socket socket;
    struct arrivals_taker taker;

    struct send_queue queue;
    uint64_t bytes_sent;
    uint64_t messages_sent;
    /* The messages in the queue: what is left of the oldest, and in a ring (conn_message_bytes())
     * the sizes of those behind it. */
    uint32_t oldest_bytes;
    uint16_t ring_first;
    uint16_t messages_count;
    uint16_t messages_stamped; /* of them: the vm knows when they were sent */
    uint16_t own_bytes;        /* of the codec's own, behind the last message: part of the next */
    int64_t blocked_until_ns;

    struct reassembly reassembly;
    uint64_t bytes_received;
    uint64_t messages_received;

    int64_t deadline_ns;    /* of the link */
    int64_t recv_posted_ns; /* the receive that is posted now, and group->seen_ns by then */
    int64_t recv_seen_ns;
    uint64_t lanes; /* the recorder's bits, if one word holds them (conn_lanes()) */
    struct conn *dirty_next;
    struct span spans[CONN_SPANS_MAX];
};

/* What a connection that is open and idle never touches: it need not become real memory. The ring
 * of message sizes and the vm's own (vm_seldom_bytes()) follow. */
struct conn_seldom {
    struct cport_op close_op;
    struct net_address local;    /* once the close has begun */
    struct net_address redirect; /* where a server has sent the connection to */
    struct result_last received; /* what was refused: until the connection is listed */
    char explanation[RESULT_EXPLANATION_BYTES_MAX]; /* why TLS has failed: the same */
    bool hopeless;                                  /* conn_note_hopeless() */
    bool keeps_out, turned_away; /* an error of this link (recorder.h); LIVE_TURNED_AWAY */
};

enum { CONN_SELDOM_BYTES = (sizeof(struct conn_seldom) + 7) / 8 * 8 };

/* Sizes of the messages behind the oldest one in the queue. */
static inline uint32_t *conn_message_bytes(const struct conn *conn)
{
    return (uint32_t *)(void *)((uint8_t *)conn->seldom + CONN_SELDOM_BYTES);
}

/* Connected, and not being closed. */
static inline bool conn_is_alive(const struct conn *conn)
{
    return conn->link == CONN_OPEN || conn->link == CONN_HALF || conn->link == CONN_STAYING ||
           conn->link == CONN_ENDING || conn->link == CONN_GREETING || conn->link == CONN_SECURING;
}

/* Has it begun to play, and not ended yet? */
static inline bool conn_has_begun(const struct conn *conn)
{
    return conn->state != CONN_PARKED && conn->state != CONN_QUEUED && conn->state != CONN_ENDED;
}

/* May the vm act now? */
static inline bool conn_plays(const struct conn *conn)
{
    return conn_has_begun(conn) &&
           (conn->link == CONN_CLOSED || conn->link == CONN_OPEN || conn->link == CONN_HALF);
}

/* --- conn.c */

/* Every change of state or link; must() stops at a change of state that the table has not. */
void conn_set_state(struct conn *conn, enum conn_state state);
void conn_set_link(struct conn *conn, enum conn_link link, int64_t deadline_ns);
void conn_pump(struct conn *conn); /* plays the vm on until it waits for something */
/* Tells the vm what has come of its try to connect, and counts whether it has failed. */
void conn_tell(struct conn *conn, void (*event)(struct vm *vm, int64_t now_ns));
/* Sets the connection whose vm is about to call the recorder. */
void conn_observe(struct conn *conn);
/* The link has ended: for good, or until the plan wants the connection again. */
void conn_set_ended(struct conn *conn);

/* --- conn_io.c */

void conn_mark_dirty(struct conn *conn);
/* VM_ACTION_SEND: writes the message to the end of the queue. */
void conn_queue_message(struct conn *conn, const struct vm_action *action);
bool conn_has_room(const struct conn *conn);
void conn_on_sent(struct conn *conn);
void conn_on_received(struct conn *conn);
/* Posts a receive, unless one is in flight or the scenario leaves input in the socket. */
void conn_receive(struct conn *conn);
void conn_set_receives(struct conn *conn, bool receives);
/* Forgets what was never sent and what never became a frame. */
void conn_drop_buffers(struct conn *conn);

/* --- conn_redirect.c */

/* The address that the vm wants to connect to; false: it may not, which is counted. */
bool conn_find_remote(struct conn *conn, const struct net_address **remote,
                      const struct net_address **local);
/* The plan's destination that it is connected to, or was last. */
uint32_t conn_destination(const struct conn *conn);
/* The address that it is connected to, or was last. */
const struct net_address *conn_remote(const struct conn *conn);

/* --- conn_end.c */

void conn_end(struct conn *conn); /* begins the closing protocol */
/* The same for a connection that the plan no longer needs, once few enough are ending. */
void conn_end_in_turn(struct conn *conn);
/* Closes immediately because of an error, which is counted. The peer sees a reset. */
void conn_break(struct conn *conn, enum error_kind error);
/* Closes immediately, by the scenario's or the run's wish: listed for both sides, no error. */
void conn_reset(struct conn *conn);
void conn_drop(struct conn *conn); /* gives up a connect */
void conn_on_peer_end(struct conn *conn);
void conn_on_shutdown(struct conn *conn);
void conn_on_closed(struct conn *conn);
void conn_set_turned_away(struct conn *conn, bool turned_away); /* LIVE_TURNED_AWAY */
enum error_kind conn_error_of_connect(enum cport_result result);
enum error_kind conn_error_of_transfer(enum cport_result result);

/* --- conn_group.c */

/* The recorder's bits, one per lane. */
static inline uint64_t *conn_lanes(struct conn *conn)
{
    size_t offset = conn->group->more_lanes_offset;
    return offset == 0 ? &conn->lanes : (uint64_t *)(void *)((uint8_t *)conn + offset);
}

void conn_open_vm(struct conn *conn); /* initialises it again */
