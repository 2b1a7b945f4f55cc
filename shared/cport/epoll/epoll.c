/* The completion port over epoll: the same contract, emulated, for where io_uring is forbidden.
 *
 * Every socket is registered once, edge-triggered, for everything; what the kernel reported is
 * kept in the socket's flags until a call proves it wrong (EAGAIN). Sends are tried immediately.
 * Receives and accepts are tried inside cport_poll() only, from a list of the sockets that have
 * both the operation and the readiness: one receive per socket and poll, so that a busy socket
 * takes its turn like the others, and into one small arena that is used from its start at each
 * poll, so that small messages stay in the cache. */
#include "cport/backend.h"

#include "core/clock.h"
#include "core/must.h"
#include "cport/linux/socket.h"
#include "cport/linux/waker.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    EPOLL_ARENA_BYTES_MIN = 256 * 1024,
    EPOLL_ARENA_RECVS = 16 /* full-sized receives per poll, at least */
};

_Static_assert(sizeof(struct span) == sizeof(struct iovec), "span is iovec");
_Static_assert(offsetof(struct span, data) == offsetof(struct iovec, iov_base), "span is iovec");
_Static_assert(offsetof(struct span, bytes) == offsetof(struct iovec, iov_len), "span is iovec");

/* Then the listener goes to the end of the list. */
enum { EPOLL_ACCEPTS_PER_TURN = 32, EPOLL_ALIGN_BYTES = 64 };

enum { EPOLL_EVENTS_MAX = 256 };

/* Places in cport_socket.backend. NEXT and PREVIOUS link the list of ready sockets. */
enum {
    EPOLL_SLOT_RECV,
    EPOLL_SLOT_OTHER, /* a send or a connect */
    EPOLL_SLOT_ACCEPT_FIRST,
    EPOLL_SLOT_ACCEPT_LAST,
    EPOLL_SLOT_NEXT,
    EPOLL_SLOT_PREVIOUS
};

/* cport_socket.flags */
enum {
    EPOLL_SOCKET_READABLE = 1, /* as far as known */
    EPOLL_SOCKET_WRITABLE = 2,
    EPOLL_SOCKET_ENDED = 4, /* the peer has closed or reset: there is an end to be read */
    EPOLL_SOCKET_LISTED = 8,
    EPOLL_SOCKET_LISTENER = 16,
    EPOLL_SOCKET_DIRECT = 32, /* not registered: tried in every poll, and always READABLE */
    EPOLL_SOCKET_URGENT = 64  /* urgent data came: a receive ends before it, whatever is behind */
};

/* A port that never sleeps polls this many sockets directly: their bytes are seen sooner than the
 * kernel could report them. It asks for events only in every few polls. */
enum { EPOLL_DIRECT_MAX = 8, EPOLL_DIRECT_TURNS = 8 };

/* Places in cport_op.backend of a send. */
enum { EPOLL_SEND_SPANS, EPOLL_SEND_SPANS_COUNT };

struct epoll_port {
    struct cport base;
    int fd;
    struct cport_waker waker;
    struct cport_op_list finished;
    struct cport_socket *ready_first;
    struct cport_socket *ready_last;
    uint8_t *arena;
    size_t arena_bytes;
    uint32_t recv_buffer_bytes;
    bool looked; /* the last poll asked the kernel */
    bool busy_poll;
    uint32_t direct_count;
    uint32_t direct_turns; /* polls since the kernel was asked for events */
    bool coarse;           /* no epoll_pwait2() here: waits are rounded up to milliseconds */
    struct epoll_event events[EPOLL_EVENTS_MAX];
};

static struct epoll_port *epoll__port_of(struct cport *port)
{
    return (struct epoll_port *)port;
}

static void epoll__finish(struct epoll_port *epoll, struct cport_op *op, int system_error)
{
    cport_op_finish(op, cport_result_from_errno(system_error), system_error);
    cport_op_list_push(&epoll->finished, op);
}

/* -------- sockets with something to do -------- */

static void epoll__list(struct epoll_port *epoll, struct cport_socket *socket)
{
    if ((socket->flags & EPOLL_SOCKET_LISTED) != 0) {
        return;
    }
    socket->flags |= EPOLL_SOCKET_LISTED;
    socket->backend[EPOLL_SLOT_NEXT] = 0;
    socket->backend[EPOLL_SLOT_PREVIOUS] = (uintptr_t)epoll->ready_last;
    if (epoll->ready_last != NULL) {
        epoll->ready_last->backend[EPOLL_SLOT_NEXT] = (uintptr_t)socket;
    } else {
        epoll->ready_first = socket;
    }
    epoll->ready_last = socket;
}

static void epoll__unlist(struct epoll_port *epoll, struct cport_socket *socket)
{
    if ((socket->flags & EPOLL_SOCKET_LISTED) == 0) {
        return;
    }
    socket->flags &= ~(uint32_t)EPOLL_SOCKET_LISTED;
    struct cport_socket *next = (struct cport_socket *)socket->backend[EPOLL_SLOT_NEXT];
    struct cport_socket *previous = (struct cport_socket *)socket->backend[EPOLL_SLOT_PREVIOUS];
    if (next != NULL) {
        next->backend[EPOLL_SLOT_PREVIOUS] = (uintptr_t)previous;
    } else {
        epoll->ready_last = previous;
    }
    if (previous != NULL) {
        previous->backend[EPOLL_SLOT_NEXT] = (uintptr_t)next;
    } else {
        epoll->ready_first = next;
    }
}

static void epoll__remove_accept(struct cport_socket *listener, struct cport_op *op)
{
    struct cport_op *previous = NULL;
    struct cport_op *at = (struct cport_op *)listener->backend[EPOLL_SLOT_ACCEPT_FIRST];
    while (at != op) {
        previous = at;
        at = at->link;
    }
    if (previous != NULL) {
        previous->link = op->link;
    } else {
        listener->backend[EPOLL_SLOT_ACCEPT_FIRST] = (uintptr_t)op->link;
    }
    if (op->link == NULL) {
        listener->backend[EPOLL_SLOT_ACCEPT_LAST] = (uintptr_t)previous;
    }
}

static bool epoll__try_send(struct epoll_port *epoll, struct cport_op *op, int *system_error)
{
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT; /* an adopted socket may block */
    const int fd = (int)op->socket->handle;
    struct iovec *spans = (struct iovec *)op->backend[EPOLL_SEND_SPANS];
    struct msghdr message = {.msg_iov = spans,
                             .msg_iovlen = (size_t)op->backend[EPOLL_SEND_SPANS_COUNT]};
    ssize_t sent;
    do {
        epoll->base.stats.syscalls++;
        sent = message.msg_iovlen == 1 ? send(fd, spans->iov_base, spans->iov_len, flags)
                                       : sendmsg(fd, &message, flags);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN) {
        return false;
    }
    *system_error = sent < 0 ? errno : 0;
    op->bytes = sent < 0 ? 0 : (uint32_t)sent;
    return true;
}

/* -------- submitting -------- */

static void epoll__finish_now(struct epoll_port *epoll, struct cport_op *op, int system_error)
{
    epoll__finish(epoll, op, system_error);
    epoll->base.stats.immediate++;
}

/* 0 or errno. The events come with the socket's address; closing the descriptor ends them. */
static int epoll__register(struct epoll_port *epoll, struct cport_socket *socket, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLET, .data.ptr = socket};
    epoll->base.stats.syscalls++;
    return epoll_ctl(epoll->fd, EPOLL_CTL_ADD, (int)socket->handle, &event) == 0 ? 0 : errno;
}

static int epoll__register_data(struct epoll_port *epoll, struct cport_socket *socket)
{
    return epoll__register(epoll, socket, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP);
}

static bool epoll__make_direct(struct epoll_port *epoll, struct cport_socket *socket)
{
    if (!epoll->busy_poll || epoll->direct_count == EPOLL_DIRECT_MAX) {
        return false;
    }
    epoll->direct_count++;
    socket->flags |= EPOLL_SOCKET_DIRECT | EPOLL_SOCKET_READABLE | EPOLL_SOCKET_WRITABLE;
    return true;
}

/* It waits for something that only an event can report. */
static int epoll__end_direct(struct epoll_port *epoll, struct cport_socket *socket)
{
    epoll->direct_count--;
    socket->flags &= ~(uint32_t)EPOLL_SOCKET_DIRECT;
    return epoll__register_data(epoll, socket); /* what holds already is reported as well */
}

static bool epoll__listen(struct cport *port, struct cport_socket *listener,
                          const struct net_address *address, int backlog, struct error *error)
{
    struct epoll_port *epoll = epoll__port_of(port);
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
        epoll__list(epoll__port_of(port), listener);
    }
}

static enum cport_result epoll__adopt(struct cport *port, struct cport_socket *socket,
                                      cport_handle handle)
{
    socket->handle = handle; /* TCP_NODELAY is inherited from the listener */
    socket->flags = EPOLL_SOCKET_WRITABLE;
    struct epoll_port *epoll = epoll__port_of(port);
    int system_error = epoll__make_direct(epoll, socket) ? 0 : epoll__register_data(epoll, socket);
    if (system_error != 0) {
        close((int)handle);
        socket->handle = CPORT_HANDLE_NONE;
    }
    return cport_result_from_errno(system_error);
}

static void epoll__connect(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                           const struct net_address *remote, const struct net_address *local)
{
    struct epoll_port *epoll = epoll__port_of(port);
    enum cport_result result = CPORT_OK;
    int system_error = 0;
    /* Before it waits for the connection, whatever is tried on it has an immediate outcome. */
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
        /* Registered only now: before connect(), a socket reports a hang-up. */
        int register_error = epoll__register_data(epoll, socket);
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
        epoll__list(epoll__port_of(port), socket);
    }
}

static void epoll__send(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                        const struct span *spans, int spans_count)
{
    struct epoll_port *epoll = epoll__port_of(port);
    must(socket->backend[EPOLL_SLOT_OTHER] == 0);
    op->backend[EPOLL_SEND_SPANS] = (uintptr_t)spans;
    op->backend[EPOLL_SEND_SPANS_COUNT] = (uintptr_t)spans_count;
    if ((socket->flags & EPOLL_SOCKET_WRITABLE) != 0) {
        int system_error;
        if (epoll__try_send(epoll, op, &system_error)) {
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
    epoll__finish_now(epoll__port_of(port), op, system_error);
}

static void epoll__cancel(struct cport *port, struct cport_op *op)
{
    struct cport_socket *socket = op->socket;
    if (op->type == CPORT_OP_ACCEPT) {
        epoll__remove_accept(socket, op);
    } else {
        socket->backend[op->type == CPORT_OP_RECV ? EPOLL_SLOT_RECV : EPOLL_SLOT_OTHER] = 0;
    }
    epoll__finish(epoll__port_of(port), op, ECANCELED);
}

static void epoll__close(struct cport *port, struct cport_socket *socket, struct cport_op *op,
                         enum cport_close_mode mode)
{
    struct epoll_port *epoll = epoll__port_of(port);
    static const int slots[] = {EPOLL_SLOT_RECV, EPOLL_SLOT_OTHER, EPOLL_SLOT_ACCEPT_FIRST};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        while (socket->backend[slots[i]] != 0) {
            epoll__cancel(port, (struct cport_op *)socket->backend[slots[i]]);
        }
    }
    epoll__unlist(epoll, socket);
    if ((socket->flags & EPOLL_SOCKET_DIRECT) != 0) {
        epoll->direct_count--;
        socket->flags &= ~(uint32_t)EPOLL_SOCKET_DIRECT;
    }
    if (socket->handle != CPORT_HANDLE_NONE) {
        if (mode == CPORT_CLOSE_RST) {
            cport_socket_set_abort(socket->handle, &port->stats.syscalls);
        }
        port->stats.syscalls++;
        close((int)socket->handle); /* also ends the registration: there is no other descriptor of
                                       the file */
        socket->handle = CPORT_HANDLE_NONE;
    }
    epoll__finish_now(epoll, op, 0);
}

/* -------- completing -------- */

static void epoll__finish_connect(struct epoll_port *epoll, struct cport_op *op)
{
    int system_error = 0;
    socklen_t bytes = sizeof system_error;
    epoll->base.stats.syscalls++;
    if (getsockopt((int)op->socket->handle, SOL_SOCKET, SO_ERROR, &system_error, &bytes) != 0) {
        system_error = errno;
    }
    op->socket->backend[EPOLL_SLOT_OTHER] = 0;
    if (system_error == 0 && epoll__make_direct(epoll, op->socket)) {
        epoll->base.stats.syscalls++;
        epoll_ctl(epoll->fd, EPOLL_CTL_DEL, (int)op->socket->handle, NULL);
    }
    epoll__finish(epoll, op, system_error);
}

/* Notes what the kernel reports, and carries on with what waited for it. */
static void epoll__on_event(struct epoll_port *epoll, struct cport_socket *socket, uint32_t events)
{
    struct cport_op *other = (struct cport_op *)socket->backend[EPOLL_SLOT_OTHER];
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        socket->flags |= EPOLL_SOCKET_ENDED;
    }
    if ((events & (EPOLLIN | EPOLLPRI)) != 0) {
        socket->flags |= EPOLL_SOCKET_READABLE;
    }
    if ((events & EPOLLPRI) != 0) {
        socket->flags |= EPOLL_SOCKET_URGENT;
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        socket->flags |= EPOLL_SOCKET_WRITABLE;
        int system_error;
        if (other != NULL && other->type == CPORT_OP_CONNECT) {
            epoll__finish_connect(epoll, other);
        } else if (other != NULL) {
            if (epoll__try_send(epoll, other, &system_error)) {
                socket->backend[EPOLL_SLOT_OTHER] = 0;
                epoll__finish(epoll, other, system_error);
            } else {
                socket->flags &= ~(uint32_t)EPOLL_SOCKET_WRITABLE;
            }
        }
    }
    bool wants =
        socket->backend[EPOLL_SLOT_RECV] != 0 || socket->backend[EPOLL_SLOT_ACCEPT_FIRST] != 0;
    if (wants && (socket->flags & (EPOLL_SOCKET_READABLE | EPOLL_SOCKET_ENDED)) != 0) {
        epoll__list(epoll, socket);
    }
}

/* The op to hand out, or NULL when there is nothing to read after all. */
static struct cport_op *epoll__try_recv(struct epoll_port *epoll, struct cport_socket *socket,
                                        size_t *arena_used)
{
    struct cport_op *op = (struct cport_op *)socket->backend[EPOLL_SLOT_RECV];
    uint8_t *buffer = epoll->arena + *arena_used;
    epoll->base.stats.syscalls++;
    ssize_t received = recv((int)socket->handle, buffer, epoll->recv_buffer_bytes, MSG_DONTWAIT);
    const bool direct = (socket->flags & EPOLL_SOCKET_DIRECT) != 0;
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (errno == EAGAIN && !direct) {
            socket->flags &= ~(uint32_t)(EPOLL_SOCKET_READABLE | EPOLL_SOCKET_ENDED);
        } else {
            epoll__list(epoll, socket);
        }
        return NULL;
    }
    /* Less than asked for: nothing is left, and later bytes are a new event (epoll(7)). */
    bool tells_end = !direct && (socket->flags & EPOLL_SOCKET_URGENT) == 0;
    if (received >= 0 && (size_t)received < epoll->recv_buffer_bytes && tells_end) {
        socket->flags &= ~(uint32_t)EPOLL_SOCKET_READABLE;
    }
    socket->backend[EPOLL_SLOT_RECV] = 0;
    if (received > 0) {
        op->data = buffer;
        op->bytes = (uint32_t)received;
        size_t lines = ((size_t)received + EPOLL_ALIGN_BYTES - 1) / EPOLL_ALIGN_BYTES;
        *arena_used += lines * EPOLL_ALIGN_BYTES;
    }
    int system_error = received < 0 ? errno : 0;
    cport_op_finish(op, cport_result_from_errno(system_error), system_error);
    return op;
}

/* A few accepts of one listener; false when it has no more to do now. */
static bool epoll__try_accepts(struct epoll_port *epoll, struct cport_socket *listener)
{
    for (int i = 0; i < EPOLL_ACCEPTS_PER_TURN; i++) {
        struct cport_op *op = (struct cport_op *)listener->backend[EPOLL_SLOT_ACCEPT_FIRST];
        if (op == NULL) {
            return false;
        }
        struct sockaddr_in6 peer;
        socklen_t peer_bytes = sizeof peer;
        epoll->base.stats.syscalls++;
        /* Not SOCK_NONBLOCK: another port, of io_uring, may adopt it. */
        int fd =
            accept4((int)listener->handle, (struct sockaddr *)&peer, &peer_bytes, SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN) {
            listener->flags &= ~(uint32_t)EPOLL_SOCKET_READABLE;
            return false;
        }
        int system_error = fd < 0 ? errno : 0;
        if (system_error == EINTR) {
            continue;
        }
        epoll__remove_accept(listener, op);
        if (fd >= 0) {
            struct cport_accept_op *accept_op = (struct cport_accept_op *)op;
            accept_op->accepted = fd;
            accept_op->peer.bytes_count = (uint16_t)peer_bytes;
            memcpy(accept_op->peer.bytes, &peer, sizeof accept_op->peer.bytes);
        }
        epoll__finish(epoll, op, system_error);
    }
    return listener->backend[EPOLL_SLOT_ACCEPT_FIRST] != 0;
}

/* time_limit NULL: none. The number of events. */
static int epoll__wait_events(struct epoll_port *epoll, const struct timespec *time_limit)
{
    epoll->base.stats.syscalls++;
    if (!epoll->coarse) {
        int count = epoll_pwait2(epoll->fd, epoll->events, EPOLL_EVENTS_MAX, time_limit, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return count;
        }
        epoll->coarse = true; /* before Linux 5.11, or a container that does not know the call */
        epoll->base.stats.wait = CPORT_WAIT_MILLISECONDS;
        epoll->base.stats.syscalls++;
    }
    int limit_ms = -1;
    if (time_limit != NULL) {
        int64_t up_ms = time_limit->tv_sec * 1000 + (time_limit->tv_nsec + 999999) / 1000000;
        limit_ms = up_ms < INT_MAX ? (int)up_ms : INT_MAX;
    }
    return epoll_wait(epoll->fd, epoll->events, EPOLL_EVENTS_MAX, limit_ms);
}

/* Waits, or only looks, and takes in what the kernel reports. */
static void epoll__wait(struct epoll_port *epoll, bool wait, int64_t deadline_ns)
{
    struct timespec left = {0, 0};
    const struct timespec *time_limit = &left;
    int64_t from_ns = deadline_ns;
    if (wait && deadline_ns > 0 && cport_waker_may_sleep(&epoll->waker)) {
        from_ns = clock_now_ns();
        int64_t left_ns = deadline_ns - from_ns;
        if (deadline_ns == TIME_NEVER_NS) {
            time_limit = NULL;
        } else if (left_ns > 0) {
            left = (struct timespec){.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
        }
    }
    int count = epoll__wait_events(epoll, time_limit);
    must(count >= 0 || errno == EINTR); /* its other errors (epoll_wait(2)) are ours */
    epoll->base.drained = count >= 0 && count < EPOLL_EVENTS_MAX;
    if (epoll->base.times_waits) {
        cport_note_wait(&epoll->base, from_ns, clock_now_ns(), deadline_ns);
    }
    for (int i = 0; i < count; i++) {
        if (epoll->events[i].data.ptr !=
            NULL) { /* NULL is the waker, which has no further effect */
            epoll__on_event(epoll, epoll->events[i].data.ptr, epoll->events[i].events);
        }
    }
}

static int epoll__take_finished(struct epoll_port *epoll, struct cport_op **completions, int count,
                                int completions_max)
{
    while (count < completions_max && epoll->finished.first != NULL) {
        completions[count++] = cport_op_list_pop(&epoll->finished);
    }
    return count;
}

static int epoll__poll(struct cport *port, struct cport_op **completions, int completions_max,
                       int64_t deadline_ns)
{
    struct epoll_port *epoll = epoll__port_of(port);
    if (epoll->finished.first != NULL && epoll->looked) {
        /* Sends, mostly, and nothing new to answer: handed out without asking the kernel. The
         * next poll asks, and may wait: half the calls, and larger batches. */
        epoll->looked = false;
        port->drained = false;
        return epoll__take_finished(epoll, completions, 0, completions_max);
    }
    epoll->looked = true;
    if (epoll->direct_count == 0 || ++epoll->direct_turns == EPOLL_DIRECT_TURNS) {
        epoll->direct_turns = 0;
        epoll__wait(epoll, epoll->finished.first == NULL && epoll->ready_first == NULL,
                    deadline_ns);
    } else {
        port->drained = true;
        port->last_poll_ns = port->times_waits ? clock_now_ns() : port->last_poll_ns;
    }
    int count = epoll__take_finished(epoll, completions, 0, completions_max);
    /* Only up to here: a socket that comes back to the list waits for the next poll. */
    struct cport_socket *last = epoll->ready_last;
    size_t arena_used = 0;
    bool whole = last == NULL;
    while (count < completions_max && epoll->ready_first != NULL &&
           arena_used + epoll->recv_buffer_bytes <= epoll->arena_bytes) {
        struct cport_socket *socket = epoll->ready_first;
        epoll__unlist(epoll, socket);
        if ((socket->flags & EPOLL_SOCKET_LISTENER) != 0) {
            if (epoll__try_accepts(epoll, socket)) {
                epoll__list(epoll, socket);
            }
            count = epoll__take_finished(epoll, completions, count, completions_max);
        } else if (socket->backend[EPOLL_SLOT_RECV] != 0) {
            struct cport_op *op = epoll__try_recv(epoll, socket, &arena_used);
            if (op != NULL) {
                completions[count++] = op;
            }
        }
        if (socket == last) {
            whole = true;
            break;
        }
    }
    port->drained = port->drained && whole && epoll->finished.first == NULL;
    cport_waker_awake(&epoll->waker);
    return count;
}

/* -------- the port -------- */

static void epoll__wake(struct cport *port)
{
    cport_waker_signal(&epoll__port_of(port)->waker);
}

static void epoll__destroy(struct cport *port)
{
    struct epoll_port *epoll = epoll__port_of(port);
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
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for a completion port");
        return NULL;
    }
    epoll->base.backend = &cport_backend_epoll;
    epoll->base.stats.wait = CPORT_WAIT_NANOSECONDS;
    epoll->busy_poll = options->busy_poll;
    epoll->recv_buffer_bytes = options->recv_buffer_bytes;
    epoll->arena_bytes = (size_t)options->recv_buffer_bytes * EPOLL_ARENA_RECVS;
    if (epoll->arena_bytes < EPOLL_ARENA_BYTES_MIN) {
        epoll->arena_bytes = EPOLL_ARENA_BYTES_MIN;
    }
    epoll->arena = malloc(epoll->arena_bytes);
    if (epoll->arena == NULL) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for a completion port's buffers");
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
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for a completion port: %s",
                        error_system_text(errno));
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
    .poll = epoll__poll,
    .wake = epoll__wake,
    .local_address = cport_socket_local_address,
};
