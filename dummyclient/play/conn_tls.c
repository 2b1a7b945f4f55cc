/* TLS between the port and the codec: the handshake, ciphertext out of what is queued, plain text
 * out of what is received, close_notify at the end. */
#include "play/conn_tls.h"

#include "core/clock.h"
#include "core/must.h"
#include "play/conn_codec.h"
#include "play/conn_evidence.h"
#include "play/conn_trace.h"

#include <stdio.h>
#include <string.h>

static struct tls_context *conn_tls__context(const struct conn *conn)
{
    return plan_tls_context(conn->group->plan, conn->number, vm_destination(conn->vm));
}

bool conn_tls_begins(const struct conn *conn)
{
    return conn->group->tls_offset != 0 && conn_tls__context(conn) != NULL &&
           !conn->group->plan->program->targets[vm_target(conn->vm)].tls_by_step;
}

bool conn_tls_precedes(const struct conn *conn)
{
    return conn_tls_begins(conn) && !conn_tls(conn)->opened;
}

/* A connect and its handshake share the time of a connect. */
void conn_tls_connected(struct conn *conn)
{
    *conn_tls(conn) = (struct conn_tls){.by_step = false};
    conn_set_link(conn, CONN_SECURING,
                  conn->opened_ns + conn->group->plan->scenario->load.connect_timeout_ns);
    conn_tls_begin(conn);
    conn_pump(conn); /* sets the timer */
}

void conn_tls_ask(struct conn *conn)
{
    struct conn_group *group = conn->group;
    *conn_tls(conn) = (struct conn_tls){.by_step = true};
    conn_set_link(conn, CONN_SECURING,
                  group->now_ns + group->plan->scenario->load.connect_timeout_ns);
    conn_mark_dirty(conn);
}

bool conn_tls_is_asked(const struct conn *conn)
{
    return conn->link == CONN_SECURING && !conn->secured;
}

/* --- How it fails. */

/* With TLS 1.3 a server refuses a client behind the client's handshake. */
static enum error_kind conn_tls__error(const struct conn *conn)
{
    const struct tls *tls = conn_tls(conn)->tls;
    if (tls != NULL && tls_fault(tls) == TLS_FAULT_MEMORY) {
        return ERROR_KIND_LOCAL_LIMIT;
    }
    bool begins = conn->link == CONN_SECURING || !conn_tls(conn)->answered;
    return begins ? ERROR_KIND_TLS_HANDSHAKE : ERROR_KIND_FRAME_ERROR;
}

/* Would the same server say the same again? An end, or a silence, may be a server's that is just
 * being started. */
static bool conn_tls__lasts(enum tls_fault fault)
{
    return fault != TLS_FAULT_TRUNCATED && fault != TLS_FAULT_TIMEOUT && fault != TLS_FAULT_MEMORY;
}

/* Keeps the reason. The error is counted when the connection is broken. */
static void conn_tls__note(struct conn *conn, enum tls_fault fault, const char *found)
{
    struct recorder *recorder = conn->group->recorder;
    enum error_kind kind = conn_tls__error(conn);
    bool begins = kind == ERROR_KIND_TLS_HANDSHAKE;
    conn_observe(conn);
    if (begins && conn_tls__lasts(fault)) {
        conn_note_hopeless(conn);
    }
    tls_stats_count_failure(&recorder->figures.tls, fault);
    recorder_explain(recorder, EVIDENCE_TLS, kind, conn->number,
                     begins ? "the end of the TLS handshake" : "TLS", found,
                     (struct span){.bytes = 0});
    snprintf(conn->seldom->explanation, sizeof conn->seldom->explanation, "%.*s",
             (int)sizeof conn->seldom->explanation - 1, found);
    if (conn->traced) {
        conn_trace(conn, "TLS fails: %.250s", found);
    }
}

static void conn_tls__break(struct conn *conn)
{
    conn_break(conn, conn_tls__error(conn));
}

/* The engine has given up. What it tells the peer leaves before the reset. */
static void conn_tls__fail(struct conn *conn)
{
    struct conn_tls *secure = conn_tls(conn);
    struct error why;
    tls_explain(secure->tls, &why);
    conn_tls__note(conn, tls_fault(secure->tls), why.text);
    if (conn->link == CONN_SECURING && conn_tls_waits(conn)) {
        secure->failed = true;
        conn_mark_dirty(conn);
    } else {
        conn_tls__break(conn);
    }
}

bool conn_tls_gives_up(struct conn *conn)
{
    bool failed = conn->secured && conn_tls(conn)->failed;
    if (failed) {
        conn_tls__break(conn);
    }
    return failed;
}

void conn_tls_overdue(struct conn *conn)
{
    if (!conn_tls(conn)->failed) {
        conn_tls__note(conn, TLS_FAULT_TIMEOUT, "nothing more within connect_timeout");
    }
    conn_tls__break(conn);
}

void conn_tls_note_truncated(struct conn *conn)
{
    tls_stats_count_failure(&conn->group->recorder->figures.tls, TLS_FAULT_TRUNCATED);
    snprintf(conn->seldom->explanation, sizeof conn->seldom->explanation,
             "the stream ended without close_notify");
}

/* --- The handshake. */

void conn_tls_begin(struct conn *conn)
{
    struct conn_tls *secure = conn_tls(conn);
    uint64_t plain_bytes = reassembly_waiting_bytes(&conn->reassembly);
    if (plain_bytes > 0) { /* somebody in between could have put it there */
        conn_tls__note(conn, TLS_FAULT_NO_TLS,
                       "plain text of the server behind the reply that begins it");
        conn_tls__break(conn);
        return;
    }
    secure->tls = tls_open(conn_tls__context(conn));
    if (secure->tls == NULL) {
        conn_break(conn, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    conn->secured = true;
    secure->begun_ns = conn->group->now_ns;
    tls_start(secure->tls);
    if (conn->traced) {
        conn_trace(conn, "the TLS handshake begins");
    }
    if (tls_fault(secure->tls) != TLS_FAULT_NONE) {
        conn_tls__fail(conn); /* there is nothing to begin with: no cipher that can be offered */
        return;
    }
    conn_mark_dirty(conn);
    conn_receive(conn);
}

static void conn_tls__opened(struct conn *conn)
{
    struct conn_group *group = conn->group;
    struct conn_tls *secure = conn_tls(conn);
    const struct tls *tls = secure->tls;
    secure->opened = true;
    conn_observe(conn);
    /* Not the time of the turn, which may hold the work of many handshakes. */
    group->recorder->figures.clock_reads++;
    recorder_secured(group->recorder, cport_now_ns(group->port) - secure->begun_ns, tls);
    if (conn->traced) {
        conn_trace(conn, "the TLS handshake is over: TLS %s, %s, %s",
                   tls_version_name(tls_version_of(tls)), tls_cipher(tls),
                   tls_is_resumed(tls) ? "a session resumed" : "a full handshake");
    }
    if (secure->by_step) {
        conn_set_link(conn, CONN_OPEN, TIME_NEVER_NS);
        vm_on_secured(conn->vm, group->now_ns);
        conn_pump(conn);
    } else if (conn_open_codec(conn)) {
        conn_hand_over(conn);
    }
}

/* --- Out. */

bool conn_tls_waits(const struct conn *conn)
{
    return tls_output_bytes(conn_tls(conn)->tls) > 0;
}

/* What the engine has made since the last call: ciphertext of so much plain text. */
static void conn_tls__add_record(struct conn_tls *secure, size_t plain_bytes)
{
    size_t new_bytes = tls_output_bytes(secure->tls);
    for (uint32_t i = 0; i < secure->records_count; i++) {
        new_bytes -= secure->records[i].wire_bytes;
    }
    struct conn_record *last =
        secure->records_count > 0 ? &secure->records[secure->records_count - 1] : NULL;
    if (new_bytes == 0) {
        must(plain_bytes == 0);
    } else if (last != NULL && plain_bytes + last->plain_bytes == 0) {
        last->wire_bytes += (uint32_t)new_bytes;
    } else {
        must(secure->records_count < CONN_RECORDS_MAX);
        secure->records[secure->records_count++] = (struct conn_record){
            .wire_bytes = (uint32_t)new_bytes, .plain_bytes = (uint32_t)plain_bytes};
    }
}

/* Of the spans what is behind the first `skip` bytes, as much as a record takes. */
static int conn_tls__cut(const struct span *spans, int count, size_t skip, struct span *cut)
{
    size_t room = CONN_RECORD_BYTES;
    int cuts = 0;
    for (int i = 0; i < count && room > 0; i++) {
        size_t skipped = skip < spans[i].bytes ? skip : spans[i].bytes;
        size_t bytes = spans[i].bytes - skipped;
        bytes = bytes < room ? bytes : room;
        skip -= skipped;
        room -= bytes;
        if (bytes > 0) {
            cut[cuts++] = (struct span){.data = spans[i].data + skipped, .bytes = bytes};
        }
    }
    return cuts;
}

/* Of what is queued, as much as may be ahead. False: the engine has failed. */
static bool conn_tls__encrypt(struct conn *conn)
{
    struct conn_tls *secure = conn_tls(conn);
    struct span spans[CPORT_SPANS_MAX];
    struct span cut[CPORT_SPANS_MAX];
    int count = send_queue_peek(&conn->queue, spans, CPORT_SPANS_MAX);
    size_t done = 0;
    int cuts;
    while (secure->records_count < CONN_RECORDS_MAX - 1 &&
           (cuts = conn_tls__cut(spans, count, done, cut)) > 0) {
        size_t taken = 0;
        if (!tls_write(secure->tls, cut, cuts, &taken)) {
            return false;
        }
        conn_tls__add_record(secure, taken);
        if (taken == 0) {
            break;
        }
        done += taken;
    }
    return true;
}

/* How much of the queue is in ciphertext that begins within so many bytes of it. */
static uint64_t conn_tls__begun(const struct conn_tls *secure, uint64_t wire_bytes)
{
    uint64_t at = 0;
    uint64_t plain_bytes = 0;
    for (uint32_t i = 0; i < secure->records_count && at < wire_bytes; i++) {
        at += secure->records[i].wire_bytes;
        plain_bytes += secure->records[i].plain_bytes;
    }
    return plain_bytes;
}

struct span conn_tls_seal(struct conn *conn, uint64_t *plain_bytes)
{
    struct conn_tls *secure = conn_tls(conn);
    bool ends = conn->link == CONN_HALF || conn->link == CONN_ENDING;
    *plain_bytes = 0;
    conn_tls__add_record(secure, 0);
    if (secure->failed && !conn_tls_waits(conn)) {
        conn_tls__break(conn);
        return (struct span){.bytes = 0};
    }
    /* What the peer would not read any more (unjudged) is not sent, as without TLS. */
    if (!secure->failed && !conn->unjudged && conn_tls__begun(secure, UINT64_MAX) == 0 &&
        !conn_tls__encrypt(conn)) {
        conn_tls__fail(conn);
        return (struct span){.bytes = 0};
    }
    if (ends &&
        (conn->unjudged || conn_tls__begun(secure, UINT64_MAX) == conn->queue.queued_bytes)) {
        tls_end(secure->tls);
        conn_tls__add_record(secure, 0);
    }
    struct span span = tls_output(secure->tls);
    *plain_bytes = conn_tls__begun(secure, span.bytes);
    return span;
}

uint32_t conn_tls_take(struct conn *conn, uint32_t wire_bytes)
{
    struct conn_tls *secure = conn_tls(conn);
    uint32_t plain_bytes = 0;
    uint32_t whole = 0;
    secure->wire_bytes_sent += wire_bytes;
    recorder_count(conn->group->recorder, TOTAL_WIRE_BYTES_SENT, wire_bytes);
    tls_output_taken(secure->tls, wire_bytes);
    while (wire_bytes > 0) {
        must(whole < secure->records_count);
        struct conn_record *record = &secure->records[whole];
        uint32_t part = record->wire_bytes < wire_bytes ? record->wire_bytes : wire_bytes;
        record->wire_bytes -= part;
        wire_bytes -= part;
        if (record->wire_bytes == 0) {
            plain_bytes += record->plain_bytes;
            whole++;
        }
    }
    secure->records_count = (uint8_t)(secure->records_count - whole);
    memmove(secure->records, secure->records + whole,
            secure->records_count * sizeof *secure->records);
    return plain_bytes;
}

/* --- In. */

/* One step of the engine. False: there is no more for now. */
static bool conn_tls__read(struct conn *conn)
{
    struct conn_group *group = conn->group;
    struct conn_tls *secure = conn_tls(conn);
    size_t bytes = 0;
    enum tls_status status = tls_read(secure->tls, group->plain, CONN_RECORD_BYTES, &bytes);
    if (conn_tls_waits(conn)) {
        conn_mark_dirty(conn);
    }
    switch (status) {
    case TLS_MORE:
        return false;
    case TLS_OPENED:
        conn_tls__opened(conn);
        break;
    case TLS_DATA:
        secure->answered = true;
        conn->bytes_received += bytes;
        recorder_count(group->recorder, TOTAL_BYTES_RECEIVED, bytes);
        conn_take_bytes(conn, (struct span){.data = group->plain, .bytes = bytes});
        break;
    case TLS_ENDED:
        if (conn->link == CONN_SECURING) {
            conn_tls__note(conn, TLS_FAULT_TRUNCATED, "close_notify");
            conn_tls__break(conn);
        } else {
            conn_end_stream(conn);
        }
        return false;
    case TLS_FAILED:
        conn_tls__fail(conn);
        return false;
    }
    return conn_is_alive(conn);
}

void conn_tls_open(struct conn *conn)
{
    struct conn_tls *secure = conn_tls(conn);
    uint32_t bytes = conn->recv_op.bytes;
    secure->wire_bytes_received += bytes;
    recorder_count(conn->group->recorder, TOTAL_WIRE_BYTES_RECEIVED, bytes);
    if (!conn_is_alive(conn) || secure->failed) {
        return;
    }
    tls_feed(secure->tls, conn->recv_op.data, bytes);
    while (conn_tls__read(conn)) {
    }
}

bool conn_tls_end(struct conn *conn)
{
    struct conn_tls *secure = conn_tls(conn);
    if (secure->failed) {
        conn_tls__break(conn);
        return false;
    }
    if (tls_feed_end(secure->tls) == TLS_ENDED) {
        return true;
    }
    if (conn->link == CONN_SECURING) {
        conn_tls__note(conn, TLS_FAULT_TRUNCATED, "the end of the connection");
        conn_tls__break(conn);
        return false;
    }
    secure->truncated = true;
    return true;
}

void conn_tls_count(const struct conn *conn)
{
    const struct conn_tls *secure = conn_tls(conn);
    struct recorder *recorder = conn->group->recorder;
    recorder_count_shares(recorder, TOTAL_WIRE_BYTES_SENT, secure->wire_bytes_sent);
    recorder_count_shares(recorder, TOTAL_WIRE_BYTES_RECEIVED, secure->wire_bytes_received);
}

void conn_tls_close(struct conn *conn)
{
    conn_tls_count(conn);
    tls_close(conn_tls(conn)->tls);
    conn->secured = false;
}
