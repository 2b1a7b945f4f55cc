/* overlapped-event: every operation is started with its own event; a thread waits for the
 * events of all operations in flight.
 *
 * A proactor: the bytes have been moved when the event is set. But a wait takes 64 events at most
 * (WSA_MAXIMUM_WAIT_EVENTS): one wakes us, one is the accept's, and a session may have two
 * operations in flight, so a thread serves 31 sessions, and further threads are started when all
 * are full. A session is freed when its last operation has come back, never before. A thread owns
 * its events, a shard and its sessions; the first one also accepts and hands connections out. */
#include "models/common/model_loop.h"
#include "models/common/winsock_win.h"

#include <string.h>

enum {
    SLOT_WAKE, /* the first place of a list is no operation */
    SLOT_OPERATIONS,
    SLOTS_MAX = WSA_MAXIMUM_WAIT_EVENTS,
    ACCEPTS_COUNT = 1,
    SESSIONS_MAX = (SLOTS_MAX - SLOT_OPERATIONS - ACCEPTS_COUNT) / 2
};

enum op_type { OP_ACCEPT, OP_RECV, OP_SEND };

struct op {
    WSAOVERLAPPED overlapped; /* hEvent stays when the rest is cleared */
    enum op_type type;
    bool in_flight;
    DWORD slot; /* in flight: the place in the thread's list */
};

struct conn {
    struct loop_conn base; /* first */
    struct op recv;
    struct op send;
    bool closing;
    uint8_t close_mode; /* enum cport_close_mode */
    uint8_t first[LOOP_FIRST_BYTES];
};

struct accept {
    struct op op;
    SOCKET accepted; /* AcceptEx() takes the new socket */
    char addresses[IOCP_ACCEPT_BYTES];
};

struct model_thread {
    struct loop_thread base; /* first */
    WSAEVENT events[SLOTS_MAX];
    struct op *ops[SLOTS_MAX]; /* of the same place in events */
    DWORD count;
    struct iocp_functions functions;
    struct accept accept;
    struct op *done[SLOTS_MAX]; /* that the wait has found back */
};

/* -------- operations -------- */

static OVERLAPPED *op__prepare(struct op *op)
{
    WSAEVENT event = op->overlapped.hEvent;
    memset(&op->overlapped, 0, sizeof op->overlapped);
    op->overlapped.hEvent = event;
    return &op->overlapped;
}

/* The event of an operation that was started is waited for. */
static void thread__put_in(struct model_thread *thread, struct op *op)
{
    op->in_flight = true;
    op->slot = thread->count++; /* there is room: SESSIONS_MAX is made for it */
    thread->events[op->slot] = op->overlapped.hEvent;
    thread->ops[op->slot] = op;
}

static void thread__take_out(struct model_thread *thread, struct op *op)
{
    DWORD last = --thread->count;
    thread->events[op->slot] = thread->events[last];
    thread->ops[op->slot] = thread->ops[last];
    thread->ops[op->slot]->slot = op->slot;
    WSAResetEvent(op->overlapped.hEvent);
    thread->base.recorder->port.syscalls++;
}

/* How it went: 0 or the error. */
static int op__result(struct op *op, SOCKET socket, DWORD *bytes)
{
    *bytes = (DWORD)op->overlapped.InternalHigh;
    return iocp_socket_error_of(socket, &op->overlapped);
}

/* -------- open -------- */

static void thread__wake(struct model_thread *thread)
{
    WSASetEvent(thread->events[SLOT_WAKE]);
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    thread->accept.op.type = OP_ACCEPT;
    thread->count = SLOT_OPERATIONS;
    return winsock_event_open(&thread->events[SLOT_WAKE], error) &&
           (thread->base.index != 0 ||
            winsock_event_open(&thread->accept.op.overlapped.hEvent, error));
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    uint64_t syscalls = 0;
    int code = iocp_socket_load_functions(&thread->functions, &syscalls);
    if (code != 0) {
        error_set(error, "cannot load AcceptEx: %s", error_system_text(code));
    }
    return code == 0;
}

/* -------- accept -------- */

static void thread__accept_failed(struct model_thread *thread, int code, int64_t now_ns)
{
    loop_accept_failed(&thread->base, iocp_error_result(code), now_ns);
}

/* Accepting is an operation like any other here. */
static void thread__start_accept(struct model_thread *thread, int64_t now_ns)
{
    struct accept *accept = &thread->accept;
    if (!accept->op.in_flight && loop_accepts(&thread->base, now_ns)) {
        int code = winsock_accept(thread->base.recorder, &thread->functions,
                                  (SOCKET)thread->base.listener, &thread->base.server->bind_address,
                                  &accept->accepted, accept->addresses, op__prepare(&accept->op));
        if (code == 0) {
            thread__put_in(thread, &accept->op);
        } else {
            thread__accept_failed(thread, code, now_ns);
        }
    }
    /* Closing the listener brings the accept back, too. */
    thread->base.busy = accept->op.in_flight;
}

static void thread__accepted(struct model_thread *thread, int64_t now_ns)
{
    struct accept *accept = &thread->accept;
    SOCKET listener = (SOCKET)thread->base.listener;
    struct handoff entry = {.handle = (cport_handle)accept->accepted};
    uint64_t *syscalls = &thread->base.recorder->port.syscalls;
    DWORD bytes;
    if (thread->base.listener == CPORT_HANDLE_NONE) {
        stream_close(entry.handle, CPORT_CLOSE_RST); /* too late, or cancelled */
        return;
    }
    int code = op__result(&accept->op, listener, &bytes);
    if (code == 0) {
        code = iocp_socket_finish_accept(&thread->functions, listener, accept->accepted,
                                         accept->addresses, &entry.peer, syscalls);
    }
    if (code != 0) {
        closesocket(accept->accepted);
        thread__accept_failed(thread, code, now_ns);
        return;
    }
    iocp_socket_set_nodelay(accept->accepted, syscalls);
    loop_hand_out(&thread->base, &entry, now_ns);
}

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    struct error error;
    (void)thread;
    conn->recv.type = OP_RECV;
    conn->send.type = OP_SEND;
    if (!winsock_event_open(&conn->recv.overlapped.hEvent, &error) ||
        !winsock_event_open(&conn->send.overlapped.hEvent, &error)) {
        session_fail(&conn->base.session, ERROR_KIND_LOCAL_LIMIT);
    }
}

/* -------- readable -------- */

static void thread__recv(struct model_thread *thread, struct conn *conn)
{
    int code = winsock_recv(thread->base.recorder, (SOCKET)conn->base.handle, conn->first,
                            sizeof conn->first, op__prepare(&conn->recv), NULL);
    if (code == 0) {
        thread__put_in(thread, &conn->recv);
    } else {
        session_fail(&conn->base.session, winsock_error_kind(code));
    }
}

/* -------- writable -------- */

static void thread__send(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    struct loop_conn *base = &conn->base;
    loop_take_output(base, now_ns);
    int code = winsock_send(thread->base.recorder, (SOCKET)base->handle, base->spans,
                            base->spans_count, op__prepare(&conn->send), NULL);
    if (code == 0) {
        thread__put_in(thread, &conn->send);
    } else {
        winsock_sent(&base->session, code, 0);
    }
}

/* -------- close -------- */

/* The system may write into the connection's memory until both operations are back. */
static void conn__end_if_idle(struct conn *conn)
{
    if (conn->recv.in_flight || conn->send.in_flight) {
        return;
    }
    stream_close(conn->base.handle, (enum cport_close_mode)conn->close_mode);
    winsock_event_close(conn->recv.overlapped.hEvent);
    winsock_event_close(conn->send.overlapped.hEvent);
    loop_free(&conn->base);
}

static void conn__close(struct conn *conn, enum cport_close_mode mode)
{
    conn->closing = true;
    conn->close_mode = (uint8_t)mode;
    if (conn->recv.in_flight || conn->send.in_flight) {
        /* They come back cancelled (or done, if they were faster), each by its event. */
        winsock_cancel(&conn->base, mode);
    }
    conn__end_if_idle(conn);
}

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    enum session_want want;
    while ((want = loop_next(&conn->base)) == SESSION_SEND) {
        thread__send(thread, conn, now_ns);
    }
    if (want != SESSION_NOTHING) {
        conn__close(conn, want == SESSION_CLOSE_RST ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
    } else if (!conn->recv.in_flight && session_can_receive(&conn->base.session)) {
        thread__recv(thread, conn);
    }
}

/* -------- run -------- */

static void thread__complete(struct model_thread *thread, struct op *op, int64_t polled_ns)
{
    struct conn *conn;
    DWORD bytes;
    int code;
    /* Only now: with both operations of a connection in one batch the first would free it. */
    op->in_flight = false;
    switch (op->type) {
    case OP_ACCEPT:
        thread__accepted(thread, polled_ns);
        return;
    case OP_RECV:
        conn = CONTAINING_RECORD(op, struct conn, recv);
        code = op__result(op, (SOCKET)conn->base.handle, &bytes);
        winsock_received(&conn->base.session, code, conn->first, bytes, polled_ns);
        if (bytes == sizeof conn->first) {
            loop_receive_rest(thread->base.recorder, &conn->base.session, conn->base.handle,
                              thread->base.buffer, polled_ns);
        }
        break;
    default:
        conn = CONTAINING_RECORD(op, struct conn, send);
        code = op__result(op, (SOCKET)conn->base.handle, &bytes);
        winsock_sent(&conn->base.session, code, bytes);
        break;
    }
    if (conn->closing) {
        conn__end_if_idle(conn);
    }
}

/* Waits, then takes every completed operation out of the list: the wait returns only the first
 * event that is set, and to serve that one alone would starve the others. Their OVERLAPPEDs say
 * whether they have completed. */
static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    int done_count = 0;
    DWORD got = WSAWaitForMultipleEvents(thread->count, thread->events, FALSE,
                                         (DWORD)loop_wait_ms(deadline_ns), FALSE);
    if (got == WSA_WAIT_FAILED) {
        return -1; /* what has completed is found by the next one */
    }
    if (got == WSA_WAIT_EVENT_0 + SLOT_WAKE) {
        WSAResetEvent(thread->events[SLOT_WAKE]);
    }
    for (DWORD slot = thread->count - 1; slot >= SLOT_OPERATIONS; slot--) {
        struct op *op = thread->ops[slot];
        if (HasOverlappedIoCompleted(&op->overlapped)) {
            thread__take_out(thread, op); /* puts one in its place that was looked at already */
            thread->done[done_count++] = op;
        }
    }
    return done_count;
}

static void thread__handle(struct model_thread *thread, int done_count, int64_t polled_ns)
{
    for (int i = 0; i < done_count; i++) {
        thread__complete(thread, thread->done[i], polled_ns);
    }
}

static void thread__close(struct model_thread *thread)
{
    winsock_event_close(thread->events[SLOT_WAKE]);
    winsock_event_close(thread->accept.op.overlapped.hEvent);
}

static const struct loop_model functions = {
    .io = "overlapped-event",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .finish = thread__start_accept,
    .wake = thread__wake,
    .close = thread__close,
};

const struct model MODEL(overlapped_event) = {
    .name = "overlapped-event",
    .description = "completion: overlapped operations, an event for each, 64 events per wait",
    .kind = MODEL_PROACTOR,
    .sessions_per_thread_max = SESSIONS_MAX,
    LOOP_MODEL(&functions),
};
