#include "models/common/winsock_win.h"

#include "core/clock.h"
#include "system/host.h"

#include <string.h>

/* On Windows every accept makes the next connection be reported, also one that fails. After an
 * accept that has found nothing, Wine reports no connection until one has been accepted: so there
 * the listener is then checked from time to time. */
#define LISTENER_LOOK_NS (10 * NS_PER_MS)

bool winsock_event_open(WSAEVENT *event, struct error *error)
{
    WSAEVENT opened = WSACreateEvent();
    if (opened == WSA_INVALID_EVENT) {
        error_set(error, "cannot make an event: %s", error_system_text(WSAGetLastError()));
        return false;
    }
    *event = opened;
    return true;
}

void winsock_event_close(WSAEVENT event)
{
    if (event != NULL) {
        WSACloseEvent(event);
    }
}

bool winsock_listener_watch(struct loop_thread *thread, WSAEVENT event, struct error *error)
{
    if (thread->index == 0 && WSAEventSelect((SOCKET)thread->listener, event, FD_ACCEPT) != 0) {
        error_set(error, "cannot wait for the listener: %s", error_system_text(WSAGetLastError()));
        return false;
    }
    return true;
}

void winsock_listener_accept(struct loop_thread *thread, WSAEVENT event, int64_t now_ns)
{
    WSANETWORKEVENTS network;
    int found = 0;
    if (loop_accepts(thread, now_ns)) {
        /* Before accepting: connections that come meanwhile set the event again, and so does
         * accepting while more wait. */
        WSAEnumNetworkEvents((SOCKET)thread->listener, event, &network);
        found = loop_accept(thread, now_ns);
    } else {
        WSAResetEvent(event); /* paused, or closed */
    }
    thread->look_ns = 0;
    if (thread->listener == CPORT_HANDLE_NONE) {
        return;
    }
    if (thread->accept_resume_ns != 0) {
        thread->look_ns = now_ns + LISTENER_LOOK_NS; /* the event is reset: nobody tells */
    } else if (found == 0 && host_is_wine()) {
        thread->look_ns = now_ns + LISTENER_LOOK_NS;
    }
}

enum error_kind winsock_error_kind(int code)
{
    return model_error_kind(iocp_error_result(code));
}

int winsock_started(struct recorder *recorder, bool done)
{
    int code = done ? 0 : WSAGetLastError();
    recorder->port.syscalls++;
    return code == WSA_IO_PENDING ? 0 : code;
}

int winsock_recv(struct recorder *recorder, SOCKET socket, uint8_t *buffer, uint32_t buffer_bytes,
                 OVERLAPPED *overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    WSABUF part = {.buf = (char *)buffer, .len = buffer_bytes};
    DWORD flags = 0;
    return winsock_started(recorder,
                           WSARecv(socket, &part, 1, NULL, &flags, overlapped, routine) == 0);
}

int winsock_send(struct recorder *recorder, SOCKET socket, const struct span *spans,
                 int spans_count, OVERLAPPED *overlapped,
                 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    WSABUF parts[CPORT_SPANS_MAX]; /* WSASend() copies the array, not the bytes */
    for (int i = 0; i < spans_count; i++) {
        parts[i].buf = (char *)(uintptr_t)spans[i].data;
        parts[i].len = (ULONG)spans[i].bytes;
    }
    return winsock_started(
        recorder, WSASend(socket, parts, (DWORD)spans_count, NULL, 0, overlapped, routine) == 0);
}

int winsock_accept(struct recorder *recorder, const struct iocp_functions *functions,
                   SOCKET listener, const struct net_address *address, SOCKET *accepted,
                   void *addresses, OVERLAPPED *overlapped)
{
    struct sockaddr name;
    memcpy(&name, address->bytes, sizeof name);
    int code = iocp_socket_start_accept(functions, listener, name.sa_family, accepted, addresses,
                                        overlapped, &recorder->port.syscalls);
    return code == WSA_IO_PENDING ? 0 : code;
}

void winsock_receive_reported(struct loop_thread *thread, struct loop_conn *conn,
                              struct winsock_reported *reported, int64_t polled_ns)
{
    /* wants_read is of the beginning of the turn, and a turn may have two reports of a socket: one
     * from before a receive, and that of the rest. */
    if (!reported->readable || !session_can_receive(&conn->session)) {
        return;
    }
    if (loop_receive(thread, conn, polled_ns) == STREAM_BLOCKED) {
        reported->readable = false; /* reported again when more arrives */
        if (reported->closed) {
            session_receive_end(&conn->session, polled_ns);
        }
    } else if (!reported->closed) {
        reported->readable = false; /* the receive makes Windows report the rest again */
    }
}

void winsock_cancel(struct loop_conn *conn, enum cport_close_mode mode)
{
    uint64_t syscalls = 0;
    if (!iocp_socket_cancel_all((SOCKET)conn->handle, &syscalls)) {
        stream_close(conn->handle, mode);
        conn->handle = CPORT_HANDLE_NONE;
    }
}

/* Three outcomes: bytes; none, which is the peer's normal close; an error, which is an abnormal
 * close, unless we cancelled the operation. */
void winsock_received(struct session *session, int code, const uint8_t *data, uint32_t bytes,
                      int64_t polled_ns)
{
    if (code == 0 && bytes > 0) {
        session_receive(session, data, bytes, polled_ns, clock_now_ns());
    } else if (code == 0) {
        session_receive_end(session, polled_ns);
    } else if (code != WSA_OPERATION_ABORTED) {
        session_fail(session, winsock_error_kind(code));
    }
}

void winsock_sent(struct session *session, int code, uint32_t bytes)
{
    session_sent(session, bytes); /* also what has left before it was cancelled */
    if (code != 0 && code != WSA_OPERATION_ABORTED) {
        session_fail(session, winsock_error_kind(code));
    }
}
