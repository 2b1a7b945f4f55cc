/* A handler: what the server says to a message. Sans-I/O: it sees frames and answers through
 * session_reply(), session_broadcast(), session_enter_room() and session_close().
 *
 * One file per handler in handlers/, one line in handler_table.c. Called by the thread (or under
 * the lock) that owns the session's shard; never two concurrent calls for sessions of one shard. A
 * handler keeps what it knows of a session in session_state(): SESSION_STATE_BYTES, zeroed. */
#pragma once

#include "core/span.h"
#include "proto/frame.h"
#include "results/counters.h"

struct session;

struct handler {
    const char *name;
    const char *description; /* one line, for --help */
    bool needs_frames;       /* has no meaning with --framing raw */
    bool connects_sessions;  /* what one sends may reach others: broadcasts, rooms */
    /* The most bytes, as they go on the wire, that one message adds to the output of its sender:
     * all replies, and broadcasts that reach it. 0: it says one thing to a message, whose size is
     * the framing's. A peer that does not read is stopped while there is room for so many; of a
     * handler that says more, a reader that is not slow may be closed (send_queue_full). */
    uint32_t output_bytes_max;
    /* May be NULL. The session is open: it may be answered, closed, put into a room. */
    void (*opened)(struct session *session);
    /* One whole message; frame and what it points at are valid during the call only. */
    void (*message)(struct session *session, const struct frame *frame);
    /* May be NULL. The last call for this session. Nothing can be sent to it any more, and it
     * cannot be ended again; but others may be told (session_broadcast(), to its room as well),
     * answered and closed, as in message(). */
    void (*closed)(struct session *session);
};

/* -------- effects -------- */

/* Queues whole frames (as they go on the wire; raw: any bytes). data is copied. */
void session_reply(struct session *session, const uint8_t *data, uint32_t bytes);
/* Queues a frame of body_bytes under id and returns where to write the whole body, before any other
 * call. NULL: the session is closing, or the framing cannot carry it (over --max-frame: counted as
 * frame_error, not sent; so are broadcasts). */
uint8_t *session_reply_frame(struct session *session, uint32_t id, uint32_t body_bytes);
/* To every session of the server (room SESSION_NO_ROOM), or every one in that room, the caller
 * included if it is in it: one whole frame. */
void session_broadcast(struct session *session, uint64_t room, const uint8_t *data, uint32_t bytes);
/* Like session_broadcast(), for a frame made of id and body parts. */
void session_broadcast_frame(struct session *session, uint64_t room, uint32_t id,
                             const struct span *parts, int parts_count);
enum { SESSION_BROADCAST_PARTS_MAX = 4 };
/* Leaves the present room, if any, and enters room (SESSION_NO_ROOM: none). */
void session_enter_room(struct session *session, uint64_t room);
/* Ends it in good order: what is queued is sent first. Messages that come later are counted and
 * not answered. */
void session_finish(struct session *session);
/* Ends it abnormally, counted under reason. What is queued is dropped. */
void session_close(struct session *session, enum error_kind reason);
/* Counts an error that does not end the session. */
void session_count_error(struct session *session, enum error_kind kind);
uint64_t session_id(const struct session *session);
uint64_t session_room(const struct session *session);
/* SESSION_STATE_BYTES of the handler, zeroed at the start, aligned for uint64_t. */
void *session_state(struct session *session);

/* -------- the handlers -------- */

extern const struct handler handler_echo;
extern const struct handler handler_sink;
extern const struct handler handler_chat;
extern const struct handler handler_game;

/* NULL when there is none of that name. */
const struct handler *handler_find(const char *name);
/* The index-th handler, NULL past the last. */
const struct handler *handler_at(int index);
