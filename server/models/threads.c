/* threads: a thread per connection that blocks in the receive, handles what came and sends the
 * replies, blocking too.
 *
 * What others send to a connection (broadcasts) cannot wait until its thread comes back from the
 * receive: with the first of it the connection gets a second thread, which writes while the first
 * reads. So a chat costs two threads per connection. A slow reader blocks its own writer alone.
 *
 * The sessions are shared: those of a shard work under its lock, never while they block. The
 * server's own threads keep house, one per shard: they accept, start the connections' threads, pass
 * mail on, look after timeouts and stops, and join the threads that have ended. */
#include "models/common/model_loop.h"
#include "models/common/select.h"
#include "models/common/waker.h"

#include "core/clock.h"

enum {
    THREADS_SESSIONS_MAX = 10000,
    THREADS_STACK_BYTES = 128 * 1024, /* addresses; memory is what a thread touches */
    THREADS_RECV_BYTES = 16384
};

struct house {
    struct loop_thread base; /* first */
    cport_handle waker;
    struct conn *ended; /* under the shard's lock: their threads are to be joined */
};

struct conn {
    struct loop_conn base; /* first */
    struct house *house;
    struct conn *next_ended;
    struct thread reader;
    struct thread writer;
    struct condition condition; /* with the shard's lock: there is something to do */
    bool reader_started;
    bool writer_started;
    bool reading; /* the reader blocks, or will: what is to be sent is the writer's */
    bool sending; /* one of the two has taken it on */
    bool closing;
    bool reset;
    uint8_t threads_left;
    uint8_t buffer[THREADS_RECV_BYTES]; /* the reader's */
};

/* -------- open -------- */

static void house__wake(struct loop_thread *base)
{
    waker_wake(((struct house *)base)->waker);
}

static bool threads__open(struct server *server, struct error *error)
{
    if (!loop_group_open(server, sizeof(struct house), house__wake, error)) {
        return false;
    }
    struct loop_group *group = server->model_data;
    group->blocking = true;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        ((struct house *)group->all[i])->waker = CPORT_HANDLE_NONE;
    }
    for (uint32_t i = 0; i < server->threads_max; i++) {
        struct house *house = (struct house *)group->all[i];
        if (!waker_open(&house->waker, error)) {
            return false;
        }
        if (!select_can_hold(house->waker)) {
            error_set(error, "threads: this process has too many descriptors open already");
            return false;
        }
    }
    server_set_io(server, "blocking", NULL);
    return true;
}

static bool house__open(struct house *house, struct error *error)
{
    if (house->base.index != 0) {
        return true;
    }
    if (!loop_listen(&house->base, error)) {
        return false;
    }
    if (!select_can_hold(house->base.listener)) {
        error_set(error, "threads: this process has too many descriptors open already");
        return false;
    }
    return true;
}

/* -------- accept -------- */

static void conn__read(void *argument);
static void conn__write(void *argument);

static void house__adopt(struct house *house, int64_t now_ns)
{
    struct loop_conn *base;
    struct error error;
    while ((base = loop_take(&house->base, sizeof(struct conn), now_ns)) != NULL) {
        struct conn *conn = (struct conn *)base;
        conn->house = house;
        conn->threads_left = 1;
        condition_open(&conn->condition);
        conn->reader_started =
            thread_start(&conn->reader, conn__read, conn, THREADS_STACK_BYTES, &error);
        if (conn->reader_started) {
            server_conn_thread_started(house->base.server);
        } else {
            session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
        }
    }
}

/* -------- readable -------- */

static void house__start_dirty(struct house *house, int64_t now_ns);

/* Under the shard's lock: after anything was done to sessions of it. */
static void house__finish(struct house *house)
{
    int64_t now_ns = clock_now_ns();
    shard_receive_mail(house->base.shard);
    shard_flush(house->base.shard);
    house__start_dirty(house, now_ns);
    recorder_flush(house->base.recorder, now_ns);
}

/* Under the lock, which it lets go while it waits for bytes. */
static void conn__receive(struct conn *conn)
{
    struct loop_thread *thread = &conn->house->base;
    struct session *session = &conn->base.session;
    size_t bytes = 0;
    enum cport_result result = CPORT_OK;
    conn->reading = true;
    shard_leave(thread->shard);
    enum stream_status status =
        stream_receive(conn->base.handle, conn->buffer, sizeof conn->buffer, &bytes, &result);
    int64_t received_ns = clock_now_ns();
    shard_enter(thread->shard, thread->recorder);
    conn->reading = false;
    thread->recorder->port.polls++;
    thread->recorder->port.syscalls++;
    thread->recorder->port.completions++;
    if (conn->closing) {
        return; /* interrupted */
    }
    if (status == STREAM_FAILED) {
        session_fail(session, model_error_kind(result));
    } else if (status == STREAM_DONE && bytes == 0) {
        session_receive_end(session, received_ns);
    } else if (status == STREAM_DONE) {
        session_receive(session, conn->buffer, bytes, received_ns, clock_now_ns());
    }
    house__finish(conn->house);
}

/* -------- writable -------- */

static bool conn__has_output(const struct conn *conn)
{
    return conn->base.spans_count > 0 && !conn->sending && !conn->closing;
}

/* Under the lock, which it lets go while it sends. */
static void conn__send(struct conn *conn)
{
    struct loop_thread *thread = &conn->house->base;
    size_t bytes = 0;
    enum cport_result result = CPORT_OK;
    conn->sending = true;
    shard_leave(thread->shard);
    enum stream_status status =
        stream_send(conn->base.handle, conn->base.spans, conn->base.spans_count, &bytes, &result);
    shard_enter(thread->shard, thread->recorder);
    thread->recorder->port.syscalls++;
    conn->sending = false;
    if (status == STREAM_BLOCKED) {
        return; /* interrupted by nothing that matters: once more */
    }
    conn->base.spans_count = 0;
    session_sent(&conn->base.session, (uint32_t)bytes);
    if (status == STREAM_FAILED) {
        session_fail(&conn->base.session, model_error_kind(result));
    }
    house__finish(conn->house);
    condition_wake_all(&conn->condition); /* the reader may read on */
}

/* Somebody is to send what the session has given out: the reader when it is up, else the writer. */
static void conn__start_send(struct conn *conn, int64_t now_ns)
{
    struct loop_conn *base = &conn->base;
    struct error error;
    base->spans_count = session_take_output(&base->session, base->spans, CPORT_SPANS_MAX, now_ns);
    if (conn->reading && !conn->writer_started) {
        conn->writer_started =
            thread_start(&conn->writer, conn__write, conn, THREADS_STACK_BYTES, &error);
        if (!conn->writer_started) {
            base->spans_count = 0;
            session_sent(&base->session, 0);
            session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
            return;
        }
        conn->threads_left++;
        server_conn_thread_started(conn->house->base.server);
    }
    condition_wake_all(&conn->condition);
}

/* -------- close -------- */

/* Under the lock: one of the connection's threads will not touch it any more; with the last one
 * the connection is over. */
static void conn__leave(struct conn *conn)
{
    struct house *house = conn->house;
    if (--conn->threads_left > 0) {
        return;
    }
    if (conn->base.spans_count > 0) {
        conn->base.spans_count = 0;
        session_sent(&conn->base.session, 0);
    }
    stream_close(conn->base.handle, conn->reset);
    session_end(&conn->base.session);
    conn->next_ended = house->ended;
    house->ended = conn;
    house__wake(&house->base);
}

static void conn__close(struct conn *conn, bool reset)
{
    conn->closing = true;
    conn->reset = reset;
    stream_interrupt(conn->base.handle, conn->sending);
    condition_wake_all(&conn->condition);
    if (!conn->reader_started) {
        conn__leave(conn);
    }
}

/* Outside of the lock: the threads of these connections have left. */
static void house__join(struct house *house, struct conn *ended)
{
    while (ended != NULL) {
        struct conn *conn = ended;
        ended = conn->next_ended;
        if (conn->reader_started) {
            thread_join(&conn->reader);
            server_conn_thread_ended(house->base.server);
        }
        if (conn->writer_started) {
            thread_join(&conn->writer);
            server_conn_thread_ended(house->base.server);
        }
        condition_close(&conn->condition);
        session_memory_free(conn);
        atomic_fetch_sub(&house->base.sessions_count, 1);
    }
}

/* -------- run -------- */

static void conn__advance(struct conn *conn, int64_t now_ns)
{
    struct session *session = &conn->base.session;
    enum session_want want;
    while (!conn->closing && !session->dirty && (want = session_next(session)) != SESSION_NOTHING) {
        switch (want) {
        case SESSION_SEND:
            conn__start_send(conn, now_ns);
            break;
        case SESSION_SHUTDOWN:
            stream_shutdown(conn->base.handle);
            break;
        case SESSION_CLOSE_FIN:
        case SESSION_CLOSE_RST:
            conn__close(conn, want == SESSION_CLOSE_RST);
            return; /* it may be over */
        case SESSION_NOTHING:
            break;
        }
    }
}

static void house__start_dirty(struct house *house, int64_t now_ns)
{
    struct session *session;
    while ((session = shard_pop_dirty(house->base.shard)) != NULL) {
        conn__advance((struct conn *)session, now_ns);
    }
}

/* A connection's first thread. */
static void conn__read(void *argument)
{
    struct conn *conn = argument;
    struct shard *shard = conn->house->base.shard;
    shard_enter(shard, conn->house->base.recorder);
    while (!conn->closing) {
        if (conn__has_output(conn)) {
            conn__send(conn);
        } else if (session_can_receive(&conn->base.session)) {
            conn__receive(conn);
        } else {
            condition_wait(&conn->condition, &shard->lock);
        }
    }
    conn__leave(conn);
    shard_leave(shard);
}

/* Its second, where others send to it. */
static void conn__write(void *argument)
{
    struct conn *conn = argument;
    struct shard *shard = conn->house->base.shard;
    shard_enter(shard, conn->house->base.recorder);
    while (!conn->closing) {
        if (conn->reading && conn__has_output(conn)) {
            conn__send(conn);
        } else {
            condition_wait(&conn->condition, &shard->lock);
        }
    }
    conn__leave(conn);
    shard_leave(shard);
}

/* Only the listener and the waker are waited for: the listener alone would leave no way to stop. */
static bool house__wait(struct house *house, int64_t deadline_ns)
{
    struct select_set readable;
    struct select_set none;
    select_clear(&readable);
    select_clear(&none);
    select_add(&readable, house->waker);
    bool accepts = loop_accepts(&house->base, clock_now_ns());
    if (accepts) {
        select_add(&readable, house->base.listener);
    }
    int count = select_wait(&readable, &none, loop_wait_ms(deadline_ns));
    if (count > 0 && select_has(&readable, house->waker)) {
        waker_clear(house->waker);
    }
    return count > 0 && accepts && select_has(&readable, house->base.listener);
}

/* One turn of a house thread; false when everything is over. */
static bool house__turn(struct house *house, bool accept, int64_t *deadline_ns)
{
    const int64_t polled_ns = clock_now_ns();
    loop_begin_turn(&house->base, 0);
    if (accept) {
        loop_accept(&house->base, polled_ns);
    }
    house__adopt(house, polled_ns);
    int64_t now_ns = loop_finish_turn(&house->base);
    house__start_dirty(house, now_ns);
    struct conn *ended = house->ended;
    house->ended = NULL;
    bool over = loop_is_over(&house->base);
    *deadline_ns = loop_end_turn(&house->base, now_ns);
    house__join(house, ended);
    return !over;
}

static void threads__run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct house *house = (struct house *)group->all[index];
    struct error error;
    if (!house__open(house, &error)) {
        loop_thread_failed(&house->base, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    bool accept = false;
    while (house__turn(house, accept, &deadline_ns)) {
        accept = house__wait(house, deadline_ns);
    }
}

static void threads__close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        if (group->all[i] != NULL) {
            waker_close(((struct house *)group->all[i])->waker);
        }
    }
    loop_group_close(server);
}

const struct model MODEL(threads) = {
    .name = "threads",
    .description = "blocking calls, a thread per connection; a second one where others send to it",
    .kind = MODEL_BLOCKING,
    .sessions_max = THREADS_SESSIONS_MAX,
    .shares_shards = true,
    .open = threads__open,
    .run = threads__run,
    .wake = loop_group_wake,
    .close = threads__close,
};
