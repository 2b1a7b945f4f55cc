/* Finishing: what becomes of an operation when the system is done with it. */
#include "cport/iocp/iocp.h"

#include "core/must.h"

void iocp_close_now(struct iocp_port *port, struct cport_socket *socket)
{
    if (socket->handle != CPORT_HANDLE_NONE) {
        port->base.stats.syscalls++;
        closesocket(iocp_handle_of(socket));
        socket->handle = CPORT_HANDLE_NONE;
    }
    cport_op_finish(socket->close_op, CPORT_OK, 0);
    cport_op_list_push(&port->ready, socket->close_op);
}

void iocp_finish(struct iocp_port *port, struct cport_op *op, enum cport_result result,
                 int system_error)
{
    struct cport_socket *socket = op->socket;
    cport_op_finish(op, result, system_error);
    cport_op_list_push(&port->ready, op);
    if (socket->close_op && socket->in_flight_count == 0) {
        iocp_close_now(port, socket);
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
    iocp_finish(port, op, iocp_error_result(system_error), system_error);
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
    iocp_finish(port, op, iocp_error_result_of_connect(system_error), system_error);
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
    } else if (own->buffer) {
        iocp_buffers_give(&port->buffers, own->buffer);
    }
    iocp_finish(port, op, iocp_error_result(system_error), system_error);
}

void iocp_finish_by_type(struct iocp_port *port, struct cport_op *op, int system_error,
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
        op->bytes = system_error == 0 ? bytes : 0;
        iocp_finish(port, op, iocp_error_result(system_error), system_error);
        break;
    }
}
