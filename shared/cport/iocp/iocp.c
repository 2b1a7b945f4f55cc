/* The completion port of Windows: CreateIoCompletionPort and overlapped calls.
 *
 * How an operation goes. Every overlapped call ends in one of three ways, which iocp__started()
 * names once for all of them:
 * - done at once: on a SKIP socket no packet comes, so it is finished here (and counted as
 *   immediate); on others a packet comes all the same and finishes it;
 * - pending: a packet will come;
 * - failed: no packet will come; it is finished here with the error.
 * What is finished waits in `ready` until cport_poll() hands it out, in order. That order is what
 * puts a close behind everything else of its socket. */
#include "cport/iocp/iocp.h"

#include "core/clock.h"
#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* cport_socket.backend[]. */
enum { IOCP_SOCKET_FAMILY };

enum { IOCP_KEY_SOCKET, IOCP_KEY_WAKE };

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
        iocp_finish_by_type(port, op, 0, (uint32_t)iocp_op_of(op)->overlapped.InternalHigh);
    } else if (code != 0 && code != WSA_IO_PENDING) {
        iocp_finish_by_type(port, op, code, 0);
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

/* From here on the socket's packets come to this port. 0 or the error. */
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
    char text[NET_ADDRESS_TEXT_BYTES_MAX];
    net_address_format(address, text);
    /* A port in use says 10013, not 10048, where its owner holds it exclusively. */
    if (code == WSAEADDRINUSE || code == WSAEACCES) {
        error_set(error, "cannot listen on %s: another program has the port, or it is reserved: %s",
                  text, error_system_text(code));
    } else {
        error_set(error, "cannot listen on %s: %s", text, error_system_text(code));
    }
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
        iocp_close_now(port, socket);
        return;
    }
    /* Closing would cancel as well, but an operation's error can only be asked of an open socket.
     * It may say ERROR_NOT_FOUND: all have completed and their packets are under way. */
    port->base.stats.syscalls++;
    CancelIoEx((HANDLE)iocp_handle_of(socket), NULL);
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
        iocp_finish_by_type(port, op, WSAENOTSOCK, 0);
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
        iocp_finish(port, op, iocp_error_result(code), code);
        return;
    }
    code = iocp_socket_bind(handle, name.ss_family, local, &base->stats.syscalls);
    if (code != 0) {
        iocp_finish(port, op, iocp_error_result_of_bind(code), code);
        return;
    }
    iocp_socket_set_nodelay(handle, &base->stats.syscalls);
    iocp_socket_believe_refusals(handle, &name, &base->stats.syscalls);
    bool done = port->functions.connect_ex(handle, (const struct sockaddr *)&name,
                                           remote->bytes_count, NULL, 0, NULL, overlapped);
    iocp__started(port, op, done);
}

static void iocp__recv(struct cport *base, struct cport_socket *socket, struct cport_op *op)
{
    struct iocp_port *port = iocp__port(base);
    OVERLAPPED *overlapped = iocp__begin(op);
    if (socket->handle == CPORT_HANDLE_NONE) {
        iocp_finish_by_type(port, op, WSAENOTCONN, 0);
        return;
    }
    void *buffer = iocp_buffers_take(&port->buffers);
    if (!buffer) {
        iocp_finish_by_type(port, op, WSA_NOT_ENOUGH_MEMORY, 0);
        return;
    }
    iocp_op_of(op)->buffer = buffer;
    WSABUF span = {.buf = buffer, .len = (ULONG)port->buffers.buffer_bytes};
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
        iocp_finish(port, op, CPORT_NOT_CONNECTED, WSAENOTCONN);
        return;
    }
    WSABUF buffers[CPORT_SPANS_MAX]; /* WSASend() copies the array before it returns */
    uint64_t bytes_max = UINT32_MAX; /* what a completion can tell of; the rest is sent again */
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
    iocp_finish(port, op, iocp_error_result(code), code);
}

/* ---- polling ---------------------------------------------------------------------------- */

/* A packet says how many bytes, but not what went wrong. */
static void iocp__take_entry(struct iocp_port *port, const OVERLAPPED_ENTRY *entry)
{
    if (entry->lpCompletionKey == IOCP_KEY_WAKE) {
        InterlockedExchange(&port->wake_posted, 0);
        return;
    }
    struct cport_op *op = CONTAINING_RECORD((void *)entry->lpOverlapped, struct cport_op, backend);
    DWORD bytes = entry->dwNumberOfBytesTransferred;
    int code = 0;
    if (entry->lpOverlapped->Internal != 0) { /* an NTSTATUS; 0 is success */
        DWORD flags = 0;
        if (!WSAGetOverlappedResult(iocp_handle_of(op->socket), entry->lpOverlapped, &bytes, FALSE,
                                    &flags)) {
            code = WSAGetLastError();
        }
    }
    iocp_finish_by_type(port, op, code, bytes);
}

static int iocp__poll(struct cport *base, struct cport_op **completions, int completions_max,
                      int64_t deadline_ns)
{
    struct iocp_port *port = iocp__port(base);
    while (port->lent_count > 0) {
        iocp_buffers_give(&port->buffers, port->lent[--port->lent_count]);
    }

    /* The port is looked at on every poll, also when enough is ready: otherwise sockets that are
     * always done at once would starve the others. */
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
        error_set(error, "no memory for a completion port");
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
    iocp_buffers_open(&port->buffers, options->recv_buffer_bytes);
    iocp_wait_open(&port->wait, port->handle, &port->base.stats.syscalls);
    return &port->base;
}

static void iocp__destroy(struct cport *base)
{
    struct iocp_port *port = iocp__port(base);
    iocp_wait_close(&port->wait);
    CloseHandle(port->handle);
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
};
