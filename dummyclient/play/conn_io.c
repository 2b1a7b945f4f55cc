/* A connection's bytes: the queue out and the frames in. */
#include "core/must.h"
#include "core/prefetch.h"
#include "play/conn_codec.h"
#include "play/conn_evidence.h"
#include "play/conn_tls.h"
#include "play/conn_trace.h"

void conn_mark_dirty(struct conn *conn)
{
    struct conn_group *group = conn->group;
    if (conn->dirty) {
        return;
    }
    conn->dirty = true;
    conn->dirty_next = NULL;
    if (group->dirty_last == NULL) {
        group->dirty_first = conn;
    } else {
        group->dirty_last->dirty_next = conn;
    }
    group->dirty_last = conn;
}

/* The size of a message in the ring; 0: the one behind the oldest. */
static uint32_t *conn__behind_oldest(const struct conn *conn, uint32_t index)
{
    return &conn_message_bytes(conn)[(conn->ring_first + index) & (conn->group->messages_max - 1)];
}

bool conn_has_room(const struct conn *conn)
{
    return conn->messages_count < conn->group->messages_max && !conn->peer_closes &&
           (conn->queue.held_bytes < CONN_QUEUE_BYTES_MAX || conn->messages_count == 0);
}

void conn_queue_message(struct conn *conn, const struct vm_action *action)
{
    struct conn_group *group = conn->group;
    uint8_t *room = send_queue_reserve(&conn->queue, &group->pool, action->message_bytes);
    if (room == NULL) {
        conn_break(conn, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    uint32_t bytes = vm_write_message(conn->vm, action, conn_codec_state(conn), room);
    if (bytes == 0) {
        conn_explain_unsent(conn, action);
        conn_break(conn, ERROR_KIND_CODEC_ERROR);
        return;
    }
    if (bytes < action->message_bytes) {
        send_queue_shorten(&conn->queue, action->message_bytes - bytes);
    }
    bytes += conn->own_bytes; /* which are in front of it */
    conn->own_bytes = 0;
    if (conn->messages_count == 0) {
        conn->oldest_bytes = bytes;
    } else {
        *conn__behind_oldest(conn, conn->messages_count - 1U) = bytes;
    }
    conn->messages_count++;
    conn_mark_dirty(conn);
}

/* Messages that wait are no reason against it: there is room for it behind the largest, too. */
bool conn_queue_own(struct conn *conn, struct span own)
{
    uint32_t bytes = (uint32_t)own.bytes;
    if (conn->own_bytes + bytes > UINT16_MAX ||
        !send_queue_append(&conn->queue, &conn->group->pool, own.data, bytes)) {
        return false;
    }
    conn->own_bytes = (uint16_t)(conn->own_bytes + bytes);
    conn_mark_dirty(conn);
    return true;
}

/* How many of the messages not yet stamped begin within the first `bytes` of the queue. */
static uint32_t conn__messages_begun(const struct conn *conn, uint64_t bytes)
{
    if (bytes == conn->queue.queued_bytes) {
        return (uint32_t)(conn->messages_count - conn->messages_stamped);
    }
    uint64_t offset = conn->oldest_bytes;
    uint32_t begun = bytes > 0 && conn->messages_count > 0;
    for (; begun < conn->messages_count && offset < bytes; begun++) {
        offset += *conn__behind_oldest(conn, begun - 1);
    }
    return begun > conn->messages_stamped ? begun - conn->messages_stamped : 0;
}

/* Notifies the vm that the messages that begin within the first `bytes` of the queue were sent.
 * True: the vm has more to do because of it. */
static bool conn__stamp(struct conn *conn, uint64_t bytes, int64_t sent_ns)
{
    uint32_t begun = conn__messages_begun(conn, bytes);
    if (begun == 0) {
        return false;
    }
    conn->messages_stamped = (uint16_t)(conn->messages_stamped + begun);
    conn_observe(conn);
    return vm_on_sent(conn->vm, begun, sent_ns);
}

/* What is to be sent now; returns how many spans. *bytes: of the queue, from its front. */
static int conn__gather(struct conn *conn, uint64_t *bytes)
{
    if (conn->secured) {
        conn->spans[0] = conn_tls_seal(conn, bytes);
        return conn->spans[0].bytes > 0;
    }
    int count = send_queue_peek(&conn->queue, conn->spans, CONN_SPANS_MAX);
    *bytes = 0;
    for (int i = 0; i < count; i++) {
        *bytes += conn->spans[i].bytes;
    }
    return count;
}

static void conn__flush(struct conn *conn, int64_t sent_ns)
{
    struct conn_group *group = conn->group;
    if (!conn_is_alive(conn) || conn->sending == CONN_SEND_BUSY || conn->sending == CONN_SEND_FIN) {
        return; /* closing, or conn_on_sent() marks it again */
    }
    uint64_t bytes;
    int count = conn__gather(conn, &bytes);
    if (count > 0 && conn->secured) {
        sent_ns = cport_now_ns(group->port); /* it has taken its time to make */
        group->recorder->figures.clock_reads++;
    }
    if (count > 0) {
        bool moved = conn__stamp(conn, bytes, sent_ns);
        conn->sending = CONN_SEND_BUSY;
        cport_send(group->port, &conn->socket, &conn->io_op, conn->spans, count);
        if (moved && conn_plays(conn)) {
            conn_pump(conn); /* a `send` step is done */
        }
    } else if ((conn->link == CONN_HALF || conn->link == CONN_ENDING) &&
               conn->sending == CONN_SEND_IDLE) {
        conn->sending = CONN_SEND_FIN;
        cport_shutdown(group->port, &conn->socket, &conn->io_op);
    } else if (conn_tls_is_asked(conn)) {
        conn_tls_begin(conn);
    }
}

bool conn_flush_some(struct conn_group *group, uint32_t connections_max, int64_t sent_ns)
{
    for (; connections_max > 0 && group->dirty_first != NULL; connections_max--) {
        struct conn *conn = group->dirty_first;
        group->dirty_first = conn->dirty_next;
        if (group->dirty_first == NULL) {
            group->dirty_last = NULL;
        }
        conn->dirty = false;
        conn__flush(conn, sent_ns);
    }
    return group->dirty_first != NULL;
}

/* The system has taken bytes of the queue: which messages are whole now? */
static void conn__take(struct conn *conn, uint32_t bytes)
{
    struct conn_group *group = conn->group;
    uint32_t left = bytes;
    conn->bytes_sent += bytes;
    recorder_count(group->recorder, TOTAL_BYTES_SENT, bytes);
    send_queue_consume(&conn->queue, &group->pool, bytes);
    while (left > 0 && conn->messages_count > 0) {
        if (conn->oldest_bytes > left) {
            conn->oldest_bytes -= left;
            return;
        }
        left -= conn->oldest_bytes;
        if (--conn->messages_count > 0) {
            conn->oldest_bytes = *conn__behind_oldest(conn, 0);
            conn->ring_first = (uint16_t)((conn->ring_first + 1) & (group->messages_max - 1));
        } else {
            conn->ring_first = 0; /* so that most connections touch its beginning only */
        }
        conn->messages_stamped--;
        conn->messages_sent++;
        recorder_count(group->recorder, TOTAL_MESSAGES_SENT, 1);
    }
    must(left <= conn->own_bytes);
    conn->own_bytes = (uint16_t)(conn->own_bytes - left);
}

/* A server that leaves at the last message does not read the close_notify behind it, and its system
 * answers that with a reset. All that was asked has been answered then: conn_complete() judges. */
static bool conn__is_left(const struct conn *conn, enum cport_result result)
{
    return conn->secured && conn->link == CONN_ENDING && conn->queue.queued_bytes == 0 &&
           conn_error_of_transfer(result) == ERROR_KIND_RESET && !conn_tls(conn)->failed;
}

void conn_on_sent(struct conn *conn)
{
    conn->sending = CONN_SEND_IDLE;
    uint32_t bytes = conn->io_op.bytes; /* also what left before it was cancelled */
    conn__take(conn, conn->secured ? conn_tls_take(conn, bytes) : bytes);
    if (!conn_is_alive(conn)) {
        return;
    }
    if (conn->io_op.result != CPORT_OK &&
        ((conn->secured && conn->receiving == CONN_RECV_ENDED) ||
         conn__is_left(conn, (enum cport_result)conn->io_op.result))) {
        conn_complete(conn); /* who has said close_notify may be gone before ours */
        return;
    }
    if (conn->io_op.result != CPORT_OK) {
        if (!conn_tls_gives_up(conn)) {
            conn_break(conn, conn_error_of_transfer((enum cport_result)conn->io_op.result));
        }
        return;
    }
    if (conn->messages_count > 0 || conn->send_blocked) {
        /* Messages have waited for this send. */
        conn->blocked_until_ns = conn->group->now_ns;
    }
    if (conn->queue.queued_bytes > 0 || conn->link != CONN_OPEN ||
        (conn->secured && conn_tls_waits(conn))) {
        conn_mark_dirty(conn); /* for them, or for the FIN */
    }
    if (conn->send_blocked && conn_plays(conn)) {
        conn_pump(conn);
    }
}

static bool conn__deliver(struct conn *conn, const struct frame *frame, int64_t first_ns)
{
    conn_observe(conn);
    vm_on_message(conn->vm, frame, first_ns, conn->group->now_ns);
    conn->peer_closes = conn->peer_closes || frame->closes;
    if (conn_plays(conn)) {
        conn_pump(conn);
    }
    if (conn->peer_closes && conn->link == CONN_OPEN) {
        conn_end(conn); /* nobody would answer what is sent from now on */
        conn_pump(conn);
    }
    return conn_is_alive(conn);
}

static void conn__count_message(struct conn *conn)
{
    conn->messages_received++;
    recorder_count(conn->group->recorder, TOTAL_MESSAGES_RECEIVED, 1);
}

/* The peer's bytes are no message, or there is no memory for one, or the codec is mistaken. */
static void conn__refuse(struct conn *conn, enum frame_status status)
{
    void *state = conn_codec_state(conn);
    bool mistaken = frame_is_mistaken(conn->reassembly.framing, state);
    enum error_kind error = status == FRAME_NO_MEMORY     ? ERROR_KIND_LOCAL_LIMIT
                            : mistaken                    ? ERROR_KIND_CODEC_ERROR
                            : conn->link == CONN_GREETING ? ERROR_KIND_CODEC_HANDSHAKE
                                                          : ERROR_KIND_FRAME_ERROR;
    if (mistaken) {
        conn_explain_codec(conn, "an answer of the codec that makes sense");
    } else if (status != FRAME_NO_MEMORY) {
        struct error expected;
        reassembly_explain(&conn->reassembly, state, status, &expected);
        struct span refused = reassembly_refused(&conn->reassembly);
        result_last_set(&conn->seldom->received, refused.data, refused.bytes);
        if (conn->traced) {
            conn_trace_refused(conn, &expected);
        }
        conn_explain_refused(conn, error, &expected);
        if (error == ERROR_KIND_CODEC_HANDSHAKE) {
            conn_note_hopeless(conn);
        }
    }
    if (status == FRAME_NO_MEMORY || !conn_tell_refused(conn, error)) {
        conn_break(conn, error);
    }
}

void conn_take_bytes(struct conn *conn, struct span bytes)
{
    struct conn_group *group = conn->group;
    struct frame frame;
    enum frame_status status = FRAME_PARTIAL;
    void *state = conn_codec_state(conn);
    bool alive = true;
    bool continued = reassembly_waiting_bytes(&conn->reassembly) > 0;
    reassembly_feed(&conn->reassembly, bytes.data, bytes.bytes);
    /* What comes behind a close is no more than bytes, as if it had come a moment later. */
    while (alive &&
           (status = reassembly_next(&conn->reassembly, state, &frame)) == FRAME_COMPLETE) {
        int64_t first_ns = continued ? conn->first_ns : group->now_ns;
        /* The codec's own may come in the middle of a message. */
        continued = continued && frame.is_own && reassembly_waiting_bytes(&conn->reassembly) > 0;
        if (frame.is_own) {
            if (conn->traced) {
                conn_trace_own_received(conn, &frame);
            }
            alive = conn_talk(conn) && (!frame.closes || conn_on_peer_finish(conn));
            continue;
        }
        conn__count_message(conn);
        alive = conn__deliver(conn, &frame, first_ns);
    }
    if (!alive) {
        return;
    }
    if (!continued && reassembly_waiting_bytes(&conn->reassembly) > 0) {
        conn->first_ns = group->now_ns;
    }
    if (conn->traced && status == FRAME_PARTIAL) {
        conn_trace_begun(conn, bytes);
    }
    if (status == FRAME_PARTIAL && conn->link == CONN_GREETING) {
        conn_talk(conn);
    } else if (status != FRAME_PARTIAL) {
        conn__refuse(conn, status);
    }
}

/* And perhaps with it a message that says no other end; not where somebody may have cut it. */
void conn_end_stream(struct conn *conn)
{
    struct frame frame;
    conn->receiving = CONN_RECV_ENDED;
    if (!conn_tls_is_truncated(conn) && reassembly_end(&conn->reassembly, &frame)) {
        conn__count_message(conn);
        if (!conn__deliver(conn, &frame, conn->first_ns)) {
            return;
        }
    }
    conn_on_peer_end(conn);
}

void conn_receive(struct conn *conn)
{
    switch ((enum conn_receiving)conn->receiving) {
    case CONN_RECV_PAUSED:
        if (conn->link != CONN_ENDING && conn->link != CONN_SECURING) {
            return; /* the scenario leaves it there, but not what TLS or the end needs */
        }
        break;
    case CONN_RECV_IDLE:
        break;
    case CONN_RECV_POSTED:
    case CONN_RECV_LAST:
    case CONN_RECV_ENDED:
        return;
    }
    conn->receiving = conn->receiving == CONN_RECV_PAUSED ? CONN_RECV_LAST : CONN_RECV_POSTED;
    conn->recv_posted_ns = conn->group->now_ns;
    conn->recv_seen_ns = conn->group->seen_ns;
    cport_recv(conn->group->port, &conn->socket, &conn->recv_op);
}

void conn_set_receives(struct conn *conn, bool receives)
{
    bool posted = conn->receiving == CONN_RECV_POSTED || conn->receiving == CONN_RECV_LAST;
    if (!conn_is_alive(conn) || conn->receiving == CONN_RECV_ENDED) {
        return;
    }
    if (receives) {
        conn->receiving = posted ? CONN_RECV_POSTED : CONN_RECV_IDLE;
        conn_receive(conn);
    } else {
        conn->receiving = posted ? CONN_RECV_LAST : CONN_RECV_PAUSED;
    }
}

void conn_on_received(struct conn *conn)
{
    struct conn_group *group = conn->group;
    bool alive = conn_is_alive(conn);
    conn->receiving = conn->receiving == CONN_RECV_LAST ? CONN_RECV_PAUSED : CONN_RECV_IDLE;
    if (conn->secured && conn->recv_op.result == CPORT_OK && conn->recv_op.bytes > 0) {
        conn_tls_open(conn);
        if (conn_is_alive(conn)) {
            conn_receive(conn);
        }
        return;
    }
    if (conn->recv_op.result == CPORT_OK && conn->recv_op.bytes > 0) {
        conn->bytes_received += conn->recv_op.bytes;
        recorder_count(group->recorder, TOTAL_BYTES_RECEIVED, conn->recv_op.bytes);
        if (!alive) {
            return; /* received before the close took effect */
        }
        conn_take_bytes(conn,
                        (struct span){.data = conn->recv_op.data, .bytes = conn->recv_op.bytes});
        if (conn_is_alive(conn)) {
            conn_receive(conn);
        }
        return;
    }
    if (!alive) {
        return;
    }
    if (conn->recv_op.result == CPORT_OK) {
        if (!conn->secured || conn_tls_end(conn)) {
            conn_end_stream(conn);
        }
    } else if (conn__is_left(conn, (enum cport_result)conn->recv_op.result)) {
        conn_complete(conn);
    } else if (!conn_tls_gives_up(conn)) {
        conn_break(conn, conn_error_of_transfer((enum cport_result)conn->recv_op.result));
    }
}

void conn_drop_buffers(struct conn *conn)
{
    if (conn->secured) {
        conn_tls_close(conn);
    }
    send_queue_clear(&conn->queue, &conn->group->pool);
    reassembly_close(&conn->reassembly);
    conn->ring_first = 0;
    conn->messages_count = 0;
    conn->messages_stamped = 0;
    conn->own_bytes = 0;
    conn->send_blocked = false;
}

void conn_fetch(const struct cport_op *op)
{
    const struct conn *conn = op->owner;
    const void *end =
        op->type == CPORT_OP_SEND ? (const void *)&conn->reassembly : (const void *)&conn->spans[1];
    prefetch(&conn->group, (size_t)((const uint8_t *)end - (const uint8_t *)&conn->group));
}

void conn_fetch_vm(const struct cport_op *op)
{
    if (op->type != CPORT_OP_SEND) {
        const struct conn *conn = op->owner;
        vm_fetch(conn->vm);
    }
}
