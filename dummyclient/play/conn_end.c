/* How a connection ends: by the closing protocol (conn_end: the rest, FIN, the peer's end, close),
 * or immediately (conn_break, conn_reset, conn_drop). All go through conn_on_closed(), which
 * decides whether it was clean. */
#include "core/clock.h"
#include "core/must.h"
#include "play/conn_codec.h"
#include "play/conn_evidence.h"
#include "play/conn_tls.h"
#include "play/conn_trace.h"

#include <string.h>

enum error_kind conn_error_of_connect(enum cport_result result)
{
    if (cport_result_is_local(result)) {
        return ERROR_KIND_LOCAL_LIMIT;
    }
    switch (result) {
    case CPORT_REFUSED:
        return ERROR_KIND_CONNECT_REFUSED;
    case CPORT_TIMED_OUT:
        return ERROR_KIND_CONNECT_TIMEOUT;
    case CPORT_UNREACHABLE:
        return ERROR_KIND_CONNECT_UNREACHABLE;
    case CPORT_ADDRESS_IN_USE: /* every port of the source address is taken */
        return ERROR_KIND_LOCAL_LIMIT;
    default:
        return ERROR_KIND_CONNECT_OTHER;
    }
}

enum error_kind conn_error_of_transfer(enum cport_result result)
{
    if (cport_result_is_local(result)) {
        return ERROR_KIND_LOCAL_LIMIT;
    }
    switch (result) {
    case CPORT_RESET:
    case CPORT_NOT_CONNECTED: /* the reset was reported to another operation */
        return ERROR_KIND_RESET;
    default:
        return ERROR_KIND_OTHER;
    }
}

void conn_end(struct conn *conn)
{
    int64_t within_ns = conn->group->cut ? CONN_END_AFTER_CUT_NS : CONN_END_WITHIN_NS;
    if ((conn->link == CONN_OPEN || conn->link == CONN_STAYING) && !conn_finish_codec(conn)) {
        return;
    }
    if (conn->traced) {
        conn_trace(conn, "this side closes (FIN)");
    }
    conn_set_link(conn, CONN_ENDING, conn->group->now_ns + within_ns);
    conn_receive(conn);
    conn_mark_dirty(conn);
}

void conn_end_in_turn(struct conn *conn)
{
    struct conn_group *group = conn->group;
    if (group->cut || group->ending_count < group->ending_max) {
        conn_end(conn);
        return;
    }
    conn_set_link(conn, CONN_STAYING, TIME_NEVER_NS);
    conn_receive(conn);
}

bool conn_group_end_some(struct conn_group *group, uint32_t connections_max)
{
    for (; connections_max > 0 && group->staying_count > 0; connections_max--) {
        if (group->ending_count >= group->ending_max) {
            return false; /* an end that completes makes room */
        }
        group->staying_at = (group->staying_at + 1) % group->conns_count;
        struct conn *conn = conn_group_at(group, group->staying_at);
        if (conn->link == CONN_STAYING) {
            conn_end(conn);
            conn_pump(conn);
        }
    }
    return group->staying_count > 0;
}

/* A handshake that ends with its connection, for whatever reason, would have taken at least as
 * long: one that fails, is given up or is cut off does not make the others look fast. */
static void conn__censor_handshake(struct conn *conn)
{
    struct conn_group *group = conn->group;
    conn_observe(conn);
    if (conn->link == CONN_SECURING && conn->secured) {
        recorder_not_secured(group->recorder, group->now_ns - conn_tls(conn)->begun_ns);
    } else if (conn->link == CONN_GREETING) {
        recorder_not_greeted(group->recorder, conn_greeting_ns(conn));
    }
}

static void conn__close(struct conn *conn, enum cport_close_mode mode)
{
    conn__censor_handshake(conn);
    bool secures = conn->link == CONN_SECURING && !conn_tls(conn)->by_step;
    enum conn_link link = conn->link == CONN_CONNECTING            ? CONN_DROPPING
                          : conn->link == CONN_GREETING || secures ? CONN_REJECTING
                                                                   : CONN_CLOSING;
    if (link != CONN_DROPPING) {
        cport_local_address(conn->group->port, &conn->socket, &conn->seldom->local);
    }
    conn_set_link(conn, link, TIME_NEVER_NS);
    conn->seldom->close_op.owner = conn;
    cport_close(conn->group->port, &conn->socket, &conn->seldom->close_op, mode);
}

/* An end has one reason, the first: what comes of that is no other error. True: it is this one. */
static bool conn__blame(struct conn *conn, enum error_kind error)
{
    bool first = conn->end_reason == ERROR_KIND_NONE;
    conn->end_reason = first ? (uint8_t)error : conn->end_reason;
    conn_observe(conn);
    return first;
}

void conn_break(struct conn *conn, enum error_kind error)
{
    bool first = conn__blame(conn, error);
    if (conn->traced) {
        conn_trace_broken(conn, error);
    }
    if (first) {
        recorder_error(conn->group->recorder, error);
    }
    if (conn->link == CONN_CONNECTING && error != ERROR_KIND_LOCAL_LIMIT) {
        /* It would have taken at least as long. */
        recorder_connect_failed(conn->group->recorder, conn->group->now_ns - conn->opened_ns);
    }
    if (first && (error == ERROR_KIND_RESET || error == ERROR_KIND_CLOSE_TIMEOUT ||
                  (error == ERROR_KIND_OTHER && conn->link != CONN_CONNECTING))) {
        conn_explain_end(conn, error, NULL);
    }
    conn__close(conn, CPORT_CLOSE_RST);
}

void conn_reset(struct conn *conn)
{
    (void)conn__blame(conn, ERROR_KIND_RESET);
    if (conn->traced) {
        conn_trace(conn, "this side resets the connection (RST)");
    }
    conn__close(conn, CPORT_CLOSE_RST);
}

void conn_drop(struct conn *conn)
{
    conn_observe(conn);
    recorder_connect_failed(conn->group->recorder, conn->group->now_ns - conn->opened_ns);
    if (conn->traced) {
        conn_trace(conn, "the connect is given up");
    }
    conn__close(conn, CPORT_CLOSE_RST);
}

/* doing: as for conn_explain_end(). */
static void conn__note_unexpected(struct conn *conn, const char *doing)
{
    if (!conn__blame(conn, ERROR_KIND_UNEXPECTED_CLOSE)) {
        return;
    }
    conn_explain_end(conn, ERROR_KIND_UNEXPECTED_CLOSE, doing);
    if (conn->traced) {
        conn_trace(conn, "the scenario does not expect that end");
    }
    if (conn_tls_is_truncated(conn)) {
        conn_tls_note_truncated(conn);
    }
    recorder_error(conn->group->recorder, ERROR_KIND_UNEXPECTED_CLOSE);
}

static bool conn__has_rest(const struct conn *conn)
{
    return conn->queue.queued_bytes > 0 || reassembly_waiting_bytes(&conn->reassembly) > 0;
}

/* Where this side ended first, for good, it did not wait for what the server had not finished: that
 * has been counted where it was waited for. */
void conn_complete(struct conn *conn)
{
    if (conn->unjudged) {
        /* The peer has ended it: conn__settle() judges. */
    } else if (conn->link == CONN_ENDING ? conn->messages_count > 0 || conn_is_unanswered(conn)
                                         : conn__has_rest(conn)) {
        conn__note_unexpected(conn, NULL);
    } else {
        conn->unjudged = conn->unjudged || conn->link == CONN_HALF;
    }
    conn__close(conn, CPORT_CLOSE_FIN);
}

/* With TLS the peer learns from close_notify that our stream is whole, too. */
static void conn__answer_end(struct conn *conn)
{
    if (conn->link == CONN_OPEN) {
        conn->unjudged = true;
        conn_end(conn);
    } else if (conn->link == CONN_STAYING) {
        conn_end(conn);
    }
    conn_mark_dirty(conn);
}

void conn_on_peer_end(struct conn *conn)
{
    bool notified = conn->secured && !conn_tls_is_truncated(conn);
    if (conn->traced) {
        conn_trace(conn, "the server ends its side (%s)",
                   notified                      ? "close_notify"
                   : conn_tls_is_truncated(conn) ? "FIN without close_notify"
                                                 : "FIN");
    }
    if (conn->link == CONN_GREETING) {
        conn_explain_handshake(conn, "the end of the connection");
        conn_break(conn, ERROR_KIND_CODEC_HANDSHAKE);
    } else if (notified && conn->sending != CONN_SEND_FIN && conn->sending != CONN_SEND_ENDED) {
        conn__answer_end(conn); /* conn_on_shutdown() completes it */
    } else if (conn->link == CONN_OPEN) {
        conn->unjudged = true;
        conn__close(conn, CPORT_CLOSE_FIN);
    } else if (conn->sending != CONN_SEND_FIN) {
        conn_complete(conn);
    } /* else: conn_on_shutdown() completes it */
}

void conn_on_shutdown(struct conn *conn)
{
    conn->sending = CONN_SEND_ENDED;
    if (!conn_is_alive(conn)) {
        return;
    }
    bool answers = conn->secured && conn->receiving == CONN_RECV_ENDED;
    if (conn->io_op.result != CPORT_OK && !answers) {
        conn_break(conn, conn_error_of_transfer((enum cport_result)conn->io_op.result));
    } else if (conn->receiving == CONN_RECV_ENDED) {
        conn_complete(conn);
    }
}

static void conn__list_abnormal(struct conn *conn)
{
    struct result_abnormal abnormal = {
        .local = conn->seldom->local,
        .remote = *conn_remote(conn),
        .opened_ns = conn->opened_ns - conn->group->recorder->origin_ns,
        .ended_ns = conn->group->recorder->now_ns - conn->group->recorder->origin_ns,
        .bytes_sent = conn->bytes_sent,
        .bytes_received = conn->bytes_received,
        .messages_sent = conn->messages_sent,
        .messages_received = conn->messages_received,
        .reason = (enum error_kind)conn->end_reason};
    uint8_t sent[VM_LAST_SENT_BYTES_MAX];
    abnormal.received = conn_last_received(conn);
    conn->seldom->received.count = 0;
    memcpy(abnormal.explanation, conn->seldom->explanation, sizeof abnormal.explanation);
    conn->seldom->explanation[0] = '\0';
    if (conn->messages_sent + conn->messages_stamped > 0) { /* else it is of one before */
        result_last_set(&abnormal.sent, sent, vm_last_sent(conn->vm, sent));
    }
    recorder_abnormal(conn->group->recorder, &abnormal);
}

/* What it has carried belongs to its target, however it has ended. */
static void conn__count(struct conn *conn)
{
    const struct clean_group carried = {1, conn->bytes_sent, conn->bytes_received,
                                        conn->messages_sent, conn->messages_received};
    recorder_carried(conn->group->recorder, &carried);
    if (conn->end_reason == ERROR_KIND_NONE) {
        recorder_clean(conn->group->recorder, net_address_port(&conn->seldom->local), &carried);
    } else {
        conn__list_abnormal(conn);
    }
}

void conn_group_count_open(struct conn_group *group)
{
    for (uint32_t i = 0; i < group->conns_count; i++) {
        struct conn *conn = conn_group_at(group, i);
        const struct clean_group carried = {1, conn->bytes_sent, conn->bytes_received,
                                            conn->messages_sent, conn->messages_received};
        if (conn_is_alive(conn) || conn->link == CONN_CLOSING || conn->link == CONN_REJECTING) {
            conn__censor_handshake(conn);
            recorder_carried(group->recorder, &carried);
            if (conn->secured) {
                conn_tls_count(conn);
            }
        }
    }
}

/* What has become of one that was connected. */
static void conn__settle(struct conn *conn)
{
    int64_t now_ns = conn->group->now_ns;
    if (!conn_tls_precedes(conn)) {
        conn_close_codec(conn);
    }
    if (conn->link == CONN_REJECTING) {
        conn_tell(conn, vm_on_connect_failed);
    } else {
        bool rest = conn__has_rest(conn);
        bool expected = vm_on_closed(conn->vm, now_ns);
        if (conn->unjudged && (!expected || rest)) {
            conn__note_unexpected(conn,
                                  expected ? NULL : conn->group->recorder->figures.evidence->lost);
        }
    }
    if (conn->traced) {
        conn_trace_closed(conn);
    }
    conn__count(conn);
    conn_drop_buffers(conn);
}

void conn_set_turned_away(struct conn *conn, bool turned_away)
{
    struct conn_seldom *seldom = conn->seldom;
    conn->group->gauges[LIVE_TURNED_AWAY] += (uint32_t)turned_away - seldom->turned_away;
    seldom->turned_away = turned_away;
    seldom->keeps_out = false;
}

void conn_on_closed(struct conn *conn)
{
    bool could_connect = conn->link == CONN_CLOSING; /* else LIVE_FAILED has it */
    must(conn->link == CONN_CLOSING || conn->link == CONN_DROPPING || conn->link == CONN_REJECTING);
    must(conn->sending != CONN_SEND_BUSY && conn->sending != CONN_SEND_FIN);
    conn_observe(conn);
    if (conn->link == CONN_DROPPING) {
        conn_tell(conn, vm_on_connect_failed);
    } else {
        conn__settle(conn);
    }
    if (conn->state == CONN_SETUP) {
        conn_set_turned_away(conn, could_connect && conn->seldom->keeps_out);
    }
    if (conn->state == CONN_PARTING || conn->state == CONN_LEAVING) {
        conn_set_ended(conn);
    } else {
        conn_set_link(conn, CONN_CLOSED, TIME_NEVER_NS);
        conn_pump(conn);
    }
}
