/* A connection and the codec of its framing: for conn*.c only. */
#pragma once

#include "play/conn_internal.h"

/* What the framing remembers of this stream; NULL: nothing. */
static inline void *conn_codec_state(struct conn *conn)
{
    size_t offset = conn->group->codec_state_offset;
    return offset == 0 ? NULL : (uint8_t *)conn + offset;
}

/* It has been connected. True: the codec has nothing to say before the vm, so conn_hand_over() is
 * next; else that follows when the codec's handshake is over. */
bool conn_open_codec(struct conn *conn);
/* It has been closed. Counts and lists a codec that has written outside of its state. */
void conn_close_codec(struct conn *conn);
/* After a call of the codec: sends what it sends by itself, and hands over to the vm when its
 * handshake is over. False: the connection is being closed. */
bool conn_talk(struct conn *conn);
/* How long its handshake has been under way. */
int64_t conn_greeting_ns(const struct conn *conn);
/* This side is about to end: what the codec says before the FIN is queued. False: the connection is
 * being closed. */
bool conn_finish_codec(struct conn *conn);
/* What came was refused: the codec tells the peer why, and this side ends. False: it has no words
 * for that, or no room for them, and the connection is open as before. */
bool conn_tell_refused(struct conn *conn, enum error_kind error);
/* It has, and the peer's own end of the codec's has not come: so the FIN waits. */
bool conn_awaits_finish(struct conn *conn);
/* Has this side ended what the codec carries, and not been answered? */
bool conn_is_unanswered(struct conn *conn);
/* The peer has ended what the codec carries; then its stream ends. False: it is being closed. */
bool conn_on_peer_finish(struct conn *conn);

/* conn.c: the connection is the vm's from now on. */
void conn_hand_over(struct conn *conn);
/* conn_io.c: sends what is no message of the vm, with the message before it, or before the next
 * one. False: no memory, or too much of it waits. */
bool conn_queue_own(struct conn *conn, struct span own);
