/* uring (Linux) and iocp-per-worker (Windows): a completion port per thread, through cport.
 *
 * Every thread owns a port, a shard and the sessions in it, and shares nothing with the others
 * but mail: no lock is taken for a session. The first thread also accepts, many at a time, and
 * hands connections out in turn; the thread that gets one adopts it into its own port.
 *
 * Each turn: poll a batch of completions, hand their bytes to the sessions, then start what the
 * touched sessions want: one gathered send per session carries all replies of the batch. */
#include "models/common/port_loop.h"

#include "core/clock.h"
#include "core/must.h"

enum {
    ACCEPTS_COUNT = 64, /* in flight: a burst of connects must not wait for this loop */
    COMPLETIONS_MAX = 256,
    RECV_BYTES_MAX = 65536,
    LISTEN_BACKLOG = 4096
};

/* One connection: what moves its bytes. The beginnings of recv, send and socket, which every
 * message touches, each in one line of the cache. */
struct conn {
    _Alignas(SESSION_LINE_BYTES) struct loop_conn base; /* first; its spans are not used */
    _Alignas(SESSION_LINE_BYTES) struct cport_op recv;
    _Alignas(SESSION_LINE_BYTES) bool recv_in_flight;
    struct cport_socket socket;
    _Alignas(SESSION_LINE_BYTES) struct cport_op send;
    struct span spans[CPORT_SPANS_MAX];
    struct cport_op shutdown;
    struct cport_op close;
};

struct model_thread {
    struct loop_thread base; /* first */
    struct mutex lock;       /* guards port as seen by others */
    struct cport *port;
    struct cport_op *completions[COMPLETIONS_MAX];

    /* The accepting thread's. */
    struct cport_socket listener;
    struct cport_op listener_close;
    struct cport_accept_op accepts[ACCEPTS_COUNT];
    bool listener_closing;
};

/* -------- open -------- */

static void thread__wake(struct model_thread *thread)
{
    mutex_lock(&thread->lock);
    if (thread->port != NULL) {
        cport_wake(thread->port);
    }
    mutex_unlock(&thread->lock);
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    (void)error;
    mutex_open(&thread->lock);
    return true;
}

static bool thread__listen(struct model_thread *thread, struct error *error)
{
    if (!cport_listen(thread->port, &thread->listener, &thread->base.server->bind_address,
                      LISTEN_BACKLOG, error)) {
        return false;
    }
    struct net_address address;
    thread->base.busy = true; /* until the listener is closed */
    cport_local_address(thread->port, &thread->listener, &address);
    server_listening(thread->base.server, &address);
    for (int i = 0; i < ACCEPTS_COUNT; i++) {
        cport_accept(thread->port, &thread->listener, &thread->accepts[i]);
    }
    return true;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    const struct server_options *options = &thread->base.server->options;
    const struct cport_options port_options = {
        .backend = options->io,
        .sockets_max = options->connections_max < 999000 ? options->connections_max + 8 : 1000000,
        .recv_buffer_bytes = RECV_BYTES_MAX,
        .busy_poll = options->busy_poll,
    };
    struct cport *port = cport_create(&port_options, error);
    if (port == NULL) {
        return false;
    }
    mutex_lock(&thread->lock);
    thread->port = port;
    mutex_unlock(&thread->lock);
    if (thread->base.index != 0) {
        return true;
    }
    server_set_io(thread->base.server, cport_backend_name(port), cport_fallback_reason(port));
    return thread__listen(thread, error);
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    conn->recv.owner = conn;
    conn->send.owner = conn;
    conn->shutdown.owner = conn;
    conn->close.owner = conn;
    enum cport_result result = cport_adopt(thread->port, &conn->socket, conn->base.handle);
    if (result != CPORT_OK) {
        session_fail(&conn->base.session, model_error_kind(result));
    }
}

static void thread__accepted(struct model_thread *thread, struct cport_accept_op *accept,
                             int64_t now_ns)
{
    if (accept->op.result == CPORT_OK) {
        struct handoff entry = {accept->accepted, accept->peer};
        loop_hand_out(&thread->base, &entry, now_ns);
    } else if (!thread->listener_closing) { /* else it was cancelled by ourselves */
        loop_accept_failed(&thread->base, (enum cport_result)accept->op.result, now_ns);
    }
    if (thread->base.accept_resume_ns != 0) {
        accept->op.owner = accept; /* marks it as paused */
    } else if (!thread->listener_closing) {
        cport_accept(thread->port, &thread->listener, accept);
    }
}

static void thread__resume_accepts(struct model_thread *thread, int64_t now_ns)
{
    int64_t resume_ns = thread->base.accept_resume_ns;
    if (resume_ns == 0 || now_ns < resume_ns || thread->listener_closing) {
        return;
    }
    thread->base.accept_resume_ns = 0;
    for (int i = 0; i < ACCEPTS_COUNT; i++) {
        if (thread->accepts[i].op.owner != NULL) {
            thread->accepts[i].op.owner = NULL;
            cport_accept(thread->port, &thread->listener, &thread->accepts[i]);
        }
    }
}

/* -------- readable -------- */

static void conn__received(struct conn *conn, int64_t polled_ns)
{
    const struct cport_op *op = &conn->recv;
    conn->recv_in_flight = false;
    if (op->result == CPORT_OK && op->bytes > 0) {
        session_receive(&conn->base.session, op->data, op->bytes, polled_ns, clock_now_ns());
    } else if (op->result == CPORT_OK) {
        session_receive_end(&conn->base.session, polled_ns);
    } else if (op->result != CPORT_CANCELLED) {
        session_fail(&conn->base.session, model_error_kind((enum cport_result)op->result));
    }
}

/* -------- writable -------- */

static void conn__sent(struct conn *conn)
{
    const struct cport_op *op = &conn->send;
    session_sent(&conn->base.session, op->bytes);
    if (op->result != CPORT_OK && op->result != CPORT_CANCELLED) {
        session_fail(&conn->base.session, model_error_kind((enum cport_result)op->result));
    }
}

/* Starts what the session wants. */
static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    struct cport *port = thread->port;
    enum session_want want;
    while ((want = session_next(&conn->base.session)) != SESSION_NOTHING) {
        switch (want) {
        case SESSION_SEND: {
            int count =
                session_take_output(&conn->base.session, conn->spans, CPORT_SPANS_MAX, now_ns);
            cport_send(port, &conn->socket, &conn->send, conn->spans, count);
            break;
        }
        case SESSION_SHUTDOWN:
            cport_shutdown(port, &conn->socket, &conn->shutdown);
            break;
        case SESSION_CLOSE_FIN:
            cport_close(port, &conn->socket, &conn->close, CPORT_CLOSE_FIN);
            break;
        case SESSION_CLOSE_RST:
            cport_close(port, &conn->socket, &conn->close, CPORT_CLOSE_RST);
            break;
        case SESSION_NOTHING:
            break;
        }
    }
    if (!conn->recv_in_flight && session_can_receive(&conn->base.session)) {
        conn->recv_in_flight = true;
        cport_recv(port, &conn->socket, &conn->recv);
    }
}

/* -------- run -------- */

static void thread__complete(struct model_thread *thread, struct cport_op *op, int64_t polled_ns)
{
    struct conn *conn = op->owner;
    switch ((enum cport_op_type)op->type) {
    case CPORT_OP_ACCEPT:
        /* op is the first member. */
        thread__accepted(thread, (struct cport_accept_op *)op, polled_ns);
        break;
    case CPORT_OP_RECV:
        conn__received(conn, polled_ns);
        break;
    case CPORT_OP_SEND:
        conn__sent(conn);
        break;
    case CPORT_OP_SHUTDOWN:
        if (op->result != CPORT_OK && op->result != CPORT_CANCELLED) {
            session_fail(&conn->base.session, model_error_kind((enum cport_result)op->result));
        }
        break;
    case CPORT_OP_CLOSE:
        if (op == &thread->listener_close) {
            thread->base.busy = false;
            loop_accepting_ended(&thread->base);
        } else {
            loop_free(&conn->base); /* completes last: nothing names the connection any more */
        }
        break;
    case CPORT_OP_NONE:
    case CPORT_OP_CONNECT:
        must(false); /* never submitted here */
    }
}

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    return cport_poll(thread->port, thread->completions, COMPLETIONS_MAX, deadline_ns);
}

static void thread__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    for (int i = 0; i < count; i++) {
        thread__complete(thread, thread->completions[i], polled_ns);
    }
    if (thread->base.index == 0 && !thread->listener_closing &&
        server_stopping(thread->base.server) != SERVER_RUNNING) {
        thread->listener_closing = true;
        cport_close(thread->port, &thread->listener, &thread->listener_close, CPORT_CLOSE_FIN);
    }
}

static void thread__leave(struct model_thread *thread)
{
    if (thread->port == NULL) {
        return;
    }
    cport_read_stats(thread->port, &thread->base.recorder->port);
    mutex_lock(&thread->lock);
    struct cport *port = thread->port;
    thread->port = NULL;
    mutex_unlock(&thread->lock);
    cport_destroy(port);
}

static void thread__close(struct model_thread *thread)
{
    mutex_close(&thread->lock);
}

const struct loop_model port_loop_functions = {
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .listens = true,
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .finish = thread__resume_accepts,
    .wake = thread__wake,
    .leave = thread__leave,
    .close = thread__close,
};
