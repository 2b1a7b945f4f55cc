/* The WebSocket of a session: the handshake, pings and the closing handshake are the codec's
 * (proto/websocket.h); here is what they mean to a session. Sans-I/O as the session. For session.c
 * and session_effects.c alone, under the same rules.
 *
 * A message of the handler is a WebSocket message: of one that is forwarded (session_reply(),
 * session_broadcast()), of the kind that the message being handled has, text or binary; else
 * binary. What the codec says by itself is queued between them, and is no message. */
#pragma once

#include "results/result.h"
#include "sessions/session.h"

#include <stdalign.h>

struct session_websocket {
    bool opened;                                    /* the handshake has ended well */
    bool peer_ended;                                /* its close frame has come */
    bool failed;                                    /* what came is no WebSocket */
    char explanation[RESULT_EXPLANATION_BYTES_MAX]; /* why it ended, or an empty text */
    alignas(16) uint8_t state[];                    /* frame_state_bytes() */
};

/* False: no memory. */
bool session_websocket_open(struct session *session);
void session_websocket_close(struct session *session);
/* A frame that is the codec's own has come. */
void session_websocket_heed(struct session *session, const struct frame *frame);
/* What came is refused. The peer is told why, and is to go. */
void session_websocket_refuse(struct session *session, enum frame_status status);
/* The end of the stream, which the peer's close frame should precede. */
void session_websocket_receive_end(struct session *session);
/* Queues our close frame, once: nothing is said behind it. Before our end of the stream. */
void session_websocket_end(struct session *session);
/* It has not opened in time. */
void session_websocket_overdue(struct session *session);
/* The framing of a message that is forwarded. */
const struct framing *session_websocket_carrier(const struct session *session);
