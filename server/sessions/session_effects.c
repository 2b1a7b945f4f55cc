/* What handlers do to sessions: reply, broadcast, enter rooms, close. */
#include "sessions/handler.h"
#include "sessions/session.h"
#include "sessions/session_websocket.h"
#include "sessions/shard.h"

#include "core/must.h"

#include <string.h>

/* May the output hold so much more? Else this is the end of a session that reads too slowly. */
static bool session__take_room(struct session *session, uint64_t cost_bytes)
{
    uint64_t held_bytes = session->output.held_bytes + cost_bytes;
    if (held_bytes > session->shard->rules->send_queue_bytes_max) {
        session_close(session, ERROR_KIND_SEND_QUEUE_FULL);
        return false;
    }
    return true;
}

/* Remembers when the request of the messages just queued came in, for receive_to_reply. */
static void session__mark(struct session *session, int64_t received_ns, uint32_t count)
{
    if (received_ns == 0) {
        return; /* a broadcast is no reply */
    }
    uint8_t last = session->marks_count;
    if (last > 0 &&
        (session->marks[last - 1].received_ns == received_ns || last == SESSION_MARKS_MAX)) {
        /* With all marks taken the newest replies count from an older poll: never too fast. */
        session->marks[last - 1].end_bytes = session->bytes_queued;
        session->marks[last - 1].count += count;
        return;
    }
    session->marks[last].received_ns = received_ns;
    session->marks[last].end_bytes = session->bytes_queued;
    session->marks[last].count = count;
    session->marks_count++;
}

/* Room at the end of the output; NULL: there is none. */
static uint8_t *session__reserve(struct session *session, uint32_t bytes)
{
    struct shard *shard = session->shard;
    if (shard->stage_bytes > 0) {
        shard_deliver_stage(shard); /* a reply does not overtake an earlier broadcast */
        if (session->abort) {
            return NULL;
        }
    }
    if (!session__take_room(session, send_queue_cost(&session->output, bytes))) {
        return NULL;
    }
    uint8_t *place = send_queue_reserve(&session->output, &shard->pool, bytes);
    if (place == NULL) {
        session_close(session, ERROR_KIND_LOCAL_LIMIT);
        return NULL;
    }
    session->bytes_queued += bytes;
    shard_touch(shard, session);
    return place;
}

uint8_t *session_reserve_output(struct session *session, uint32_t bytes)
{
    if (session->abort || session->deaf || session->shut_down) {
        return NULL;
    }
    uint8_t *place = session__reserve(session, bytes);
    if (place != NULL) {
        session->messages_queued++;
        session__mark(session, session->received_ns, 1);
    }
    return place;
}

void session_queue_own(struct session *session, struct span own)
{
    if (own.bytes == 0 || session->abort || session->shut_down) {
        return;
    }
    uint8_t *place = session__reserve(session, (uint32_t)own.bytes);
    if (place != NULL) {
        memcpy(place, own.data, own.bytes);
    }
}

/* Of a whole message in its WebSocket's frame; 0: it is too large, and is counted. */
static uint32_t session__carried_bytes(struct session *session, uint32_t bytes)
{
    const struct framing *carrier = session_websocket_carrier(session);
    uint32_t carried_bytes = frame_encoded_bytes(carrier, 0, bytes);
    if (carried_bytes == 0) {
        session_count_error(session, ERROR_KIND_FRAME_ERROR);
    }
    return carried_bytes;
}

static void session__reply_carried(struct session *session, const uint8_t *data, uint32_t bytes)
{
    uint32_t carried_bytes = session__carried_bytes(session, bytes);
    uint8_t *place = carried_bytes > 0 ? session_reserve_output(session, carried_bytes) : NULL;
    if (place != NULL) {
        place += frame_write_head(session_websocket_carrier(session), 0, bytes, place);
        memcpy(place, data, bytes);
    }
}

void session_reply(struct session *session, const uint8_t *data, uint32_t bytes)
{
    if (session->carried) {
        session__reply_carried(session, data, bytes);
        return;
    }
    uint8_t *place = session_reserve_output(session, bytes);
    if (place != NULL) {
        memcpy(place, data, bytes);
    }
}

uint8_t *session_reply_frame(struct session *session, uint32_t id, uint32_t body_bytes)
{
    const struct framing *framing = &session->shard->rules->framing;
    uint32_t bytes = frame_encoded_bytes(framing, id, body_bytes);
    if (bytes == 0) {
        session_count_error(session, ERROR_KIND_FRAME_ERROR);
        return NULL;
    }
    uint8_t *place = session_reserve_output(session, bytes);
    if (place == NULL) {
        return NULL;
    }
    uint32_t head_bytes = frame_write_head(framing, id, body_bytes, place);
    frame_write_tail(framing, place + head_bytes + body_bytes);
    return place + head_bytes;
}

void session_queue_broadcast(struct session *session, const uint8_t *data, uint32_t bytes,
                             struct shared_buffer *buffer, uint32_t messages_count,
                             int64_t received_ns)
{
    uint32_t own_count = session->staged_count;
    session->staged_count = 0;
    if (session->abort || session->finishing || session->read_ended ||
        session_is_opening(session)) {
        return; /* it is ending, and its output must end, too; or it is not open yet */
    }
    uint64_t cost_bytes =
        buffer != NULL ? shared_buffer_cost(buffer) : send_queue_cost(&session->output, bytes);
    if (!session__take_room(session, cost_bytes)) {
        return;
    }
    struct send_pool *pool = &session->shard->pool;
    bool queued = buffer != NULL ? send_queue_append_shared(&session->output, pool, buffer)
                                 : send_queue_append(&session->output, pool, data, bytes);
    if (!queued) {
        session_close(session, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    session->bytes_queued += bytes;
    session->messages_queued += messages_count;
    if (own_count > 0) {
        session__mark(session, received_ns, own_count);
    }
    shard_touch(session->shard, session);
}

void session_broadcast(struct session *session, uint64_t room, const uint8_t *data, uint32_t bytes)
{
    uint8_t head[WEBSOCKET_HEAD_BYTES_MAX];
    struct span parts[] = {{head, 0}, {data, bytes}};
    if (session->carried) {
        if (session__carried_bytes(session, bytes) == 0) {
            return;
        }
        parts[0].bytes = frame_write_head(session_websocket_carrier(session), 0, bytes, head);
    }
    shard_broadcast(session->shard, session, room, parts, 2);
}

void session_broadcast_frame(struct session *session, uint64_t room, uint32_t id,
                             const struct span *parts, int parts_count)
{
    must(parts_count >= 0 && parts_count <= SESSION_BROADCAST_PARTS_MAX);
    const struct framing *framing = &session->shard->rules->framing;
    uint8_t head[FRAMING_HEAD_BYTES_MAX];
    uint8_t tail[FRAMING_DELIMITER_BYTES_MAX];
    struct span whole[SESSION_BROADCAST_PARTS_MAX + 2];
    size_t body_bytes = 0;
    for (int i = 0; i < parts_count; i++) {
        whole[i + 1] = parts[i];
        body_bytes += parts[i].bytes;
    }
    if (body_bytes > FRAMING_FRAME_BYTES_MAX ||
        frame_encoded_bytes(framing, id, (uint32_t)body_bytes) == 0) {
        session_count_error(session, ERROR_KIND_FRAME_ERROR);
        return;
    }
    whole[0].data = head;
    whole[0].bytes = frame_write_head(framing, id, (uint32_t)body_bytes, head);
    whole[parts_count + 1].data = tail;
    whole[parts_count + 1].bytes = frame_write_tail(framing, tail);
    shard_broadcast(session->shard, session, room, whole, parts_count + 2);
}

void session_enter_room(struct session *session, uint64_t room)
{
    shard_enter_room(session->shard, session, room);
}

void session_finish(struct session *session)
{
    if (session->abort || session->deaf) {
        return;
    }
    session->finishing = true;
    session->deaf = true;
    /* It may have been asked long ago, of a peer that did not read: the next sweep, which has the
     * time, counts from then. */
    session_linger(session, session->active_ns);
    session->linger_bytes = UINT64_MAX;
    shard_look(session->shard, session);
    shard_touch(session->shard, session);
}

void session_close(struct session *session, enum error_kind reason)
{
    session_fail(session, reason);
}

void session_count_error(struct session *session, enum error_kind kind)
{
    session->shard->recorder->counters.errors[kind]++;
}

uint64_t session_id(const struct session *session)
{
    return session->id;
}

uint64_t session_room(const struct session *session)
{
    return session->room;
}

void *session_state(struct session *session)
{
    return session->state;
}
