/* The shard: its sessions, its rooms, the broadcasts of a batch, the mail of other shards. */
#include "sessions/shard.h"

#include "core/clock.h"
#include "core/must.h"
#include "sessions/handler.h"
#include "sessions/session_tls.h"

#include <stdlib.h>
#include <string.h>

/* Below this size a copy is smaller than the reference, and is sent together with its neighbours.
 */
enum { BROADCAST_COPY_BYTES_MAX = 128 };

enum { TIMERS_MIN = 64 };

/* How often what a peak has left is looked at, and what is left to the next one. */
#define TRIM_INTERVAL_NS NS_PER_S
enum { MAIL_KEPT_MAX = 256 };

struct shard_mail {
    uint64_t room;
    struct shared_buffer *buffer;
    uint32_t messages_count;
};

bool shard_open(struct shard *shard, const struct session_rules *rules, struct shard *all,
                uint32_t all_count, uint32_t index, bool shared, struct error *error)
{
    memset(shard, 0, sizeof *shard);
    shard->rules = rules;
    shard->all = all;
    shard->all_count = all_count;
    shard->index = index;
    shard->shared = shared;
    shard->stage = malloc(SHARD_STAGE_BYTES);
    shard->text = rules->tls != NULL ? malloc(SESSION_TLS_TEXT_BYTES_MAX) : NULL;
    if (shard->stage == NULL || (rules->tls != NULL && shard->text == NULL)) {
        free(shard->text);
        free(shard->stage);
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "out of memory");
        return false;
    }
    send_pool_open(&shard->pool, SHARD_POOL_BYTES_MAX);
    mutex_open(&shard->lock);
    mutex_open(&shard->mail_lock);
    atomic_init(&shard->mail_waiting, false);
    atomic_init(&shard->inhabited, false);
    return true;
}

static void shard__drop_mail(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->mail_count; i++) {
        shared_buffer_release(shard->mail[i].buffer);
    }
    shard->mail_count = 0;
    while (shard->mail_taken_next < shard->mail_taken_count) {
        shared_buffer_release(shard->mail_taken[shard->mail_taken_next++].buffer);
    }
}

void shard_close(struct shard *shard)
{
    must(shard->sessions == NULL);
    shard__drop_mail(shard);
    free(shard->mail);
    free(shard->mail_taken);
    free(shard->text);
    free(shard->stage);
    timer_heap_close(&shard->timers);
    send_pool_close(&shard->pool);
    mutex_close(&shard->mail_lock);
    mutex_close(&shard->lock);
}

void shard_enter(struct shard *shard, struct recorder *recorder)
{
    if (shard->shared) {
        mutex_lock(&shard->lock);
    }
    shard->recorder = recorder;
}

void shard_leave(struct shard *shard)
{
    if (shard->shared) {
        mutex_unlock(&shard->lock);
    }
}

/* When it is to be ended for being silent or lingering. Received bytes move the deadline: that is
 * noticed when the old one has come. */
static int64_t session__deadline_ns(const struct session *session)
{
    int64_t idle_timeout_ns = session->shard->rules->idle_timeout_ns;
    if (session->lingering) {
        return session->linger_ns + SESSION_LINGER_NS;
    }
    int64_t silent_ns = idle_timeout_ns > 0 ? session->active_ns + idle_timeout_ns : TIME_NEVER_NS;
    int64_t open_ns = session->opened_ns + SESSION_HANDSHAKE_NS;
    return session_is_opening(session) && open_ns < silent_ns ? open_ns : silent_ns;
}

void shard_watch(struct shard *shard, struct session *session)
{
    int64_t deadline_ns = session__deadline_ns(session);
    if (deadline_ns != TIME_NEVER_NS && !session->abort) {
        timer_heap_set(&shard->timers, &session->timer, deadline_ns);
    }
}

void shard_look(struct shard *shard, struct session *session)
{
    if (session->timer.index != 0) {
        timer_heap_set(&shard->timers, &session->timer, 0);
    }
}

/* Every session of the shard has a place among the timers from the start: to begin to linger must
 * not fail. */
static bool shard__reserve_timer(struct shard *shard)
{
    uint32_t count_max = shard->timers.count_max;
    if (shard->sessions_count <= count_max) {
        return true;
    }
    return timer_heap_reserve(&shard->timers, count_max < TIMERS_MIN ? TIMERS_MIN : 2 * count_max);
}

bool shard_join(struct shard *shard, struct session *session)
{
    session->id = shard->sessions_opened * shard->all_count + shard->index + 1;
    shard->sessions_opened++;
    session->next = shard->sessions;
    if (session->next != NULL) {
        session->next->previous = session;
    }
    shard->sessions = session;
    shard->sessions_count++;
    if (shard->sessions_opened == 1) {
        atomic_store(&shard->inhabited, true);
    }
    if (!shard__reserve_timer(shard)) {
        return false;
    }
    shard_watch(shard, session);
    return true;
}

void shard_part(struct shard *shard, struct session *session)
{
    shard_enter_room(shard, session, SESSION_NO_ROOM);
    timer_heap_remove(&shard->timers, &session->timer);
    if (session->previous != NULL) {
        session->previous->next = session->next;
    } else {
        shard->sessions = session->next;
    }
    if (session->next != NULL) {
        session->next->previous = session->previous;
    }
    shard->sessions_count--;
}

static struct session **shard__bucket(struct shard *shard, uint64_t room)
{
    /* Fibonacci hashing: neighbouring room numbers spread. */
    uint64_t hash = room * UINT64_C(0x9E3779B97F4A7C15);
    return &shard->room_buckets[(hash >> 32) % SHARD_ROOM_BUCKETS];
}

void shard_enter_room(struct shard *shard, struct session *session, uint64_t room)
{
    if (session->room == room) {
        return;
    }
    shard_deliver_stage(shard); /* what was said before is for those who were there then */
    if (session->room != SESSION_NO_ROOM) {
        if (session->room_previous != NULL) {
            session->room_previous->room_next = session->room_next;
        } else {
            *shard__bucket(shard, session->room) = session->room_next;
        }
        if (session->room_next != NULL) {
            session->room_next->room_previous = session->room_previous;
        }
    }
    session->room = room;
    session->room_next = NULL;
    session->room_previous = NULL;
    if (room != SESSION_NO_ROOM) {
        struct session **bucket = shard__bucket(shard, room);
        session->room_next = *bucket;
        if (*bucket != NULL) {
            (*bucket)->room_previous = session;
        }
        *bucket = session;
    }
}

/* This shard's members of the room, one after the other; SESSION_NO_ROOM: all its sessions. */
static struct session *shard__first(struct shard *shard, uint64_t room)
{
    struct session *session =
        room == SESSION_NO_ROOM ? shard->sessions : *shard__bucket(shard, room);
    while (session != NULL && room != SESSION_NO_ROOM && session->room != room) {
        session = session->room_next;
    }
    return session;
}

static struct session *shard__next(const struct session *session, uint64_t room)
{
    if (room == SESSION_NO_ROOM) {
        return session->next;
    }
    struct session *next = session->room_next;
    while (next != NULL && next->room != room) { /* another room of the same bucket */
        next = next->room_next;
    }
    return next;
}

/* Puts a broadcast into the send queues of this shard's members of the room. */
static void shard__deliver(struct shard *shard, uint64_t room, const uint8_t *data, uint32_t bytes,
                           struct shared_buffer *buffer, uint32_t messages_count,
                           int64_t received_ns)
{
    for (struct session *session = shard__first(shard, room); session != NULL;
         session = shard__next(session, room)) {
        session_queue_broadcast(session, data, bytes, buffer, messages_count, received_ns);
    }
}

/* There is no memory for a broadcast to this room: no one gets it, and no one waits for it. */
static void shard__drop_broadcast(struct shard *shard, uint64_t room)
{
    shard->recorder->counters.errors[ERROR_KIND_LOCAL_LIMIT]++;
    for (struct session *session = shard__first(shard, room); session != NULL;
         session = shard__next(session, room)) {
        session->staged_count = 0;
    }
}

/* One broadcast, or several gathered, to this shard and all others. */
static void shard__spread(struct shard *shard, uint64_t room, struct shared_buffer *buffer,
                          uint32_t messages_count, int64_t received_ns)
{
    for (uint32_t i = 0; i < shard->all_count; i++) {
        if (i != shard->index && atomic_load(&shard->all[i].inhabited) &&
            !shard_post(&shard->all[i], room, buffer, messages_count)) {
            shard->recorder->counters.errors[ERROR_KIND_LOCAL_LIMIT]++;
        }
    }
    bool copy = buffer->bytes_count <= BROADCAST_COPY_BYTES_MAX;
    shard__deliver(shard, room, buffer->bytes, buffer->bytes_count, copy ? NULL : buffer,
                   messages_count, received_ns);
}

uint64_t shard_stage_cost(const struct shard *shard, const struct session *session)
{
    bool copy = shard->stage_bytes <= BROADCAST_COPY_BYTES_MAX;
    return copy ? send_queue_cost(&session->output, shard->stage_bytes)
                : shared_buffer_cost_of(shard->stage_bytes);
}

void shard_deliver_stage(struct shard *shard)
{
    if (shard->stage_bytes == 0) {
        return;
    }
    uint32_t bytes = shard->stage_bytes;
    uint32_t messages_count = shard->stage_messages;
    shard->stage_bytes =
        0; /* first: delivering may close sessions, which must not come back here */
    shard->stage_messages = 0;
    if (shard->all_count == 1 && bytes <= BROADCAST_COPY_BYTES_MAX) {
        shard__deliver(shard, shard->stage_room, shard->stage, bytes, NULL, messages_count,
                       shard->stage_received_ns);
        return;
    }
    struct shared_buffer *buffer = shared_buffer_create(bytes);
    if (buffer == NULL) {
        shard__drop_broadcast(shard, shard->stage_room);
        return;
    }
    memcpy(buffer->bytes, shard->stage, bytes);
    shard__spread(shard, shard->stage_room, buffer, messages_count, shard->stage_received_ns);
    shared_buffer_release(buffer);
}

static void parts__write(const struct span *parts, int parts_count, uint8_t *out)
{
    for (int i = 0; i < parts_count; i++) {
        if (parts[i].bytes > 0) {
            memcpy(out, parts[i].data, parts[i].bytes);
            out += parts[i].bytes;
        }
    }
}

void shard_broadcast(struct shard *shard, struct session *sender, uint64_t room,
                     const struct span *parts, int parts_count)
{
    size_t bytes = 0;
    for (int i = 0; i < parts_count; i++) {
        bytes += parts[i].bytes;
    }
    must(bytes <= FRAMING_FRAME_BYTES_MAX + WEBSOCKET_HEAD_BYTES_MAX);
    if (bytes == 0) {
        return;
    }
    if (shard->stage_room != room || bytes > SHARD_STAGE_BYTES - shard->stage_bytes ||
        shard->stage_received_ns != sender->received_ns) {
        shard_deliver_stage(shard);
    }
    if (room == SESSION_NO_ROOM || sender->room == room) {
        sender->staged_count++;
    }
    shard->stage_room = room;
    shard->stage_received_ns = sender->received_ns;
    if (bytes <= SHARD_STAGE_BYTES) {
        parts__write(parts, parts_count, shard->stage + shard->stage_bytes);
        shard->stage_bytes += (uint32_t)bytes;
        shard->stage_messages++;
        return;
    }
    struct shared_buffer *buffer = shared_buffer_create((uint32_t)bytes);
    if (buffer == NULL) {
        shard__drop_broadcast(shard, room);
        return;
    }
    parts__write(parts, parts_count, buffer->bytes);
    shard__spread(shard, room, buffer, 1, sender->received_ns);
    shared_buffer_release(buffer);
}

/* What a mail holds: its entry, in an array that may be half empty, and the buffer as if it were
 * its only reader. */
static uint64_t mail__held_bytes(const struct shared_buffer *buffer)
{
    return 2 * sizeof(struct shard_mail) + shared_buffer_bytes(buffer);
}

static uint64_t shard__mail_bytes_max(const struct shard *shard)
{
    uint64_t part_bytes = SHARD_MAIL_BYTES_MAX / shard->all_count;
    return part_bytes > SHARD_MAIL_BYTES_MIN ? part_bytes : SHARD_MAIL_BYTES_MIN;
}

/* Under mail_lock. */
static bool shard__put_mail(struct shard *shard, uint64_t room, struct shared_buffer *buffer,
                            uint32_t messages_count)
{
    uint64_t held_bytes = mail__held_bytes(buffer);
    if (shard->mail_bytes + shard->mail_taken_bytes + held_bytes > shard__mail_bytes_max(shard)) {
        return false;
    }
    if (shard->mail_count == shard->mail_max) {
        uint32_t mail_max = shard->mail_max == 0 ? 64 : shard->mail_max * 2;
        struct shard_mail *mail = realloc(shard->mail, mail_max * sizeof *mail);
        if (mail == NULL) {
            return false;
        }
        shard->mail = mail;
        shard->mail_max = mail_max;
    }
    shared_buffer_retain(buffer);
    shard->mail[shard->mail_count++] = (struct shard_mail){room, buffer, messages_count};
    shard->mail_bytes += held_bytes;
    return true;
}

bool shard_post(struct shard *shard, uint64_t room, struct shared_buffer *buffer,
                uint32_t messages_count)
{
    mutex_lock(&shard->mail_lock);
    bool put = shard__put_mail(shard, room, buffer, messages_count);
    mutex_unlock(&shard->mail_lock);
    if (put && !atomic_exchange(&shard->mail_waiting, true)) {
        shard->wake(shard);
    }
    return put;
}

/* Swaps the arrays: the posted mail becomes the taken, the delivered array takes new posts. */
static void shard__take_mail(struct shard *shard)
{
    /* Before the array is taken: a post after this line wakes again. */
    atomic_store(&shard->mail_waiting, false);
    mutex_lock(&shard->mail_lock);
    struct shard_mail *delivered = shard->mail_taken;
    uint32_t delivered_max = shard->mail_taken_max;
    shard->mail_taken = shard->mail;
    shard->mail_taken_max = shard->mail_max;
    shard->mail_taken_count = shard->mail_count;
    shard->mail_taken_next = 0;
    shard->mail = delivered;
    shard->mail_max = delivered_max;
    shard->mail_count = 0;
    shard->mail_taken_bytes = shard->mail_bytes;
    shard->mail_bytes = 0;
    mutex_unlock(&shard->mail_lock);
}

void shard_receive_mail(struct shard *shard)
{
    bool left_over = shard->mail_taken_next < shard->mail_taken_count;
    if (!left_over) {
        if (!atomic_load_explicit(&shard->mail_waiting, memory_order_relaxed)) {
            return;
        }
        shard__take_mail(shard);
    }
    shard_deliver_stage(shard);
    /* Much mail may have come while this thread did not run. To deliver it all together would
     * overflow the queues of readers that are not slow. */
    uint64_t left_bytes = shard->rules->send_queue_bytes_max / 4;
    uint64_t delivered_bytes = 0;
    while (shard->mail_taken_next < shard->mail_taken_count) {
        const struct shard_mail *mail = &shard->mail_taken[shard->mail_taken_next];
        struct shared_buffer *buffer = mail->buffer;
        bool copy = buffer->bytes_count <= BROADCAST_COPY_BYTES_MAX;
        uint64_t cost_bytes = shared_buffer_cost(buffer);
        delivered_bytes += mail__held_bytes(buffer);
        shard->mail_taken_next++;
        shard__deliver(shard, mail->room, buffer->bytes, buffer->bytes_count, copy ? NULL : buffer,
                       mail->messages_count, 0);
        shared_buffer_release(buffer);
        if (cost_bytes >= left_bytes) {
            break;
        }
        left_bytes -= cost_bytes;
    }
    mutex_lock(&shard->mail_lock);
    shard->mail_taken_bytes -= delivered_bytes;
    mutex_unlock(&shard->mail_lock);
    /* Mail that was posted behind the rest has woken this turn: no other wake will follow. */
    if (shard->mail_taken_next < shard->mail_taken_count ||
        (left_over && atomic_load(&shard->mail_waiting))) {
        shard->wake(shard);
    }
}

void shard_flush(struct shard *shard)
{
    shard_deliver_stage(shard);
}

void shard_touch(struct shard *shard, struct session *session)
{
    if (session->dirty || session->close_started) {
        return;
    }
    session->dirty = true;
    session->dirty_next = NULL;
    if (shard->dirty_tail != NULL) {
        shard->dirty_tail->dirty_next = session;
    } else {
        shard->dirty_head = session;
    }
    shard->dirty_tail = session;
}

bool shard_is_dirty(const struct shard *shard)
{
    return shard->dirty_head != NULL || shard->stage_bytes > 0;
}

struct session *shard_pop_dirty(struct shard *shard)
{
    if (shard->dirty_head == NULL) {
        shard_deliver_stage(shard); /* what those popped before have said, at their end or before */
    }
    struct session *session = shard->dirty_head;
    if (session == NULL) {
        return NULL;
    }
    shard->dirty_head = session->dirty_next;
    if (shard->dirty_head == NULL) {
        shard->dirty_tail = NULL;
    }
    session->dirty = false;
    return session;
}

static void session__sweep(struct session *session, int64_t now_ns)
{
    bool moved = session_moved_bytes(session) != session->linger_bytes;
    if (session->lingering && moved) {
        session_linger(session, now_ns); /* the peer still reads: output moves on */
    } else if (moved && session__deadline_ns(session) <= now_ns && !session_can_receive(session)) {
        /* It is we who do not receive, until it has read more: and it reads. */
        session->active_ns = now_ns;
        session->linger_bytes = session_moved_bytes(session);
        shard_watch(session->shard, session);
    } else if (session__deadline_ns(session) > now_ns) {
        shard_watch(session->shard, session); /* something has come in between */
    } else if (session_is_opening(session) && !session->lingering) {
        session_overdue(session);
    } else {
        session_close(session,
                      session->lingering ? ERROR_KIND_CLOSE_TIMEOUT : ERROR_KIND_IDLE_TIMEOUT);
    }
}

static void mail__trim(struct shard_mail **mail, uint32_t count, uint32_t *max)
{
    if (count == 0 && *max > MAIL_KEPT_MAX) {
        free(*mail);
        *mail = NULL;
        *max = 0;
    }
}

/* Gives back what a peak has left, and was not needed again for some time. The time runs on while
 * all is in use: a shard with one connection has one free chunk between any two requests. */
static void shard__trim(struct shard *shard, int64_t now_ns)
{
    bool left = shard->pool.free_bytes > 0 || shard->mail_taken_max > MAIL_KEPT_MAX;
    if (shard->trim_ns == 0) {
        shard->trim_ns = left ? now_ns + TRIM_INTERVAL_NS : 0;
        return;
    }
    if (now_ns < shard->trim_ns) {
        return;
    }
    send_pool_trim(&shard->pool);
    mutex_lock(&shard->mail_lock);
    mail__trim(&shard->mail, shard->mail_count, &shard->mail_max);
    mail__trim(&shard->mail_taken, shard->mail_taken_count - shard->mail_taken_next,
               &shard->mail_taken_max);
    mutex_unlock(&shard->mail_lock);
    shard->trim_ns = shard->pool.free_bytes > 0 ? now_ns + TRIM_INTERVAL_NS : 0;
}

void shard_sweep(struct shard *shard, int64_t now_ns)
{
    struct timer_node *node;
    while ((node = timer_heap_pop(&shard->timers, now_ns)) != NULL) {
        uint8_t *session = (uint8_t *)node - offsetof(struct session, timer);
        session__sweep((struct session *)(void *)session, now_ns);
    }
    shard__trim(shard, now_ns);
}

int64_t shard_deadline_ns(const struct shard *shard)
{
    int64_t timer_ns = timer_heap_next_ns(&shard->timers);
    /* Free since the sweep: 0, for another one that sets the time. */
    bool trims = shard->trim_ns != 0 || shard->pool.free_bytes > 0;
    return trims && shard->trim_ns < timer_ns ? shard->trim_ns : timer_ns;
}

void shard_finish_all(struct shard *shard, int64_t now_ns)
{
    for (struct session *session = shard->sessions; session != NULL; session = session->next) {
        if (session->finishing || session->abort || session->close_started) {
            continue;
        }
        session->finishing = true;
        session_linger(session, now_ns);
        shard_touch(shard, session);
    }
}

void shard_close_all(struct shard *shard, enum error_kind reason)
{
    for (struct session *session = shard->sessions; session != NULL; session = session->next) {
        /* Asked to end in good order, and it did not: that is the peer's doing, and has a name. */
        session_close(session, session->finishing ? ERROR_KIND_CLOSE_TIMEOUT : reason);
    }
}
