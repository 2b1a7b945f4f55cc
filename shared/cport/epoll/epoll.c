/* The completion port over epoll: the same contract, emulated, for where io_uring is forbidden.
 *
 * Every socket is registered once, edge-triggered, for everything; what the kernel reported is
 * kept in the socket's flags until a call proves it wrong (EAGAIN). Sends are tried at once.
 * Receives and accepts are tried inside cport_poll() only, from a list of the sockets that have
 * both the operation and the readiness: one receive per socket and poll, so that a busy socket
 * takes its turn like the others, and into one small arena that is used from its start at each
 * poll, so that small messages stay in the cache. */
#include "cport/epoll/epoll.h"

#include "core/must.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    EPOLL_ARENA_BYTES_MIN = 256 * 1024,
    EPOLL_ARENA_RECVS = 16 /* full-sized receives per poll, at least */
};

_Static_assert(sizeof(struct span) == sizeof(struct iovec), "span is iovec");
_Static_assert(offsetof(struct span, data) == offsetof(struct iovec, iov_base), "span is iovec");
_Static_assert(offsetof(struct span, bytes) == offsetof(struct iovec, iov_len), "span is iovec");

static void epoll__finish_now(struct epoll_port *epoll, struct cport_op *op, int system_error)
{
    epoll_finish(epoll, op, system_error);
    epoll->base.stats.immediate++;
}

/* 0 or errno. The events come with the socket's address; closing the descriptor ends them. */
static int epoll__register(struct epoll_port *epoll, struct cport_socket *socket, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLET, .data.ptr = socket};
    epoll->base.stats.syscalls++;
    return epoll_ctl(epoll->fd, EPOLL_CTL_ADD, (int)socket->handle, &event) == 0 ? 0 : errno;
}

int epoll_register(struct epoll_port *epoll, struct cport_socket *socket)
{
    return epoll__register(epoll, socket, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
}

bool epoll_make_direct(struct epoll_port *epoll, struct cport_socket *socket)
{
    if (!epoll->busy_poll || epoll->direct_count == EPOLL_DIRECT_MAX) {
        return false;
    }
    epoll->direct_count++;
    socket->flags |= EPOLL_SOCKET_DIRECT | EPOLL_SOCKET_READABLE | EPOLL_SOCKET_WRITABLE;
    return true;
}

/* It has something to wait for that only an event can tell. */
static int epoll__end_direct(struct epoll_port *epoll, struct cport_socket *socket)
{
    epoll->direct_count--;
    socket->flags &= ~(uint32_t)EPOLL_SOCKET_DIRECT;
    return epoll_register(epoll, socket); /* what holds already is reported as well */
}

static bool epoll__listen(struct cport *port, struct cport_socket *listener,
                          const struct net_address *address, int backlog, struct error *error)
{
    struct epoll_port *epoll = epoll_port_of(port);
    listener->flags = EPOLL_SOCKET_LISTENER;
    listener->handle =
        cport_socket_listen(address, backlog, SOCK_NONBLOCK, &port->stats.syscalls, error);
    if (listener->handle == CPORT_HANDLE_NONE) {
        return false;
    }
    int system_error = epoll__register(epoll, listener, EPOLLIN);
    if (system_error != 0) {
        error_set(error, "listen: epoll: %s", error_system_text(system_error));
        close((int)listener->handle);
        listener->handle = CPORT_HANDLE_NONE;
        return false;
    }
    return true;
}

static void epoll__accept(struct cport *port, struct cport_socket *listener,
                          struct cport_accept_op *op)
{
    struct cport_op_list list = {(struct cport_op *)listener->backend[EPOLL_SLOT_ACCEPT_FIRST],
                                 (struct cport_op *)listener->backend[EPOLL_SLOT_ACCEPT_LAST]};
    cport_op_list_push(&list, &op->op);
    listener->backend[EPOLL_SLOT_ACCEPT_FIRST] = (uintptr_t)list.first;
    listener->backend[EPOLL_SLOT_ACCEPT_LAST] = (uintptr_t)list.last;
    if ((listener->flags & EPOLL_SOCKET_READABLE) != 0) {
        epoll_list(epoll_port_of(port), listener);
    }
}

static enum cport_result epoll__adopt(struct cport *port, struct cport_socket *socket,
                                      cport_handle handle)
{
    socket->handle = handle; /* TCP_NODELAY has come from the listener */
    socket->flags = EPOLL_SOCKET_WRITABLE;
    struct epoll_port *epoll = epoll_port_of(port);
    int system_error = epoll_make_direct(epoll, socket) ? 0 : epoll_register(epoll, socket);
    if (system_error != 0) {
        close((int)handle);
        socket->handle = CPORT_HANDLE_NONE;
    }
    return cport_result_from_errno(system_error);
}

static void epoll__connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                           const struct net_address *remote, const struct net_address *local)
{
    struct epoll_port *epoll = epoll_port_of(port);
    enum cport_result result = CPORT_OK;
    int system_error = 0;
    /* Until it waits for the connection: whatever is tried on it has an outcome at once. */
    socket->flags = EPOLL_SOCKET_WRITABLE | EPOLL_SOCKET_ENDED;
    socket->handle = cport_socket_open(remote, local, SOCK_NONBLOCK, &port->stats.syscalls, &result,
                                       &system_error);
    if (socket->handle == CPORT_HANDLE_NONE) {
        epoll__finish_now(epoll, op, system_error);
        op->result = (uint8_t)result; /* it knows more than the number says */
        return;
    }
    struct sockaddr_storage name = {0};
    memcpy(&name, remote->bytes, sizeof remote->bytes);
    port->stats.syscalls++;
    if (connect((int)socket->handle, (const struct sockaddr *)&name, remote->bytes_count) != 0) {
        system_error = errno;
    }
    if (system_error == 0 || system_error == EINPROGRESS) {
        /* Registered only now: a socket that has not begun to connect reports a hang-up. */
        int register_error = epoll_register(epoll, socket);
        if (register_error == 0) {
            socket->flags = system_error == 0 ? EPOLL_SOCKET_WRITABLE : 0;
        }
        if (register_error == 0 && system_error == EINPROGRESS) {
            socket->backend[EPOLL_SLOT_OTHER] = (uintptr_t)op;
            return;
        }
        system_error = register_error;
    }
    epoll__finish_now(epoll, op, system_error);
}

static void epoll__recv(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    must(socket->backend[EPOLL_SLOT_RECV] == 0);
    socket->backend[EPOLL_SLOT_RECV] = (uintptr_t)op;
    if ((socket->flags & (EPOLL_SOCKET_READABLE | EPOLL_SOCKET_ENDED)) != 0) {
        epoll_list(epoll_port_of(port), socket);
    }
}

static void epoll__send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                        const struct span *spans, int spans_count)
{
    struct epoll_port *epoll = epoll_port_of(port);
    must(socket->backend[EPOLL_SLOT_OTHER] == 0);
    op->backend[EPOLL_SEND_SPANS] = (uintptr_t)spans;
    op->backend[EPOLL_SEND_SPANS_COUNT] = (uintptr_t)spans_count;
    if ((socket->flags & EPOLL_SOCKET_WRITABLE) != 0) {
        int system_error;
        if (epoll_try_send(epoll, op, &system_error)) {
            epoll__finish_now(epoll, op, system_error);
            return;
        }
        socket->flags &= ~(uint32_t)EPOLL_SOCKET_WRITABLE;
        system_error =
            (socket->flags & EPOLL_SOCKET_DIRECT) != 0 ? epoll__end_direct(epoll, socket) : 0;
        if (system_error != 0) {
            epoll__finish_now(epoll, op, system_error);
            return;
        }
    }
    socket->backend[EPOLL_SLOT_OTHER] = (uintptr_t)op;
}

static void epoll__shutdown(struct cport *port, struct cport_socket *socket, struct cport_op *op)
{
    port->stats.syscalls++;
    int system_error = shutdown((int)socket->handle, SHUT_WR) == 0 ? 0 : errno;
    epoll__finish_now(epoll_port_of(port), op, system_error);
}

static void epoll__cancel(struct cport *port, struct cport_op *op)
{
    struct cport_socket *socket = op->socket;
    if (op->type == CPORT_OP_ACCEPT) {
        epoll_remove_accept(socket, op);
    } else {
        socket->backend[op->type == CPORT_OP_RECV ? EPOLL_SLOT_RECV : EPOLL_SLOT_OTHER] = 0;
    }
    epoll_finish(epoll_port_of(port), op, ECANCELED);
}

static void epoll__close(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                         enum cport_close_mode mode)
{
    struct epoll_port *epoll = epoll_port_of(port);
    static const int slots[] = {EPOLL_SLOT_RECV, EPOLL_SLOT_OTHER, EPOLL_SLOT_ACCEPT_FIRST};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        while (socket->backend[slots[i]] != 0) {
            epoll__cancel(port, (struct cport_op *)socket->backend[slots[i]]);
        }
    }
    epoll_unlist(epoll, socket);
    if ((socket->flags & EPOLL_SOCKET_DIRECT) != 0) {
        epoll->direct_count--;
        socket->flags &= ~(uint32_t)EPOLL_SOCKET_DIRECT;
    }
    if (socket->handle != CPORT_HANDLE_NONE) {
        if (mode == CPORT_CLOSE_RST) {
            cport_socket_set_abort(socket->handle, &port->stats.syscalls);
        }
        port->stats.syscalls++;
        close((int)socket->handle); /* also ends the registration: nobody else has the file */
        socket->handle = CPORT_HANDLE_NONE;
    }
    epoll__finish_now(epoll, op, 0);
}

static void epoll__wake(struct cport *port)
{
    cport_waker_signal(&epoll_port_of(port)->waker);
}

static void epoll__destroy(struct cport *port)
{
    struct epoll_port *epoll = epoll_port_of(port);
    close(epoll->fd);
    cport_waker_close(&epoll->waker);
    free(epoll->arena);
    free(epoll);
}

static struct cport *epoll__create(const struct cport_options *options, bool *forbidden,
                                   struct error *error)
{
    (void)forbidden;
    struct epoll_port *epoll = calloc(1, sizeof *epoll);
    if (epoll == NULL) {
        error_set(error, "no memory for a completion port");
        return NULL;
    }
    epoll->base.backend = &cport_backend_epoll;
    epoll->busy_poll = options->busy_poll;
    epoll->recv_buffer_bytes = options->recv_buffer_bytes;
    epoll->arena_bytes = (size_t)options->recv_buffer_bytes * EPOLL_ARENA_RECVS;
    if (epoll->arena_bytes < EPOLL_ARENA_BYTES_MIN) {
        epoll->arena_bytes = EPOLL_ARENA_BYTES_MIN;
    }
    epoll->arena = malloc(epoll->arena_bytes);
    if (epoll->arena == NULL) {
        error_set(error, "no memory for a completion port's buffers");
        goto free_port;
    }
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->fd < 0) {
        error_set(error, "no descriptor for a completion port: %s", error_system_text(errno));
        goto free_arena;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (!cport_waker_open(&epoll->waker)) {
        error_set(error, "no descriptor for a completion port: %s", error_system_text(errno));
        goto close_epoll;
    }
    if (epoll_ctl(epoll->fd, EPOLL_CTL_ADD, epoll->waker.fd, &event) != 0) {
        error_set(error, "no memory for a completion port: %s", error_system_text(errno));
        cport_waker_close(&epoll->waker);
        goto close_epoll;
    }
    return &epoll->base;
close_epoll:
    close(epoll->fd);
free_arena:
    free(epoll->arena);
free_port:
    free(epoll);
    return NULL;
}

const struct cport_backend cport_backend_epoll = {
    .kind = CPORT_BACKEND_EPOLL,
    .name = "epoll",
    .create = epoll__create,
    .destroy = epoll__destroy,
    .listen = epoll__listen,
    .accept = epoll__accept,
    .adopt = epoll__adopt,
    .connect = epoll__connect,
    .recv = epoll__recv,
    .send = epoll__send,
    .shutdown = epoll__shutdown,
    .cancel = epoll__cancel,
    .close = epoll__close,
    .poll = epoll_poll,
    .wake = epoll__wake,
};
