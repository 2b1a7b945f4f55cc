/* A connection that speaks TLS: for conn*.c only. README.md has how it begins and ends. */
#pragma once

#include "play/conn_internal.h"
#include "tls/tls.h"

/* Ciphertext of one call of the engine, and the plain text in it, from the front of the queue. A
 * record is of use to the peer only as a whole: what is in it counts as sent when all of it is. */
struct conn_record {
    uint32_t wire_bytes; /* that the system has not taken */
    uint32_t plain_bytes;
};

enum {
    CONN_RECORD_BYTES = 16384, /* the most plain text of one */
    CONN_RECORDS_MAX = 8       /* that wait: TLS_OUTPUT_BYTES_MAX, and what TLS says by itself */
};

/* Behind the vm, where a target of the plan speaks TLS. */
struct conn_tls {
    struct tls *tls;
    int64_t begun_ns;
    uint64_t wire_bytes_sent;
    uint64_t wire_bytes_received;
    struct conn_record records[CONN_RECORDS_MAX];
    uint8_t records_count;
    bool by_step : 1;   /* a step begins it; else the vm does not know of the connection before */
    bool opened : 1;    /* the handshake has ended well */
    bool answered : 1;  /* data has come: what fails from now on is no part of the handshake */
    bool failed : 1;    /* the reason is kept; what the peer is told has yet to leave */
    bool truncated : 1; /* the peer's stream has ended without close_notify */
};

static inline struct conn_tls *conn_tls(const struct conn *conn)
{
    return (struct conn_tls *)(uintptr_t)((const uint8_t *)conn + conn->group->tls_offset);
}

/* Does its target speak TLS from the beginning? */
bool conn_tls_begins(const struct conn *conn);
/* So it does, and the handshake has not ended well: neither codec nor vm know of the connection. */
bool conn_tls_precedes(const struct conn *conn);
/* It is connected: the handshake comes before everything else. */
void conn_tls_connected(struct conn *conn);
/* VM_ACTION_SECURE: the handshake begins when all that is queued has left. */
void conn_tls_ask(struct conn *conn);
/* Has a step asked for the handshake, which has not begun? */
bool conn_tls_is_asked(const struct conn *conn);
void conn_tls_begin(struct conn *conn);
/* A transfer has failed. True: TLS had failed before, which is the reason, and the connection is
 * being closed. */
bool conn_tls_gives_up(struct conn *conn);
/* The handshake is not over in time. */
void conn_tls_overdue(struct conn *conn);

/* Makes ciphertext of what is queued, and of the end of the stream. Returns what is to be sent now,
 * no bytes: nothing. *plain_bytes: how much of the queue begins in it, from its front. */
struct span conn_tls_seal(struct conn *conn, uint64_t *plain_bytes);
/* The system has taken ciphertext. Returns how much of the queue has left with it. */
uint32_t conn_tls_take(struct conn *conn, uint32_t wire_bytes);
bool conn_tls_waits(const struct conn *conn);
/* Handles the ciphertext that was received. */
void conn_tls_open(struct conn *conn);
/* The peer's FIN. False: within the handshake; the connection is being closed. */
bool conn_tls_end(struct conn *conn);
/* What it has carried belongs to its target. */
void conn_tls_count(const struct conn *conn);
/* It was closed: counts that, too. */
void conn_tls_close(struct conn *conn);

/* The peer's stream has ended without close_notify, where that matters. */
void conn_tls_note_truncated(struct conn *conn);
static inline bool conn_tls_is_truncated(const struct conn *conn)
{
    return conn->secured && conn_tls(conn)->truncated;
}

/* --- conn_io.c, conn_end.c */

/* Bytes of the peer's stream, plain: takes the messages out of them. */
void conn_take_bytes(struct conn *conn, struct span bytes);
/* The peer's stream has ended. */
void conn_end_stream(struct conn *conn);
/* Both ends of the stream have been seen. */
void conn_complete(struct conn *conn);
