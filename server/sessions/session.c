/* The session: its life, its input and what it wants of its model. The effects that handlers use
 * stand in session_effects.c. */
#include "sessions/session.h"

#include "core/must.h"
#include "sessions/handler.h"
#include "sessions/session_tls.h"
#include "sessions/session_websocket.h"
#include "sessions/shard.h"

#include <stdio.h>

/* What bytes of output may hold, in copied pieces: two that follow one another are together more
 * than the chunk that the second did not fit in. A shared piece of 129 bytes, and 4 bytes behind
 * it, hold six times as much. */
enum { SESSION_HELD_PER_BYTE = 2, SESSION_HELD_PER_SHARED_BYTE = 7 };

/* Members of one cache line. */
#define SESSION_LINE(member) (offsetof(struct session, member) / SESSION_LINE_BYTES)
_Static_assert(SESSION_LINE(bytes_sent) == 0, "every completion");
_Static_assert(SESSION_LINE(reassembly) == SESSION_LINE(messages_received), "of a receive");
_Static_assert(SESSION_LINE(active_ns) == SESSION_LINE(marks[0].count), "every completion");

static void session__count(struct session *session, enum total_kind kind, uint64_t amount)
{
    session->shard->recorder->counters.totals[kind] += amount;
}

void session_open(struct session *session, struct shard *shard, const struct net_address *local,
                  const struct net_address *remote, int64_t now_ns)
{
    session->shard = shard;
    session->opened_ns = now_ns;
    session->active_ns = now_ns;
    session->local = local != NULL ? *local : shard->rules->listening;
    session->remote = *remote;
    session->reason = ERROR_KIND_NONE;
    reassembly_open(&session->reassembly, &shard->rules->framing, REASSEMBLY_ALL_BYTES);
    bool made = (shard->rules->tls == NULL || session_tls_open(session)) &&
                (shard->rules->framing.websocket == NULL || session_websocket_open(session));
    bool joined = shard_join(shard, session);
    session__count(session, TOTAL_CONNECTS_OK, 1);
    if (!made || !joined) {
        session_fail(session, ERROR_KIND_LOCAL_LIMIT);
    }
    if (made) {
        session_greet(session);
    }
    shard_touch(shard, session);
}

void session_greet(struct session *session)
{
    const struct handler *handler = session->shard->rules->handler;
    if (handler->opened != NULL && !session_is_opening(session)) {
        handler->opened(session);
    }
}

/* The most that one message adds to its sender's output: one reply, or one broadcast, which may
 * have been gathered; or what its handler needs. */
static uint64_t session__cost_max(const struct handler *handler, uint32_t frame_bytes)
{
    uint64_t reply_cost = send_queue_cost_max(frame_bytes);
    uint64_t broadcast_cost =
        shared_buffer_cost_of(frame_bytes > SHARD_STAGE_BYTES ? frame_bytes : SHARD_STAGE_BYTES);
    uint32_t held_per_byte =
        handler->connects_sessions ? SESSION_HELD_PER_SHARED_BYTE : SESSION_HELD_PER_BYTE;
    return (reply_cost > broadcast_cost ? reply_cost : broadcast_cost) +
           (uint64_t)handler->output_bytes_max * held_per_byte;
}

uint32_t session_run_bytes_max(bool secured)
{
    return secured ? SESSION_TLS_TEXT_BYTES_MAX : SESSION_RECEIVE_BYTES_MAX;
}

uint32_t session_websocket_bytes_max(uint32_t frame_bytes)
{
    uint32_t bytes = frame_bytes + WEBSOCKET_HEAD_BYTES_MAX;
    return bytes > SESSION_OWN_BYTES_MAX ? bytes : SESSION_OWN_BYTES_MAX;
}

uint64_t session_queue_bytes_min(const struct handler *handler, uint32_t frame_bytes)
{
    uint64_t others_bytes =
        shared_buffer_cost_of(SHARD_STAGE_BYTES) + send_queue_cost_max(frame_bytes);
    uint64_t own_bytes = session__cost_max(handler, frame_bytes);
    return own_bytes > others_bytes ? own_bytes : others_bytes;
}

/* How full the output may be when another request is handled: half, and not more than leaves room
 * for what is said to it, or for a broadcast of the others. An empty one always has room: so what
 * is kept is handled at the latest when all output is sent. */
static uint64_t session__handle_below_bytes(const struct session_rules *rules)
{
    uint32_t frame_bytes = rules->framing.type == FRAMING_RAW
                               ? session_run_bytes_max(rules->tls != NULL)
                               : rules->framing.frame_bytes_max;
    frame_bytes =
        rules->framing.websocket == NULL ? frame_bytes : session_websocket_bytes_max(frame_bytes);
    uint64_t asked_bytes = session__cost_max(rules->handler, frame_bytes);
    uint64_t half_bytes = rules->send_queue_bytes_max / 2;
    if (rules->send_queue_bytes_max < asked_bytes) {
        return 0;
    }
    uint64_t left_bytes = rules->send_queue_bytes_max - asked_bytes;
    return left_bytes < half_bytes ? left_bytes : half_bytes;
}

static bool session__has_room(const struct session *session)
{
    uint64_t held_bytes = session->output.held_bytes;
    if (session->staged_count > 0) {
        held_bytes += shard_stage_cost(session->shard, session); /* its own, on their way to it */
    }
    return held_bytes == 0 || held_bytes <= session__handle_below_bytes(session->shard->rules);
}

/* Before a message is handled. A session that waits has output, whose sending brings it back. */
static bool session__may_handle(struct session *session)
{
    if (session->deaf || session__has_room(session)) {
        return true;
    }
    if (session->staged_count == 0) {
        return false;
    }
    shard_deliver_stage(session->shard);
    return !session->abort && session__has_room(session);
}

/* Hands out the whole frames of what was fed, as many as the output has room for. */
static void session__handle_frames(struct session *session)
{
    const struct handler *handler = session->shard->rules->handler;
    struct frame frame;
    enum frame_status status = FRAME_PARTIAL;
    uint64_t messages = 0;
    void *state = session->carried ? session->websocket->state : NULL;
    /* When the session is over, the rest of the run is not looked at. */
    while (!session->abort &&
           (!reassembly_has_run(&session->reassembly) || session__may_handle(session)) &&
           (status = reassembly_next(&session->reassembly, state, &frame)) == FRAME_COMPLETE) {
        if (frame.is_own) {
            session_websocket_heed(session, &frame);
            continue;
        }
        messages++;
        if (!session->deaf) {
            handler->message(session, &frame);
        }
    }
    session->messages_received += messages;
    session__count(session, TOTAL_MESSAGES_RECEIVED, messages);
    bool refused = status == FRAME_BAD_SIZE || status == FRAME_TOO_LARGE || status == FRAME_INVALID;
    if (refused && session->carried) {
        session_websocket_refuse(session, status);
    } else if (refused) {
        session_close(session, ERROR_KIND_FRAME_ERROR);
    } else if (status == FRAME_NO_MEMORY || !reassembly_keep(&session->reassembly)) {
        session_close(session, ERROR_KIND_LOCAL_LIMIT);
    }
    if (!reassembly_has_run(&session->reassembly)) {
        session->received_ns = 0;
    }
}

/* What TLS has said besides the bytes: that no more will come, or why none can. */
static void session__heed_tls(struct session *session, int64_t now_ns);

void session_receive(struct session *session, const uint8_t *data, size_t bytes,
                     int64_t received_ns, int64_t turn_ns)
{
    if (session->secured) {
        struct span text = session_tls_receive(session, data, bytes);
        data = text.data;
        bytes = text.bytes;
    }
    session->bytes_received += bytes;
    session__count(session, TOTAL_BYTES_RECEIVED, bytes);
    if (session->abort) {
        return; /* counted, because the system received them, but not read */
    }
    session->active_ns = received_ns;
    if (bytes > 0) {
        histogram_record(&session->shard->recorder->queue_wait, turn_ns - received_ns);
        session->received_ns = received_ns;
        reassembly_feed(&session->reassembly, data, bytes);
        session__handle_frames(session);
    }
    if (session->secured) {
        session__heed_tls(session, received_ns);
    }
    shard_touch(session->shard, session);
}

static void session__end_reading(struct session *session, int64_t now_ns)
{
    session->read_ended = true;
    session->active_ns = now_ns;
    if (session->carried) {
        session_websocket_receive_end(session);
    }
    if (reassembly_waiting_bytes(&session->reassembly) > 0) {
        /* What was asked before the broken frame is still answered: no abort. */
        session_blame(session, ERROR_KIND_UNEXPECTED_CLOSE);
    }
    session_linger(session, now_ns);
    shard_touch(session->shard, session);
}

void session_receive_end(struct session *session, int64_t now_ns)
{
    if (session->read_ended || session->abort) {
        return;
    }
    must(!reassembly_has_run(&session->reassembly)); /* else nothing is received */
    if (session->secured) {
        session_tls_receive_end(session);
    }
    session__end_reading(session, now_ns);
}

static void session__heed_tls(struct session *session, int64_t now_ns)
{
    if (session->abort || session->read_ended) {
        return;
    }
    if (session_tls_has_failed(session)) {
        session_blame(session, session_tls_error(session));
        session_finish(session); /* no reset: the peer is to get the alert, which says why */
        session__handle_frames(session); /* what is kept is counted, and not answered */
    } else if (session->tls->peer_ended && !reassembly_has_run(&session->reassembly)) {
        session__end_reading(session, now_ns);
    }
}

void session_linger(struct session *session, int64_t now_ns)
{
    session->linger_ns = now_ns;
    session->linger_bytes = session_moved_bytes(session);
    session->lingering = true;
    shard_watch(session->shard, session);
}

uint64_t session_moved_bytes(const struct session *session)
{
    return session->secured ? session->tls->wire_bytes_sent : session->bytes_sent;
}

bool session_is_opening(const struct session *session)
{
    return (session->secured && !session->tls->opened) ||
           (session->carried && !session->websocket->opened);
}

void session_overdue(struct session *session)
{
    if (session->secured && !session->tls->opened) {
        session_tls_overdue(session);
        session_close(session, ERROR_KIND_TLS_HANDSHAKE);
    } else {
        session_websocket_overdue(session);
    }
}

void session_blame(struct session *session, enum error_kind reason)
{
    if (session->reason == ERROR_KIND_NONE) {
        session->reason = (uint8_t)reason;
        session_count_error(session, reason);
    }
}

void session_fail(struct session *session, enum error_kind reason)
{
    if (session->close_started) {
        return;
    }
    session_blame(session, reason);
    session->abort = true;
    shard_touch(session->shard, session);
}

bool session_can_receive(const struct session *session)
{
    /* A peer that leaves its replies unread is not asked for more: its own window then stops it. */
    return !session->read_ended && !session->abort && !session->close_started &&
           !reassembly_has_run(&session->reassembly) &&
           (session__has_room(session) || (session->secured && session_tls_has_failed(session)));
}

/* Of a session that sends, that ends, or whose output others make. */
static enum session_want session__next_of_other(struct session *session)
{
    if (session->close_started) {
        return SESSION_NOTHING;
    }
    if (session->abort) {
        session->close_started = true;
        return SESSION_CLOSE_RST;
    }
    if (session->send_in_flight) {
        return SESSION_NOTHING;
    }
    bool shuts_down = session->finishing && !session->shut_down;
    if (session->carried && shuts_down && session->output.queued_bytes == 0) {
        session_websocket_end(session);
    }
    if (session->secured ? session_tls_seal(session) : session->output.queued_bytes > 0) {
        return SESSION_SEND;
    }
    if (session->abort) {
        session->close_started = true;
        return SESSION_CLOSE_RST;
    }
    if (session->secured && (session->read_ended || shuts_down) && session_tls_end(session)) {
        return SESSION_SEND;
    }
    if (session->read_ended) {
        session->close_started = true;
        return SESSION_CLOSE_FIN; /* carries our own end of stream: no shutdown needed */
    }
    if (shuts_down) {
        session->shut_down = true;
        session->deaf = true;
        shard_look(session->shard, session); /* from now on the peer has its time */
        return SESSION_SHUTDOWN;
    }
    return SESSION_NOTHING;
}

enum session_want session_next(struct session *session)
{
    if (session->close_started || session->abort || session->send_in_flight || session->secured ||
        session->read_ended || session->finishing) {
        return session__next_of_other(session);
    }
    return session->output.queued_bytes > 0 ? SESSION_SEND : SESSION_NOTHING;
}

/* Records receive_to_reply of the replies that the send about to start carries to their end. */
static void session__record_replies(struct session *session, uint64_t sent_bytes, int64_t now_ns)
{
    struct recorder *recorder = session->shard->recorder;
    uint8_t done = 0;
    while (done < session->marks_count && session->marks[done].end_bytes <= sent_bytes) {
        const struct session_mark *mark = &session->marks[done];
        for (uint32_t i = 0; i < mark->count; i++) {
            histogram_record(&recorder->receive_to_reply, now_ns - mark->received_ns);
            series_record(recorder->series, now_ns, now_ns - mark->received_ns);
        }
        done++;
    }
    session->marks_count -= done;
    for (uint8_t i = 0; done > 0 && i < session->marks_count; i++) {
        session->marks[i] = session->marks[i + done];
    }
}

/* A gathered send of plain text. */
static int session__peek(const struct session *session, struct span *spans, int spans_max,
                         uint64_t *carried_bytes)
{
    int count = send_queue_peek(&session->output, spans, spans_max);
    for (int i = 0; i < count; i++) {
        *carried_bytes += spans[i].bytes;
    }
    return count;
}

int session_take_output(struct session *session, struct span *spans, int spans_max, int64_t now_ns)
{
    must(!session->send_in_flight);
    uint64_t carried_bytes = 0;
    int count = session->secured ? session_tls_take_output(session, spans, &carried_bytes)
                                 : session__peek(session, spans, spans_max, &carried_bytes);
    must(count > 0);
    session->send_in_flight = true;
    if (session->lingering) {
        session->linger_ns = now_ns; /* the last send has moved on */
        session->linger_bytes = session_moved_bytes(session);
    }
    if (session->marks_count > 0) {
        session__record_replies(session, session->bytes_sent + carried_bytes, now_ns);
    }
    return count;
}

static void session__count_messages_sent(struct session *session, uint64_t messages_sent)
{
    session__count(session, TOTAL_MESSAGES_SENT, messages_sent - session->messages_sent);
    session->messages_sent = messages_sent;
}

void session_sent(struct session *session, uint32_t bytes)
{
    session->send_in_flight = false;
    if (session->secured) {
        bytes = session_tls_sent(session, bytes);
    }
    send_queue_consume(&session->output, &session->shard->pool, bytes);
    session->bytes_sent += bytes;
    session__count(session, TOTAL_BYTES_SENT, bytes);
    if (session->output.queued_bytes == 0) {
        session__count_messages_sent(session, session->messages_queued);
    }
    if (bytes > 0 && reassembly_has_run(&session->reassembly) && !session->abort) {
        session__handle_frames(session);
        shard_deliver_stage(session->shard); /* the batch's flush may be over already */
        if (session->secured) {
            session__heed_tls(session, session->active_ns);
        }
    }
    shard_touch(session->shard, session);
}

/* What begins here in the output: its bytes, and whether it is a message. 0: it is not whole. */
static uint64_t session__stretch(const struct session *session, const uint8_t *data, size_t bytes,
                                 bool *is_message)
{
    struct frame frame;
    size_t needed_bytes;
    if (session->carried) {
        return websocket_sent_bytes(data, bytes, is_message);
    }
    *is_message = true;
    bool whole = frame_decode(&session->shard->rules->framing, data, bytes, &frame,
                              &needed_bytes) == FRAME_COMPLETE;
    return whole ? frame.bytes_count : 0;
}

/* How many of the queued messages did not go out whole: those that end in bytes still queued.
 * Every piece begins at a message's beginning. */
static uint64_t session__unsent_messages(const struct session *session)
{
    const struct send_chunk *cursor = NULL;
    struct span whole;
    uint32_t taken_bytes;
    uint64_t unsent = 0;
    while (send_queue_next_piece(&session->output, &cursor, &whole, &taken_bytes)) {
        size_t at = 0;
        uint64_t bytes;
        bool is_message;
        while (at < whole.bytes && (bytes = session__stretch(session, whole.data + at,
                                                             whole.bytes - at, &is_message)) > 0) {
            at += (size_t)bytes;
            unsent += at > taken_bytes && is_message ? 1 : 0;
        }
    }
    return unsent;
}

static void session__add_abnormal(struct session *session)
{
    struct result_abnormal entry = {
        .local = session->local,
        .remote = session->remote,
        .opened_ns = session->opened_ns,
        .bytes_sent = session->bytes_sent,
        .bytes_received = session->bytes_received,
        .messages_sent = session->messages_sent,
        .messages_received = session->messages_received,
        .reason = (enum error_kind)session->reason,
    };
    if (session->secured) {
        struct error error;
        session_tls_explain(session, &error);
        snprintf(entry.explanation, sizeof entry.explanation, "%.*s",
                 RESULT_EXPLANATION_BYTES_MAX - 1, error.text);
    }
    if (session->carried && entry.explanation[0] == '\0') {
        snprintf(entry.explanation, sizeof entry.explanation, "%s",
                 session->websocket->explanation);
    }
    recorder_add_abnormal(session->shard->recorder, &entry);
}

static void session__count_clean(const struct session *session)
{
    const struct clean_group carried = {1, session->bytes_sent, session->bytes_received,
                                        session->messages_sent, session->messages_received};
    clean_count(session->shard->recorder->clean, net_address_port(&session->remote), &carried);
}

static bool session__was_greeted(const struct session *session)
{
    const struct session_rules *rules = session->shard->rules;
    return !session_is_opening(session) && (rules->tls == NULL || session->secured) &&
           (rules->framing.websocket == NULL || session->carried);
}

void session_end(struct session *session)
{
    struct shard *shard = session->shard;
    must(!session->dirty);
    session->close_started = true;
    session->abort = true; /* effects of closed() on itself have none */
    if (!session->read_ended || session->output.queued_bytes > 0) {
        session_blame(session, ERROR_KIND_OTHER);
    }
    if (session->output.queued_bytes > 0 && shard->rules->framing.type != FRAMING_RAW) {
        session__count_messages_sent(session,
                                     session->messages_queued - session__unsent_messages(session));
    }
    if (shard->rules->handler->closed != NULL && session__was_greeted(session)) {
        shard->rules->handler->closed(session);
    }
    if (session->reason != ERROR_KIND_NONE) {
        session__count(session, TOTAL_CONNECTIONS_ABNORMAL, 1);
        session__add_abnormal(session);
    } else {
        session__count(session, TOTAL_CONNECTIONS_CLEAN, 1);
        session__count_clean(session);
    }
    if (session->secured) {
        session_tls_close(session);
    }
    if (session->carried) {
        session_websocket_close(session);
    }
    send_queue_clear(&session->output, &shard->pool);
    reassembly_close(&session->reassembly);
    shard_part(shard, session);
    atomic_fetch_sub_explicit(shard->rules->connections, 1, memory_order_relaxed);
}
