/* The completion port of Windows: CreateIoCompletionPort and overlapped calls.
 *
 * Every overlapped call ends in one of three ways, which iocp__started() names once for all of
 * them:
 * - completed immediately: on a SKIP socket no packet comes, so it is finished here (and counted as
 *   immediate); on others a packet comes nevertheless and finishes it;
 * - pending: a packet will come;
 * - failed: no packet will come; it is finished here with the error.
 * What is finished waits in `ready` until cport_poll() hands it out, in order. That order is what
 * puts a close behind everything else of its socket. */
#include "cport/iocp/iocp.h"

#include "core/clock.h"
#include "core/must.h"
#include "cport/iocp/buffers.h"

#include <stdlib.h>
#include <string.h>

/* cport_socket.backend[]. */
enum { IOCP_SOCKET_FAMILY };

/* cport_socket.flags */
enum {
    IOCP_SOCKET_SKIP = 1, /* successes post no packet */
    IOCP_SOCKET_SHUT = 2, /* our sending half is shut down */
    IOCP_SOCKET_BULK = 4  /* the last receive has filled its buffer: there may be more */
};

struct iocp_port {
    struct cport base;
    HANDLE handle;
    bool skip_is_safe;
    volatile LONG wake_posted;
    struct cport_op_list ready;
    struct iocp_buffers buffers;
    void *lent[IOCP_BATCH_MAX]; /* buffers that the last poll handed out */
    int lent_count;
    struct iocp_functions functions;
    struct iocp_wait wait;
};

/* What is kept in cport_op.backend. */
struct iocp_op {
    OVERLAPPED overlapped;
    void *buffer;    /* receive */
    SOCKET accepted; /* accept: the socket made for the peer */
};

_Static_assert(sizeof(struct iocp_op) <= sizeof(((struct cport_op *)0)->backend),
               "iocp_op is too big");

_Static_assert(IOCP_ACCEPT_BYTES <= sizeof(((struct cport_accept_op *)0)->backend),
               "no room for AcceptEx's addresses");

static inline struct iocp_op *iocp_op_of(struct cport_op *op)
{
    return (struct iocp_op *)(void *)op->backend;
}

static inline SOCKET iocp_handle_of(const struct cport_socket *socket)
{
    return (SOCKET)socket->handle;
}

/* ---- finishing -------------------------------------------------------------------------- */

static void iocp__close_now(struct iocp_port *port, struct cport_socket *socket)
{
    if (socket->handle != CPORT_HANDLE_NONE) {
        port->base.stats.syscalls++;
        closesocket(iocp_handle_of(socket));
        socket->handle = CPORT_HANDLE_NONE;
    }
    cport_op_finish(socket->close_op, CPORT_OK, 0);
    cport_op_list_push(&port->ready, socket->close_op);
}

static void iocp__finish(struct iocp_port *port, struct cport_op *op, enum cport_result result,
                         int system_error)
{
    struct cport_socket *socket = op->socket;
    cport_op_finish(op, result, system_error);
    cport_op_list_push(&port->ready, op);
    if (socket->close_op && socket->in_flight_count == 0) {
        iocp__close_now(port, socket);
    }
}

static void iocp__finish_accept(struct iocp_port *port, struct cport_op *op, int system_error)
{
    struct cport_accept_op *accept = (struct cport_accept_op *)op;
    SOCKET accepted = iocp_op_of(op)->accepted;
    if (system_error == 0) {
        system_error =
            iocp_socket_finish_accept(&port->functions, iocp_handle_of(op->socket), accepted,
                                      accept->backend, &accept->peer, &port->base.stats.syscalls);
    }
    if (system_error == 0) {
        accept->accepted = (cport_handle)accepted;
    } else if (accepted != INVALID_SOCKET) {
        port->base.stats.syscalls++;
        closesocket(accepted);
    }
    iocp__finish(port, op, iocp_error_result(system_error), system_error);
}

static void iocp__finish_connect(struct iocp_port *port, struct cport_op *op, int system_error)
{
    if (system_error == 0) {
        /* Until then shutdown() and getpeername() fail; Wine does not mind. */
        port->base.stats.syscalls++;
        if (setsockopt(iocp_handle_of(op->socket), SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL,
                       0) != 0) {
            system_error = WSAGetLastError();
        }
    }
    iocp__finish(port, op, iocp_error_result_of_connect(system_error), system_error);
}

/* Wine 8 forgets a reset that comes before the receive is posted and reports an end of the stream
 * instead; but then the socket has no peer any more. After our own shutdown an orderly end looks
 * the same, so there the end is believed. */
static bool iocp__was_reset(struct iocp_port *port, const struct cport_socket *socket)
{
    struct sockaddr_storage peer;
    int peer_bytes = sizeof peer;
    if ((socket->flags & IOCP_SOCKET_SHUT) != 0) {
        return false;
    }
    port->base.stats.syscalls++;
    return getpeername(iocp_handle_of(socket), (struct sockaddr *)&peer, &peer_bytes) != 0;
}

static void iocp__finish_recv(struct iocp_port *port, struct cport_op *op, int system_error,
                              uint32_t bytes)
{
    struct iocp_op *own = iocp_op_of(op);
    if (system_error == 0 && bytes == 0 && iocp__was_reset(port, op->socket)) {
        system_error = WSAECONNRESET;
    }
    if (system_error == 0 && bytes > 0) {
        op->data = own->buffer; /* lent to the caller when it is handed out */
        op->bytes = bytes;
        if (port->buffers.large_bytes > 0 &&
            (bytes == port->buffers.small_bytes || bytes == port->buffers.large_bytes)) {
            op->socket->flags |= IOCP_SOCKET_BULK;
        }
    } else if (own->buffer) {
        iocp_buffers_give(&port->buffers, own->buffer);
    }
    iocp__finish(port, op, iocp_error_result(system_error), system_error);
}

static void iocp__finish_by_type(struct iocp_port *port, struct cport_op *op, int system_error,
                                 uint32_t bytes)
{
    switch (op->type) {
    case CPORT_OP_ACCEPT:
        iocp__finish_accept(port, op, system_error);
        break;
    case CPORT_OP_CONNECT:
        iocp__finish_connect(port, op, system_error);
        break;
    case CPORT_OP_RECV:
        iocp__finish_recv(port, op, system_error, bytes);
        break;
    default:
        must(op->type == CPORT_OP_SEND);
        op->bytes = bytes; /* also what has left before it was cancelled */
        iocp__finish(port, op, iocp_error_result(system_error), system_error);
        break;
    }
}

static struct iocp_port *iocp__port(struct cport *port)
{
    return (struct iocp_port *)port;
}

/* ---- starting --------------------------------------------------------------------------- */

/* What became of an overlapped call: 0, WSA_IO_PENDING or its error. */
static void iocp__started_with(struct iocp_port *port, struct cport_op *op, int code)
{
    if (code == 0 && (op->socket->flags & IOCP_SOCKET_SKIP)) {
        port->base.stats.immediate++;
        iocp__finish_by_type(port, op, 0, (uint32_t)iocp_op_of(op)->overlapped.InternalHigh);
    } else if (code != 0 && code != WSA_IO_PENDING) {
        iocp__finish_by_type(port, op, code, 0);
    }
    /* Otherwise a packet comes. */
}

/* To be called right behind the call. */
static void iocp__started(struct iocp_port *port, struct cport_op *op, bool done)
{
    int code = done ? 0 : WSAGetLastError();
    port->base.stats.syscalls++;
    iocp__started_with(port, op, code);
}

static OVERLAPPED *iocp__begin(struct cport_op *op)
{
    struct iocp_op *own = iocp_op_of(op);
    memset(own, 0, sizeof *own);
    own->accepted = INVALID_SOCKET;
    return &own->overlapped;
}

/* ---- sockets ---------------------------------------------------------------------------- */

/* Makes the socket's packets come to this port. 0 or the error. */
static int iocp__associate(struct iocp_port *port, struct cport_socket *socket, SOCKET handle)
{
    port->base.stats.syscalls++;
    if (!CreateIoCompletionPort((HANDLE)handle, port->handle, IOCP_KEY_SOCKET, 0)) {
        return (int)GetLastError();
    }
    if (port->skip_is_safe) {
        port->base.stats.syscalls++;
        if (SetFileCompletionNotificationModes((HANDLE)handle,
                                               FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
                                                   FILE_SKIP_SET_EVENT_ON_HANDLE)) {
            socket->flags |= IOCP_SOCKET_SKIP;
        }
    }
    socket->handle = (cport_handle)handle;
    return 0;
}

static int iocp__listen_on(struct iocp_port *port, struct cport_socket *listener,
                           const struct net_address *address, int backlog)
{
    SOCKET handle;
    int code = iocp_socket_listen(&handle, address, backlog, &port->base.stats.syscalls);
    if (code != 0) {
        return code;
    }
    code = iocp__associate(port, listener, handle);
    if (code != 0) {
        closesocket(handle);
        return code;
    }
    struct sockaddr name;
    memcpy(&name, address->bytes, sizeof name);
    listener->backend[IOCP_SOCKET_FAMILY] = name.sa_family;
    return 0;
}

static bool iocp__listen(struct cport *base, struct cport_socket *listener,
                         const struct net_address *address, int backlog, struct error *error)
{
    int code = WSAEINVAL; /* an address that was never resolved */
    if (address->bytes_count > 0) {
        code = iocp__listen_on(iocp__port(base), listener, address, backlog);
    }
    if (code == 0) {
        return true;
    }
    iocp_error_of_listen(error, address, code);
    return false;
}

static enum cport_result iocp__adopt(struct cport *base, struct cport_socket *socket,
                                     cport_handle handle)
{
    struct iocp_port *port = iocp__port(base);
    int code = iocp__associate(port, socket, (SOCKET)handle);
    if (code != 0) {
        closesocket((SOCKET)handle);
        return iocp_error_result(code);
    }
    iocp_socket_set_nodelay((SOCKET)handle, &base->stats.syscalls);
    return CPORT_OK;
}

static void iocp__close(struct cport *base, struct cport_socket *socket, struct cport_op *op,
                        enum cport_close_mode mode)
{
    struct iocp_port *port = iocp__port(base);
    (void)op; /* it is socket->close_op */
    if (socket->handle != CPORT_HANDLE_NONE && mode == CPORT_CLOSE_RST) {
        iocp_socket_set_abort(iocp_handle_of(socket), &base->stats.syscalls);
    }
    if (socket->in_flight_count == 0) {
        iocp__close_now(port, socket);
        return;
    }
    /* Closing would cancel as well, but an operation's error can only be asked of an open socket.
     */
    if (!iocp_socket_cancel_all(iocp_handle_of(socket), &base->stats.syscalls)) {
        port->base.stats.syscalls++;
        closesocket(iocp_handle_of(socket));
        socket->handle = CPORT_HANDLE_NONE;
    }
}

static void iocp__cancel(struct cport *base, struct cport_op *op)
{
    base->stats.syscalls++;
    CancelIoEx((HANDLE)iocp_handle_of(op->socket), &iocp_op_of(op)->overlapped);
}

/* ---- operations ------------------------------------------------------------------------- */

static void iocp__accept(struct cport *base, struct cport_socket *listener,
                         struct cport_accept_op *accept)
{
    struct iocp_port *port = iocp__port(base);
    struct cport_op *op = &accept->op;
    OVERLAPPED *overlapped = iocp__begin(op);
    if (listener->handle == CPORT_HANDLE_NONE) {
        iocp__finish_by_type(port, op, WSAENOTSOCK, 0);
        return;
    }
    int code = iocp_socket_start_accept(
        &port->functions, iocp_handle_of(listener), (int)listener->backend[IOCP_SOCKET_FAMILY],
        &iocp_op_of(op)->accepted, accept->backend, overlapped, &base->stats.syscalls);
    iocp__started_with(port, op, code);
}

static void iocp__connect(struct cport *base, struct cport_socket *socket, struct cport_op *op,
                          const struct net_address *remote, const struct net_address *local)
{
    struct iocp_port *port = iocp__port(base);
    OVERLAPPED *overlapped = iocp__begin(op);
    struct sockaddr_storage name;
    memset(&name, 0, sizeof name);
    memcpy(&name, remote->bytes, remote->bytes_count);
    SOCKET handle = INVALID_SOCKET;
    int code = remote->bytes_count > 0 ? 0 : WSAEINVAL;
    if (code == 0) {
        handle = iocp_socket_open(name.ss_family, &base->stats.syscalls);
        code = handle != INVALID_SOCKET ? 0 : WSAGetLastError();
    }
    if (code == 0) {
        code = iocp__associate(port, socket, handle);
    }
    if (code != 0) {
        if (handle != INVALID_SOCKET) {
            closesocket(handle);
        }
        iocp__finish(port, op, iocp_error_result(code), code);
        return;
    }
    code = iocp_socket_bind(handle, name.ss_family, local, &base->stats.syscalls);
    if (code != 0) {
        iocp__finish(port, op, iocp_error_result_of_bind(code), code);
        return;
    }
    iocp_socket_set_nodelay(handle, &base->stats.syscalls);
    iocp_socket_believe_refusals(handle, &name, &base->stats.syscalls);
    bool done = port->functions.connect_ex(handle, (const struct sockaddr *)&name,
                                           remote->bytes_count, NULL, 0, NULL, overlapped);
    iocp__started(port, op, done);
}

/* Where bytes are there already they are taken into a large buffer, without an OVERLAPPED: no
 * packet comes, and nothing is waited for. False: there are none, or no such buffer. */
static bool iocp__recv_waiting(struct iocp_port *port, struct cport_op *op)
{
    SOCKET handle = iocp_handle_of(op->socket);
    u_long waiting_bytes = 0;
    port->base.stats.syscalls++;
    if (ioctlsocket(handle, (long)FIONREAD, &waiting_bytes) != 0 || waiting_bytes == 0) {
        return false;
    }
    void *buffer = iocp_buffers_take_large(&port->buffers);
    if (!buffer) {
        return false;
    }
    iocp_op_of(op)->buffer = buffer;
    WSABUF span = {.buf = buffer, .len = port->buffers.large_bytes};
    DWORD flags = 0;
    DWORD bytes = 0;
    port->base.stats.syscalls++;
    int code = WSARecv(handle, &span, 1, &bytes, &flags, NULL, NULL) == 0 ? 0 : WSAGetLastError();
    port->base.stats.immediate++;
    iocp__finish_by_type(port, op, code, bytes);
    return true;
}

static void iocp__recv(struct cport *base, struct cport_socket *socket, struct cport_op *op)
{
    struct iocp_port *port = iocp__port(base);
    OVERLAPPED *overlapped = iocp__begin(op);
    if (socket->handle == CPORT_HANDLE_NONE) {
        iocp__finish_by_type(port, op, WSAENOTCONN, 0);
        return;
    }
    if ((socket->flags & IOCP_SOCKET_BULK) != 0) {
        socket->flags &= ~(uint32_t)IOCP_SOCKET_BULK;
        if (iocp__recv_waiting(port, op)) {
            return;
        }
    }
    void *buffer = iocp_buffers_take_small(&port->buffers);
    if (!buffer) {
        iocp__finish_by_type(port, op, WSA_NOT_ENOUGH_MEMORY, 0);
        return;
    }
    iocp_op_of(op)->buffer = buffer;
    WSABUF span = {.buf = buffer, .len = port->buffers.small_bytes};
    DWORD flags = 0;
    bool done = WSARecv(iocp_handle_of(socket), &span, 1, NULL, &flags, overlapped, NULL) == 0;
    iocp__started(port, op, done);
}

static void iocp__send(struct cport *base, struct cport_socket *socket, struct cport_op *op,
                       const struct span *spans, int spans_count)
{
    struct iocp_port *port = iocp__port(base);
    OVERLAPPED *overlapped = iocp__begin(op);
    if (socket->handle == CPORT_HANDLE_NONE) {
        iocp__finish(port, op, CPORT_NOT_CONNECTED, WSAENOTCONN);
        return;
    }
    WSABUF buffers[CPORT_SPANS_MAX]; /* WSASend() copies the array before it returns */
    uint64_t bytes_max =
        UINT32_MAX; /* the most that a completion can report; the rest is sent again */
    for (int i = 0; i < spans_count; i++) {
        uint64_t bytes = spans[i].bytes < bytes_max ? spans[i].bytes : bytes_max;
        buffers[i].buf = (char *)(uintptr_t)spans[i].data;
        buffers[i].len = (ULONG)bytes;
        bytes_max -= bytes;
    }
    bool done = WSASend(iocp_handle_of(socket), buffers, (DWORD)spans_count, NULL, 0, overlapped,
                        NULL) == 0;
    iocp__started(port, op, done);
}

static void iocp__shutdown(struct cport *base, struct cport_socket *socket, struct cport_op *op)
{
    struct iocp_port *port = iocp__port(base);
    int code = WSAENOTCONN;
    if (socket->handle != CPORT_HANDLE_NONE) {
        port->base.stats.syscalls++;
        code = shutdown(iocp_handle_of(socket), SD_SEND) == 0 ? 0 : WSAGetLastError();
        socket->flags |= IOCP_SOCKET_SHUT;
    }
    iocp__finish(port, op, iocp_error_result(code), code);
}

/* ---- polling ---------------------------------------------------------------------------- */

/* A packet says how many bytes, but not what went wrong. */
static void iocp__take_entry(struct iocp_port *port, const OVERLAPPED_ENTRY *entry)
{
    if (entry->lpCompletionKey == IOCP_KEY_WAKE) {
        InterlockedExchange(&port->wake_posted, 0);
        return;
    }
    if (entry->lpCompletionKey == IOCP_KEY_TIMER) {
        iocp_wait_fired(&port->wait);
        return;
    }
    struct cport_op *op = CONTAINING_RECORD((void *)entry->lpOverlapped, struct cport_op, backend);
    int code = iocp_socket_error_of(iocp_handle_of(op->socket), entry->lpOverlapped);
    iocp__finish_by_type(port, op, code, entry->dwNumberOfBytesTransferred);
}

/* The buffers that the last poll has lent. */
static void iocp__take_back(struct iocp_port *port)
{
    while (port->lent_count > 0) {
        iocp_buffers_give(&port->buffers, port->lent[--port->lent_count]);
    }
}

static int iocp__poll(struct cport *base, struct cport_op **completions, int completions_max,
                      int64_t deadline_ns)
{
    struct iocp_port *port = iocp__port(base);
    iocp__take_back(port);
    /* The port is polled in every call, even when enough is ready: otherwise sockets whose
     * operations complete immediately would starve the others. */
    int64_t from_ns = deadline_ns;
    if (base->times_waits && !port->ready.first) {
        from_ns = clock_now_ns();
    }
    ULONG entries_count = iocp_wait_entries(&port->wait, port->ready.first ? 0 : deadline_ns);
    if (base->times_waits) {
        cport_note_wait(base, from_ns, clock_now_ns(), deadline_ns);
    }
    for (ULONG i = 0; i < entries_count; i++) {
        iocp__take_entry(port, &port->wait.entries[i]);
    }

    int count_max = completions_max < IOCP_BATCH_MAX ? completions_max : IOCP_BATCH_MAX;
    int count = 0;
    while (count < count_max && port->ready.first) {
        struct cport_op *op = cport_op_list_pop(&port->ready);
        if (op->type == CPORT_OP_RECV && op->data) {
            port->lent[port->lent_count++] = iocp_op_of(op)->buffer;
        }
        completions[count++] = op;
    }
    base->drained = entries_count < IOCP_BATCH_MAX && !port->ready.first;
    return count;
}

static void iocp__wake(struct cport *base)
{
    struct iocp_port *port = iocp__port(base);
    if (InterlockedExchange(&port->wake_posted, 1) != 0) {
        return; /* one is under way */
    }
    if (!PostQueuedCompletionStatus(port->handle, 0, IOCP_KEY_WAKE, NULL)) {
        InterlockedExchange(&port->wake_posted, 0); /* no memory: the next wake tries again */
    }
}

/* ---- the port --------------------------------------------------------------------------- */

extern const struct cport_backend cport_backend_iocp;

static struct cport *iocp__create(const struct cport_options *options, bool *forbidden,
                                  struct error *error)
{
    (void)forbidden; /* there is no other backend to try */
    struct iocp_port *port = calloc(1, sizeof *port);
    if (!port) {
        error_set_short(error, ERROR_SHORT_OF_MEMORY, "no memory for a completion port");
        return NULL;
    }
    port->base.backend = &cport_backend_iocp;
    /* One thread polls it, so one may run. */
    port->handle = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (!port->handle) {
        error_set(error, "cannot make an I/O completion port: %s",
                  error_system_text((int)GetLastError()));
        free(port);
        return NULL;
    }
    int code = iocp_socket_load_functions(&port->functions, &port->base.stats.syscalls);
    if (code != 0) {
        error_set(error, "Winsock offers no AcceptEx or ConnectEx: %s", error_system_text(code));
        CloseHandle(port->handle);
        free(port);
        return NULL;
    }
    port->skip_is_safe = iocp_socket_skip_is_safe();
    if (!iocp_wait_open(&port->wait, port->handle, &port->base.stats, port->base.fallback_reason,
                        error)) {
        CloseHandle(port->handle);
        free(port);
        return NULL;
    }
    iocp_buffers_open(&port->buffers, options->recv_buffer_bytes);
    return &port->base;
}

static void iocp__destroy(struct cport *base)
{
    struct iocp_port *port = iocp__port(base);
    iocp_wait_close(&port->wait);
    CloseHandle(port->handle);
    iocp__take_back(port);
    iocp_buffers_close(&port->buffers);
    free(port);
}

const struct cport_backend cport_backend_iocp = {
    .kind = CPORT_BACKEND_IOCP,
    .name = "iocp",
    .create = iocp__create,
    .destroy = iocp__destroy,
    .listen = iocp__listen,
    .accept = iocp__accept,
    .adopt = iocp__adopt,
    .connect = iocp__connect,
    .recv = iocp__recv,
    .send = iocp__send,
    .shutdown = iocp__shutdown,
    .cancel = iocp__cancel,
    .close = iocp__close,
    .poll = iocp__poll,
    .wake = iocp__wake,
    .local_address = iocp_socket_local_address,
};
