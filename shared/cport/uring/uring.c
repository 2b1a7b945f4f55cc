/* The completion port over io_uring (Linux 5.19; best from 6.1).
 *
 * Submits fill entries of the submission ring; cport_poll() hands them all to the kernel and waits
 * for completions in one io_uring_enter(). Nothing is allocated, and an operation in flight is
 * found again by its address in user_data. */
#include "cport/backend.h"

#include "core/clock.h"
#include "core/must.h"
#include "core/prefetch.h"
#include "cport/linux/socket.h"
#include "cport/linux/waker.h"
#include "cport/uring/buffers.h"
#include "cport/uring/ring.h"

#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The kernel reads an array of spans as an array of iovecs. */
/* user_data of entries that are no operations; no operation has such an address. */
enum { URING_DATA_IGNORE = 0, URING_DATA_WAKER = 1 };

/* Places in cport_socket.backend: the operations in flight, for cancelling them one by one. By
 * descriptor the kernel would walk through everything in flight, for each socket again. */
enum { URING_SLOT_RECV, URING_SLOT_OTHER };

/* cport_socket.flags */
enum {
    URING_SOCKET_LISTENER = 1,
    URING_SOCKET_EMPTY = 2, /* the last receive left nothing behind */
    URING_SOCKET_BULK = 4   /* it filled its buffer: the next one takes a large one */
};

/* cport_op.flags */
enum {
    URING_OP_LISTED = 1,    /* in one of the port's lists, not in the kernel */
    URING_OP_CANCELLED = 2, /* it must not go there (again) */
    URING_OP_LARGE = 4      /* a receive: of the large buffers */
};

/* At a time, thousands of sockets receive a little and few receive much: many small buffers, few
 * large ones. Which size a receive takes is known when it is submitted; while it waits for bytes it
 * holds no buffer. So a port's buffers take 9 MiB at most, and the small ones only as many as were
 * in use at the same time. */
enum {
    URING_SMALL,
    URING_LARGE,
    URING_SIZES,
    URING_SMALL_BYTES = 4096,
    URING_SMALL_COUNT_MIN = 64,
    URING_SMALL_COUNT_MAX = 1024,
    URING_LARGE_COUNT = 64
};

struct uring_port {
    struct cport base;
    struct io_uring ring;
    struct uring_buffers buffers[URING_SIZES]; /* the large ones, where receives may be larger */
    int sizes_count;                           /* of buffers */
    uint32_t bulk_bytes;                       /* a receive of this many has filled a small one */
    bool short_of[URING_SIZES];                /* a receive has found none */
    struct cport_op_list finished;             /* at submit; handed out by the next poll */
    struct cport_op_list receives;             /* asked for since the last poll */
    struct cport_op_list held;    /* receives whose socket was sending, for the next poll */
    struct cport_op_list starved; /* receives that found no buffer, to be submitted again */
    struct cport_op_list closing; /* closes that found no room in the ring */
    struct cport_op_list waiting; /* the other operations that found none */
    struct cport_waker waker;
    uint64_t waker_value;
    bool waker_armed;
};

/* What an accept keeps while in flight. */
struct uring_accept {
    struct sockaddr_in6 peer;
    socklen_t peer_bytes;
};

static struct uring_port *uring__port_of(struct cport *port)
{
    return (struct uring_port *)port;
}

_Static_assert(sizeof(struct span) == sizeof(struct iovec), "span is iovec");
_Static_assert(offsetof(struct span, data) == offsetof(struct iovec, iov_base), "span is iovec");
_Static_assert(offsetof(struct span, bytes) == offsetof(struct iovec, iov_len), "span is iovec");
_Static_assert(sizeof(struct msghdr) <= sizeof(((struct cport_op *)0)->backend),
               "msghdr fits the op");
/* The place in cport_op.backend of the size of the address, which precedes it. */
enum { URING_CONNECT_BYTES = 6 };
_Static_assert(sizeof(((struct net_address *)0)->bytes) <= URING_CONNECT_BYTES * sizeof(uintptr_t),
               "address fits");
_Static_assert(sizeof(struct uring_accept) <= sizeof(((struct cport_accept_op *)0)->backend),
               "the peer's address fits the op");

/* -------- submitting -------- */

static struct io_uring_sqe *uring__sqe(struct uring_port *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    if (sqe == NULL) {
        uring->base.stats.syscalls++;
        uring_ring_check(io_uring_submit(&uring->ring));
        sqe = io_uring_get_sqe(&uring->ring);
    }
    return sqe;
}

/* The outcome is known inside the submit. */
static void uring__finish_now(struct uring_port *uring, struct cport_op *op,
                              enum cport_result result, int system_error)
{
    if (op->type != CPORT_OP_CLOSE) {
        op->socket->backend[op->type == CPORT_OP_RECV ? URING_SLOT_RECV : URING_SLOT_OTHER] = 0;
    }
    cport_op_finish(op, result, system_error);
    cport_op_list_push(&uring->finished, op);
    uring->base.stats.immediate++;
}

static void uring__arm_waker(struct uring_port *uring)
{
    struct io_uring_sqe *sqe = uring__sqe(uring);
    uring->waker_armed = sqe != NULL;
    if (sqe != NULL) {
        io_uring_prep_read(sqe, uring->waker.fd, &uring->waker_value, sizeof uring->waker_value, 0);
        io_uring_sqe_set_data64(sqe, URING_DATA_WAKER);
    }
}

static bool uring__listen(struct cport *port, struct cport_socket *listener,
                          const struct net_address *address, int backlog, struct error *error)
{
    listener->handle = cport_socket_listen(address, backlog, 0, &port->stats.syscalls, error);
    listener->flags = URING_SOCKET_LISTENER;
    return listener->handle != CPORT_HANDLE_NONE;
}

/* The ring is full, and the kernel takes nothing of it just now: then an operation waits for the
 * next poll. Nothing is lost, and nothing fails that another moment would have let through. */
static struct io_uring_sqe *uring__op_sqe(struct uring_port *uring, struct cport_op *op)
{
    struct io_uring_sqe *sqe = uring->waiting.first == NULL ? uring__sqe(uring) : NULL;
    if (sqe == NULL) {
        op->flags |= URING_OP_LISTED;
        cport_op_list_push(&uring->waiting, op);
    }
    return sqe;
}

static void uring__prepare_accept(struct io_uring_sqe *sqe, struct cport_accept_op *op)
{
    const struct cport_socket *listener = op->op.socket;
    struct uring_accept *accept = (struct uring_accept *)(void *)op->backend;
    accept->peer_bytes = sizeof accept->peer;
    /* Not SOCK_NONBLOCK: no backend needs it, and any port may adopt the handle. */
    io_uring_prep_accept(sqe, (int)listener->handle, (struct sockaddr *)&accept->peer,
                         &accept->peer_bytes, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, &op->op);
}

static void uring__accept(struct cport *port, struct cport_socket *listener,
                          struct cport_accept_op *op)
{
    (void)listener;
    struct io_uring_sqe *sqe = uring__op_sqe(uring__port_of(port), &op->op);
    if (sqe != NULL) {
        uring__prepare_accept(sqe, op);
    }
}

static enum cport_result uring__adopt(struct cport *port, struct cport_socket *socket,
                                      cport_handle handle)
{
    (void)port; /* TCP_NODELAY is inherited from the listener */
    socket->handle = handle;
    return CPORT_OK;
}

/* The address is in op->backend: the kernel reads it at the poll. */
static void uring__prepare_connect(struct io_uring_sqe *sqe, struct cport_op *op)
{
    io_uring_prep_connect(sqe, (int)op->socket->handle, (const struct sockaddr *)op->backend,
                          (socklen_t)op->backend[URING_CONNECT_BYTES]);
    io_uring_sqe_set_data(sqe, op);
}

static void uring__connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                           const struct net_address *remote, const struct net_address *local)
{
    struct uring_port *uring = uring__port_of(port);
    enum cport_result result = CPORT_OK;
    int system_error = 0;
    socket->handle =
        cport_socket_open(remote, local, 0, &port->stats.syscalls, &result, &system_error);
    if (socket->handle == CPORT_HANDLE_NONE) {
        uring__finish_now(uring, op, result, system_error);
        return;
    }
    memcpy(op->backend, remote->bytes, sizeof remote->bytes);
    op->backend[URING_CONNECT_BYTES] = remote->bytes_count;
    socket->backend[URING_SLOT_OTHER] = (uintptr_t)op;
    struct io_uring_sqe *sqe = uring__op_sqe(uring, op);
    if (sqe != NULL) {
        uring__prepare_connect(sqe, op);
    }
}

static void uring__list_recv(struct cport_op_list *list, struct cport_op *op)
{
    op->flags |= URING_OP_LISTED;
    cport_op_list_push(list, op);
}

static void uring__submit_recv(struct uring_port *uring, struct cport_op *op)
{
    struct cport_socket *socket = op->socket;
    op->flags &= ~(uint32_t)URING_OP_LISTED;
    struct io_uring_sqe *sqe = uring__sqe(uring);
    if (sqe == NULL) {
        uring__list_recv(&uring->starved, op);
        return;
    }
    io_uring_prep_recv(sqe, (int)socket->handle, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    op->flags &= ~(uint32_t)URING_OP_LARGE;
    sqe->buf_group = URING_SMALL;
    if ((socket->flags & URING_SOCKET_BULK) != 0) {
        op->flags |= URING_OP_LARGE;
        sqe->buf_group = URING_LARGE;
    }
    if ((socket->flags & URING_SOCKET_EMPTY) != 0) {
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST; /* spares an attempt that finds nothing */
    }
    io_uring_sqe_set_data(sqe, op);
}

static void uring__recv(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    must(socket->backend[URING_SLOT_RECV] == 0);
    socket->backend[URING_SLOT_RECV] = (uintptr_t)op;
    uring__list_recv(&uring__port_of(port)->receives, op);
}

static struct msghdr *uring__set_message(struct cport_op *op, const struct span *spans,
                                         int spans_count)
{
    struct msghdr *message = (struct msghdr *)(void *)op->backend;
    memset(message, 0, sizeof *message);
    memcpy(&message->msg_iov, &spans, sizeof spans); /* the kernel does not write to it */
    message->msg_iovlen = (size_t)spans_count;
    return message;
}

static void uring__send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                        const struct span *spans, int spans_count)
{
    must(socket->backend[URING_SLOT_OTHER] == 0);
    socket->backend[URING_SLOT_OTHER] = (uintptr_t)op;
    struct io_uring_sqe *sqe = uring__op_sqe(uring__port_of(port), op);
    if (sqe == NULL) {
        uring__set_message(op, spans, spans_count);
        return;
    }
    if (spans_count == 1) {
        size_t bytes = spans[0].bytes < INT_MAX ? spans[0].bytes : INT_MAX;
        io_uring_prep_send(sqe, (int)socket->handle, spans[0].data, bytes, MSG_NOSIGNAL);
    } else {
        io_uring_prep_sendmsg(sqe, (int)socket->handle, uring__set_message(op, spans, spans_count),
                              MSG_NOSIGNAL);
    }
    io_uring_sqe_set_data(sqe, op);
}

static void uring__shutdown(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    /* IORING_OP_SHUTDOWN always goes to a kernel thread; the plain call never waits. */
    port->stats.syscalls++;
    int system_error = shutdown((int)socket->handle, SHUT_WR) == 0 ? 0 : errno;
    uring__finish_now(uring__port_of(port), op, cport_result_from_errno(system_error),
                      system_error);
}

/* True when the request is submitted, or not needed. */
static bool uring__cancel_op(struct uring_port *uring, struct cport_op *op)
{
    /* It may not be with the kernel (yet, or again): then it must not go there. */
    op->flags |= URING_OP_CANCELLED;
    if ((op->flags & URING_OP_LISTED) != 0) {
        return true;
    }
    struct io_uring_sqe *sqe = uring__sqe(uring);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, URING_DATA_IGNORE);
    return true;
}

static void uring__cancel(struct cport *port, struct cport_op *op)
{
    uring__cancel_op(uring__port_of(port), op);
}

/* Cancels what is in flight on the socket. False: not all, no room; try again. */
static bool uring__cancel_socket(struct uring_port *uring, struct cport_socket *socket)
{
    if ((socket->flags & URING_SOCKET_LISTENER) != 0) {
        struct io_uring_sqe *sqe = uring__sqe(uring);
        if (sqe != NULL) {
            io_uring_prep_cancel_fd(sqe, (int)socket->handle, IORING_ASYNC_CANCEL_ALL);
            io_uring_sqe_set_data64(sqe, URING_DATA_IGNORE);
        }
        return sqe != NULL;
    }
    bool done = true;
    for (int slot = URING_SLOT_RECV; slot <= URING_SLOT_OTHER; slot++) {
        struct cport_op *op = (struct cport_op *)socket->backend[slot];
        if (op != NULL && !uring__cancel_op(uring, op)) {
            done = false;
        }
    }
    return done;
}

static void uring__close_later(struct uring_port *uring, struct cport_op *op)
{
    op->flags |= URING_OP_LISTED;
    cport_op_list_push(&uring->closing, op);
}

static void uring__close_step(struct uring_port *uring, struct cport_op *op, bool cancel)
{
    struct cport_socket *socket = op->socket;
    if ((op->flags & URING_OP_LISTED) != 0) {
        return; /* its turn comes with the next poll */
    }
    if (socket->in_flight_count != 0) {
        if (cancel && !uring__cancel_socket(uring, socket)) {
            uring__close_later(uring, op);
        }
        return;
    }
    struct io_uring_sqe *sqe = uring__sqe(uring);
    if (sqe == NULL) {
        uring__close_later(uring, op);
        return;
    }
    io_uring_prep_close(sqe, (int)socket->handle);
    io_uring_sqe_set_data(sqe, op);
}

static void uring__close(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                         enum cport_close_mode mode)
{
    if (socket->handle == CPORT_HANDLE_NONE) {
        uring__finish_now(uring__port_of(port), op, CPORT_OK, 0);
        return;
    }
    if (mode == CPORT_CLOSE_RST) {
        cport_socket_set_abort(socket->handle, &port->stats.syscalls);
    }
    uring__close_step(uring__port_of(port), op, true);
}

/* -------- completing -------- */

/* An operation of one of the lists: it has not been submitted, and is not. */
static void uring__end_cancelled(struct uring_port *uring, struct cport_op *op)
{
    struct cport_socket *socket = op->socket;
    socket->backend[op->type == CPORT_OP_RECV ? URING_SLOT_RECV : URING_SLOT_OTHER] = 0;
    cport_op_finish(op, CPORT_CANCELLED, ECANCELED);
    cport_op_list_push(&uring->finished, op);
    if (socket->close_op != NULL && socket->in_flight_count == 0) {
        uring__close_step(uring, socket->close_op, false);
    }
}

/* Hands a receive of one of the lists to the kernel, or ends it where it was cancelled there. */
static void uring__pass_recv(struct uring_port *uring, struct cport_op *op)
{
    if ((op->flags & URING_OP_CANCELLED) == 0) {
        uring__submit_recv(uring, op);
        return;
    }
    uring__end_cancelled(uring, op);
}

/* Hands the operations that found no room to the kernel, as many as fit. */
static void uring__pass_waiting(struct uring_port *uring)
{
    struct cport_op *op;
    while ((op = uring->waiting.first) != NULL) {
        bool cancelled = (op->flags & URING_OP_CANCELLED) != 0 || op->socket->close_op != NULL;
        struct io_uring_sqe *sqe = cancelled ? NULL : uring__sqe(uring);
        if (!cancelled && sqe == NULL) {
            return;
        }
        cport_op_list_pop(&uring->waiting);
        op->flags &= ~(uint32_t)URING_OP_LISTED;
        if (cancelled) {
            uring__end_cancelled(uring, op);
        } else if (op->type == CPORT_OP_ACCEPT) {
            uring__prepare_accept(sqe, (struct cport_accept_op *)op);
        } else if (op->type == CPORT_OP_CONNECT) {
            uring__prepare_connect(sqe, op);
        } else {
            io_uring_prep_sendmsg(sqe, (int)op->socket->handle, (struct msghdr *)op->backend,
                                  MSG_NOSIGNAL);
            io_uring_sqe_set_data(sqe, op);
        }
    }
}

/* Of the receives that found no buffer, at most count. */
static void uring__feed_starved(struct uring_port *uring, uint32_t count)
{
    for (uint32_t i = 0; i < count && uring->starved.first != NULL; i++) {
        struct cport_op *op = cport_op_list_pop(&uring->starved);
        op->socket->flags &= ~(uint32_t)URING_SOCKET_EMPTY;
        uring__pass_recv(uring, op);
    }
}

/* With this many completions to be handed out no more is received: later bytes would wait in the
 * ring, holding a buffer, instead of in their socket, and so would the completion of a send behind
 * them, until nothing of their connection is in the cache any more. */
enum { URING_BACKLOG_MAX = 512 };

/* A receive asked for together with a send waits for one poll: the send leaves first, and when many
 * sockets are busy the answer is there by then. Taking it immediately costs the kernel less
 * than waiting for it: no poll to arm, no wake-up. The poll does not sleep meanwhile. */
static void uring__pass_receives(struct uring_port *uring)
{
    uint32_t ready = io_uring_cq_ready(&uring->ring);
    uint32_t room = ready < URING_BACKLOG_MAX ? URING_BACKLOG_MAX - ready : 0;
    for (; room > 0 && uring->held.first != NULL; room--) {
        struct cport_op *op = cport_op_list_pop(&uring->held);
        op->socket->flags &= ~(uint32_t)URING_SOCKET_EMPTY;
        uring__pass_recv(uring, op);
    }
    for (struct cport_op *op; (op = cport_op_list_pop(&uring->receives)) != NULL;) {
        if (room == 0 || op->socket->backend[URING_SLOT_OTHER] != 0) {
            uring__list_recv(&uring->held, op);
        } else {
            uring__pass_recv(uring, op);
            room--;
        }
    }
}

/* False: the receive found no buffer and stays in flight. */
static bool uring__complete_recv(struct uring_port *uring, struct cport_op *op,
                                 const struct io_uring_cqe *cqe)
{
    struct uring_buffers *buffers =
        &uring->buffers[(op->flags & URING_OP_LARGE) != 0 ? URING_LARGE : URING_SMALL];
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        op->data = uring_buffers_take(buffers, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    }
    if (cqe->res >= 0) {
        op->bytes = (uint32_t)cqe->res;
        if (op->bytes >= uring->bulk_bytes) {
            op->socket->flags |= URING_SOCKET_BULK;
        } else {
            op->socket->flags &= ~(uint32_t)URING_SOCKET_BULK;
        }
        if ((cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0) {
            op->socket->flags &= ~(uint32_t)URING_SOCKET_EMPTY;
        } else {
            op->socket->flags |= URING_SOCKET_EMPTY;
        }
        return true;
    }
    if (cqe->res != -ENOBUFS && cqe->res != -EINTR && cqe->res != -EAGAIN) {
        return true;
    }
    if (cqe->res == -ENOBUFS) {
        uring->short_of[buffers == &uring->buffers[URING_LARGE] ? URING_LARGE : URING_SMALL] = true;
        op->socket->flags &= ~(uint32_t)URING_SOCKET_BULK; /* of the small ones there are more */
    }
    uring__list_recv(&uring->starved, op);
    return false;
}

static void uring__complete_accept(struct cport_op *op, int handle)
{
    struct cport_accept_op *accept_op = (struct cport_accept_op *)op;
    struct uring_accept *accept = (struct uring_accept *)(void *)accept_op->backend;
    accept_op->accepted = handle;
    accept_op->peer.bytes_count = (uint16_t)accept->peer_bytes;
    memcpy(accept_op->peer.bytes, &accept->peer, sizeof accept_op->peer.bytes);
}

/* The operation to hand out, or NULL when the entry ends none. */
static struct cport_op *uring__complete(struct uring_port *uring, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data <= URING_DATA_WAKER) {
        if (cqe->user_data == URING_DATA_WAKER) {
            uring__arm_waker(uring);
        }
        return NULL;
    }
    struct cport_op *op = (struct cport_op *)(uintptr_t)cqe->user_data;
    struct cport_socket *socket = op->socket;
    switch (op->type) {
    case CPORT_OP_RECV:
        if (!uring__complete_recv(uring, op, cqe)) {
            return NULL;
        }
        socket->backend[URING_SLOT_RECV] = 0;
        break;
    case CPORT_OP_SEND:
        op->bytes = cqe->res >= 0 ? (uint32_t)cqe->res : 0;
        socket->backend[URING_SLOT_OTHER] = 0;
        break;
    case CPORT_OP_CONNECT:
        socket->backend[URING_SLOT_OTHER] = 0;
        break;
    case CPORT_OP_ACCEPT:
        if (cqe->res >= 0) {
            uring__complete_accept(op, cqe->res);
        }
        break;
    default: /* a close: nothing else can be known of it */
        socket->handle = CPORT_HANDLE_NONE;
        break;
    }
    int system_error = cqe->res < 0 ? -cqe->res : 0;
    cport_op_finish(op, system_error == 0 ? CPORT_OK : cport_result_from_errno(system_error),
                    system_error);
    if (socket->close_op != NULL && socket->close_op != op && socket->in_flight_count == 0) {
        uring__close_step(uring, socket->close_op, false);
    }
    return op;
}

/* This few entries are not worth a separate system call. */
enum { URING_ENTRIES_FEW = 4 };

static void uring__submit_and_peek(struct uring_port *uring)
{
    uring->base.stats.syscalls++;
    uring_ring_check(io_uring_submit_and_get_events(&uring->ring));
}

/* One system call: submits everything, and waits when there is reason to. Where the wait is timed
 * it is a second call, made only if the submission completed nothing: sends complete immediately,
 * so a busy port still makes one call, and the time the calls below it take never counts as
 * waiting. */
static void uring__enter(struct uring_port *uring, bool wait, int64_t deadline_ns)
{
    struct cport *port = &uring->base;
    wait = wait && deadline_ns > 0 && io_uring_cq_ready(&uring->ring) == 0;
    if (wait && port->times_waits && io_uring_sq_ready(&uring->ring) > URING_ENTRIES_FEW) {
        uring__submit_and_peek(uring);
        if (io_uring_cq_ready(&uring->ring) > 0) {
            port->last_poll_ns = clock_now_ns();
            return;
        }
    }
    int64_t left_ns = 0;
    int64_t from_ns = deadline_ns;
    if (wait) {
        from_ns = clock_now_ns();
        left_ns = deadline_ns == TIME_NEVER_NS ? TIME_NEVER_NS : deadline_ns - from_ns;
    }
    int result;
    port->stats.syscalls++;
    if (left_ns > 0 && cport_waker_may_sleep(&uring->waker)) {
        struct io_uring_cqe *cqe;
        struct __kernel_timespec left = {.tv_sec = left_ns / NS_PER_S,
                                         .tv_nsec = left_ns % NS_PER_S};
        result = io_uring_submit_and_wait_timeout(
            &uring->ring, &cqe, 1, deadline_ns == TIME_NEVER_NS ? NULL : &left, NULL);
    } else {
        from_ns = deadline_ns;
        result = io_uring_submit_and_get_events(&uring->ring);
    }
    uring_ring_check(result);
    if (port->times_waits) {
        cport_note_wait(port, from_ns, clock_now_ns(), deadline_ns);
    }
}

/* So many completions before its turn an operation is fetched into the cache. (Past the last entry
 * there are old ones: harmless.) */
enum { URING_AHEAD = 4 };

static int uring__reap(struct uring_port *uring, struct cport_op **completions, int completions_max)
{
    const unsigned mask = uring->ring.cq.ring_mask;
    int count = 0;
    unsigned head;
    unsigned seen = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (count == completions_max) {
            break;
        }
        seen++;
        const struct io_uring_cqe *soon = &uring->ring.cq.cqes[(head + URING_AHEAD) & mask];
        prefetch((const void *)(uintptr_t)soon->user_data, CPORT_OP_HOT_BYTES);
        struct cport_op *op = uring__complete(uring, cqe);
        if (op != NULL) {
            completions[count++] = op;
        }
    }
    io_uring_cq_advance(&uring->ring, seen);
    return count;
}

/* Completions that the kernel has not written yet: it works off some 20 of those that were put off
 * until our call, and says when more are left (IORING_SETUP_TASKRUN_FLAG, 5.19). */
static bool uring__has_work(const struct uring_port *uring)
{
    return (IO_URING_READ_ONCE(*uring->ring.sq.kflags) &
            (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static int uring__poll(struct cport *port, struct cport_op **completions, int completions_max,
                       int64_t deadline_ns)
{
    struct uring_port *uring = uring__port_of(port);
    uint32_t free_count = 0;
    for (int size = 0; size < uring->sizes_count; size++) {
        free_count += uring_buffers_give_back(&uring->buffers[size]);
        if (uring->short_of[size]) {
            uring->short_of[size] = false;
            free_count += uring_buffers_grow(&uring->buffers[size]);
        }
    }
    if (uring->starved.first != NULL) {
        /* One at least, so that they all get their turn although others take the buffers. */
        uring__feed_starved(uring, free_count > 0 ? free_count : 1);
    }
    if (uring->closing.first != NULL) {
        struct cport_op_list again = uring->closing;
        uring->closing = (struct cport_op_list){NULL, NULL};
        for (struct cport_op *op; (op = cport_op_list_pop(&again)) != NULL;) {
            op->flags &= ~(uint32_t)URING_OP_LISTED;
            uring__close_step(uring, op, true);
        }
    }
    uring__pass_waiting(uring);
    uring__pass_receives(uring);
    if (!uring->waker_armed) {
        uring__arm_waker(uring);
    }
    int count = 0;
    while (count < completions_max && uring->finished.first != NULL) {
        completions[count++] = cport_op_list_pop(&uring->finished);
    }
    bool wait = count == 0 && uring->held.first == NULL && uring->starved.first == NULL &&
                uring->closing.first == NULL && uring->waiting.first == NULL;
    uring__enter(uring, wait, deadline_ns);
    count += uring__reap(uring, completions + count, completions_max - count);
    port->drained = !uring__has_work(uring) && io_uring_cq_ready(&uring->ring) == 0 &&
                    uring->finished.first == NULL && uring->held.first == NULL &&
                    uring->starved.first == NULL && uring->waiting.first == NULL;
    cport_waker_awake(&uring->waker);
    return count;
}

/* Sends are carried out inside the call; what it completes comes out of the next poll. */
static void uring__submit(struct cport *port)
{
    struct uring_port *uring = uring__port_of(port);
    if (io_uring_sq_ready(&uring->ring) > 0) {
        port->stats.syscalls++;
        uring_ring_check(io_uring_submit(&uring->ring));
    }
}

/* -------- the port -------- */

static void uring__wake(struct cport *port)
{
    cport_waker_signal(&uring__port_of(port)->waker);
}

static void uring__close_buffers(struct uring_port *uring)
{
    while (uring->sizes_count > 0) {
        uring_buffers_close(&uring->buffers[--uring->sizes_count], &uring->ring);
    }
}

/* 0 or a negative errno. */
static int uring__open_buffers(struct uring_port *uring, const struct cport_options *options)
{
    bool large = options->recv_buffer_bytes > URING_SMALL_BYTES;
    uint32_t count = URING_SMALL_COUNT_MIN;
    while (count < URING_SMALL_COUNT_MAX && count < options->sockets_max) {
        count *= 2;
    }
    uring->bulk_bytes = large ? URING_SMALL_BYTES : UINT32_MAX;
    int result = uring_buffers_open(&uring->buffers[URING_SMALL], &uring->ring, URING_SMALL,
                                    large ? URING_SMALL_BYTES : options->recv_buffer_bytes, count);
    uring->sizes_count = result == 0 ? 1 : 0;
    if (result == 0 && large) {
        result = uring_buffers_open(&uring->buffers[URING_LARGE], &uring->ring, URING_LARGE,
                                    options->recv_buffer_bytes, URING_LARGE_COUNT);
        uring->sizes_count += result == 0 ? 1 : 0;
    }
    if (result != 0) {
        uring__close_buffers(uring);
    }
    return result;
}

static struct cport *uring__create(const struct cport_options *options, bool *forbidden,
                                   struct error *error)
{
    struct uring_port *uring = calloc(1, sizeof *uring);
    if (uring == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for a completion port");
        return NULL;
    }
    uring->base.backend = &cport_backend_uring;
    uring->base.stats.wait = CPORT_WAIT_NANOSECONDS;
    if (!cport_waker_open(&uring->waker)) {
        error_set(error, "no descriptor for a completion port: %s", error_system_text(errno));
        goto free_port;
    }
    if (!uring_ring_open(&uring->ring, options->sockets_max, forbidden, error)) {
        goto close_waker;
    }
    int result = uring__open_buffers(uring, options);
    if (result != 0) {
        uring_ring_explain(result, forbidden, error);
        goto close_ring;
    }
    uring__arm_waker(uring);
    return &uring->base;
close_ring:
    io_uring_queue_exit(&uring->ring);
close_waker:
    cport_waker_close(&uring->waker);
free_port:
    free(uring);
    return NULL;
}

static void uring__destroy(struct cport *port)
{
    struct uring_port *uring = uring__port_of(port);
    uring__close_buffers(uring);
    io_uring_queue_exit(&uring->ring);
    cport_waker_close(&uring->waker);
    free(uring);
}

const struct cport_backend cport_backend_uring = {
    .kind = CPORT_BACKEND_URING,
    .name = "uring",
    .create = uring__create,
    .destroy = uring__destroy,
    .listen = uring__listen,
    .accept = uring__accept,
    .adopt = uring__adopt,
    .connect = uring__connect,
    .recv = uring__recv,
    .send = uring__send,
    .shutdown = uring__shutdown,
    .cancel = uring__cancel,
    .close = uring__close,
    .poll = uring__poll,
    .submit = uring__submit,
    .wake = uring__wake,
    .local_address = cport_socket_local_address,
};
