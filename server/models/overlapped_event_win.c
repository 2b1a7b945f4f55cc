/* overlapped-event: every operation is started with an event of its own; a thread waits for the
 * events of all operations in flight.
 *
 * A proactor: the bytes have been moved when the event is set. But a wait takes 64 events at most
 * (WSA_MAXIMUM_WAIT_EVENTS): one wakes us, one is the accept's, and a session may have two
 * operations in flight, so a thread serves 31 sessions, and further threads are started when all
 * are full. A session is freed when its last operation has come back, never before. A thread owns
 * its events, a shard and its sessions; the first one also accepts and hands connections out. */
#include "models/common/model_loop.h"

#include "core/clock.h"
#include "cport/iocp/iocp.h"

#include <string.h>

enum {
    SLOT_WAKE, /* the first place of a list is no operation */
    SLOT_OPERATIONS,
    SLOTS_MAX = WSA_MAXIMUM_WAIT_EVENTS,
    ACCEPTS_COUNT = 1,
    SESSIONS_MAX = (SLOTS_MAX - SLOT_OPERATIONS - ACCEPTS_COUNT) / 2,
    ADDRESS_BYTES = sizeof(struct sockaddr_in6) + 16, /* AcceptEx wants 16 bytes more */
    RECV_BYTES_MAX = 16384
};
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS) /* after a failed accept: no descriptors, usually */

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
    bool reset;
    uint8_t recv_bytes[RECV_BYTES_MAX];
};

struct accept {
    struct op op;
    SOCKET accepted; /* AcceptEx() wants the new socket beforehand */
    char addresses[2 * ADDRESS_BYTES];
};

struct model_thread {
    struct loop_thread base; /* first */
    WSAEVENT events[SLOTS_MAX];
    struct op *ops[SLOTS_MAX]; /* of the same place in events */
    DWORD count;
    struct iocp_functions functions;
    struct accept accept;
};

/* -------- operations -------- */

static OVERLAPPED *op__prepare(struct op *op)
{
    WSAEVENT event = op->overlapped.hEvent;
    memset(&op->overlapped, 0, sizeof op->overlapped);
    op->overlapped.hEvent = event;
    return &op->overlapped;
}

/* The three ends of an overlapped call: done and pending (either way the event is set in the end:
 * 0), failed (it is not: the error). To be asked right behind the call. */
static int thread__started(struct model_thread *thread, struct op *op, bool done)
{
    int code = done ? 0 : WSAGetLastError();
    thread->base.recorder->port.syscalls++;
    if (code != 0 && code != WSA_IO_PENDING) {
        return code;
    }
    op->in_flight = true;
    op->slot = thread->count++; /* there is room: SESSIONS_MAX is made for it */
    thread->events[op->slot] = op->overlapped.hEvent;
    thread->ops[op->slot] = op;
    return 0;
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
    DWORD flags = 0;
    *bytes = 0;
    return WSAGetOverlappedResult(socket, &op->overlapped, bytes, FALSE, &flags)
               ? 0
               : WSAGetLastError();
}

/* -------- open -------- */

static void thread__wake(struct loop_thread *base)
{
    WSASetEvent(((struct model_thread *)base)->events[SLOT_WAKE]);
}

static bool event__open(WSAEVENT *event, struct error *error)
{
    *event = WSACreateEvent();
    if (*event == WSA_INVALID_EVENT) {
        error_set(error, "cannot make an event: %s", error_system_text(WSAGetLastError()));
    }
    return *event != WSA_INVALID_EVENT;
}

static bool overlapped_event__open(struct server *server, struct error *error)
{
    if (!loop_group_open(server, sizeof(struct model_thread), thread__wake, error)) {
        return false;
    }
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        thread->accept.op.type = OP_ACCEPT;
        if (!event__open(&thread->events[SLOT_WAKE], error) ||
            (i == 0 && !event__open(&thread->accept.op.overlapped.hEvent, error))) {
            return false;
        }
        thread->count = SLOT_OPERATIONS;
    }
    server_set_io(server, "overlapped-event", NULL);
    return true;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    uint64_t syscalls = 0;
    if (thread->base.index != 0) {
        return true;
    }
    int code = iocp_socket_load_functions(&thread->functions, &syscalls);
    if (code != 0) {
        error_set(error, "cannot load AcceptEx: %s", error_system_text(code));
        return false;
    }
    return loop_listen(&thread->base, error);
}

/* -------- accept -------- */

static void thread__accept_failed(struct model_thread *thread, int code, int64_t now_ns)
{
    enum error_kind kind = model_error_kind(iocp_error_result(code));
    thread->base.recorder->counters.errors[kind]++;
    if (kind != ERROR_KIND_RESET) {
        /* Out of descriptors, most likely: at once it would fail again and again. */
        thread->base.accept_resume_ns = now_ns + ACCEPT_PAUSE_NS;
    }
}

/* Accepting is an operation like any other here. */
static void thread__start_accept(struct model_thread *thread, int64_t now_ns)
{
    struct accept *accept = &thread->accept;
    struct sockaddr_storage name;
    DWORD bytes = 0;
    uint64_t syscalls = 0;
    if (accept->op.in_flight || !loop_accepts(&thread->base, now_ns)) {
        return;
    }
    memcpy(&name, thread->base.server->bind_address.bytes, sizeof(struct sockaddr_in6));
    accept->accepted = iocp_socket_open(name.ss_family, &syscalls);
    if (accept->accepted == INVALID_SOCKET) {
        thread__accept_failed(thread, WSAGetLastError(), now_ns);
        return;
    }
    /* 0: it does not wait for the first bytes, or silent clients would hold it. */
    int code = thread__started(thread, &accept->op,
                               thread->functions.accept_ex((SOCKET)thread->base.listener,
                                                           accept->accepted, accept->addresses, 0,
                                                           ADDRESS_BYTES, ADDRESS_BYTES, &bytes,
                                                           op__prepare(&accept->op)));
    if (code != 0) {
        closesocket(accept->accepted);
        thread__accept_failed(thread, code, now_ns);
    }
}

static void thread__accepted(struct model_thread *thread, int64_t now_ns)
{
    struct accept *accept = &thread->accept;
    SOCKET listener = (SOCKET)thread->base.listener;
    struct handoff entry = {.handle = (cport_handle)accept->accepted};
    struct sockaddr *names[2] = {NULL, NULL};
    int name_bytes[2] = {0, 0};
    uint64_t syscalls = 0;
    DWORD bytes;
    if (thread->base.listener == CPORT_HANDLE_NONE) {
        stream_close(entry.handle, true); /* too late, or cancelled */
        return;
    }
    int code = op__result(&accept->op, listener, &bytes);
    if (code != 0) {
        closesocket(accept->accepted);
        thread__accept_failed(thread, code, now_ns);
        return;
    }
    thread->functions.get_accept_ex_sockaddrs(accept->addresses, 0, ADDRESS_BYTES, ADDRESS_BYTES,
                                              &names[0], &name_bytes[0], &names[1], &name_bytes[1]);
    if (name_bytes[1] > 0 && (size_t)name_bytes[1] <= sizeof entry.peer.bytes) {
        memcpy(entry.peer.bytes, names[1], (size_t)name_bytes[1]);
        entry.peer.bytes_count = (uint16_t)name_bytes[1];
    }
    /* Until then the socket has no addresses and shutdown() fails. */
    setsockopt(accept->accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listener,
               sizeof listener);
    iocp_socket_set_nodelay(accept->accepted, &syscalls);
    loop_hand_out(&thread->base, &entry, now_ns);
}

static void thread__adopt(struct model_thread *thread, int64_t now_ns)
{
    struct loop_conn *base;
    struct error error;
    while ((base = loop_take(&thread->base, sizeof(struct conn), now_ns)) != NULL) {
        struct conn *conn = (struct conn *)base;
        conn->recv.type = OP_RECV;
        conn->send.type = OP_SEND;
        if (!event__open(&conn->recv.overlapped.hEvent, &error) ||
            !event__open(&conn->send.overlapped.hEvent, &error)) {
            session_fail(&base->session, ERROR_KIND_LOCAL_LIMIT);
        }
    }
}

/* -------- readable -------- */

static void thread__recv(struct model_thread *thread, struct conn *conn)
{
    WSABUF part = {.buf = (char *)conn->recv_bytes, .len = RECV_BYTES_MAX};
    DWORD flags = 0;
    OVERLAPPED *overlapped = op__prepare(&conn->recv);
    int code = thread__started(
        thread, &conn->recv,
        WSARecv((SOCKET)conn->base.handle, &part, 1, NULL, &flags, overlapped, NULL) == 0);
    if (code != 0) {
        session_fail(&conn->base.session, model_error_kind(iocp_error_result(code)));
    }
}

/* Three ends that must be told apart: bytes; none, which is the peer's normal close; an error,
 * which is an abnormal one, unless it was we who cancelled. */
static void conn__received(struct conn *conn, int code, DWORD bytes, int64_t polled_ns)
{
    struct session *session = &conn->base.session;
    if (code == 0 && bytes > 0) {
        session_receive(session, conn->recv_bytes, bytes, polled_ns, clock_now_ns());
    } else if (code == 0) {
        session_receive_end(session, polled_ns);
    } else if (code != WSA_OPERATION_ABORTED) {
        session_fail(session, model_error_kind(iocp_error_result(code)));
    }
}

/* -------- writable -------- */

static void thread__send(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    struct session *session = &conn->base.session;
    WSABUF parts[CPORT_SPANS_MAX]; /* WSASend() copies the array, not the bytes */
    int count = session_take_output(session, conn->base.spans, CPORT_SPANS_MAX, now_ns);
    for (int i = 0; i < count; i++) {
        parts[i].buf = (char *)(uintptr_t)conn->base.spans[i].data;
        parts[i].len = (ULONG)conn->base.spans[i].bytes;
    }
    OVERLAPPED *overlapped = op__prepare(&conn->send);
    int code = thread__started(
        thread, &conn->send,
        WSASend((SOCKET)conn->base.handle, parts, (DWORD)count, NULL, 0, overlapped, NULL) == 0);
    if (code != 0) {
        session_sent(session, 0);
        session_fail(session, model_error_kind(iocp_error_result(code)));
    }
}

static void conn__sent(struct conn *conn, int code, DWORD bytes)
{
    session_sent(&conn->base.session, code == 0 ? bytes : 0);
    if (code != 0 && code != WSA_OPERATION_ABORTED) {
        session_fail(&conn->base.session, model_error_kind(iocp_error_result(code)));
    }
}

/* -------- close -------- */

/* The system may write into the connection's memory until both operations are back. */
static void conn__end_if_idle(struct conn *conn)
{
    if (conn->recv.in_flight || conn->send.in_flight) {
        return;
    }
    stream_close(conn->base.handle, conn->reset);
    if (conn->recv.overlapped.hEvent != NULL) {
        WSACloseEvent(conn->recv.overlapped.hEvent);
    }
    if (conn->send.overlapped.hEvent != NULL) {
        WSACloseEvent(conn->send.overlapped.hEvent);
    }
    loop_free(&conn->base);
}

static void conn__close(struct conn *conn, bool reset)
{
    conn->closing = true;
    conn->reset = reset;
    if (conn->recv.in_flight || conn->send.in_flight) {
        /* They come back cancelled (or done, if they were faster), each by its event. */
        CancelIoEx((HANDLE)conn->base.handle, NULL);
    }
    conn__end_if_idle(conn);
}

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    struct session *session = &conn->base.session;
    enum session_want want;
    /* A start that fails makes it dirty again; it then comes back. */
    while (!session->dirty && (want = session_next(session)) != SESSION_NOTHING) {
        switch (want) {
        case SESSION_SEND:
            thread__send(thread, conn, now_ns);
            break;
        case SESSION_SHUTDOWN:
            stream_shutdown(conn->base.handle);
            break;
        case SESSION_CLOSE_FIN:
        case SESSION_CLOSE_RST:
            conn__close(conn, want == SESSION_CLOSE_RST);
            return;
        case SESSION_NOTHING:
            break;
        }
    }
    if (!conn->recv.in_flight && session_can_receive(session)) {
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
        conn__received(conn, code, bytes, polled_ns);
        break;
    default:
        conn = CONTAINING_RECORD(op, struct conn, send);
        code = op__result(op, (SOCKET)conn->base.handle, &bytes);
        conn__sent(conn, code, bytes);
        break;
    }
    if (conn->closing) {
        conn__end_if_idle(conn);
    }
}

/* Waits, then takes every operation that is done out of the list: the wait names only the first
 * event that is set, and to serve that one alone would starve those behind it. Whether the others
 * are done stands in their OVERLAPPEDs. */
static int thread__wait(struct model_thread *thread, int64_t deadline_ns, struct op **done)
{
    int done_count = 0;
    DWORD got = WSAWaitForMultipleEvents(thread->count, thread->events, FALSE,
                                         (DWORD)loop_wait_ms(deadline_ns), FALSE);
    if (got == WSA_WAIT_EVENT_0 + SLOT_WAKE) {
        WSAResetEvent(thread->events[SLOT_WAKE]);
    }
    for (DWORD slot = thread->count - 1; slot >= SLOT_OPERATIONS; slot--) {
        struct op *op = thread->ops[slot];
        if (HasOverlappedIoCompleted(&op->overlapped)) {
            thread__take_out(thread, op); /* puts one in its place that was looked at already */
            done[done_count++] = op;
        }
    }
    return done_count;
}

static int64_t thread__turn(struct model_thread *thread, struct op **done, int done_count)
{
    const int64_t polled_ns = clock_now_ns();
    struct loop_conn *base;
    loop_begin_turn(&thread->base, done_count);
    for (int i = 0; i < done_count; i++) {
        thread__complete(thread, done[i], polled_ns);
    }
    thread__adopt(thread, polled_ns);
    int64_t now_ns = loop_finish_turn(&thread->base);
    while ((base = loop_next_dirty(&thread->base, &now_ns)) != NULL) {
        thread__advance(thread, (struct conn *)base, now_ns);
    }
    thread__start_accept(thread, now_ns);
    return loop_end_turn(&thread->base, now_ns);
}

static void overlapped_event__run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct model_thread *thread = (struct model_thread *)group->all[index];
    struct op *done[SLOTS_MAX];
    struct error error;
    if (!thread__open(thread, &error)) {
        loop_thread_failed(&thread->base, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    /* Closing the listener brings the accept back, too. */
    while (!loop_is_over(&thread->base) || thread->accept.op.in_flight) {
        int done_count = thread__wait(thread, deadline_ns, done);
        deadline_ns = thread__turn(thread, done, done_count);
    }
}

static void overlapped_event__close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        if (thread != NULL && thread->events[SLOT_WAKE] != NULL) {
            WSACloseEvent(thread->events[SLOT_WAKE]);
        }
        if (thread != NULL && thread->accept.op.overlapped.hEvent != NULL) {
            WSACloseEvent(thread->accept.op.overlapped.hEvent);
        }
    }
    loop_group_close(server);
}

const struct model MODEL(overlapped_event) = {
    .name = "overlapped-event",
    .description = "completion: overlapped operations, an event for each, 64 events per wait",
    .kind = MODEL_PROACTOR,
    .sessions_per_thread_max = SESSIONS_MAX,
    .open = overlapped_event__open,
    .run = overlapped_event__run,
    .wake = loop_group_wake,
    .close = overlapped_event__close,
};
