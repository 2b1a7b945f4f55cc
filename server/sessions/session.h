/* A session: what the server does with one connection's bytes. Sans-I/O: bytes and events go in,
 * wishes (send, shut down, close) come out; no socket, no clock.
 *
 * Owned by its shard: only the thread that owns the shard (or holds its lock) may touch it. A
 * model embeds it as the first member of its own connection struct, one heap block per
 * connection from session_memory_alloc(), and drives it so:
 *
 *     session_open()                        accepted
 *     session_receive(), _receive_end(), session_sent(), session_fail()    as completions come;
 *                                           each puts the session on the shard's dirty list
 *     shard_flush(), then for every session from shard_pop_dirty():
 *         session_can_receive() and no receive in flight -> start one
 *         session_next() -> what to start now; call it again until it says SESSION_NOTHING
 *     session_end()                         the socket is closed and its last completion is in:
 *                                           leaves the shard; then session_memory_free()
 *
 * A peer that asks faster than it reads is slowed down: while its output holds more than half of
 * what it may, no request is handled. What is left of the bytes received is kept until output has
 * been sent, and nothing is received meanwhile. So a queue overflows by what others send alone.
 *
 * After session_next() has said SESSION_CLOSE_... the session is never on the dirty list again;
 * completions still to come are reported when they carry bytes, or dropped.
 *
 * With TLS (rules->tls) the model moves ciphertext, and does so in the same way: session_receive()
 * takes it, session_take_output() gives it. All else here is about the messages in it.
 *
 * Closing: the peer's end of stream at the end of a frame -> everything queued
 * is sent -> close with FIN: clean. The same in the middle of a frame: unexpected_close. A
 * session that we end (close-me, a stopping server) sends what is queued, shuts down its sending
 * half and waits for the peer's end of stream. Neither may make no progress for more than
 * SESSION_LINGER_NS: then it is closed abnormally (close_timeout). */
#pragma once

#include "core/span.h"
#include "core/timer_heap.h"
#include "net/address.h"
#include "net/send_queue.h"
#include "proto/reassembly.h"
#include "results/counters.h"
#include "sessions/session_memory.h"

struct handler;
struct session_tls;
struct session_websocket;
struct shard;

enum { SESSION_STATE_BYTES = 32, SESSION_MARKS_MAX = 4 };
/* The most bytes that a model hands to one session_receive(). */
enum { SESSION_RECEIVE_BYTES_MAX = 65536 };
#define SESSION_LINGER_NS (INT64_C(5) * 1000000000)
/* From accepting to the end of the handshakes of TLS and of the WebSocket. */
#define SESSION_HANDSHAKE_NS (INT64_C(10) * 1000000000)
#define SESSION_NO_ROOM      UINT64_C(0)

enum session_want {
    SESSION_NOTHING,   /* nothing (more) to start now */
    SESSION_SEND,      /* session_take_output(), then submit one gathered send */
    SESSION_SHUTDOWN,  /* shut down the sending half; no send is in flight */
    SESSION_CLOSE_FIN, /* close; everything was sent */
    SESSION_CLOSE_RST  /* close abortively; operations may be in flight */
};

/* Replies that wait to be sent and were asked for by bytes of one poll. */
struct session_mark {
    int64_t received_ns;
    uint64_t end_bytes; /* place of the last reply's end in the stream of all output */
    uint32_t count;
};

/* What a request and its reply touch comes first, in lines of the cache (session_memory_alloc()
 * begins at one; session.c holds the places to it): the first and the third line on every
 * completion, the second on those of a receive. */
struct session {
    struct shard *shard;
    struct session *dirty_next;
    /* Those of the first byte are asked together: that none is set is one test. */
    bool send_in_flight : 1;
    bool read_ended : 1;    /* the peer's end of stream was seen */
    bool deaf : 1;          /* messages are counted, no longer handed to the handler */
    bool finishing : 1;     /* we end it: send what is queued, shut down, wait for the peer */
    bool shut_down : 1;     /* SESSION_SHUTDOWN was given out */
    bool abort : 1;         /* close immediately */
    bool close_started : 1; /* SESSION_CLOSE_... was given out */
    bool secured : 1;       /* TLS: what the model moves is ciphertext (session_tls.h) */
    bool carried : 1;       /* by a WebSocket (session_websocket.h) */
    bool dirty : 1;         /* in the shard's list of what may have something to start */
    bool lingering : 1;     /* one end has ended its stream: shard_sweep() bounds the rest */
    uint8_t reason;         /* enum error_kind: why it ended abnormally; or ERROR_KIND_NONE */
    uint8_t marks_count;
    uint32_t staged_count; /* own broadcasts that are still being gathered by the shard */
    int64_t received_ns;   /* of the bytes being handled, or kept to be handled; else 0 */
    struct send_queue output;
    uint64_t bytes_sent; /* taken by the system; of TLS: with the ciphertext of them */

    struct reassembly reassembly;
    uint64_t bytes_received;
    uint64_t messages_received;

    int64_t active_ns;     /* last bytes received (or, while none may be, known to be taken) */
    uint64_t bytes_queued; /* ever put into the send queue */
    uint64_t messages_queued;
    uint64_t messages_sent;
    struct session_mark marks[SESSION_MARKS_MAX];

    uint64_t state[SESSION_STATE_BYTES / 8]; /* the handler's */
    struct session *next;                    /* all sessions of the shard */
    struct session *previous;
    struct session *room_next;
    struct session *room_previous;
    uint64_t id;   /* unique in the server, never 0 */
    uint64_t room; /* SESSION_NO_ROOM: in none */
    int64_t opened_ns;
    int64_t linger_ns;       /* since when lingering, or since output last moved */
    uint64_t linger_bytes;   /* what had moved then, or when it was last found to be read on */
    struct session_tls *tls; /* with secured */
    struct session_websocket *websocket; /* with carried */
    struct timer_node timer;             /* the shard's: not after its deadline */
    struct net_address local;
    struct net_address remote;
};

/* The least that a send queue must be allowed to hold where messages are of frame_bytes at most:
 * what was gathered for others, one reply, and what one message may be answered with. */
uint64_t session_queue_bytes_min(const struct handler *handler, uint32_t frame_bytes);

/* What a WebSocket says by itself: an answer to the handshake, a pong, a close frame. */
enum { SESSION_OWN_BYTES_MAX = 256 };
/* The most bytes of such, or of a message of frame_bytes at most in its WebSocket's frame. */
uint32_t session_websocket_bytes_max(uint32_t frame_bytes);
/* The most bytes of messages that one receive can bring. */
uint32_t session_run_bytes_max(bool secured);

/* -------- for models -------- */

/* The session (zeroed memory) joins the shard. local may be NULL: the address listened on. */
void session_open(struct session *session, struct shard *shard, const struct net_address *local,
                  const struct net_address *remote, int64_t now_ns);
/* bytes (at least 1) came. received_ns: when the poll that brought them returned; turn_ns: the
 * clock now (their difference is queue_wait). data may go after the call; a
 * WebSocket's is unmasked in place. */
void session_receive(struct session *session, const uint8_t *data, size_t bytes,
                     int64_t received_ns, int64_t turn_ns);
/* The peer's end of stream (a receive of 0 bytes). */
void session_receive_end(struct session *session, int64_t now_ns);
/* A receive or send has failed (not: was cancelled by our own close): the connection has ended.
 * The first reason stays. */
void session_fail(struct session *session, enum error_kind reason);
/* May a receive be in flight? False after the end of the stream, when closing, and while the peer
 * leaves too many replies unread. */
bool session_can_receive(const struct session *session);
/* What to start now. SEND and SHUTDOWN and CLOSE are said once for each start. */
enum session_want session_next(struct session *session);
/* After SESSION_SEND: the spans (at least one) of a gathered send, valid and in place until
 * session_sent(). now_ns: the clock, read not before the batch was handled. */
int session_take_output(struct session *session, struct span *spans, int spans_max, int64_t now_ns);
/* The send in flight has ended, well or not (then session_fail() follows), and the system took
 * bytes of it. */
void session_sent(struct session *session, uint32_t bytes);
/* Everything about the socket is over. Counts the session, releases what it held, takes it out of
 * the shard. The memory is the model's again. */
void session_end(struct session *session);

/* -------- for shard.c and session_effects.c -------- */

/* Puts whole frames of a broadcast into the send queue: copied from data, or, when buffer is not
 * NULL, as a reference to it. Closing sessions are passed over. */
void session_queue_broadcast(struct session *session, const uint8_t *data, uint32_t bytes,
                             struct shared_buffer *buffer, uint32_t messages_count,
                             int64_t received_ns);
/* Room for bytes of messages_count whole messages at the end of the output, all to be written at
 * once; NULL when the session takes none any more. A full queue closes it. */
uint8_t *session_reserve_output(struct session *session, uint32_t bytes);
/* It has begun to end: from now on shard_sweep() watches it. */
void session_linger(struct session *session, int64_t now_ns);
/* How much output the system has taken, ciphertext where it is that: grows while the peer reads. */
uint64_t session_moved_bytes(const struct session *session);
/* Is it not open yet: no handler has heard of it? */
bool session_is_opening(const struct session *session);
/* It was not to take so long to open. */
void session_overdue(struct session *session);
/* Queues what is no message. */
void session_queue_own(struct session *session, struct span own);
/* -------- for session_tls.c and session_websocket.c -------- */

/* It has become what handlers call open. */
void session_greet(struct session *session);
/* Ends abnormally, for this reason unless there is one already; counted once. */
void session_blame(struct session *session, enum error_kind reason);
