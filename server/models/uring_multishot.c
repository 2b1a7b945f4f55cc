/* uring-multishot: io_uring where one submission accepts all connections, and one per connection
 * receives all its bytes.
 *
 * Completions, like model uring, but the kernel repeats the receive itself and takes a
 * buffer of a shared ring for every run of bytes: a message costs the submission of its reply
 * alone. In exchange the bytes come unasked: when a peer leaves its replies unread, what arrives
 * before the receive is cancelled has to be kept aside. Needs Linux 6.0. A thread owns a ring, a
 * shard and its sessions; the first thread also accepts and hands connections out in turn. */
#include "models/common/model_loop.h"
#include "models/common/waker.h"

#include "core/clock.h"
#include "core/must.h"
#include "cport/linux/socket.h"
#include "cport/uring/buffers.h"
#include "cport/uring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    COMPLETIONS_MAX = 256,
    RING_SOCKETS = 16384, /* sizes the queue of completions */
    BUFFER_GROUP = 0,
    BUFFER_BYTES = 8192,
    BUFFERS_MAX = 256 /* given back within a turn */
};

/* What a completion ends: in the low bits of its user data, beside the pointer. */
enum tag { TAG_RECV, TAG_SEND, TAG_CANCEL, TAG_ACCEPT, TAG_WAKE, TAG_MASK = 7 };

/* Bytes received although the session wants none now. */
struct held {
    struct held *next;
    uint32_t bytes; /* 0: the end of the stream */
    uint8_t data[];
};

struct conn {
    struct loop_conn base; /* first */
    struct conn *next_held;
    struct conn *next_closing;
    struct held *held;
    struct held **held_end;
    uint32_t in_flight_count; /* submissions whose last completion is to come */
    bool listed_held;
    bool receiving;     /* the receive is in flight */
    bool cancelling;    /* a cancel is in flight */
    uint8_t close_mode; /* enum cport_close_mode */
    struct iovec parts[CPORT_SPANS_MAX];
    struct msghdr message;
};

struct model_thread {
    struct loop_thread base; /* first */
    struct io_uring ring;
    struct uring_buffers buffers;
    bool opened;          /* the ring is */
    struct conn *held;    /* those with bytes kept aside */
    struct conn *closing; /* those whose operations are to come back first */
    bool accepting;       /* the accept is in flight */
    bool cancelling;      /* its cancel is */
};

/* -------- open -------- */

static bool ring__open(struct io_uring *ring, struct uring_buffers *buffers, struct error *error)
{
    bool forbidden;
    if (!uring_ring_open(ring, RING_SOCKETS, &forbidden, error)) {
        return false;
    }
    int result = uring_buffers_open(buffers, ring, BUFFER_GROUP, BUFFER_BYTES, BUFFERS_MAX);
    if (result != 0) {
        uring_ring_explain(result, &forbidden, error);
        io_uring_queue_exit(ring);
    }
    return result == 0;
}

static void ring__close(struct io_uring *ring, struct uring_buffers *buffers)
{
    uring_buffers_close(buffers, ring);
    io_uring_queue_exit(ring);
}

/* Can this kernel receive with one submission again and again? Tries it. */
static bool ring__receives_on(struct uring_buffers *buffers, struct io_uring *ring)
{
    int pair[2];
    bool goes_on = false;
    struct io_uring_cqe *cqe = NULL;
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    if (sqe == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    if (write(pair[1], "x", 1) == 1 && io_uring_submit_and_wait(ring, 1) >= 0 &&
        io_uring_peek_cqe(ring, &cqe) == 0) {
        /* It stays in flight after its first bytes: the older kernels refuse the flag. */
        goes_on = cqe->res == 1 && (cqe->flags & IORING_CQE_F_MORE) != 0;
        if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
            uring_buffers_take(buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
            uring_buffers_give_back(buffers);
        }
        io_uring_cqe_seen(ring, cqe);
    }
    close(pair[0]);
    close(pair[1]);
    return goes_on;
}

struct trial {
    bool able;
    struct error why;
};

static void trial__run(void *argument)
{
    struct trial *trial = argument;
    struct io_uring ring;
    struct uring_buffers buffers;
    if (ring__open(&ring, &buffers, &trial->why)) {
        trial->able = ring__receives_on(&buffers, &ring);
        ring__close(&ring, &buffers);
        error_set(&trial->why, "this kernel's receives end after one message (it needs Linux 6.0)");
    }
}

/* There is no falling back where the kernel lacks something: the figures would be another
 * model's. */
static bool ring__try(struct error *error)
{
    struct trial trial = {.able = false};
    struct thread thread;
    /* In a separate thread: the kernel ends a ring by a kind of signal to its thread, and the next
     * blocking call of an embedding program would fail with EINTR. */
    if (!thread_start(&thread, trial__run, &trial, 0, error)) {
        return false;
    }
    thread_join(&thread);
    if (!trial.able) {
        error_set(error, "model uring-multishot: %s; --model uring or --model epoll serve here",
                  trial.why.text);
    }
    return trial.able;
}

static bool thread__prepare(struct model_thread *thread, struct error *error)
{
    return thread->base.index != 0 || ring__try(error);
}

/* Where the queue is full it goes to the kernel a little early; where that takes nothing just now
 * (no memory), the thread waits until it does: nothing is lost. */
static struct io_uring_sqe *thread__submit(struct model_thread *thread)
{
    struct io_uring_sqe *sqe;
    while ((sqe = io_uring_get_sqe(&thread->ring)) == NULL) {
        thread->base.recorder->port.syscalls++;
        if (io_uring_submit(&thread->ring) < 0) {
            clock_sleep_until_ns(clock_now_ns() + NS_PER_MS);
        }
    }
    return sqe;
}

static uint64_t tag__put(void *owner, enum tag tag)
{
    return (uint64_t)(uintptr_t)owner | (uint64_t)tag;
}

static void thread__watch_waker(struct model_thread *thread)
{
    struct io_uring_sqe *sqe = thread__submit(thread);
    io_uring_prep_poll_multishot(sqe, (int)thread->base.waker, POLLIN);
    io_uring_sqe_set_data64(sqe, tag__put(thread, TAG_WAKE));
}

static bool thread__open(struct model_thread *thread, struct error *error)
{
    thread->opened = ring__open(&thread->ring, &thread->buffers, error);
    if (thread->opened) {
        thread__watch_waker(thread);
    }
    return thread->opened;
}

/* -------- accept -------- */

/* One submission accepts until it is cancelled or fails. */
static void thread__watch_listener(struct model_thread *thread, int64_t now_ns)
{
    bool wanted = server_stopping(thread->base.server) == SERVER_RUNNING &&
                  loop_accepts(&thread->base, now_ns);
    if (wanted && !thread->accepting) {
        struct io_uring_sqe *sqe = thread__submit(thread);
        io_uring_prep_multishot_accept(sqe, (int)thread->base.listener, NULL, NULL, SOCK_CLOEXEC);
        io_uring_sqe_set_data64(sqe, tag__put(thread, TAG_ACCEPT));
        thread->accepting = true;
    } else if (!wanted && thread->accepting && !thread->cancelling) {
        struct io_uring_sqe *sqe = thread__submit(thread);
        io_uring_prep_cancel64(sqe, tag__put(thread, TAG_ACCEPT), 0);
        io_uring_sqe_set_data64(sqe, tag__put(NULL, TAG_CANCEL));
        thread->cancelling = true;
    }
}

/* Who is connected. (All accepts of one submission would share one place for the address.) */
static void peer__ask(cport_handle handle, struct net_address *peer)
{
    struct sockaddr_storage name;
    socklen_t name_bytes = sizeof name;
    if (getpeername((int)handle, (struct sockaddr *)&name, &name_bytes) == 0 &&
        name_bytes <= sizeof peer->bytes) {
        memcpy(peer->bytes, &name, name_bytes);
        peer->bytes_count = (uint16_t)name_bytes;
    }
}

static void thread__accepted(struct model_thread *thread, const struct io_uring_cqe *cqe,
                             int64_t now_ns)
{
    thread->accepting = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res >= 0 && thread->base.listener == CPORT_HANDLE_NONE) {
        stream_close(cqe->res, CPORT_CLOSE_RST); /* came in while accepting was being ended */
    } else if (cqe->res >= 0) {
        struct handoff entry = {.handle = cqe->res};
        peer__ask(cqe->res, &entry.peer);
        thread->base.recorder->port.syscalls++;
        loop_hand_out(&thread->base, &entry, now_ns);
    } else if (cqe->res != -ECANCELED) {
        loop_accept_failed(&thread->base, cport_result_from_errno(-cqe->res), now_ns);
    }
}

static void thread__adopt(struct model_thread *thread, struct conn *conn)
{
    (void)thread;
    conn->held_end = &conn->held;
}

/* -------- readable -------- */

/* One submission receives until the end of the stream, a cancel, or an empty buffer ring. */
static void conn__start_receive(struct model_thread *thread, struct conn *conn)
{
    struct io_uring_sqe *sqe = thread__submit(thread);
    io_uring_prep_recv_multishot(sqe, (int)conn->base.handle, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, tag__put(conn, TAG_RECV));
    conn->receiving = true;
    conn->in_flight_count++;
}

static void conn__hold(struct model_thread *thread, struct conn *conn, const uint8_t *data,
                       uint32_t bytes)
{
    struct held *held = malloc(sizeof *held + bytes);
    if (held == NULL) {
        session_fail(&conn->base.session, ERROR_KIND_LOCAL_LIMIT);
        return;
    }
    held->next = NULL;
    held->bytes = bytes;
    if (bytes > 0) {
        memcpy(held->data, data, bytes);
    }
    *conn->held_end = held;
    conn->held_end = &held->next;
    if (!conn->listed_held) {
        conn->listed_held = true;
        conn->next_held = thread->held;
        thread->held = conn;
    }
}

static void conn__feed(struct conn *conn, const uint8_t *data, uint32_t bytes, int64_t polled_ns)
{
    if (bytes > 0) {
        session_receive(&conn->base.session, data, bytes, polled_ns, clock_now_ns());
    } else {
        session_receive_end(&conn->base.session, polled_ns);
    }
}

/* Bytes that are of no use any more (behind the end that TLS has said, or of a connection being
 * closed) are only counted. */
static bool conn__takes(const struct session *session)
{
    return session->read_ended || session->abort || session_can_receive(session);
}

static void conn__received(struct model_thread *thread, struct conn *conn,
                           const struct io_uring_cqe *cqe, int64_t polled_ns)
{
    struct session *session = &conn->base.session;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        conn->receiving = false;
        conn->in_flight_count--;
        shard_touch(thread->base.shard, session); /* start it again, if bytes are wanted */
    }
    if (cqe->res < 0) {
        if (cqe->res == -ENOBUFS) {
            uring_buffers_grow(&thread->buffers);
        }
        if (cqe->res != -ENOBUFS && cqe->res != -ECANCELED) {
            session_fail(session, model_error_kind(cport_result_from_errno(-cqe->res)));
        }
        return;
    }
    const uint8_t *data = NULL; /* the end of the stream has none */
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        data = uring_buffers_take(&thread->buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    }
    if (conn->held != NULL || !conn__takes(session)) {
        conn__hold(thread, conn, data, (uint32_t)cqe->res);
    } else {
        conn__feed(conn, data, (uint32_t)cqe->res, polled_ns);
    }
}

/* True: nothing is kept aside any more. */
static bool conn__feed_held(struct conn *conn, int64_t polled_ns)
{
    struct session *session = &conn->base.session;
    while (conn->held != NULL && conn__takes(session)) {
        struct held *held = conn->held;
        conn->held = held->next;
        conn__feed(conn, held->data, held->bytes, polled_ns);
        free(held);
    }
    if (conn->held != NULL) {
        return false;
    }
    conn->held_end = &conn->held;
    conn->listed_held = false;
    return true;
}

static void thread__feed_held(struct model_thread *thread, int64_t polled_ns)
{
    struct conn **place = &thread->held;
    while (*place != NULL) {
        struct conn *conn = *place;
        if (conn__feed_held(conn, polled_ns)) {
            *place = conn->next_held;
        } else {
            place = &conn->next_held;
        }
    }
}

/* -------- writable -------- */

static void conn__start_send(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    struct loop_conn *base = &conn->base;
    loop_take_output(base, now_ns);
    for (int i = 0; i < base->spans_count; i++) {
        conn->parts[i].iov_base = (void *)(uintptr_t)base->spans[i].data;
        conn->parts[i].iov_len = base->spans[i].bytes;
    }
    conn->message =
        (struct msghdr){.msg_iov = conn->parts, .msg_iovlen = (size_t)base->spans_count};
    struct io_uring_sqe *sqe = thread__submit(thread);
    io_uring_prep_sendmsg(sqe, (int)base->handle, &conn->message, MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, tag__put(conn, TAG_SEND));
    conn->in_flight_count++;
}

static void conn__sent(struct conn *conn, int result)
{
    conn->in_flight_count--;
    conn->base.spans_count = 0;
    session_sent(&conn->base.session, result > 0 ? (uint32_t)result : 0);
    if (result < 0 && result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
        session_fail(&conn->base.session, model_error_kind(cport_result_from_errno(-result)));
    }
}

/* -------- close -------- */

/* Asks for everything in flight on the socket (or the receive alone) to come back. */
static void conn__cancel(struct model_thread *thread, struct conn *conn, bool receive_alone)
{
    struct io_uring_sqe *sqe = thread__submit(thread);
    if (receive_alone) {
        io_uring_prep_cancel64(sqe, tag__put(conn, TAG_RECV), 0);
    } else {
        io_uring_prep_cancel_fd(sqe, (int)conn->base.handle, IORING_ASYNC_CANCEL_ALL);
    }
    io_uring_sqe_set_data64(sqe, tag__put(conn, TAG_CANCEL));
    conn->cancelling = true;
    conn->in_flight_count++;
}

static void conn__close(struct model_thread *thread, struct conn *conn, enum cport_close_mode mode)
{
    conn->close_mode = (uint8_t)mode;
    conn->next_closing = thread->closing;
    thread->closing = conn;
}

/* Ends the closing connections that the kernel holds nothing of any more. */
static void thread__close_conns(struct model_thread *thread)
{
    struct conn **place = &thread->closing;
    while (*place != NULL) {
        struct conn *conn = *place;
        if (conn->in_flight_count > 0 || conn->listed_held) {
            if (conn->in_flight_count == 0) {
                waker_wake(thread->base.waker); /* the next turn drops what was kept aside */
            } else if (!conn->cancelling) {
                conn__cancel(thread, conn, false); /* again, when one was just too early */
            }
            place = &conn->next_closing;
            continue;
        }
        *place = conn->next_closing;
        stream_close(conn->base.handle, (enum cport_close_mode)conn->close_mode);
        loop_free(&conn->base);
    }
}

static void thread__advance(struct model_thread *thread, struct conn *conn, int64_t now_ns)
{
    struct session *session = &conn->base.session;
    enum session_want want;
    while ((want = loop_next(&conn->base)) == SESSION_SEND) {
        conn__start_send(thread, conn, now_ns);
    }
    if (want != SESSION_NOTHING) {
        conn__close(thread, conn, want == SESSION_CLOSE_RST ? CPORT_CLOSE_RST : CPORT_CLOSE_FIN);
        return;
    }
    if (!conn->receiving && conn->held == NULL && session_can_receive(session)) {
        conn__start_receive(thread, conn);
    } else if (conn->receiving && !conn->cancelling && !session->read_ended &&
               !session_can_receive(session)) {
        conn__cancel(thread, conn, true);
    }
}

/* -------- run -------- */

static void thread__complete(struct model_thread *thread, const struct io_uring_cqe *cqe,
                             int64_t polled_ns)
{
    struct conn *conn = (struct conn *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);
    switch ((enum tag)(cqe->user_data & TAG_MASK)) {
    case TAG_RECV:
        conn__received(thread, conn, cqe, polled_ns);
        break;
    case TAG_SEND:
        conn__sent(conn, cqe->res);
        break;
    case TAG_CANCEL:
        if (conn == NULL) {
            thread->cancelling = false;
        } else {
            conn->in_flight_count--;
            conn->cancelling = false;
            shard_touch(thread->base.shard, &conn->base.session);
        }
        break;
    case TAG_ACCEPT:
        thread__accepted(thread, cqe, polled_ns);
        break;
    case TAG_WAKE:
        waker_clear(thread->base.waker);
        if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
            thread__watch_waker(thread);
        }
        break;
    case TAG_MASK:
        must(false); /* never submitted */
    }
}

static void thread__handle(struct model_thread *thread, int count, int64_t polled_ns)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    (void)count;
    io_uring_for_each_cqe(&thread->ring, head, cqe)
    {
        if (seen == COMPLETIONS_MAX) {
            break;
        }
        thread__complete(thread, cqe, polled_ns);
        seen++;
    }
    io_uring_cq_advance(&thread->ring, seen);
    uring_buffers_give_back(&thread->buffers);
    thread__feed_held(thread, polled_ns);
}

static void thread__finish(struct model_thread *thread, int64_t now_ns)
{
    thread__close_conns(thread);
    thread__watch_listener(thread, now_ns);
    thread->base.busy = thread->accepting;
}

static int thread__wait(struct model_thread *thread, int64_t deadline_ns)
{
    int wait_ms = loop_wait_ms(deadline_ns);
    struct __kernel_timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000LL};
    struct io_uring_cqe *cqe;
    bool waits = wait_ms > 0 && io_uring_cq_ready(&thread->ring) == 0;
    int result = waits ? io_uring_submit_and_wait_timeout(&thread->ring, &cqe, 1, &wait, NULL)
                       : io_uring_submit_and_get_events(&thread->ring);
    uring_ring_check(result);
    return (int)io_uring_cq_ready(&thread->ring);
}

static void thread__leave(struct model_thread *thread)
{
    if (thread->opened) {
        ring__close(&thread->ring, &thread->buffers);
    }
}

static const struct loop_model functions = {
    .io = "uring",
    .thread_bytes = sizeof(struct model_thread),
    .conn_bytes = sizeof(struct conn),
    .blocking = true, /* otherwise a receive would end with EAGAIN */
    .prepare = thread__prepare,
    .open = thread__open,
    .wait = thread__wait,
    .handle = thread__handle,
    .adopt = thread__adopt,
    .advance = thread__advance,
    .finish = thread__finish,
    .leave = thread__leave,
};

const struct model MODEL(uring_multishot) = {
    .name = "uring-multishot",
    .description = "io_uring: one submission accepts all, one per connection receives all",
    .kind = MODEL_PROACTOR,
    LOOP_MODEL(&functions),
};
