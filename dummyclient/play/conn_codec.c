/* The codec of a connection: its state, its handshake, and what it sends by itself. */
#include "play/conn_codec.h"

#include "play/conn_evidence.h"
#include "play/conn_trace.h"
#include "proto/websocket.h"

/* Queues what the codec says by itself. False: nothing has changed. */
static bool conn__queue(struct conn *conn, struct span own)
{
    bool queued = conn_queue_own(conn, own);
    if (queued && conn->traced) {
        conn_trace_own_sent(conn, own);
    }
    return queued;
}

/* The same; false: the connection is being closed. A pong that a server does not read is left out:
 * it wants to know whether we are there, and may have that from the next one (RFC 6455, 5.5.3). */
static bool conn__say(struct conn *conn, struct span own)
{
    if (conn__queue(conn, own)) {
        return true;
    }
    if (frame_may_leave_out(conn->reassembly.framing, own)) {
        recorder_count_subject(conn->group->recorder, TOTAL_ANSWERS_UNSENT, 1);
        return true;
    }
    conn_break(conn, ERROR_KIND_LOCAL_LIMIT);
    return false;
}

int64_t conn_greeting_ns(const struct conn *conn)
{
    const struct conn_group *group = conn->group;
    return group->now_ns - (conn->deadline_ns - group->plan->scenario->load.connect_timeout_ns);
}

bool conn_talk(struct conn *conn)
{
    struct conn_group *group = conn->group;
    void *state = conn_codec_state(conn);
    struct span own = frame_reply(conn->reassembly.framing, state);
    bool sends =
        conn->link == CONN_GREETING || conn->link == CONN_OPEN || conn->link == CONN_STAYING;
    if (own.bytes > 0 && sends && !conn__say(conn, own)) {
        return false;
    }
    if (conn->link == CONN_GREETING && !frame_greets(conn->reassembly.framing, state)) {
        recorder_greeted(group->recorder, conn_greeting_ns(conn));
        conn_hand_over(conn);
    }
    return conn_is_alive(conn);
}

/* The codec speaks first: it may have nothing to say yet. */
static void conn__greet(struct conn *conn)
{
    struct conn_group *group = conn->group;
    conn_set_link(conn, CONN_GREETING,
                  group->now_ns + group->plan->scenario->load.connect_timeout_ns);
    conn_receive(conn);
    uint8_t text[WEBSOCKET_REQUEST_BYTES_MAX];
    struct span wrong;
    struct span request = {text, vm_write_request(conn->vm, group->now_ns, text, &wrong)};
    if (wrong.bytes > 0) {
        conn_explain_request(conn, wrong);
        conn_break(conn, ERROR_KIND_CODEC_HANDSHAKE);
        return;
    }
    enum frame_status status =
        frame_greet(conn->reassembly.framing, conn_codec_state(conn), request);
    if (status != FRAME_COMPLETE && status != FRAME_PARTIAL) {
        conn_explain_codec(conn, "the beginning of the codec's handshake");
        conn_break(conn, ERROR_KIND_CODEC_ERROR);
    } else if (conn_talk(conn) && conn->link == CONN_GREETING) {
        conn_pump(conn); /* sets the timer */
    }
}

bool conn_open_codec(struct conn *conn)
{
    struct conn_group *group = conn->group;
    const struct framing *framing = conn->reassembly.framing;
    const struct frame_stream stream = {
        .worker = &group->codec_worker,
        .number = conn->number,
        .seed = group->plan->scenario->load.seed,
        .target = plan_target_name(group->plan, conn->number, conn_destination(conn))};
    frame_open_state(framing, conn_codec_state(conn), &stream);
    if (frame_greets(framing, conn_codec_state(conn))) {
        conn__greet(conn);
        return false;
    }
    return true;
}

bool conn_finish_codec(struct conn *conn)
{
    struct span finish = frame_finish(conn->reassembly.framing, conn_codec_state(conn));
    return finish.bytes == 0 || conn__say(conn, finish);
}

/* This side closes because of what the server has said. */
static void conn__end_wrong(struct conn *conn, enum error_kind error)
{
    conn_observe(conn);
    recorder_error(conn->group->recorder, error);
    conn->end_reason = (uint8_t)error;
    conn_end(conn);
}

bool conn_tell_refused(struct conn *conn, enum error_kind error)
{
    const struct framing *framing = conn->reassembly.framing;
    bool speaks = conn->link == CONN_OPEN || conn->link == CONN_STAYING;
    struct span reply = framing->websocket != NULL && speaks
                            ? frame_reply(framing, conn_codec_state(conn))
                            : (struct span){0};
    if (reply.bytes == 0 || !conn__queue(conn, reply)) {
        return false;
    }
    reassembly_close(&conn->reassembly); /* what is behind it is nothing */
    conn__end_wrong(conn, error);
    conn_pump(conn);
    return true;
}

bool conn_is_unanswered(struct conn *conn)
{
    return frame_awaits_finish(conn->reassembly.framing, conn_codec_state(conn));
}

bool conn_awaits_finish(struct conn *conn)
{
    return conn->link == CONN_ENDING && conn->receiving != CONN_RECV_ENDED &&
           conn_is_unanswered(conn);
}

bool conn_on_peer_finish(struct conn *conn)
{
    struct error words;
    enum frame_ending ending =
        frame_explain_finish(conn->reassembly.framing, conn_codec_state(conn), &words);
    if (conn->link == CONN_ENDING) {
        conn_mark_dirty(conn); /* the FIN has waited for it */
        return true;
    }
    if (ending == FRAME_ENDING_WRONG) {
        conn_explain_end(conn, ERROR_KIND_WEBSOCKET_CLOSE, NULL);
        conn__end_wrong(conn, ERROR_KIND_WEBSOCKET_CLOSE);
    } else {
        conn->unjudged = conn->link != CONN_STAYING;
        conn_end(conn);
    }
    conn_pump(conn);
    return conn_is_alive(conn);
}

/* The codec's state is checked where it ends. */
void conn_close_codec(struct conn *conn)
{
    if (!frame_close_state(conn->reassembly.framing, conn_codec_state(conn))) {
        conn_explain_codec(conn, "a codec that keeps to what is its own");
        recorder_error(conn->group->recorder, ERROR_KIND_CODEC_ERROR);
        conn->end_reason = ERROR_KIND_CODEC_ERROR;
    }
}
