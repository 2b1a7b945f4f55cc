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
    THREADS_STACK_BYTES = 128 * 1024 /* addresses; memory is what a thread touches */
};

struct model_thread {
    struct loop_thread base; /* first */
    struct conn *ended;      /* under the shard's lock: their threads are to be joined */
    struct conn *joining;    /* those of the last turn */
    int64_t awake_ns;        /* under the shard's lock: the next wait ends then at the latest */
};

struct conn {
    struct loop_conn base; /* first */
    struct model_thread *house;
    struct conn *next_ended;
    struct thread reader;
    struct thread writer;
    struct condition condition; /* with the shard's lock: there is something to do */
    bool reader_started;
    bool writer_started;
    bool reading; /* the reader blocks, or will: what is to be sent is the writer's */
    bool sending; /* one of the two has taken it on */
    bool closing;
    uint8_t close_mode; /* enum cport_close_mode */
    uint8_t threads_left;
    uint8_t first[LOOP_FIRST_BYTES]; /* the reader's */
};

/* -------- open -------- */

static bool house__can_hold(cport_handle handle, struct error *error)
{
    if (!select_can_hold(handle)) {
        error_set(error, "threads: this process has too many descriptors open already");
    }
    return select_can_hold(handle);
}

static bool house__prepare(struct model_thread *house, struct error *error)
{
    return house__can_hold(house->base.waker, error);
}

static bool house__open(struct model_thread *house, struct error *error)
{
    return house->base.index != 0 || house__can_hold(house->base.listener, error);
}

/* -------- accept -------- */

static void conn__read(void *argument);
static void conn__write(void *argument);

static void house__adopt(struct model_thread *house, struct conn *conn)
{
    struct error error;
    conn->house = house;
    conn->threads_left = 1;
    condition_open(&conn->condition);
    conn->reader_started =
        thread_start(&conn->reader, conn__read, conn, THREADS_STACK_BYTES, &error);
    if (conn->reader_started) {
        server_conn_thread_started(house->base.server);
    } else {
        session_fail(&conn->base.session, ERROR_KIND_LOCAL_LIMIT);
    }
}

/* -------- readable -------- */

static void house__start_dirty(struct model_thread *house, int64_t now_ns);

/* Under the shard's lock: after anything was done to sessions of it. */
static void house__finish(struct model_thread *house)
{
    int64_t now_ns = clock_now_ns();
    shard_receive_mail(house->base.shard);
    shard_flush(house->base.shard);
    house__start_dirty(house, now_ns);
    recorder_flush(house->base.recorder, now_ns);
    if (shard_deadline_ns(house->base.shard) < house->awake_ns) {
        house->awake_ns = shard_deadline_ns(house->base.shard);
        waker_wake(house->base.waker); /* it would sleep past a deadline that is new */
    }
}

/* Under the lock, which it releases while it waits for bytes. */
static void conn__receive(struct conn *conn)
{
    struct loop_thread *thread = &conn->house->base;
    struct session *session = &conn->base.session;
    size_t bytes = 0;
    enum cport_result result = CPORT_OK;
    conn->reading = true;
    shard_leave(thread->shard);
    enum stream_status status =
        stream_receive(conn->base.handle, conn->first, sizeof conn->first, &bytes, &result);
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
        session_receive(session, conn->first, bytes, received_ns, clock_now_ns());
        if (bytes == sizeof conn->first) {
            loop_receive_rest(thread->recorder, session, conn->base.handle, thread->buffer,
                              received_ns);
        }
    }
    house__finish(conn->house);
}

/* -------- writable -------- */

static bool conn__has_output(const struct conn *conn)
{
    return conn->base.spans_count > 0 && !conn->sending && !conn->closing;
}

/* Under the lock, which it releases while it sends. */
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

/* Wakes the thread that is to send the session's output: the reader when it is awake, else the
 * writer. */
static void conn__start_send(struct conn *conn, int64_t now_ns)
{
    struct loop_conn *base = &conn->base;
    struct error error;
    loop_take_output(base, now_ns);
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
    struct model_thread *house = conn->house;
    if (--conn->threads_left > 0) {
        return;
    }
    if (conn->base.spans_count > 0) {
        conn->base.spans_count = 0;
        session_sent(&conn->base.session, 0);
    }
    stream_close(conn->base.handle, (enum cport_close_mode)conn->close_mode);
    session_end(&conn->base.session);
    conn->next_ended = house->ended;
    house->ended = conn;
    waker_wake(house->base.waker);
}

static void conn__close(struct conn *conn, enum cport_close_mode mode)
{
    conn->closing = true;
    conn->close_mode = (uint8_t)mode;
    stream_interrupt(conn->base.handle, conn->sending);
    condition_wake_all(&conn->condition);
    if (!conn->reader_started) {
        conn__leave(conn);
    }
}

/* Outside of the lock: the threads of these connections have left. */
static void house__join(struct model_thread *house)
{
    while (house->joining != NULL) {
        struct conn *conn = house->joining;
        house->joining = conn->next_ended;
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

static void house__advance(struct model_thread *house, struct conn *conn, int64_t now_ns)
{
    enum session_want want;
    (void)house;
    while ((want = loop_next(&conn->base)) == SESSION_SEND) {
        conn__start_send(conn, now_ns);
    }
    if (want != SESSION_NOTHING) {
        conn__close(conn, want == SESSION_CLOSE_RST ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
    }
}

static void house__start_dirty(struct model_thread *house, int64_t now_ns)
{
    struct session *session;
    while ((session = shard_pop_dirty(house->base.shard)) != NULL) {
        house__advance(house, (struct conn *)session, now_ns);
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
static int house__wait(struct model_thread *house, int64_t deadline_ns)
{
    struct select_set readable;
    struct select_set none;
    house__join(house);
    select_clear(&readable);
    select_clear(&none);
    select_add(&readable, house->base.waker);
    bool accepts = loop_accepts(&house->base, clock_now_ns());
    if (accepts) {
        select_add(&readable, house->base.listener);
    }
    int count = select_wait(&readable, &none, loop_wait_ms(deadline_ns));
    if (count < 0) {
        return count;
    }
    if (count > 0 && select_has(&readable, house->base.waker)) {
        waker_clear(house->base.waker);
    }
    return count > 0 && accepts && select_has(&readable, house->base.listener);
}

static void house__handle(struct model_thread *house, int accept, int64_t polled_ns)
{
    if (accept > 0) {
        loop_accept(&house->base, polled_ns);
    }
}

static void house__finish_turn(struct model_thread *house, int64_t now_ns)
{
    (void)now_ns;
    house->awake_ns = shard_deadline_ns(house->base.shard);
    house->joining = house->ended; /* when the shard's lock is not held any more */
    house->ended = NULL;
}

static const struct loop_model functions = {
    .io = "blocking",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .blocking = true,
    .prepare = house__prepare,
    .open = house__open,
    .wait = house__wait,
    .handle = house__handle,
    .adopt = house__adopt,
    .advance = house__advance,
    .finish = house__finish_turn,
    .leave = house__join,
};

const struct model MODEL(threads) = {
    .name = "threads",
    .description = "blocking calls, a thread per connection; a second one where others send to it",
    .kind = MODEL_BLOCKING,
    .sessions_max = THREADS_SESSIONS_MAX,
    .shares_shards = true,
    LOOP_MODEL(&functions),
};
