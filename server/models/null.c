/* null: no sockets. Sessions get frames from memory as fast as they take them, and their output
 * is taken immediately: what remains is the cost of our own code (framing, handler, queues,
 * counting), which no socket model can undercut. Runs for --duration. */
#include "core/clock.h"
#include "run/server.h"

#include <stdlib.h>
#include <string.h>

enum {
    NULL_SESSIONS_MAX = 100, /* per thread */
    NULL_BODY_BYTES = 60,
    NULL_FRAME_BYTES_MAX = 128,
    NULL_FRAMES_PER_RUN = 1,
    NULL_SPANS_MAX = 16,
    NULL_RUN_BYTES_MAX = NULL_FRAMES_PER_RUN * NULL_FRAME_BYTES_MAX
};
enum { NULL_ID_LOGIN = 1, NULL_ID_ENTER_ROOM = 101, NULL_ID_CHAT = 201 };

struct null_thread {
    struct server *server;
    struct shard *shard;
    struct recorder *recorder;
    uint8_t run[NULL_RUN_BYTES_MAX];
    size_t run_bytes;
};

/* -------- open -------- */

static void shard__wake(struct shard *shard)
{
    (void)shard; /* the threads never sleep */
}

static bool null_model__open(struct server *server, struct error *error)
{
    (void)error;
    for (uint32_t i = 0; i < server->shards_count; i++) {
        server->shards[i].wake = shard__wake;
    }
    return true;
}

/* -------- accept -------- */

static size_t null__write_frame(const struct framing *framing, uint32_t id, const uint8_t *body,
                                uint32_t body_bytes, uint8_t *out)
{
    uint32_t head_bytes = 0;
    if (framing->type != FRAMING_RAW) {
        head_bytes = frame_write_head(framing, id, body_bytes, out);
    }
    memcpy(out + head_bytes, body, body_bytes);
    return head_bytes + body_bytes;
}

static void null__accept(struct null_thread *thread, uint32_t number)
{
    static const struct net_address no_peer;
    struct server *server = thread->server;
    int64_t now_ns = clock_now_ns();
    if (!server_admit(server, thread->recorder, &no_peer, now_ns)) {
        return;
    }
    struct session *session = session_memory_alloc(sizeof *session);
    if (session == NULL) {
        server_unadmit(server, thread->recorder, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    session_open(session, thread->shard, NULL, &no_peer, now_ns);
    if (server->options.handler != &handler_game) {
        return;
    }
    /* Ten to a room. */
    uint8_t frame[NULL_FRAME_BYTES_MAX];
    uint8_t room[8] = {(uint8_t)(number / 10 + 1)};
    const struct framing *framing = &server->rules.framing;
    size_t bytes = null__write_frame(framing, NULL_ID_LOGIN, room, 0, frame);
    bytes += null__write_frame(framing, NULL_ID_ENTER_ROOM, room, sizeof room, frame + bytes);
    session_receive(session, frame, bytes, now_ns, now_ns);
}

/* -------- readable, writable, close -------- */

static void null__advance(struct session *session, int64_t now_ns)
{
    struct span spans[NULL_SPANS_MAX];
    enum session_want want;
    while ((want = session_next(session)) != SESSION_NOTHING) {
        if (want == SESSION_SEND) {
            int count = session_take_output(session, spans, NULL_SPANS_MAX, now_ns);
            size_t bytes = 0;
            for (int i = 0; i < count; i++) {
                bytes += spans[i].bytes;
            }
            session_sent(session, (uint32_t)bytes);
        } else if (want == SESSION_CLOSE_FIN || want == SESSION_CLOSE_RST) {
            /* Not touched any more, and popped from the dirty list: may go. */
            session_end(session);
            session_memory_free(session);
            return;
        }
    }
}

static void null__start_dirty(struct null_thread *thread)
{
    struct session *session;
    int64_t now_ns = clock_now_ns();
    shard_flush(thread->shard);
    while ((session = shard_pop_dirty(thread->shard)) != NULL) {
        null__advance(session, now_ns);
    }
    recorder_flush(thread->recorder, now_ns);
}

/* -------- run -------- */

/* A turn like a socket model's: one run of bytes for every session, then their output. */
static void null__turn(struct null_thread *thread)
{
    int64_t polled_ns = clock_now_ns();
    shard_receive_mail(thread->shard);
    for (struct session *session = thread->shard->sessions; session != NULL;
         session = session->next) {
        if (session_can_receive(session)) {
            session_receive(session, thread->run, thread->run_bytes, polled_ns, clock_now_ns());
        }
    }
    null__start_dirty(thread);
}

static void null_model__run(struct server *server, uint32_t index)
{
    struct null_thread thread = {
        .server = server,
        .shard = &server->shards[index],
        .recorder = &server->recorders[index],
    };
    uint8_t body[NULL_BODY_BYTES];
    memset(body, 'x', sizeof body);
    for (int i = 0; i < NULL_FRAMES_PER_RUN; i++) {
        thread.run_bytes += null__write_frame(&server->rules.framing, NULL_ID_CHAT, body,
                                              sizeof body, thread.run + thread.run_bytes);
    }
    shard_enter(thread.shard, thread.recorder);
    for (uint32_t i = 0; i < NULL_SESSIONS_MAX; i++) {
        null__accept(&thread, i);
    }
    null__start_dirty(&thread);
    server_thread_ready(server);
    int64_t end_ns = server->options.duration_ns > 0 ? clock_now_ns() + server->options.duration_ns
                                                     : TIME_NEVER_NS;
    while (server_stopping(server) == SERVER_RUNNING && clock_now_ns() < end_ns) {
        null__turn(&thread);
        if (index == 0) {
            recorder_set_connections(thread.recorder, clock_now_ns(),
                                     atomic_load(&server->connections));
        }
    }
    for (struct session *session = thread.shard->sessions; session != NULL;
         session = session->next) {
        session_receive_end(session, clock_now_ns());
    }
    null__start_dirty(&thread);
    shard_leave(thread.shard);
}

static void null_model__wake(struct server *server)
{
    (void)server; /* the threads look at it every turn */
}

const struct model MODEL(null) = {
    .name = "null",
    .description = "no sockets: synthetic frames for --duration, the cost of our own code",
    .kind = MODEL_NONE,
    .open = null_model__open,
    .run = null_model__run,
    .wake = null_model__wake,
};
