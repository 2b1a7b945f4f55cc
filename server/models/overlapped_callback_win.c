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
#include "models/common/winsock_win.h"

#include <string.h>

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
    uint8_t close_mode; /* enum cport_close_mode */
    uint8_t first[LOOP_FIRST_BYTES];
};

struct model_thread {
    struct loop_thread base; /* first */
    struct mutex lock;       /* guards the handle */
    HANDLE handle;           /* APCs go to it */
    WSAEVENT listener_event; /* index 0 */
    bool accepts;            /* the event is set */
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
    op->bytes = bytes;
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

/* -------- open -------- */

/* Ends the wait. It may also run in the middle of a turn, see op__completed(): the next wait must
 * then not wait. */
static void CALLBACK thread__woken(ULONG_PTR argument)
{
    struct model_thread *thread = (struct model_thread *)argument;
    thread->woken = true;
}

static void thread__wake(struct model_thread *thread)
{
    mutex_lock(&thread->lock);
    if (thread->handle != NULL) {
        QueueUserAPC(thread__woken, thread->handle, (ULONG_PTR)thread);
    }
    mutex_unlock(&thread->lock);
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    mutex_open(&thread->lock);
    return thread->base.index != 0 || winsock_event_open(&thread->listener_event, error);
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
    return winsock_listener_watch(&thread->base, thread->listener_event, error);
}

/* -------- accept -------- */

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    conn->thread = thread;
    conn->recv.conn = conn;
    conn->send.conn = conn;
}

/* -------- readable -------- */

static void conn__recv(struct conn *conn)
{
    int code = winsock_recv(conn->thread->base.recorder, (SOCKET)conn->base.handle, conn->first,
                            sizeof conn->first, op__prepare(&conn->recv), op__completed);
    if (code != 0) {
        conn->recv.in_flight = false;
        session_fail(&conn->base.session, winsock_error_kind(code));
    }
}

/* -------- writable -------- */

static void conn__send(struct conn *conn, int64_t now_ns)
{
    struct loop_conn *base = &conn->base;
    loop_take_output(base, now_ns);
    int code = winsock_send(conn->thread->base.recorder, (SOCKET)base->handle, base->spans,
                            base->spans_count, op__prepare(&conn->send), op__completed);
    if (code != 0) {
        conn->send.in_flight = false;
        winsock_sent(&base->session, code, 0);
    }
}

/* -------- close -------- */

/* The system may write into the connection's memory, and calls a routine with it, until both
 * operations are back. */
static void conn__end_if_idle(struct conn *conn)
{
    if (!conn->recv.in_flight && !conn->send.in_flight) {
        stream_close(conn->base.handle, (enum cport_close_mode)conn->close_mode);
        loop_free(&conn->base);
    }
}

static void conn__close(struct conn *conn, enum cport_close_mode mode)
{
    conn->closing = true;
    conn->close_mode = (uint8_t)mode;
    if (conn->recv.in_flight || conn->send.in_flight) {
        /* They come back cancelled (or done, if they were faster), each by its routine. */
        winsock_cancel(&conn->base, mode);
    }
    conn__end_if_idle(conn);
}

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    enum session_want want;
    (void)thread;
    while ((want = loop_next(&conn->base)) == SESSION_SEND) {
        conn__send(conn, now_ns);
    }
    if (want != SESSION_NOTHING) {
        conn__close(conn, want == SESSION_CLOSE_RST ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
    } else if (!conn->recv.in_flight && session_can_receive(&conn->base.session)) {
        conn__recv(conn);
    }
}

/* -------- run -------- */

static void op__handle(struct op *op, int64_t polled_ns)
{
    struct conn *conn = op->conn;
    struct loop_thread *base = &conn->thread->base;
    /* Only now: with both operations of a connection in one batch the first would free it. */
    op->in_flight = false;
    if (op == &conn->recv) {
        winsock_received(&conn->base.session, (int)op->code, conn->first, op->bytes, polled_ns);
        if (op->bytes == sizeof conn->first) {
            loop_receive_rest(base->recorder, &conn->base.session, conn->base.handle, base->buffer,
                              polled_ns);
        }
    } else {
        winsock_sent(&conn->base.session, (int)op->code, op->bytes);
    }
    if (conn->closing) {
        conn__end_if_idle(conn);
    }
}

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    bool wait = thread->done_head == NULL && !thread->woken;
    DWORD wait_ms = wait ? (DWORD)loop_wait_ms(deadline_ns) : 0;
    if (thread->base.index != 0) {
        SleepEx(wait_ms, TRUE); /* completion routines run in here */
        return thread->done_count;
    }
    DWORD got = WSAWaitForMultipleEvents(1, &thread->listener_event, FALSE, wait_ms, TRUE);
    if (got == WSA_WAIT_FAILED) {
        return -1; /* what has come back is in the list */
    }
    if (got == WSA_WAIT_EVENT_0) {
        /* The event came first, and a wait that does not wait runs no APCs. In a burst of
         * connections none would ever run. (When an APC ends the wait, the next one looks at the
         * event.) */
        SleepEx(0, TRUE);
        thread->accepts = true;
    }
    return thread->done_count;
}

static void thread__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    struct op *op = thread->done_head;
    (void)count;
    thread->woken = false; /* before looking at what it was woken for */
    thread->done_head = NULL;
    thread->done_tail = NULL;
    thread->done_count = 0;
    while (op != NULL) {
        struct op *next = op->done_next; /* the operation may be freed */
        op__handle(op, polled_ns);
        op = next;
    }
    int64_t look_ns = thread->base.look_ns;
    if (thread->accepts || (look_ns != 0 && polled_ns >= look_ns)) {
        thread->accepts = false;
        winsock_listener_accept(&thread->base, thread->listener_event, polled_ns);
    }
}

static void thread__close(struct model_thread *thread)
{
    if (thread->handle != NULL) {
        CloseHandle(thread->handle);
    }
    winsock_event_close(thread->listener_event);
    mutex_close(&thread->lock);
}

static const struct loop_model functions = {
    .io = "overlapped-callback",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .wake = thread__wake,
    .close = thread__close,
};

const struct model MODEL(overlapped_callback) = {
    .name = "overlapped-callback",
    .description = "completion: overlapped operations with completion routines, alertable waits",
    .kind = MODEL_PROACTOR,
    LOOP_MODEL(&functions),
};
