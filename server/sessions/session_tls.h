/* The TLS of a session: between the ciphertext that its model moves and the plain text that all
 * else of a session is about. Sans-I/O as the session. For session.c alone, under the same rules.
 *
 * What comes is decrypted into the shard's scratch, whole; so nothing of it is kept but the part of
 * a record that has not come whole, which is the library's. What is queued becomes ciphertext when
 * nothing else is in flight, at most TLS_OUTPUT_BYTES_MAX; the plain text stays in the send queue,
 * where it is counted, until the system has taken its ciphertext. */
#pragma once

#include "sessions/session.h"
#include "tls/tls.h"

struct session_tls {
    struct tls *tls;
    uint64_t wire_bytes_sent; /* ciphertext that the system has taken */
    uint64_t sealed_end;      /* how much that is when sealed_bytes have gone out */
    uint32_t sealed_bytes;    /* of the queue, from its beginning: their ciphertext waits in tls */
    bool opened;              /* the handshake has ended well */
    bool peer_ended;          /* close_notify has come */
    bool failed;              /* nothing can be read or sealed any more, for `fault` */
    bool end_said;            /* close_notify is on its way, or was not to be said */
    enum tls_fault fault;
};

/* The most plain text that one receive can bring: besides its own bytes, those of a record that had
 * come in part. */
enum { SESSION_TLS_TEXT_BYTES_MAX = SESSION_RECEIVE_BYTES_MAX + 17 * 1024 };

/* False: no memory. */
bool session_tls_open(struct session *session);
void session_tls_close(struct session *session);

/* Ciphertext came. Returns the plain text in it, which stays until the next call in this shard. */
struct span session_tls_receive(struct session *session, const uint8_t *data, size_t bytes);
/* The peer's FIN: without its close_notify something may be missing, and that is an error. */
void session_tls_receive_end(struct session *session);
/* Makes ciphertext of what is queued where none waits. True: there is some to be sent. It may end
 * the session (session->abort). No send is in flight. */
bool session_tls_seal(struct session *session);
/* Says close_notify, once. True: it is to be sent. */
bool session_tls_end(struct session *session);
/* After session_tls_seal(): the one span to be sent. *carried_bytes: the plain text whose last
 * ciphertext is in it. Returns 1. */
int session_tls_take_output(struct session *session, struct span *spans, uint64_t *carried_bytes);
/* The system took so much ciphertext. Returns how much of the queue has gone out with it. */
uint32_t session_tls_sent(struct session *session, uint32_t bytes);
/* It has not opened in time. */
void session_tls_overdue(struct session *session);
/* Why it failed, for a person; an empty text: it has not. */
void session_tls_explain(const struct session *session, struct error *error);

/* What that is counted as. */
enum error_kind session_tls_error(const struct session *session);

static inline bool session_tls_has_failed(const struct session *session)
{
    return session->tls->failed;
}
