/* The sessions of a client's context that new connections may resume: the newest is taken first,
 * each is used once (RFC 8446, C.4) as long as there is another; the last one is kept and used
 * again, so that a server that gives few still sees resumptions.
 *
 * Any thread; locked, once per handshake. Sessions are copies, which no connection shares: OpenSSL
 * marks the session of a connection that is closed without close_notify as one not to resume. */
#pragma once

#include "system/thread.h"

#include <openssl/ssl.h>

enum { SESSIONS_MAX = 64 }; /* of about 1 KiB; the oldest makes room */

struct sessions {
    struct mutex lock;
    int first;
    int count;
    SSL_SESSION *ring[SESSIONS_MAX];
};

void sessions_open(struct sessions *sessions);
void sessions_close(struct sessions *sessions);
/* Keeps a copy; without memory for it, nothing. */
void sessions_put(struct sessions *sessions, const SSL_SESSION *session);
/* One to resume, which belongs to the caller; NULL: none. */
SSL_SESSION *sessions_take(struct sessions *sessions);
