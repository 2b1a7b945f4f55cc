/* What a traced connection does on its socket, in words (trace/README.md). For conn*.c only; all
 * are called only where conn->traced. */
#pragma once

#include "play/conn_internal.h"

void conn_trace(const struct conn *conn, const char *format, ...) ERROR_PRINTF(2, 3);
void conn_trace_connects(const struct conn *conn, const struct net_address *remote);
void conn_trace_connected(const struct conn *conn);
/* What the codec says by itself, and what it takes for itself: a handshake, pings, a close. */
void conn_trace_own_sent(const struct conn *conn, struct span own);
void conn_trace_own_received(const struct conn *conn, const struct frame *frame);
/* What has come is no message. */
void conn_trace_refused(const struct conn *conn, const struct error *expected);
/* At the end of the bytes that have come is the beginning of one, or a part of it. */
void conn_trace_begun(const struct conn *conn, struct span come);
void conn_trace_broken(const struct conn *conn, enum error_kind error);
void conn_trace_closed(const struct conn *conn);
