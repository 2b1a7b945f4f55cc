/* The completing half of the epoll backend. */
#include "cport/epoll/epoll.h"

#include "core/clock.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Then the listener goes to the end of the list. */
enum { EPOLL_ACCEPTS_PER_TURN = 32, EPOLL_ALIGN_BYTES = 64 };

void epoll_list(struct epoll_port *epoll, struct cport_socket *socket)
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

void epoll_unlist(struct epoll_port *epoll, struct cport_socket *socket)
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

void epoll_remove_accept(struct cport_socket *listener, struct cport_op *op)
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

bool epoll_try_send(struct epoll_port *epoll, struct cport_op *op, int *system_error)
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

static void epoll__finish_connect(struct epoll_port *epoll, struct cport_op *op)
{
    int system_error = 0;
    socklen_t bytes = sizeof system_error;
    epoll->base.stats.syscalls++;
    if (getsockopt((int)op->socket->handle, SOL_SOCKET, SO_ERROR, &system_error, &bytes) != 0) {
        system_error = errno;
    }
    op->socket->backend[EPOLL_SLOT_OTHER] = 0;
    if (system_error == 0 && epoll_make_direct(epoll, op->socket)) {
        epoll->base.stats.syscalls++;
        epoll_ctl(epoll->fd, EPOLL_CTL_DEL, (int)op->socket->handle, NULL);
    }
    epoll_finish(epoll, op, system_error);
}

/* Notes what the kernel reports, and carries on with what waited for it. */
static void epoll__on_event(struct epoll_port *epoll, struct cport_socket *socket, uint32_t events)
{
    struct cport_op *other = (struct cport_op *)socket->backend[EPOLL_SLOT_OTHER];
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        socket->flags |= EPOLL_SOCKET_ENDED;
    }
    if ((events & EPOLLIN) != 0) {
        socket->flags |= EPOLL_SOCKET_READABLE;
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        socket->flags |= EPOLL_SOCKET_WRITABLE;
        int system_error;
        if (other != NULL && other->type == CPORT_OP_CONNECT) {
            epoll__finish_connect(epoll, other);
        } else if (other != NULL) {
            if (epoll_try_send(epoll, other, &system_error)) {
                socket->backend[EPOLL_SLOT_OTHER] = 0;
                epoll_finish(epoll, other, system_error);
            } else {
                socket->flags &= ~(uint32_t)EPOLL_SOCKET_WRITABLE;
            }
        }
    }
    bool wants =
        socket->backend[EPOLL_SLOT_RECV] != 0 || socket->backend[EPOLL_SLOT_ACCEPT_FIRST] != 0;
    if (wants && (socket->flags & (EPOLL_SOCKET_READABLE | EPOLL_SOCKET_ENDED)) != 0) {
        epoll_list(epoll, socket);
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
            epoll_list(epoll, socket);
        }
        return NULL;
    }
    /* Less than asked for: nothing is left, and what comes later is a new event (epoll(7)). */
    if (received >= 0 && (size_t)received < epoll->recv_buffer_bytes && !direct) {
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
        epoll_remove_accept(listener, op);
        if (fd >= 0) {
            struct cport_accept_op *accept_op = (struct cport_accept_op *)op;
            accept_op->accepted = fd;
            accept_op->peer.bytes_count = (uint16_t)peer_bytes;
            memcpy(accept_op->peer.bytes, &peer, sizeof accept_op->peer.bytes);
        }
        epoll_finish(epoll, op, system_error);
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
    epoll->base.drained = count >= 0 && count < EPOLL_EVENTS_MAX;
    if (epoll->base.times_waits) {
        cport_note_wait(&epoll->base, from_ns, clock_now_ns(), deadline_ns);
    }
    for (int i = 0; i < count; i++) {
        if (epoll->events[i].data.ptr != NULL) { /* NULL is the waker: to have come is all */
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

int epoll_poll(struct cport *port, struct cport_op **completions, int completions_max,
               int64_t deadline_ns)
{
    struct epoll_port *epoll = epoll_port_of(port);
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
        port->looked_ns = port->times_waits ? clock_now_ns() : port->looked_ns;
    }
    int count = epoll__take_finished(epoll, completions, 0, completions_max);
    /* Only up to here: a socket that comes back to the list waits for the next poll. */
    struct cport_socket *last = epoll->ready_last;
    size_t arena_used = 0;
    bool whole = last == NULL;
    while (count < completions_max && epoll->ready_first != NULL &&
           arena_used + epoll->recv_buffer_bytes <= epoll->arena_bytes) {
        struct cport_socket *socket = epoll->ready_first;
        epoll_unlist(epoll, socket);
        if ((socket->flags & EPOLL_SOCKET_LISTENER) != 0) {
            if (epoll__try_accepts(epoll, socket)) {
                epoll_list(epoll, socket);
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
