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
#include "models/common/handoff.h"

#include <stdlib.h>
#include <string.h>

enum {
    ACCEPTS_COUNT = 64, /* in flight: a storm of connects must not wait for us to come round */
    COMPLETIONS_MAX = 256,
    RECV_BYTES_MAX = 65536,
    SENDS_PER_CLOCK_READ = 16,
    LISTEN_BACKLOG = 4096
};
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS) /* after a failed accept: no descriptors, usually */

/* One connection: session first, then what moves its bytes; the beginnings of recv, send and
 * socket, which every message touches, each in one line of the cache. */
struct conn {
    _Alignas(SESSION_LINE_BYTES) struct session session;
    _Alignas(SESSION_LINE_BYTES) struct cport_op recv;
    _Alignas(SESSION_LINE_BYTES) bool recv_in_flight;
    struct cport_socket socket;
    _Alignas(SESSION_LINE_BYTES) struct cport_op send;
    struct span spans[CPORT_SPANS_MAX];
    struct cport_op shutdown;
    struct cport_op close;
};

struct model_thread {
    struct server *server;
    struct model_thread *all;
    struct shard *shard;
    struct recorder *recorder;
    uint32_t index;

    struct mutex lock; /* guards port as seen by others */
    struct cport *port;
    struct handoff_queue handoffs;

    enum server_stop stop_obeyed;
    bool adopted; /* since a stop was last obeyed */

    /* The accepting thread's. */
    struct cport_socket listener;
    struct cport_op listener_close;
    struct cport_accept_op accepts[ACCEPTS_COUNT];
    uint32_t next_thread;
    int64_t accepts_resume_ns; /* 0: none paused */
    bool listener_closing;
};

struct model_state {
    struct model_thread *threads;
    atomic_bool accepting_ended; /* no further handoff will come */
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

static void shard__wake(struct shard *shard)
{
    thread__wake(shard->model_data);
}

void port_loop_wake(struct server *server)
{
    struct model_state *state = server->model_data;
    for (uint32_t i = 0; i < server->options.threads; i++) {
        thread__wake(&state->threads[i]);
    }
}

bool port_loop_open(struct server *server, struct error *error)
{
    struct model_state *state = calloc(1, sizeof *state);
    if (state != NULL) {
        state->threads = calloc(server->options.threads, sizeof *state->threads);
    }
    if (state == NULL || state->threads == NULL) {
        free(state);
        error_set(error, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < server->options.threads; i++) {
        struct model_thread *thread = &state->threads[i];
        thread->server = server;
        thread->all = state->threads;
        thread->shard = &server->shards[i];
        thread->recorder = &server->recorders[i];
        thread->index = i;
        mutex_open(&thread->lock);
        handoff_queue_open(&thread->handoffs);
        thread->shard->model_data = thread;
        thread->shard->wake = shard__wake;
    }
    server->model_data = state;
    return true;
}

static bool thread__listen(struct model_thread *thread, struct error *error)
{
    if (!cport_listen(thread->port, &thread->listener, &thread->server->bind_address,
                      LISTEN_BACKLOG, error)) {
        return false;
    }
    struct net_address address;
    cport_local_address(&thread->listener, &address);
    server_listening(thread->server, &address);
    for (int i = 0; i < ACCEPTS_COUNT; i++) {
        cport_accept(thread->port, &thread->listener, &thread->accepts[i]);
    }
    return true;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    const struct server_options *options = &thread->server->options;
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
    if (thread->index != 0) {
        return true;
    }
    server_set_io(thread->server, cport_backend_name(port), cport_fallback_reason(port));
    return thread__listen(thread, error);
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, const struct handoff *handoff,
                          int64_t now_ns)
{
    struct server *server = thread->server;
    struct conn *conn = session_memory_alloc(sizeof *conn);
    if (conn == NULL) {
        cport_discard(handoff->handle, true);
        server_unadmit(server, thread->recorder, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    enum cport_result result = cport_adopt(thread->port, &conn->socket, handoff->handle);
    if (result != CPORT_OK) {
        session_memory_free(conn);
        server_unadmit(server, thread->recorder, model_error_kind(result));
        return;
    }
    conn->recv.owner = conn;
    conn->send.owner = conn;
    conn->shutdown.owner = conn;
    conn->close.owner = conn;
    session_open(&conn->session, thread->shard, NULL, &handoff->peer, now_ns);
    thread->adopted = true;
}

/* Gives the connection to the next thread in turn. */
static void thread__hand_out(struct model_thread *thread, const struct handoff *handoff,
                             int64_t now_ns)
{
    struct model_thread *target = &thread->all[thread->next_thread];
    thread->next_thread = (thread->next_thread + 1) % thread->server->options.threads;
    if (target == thread) {
        thread__adopt(thread, handoff, now_ns);
        return;
    }
    bool first = false;
    if (!handoff_queue_put(&target->handoffs, handoff, &first)) {
        cport_discard(handoff->handle, true);
        server_unadmit(thread->server, thread->recorder, ERROR_KIND_LOCAL_LIMIT);
    } else if (first) {
        thread__wake(target);
    }
}

static void thread__accepted(struct model_thread *thread, struct cport_accept_op *accept,
                             int64_t now_ns)
{
    if (accept->op.result == CPORT_OK) {
        if (server_admit(thread->server, thread->recorder, &accept->peer, now_ns)) {
            struct handoff handoff = {accept->accepted, accept->peer};
            thread__hand_out(thread, &handoff, now_ns);
        } else {
            cport_discard(accept->accepted, true);
        }
    } else if (thread->listener_closing) {
        return; /* cancelled by ourselves */
    } else {
        enum error_kind kind = model_error_kind((enum cport_result)accept->op.result);
        thread->recorder->counters.errors[kind]++;
        if (kind != ERROR_KIND_RESET) {
            /* Out of descriptors, most likely: at once it would fail again and again. */
            accept->op.owner = accept; /* marks it as paused */
            thread->accepts_resume_ns = now_ns + ACCEPT_PAUSE_NS;
            return;
        }
    }
    if (!thread->listener_closing) {
        cport_accept(thread->port, &thread->listener, accept);
    }
}

static void thread__resume_accepts(struct model_thread *thread, int64_t now_ns)
{
    if (thread->accepts_resume_ns == 0 || now_ns < thread->accepts_resume_ns ||
        thread->listener_closing) {
        return;
    }
    thread->accepts_resume_ns = 0;
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
        session_receive(&conn->session, op->data, op->bytes, polled_ns, clock_now_ns());
    } else if (op->result == CPORT_OK) {
        session_receive_end(&conn->session, polled_ns);
    } else if (op->result != CPORT_CANCELLED) {
        session_fail(&conn->session, model_error_kind((enum cport_result)op->result));
    }
}

/* -------- writable -------- */

static void conn__sent(struct conn *conn)
{
    const struct cport_op *op = &conn->send;
    session_sent(&conn->session, op->bytes);
    if (op->result != CPORT_OK && op->result != CPORT_CANCELLED) {
        session_fail(&conn->session, model_error_kind((enum cport_result)op->result));
    }
}

/* Starts what the session wants. */
static void conn__advance(struct cport *port, struct conn *conn, int64_t now_ns)
{
    enum session_want want;
    while ((want = session_next(&conn->session)) != SESSION_NOTHING) {
        switch (want) {
        case SESSION_SEND: {
            int count = session_take_output(&conn->session, conn->spans, CPORT_SPANS_MAX, now_ns);
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
    if (!conn->recv_in_flight && session_can_receive(&conn->session)) {
        conn->recv_in_flight = true;
        cport_recv(port, &conn->socket, &conn->recv);
    }
}

/* -------- close -------- */

/* The close completes last: nothing names the connection any more. */
static void conn__closed(struct conn *conn)
{
    session_end(&conn->session);
    session_memory_free(conn);
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
            session_fail(&conn->session, model_error_kind((enum cport_result)op->result));
        }
        break;
    case CPORT_OP_CLOSE:
        if (op == &thread->listener_close) {
            struct model_state *state = thread->server->model_data;
            atomic_store(&state->accepting_ended, true);
            port_loop_wake(thread->server);
        } else {
            conn__closed(conn);
        }
        break;
    case CPORT_OP_NONE:
    case CPORT_OP_CONNECT:
        must(false); /* never submitted here */
    }
}

static void thread__start_dirty(struct model_thread *thread, int64_t now_ns)
{
    struct session *session;
    int count = 0;
    while ((session = shard_pop_dirty(thread->shard)) != NULL) {
        if (++count % SENDS_PER_CLOCK_READ == 0) {
            now_ns = clock_now_ns();
        }
        conn__advance(thread->port, (struct conn *)session, now_ns);
    }
}

/* Does what a stop asks for, once, and again for connections that come in late. */
static void thread__obey_stop(struct model_thread *thread, int64_t now_ns)
{
    enum server_stop stop = server_stopping(thread->server);
    if (stop == SERVER_RUNNING) {
        return;
    }
    if (thread->index == 0 && !thread->listener_closing) {
        thread->listener_closing = true;
        cport_close(thread->port, &thread->listener, &thread->listener_close, CPORT_CLOSE_FIN);
    }
    if (now_ns >= server_drain_deadline_ns(thread->server)) {
        stop = SERVER_STOP_NOW;
    }
    if (stop == thread->stop_obeyed && !thread->adopted) {
        return;
    }
    thread->stop_obeyed = stop;
    thread->adopted = false;
    if (stop == SERVER_STOP_NOW) {
        shard_close_all(thread->shard, ERROR_KIND_OTHER);
    } else {
        shard_finish_all(thread->shard, now_ns);
    }
}

static bool thread__is_over(struct model_thread *thread)
{
    struct model_state *state = thread->server->model_data;
    /* In this order: after accepting has ended the handoffs cannot grow. */
    if (server_stopping(thread->server) == SERVER_RUNNING ||
        !atomic_load(&state->accepting_ended) || thread->shard->sessions_count > 0) {
        return false;
    }
    return handoff_queue_is_empty(&thread->handoffs);
}

/* One turn; returns until when the next may wait. */
static int64_t thread__turn(struct model_thread *thread, struct cport_op **completions, int count,
                            int64_t polled_ns)
{
    struct handoff handoff;
    shard_enter(thread->shard, thread->recorder);
    shard_receive_mail(thread->shard);
    for (int i = 0; i < count; i++) {
        thread__complete(thread, completions[i], polled_ns);
    }
    while (handoff_queue_take(&thread->handoffs, &handoff)) {
        thread__adopt(thread, &handoff, polled_ns);
    }
    thread__obey_stop(thread, polled_ns);
    shard_flush(thread->shard);
    int64_t now_ns = clock_now_ns();
    int64_t deadline_ns = shard_sweep(thread->shard, now_ns);
    thread__start_dirty(thread, now_ns);
    shard_leave(thread->shard);
    recorder_flush(thread->recorder, now_ns);

    if (thread->index == 0) {
        recorder_set_connections(
            thread->recorder, now_ns,
            atomic_load_explicit(&thread->server->connections, memory_order_relaxed));
        thread__resume_accepts(thread, now_ns);
        /* At least once a second, so that the series has its level of connections. */
        int64_t tick_ns = now_ns + (thread->accepts_resume_ns != 0 ? ACCEPT_PAUSE_NS : NS_PER_S);
        deadline_ns = tick_ns < deadline_ns ? tick_ns : deadline_ns;
    }
    if (thread->stop_obeyed == SERVER_STOP_DRAIN) {
        int64_t drain_ns = server_drain_deadline_ns(thread->server);
        deadline_ns = drain_ns < deadline_ns ? drain_ns : deadline_ns;
    }
    return deadline_ns;
}

static void thread__close(struct model_thread *thread)
{
    if (thread->port == NULL) {
        return;
    }
    cport_read_stats(thread->port, &thread->recorder->port);
    mutex_lock(&thread->lock);
    struct cport *port = thread->port;
    thread->port = NULL;
    mutex_unlock(&thread->lock);
    cport_destroy(port);
}

void port_loop_run(struct server *server, uint32_t index)
{
    struct model_state *state = server->model_data;
    struct model_thread *thread = &state->threads[index];
    struct cport_op *completions[COMPLETIONS_MAX];
    struct error error;
    if (thread__open(thread, &error)) {
        server_thread_ready(server);
        int64_t deadline_ns = 0;
        while (!thread__is_over(thread)) {
            int count = cport_poll(thread->port, completions, COMPLETIONS_MAX, deadline_ns);
            deadline_ns = thread__turn(thread, completions, count, clock_now_ns());
        }
    } else {
        if (index == 0) {
            atomic_store(&state->accepting_ended, true);
        }
        server_thread_failed(server, &error);
    }
    thread__close(thread);
}

void port_loop_close(struct server *server)
{
    struct model_state *state = server->model_data;
    if (state == NULL) {
        return;
    }
    for (uint32_t i = 0; i < server->options.threads; i++) {
        struct model_thread *thread = &state->threads[i];
        handoff_queue_close(&thread->handoffs);
        mutex_close(&thread->lock);
    }
    free(state->threads);
    free(state);
    server->model_data = NULL;
}
