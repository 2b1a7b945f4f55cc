/* Stream sockets on Windows. */
#include "models/common/stream.h"

#include "cport/iocp/iocp.h"

#include <string.h>

static enum stream_status stream__failed(enum cport_result *result)
{
    int code = WSAGetLastError();
    if (code == WSAEWOULDBLOCK || code == WSAEINTR) {
        return STREAM_BLOCKED;
    }
    *result = iocp_error_result(code);
    return STREAM_FAILED;
}

bool stream_listen(const struct net_address *address, int backlog, cport_handle *listener,
                   struct net_address *bound, struct error *error)
{
    uint64_t syscalls = 0;
    u_long non_blocking = 1;
    SOCKET handle = INVALID_SOCKET;
    int code = iocp_socket_listen(&handle, address, backlog, &syscalls);
    if (code == 0 && ioctlsocket(handle, (long)FIONBIO, &non_blocking) != 0) {
        code = WSAGetLastError();
        closesocket(handle);
    }
    if (code != 0) {
        iocp_error_of_listen(error, address, code);
        return false;
    }
    *listener = (cport_handle)handle;
    *bound = *address;
    iocp_socket_local_address(*listener, bound); /* asked for port 0, the system has chosen one */
    return true;
}

enum stream_status stream_accept(cport_handle listener, bool blocking, cport_handle *handle,
                                 struct net_address *peer, enum cport_result *result)
{
    struct sockaddr_storage name;
    int name_bytes = (int)sizeof name;
    u_long non_blocking = blocking ? 0 : 1;
    uint64_t syscalls = 0;
    SOCKET accepted = accept((SOCKET)listener, (struct sockaddr *)&name, &name_bytes);
    if (accepted == INVALID_SOCKET) {
        enum stream_status status = stream__failed(result);
        if (status == STREAM_FAILED && *result == CPORT_NOT_CONNECTED) {
            *result = CPORT_RESET; /* Wine's word for a peer that left before it was accepted */
        }
        return status;
    }
    /* It comes with what the listener has asked for: its events and its mode. While a socket has
     * events it cannot be made to block. */
    WSAEventSelect(accepted, NULL, 0);
    ioctlsocket(accepted, (long)FIONBIO, &non_blocking);
    /* A child process would keep the connection open. */
    SetHandleInformation((HANDLE)accepted, HANDLE_FLAG_INHERIT, 0);
    iocp_socket_set_nodelay(accepted, &syscalls);
    *handle = (cport_handle)accepted;
    memset(peer, 0, sizeof *peer);
    if (name_bytes > 0 && (size_t)name_bytes <= sizeof peer->bytes) {
        memcpy(peer->bytes, &name, (size_t)name_bytes);
        peer->bytes_count = (uint16_t)name_bytes;
    }
    return STREAM_DONE;
}

enum stream_status stream_receive(cport_handle handle, uint8_t *buffer, size_t buffer_bytes,
                                  size_t *bytes, enum cport_result *result)
{
    int received = recv((SOCKET)handle, (char *)buffer, (int)buffer_bytes, 0);
    if (received == SOCKET_ERROR) {
        return stream__failed(result);
    }
    *bytes = (size_t)received;
    return STREAM_DONE;
}

enum stream_status stream_receive_waiting(cport_handle handle, uint8_t *buffer, size_t buffer_bytes,
                                          size_t *bytes, enum cport_result *result)
{
    u_long waiting_bytes = 0;
    if (ioctlsocket((SOCKET)handle, (long)FIONREAD, &waiting_bytes) != 0 || waiting_bytes == 0) {
        return STREAM_BLOCKED; /* the next receive reports an end or an error */
    }
    return stream_receive(handle, buffer, buffer_bytes, bytes, result);
}

enum stream_status stream_send(cport_handle handle, const struct span *spans, int spans_count,
                               size_t *bytes, enum cport_result *result)
{
    WSABUF parts[CPORT_SPANS_MAX];
    DWORD sent = 0;
    for (int i = 0; i < spans_count; i++) {
        parts[i].buf = (char *)(uintptr_t)spans[i].data;
        parts[i].len = (ULONG)spans[i].bytes;
    }
    /* Without an OVERLAPPED: like send(), but gathered. */
    if (WSASend((SOCKET)handle, parts, (DWORD)spans_count, &sent, 0, NULL, NULL) != 0) {
        return stream__failed(result);
    }
    *bytes = sent;
    return STREAM_DONE;
}

enum cport_result stream_wait_failure(void)
{
    int code = WSAGetLastError(); /* of Win32's own waits as well: it is the thread's last error */
    return code == WSAEINTR ? CPORT_OK : iocp_error_result(code);
}

void stream_shutdown(cport_handle handle)
{
    shutdown((SOCKET)handle, SD_SEND);
}

void stream_interrupt(cport_handle handle, bool sending)
{
    uint64_t syscalls = 0;
    /* For the calls to come; those that wait already do not notice. Those of a layered provider are
     * ended by the peer, or by the close. */
    shutdown((SOCKET)handle, sending ? SD_BOTH : SD_RECEIVE);
    iocp_socket_cancel_all((SOCKET)handle, &syscalls);
}

void stream_close(cport_handle handle, enum cport_close_mode mode)
{
    if (handle == CPORT_HANDLE_NONE) {
        return; /* closed before (winsock_cancel) */
    }
    if (mode == CPORT_CLOSE_RST) {
        uint64_t syscalls = 0;
        iocp_socket_set_abort((SOCKET)handle, &syscalls);
    }
    closesocket((SOCKET)handle);
}
