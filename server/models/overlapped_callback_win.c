/* overlapped-callback: every operation is started with a completion routine, which the system calls
 * in the thread that started it, as an asynchronous procedure call (APC).
 *
 * A proactor without the limit of 64: there is nothing to wait for but "alertably", and the APCs
 * that are queued then run. Two prices: an operation comes back to its own thread only, so no other
 * can help, and AcceptEx knows no completion routines. So the first thread waits alertably for the
 * listener's event, accepts, and calls the next thread in turn by an APC of our own
 * (QueueUserAPC). A session is freed when its last operation has come back, never before. A thread
 * owns a shard and its sessions. */
#include "models/common/model_loop.h"

#include "core/clock.h"
#include "cport/iocp/iocp.h"

#include <string.h>

enum { RECV_BYTES_MAX = 16384 };

/* After an accept that has found nothing Wine tells of no connection any more until one has been
 * accepted: so then the listener is looked at by the clock. */
#define LISTENER_LOOK_NS (10 * NS_PER_MS)

struct op {
    WSAOVERLAPPED overlapped; /* first: a completion routine is given this */
    struct op *done_next;
    struct conn *conn;
    DWORD code;
    DWORD bytes;
    bool in_flight;
};

struct conn {
    struct loop_conn base; /* first */
    struct model_thread *thread;
    struct op recv;
    struct op send;
    bool closing;
    bool reset;
    uint8_t recv_bytes[RECV_BYTES_MAX];
};

struct model_thread {
    struct loop_thread base;  /* first */
    struct mutex lock;        /* guards the handle */
    HANDLE handle;            /* APCs go to it */
    WSAEVENT listener_event;  /* index 0 */
    int64_t listener_look_ns; /* 0, or: when to look at the listener without being told */
    bool woken;
    struct op *done_head; /* come back and not yet looked at, in their order */
    struct op *done_tail;
    int done_count;
};

/* -------- operations -------- */

/* Called by the system while the thread waits alertably, and inside of other calls that may do so
 * by themselves, as Winsock's own. So nothing is done here but to remember it. */
static void CALLBACK op__completed(DWORD code, DWORD bytes, LPWSAOVERLAPPED overlapped, DWORD flags)
{
    struct op *op = CONTAINING_RECORD(overlapped, struct op, overlapped);
    struct model_thread *thread = op->conn->thread;
    (void)flags;
    op->code = code;
    op->bytes = code == 0 ? bytes : 0;
    op->done_next = NULL;
    if (thread->done_tail != NULL) {
        thread->done_tail->done_next = op;
    } else {
        thread->done_head = op;
    }
    thread->done_tail = op;
    thread->done_count++;
}

static OVERLAPPED *op__prepare(struct op *op)
{
    memset(&op->overlapped, 0, sizeof op->overlapped);
    op->in_flight = true;
    return &op->overlapped;
}

/* The three ends of an overlapped call: done and pending (either way the routine is called: 0),
 * failed (it is not: the error). To be asked right behind the call. */
static int op__started(struct op *op, bool done)
{
    int code = done ? 0 : WSAGetLastError();
    op->conn->thread->base.recorder->port.syscalls++;
    if (code == 0 || code == WSA_IO_PENDING) {
        return 0;
    }
    op->in_flight = false;
    return code;
}

/* -------- open -------- */

/* Ends the wait. It may also run in the middle of a turn, see op__completed(): the next wait must
 * then not wait. */
static void CALLBACK thread__woken(ULONG_PTR argument)
{
    struct model_thread *thread = (struct model_thread *)argument;
    thread->woken = true;
}

static void thread__wake(struct loop_thread *base)
{
    struct model_thread *thread = (struct model_thread *)base;
    mutex_lock(&thread->lock);
    if (thread->handle != NULL) {
        QueueUserAPC(thread__woken, thread->handle, (ULONG_PTR)thread);
    }
    mutex_unlock(&thread->lock);
}

static bool overlapped_callback__open(struct server *server, struct error *error)
{
    if (!loop_group_open(server, sizeof(struct model_thread), thread__wake, error)) {
        return false;
    }
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; i < server->threads_max; i++) {
        mutex_open(&((struct model_thread *)group->all[i])->lock);
    }
    struct model_thread *first = (struct model_thread *)group->all[0];
    first->listener_event = WSACreateEvent();
    if (first->listener_event == WSA_INVALID_EVENT) {
        error_set(error, "cannot make an event: %s", error_system_text(WSAGetLastError()));
        return false;
    }
    server_set_io(server, "overlapped-callback", NULL);
    return true;
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    HANDLE handle = NULL;
    /* GetCurrentThread() means "myself" to everybody. */
    if (!DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &handle, 0,
                         FALSE, DUPLICATE_SAME_ACCESS)) {
        error_set(error, "cannot get a handle of the thread: %s",
                  error_system_text((int)GetLastError()));
        return false;
    }
    mutex_lock(&thread->lock);
    thread->handle = handle; /* wakes until now were for nothing: the first turn does not wait */
    mutex_unlock(&thread->lock);
    if (thread->base.index != 0) {
        return true;
    }
    if (!loop_listen(&thread->base, error)) {
        return false;
    }
    if (WSAEventSelect((SOCKET)thread->base.listener, thread->listener_event, FD_ACCEPT) != 0) {
        error_set(error, "cannot wait for the listener: %s", error_system_text(WSAGetLastError()));
        return false;
    }
    return true;
}

/* -------- accept -------- */

static void thread__accept(struct model_thread *thread, int64_t now_ns)
{
    WSANETWORKEVENTS told;
    int found = 0;
    if (loop_accepts(&thread->base, now_ns)) {
        /* Before accepting: what comes meanwhile sets the event again, and so does accepting while
         * more wait. */
        WSAEnumNetworkEvents((SOCKET)thread->base.listener, thread->listener_event, &told);
        found = loop_accept(&thread->base, now_ns);
    } else {
        WSAResetEvent(thread->listener_event); /* paused, or closed */
    }
    bool again = thread->base.listener != CPORT_HANDLE_NONE &&
                 (found == 0 || thread->base.accept_resume_ns != 0);
    thread->listener_look_ns = again ? now_ns + LISTENER_LOOK_NS : 0;
}

static void thread__adopt(struct model_thread *thread, int64_t now_ns)
{
    struct loop_conn *base;
    while ((base = loop_take(&thread->base, sizeof(struct conn), now_ns)) != NULL) {
        struct conn *conn = (struct conn *)base;
        conn->thread = thread;
        conn->recv.conn = conn;
        conn->send.conn = conn;
    }
}

/* -------- readable -------- */

static void conn__recv(struct conn *conn)
{
    WSABUF part = {.buf = (char *)conn->recv_bytes, .len = RECV_BYTES_MAX};
    DWORD flags = 0;
    OVERLAPPED *overlapped = op__prepare(&conn->recv);
    int code = op__started(&conn->recv, WSARecv((SOCKET)conn->base.handle, &part, 1, NULL, &flags,
                                                overlapped, op__completed) == 0);
    if (code != 0) {
        session_fail(&conn->base.session, model_error_kind(iocp_error_result(code)));
    }
}

/* Three ends that must be told apart: bytes; none, which is the peer's normal close; an error,
 * which is an abnormal one, unless it was we who cancelled. */
static void conn__received(struct conn *conn, int64_t polled_ns)
{
    struct session *session = &conn->base.session;
    const struct op *op = &conn->recv;
    if (op->code == 0 && op->bytes > 0) {
        session_receive(session, conn->recv_bytes, op->bytes, polled_ns, clock_now_ns());
    } else if (op->code == 0) {
        session_receive_end(session, polled_ns);
    } else if (op->code != WSA_OPERATION_ABORTED) {
        session_fail(session, model_error_kind(iocp_error_result((int)op->code)));
    }
}

/* -------- writable -------- */

static void conn__send(struct conn *conn, int64_t now_ns)
{
    struct session *session = &conn->base.session;
    WSABUF parts[CPORT_SPANS_MAX]; /* WSASend() copies the array, not the bytes */
    int count = session_take_output(session, conn->base.spans, CPORT_SPANS_MAX, now_ns);
    for (int i = 0; i < count; i++) {
        parts[i].buf = (char *)(uintptr_t)conn->base.spans[i].data;
        parts[i].len = (ULONG)conn->base.spans[i].bytes;
    }
    OVERLAPPED *overlapped = op__prepare(&conn->send);
    int code = op__started(&conn->send, WSASend((SOCKET)conn->base.handle, parts, (DWORD)count,
                                                NULL, 0, overlapped, op__completed) == 0);
    if (code != 0) {
        session_sent(session, 0);
        session_fail(session, model_error_kind(iocp_error_result(code)));
    }
}

static void conn__sent(struct conn *conn)
{
    const struct op *op = &conn->send;
    session_sent(&conn->base.session, op->bytes);
    if (op->code != 0 && op->code != WSA_OPERATION_ABORTED) {
        session_fail(&conn->base.session, model_error_kind(iocp_error_result((int)op->code)));
    }
}

/* -------- close -------- */

/* The system may write into the connection's memory, and calls a routine with it, until both
 * operations are back. */
static void conn__end_if_idle(struct conn *conn)
{
    if (!conn->recv.in_flight && !conn->send.in_flight) {
        stream_close(conn->base.handle, conn->reset);
        loop_free(&conn->base);
    }
}

static void conn__close(struct conn *conn, bool reset)
{
    conn->closing = true;
    conn->reset = reset;
    if (conn->recv.in_flight || conn->send.in_flight) {
        /* They come back cancelled (or done, if they were faster), each by its routine. */
        CancelIoEx((HANDLE)conn->base.handle, NULL);
    }
    conn__end_if_idle(conn);
}

static void conn__advance(struct conn *conn, int64_t now_ns)
{
    struct session *session = &conn->base.session;
    enum session_want want;
    /* A start that fails makes it dirty again; it then comes back. */
    while (!session->dirty && (want = session_next(session)) != SESSION_NOTHING) {
        switch (want) {
        case SESSION_SEND:
            conn__send(conn, now_ns);
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
        conn__recv(conn);
    }
}

/* -------- run -------- */

static void op__handle(struct op *op, int64_t polled_ns)
{
    struct conn *conn = op->conn;
    /* Only now: with both operations of a connection in one batch the first would free it. */
    op->in_flight = false;
    if (op == &conn->recv) {
        conn__received(conn, polled_ns);
    } else {
        conn__sent(conn);
    }
    if (conn->closing) {
        conn__end_if_idle(conn);
    }
}

/* True when the listener has something to accept. */
static bool thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    bool wait = thread->done_head == NULL && !thread->woken;
    DWORD wait_ms = wait ? (DWORD)loop_wait_ms(deadline_ns) : 0;
    if (thread->base.index != 0) {
        SleepEx(wait_ms, TRUE); /* completion routines run in here */
        return false;
    }
    if (WSAWaitForMultipleEvents(1, &thread->listener_event, FALSE, wait_ms, TRUE) !=
        WSA_WAIT_EVENT_0) {
        return false; /* an APC ended it; the next wait looks at the event */
    }
    /* The event came first, and a wait that does not wait runs no APCs. In a storm of connections
     * none would ever run. */
    SleepEx(0, TRUE);
    return true;
}

static int64_t thread__turn(struct model_thread *thread, bool accept)
{
    const int64_t polled_ns = clock_now_ns();
    struct op *op = thread->done_head;
    struct loop_conn *base;
    loop_begin_turn(&thread->base, thread->done_count);
    thread->woken = false; /* before looking at what it was woken for */
    thread->done_head = NULL;
    thread->done_tail = NULL;
    thread->done_count = 0;
    while (op != NULL) {
        struct op *next = op->done_next; /* the operation may be freed */
        op__handle(op, polled_ns);
        op = next;
    }
    if (accept || (thread->listener_look_ns != 0 && polled_ns >= thread->listener_look_ns)) {
        thread__accept(thread, polled_ns);
    }
    thread__adopt(thread, polled_ns);
    int64_t now_ns = loop_finish_turn(&thread->base);
    while ((base = loop_next_dirty(&thread->base, &now_ns)) != NULL) {
        conn__advance((struct conn *)base, now_ns);
    }
    int64_t deadline_ns = loop_end_turn(&thread->base, now_ns);
    int64_t look_ns = thread->listener_look_ns;
    return look_ns != 0 && look_ns < deadline_ns ? look_ns : deadline_ns;
}

static void overlapped_callback__run(struct server *server, uint32_t index)
{
    struct loop_group *group = server->model_data;
    struct model_thread *thread = (struct model_thread *)group->all[index];
    struct error error;
    if (!thread__open(thread, &error)) {
        loop_thread_failed(&thread->base, &error);
        return;
    }
    server_thread_ready(server);
    int64_t deadline_ns = 0;
    while (!loop_is_over(&thread->base)) {
        bool accept = thread__wait(thread, deadline_ns);
        deadline_ns = thread__turn(thread, accept);
    }
}

static void overlapped_callback__close(struct server *server)
{
    struct loop_group *group = server->model_data;
    for (uint32_t i = 0; group != NULL && group->all != NULL && i < server->threads_max; i++) {
        struct model_thread *thread = (struct model_thread *)group->all[i];
        if (thread == NULL) {
            continue;
        }
        if (thread->handle != NULL) {
            CloseHandle(thread->handle);
        }
        if (thread->listener_event != NULL) {
            WSACloseEvent(thread->listener_event);
        }
        mutex_close(&thread->lock);
    }
    loop_group_close(server);
}

const struct model MODEL(overlapped_callback) = {
    .name = "overlapped-callback",
    .description = "completion: overlapped operations with completion routines, alertable waits",
    .kind = MODEL_PROACTOR,
    .open = overlapped_callback__open,
    .run = overlapped_callback__run,
    .wake = loop_group_wake,
    .close = overlapped_callback__close,
};
