/* The completion port over io_uring (Linux 5.19; best from 6.1).
 *
 * Submits fill entries of the submission ring; cport_poll() hands them all to the kernel and waits
 * for completions in one io_uring_enter(). Nothing is allocated, and an operation in flight is
 * found again by its address in user_data. */
#include "cport/uring/uring.h"

#include "core/must.h"
#include "cport/linux/socket.h"
#include "cport/uring/ring.h"

#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A span array is handed to the kernel as it stands. */
_Static_assert(sizeof(struct span) == sizeof(struct iovec), "span is iovec");
_Static_assert(offsetof(struct span, data) == offsetof(struct iovec, iov_base), "span is iovec");
_Static_assert(offsetof(struct span, bytes) == offsetof(struct iovec, iov_len), "span is iovec");
_Static_assert(sizeof(struct msghdr) <= sizeof(((struct cport_op *)0)->backend),
               "msghdr fits the op");
_Static_assert(sizeof(struct net_address) <= sizeof(((struct cport_op *)0)->backend),
               "address fits");
_Static_assert(sizeof(struct uring_accept) <= sizeof(((struct cport_accept_op *)0)->backend),
               "the peer's address fits the op");

struct io_uring_sqe *uring_sqe(struct uring_port *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    if (sqe == NULL) {
        uring->base.stats.syscalls++;
        int result = io_uring_submit(&uring->ring);
        must(result != -EEXIST); /* a port is used by the thread that made it */
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

static struct io_uring_sqe *uring__op_sqe(struct uring_port *uring, struct cport_op *op)
{
    struct io_uring_sqe *sqe = uring_sqe(uring);
    if (sqe == NULL) {
        uring__finish_now(uring, op, CPORT_LOCAL_MEMORY, ENOMEM);
    }
    return sqe;
}

void uring_arm_waker(struct uring_port *uring)
{
    struct io_uring_sqe *sqe = uring_sqe(uring);
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

static void uring__accept(struct cport *port, struct cport_socket *listener,
                          struct cport_accept_op *op)
{
    struct uring_accept *accept = (struct uring_accept *)(void *)op->backend;
    struct io_uring_sqe *sqe = uring__op_sqe(uring_port_of(port), &op->op);
    if (sqe == NULL) {
        return;
    }
    accept->peer_bytes = sizeof accept->peer;
    /* Not SOCK_NONBLOCK: no backend needs it, and any port may adopt the handle. */
    io_uring_prep_accept(sqe, (int)listener->handle, (struct sockaddr *)&accept->peer,
                         &accept->peer_bytes, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, &op->op);
}

static enum cport_result uring__adopt(struct cport *port, struct cport_socket *socket,
                                      cport_handle handle)
{
    (void)port; /* TCP_NODELAY has come from the listener */
    socket->handle = handle;
    return CPORT_OK;
}

static void uring__connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                           const struct net_address *remote, const struct net_address *local)
{
    struct uring_port *uring = uring_port_of(port);
    enum cport_result result = CPORT_OK;
    int system_error = 0;
    socket->handle =
        cport_socket_open(remote, local, 0, &port->stats.syscalls, &result, &system_error);
    if (socket->handle == CPORT_HANDLE_NONE) {
        uring__finish_now(uring, op, result, system_error);
        return;
    }
    struct io_uring_sqe *sqe = uring__op_sqe(uring, op);
    if (sqe == NULL) {
        return;
    }
    memcpy(op->backend, remote->bytes, sizeof remote->bytes); /* read by the kernel at the poll */
    io_uring_prep_connect(sqe, (int)socket->handle, (const struct sockaddr *)op->backend,
                          remote->bytes_count);
    io_uring_sqe_set_data(sqe, op);
    socket->backend[URING_SLOT_OTHER] = (uintptr_t)op;
}

void uring_list_recv(struct cport_op_list *list, struct cport_op *op)
{
    op->flags |= URING_OP_LISTED;
    cport_op_list_push(list, op);
}

void uring_submit_recv(struct uring_port *uring, struct cport_op *op)
{
    struct cport_socket *socket = op->socket;
    op->flags &= ~(uint32_t)URING_OP_LISTED;
    struct io_uring_sqe *sqe = uring__op_sqe(uring, op);
    if (sqe == NULL) {
        return;
    }
    io_uring_prep_recv(sqe, (int)socket->handle, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_BUFFER_GROUP;
    if ((socket->flags & URING_SOCKET_EMPTY) != 0) {
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST; /* spares an attempt that finds nothing */
    }
    io_uring_sqe_set_data(sqe, op);
}

static void uring__recv(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    must(socket->backend[URING_SLOT_RECV] == 0);
    socket->backend[URING_SLOT_RECV] = (uintptr_t)op;
    uring_list_recv(&uring_port_of(port)->receives, op);
}

static void uring__send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                        const struct span *spans, int spans_count)
{
    must(socket->backend[URING_SLOT_OTHER] == 0);
    struct io_uring_sqe *sqe = uring__op_sqe(uring_port_of(port), op);
    if (sqe == NULL) {
        return;
    }
    if (spans_count == 1) {
        size_t bytes = spans[0].bytes < INT_MAX ? spans[0].bytes : INT_MAX;
        io_uring_prep_send(sqe, (int)socket->handle, spans[0].data, bytes, MSG_NOSIGNAL);
    } else {
        struct msghdr *message = (struct msghdr *)(void *)op->backend;
        memset(message, 0, sizeof *message);
        memcpy(&message->msg_iov, &spans, sizeof spans); /* the kernel does not write to it */
        message->msg_iovlen = (size_t)spans_count;
        io_uring_prep_sendmsg(sqe, (int)socket->handle, message, MSG_NOSIGNAL);
    }
    io_uring_sqe_set_data(sqe, op);
    socket->backend[URING_SLOT_OTHER] = (uintptr_t)op;
}

static void uring__shutdown(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    /* IORING_OP_SHUTDOWN always goes to a kernel thread; the plain call never waits. */
    port->stats.syscalls++;
    int system_error = shutdown((int)socket->handle, SHUT_WR) == 0 ? 0 : errno;
    uring__finish_now(uring_port_of(port), op, cport_result_from_errno(system_error), system_error);
}

/* True when the request is on its way, or not needed. */
static bool uring__cancel_op(struct uring_port *uring, struct cport_op *op)
{
    if (op->type == CPORT_OP_RECV) {
        /* It may not be with the kernel (yet, or again): then it must not go there. */
        op->flags |= URING_OP_CANCELLED;
        if ((op->flags & URING_OP_LISTED) != 0) {
            return true;
        }
    }
    struct io_uring_sqe *sqe = uring_sqe(uring);
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
    uring__cancel_op(uring_port_of(port), op);
}

/* Cancels what is in flight on the socket. False: not all, no room; try again. */
static bool uring__cancel_socket(struct uring_port *uring, struct cport_socket *socket)
{
    if ((socket->flags & URING_SOCKET_LISTENER) != 0) {
        struct io_uring_sqe *sqe = uring_sqe(uring);
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

void uring_close_step(struct uring_port *uring, struct cport_op *op, bool cancel)
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
    struct io_uring_sqe *sqe = uring_sqe(uring);
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
        uring__finish_now(uring_port_of(port), op, CPORT_OK, 0);
        return;
    }
    if (mode == CPORT_CLOSE_RST) {
        cport_socket_set_abort(socket->handle, &port->stats.syscalls);
    }
    uring_close_step(uring_port_of(port), op, true);
}

static void uring__wake(struct cport *port)
{
    cport_waker_signal(&uring_port_of(port)->waker);
}

static struct cport *uring__create(const struct cport_options *options, bool *forbidden,
                                   struct error *error)
{
    struct uring_port *uring = calloc(1, sizeof *uring);
    if (uring == NULL) {
        error_set(error, "no memory for a completion port");
        return NULL;
    }
    uring->base.backend = &cport_backend_uring;
    if (!cport_waker_open(&uring->waker)) {
        error_set(error, "no descriptor for a completion port: %s", error_system_text(errno));
        goto free_port;
    }
    if (!uring_ring_open(&uring->ring, options->sockets_max, forbidden, error)) {
        goto close_waker;
    }
    int result = uring_buffers_open(&uring->buffers, &uring->ring, options->recv_buffer_bytes,
                                    options->sockets_max);
    if (result != 0) {
        uring_ring_explain(result, forbidden, error);
        goto close_ring;
    }
    uring_arm_waker(uring);
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
    struct uring_port *uring = uring_port_of(port);
    uring_buffers_close(&uring->buffers, &uring->ring);
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
    .poll = uring_poll,
    .submit = uring_submit,
    .wake = uring__wake,
};
