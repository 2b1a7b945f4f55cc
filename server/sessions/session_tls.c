#include "sessions/session_tls.h"

#include "core/clock.h"
#include "core/must.h"
#include "sessions/handler.h"
#include "sessions/shard.h"

#include <stdlib.h>

static struct recorder *session__recorder(const struct session *session)
{
    return session->shard->recorder;
}

bool session_tls_open(struct session *session)
{
    struct session_tls *own = calloc(1, sizeof *own);
    if (own == NULL) {
        return false;
    }
    own->tls = tls_open(session->shard->rules->tls);
    if (own->tls == NULL) {
        free(own);
        return false;
    }
    session->tls = own;
    session->secured = true;
    return true;
}

void session_tls_close(struct session *session)
{
    tls_close(session->tls->tls);
    free(session->tls);
    session->tls = NULL;
    session->secured = false;
}

/* -------- failing -------- */

static void session__count_fault(struct session *session, enum tls_fault fault)
{
    session->tls->fault = fault;
    tls_stats_count_failure(&session__recorder(session)->tls, fault);
}

static void session__tls_failed(struct session *session)
{
    struct session_tls *own = session->tls;
    if (!own->failed) {
        own->failed = true;
        session__count_fault(session, tls_fault(own->tls));
    }
}

enum error_kind session_tls_error(const struct session *session)
{
    return session->tls->fault == TLS_FAULT_MEMORY ? ERROR_KIND_LOCAL_LIMIT
                                                   : ERROR_KIND_TLS_HANDSHAKE;
}

void session_tls_overdue(struct session *session)
{
    session->tls->failed = true;
    session__count_fault(session, TLS_FAULT_TIMEOUT);
}

void session_tls_explain(const struct session *session, struct error *error)
{
    const struct session_tls *own = session->tls;
    switch (own->fault) {
    case TLS_FAULT_NONE:
        error_set(error, "%s", "");
        break;
    case TLS_FAULT_TRUNCATED:
        error_set(error, "%s",
                  own->opened ? "the client ended its stream without close_notify"
                              : "the client ended its stream before the end of the handshake");
        break;
    case TLS_FAULT_TIMEOUT:
        error_set(error, "the handshake was not over within %d s",
                  (int)(SESSION_HANDSHAKE_NS / NS_PER_S));
        break;
    default:
        tls_explain(own->tls, error);
        break;
    }
}

/* -------- receiving -------- */

static void session__opened(struct session *session)
{
    struct session_tls *own = session->tls;
    struct recorder *recorder = session__recorder(session);
    bool resumed = tls_is_resumed(own->tls);
    own->opened = true;
    recorder->counters.totals[resumed ? TOTAL_TLS_RESUMED : TOTAL_TLS_FULL]++;
    tls_stats_count_open(&recorder->tls, own->tls);
    session_greet(session);
}

struct span session_tls_receive(struct session *session, const uint8_t *data, size_t bytes)
{
    struct session_tls *own = session->tls;
    struct span text = {session->shard->text, 0};
    enum tls_status status = TLS_DATA;
    size_t some_bytes;
    session__recorder(session)->counters.totals[TOTAL_WIRE_BYTES_RECEIVED] += bytes;
    if (session->abort || own->failed || own->peer_ended) {
        return text;
    }
    must(bytes <= SESSION_RECEIVE_BYTES_MAX);
    tls_feed(own->tls, data, bytes);
    while (status == TLS_DATA || status == TLS_OPENED) {
        must(text.bytes < SESSION_TLS_TEXT_BYTES_MAX);
        status = tls_read(own->tls, session->shard->text + text.bytes,
                          SESSION_TLS_TEXT_BYTES_MAX - text.bytes, &some_bytes);
        text.bytes += some_bytes;
        if (status == TLS_OPENED) {
            session__opened(session);
        }
    }
    own->peer_ended = status == TLS_ENDED;
    if (status == TLS_FAILED) {
        session__tls_failed(session);
    }
    return text;
}

void session_tls_receive_end(struct session *session)
{
    const struct session_tls *own = session->tls;
    if (own->peer_ended || own->failed || (!own->opened && session->finishing)) {
        return; /* as it may be, or known already, or our own doing */
    }
    session__count_fault(session, TLS_FAULT_TRUNCATED);
    session_blame(session, own->opened ? ERROR_KIND_UNEXPECTED_CLOSE : ERROR_KIND_TLS_HANDSHAKE);
}

/* -------- sending -------- */

/* The spans of a gathered write: as many as a send of a plain session takes. */
enum { SESSION_TLS_SPANS_MAX = 16 };

/* All that was sealed before has gone out. */
static void session__seal_more(struct session *session)
{
    struct session_tls *own = session->tls;
    struct span spans[SESSION_TLS_SPANS_MAX];
    size_t taken_bytes = 0;
    int count = send_queue_peek(&session->output, spans, SESSION_TLS_SPANS_MAX);
    if (!tls_write(own->tls, spans, count, &taken_bytes)) {
        session__tls_failed(session);
        session_blame(session, session_tls_error(session));
        session->abort = true;
        return;
    }
    own->sealed_bytes = (uint32_t)taken_bytes;
    own->sealed_end = own->wire_bytes_sent + tls_output_bytes(own->tls);
}

bool session_tls_seal(struct session *session)
{
    const struct session_tls *own = session->tls;
    if (session->shut_down) {
        return false; /* what TLS says by itself now comes too late */
    }
    if (own->opened && !own->failed && !own->end_said && own->sealed_bytes == 0 &&
        session->output.queued_bytes > 0) {
        session__seal_more(session);
    }
    return tls_output_bytes(own->tls) > 0;
}

bool session_tls_end(struct session *session)
{
    struct session_tls *own = session->tls;
    if (own->end_said || own->failed || !own->opened) {
        return false;
    }
    own->end_said = true;
    session->deaf = true; /* no answer could follow */
    tls_end(own->tls);
    return tls_output_bytes(own->tls) > 0;
}

int session_tls_take_output(struct session *session, struct span *spans, uint64_t *carried_bytes)
{
    const struct session_tls *own = session->tls;
    spans[0] = tls_output(own->tls);
    bool carries_all = own->wire_bytes_sent + spans[0].bytes >= own->sealed_end;
    *carried_bytes = carries_all ? own->sealed_bytes : 0;
    return 1;
}

uint32_t session_tls_sent(struct session *session, uint32_t bytes)
{
    struct session_tls *own = session->tls;
    uint32_t text_bytes = 0;
    if (bytes > 0) {
        tls_output_taken(own->tls, bytes);
    }
    own->wire_bytes_sent += bytes;
    session__recorder(session)->counters.totals[TOTAL_WIRE_BYTES_SENT] += bytes;
    if (own->sealed_bytes > 0 && own->wire_bytes_sent >= own->sealed_end) {
        text_bytes = own->sealed_bytes;
        own->sealed_bytes = 0;
    }
    return text_bytes;
}
